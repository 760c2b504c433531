//! Whose notifications the push panels are about, and as whom they ask: the customer themself where they are logged in, else an
//! operator for them. Emits `change`.

import { fillSelect, h } from './dom.js';

const PREFERRED = 'customer123';

export class PushCustomer extends EventTarget {
  #accounts;

  constructor({ accounts }) {
    super();
    this.#accounts = accounts;
    this.select = h('select', { id: 'push-customer', on: { change: () => this.#changed() } });
    accounts.addEventListener('change', () => this.#offer());
    this.#offer();
  }

  /** None where nobody who may ask is logged in. */
  get id() {
    return this.select.value ? Number(this.select.value) : null;
  }

  get operator() {
    return this.#accounts.operator;
  }

  /** The customer's own account, if it is logged in. */
  get own() {
    const account = this.#accounts.ofRole('customer').find(({ customer_id: id }) => id === this.id);
    return account ? this.#accounts.get(account.username) : null;
  }

  /** The client that asks about this customer; null where there is none. */
  get client() {
    return (this.operator ?? this.own)?.client ?? null;
  }

  /** `GET` of one of the customer's lists. */
  read(what, query = {}) {
    return this.client.get(`/api/Push/${what}?${new URLSearchParams({ customerId: this.id, ...query })}`, { quiet: true });
  }

  requireClient() {
    if (!this.client) throw new Error('Log in as an operator (admin), or as this customer, first.');
    return this.client;
  }

  #offer() {
    const known = this.#accounts.ofRole('customer').filter(({ customer_id: id }) => Number.isInteger(id));
    const fresh = this.select.options.length === 0;
    fillSelect(this.select, known.map(({ customer_id: id, username, name }) => ({ value: id, label: `${id} · ${name ?? username}` })));
    const preferred = known.find(({ username }) => username === PREFERRED);
    if (fresh && preferred) this.select.value = String(preferred.customer_id);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
