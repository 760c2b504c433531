//! Who is behind an id: drivers by the operator's list, customers by theirs, so that a trace has names. What it does not know yet it
//! shows as the beginning of the id.

import { shortId } from './format.js';

const CUSTOMERS_MAX = 200;

export class Directory {
  #accounts;
  #drivers = new Map();
  #people = new Map();

  constructor({ accounts, signals }) {
    this.#accounts = accounts;
    signals.addEventListener('drivers-listed', ({ detail }) => this.#keep(detail));
  }

  #keep(drivers) {
    for (const driver of drivers) {
      this.#drivers.set(driver.driver_id, driver.name);
      this.#people.set(driver.user_id, `${driver.name} (driver ${driver.driver_id})`);
    }
  }

  /** Asks once for the customers; without them a trace is still whole, with ids for names. */
  async load() {
    const { operator } = this.#accounts;
    if (!operator || this.loaded) return;
    this.loaded = true;
    const { items } = await operator.client.get(`/api/v1/admin/customers?limit=${CUSTOMERS_MAX}`, { quiet: true });
    for (const customer of items) this.#people.set(customer.user_id, `${customer.name} (customer ${customer.customer_id})`);
  }

  driver(id) {
    return this.#drivers.get(id) ?? `driver ${id}`;
  }

  person(userId) {
    return this.#people.get(userId) ?? `account ${shortId(userId)}`;
  }
}
