//! Why things are as they are: the panel over the others that shows the trace of a job, or why a driver gets rides or none. What is
//! shown is asked for again while it is open, and one leads to the other and back.

import { h, button } from '../dom.js';
import { copyButton } from '../clipboard.js';
import { Feed } from '../feed.js';
import { prettyJson } from '../format.js';
import { Notices } from './notices.js';
import { renderTrace } from './trace.js';
import { renderWhy } from './why.js';

const REFRESH_INTERVAL_MS = 2000;

export class Insight {
  #ctx;
  #notices = new Notices('insight-problems');
  /** Where one came from; the last is what is shown: `{kind: trace|why, id}`. */
  #way = [];
  #drawn = '';
  #answer = null;

  /** `ctx` is `{accounts, signals, directory, demo}`. */
  constructor(ctx) {
    this.#ctx = ctx;
    this.#build();
    this.feed = new Feed({
      load: () => this.#load(),
      show: (found) => this.#show(found),
      fail: (problem) => this.#notices.showView(problem, this.title.textContent),
      intervalMs: REFRESH_INTERVAL_MS,
    });
    this.feed.isWanted = () => this.element.open;
  }

  #build() {
    this.title = h('h2', { id: 'insight-title', tabindex: '-1' });
    this.back = button('Back', { testid: 'insight-back', class: 'quiet', action: () => this.#back() });
    const copy = copyButton('Copy JSON', {
      testid: 'insight-copy', attempt: (what, action) => this.#notices.attempt(what, action), text: () => prettyJson(this.#answer),
    });
    const close = button('Close', { testid: 'insight-close', class: 'quiet', action: () => this.element.close() });
    this.body = h('div', { class: 'insight-body', tabindex: '0', role: 'region', 'aria-labelledby': 'insight-title' });
    this.element = h('dialog', { class: 'panel insight', id: 'insight', 'aria-labelledby': 'insight-title' },
      h('div', { class: 'panel-head' }, this.title, this.back, copy, close), this.#notices.element, this.body);
    // A click beside it closes it, as Escape does.
    this.element.addEventListener('click', (event) => { if (event.target === this.element) this.element.close(); });
    document.body.append(this.element);
  }

  /** `jobId` is the number of an order, a booking or a ride (its `job_id`). */
  showTrace(jobId) {
    this.#open({ kind: 'trace', id: jobId });
    this.#ctx.signals.dispatchEvent(new Event('trace-opened'));
  }

  showWhy(driverId) {
    this.#open({ kind: 'why', id: driverId });
  }

  #open(place) {
    if (!this.element.open) {
      this.#way = [];
      this.element.showModal();
    }
    this.#way.push(place);
    this.#begin();
  }

  #back() {
    this.#way.pop();
    this.#begin();
  }

  #begin() {
    const { kind, id } = this.#way.at(-1);
    this.#drawn = '';
    this.#notices.clear();
    this.back.hidden = this.#way.length < 2;
    this.title.textContent = kind === 'trace' ? `Trace of job ${id}` : `Why: ${this.#ctx.directory.driver(id)} (driver ${id})`;
    this.body.replaceChildren(h('p', { class: 'empty' }, 'Asking the server …'));
    this.title.focus();
    return this.feed.refresh();
  }

  async #load() {
    const place = this.#way.at(-1);
    const { operator } = this.#ctx.accounts;
    if (!operator) throw new Error('Log in as an operator (admin) to see why.');
    await this.#ctx.directory.load().catch(() => {});
    const path = place.kind === 'trace' ? `/api/v1/admin/jobs/${place.id}/trace` : `/api/v1/admin/drivers/${place.id}/why`;
    return { place, answer: await operator.client.get(path, { quiet: true }) };
  }

  #show({ place, answer }) {
    // Somebody went on while this was on its way.
    if (place !== this.#way.at(-1)) return;
    this.#notices.showView(null);
    const drawn = JSON.stringify(answer);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#answer = answer;
    const tools = {
      directory: this.#ctx.directory, trace: (id) => this.showTrace(id), why: (id) => this.showWhy(id),
      demo: this.#ctx.demo, attempt: (what, action) => this.#notices.attempt(what, action),
    };
    const focused = this.body.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    this.body.replaceChildren(...(place.kind === 'trace' ? renderTrace(answer, tools) : renderWhy(answer, tools)));
    if (focused) this.body.querySelector(`[data-focus="${focused}"]`)?.focus({ preventScroll: true });
  }
}
