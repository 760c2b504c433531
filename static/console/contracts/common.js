//! What every contract shares: the close codes that any socket may end with, the messages that any app may send, and
//! messages made from templates.

import { CUT_CODE } from '../socket.js';

/** Code → what it means and whether an app should connect again by itself. */
const CLOSE_CODES = {
  1000: { meaning: 'normal end', reconnect: false },
  1001: { meaning: 'the server is going down; connect again', reconnect: true },
  1003: { meaning: 'a binary frame, which no contract has', reconnect: false },
  1005: { meaning: 'closed without a code', reconnect: true },
  1006: { meaning: 'the connection broke, without a close frame', reconnect: true },
  1007: { meaning: 'text that is not UTF-8', reconnect: false },
  1008: { meaning: 'policy: a flood, or too many bad messages', reconnect: false },
  1009: { meaning: 'message too big', reconnect: false },
  1011: { meaning: 'the server failed', reconnect: true },
  4001: { meaning: 'authentication failed, or token expired: refresh it and connect again', reconnect: true },
  4003: { meaning: 'logged in elsewhere', reconnect: false },
  4008: { meaning: 'idle for too long', reconnect: true },
  4013: { meaning: 'too slow: the client did not read', reconnect: true },
  [CUT_CODE]: { meaning: 'cut from this page, as if the network had failed', reconnect: false },
};

/** `own` are a contract's own words for some codes. */
export function describeClose(code, own = {}) {
  const known = CLOSE_CODES[code] ?? { meaning: 'a code that no contract names', reconnect: false };
  return { ...known, meaning: own[code] ?? known.meaning };
}

/**
 * The message of a template. `values` maps a field's path (`data.latitude`) to the text that was typed; an empty text
 * leaves the field out.
 */
export function buildMessage(template, values) {
  const message = structuredClone(template.base);
  for (const { path, type } of template.fields) {
    const text = values[path] ?? '';
    if (text === '') continue;
    setPath(message, path.split('.'), type === 'number' ? Number(text) : text);
  }
  return message;
}

function setPath(target, [name, ...rest], value) {
  if (rest.length === 0) {
    target[name] = value;
  } else {
    target[name] ??= {};
    setPath(target[name], rest, value);
  }
}

/**
 * A field that is left empty is left out of the message, unless it names in `whenEmpty` which of the panel's values
 * stands for it at the moment of sending: `now`, `newest`, `beforeNewest` (event ids), `freshToken` or `rideId`.
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

export const locationTemplates = [
  {
    id: 'location_update',
    label: 'location_update',
    hint: 'An empty field is left out; an empty timestamp is now.',
    base: LOCATION,
    fields: [
      ...POSITION_FIELDS,
      ...MOTION_FIELDS,
      { path: 'data.timestamp', label: 'timestamp', type: 'text', width: 'wide', whenEmpty: 'now', placeholder: 'empty: now' },
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
];

/** What every socket of every contract understands. */
export const deliveryTemplates = [
  {
    id: 'ack',
    label: 'ack',
    hint: 'Says that the app has processed an event, which is more than having received it.',
    base: { type: 'ack' },
    fields: [
      { path: 'event_id', label: 'event_id', type: 'number', width: 'wide', whenEmpty: 'newest', placeholder: 'empty: the newest seen' },
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
        width: 'wide',
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
      { path: 'token', label: 'token', type: 'text', width: 'wide', whenEmpty: 'freshToken', placeholder: 'empty: the account’s, renewed' },
    ],
  },
];

/** The number of a durable event; anything else has none. */
export const eventId = (message) => (Number.isInteger(message.id) ? message.id : null);

/** Bad input to try: each must be answered with `error` and leave the socket open. */
export const badTexts = [
  { id: 'not_json', label: 'not JSON', text: 'this is not JSON' },
  { id: 'unknown_type', label: 'unknown type', text: '{"type":"teleport"}' },
];

export const badPositions = [
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
