//! Connect your phone: what the panel says for an emulator and for a phone, the address and its QR code, what each app needs. Against a
//! running server (`FLEETWIRE_URL`, development profile).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import jsQrModule from 'jsqr';
import { BASE_URL, openConsole, requireServer } from './page.mjs';

const jsQR = jsQrModule.default ?? jsQrModule;
const MODULE_PX = 4;

let console_;

before(async () => {
  await requireServer();
  console_ = await openConsole({
    // A server that knows where it is, whatever the machine of the test has for a network.
    prepare: (page) => page.route('**/console/config.json', async (route) => {
      const response = await route.fetch();
      const config = await response.json();
      await route.fulfill({ response, json: { ...config, network: { ...config.network, address: '192.168.1.20' } } });
    }),
  });
  await console_.view('phone');
});

after(async () => { await console_?.close(); });

const { port } = new URL(BASE_URL);
const text = (testid) => console_.get(testid).textContent();

/** What a camera reads from the code, a module of it being `MODULE_PX` wide. */
async function read(code) {
  const { size, path } = await code.evaluate((svg) => ({ size: svg.viewBox.baseVal.width, path: svg.querySelector('path').getAttribute('d') }));
  const side = size * MODULE_PX;
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  for (const [, column, row] of path.matchAll(/M(\d+) (\d+)h1v1h-1z/g)) {
    for (let y = row * MODULE_PX; y < (Number(row) + 1) * MODULE_PX; y += 1) {
      for (let x = column * MODULE_PX; x < (Number(column) + 1) * MODULE_PX; x += 1) pixels.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3);
    }
  }
  return jsQR(pixels, side, side)?.data ?? null;
}

test('an emulator finds this machine as it is', async () => {
  assert.equal(await text('phone-url'), `http://10.0.2.2:${port}`);
  assert.match(await text('phone-notes'), /nothing has to change/);
  await console_.page.getByLabel(`QR code of http://10.0.2.2:${port}`).waitFor();
  assert.match(await console_.page.locator('#phone-apps-panel').textContent(), /ws:\/\/10\.0\.2\.2:\d+\/ws\/ride\/\{ride_id\}\//);
});

test('a phone needs BIND, and is told what changes with it', async () => {
  await console_.page.selectOption('#phone-from', 'phone');
  assert.equal(await text('phone-url'), `http://192.168.1.20:${port}`);
  const notes = await text('phone-notes');
  for (const word of [/BIND=0\.0\.0\.0/, /random password/, /ALLOW_ANONYMOUS_RIDES/, /TLS_CERT_FILE/, /firewall/]) assert.match(notes, word);
  assert.match(await console_.page.locator('#phone-apps-panel').textContent(), /ws:\/\/192\.168\.1\.20:\d+\/api\/v1\/ws\/driver\//);
  await console_.shot('phone');
});

test('the code follows the address that is typed', async () => {
  const { page } = console_;
  await page.fill('#phone-address', '10.1.2.3');
  const code = page.getByLabel(`QR code of http://10.1.2.3:${port}`);
  await code.waitFor();
  assert.equal(await read(code), `http://10.1.2.3:${port}`);
  await page.fill('#phone-address', '');
  await page.getByText('its QR code appears here').waitFor();
});

test('lines for a shell', async () => {
  await console_.page.fill('#phone-address', '10.1.2.3');
  await console_.click('phone-websocat');
  await console_.get('phone-websocat').filter({ hasText: 'Copied' }).waitFor();
  assert.match(await console_.clipboard(), new RegExp(`websocat -n 'ws://10\\.1\\.2\\.3:${port}/ws/ride/my-ride/'$`));
});

test('nothing unexpected: no error, no policy violation, no request to elsewhere', () => {
  assert.deepEqual(console_.complaints, []);
});
