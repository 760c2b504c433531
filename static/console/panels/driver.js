//! The driver app's side: choose a driver, hold their socket, send what the app would send.

import { h, field, fillSelect, panel } from '../dom.js';
import { driverApp } from '../contracts/driver-app.js';
import { Composer } from './composer.js';
import { Connection, composerValues } from './connection.js';
import { DriverWork } from './driver-work.js';
import { Notices } from './notices.js';

/** Which demo driver to begin with: the one that carries deliveries. */
const PREFERRED_DRIVER_ID = 123;

export class DriverPanel {
  #ctx;
  #notices = new Notices('driver-problems');

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

  get feed() {
    return this.work.feed;
  }

  #build() {
    this.driver = h('select', { id: 'driver-select', on: { change: () => this.#choose() } });
    this.connection = new Connection({
      name: 'driver', notices: this.#notices, who: field('driver', this.driver, { class: 'grow' }), sessionLabel: 'session',
      goodbye: { label: 'Go offline', title: 'Close with 1000, as the app does when its driver goes offline' },
      began: () => this.#ctx.signals.dispatchEvent(new CustomEvent('driver-chosen', { detail: this.driverId })),
    });
    this.connection.addEventListener('change', () => this.#draw());
    this.work = new DriverWork({ accounts: this.#ctx.accounts, signals: this.#ctx.signals, notices: this.#notices });
    const freshToken = async () => {
      const account = await this.#ctx.accounts.driverLoggedIn(this.driverId);
      return account.client.accessToken({ renew: true });
    };
    this.composer = new Composer({
      contract: driverApp,
      templates: driverApp.templates,
      values: { ...composerValues(this.connection), freshToken },
      send: (text) => this.connection.socket.send(text),
      attempt: (what, action) => this.#notices.attempt(what, action),
      saved: this.#ctx.saved,
    });
    this.element = panel('Driver app', { id: 'driver-panel', tools: [this.connection.state] },
      this.connection.element, this.connection.facts, this.#notices.element, this.composer.element, this.work.element);
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
    this.connection.use(this.driver.value ? this.#ctx.sockets.driverApp(this.driverId) : null);
    this.work.show(this.driver.value ? this.driverId : null);
    this.#draw();
  }

  #draw() {
    this.composer.enabled = this.connection.isOpen;
  }
}
