//! What every contract shares: the close codes that any socket may end with, and messages made from templates.

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
