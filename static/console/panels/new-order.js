//! The form of a new order, filled with an example. Optional fields that are empty are left out.

import { ExampleForm } from './example-form.js';

const FIELDS = [
  { name: 'restaurant_name', label: 'restaurant', value: 'Burger King', width: 'wide', required: true },
  { name: 'pickup_address', label: 'pickup', value: 'Koramangala 5th Block, Bangalore', width: 'wide', required: true },
  { name: 'delivery_address', label: 'delivery', value: 'Indiranagar 100ft Road, Bangalore', width: 'wide', required: true },
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
  return new ExampleForm({ id: 'new-order', title: 'New order', submit: 'Create', fields: FIELDS, create });
}
