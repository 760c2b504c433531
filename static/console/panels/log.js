//! The log: every frame, socket and REST call in order, with its JSON on a click. Follows the newest while it is
//! scrolled to the end, and stays where it is while somebody reads further up.

import { h, button, panel } from '../dom.js';
import { clockTime, prettyJson } from '../format.js';
import { ENTRIES_MAX } from '../activity.js';

const SIGNS = {
  in: { sign: '↓', label: 'received' },
  out: { sign: '↑', label: 'sent' },
  rest: { sign: '⇄', label: 'REST' },
  socket: { sign: '◆', label: 'socket' },
};

/** What each filter lets through. */
const FILTERS = [
  { id: 'all', label: 'All' },
  { id: 'frames', label: 'Frames' },
  { id: 'rest', label: 'REST' },
  { id: 'problems', label: 'Problems' },
];

/** How near the end still counts as at the end, in CSS pixels: a line. */
const FOLLOW_WITHIN_PX = 32;

export class LogPanel {
  #activity;

  constructor({ activity, views }) {
    this.#activity = activity;
    this.#build();
    views.addEventListener('change', () => this.#drawTour(views.current));
    this.#drawTour(views.current);
    activity.addEventListener('entry', ({ detail }) => this.#append(detail));
    activity.addEventListener('clear', () => { this.list.replaceChildren(); this.tour.hidden = false; });
    for (const entry of activity.entries) this.#append(entry);
  }

  #build() {
    this.list = h('ol', { class: 'log', id: 'log', data: { filter: 'all' }, tabindex: '0', 'aria-label': 'Log entries' });
    const filters = h('span', { class: 'row', role: 'group', 'aria-label': 'Show' }, FILTERS.map(({ id, label }) => h('button', {
      type: 'button', class: 'quiet', data: { testid: `log-${id}` }, 'aria-pressed': String(id === 'all'),
      on: { click: (event) => this.#filter(id, event.currentTarget) },
    }, label)));
    const clear = button('Clear', { testid: 'log-clear', class: 'quiet', action: () => this.#activity.clear() });
    this.tour = h('section', { class: 'tour', 'aria-label': 'What to try first' });
    this.element = panel('Log', { id: 'log-panel', tools: [filters, clear] }, this.tour, this.list);
  }

  /** Of the view that is shown, while the log is empty. */
  #drawTour({ promise, tour }) {
    this.tour.replaceChildren(h('h3', {}, promise), h('ol', {}, tour.map((step) => h('li', {}, step))));
  }

  #filter(id, pressed) {
    this.list.dataset.filter = id;
    for (const other of pressed.parentElement.children) other.setAttribute('aria-pressed', String(other === pressed));
    this.list.scrollTop = this.list.scrollHeight;
  }

  #append(entry) {
    const follow = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < FOLLOW_WITHIN_PX;
    this.tour.hidden = true;
    this.list.append(render(entry));
    while (this.list.children.length > ENTRIES_MAX) this.list.firstElementChild.remove();
    if (follow) this.list.scrollTop = this.list.scrollHeight;
  }
}

function render(entry) {
  const head = [
    h('time', { datetime: entry.at.toISOString() }, clockTime(entry.at)),
    h('span', { class: 'sign', role: 'img', 'aria-label': SIGNS[entry.kind].label }, SIGNS[entry.kind].sign),
    h('span', { class: 'source' }, entry.source),
    h('span', { class: 'type', title: entry.hint ?? null }, entry.type),
    Number.isInteger(entry.eventId) && h('span', { class: 'badge event', title: 'event id', data: { testid: 'event-id' } }, `#${entry.eventId}`),
    entry.replayed && h('span', { class: 'badge replayed' }, 'replayed'),
    h('span', { class: 'summary' }, entry.summary ?? ''),
  ];
  const line = entry.detail === undefined ? h('div', { class: 'line' }, head) : expandable(entry, head);
  const data = { testid: 'entry', seq: entry.seq, kind: entry.kind, type: entry.type };
  if (entry.replayed) data.replayed = 'true';
  if (Number.isInteger(entry.eventId)) data.eventId = entry.eventId;
  return h('li', { class: `entry k-${entry.kind} ${entry.tone ?? ''}`.trim(), data }, line);
}

/** The JSON is rendered when it is first asked for: most of it never is. */
function expandable(entry, head) {
  const details = h('details', {}, h('summary', { class: 'line' }, head));
  details.addEventListener('toggle', () => {
    if (!details.querySelector('pre')) details.append(h('pre', { tabindex: '0' }, prettyJson(entry.detail)));
  }, { once: true });
  return details;
}
