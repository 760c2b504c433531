//! The button that lets simulated drivers and riders move about on a development server, so that the map lives, and that ends it. It
//! says what is there: nobody, so many drivers until some time, or people who are leaving.

import { button } from '../dom.js';
import { Feed } from '../feed.js';

const REFRESH_INTERVAL_MS = 3000;

export class TrafficButton {
  #demo;
  #signals;
  #traffic = null;

  /** `attempt(what, action)` shows what fails. */
  constructor({ demo, signals, accounts, attempt }) {
    this.#demo = demo;
    this.#signals = signals;
    this.element = button('', { testid: 'traffic', class: 'quiet', action: () => attempt('Simulated traffic', () => this.#press()) });
    this.element.hidden = true;
    this.feed = new Feed({
      load: () => demo.traffic(),
      show: (traffic) => this.#show(traffic),
      // A dispatcher or a viewer may not ask.
      fail: () => this.#show(null),
      intervalMs: REFRESH_INTERVAL_MS,
    });
    this.feed.isWanted = () => demo.canRestore;
    accounts.addEventListener('change', () => this.feed.refresh());
    this.feed.refresh();
  }

  async #press() {
    this.#show(await (this.#traffic?.running ? this.#demo.endTraffic() : this.#demo.beginTraffic()));
    this.#signals.dispatchEvent(new Event('drivers'));
  }

  #show(traffic) {
    this.#traffic = traffic;
    this.element.hidden = traffic === null || !this.#demo.canRestore;
    if (traffic === null) return;
    const { running, ending, drivers, until } = traffic;
    this.element.dataset.state = ending ? 'ending' : running ? 'running' : 'none';
    this.element.disabled = ending;
    this.element.textContent = ending ? 'Traffic is ending …' : running ? `End traffic (${drivers} drivers)` : 'Begin traffic';
    this.element.title = running
      ? `Simulated drivers and riders are about until ${new Date(until).toLocaleTimeString()}`
      : 'Simulated drivers and riders move about for some minutes, and take orders and rides';
  }
}
