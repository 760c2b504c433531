//! The ride matching contract as data (a passenger app with a socket for each ride): its socket, its messages, which are
//! flat, and the ids that it may choose.

import { badTexts, deliveryTemplates, describeClose, eventId } from './common.js';

const number = (path, label, initial) => ({ path, label, type: 'number', initial });
const text = (path, label, initial) => ({ path, label, type: 'text', width: 'half', initial });

const FIND_DRIVER = {
  id: 'find_driver',
  label: 'find_driver',
  hint: 'Answered with searching, then driver_assigned or no_drivers.',
  base: { type: 'find_driver' },
  fields: [
    number('pickup_latitude', 'pickup lat.', '-26.2041'),
    number('pickup_longitude', 'pickup lon.', '28.0473'),
    number('dropoff_latitude', 'dropoff lat.', '-26.1041'),
    number('dropoff_longitude', 'dropoff lon.', '28.1473'),
    text('pickup_address', 'pickup', '123 Main St, Johannesburg'),
    text('dropoff_address', 'dropoff', '456 Oak St, Johannesburg'),
    number('distance_km', 'distance, km', '12.5'),
    number('estimated_duration_minutes', 'minutes', '25'),
    number('fare_amount', 'fare', '150'),
    { path: 'passenger_phone', label: 'phone', type: 'text', initial: '+27123456789' },
  ],
};

const CANCEL_RIDE = { id: 'cancel_ride', label: 'cancel_ride', hint: 'Answered with ride_cancelled; the driver is free again.', base: { type: 'cancel_ride' }, fields: [] };
const PING = { id: 'ping', label: 'ping', hint: 'Answered with the server’s time.', base: { type: 'ping' }, fields: [] };

const MESSAGES = {
  connection_established: 'the server has accepted the connection; ride_key lets a later one in',
  pong: 'the answer to ping',
  searching: 'looking for a driver',
  driver_assigned: 'a driver has the ride',
  no_drivers: 'nobody was found; find_driver may be sent again',
  ride_cancelled: 'the ride ended before its goal',
  driver_location: 'where the ride’s driver is',
  driver_arrived: 'the driver is at the pickup',
  ride_started: 'the ride is under way',
  ride_completed: 'the ride is at its goal',
  chat_message: 'the driver wrote something',
  error: 'a message was refused; the socket stays open',
  resume_failed: 'the requested events are no longer kept or do not exist yet; current state follows',
  authenticated: 'the connection lives until the new token’s expiry',
  find_driver: 'asks for a driver',
  cancel_ride: 'ends the ride',
  ping: 'asks for pong',
  ack: 'the app has processed an event',
  resume: 'asks for what is missing',
  authenticate: 'a token',
};

/** What the app shows for a message: the state of its ride. */
const STATES = {
  searching: 'searching',
  driver_assigned: 'assigned',
  no_drivers: 'no_drivers',
  ride_cancelled: 'cancelled',
  driver_arrived: 'arrived',
  ride_started: 'started',
  ride_completed: 'completed',
};

export const rideMatching = {
  name: 'ride-matching',
  templates: [FIND_DRIVER, CANCEL_RIDE, PING, ...deliveryTemplates.filter(({ id }) => id !== 'authenticate')],
  badTexts: [...badTexts, { id: 'no_pickup', label: 'no pickup', text: '{"type":"find_driver"}' }],
  socketPath: (rideId) => `/ws/ride/${encodeURIComponent(rideId)}/`,
  describeMessage: (type) => MESSAGES[type] ?? 'not among this contract’s messages',
  describeClose: (code) => describeClose(code, { 4001: 'not let in: another’s ride, no key, or anonymous rides are off' }),
  eventId,
  changes: ({ type }) => (type in STATES ? ['rides', 'drivers'] : []),
  greeting(message) {
    if (message.type !== 'connection_established') return null;
    return { sessionId: message.ride_id ?? '', lastEventId: 0, rideKey: message.ride_key ?? null };
  },
  state: ({ type }) => STATES[type] ?? null,
  endsRoom: ({ type }) => ['searching', 'ride_completed', 'ride_cancelled', 'no_drivers'].includes(type),
  sighting: ({ type, ...message }) => (type === 'driver_location' ? message : null),
};
