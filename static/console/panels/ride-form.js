//! The form of a new ride, filled with an example in the demo fleet's city. Optional fields that are empty are left out.

import { ExampleForm } from './example-form.js';

const FIELDS = [
  { name: 'pickup_latitude', label: 'pickup lat.', value: '-26.2021', number: true, required: true },
  { name: 'pickup_longitude', label: 'pickup lon.', value: '28.0503', number: true, required: true },
  { name: 'dropoff_latitude', label: 'dropoff lat.', value: '-26.1891', number: true, required: true },
  { name: 'dropoff_longitude', label: 'dropoff lon.', value: '28.0613', number: true, required: true },
  { name: 'pickup_address', label: 'pickup', value: '14 Fox Street', width: 'half' },
  { name: 'dropoff_address', label: 'dropoff', value: 'Ponte Tower', width: 'half' },
  { name: 'ride_type', label: 'ride type', value: 'any', required: true },
  { name: 'estimated_fare', label: 'fare', value: '', number: true },
  { name: 'distance_km', label: 'distance, km', value: '', number: true },
  { name: 'scheduled_at', label: 'scheduled at', value: '', placeholder: 'empty: now' },
];

/** `create` gets the ride as the server wants it and answers (a promise of) whether it was asked for. */
export function rideForm({ create }) {
  return new ExampleForm({ id: 'new-ride', title: 'Request a ride', submit: 'Request', fields: FIELDS, create });
}
