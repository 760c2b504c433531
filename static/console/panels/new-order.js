//! The form of a new order, filled with an example. Optional fields that are empty are left out.

import { h, field } from '../dom.js';

const FIELDS = [
  { name: 'restaurant_name', label: 'restaurant', value: 'Burger King', wide: true, required: true },
  { name: 'pickup_address', label: 'pickup', value: 'Koramangala 5th Block, Bangalore', wide: true, required: true },
  { name: 'delivery_address', label: 'delivery', value: 'Indiranagar 100ft Road, Bangalore', wide: true, required: true },
  { name: 'earnings', label: 'earnings', value: '45.5', number: true, required: true },
  { name: 'distance_km', label: 'distance, km', value: '3.2', number: true, required: true },
  { name: 'customer_id', label: 'customer id', value: '', number: true },
  { name: 'pickup_latitude', label: 'pickup lat.', value: '12.9352', number: true },
  { name: 'pickup_longitude', label: 'pickup lon.', value: '77.6245', number: true },
  { name: 'delivery_latitude', label: 'delivery lat.', value: '12.9719', number: true },
  { name: 'delivery_longitude', label: 'delivery lon.', value: '77.6412', number: true },
];

/** `create` gets the order as the server wants it and answers (a promise of) whether it was made. */
export function newOrderForm({ create }) {
  const inputs = new Map(FIELDS.map((spec) => [spec.name, input(spec)]));
  const submit = h('button', { type: 'submit', class: 'primary', data: { testid: 'create-order' } }, 'Create');
  const form = h('form', { id: 'new-order', class: 'grid' },
    FIELDS.map((spec) => field(spec.label, inputs.get(spec.name), { class: spec.wide ? 'wide' : '' })), submit);
  const details = h('details', { class: 'fold' }, h('summary', { data: { testid: 'new-order' } }, 'New order'), form);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    submit.disabled = true;
    if (await create(read(inputs))) details.open = false;
    submit.disabled = false;
  });
  return details;
}

function input({ name, value, number, required }) {
  return h('input', { id: `new-order-${name}`, value, required, inputmode: number ? 'decimal' : null, autocomplete: 'off' });
}

/** A text where a number belongs is sent as it is: the server's answer to it is worth seeing. */
function read(inputs) {
  const order = {};
  for (const { name, number } of FIELDS) {
    const text = inputs.get(name).value.trim();
    if (text === '') continue;
    order[name] = number && Number.isFinite(Number(text)) ? Number(text) : text;
  }
  return order;
}
