//! The driver app's contract as data: its socket, its messages as templates to fill in, its close codes, its statuses.
//! Panels read this and have no words of their own for the wire. Another family of apps is another file like this one.

import { describeClose } from './common.js';

/**
 * A field that is left empty is left out of the message, unless it names in `whenEmpty` which of the panel's values
 * stands for it at the moment of sending: `now`, `newest`, `beforeNewest` (event ids) or `freshToken`.
 */
const POSITION_FIELDS = [
  { path: 'data.latitude', label: 'latitude', type: 'number', initial: '28.7041' },
  { path: 'data.longitude', label: 'longitude', type: 'number', initial: '77.1025' },
];

const MOTION_FIELDS = [
  { path: 'data.accuracy', label: 'accuracy, m', type: 'number', initial: '10.5' },
  { path: 'data.heading', label: 'heading, °', type: 'number', initial: '180' },
  { path: 'data.speed', label: 'speed', type: 'number', initial: '25.5' },
  { path: 'data.battery_level', label: 'battery, %', type: 'number', initial: '75' },
];

const LOCATION = { type: 'location_update', data: {} };

const templates = [
  {
    id: 'location_update',
    label: 'location_update',
    hint: 'An empty field is left out; an empty timestamp is now.',
    base: LOCATION,
    fields: [
      ...POSITION_FIELDS,
      ...MOTION_FIELDS,
      { path: 'data.timestamp', label: 'timestamp', type: 'text', wide: true, whenEmpty: 'now', placeholder: 'empty: now' },
    ],
  },
  {
    id: 'location_no_timestamp',
    label: '… no timestamp',
    hint: 'The server takes its own time.',
    base: LOCATION,
    fields: [...POSITION_FIELDS, ...MOTION_FIELDS],
  },
  {
    id: 'location_position_alone',
    label: '… position alone',
    hint: 'The least that a position needs.',
    base: LOCATION,
    fields: [
      { ...POSITION_FIELDS[0], initial: '12.9352' },
      { ...POSITION_FIELDS[1], initial: '77.6245' },
    ],
  },
  { id: 'ping', label: 'ping', hint: 'Answered with a bare pong.', base: { type: 'ping' }, fields: [] },
  {
    id: 'ack',
    label: 'ack',
    hint: 'Says that the app has processed an event, which is more than having received it.',
    base: { type: 'ack' },
    fields: [
      { path: 'event_id', label: 'event_id', type: 'number', wide: true, whenEmpty: 'newest', placeholder: 'empty: the newest seen' },
    ],
  },
  {
    id: 'resume',
    label: 'resume',
    hint: 'Asks for every event after this one again.',
    base: { type: 'resume' },
    fields: [
      {
        path: 'last_event_id',
        label: 'last_event_id',
        type: 'number',
        wide: true,
        whenEmpty: 'beforeNewest',
        placeholder: 'empty: all before the newest, so that it comes again',
      },
    ],
  },
  {
    id: 'authenticate',
    label: 'authenticate',
    hint: 'Stays connected past the token’s expiry.',
    base: { type: 'authenticate' },
    fields: [
      { path: 'token', label: 'token', type: 'text', wide: true, whenEmpty: 'freshToken', placeholder: 'empty: the account’s, renewed' },
    ],
  },
];

/** Bad input to try: each must be answered with `error` and leave the socket open. */
const badTexts = [
  { id: 'not_json', label: 'not JSON', text: 'this is not JSON' },
  { id: 'unknown_type', label: 'unknown type', text: '{"type":"teleport"}' },
  { id: 'no_data', label: 'no data', text: '{"type":"location_update"}' },
  {
    id: 'out_of_range',
    label: 'latitude 91',
    text: '{"type":"location_update","data":{"latitude":91,"longitude":77.1025}}',
  },
  {
    id: 'wrong_type',
    label: 'text for a number',
    text: '{"type":"location_update","data":{"latitude":"north","longitude":77.1025}}',
  },
];

const MESSAGES = {
  connected: 'the server has accepted the connection',
  pong: 'the answer to ping',
  order_assigned: 'an order for this driver',
  order_cancelled: 'an order is no longer this driver’s',
  error: 'a message was refused; the socket stays open',
  resume_failed: 'what was asked for is no longer kept, or not there yet; current state follows',
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
  templates,
  badTexts,
  /** Statuses that a driver sets on an order, with what the button says. */
  orderMoves: [
    { status: 'accepted', label: 'Accept' },
    { status: 'picked_up', label: 'Picked up' },
    { status: 'delivered', label: 'Delivered' },
    { status: 'rejected', label: 'Reject' },
  ],
  orderStatuses: ['pending', 'assigned', 'accepted', 'picked_up', 'delivered', 'rejected', 'cancelled'],
  driverStatuses: ['online', 'busy', 'offline'],
  socketPath: (driverId) => `/api/v1/ws/driver/${driverId}`,
  describeMessage: (type) => MESSAGES[type] ?? 'not among this contract’s messages',
  describeClose: (code) => describeClose(code, OWN_CLOSE_CODES),
  eventId: (message) => (Number.isInteger(message.id) ? message.id : null),
  /** Whether a message changes what the driver holds. */
  changesOrders: (message) => typeof message.type === 'string' && message.type.startsWith('order_'),
  greeting(message) {
    if (message.type !== 'connected') return null;
    return { sessionId: message.data?.session_id ?? '', lastEventId: message.data?.last_event_id ?? 0 };
  },
};
