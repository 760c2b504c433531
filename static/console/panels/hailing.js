//! One hailing app: whose it is, its socket, what it may send. What the app does with rides by REST is its side's own: a
//! passenger's or a driver's, which `work` makes.

import { h, field, fillSelect, panel } from '../dom.js';
import { rideHailing } from '../contracts/ride-hailing.js';
import { Composer } from './composer.js';
import { Connection, composerValues } from './connection.js';
import { Notices } from './notices.js';
import { Room } from './room.js';

export class HailingPanel {
  #ctx;
  #side;
  #notices;

  /**
   * `side` is `{id, title, role, preferred, templates, work}`; `work` is made with what the panel shares and has `element`, `feed`,
   * `show(account)`, `hear(message)`, `rideId`, and perhaps `sent(message)`.
   */
  constructor(ctx, side) {
    this.#ctx = ctx;
    this.#side = side;
    this.#notices = new Notices(`${side.id}-problems`);
    this.#build();
    ctx.accounts.addEventListener('change', () => this.#offer());
    this.#offer();
  }

  get feed() {
    return this.work.feed;
  }

  #build() {
    const { id, title, templates, work } = this.#side;
    this.who = h('select', { id: `${id}-select`, on: { change: () => this.#choose() } });
    this.connection = new Connection({
      name: id, notices: this.#notices, who: field('account', this.who, { class: 'grow' }), sessionLabel: 'user',
      goodbye: { label: 'Close', title: 'Close with 1000; this says nothing of being on duty' },
    });
    this.connection.addEventListener('change', () => this.#draw());
    this.connection.addEventListener('frame', ({ detail }) => this.#hear(detail));
    this.room = new Room({ contract: rideHailing, signals: this.#ctx.signals });
    this.work = work({ ctx: this.#ctx, connection: this.connection, notices: this.#notices, client: () => this.#client() });
    const freshToken = async () => (await this.#client()).accessToken({ renew: true });
    const rideId = () => this.work.rideId ?? this.#noRide();
    this.composer = new Composer({
      contract: rideHailing,
      templates,
      values: { ...composerValues(this.connection), freshToken, rideId },
      send: (text) => this.connection.socket.send(text),
      attempt: (what, action) => this.#notices.attempt(what, action),
      saved: this.#ctx.saved,
    });
    const messages = h('details', { class: 'fold' },
      h('summary', { data: { testid: 'messages' } }, 'Messages and connection'), this.connection.facts, this.composer.element);
    this.element = panel(title, { id: `${id}-panel`, tools: [this.connection.state] },
      this.connection.element, this.#notices.element, this.room.element, this.work.element, messages);
  }

  #noRide() {
    throw new Error('There is no ride here yet: request one, or type its id.');
  }

  async #client() {
    return (await this.#ctx.accounts.loggedIn(this.who.value)).client;
  }

  #offer() {
    const { accounts } = this.#ctx;
    const known = accounts.ofRole(this.#side.role);
    const fresh = this.who.options.length === 0;
    fillSelect(this.who, known.map(({ username, name }) => ({
      value: username, label: `${username} · ${name ?? ''}${accounts.get(username) ? '' : ' · logged out'}`,
    })));
    if (fresh && known.some(({ username }) => username === this.#side.preferred)) this.who.value = this.#side.preferred;
    this.#choose();
  }

  #choose() {
    const username = this.who.value;
    const socket = username ? this.#ctx.sockets.hailing(username) : null;
    this.connection.use(socket);
    this.room.use(socket);
    this.work.show(this.#ctx.accounts.known.find((account) => account.username === username) ?? null);
    this.#draw();
  }

  #hear({ direction, message }) {
    if (!message) return;
    if (direction !== 'in') {
      this.work.sent?.(message);
      return;
    }
    this.room.hear(this.connection.socket, message);
    this.work.hear(message);
  }

  #draw() {
    this.composer.enabled = this.connection.isOpen;
    this.work.draw();
  }
}
