//! Any socket at all, for a tester: no words of a contract, only what every one of them has.

import { badTexts, describeClose, eventId } from './common.js';

const PING = { id: 'ping', label: 'ping', hint: 'Every contract answers it with pong.', base: { type: 'ping' }, fields: [] };

export const anySocket = {
  name: 'any',
  templates: [PING],
  badTexts,
  describeMessage: () => null,
  describeClose: (code) => describeClose(code),
  eventId,
  changes: () => [],
  greeting(message) {
    if (message.type !== 'connected' && message.type !== 'connection_established') return null;
    return { sessionId: message.data?.session_id ?? message.data?.user_id ?? message.ride_id ?? '', lastEventId: message.data?.last_event_id ?? 0 };
  },
};
