//! The testing tool: the log searched, narrowed, held, copied from, exported, sent again; messages and requests that are kept; any
//! request and any socket. Against a running server (`FLEETWIRE_URL`, development profile).

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { after, before, test } from 'node:test';
import { BASE_URL, openConsole, requireServer } from './page.mjs';

let console_;
let socket;
let password;

before(async () => {
  ({ demo_password: password } = await requireServer());
  console_ = await openConsole();
  socket = console_.panel('any-socket-panel');
  await console_.view('tester');
  await console_.click('login-scenario');
  await console_.page.locator('[data-testid=account-driver123][aria-pressed=true]').waitFor();
  await console_.page.fill('#any-path', '/api/v1/ws/driver/123');
  await console_.page.selectOption('#any-account', 'driver123');
  await socket.connect();
});

after(async () => { await console_?.close(); });

const shown = (wanted) => console_.entries(wanted).filter({ visible: true });

async function request(method, path, body = '') {
  const { page } = console_;
  await page.selectOption('#request-method', method);
  await page.fill('#request-path', path);
  await page.fill('#request-body', body);
  await console_.click('request-send');
}

const status = (text) => console_.get('request-status').filter({ hasText: text }).waitFor();

test('any request, as anybody or as nobody', async () => {
  const { page } = console_;
  await request('GET', '/api/v1/admin/drivers?limit=2');
  await status('success');
  assert.equal(JSON.parse(await page.locator('#request-answer').textContent()).items.length, 2);
  await request('GET', `${BASE_URL}/healthz`);
  await status('success');
  await page.selectOption('#request-account', '');
  console_.announceRefusal(401);
  await request('GET', '/api/v1/admin/drivers');
  await status('401');
  await request('POST', '/api/v1/auth/login', JSON.stringify({ username: 'driver123', password }));
  await status('success');
  assert.doesNotMatch(await page.content(), /eyJ[\w-]{10}/, 'no token in the page');
  await page.selectOption('#request-account', 'admin');
});

test('elsewhere is said to be out of reach, before anything is sent', async () => {
  await request('GET', 'https://elsewhere.example/api');
  const problem = console_.page.locator('#request-problems .problem');
  await problem.waitFor();
  assert.match(await problem.textContent(), /may talk to .* only/);
  await problem.getByLabel('Dismiss').click();
  await request('POST', '/api/v1/admin/orders', '{not json');
  assert.match(await problem.textContent(), /not JSON/);
  await problem.getByLabel('Dismiss').click();
});

test('the log is narrowed by kind, source, type, text and without positions', async () => {
  const { page } = console_;
  const position = '{"type":"location_update","data":{"latitude":12.9352,"longitude":77.6245}}';
  await console_.entryAfter({ kind: 'out', type: 'location_update' }, () => socket.sendRaw(position));
  await console_.entryAfter({ kind: 'in', type: 'pong' }, () => socket.send('ping'));
  await console_.click('log-rest');
  assert.equal(await shown({ kind: 'out' }).count(), 0);
  assert.ok(await shown({ kind: 'rest' }).count() > 0);
  await console_.click('log-all');
  await console_.click('log-no-positions');
  assert.equal(await shown({ type: 'location_update' }).count(), 0);
  assert.ok(await shown({ type: 'pong' }).count() > 0);
  await console_.click('log-no-positions');
  await page.selectOption('#log-source', 'admin');
  assert.equal(await shown({ kind: 'in' }).count(), 0);
  await page.selectOption('#log-source', '');
  await page.selectOption('#log-type', 'pong');
  assert.equal(await shown({ kind: 'rest' }).count(), 0);
  assert.match(await console_.get('log-count').textContent(), /^\d+ of \d+$/);
  await page.selectOption('#log-type', '');
  // In what is not on the line, too: the JSON.
  await page.fill('#log-search', '77.6245 12.9352');
  assert.equal(await shown({ kind: 'out', type: 'location_update' }).count(), 1);
  assert.equal(await shown({ kind: 'in', type: 'pong' }).count(), 0);
  await page.fill('#log-search', '');
});

test('a new entry that the filter hides is not shown, and is there afterwards', async () => {
  await console_.page.selectOption('#log-type', 'connected');
  await console_.entryAfter({ kind: 'in', type: 'pong' }, () => socket.send('ping'));
  assert.equal(await shown({ type: 'pong' }).count(), 0);
  await console_.page.selectOption('#log-type', '');
  assert.ok(await shown({ type: 'pong' }).count() > 0);
});

test('a held log stands still, says how much it misses, and catches up', async () => {
  await console_.click('log-pause');
  const entries = console_.entries({});
  const before = await entries.count();
  await socket.send('ping');
  await console_.get('log-pause').filter({ hasText: 'Resume (2)' }).waitFor();
  assert.equal(await entries.count(), before);
  await console_.click('log-pause');
  await entries.nth(before + 1).waitFor({ state: 'attached' });
  assert.equal(await entries.count(), before + 2);
});

test('a frame is copied, sent again, and copied as a websocat line', async () => {
  const sent = console_.entries({ kind: 'out', type: 'ping' }).first();
  await console_.open(sent);
  await sent.getByTestId('copy-frame').click();
  await sent.getByTestId('copy-frame').filter({ hasText: 'Copied' }).waitFor();
  assert.deepEqual(JSON.parse(await console_.clipboard()), { type: 'ping' });
  await console_.entryAfter({ kind: 'in', type: 'pong' }, () => sent.getByTestId('send-again').click());
  await sent.getByTestId('copy-websocat').click();
  await sent.getByTestId('copy-websocat').filter({ hasText: 'Copied' }).waitFor();
  const line = await console_.clipboard();
  const address = `${BASE_URL.replace(/^http/, 'ws')}/api/v1/ws/driver/123`;
  assert.match(line, /^printf '%s\\n' '\{"type":"ping"\}' \| websocat -n -H='authorization: Bearer eyJ/);
  assert.ok(line.endsWith(`'${address}'`), 'the token is not in the address');
});

test('a request is copied as a curl line that a shell runs', async () => {
  await request('GET', '/api/v1/admin/drivers/123');
  await status('success');
  const entry = console_.entries({ kind: 'rest', type: 'GET /admin/drivers/123' }).last();
  await console_.open(entry);
  await entry.getByTestId('copy-curl').click();
  await entry.getByTestId('copy-curl').filter({ hasText: 'Copied' }).waitFor();
  const { stdout } = await promisify(execFile)('sh', ['-c', await console_.clipboard()]);
  assert.equal(JSON.parse(stdout).driver_id, 123);
  await console_.entryAfter({ kind: 'rest', type: 'GET /admin/drivers/123' }, () => entry.getByTestId('send-again').click());
});

test('lines may be for another server, the page is not', async () => {
  const { page } = console_;
  await page.fill('#base-url', 'not an address');
  await page.locator('#base-url').blur();
  const problem = page.locator('#request-problems .problem');
  await problem.getByLabel('Dismiss').click();
  await page.fill('#base-url', 'https://dispatch.example/');
  await page.locator('#base-url').blur();
  await console_.click('request-curl');
  await console_.get('request-curl').filter({ hasText: 'Copied' }).waitFor();
  assert.match(await console_.clipboard(), /'https:\/\/dispatch\.example\/api\/v1\/admin\/drivers\/123'/);
  await page.fill('#base-url', '');
  await page.locator('#base-url').blur();
  assert.equal(await page.inputValue('#base-url'), new URL(BASE_URL).origin);
  await console_.click('copy-token');
  await console_.get('copy-token').filter({ hasText: 'Copied' }).waitFor();
  assert.match(await console_.clipboard(), /^eyJ/);
});

test('what held a secret is not sent again from the log, and not saved', async () => {
  const { page } = console_;
  const logIn = console_.entries({ kind: 'rest', type: 'POST /auth/login' }).last();
  await console_.open(logIn);
  await logIn.getByTestId('send-again').click();
  const problem = page.locator('#log-problems .problem');
  assert.match(await problem.first().textContent(), /secret/);
  await logIn.getByTestId('save-entry').click();
  await problem.nth(1).waitFor();
  for (let left = 2; left > 0; left -= 1) await problem.first().getByLabel('Dismiss').click();
  assert.equal(await page.evaluate(() => localStorage.getItem('fleetwire.console.saved')), null);
});

test('messages and requests are kept across a reload, and forgotten', async () => {
  const { page } = console_;
  await socket.click('template-raw');
  await socket.get('raw-text').fill('{"type":"ping","mine":1}');
  await socket.click('save-message');
  await socket.get('save-name').fill('my ping');
  await socket.click('save-keep');
  await socket.get('saved-message').filter({ hasText: 'my ping' }).waitFor();
  await socket.get('raw-text').fill('{"type":"authenticate","token":"abc"}');
  await socket.click('save-message');
  await socket.click('save-keep');
  const problem = page.locator('#any-socket-problems .problem');
  assert.match(await problem.textContent(), /secrets are not saved/);
  await problem.getByLabel('Dismiss').click();
  await page.fill('#request-name', 'one driver');
  await console_.click('request-save');
  await console_.reload();
  await page.locator('[data-testid=account-driver123][aria-pressed=true]').waitFor();
  await page.fill('#request-path', '/elsewhere');
  await console_.get('saved-request').click();
  assert.equal(await page.inputValue('#request-path'), '/api/v1/admin/drivers/123');
  await page.fill('#any-path', '/api/v1/ws/driver/123');
  await page.selectOption('#any-account', 'driver123');
  await socket.connect();
  await socket.get('saved-message').click();
  await console_.entryAfter({ kind: 'in', type: 'pong' }, () => socket.click('send'));
  await page.getByLabel('Forget my ping').filter({ visible: true }).click();
  await page.getByLabel('Forget one driver').click();
  await socket.get('saved-message').waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => localStorage.getItem('fleetwire.console.saved')), '[]');
});

test('the entries that are shown are exported as JSON lines, without a token', async () => {
  const { page } = console_;
  await page.selectOption('#log-type', 'pong');
  const downloading = page.waitForEvent('download');
  await console_.click('log-export');
  const download = await downloading;
  assert.match(download.suggestedFilename(), /^fleetwire-log-.*\.jsonl$/);
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
  assert.ok(lines.length > 0 && lines.every(({ kind, type, detail }) => kind === 'in' && type === 'pong' && detail.type === 'pong'));
  await page.selectOption('#log-type', '');
});

test('nothing unexpected: no error, no policy violation, no request to elsewhere', () => {
  assert.deepEqual(console_.complaints, []);
});
