//! The operator's rides: everybody's, newest first, and what an operator does with one: enters its room to watch, asks why
//! its driver, cancels it.

import { h, button, field, fillSelect, panel, redraw, status } from '../dom.js';
import { money, shortId } from '../format.js';
import { Feed } from '../feed.js';
import { rideHailing } from '../contracts/ride-hailing.js';
import { Notices } from './notices.js';

const REFRESH_INTERVAL_MS = 4000;
const RIDES_MAX = 50;

export class OperatorRides {
  #accounts;
  #signals;
  #sockets;
  #insight;
  #drawn = '';
  #notices = new Notices('operator-ride-problems');
  #rides = [];
  /** As it was when it was selected: the matching app's ids name one ride after another, job numbers do not. */
  #selected = null;

  constructor({ accounts, signals, sockets, insight }) {
    this.#accounts = accounts;
    this.#insight = insight;
    this.#signals = signals;
    this.#sockets = sockets;
    this.#build();
    this.feed = new Feed({
      load: () => this.#load(),
      show: (rides) => this.#show(rides),
      fail: (problem) => this.#notices.showView(problem, 'Rides'),
      intervalMs: REFRESH_INTERVAL_MS,
    });
    signals.addEventListener('rides', () => this.feed.hint());
    accounts.addEventListener('change', () => this.feed.hint());
  }

  #build() {
    this.filter = h('select', { id: 'rides-status', 'aria-label': 'Status' });
    fillSelect(this.filter, [{ value: '', label: 'all statuses' }, ...rideHailing.statuses.map((word) => ({ value: word, label: word }))]);
    this.filter.addEventListener('change', () => this.feed.refresh());
    const refresh = button('Refresh', { testid: 'rides-refresh', class: 'quiet', action: () => this.feed.refresh() });
    this.rows = h('tbody', { id: 'rides' });
    this.empty = h('p', { class: 'empty' });
    const heads = ['ride', 'status', 'type', 'driver', 'fare'];
    this.element = panel('Rides', { id: 'operator-rides', tools: [this.filter, refresh] },
      h('div', { class: 'scroll grow', tabindex: '0', 'aria-label': 'Rides, scrollable' },
        h('table', { 'aria-label': 'Rides' },
          h('thead', {}, h('tr', {}, heads.map((name) => h('th', { scope: 'col' }, name)))), this.rows), this.empty),
      this.#notices.element, this.#buildActions());
  }

  #buildActions() {
    this.title = h('h3', { id: 'ride-selected', class: 'whole' });
    this.reason = h('input', { id: 'ride-reason', value: 'Cancelled by the operator', maxlength: '200' });
    this.watch = button('Watch', {
      testid: 'ride-watch', title: 'Enter the ride’s room with the operator’s own hailing socket', action: () => this.#watch(),
    });
    const trace = button('Trace', {
      testid: 'ride-trace', title: 'Who it was offered to, what became of it, and who heard of it when', action: () => this.#insight.showTrace(this.#selected.job_id),
    });
    this.cancel = button('Cancel ride', { testid: 'operator-ride-cancel', class: 'danger', action: () => this.#cancel() });
    this.actions = h('fieldset', { class: 'actions', id: 'ride-actions' }, this.title,
      h('div', { class: 'row' }, this.watch, trace),
      h('div', { class: 'row' }, field('reason', this.reason, { class: 'grow' }), this.cancel));
    return this.actions;
  }

  async #load() {
    const operator = this.#accounts.operator;
    if (!operator) return null;
    const query = new URLSearchParams({ limit: RIDES_MAX });
    if (this.filter.value) query.set('status', this.filter.value);
    return (await operator.client.get(`/api/v1/admin/rides?${query}`, { quiet: true })).items;
  }

  #show(rides) {
    this.#notices.showView(null);
    this.#rides = rides ?? [];
    this.empty.textContent = rides === null ? 'Log in as an operator (admin) to see rides.' : rides.length === 0 ? 'No rides here.' : '';
    const drawn = JSON.stringify(rides);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      redraw(this.rows, this.#rides.map((ride) => this.#row(ride)));
    }
    this.#drawSelected();
  }

  #row(ride) {
    const row = h('tr', { data: { testid: 'ride', rideId: ride.ride_id, jobId: ride.job_id, status: ride.status } },
      h('td', { class: 'whole', title: ride.ride_id }, h('button', { type: 'button', class: 'link', data: { testid: 'ride-select' } }, shortId(ride.ride_id))),
      h('td', {}, status(ride.status)),
      h('td', { class: 'whole' }, ride.ride_type),
      h('td', { class: 'whole' }, ride.driver?.driver_name ?? '–'),
      h('td', { class: 'number' }, money(ride.final_fare ?? ride.estimated_fare, ride.currency)));
    row.addEventListener('click', () => {
      this.#selected = ride;
      this.#drawSelected();
    });
    return row;
  }

  #drawSelected() {
    const job = this.#selected?.job_id;
    const ride = this.#rides.find(({ job_id: id }) => id === job);
    for (const row of this.rows.children) row.setAttribute('aria-selected', String(row.dataset.jobId === String(job)));
    this.title.textContent = this.#selected ? `Ride ${this.#selected.ride_id}${ride ? ` · ${ride.status}` : ''}` : 'Select a ride';
    // Both go by the ride's id, which may be another's by now.
    const isOver = Boolean(ride) && !rideHailing.open.includes(ride.status);
    for (const action of [this.watch, this.cancel]) action.hidden = isOver;
    this.actions.disabled = !this.#selected || !this.#accounts.operator;
  }

  #watch() {
    const rideId = this.#selected.ride_id;
    return this.#notices.attempt(`Watch ${shortId(rideId)}`, async () => {
      const socket = this.#sockets.hailing(this.#requireOperator().username);
      if (socket.canConnect) await socket.connect();
      await opened(socket);
      socket.send(JSON.stringify({ type: 'join_ride', ride_id: rideId }));
    });
  }

  async #cancel() {
    const rideId = this.#selected.ride_id;
    await this.#notices.attempt(`Cancel ${shortId(rideId)}`, () =>
      this.#requireOperator().client.post(`/api/v1/rides/${rideId}/cancel`, { reason: this.reason.value }));
    for (const signal of ['rides', 'drivers']) this.#signals.dispatchEvent(new Event(signal));
    await this.feed.refresh();
  }

  #requireOperator() {
    const operator = this.#accounts.operator;
    if (!operator) throw new Error('Log in as an operator (admin) first.');
    return operator;
  }
}

/** Resolves when the socket is open, rejects when it has closed instead. */
function opened(socket) {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (socket.state === 'open') resolve();
      else if (socket.state === 'closed') reject(new Error(`the socket closed: ${socket.lastClose?.meaning ?? 'no reason'}`));
      else return;
      socket.removeEventListener('change', look);
    };
    socket.addEventListener('change', look);
    look();
  });
}
