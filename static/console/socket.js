//! One app's WebSocket, as the app would hold it, with everything that passes over it. It keeps the newest event id
//! across connections, so that it can resume. What an older connection still says after a newer one began is ignored.
//! Emits `frame` and `change`. It knows no contract: what an event id, a greeting or a close code is, the contract says.

/** A browser may close with 1000 or 3000 to 4999 only; this one stands for a connection that broke. */
export const CUT_CODE = 3000;

/** Delays before reconnecting by itself, in milliseconds; after the last one it gives up. */
const RECONNECT_DELAYS_MS = [500, 1000, 2000, 4000, 8000, 8000, 8000, 8000];

export class ContractSocket extends EventTarget {
  /** idle, connecting, open, closing or closed */
  state = 'idle';
  newestEventId = 0;
  greeting = null;
  lastClose = null;
  reconnects = false;
  #contract;
  #url;
  #ws = null;
  #replayedUpTo = 0;
  #attempt = 0;
  #timer = null;

  /** `url` answers (a promise of) the path to connect to, given `{lastEventId, renewToken}`; `bare` leaves the token out. */
  constructor({ contract, url }) {
    super();
    this.#contract = contract;
    this.#url = url;
  }

  /** The path without a token, for a line that has its token elsewhere. */
  path() {
    return this.#url({ lastEventId: null, renewToken: false, bare: true });
  }

  get canConnect() {
    return this.state === 'idle' || this.state === 'closed';
  }

  /** Without `lastEventId` the server decides what to replay. Rejects when no token can be had. */
  async connect({ lastEventId = null } = {}) {
    if (!this.canConnect) return;
    clearTimeout(this.#timer);
    this.greeting = null;
    this.#become('connecting');
    try {
      const renewToken = this.lastClose?.code === 4001;
      const ws = new WebSocket(location.origin.replace(/^http/, 'ws') + await this.#url({ lastEventId, renewToken }));
      this.#listen(ws);
    } catch (cause) {
      this.#become('closed');
      throw cause;
    }
  }

  /** Ends the connection as a network failure would as nearly as a browser can: not with 1000. */
  cut() {
    this.#close(CUT_CODE, 'cut');
  }

  /** Ends it as the app does when its user goes offline. */
  goOffline() {
    this.#close(1000, 'offline');
  }

  /** Sends text as it is, good or bad. */
  send(text) {
    if (this.state !== 'open') throw new Error('the socket is not open');
    this.#ws.send(text);
    this.#emitFrame('out', text, false);
  }

  #listen(ws) {
    this.#ws = ws;
    this.#replayedUpTo = this.newestEventId;
    const mine = (handle) => (event) => { if (this.#ws === ws) handle(event); };
    ws.addEventListener('open', mine(() => this.#become('open')));
    ws.addEventListener('message', mine((event) => this.#receive(event.data)));
    ws.addEventListener('close', mine((event) => this.#closed(event)));
  }

  #receive(data) {
    const text = typeof data === 'string' ? data : `(binary, ${data.size} bytes)`;
    const message = parseMessage(text);
    const greeting = message ? this.#contract.greeting(message) : null;
    if (greeting) {
      this.greeting = greeting;
      this.#attempt = 0;
      // Whatever the account had before this connection was made is a replay, however new it is to this page.
      this.#replayedUpTo = Math.max(this.#replayedUpTo, greeting.lastEventId);
    }
    const eventId = message ? this.#contract.eventId(message) : null;
    const replayed = eventId !== null && eventId <= Math.max(this.#replayedUpTo, this.newestEventId);
    if (eventId !== null) this.newestEventId = Math.max(this.newestEventId, eventId);
    this.#emitFrame('in', text, replayed, message, eventId);
    this.dispatchEvent(new Event('change'));
  }

  #closed({ code, reason, wasClean }) {
    this.#ws = null;
    this.lastClose = { code, reason, wasClean, ...this.#contract.describeClose(code) };
    this.#become('closed');
    this.#perhapsReconnect();
  }

  #perhapsReconnect() {
    if (!this.reconnects || !this.lastClose.reconnect || this.#attempt >= RECONNECT_DELAYS_MS.length) return;
    const delayMs = RECONNECT_DELAYS_MS[this.#attempt];
    this.#attempt += 1;
    this.#timer = setTimeout(() => {
      if (!this.reconnects || !this.canConnect) return;
      this.connect().catch((problem) => this.dispatchEvent(new CustomEvent('problem', { detail: problem })));
    }, delayMs);
  }

  #close(code, reason) {
    clearTimeout(this.#timer);
    if (this.state !== 'open') return;
    this.#ws.close(code, reason);
    this.#become('closing');
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent('change', { detail: { became: state } }));
  }

  #emitFrame(direction, text, replayed, message = parseMessage(text), eventId = null) {
    this.dispatchEvent(new CustomEvent('frame', { detail: { direction, text, message, eventId, replayed } }));
  }
}

/** The message in `text`, or null where that is not a JSON object. */
function parseMessage(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
