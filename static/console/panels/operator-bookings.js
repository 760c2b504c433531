//! The operator's bookings: booked for a customer, given to a technician, moved on, cancelled.

import { h, button, field, fillSelect, panel, redraw, status } from '../dom.js';
import { Feed } from '../feed.js';
import { bookings } from '../contracts/bookings.js';
import { ExampleForm } from './example-form.js';
import { Notices } from './notices.js';

const REFRESH_INTERVAL_MS = 4000;
const BOOKINGS_MAX = 50;

const FIELDS = [
  { name: 'customer_id', label: 'customer id', value: '123', number: true, required: true },
  { name: 'service', label: 'service', value: 'Brake inspection', required: true },
  { name: 'scheduled_at', label: 'scheduled at', value: '', placeholder: 'empty: now' },
  { name: 'address', label: 'address', value: '14 Fox Street, Johannesburg', width: 'wide' },
  { name: 'latitude', label: 'latitude', value: '-26.2021', number: true },
  { name: 'longitude', label: 'longitude', value: '28.0503', number: true },
];

export class OperatorBookings {
  #accounts;
  #signals;
  #insight;
  #drawn = '';
  #notices = new Notices('operator-booking-problems');
  #bookings = [];
  #selectedId = null;

  constructor({ accounts, signals, insight }) {
    this.#accounts = accounts;
    this.#insight = insight;
    this.#signals = signals;
    this.#build();
    this.feed = new Feed({
      load: () => this.#load(),
      show: (list) => this.#show(list),
      fail: (problem) => this.#notices.showView(problem, 'Bookings'),
      intervalMs: REFRESH_INTERVAL_MS,
    });
    signals.addEventListener('bookings', () => this.feed.hint());
    signals.addEventListener('drivers-listed', ({ detail }) => this.#offerTechnicians(detail));
    accounts.addEventListener('change', () => this.feed.hint());
  }

  #build() {
    this.filter = h('select', { id: 'bookings-status', 'aria-label': 'Status' });
    fillSelect(this.filter, [{ value: '', label: 'all statuses' }, ...bookings.statuses.map((word) => ({ value: word, label: word }))]);
    this.filter.addEventListener('change', () => this.feed.refresh());
    const refresh = button('Refresh', { testid: 'bookings-refresh', class: 'quiet', action: () => this.feed.refresh() });
    this.rows = h('tbody', { id: 'bookings' });
    this.empty = h('p', { class: 'empty' });
    const form = new ExampleForm({ id: 'new-booking', title: 'New booking', submit: 'Book', fields: FIELDS, create: (booking) => this.#create(booking) });
    const heads = ['booking', 'status', 'service', 'customer', 'technician'];
    this.element = panel('Bookings', { id: 'operator-bookings', tools: [this.filter, refresh] }, form.element,
      h('div', { class: 'scroll grow', tabindex: '0', 'aria-label': 'Bookings, scrollable' },
        h('table', { 'aria-label': 'Bookings' },
          h('thead', {}, h('tr', {}, heads.map((name) => h('th', { scope: 'col' }, name)))), this.rows), this.empty),
      this.#notices.element, this.#buildActions());
  }

  #buildActions() {
    this.title = h('h3', { id: 'booking-selected', class: 'whole' });
    this.technician = h('select', { id: 'booking-technician' });
    this.reason = h('input', { id: 'booking-reason', value: 'Cancelled by the operator', maxlength: '200' });
    this.assign = button('Assign', {
      testid: 'booking-assign', class: 'primary', action: () => this.#put('Assign', 'technician', { driver_id: Number(this.technician.value) }),
    });
    this.wishes = bookings.wishes.map(({ status: word, label }) => button(word === 'Pending' ? 'Take back' : label, {
      testid: `booking-${word}`, class: 'quiet', action: () => this.#put(label, 'status', { status: word }), 'data-status': word,
    }));
    this.cancel = button('Cancel booking', { testid: 'booking-cancel', class: 'danger', action: () => this.#cancel() });
    const trace = button('Trace', {
      testid: 'booking-trace', title: 'What became of it, and who heard of it when', action: () => this.#insight.showTrace(this.#selectedId),
    });
    this.actions = h('fieldset', { class: 'actions', id: 'booking-actions' }, this.title,
      h('div', { class: 'row' }, field('technician', this.technician, { class: 'grow' }), this.assign),
      h('div', { class: 'row', role: 'group', 'aria-label': 'Status' }, this.wishes),
      h('div', { class: 'row' }, field('reason', this.reason, { class: 'grow' }), trace, this.cancel));
    return this.actions;
  }

  async #load() {
    const operator = this.#accounts.operator;
    if (!operator) return null;
    const query = new URLSearchParams({ limit: BOOKINGS_MAX });
    if (this.filter.value) query.set('status', this.filter.value);
    return (await operator.client.get(`/api/v1/admin/bookings?${query}`, { quiet: true })).items;
  }

  #show(list) {
    this.#notices.showView(null);
    this.#bookings = list ?? [];
    this.empty.textContent = list === null ? 'Log in as an operator (admin) to see and assign bookings.' : list.length === 0 ? 'No bookings here. Make one above.' : '';
    const drawn = JSON.stringify(list);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      redraw(this.rows, this.#bookings.map((booking) => this.#row(booking)));
    }
    this.#drawSelected();
  }

  #row(booking) {
    const row = h('tr', { data: { testid: 'booking', bookingId: booking.booking_id, status: booking.status } },
      h('td', {}, h('button', { type: 'button', class: 'link', data: { testid: 'booking-select' } }, booking.track_id)),
      h('td', {}, status(booking.status)),
      h('td', { class: 'whole', title: booking.address }, booking.service),
      h('td', {}, String(booking.customer_id ?? '–')),
      h('td', { class: 'whole' }, booking.technician_name || '–'));
    row.addEventListener('click', () => { this.#selectedId = booking.booking_id; this.#drawSelected(); });
    return row;
  }

  #drawSelected() {
    const booking = this.#bookings.find(({ booking_id: id }) => id === this.#selectedId);
    for (const row of this.rows.children) row.setAttribute('aria-selected', String(row.dataset.bookingId === String(this.#selectedId)));
    this.title.textContent = this.#selectedId === null ? 'Select a booking'
      : `BID${this.#selectedId}${booking ? ` · ${booking.status} · ${booking.service}` : ''}`;
    this.actions.disabled = this.#selectedId === null || !this.#accounts.operator;
    const word = booking?.status;
    for (const wish of this.wishes) wish.classList.toggle('unlikely', word !== undefined && !bookings.isNext(word, wish.dataset.status));
    this.assign.classList.toggle('primary', word === 'Pending' || word === undefined);
    this.assign.classList.toggle('unlikely', word !== undefined && (bookings.hasEnded(word) || word === 'StartService'));
    this.cancel.classList.toggle('unlikely', word !== undefined && bookings.hasEnded(word));
  }

  #offerTechnicians(drivers) {
    fillSelect(this.technician, drivers.map((driver) => ({
      value: driver.driver_id, label: `${driver.driver_id} · ${driver.name} · ${driver.status}${driver.connected ? ' · connected' : ''}`,
    })));
  }

  async #create(booking) {
    const made = await this.#attempt('Book', (client) => client.post('/api/v1/bookings', booking));
    if (made) this.#selectedId = made.booking_id;
    await this.feed.refresh();
    return Boolean(made);
  }

  #put(what, part, body) {
    return this.#attempt(`${what} BID${this.#selectedId}`, (client) => client.put(`/api/v1/bookings/${this.#selectedId}/${part}`, body));
  }

  #cancel() {
    const reason = this.reason.value;
    return this.#attempt(`Cancel BID${this.#selectedId}`, (client) => client.post(`/api/v1/bookings/${this.#selectedId}/cancel`, { reason }));
  }

  async #attempt(what, action) {
    const done = await this.#notices.attempt(what, async () => {
      const operator = this.#accounts.operator;
      if (!operator) throw new Error('Log in as an operator (admin) first.');
      return action(operator.client);
    });
    for (const signal of ['bookings', 'drivers']) this.#signals.dispatchEvent(new Event(signal));
    await this.feed.refresh();
    return done;
  }
}
