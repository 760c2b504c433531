//! Rides in the console: both sockets of ride hailing, the life of a ride by buttons, the room beside its driver, the map, and
//! the matching app. Against a running server (`FLEETWIRE_URL`, development profile) in which `driver1` is free.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openConsole, requireServer } from './page.mjs';

/** In the middle of the demo fleet's city, where driver1 stands at first. */
const CENTRE = { latitude: '-26.2041', longitude: '28.0473' };

let console_;
let passenger;
let driver;
let matching;

before(async () => {
  await requireServer();
  console_ = await openConsole();
  passenger = console_.panel('passenger-panel');
  driver = console_.panel('hailing-driver-panel');
  matching = console_.panel('matching-panel');
});

after(async () => { await console_?.close(); });

const rideCard = (panel, kind, status) => panel.locator.locator(`[data-testid=${kind}-ride][data-status=${status}]`);

/** A driver who jumps is believed when three positions in a row agree. */
async function standInTheCentre() {
  for (let count = 0; count < 3; count += 1) {
    await driver.send('location_update', { 'data.latitude': CENTRE.latitude, 'data.longitude': CENTRE.longitude });
  }
  await console_.entryAfter({ kind: 'in', type: 'pong' }, () => driver.send('ping'));
}

/** Whatever an earlier run left behind. */
async function endOpenRides() {
  for (const move of ['complete', 'cancel']) {
    const buttons = driver.get(`ride-${move}`);
    while (await buttons.count() > 0) await buttons.first().click();
  }
  await driver.locator.locator('.empty').waitFor();
}

async function requestRide() {
  await passenger.click('new-ride');
  await passenger.click('create-ride');
  const card = rideCard(passenger, 'passenger', 'accepted');
  await card.waitFor();
  return card.getAttribute('data-ride-id');
}

/** A message of this kind reaches the passenger when the driver does something. */
async function heardByPassenger(type, action) {
  const entries = console_.entries({ kind: 'in', type }).filter({ hasText: 'passenger1' });
  const before = await entries.count();
  await action();
  await entries.nth(before).waitFor({ state: 'attached' });
  return console_.messageOf(entries.nth(before));
}

test('an operator, a passenger and a driver log in, and the two connect', async () => {
  await console_.view('hailing');
  await console_.shot('hailing-start');
  await console_.click('login-scenario');
  await rideCard(passenger, 'passenger', 'any').or(passenger.locator.locator('.cards')).first().waitFor();
  const greeted = await passenger.connect();
  assert.equal(greeted.data.is_driver, false);
  assert.equal((await driver.connect()).data.is_driver, true);
  await driver.click('messages');
  await passenger.click('messages');
  await endOpenRides();
  await standInTheCentre();
});

test('the messages of both apps are answered', async () => {
  const answered = (panel, type, send) => console_.entryAfter({ kind: 'in', type }, send).then((entry) => console_.messageOf(entry));
  const pong = await answered(passenger, 'pong', () => passenger.send('ping', { timestamp: '2025-12-19T03:00:00Z' }));
  assert.equal(pong.data.timestamp, '2025-12-19T03:00:00Z');
  await answered(passenger, 'pong', () => passenger.send('ping_bare'));
  await answered(passenger, 'authenticated', () => passenger.send('authenticate'));
  const refused = await answered(passenger, 'error', () => passenger.sendRaw('{"type":"join_ride","ride_id":"no-such-ride"}'));
  assert.equal(refused.data.code, 'not_found');
  assert.equal((await answered(driver, 'driver_status', () => driver.click('driver_offline'))).data.status, 'offline');
  assert.equal((await answered(driver, 'driver_status', () => driver.click('driver_online'))).data.status, 'available');
  await passenger.click('messages');
  await driver.click('messages');
});

test('a ride that is requested reaches the driver, and both hear that it is theirs', async () => {
  const accepted = await heardByPassenger('ride_accepted', requestRide);
  assert.equal(accepted.data.driver_name, 'John Doe');
  await rideCard(driver, 'driver', 'accepted').waitFor();
  const onMap = console_.page.locator(`#map-panel [data-testid=map-ride][data-ride-id="${accepted.data.ride_id}"]`);
  await onMap.waitFor({ state: 'attached' });
  await console_.page.locator('#operator-rides [data-testid=ride][data-status=accepted]').waitFor();
});

test('who is in the room sees where the driver is, and the map draws their way', async () => {
  await heardByPassenger('ride_joined', () => passenger.click('ride-join'));
  const sighted = await heardByPassenger('driver_location_update', () => driver.click('drive'));
  assert.ok(Number.isInteger(sighted.data.sequence), 'positions are numbered');
  await passenger.get('room-position').filter({ hasText: /-26\.\d+, 28\.\d+ · \d s ago/ }).waitFor();
  assert.equal(await passenger.get('room-state').textContent(), 'fresh');
  const trail = console_.page.locator('#map-panel [data-testid=map-trail]');
  await trail.waitFor({ state: 'attached' });
  await console_.page.waitForFunction(() => document.querySelector('[data-testid=map-trail]')?.dataset.positions > 2);
  await driver.get('drive-stop').waitFor({ state: 'hidden' });
  await console_.shot('hailing-room');
});

test('the driver writes and the passenger reads it', async () => {
  await driver.click('messages');
  const chat = await heardByPassenger('chat_message', () => driver.send('chat_message', { text: 'At the gate 🚕' }));
  assert.equal(chat.data.text, 'At the gate 🚕');
  await driver.click('messages');
});

test('arrive, start, complete and rate: each step by its button, each heard', async () => {
  for (const [move, event, status] of [['arrive', 'driver_arrived', 'arrived'], ['start', 'ride_started', 'started'], ['complete', 'ride_completed', 'completed']]) {
    await heardByPassenger(event, () => driver.click(`ride-${move}`));
    await rideCard(passenger, 'passenger', status).waitFor();
  }
  await passenger.get('room-state').waitFor({ state: 'hidden' });
  await passenger.get('ride-stars').first().selectOption('4');
  const rated = await console_.entryAfter({ kind: 'rest' }, () => passenger.get('ride-rate').first().click());
  assert.match(await rated.textContent(), /\/rate200/);
  console_.announceRefusal(409);
  await passenger.get('ride-rate').first().click();
  const problem = passenger.locator.locator('.problem');
  assert.match(await problem.textContent(), /409.*already_rated/s);
  await problem.getByLabel('Dismiss').click();
  await console_.shot('hailing-completed');
});

test('an operator who watches hears the same without numbers, and ends a ride', async () => {
  const rideId = await requestRide();
  const { page } = console_;
  await page.locator(`#operator-rides tr[data-ride-id="${rideId}"] button`).click();
  await console_.entryAfter({ kind: 'in', type: 'ride_joined' }, () => console_.click('ride-watch'));
  await console_.click('ride-trace');
  await page.locator('#insight [data-testid=trace-candidate][data-driver-id="1"][data-outcome=accepted]').waitFor();
  assert.match(await console_.get('trace-summary').textContent(), /has a driver/);
  await console_.click('insight-close');
  const heard = console_.entries({ kind: 'in', type: 'driver_arrived' }).filter({ hasText: 'admin' });
  await driver.click('ride-arrive');
  await heard.first().waitFor({ state: 'attached' });
  assert.equal(await heard.first().getAttribute('data-event-id'), null);
  const ended = await heardByPassenger('ride_cancelled', () => console_.click('operator-ride-cancel'));
  assert.deepEqual([ended.data.cancelled_by, ended.data.reason], ['admin', 'Cancelled by the operator']);
  await driver.locator.locator('.empty').waitFor();
});

test('cut, cancelled meanwhile, reconnect: the passenger hears it all the same', async () => {
  await requestRide();
  await passenger.click('cut');
  await passenger.socketIs('closed');
  await passenger.click('ride-cancel');
  await rideCard(passenger, 'passenger', 'cancelled').first().waitFor();
  const replayed = await heardByPassenger('ride_cancelled', () => passenger.click('connect'));
  assert.equal(replayed.data.cancelled_by, 'passenger');
});

test('the map says where things are without the internet', async () => {
  const { page } = console_;
  const vehicle = page.locator('#map-panel [data-testid=map-vehicle][data-driver-id="1"]');
  await vehicle.waitFor({ state: 'attached' });
  assert.match(await console_.get('map-scale').textContent(), /^[125]0*(\.\d+)? k?m$/);
  assert.match(await console_.get('map-caption').textContent(), /drivers in sight · 0 searches · 0 under way/);
  const before = await vehicle.getAttribute('transform');
  await console_.click('map-all');
  await page.waitForFunction((old) => document.querySelector('[data-testid=map-vehicle][data-driver-id="1"]').getAttribute('transform') !== old, before);
  await console_.click('map-fit');
  await page.selectOption('#map-click', 'pickup');
  await page.locator('#map-panel svg.map').click({ position: { x: 120, y: 90 } });
  assert.match(await page.inputValue('#new-ride-pickup_latitude'), /^-2\d\.\d{1,5}$/);
  await page.selectOption('#map-click', '');
  await console_.shot('hailing-map');
});

test('the matching app finds a driver without an account, and its ride comes again after a cut', async () => {
  await console_.view('matching');
  await standAgain();
  const greeting = await matching.connect('connection_established');
  assert.equal(typeof greeting.ride_key, 'string');
  const assigned = await console_.entryAfter({ kind: 'in', type: 'driver_assigned' }, () => matching.send('find_driver'));
  assert.equal((await console_.messageOf(assigned)).driver.name, 'John Doe');
  await matching.get('matching-state').filter({ hasText: 'assigned' }).waitFor();
  await matching.get('matching-driver').filter({ hasText: 'John Doe' }).waitFor();
  await console_.entryAfter({ kind: 'in', type: 'error' }, () => matching.send('find_driver'));
  await console_.entryAfter({ kind: 'in', type: 'driver_location' }, () => driver.click('drive'));
  await console_.shot('matching');
  await matching.click('cut');
  await matching.socketIs('closed');
  await console_.entryAfter({ kind: 'in', type: 'driver_assigned' }, () => matching.click('connect'));
  await console_.entryAfter({ kind: 'in', type: 'ride_cancelled' }, () => matching.send('cancel_ride'));
  await matching.get('matching-state').filter({ hasText: 'cancelled' }).waitFor();
  await driver.locator.locator('.empty').waitFor();
});

test('one ride after another under the same id is one row each for the operator', async () => {
  const rideId = await console_.page.inputValue('#matching-ride-id');
  await console_.entryAfter({ kind: 'in', type: 'no_drivers' }, async () => {
    await matching.send('find_driver', { pickup_latitude: '-30' });
  });
  const rides = console_.page.locator(`#operator-rides tr[data-ride-id="${rideId}"]`);
  await rides.nth(1).waitFor();
  await rides.nth(1).getByRole('button').click();
  await rides.nth(1).and(console_.page.locator('[aria-selected=true]')).waitFor();
  assert.equal(await console_.page.locator('#operator-rides tr[aria-selected=true]').count(), 1);
  assert.equal(await console_.get('operator-ride-cancel').count(), 0, 'what has ended can not be cancelled');
});

/** The matching app's example begins in the centre. */
async function standAgain() {
  await driver.click('messages');
  await standInTheCentre();
  await driver.click('messages');
}

test('without the key nobody else is let in while the app is connected', async () => {
  const rideId = await console_.page.inputValue('#matching-ride-id');
  const other = await openConsole();
  try {
    await other.view('matching');
    await other.page.fill('#matching-ride-id', rideId);
    await other.page.locator('#matching-ride-id').blur();
    const app = other.panel('matching-panel');
    await app.click('connect');
    await app.get('last-close').filter({ hasText: '4001' }).waitFor();
    assert.deepEqual(other.complaints, []);
  } finally {
    await other.close();
  }
});

test('the views fit the window, dark and narrow', async () => {
  const { page } = console_;
  await page.emulateMedia({ colorScheme: 'dark' });
  for (const view of ['hailing', 'matching']) {
    await console_.view(view);
    await console_.shot(`${view}-dark`);
    await page.setViewportSize({ width: 800, height: 900 });
    const overflow = await page.locator('html').evaluate((root) => root.scrollWidth - root.clientWidth);
    assert.ok(overflow <= 0, `${view}: nothing is wider than the window (${overflow} px)`);
    await console_.shot(`${view}-narrow`);
    await page.setViewportSize({ width: 1280, height: 800 });
  }
  assert.doesNotMatch(await page.content(), /eyJ[\w-]{10}/, 'no token in the page');
});

test('nothing unexpected: no error, no policy violation, no request to elsewhere', () => {
  assert.deepEqual(console_.complaints, []);
});
