//! A customer's devices, by which services each is reached, and what the customer wants to hear and when: the app's side of
//! push.

import { h, button, field, fillSelect, panel } from '../dom.js';
import { Feed } from '../feed.js';
import { ExampleForm } from './example-form.js';
import { Notices } from './notices.js';

const FIELDS = [
  { name: 'platform', label: 'platform', value: 'android', required: true },
  { name: 'deviceId', label: 'device id', value: 'phone-1' },
  { name: 'fcmToken', label: 'FCM token', value: 'fcm-token-of-phone-1', width: 'half' },
  { name: 'expoPushToken', label: 'Expo token', value: 'ExponentPushToken[phone-1]', width: 'half' },
  { name: 'apnsToken', label: 'APNs token', value: '', width: 'half' },
];

export class PushDevices {
  #customer;
  #signals;
  #notices = new Notices('push-device-problems');

  /** `customer` is a PushCustomer. */
  constructor({ signals }, customer) {
    this.#customer = customer;
    this.#signals = signals;
    this.#build();
    this.feed = new Feed({
      load: () => this.#load(),
      show: (found) => this.#show(found),
      fail: (problem) => this.#notices.showView(problem, 'Devices'),
    });
    customer.addEventListener('change', () => this.feed.hint());
    signals.addEventListener('push', () => this.feed.hint());
  }

  #build() {
    this.cards = h('ul', { class: 'cards', id: 'push-devices', 'aria-label': 'Devices' });
    const form = new ExampleForm({ id: 'new-device', title: 'Register a device', submit: 'Register', fields: FIELDS, create: (device) => this.#register(device) });
    const refresh = button('Refresh', { testid: 'push-refresh', class: 'quiet', action: () => this.feed.refresh() });
    this.element = panel('Customer’s devices', { id: 'push-devices-panel', tools: [refresh] },
      h('div', { class: 'connection' }, h('div', { class: 'row' }, field('customer', this.#customer.select, { class: 'grow' }))),
      this.#notices.element, h('div', { class: 'work-list' }, form.element, this.cards), this.#buildPreferences());
  }

  #buildPreferences() {
    this.optOut = h('input', { id: 'push-opt-out', placeholder: 'none', autocomplete: 'off' });
    this.start = h('input', { id: 'push-quiet-start', placeholder: '22:00', autocomplete: 'off' });
    this.end = h('input', { id: 'push-quiet-end', placeholder: '07:00', autocomplete: 'off' });
    this.zone = h('input', { id: 'push-time-zone', placeholder: 'Africa/Johannesburg', autocomplete: 'off' });
    const save = button('Save', { testid: 'push-preferences', class: 'primary', action: () => this.#save() });
    this.preferences = h('fieldset', { class: 'actions', id: 'push-preferences' }, h('h3', {}, 'Preferences'),
      field('types not wanted, by comma', this.optOut),
      h('div', { class: 'row' }, field('quiet from', this.start, { class: 'narrow' }), field('until', this.end, { class: 'narrow' }),
        field('time zone', this.zone, { class: 'grow' }), save));
    return this.preferences;
  }

  async #load() {
    const { id } = this.#customer;
    if (!this.#customer.client || id === null) return { id, devices: null, preferences: null };
    const [devices, preferences] = await Promise.all([this.#customer.read('devices'), this.#customer.read('preferences')]);
    return { id, devices: devices.items, preferences };
  }

  #show({ id, devices, preferences }) {
    // Another customer was chosen while this one's devices were on their way.
    if (id !== this.#customer.id) return;
    this.#notices.showView(null);
    this.preferences.disabled = preferences === null;
    this.optOut.value = preferences?.optOut.join(', ') ?? '';
    this.start.value = preferences?.quietHours?.start ?? '';
    this.end.value = preferences?.quietHours?.end ?? '';
    this.zone.value = preferences?.timeZone ?? '';
    const empty = h('li', { class: 'empty' }, devices === null ? 'Log in an operator, or this customer.' : 'No device is registered.');
    this.cards.replaceChildren(...(devices?.length > 0 ? devices.map(card) : [empty]));
  }

  #register(device) {
    return this.#attempt('Register', (client, id) => client.post('/api/Push/register', { userType: 'customer', id, ...device }));
  }

  #save() {
    const quietHours = this.start.value.trim() || this.end.value.trim() ? { start: this.start.value.trim(), end: this.end.value.trim() } : null;
    const optOut = this.optOut.value.split(',').map((type) => type.trim()).filter(Boolean);
    const body = { optOut, quietHours, timeZone: this.zone.value.trim() || null };
    return this.#attempt('Preferences', (client, id) => client.put(`/api/Push/preferences?customerId=${id}`, body));
  }

  async #attempt(what, action) {
    const done = await this.#notices.attempt(what, () => action(this.#customer.requireClient(), this.#customer.id));
    if (done) this.#signals.dispatchEvent(new Event('push'));
    return Boolean(done);
  }
}

function card(device) {
  const tokens = Object.entries(device.tokens).map(([service, state]) =>
    h('span', { class: `status ${state === 'active' ? 's-completed' : 's-cancelled'}`, data: { testid: `token-${service}` } }, `${service} ${state}`));
  return h('li', { class: 'card', data: { testid: 'push-device', deviceId: device.deviceId ?? '' } },
    h('div', { class: 'row' }, h('strong', { class: 'whole' }, device.deviceId ?? 'unnamed'), h('span', { class: 'muted grow' }, device.platform), tokens));
}
