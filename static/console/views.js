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
  {
    id: 'hailing', label: 'Ride hailing', scenario: ['admin', 'passenger1', 'driver1'], promise: 'A ride, from both sides',
    tour: [
      'Log in an operator, a passenger and a driver (top right), and connect the two.',
      'Request a ride. In mode auto the nearest driver has it at once; in mode offer they accept it.',
      'The passenger joins the room, the driver drives to the pickup: positions arrive, and leave a trail on the map.',
      'Arrive, start, drive to the dropoff, complete. The passenger hears each step, and rates the ride.',
    ],
  },
  {
    id: 'matching', label: 'Ride matching', scenario: ['admin', 'driver1'], promise: 'One socket, one ride, no account',
    tour: [
      'Connect the matching app: its ride id is its own, its ride_key comes with the greeting.',
      'Send find_driver: searching, then driver_assigned, or no_drivers.',
      'Cut the connection and reconnect: the state of the ride comes again.',
      'Send cancel_ride, or drive the ride as driver1 below.',
    ],
  },
  {
    id: 'bookings', label: 'Bookings', scenario: ['admin', 'customer123', 'driver2'], promise: 'Who comes, and when they are there',
    tour: [
      'Log in an operator, a customer and a technician (top right), and connect the two.',
      'Open “New booking”, book, and assign the technician: both hear booking_updated.',
      'Move it on as the technician or the operator; assign another technician, and the first hears that it is theirs no more.',
    ],
  },
  {
    id: 'push', label: 'Push', scenario: ['admin', 'customer123'], promise: 'Who is not there hears of it, once',
    tour: [
      'Log in an operator and a customer (top right).',
      'Register a device, and send to it. Without credentials of the services the history says what would have been sent.',
      'Opt out of a type, or set quiet hours, and send again.',
      'Under Bookings, move a booking of the customer’s on while their socket is closed: it is pushed. While it is open, it is not.',
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
