//! The console's scenarios in Debian's Chromium against a running server (`FLEETWIRE_URL`, development profile). One page lives
//! through all of them, as a developer's does; each test says what it begins with. `FLEETWIRE_SCREENSHOTS` names a directory for pictures.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openConsole, requireServer } from './page.mjs';

/** Tells this run's orders from those of other runs against the same database. */
const RUN = `Test ${Date.now().toString(36)}`;

let console_;

before(async () => {
  await requireServer();
  console_ = await openConsole();
});

after(async () => { await console_?.close(); });

async function connectDriver() {
  const connected = await console_.entryAfter({ kind: 'in', type: 'connected' }, () => console_.click('connect'));
  await console_.socketIs('open');
  return console_.messageOf(connected);
}

/** Sends a ping and waits for its pong: whatever was sent before it has been answered by then. */
async function fence() {
  await console_.entryAfter({ kind: 'in', type: 'pong' }, () => console_.send('ping'));
}

/** Sends a message that has no answer, and makes sure that it was not refused. */
async function accepted(send) {
  const errors = await console_.entries({ kind: 'in', type: 'error' }).count();
  await send();
  await fence();
  assert.equal(await console_.entries({ kind: 'in', type: 'error' }).count(), errors, 'no error');
}

async function createOrder(restaurant) {
  const { page } = console_;
  if (!await page.locator('#new-order').isVisible()) await console_.click('new-order');
  await page.fill('#new-order-restaurant_name', restaurant);
  await console_.shot('new-order');
  await console_.click('create-order');
  const row = page.locator('#orders tr', { hasText: restaurant });
  await row.waitFor();
  return Number(await row.getAttribute('data-order-id'));
}

async function orderIs(orderId, status) {
  await console_.page.locator(`#orders tr[data-order-id="${orderId}"][data-status="${status}"]`).waitFor();
}

async function selectOrder(orderId) {
  await console_.page.locator(`#orders tr[data-order-id="${orderId}"] button`).click();
}

async function assignTo(driverId) {
  await console_.page.selectOption('#order-driver', String(driverId));
  await console_.click('order-assign');
}

async function cancelBecause(reason) {
  await console_.page.fill('#order-reason', reason);
  await console_.click('order-cancel');
}

test('operator and driver log in side by side', async () => {
  await console_.shot('start');
  await console_.click('login-scenario');
  for (const username of ['admin', 'driver123']) {
    await console_.page.locator(`[data-testid=account-${username}][aria-pressed=true]`).waitFor();
  }
  await console_.page.locator('#drivers tr[data-driver-id="123"]').waitFor();
});

test('the plain form logs in, and shows why it does not', async () => {
  const { page } = console_;
  const logIn = async (password) => {
    await page.fill('#login-username', 'driver1');
    await page.fill('#login-password', password);
    await console_.click('login-submit');
  };
  await console_.click('login-other');
  console_.announceRefusal(401);
  await logIn('not the password');
  const problem = page.locator('#login-problems .problem');
  await problem.waitFor();
  await console_.shot('login-refused');
  assert.match(await problem.textContent(), /401/);
  await logIn('password123');
  await page.locator('[data-testid=account-driver1][aria-pressed=true]').waitFor();
  assert.ok(await console_.entries({ kind: 'rest', type: 'POST /auth/login' }).locator('text=401').count() > 0, 'the log keeps it');
  await console_.click('logout-driver1');
  await page.locator('[data-testid=account-driver1][aria-pressed=false]').waitFor();
});

test('the driver connects and is greeted', async () => {
  await console_.page.selectOption('#driver-select', '123');
  const connected = await connectDriver();
  assert.equal(connected.data.driver_id, 123);
  assert.equal(typeof connected.data.last_event_id, 'number');
  assert.equal(await console_.page.locator('#driver-session').textContent(), connected.data.session_id);
  await console_.page.locator('#drivers tr[data-driver-id="123"][data-connected=true]').waitFor();
});

test('positions go out as the app sends them', async () => {
  const sent = async (template) => {
    await accepted(() => console_.send(template));
    return console_.messageOf(console_.entries({ kind: 'out', type: 'location_update' }).last());
  };
  const motion = { accuracy: 10.5, heading: 180, speed: 25.5, battery_level: 75 };
  const { timestamp, ...data } = (await sent('location_update')).data;
  assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000, 'an empty timestamp is now');
  assert.deepEqual(data, { latitude: 28.7041, longitude: 77.1025, ...motion });
  assert.deepEqual(await sent('location_no_timestamp'), {
    type: 'location_update', data: { latitude: 28.7041, longitude: 77.1025, ...motion },
  });
  assert.deepEqual(await sent('location_position_alone'), {
    type: 'location_update', data: { latitude: 12.9352, longitude: 77.6245 },
  });
});

test('the operator sees the newest position', async () => {
  // A position of its own for each run, so that an earlier run's can't be taken for it.
  const latitude = (10 + Math.random() * 40).toFixed(4);
  // A leap across the country is believed when three positions in a row agree.
  for (let times = 0; times < 3; times += 1) await accepted(() => console_.send('location_update', { 'data.latitude': latitude }));
  const row = console_.page.locator('#drivers tr[data-driver-id="123"]', { hasText: `${latitude}, 77.1025` });
  await row.waitFor();
});

test('ping, ack, resume and authenticate are answered', async () => {
  await fence();
  const authenticated = await console_.entryAfter({ kind: 'in', type: 'authenticated' }, () => console_.send('authenticate'));
  const { data } = await console_.messageOf(authenticated);
  assert.ok(Date.parse(data.expires_at) > Date.now() - 60_000, 'expires_at is a time to come');
  const sent = console_.entries({ kind: 'out', type: 'authenticate' }).last();
  assert.match((await console_.messageOf(sent)).token, /hidden/, 'the log holds no token');
});

test('bad input gets an error and keeps the socket', async () => {
  const refused = async (text) => {
    const error = await console_.entryAfter({ kind: 'in', type: 'error' }, () => console_.sendRaw(text));
    const { data } = await console_.messageOf(error);
    assert.equal(typeof data.code, 'string');
    assert.equal(typeof data.message, 'string');
    return data.code;
  };
  await refused('this is not JSON');
  await refused('{"type":"location_update"}');
  assert.equal(await refused('{"type":"location_update","data":{"latitude":91,"longitude":77.1}}'), 'invalid_position');
  await fence();
  await console_.socketIs('open');
});

test('an assigned order reaches the driver with its event id, and what was received can be acked and resumed', async () => {
  const orderId = await createOrder(`${RUN} live`);
  const frame = await console_.entryAfter({ kind: 'in', type: 'order_assigned' }, () => assignTo(123));
  const message = await console_.messageOf(frame);
  assert.equal(message.data.order_id, orderId);
  assert.equal(message.data.restaurant_name, `${RUN} live`);
  assert.equal(await frame.getAttribute('data-event-id'), String(message.id));
  assert.equal(await frame.getAttribute('data-replayed'), null, 'a live event is no replay');
  assert.equal(await console_.get('newest-event-id').textContent(), String(message.id));
  await console_.page.locator(`#held-orders [data-order-id="${orderId}"]`).waitFor();
  await accepted(() => console_.send('ack'));
  const again = await console_.entryAfter({ kind: 'in', type: 'order_assigned', replayed: 'true' }, () => console_.send('resume'));
  assert.equal((await console_.messageOf(again)).id, message.id);
  await console_.shot('assigned');
});

test('the driver works the order off', async () => {
  const card = console_.page.locator('#held-orders [data-testid=held-order]', { hasText: `${RUN} live` });
  const orderId = Number(await card.getAttribute('data-order-id'));
  console_.announceRefusal(409);
  await card.getByTestId('move-delivered').click();
  const problem = console_.page.locator('#driver-problems .problem');
  await problem.waitFor();
  assert.match(await problem.textContent(), /409.*assigned/s, 'status and current state in place');
  await problem.getByLabel('Dismiss').click();
  for (const status of ['accepted', 'picked_up']) {
    await card.getByTestId(`move-${status}`).click();
    await console_.page.locator(`#held-orders [data-order-id="${orderId}"][data-status=${status}]`).waitFor();
  }
  await card.getByTestId('move-delivered').click();
  await orderIs(orderId, 'delivered');
  await card.waitFor({ state: 'detached' });
  assert.match(await console_.get('earnings').textContent(), /\d+\.\d\d .*(1 order|[1-9]\d* orders)$/);
});

test('cut, cancel, reconnect: the cancellation is replayed', async () => {
  const orderId = await createOrder(`${RUN} cut`);
  const assigned = await console_.entryAfter({ kind: 'in', type: 'order_assigned' }, () => assignTo(123));
  const assignedId = Number(await assigned.getAttribute('data-event-id'));
  await console_.click('cut');
  await console_.socketIs('closed');
  assert.match(await console_.get('last-close').textContent(), /cut/);
  await selectOrder(orderId);
  await cancelBecause('The kitchen is on fire');
  await orderIs(orderId, 'cancelled');
  const heard = await console_.entries({ kind: 'in', type: 'order_cancelled' }).count();

  const replay = await console_.entryAfter({ kind: 'in', type: 'order_cancelled', replayed: 'true' }, () => console_.click('connect'));
  const message = await console_.messageOf(replay);
  assert.deepEqual(message.data, { order_id: orderId, reason: 'The kitchen is on fire' });
  assert.equal(message.id, assignedId + 1, 'no gap');
  await fence();
  assert.equal(await console_.entries({ kind: 'in', type: 'order_cancelled' }).count(), heard + 1, 'once');
  await console_.page.locator(`#held-orders [data-order-id="${orderId}"]`).waitFor({ state: 'detached' });
  await console_.shot('replayed');
});

test('a refused assignment says so in place and stays', async () => {
  await selectOrder(Number(await console_.page.locator('#orders tr', { hasText: `${RUN} cut` }).getAttribute('data-order-id')));
  console_.announceRefusal(409);
  await assignTo(123);
  const problem = console_.page.locator('#order-problems .problem');
  await problem.waitFor();
  assert.match(await problem.textContent(), /409.*cancelled/s);
  await console_.shot('refused');
});

test('unassigning puts the order back and tells the driver', async () => {
  const orderId = await createOrder(`${RUN} back`);
  await console_.entryAfter({ kind: 'in', type: 'order_assigned' }, () => assignTo(123));
  await orderIs(orderId, 'assigned');
  await console_.page.fill('#order-reason', 'Wrong driver');
  await console_.entryAfter({ kind: 'in', type: 'order_cancelled' }, () => console_.click('order-unassign'));
  await orderIs(orderId, 'pending');
  await cancelBecause('Test over');
  await orderIs(orderId, 'cancelled');
  const earlier = console_.page.locator('#order-problems .problem');
  assert.equal(await earlier.count(), 1, 'what was refused before stays until it is dismissed');
  await earlier.getByLabel('Dismiss').click();
  await earlier.waitFor({ state: 'detached' });
});

test('a refused access token is replaced, and nobody notices', async () => {
  const { page } = console_;
  const expired = { status: 401, json: { title: 'Expired', code: 'token_expired' } };
  console_.announceRefusal(401);
  await page.route('**/api/v1/admin/orders?*', (route) => route.fulfill(expired), { times: 1 });
  await console_.entryAfter({ kind: 'rest', type: 'POST /auth/refresh' }, () => console_.click('orders-refresh'));
  await orderIs(await createOrder(`${RUN} renewed`), 'pending');
  assert.equal(await page.locator('#order-problems .problem').count(), 0);
  await cancelBecause('Test over');
});

test('a reply that is lost on the way makes one order, not two', async () => {
  const { page } = console_;
  const keys = [];
  await page.route('**/api/v1/admin/orders', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    if (keys.length > 1) return route.continue();
    await route.fetch();
    return route.abort('connectionreset');
  });
  console_.announceRefusal(0);
  await createOrder(`${RUN} once`);
  await page.unroute('**/api/v1/admin/orders');
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1], 'the retry has the key of the first');
  const orderId = Number(await page.locator('#orders tr', { hasText: `${RUN} once` }).first().getAttribute('data-order-id'));
  await cancelBecause('Test over');
  await orderIs(orderId, 'cancelled');
  assert.equal(await page.locator('#orders tr', { hasText: `${RUN} once` }).count(), 1);
});

test('last_event_id asks for everything after it', async () => {
  const newest = Number(await console_.get('newest-event-id').textContent());
  await console_.click('cut');
  await console_.socketIs('closed');
  await console_.page.fill('#driver-last-event-id', String(newest - 1));
  await console_.entryAfter({ kind: 'in', 'event-id': newest, replayed: 'true' }, () => console_.click('connect'));
});

test('the same driver elsewhere ends the older connection with 4003', async () => {
  const other = await openConsole();
  try {
    await other.logIn('driver123');
    await other.page.selectOption('#driver-select', '123');
    await other.entryAfter({ kind: 'in', type: 'connected' }, () => other.click('connect'));
    await console_.socketIs('closed');
    assert.match(await console_.get('last-close').textContent(), /4003.*elsewhere/);
    await other.socketIs('open');
    assert.deepEqual(other.complaints, []);
  } finally {
    await other.close();
  }
  await connectDriver();
});

test('a broken connection comes back by itself when asked to', async () => {
  const routes = [];
  const other = await openConsole({
    prepare: (page) => page.routeWebSocket(/\/ws\/driver\//, (route) => { route.connectToServer(); routes.push(route); }),
  });
  try {
    await other.logIn('driver1');
    await other.page.selectOption('#driver-select', '1');
    await other.entryAfter({ kind: 'in', type: 'connected' }, () => other.click('connect'));
    await other.page.check('#driver-reconnects');
    await other.entryAfter({ kind: 'in', type: 'connected' }, () => routes[0].close({ code: 4008, reason: 'idle' }));
    assert.match(await other.get('last-close').textContent(), /4008.*5 minutes/);
    assert.deepEqual(other.complaints, []);
  } finally {
    await other.close();
  }
});

test('the driver goes offline with 1000', async () => {
  await console_.click('goodbye');
  await console_.socketIs('closed');
  assert.match(await console_.get('last-close').textContent(), /1000.*offline/);
  await console_.page.locator('#drivers tr[data-driver-id="123"][data-status=offline]').waitFor();
  await console_.click('status-online');
  await console_.page.locator('#drivers tr[data-driver-id="123"][data-status=available]').waitFor();
});

test('dark, narrow and without a token on the page', async () => {
  const { page } = console_;
  await page.emulateMedia({ colorScheme: 'dark' });
  await console_.shot('dark');
  assert.doesNotMatch(await page.content(), /eyJ[\w-]{10}/, 'no token in the page');
  await page.setViewportSize({ width: 800, height: 900 });
  const overflow = await page.locator('html').evaluate((root) => root.scrollWidth - root.clientWidth);
  assert.ok(overflow <= 0, `nothing is wider than the window (${overflow} px)`);
  await console_.shot('narrow');
});

test('nothing unexpected: no error, no policy violation, no request to elsewhere', () => {
  assert.deepEqual(console_.complaints, []);
});
