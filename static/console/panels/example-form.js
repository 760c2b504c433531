//! A form that folds away: fields filled with an example, read into the object that the server wants. The forms of orders,
//! rides and bookings are made of it.

import { h, field } from '../dom.js';

export class ExampleForm {
  #fields;
  #inputs;

  /** `create` gets what was filled in and answers (a promise of) whether it was made: the form folds away then. */
  constructor({ id, title, submit, fields, create, open = false }) {
    this.#fields = fields;
    this.#inputs = new Map(fields.map((spec) => [spec.name, input(id, spec)]));
    const button = h('button', { type: 'submit', class: 'primary', data: { testid: `create-${id.replace('new-', '')}` } }, submit);
    const form = h('form', { id, class: 'grid' },
      fields.map((spec) => field(spec.label, this.#inputs.get(spec.name), { class: spec.width ?? '' })), button);
    this.element = h('details', { class: 'fold', open }, h('summary', { data: { testid: id } }, title), form);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      button.disabled = true;
      if (await create(this.#read())) this.element.open = false;
      button.disabled = false;
    });
  }

  set(name, value) {
    this.#inputs.get(name).value = value;
  }

  /** A text where a number belongs is sent as it is: the server's answer to it is worth seeing. */
  #read() {
    const made = {};
    for (const { name, number } of this.#fields) {
      const text = this.#inputs.get(name).value.trim();
      if (text === '') continue;
      made[name] = number && Number.isFinite(Number(text)) ? Number(text) : text;
    }
    return made;
  }
}

function input(form, { name, value, number, required, placeholder }) {
  return h('input', { id: `${form}-${name}`, value, required, placeholder, inputmode: number ? 'decimal' : null, autocomplete: 'off' });
}
