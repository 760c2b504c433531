//! The live map: the fleet as the operator's list has it (without an operator, as a passenger sees who is near), open
//! searches and rides under way, and the driver of each room that somebody here has joined. A click can name a place.

import { h, button, fillSelect, panel } from '../dom.js';
import { Feed } from '../feed.js';
import { FleetMap, sample } from '../fleet-map.js';
import { rideHailing } from '../contracts/ride-hailing.js';
import { Notices } from './notices.js';

const REFRESH_INTERVAL_MS = 2500;
const RIDES_MAX = 200;
/** Where a passenger's look-up begins while nothing else is known: the demo fleet's city. */
const CITY = { latitude: -26.2041, longitude: 28.0473 };
const NEARBY = { radius_m: 50_000, limit: 50 };
/** Positions kept of a room's driver: some minutes. */
const TRAIL_POSITIONS_MAX = 200;

const CLICKS = [
  { value: '', label: 'click: nothing' },
  { value: 'pickup', label: 'click: pickup' },
  { value: 'dropoff', label: 'click: dropoff' },
  { value: 'driver', label: 'click: driver is here' },
];

/** Everything that is drawn, as it is drawn. */
const KEYS = [
  ['available', 'available'], ['busy', 'busy'], ['offline', 'offline'], ['old', 'old position'], ['search', 'search'], ['pickup', 'pickup'], ['dropoff', 'dropoff'],
  ['way', 'the ride’s way'], ['approach', 'driver’s next goal'], ['trail', 'driven'],
];

export class MapPanel {
  #accounts;
  #signals;
  #notices = new Notices('map-problems');
  #trails = new Map();
  #vehicles = [];
  #rides = [];
  /** Where a passenger looks for vehicles. */
  #place = null;

  constructor({ accounts, signals }) {
    this.#accounts = accounts;
    this.#signals = signals;
    this.#build();
    this.feed = new Feed({
      load: () => this.#load(),
      show: (found) => this.#show(found),
      fail: (problem) => this.#notices.showView(problem, 'Map'),
      intervalMs: REFRESH_INTERVAL_MS,
    });
    signals.addEventListener('rides', () => this.feed.hint());
    signals.addEventListener('drivers-listed', ({ detail }) => this.#showVehicles(detail));
    signals.addEventListener('sighting', ({ detail }) => this.#sighted(detail));
    accounts.addEventListener('change', () => this.feed.hint());
  }

  #build() {
    this.map = new FleetMap({ chosen: (position) => this.#chosen(position) });
    this.click = h('select', { id: 'map-click', 'aria-label': 'What a click on the map names' });
    fillSelect(this.click, CLICKS);
    const tool = (label, testid, title, action) => button(label, { testid, class: 'quiet', title, 'aria-label': title, action });
    this.caption = h('p', { class: 'muted caption', id: 'map-caption', data: { testid: 'map-caption' } });
    this.element = panel('Map', {
      id: 'map-panel',
      tools: [this.click,
        tool('+', 'map-in', 'Zoom in', () => this.map.zoom(1)), tool('−', 'map-out', 'Zoom out', () => this.map.zoom(-1)),
        tool('Fit', 'map-fit', 'Fit rides, or the middle of the fleet', () => this.map.fit()),
        tool('All', 'map-all', 'All there is', () => { this.map.fitAll(); this.#say(); })],
    }, this.map.element, this.#legend(), this.#notices.element);
  }

  #legend() {
    return h('div', { class: 'legend' }, this.caption,
      h('ul', { class: 'keys', 'aria-label': 'What the map shows' }, KEYS.map(([kind, label]) => h('li', { class: 'key' }, sample(kind), label))));
  }

  async #load() {
    const operator = this.#accounts.operator;
    const passenger = this.#accounts.ofRole('customer').find(({ username }) => this.#accounts.get(username));
    if (operator) return { source: 'operator', rides: await this.#operatorsRides(operator.client) };
    if (!passenger) return { source: null, rides: [], vehicles: [] };
    const { client } = this.#accounts.get(passenger.username);
    const query = new URLSearchParams({ ...this.#place ?? CITY, ...NEARBY });
    const [near, mine] = await Promise.all([
      client.get(`/api/v1/drivers/nearby?${query}`, { quiet: true }), client.get('/api/v1/rides', { quiet: true }),
    ]);
    const rides = mine.items.filter(({ status }) => rideHailing.open.includes(status));
    return { source: passenger.username, rides, vehicles: near.items.map((item) => ({ ...item, status: 'available' })) };
  }

  async #operatorsRides(client) {
    const page = (status) => client.get(`/api/v1/admin/rides?${new URLSearchParams({ status, limit: RIDES_MAX })}`, { quiet: true });
    const pages = await Promise.all(rideHailing.open.map(page));
    return pages.flatMap(({ items }) => items);
  }

  #show({ source, rides, vehicles }) {
    this.#notices.showView(null);
    this.source = source;
    this.#rides = rides;
    if (vehicles) this.#vehicles = vehicles;
    this.searches = rides.filter(({ status }) => status === 'requested').length;
    this.underWay = rides.length - this.searches;
    const open = new Set(rides.map(({ ride_id: id }) => id));
    for (const id of this.#trails.keys()) if (!open.has(id)) this.#trails.delete(id);
    this.map.show({ rides: this.#drivenRides(), trails: this.#trailList(), vehicles: this.#placed() });
    this.#say();
  }

  #showVehicles(vehicles) {
    this.#vehicles = vehicles;
    this.map.show({ vehicles: this.#placed() });
    this.#say();
  }

  /** A room tells where a ride's driver is before the list of rides does, and that before the list of drivers. */
  #drivenRides() {
    return this.#rides.map((ride) => {
      const newest = this.#trails.get(ride.ride_id)?.at(-1);
      return ride.driver && newest ? { ...ride, driver: { ...ride.driver, ...newest } } : ride;
    });
  }

  #placed() {
    const driven = this.#drivenRides().filter(({ driver }) => driver);
    const places = new Map(driven.map(({ driver }) => [driver.driver_id, driver]));
    return this.#vehicles.map((vehicle) => {
      const { latitude, longitude } = places.get(vehicle.user_id) ?? vehicle;
      return { ...vehicle, latitude, longitude };
    });
  }

  #say() {
    if (!this.source) {
      this.caption.textContent = 'Log in an operator to see the fleet, or a passenger to see who is near.';
      return;
    }
    const { all, seen } = this.map.counts;
    const whose = this.source === 'operator' ? 'drivers in sight' : `near, as ${this.source} sees it`;
    const searches = `${this.searches} search${this.searches === 1 ? '' : 'es'}`;
    this.caption.textContent = `${seen === all ? all : `${seen} of ${all}`} ${whose} · ${searches} · ${this.underWay} under way`;
  }

  #sighted({ rideId, latitude, longitude }) {
    const positions = this.#trails.get(rideId) ?? [];
    positions.push({ latitude, longitude });
    if (positions.length > TRAIL_POSITIONS_MAX) positions.shift();
    this.#trails.set(rideId, positions);
    this.map.show({ rides: this.#drivenRides(), trails: this.#trailList(), vehicles: this.#placed() });
  }

  #trailList() {
    return [...this.#trails].map(([rideId, positions]) => ({ rideId, positions }));
  }

  #chosen(position) {
    const what = this.click.value;
    if (!what) return;
    if (what === 'pickup') this.#place = position;
    const detail = { what, latitude: Number(position.latitude.toFixed(5)), longitude: Number(position.longitude.toFixed(5)) };
    this.#signals.dispatchEvent(new CustomEvent('place-chosen', { detail }));
  }
}
