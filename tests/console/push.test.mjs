//! Push in the console, on a server without credentials of any push service: devices, what would have been sent, preferences,
//! and that a booking's customer hears of it by push only where they are not there. Against a running server (`FLEETWIRE_URL`,
//! development profile).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openConsole, requireServer } from './page.mjs';

/** Tells this run's notifications and devices from those of other runs against the same database. */
const RUN = `test_${Date.now().toString(36)}`;

let console_;

before(async () => {
  await requireServer();
  console_ = await openConsole();
});

after(async () => { await console_?.close(); });

const notifications = (type, text = '') =>
  console_.page.locator(`#push-history [data-testid=notification][data-type="${type}"]`, { hasText: text });

async function send(type, title) {
  const { page } = console_;
  await page.fill('#new-notification-title', title);
  await page.fill('#new-notification-type', type);
  await console_.click('create-notification');
  await notifications(type, title).first().waitFor();
}

/** The lists are asked for every few seconds, so a reload ends such a request sooner or later: here it does each time. */
async function reloadWhileItAsks() {
  const { page } = console_;
  const history = '**/api/Push/history?*';
  await page.route(history, () => {});
  await page.waitForRequest(history);
  await page.unroute(history);
  await console_.reload();
}

test('a device is registered and shows by which services it is reached, not by which tokens', async () => {
  const { page } = console_;
  await console_.view('push');
  await console_.shot('push-start');
  await console_.click('login-scenario');
  await page.locator('#push-devices .empty, #push-devices .card').first().waitFor();
  await console_.click('new-device');
  await page.fill('#new-device-deviceId', RUN);
  await page.fill('#new-device-fcmToken', `fcm-${RUN}`);
  await page.fill('#new-device-expoPushToken', `ExponentPushToken[${RUN}]`);
  const registered = await console_.entryAfter({ kind: 'rest', type: 'POST /api/Push/register' }, () => console_.click('create-device'));
  await page.locator(`#push-devices [data-device-id="${RUN}"]`, { hasText: 'fcm active' }).waitFor();
  assert.doesNotMatch(JSON.stringify(await console_.messageOf(registered)), new RegExp(`fcm-${RUN}`), 'the log holds no token');
});

test('a device that can not be is refused in the contract’s own shape', async () => {
  const { page } = console_;
  await console_.click('new-device');
  await page.fill('#new-device-platform', 'fridge');
  console_.announceRefusal(400);
  await console_.click('create-device');
  const problem = page.locator('#push-device-problems .problem');
  await problem.waitFor();
  assert.match(await problem.textContent(), /400.*platform/s);
  await problem.getByLabel('Dismiss').click();
});

test('what is sent by hand says what would have been sent, and why it was not', async () => {
  await send(`${RUN}_hand`, 'By hand');
  assert.match(await console_.get('push-result').textContent(), /fcm not_sent · expo not_sent/);
  const first = notifications(`${RUN}_hand`).first();
  assert.match(await first.textContent(), /not_sent.*no credentials/s);
  await first.getByTestId('push-open').click();
  await notifications(`${RUN}_hand`, 'opened').first().waitFor();
  await console_.page.locator(`#push-stats tr[data-type="${RUN}_hand"]`).first().waitFor();
  await console_.click('push-test');
  await notifications('test').first().waitFor();
});

test('a type that is not wanted is not sent, and preferences are kept', async () => {
  const { page } = console_;
  await page.fill('#push-opt-out', `${RUN}_unwanted`);
  await page.fill('#push-time-zone', 'Mars/Olympus');
  console_.announceRefusal(400);
  await console_.click('push-preferences');
  await page.locator('#push-device-problems .problem', { hasText: 'timeZone' }).getByLabel('Dismiss').click();
  await page.fill('#push-time-zone', 'Africa/Johannesburg');
  await console_.entryAfter({ kind: 'rest', type: 'PUT /api/Push/preferences?customerId=123' }, () => console_.click('push-preferences'));
  await send(`${RUN}_unwanted`, 'Unwanted');
  assert.match(await notifications(`${RUN}_unwanted`).first().textContent(), /not_sent/);
  await reloadWhileItAsks();
  await page.locator('[data-testid=account-customer123][aria-pressed=true]').waitFor();
  await page.waitForFunction((type) => document.querySelector('#push-opt-out').value === type, `${RUN}_unwanted`);
  await page.fill('#push-opt-out', '');
  await console_.click('push-preferences');
  await console_.shot('push');
});

test('a booking is pushed to a customer who is not there, in the contract’s words', async () => {
  const { page } = console_;
  await console_.view('bookings');
  await console_.click('new-booking');
  await page.fill('#new-booking-service', RUN);
  await console_.click('create-booking');
  const row = page.locator('#bookings tr', { hasText: RUN });
  await row.waitFor();
  const id = await row.getAttribute('data-booking-id');
  await page.selectOption('#booking-technician', '3');
  await console_.click('booking-assign');
  await row.and(page.locator('[data-status=Assigned]')).waitFor();
  await console_.click('booking-cancel');
  await console_.view('push');
  await notifications('technician_assigned', `Mike Johnson has been assigned to your booking BID${id}.`).first().waitFor();
  await notifications('cancelled', `(Booking: BID${id})`).first().waitFor();
  await console_.shot('push-booking');
});

test('dark and narrow', async () => {
  const { page } = console_;
  await page.emulateMedia({ colorScheme: 'dark' });
  await console_.shot('push-dark');
  await page.setViewportSize({ width: 800, height: 900 });
  const overflow = await page.locator('html').evaluate((root) => root.scrollWidth - root.clientWidth);
  assert.ok(overflow <= 0, `nothing is wider than the window (${overflow} px)`);
});

test('nothing unexpected: no error, no policy violation, no request to elsewhere', () => {
  assert.deepEqual(console_.complaints, []);
});
