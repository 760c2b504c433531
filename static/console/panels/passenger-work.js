//! What a passenger does with rides: requests one by REST, enters its room over the socket, cancels, rates.

import { h, button, fillSelect, redraw, status } from '../dom.js';
import { money, shortId } from '../format.js';
import { Feed } from '../feed.js';
import { rideHailing } from '../contracts/ride-hailing.js';
import { rideForm } from './ride-form.js';

const REFRESH_INTERVAL_MS = 4000;
/** Rides to show: those that are open, and one that has ended, to be rated. */
const ENDED_MAX = 1;

export class PassengerWork {
  #shared;
  #account = null;
  #rides = [];

  /** `shared` is `{ctx, connection, notices, client}`. */
  constructor(shared) {
    this.#shared = shared;
    this.form = rideForm({ create: (ride) => this.#request(ride) });
    this.cards = h('ul', { class: 'cards', id: 'passenger-rides', 'aria-label': 'Rides of the passenger' });
    this.element = h('div', { class: 'work-list' }, this.form.element, this.cards);
    this.feed = new Feed({
      load: () => this.#load(),
      show: (rides) => this.#show(rides),
      fail: (problem) => shared.notices.showView(problem, 'Rides'),
      intervalMs: REFRESH_INTERVAL_MS,
    });
    const { signals } = shared.ctx;
    signals.addEventListener('rides', () => this.feed.hint());
    signals.addEventListener('place-chosen', ({ detail }) => this.#place(detail));
  }

  /** The ride that messages are about where no other is named. */
  get rideId() {
    return this.#rides[0]?.ride_id ?? null;
  }

  show(account) {
    this.#account = account;
    this.feed.hint();
  }

  hear() {}

  draw() {
    this.#draw();
  }

  #place({ what, latitude, longitude }) {
    if (what !== 'pickup' && what !== 'dropoff') return;
    this.form.element.open = true;
    this.form.set(`${what}_latitude`, latitude);
    this.form.set(`${what}_longitude`, longitude);
  }

  async #load() {
    const account = this.#account;
    const client = account && this.#shared.ctx.accounts.get(account.username)?.client;
    if (!client) return { account, items: null };
    const { items } = await client.get('/api/v1/rides?limit=20', { quiet: true });
    return { account, items };
  }

  #show({ account, items }) {
    // Another passenger was chosen while this one's rides were on their way.
    if (account !== this.#account) return;
    this.#shared.notices.showView(null);
    this.isLoggedIn = items !== null;
    const isOpen = ({ status: word }) => rideHailing.open.includes(word);
    const ended = (items ?? []).filter((ride) => !isOpen(ride)).slice(0, ENDED_MAX);
    this.#rides = [...(items ?? []).filter(isOpen), ...ended];
    this.#draw();
  }

  #draw() {
    const drawn = JSON.stringify([this.#rides, this.#shared.connection.isOpen, this.isLoggedIn]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const empty = h('li', { class: 'empty' }, this.isLoggedIn ? 'No ride yet.' : 'Log this passenger in to see their rides.');
    redraw(this.cards, this.#rides.length > 0 ? this.#rides.map((ride) => this.#card(ride)) : [empty]);
  }

  #card(ride) {
    const { driver } = ride;
    const fare = ride.final_fare ?? ride.estimated_fare;
    return h('li', { class: 'card', data: { testid: 'passenger-ride', rideId: ride.ride_id, status: ride.status } },
      h('div', { class: 'row' }, h('strong', { class: 'mono', title: ride.ride_id }, shortId(ride.ride_id)), status(ride.status),
        h('span', { class: 'whole grow muted' }, driver ? `${driver.driver_name} · ${driver.vehicle_type} ${driver.vehicle_plate} · ★ ${driver.driver_rating.toFixed(1)}` : ride.ride_type),
        h('span', { class: 'mono' }, money(fare, ride.currency))),
      h('div', { class: 'muted whole' }, `${ride.pickup_address || 'pickup'} → ${ride.dropoff_address || 'dropoff'}`),
      h('div', { class: 'row', role: 'group', 'aria-label': `Ride ${ride.ride_id}` }, this.#buttons(ride)));
  }

  #buttons({ ride_id: rideId, status: word }) {
    const { connection } = this.#shared;
    const act = (label, testid, action, extra = {}) => button(label, { testid, class: 'quiet', action, ...extra });
    const send = (type) => () => this.#shared.notices.attempt(type, () => connection.socket.send(JSON.stringify({ type, ride_id: rideId })));
    const isOpen = rideHailing.open.includes(word);
    return [
      connection.isOpen && isOpen && act('Join room', 'ride-join', send('join_ride'), { class: 'primary' }),
      connection.isOpen && isOpen && act('Leave', 'ride-leave', send('leave_ride')),
      isOpen && act('Cancel', 'ride-cancel', () => this.#act('Cancel', rideId, 'cancel', { reason: 'Changed my mind' }), {
        class: `quiet danger${word === 'started' ? ' unlikely' : ''}`,
      }),
      ...word === 'completed' ? this.#rating(rideId) : [],
    ];
  }

  #rating(rideId) {
    const stars = h('select', { 'aria-label': 'Stars', class: 'inline', data: { testid: 'ride-stars' } });
    fillSelect(stars, [5, 4, 3, 2, 1].map((count) => ({ value: count, label: '★'.repeat(count) })));
    const rate = button('Rate', { testid: 'ride-rate', class: 'primary', action: () => this.#act('Rate', rideId, 'rate', { rating: Number(stars.value) }) });
    return [stars, rate];
  }

  async #request(ride) {
    const made = await this.#shared.notices.attempt('Request a ride', async () => (await this.#shared.client()).post('/api/v1/rides', ride));
    this.#changed();
    return Boolean(made);
  }

  async #act(what, rideId, move, body) {
    await this.#shared.notices.attempt(`${what} ${shortId(rideId)}`, async () =>
      (await this.#shared.client()).post(`/api/v1/rides/${rideId}/${move}`, body));
    this.#changed();
  }

  #changed() {
    this.#shared.ctx.signals.dispatchEvent(new Event('rides'));
    return this.feed.refresh();
  }
}
