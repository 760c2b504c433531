//! The ride hailing contract as data (passenger and driver apps): its socket, its messages, its statuses.

import { badPositions, badTexts, deliveryTemplates, describeClose, eventId, locationTemplates } from './common.js';

const RIDE_ID = {
  path: 'ride_id', label: 'ride_id', type: 'text', width: 'wide', whenEmpty: 'rideId', placeholder: 'empty: the newest ride shown here',
};

const simple = (type, hint) => ({ id: type, label: type, hint, base: { type }, fields: [] });
const ofRide = (type, hint) => ({ id: type, label: type, hint, base: { type }, fields: [RIDE_ID] });

const PING = {
  id: 'ping',
  label: 'ping',
  hint: 'The pong echoes the timestamp; without one it carries the server’s time.',
  base: { type: 'ping' },
  fields: [{ path: 'timestamp', label: 'timestamp', type: 'text', width: 'wide', whenEmpty: 'now', placeholder: 'empty: now' }],
};

const CHAT = {
  id: 'chat_message',
  label: 'chat_message',
  hint: 'To the other participant; stored, and an event like any other.',
  base: { type: 'chat_message' },
  fields: [RIDE_ID, { path: 'text', label: 'text', type: 'text', width: 'wide', initial: 'I am at the gate' }],
};

const rooms = [
  ofRide('join_ride', 'Enters the ride’s room: its state at once, then the driver’s positions.'),
  ofRide('leave_ride', 'Leaves the room. The ride’s events come all the same.'),
];

const onDuty = [
  simple('driver_online', 'Makes the driver available.'),
  simple('driver_offline', 'Makes the driver offline; refused while they hold a ride.'),
];

const BARE_PING = { id: 'ping_bare', label: '… bare', hint: 'A ping without a timestamp.', base: { type: 'ping' }, fields: [] };

const common = [PING, BARE_PING, ...deliveryTemplates];

const MESSAGES = {
  connected: 'the server has accepted the connection',
  pong: 'the answer to ping',
  ride_requested: 'a ride is offered to this driver',
  ride_accepted: 'a driver has the ride',
  driver_location_update: 'where the ride’s driver is',
  driver_arrived: 'the driver is at the pickup',
  ride_started: 'the ride is under way',
  ride_completed: 'the ride is at its goal',
  ride_cancelled: 'the ride ended before its goal, or nobody was found',
  ride_joined: 'in the room: the ride as it is and its driver’s newest position',
  ride_left: 'out of the room',
  ride_unavailable: 'the offer ended without this driver',
  driver_cancelled: 'the driver gave the ride back; the search goes on',
  driver_location_stale: 'no position of the driver came for a while',
  driver_location_fresh: 'the driver’s positions are arriving again',
  driver_status: 'the driver’s status after driver_online or driver_offline',
  chat_message: 'the other participant wrote something',
  booking_updated: 'a booking has changed',
  order_assigned: 'an order has a driver',
  order_cancelled: 'an order ended, or was taken back',
  error: 'a message was refused; the socket stays open',
  resume_failed: 'the requested events are no longer kept or do not exist yet; current state follows',
  authenticated: 'the connection lives until the new token’s expiry',
  location_update: 'the driver’s position',
  ping: 'asks for pong',
  join_ride: 'asks to enter a ride’s room',
  leave_ride: 'leaves a ride’s room',
  driver_online: 'the driver wants rides',
  driver_offline: 'the driver wants no more',
  ack: 'the app has processed an event',
  resume: 'asks for what is missing',
  authenticate: 'a newer token',
};

export const rideHailing = {
  name: 'ride-hailing',
  /** What a passenger's app sends, and what a driver's sends besides. */
  passengerTemplates: [...rooms, CHAT, ...common],
  driverTemplates: [...onDuty, ...rooms, CHAT, ...locationTemplates, ...common],
  badTexts: [...badTexts, { id: 'no_such_ride', label: 'no such ride', text: '{"type":"join_ride","ride_id":"no-such-ride"}' }, ...badPositions],
  statuses: ['requested', 'accepted', 'arrived', 'started', 'completed', 'cancelled', 'no_drivers'],
  /** Statuses of rides that have not ended. */
  open: ['requested', 'accepted', 'arrived', 'started'],
  /** What a driver may do with a ride that is theirs, by its status. */
  driverMoves: {
    accepted: [['arrive', 'Arrive'], ['start', 'Start'], ['cancel', 'Give back']],
    arrived: [['start', 'Start'], ['cancel', 'Give back']],
    started: [['complete', 'Complete']],
  },
  socketPath: () => '/api/v1/ws/connect',
  describeMessage: (type) => MESSAGES[type] ?? 'not among this contract’s messages',
  describeClose: (code) => describeClose(code, { 1000: 'the app said goodbye' }),
  eventId,
  /** Which of the console's views a message makes out of date. */
  changes({ type }) {
    if (typeof type !== 'string') return [];
    if (type === 'booking_updated') return ['bookings'];
    if (type.startsWith('order_')) return ['orders'];
    if (type === 'driver_status') return ['drivers'];
    return type.startsWith('ride_') || type === 'driver_arrived' || type === 'driver_cancelled' ? ['rides', 'drivers'] : [];
  },
  greeting(message) {
    if (message.type !== 'connected') return null;
    return { sessionId: message.data?.user_id ?? '', lastEventId: message.data?.last_event_id ?? 0 };
  },
  /** Whether the ride's driver is no longer followed after a message. */
  endsRoom: ({ type }) => ['ride_left', 'ride_completed', 'ride_cancelled', 'driver_cancelled'].includes(type),
  /** The driver's position in a message, if it has one. */
  sighting({ type, data }) {
    if (type === 'driver_location_update') return data;
    return type === 'ride_joined' && data?.driver_location ? { ride_id: data.ride_id, ...data.driver_location } : null;
  },
};
