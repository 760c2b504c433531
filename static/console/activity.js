//! Everything that happened, in order: frames both ways, life of the sockets, REST calls. Bounded; the oldest go first
//! and are counted. Emits `entry` and `clear`. Secrets are taken out here, before anything is kept.

import { hasSecrets, redact, summarise } from './format.js';

/** How many entries are kept: an afternoon of clicking, and a list that a browser still draws at once. */
export const ENTRIES_MAX = 1000;

export class Activity extends EventTarget {
  entries = [];
  dropped = 0;
  #nextSeq = 1;

  /**
   * `entry` is `{kind: in|out|socket|rest, source, type, summary, detail?, eventId?, replayed?, tone?, hint?}`. For who wants to do it
   * again: `contract`, `socket` and `text` of a frame, `call` of a request; where they held a secret, there is nothing to do again.
   */
  add(entry) {
    const kept = { at: new Date(), seq: this.#nextSeq, ...entry };
    this.#nextSeq += 1;
    this.entries.push(kept);
    if (this.entries.length > ENTRIES_MAX) {
      this.entries.shift();
      this.dropped += 1;
    }
    this.dispatchEvent(new CustomEvent('entry', { detail: kept }));
  }

  clear() {
    this.entries = [];
    this.dropped = 0;
    this.dispatchEvent(new Event('clear'));
  }

  /** The log as JSON lines: what a page shows, so without secrets. */
  lines(entries = this.entries) {
    return entries.map(({ at, seq, kind, source, type, summary, eventId, replayed, detail }) => JSON.stringify({
      at: at.toISOString(), seq, kind, source, type, event_id: eventId ?? undefined, replayed: replayed || undefined, summary, detail,
    })).join('\n');
  }

  addFrame(source, contract, socket, { direction, text, message, eventId, replayed }) {
    const type = message ? String(message.type ?? '(no type)') : '(not JSON)';
    const visible = message ? redact(message) : text;
    this.add({
      kind: direction,
      source,
      type,
      eventId,
      replayed,
      tone: type === 'error' || type === 'resume_failed' ? 'bad' : null,
      hint: contract.describeMessage(type),
      summary: message ? frameSummary(visible) : summarise(text),
      detail: visible,
      contract: contract.name,
      socket,
      text: hasSecrets(message ?? text) ? undefined : text,
    });
  }

  addRest({ account, client, method, path, status, tookMs, request, reply, idempotencyKey }) {
    const failed = status < 200 || status >= 300;
    this.add({
      kind: 'rest',
      source: account,
      type: `${method} ${shortPath(path)}`,
      tone: failed ? 'bad' : null,
      summary: `${status || 'no answer'} · ${Math.round(tookMs)} ms${failed && reply?.code ? ` · ${reply.code}` : ''}`,
      call: { client, method, path, body: hasSecrets(request) ? undefined : request, isWhole: !hasSecrets(request) },
      detail: { method, path, status, idempotency_key: idempotencyKey, request: redact(request), reply: redact(reply) },
    });
  }
}

/** The log is narrow, and a UUID is told from others by its beginning; the whole path is in the details. */
function shortPath(path) {
  return path.replace('/api/v1', '').replace(/([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f-]{22}[0-9a-f]*/g, '$1…');
}

function frameSummary(message) {
  if (message.data && typeof message.data === 'object') return summarise(message.data);
  const { type: _type, id: _id, timestamp: _timestamp, ...rest } = message;
  return summarise(rest);
}
