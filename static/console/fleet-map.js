//! Draws the fleet into an SVG: vehicles, searches, rides under way, where a room's driver has been; a graticule and a scale
//! instead of tiles, so that it says something without the internet. It gets what to draw and keeps only the view.

import { Projection, aroundMiddle } from './projection.js';
import { s } from './svg.js';

/** Vehicles further from the middle of the fleet than this are left out of the first view, in metres. */
const FLEET_RADIUS_M = 100_000;
/** How far apart meridians and parallels are at least, and how long the scale's bar is at most, in pixels. */
const GRATICULE_PX = 90;
const SCALE_PX = 110;
/** A vehicle whose position is older than this is not matched; it is drawn hollow. In seconds. */
const POSITION_AGE_MAX_SECS = 120;
const ZOOM_STEP = 1.6;
/** A press that moves less than this is a click, in pixels. */
const CLICK_MOVES_MAX_PX = 4;

const place = ({ latitude, longitude }) => ({ latitude, longitude });
const isPlace = ({ latitude, longitude }) => Number.isFinite(latitude) && Number.isFinite(longitude);
const pickupOf = (ride) => ({ latitude: ride.pickup_latitude, longitude: ride.pickup_longitude });
const dropoffOf = (ride) => ({ latitude: ride.dropoff_latitude, longitude: ride.dropoff_longitude });

/** One thing of the map by itself, for its legend. */
export function sample(kind) {
  const middle = { cx: 9, cy: 6 };
  const pictures = {
    available: () => s('g', { class: 'vehicle v-available' }, s('circle', { ...middle, r: 5 })),
    busy: () => s('g', { class: 'vehicle v-busy' }, s('circle', { ...middle, r: 5 })),
    offline: () => s('g', { class: 'vehicle v-offline' }, s('circle', { ...middle, r: 5 })),
    old: () => s('g', { class: 'vehicle old' }, s('circle', { ...middle, r: 5 })),
    search: () => s('g', { class: 'ride search' }, s('circle', { class: 'halo still', ...middle, r: 6 }), s('circle', { class: 'pickup', ...middle, r: 3.5 })),
    pickup: () => s('g', { class: 'ride' }, s('circle', { class: 'pickup', ...middle, r: 5 })),
    dropoff: () => s('g', { class: 'ride' }, s('rect', { class: 'dropoff', x: 5, y: 2, width: 8, height: 8 })),
    way: () => s('g', { class: 'ride' }, s('line', { x1: 0, y1: 6, x2: 18, y2: 6 })),
    approach: () => s('g', { class: 'ride' }, s('line', { class: 'approach', x1: 0, y1: 6, x2: 18, y2: 6 })),
    trail: () => s('polyline', { class: 'trail', points: '1,6 17,6' }),
  };
  return s('svg', { class: 'sample', width: 18, height: 12, viewBox: '0 0 18 12', 'aria-hidden': 'true' }, pictures[kind]());
}

export class FleetMap {
  #projection = new Projection();
  #content = { vehicles: [], rides: [], trails: [] };
  /** Until somebody moves the map, it follows what there is. */
  #follows = true;
  #press = null;
  #chosen;

  /** `chosen` is told the position that was clicked. */
  constructor({ chosen }) {
    this.#chosen = chosen;
    this.element = s('svg', { class: 'map', role: 'img', 'aria-label': 'Map of drivers and rides' });
    this.element.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    for (const type of ['pointerdown', 'pointermove', 'pointerup', 'pointercancel']) {
      this.element.addEventListener(type, (event) => this.#pointer(type, event));
    }
    new ResizeObserver(() => this.#resize()).observe(this.element);
  }

  /** `vehicles` have an id, a status and a position; `trails` are `{rideId, positions}`, oldest first. */
  show(content) {
    this.#content = { ...this.#content, ...content };
    if (this.#follows) this.#fitMiddle();
    this.draw();
  }

  fit() {
    this.#follows = true;
    this.#fitMiddle();
    this.draw();
  }

  fitAll() {
    this.#follows = false;
    this.#projection.fit(this.#places());
    this.draw();
  }

  zoom(steps) {
    this.#follows = false;
    this.#projection.zoom(ZOOM_STEP ** steps);
    this.draw();
  }

  /** How many vehicles there are, and how many of them are on the map. */
  get counts() {
    const { vehicles } = this.#content;
    const placed = vehicles.filter(isPlace);
    return { all: vehicles.length, seen: placed.filter((vehicle) => this.#projection.contains(this.#projection.point(vehicle))).length };
  }

  /** Rides are what one looks for; where there are none, the fleet. */
  #fitMiddle() {
    const rides = this.#ridePlaces();
    const vehicles = this.#content.vehicles.filter(isPlace).map(place);
    const around = rides.length > 0 ? [...rides, ...this.#drivingPlaces()] : aroundMiddle(vehicles, FLEET_RADIUS_M);
    this.#projection.fit(around);
  }

  #places() {
    return [...this.#content.vehicles.filter(isPlace).map(place), ...this.#ridePlaces()];
  }

  #ridePlaces() {
    return this.#content.rides.flatMap((ride) => [pickupOf(ride), dropoffOf(ride)]).filter(isPlace);
  }

  #drivingPlaces() {
    return this.#content.rides.map(({ driver }) => driver).filter((driver) => driver && isPlace(driver)).map(place);
  }

  #resize() {
    const { width, height } = this.element.getBoundingClientRect();
    if (width === 0 || height === 0) return;
    Object.assign(this.#projection, { width, height });
    this.element.setAttribute('viewBox', `0 0 ${width} ${height}`);
    if (this.#follows) this.#fitMiddle();
    this.draw();
  }

  draw() {
    const { vehicles, rides, trails } = this.#content;
    this.element.replaceChildren(
      this.#graticule(),
      s('g', {}, trails.map((trail) => this.#trail(trail))),
      s('g', {}, rides.filter((ride) => isPlace(pickupOf(ride))).map((ride) => this.#ride(ride))),
      s('g', {}, vehicles.filter(isPlace).map((vehicle) => this.#vehicle(vehicle))),
      this.#scale());
  }

  #graticule() {
    const { width, height } = this.#projection;
    const { step, meridians, parallels } = this.#projection.graticule(GRATICULE_PX);
    // Beside the other axis' labels, and above the scale.
    const isFree = (at) => at > 24 && at < height - 34;
    const digits = Math.max(0, Math.ceil(-Math.log10(step)));
    return s('g', { class: 'graticule' },
      meridians.map(({ at, degrees }) => [
        s('line', { x1: at, y1: 0, x2: at, y2: height }),
        s('text', { x: at + 3, y: 10 }, `${degrees.toFixed(digits)}°`)]),
      parallels.map(({ at, degrees }) => [
        s('line', { x1: 0, y1: at, x2: width, y2: at }),
        isFree(at) ? s('text', { x: 3, y: at - 3 }, `${degrees.toFixed(digits)}°`) : null]));
  }

  #scale() {
    const { height } = this.#projection;
    const bar = this.#projection.scaleBar(SCALE_PX);
    const [left, bottom] = [10, height - 10];
    return s('g', { class: 'scale', 'data-testid': 'map-scale' },
      s('rect', { x: left - 4, y: bottom - 17, width: bar.pixels + 8, height: 21, rx: 3 }),
      s('path', { d: `M${left} ${bottom - 5}V${bottom}H${left + bar.pixels}V${bottom - 5}` }),
      s('text', { x: left + 4, y: bottom - 5 }, bar.label));
  }

  #trail({ rideId, positions }) {
    const points = positions.map((position) => this.#projection.point(position)).map(({ x, y }) => `${x},${y}`).join(' ');
    return s('polyline', { class: 'trail', points, 'data-testid': 'map-trail', 'data-ride-id': rideId, 'data-positions': positions.length });
  }

  #ride(ride) {
    const [from, to] = [this.#projection.point(pickupOf(ride)), this.#projection.point(dropoffOf(ride))];
    const isSearch = ride.status === 'requested';
    return s('g', {
      class: `ride ${isSearch ? 'search' : 'under-way'}`, 'data-testid': 'map-ride', 'data-ride-id': ride.ride_id, 'data-status': ride.status,
    },
    s('title', {}, `${ride.status} · ${ride.ride_id}${ride.pickup_address ? ` · ${ride.pickup_address}` : ''}`),
    s('line', { x1: from.x, y1: from.y, x2: to.x, y2: to.y }),
    this.#approach(ride, from, to),
    isSearch ? s('circle', { class: 'halo', cx: from.x, cy: from.y, r: 16 }) : null,
    s('circle', { class: 'pickup', cx: from.x, cy: from.y, r: 6 }),
    s('rect', { class: 'dropoff', x: to.x - 5, y: to.y - 5, width: 10, height: 10 }));
  }

  /** From the driver to where they go next. */
  #approach(ride, pickup, dropoff) {
    if (!ride.driver || !isPlace(ride.driver)) return null;
    const goal = ride.status === 'started' ? dropoff : pickup;
    const at = this.#projection.point(ride.driver);
    return s('line', { class: 'approach', x1: at.x, y1: at.y, x2: goal.x, y2: goal.y });
  }

  #vehicle(vehicle) {
    const { x, y } = this.#projection.point(vehicle);
    const isOld = vehicle.position_age_secs > POSITION_AGE_MAX_SECS;
    const says = [vehicle.name, vehicle.status, vehicle.vehicle_type, isOld ? 'old position' : null].filter(Boolean).join(' · ');
    return s('g', {
      class: `vehicle v-${vehicle.status}${isOld ? ' old' : ''}`, transform: `translate(${x} ${y})`,
      'data-testid': 'map-vehicle', 'data-driver-id': vehicle.driver_id, 'data-status': vehicle.status,
    },
    s('title', {}, `${vehicle.driver_id} · ${says}`),
    s('circle', { r: 6.5 }),
    s('text', { x: 9, y: 4 }, String(vehicle.driver_id)));
  }

  #wheel(event) {
    event.preventDefault();
    this.#follows = false;
    this.#projection.zoom(event.deltaY < 0 ? ZOOM_STEP ** 0.5 : ZOOM_STEP ** -0.5, this.#at(event));
    this.draw();
  }

  #pointer(type, event) {
    const at = this.#at(event);
    if (type === 'pointerdown') {
      this.#press = { at, from: at };
      this.element.setPointerCapture(event.pointerId);
    } else if (this.#press && type === 'pointermove') {
      this.#drag(at);
    } else if (this.#press) {
      const { from } = this.#press;
      this.#press = null;
      const moved = Math.hypot(at.x - from.x, at.y - from.y);
      if (type === 'pointerup' && moved < CLICK_MOVES_MAX_PX) this.#chosen(this.#projection.position(at));
    }
  }

  #drag(at) {
    const { at: before, from } = this.#press;
    this.#press.at = at;
    if (Math.hypot(at.x - from.x, at.y - from.y) < CLICK_MOVES_MAX_PX) return;
    this.#follows = false;
    this.#projection.panBy(at.x - before.x, at.y - before.y);
    this.draw();
  }

  #at(event) {
    const { left, top } = this.element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }
}
