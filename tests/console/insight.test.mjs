//! Why, in pictures and words: the trace of a job of each kind, the conditions of a driver, and the driver's own panel that says why
//! nothing comes. Against a running server (`FLEETWIRE_URL`, development profile).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openConsole, requireServer } from './page.mjs';

let console_;
let driver;
let password;

before(async () => {
  ({ demo_password: password } = await requireServer());
  console_ = await openConsole();
  driver = console_.panel('hailing-driver-panel');
  await console_.view('hailing');
  await console_.click('tour-next');
  await console_.tourAt(2);
});

after(async () => { await console_?.close(); });

const insight = (selector) => console_.page.locator(`#insight ${selector}`);

/** What an operator changes of a driver elsewhere. */
async function change(driverId, body) {
  const status = await console_.page.evaluate(async ([path, body, password]) => {
    const log = await fetch('/api/v1/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username: 'admin', password }) });
    const { access_token: token } = await log.json();
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    return (await fetch(path, { method: 'PATCH', headers, body: JSON.stringify(body) })).status;
  }, [`/api/v1/admin/drivers/${driverId}`, body, password]);
  assert.equal(status, 200);
}

test('the driver’s panel says why no ride comes, and the demo is restored from it', async () => {
  const readiness = driver.get('readiness');
  await readiness.and(console_.page.locator('[data-ready=true]')).waitFor();
  await change(1, { is_verified: false });
  await readiness.locator('[data-code=not_verified]').waitFor();
  assert.match(await readiness.textContent(), /Is offered no rides: .*verified/);
  await console_.shot('readiness');
  await driver.click('restore-demo');
  await readiness.and(console_.page.locator('[data-ready=true]')).waitFor();
});

test('an old position is said in seconds, and a new one helps', async () => {
  // The age that the server would tell after two minutes, without the two minutes.
  const path = '**/api/v1/admin/drivers/1/why';
  await console_.page.route(path, async (route) => {
    const response = await route.fetch();
    const why = await response.json();
    const reasons = [{ code: 'position_too_old', message: 'Their position is 130 s old; at most 120 s count.' }];
    await route.fulfill({ response, json: { ...why, can_be_offered_rides: false, reasons } });
  });
  await driver.get('readiness').getByText('130 s old').waitFor();
  await console_.page.unroute(path);
  await console_.entryAfter({ kind: 'rest', type: 'PUT /driver/location' }, () => driver.click('send-position'));
  await driver.get('readiness').and(console_.page.locator('[data-ready=true]')).waitFor();
});

test('the ride views list every driver, and each row says why they get rides or none', async () => {
  for (const view of ['matching', 'hailing']) {
    await console_.view(view);
    const list = console_.page.locator('#operator-drivers');
    await list.locator('tr[data-driver-id="2"]').waitFor();
    const height = await list.locator('.scroll').evaluate((rows) => rows.clientHeight);
    assert.ok(height >= 80, `${view}: ${height} px`);
    await list.locator('tr[data-driver-id="2"]').getByTestId('why').click();
    await insight('[data-testid=why-summary]').waitFor();
    assert.match(await insight('[data-testid=why-summary]').textContent(), /rides now/);
    await console_.shot(`why-from-${view}`);
    await console_.page.keyboard.press('Escape');
    await insight('[data-testid=why-summary]').waitFor({ state: 'hidden' });
  }
});

test('why a driver gets rides: every condition in a picture, the reason in words', async () => {
  await driver.get('driver-why').click();
  await insight('[data-testid=why-summary]', { hasText: 'can be offered rides now' }).waitFor();
  assert.equal(await insight('[data-testid=why-gate][data-holds=true]').count(), 9);
  await change(1, { is_verified: false });
  await insight('[data-testid=why-gate][data-gate=verified][data-holds=false]').waitFor();
  assert.match(await insight('[data-testid=why-summary]').textContent(), /John Doe is offered no rides now\. .*verified/);
  await console_.shot('why-desk');
  await insight('[data-testid=why-restore]').click();
  await insight('[data-testid=why-gate][data-gate=verified][data-holds=true]').waitFor();
  await console_.click('insight-close');
});

test('a reason that this console does not know yet is a condition of its own, in the server’s words', async () => {
  const path = '**/api/v1/admin/drivers/2/why';
  await console_.view('bookings');
  await console_.page.route(path, async (route) => {
    const response = await route.fetch();
    const reasons = [{ code: 'on_the_moon', message: 'The driver is on the moon.' }, { code: 'jump', message: 'The newest position was not believed.' }];
    await route.fulfill({ response, json: { ...await response.json(), can_be_offered_rides: false, reasons } });
  });
  await console_.page.locator('#drivers tr[data-driver-id="2"]').getByTestId('why').click();
  await insight('[data-testid=why-gate][data-gate=on_the_moon][data-holds=false]').waitFor();
  await insight('[data-testid=why-gate][data-gate=believed][data-holds=false]').waitFor();
  assert.match(await insight('[data-testid=why-summary]').textContent(), /on the moon/);
  await console_.page.unroute(path);
  await console_.click('insight-close');
});

test('a ride’s trace: the search, whom it asked and whom not, and who heard of it', async () => {
  await console_.view('hailing');
  const passenger = console_.panel('passenger-panel');
  await passenger.connect();
  await passenger.click('new-ride');
  await passenger.click('create-ride');
  await console_.page.locator('[data-testid=passenger-ride][data-status=accepted]').waitFor();
  await console_.page.locator('#rides tr[data-status=accepted]').first().getByTestId('ride-select').click();
  await console_.click('ride-trace');
  await insight('[data-testid=trace-search]').waitFor();
  const asked = insight('[data-testid=trace-candidate][data-driver-id="1"]');
  assert.match(await asked.textContent(), /John Doe · 1got the job\d+ m/);
  // The passenger's phone has answered; the driver's is not there.
  const heard = insight('[data-testid=trace-event][data-event=ride_accepted]');
  await heard.locator('[data-delivery=good]', { hasText: /Marie Ngono.*confirmed after/ }).waitFor();
  await heard.locator('[data-delivery=warn]', { hasText: /John Doe.*was not connected/ }).waitFor();
  assert.equal(await insight('pre').count(), 0, 'no JSON to read');
  await asked.getByTestId('candidate-why').click();
  await insight('[data-testid=why-gate][data-gate=free][data-holds=false]').waitFor();
  await insight('[data-testid=why-look]').first().waitFor();
  await console_.click('insight-back');
  await insight('[data-testid=trace-search]').waitFor();
  await console_.click('insight-close');
});

test('a trace that is open follows what happens', async () => {
  await console_.click('ride-trace');
  await insight('[data-testid=trace-status][data-status=assigned]').waitFor();
  await console_.page.evaluate(() => document.querySelector('[data-testid=operator-ride-cancel]').click());
  await insight('[data-testid=trace-status][data-status=cancelled]').waitFor();
  await console_.click('insight-close');
});

test('orders and bookings have a trace, too', async () => {
  await console_.view('deliveries');
  await console_.page.locator('#orders tr').first().getByTestId('order-select').click();
  await console_.click('order-trace');
  await insight('[data-testid=trace-status][data-status=requested]').waitFor();
  await console_.click('insight-close');
  await console_.view('bookings');
  await console_.click('new-booking');
  await console_.click('create-booking');
  await console_.page.locator('#bookings tr[data-status=Pending][aria-selected=true]').waitFor();
  await console_.click('booking-trace');
  await insight('[data-testid=trace-summary]', { hasText: 'This booking is' }).waitFor();
  await console_.click('insight-close');
  await console_.click('booking-cancel');
  await console_.page.locator('#bookings tr[data-status=Cancelled][aria-selected=true]').waitFor();
});

test('nothing unexpected: no error, no policy violation, no request to elsewhere', () => {
  assert.deepEqual(console_.complaints, []);
});
