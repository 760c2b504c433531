//! The trace of a job as a time line: what became of it, whom each search looked at and why not, each offer on its way, and who heard
//! of what. It draws what `GET admin/jobs/{id}/trace` says and keeps nothing.

import { h, button, badge } from '../dom.js';
import { age, clockTime, distance, duration } from '../format.js';
import { bar, track } from '../svg.js';
import { outcome, searchEnd, statusWords } from '../words.js';

/** Bars of delivery are measured against at least this, so that 2 ms do not look like a long time. In milliseconds. */
const DELIVERY_SCALE_MIN_MS = 200;
/** Bars of distance likewise, in metres. */
export const DISTANCE_SCALE_MIN_M = 1000;
/** What begins in the same millisecond is told in this order. */
const ORDER = ['status', 'search', 'event', 'end'];

/** `tools` is `{directory, why}`. */
export function renderTrace(trace, tools) {
  const start = Math.min(...trace.statuses.map(({ at }) => Date.parse(at)));
  const ctx = { ...tools, start, scaleMs: deliveryScale(trace.events) };
  const moments = [...statusMoments(trace), ...searchMoments(trace, ctx), ...eventMoments(trace.events, ctx)]
    .sort((a, b) => a.at - b.at || ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  return [
    h('p', { class: 'inset lead', data: { testid: 'trace-summary' } }, summary(trace)),
    h('ol', { class: 'timeline', 'aria-label': 'What happened, in order' }, moments.map((moment, index) => item(moment, moments[index - 1], ctx))),
    h('ul', { class: 'legend', 'aria-label': 'What the marks mean' }, ['offered', 'seen', 'answered', 'made', 'sent', 'confirmed', 'pushed'].map((kind) => h('li', { class: `key k-m-${kind}` }, LEGEND[kind]))),
  ];
}

const LEGEND = {
  offered: 'offered or bound', seen: 'seen by the phone', answered: 'answered', made: 'event made', sent: 'sent', confirmed: 'confirmed by the phone', pushed: 'pushed',
};

const STEPS = { offered: 'offered', bound: 'bound at once', seen: 'seen', answered: 'answered' };

function summary({ kind, status, searches, candidates, events }) {
  const asked = candidates.filter(({ offered_at: at }) => at !== null).length;
  const heard = events.filter(({ confirmed_at: at, pushed_at: pushed }) => at !== null || pushed !== null).length;
  const looked = searches.length > 0 ? ` ${count(searches.length, 'search', 'searches')}, ${count(candidates.length, 'driver')} looked at, ${asked} asked.` : '';
  return `This ${kind === 'service' ? 'booking' : kind} is: ${statusWords(status)}.${looked} ${heard} of ${count(events.length, 'event')} confirmed or pushed.`;
}

function statusMoments({ statuses }) {
  return statuses.map(({ status, at }) => ({
    kind: 'status', tone: { completed: 'good', cancelled: 'bad', unmatched: 'bad' }[status] ?? 'info', at: Date.parse(at), body: [h('strong', {}, statusWords(status))], data: { status },
  }));
}

function searchMoments({ searches, candidates }, ctx) {
  return searches.flatMap((search) => {
    const opened = Date.parse(search.opened_at);
    const looked = candidates.filter(({ search_id: id }) => id === search.search_id);
    const ended = search.ended_at ? [{
      kind: 'end', tone: search.ended_as === 'assigned' ? 'good' : 'bad', at: Date.parse(search.ended_at),
      body: [`The search ended: ${searchEnd(search.ended_as)}.`], data: { ended: search.ended_as },
    }] : [];
    const says = search.ended_at ? 'A search began.' : `A search began; it goes on until ${clockTime(new Date(search.deadline))} at most.`;
    return [{ kind: 'search', tone: 'warn', at: opened, body: [says, candidateList(looked, search, ctx)], data: { search: search.search_id } }, ...ended];
  });
}

function candidateList(candidates, search, ctx) {
  if (candidates.length === 0) return h('p', { class: 'muted' }, 'Nobody was within its radius.');
  const furthest = Math.max(DISTANCE_SCALE_MIN_M, ...candidates.map(({ distance_m: metres }) => metres ?? 0));
  const last = Math.max(...candidates.flatMap((one) => [one.offered_at, one.seen_at, one.answered_at, search.ended_at]).filter(Boolean).map(Date.parse));
  return h('ol', { class: 'candidates', 'aria-label': 'Drivers that it looked at' },
    candidates.map((one) => candidate(one, { opened: Date.parse(search.opened_at), last, furthest }, ctx)));
}

function candidate(one, scale, { directory, why }) {
  const { says, tone } = outcome(one.outcome);
  return h('li', { class: `candidate ${tone}`, data: { testid: 'trace-candidate', driverId: one.driver_id, outcome: one.outcome } },
    h('div', { class: 'row center' },
      button(`${directory.driver(one.driver_id)} · ${one.driver_id}`, {
        class: 'link', testid: 'candidate-why', title: 'Why this driver gets rides now, or does not', data: { focus: `${one.search_id}-${one.driver_id}` }, action: () => why(one.driver_id),
      }),
      badge(says, tone)),
    h('div', { class: 'measure' }, bar((one.distance_m ?? 0) / scale.furthest), h('span', {}, distance(one.distance_m)),
      h('span', { class: 'muted' }, one.position_age_secs === null ? 'place set, not measured by a phone' : `position ${age(one.position_age_secs)} old`)),
    one.offered_at && offer(one, scale));
}

/** From the offer to its answer, on the scale of its search. */
function offer(one, { opened, last }) {
  // In mode auto nobody is asked: the offer and its answer are one moment.
  const isBound = one.answered_at === one.offered_at;
  const steps = [[isBound ? 'bound' : 'offered', one.offered_at], ['seen', one.seen_at], ['answered', isBound ? null : one.answered_at]].filter(([, at]) => at)
    .map(([kind, at]) => ({ kind, ms: Date.parse(at) - opened })).sort((a, b) => a.ms - b.ms);
  const all = Math.max(1, last - opened);
  const words = steps.map(({ kind, ms }) => `${STEPS[kind]} after ${duration(ms)}`).join(', ');
  return h('div', { class: 'measure' }, track(steps.map(({ kind, ms }) => ({ kind, at: ms / all }))),
    h('span', { class: 'muted whole' }, one.seen_at ? words : `${words}; no receipt of a phone`));
}

/** Everybody who was told the same in the same moment is one moment. */
function eventMoments(events, ctx) {
  const moments = new Map();
  for (const event of events) {
    const key = `${event.created_at} ${event.name}`;
    if (!moments.has(key)) moments.set(key, { kind: 'event', tone: '', at: Date.parse(event.created_at), name: event.name, heard: [] });
    moments.get(key).heard.push(recipient(event, ctx));
  }
  return [...moments.values()].map(({ name, heard, ...moment }) => ({
    ...moment, data: { event: name }, body: [h('code', {}, name), h('ul', { class: 'recipients', 'aria-label': `Who was told ${name}` }, heard)],
  }));
}

function recipient(event, { directory, scaleMs }) {
  const made = Date.parse(event.created_at);
  const steps = [['sent', event.sent_at], ['confirmed', event.confirmed_at], ['pushed', event.pushed_at]].filter(([, at]) => at)
    .map(([kind, at]) => ({ kind, ms: Math.max(0, Date.parse(at) - made) }));
  const marks = [{ kind: 'made', at: 0 }, ...steps.map(({ kind, ms }) => ({ kind, at: ms / scaleMs }))].sort((a, b) => a.at - b.at);
  const { says, tone } = delivery(event, steps);
  return h('li', { data: { testid: 'trace-recipient', delivery: tone } },
    h('div', { class: 'row center' }, h('span', { class: 'whole', title: event.user_id }, directory.person(event.user_id)), h('span', { class: 'muted' }, `#${event.event_id}`)),
    h('div', { class: 'measure' }, track(marks), h('span', { class: `whole ${tone}` }, says)));
}

function delivery(event, steps) {
  const ms = Object.fromEntries(steps.map((step) => [step.kind, duration(step.ms)]));
  if (event.confirmed_at) {
    return { tone: 'good', says: `${event.sent_at ? `sent after ${ms.sent}, ` : ''}confirmed after ${ms.confirmed}${event.pushed_at ? `; pushed after ${ms.pushed}, too` : ''}${event.processed_at ? '; the app has processed it' : ''}` };
  }
  if (event.pushed_at) return { tone: 'info', says: `pushed after ${ms.pushed}${event.sent_at ? '; sent, not confirmed' : '; the app was not connected'}` };
  if (event.sent_at) return { tone: 'warn', says: `sent after ${ms.sent}, not confirmed yet` };
  return { tone: 'warn', says: 'waits: the app was not connected, and hears it when it is' };
}

function deliveryScale(events) {
  const times = events.flatMap(({ created_at: made, ...event }) =>
    [event.sent_at, event.confirmed_at, event.pushed_at].filter(Boolean).map((at) => Date.parse(at) - Date.parse(made)));
  return Math.max(DELIVERY_SCALE_MIN_MS, ...times);
}

function item({ kind, tone, at, body, data }, before, { start }) {
  const since = before && before.at < at ? h('span', { class: 'muted' }, `+${duration(at - before.at)}`) : null;
  return h('li', { class: `moment k-${kind} ${tone}`.trim(), data: { testid: `trace-${kind}`, ...data } },
    h('div', { class: 'when' }, h('time', { datetime: new Date(at).toISOString(), title: clockTime(new Date(at)) }, at === start ? '0 ms' : duration(at - start)), since),
    h('div', { class: 'what' }, body));
}

function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}
