//! A socket at any path of this server, as any account or as nobody, for a tester: whatever is typed is sent, and the log shows all.

import { h, field, fillSelect, panel } from '../dom.js';
import { pathOf } from '../base-url.js';
import { anySocket } from '../contracts/any.js';
import { Composer } from './composer.js';
import { Connection, composerValues } from './connection.js';
import { Notices } from './notices.js';

const NOBODY = '';
/** Paths to begin with; any other may be typed. */
const PATHS = ['/api/v1/ws/connect', '/api/v1/ws/driver/123', '/ws/ride/my-ride/'];

export class AnySocketPanel {
  #ctx;
  #notices = new Notices('any-socket-problems');

  /** `ctx` is `{accounts, sockets, saved}`. */
  constructor(ctx) {
    this.#ctx = ctx;
    this.#build();
    ctx.accounts.addEventListener('change', () => this.#offer());
    this.#offer();
    this.#choose();
  }

  #build() {
    this.path = h('input', { id: 'any-path', value: PATHS[0], list: 'any-paths', autocomplete: 'off', spellcheck: 'false', on: { change: () => this.#choose() } });
    this.who = h('select', { id: 'any-account', on: { change: () => this.#choose() } });
    this.connection = new Connection({
      name: 'any', notices: this.#notices, sessionLabel: 'session', goodbye: { label: 'Close', title: 'Close with 1000' },
      who: [field('path', this.path, { class: 'full' }), field('as', this.who, { class: 'grow' })],
    });
    this.connection.addEventListener('change', () => this.#draw());
    this.composer = new Composer({
      contract: anySocket, templates: anySocket.templates, values: composerValues(this.connection), saved: this.#ctx.saved,
      send: (text) => this.connection.socket.send(text), attempt: (what, action) => this.#notices.attempt(what, action),
    });
    this.element = panel('Any socket', { id: 'any-socket-panel', tools: [this.connection.state] },
      h('datalist', { id: 'any-paths' }, PATHS.map((path) => h('option', { value: path }))),
      this.connection.element, this.connection.facts, this.#notices.element, this.composer.element);
  }

  #offer() {
    const { accounts } = this.#ctx;
    const isFirst = this.who.options.length === 0;
    fillSelect(this.who, [...accounts.known.map(({ username, role }) => ({ value: username, label: `${username} · ${role}` })), { value: NOBODY, label: 'nobody: without a token' }]);
    if (isFirst) this.who.value = accounts.ofRole('driver')[0]?.username ?? NOBODY;
  }

  #choose() {
    return this.#notices.attempt('Path', () => {
      const path = pathOf(this.path.value);
      this.connection.use(this.#ctx.sockets.anyPath(path, this.who.value === NOBODY ? null : this.who.value));
      this.#draw();
    });
  }

  #draw() {
    this.composer.enabled = this.connection.isOpen;
  }
}
