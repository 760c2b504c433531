//! Why a driver gets rides, or none: each condition and whether it holds, in a picture and in the server's words, and the last searches
//! that looked at them. It draws what `GET admin/drivers/{id}/why` says and keeps nothing.

import { h, button, badge } from '../dom.js';
import { age, clockTime, distance, position } from '../format.js';
import { bar } from '../svg.js';
import { CONDITIONS, outcome } from '../words.js';
import { DISTANCE_SCALE_MIN_M } from './trace.js';

/** `tools` is `{directory, trace, demo, attempt}`. */
export function renderWhy(why, tools) {
  const gates = gatesOf(why);
  return [
    h('p', { class: `inset lead ${why.can_be_offered_rides ? 'good' : 'bad'}`, data: { testid: 'why-summary' } }, summary(why, tools.directory)),
    h('ol', { class: 'gates', 'aria-label': 'Conditions' }, gates.map(gate), end(why)),
    h('ul', { class: 'reasons', 'aria-label': 'Reasons against it' }, why.reasons.map(({ code, message }) => h('li', { data: { testid: 'why-reason', code } }, message, ' ', h('code', {}, code))),
      why.position_not_believed && h('li', { data: { testid: 'why-doubt', code: why.position_not_believed.code } }, why.position_not_believed.message, ' ', h('code', {}, why.position_not_believed.code))),
    facts(why, tools),
    looks(why.looked_at, tools),
    tools.demo.canRestore && !why.can_be_offered_rides && h('div', { class: 'row inset' }, button('Restore the demo', {
      testid: 'why-restore', title: 'Demo drivers back to where they were, verified and online; what they hold is ended', data: { focus: 'restore' },
      action: () => tools.attempt('Restore the demo', () => tools.demo.restore()),
    })),
  ].filter(Boolean);
}

function summary({ driver_id: id, can_be_offered_rides: can, reasons }, directory) {
  const name = directory.driver(id);
  if (can) return `${name} can be offered rides now.`;
  return `${name} is offered no rides now. ${reasons.map(({ message }) => message).join(' ')}`;
}

/** Each condition with whether it holds; a reason that no condition here has is a condition of its own. */
function gatesOf(why) {
  const against = new Set(why.reasons.map(({ code }) => code));
  if (why.position_not_believed) against.add(why.position_not_believed.code);
  const known = CONDITIONS.map(({ id, says, fails }) => ({ id, says, holds: !fails.some((code) => against.has(code)) }));
  const named = new Set(CONDITIONS.flatMap(({ fails }) => fails));
  const unknown = [...against].filter((code) => !named.has(code)).map((code) => ({ id: code, says: code, holds: false }));
  return [...known, ...unknown];
}

function gate({ id, says, holds }) {
  return h('li', { class: `gate ${holds ? 'good' : 'bad'}`, data: { testid: 'why-gate', gate: id, holds: String(holds) } },
    h('span', { class: 'sign', role: 'img', 'aria-label': holds ? 'holds:' : 'does not hold:' }, holds ? '✓' : '✗'), h('span', {}, says));
}

function end({ can_be_offered_rides: can }) {
  return h('li', { class: `gate goal ${can ? 'good' : 'bad'}` }, can ? 'gets offers' : 'gets none');
}

function facts(why, { trace }) {
  const { position: at } = why;
  const jobs = why.jobs.map((job) => button(`job ${job}`, { class: 'link', testid: 'why-job', data: { focus: `job-${job}` }, action: () => trace(job) }));
  const entry = (name, ...value) => [h('dt', {}, name), h('dd', { class: 'whole' }, value)];
  return h('dl', { class: 'facts' },
    entry('status', `${why.status}, wants to be ${why.wants}${why.connected ? ', connected' : ', not connected'}`),
    entry('vehicle', why.vehicle_type ?? '–'),
    entry('position', at ? `${position(at.latitude, at.longitude)}${at.age_secs === null ? ', set and not measured by a phone: it does not age' : `, ${age(at.age_secs)} old`}` : 'not known'),
    entry('open offers', String(why.open_offers)),
    entry('holds', jobs.length > 0 ? h('span', { class: 'row center' }, jobs) : 'no job'));
}

function looks(looked, { trace }) {
  const furthest = Math.max(DISTANCE_SCALE_MIN_M, ...looked.map(({ distance_m: metres }) => metres));
  const rows = looked.map((look) => {
    const { says, tone } = outcome(look.outcome);
    return h('li', { class: 'candidate', data: { testid: 'why-look', outcome: look.outcome } },
      h('div', { class: 'row center' }, h('time', { class: 'muted', datetime: look.at }, clockTime(new Date(look.at))),
        button(`job ${look.job_id}`, { class: 'link', testid: 'look-trace', title: 'Its trace', data: { focus: `look-${look.search_id}` }, action: () => trace(look.job_id) }), badge(says, tone)),
      h('div', { class: 'measure' }, bar(look.distance_m / furthest), h('span', {}, distance(look.distance_m)),
        h('span', { class: 'muted' }, look.position_age_secs === null ? '' : `position ${age(look.position_age_secs)} old`)));
  });
  return h('section', { class: 'looks', 'aria-label': 'Searches that looked at them' }, h('h3', {}, 'The last searches that looked at them'),
    rows.length > 0 ? h('ol', { class: 'candidates' }, rows) : h('p', { class: 'muted' }, 'No search has looked at this driver yet.'));
}
