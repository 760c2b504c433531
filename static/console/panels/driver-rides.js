//! What a driver does with rides: goes on and off duty over the socket, takes or lets pass what is offered, drives to pickup
//! and dropoff, moves the ride on by REST.

import { h, button, redraw, status } from '../dom.js';
import { money, shortId } from '../format.js';
import { Feed } from '../feed.js';
import { Journey } from '../journey.js';
import { distanceM } from '../projection.js';
import { rideHailing } from '../contracts/ride-hailing.js';
import { Readiness } from './readiness.js';

const REFRESH_INTERVAL_MS = 4000;
/** How near a driver has to be to have arrived, in metres: nearer, driving on is not the next thing to do. */
const ARRIVED_WITHIN_M = 100;
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
  /** Where the operator's list has the drivers. */
  #listed = new Map();
  /** The ride that the journey under way is for. */
  #drivesFor = null;

  /** `shared` is `{ctx, connection, notices, client}`. */
  constructor(shared) {
    this.#shared = shared;
    this.readiness = new Readiness({
      ctx: shared.ctx, sendPosition: () => this.#sendAgain(), isWanted: () => this.feed.isWanted(),
      attempt: (what, action) => shared.notices.attempt(what, action),
    });
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
    // The demo's drivers are where they were: what was sent from here since is no longer so.
    signals.addEventListener('demo-restored', () => { this.journey.stop(); this.#places.clear(); this.readiness.feed.hint(); });
    signals.addEventListener('drivers-listed', ({ detail }) => { this.#listed = new Map(detail.map((driver) => [driver.driver_id, driver])); });
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
      h('div', { class: 'row center inset' }, h('h3', {}, 'Status'), this.status, this.duty, this.stop), this.readiness.element, this.cards);
  }

  show(account) {
    if (account?.username !== this.#account?.username) this.journey.stop();
    this.#account = account;
    this.readiness.use(account?.driver_id ?? null);
    this.feed.hint();
  }

  /** What the driver's app sends, from wherever in the panel. */
  sent({ type, data }) {
    if (type !== 'location_update' || !Number.isFinite(data?.latitude) || !Number.isFinite(data?.longitude)) return;
    this.#places.set(this.#account.username, { latitude: data.latitude, longitude: data.longitude });
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
    const drawn = JSON.stringify([this.#rides, offers, word, isOpen, this.isLoggedIn, this.journey.isUnderWay, this.#rides.map((ride) => this.#isAt(ride, ride.status === 'started' ? 'dropoff' : 'pickup'))]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.status.textContent = word;
    this.status.className = `status s-${word}`;
    this.duty.hidden = !isOpen;
    this.stop.hidden = !this.journey.isUnderWay;
    const cards = [...this.#rides.map((ride) => this.#rideCard(ride)), ...offers.map((offer) => this.#offerCard(offer))];
    const says = this.isLoggedIn ? 'No ride and no offer. Offers come over the socket.' : 'Log this driver in to see their rides.';
    redraw(this.cards, cards.length > 0 ? cards : [h('li', { class: 'empty' }, says)]);
  }

  #offerCard(offer) {
    const act = (label, move, extra) => button(label, { testid: `ride-${move}`, class: 'quiet', ...extra, action: () => this.#act(label, offer.ride_id, move) });
    return h('li', { class: 'card offer', data: { testid: 'offer', rideId: offer.ride_id } },
      h('div', { class: 'row' }, h('strong', { class: 'mono', title: offer.ride_id }, shortId(offer.ride_id)), status('offered'),
        h('span', { class: 'whole grow muted' }, `until ${offer.expires_at ? new Date(offer.expires_at).toLocaleTimeString() : '–'}`),
        h('span', { class: 'mono' }, money(offer.estimated_fare, offer.currency))),
      h('div', { class: 'row', role: 'group', 'aria-label': `Offer ${offer.ride_id}` }, act('Accept', 'accept', { class: 'primary' }), act('Decline', 'decline')));
  }

  #rideCard(ride) {
    const goal = ride.status === 'started' ? 'dropoff' : 'pickup';
    const isThere = ride.status === 'arrived' || this.#isAt(ride, goal);
    const kind = (move, index) => (move === 'cancel' ? 'quiet danger' : index === 0 && isThere ? 'primary' : 'quiet');
    const moves = rideHailing.driverMoves[ride.status].map(([move, label], index) => button(label, {
      testid: `ride-${move}`, class: kind(move, index), action: () => this.#act(label, ride.ride_id, move),
    }));
    const drive = button(`Drive to ${goal}`, { testid: 'drive', class: isThere || this.journey.isUnderWay ? 'quiet' : 'primary', action: () => this.#drive(ride, goal) });
    return h('li', { class: 'card', data: { testid: 'driver-ride', rideId: ride.ride_id, status: ride.status } },
      h('div', { class: 'row' }, h('strong', { class: 'mono', title: ride.ride_id }, shortId(ride.ride_id)), status(ride.status),
        h('span', { class: 'whole grow muted' }, `${ride.pickup_address || 'pickup'} → ${ride.dropoff_address || 'dropoff'}`),
        h('span', { class: 'mono' }, money(ride.final_fare ?? ride.estimated_fare, ride.currency))),
      h('div', { class: 'row', role: 'group', 'aria-label': `Ride ${ride.ride_id}` }, moves, drive));
  }

  #drive(ride, goal) {
    this.#drivesFor = ride.ride_id;
    const to = goalOf(ride, goal);
    this.journey.start(this.#placeOn(ride) ?? to, to);
    this.#draw();
  }

  #isAt(ride, goal) {
    const place = this.#placeOn(ride);
    return place !== null && distanceM(place, goalOf(ride, goal)) < ARRIVED_WITHIN_M;
  }

  /** Where the driver is: as sent from here, else as the ride has it. */
  #placeOn({ driver }) {
    const { latitude, longitude } = driver ?? {};
    return this.#places.get(this.#account.username) ?? (Number.isFinite(latitude) ? { latitude, longitude } : null);
  }

  /** The last place once more, with the time of now. */
  async #sendAgain() {
    const listed = this.#listed.get(this.#account.driver_id);
    const place = this.#places.get(this.#account.username) ?? (Number.isFinite(listed?.latitude) ? { latitude: listed.latitude, longitude: listed.longitude } : null);
    if (!place) throw new Error('The driver’s last position is unknown. Click on the map with “click: driver is here”.');
    await this.#sendPosition({ ...place, speed: 0 });
    this.readiness.feed.hint();
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

const goalOf = (ride, goal) => ({ latitude: ride[`${goal}_latitude`], longitude: ride[`${goal}_longitude`] });
