//! The apps' sockets, one for each contract and user that was chosen, and the wiring of each to the log. A socket stays when
//! another user is chosen, so that several apps can be online from one page.

import { ContractSocket } from './socket.js';
import { anySocket } from './contracts/any.js';
import { driverApp } from './contracts/driver-app.js';
import { rideHailing } from './contracts/ride-hailing.js';
import { rideMatching } from './contracts/ride-matching.js';

export class AppSockets {
  /** The newest key of each ride id, as the server gave it or somebody typed it. */
  rideKeys = new Map();
  #sockets = new Map();
  #queries = new WeakMap();
  #accounts;
  #activity;
  #signals;

  constructor({ accounts, activity, signals }) {
    this.#accounts = accounts;
    this.#activity = activity;
    this.#signals = signals;
  }

  /** The driver app of a driver. */
  driverApp(driverId) {
    return this.#of(driverApp, driverId, `driver ${driverId}`, driverApp.socketPath(driverId), ({ renewToken }) =>
      this.#token(() => this.#accounts.driverLoggedIn(driverId), renewToken));
  }

  /** A hailing app, of whoever logs in there. */
  hailing(username) {
    return this.#of(rideHailing, username, username, rideHailing.socketPath(), ({ renewToken }) =>
      this.#token(() => this.#accounts.loggedIn(username), renewToken));
  }

  /** The matching app's socket of one ride. It sends no token; what lets it in again is the key that it was given. */
  matching(rideId) {
    return this.#of(rideMatching, rideId, `ride ${rideId}`, rideMatching.socketPath(rideId), () => {
      const key = this.rideKeys.get(rideId);
      return key ? { ride_key: key } : {};
    });
  }

  async #token(account, renew) {
    const { client } = await account();
    return { token: await client.accessToken({ renew }) };
  }

  /** Any path of this server, with the token of an account (`username` of null: without one). */
  anyPath(path, username) {
    return this.#of(anySocket, `${path} ${username ?? ''}`, username ?? 'nobody', path, ({ renewToken }) =>
      username === null ? {} : this.#token(() => this.#accounts.loggedIn(username), renewToken));
  }

  /** The access token that the app of a socket would have; null where it has none. */
  async tokenOf(socket) {
    const { token } = await this.#queries.get(socket)({ renewToken: false });
    return token ?? null;
  }

  /** `query` answers (a promise of) what the address carries besides `last_event_id`. */
  #of(contract, user, source, path, query) {
    const key = `${contract.name} ${user}`;
    if (!this.#sockets.has(key)) this.#sockets.set(key, this.#make(contract, source, path, query));
    return this.#sockets.get(key);
  }

  #make(contract, source, path, query) {
    const socket = new ContractSocket({
      contract,
      url: async ({ lastEventId, renewToken, bare = false }) => {
        const parameters = new URLSearchParams(await query({ renewToken }));
        if (bare) parameters.delete('token');
        if (lastEventId !== null) parameters.set('last_event_id', lastEventId);
        const tail = parameters.size > 0 ? `${path.includes('?') ? '&' : '?'}${parameters}` : '';
        return path + tail;
      },
    });
    this.#queries.set(socket, query);
    socket.addEventListener('frame', ({ detail }) => this.#onFrame(contract, source, socket, detail));
    socket.addEventListener('change', ({ detail }) => this.#onChange(source, socket, detail?.became));
    return socket;
  }

  #onFrame(contract, source, socket, frame) {
    this.#activity.addFrame(source, contract, socket, frame);
    if (frame.direction !== 'in' || !frame.message) return;
    const key = contract.greeting(frame.message)?.rideKey;
    if (key) this.rideKeys.set(frame.message.ride_id, key);
    for (const signal of contract.changes(frame.message)) this.#signals.dispatchEvent(new Event(signal));
  }

  #onChange(source, socket, became) {
    if (became === 'open') {
      this.#activity.add({ kind: 'socket', source, type: 'open', summary: 'connected', socket });
    } else if (became === 'closed' && socket.lastClose) {
      const { code, reason, meaning } = socket.lastClose;
      this.#activity.add({
        kind: 'socket', source, type: `closed ${code}`, tone: code === 1000 ? null : 'warn', summary: meaning,
        detail: { code, reason, meaning }, socket,
      });
    }
    if (became === 'open' || became === 'closed') this.#signals.dispatchEvent(new Event('drivers'));
  }
}
