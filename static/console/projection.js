//! A small piece of the earth on a rectangle of pixels: Web Mercator, a scale, and what fits. Pure; positions are WGS 84
//! `{latitude, longitude}`, points are CSS pixels `{x, y}` from the upper left corner.

const EARTH_RADIUS_M = 6_371_008.8;
/** Mercator ends before the poles; a fleet there would have to be looked at otherwise. */
const LATITUDE_MAX = 85;
/** From a whole continent to a street. */
const METRES_PER_PIXEL = { min: 0.25, max: 20_000 };
/** How much of the rectangle stays free around what is fitted into it. */
const MARGIN = 0.17;
/** The least that a fit shows, in metres across: a single vehicle must not fill the map. */
const FIT_METRES_MIN = 1500;

const radians = (degrees) => degrees * Math.PI / 180;
const degrees = (angle) => angle * 180 / Math.PI;

export class Projection {
  width = 400;
  height = 300;
  /** Until something is fitted: a continent. */
  centre = { latitude: 2, longitude: 18 };
  metresPerPixel = METRES_PER_PIXEL.max;

  point({ latitude, longitude }) {
    const centre = mercator(this.centre);
    const at = mercator({ latitude, longitude });
    const scale = this.#unitsPerPixel();
    return { x: this.width / 2 + (at.x - centre.x) / scale, y: this.height / 2 - (at.y - centre.y) / scale };
  }

  position({ x, y }) {
    const centre = mercator(this.centre);
    const scale = this.#unitsPerPixel();
    return inverse({ x: centre.x + (x - this.width / 2) * scale, y: centre.y - (y - this.height / 2) * scale });
  }

  pixels(metres) {
    return metres / this.metresPerPixel;
  }

  contains({ x, y }) {
    return x >= 0 && y >= 0 && x <= this.width && y <= this.height;
  }

  panBy(dx, dy) {
    this.centre = this.position({ x: this.width / 2 - dx, y: this.height / 2 - dy });
  }

  /** Zooms by `factor` (above 1: in) and keeps what is under `anchor` where it is. */
  zoom(factor, anchor = { x: this.width / 2, y: this.height / 2 }) {
    const fixed = this.position(anchor);
    this.#scaleTo(this.metresPerPixel / factor);
    const moved = this.point(fixed);
    this.panBy(anchor.x - moved.x, anchor.y - moved.y);
  }

  /** Shows all these positions; without any it stays. */
  fit(positions) {
    if (positions.length === 0) return;
    const points = positions.map(mercator);
    const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
    const [west, east, south, north] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    this.centre = inverse({ x: (west + east) / 2, y: (south + north) / 2 });
    const room = 1 - 2 * MARGIN;
    const units = Math.max((east - west) / (this.width * room), (north - south) / (this.height * room));
    const metres = units * EARTH_RADIUS_M * Math.cos(radians(this.centre.latitude));
    this.#scaleTo(Math.max(metres, FIT_METRES_MIN / Math.min(this.width, this.height)));
  }

  /** The longest of 1, 2, 5 × 10ⁿ metres that is at most `pixels` wide. */
  scaleBar(pixels) {
    const metres = niceBelow(pixels * this.metresPerPixel);
    const label = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
    return { metres, label, pixels: this.pixels(metres) };
  }

  /** Meridians and parallels about `pixels` apart: `{at, degrees}` with `at` in pixels from the left or the top. */
  graticule(pixels) {
    const corner = this.position({ x: 0, y: 0 });
    const opposite = this.position({ x: this.width, y: this.height });
    const step = niceBelow((opposite.longitude - corner.longitude) * pixels / this.width);
    return {
      step,
      meridians: multiples(corner.longitude, opposite.longitude, step).map((longitude) => ({
        degrees: longitude, at: this.point({ ...this.centre, longitude }).x,
      })),
      parallels: multiples(opposite.latitude, corner.latitude, step).map((latitude) => ({
        degrees: latitude, at: this.point({ ...this.centre, latitude }).y,
      })),
    };
  }

  #scaleTo(metresPerPixel) {
    this.metresPerPixel = Math.min(METRES_PER_PIXEL.max, Math.max(METRES_PER_PIXEL.min, metresPerPixel));
  }

  /** Mercator's units are stretched away from the equator, metres are not. */
  #unitsPerPixel() {
    return this.metresPerPixel / (EARTH_RADIUS_M * Math.cos(radians(this.centre.latitude)));
  }
}

function mercator({ latitude, longitude }) {
  const clamped = Math.min(LATITUDE_MAX, Math.max(-LATITUDE_MAX, latitude));
  return { x: radians(longitude), y: Math.log(Math.tan(Math.PI / 4 + radians(clamped) / 2)) };
}

function inverse({ x, y }) {
  return { latitude: degrees(2 * Math.atan(Math.exp(y)) - Math.PI / 2), longitude: degrees(x) };
}

function niceBelow(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [5, 2, 1].map((digit) => digit * power).find((nice) => nice <= value) ?? power;
}

function multiples(from, to, step) {
  const found = [];
  for (let index = Math.ceil(from / step); index * step <= to; index += 1) found.push(index * step);
  return found;
}

export function distanceM(from, to) {
  const [a, b] = [radians(from.latitude), radians(to.latitude)];
  const half = Math.sin((b - a) / 2) ** 2 + Math.cos(a) * Math.cos(b) * Math.sin(radians(to.longitude - from.longitude) / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(half)));
}

/** Degrees from north, clockwise. */
export function bearing(from, to) {
  const [a, b, east] = [radians(from.latitude), radians(to.latitude), radians(to.longitude - from.longitude)];
  const angle = Math.atan2(Math.sin(east) * Math.cos(b), Math.cos(a) * Math.sin(b) - Math.sin(a) * Math.cos(b) * Math.cos(east));
  return (degrees(angle) + 360) % 360;
}

/** A part of the way, which is short enough to be straight. */
export function between(from, to, part) {
  return {
    latitude: from.latitude + (to.latitude - from.latitude) * part,
    longitude: from.longitude + (to.longitude - from.longitude) * part,
  };
}

/** Those positions that lie around the middle one of all, so that one vehicle on another continent does not hide a city. */
export function aroundMiddle(positions, withinM) {
  if (positions.length === 0) return [];
  const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
  const centre = {
    latitude: middle(positions.map(({ latitude }) => latitude)), longitude: middle(positions.map(({ longitude }) => longitude)),
  };
  const near = positions.filter((position) => distanceM(centre, position) <= withinM);
  return near.length > 0 ? near : positions;
}
