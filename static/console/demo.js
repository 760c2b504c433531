//! The demo data put back as it was, which an operator of a development server may ask for.

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

  /** Drivers are where they were, verified and online; what they held is ended. */
  async restore() {
    const { operator } = this.#accounts;
    if (!operator) throw new Error('Log in as an operator (admin) first.');
    await operator.client.post('/api/v1/admin/demo/restore', {});
    for (const signal of ['demo-restored', 'drivers', 'rides', 'orders', 'bookings']) this.#signals.dispatchEvent(new Event(signal));
  }
}
