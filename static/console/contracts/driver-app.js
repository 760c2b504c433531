//! The driver app's contract as data: its socket, its messages as templates to fill in, its close codes, its statuses.
//! Panels read this and have no words of their own for the wire. Another family of apps is another file like this one.

import { badPositions, badTexts, deliveryTemplates, describeClose, eventId, locationTemplates } from './common.js';

const PING = { id: 'ping', label: 'ping', hint: 'Answered with a bare pong.', base: { type: 'ping' }, fields: [] };

const MESSAGES = {
  connected: 'the server has accepted the connection',
  pong: 'the answer to ping',
  order_assigned: 'an order for this driver',
  order_cancelled: 'an order is no longer this driver’s',
  booking_updated: 'a booking of theirs has changed',
  error: 'a message was refused; the socket stays open',
  resume_failed: 'the requested events are no longer kept or do not exist yet; current state follows',
  authenticated: 'the connection lives until the new token’s expiry',
  location_update: 'the driver’s position',
  ping: 'asks for pong',
  ack: 'the app has processed an event',
  resume: 'asks for what is missing',
  authenticate: 'a newer token',
};

const OWN_CLOSE_CODES = {
  1000: 'driver went offline',
  4003: 'the same driver connected elsewhere; this was the older connection',
  4008: 'idle for 5 minutes',
};

export const driverApp = {
  name: 'driver-app',
  templates: [...locationTemplates, PING, ...deliveryTemplates],
  badTexts: [...badTexts, ...badPositions],
  /** Statuses that a driver sets on an order, with what the button says. */
  orderMoves: [
    { status: 'accepted', label: 'Accept' },
    { status: 'picked_up', label: 'Picked up' },
    { status: 'delivered', label: 'Delivered' },
    { status: 'rejected', label: 'Reject' },
  ],
  /** The move that comes next, by an order's status. */
  nextMove: { assigned: 'accepted', accepted: 'picked_up', picked_up: 'delivered' },
  orderStatuses: ['pending', 'assigned', 'accepted', 'picked_up', 'delivered', 'rejected', 'cancelled'],
  driverStatuses: ['online', 'busy', 'offline'],
  socketPath: (driverId) => `/api/v1/ws/driver/${driverId}`,
  describeMessage: (type) => MESSAGES[type] ?? 'not among this contract’s messages',
  describeClose: (code) => describeClose(code, OWN_CLOSE_CODES),
  eventId,
  /** Which of the console's views a message makes out of date. */
  changes(message) {
    if (typeof message.type !== 'string') return [];
    if (message.type.startsWith('order_')) return ['orders'];
    return message.type === 'booking_updated' ? ['bookings'] : [];
  },
  greeting(message) {
    if (message.type !== 'connected') return null;
    return { sessionId: message.data?.session_id ?? '', lastEventId: message.data?.last_event_id ?? 0 };
  },
};
