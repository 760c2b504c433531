//! The matching app: a socket for each ride, on an id that the app chooses, without a token. One message asks for a driver,
//! one ends the ride; what comes back is its state, and then where the driver is.

import { h, button, field, panel, status } from '../dom.js';
import { rideMatching } from '../contracts/ride-matching.js';
import { Composer } from './composer.js';
import { Connection, composerValues } from './connection.js';
import { Notices } from './notices.js';
import { Room } from './room.js';

export class MatchingPanel {
  #ctx;
  #notices = new Notices('matching-problems');
  /** What each socket has heard of its ride last: `{state, driver}`. */
  #heard = new WeakMap();

  constructor(ctx) {
    this.#ctx = ctx;
    this.#build();
    this.#choose();
    ctx.signals.addEventListener('place-chosen', ({ detail }) => this.#place(detail));
  }

  #build() {
    this.rideId = h('input', {
      id: 'matching-ride-id', value: newRideId(), autocomplete: 'off', spellcheck: 'false', on: { change: () => this.#choose() },
      title: '1 to 64 of A-Z a-z 0-9 - _ . but neither . nor ..; anything else is answered 404 before the upgrade',
    });
    this.key = h('input', {
      id: 'matching-ride-key', autocomplete: 'off', spellcheck: 'false', placeholder: 'from the server',
      title: 'What lets a later connection in; empty: none is sent', on: { change: () => this.#typedKey() },
    });
    this.connection = new Connection({
      name: 'matching', notices: this.#notices, sessionLabel: 'ride',
      who: [field('ride id', this.rideId, { class: 'grow' }), field('ride_key', this.key, { class: 'grow' })],
      goodbye: { label: 'Close', title: 'Close with 1000; the ride goes on' },
    });
    this.connection.addEventListener('change', () => this.#draw());
    this.connection.addEventListener('frame', ({ detail }) => this.#hear(detail));
    this.room = new Room({ contract: rideMatching, signals: this.#ctx.signals });
    this.composer = new Composer({
      contract: rideMatching,
      templates: rideMatching.templates,
      values: composerValues(this.connection),
      send: (text) => this.connection.socket.send(text),
      attempt: (what, action) => this.#notices.attempt(what, action),
      saved: this.#ctx.saved,
    });
    this.state = h('span', { class: 'status', data: { testid: 'matching-state' } });
    this.driver = h('span', { class: 'whole grow muted', data: { testid: 'matching-driver' } });
    const another = button('New id', { testid: 'matching-new', class: 'quiet', action: () => { this.rideId.value = newRideId(); this.#choose(); } });
    this.element = panel('Matching app', { id: 'matching-panel', tools: [another, this.connection.state] },
      this.connection.element, this.#notices.element,
      h('div', { class: 'room row center' }, h('h3', {}, 'Ride'), this.state, this.driver),
      this.room.element, this.composer.element, this.connection.facts);
  }

  #choose() {
    const id = this.rideId.value.trim();
    const socket = id ? this.#ctx.sockets.matching(id) : null;
    this.connection.use(socket);
    this.room.use(socket);
    this.#draw();
  }

  #typedKey() {
    const { rideKeys } = this.#ctx.sockets;
    const key = this.key.value.trim();
    if (key) rideKeys.set(this.rideId.value.trim(), key);
    else rideKeys.delete(this.rideId.value.trim());
  }

  #hear({ direction, message }) {
    if (direction !== 'in' || !message) return;
    const { socket } = this.connection;
    this.room.hear(socket, message);
    const state = rideMatching.state(message);
    if (state) {
      const { driver = null } = this.#heard.get(socket) ?? {};
      const hasDriver = !['searching', 'no_drivers', 'cancelled'].includes(state);
      this.#heard.set(socket, { state, driver: message.driver ?? (hasDriver ? driver : null) });
    }
    this.#draw();
  }

  /** A click on the map is a pickup or a dropoff of the message that is being written. */
  #place({ what, latitude, longitude }) {
    if (what === 'driver') return;
    this.composer.choose('find_driver');
    this.composer.set(`${what}_latitude`, latitude);
    this.composer.set(`${what}_longitude`, longitude);
  }

  #draw() {
    const { socket } = this.connection;
    this.composer.enabled = this.connection.isOpen;
    this.key.value = this.#ctx.sockets.rideKeys.get(this.rideId.value.trim()) ?? '';
    const { state = null, driver = null } = (socket && this.#heard.get(socket)) ?? {};
    const word = status(state ?? 'nothing asked');
    this.state.className = word.className;
    this.state.textContent = word.textContent;
    this.driver.textContent = driver ? `${driver.name} · ${driver.vehicle_type} ${driver.vehicle_registration} · ★ ${driver.rating}` : '';
  }
}

function newRideId() {
  return `ride-${Date.now().toString(36)}`;
}
