//! The log-in form asks for what the server asks for: the code of a second factor, one that has to be made first, a new password in
//! the place of one for one time.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { BASE_URL, requireServer, withConsole } from './page.mjs';

const PASSWORD = 'password123';
const NAME = `operator-${Date.now().toString(36)}`;

async function post(path, body, token) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(`${BASE_URL}/api/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  assert.ok(response.ok, `${path}: ${response.status}`);
  return response.status === 204 ? null : response.json();
}

/** As an authenticator app makes it now (RFC 6238). */
function code(secret) {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const tag = createHmac('sha1', key).update(counter).digest();
  return String((tag.readUInt32BE(tag[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

async function submit(console_, password) {
  const { page } = console_;
  await page.fill('#login-username', NAME);
  await page.fill('#login-password', password);
  await console_.click('login-submit');
}

const loggedIn = (console_) => console_.page.locator(`[data-testid=account-${NAME}][aria-pressed=true]`).waitFor();

test('an operator with a second factor logs in with a recovery code, and one who lost the password with a new one', async () => {
  await requireServer();
  const { access_token: admin } = await post('auth/login', { username: 'admin', password: PASSWORD });
  const { user_id: id } = await post('admin/operators', { username: NAME, name: 'Two', password: PASSWORD }, admin);
  const { access_token: token } = await post('auth/login', { username: NAME, password: PASSWORD });
  const { secret } = await post('auth/totp', { password: PASSWORD }, token);
  const { recovery_codes: recovery } = await post('auth/totp/confirm', { code: code(secret) }, token);
  await withConsole({}, async (console_) => {
    const { page } = console_;
    await console_.click('login-other');
    console_.announceRefusal(403);
    await submit(console_, PASSWORD);
    await page.locator('#login-code').waitFor();
    assert.equal(await page.locator('#login-problems .problem').count(), 0, 'it is a question, no problem');
    await page.fill('#login-code', recovery[0]);
    await console_.click('login-submit');
    await loggedIn(console_);
    await console_.click(`logout-${NAME}`);

    const { one_time_password: once } = await post(`admin/accounts/${id}/password`, {}, admin);
    console_.announceRefusal(403);
    await console_.click('login-other');
    await submit(console_, once);
    await page.locator('#login-code').waitFor();
    console_.announceRefusal(403);
    await page.fill('#login-code', recovery[1]);
    await console_.click('login-submit');
    await page.locator('#login-new-password').waitFor();
    await page.fill('#login-new-password', 'another password');
    await page.fill('#login-code', recovery[2]);
    await console_.click('login-submit');
    await loggedIn(console_);
  });
});

test('where a second factor is required the form shows its secret, and its recovery codes after it', async () => {
  await withConsole({}, async (console_) => {
    const { page } = console_;
    const problem = { title: 'Operators need a second factor here', status: 403, detail: 'Scan it.', code: 'second_factor_required',
      secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', otpauth_uri: 'otpauth://totp/Fleetwire:two?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ' };
    await page.route('**/api/v1/auth/login', (route) => route.fulfill({ status: 403, contentType: 'application/problem+json', body: JSON.stringify(problem) }));
    await console_.click('login-other');
    console_.announceRefusal(403);
    await submit(console_, PASSWORD);
    await page.locator('[data-testid=login-told] svg.qr').waitFor();
    assert.equal(await page.locator('[data-testid=login-secret]').textContent(), problem.secret);
    assert.ok(!(await page.locator('#log').textContent()).includes(problem.secret), 'the log hides it');
    await console_.shot('second-factor');
    await page.unroute('**/api/v1/auth/login');
    const reply = { access_token: 'a.b.c', refresh_token: 'd.e.f', token_type: 'bearer', expires_in: 3600,
      user: { user_id: '0190a5f0-0000-7000-8000-000000000001', role: 'admin', name: 'Two' }, recovery_codes: ['aaaa-bbbb-cccc-dddd'] };
    await page.route('**/api/v1/**', (route) => route.fulfill({ status: 200, contentType: 'application/json',
      body: JSON.stringify(route.request().url().endsWith('auth/login') ? reply : { items: [], next_cursor: null }) }));
    await page.fill('#login-code', '123456');
    await console_.click('login-submit');
    await page.locator('[data-testid=login-recovery] li', { hasText: 'aaaa-bbbb-cccc-dddd' }).waitFor();
  });
});
