//! The log: every frame, socket and REST call in order, each with its JSON and its tools on a click. Follows the newest while it is
//! scrolled to the end, and stays where it is while somebody reads further up. It can be searched, narrowed, held and exported.

import { h, button, fillSelect, panel } from '../dom.js';
import { ENTRIES_MAX } from '../activity.js';
import { KINDS, matches } from '../log-filter.js';
import { renderEntry } from './entry.js';
import { Notices } from './notices.js';

/** How near the end still counts as at the end, in CSS pixels: a line. */
const FOLLOW_WITHIN_PX = 32;

export class LogPanel {
  #ctx;
  #activity;
  #notices = new Notices('log-problems');
  #filter = { kind: 'all', text: '', source: '', type: '', positions: true };
  /** What is drawn, by element. */
  #entries = new Map();
  /** What came while the log was held; null while it is not. */
  #held = null;
  #sources = new Set();
  #types = new Set();

  /** `ctx` is `{activity, sockets, saved}`. */
  constructor(ctx) {
    this.#ctx = ctx;
    this.#activity = ctx.activity;
    this.#build();
    this.#activity.addEventListener('entry', ({ detail }) => this.#hear(detail));
    this.#activity.addEventListener('clear', () => this.#emptied());
    for (const entry of this.#activity.entries) this.#append(entry);
  }

  #build() {
    this.list = h('ol', { class: 'log', id: 'log', tabindex: '0', 'aria-label': 'Log entries' });
    this.count = h('span', { class: 'muted', role: 'status', data: { testid: 'log-count' } });
    this.pause = button('Pause', { testid: 'log-pause', class: 'quiet', 'aria-pressed': 'false', action: () => this.#pause() });
    const exported = button('Export', { testid: 'log-export', class: 'quiet', title: 'The entries that are shown, as JSON lines', action: () => this.#export() });
    const clear = button('Clear', { testid: 'log-clear', class: 'quiet', action: () => this.#activity.clear() });
    this.element = panel('Log', { id: 'log-panel', tools: [this.count, this.pause, exported, clear] },
      h('div', { class: 'log-filter' }, this.#kinds(), this.#narrow()), this.#notices.element, this.list);
  }

  #kinds() {
    const toggle = (testid, label, isPressed, click) => h('button', {
      type: 'button', class: 'quiet', data: { testid }, 'aria-pressed': String(isPressed), on: { click },
    }, label);
    this.kinds = h('span', { class: 'row', role: 'group', 'aria-label': 'Show' }, KINDS.map(({ id, label }) => toggle(`log-${id}`, label, id === 'all', ({ currentTarget }) => {
      for (const other of this.kinds.children) other.setAttribute('aria-pressed', String(other === currentTarget));
      this.#narrowTo({ kind: id });
    })));
    const positions = toggle('log-no-positions', 'No positions', false, ({ currentTarget }) => {
      const hides = currentTarget.getAttribute('aria-pressed') !== 'true';
      currentTarget.setAttribute('aria-pressed', String(hides));
      this.#narrowTo({ positions: !hides });
    });
    return h('div', { class: 'row' }, this.kinds, h('span', { class: 'push' }, positions));
  }

  #narrow() {
    const search = h('input', {
      id: 'log-search', type: 'search', placeholder: 'Search', 'aria-label': 'Search in the log', autocomplete: 'off', spellcheck: 'false',
      on: { input: () => this.#narrowTo({ text: search.value.trim() }) },
    });
    this.source = h('select', { id: 'log-source', 'aria-label': 'Only from', on: { change: () => this.#narrowTo({ source: this.source.value }) } });
    this.type = h('select', { id: 'log-type', 'aria-label': 'Only of type', on: { change: () => this.#narrowTo({ type: this.type.value }) } });
    this.#offerChoices();
    return h('div', { class: 'row' }, h('span', { class: 'grow' }, search), this.source, this.type);
  }

  #offerChoices() {
    const choices = (all, set) => [{ value: '', label: all }, ...[...set].sort().map((value) => ({ value, label: value }))];
    fillSelect(this.source, choices('all sources', this.#sources));
    fillSelect(this.type, choices('all types', this.#types));
  }

  #narrowTo(change) {
    Object.assign(this.#filter, change);
    for (const [element, entry] of this.#entries) element.hidden = !matches(entry, this.#filter);
    this.#say();
    this.list.scrollTop = this.list.scrollHeight;
  }

  #pause() {
    if (this.#held === null) {
      this.#held = [];
    } else {
      const held = this.#held;
      this.#held = null;
      for (const entry of held) this.#append(entry);
    }
    this.pause.setAttribute('aria-pressed', String(this.#held !== null));
    this.#say();
  }

  #hear(entry) {
    if (this.#held === null) {
      this.#append(entry);
      return;
    }
    this.#held.push(entry);
    if (this.#held.length > ENTRIES_MAX) this.#held.shift();
    this.#say();
  }

  #append(entry) {
    const follow = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < FOLLOW_WITHIN_PX;
    const element = renderEntry(entry, { ...this.#ctx, attempt: (what, action) => this.#notices.attempt(what, action) });
    element.hidden = !matches(entry, this.#filter);
    this.#entries.set(element, entry);
    this.list.append(element);
    while (this.list.children.length > ENTRIES_MAX) {
      this.#entries.delete(this.list.firstElementChild);
      this.list.firstElementChild.remove();
    }
    const known = this.#sources.size + this.#types.size;
    this.#sources.add(entry.source);
    this.#types.add(entry.type);
    if (this.#sources.size + this.#types.size > known) this.#offerChoices();
    this.#say();
    if (follow) this.list.scrollTop = this.list.scrollHeight;
  }

  #emptied() {
    this.list.replaceChildren();
    this.#entries.clear();
    if (this.#held !== null) this.#held = [];
    this.#notices.clear();
    this.#say();
  }

  #say() {
    const shown = [...this.#entries.keys()].filter(({ hidden }) => !hidden).length;
    const all = this.#entries.size;
    this.count.textContent = shown === all ? '' : `${shown} of ${all}`;
    this.pause.textContent = this.#held === null ? 'Pause' : `Resume${this.#held.length > 0 ? ` (${this.#held.length})` : ''}`;
  }

  #export() {
    const shown = [...this.#entries].filter(([{ hidden }]) => !hidden).map(([, entry]) => entry);
    const url = URL.createObjectURL(new Blob([`${this.#activity.lines(shown)}\n`], { type: 'application/x-ndjson' }));
    const link = h('a', { href: url, download: `fleetwire-log-${new Date().toISOString().replace(/[:.]/g, '-')}.jsonl` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 0);
  }
}
