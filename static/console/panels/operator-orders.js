//! The operator's orders: the list, one selected order, and what an operator does to it. The list is redrawn as it changes; the
//! actions stand apart from it, so that nothing that is being typed is lost.

import { h, button, field, fillSelect, panel, redraw } from '../dom.js';
import { money } from '../format.js';
import { Feed } from '../feed.js';
import { driverApp } from '../contracts/driver-app.js';
import { Notices } from './notices.js';
import { newOrderForm } from './new-order.js';

const REFRESH_INTERVAL_MS = 4000;
/** Pages that "More" may add up to; older orders are found by status. */
const PAGES_MAX = 10;

const OPEN_TO_UNASSIGN = new Set(['assigned', 'accepted']);
const ENDED = new Set(['delivered', 'cancelled']);

export class OperatorOrders {
  #accounts;
  #signals;
  #insight;
  #notices = new Notices('order-problems');
  #orders = [];
  #selectedId = null;
  #pages = 1;
  #drawn = '';

  constructor({ accounts, signals, insight }) {
    this.#accounts = accounts;
    this.#insight = insight;
    this.#signals = signals;
    this.#build();
    this.feed = new Feed({
      load: () => this.#load(),
      show: (list) => this.#show(list),
      fail: (problem) => this.#notices.showView(problem, 'Orders'),
      intervalMs: REFRESH_INTERVAL_MS,
    });
    accounts.addEventListener('change', () => this.feed.hint());
    signals.addEventListener('orders', () => this.feed.hint());
    signals.addEventListener('drivers-listed', (event) => this.#offerDrivers(event.detail));
    signals.addEventListener('driver-chosen', (event) => { this.driver.value = String(event.detail); });
    this.feed.refresh();
  }

  #build() {
    this.filter = h('select', { id: 'orders-status', 'aria-label': 'Status' });
    fillSelect(this.filter, [
      { value: '', label: 'all statuses' },
      ...driverApp.orderStatuses.map((status) => ({ value: status, label: status })),
    ]);
    this.filter.addEventListener('change', () => { this.#pages = 1; this.feed.refresh(); });
    this.rows = h('tbody', { id: 'orders' });
    this.empty = h('p', { class: 'empty', id: 'orders-empty' });
    this.more = button('More', { testid: 'orders-more', class: 'quiet', action: () => { this.#pages += 1; return this.feed.refresh(); } });
    const refresh = button('Refresh', { testid: 'orders-refresh', class: 'quiet', action: () => this.feed.refresh() });
    const table = h('table', { 'aria-label': 'Orders' },
      h('thead', {}, h('tr', {}, ['order', 'status', 'restaurant', 'driver', 'earns'].map((name) => h('th', { scope: 'col' }, name)))),
      this.rows);
    this.element = panel('Orders', { id: 'operator-orders', tools: [this.filter, refresh] },
      newOrderForm({ create: (order) => this.#create(order) }).element,
      h('div', { class: 'scroll grow', tabindex: '0', 'aria-label': 'Orders, scrollable' }, table, this.empty, this.more),
      this.#notices.element,
      this.#buildActions());
  }

  #buildActions() {
    this.title = h('h3', { id: 'order-selected' });
    this.driver = h('select', { id: 'order-driver' });
    this.reason = h('input', { id: 'order-reason', value: 'Customer cancelled', maxlength: '200' });
    this.cancelledBy = h('select', { id: 'order-cancelled-by' });
    fillSelect(this.cancelledBy, ['customer', 'restaurant', 'admin'].map((who) => ({ value: who, label: who })));
    const act = (label, verb, body, extra = {}) => button(label, {
      testid: `order-${verb}`, ...extra, action: () => this.#act(label, verb, body()),
    });
    const reason = () => ({ reason: this.reason.value });
    this.assign = act('Assign', 'assign', () => ({ driver_id: Number(this.driver.value) }), { class: 'primary' });
    this.auto = act('Auto-assign', 'auto-assign', () => undefined, { title: 'The nearest available driver' });
    this.unassign = act('Unassign', 'unassign', reason);
    this.cancel = act('Cancel order', 'cancel', () => ({ ...reason(), cancelled_by: this.cancelledBy.value }), { class: 'danger' });
    const trace = button('Trace', {
      testid: 'order-trace', title: 'What became of it, and who heard of it when', action: () => this.#insight.showTrace(this.#selectedId),
    });
    this.actions = h('fieldset', { class: 'actions', id: 'order-actions' }, this.title,
      h('div', { class: 'row' }, field('driver', this.driver, { class: 'grow' }), this.assign, this.auto),
      h('div', { class: 'row' }, field('reason', this.reason, { class: 'grow' }), field('by', this.cancelledBy)),
      h('div', { class: 'row end' }, trace, this.unassign, this.cancel));
    return this.actions;
  }

  async #load() {
    const operator = this.#accounts.operator;
    if (!operator) return { items: [], cursor: null, loggedOut: true };
    const items = [];
    let cursor = null;
    for (let page = 0; page < this.#pages; page += 1) {
      const query = new URLSearchParams();
      if (this.filter.value) query.set('status', this.filter.value);
      if (cursor) query.set('cursor', cursor);
      const reply = await operator.client.get(`/api/v1/admin/orders?${query}`, { quiet: true });
      items.push(...reply.items);
      cursor = reply.next_cursor ?? null;
      if (!cursor) break;
    }
    return { items, cursor, loggedOut: false };
  }

  #show({ items, cursor, loggedOut }) {
    this.#notices.showView(null);
    this.#orders = items;
    this.empty.textContent = loggedOut ? 'Log in as an operator (admin) to see and assign orders.'
      : items.length === 0 ? 'No orders here. Create one above.' : '';
    this.more.hidden = !cursor || this.#pages >= PAGES_MAX;
    const drawn = JSON.stringify(items);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.#drawRows();
    }
    this.#drawSelected();
  }

  #drawRows() {
    redraw(this.rows, this.#orders.map((order) => this.#row(order)));
  }

  #row(order) {
    const row = h('tr', { data: { testid: 'order', orderId: order.order_id, status: order.status } },
      h('td', {}, h('button', { type: 'button', class: 'link', data: { testid: 'order-select' } }, `#${order.order_id}`)),
      h('td', {}, h('span', { class: `status s-${order.status}` }, order.status)),
      h('td', { class: 'whole', title: `${order.pickup_address ?? ''} → ${order.delivery_address ?? ''}` }, order.restaurant_name ?? ''),
      h('td', {}, order.driver_id === null || order.driver_id === undefined ? '–' : String(order.driver_id)),
      h('td', { class: 'number' }, money(order.earnings, order.currency)));
    row.addEventListener('click', () => { this.#selectedId = order.order_id; this.#drawSelected(); });
    return row;
  }

  #drawSelected() {
    const order = this.#orders.find(({ order_id: id }) => id === this.#selectedId) ?? null;
    for (const row of this.rows.children) {
      row.setAttribute('aria-selected', String(row.dataset.orderId === String(this.#selectedId)));
    }
    // An order that the filter hides stays selected: what is known of it is only its number.
    this.title.textContent = this.#selectedId === null ? 'Select an order'
      : `Order #${this.#selectedId}${order ? ` · ${order.status} · ${order.restaurant_name ?? ''}` : ''}`;
    this.actions.disabled = this.#selectedId === null || !this.#accounts.operator;
    const status = order?.status;
    this.unassign.classList.toggle('unlikely', status !== undefined && !OPEN_TO_UNASSIGN.has(status));
    this.assign.classList.toggle('primary', status === 'pending' || status === undefined);
    this.assign.classList.toggle('unlikely', status !== undefined && status !== 'pending');
    this.auto.classList.toggle('unlikely', status !== undefined && status !== 'pending');
    this.cancel.classList.toggle('unlikely', ENDED.has(status));
  }

  #offerDrivers(drivers) {
    fillSelect(this.driver, drivers.map((driver) => ({
      value: driver.driver_id,
      label: `${driver.driver_id} · ${driver.name} · ${driver.status}${driver.connected ? ' · connected' : ''}`,
    })));
  }

  async #create(order) {
    const created = await this.#notices.attempt('Create order', async () => {
      const operator = this.#requireOperator();
      return operator.client.post('/api/v1/admin/orders', order);
    });
    if (!created) return false;
    this.#selectedId = created.order_id;
    this.#announce();
    await this.feed.refresh();
    return true;
  }

  async #act(label, verb, body) {
    const orderId = this.#selectedId;
    await this.#notices.attempt(`${label} #${orderId}`, async () => {
      const operator = this.#requireOperator();
      await operator.client.post(`/api/v1/admin/orders/${orderId}/${verb}`, body ?? {});
    });
    this.#announce();
    await this.feed.refresh();
  }

  #requireOperator() {
    const operator = this.#accounts.operator;
    if (!operator) throw new Error('Log in as an operator (admin) first.');
    return operator;
  }

  #announce() {
    this.#signals.dispatchEvent(new Event('orders'));
  }
}
