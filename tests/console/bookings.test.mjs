//! Bookings in the console: booked by an operator and by a customer, given to technicians, moved on from both sides, heard over
//! the sockets. Against a running server (`FLEETWIRE_URL`, development profile).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openConsole, requireServer } from './page.mjs';

/** Tells this run's bookings from those of other runs against the same database. */
const RUN = `Test ${Date.now().toString(36)}`;

let console_;
let customer;
let technician;

before(async () => {
  await requireServer();
  console_ = await openConsole();
  customer = console_.panel('customer-panel');
  technician = console_.panel('technician-panel');
});

after(async () => { await console_?.close(); });

const row = (id, status) => console_.page.locator(`#bookings tr[data-booking-id="${id}"]${status ? `[data-status=${status}]` : ''}`);
const cardOf = (panel, kind, id) => panel.locator.locator(`[data-testid=${kind}-booking][data-booking-id="${id}"]`);

/** Everybody's next message about a booking, and what it says. */
async function heard(who, action) {
  const entries = console_.entries({ kind: 'in', type: 'booking_updated' }).filter({ hasText: who });
  const before = await entries.count();
  await action();
  await entries.nth(before).waitFor({ state: 'attached' });
  return (await console_.messageOf(entries.nth(before))).data;
}

async function book(service) {
  await console_.click('new-booking');
  await console_.page.fill('#new-booking-service', service);
  await console_.click('create-booking');
  const made = console_.page.locator('#bookings tr', { hasText: service });
  await made.waitFor();
  return Number(await made.getAttribute('data-booking-id'));
}

async function assignTo(driverId) {
  await console_.page.selectOption('#booking-technician', String(driverId));
  await console_.click('booking-assign');
}

test('an operator, a customer and a technician log in, and the two connect', async () => {
  await console_.view('bookings');
  await console_.shot('bookings-start');
  await console_.click('login-scenario');
  await console_.page.locator('#drivers tr[data-driver-id="2"]').waitFor();
  assert.equal((await customer.connect()).data.is_driver, false);
  assert.equal((await technician.connect()).data.is_driver, true);
  await endOpenBookings();
});

/** Whatever an earlier run left with the technician. */
async function endOpenBookings() {
  const open = technician.locator.locator('.card', { has: console_.page.getByTestId('own-booking-cancel') });
  await technician.locator.locator('.card, .empty').first().waitFor();
  while (await open.count() > 0) {
    const left = await open.count();
    await open.first().getByTestId('own-booking-cancel').click();
    await console_.page.waitForFunction((count) =>
      document.querySelectorAll('#technician-panel [data-testid=own-booking-cancel]').length < count, left);
  }
}

test('a booking is made and given to a technician, and both hear of it', async () => {
  const id = await book(`${RUN} first`);
  await row(id, 'Pending').waitFor();
  const told = await heard('customer123', () => assignTo(2));
  assert.deepEqual(told, { booking_id: id, track_id: `BID${id}`, status: 'Assigned', technician_name: 'Jane Smith' });
  await row(id, 'Assigned').waitFor();
  await cardOf(technician, 'technician', id).waitFor();
  await cardOf(customer, 'customer', id).filter({ hasText: 'Jane Smith' }).waitFor();
  await console_.shot('bookings-assigned');
});

test('the technician moves it on, and the operator ends it', async () => {
  const card = technician.locator.locator('[data-testid=technician-booking]', { hasText: `${RUN} first` });
  const id = Number(await card.getAttribute('data-booking-id'));
  for (const status of ['StartJourney', 'Reached', 'StartService']) {
    const told = await heard('customer123', () => card.getByTestId(`wish-${status}`).click());
    assert.equal(told.status, status);
    await row(id, status).waitFor();
  }
  await console_.page.locator('#drivers tr[data-driver-id="2"][data-status=busy]').waitFor();
  assert.equal((await heard('driver2', () => console_.click('booking-Completed'))).status, 'Completed');
  await console_.page.locator('#drivers tr[data-driver-id="2"][data-status=available]').waitFor();
  console_.announceRefusal(409);
  await console_.click('booking-cancel');
  const problem = console_.page.locator('#operator-booking-problems .problem');
  await problem.waitFor();
  assert.match(await problem.textContent(), /409.*booking_state.*Completed/s);
  await problem.getByLabel('Dismiss').click();
});

test('another technician: the first hears that it is theirs no more', async () => {
  const id = await book(`${RUN} second`);
  await heard('driver2', () => assignTo(2));
  const told = await heard('driver2', () => assignTo(3));
  assert.deepEqual([told.status, told.technician_name], ['Pending', '']);
  await cardOf(technician, 'technician', id).waitFor({ state: 'detached' });
  const ended = await heard('customer123', () => console_.click('booking-cancel'));
  assert.deepEqual([ended.status, ended.reason], ['Cancelled', 'Cancelled by the operator']);
});

test('a customer books and cancels by themself', async () => {
  await customer.click('own-booking');
  await console_.page.fill('#own-booking-service', `${RUN} own`);
  await customer.click('create-own-booking');
  const card = customer.locator.locator('[data-testid=customer-booking]', { hasText: `${RUN} own` });
  await card.waitFor();
  const told = await heard('customer123', () => card.getByTestId('own-booking-cancel').click());
  assert.deepEqual([told.status, told.technician_name], ['Cancelled', '']);
  await card.and(console_.page.locator('[data-status=Cancelled]')).waitFor();
  await console_.shot('bookings');
});

test('the view fits the window, dark and narrow', async () => {
  const { page } = console_;
  await page.emulateMedia({ colorScheme: 'dark' });
  await console_.shot('bookings-dark');
  await page.setViewportSize({ width: 800, height: 900 });
  const overflow = await page.locator('html').evaluate((root) => root.scrollWidth - root.clientWidth);
  assert.ok(overflow <= 0, `nothing is wider than the window (${overflow} px)`);
  await console_.shot('bookings-narrow');
});

test('nothing unexpected: no error, no policy violation, no request to elsewhere', () => {
  assert.deepEqual(console_.complaints, []);
});
