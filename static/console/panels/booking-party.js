//! One party's bookings by REST: those of a technician, with the next steps, or those of a customer, who books and cancels.
//! Their hailing socket tells of each change.

import { h, button, field, fillSelect, panel, redraw, status } from '../dom.js';
import { Feed } from '../feed.js';
import { bookings } from '../contracts/bookings.js';
import { Connection } from './connection.js';
import { ExampleForm } from './example-form.js';
import { Notices } from './notices.js';

const REFRESH_INTERVAL_MS = 4000;
const BOOKINGS_MAX = 20;

const FIELDS = [
  { name: 'service', label: 'service', value: 'Oil change', required: true, width: 'wide' },
  { name: 'address', label: 'address', value: '7 Juta Street, Johannesburg', width: 'wide' },
  { name: 'latitude', label: 'latitude', value: '-26.1934', number: true },
  { name: 'longitude', label: 'longitude', value: '28.0359', number: true },
  { name: 'scheduled_at', label: 'scheduled at', value: '', placeholder: 'empty: now' },
];

/** What each party may do with a booking of theirs. */
export const TECHNICIAN = {
  id: 'technician', title: 'Technician', role: 'driver', preferred: 'driver2', books: false,
  wishes: ({ status: word }) => bookings.wishes.filter((wish) => bookings.isNext(word, wish.status)),
};
export const CUSTOMER = { id: 'customer', title: 'Customer', role: 'customer', preferred: 'customer123', books: true, wishes: () => [] };

export class BookingParty {
  #ctx;
  #party;
  #notices;

  constructor(ctx, party) {
    this.#ctx = ctx;
    this.#party = party;
    this.#notices = new Notices(`${party.id}-problems`);
    this.#build();
    this.feed = new Feed({
      load: () => this.#load(),
      show: (found) => this.#show(found),
      fail: (problem) => this.#notices.showView(problem, 'Bookings'),
      intervalMs: REFRESH_INTERVAL_MS,
    });
    ctx.signals.addEventListener('bookings', () => this.feed.hint());
    ctx.accounts.addEventListener('change', () => this.#offer());
    this.#offer();
  }

  #build() {
    const { id, title, books } = this.#party;
    this.who = h('select', { id: `${id}-select`, on: { change: () => this.#choose() } });
    this.connection = new Connection({
      name: id, notices: this.#notices, who: field('account', this.who, { class: 'grow' }), sessionLabel: 'user',
      goodbye: { label: 'Close', title: 'Close with 1000' },
    });
    this.cards = h('ul', { class: 'cards', id: `${id}-bookings`, 'aria-label': `Bookings of the ${id}` });
    const form = books && new ExampleForm({ id: 'own-booking', title: 'Book for yourself', submit: 'Book', fields: FIELDS, create: (booking) => this.#create(booking) });
    this.element = panel(title, { id: `${id}-panel`, tools: [this.connection.state] },
      this.connection.element, this.#notices.element, h('div', { class: 'work-list' }, form?.element ?? null, this.cards));
  }

  #offer() {
    const { accounts } = this.#ctx;
    const known = accounts.ofRole(this.#party.role);
    const fresh = this.who.options.length === 0;
    fillSelect(this.who, known.map(({ username, name }) => ({
      value: username, label: `${username} · ${name ?? ''}${accounts.get(username) ? '' : ' · logged out'}`,
    })));
    if (fresh && known.some(({ username }) => username === this.#party.preferred)) this.who.value = this.#party.preferred;
    this.#choose();
  }

  #choose() {
    this.connection.use(this.who.value ? this.#ctx.sockets.hailing(this.who.value) : null);
    this.feed.hint();
  }

  async #load() {
    const username = this.who.value;
    const client = this.#ctx.accounts.get(username)?.client;
    if (!client) return { username, items: null };
    const { items } = await client.get(`/api/v1/bookings?limit=${BOOKINGS_MAX}`, { quiet: true });
    return { username, items };
  }

  #show({ username, items }) {
    // Another account was chosen while this one's bookings were on their way.
    if (username !== this.who.value) return;
    this.#notices.showView(null);
    const drawn = JSON.stringify([username, items]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const empty = h('li', { class: 'empty' }, items === null ? `Log this ${this.#party.id} in to see their bookings.` : 'No bookings.');
    redraw(this.cards, items?.length > 0 ? items.map((booking) => this.#card(booking)) : [empty]);
  }

  #card(booking) {
    const wishes = this.#party.wishes(booking).map(({ status: word, label }, index) => button(label, {
      testid: `wish-${word}`, class: index === 0 ? 'primary' : 'quiet', action: () => this.#act(label, booking, (client, path) => client.put(`${path}/status`, { status: word })),
    }));
    const cancel = !bookings.hasEnded(booking.status) && button('Cancel', {
      testid: 'own-booking-cancel', class: 'quiet danger',
      action: () => this.#act('Cancel', booking, (client, path) => client.post(`${path}/cancel`, { reason: `The ${this.#party.id} cancelled` })),
    });
    return h('li', { class: 'card', data: { testid: `${this.#party.id}-booking`, bookingId: booking.booking_id, status: booking.status } },
      h('div', { class: 'row' }, h('strong', {}, booking.track_id), status(booking.status), h('span', { class: 'whole grow' }, booking.service),
        h('span', { class: 'muted' }, booking.technician_name || 'nobody yet')),
      h('div', { class: 'muted whole' }, [booking.address, booking.scheduled_at, booking.reason].filter(Boolean).join(' · ')),
      (wishes.length > 0 || cancel) && h('div', { class: 'row', role: 'group', 'aria-label': booking.track_id }, wishes, cancel));
  }

  async #create(booking) {
    const made = await this.#notices.attempt('Book', async () =>
      (await this.#ctx.accounts.loggedIn(this.who.value)).client.post('/api/v1/bookings', booking));
    this.#changed();
    return Boolean(made);
  }

  async #act(what, booking, action) {
    await this.#notices.attempt(`${what} ${booking.track_id}`, async () =>
      action((await this.#ctx.accounts.loggedIn(this.who.value)).client, `/api/v1/bookings/${booking.booking_id}`));
    this.#changed();
  }

  #changed() {
    for (const signal of ['bookings', 'drivers']) this.#ctx.signals.dispatchEvent(new Event(signal));
    return this.feed.refresh();
  }
}
