//! Who is logged in. Several accounts are at the same time, since a scenario needs an operator and a driver at least.
//! Emits `change`. Remembers (for this tab) which demo accounts were logged in, never a token or a password: two tabs
//! with the same refresh token would revoke each other's.

import { Client } from './api.js';

/** Who run the fleet. What the one who is logged in may not do, the style sheet hides; the server refuses it anyhow. */
const OPERATOR_ROLES = ['admin', 'dispatcher', 'viewer'];

const REMEMBERED_KEY = 'fleetwire.console.demo-accounts';

export class Accounts extends EventTarget {
  #loggedIn = new Map();
  #record;
  #password;

  /** `demo` are the demo accounts that the server names; none in production. */
  constructor({ demo, demoPassword, record }) {
    super();
    this.demo = demo;
    this.#record = record;
    this.#password = demoPassword;
  }

  /** Every account to show: the demo ones in the server's order, then whoever else is logged in. */
  get known() {
    const demoNames = new Set(this.demo.map(({ username }) => username));
    const others = [...this.#loggedIn.values()].filter(({ username }) => !demoNames.has(username));
    return [...this.demo, ...others];
  }

  get(username) {
    return this.#loggedIn.get(username) ?? null;
  }

  isDemo(username) {
    return this.demo.some((account) => account.username === username);
  }

  /** The operator who is logged in, the one who may do most first. */
  get operator() {
    const loggedIn = [...this.#loggedIn.values()];
    return OPERATOR_ROLES.map((wanted) => loggedIn.find(({ role }) => role === wanted)).find(Boolean) ?? null;
  }

  /** Accounts that can open a driver's socket. */
  get drivers() {
    return this.known.filter(({ driver_id: driverId }) => Number.isInteger(driverId));
  }

  driver(driverId) {
    return [...this.#loggedIn.values()].find((account) => account.driver_id === driverId) ?? null;
  }

  /** The account, and the recovery codes of a second factor that was made with it, which nobody keeps here. */
  async login(username, password, more) {
    const client = new Client({ name: username, record: this.#record, ended: () => this.#forget(username) });
    const { recoveryCodes, ...user } = await client.login(username, password, more);
    const account = { username, client, ...user };
    this.#loggedIn.set(username, account);
    this.#changed();
    return { ...account, recoveryCodes };
  }

  loginDemo(username) {
    return this.login(username, this.#password);
  }

  /** Accounts of this role, logged in or not. */
  ofRole(role) {
    return this.known.filter((account) => account.role === role);
  }

  /** The account; a demo account that is not logged in is, at once. */
  async loggedIn(username) {
    const account = this.get(username);
    if (account) return account;
    if (!this.isDemo(username)) throw new Error(`${username} is not logged in`);
    return this.loginDemo(username);
  }

  /** The driver's account; a demo driver who is not logged in is, at once. */
  async driverLoggedIn(driverId) {
    const account = this.driver(driverId);
    if (account) return account;
    const demo = this.demo.find((candidate) => candidate.driver_id === driverId);
    if (!demo) throw new Error(`driver ${driverId} is not logged in`);
    return this.loginDemo(demo.username);
  }

  async logout(username) {
    const account = this.#loggedIn.get(username);
    this.#forget(username);
    await account?.client.logout();
  }

  /** Logs in the demo accounts that were logged in before the page was loaded again. */
  async restore() {
    const remembered = JSON.parse(sessionStorage.getItem(REMEMBERED_KEY) ?? '[]');
    const usernames = remembered.filter((username) => this.isDemo(username));
    await Promise.all(usernames.map((username) => this.loginDemo(username)));
  }

  #forget(username) {
    this.#loggedIn.delete(username);
    this.#changed();
  }

  #changed() {
    const usernames = [...this.#loggedIn.keys()].filter((username) => this.isDemo(username));
    sessionStorage.setItem(REMEMBERED_KEY, JSON.stringify(usernames));
    document.body.dataset.operator = this.operator?.role ?? '';
    this.dispatchEvent(new Event('change'));
  }
}
