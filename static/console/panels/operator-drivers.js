//! The operator's drivers: who is there, in which status, how old their position is. Tells the other panels by the signal
//! `drivers-listed`, so that an order is assigned from the same list.

import { h, button, panel, redraw } from '../dom.js';
import { age, position } from '../format.js';
import { Feed } from '../feed.js';
import { Notices } from './notices.js';
import { TrafficButton } from './traffic.js';

const REFRESH_INTERVAL_MS = 4000;
/** Pages of drivers to read; a console is for a demo fleet, `GET admin/drivers` for a big one. */
const PAGES_MAX = 2;
const PAGE_ITEMS = 200;

export class OperatorDrivers {
  #accounts;
  #signals;
  #insight;
  #demo;
  #drawn = '';
  #notices = new Notices('driver-list-problems');

  constructor({ accounts, signals, insight, demo }) {
    this.#accounts = accounts;
    this.#insight = insight;
    this.#demo = demo;
    this.#signals = signals;
    this.#build();
    // Always loaded, also while it is not shown: other panels live of the list.
    this.list = new Feed({
      load: () => this.#load(),
      show: (list) => this.#show(list),
      fail: (problem) => this.#notices.showView(problem, 'Drivers'),
      intervalMs: REFRESH_INTERVAL_MS,
    });
    for (const signal of ['orders', 'drivers']) signals.addEventListener(signal, () => this.list.refresh());
    accounts.addEventListener('change', () => this.list.refresh());
    this.list.refresh();
  }

  #build() {
    this.rows = h('tbody', { id: 'drivers' });
    this.empty = h('p', { class: 'empty' });
    const refresh = button('Refresh', { testid: 'drivers-refresh', class: 'quiet', action: () => this.list.refresh() });
    this.restore = button('Restore the demo', {
      testid: 'drivers-restore', class: 'quiet', title: 'Demo drivers back to where they were, verified and online; what they hold is ended',
      action: () => this.#notices.attempt('Restore the demo', () => this.#demo.restore()),
    });
    const attempt = (what, action) => this.#notices.attempt(what, action);
    this.traffic = new TrafficButton({ demo: this.#demo, signals: this.#signals, accounts: this.#accounts, attempt });
    const heads = ['driver', 'status', 'position', 'age', 'jobs', 'rides?'];
    this.element = panel('Drivers', { id: 'operator-drivers', tools: [this.traffic.element, this.restore, refresh] },
      h('div', { class: 'scroll grow', tabindex: '0', 'aria-label': 'Drivers, scrollable' },
        h('table', { 'aria-label': 'Drivers' },
          h('thead', {}, h('tr', {}, heads.map((name) => h('th', { scope: 'col' }, name)))), this.rows),
        this.empty),
      this.#notices.element);
  }

  async #load() {
    const operator = this.#accounts.operator;
    if (!operator) return null;
    const items = [];
    let cursor = null;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const query = new URLSearchParams({ limit: PAGE_ITEMS, ...cursor ? { cursor } : {} });
      const reply = await operator.client.get(`/api/v1/admin/drivers?${query}`, { quiet: true });
      items.push(...reply.items);
      cursor = reply.next_cursor ?? null;
      if (!cursor) break;
    }
    return items;
  }

  #show(drivers) {
    this.#notices.showView(null);
    this.empty.textContent = drivers === null ? 'Log in as an operator (admin) to see drivers.' : '';
    this.restore.hidden = !this.#demo.canRestore;
    const drawn = JSON.stringify(drivers);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      redraw(this.rows, (drivers ?? []).map((driver) => row(driver, this.#insight)));
    }
    if (drivers) this.#signals.dispatchEvent(new CustomEvent('drivers-listed', { detail: drivers }));
  }
}

function row(driver, insight) {
  const flags = [driver.suspended && 'suspended', driver.is_verified === false && 'unverified'].filter(Boolean);
  return h('tr', { data: { testid: 'driver', driverId: driver.driver_id, status: driver.status, connected: String(driver.connected) } },
    h('td', { class: 'whole', title: `${driver.name}${driver.vehicle_type ? `, ${driver.vehicle_type}` : ''}` },
      h('span', { class: driver.connected ? 'dot on' : 'dot', role: 'img', 'aria-label': driver.connected ? 'connected' : 'not connected' }),
      `${driver.driver_id} `, h('span', { class: 'muted' }, driver.name)),
    h('td', {}, h('span', { class: `status s-${driver.status}` }, driver.status),
      flags.map((flag) => h('span', { class: 'badge bad' }, flag))),
    h('td', { class: 'mono', data: { testid: 'driver-position' } }, position(driver.latitude, driver.longitude)),
    h('td', { class: 'number' }, age(driver.position_age_secs)),
    h('td', { class: 'number' }, jobCount(driver.jobs)),
    h('td', { class: 'number' }, button('Why', {
      class: 'link', testid: 'why', 'aria-label': `Why ${driver.name} gets rides or none`, action: () => insight.showWhy(driver.driver_id),
    })));
}

/** The server tells the jobs themselves or their number. */
function jobCount(jobs) {
  return String(Array.isArray(jobs) ? jobs.length : jobs ?? 0);
}
