//! The console as a test sees it: a browser on the page of a running server, verbs for what a person does there, and waits with a
//! deadline. It also keeps the books: every console error, failed request and policy violation that no test announced.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const BASE_URL = process.env.FLEETWIRE_URL ?? 'http://127.0.0.1:8000';
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SCREENSHOTS = process.env.FLEETWIRE_SCREENSHOTS;

/** Every wait ends after this, in milliseconds: the server answers in milliseconds, the lists refresh within seconds. */
const DEADLINE_MS = 10_000;

const BROWSER_ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** Fails with the reason where there is no server with a console, instead of failing later with a riddle. */
export async function requireServer() {
  const address = `${BASE_URL}/console/config.json`;
  let response;
  try {
    response = await fetch(address, { signal: AbortSignal.timeout(DEADLINE_MS) });
  } catch (cause) {
    throw new Error(`no server answers at ${BASE_URL}: start \`fleetwire serve\`, or set FLEETWIRE_URL`, { cause });
  }
  if (!response.ok) throw new Error(`${address} answers ${response.status}: is the console enabled (CONSOLE)?`);
  const config = await response.json();
  if (!config.demo_password) throw new Error(`${BASE_URL} has no demo accounts: the test needs the development profile`);
  return config;
}

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** `prepare` gets the page before it loads anything; `path` is where it goes. */
export async function openConsole({ prepare = async () => {}, viewport = DESKTOP, colorScheme = 'light', path = '/' } = {}) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: BROWSER_ARGS });
  const context = await browser.newContext({ viewport, colorScheme, permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const opened = new ConsolePage(browser, page);
  await prepare(page);
  await page.goto(`${BASE_URL}${path}`);
  return opened;
}

/** A console of its own, closed whatever happens; nothing may have gone wrong in it. */
export async function withConsole(options, walk) {
  const console_ = await openConsole(options);
  try {
    await walk(console_);
    assert.deepEqual(console_.complaints, []);
  } finally {
    await console_.close();
  }
}

/** What the whole page and one panel of it have in common: an app's connection and its messages. */
class AppPage {
  async send(template, fields = {}) {
    await this.click(`template-${template}`);
    for (const [path, value] of Object.entries(fields)) await this.get(`field-${path}`).fill(value);
    await this.click('send');
  }

  async sendRaw(text) {
    await this.click('template-raw');
    await this.get('raw-text').fill(text);
    await this.click('send');
  }

  async socketIs(state) {
    await this.get('socket-state').and(this.page.locator(`[data-state=${state}]`)).waitFor();
  }
}

export class ConsolePage extends AppPage {
  /** What no test announced; must be empty at the end. */
  complaints = [];
  #announced = [];
  #leaving = false;

  constructor(browser, page) {
    super();
    this.browser = browser;
    this.page = page;
    page.on('pageerror', (error) => this.complaints.push(`uncaught: ${error.message}`));
    page.on('console', (message) => {
      // A refused request is the browser's own line; the responses are judged below, with their status.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) this.complaints.push(message.text());
    });
    page.on('requestfailed', (request) => {
      const endedByLeaving = this.#leaving && request.failure().errorText === 'net::ERR_ABORTED';
      if (!endedByLeaving) this.#judge(0, request);
    });
    page.on('response', (response) => this.#judge(response.status(), response.request()));
    page.on('request', (request) => {
      if (new URL(request.url()).host !== new URL(BASE_URL).host) this.complaints.push(`a request to elsewhere: ${new URL(request.url()).host}`);
    });
  }

  /** What a person sees, in the view that is shown. */
  get(testid) {
    return this.page.getByTestId(testid).filter({ visible: true });
  }

  async click(testid) {
    await this.get(testid).click();
  }

  /** One panel, where a view has several with the same controls. */
  panel(id) {
    return new PanelPage(this, this.page.locator(`#${id}`));
  }

  /** Shows another view, as a person does. */
  async view(id) {
    await this.click(`view-${id}`);
    await this.page.locator(`[data-testid=view-${id}][aria-current]`).waitFor();
  }

  /** As a person reloads, at any moment: what the page was still asking for ends with it. */
  async reload() {
    this.#leaving = true;
    try {
      await this.page.reload();
    } finally {
      this.#leaving = false;
    }
  }

  /** The next response with this status (0: none at all) is what the test is about. */
  announceRefusal(status) {
    this.#announced.push(status);
  }

  #judge(status, request) {
    if (status > 0 && status < 400) return;
    const announced = this.#announced.indexOf(status);
    if (announced >= 0) this.#announced.splice(announced, 1);
    else this.complaints.push(`${status || 'no answer'} from ${request.method()} ${pathOf(request.url())}`);
  }

  /** Log entries of this kind and type; further data attributes narrow them. */
  entries({ kind, type, ...data }) {
    const attributes = Object.entries({ kind, type, ...data })
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `[data-${name}=${JSON.stringify(String(value))}]`);
    return this.page.locator(`#log .entry${attributes.join('')}`);
  }

  /** Waits for one entry more than there was before `action`, and answers it. */
  async entryAfter(wanted, action) {
    const entries = this.entries(wanted);
    const before = await entries.count();
    await action();
    const entry = entries.nth(before);
    await entry.waitFor({ state: 'attached' });
    return entry;
  }

  /** The frame's message, read as a person does: by opening its line. */
  async messageOf(entry) {
    await this.open(entry);
    return JSON.parse(await entry.locator('pre').textContent());
  }

  async open(entry) {
    await entry.locator('summary').click();
  }

  /** What was copied last. */
  clipboard() {
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** Waits until the tour is at this step, counted from 1. */
  async tourAt(step) {
    await this.page.locator(`#tour[data-step="${step - 1}"]`).waitFor();
  }

  /** What the tour names as the next control: it has the focus then. */
  async showNext() {
    await this.click('tour-next');
    await this.page.waitForFunction(() => !document.activeElement.closest('#tour') && document.activeElement !== document.body);
    return this.page.locator(':focus');
  }

  /** The demo account, by its button; answers when it is in. */
  async logIn(username) {
    await this.click(`account-${username}`);
    await this.page.locator(`[data-testid=account-${username}][aria-pressed=true]`).waitFor();
  }

  async shot(name) {
    if (!SCREENSHOTS) return;
    await mkdir(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  }

  async close() {
    await this.browser.close();
  }
}

class PanelPage extends AppPage {
  constructor(console_, locator) {
    super();
    this.page = console_.page;
    this.console = console_;
    this.locator = locator;
  }

  get(testid) {
    return this.locator.getByTestId(testid);
  }

  async click(testid) {
    await this.get(testid).click();
  }

  /** Connects, and answers the greeting. */
  async connect(greeting = 'connected') {
    const entry = await this.console.entryAfter({ kind: 'in', type: greeting }, () => this.click('connect'));
    await this.socketIs('open');
    return this.console.messageOf(entry);
  }
}

/** Without the query, which may hold a token. */
function pathOf(url) {
  return new URL(url).pathname;
}
