//! Any request of REST, as a tester makes it up: method, path, body, and whose token. The answer is shown in place and in the log;
//! what is worth it is kept.

import { h, button, field, fillSelect, panel, redraw } from '../dom.js';
import { Client } from '../api.js';
import { baseUrl, pathOf } from '../base-url.js';
import { copyButton } from '../clipboard.js';
import { curlLine } from '../commands.js';
import { duration, prettyJson, redact } from '../format.js';
import { Notices } from './notices.js';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'];
const NOBODY = '';
const EXAMPLE = '/api/v1/admin/drivers?limit=5';

export class RequestPanel {
  #ctx;
  #notices = new Notices('request-problems');
  #nobody;

  /** `ctx` is `{accounts, activity, saved}`. */
  constructor(ctx) {
    this.#ctx = ctx;
    this.#nobody = new Client({ name: 'nobody', record: (call) => ctx.activity.addRest(call), ended: () => {} });
    this.#build();
    ctx.accounts.addEventListener('change', () => this.#offer());
    ctx.saved.addEventListener('change', () => this.#drawSaved());
    this.#offer();
    this.#drawSaved();
  }

  #build() {
    this.method = h('select', { id: 'request-method' });
    fillSelect(this.method, METHODS.map((method) => ({ value: method, label: method })));
    this.path = h('input', { id: 'request-path', value: EXAMPLE, autocomplete: 'off', spellcheck: 'false' });
    this.path.addEventListener('keydown', (event) => { if (event.key === 'Enter') this.#send(); });
    this.who = h('select', { id: 'request-account' });
    this.body = h('textarea', { id: 'request-body', rows: '5', spellcheck: 'false', placeholder: 'JSON, or empty' });
    this.name = h('input', { id: 'request-name', autocomplete: 'off', placeholder: 'name' });
    this.base = h('input', { id: 'base-url', value: baseUrl.value, autocomplete: 'off', spellcheck: 'false', on: { change: () => this.#rebase() } });
    this.kept = h('div', { class: 'tabs', role: 'group', 'aria-label': 'Saved requests' });
    this.answer = h('pre', { id: 'request-answer', tabindex: '0', 'aria-label': 'Answer', hidden: true });
    this.status = h('p', { class: 'muted', role: 'status', data: { testid: 'request-status' } });
    const attempt = (what, action) => this.#notices.attempt(what, action);
    const send = button('Send', { testid: 'request-send', class: 'primary', action: () => this.#send() });
    const curl = copyButton('Copy as curl', { testid: 'request-curl', attempt, text: () => this.#curl() });
    const token = copyButton('Copy token', { testid: 'copy-token', attempt, title: 'The account’s access token: anyone who has it can act as the account until it expires', text: () => this.#token() });
    const save = button('Save', { testid: 'request-save', class: 'quiet', action: () => attempt('Save', () => this.#save()) });
    this.element = panel('Any request', { id: 'request-panel' },
      h('div', { class: 'connection' }, this.kept,
        h('div', { class: 'row' }, field('method', this.method), field('path', this.path, { class: 'grow' })),
        field('body', this.body),
        h('div', { class: 'row' }, field('as', this.who, { class: 'grow' }), send, curl, token),
        h('div', { class: 'row' }, field('save as', this.name, { class: 'grow' }), save)),
      this.#notices.element,
      h('div', { class: 'connection' }, field('base URL of copied lines', this.base),
        h('p', { class: 'muted' }, 'This page talks to its own server only, so that nothing in it can send tokens elsewhere. For another server, open its console, or copy a line and run it in a shell.')),
      h('div', { class: 'answer' }, this.status, this.answer));
  }

  #offer() {
    const { accounts } = this.#ctx;
    const isFirst = this.who.options.length === 0;
    fillSelect(this.who, [...accounts.known.map(({ username, role }) => ({
      value: username, label: `${username} · ${role}${accounts.get(username) ? '' : ' · logged out'}`,
    })), { value: NOBODY, label: 'nobody: without a token' }]);
    if (isFirst) this.who.value = accounts.ofRole('admin')[0]?.username ?? NOBODY;
  }

  #drawSaved() {
    const items = this.#ctx.saved.of('rest');
    this.kept.hidden = items.length === 0;
    redraw(this.kept, items.map((item) => h('span', { class: 'chip', data: { key: item.name } },
      h('button', { type: 'button', data: { testid: 'saved-request' }, title: `${item.method} ${item.path}`, on: { click: () => this.#load(item) } }, `★ ${item.name}`),
      h('button', { type: 'button', class: 'quiet', 'aria-label': `Forget ${item.name}`, on: { click: () => this.#ctx.saved.forget(item) } }, '×'))));
  }

  #load({ method, path, text }) {
    this.method.value = method;
    this.path.value = path;
    this.body.value = text;
  }

  #save() {
    const [method, path] = [this.method.value, pathOf(this.path.value)];
    this.#ctx.saved.save({ contract: 'rest', name: this.name.value || `${method} ${path.replace('/api/v1', '')}`, method, path, text: this.body.value });
    this.name.value = '';
  }

  #rebase() {
    return this.#notices.attempt('Base URL', () => { baseUrl.value = this.base.value; this.base.value = baseUrl.value; });
  }

  /** What was typed as JSON; text that is none is refused, since the browser would send it as JSON. */
  #typedBody() {
    const text = this.body.value.trim();
    if (text === '') return undefined;
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new Error(`The body is not JSON: ${cause.message}`);
    }
  }

  async #client() {
    return this.who.value === NOBODY ? null : (await this.#ctx.accounts.loggedIn(this.who.value)).client;
  }

  async #token() {
    const client = await this.#client();
    if (!client) throw new Error('Nobody has no token. Choose an account first.');
    return client.accessToken();
  }

  async #curl() {
    const client = await this.#client();
    return curlLine({ base: baseUrl.value, method: this.method.value, path: pathOf(this.path.value), body: this.#typedBody(), token: client && await client.accessToken() });
  }

  #send() {
    return this.#notices.attempt(this.method.value, async () => {
      const [method, path, body] = [this.method.value, pathOf(this.path.value), this.#typedBody()];
      const client = await this.#client();
      const began = performance.now();
      try {
        this.#show('success', client ? await client.call(method, path, body) : await this.#nobody.callAsNobody(method, path, body), began);
      } catch (problem) {
        if (problem.status === undefined) throw problem;
        this.#show(problem.status || 'no answer', problem.body, began);
      }
    });
  }

  #show(status, reply, began) {
    this.status.textContent = `${status} · ${duration(performance.now() - began)}`;
    this.answer.hidden = false;
    this.answer.textContent = reply === null ? '(empty)' : prettyJson(redact(reply));
  }
}
