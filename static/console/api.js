//! The REST client of one account. It owns the account's tokens and is the only place that sees them: they live in
//! memory and end with the page. A refresh token works once, so only one refresh is ever under way; every request that
//! needs one waits for the same.

/** How long before its expiry an access token is replaced, in milliseconds. */
const REFRESH_BEFORE_EXPIRY_MS = 30_000;

/** How long a request may take, in milliseconds; the server's own limits are shorter. */
const REQUEST_TIMEOUT_MS = 20_000;

/** How much of an answer that is not JSON is kept (metrics, a track as GPX). */
const TEXT_CHARS_MAX = 20_000;

/** What went wrong, as the server said it (RFC 9457), or that it said nothing (status 0). */
export class Problem extends Error {
  constructor({ method, path, status, body }) {
    // The push interface says `message` where the others have a title.
    const title = body.title ?? body.message ?? `HTTP ${status}`;
    super(title);
    this.name = 'Problem';
    this.method = method;
    this.path = path;
    this.status = status;
    this.title = title;
    this.detail = body.detail ?? '';
    this.code = body.code ?? '';
    this.state = body.state ?? null;
    this.fields = Array.isArray(body.errors) ? body.errors : [];
    this.body = body;
  }
}

export class Client {
  #tokens = null;
  #refreshing = null;
  #record;
  #ended;

  /** `record` is told of every request that is not quiet, `ended` when the server no longer takes the refresh token. */
  constructor({ name, record, ended }) {
    this.name = name;
    this.#record = record;
    this.#ended = ended;
  }

  /**
   * Logs in and answers the `user` of the reply. `more` is what the server asked for: the `code` of a second factor, the
   * `new_password` in the place of one for one time. `recoveryCodes` are of a second factor that was made with it.
   */
  async login(username, password, more = {}) {
    const body = { username, password, device_name: 'Fleetwire console', ...more };
    const reply = await this.#exchange('POST', '/api/v1/auth/login', { body, anonymous: true });
    return { ...this.#keep(reply), recoveryCodes: reply.recovery_codes ?? [] };
  }

  async logout() {
    const refreshToken = this.#tokens?.refresh;
    this.#tokens = null;
    if (!refreshToken) return;
    await this.#exchange('POST', '/api/v1/auth/logout', { body: { refresh_token: refreshToken }, anonymous: true });
  }

  /** An access token that is good for a while yet. `renew` asks for a new one even so. */
  async accessToken({ renew = false } = {}) {
    if (!this.#tokens) throw this.#loggedOut();
    if (renew || this.#tokens.expiresAtMs - Date.now() < REFRESH_BEFORE_EXPIRY_MS) await this.#refresh();
    return this.#tokens.access;
  }

  get(path, options) {
    return this.#request('GET', path, options);
  }

  put(path, body) {
    return this.#request('PUT', path, { body });
  }

  /** Posts with a fresh `Idempotency-Key`, which is what makes the one retry after a lost reply safe. */
  post(path, body) {
    return this.#request('POST', path, { body, idempotencyKey: randomKey() });
  }

  /** Any request, as a tester made it up. */
  call(method, path, body) {
    return this.#request(method, path, { body, idempotencyKey: method === 'POST' || method === 'PATCH' ? randomKey() : undefined });
  }

  /** The same without a token. */
  callAsNobody(method, path, body) {
    return this.#exchange(method, path, { body, anonymous: true });
  }

  async #request(method, path, options = {}) {
    const token = await this.accessToken();
    try {
      return await this.#exchange(method, path, { ...options, token });
    } catch (problem) {
      if (problem.status === 401) {
        // Several requests may find the same token refused; only the first replaces it.
        if (this.#tokens?.access === token) await this.#refresh();
      } else if (problem.status !== 0 || !(method === 'GET' || options.idempotencyKey)) {
        throw problem;
      }
      return this.#exchange(method, path, { ...options, token: await this.accessToken() });
    }
  }

  #refresh() {
    this.#refreshing ??= this.#rotate().finally(() => { this.#refreshing = null; });
    return this.#refreshing;
  }

  async #rotate() {
    const body = { refresh_token: this.#tokens.refresh };
    try {
      this.#keep(await this.#exchange('POST', '/api/v1/auth/refresh', { body, anonymous: true }));
    } catch (problem) {
      if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) {
        this.#tokens = null;
        this.#ended();
      }
      throw problem;
    }
  }

  #keep(reply) {
    this.#tokens = {
      access: reply.access_token,
      refresh: reply.refresh_token,
      expiresAtMs: Date.now() + reply.expires_in * 1000,
    };
    return reply.user;
  }

  async #exchange(method, path, { body, token, idempotencyKey, quiet = false, anonymous = false }) {
    const headers = { Accept: 'application/json, application/problem+json' };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (!anonymous) headers.Authorization = `Bearer ${token}`;
    if (idempotencyKey) headers['Idempotency-Key'] = idempotencyKey;
    const started = performance.now();
    const { status, reply } = await send(method, path, headers, body);
    if (!quiet) {
      const tookMs = performance.now() - started;
      this.#record({ account: this.name, client: this, method, path, status, tookMs, request: body, reply, idempotencyKey });
    }
    if (status >= 200 && status < 300) return reply;
    throw new Problem({ method, path, status, body: reply && typeof reply === 'object' ? reply : {} });
  }

  #loggedOut() {
    const body = { title: 'Not logged in', detail: `${this.name} has to log in again.`, code: 'logged_out' };
    return new Problem({ method: '', path: '', status: 401, body });
  }
}

/** The console's own settings, which the server tells anybody. */
export async function loadConfig() {
  const { status, reply } = await send('GET', '/console/config.json', { Accept: 'application/json' });
  if (status === 200) return reply;
  throw new Problem({ method: 'GET', path: '/console/config.json', status, body: reply ?? {} });
}

/** Status 0 stands for no reply at all; `reply` is JSON where it is JSON, else null, or the text of a success that is none. */
async function send(method, path, headers, body) {
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    return { status: response.status, reply: parseJson(await response.text(), response.ok) };
  } catch (cause) {
    const reply = { title: 'No answer from the server', detail: String(cause.message ?? cause), code: 'unreachable' };
    return { status: 0, reply };
  }
}

function parseJson(text, isText) {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return isText ? text.slice(0, TEXT_CHARS_MAX) : { title: 'The answer is not JSON', detail: text.slice(0, 300) };
  }
}

/** `crypto.randomUUID` exists in secure contexts only, which a server on a private address is not. */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
