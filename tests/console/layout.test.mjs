//! What has to be in sight at 1280×800 and on a phone: the button that sends, rows of lists, accounts in two rows, texts that are whole.
//! Against a running server (`FLEETWIRE_URL`, development profile).

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { DESKTOP, PHONE, requireServer, withConsole } from './page.mjs';

before(requireServer);

const VIEWS = ['deliveries', 'hailing', 'matching', 'bookings', 'push', 'tester', 'phone'];

/** Whether a person sees the control without scrolling: its middle is in the window, and it is what is there. */
const isInSight = (locator) => locator.evaluate((element) => {
  const { left, top, width, height } = element.getBoundingClientRect();
  const [x, y] = [left + width / 2, top + height / 2];
  return element.contains(document.elementFromPoint(x, y));
});

test('find_driver can be sent without scrolling, with everybody connected and a driver who is offered nothing', async () => {
  await withConsole({}, async (console_) => {
    await console_.view('matching');
    await console_.click('tour-next');
    await console_.tourAt(2);
    const matching = console_.panel('matching-panel');
    await matching.connect('connection_established');
    await console_.panel('hailing-driver-panel').connect();
    assert.ok(await isInSight(matching.get('send')));
    await matching.click('template-resume');
    assert.ok(await isInSight(matching.get('send')));
  });
});

test('lists have room for rows, also while a form is open', async () => {
  await withConsole({}, async (console_) => {
    await console_.click('tour-next');
    await console_.tourAt(2);
    await console_.page.locator('#orders tr').first().waitFor();
    await console_.click('new-order');
    for (const panel of ['#operator-orders', '#operator-drivers']) {
      const height = await console_.page.locator(`${panel} .scroll`).evaluate((list) => list.clientHeight);
      assert.ok(height >= 80, `${panel}: ${height} px`);
    }
    await console_.click('new-order');
    const height = await console_.page.locator('#operator-orders .scroll').evaluate((list) => list.clientHeight);
    assert.ok(height >= 180, `${height} px`);
  });
});

/** A demo of as many accounts as the server tells at most. */
const manyAccounts = (page) => page.route('**/console/config.json', async (route) => {
  const response = await route.fetch();
  const config = await response.json();
  const more = Array.from({ length: 20 }, (_, index) => ({ username: `a-long-driver-name-${index}`, role: 'driver', name: `Driver ${index}`, driver_id: 1000 + index }));
  await route.fulfill({ response, json: { ...config, demo_accounts: [...more, ...config.demo_accounts] } });
});

for (const [size, viewport] of [['desk', DESKTOP], ['phone', PHONE]]) {
  test(`a long list of accounts leaves the head small, on a ${size}`, async () => {
    await withConsole({ viewport, prepare: manyAccounts }, async (console_) => {
      const { page } = console_;
      await page.getByTestId('accounts-more').waitFor();
      const height = await page.locator('#accounts').evaluate((accounts) => accounts.clientHeight);
      assert.ok(height <= 72, `two rows at most (${height} px)`);
      for (const username of ['admin', 'driver123']) assert.equal(await console_.get(`account-${username}`).count(), 1, 'whom the view needs is there');
      await console_.click('accounts-more');
      await console_.get('account-passenger1').click();
      await page.locator('.accounts > .chips [data-testid=account-passenger1][aria-pressed=true]').waitFor();
    });
  });

  test(`no text is cut but on the log’s lines, which open, on a ${size}`, async () => {
    await withConsole({ viewport }, async (console_) => {
      const { page } = console_;
      await console_.view('hailing');
      await console_.click('tour-next');
      await console_.tourAt(2);
      for (const username of ['driver123', 'driver2', 'customer123']) await console_.logIn(username);
      for (const view of VIEWS) {
        await console_.view(view);
        const cut = await page.evaluate(() => [...document.querySelectorAll('body *')]
          .filter((element) => !element.closest('#log') && element.checkVisibility() && getComputedStyle(element).textOverflow === 'ellipsis' && element.scrollWidth > element.clientWidth)
          .map((element) => element.outerHTML.slice(0, 120)));
        assert.deepEqual(cut, [], view);
      }
      const entry = console_.entries({ kind: 'rest' }).last();
      await console_.open(entry);
      const isWhole = await entry.locator('.summary').evaluate((summary) => summary.scrollWidth <= summary.clientWidth);
      assert.ok(isWhole, 'an open line is whole');
    });
  });
}

test('the next sensible action is the prominent one', async () => {
  await withConsole({}, async (console_) => {
    const { page } = console_;
    await console_.click('tour-next');
    await console_.tourAt(2);
    const assign = console_.get('order-assign');
    await page.locator('#orders tr[data-status=pending]').first().getByTestId('order-select').click();
    assert.match(await assign.getAttribute('class'), /primary/);
    await console_.click('order-cancel');
    await page.locator('#orders tr[aria-selected=true][data-status=cancelled]').waitFor();
    await page.waitForFunction(() => !document.querySelector('[data-testid=order-assign]').classList.contains('primary'));
  });
});

test('the map’s legend has everything that the map draws', async () => {
  await withConsole({}, async (console_) => {
    await console_.view('hailing');
    const keys = await console_.page.locator('#map-panel .keys li').allTextContents();
    assert.deepEqual(keys, ['available', 'busy', 'offline', 'old position', 'search', 'pickup', 'dropoff', 'the ride’s way', 'driver’s next goal', 'driven']);
  });
});
