//! The drivers' sockets, one for each driver that was chosen, and the wiring of each to the log. A socket stays when another
//! driver is chosen, so that several drivers can be online from one page.

import { ContractSocket } from './socket.js';
import { driverApp } from './contracts/driver-app.js';

export class DriverSockets {
  #sockets = new Map();
  #accounts;
  #activity;
  #signals;

  constructor({ accounts, activity, signals }) {
    this.#accounts = accounts;
    this.#activity = activity;
    this.#signals = signals;
  }

  of(driverId) {
    if (!this.#sockets.has(driverId)) this.#sockets.set(driverId, this.#make(driverId));
    return this.#sockets.get(driverId);
  }

  #make(driverId) {
    const socket = new ContractSocket({
      contract: driverApp,
      url: async ({ lastEventId, renewToken }) => {
        const account = await this.#accounts.driverLoggedIn(driverId);
        const query = new URLSearchParams({ token: await account.client.accessToken({ renew: renewToken }) });
        if (lastEventId !== null) query.set('last_event_id', lastEventId);
        return `${location.origin.replace(/^http/, 'ws')}${driverApp.socketPath(driverId)}?${query}`;
      },
    });
    const source = `driver ${driverId}`;
    socket.addEventListener('frame', ({ detail }) => this.#onFrame(source, detail));
    socket.addEventListener('change', ({ detail }) => this.#onChange(source, socket, detail?.became));
    return socket;
  }

  #onFrame(source, frame) {
    this.#activity.addFrame(source, driverApp, frame);
    if (frame.direction === 'in' && frame.message && driverApp.changesOrders(frame.message)) {
      this.#signals.dispatchEvent(new Event('orders'));
    }
  }

  #onChange(source, socket, became) {
    if (became === 'open') {
      this.#activity.add({ kind: 'socket', source, type: 'open', summary: 'connected' });
    } else if (became === 'closed' && socket.lastClose) {
      const { code, reason, meaning } = socket.lastClose;
      this.#activity.add({
        kind: 'socket', source, type: `closed ${code}`, tone: code === 1000 ? null : 'warn', summary: meaning,
        detail: { code, reason, meaning },
      });
    }
    if (became === 'open' || became === 'closed') this.#signals.dispatchEvent(new Event('drivers'));
  }
}
