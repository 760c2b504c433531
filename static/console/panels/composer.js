//! Makes a message from a contract's templates, or any text at all, and sends it over a socket. It has no words of a
//! contract of its own, so every family of apps uses the same one.

import { h, button, field, redraw } from '../dom.js';
import { buildMessage } from '../contracts/common.js';

/** The template of sending whatever is typed. */
const RAW_ID = 'raw';

export class Composer {
  #templates;
  #badTexts;
  #values;
  #send;
  #attempt;
  #saved;
  #contract;
  #inputs = new Map();
  #template;

  /**
   * `templates` are of `contract`, those of one side of it. `values` are functions by the names that templates use in `whenEmpty`, `send` takes the text,
   * `attempt(what, action)` shows what fails, `saved` are the messages that are kept.
   */
  constructor({ contract, templates, values, send, attempt, saved }) {
    this.#contract = contract.name;
    this.#saved = saved;
    this.#templates = templates;
    this.#badTexts = contract.badTexts;
    this.#values = values;
    this.#send = send;
    this.#attempt = attempt;
    this.#build();
    this.choose(templates[0].id);
    saved.addEventListener('change', () => this.#drawSaved());
    this.#drawSaved();
  }

  set enabled(enabled) {
    this.element.disabled = !enabled;
  }

  choose(id) {
    this.#template = this.#templates.find((template) => template.id === id) ?? null;
    for (const tab of this.tabs.children) tab.setAttribute('aria-pressed', String(tab.dataset.template === id));
    this.#inputs = new Map();
    this.body.replaceChildren(...(this.#template ? this.#templateFields() : this.#rawFields()));
    this.hint.textContent = this.#template?.hint ?? 'Sent as it is, good or bad. A bad message gets an error and the socket stays open.';
  }

  /** Fills in a field of the template that is chosen. */
  set(path, value) {
    this.#inputs.get(path).value = value;
  }

  #build() {
    const tabs = [...this.#templates, { id: RAW_ID, label: 'raw text' }];
    this.tabs = h('div', { class: 'tabs', role: 'group', 'aria-label': 'Message to send' }, tabs.map(({ id, label }) => h('button', {
      type: 'button', class: 'tab', data: { testid: `template-${id}`, template: id }, on: { click: () => this.choose(id) },
    }, label)));
    this.body = h('div', { class: 'grid' });
    this.hint = h('p', { class: 'muted grow' });
    this.kept = h('div', { class: 'tabs', role: 'group', 'aria-label': 'Saved messages' });
    const send = button('Send', { testid: 'send', class: 'primary', action: () => this.#submit() });
    this.element = h('fieldset', { class: 'composer', 'aria-label': 'Send a message' },
      this.tabs, this.kept, this.body, h('div', { class: 'row sending' }, this.hint, this.#keeping(), send));
  }

  /** Asks for a name, once somebody wants to keep the message. */
  #keeping() {
    const name = h('input', { 'aria-label': 'Name of the saved message', placeholder: 'name', autocomplete: 'off', data: { testid: 'save-name' } });
    const keep = () => this.#attempt('Save', async () => {
      this.#saved.save({ contract: this.#contract, name: name.value, text: this.#template ? JSON.stringify(buildMessage(this.#template, this.#typed())) : this.#inputs.get(RAW_ID).value });
      details.open = false;
    });
    name.addEventListener('keydown', (event) => { if (event.key === 'Enter') keep(); });
    const details = h('details', { class: 'keeping' }, h('summary', { data: { testid: 'save-message' } }, 'Save'),
      h('span', { class: 'row' }, name, button('Keep', { testid: 'save-keep', class: 'quiet', action: keep })));
    details.addEventListener('toggle', () => {
      if (!details.open) return;
      name.value = this.#template?.id ?? 'my message';
      name.select();
    });
    return details;
  }

  #drawSaved() {
    const items = this.#saved.of(this.#contract);
    this.kept.hidden = items.length === 0;
    redraw(this.kept, items.map((item) => h('span', { class: 'chip', data: { key: item.name } },
      h('button', { type: 'button', data: { testid: 'saved-message' }, title: item.text, on: { click: () => this.#load(item) } }, `★ ${item.name}`),
      h('button', { type: 'button', class: 'quiet', 'aria-label': `Forget ${item.name}`, on: { click: () => this.#saved.forget(item) } }, '×'))));
  }

  #load({ text }) {
    this.choose(RAW_ID);
    this.#inputs.get(RAW_ID).value = text;
  }

  #templateFields() {
    return this.#template.fields.map(({ path, label, initial, placeholder, width }) => {
      const input = h('input', {
        value: initial, placeholder, autocomplete: 'off', spellcheck: 'false', data: { testid: `field-${path}` },
      });
      input.addEventListener('keydown', (event) => { if (event.key === 'Enter') this.#submit(); });
      this.#inputs.set(path, input);
      return field(label, input, { class: width ?? '' });
    });
  }

  #rawFields() {
    const text = h('textarea', { rows: '3', spellcheck: 'false', data: { testid: 'raw-text' } });
    text.value = this.#badTexts[0].text;
    this.#inputs.set(RAW_ID, text);
    const examples = this.#badTexts.map((example) => h('button', {
      type: 'button', class: 'quiet', data: { testid: `bad-${example.id}` }, on: { click: () => { text.value = example.text; } },
    }, example.label));
    return [field('text', text, { class: 'wide' }), h('div', { class: 'row wide', role: 'group', 'aria-label': 'Bad examples' }, examples)];
  }

  #submit() {
    return this.#attempt('Send', async () => this.#send(await this.#text()));
  }

  async #text() {
    if (!this.#template) return this.#inputs.get(RAW_ID).value;
    const values = this.#typed();
    for (const { path, whenEmpty } of this.#template.fields) {
      if (values[path] === '' && whenEmpty) values[path] = String(await this.#values[whenEmpty]());
    }
    return JSON.stringify(buildMessage(this.#template, values));
  }

  #typed() {
    return Object.fromEntries([...this.#inputs].map(([path, input]) => [path, input.value.trim()]));
  }
}
