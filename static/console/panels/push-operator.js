//! Push as an operator sees it: a notification sent by hand, a test, and how well notifications are delivered.

import { h, button, panel } from '../dom.js';
import { Feed } from '../feed.js';
import { ExampleForm } from './example-form.js';
import { Notices } from './notices.js';

const REFRESH_INTERVAL_MS = 5000;

const FIELDS = [
  { name: 'title', label: 'title', value: 'Technician Assigned! 🚗', width: 'wide', required: true },
  { name: 'body', label: 'body', value: 'John has been assigned to your booking BID123. They will contact you soon.', width: 'wide', required: true },
  { name: 'type', label: 'data.type', value: 'technician_assigned', width: 'half' },
  { name: 'priority', label: 'data.priority', value: 'high', width: 'half' },
];

export class PushOperator {
  #accounts;
  #customer;
  #signals;
  #notices = new Notices('push-send-problems');

  constructor({ accounts, signals }, customer) {
    this.#accounts = accounts;
    this.#customer = customer;
    this.#signals = signals;
    this.#build();
    this.feed = new Feed({
      load: () => this.#accounts.operator?.client.get('/api/Push/stats', { quiet: true }) ?? null,
      show: (stats) => this.#show(stats),
      fail: (problem) => this.#notices.showView(problem, 'Stats'),
      intervalMs: REFRESH_INTERVAL_MS,
    });
    accounts.addEventListener('change', () => this.feed.hint());
    signals.addEventListener('push', () => this.feed.hint());
  }

  #build() {
    const form = new ExampleForm({
      id: 'new-notification', title: 'Send to the customer', submit: 'Send', fields: FIELDS, open: true, create: (message) => this.#send(message),
    });
    const test = button('Test', { testid: 'push-test', title: 'Send the test notification', class: 'quiet', action: () => this.#test() });
    this.result = h('p', { class: 'muted inset', data: { testid: 'push-result' } });
    this.rows = h('tbody', { id: 'push-stats' });
    this.empty = h('p', { class: 'empty' });
    const heads = ['type', 'by', 'sent', 'failed', 'not', 'wait', 'open', 'ms'];
    this.element = panel('Push', { id: 'push-operator', tools: [test] }, form.element, this.#notices.element, this.result,
      h('div', { class: 'scroll grow', tabindex: '0', 'aria-label': 'Statistics, scrollable' },
        h('table', { 'aria-label': 'Notifications of the last day' },
          h('thead', {}, h('tr', {}, heads.map((name) => h('th', { scope: 'col' }, name)))), this.rows), this.empty));
  }

  #show(stats) {
    this.#notices.showView(null);
    this.empty.textContent = stats === null ? 'Log in as an operator (admin) to send and to see statistics.'
      : stats.items.length === 0 ? 'Nothing in the last day.' : '';
    const number = (count) => h('td', { class: 'number' }, String(count ?? '–'));
    this.rows.replaceChildren(...(stats?.items ?? []).map((item) => h('tr', { data: { testid: 'push-stat', type: item.type } },
      h('td', { class: 'whole', title: item.type }, item.type), h('td', {}, item.provider ?? '–'),
      [item.sent, item.failed, item.notSent, item.pending, item.opened, item.acceptMsMean].map(number))));
  }

  async #send({ title, body, ...data }) {
    const sent = await this.#attempt('Send', (client) => client.post('/api/Push/sendToCustomer', { id: this.#customer.id, title, body, data }));
    if (sent) {
      const results = Object.entries(sent).filter(([name]) => name.endsWith('Result')).map(([name, word]) => `${name.replace('Result', '')} ${word}`);
      this.result.textContent = `${sent.message} · ${results.join(' · ')}`;
    }
    // Left open: one message is seldom the last.
    return false;
  }

  async #test() {
    const sent = await this.#attempt('Test', (client) => client.post('/api/Push/test', { customerId: this.#customer.id }));
    if (sent) this.result.textContent = sent.message;
  }

  async #attempt(what, action) {
    const done = await this.#notices.attempt(what, () => {
      const operator = this.#accounts.operator;
      if (!operator) throw new Error('Log in as an operator (admin) first.');
      return action(operator.client);
    });
    this.#signals.dispatchEvent(new Event('push'));
    return done;
  }
}
