//! Connect your phone: from where this server can be reached, what to start it with so that a phone can, the address to type or to
//! scan, and what each app's settings become. The page about it is docs/CONNECT_YOUR_PHONE.md.

import { h, button, field, panel } from '../dom.js';
import { copyButton } from '../clipboard.js';
import { websocatLine } from '../commands.js';
import { Notices } from './notices.js';
import { qrCode } from '../qr.js';

/** Where an Android emulator finds the machine that it runs on. */
const EMULATOR_HOST = '10.0.2.2';

/** The apps, what each connects to, and which port it expects. */
const APPS = [
  { name: 'Driver app (React Native)', port: null, lines: (http, ws) => [['API', `${http}/api/v1`], ['socket', `${ws}/api/v1/ws/driver/{driver_id}?token={access_token}`]] },
  { name: 'Ride hailing, passenger and driver', port: null, lines: (http, ws) => [['API', `${http}/api/v1`], ['socket', `${ws}/api/v1/ws/connect?token={access_token}`]] },
  { name: 'Ride matching (Flutter)', port: '8067', lines: (http, ws) => [['API', `${http}/api/v1`], ['socket', `${ws}/ws/ride/{ride_id}/`]] },
  { name: 'Customer app (Expo)', port: null, lines: (http) => [['push', `${http}/api/Push/register`]] },
];

export class PhonePanel {
  #network;
  #notices = new Notices('phone-problems');

  /** `network` is the server's `{loopback_only, tls, anonymous_rides, address}`; null where it does not say. */
  constructor(network) {
    this.#network = network;
    this.#build();
    this.#draw();
  }

  #build() {
    this.from = h('select', { id: 'phone-from', on: { change: () => this.#choose() } },
      h('option', { value: 'emulator' }, 'Android emulator on this machine'), h('option', { value: 'simulator' }, 'iOS simulator on this machine'),
      h('option', { value: 'phone' }, 'phone in the same network'));
    this.from.value = this.#network && !this.#network.loopback_only ? 'phone' : 'emulator';
    this.address = h('input', { id: 'phone-address', value: '', autocomplete: 'off', spellcheck: 'false', on: { input: () => this.#draw() } });
    this.address.value = this.#host();
    this.qr = h('div', { class: 'qr-place' });
    this.url = h('code', { class: 'whole', data: { testid: 'phone-url' } });
    this.notes = h('ul', { class: 'notes', data: { testid: 'phone-notes' } });
    this.apps = h('div', { class: 'apps' });
    const attempt = (what, action) => this.#notices.attempt(what, action);
    const copy = copyButton('Copy address', { testid: 'phone-copy', attempt, text: () => this.#base('http') });
    const websocat = copyButton('Copy websocat line', {
      testid: 'phone-websocat', attempt, text: () => websocatLine({ base: this.#base('http'), path: '/ws/ride/my-ride/', text: '{"type":"ping"}' }),
    });
    const first = h('div', { class: 'phone' }, h('div', { class: 'phone-address' },
      field('where the app runs', this.from), field('address to type in the app', this.address), h('p', {}, this.url), h('div', { class: 'row' }, copy, websocat)), this.qr);
    this.element = panel('Connect your phone', { id: 'phone-panel' }, this.#notices.element, first, this.notes);
    this.settings = panel('What each app needs', { id: 'phone-apps-panel' }, this.apps);
  }

  /** The host that the app has to name. */
  #host() {
    if (this.from.value === 'emulator') return EMULATOR_HOST;
    if (this.from.value === 'simulator') return 'localhost';
    return this.#network?.address ?? (isLoopback(location.hostname) ? '' : location.hostname);
  }

  #choose() {
    this.address.value = this.#host();
    this.#draw();
  }

  #base(scheme, port = location.port) {
    const isSecure = location.protocol === 'https:';
    const host = this.address.value.trim() || 'ADDRESS-OF-THIS-MACHINE';
    return `${scheme}${isSecure ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}${port ? `:${port}` : ''}`;
  }

  #draw() {
    const base = this.#base('http');
    this.url.textContent = base;
    const isKnown = this.address.value.trim() !== '';
    this.qr.replaceChildren(...isKnown ? [qrCode(base)] : [h('p', { class: 'muted' }, 'Type the address, and its QR code appears here.')]);
    this.notes.replaceChildren(...this.#says().map((note) => h('li', {}, note)));
    this.apps.replaceChildren(...APPS.map((app) => this.#app(app)));
  }

  /** A port of its own only where the server listens on the usual ones. */
  #app({ name, port, lines }) {
    const own = port && location.port === '8000' ? port : location.port;
    return h('section', { class: 'card', 'aria-label': name }, h('h3', {}, name),
      h('dl', { class: 'facts' }, lines(this.#base('http', own), this.#base('ws', own)).map(([what, value]) => [h('dt', {}, what), h('dd', { class: 'mono whole' }, value)])));
  }

  #says() {
    const command = (text) => h('code', { class: 'whole' }, text);
    if (this.from.value !== 'phone') {
      const host = this.from.value === 'emulator' ? `An Android emulator finds this machine at ${EMULATOR_HOST}; nothing has to change on the server.`
        : 'An iOS simulator shares this machine’s network: localhost is the server; nothing has to change.';
      return [host, 'Accounts: driver123, driver1, passenger1, customer123, all with the demo password.'];
    }
    const notes = [];
    if (this.#network?.loopback_only ?? isLoopback(location.hostname)) {
      notes.push(['This server listens to this machine alone. Stop it and start it so that the network can reach it: ', command('BIND=0.0.0.0:8000,0.0.0.0:8067 fleetwire serve'), '.'],
        'That changes two things: the demo operator admin gets a random password, printed once at the start, and this console no longer offers log-ins; rides without a token are off (ALLOW_ANONYMOUS_RIDES=true turns them on again, for the matching app).');
    } else {
      notes.push('This server listens to the network. The password of admin was printed when it started; log in with it, top right.',
        `Rides without a token are ${this.#network?.anonymous_rides ? 'on' : 'off. The matching app needs ALLOW_ANONYMOUS_RIDES=true'}.`);
    }
    notes.push(this.#network?.address ? ['The address above is the one that this machine sends from. If it has several, or the phone does not get there, look for another: ', command('ip -brief address'), ' (Linux), ', command('ipconfig getifaddr en0'), ' (macOS), ', command('ipconfig'), ' (Windows).']
      : ['Find the address of this machine: ', command('ip -brief address'), ' (Linux), ', command('ipconfig getifaddr en0'), ' (macOS), ', command('ipconfig'), ' (Windows), and type it above.']);
    notes.push('The phone has to be in the same network, and a firewall has to let the ports in. Scan the code with the phone’s camera: this console opens, and you know that it works.');
    if (location.protocol !== 'https:') {
      notes.push(['A phone’s operating system may refuse ws:// and http:// in a release build. Either allow clear text for development (Android: usesCleartextTraffic; iOS: NSAllowsLocalNetworking), or serve wss:// with ', command('TLS_CERT_FILE'), ' and ', command('TLS_KEY_FILE'), ', with a certificate that the phone trusts.']);
    }
    return notes;
  }
}

function isLoopback(host) {
  return host === 'localhost' || host === '[::1]' || host.startsWith('127.');
}
