//! The driver app's side: choose a driver, hold their socket, send what the app would send.

import { h, button, field, fillSelect, panel } from '../dom.js';
import { driverApp } from '../contracts/driver-app.js';
import { Composer } from './composer.js';
import { DriverWork } from './driver-work.js';
import { Notices } from './notices.js';

/** Which demo driver to begin with: the one that carries deliveries. */
const PREFERRED_DRIVER_ID = 123;

export class DriverPanel {
  #ctx;
  #socket = null;
  #notices = new Notices('driver-problems');
  #redraw = () => this.#draw();
  #onProblem = ({ detail }) => this.#notices.show(detail, 'Reconnect');

  /** `ctx` is `{accounts, sockets, signals}`. */
  constructor(ctx) {
    this.#ctx = ctx;
    this.#build();
    ctx.accounts.addEventListener('change', () => this.#offerDrivers());
    this.#offerDrivers();
  }

  get driverId() {
    return Number(this.driver.value);
  }

  #build() {
    this.driver = h('select', { id: 'driver-select', on: { change: () => this.#choose() } });
    this.lastEventId = h('input', {
      id: 'last-event-id', inputmode: 'numeric', autocomplete: 'off', placeholder: 'server decides',
      title: 'Empty: the server replays what this driver was not seen to receive. A number: everything after it.',
    });
    this.work = new DriverWork({ accounts: this.#ctx.accounts, signals: this.#ctx.signals, notices: this.#notices });
    this.composer = new Composer({
      contract: driverApp,
      values: this.#composerValues(),
      send: (text) => this.#socket.send(text),
      attempt: (what, action) => this.#notices.attempt(what, action),
    });
    this.element = panel('Driver app', { id: 'driver-panel', tools: [this.#buildState()] },
      this.#buildConnection(), this.#buildFacts(), this.#notices.element, this.composer.element, this.work.element);
  }

  #buildState() {
    this.state = h('span', { class: 'badge', id: 'socket-state', role: 'status', data: { testid: 'socket-state' } });
    return this.state;
  }

  #buildConnection() {
    this.connect = button('Connect', { testid: 'connect', class: 'primary', action: () => this.#connect() });
    this.cut = button('Cut', {
      testid: 'cut', class: 'danger', title: 'End the connection as a network failure would: not with 1000',
      action: () => this.#socket.cut(),
    });
    this.offline = button('Go offline', {
      testid: 'go-offline', title: 'Close with 1000, as the app does when its driver goes offline', action: () => this.#socket.goOffline(),
    });
    this.reconnects = h('input', { type: 'checkbox', id: 'reconnects' });
    this.reconnects.addEventListener('change', () => { if (this.#socket) this.#socket.reconnects = this.reconnects.checked; });
    return h('div', { class: 'connection' },
      h('div', { class: 'row' }, field('driver', this.driver, { class: 'grow' }), field('last_event_id', this.lastEventId, { class: 'narrow' })),
      h('div', { class: 'row' }, this.connect, this.cut, this.offline,
        h('label', { class: 'check' }, this.reconnects, 'reconnect by itself')));
  }

  #buildFacts() {
    this.newest = h('dd', { id: 'newest-event-id', data: { testid: 'newest-event-id' } });
    this.session = h('dd', { id: 'session-id', class: 'mono clip' });
    this.close = h('dd', { id: 'last-close', data: { testid: 'last-close' } });
    return h('dl', { class: 'facts' },
      h('dt', {}, 'newest event'), this.newest,
      h('dt', {}, 'session'), this.session,
      h('dt', {}, 'last close'), this.close);
  }

  #composerValues() {
    return {
      newest: () => this.#socket.newestEventId,
      beforeNewest: () => Math.max(0, this.#socket.newestEventId - 1),
      now: () => new Date().toISOString(),
      freshToken: async () => {
        const account = await this.#ctx.accounts.driverLoggedIn(this.driverId);
        return account.client.accessToken({ renew: true });
      },
    };
  }

  #offerDrivers() {
    const drivers = this.#ctx.accounts.drivers;
    const fresh = this.driver.options.length === 0;
    fillSelect(this.driver, drivers.map(({ driver_id: id, name, username }) => ({
      value: id, label: `${id} · ${name ?? username}${this.#ctx.accounts.driver(id) ? '' : ' · logged out'}`,
    })));
    if (fresh && drivers.some(({ driver_id: id }) => id === PREFERRED_DRIVER_ID)) this.driver.value = String(PREFERRED_DRIVER_ID);
    this.#choose();
  }

  #choose() {
    const next = this.driver.value ? this.#ctx.sockets.of(this.driverId) : null;
    if (next !== this.#socket) {
      this.#socket?.removeEventListener('change', this.#redraw);
      this.#socket?.removeEventListener('problem', this.#onProblem);
      this.#socket = next;
      this.#socket?.addEventListener('change', this.#redraw);
      this.#socket?.addEventListener('problem', this.#onProblem);
    }
    this.work.show(this.driver.value ? this.driverId : null);
    this.#draw();
  }

  #connect() {
    return this.#notices.attempt('Connect', async () => {
      const typed = this.lastEventId.value.trim();
      if (typed !== '' && !/^\d+$/.test(typed)) throw new Error('last_event_id is a number, or empty.');
      this.#ctx.signals.dispatchEvent(new CustomEvent('driver-chosen', { detail: this.driverId }));
      await this.#socket.connect({ lastEventId: typed === '' ? null : typed });
      this.lastEventId.value = '';
    });
  }

  #draw() {
    const socket = this.#socket;
    const state = socket?.state ?? 'idle';
    this.state.textContent = socket ? state : 'no driver';
    this.state.dataset.state = state;
    this.connect.hidden = !(socket?.canConnect ?? true);
    this.connect.textContent = socket?.lastClose ? 'Reconnect' : 'Connect';
    this.connect.toggleAttribute('inert', !socket);
    this.cut.hidden = this.connect.hidden === false;
    this.offline.hidden = this.cut.hidden;
    this.reconnects.checked = socket?.reconnects ?? false;
    this.composer.enabled = state === 'open';
    this.newest.textContent = this.#newestText(socket);
    this.session.textContent = socket?.greeting?.sessionId || '–';
    const close = socket?.lastClose;
    this.close.textContent = close ? `${close.code}${close.reason ? ` “${close.reason}”` : ''}: ${close.meaning}` : '–';
  }

  #newestText(socket) {
    if (socket?.newestEventId > 0) return String(socket.newestEventId);
    return socket?.greeting ? `none seen; the account’s newest is ${socket.greeting.lastEventId}` : '–';
  }
}
