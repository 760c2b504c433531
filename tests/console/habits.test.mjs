//! What apps written in JavaScript really send (a browser's own `JSON.stringify`, `Date.now()`, `localStorage`, a text cut in the
//! middle of an emoji), against the server that the console's tests use (`FLEETWIRE_URL`, development profile).

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { openConsole, requireServer } from './page.mjs';

const APPS = new URL('ride_apps.js', import.meta.url);
/** The centre of Johannesburg, where the demo data has driver 1; nobody else is within 10 km. */
const CENTRE = { latitude: -26.2041, longitude: 28.0473 };

let console_;
let password;

before(async () => {
  ({ demo_password: password } = await requireServer());
  console_ = await openConsole();
  await console_.page.evaluate(await readFile(APPS, 'utf8'));
});

after(async () => { await console_?.close(); });

test('the driver app keeps its numbers as texts and tells the time in milliseconds', async () => {
  const heard = await console_.page.evaluate(async ({ password }) => {
    // As a phone's keyboard has it.
    const { token } = await RideApps.HailingApp.logIn(' Driver123', password);
    const operator = await RideApps.HailingApp.logIn('Admin', password);
    const app = new RideApps.Socket(`ws://${location.host}/api/v1/ws/driver/123?token=${token}`,
      ['connected', 'pong', 'order_assigned', 'order_cancelled', 'error'], 'none');
    app.connect();
    await app.hear('connected');
    const measured = Date.now() - 2_000;
    app.send({
      type: 'location_update',
      data: { latitude: '12.9352', longitude: '77.6245', accuracy: '', speed: null, heading: NaN, battery_level: '75', timestamp: measured },
    });
    const cut = 'Pizza 🍕'.slice(0, 7);
    const order = await operator.call('POST', 'admin/orders', {
      restaurant_name: cut, pickup_address: 'P', delivery_address: 'D', earnings: 0.1 + 0.2, distance_km: 3,
    });
    localStorage.setItem('driver', 123);
    await operator.call('POST', `admin/orders/${order.order_id}/assign`, { driver_id: localStorage.getItem('driver') });
    // A flaw that the server mended may be told before it; what counts is that the order comes.
    let assigned;
    do assigned = await app.next(); while (assigned.type === 'error');
    localStorage.setItem('last', assigned.id);
    app.send({ type: 'ack', event_id: localStorage.getItem('last') });
    app.send({ type: 'resume', last_event_id: String(localStorage.getItem('last') - 1) });
    const again = await app.hear('order_assigned');
    await operator.call('POST', `admin/orders/${order.order_id}/cancel/`, { reason: 'The test is over' });
    await app.hear('order_cancelled');
    // A position is in the table within a quarter of a second.
    let stored;
    for (let looks = 0; looks < 400 && !stored; looks += 1) {
      const { items } = await operator.call('GET', 'admin/drivers/123/locations?limit=1000');
      stored = items.find(({ created_at: at }) => Date.parse(at) === measured);
      if (!stored) await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    localStorage.removeItem('driver');
    localStorage.removeItem('last');
    return { assigned, again, stored, closed: [await app.close(), await operator.close()] };
  }, { password });
  assert.equal(heard.assigned.type, 'order_assigned');
  assert.equal(heard.assigned.data.restaurant_name, 'Pizza \ufffd');
  assert.equal(heard.assigned.data.earnings, 0.3);
  assert.equal(heard.again.id, heard.assigned.id);
  assert.deepEqual([heard.stored.latitude, heard.stored.battery_level, heard.stored.accuracy], [12.9352, 75, null]);
  assert.deepEqual(heard.closed, [1000, 1000]);
});

test('the matching app writes its estimates as people read them, chats, and rates', async () => {
  const heard = await console_.page.evaluate(async ({ rideId, centre, password }) => {
    const driver = await RideApps.HailingApp.logIn('driver1', password);
    driver.send({ type: 'driver_online' });
    await driver.locate(centre);
    const passenger = new RideApps.MatchingPassenger(rideId);
    await passenger.open();
    passenger.send({
      type: 'find_driver', pickup_latitude: centre.latitude, pickup_longitude: centre.longitude, dropoff_latitude: -26.1,
      dropoff_longitude: 28.1, pickup_address: 'x'.repeat(300), dropoff_address: '', distance_km: '12.5 km',
      estimated_duration_minutes: '25 mins', fare_amount: 153.4725, passenger_phone: 27123456789,
    });
    await passenger.hear('searching');
    const assigned = await passenger.hear('driver_assigned');
    passenger.send({ type: 'chat_message', text: 'I am at the gate 🚪'.slice(0, -1) });
    let chat;
    do chat = await driver.next(); while (chat.type !== 'chat_message');
    driver.send({ type: 'driver_arrived', ride_id: rideId });
    await passenger.hear('driver_arrived');
    for (const [action, event] of [['start', 'ride_started'], ['complete', 'ride_completed']]) {
      await driver.move(rideId, action);
      await passenger.hear(event);
    }
    const { distance_km, estimated_duration_minutes, final_fare } = await driver.call('GET', `rides/${rideId}`);
    passenger.send({ type: 'rate_ride', rating: 5.0, comment: 'Smooth' });
    passenger.send({ type: 'ping' });
    await passenger.hear('pong');
    const closed = [await passenger.close(), await driver.close()];
    return { assigned, chat, ride: { distance_km, estimated_duration_minutes, final_fare }, closed };
  }, { rideId: randomUUID(), centre: CENTRE, password });
  assert.equal(heard.assigned.driver.name, 'John Doe');
  assert.equal(heard.chat.data.text, 'I am at the gate \ufffd');
  assert.deepEqual(heard.ride, { distance_km: 12.5, estimated_duration_minutes: 25, final_fare: 153.47 });
  assert.deepEqual(heard.closed, [1000, 1000]);
});

test('the page has nothing to complain of', () => {
  assert.deepEqual(console_.complaints, []);
});
