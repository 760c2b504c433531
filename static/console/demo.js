//! What an operator of a development server may ask for: the demo data put back as it was, and simulated drivers and riders
//! that move about.

const ROUTE = '/api/v1/admin/demo/traffic';
/** So many are seen to move on the map, and cost a laptop next to nothing. */
const TRAFFIC = { drivers: 12, minutes: 10 };
const NOBODY = { running: false, ending: false, drivers: 0, until: null };

export class Demo {
  #accounts;
  #signals;

  /** Only a server in development has the route. */
  constructor({ profile, accounts, signals }) {
    this.isThere = profile === 'development';
    this.#accounts = accounts;
    this.#signals = signals;
  }

  get canRestore() {
    return this.isThere && this.#accounts.operator !== null;
  }

  /** `{running, ending, drivers, until}`: whether simulated people are about. Quiet, since it is asked again and again. */
  async traffic() {
    const { operator } = this.#accounts;
    return this.canRestore ? operator.client.get(ROUTE, { quiet: true }) : NOBODY;
  }

  async beginTraffic() {
    return this.#operator().client.post(ROUTE, TRAFFIC);
  }

  async endTraffic() {
    return this.#operator().client.call('DELETE', ROUTE);
  }

  #operator() {
    const { operator } = this.#accounts;
    if (!operator) throw new Error('Log in as an operator (admin) first.');
    return operator;
  }

  /** Drivers are where they were, verified and online; what they held is ended. */
  async restore() {
    await this.#operator().client.post('/api/v1/admin/demo/restore', {});
    for (const signal of ['demo-restored', 'drivers', 'rides', 'orders', 'bookings']) this.#signals.dispatchEvent(new Event(signal));
  }
}
