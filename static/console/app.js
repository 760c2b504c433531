//! The console's composition: makes the shared parts in order, then the panels. A further family of apps adds its
//! contract, its panels, a view, and a line for each panel here.

import { loadConfig } from './api.js';
import { Accounts } from './accounts.js';
import { Activity } from './activity.js';
import { rideHailing } from './contracts/ride-hailing.js';
import { PushCustomer } from './push.js';
import { AppSockets } from './sockets.js';
import { Views } from './views.js';
import { mountAccounts } from './panels/accounts.js';
import { BookingParty, CUSTOMER, TECHNICIAN } from './panels/booking-party.js';
import { DriverPanel } from './panels/driver.js';
import { DriverRides } from './panels/driver-rides.js';
import { HailingPanel } from './panels/hailing.js';
import { LogPanel } from './panels/log.js';
import { MapPanel } from './panels/map.js';
import { MatchingPanel } from './panels/matching.js';
import { Notices } from './panels/notices.js';
import { OperatorBookings } from './panels/operator-bookings.js';
import { OperatorDrivers } from './panels/operator-drivers.js';
import { OperatorOrders } from './panels/operator-orders.js';
import { OperatorRides } from './panels/operator-rides.js';
import { PassengerWork } from './panels/passenger-work.js';
import { PushDevices } from './panels/push-devices.js';
import { PushHistory } from './panels/push-history.js';
import { PushOperator } from './panels/push-operator.js';

const PASSENGER = {
  id: 'passenger', title: 'Passenger', role: 'customer', preferred: 'passenger1', templates: rideHailing.passengerTemplates,
  work: (shared) => new PassengerWork(shared),
};
const HAILING_DRIVER = {
  id: 'hailing-driver', title: 'Driver', role: 'driver', preferred: 'driver1', templates: rideHailing.driverTemplates,
  work: (shared) => new DriverRides(shared),
};

const place = (id) => document.getElementById(id);

function compose(config) {
  const activity = new Activity();
  // Panels tell each other by name what may have changed: `orders`, `rides`, `bookings`, `push`, `drivers`; and what they know:
  // `drivers-listed`, `driver-chosen`, `sighting` (a room's driver), `place-chosen` (on the map).
  const signals = new EventTarget();
  const accounts = new Accounts({
    demo: config.demo_accounts ?? [],
    demoPassword: config.demo_password,
    record: (call) => activity.addRest(call),
  });
  const sockets = new AppSockets({ accounts, activity, signals });
  const views = new Views(place('views'));
  const ctx = { accounts, activity, signals, sockets, views };

  place('log-column').append(new LogPanel(ctx).element);
  const customer = new PushCustomer(ctx);
  views.fill(place('operator-column'), [
    [new MapPanel(ctx), 'hailing', 'matching'],
    [new OperatorOrders(ctx), 'deliveries'],
    [new OperatorRides(ctx), 'hailing', 'matching'],
    [new OperatorBookings(ctx), 'bookings'],
    [new PushOperator(ctx, customer), 'push'],
    [new OperatorDrivers(ctx), 'deliveries', 'bookings'],
  ]);
  views.fill(place('app-column'), [
    [new DriverPanel(ctx), 'deliveries'],
    [new HailingPanel(ctx, PASSENGER), 'hailing'],
    [new MatchingPanel(ctx), 'matching'],
    [new HailingPanel(ctx, HAILING_DRIVER), 'hailing', 'matching'],
    [new BookingParty(ctx, CUSTOMER), 'bookings'],
    [new BookingParty(ctx, TECHNICIAN), 'bookings'],
    [new PushDevices(ctx, customer), 'push'],
    [new PushHistory(ctx, customer), 'push'],
  ]);
  mountAccounts(place('accounts'), ctx);

  place('profile').textContent = config.profile;
  place('profile').hidden = false;
}

/** Without its settings the console still works, with the plain login form alone. */
async function start() {
  let config = { profile: 'unknown' };
  let problem = null;
  try {
    config = await loadConfig();
  } catch (cause) {
    problem = cause;
  }
  compose(config);
  if (!problem) return;
  const notices = new Notices('start-problems');
  place('accounts').append(notices.element);
  notices.show(problem, 'Console settings');
}

start();
