//! The pages that show the wire's descriptions, in a browser: they load under their policy without a complaint, axe finds nothing in
//! the page of the sockets, and a message is reached by its address. Against a running server (`FLEETWIRE_URL`).

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { before, test } from 'node:test';
import { DESKTOP, PHONE, requireServer, withConsole } from './page.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

before(requireServer);

for (const [size, viewport] of [['desk', DESKTOP], ['phone', PHONE]]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`the page of the sockets is readable, on a ${size}, ${colorScheme}`, () => withConsole({ viewport, colorScheme, path: '/docs/sockets' }, async ({ page }) => {
      await page.locator('article[id="ride_matching.to_the_app.driver_assigned"]').waitFor();
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].target.join(' ')}`), []);
      const overflow = await page.locator('html').evaluate((root) => root.scrollWidth - root.clientWidth);
      assert.ok(overflow <= 0, `nothing is wider than the window (${overflow} px)`);
    }));
  }
}

test('a message has an address, and an example that opens by keyboard', () => withConsole({ path: '/docs/sockets#driver_app.to_the_app.order_assigned' }, async ({ page }) => {
  const message = page.locator('article[id="driver_app.to_the_app.order_assigned"]');
  await message.waitFor();
  assert.ok(await message.evaluate((element) => element.getBoundingClientRect().top < innerHeight));
  await message.locator('summary').focus();
  await page.keyboard.press('Enter');
  assert.match(await message.locator('pre').innerText(), /"Burger King"/);
}));

test('Swagger UI shows REST, with nothing from elsewhere', () => withConsole({ path: '/docs/' }, async ({ page }) => {
  await page.getByText('Log in with a user name or a phone number').waitFor();
}));
