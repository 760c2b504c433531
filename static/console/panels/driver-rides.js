//! What a driver does with rides: goes on and off duty over the socket, takes or lets pass what is offered, drives to pickup
//! and dropoff, moves the ride on by REST.

import { h, button, status } from '../dom.js';
import { money, shortId } from '../format.js';
import { Feed } from '../feed.js';
import { Journey } from '../journey.js';
import { rideHailing } from '../contracts/ride-hailing.js';

const REFRESH_INTERVAL_MS = 4000;
/** Offers to remember; each ends within its window. */
const OFFERS_MAX = 8;

export class DriverRides {
  #shared;
  #account = null;
  #rides = [];
  #profile = null;
  /** Open offers by ride id, of each account: they come over the socket only. */
  #offers = new Map();
  /** Where the driver of an account was sent to last, here. */
  #places = new Map();
  /** The ride that the journey under way is for. */
  #drivesFor = null;

  /** `shared` is `{ctx, connection, notices, client}`. */
  constructor(shared) {
    this.#shared = shared;
    this.#build();
    this.journey = new Journey({
      send: (position) => this.#sendPosition(position),
      ended: (problem) => { if (problem) shared.notices.show(problem, 'Drive'); this.#draw(); },
    });
    this.feed = new Feed({
      load: () => this.#load(),
      show: (work) => this.#show(work),
      fail: (problem) => shared.notices.showView(problem, 'Rides'),
      intervalMs: REFRESH_INTERVAL_MS,
    });
    const { signals } = shared.ctx;
    for (const signal of ['rides', 'drivers']) signals.addEventListener(signal, () => this.feed.hint());
    signals.addEventListener('place-chosen', ({ detail }) => { if (detail.what === 'driver') this.#moveTo(detail); });
  }

  /** The ride that messages are about where no other is named. */
  get rideId() {
    return this.#rides[0]?.ride_id ?? [...this.#offered().keys()][0] ?? null;
  }

  #build() {
    const duty = (type, label) => button(label, {
      testid: type, class: 'quiet', action: () => this.#shared.notices.attempt(type, () => this.#shared.connection.socket.send(JSON.stringify({ type }))),
    });
    this.status = h('span', { class: 'status', data: { testid: 'duty-status' } }, '–');
    this.duty = h('span', { class: 'row', role: 'group', 'aria-label': 'Duty' }, duty('driver_online', 'Go online'), duty('driver_offline', 'Go offline'));
    this.stop = button('Stop driving', { testid: 'drive-stop', class: 'quiet', action: () => { this.journey.stop(); this.#draw(); } });
    this.cards = h('ul', { class: 'cards', id: 'driver-rides', 'aria-label': 'Rides of the driver' });
    this.element = h('div', { class: 'work-list' },
      h('div', { class: 'row center inset' }, h('h3', {}, 'Status'), this.status, this.duty, this.stop), this.cards);
  }

  show(account) {
    if (account?.username !== this.#account?.username) this.journey.stop();
    this.#account = account;
    this.feed.hint();
  }

  /** An offer comes, and ends without this driver or with them. */
  hear({ type, data }) {
    const offers = this.#offered();
    if (type === 'ride_requested') {
      offers.set(data.ride_id, data);
      if (offers.size > OFFERS_MAX) offers.delete(offers.keys().next().value);
    } else if (['ride_unavailable', 'ride_accepted', 'ride_cancelled'].includes(type)) {
      offers.delete(data.ride_id);
    }
    this.#draw();
  }

  draw() {
    this.#draw();
  }

  #offered() {
    const name = this.#account?.username ?? '';
    if (!this.#offers.has(name)) this.#offers.set(name, new Map());
    return this.#offers.get(name);
  }

  async #load() {
    const account = this.#account;
    const client = account && this.#shared.ctx.accounts.get(account.username)?.client;
    if (!client) return { account, rides: null, profile: null };
    const [profile, { items }] = await Promise.all([
      client.get('/api/v1/driver/profile', { quiet: true }), client.get('/api/v1/rides?limit=20', { quiet: true }),
    ]);
    return { account, profile, rides: items };
  }

  #show({ account, profile, rides }) {
    // Another driver was chosen while this one's rides were on their way.
    if (account !== this.#account) return;
    this.#shared.notices.showView(null);
    this.#profile = profile;
    this.isLoggedIn = rides !== null;
    this.#rides = (rides ?? []).filter((ride) => rideHailing.driverMoves[ride.status]);
    for (const { ride_id: id } of this.#rides) this.#offered().delete(id);
    if (!this.#rides.some(({ ride_id: id }) => id === this.#drivesFor)) this.journey.stop();
    this.#draw();
  }

  #draw() {
    const { isOpen } = this.#shared.connection;
    const word = this.#profile?.status ?? '–';
    const offers = [...this.#offered().values()];
    const drawn = JSON.stringify([this.#rides, offers, word, isOpen, this.isLoggedIn, this.journey.isUnderWay]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.status.textContent = word;
    this.status.className = `status s-${word}`;
    this.duty.hidden = !isOpen;
    this.stop.hidden = !this.journey.isUnderWay;
    const cards = [...this.#rides.map((ride) => this.#rideCard(ride)), ...offers.map((offer) => this.#offerCard(offer))];
    const says = this.isLoggedIn ? 'No ride and no offer. Offers come over the socket.' : 'Log this driver in to see their rides.';
    this.cards.replaceChildren(...(cards.length > 0 ? cards : [h('li', { class: 'empty' }, says)]));
  }

  #offerCard(offer) {
    const act = (label, move, extra) => button(label, { testid: `ride-${move}`, class: 'quiet', ...extra, action: () => this.#act(label, offer.ride_id, move) });
    return h('li', { class: 'card offer', data: { testid: 'offer', rideId: offer.ride_id } },
      h('div', { class: 'row' }, h('strong', { class: 'mono', title: offer.ride_id }, shortId(offer.ride_id)), status('offered'),
        h('span', { class: 'clip grow muted' }, `until ${offer.expires_at ? new Date(offer.expires_at).toLocaleTimeString() : '–'}`),
        h('span', { class: 'mono' }, money(offer.estimated_fare))),
      h('div', { class: 'row', role: 'group', 'aria-label': `Offer ${offer.ride_id}` }, act('Accept', 'accept', { class: 'primary' }), act('Decline', 'decline')));
  }

  #rideCard(ride) {
    const moves = rideHailing.driverMoves[ride.status].map(([move, label]) => button(label, {
      testid: `ride-${move}`, class: `quiet${move === 'cancel' ? ' danger' : ''}`, action: () => this.#act(label, ride.ride_id, move),
    }));
    const goal = ride.status === 'started' ? 'dropoff' : 'pickup';
    const drive = button(`Drive to ${goal}`, { testid: 'drive', class: 'quiet', action: () => this.#drive(ride, goal) });
    return h('li', { class: 'card', data: { testid: 'driver-ride', rideId: ride.ride_id, status: ride.status } },
      h('div', { class: 'row' }, h('strong', { class: 'mono', title: ride.ride_id }, shortId(ride.ride_id)), status(ride.status),
        h('span', { class: 'clip grow muted' }, `${ride.pickup_address || 'pickup'} → ${ride.dropoff_address || 'dropoff'}`),
        h('span', { class: 'mono' }, money(ride.final_fare ?? ride.estimated_fare))),
      h('div', { class: 'row', role: 'group', 'aria-label': `Ride ${ride.ride_id}` }, moves, drive));
  }

  #drive(ride, goal) {
    this.#drivesFor = ride.ride_id;
    const to = { latitude: ride[`${goal}_latitude`], longitude: ride[`${goal}_longitude`] };
    const { latitude, longitude } = ride.driver ?? {};
    const from = this.#places.get(this.#account.username) ?? (Number.isFinite(latitude) ? { latitude, longitude } : to);
    this.journey.start(from, to);
    this.#draw();
  }

  async #moveTo({ latitude, longitude }) {
    if (!this.feed.isWanted()) return;
    await this.#shared.notices.attempt('Position', () => this.#sendPosition({ latitude, longitude }));
  }

  /** Over the socket where there is one, else by REST, as the contract has both. */
  async #sendPosition(position) {
    if (this.#shared.connection.isOpen) {
      const data = { ...position, timestamp: new Date().toISOString() };
      this.#shared.connection.socket.send(JSON.stringify({ type: 'location_update', data }));
    } else {
      await (await this.#shared.client()).put('/api/v1/driver/location', position);
    }
    this.#places.set(this.#account.username, { latitude: position.latitude, longitude: position.longitude });
  }

  async #act(what, rideId, move) {
    await this.#shared.notices.attempt(`${what} ${shortId(rideId)}`, async () =>
      (await this.#shared.client()).post(`/api/v1/rides/${rideId}/${move}`, {}));
    if (move === 'decline') this.#offered().delete(rideId);
    const { signals } = this.#shared.ctx;
    for (const signal of ['rides', 'drivers']) signals.dispatchEvent(new Event(signal));
    await this.feed.refresh();
    this.#draw();
  }
}
