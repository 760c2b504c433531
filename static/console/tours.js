//! The tours as data: for each view, what to try first, step by step. A step is done when what it speaks of has happened, however
//! somebody brought that about; until then `target` is the control that is next.

const first = (...selectors) => selectors.map((selector) => [...document.querySelectorAll(selector)].find((element) => element.checkVisibility())).find(Boolean) ?? null;

/** An entry of the log that says so. */
const heard = (type, also = () => true) => ({ happened }) => happened.some((entry) => entry.kind === 'in' && entry.type === type && also(entry));
const called = (method, path) => ({ happened }) => happened.some(({ kind, tone, call }) => kind === 'rest' && !tone && call.method === method && path.test(call.path));
const traced = ({ signals }) => signals.has('trace-opened');
const cut = ({ happened }) => happened.some(({ kind, type }) => kind === 'socket' && type.startsWith('closed'));

/** Everybody who is needed is logged in: the view's demo accounts, or where there are none, anybody with these roles. */
const present = (roles) => ({ accounts, scenario }) => (accounts.demo.length > 0
  ? scenario.every((username) => accounts.get(username))
  : roles.every((role) => accounts.known.some((account) => account.role === role && accounts.get(account.username))));
const connected = (...panels) => () => panels.every((id) => document.querySelector(`#${id} [data-testid=socket-state]`)?.dataset.state === 'open');

const connect = (...panels) => () => first(...panels.map((id) => `#${id} [data-testid=connect]`));
const logIn = (names, roles) => ({ text: `Log in ${names}.`, act: { label: 'Log in', what: 'log-in' }, done: present(roles) });
const selected = (list, actions) => () => (document.querySelector(`${list} tr[aria-selected=true]`) ? first(actions) : first(`${list} tr button`));
const trace = (what, list, action) => ({
  text: `Open Trace of ${what}: each step, and when each app had heard of it.`, target: selected(list, action), done: traced,
});

export const TOURS = {
  deliveries: {
    promise: 'Nothing is lost: see it',
    steps: [
      logIn('an operator and a driver', ['admin', 'driver']),
      { text: 'Connect the driver’s app. The server’s greeting appears in the log.', target: connect('driver-panel'), done: connected('driver-panel') },
      {
        text: 'Choose a pending order and assign it to the driver: order_assigned arrives with its event id.', done: heard('order_assigned'),
        target: () => (document.querySelector('#orders tr[aria-selected=true][data-status=pending]') ? first('[data-testid=order-assign]')
          : first('#orders tr[data-status=pending] button', '[data-testid=new-order]')),
      },
      { text: 'Cut the driver’s connection, as a tunnel would.', target: () => first('#driver-panel [data-testid=cut]'), done: cut },
      {
        text: 'Cancel the order now, while the driver is away.', target: () => first('[data-testid=order-cancel]'),
        done: called('POST', /\/admin\/orders\/\d+\/cancel$/),
      },
      {
        text: 'Reconnect: order_cancelled is replayed, although nobody was connected to hear it.', target: connect('driver-panel'),
        done: heard('order_cancelled', ({ replayed }) => replayed),
      },
      trace('the order', '#orders', '[data-testid=order-trace]'),
    ],
    end: 'The driver missed nothing, and you saw when they heard of it.',
  },
  hailing: {
    promise: 'A ride, from both sides',
    steps: [
      { ...logIn('an operator, a passenger and a driver', ['admin', 'customer', 'driver']), act: { label: 'Log in, with the demo restored', what: 'log-in', restores: true } },
      { text: 'Connect the passenger’s and the driver’s app.', target: connect('passenger-panel', 'hailing-driver-panel'), done: connected('passenger-panel', 'hailing-driver-panel') },
      {
        text: 'Request a ride. In mode auto the nearest driver has it at once; in mode offer they accept it. Where nobody gets it, the driver’s panel says why.',
        target: () => first('[data-testid=ride-accept]', '[data-testid=create-ride]', '[data-testid=new-ride]'), done: heard('ride_accepted'),
      },
      { text: 'Let the passenger join the ride’s room.', target: () => first('[data-testid=ride-join]'), done: heard('ride_joined') },
      {
        text: 'Drive to the pickup: positions arrive, and leave a trail on the map.', target: () => first('[data-testid=drive]'),
        done: heard('driver_location_update'),
      },
      {
        text: 'Arrive, start, complete. The passenger hears each step.', done: heard('ride_completed'),
        target: () => first('[data-testid=ride-arrive]', '[data-testid=ride-start]', '[data-testid=ride-complete]'),
      },
      { text: 'Rate the ride as the passenger.', target: () => first('[data-testid=ride-rate]'), done: called('POST', /\/rides\/[^/]+\/rate$/) },
      trace('the ride', '#rides', '[data-testid=ride-trace]'),
    ],
    end: 'One ride, from both sides, and why this driver had it.',
  },
  matching: {
    promise: 'One socket, one ride, no account',
    steps: [
      { ...logIn('an operator and a driver', ['admin', 'driver']), act: { label: 'Log in, with the demo restored', what: 'log-in', restores: true } },
      { text: 'Connect the matching app. Its ride id is its own; its ride_key comes with the greeting.', target: connect('matching-panel'), done: connected('matching-panel') },
      {
        text: 'Send find_driver: searching, then driver_assigned. Where nobody is found, the driver’s panel says why.', done: heard('driver_assigned'),
        target: () => first('#matching-panel [data-testid=send]'),
      },
      { text: 'Cut the connection.', target: () => first('#matching-panel [data-testid=cut]'), done: cut },
      { text: 'Reconnect: the state of the ride comes again.', target: connect('matching-panel'), done: heard('driver_assigned') },
      {
        text: 'Send cancel_ride, or drive the ride to its end as the driver.', target: () => first('#matching-panel [data-testid=template-cancel_ride]'),
        done: (world) => heard('ride_cancelled')(world) || heard('ride_completed')(world),
      },
      trace('the ride', '#rides', '[data-testid=ride-trace]'),
    ],
    end: 'A ride without an account, that survived a cut.',
  },
  bookings: {
    promise: 'The customer knows who comes, and when',
    steps: [
      logIn('an operator, a customer and a technician', ['admin', 'customer', 'driver']),
      { text: 'Connect the customer and the technician.', target: connect('customer-panel', 'technician-panel'), done: connected('customer-panel', 'technician-panel') },
      {
        text: 'Make a new booking.', target: () => first('[data-testid=create-booking]', '[data-testid=new-booking]'),
        done: called('POST', /\/api\/v1\/bookings$/),
      },
      {
        text: 'Assign the technician: both hear booking_updated.', target: () => first('[data-testid=booking-assign]'),
        done: heard('booking_updated', ({ detail }) => detail.data?.status === 'Assigned'),
      },
      {
        text: 'Move it on to Done, as the technician or as the operator. The customer hears each step.', target: () => first('#technician-panel .card button.primary', '#booking-actions button'),
        done: heard('booking_updated', ({ detail }) => detail.data?.status === 'Completed'),
      },
      trace('the booking', '#bookings', '[data-testid=booking-trace]'),
    ],
    end: 'A booking from its request to its end, heard on both sides.',
  },
  push: {
    promise: 'A customer who is away hears of it, once',
    steps: [
      logIn('an operator and a customer', ['admin', 'customer']),
      {
        text: 'Register a device.', target: () => first('[data-testid=create-device]', '[data-testid=new-device]'), done: called('POST', /\/api\/Push\/register$/),
      },
      {
        text: 'Send to it. Without credentials of the services the history says what would have been sent.',
        target: () => first('[data-testid=create-notification]'), done: called('POST', /\/api\/Push\/sendToCustomer$/),
      },
      { text: 'Opt out of a type, or set quiet hours, and send again.', target: () => first('#push-opt-out'), done: called('PUT', /\/api\/Push\/preferences/) },
    ],
    end: 'Under Bookings, move a booking of the customer’s on while their socket is closed: it is pushed. While it is open, it is not.',
  },
};
