//! Whole rides of both ride contracts by apps with a browser's own WebSocket (`ride_apps.js`), against the server that the
//! console's tests use (`FLEETWIRE_URL`, development profile).

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

test('the matching app has a ride from its request to its goal', async () => {
  const heard = await console_.page.evaluate(async ({ rideId, centre, password }) => {
    const driver = await RideApps.HailingApp.logIn('driver1', password);
    driver.send({ type: 'driver_online' });
    await driver.locate(centre);
    const passenger = new RideApps.MatchingPassenger(rideId);
    await passenger.open();
    passenger.send({ type: 'ping' });
    const heard = { pong: await passenger.hear('pong') };
    await passenger.findDriver(centre);
    heard.assigned = await passenger.hear('driver_assigned');
    await driver.hear('ride_requested');
    await driver.hear('ride_accepted');
    heard.joined = await driver.join(rideId);
    await driver.locate({ ...centre, latitude: -26.2051 });
    heard.seen = await passenger.see(-26.2051);
    for (const [action, event] of [['arrive', 'driver_arrived'], ['start', 'ride_started'], ['complete', 'ride_completed']]) {
      await driver.move(rideId, action);
      heard[event] = await passenger.hear(event);
      await driver.hear(event);
    }
    heard.closed = [await passenger.close(), await driver.close()];
    return heard;
  }, { rideId: randomUUID(), centre: CENTRE, password });
  assert.match(heard.pong.timestamp, /Z$/);
  assert.equal(heard.assigned.driver.name, 'John Doe');
  assert.equal(heard.joined.status, 'accepted');
  assert.equal(heard.seen.heading, 90);
  assert.equal(heard.ride_completed.final_fare, 150);
  assert.deepEqual(heard.closed, [1000, 1000]);
});

test('the hailing apps have a ride from its request to its rating', async () => {
  const heard = await console_.page.evaluate(async ({ centre, password }) => {
    const driver = await RideApps.HailingApp.logIn('driver1', password);
    driver.send({ type: 'driver_online' });
    await driver.locate(centre);
    const passenger = await RideApps.HailingApp.logIn('passenger1', password);
    passenger.send({ type: 'ping', timestamp: '2025-12-19T03:00:00Z' });
    const heard = { pong: await passenger.hear('pong') };
    const rideId = await passenger.request(centre);
    heard.requested = await driver.hear('ride_requested');
    await driver.move(rideId, 'accept');
    await driver.hear('ride_accepted');
    heard.accepted = await passenger.hear('ride_accepted');
    await passenger.join(rideId);
    heard.joined = await driver.join(rideId);
    await driver.locate({ ...centre, latitude: -26.2031 });
    heard.seen = await passenger.see(-26.2031);
    for (const [action, event] of [['arrive', 'driver_arrived'], ['start', 'ride_started'], ['complete', 'ride_completed']]) {
      await driver.move(rideId, action);
      heard[event] = await passenger.hear(event);
      await driver.hear(event);
    }
    heard.rated = await passenger.move(rideId, 'rate', { rating: 5 });
    heard.closed = [await passenger.close(), await driver.close()];
    return { rideId, ...heard };
  }, { centre: CENTRE, password });
  assert.equal(heard.pong.data.timestamp, '2025-12-19T03:00:00Z');
  assert.equal(heard.requested.metadata.ride_id, heard.rideId);
  assert.equal(heard.accepted.data.driver_name, 'John Doe');
  assert.equal(heard.joined.status, 'accepted');
  assert.equal(heard.seen.speed, 30);
  assert.equal(heard.ride_completed.data.final_fare, 1500);
  assert.equal(heard.rated.status, 'completed');
  assert.deepEqual(heard.closed, [1000, 1000]);
});

test('the page has nothing to complain of', () => {
  assert.deepEqual(console_.complaints, []);
});
