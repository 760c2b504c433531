//! The tour of the view that is shown: its steps, which of them are done, and the way to the next. It stays until it is done or
//! dismissed, whatever else happens; which tours were dismissed is remembered in this browser, how far one is in this tab.

import { h, button } from '../dom.js';
import { TOURS } from '../tours.js';
import { Notices } from './notices.js';

const DISMISSED_KEY = 'fleetwire.console.tours-dismissed';
const PROGRESS_KEY = 'fleetwire.console.tours';
/** Entries of the log that a step is looked for in: those since the one before it was done. */
const HAPPENED_MAX = 200;

export class TourPanel {
  #ctx;
  #notices = new Notices('tour-problems');
  /** Steps done, by view. */
  #progress = JSON.parse(sessionStorage.getItem(PROGRESS_KEY) ?? '{}');
  #dismissed = new Set(JSON.parse(localStorage.getItem(DISMISSED_KEY) ?? '[]'));
  #happened = [];
  #signals = new Set();

  /** `ctx` is `{accounts, activity, signals, views, demo}`. */
  constructor(ctx) {
    this.#ctx = ctx;
    this.#build();
    ctx.activity.addEventListener('entry', ({ detail }) => this.#hear(detail));
    ctx.signals.addEventListener('trace-opened', () => { this.#signals.add('trace-opened'); this.#look(); });
    ctx.accounts.addEventListener('change', () => this.#look());
    ctx.views.addEventListener('change', () => this.#begin());
    this.#begin();
  }

  get #id() {
    return this.#ctx.views.current.id;
  }

  get #tour() {
    return TOURS[this.#id] ?? null;
  }

  get #at() {
    return this.#progress[this.#id] ?? 0;
  }

  #build() {
    this.title = h('h2', { id: 'tour-title' });
    this.count = h('span', { class: 'muted', role: 'status', data: { testid: 'tour-count' } });
    this.all = h('button', { type: 'button', class: 'quiet narrow-only', 'aria-expanded': 'false', on: { click: () => this.#showAll() } }, 'All steps');
    const dismiss = button('Dismiss', { testid: 'tour-dismiss', class: 'quiet', title: 'Hide the tour; “Tour” next to the views brings it back', action: () => this.#dismiss() });
    this.steps = h('ol', { class: 'steps' });
    this.next = button('Show me', { testid: 'tour-next', class: 'primary', action: () => this.#next() });
    this.element = h('section', { class: 'panel tour', id: 'tour', 'aria-labelledby': 'tour-title' },
      h('div', { class: 'panel-head' }, this.title, this.count, this.all, dismiss),
      h('div', { class: 'tour-body' }, this.steps, h('div', { class: 'row' }, this.next)), this.#notices.element);
    this.again = button('Tour', { testid: 'tour-again', class: 'quiet', title: 'The tour of this view, from its beginning', action: () => this.#again() });
  }

  #begin() {
    this.#happened = [];
    this.#signals.clear();
    this.#look();
  }

  #hear(entry) {
    this.#happened.push(entry);
    if (this.#happened.length > HAPPENED_MAX) this.#happened.shift();
    // A panel has heard of it, too, before this looks at it.
    queueMicrotask(() => this.#look());
  }

  #look() {
    const tour = this.#tour;
    const world = { accounts: this.#ctx.accounts, scenario: this.#ctx.views.current.scenario, happened: this.#happened, signals: this.#signals };
    while (tour && this.#at < tour.steps.length && tour.steps[this.#at].done(world)) {
      this.#progress[this.#id] = this.#at + 1;
      // What brought a step about is not what brings the next about; several steps may be true by now all the same.
      this.#happened.length = 0;
      this.#signals.clear();
    }
    sessionStorage.setItem(PROGRESS_KEY, JSON.stringify(this.#progress));
    this.#draw();
  }

  #draw() {
    const tour = this.#tour;
    const isOver = tour && this.#at >= tour.steps.length;
    this.element.hidden = !tour || this.#dismissed.has(this.#id);
    this.again.hidden = !tour || !this.element.hidden;
    if (!tour) return;
    this.element.dataset.step = this.#at;
    this.title.textContent = isOver ? 'Done' : tour.promise;
    this.count.textContent = isOver ? '' : `step ${this.#at + 1} of ${tour.steps.length}`;
    this.steps.replaceChildren(...tour.steps.map(({ text }, index) => this.#step(text, index)),
      ...isOver ? [h('li', { class: 'end', 'aria-current': 'step' }, tour.end)] : []);
    this.next.textContent = isOver ? this.#nextView() : tour.steps[this.#at].act?.label ?? 'Show me';
  }

  #step(text, index) {
    const state = index < this.#at ? 'done' : index === this.#at ? 'now' : 'ahead';
    const sign = state === 'done' ? h('span', { class: 'sign', role: 'img', 'aria-label': 'done:' }, '✓') : h('span', { class: 'sign' }, String(index + 1));
    return h('li', { class: state, 'aria-current': state === 'now' ? 'step' : null, data: { testid: 'tour-step', state } }, sign, h('span', {}, text));
  }

  #following() {
    const ids = Object.keys(TOURS);
    return ids.slice(ids.indexOf(this.#id) + 1).find((id) => !this.#dismissed.has(id) && (this.#progress[id] ?? 0) < TOURS[id].steps.length) ?? null;
  }

  #nextView() {
    return this.#following() ? `Next: ${this.#ctx.views.label(this.#following())}` : 'Close';
  }

  async #next() {
    const step = this.#tour.steps[this.#at];
    if (!step) {
      const following = this.#following();
      this.#dismiss();
      if (following) this.#ctx.views.show(following);
    } else if (step.act) {
      await this.#notices.attempt(step.act.label, () => this.#logIn(step.act.restores));
    } else {
      await this.#notices.attempt('Show me', () => this.#show(step));
    }
  }

  /** Logs in whom the view needs; a tour that needs free drivers begins with them where they belong. */
  async #logIn(restores) {
    const { accounts, demo, views } = this.#ctx;
    const missing = views.current.scenario.filter((username) => accounts.isDemo(username) && !accounts.get(username));
    if (accounts.demo.length === 0) {
      document.querySelector('[data-testid=login-other]').focus();
      throw new Error('This server offers no demo accounts here. Log in with accounts of your own, top right.');
    }
    // The operator first: the step is done with the last one, and the demo has to be as it was by then.
    const [operator, others] = [missing.filter((username) => username === 'admin'), missing.filter((username) => username !== 'admin')];
    await Promise.all(operator.map((username) => accounts.loginDemo(username)));
    if (restores && demo.canRestore) await demo.restore();
    await Promise.all(others.map((username) => accounts.loginDemo(username)));
  }

  #show({ target }) {
    const control = target();
    if (!control) throw new Error('This step needs something that is not there yet: look at the steps before it.');
    control.scrollIntoView({ block: 'center' });
    control.focus({ preventScroll: true, focusVisible: true });
  }

  #showAll() {
    const isAll = this.element.toggleAttribute('data-all');
    this.all.setAttribute('aria-expanded', String(isAll));
    this.all.textContent = isAll ? 'This step' : 'All steps';
  }

  #dismiss() {
    this.#dismissed.add(this.#id);
    this.#remember();
    this.again.focus();
  }

  #again() {
    this.#dismissed.delete(this.#id);
    this.#progress[this.#id] = 0;
    this.#happened.length = 0;
    this.#remember();
    this.#look();
    this.next.focus();
  }

  #remember() {
    localStorage.setItem(DISMISSED_KEY, JSON.stringify([...this.#dismissed]));
    this.#draw();
  }
}
