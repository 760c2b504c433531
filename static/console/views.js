//! The console's views, one for each family of apps: which panels are in the operator's and the apps' columns. The log
//! is always there. What is shown is in the address, so that a reload keeps it. A panel that is not shown asks the server
//! for nothing by itself.

import { h } from './dom.js';

/** `scenario` are the demo accounts that a walk through the view needs; what to try first is in `tours.js`. */
export const VIEWS = [
  { id: 'deliveries', label: 'Deliveries', scenario: ['admin', 'driver123'] },
  { id: 'hailing', label: 'Ride hailing', scenario: ['admin', 'passenger1', 'driver1'] },
  { id: 'matching', label: 'Ride matching', scenario: ['admin', 'driver1'] },
  { id: 'bookings', label: 'Bookings', scenario: ['admin', 'customer123', 'driver2'] },
  { id: 'push', label: 'Push', scenario: ['admin', 'customer123'] },
  { id: 'tester', label: 'Tester', scenario: ['admin', 'driver123'] },
  { id: 'phone', label: 'Connect your phone', scenario: ['admin', 'driver123'] },
];

/** Emits `change`. */
export class Views extends EventTarget {
  #panels = [];
  #tabs;

  constructor(nav) {
    super();
    this.#tabs = VIEWS.map(({ id, label }) => h('a', { href: `./#${id}`, class: 'view', data: { testid: `view-${id}` } }, label));
    nav.append(...this.#tabs);
    addEventListener('hashchange', () => this.#show());
  }

  get current() {
    return VIEWS.find(({ id }) => `#${id}` === location.hash) ?? VIEWS[0];
  }

  label(id) {
    return VIEWS.find((view) => view.id === id).label;
  }

  /** Goes to another view, as a click on it does. */
  show(id) {
    location.hash = `#${id}`;
  }

  /** Puts panels into a column, each with the views that it belongs to: `[[panel, 'hailing', 'matching'], …]`. */
  fill(column, panels) {
    for (const [panel, ...ids] of panels) {
      this.#panels.push({ panel, ids });
      if (panel.feed) panel.feed.isWanted = () => !panel.element.hidden;
      column.append(panel.element);
    }
    this.#show();
  }

  #show() {
    const { id } = this.current;
    for (const tab of this.#tabs) {
      const isCurrent = tab.hash === `#${id}`;
      if (isCurrent) tab.setAttribute('aria-current', 'page');
      else tab.removeAttribute('aria-current');
      if (isCurrent) tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
    for (const { panel, ids } of this.#panels) {
      const wasHidden = panel.element.hidden;
      panel.element.hidden = !ids.includes(id);
      if (wasHidden && !panel.element.hidden) panel.feed?.refresh();
    }
    this.dispatchEvent(new Event('change'));
  }
}
