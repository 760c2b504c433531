//! Whether a driver can be offered rides now, on their own panel and in words, so that a ride that nobody gets is no riddle. Only an
//! operator may ask, so it wants one to be logged in.

import { h, button } from '../dom.js';
import { Feed } from '../feed.js';

const REFRESH_INTERVAL_MS = 3000;
/** Reasons that a position sent now does away with. */
const OLD = new Set(['position_too_old', 'no_position']);

export class Readiness {
  #ctx;
  #driverId = null;
  #drawn = '';

  /** `sendPosition` sends where the driver is, `attempt(what, action)` shows what fails; `isWanted` says whether anybody looks. */
  constructor({ ctx, sendPosition, attempt, isWanted }) {
    this.#ctx = ctx;
    this.says = h('div', { class: 'whole', role: 'status' });
    this.send = button('Send position', { testid: 'send-position', class: 'quiet', title: 'Where the driver was last, as new', action: () => attempt('Position', sendPosition) });
    this.restore = button('Restore the demo', {
      testid: 'restore-demo', class: 'quiet', title: 'Demo drivers back to where they were, verified and online; what they hold is ended',
      action: () => attempt('Restore the demo', () => ctx.demo.restore()),
    });
    this.why = button('Why', { testid: 'driver-why', class: 'quiet', title: 'Each condition, and the last searches', action: () => ctx.insight.showWhy(this.#driverId) });
    this.element = h('div', { class: 'readiness', data: { testid: 'readiness' } }, this.says, h('div', { class: 'row' }, this.send, this.restore, this.why));
    this.feed = new Feed({ load: () => this.#load(), show: (why) => this.#show(why), fail: () => this.#show(null), intervalMs: REFRESH_INTERVAL_MS });
    this.feed.isWanted = () => isWanted() && this.#driverId !== null;
    ctx.signals.addEventListener('drivers', () => this.feed.hint());
    ctx.accounts.addEventListener('change', () => this.feed.hint());
    this.#show(null);
  }

  /** `driverId` is null where there is no driver. */
  use(driverId) {
    if (driverId === this.#driverId) return;
    this.#driverId = driverId;
    this.#show(null);
    this.feed.hint();
  }

  async #load() {
    const { operator } = this.#ctx.accounts;
    return operator ? operator.client.get(`/api/v1/admin/drivers/${this.#driverId}/why`, { quiet: true }) : null;
  }

  #show(why) {
    // Another driver was chosen while this one's answer was on its way.
    if (why && why.driver_id !== this.#driverId) return;
    const isHolding = (why?.jobs.length ?? 0) > 0;
    this.element.hidden = !why || isHolding;
    const drawn = JSON.stringify([why?.driver_id, why?.can_be_offered_rides, why?.reasons, why?.position_not_believed, this.#ctx.demo.canRestore]);
    if (!why || drawn === this.#drawn) return;
    this.#drawn = drawn;
    const reasons = why.can_be_offered_rides ? [] : why.reasons;
    const doubt = why.position_not_believed;
    this.element.dataset.ready = String(why.can_be_offered_rides);
    this.says.replaceChildren(...why.can_be_offered_rides ? [h('strong', {}, '✓ Can be offered rides.')] : [h('strong', {}, '✗ Is offered no rides:')],
      ...reasons.flatMap(({ code, message }) => [' ', h('span', { data: { code } }, message)]),
      ...doubt && !reasons.some(({ message }) => message === doubt.message) ? [' ', h('span', { data: { code: doubt.code } }, doubt.message)] : []);
    this.send.hidden = !reasons.some(({ code }) => OLD.has(code));
    this.restore.hidden = why.can_be_offered_rides || !this.#ctx.demo.canRestore;
  }
}
