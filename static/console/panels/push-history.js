//! What became of a customer's notifications: sent, failed, waiting, or what would have been sent where a service has no
//! credentials. A customer who is logged in opens them, as tapping on one does.

import { h, button, panel, redraw } from '../dom.js';
import { Feed } from '../feed.js';
import { Notices } from './notices.js';

const REFRESH_INTERVAL_MS = 2500;
const ITEMS_MAX = 30;
const TONES = { sent: 's-completed', failed: 's-cancelled', pending: 's-pending', not_sent: '' };

export class PushHistory {
  #customer;
  #signals;
  #notices = new Notices('push-history-problems');

  constructor({ signals }, customer) {
    this.#customer = customer;
    this.#signals = signals;
    this.cards = h('ul', { class: 'cards', id: 'push-history', 'aria-label': 'Notifications, the newest first' });
    this.element = panel('History', { id: 'push-history-panel' }, this.#notices.element, h('div', { class: 'work-list' }, this.cards));
    this.feed = new Feed({
      load: () => this.#load(),
      show: (found) => this.#show(found),
      fail: (problem) => this.#notices.showView(problem, 'History'),
      intervalMs: REFRESH_INTERVAL_MS,
    });
    customer.addEventListener('change', () => this.feed.hint());
    for (const signal of ['push', 'bookings', 'rides']) signals.addEventListener(signal, () => this.feed.hint());
  }

  async #load() {
    const { id } = this.#customer;
    if (!this.#customer.client || id === null) return { id, items: null };
    return { id, items: (await this.#customer.read('history', { limit: ITEMS_MAX })).items };
  }

  #show({ id, items }) {
    if (id !== this.#customer.id) return;
    this.#notices.showView(null);
    const canOpen = this.#customer.own !== null;
    const drawn = JSON.stringify([id, items, canOpen]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const empty = h('li', { class: 'empty' }, items === null ? 'Log in an operator, or this customer.' : 'Nothing was sent yet.');
    redraw(this.cards, items?.length > 0 ? items.map((item) => this.#card(item, canOpen)) : [empty]);
  }

  #card(item, canOpen) {
    const open = canOpen && !item.openedAt && button('Open', { testid: 'push-open', class: 'quiet', action: () => this.#open(item) });
    return h('li', { class: 'card', data: { testid: 'notification', key: item.id, type: item.type, status: item.status } },
      h('div', { class: 'row' }, h('strong', { class: 'whole grow' }, item.title),
        h('span', { class: `status ${TONES[item.status] ?? ''}` }, item.status), h('span', { class: 'muted' }, item.provider ?? '')),
      h('div', {}, item.body),
      h('div', { class: 'row' }, h('code', {}, item.type),
        h('span', { class: 'muted whole grow' }, [item.reason, item.openedAt && 'opened'].filter(Boolean).join(' · ')), open));
  }

  async #open(item) {
    await this.#notices.attempt('Open', () => this.#customer.own.client.post('/api/Push/opened', { notificationId: item.id }));
    this.#signals.dispatchEvent(new Event('push'));
  }
}
