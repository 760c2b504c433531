//! The console's views, one for each family of apps: which panels stand in the operator's and the apps' columns. The log
//! is always there. What is shown is in the address, so that a reload keeps it. A panel that is not shown asks the server
//! for nothing by itself.

import { h } from './dom.js';

/** `scenario` are the demo accounts that a walk through the view needs, `tour` is what to try first. */
export const VIEWS = [
  {
    id: 'deliveries', label: 'Deliveries', scenario: ['admin', 'driver123'], promise: 'Nothing is lost: see it',
    tour: [
      'Log in an operator and a driver (top right).',
      'Connect the driver. The greeting appears here, and each frame after it.',
      'Open “New order”, create it, assign it: order_assigned arrives with its event id.',
      'Cut the connection, then cancel the order.',
      'Reconnect: order_cancelled is replayed, though nobody was there to hear it.',
    ],
  },
];

/** Emits `change`. */
export class Views extends EventTarget {
  #panels = [];
  #tabs;

  constructor(nav) {
    super();
    this.#tabs = VIEWS.map(({ id, label }) => h('a', { href: `#${id}`, class: 'view', data: { testid: `view-${id}` } }, label));
    nav.append(...this.#tabs);
    addEventListener('hashchange', () => this.#show());
  }

  get current() {
    return VIEWS.find(({ id }) => `#${id}` === location.hash) ?? VIEWS[0];
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
    for (const tab of this.#tabs) tab.toggleAttribute('aria-current', tab.hash === `#${id}`);
    for (const { panel, ids } of this.#panels) {
      const wasHidden = panel.element.hidden;
      panel.element.hidden = !ids.includes(id);
      if (wasHidden && !panel.element.hidden) panel.feed?.refresh();
    }
    this.dispatchEvent(new Event('change'));
  }
}
