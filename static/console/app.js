//! The console's composition: makes the shared parts in order, then the panels. A further family of apps adds its
//! contract, its panels, a view, and a line for each panel here.

import { loadConfig } from './api.js';
import { Accounts } from './accounts.js';
import { Activity } from './activity.js';
import { rideHailing } from './contracts/ride-hailing.js';
import { Demo } from './demo.js';
import { Directory } from './directory.js';
import { setCurrency } from './format.js';
import { PushCustomer } from './push.js';
import { SavedMessages } from './saved.js';
import { AppSockets } from './sockets.js';
import { Views } from './views.js';
import { mountAccounts } from './panels/accounts.js';
import { AnySocketPanel } from './panels/any-socket.js';
import { BookingParty, CUSTOMER, TECHNICIAN } from './panels/booking-party.js';
import { DriverPanel } from './panels/driver.js';
import { DriverRides } from './panels/driver-rides.js';
import { HailingPanel } from './panels/hailing.js';
import { Insight } from './panels/insight.js';
import { LogPanel } from './panels/log.js';
import { MapPanel } from './panels/map.js';
import { MatchingPanel } from './panels/matching.js';
import { Notices } from './panels/notices.js';
import { OperatorBookings } from './panels/operator-bookings.js';
import { OperatorDrivers } from './panels/operator-drivers.js';
import { OperatorOrders } from './panels/operator-orders.js';
import { OperatorRides } from './panels/operator-rides.js';
import { PassengerWork } from './panels/passenger-work.js';
import { PhonePanel } from './panels/phone.js';
import { PushDevices } from './panels/push-devices.js';
import { PushHistory } from './panels/push-history.js';
import { PushOperator } from './panels/push-operator.js';
import { RequestPanel } from './panels/request.js';
import { TourPanel } from './panels/tour.js';

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
  setCurrency(config.currency);
  const activity = new Activity();
  // Panels tell each other by name what may have changed: `orders`, `rides`, `bookings`, `push`, `drivers`; and what they know:
  // `drivers-listed`, `driver-chosen`, `sighting` (a room's driver), `place-chosen` (on the map), `demo-restored`, `trace-opened`.
  const signals = new EventTarget();
  const accounts = new Accounts({
    demo: config.demo_accounts ?? [],
    demoPassword: config.demo_password,
    record: (call) => activity.addRest(call),
  });
  const sockets = new AppSockets({ accounts, activity, signals });
  const views = new Views(place('views'));
  const [saved, directory] = [new SavedMessages(), new Directory({ accounts, signals })];
  const demo = new Demo({ profile: config.profile, accounts, signals });
  const insight = new Insight({ accounts, signals, directory, demo });
  const ctx = { accounts, activity, signals, sockets, views, saved, demo, insight };

  const tour = new TourPanel(ctx);
  place('tour-place').append(tour.element);
  place('views').append(tour.again);
  place('log-column').append(new LogPanel(ctx).element);
  const customer = new PushCustomer(ctx);
  const phone = new PhonePanel(config.network ?? null);
  views.fill(place('operator-column'), [
    [new MapPanel(ctx), 'hailing', 'matching'],
    [new OperatorOrders(ctx), 'deliveries'],
    [new OperatorRides(ctx), 'hailing', 'matching'],
    [new OperatorBookings(ctx), 'bookings'],
    [new PushOperator(ctx, customer), 'push'],
    [new OperatorDrivers(ctx), 'deliveries', 'hailing', 'matching', 'bookings'],
    [new RequestPanel(ctx), 'tester'],
    [phone, 'phone'],
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
    [new AnySocketPanel(ctx), 'tester'],
    [{ element: phone.settings }, 'phone'],
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
