//! What a driver does by REST: their status, the orders they hold and each one's next step, today's earnings.

import { h, button, redraw } from '../dom.js';
import { counted, money } from '../format.js';
import { Feed } from '../feed.js';
import { driverApp } from '../contracts/driver-app.js';

export class DriverWork {
  #accounts;
  #signals;
  #notices;
  #driverId = null;

  constructor({ accounts, signals, notices }) {
    this.#accounts = accounts;
    this.#signals = signals;
    this.#notices = notices;
    this.#build();
    this.feed = new Feed({
      load: () => this.#load(),
      show: (work) => this.#show(work),
      fail: (problem) => this.#notices.showView(problem, 'Held orders'),
    });
    for (const signal of ['orders', 'drivers']) signals.addEventListener(signal, () => this.feed.hint());
  }

  show(driverId) {
    this.#driverId = driverId;
    this.feed.hint();
  }

  #build() {
    this.status = h('span', { class: 'status', data: { testid: 'driver-status' } }, '–');
    this.earnings = h('span', { class: 'mono', data: { testid: 'earnings' } }, '–');
    this.orders = h('ul', { class: 'cards', id: 'held-orders', 'aria-label': 'Held orders' });
    const statuses = driverApp.driverStatuses.map((status) => button(status, {
      testid: `status-${status}`, class: 'quiet', action: () => this.#setStatus(status),
    }));
    const refresh = button('Refresh', { testid: 'work-refresh', class: 'quiet', action: () => this.feed.refresh() });
    this.controls = h('fieldset', { class: 'work' },
      h('div', { class: 'row' }, h('h3', {}, 'Status'), this.status,
        h('span', { class: 'row', role: 'group', 'aria-label': 'Set the driver’s status' }, statuses)),
      h('div', { class: 'row' }, h('h3', {}, 'Held orders'),
        h('span', { class: 'push' }, h('span', { class: 'muted' }, 'today '), this.earnings), refresh),
      this.orders);
    this.element = this.controls;
  }

  async #load() {
    const driverId = this.#driverId;
    const client = driverId === null ? null : this.#accounts.driver(driverId)?.client;
    if (!client) return null;
    const [profile, held, today] = await Promise.all([
      client.get('/api/v1/driver/profile', { quiet: true }),
      client.get('/api/v1/orders/assigned', { quiet: true }),
      client.get('/api/v1/earnings/today', { quiet: true }),
    ]);
    return { driverId, profile, orders: held.orders, today };
  }

  #show(work) {
    // Another driver was chosen while this one's work was on its way.
    if (work && work.driverId !== this.#driverId) return;
    this.#notices.showView(null);
    this.controls.disabled = work === null;
    this.status.textContent = work?.profile.status ?? '–';
    this.status.className = `status s-${work?.profile.status ?? 'none'}`;
    this.earnings.textContent = work ? `${money(work.today.total, work.today.currency)} · ${counted(work.today.orders, 'order')}` : '–';
    const empty = h('li', { class: 'empty' }, work ? 'No orders held.' : 'Log this driver in to see their orders.');
    const cards = (work?.orders ?? []).map((order) => this.#card(order));
    redraw(this.orders, cards.length > 0 ? cards : [empty]);
  }

  #card(order) {
    const moves = driverApp.orderMoves.map(({ status, label }) => button(label, {
      testid: `move-${status}`, class: status === driverApp.nextMove[order.status] ? 'primary' : 'quiet', action: () => this.#move(order.order_id, status),
    }));
    return h('li', { class: 'card', data: { testid: 'held-order', orderId: order.order_id, status: order.status } },
      h('div', { class: 'row' }, h('strong', {}, `#${order.order_id}`),
        h('span', { class: `status s-${order.status}` }, order.status),
        h('span', { class: 'whole grow' }, order.restaurant_name), h('span', { class: 'mono' }, money(order.earnings, order.currency))),
      h('div', { class: 'muted whole' }, `${order.pickup_address} → ${order.delivery_address}`),
      h('div', { class: 'row', role: 'group', 'aria-label': `Order ${order.order_id}` }, moves));
  }

  #setStatus(status) {
    return this.#act(`Set status ${status}`, 'drivers', (client) => client.put('/api/v1/driver/status', { status }));
  }

  #move(orderId, status) {
    return this.#act(`Order #${orderId} ${status}`, 'orders', (client) => client.put(`/api/v1/orders/${orderId}/status`, { status }));
  }

  async #act(what, signal, action) {
    await this.#notices.attempt(what, async () => action((await this.#accounts.driverLoggedIn(this.#driverId)).client));
    this.#signals.dispatchEvent(new Event(signal));
    await this.feed.refresh();
  }
}
