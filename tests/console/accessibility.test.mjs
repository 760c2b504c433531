//! Each view, empty and at work, and each panel that opens over it, looked at by axe: light and dark, on a desk and on a phone. Against
//! a running server (`FLEETWIRE_URL`, development profile).

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { before, test } from 'node:test';
import { DESKTOP, PHONE, requireServer, withConsole } from './page.mjs';

const VIEWS = ['deliveries', 'hailing', 'matching', 'bookings', 'push', 'tester', 'phone'];
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

before(requireServer);

/** What axe finds in the page as it is, short enough to read. */
async function findings({ page }) {
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, any, all, none }) =>
    `${id}: ${target.join(' ')} (${[...any, ...all, ...none].map(({ message }) => message).join('; ').slice(0, 200)})`));
}

/** No finding, and nothing wider than the window. */
async function isFine(console_, what) {
  assert.deepEqual(await findings(console_), [], what);
  const overflow = await console_.page.locator('html').evaluate((root) => root.scrollWidth - root.clientWidth);
  assert.ok(overflow <= 0, `${what}: nothing is wider than the window (${overflow} px)`);
}

async function connectAll({ page }) {
  const open = page.locator('[data-testid=connect]').filter({ visible: true });
  while (await open.count() > 0) await open.first().click();
}

for (const [size, viewport] of [['desk', DESKTOP], ['phone', PHONE]]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`axe finds nothing, on a ${size}, ${colorScheme}`, () => withConsole({ viewport, colorScheme }, async (console_) => {
      await console_.page.evaluate(AXE);
      for (const view of VIEWS) {
        await console_.view(view);
        await isFine(console_, `${view}, empty`);
      }
      await console_.view('hailing');
      await console_.click('tour-next');
      await console_.tourAt(2);
      await console_.page.locator('[data-testid=readiness]:visible').first().waitFor();
      for (const username of ['driver123', 'driver2', 'customer123']) await console_.logIn(username);
      for (const view of VIEWS) {
        await console_.view(view);
        await connectAll(console_);
        await isFine(console_, view);
        await console_.shot(`view-${view}-${size}-${colorScheme}`);
      }
      await lookAtPanels(console_, `${size}-${colorScheme}`);
    }));
  }
}

/** The panels over a view: a driver's why, a job's trace, an entry of the log, a problem. */
async function lookAtPanels(console_, name) {
  const { page } = console_;
  await console_.view('hailing');
  const passenger = console_.panel('passenger-panel');
  await passenger.click('new-ride');
  await passenger.click('create-ride');
  await passenger.locator.locator('[data-testid=passenger-ride][data-status=accepted]').waitFor();
  await isFine(console_, 'hailing with a ride');
  await console_.view('deliveries');
  await page.locator('#drivers tr[data-driver-id="1"]').getByTestId('why').click();
  await console_.get('why-summary').waitFor();
  await isFine(console_, 'why');
  await console_.shot(`why-${name}`);
  await page.keyboard.press('Escape');
  await page.locator('#orders tr').first().getByTestId('order-select').click();
  await console_.click('order-trace');
  await console_.get('trace-summary').waitFor();
  await isFine(console_, 'trace');
  await console_.shot(`trace-order-${name}`);
  await page.keyboard.press('Escape');
  await console_.view('hailing');
  await page.locator('#rides tr').first().getByTestId('ride-select').click();
  await console_.click('ride-trace');
  await console_.get('trace-summary').waitFor();
  await isFine(console_, 'trace of a ride');
  await console_.shot(`trace-ride-${name}`);
  await page.keyboard.press('Escape');
  await passenger.click('ride-cancel');
  await passenger.locator.locator('[data-testid=passenger-ride][data-status=cancelled]').first().waitFor();
  console_.announceRefusal(404);
  await console_.view('tester');
  await page.fill('#request-path', '/api/v1/admin/drivers/999999');
  await console_.click('request-send');
  await console_.get('request-status').filter({ hasText: '404' }).waitFor();
  await page.fill('#request-path', 'https://elsewhere.example/');
  await console_.click('request-send');
  await page.locator('#request-problems .problem').waitFor();
  await console_.open(console_.entries({ kind: 'rest' }).last());
  await isFine(console_, 'an answer, a problem and an open entry of the log');
  await console_.shot(`tester-${name}`);
}
