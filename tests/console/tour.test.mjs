//! The tours, walked to their end as a newcomer does, with what the tour itself points at, on a desk's window and on a phone's; and
//! once with the keyboard alone. Against a running server (`FLEETWIRE_URL`, development profile).

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { DESKTOP, PHONE, requireServer, withConsole } from './page.mjs';

before(requireServer);

const SIZES = [['desk', DESKTOP], ['phone', PHONE]];

/** Presses what the tour shows; a step may want several controls one after another. */
async function press(console_, times = 1) {
  for (let count = 0; count < times; count += 1) await (await console_.showNext()).press('Enter');
}

async function walkDeliveries(console_) {
  await console_.tourAt(1);
  await console_.click('tour-next');
  await console_.tourAt(2);
  await press(console_);
  await console_.tourAt(3);
  await console_.page.locator('#orders tr[data-status=pending]').first().waitFor();
  await press(console_, 2);
  await console_.tourAt(4);
  await press(console_);
  await console_.tourAt(5);
  await press(console_);
  await console_.tourAt(6);
  await press(console_);
  await console_.tourAt(7);
  await press(console_);
  await console_.get('trace-summary').waitFor();
}

for (const [name, viewport] of SIZES) {
  test(`the tour of deliveries, on a ${name}`, async () => {
    await withConsole({ viewport }, async (console_) => {
      const { page } = console_;
      const top = await page.locator('#tour').evaluate((tour) => tour.getBoundingClientRect());
      assert.ok(top.top >= 0 && top.bottom < viewport.height, 'the tour is seen first');
      await console_.shot(`tour-deliveries-${name}-start`);
      await walkDeliveries(console_);
      await console_.shot(`trace-order-${name}`);
      assert.equal(await page.locator('#insight [data-testid=trace-status][data-status=cancelled]').count(), 1);
      await page.locator('#insight [data-testid=trace-event][data-event=order_cancelled] [data-delivery=good]').waitFor();
      await page.keyboard.press('Escape');
      await page.locator('#tour .end').waitFor();
      await console_.shot(`tour-deliveries-${name}-end`);
      await console_.click('tour-next');
      await page.locator('[data-testid=view-hailing][aria-current]').waitFor();
      await console_.view('deliveries');
      assert.equal(await page.locator('#tour').isVisible(), false, 'done is done');
      await console_.reload();
      await page.locator('[data-testid=account-admin][aria-pressed=true]').waitFor();
      assert.equal(await page.locator('#tour').isVisible(), false, 'also after a reload');
      await console_.click('tour-again');
      await console_.tourAt(2);
    });
  });

  test(`the tour of ride hailing, on a ${name}`, async () => {
    await withConsole({ viewport }, async (console_) => {
      const { page } = console_;
      await console_.view('hailing');
      await console_.tourAt(1);
      await console_.click('tour-next');
      await console_.tourAt(2);
      await console_.panel('hailing-driver-panel').get('readiness').and(page.locator('[data-ready=true]')).waitFor();
      await press(console_, 1);
      await console_.panel('passenger-panel').socketIs('open');
      await press(console_, 1);
      await console_.tourAt(3);
      await console_.shot(`tour-hailing-${name}`);
      await press(console_, 2);
      await console_.tourAt(4);
      await page.locator('[data-testid=passenger-ride][data-status=accepted]').waitFor();
      await press(console_);
      await console_.tourAt(5);
      await page.locator('[data-testid=driver-ride][data-status=accepted]').waitFor();
      await press(console_);
      await console_.tourAt(6);
      await console_.panel('hailing-driver-panel').get('drive-stop').waitFor({ state: 'hidden' });
      for (const status of ['arrived', 'started']) {
        await press(console_);
        await page.locator(`[data-testid=driver-ride][data-status=${status}]`).waitFor();
      }
      await press(console_);
      await console_.tourAt(7);
      await page.locator('[data-testid=ride-rate]').first().waitFor();
      await press(console_);
      await console_.tourAt(8);
      await page.locator('#rides tr[data-status=completed]').first().waitFor();
      await press(console_, 2);
      await page.locator('#insight [data-testid=trace-candidate][data-outcome=accepted]').waitFor();
      await page.locator('#insight [data-testid=trace-event][data-event=ride_completed] [data-delivery=good]').first().waitFor();
      await console_.shot(`trace-ride-${name}`);
      await page.keyboard.press('Escape');
      await page.locator('#tour .end').waitFor();
    });
  });
}

test('a tour stays while things happen, and goes when it is dismissed', async () => {
  await withConsole({}, async (console_) => {
    const { page } = console_;
    await console_.click('login-scenario');
    await console_.tourAt(2);
    await console_.view('tester');
    await console_.click('request-send');
    await console_.view('deliveries');
    await console_.tourAt(2);
    await console_.click('log-clear');
    await console_.tourAt(2);
    await console_.click('tour-dismiss');
    await page.locator('#tour').waitFor({ state: 'hidden' });
    await page.locator('[data-testid=tour-again]:focus').waitFor();
  });
});

/** Goes on with Tab until the wanted control has the focus, as somebody without a mouse does. */
async function tabTo({ page }, selector, key = 'Tab') {
  for (let count = 0; count < 150; count += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${selector} is not reached with ${key}`);
}

test('a delivery with the keyboard alone', async () => {
  await withConsole({}, async (console_) => {
    const { page } = console_;
    const enter = async (selector, key) => {
      await tabTo(console_, selector, key);
      const isSeen = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== 'none');
      assert.ok(isSeen, `the focus is seen on ${selector}`);
      await page.keyboard.press('Enter');
    };
    await enter('[data-testid=account-admin]');
    await page.locator('[data-testid=account-admin][aria-pressed=true]').waitFor();
    await enter('[data-testid=account-driver123]', 'Shift+Tab');
    await page.locator('[data-testid=account-driver123][aria-pressed=true]').waitFor();
    await page.locator('#drivers tr[data-driver-id="123"]').waitFor();
    await enter('#driver-panel [data-testid=connect]');
    await console_.socketIs('open');
    await page.locator('#driver-panel [data-testid=cut]:focus').waitFor();
    // The list of drivers follows the connection; the order is assigned to whom the list has chosen.
    await page.waitForFunction(() => document.querySelector('#order-driver').value === '123');
    await page.locator('#orders tr[data-status=pending]').first().waitFor();
    await tabTo(console_, '#orders tr[data-status=pending] button', 'Shift+Tab');
    const orderId = await page.evaluate(() => document.activeElement.closest('tr').dataset.orderId);
    await page.keyboard.press('Enter');
    await page.locator(`#orders tr[data-order-id="${orderId}"][aria-selected=true]`).waitFor();
    await tabTo(console_, '#order-driver');
    // Up and back down: the arrows choose another driver, and 123 again.
    await page.keyboard.press('ArrowUp');
    assert.notEqual(await page.inputValue('#order-driver'), '123');
    await page.keyboard.press('ArrowDown');
    assert.equal(await page.inputValue('#order-driver'), '123');
    await console_.entryAfter({ kind: 'in', type: 'order_assigned' }, () => enter('[data-testid=order-assign]'));
    for (const [move, status] of [['accepted', 'accepted'], ['picked_up', 'picked_up']]) {
      await page.locator(`#held-orders [data-order-id="${orderId}"] [data-testid=move-${move}].primary`).waitFor();
      await enter(`#held-orders [data-order-id="${orderId}"] [data-testid=move-${move}]`);
      await page.locator(`#held-orders [data-order-id="${orderId}"][data-status=${status}]`).waitFor();
      await page.locator('#held-orders :focus').waitFor();
    }
    await enter(`#held-orders [data-order-id="${orderId}"] [data-testid=move-delivered]`);
    await page.locator(`#orders tr[data-order-id="${orderId}"][data-status=delivered]`).waitFor();
    await enter('[data-testid=order-trace]', 'Shift+Tab');
    await page.locator('#insight [data-testid=trace-status][data-status=completed]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('[data-testid=order-trace]:focus').waitFor();
  });
});
