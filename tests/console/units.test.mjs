//! The console's pure parts by themselves: amounts, spans of time, lines for a shell, the log's filter, what is a secret.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { curlLine, quoted, websocatLine } from '../../static/console/commands.js';
import { duration, hasSecrets, money, redact, setCurrency } from '../../static/console/format.js';
import { matches } from '../../static/console/log-filter.js';
import { Activity } from '../../static/console/activity.js';

/** No-break spaces are what keeps an amount on one line; a test need not have them. */
const plain = (text) => text.replaceAll('\u00a0', ' ');

test('amounts have their currency, with the digits of its minor unit', () => {
  assert.equal(plain(money(45.5, 'ZAR')), 'ZAR 45.50');
  assert.equal(plain(money(404, 'XAF')), 'XAF 404');
  assert.equal(plain(money(1200, 'JPY')), 'JPY 1,200');
  assert.equal(plain(money(3.25, 'KWD')), 'KWD 3.250');
  assert.equal(money(undefined, 'ZAR'), '–');
  assert.equal(money(1.5, 'not a currency'), 'not a currency 1.5');
  setCurrency('XAF');
  assert.equal(plain(money(404)), 'XAF 404', 'the server’s, where the answer has none');
});

test('spans of time', () => {
  assert.deepEqual([0.2, 12, 1234, 125_000, 11_040_000].map(duration), ['<1 ms', '12 ms', '1.2 s', '2 min 5 s', '3 h 4 min']);
});

test('a line is taken by a shell as it was meant', () => {
  const odd = `it's $HOME \`x\` "y" \\ 🍕`;
  assert.equal(execFileSync('sh', ['-c', `printf %s ${quoted(odd)}`], { encoding: 'utf8' }), odd);
  assert.equal(
    curlLine({ base: 'http://h:1', method: 'POST', path: '/p?a=1', body: { a: "it's" }, token: 't' }),
    `curl -sS -X POST 'http://h:1/p?a=1' -H 'authorization: Bearer t' -H 'content-type: application/json' -d '{"a":"it'\\''s"}'`,
  );
  assert.equal(curlLine({ base: 'http://h', method: 'GET', path: '/p', token: null }), `curl -sS 'http://h/p'`);
  assert.equal(websocatLine({ base: 'https://h', path: '/ws', token: null }), `websocat 'wss://h/ws'`);
});

test('what is a secret, and what the log shows of it', () => {
  assert.ok(hasSecrets({ a: [{ token: 'x' }] }));
  assert.ok(hasSecrets('Bearer eyJhbGciOiJIUzI1NiJ9.x.y'));
  assert.ok(!hasSecrets({ type: 'ping', tokens: 3, token: null }));
  assert.deepEqual(redact({ password: 'abc', other: 1 }), { password: '(3 characters, hidden)', other: 1 });
  assert.deepEqual(redact({ code: 'second_factor_required', secret: 'abc', recovery_codes: ['a', 'b'] }), { code: 'second_factor_required', secret: '(3 characters, hidden)', recovery_codes: '(2, hidden)' });
  assert.ok(hasSecrets({ otpauth_uri: 'otpauth://totp' }));
});

test('the filter of the log', () => {
  const entry = { kind: 'in', source: 'driver 1', type: 'order_assigned', summary: 'order_id 5', detail: { data: { restaurant_name: 'Truffles' } } };
  const all = { kind: 'all', text: '', source: '', type: '', positions: true };
  assert.ok(matches(entry, all));
  assert.ok(matches(entry, { ...all, text: 'TRUFFLES driver' }));
  assert.ok(!matches(entry, { ...all, text: 'pizza' }));
  assert.ok(!matches(entry, { ...all, kind: 'rest' }));
  assert.ok(!matches(entry, { ...all, source: 'driver 2' }));
  assert.ok(!matches({ ...entry, type: 'location_update' }, { ...all, positions: false }));
});

test('the export has a line for each entry, and no secret', () => {
  const activity = new Activity();
  const contract = { name: 'any', describeMessage: () => null };
  const text = '{"type":"authenticate","token":"very secret"}';
  activity.addFrame('driver 1', contract, null, { direction: 'out', text, message: JSON.parse(text), eventId: null, replayed: false });
  const [line] = activity.lines().split('\n').map((one) => JSON.parse(one));
  assert.deepEqual([line.kind, line.source, line.type], ['out', 'driver 1', 'authenticate']);
  assert.doesNotMatch(activity.lines(), /very secret/);
  assert.equal(activity.entries[0].text, undefined, 'there is nothing to send again');
});
