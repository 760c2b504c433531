//! An app's connection, as panels show it: who connects, connect and cut, what the server said of it. The same for every
//! contract; the socket itself belongs to `sockets.js`.

import { h, button, field } from '../dom.js';

export class Connection extends EventTarget {
  socket = null;
  #name;
  #notices;
  #redraw = (event) => { this.#draw(); this.dispatchEvent(new CustomEvent('change', { detail: event.detail })); };
  #onFrame = ({ detail }) => this.dispatchEvent(new CustomEvent('frame', { detail }));
  #onProblem = ({ detail }) => this.#notices.show(detail, 'Reconnect');

  /**
   * `name` tells this panel's controls from those of others. `who` are the controls that choose whose connection it is,
   * `goodbye` is the label and title of the close with 1000, `sessionLabel` what the greeting names. Emits `change` and `frame`.
   */
  constructor({ name, notices, who, goodbye, sessionLabel, began = () => {} }) {
    super();
    this.#name = name;
    this.#notices = notices;
    this.began = began;
    this.#build(who, goodbye, sessionLabel);
    this.#draw();
  }

  get isOpen() {
    return this.socket?.state === 'open';
  }

  /** Shows and drives another socket; the one before stays as it is. */
  use(socket) {
    if (socket === this.socket) return;
    for (const [type, listener] of this.#listeners()) {
      this.socket?.removeEventListener(type, listener);
      socket?.addEventListener(type, listener);
    }
    this.socket = socket;
    this.#draw();
  }

  #listeners() {
    return [['change', this.#redraw], ['frame', this.#onFrame], ['problem', this.#onProblem]];
  }

  #build(who, goodbye, sessionLabel) {
    const id = (part) => `${this.#name}-${part}`;
    this.state = h('span', { class: 'badge', id: id('state'), role: 'status', data: { testid: 'socket-state' } });
    this.lastEventId = h('input', {
      id: id('last-event-id'), inputmode: 'numeric', autocomplete: 'off', placeholder: 'server decides',
      title: 'Empty: the server replays the events whose receipt was not confirmed. A number: everything after it.',
    });
    this.connect = button('Connect', { testid: 'connect', class: 'primary', action: () => this.#connect() });
    this.cut = button('Cut', {
      testid: 'cut', class: 'danger', title: 'End the connection as a network failure would: not with 1000',
      action: () => this.socket.cut(),
    });
    this.goodbye = button(goodbye.label, { testid: 'goodbye', title: goodbye.title, action: () => this.socket.goOffline() });
    this.reconnects = h('input', { type: 'checkbox', id: id('reconnects') });
    this.reconnects.addEventListener('change', () => { if (this.socket) this.socket.reconnects = this.reconnects.checked; });
    this.element = h('div', { class: 'connection' },
      h('div', { class: 'row' }, who, field('last_event_id', this.lastEventId, { class: 'narrow' })),
      h('div', { class: 'row' }, this.connect, this.cut, this.goodbye, h('label', { class: 'check' }, this.reconnects, 'reconnect by itself')));
    this.newest = h('dd', { id: id('newest-event-id'), class: 'mono', data: { testid: 'newest-event-id' } });
    this.session = h('dd', { id: id('session'), class: 'mono whole' });
    this.close = h('dd', { data: { testid: 'last-close' } });
    this.facts = h('dl', { class: 'facts' },
      h('dt', {}, 'newest event'), this.newest, h('dt', {}, sessionLabel), this.session, h('dt', {}, 'last close'), this.close);
  }

  #connect() {
    return this.#notices.attempt('Connect', async () => {
      const typed = this.lastEventId.value.trim();
      if (typed !== '' && !/^\d+$/.test(typed)) throw new Error('last_event_id is a number, or empty.');
      this.began();
      await this.socket.connect({ lastEventId: typed === '' ? null : typed });
      this.lastEventId.value = '';
    });
  }

  #draw() {
    const pressed = [this.connect, this.cut, this.goodbye].find((control) => control === document.activeElement);
    this.#say();
    // What a keyboard has just pressed is gone; its opposite is in its place.
    if (pressed?.hidden) (this.cut.hidden ? this.connect : this.cut).focus();
  }

  #say() {
    const socket = this.socket;
    const state = socket?.state ?? 'idle';
    this.state.textContent = socket ? state : 'nobody';
    this.state.dataset.state = state;
    this.connect.hidden = !(socket?.canConnect ?? true);
    this.connect.textContent = socket?.lastClose ? 'Reconnect' : 'Connect';
    this.connect.toggleAttribute('inert', !socket);
    this.cut.hidden = !this.connect.hidden;
    this.goodbye.hidden = this.cut.hidden;
    this.reconnects.checked = socket?.reconnects ?? false;
    this.newest.textContent = newestText(socket);
    this.session.textContent = socket?.greeting?.sessionId || '–';
    const close = socket?.lastClose;
    this.close.textContent = close ? `${close.code}${close.reason ? ` “${close.reason}”` : ''}: ${close.meaning}` : '–';
  }
}

function newestText(socket) {
  if (socket?.newestEventId > 0) return String(socket.newestEventId);
  return socket?.greeting ? `none seen; the account’s newest is ${socket.greeting.lastEventId}` : '–';
}

/** What the templates of a composer ask for, from this connection; `freshToken` and `rideId` are the panel's to add. */
export function composerValues(connection) {
  return {
    newest: () => connection.socket.newestEventId,
    beforeNewest: () => Math.max(0, connection.socket.newestEventId - 1),
    now: () => new Date().toISOString(),
  };
}
