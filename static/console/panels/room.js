//! A ride's room as a member sees it: where its driver is now, how old that is, whether positions still come. What each
//! socket has heard is kept while another one is shown. Tells the map by the signal `sighting`.

import { h } from '../dom.js';
import { age, position } from '../format.js';

/** How often the age is drawn anew, in milliseconds. */
const AGEING_MS = 1000;

export class Room {
  #contract;
  #signals;
  #heard = new WeakMap();
  #socket = null;

  constructor({ contract, signals }) {
    this.#contract = contract;
    this.#signals = signals;
    this.state = h('span', { class: 'badge', data: { testid: 'room-state' } }, 'nobody heard of yet');
    this.where = h('span', { class: 'mono grow whole', data: { testid: 'room-position' } });
    this.element = h('div', { class: 'room row center', role: 'group', 'aria-label': 'Room' }, h('h3', {}, 'Room'), this.where, this.state);
    setInterval(() => { if (!document.hidden) this.#draw(); }, AGEING_MS);
  }

  use(socket) {
    this.#socket = socket;
    this.#draw();
  }

  /** A message of the socket that is shown. */
  hear(socket, message) {
    const sighting = this.#contract.sighting(message);
    const rideId = message.ride_id ?? message.data?.ride_id;
    if (sighting) this.#sighted(socket, rideId, sighting);
    else if (message.type === 'driver_location_stale') this.#mark(socket, rideId, 'stale');
    else if (message.type === 'driver_location_fresh') this.#mark(socket, rideId, 'fresh');
    else if (this.#contract.endsRoom(message)) this.#leave(socket, rideId);
    this.#draw();
  }

  #sighted(socket, rideId, { latitude, longitude, sequence, age_secs: ageSecs = 0 }) {
    const at = Date.now() - ageSecs * 1000;
    this.#heard.set(socket, { rideId, latitude, longitude, sequence, at, freshness: 'fresh' });
    this.#signals.dispatchEvent(new CustomEvent('sighting', { detail: { rideId, latitude, longitude } }));
  }

  #leave(socket, rideId) {
    if (this.#heard.get(socket)?.rideId === rideId) this.#heard.delete(socket);
  }

  #mark(socket, rideId, freshness) {
    const last = this.#heard.get(socket);
    if (last?.rideId === rideId) last.freshness = freshness;
  }

  #draw() {
    const last = this.#socket ? this.#heard.get(this.#socket) : null;
    this.element.hidden = !last;
    if (!last) return;
    const seconds = Math.max(0, (Date.now() - last.at) / 1000);
    this.where.textContent = `${position(last.latitude, last.longitude)} · ${age(seconds)} ago`;
    this.where.title = Number.isInteger(last.sequence) ? `position ${last.sequence} of ride ${last.rideId}` : `ride ${last.rideId}`;
    this.state.textContent = last.freshness;
    this.state.className = `badge ${last.freshness === 'stale' ? 'bad' : 'good'}`;
  }
}
