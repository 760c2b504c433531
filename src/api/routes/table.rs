//! The rows: which routes there are.

use super::shape::shape_of;
use super::{Recorded, Route, Rows, Who};
use crate::api::operators::{
    access, audit, customers, demo, drivers, orders as operators_orders, people, staff, traces,
};
use crate::api::{
    auth, bookings, console, driver_app, health, nearby, orders, own_access, payments, push, rides,
    second_factor, sockets, stats,
};
use crate::contracts::error_codes::ErrorCode;
use crate::domain::role::Role;
use Role::{Admin, Customer, Dispatcher, Driver, Service, Viewer};
use actix_web::web;

macro_rules! method {
    (get) => {
        "GET"
    };
    (post) => {
        "POST"
    };
    (put) => {
        "PUT"
    };
    (patch) => {
        "PATCH"
    };
    (delete) => {
        "DELETE"
    };
}

macro_rules! row {
    ($path:literal: $method:ident $handler:path => $who:ident $recorded:ident [$($code:ident)*]) => {
        Route {
            method: method!($method),
            path: $path,
            who: $who,
            recorded: Recorded::$recorded,
            own_errors: &[$(ErrorCode::$code),*],
            shape: || shape_of($handler),
        }
    };
}

/// `"/path": get handler => WHO RECORDED [OwnCode …], post …;` in groups that are there or not as a whole. Of two paths
/// that a request may mean the first one counts. Request and answers are in the handler's type.
macro_rules! routes {
    ($($(#[$doc:meta])* $group:ident {
        $($path:literal: $($method:ident $handler:path => $who:ident $recorded:ident $([$($code:ident)+])?),+;)+
    })+) => {
        $($(#[$doc])*
        pub(in crate::api) fn $group(cfg: &mut web::ServiceConfig) {
            $({
                const ROWS: Rows = Rows(&[
                    $(row!($path: $method $handler => $who $recorded [$($($code)+)?])),+
                ]);
                cfg.service(web::resource($path).app_data(ROWS)$(.$method($handler))+);
            })+
        }
        )+

        /// All rows, in the order in which requests are matched.
        pub const ROUTES: &[Route] = &[
            $($($(row!($path: $method $handler => $who $recorded [$($($code)+)?]),)+)+)+
        ];
    };
}

pub(super) const ANYBODY: Who = Who::Anybody;
const ALL_OR_NOBODY: Who = Who::RolesOrNobody(&Role::ALL);
/// The own account.
const EVERYBODY: Who = Who::Roles(&Role::ALL);
const DRIVERS: Who = Who::Roles(&[Driver]);
const CUSTOMERS: Who = Who::Roles(&[Customer]);
/// On the matching app's socket: guests, where they are allowed.
const CUSTOMERS_OR_NOBODY: Who = Who::RolesOrNobody(&[Customer]);
/// The two sides of a job.
const PARTIES: Who = Who::Roles(&[Customer, Driver]);
const ADMINS: Who = Who::Roles(&[Admin]);
/// Those who monitor the server.
const WATCHERS_OR_NOBODY: Who = Who::RolesOrNobody(&[Admin, Viewer]);
/// Reads of the operators'.
const OPERATORS: Who = Who::Roles(&[Admin, Dispatcher, Viewer]);
/// Reads that programs make, too.
const OPERATORS_PROGRAMS: Who = Who::Roles(&[Admin, Dispatcher, Viewer, Service]);
/// Work that is given and taken back.
const DISPATCHERS_PROGRAMS: Who = Who::Roles(&[Admin, Dispatcher, Service]);
const ADMINS_PROGRAMS: Who = Who::Roles(&[Admin, Service]);
/// Which cars are about: operators see them exactly.
const CUSTOMERS_OPERATORS: Who = Who::Roles(&[Customer, Admin, Dispatcher, Viewer]);
/// Those who may see a ride.
const PARTIES_OPERATORS: Who = Who::Roles(&[Customer, Driver, Admin, Dispatcher, Viewer]);
/// Those who may end a ride, or follow one over a socket, where numbers and people's messages are heard.
const PARTIES_DISPATCHERS: Who = Who::Roles(&[Customer, Driver, Admin, Dispatcher]);
/// Those who may book.
const BOOKERS: Who = Who::Roles(&[Customer, Admin, Dispatcher, Service]);
/// Those who may see a booking.
const PARTIES_OPERATORS_PROGRAMS: Who = Who::Roles(&Role::ALL);
/// Those who may end a booking.
const PARTIES_DISPATCHERS_PROGRAMS: Who = Who::Roles(&[Customer, Driver, Admin, Dispatcher, Service]);
/// Those who may move a booking on.
const WORKERS: Who = Who::Roles(&[Driver, Admin, Dispatcher, Service]);
/// The push contract, which lets a developer's own machine in without an account.
const PUSH_ADMINS: Who = Who::RolesOrNobody(&[Customer, Admin]);
const PUSH_SENDERS: Who = Who::RolesOrNobody(&[Admin, Service]);
const PUSH_OPERATORS: Who = Who::RolesOrNobody(&[Admin, Dispatcher, Viewer]);

#[rustfmt::skip]
routes! {
    /// For the apps, and for programs of other people.
    apps {
        "/api/v1/auth/login":
            post auth::login => ANYBODY Nothing [WrongCredentials NewPasswordRequired CodeRequired WrongCode SecondFactorRequired TooManyRequests];
        "/api/v1/auth/refresh": post auth::refresh => ANYBODY Nothing [InvalidRefreshToken TooManyRequests];
        "/api/v1/auth/logout": post auth::logout => ANYBODY Nothing [TooManyRequests];
        "/api/v1/auth/register":
            post auth::register => ANYBODY Nothing [RegistrationDisabled TooManyRequests UsernameTaken PhoneNumberTaken ExternalIdTaken];
        "/api/v1/auth/password": post own_access::change_password => EVERYBODY Changes [WrongPassword];
        "/api/v1/auth/totp":
            get second_factor::show => OPERATORS Nothing,
            post second_factor::enrol => OPERATORS Changes [WrongPassword CodeRequired WrongCode];
        "/api/v1/auth/totp/confirm": post second_factor::confirm => OPERATORS Changes [WrongCode NoEnrolment];
        "/api/v1/auth/sessions": get own_access::sessions => EVERYBODY Nothing;
        "/api/v1/auth/sessions/{session_id}": delete own_access::revoke => EVERYBODY Changes;

        "/api/v1/ws/driver/{driver_id}": get sockets::driver => DRIVERS Nothing;
        "/api/v1/ws/connect": get sockets::connect => PARTIES_DISPATCHERS Reads;
        "/ws/ride/{ride_id}": get sockets::ride => CUSTOMERS_OR_NOBODY Nothing;
        "/ws/ride/{ride_id}/": get sockets::ride => CUSTOMERS_OR_NOBODY Nothing;
        "/api/v1/ws/stats": get stats::stats => ALL_OR_NOBODY Nothing;

        "/api/v1/driver/profile": get driver_app::profile => DRIVERS Nothing [NotFound];
        "/api/v1/driver/status": put driver_app::set_status => DRIVERS Nothing [NotFound];
        "/api/v1/driver/location": put rides::set_location => DRIVERS Nothing;
        "/api/v1/orders/assigned": get driver_app::assigned_orders => DRIVERS Nothing;
        "/api/v1/orders/mine": get orders::list => CUSTOMERS Nothing;
        // After those that are names where it has a number.
        "/api/v1/orders/{id}": get orders::show => CUSTOMERS Nothing;
        "/api/v1/orders/{id}/cancel": post orders::cancel => CUSTOMERS Nothing [OrderState];
        "/api/v1/orders/{id}/status": put driver_app::set_order_status => DRIVERS Nothing [OrderState NotCash PaymentState];
        "/api/v1/earnings/today": get driver_app::earnings_today => DRIVERS Nothing;
        "/api/v1/earnings/history": get driver_app::earnings_history => DRIVERS Nothing;
        "/api/v1/drivers/nearby": get nearby::nearby => CUSTOMERS_OPERATORS Reads;

        "/api/v1/rides":
            get rides::list => PARTIES Nothing,
            post rides::create => CUSTOMERS Nothing [NotFound TooManyOpenJobs ExternalIdTaken];
        "/api/v1/rides/{ride_id}": get rides::show => PARTIES_OPERATORS Reads;
        "/api/v1/rides/{ride_id}/accept":
            post rides::accept => DRIVERS Nothing [RideState RideTaken OfferEnded DriverSuspended DriverBusy];
        "/api/v1/rides/{ride_id}/decline": post rides::decline => DRIVERS Nothing [RideState RideTaken];
        "/api/v1/rides/{ride_id}/arrive": post rides::arrive => DRIVERS Nothing [RideState];
        "/api/v1/rides/{ride_id}/start": post rides::start => DRIVERS Nothing [RideState];
        "/api/v1/rides/{ride_id}/complete": post rides::complete => DRIVERS Nothing [RideState NotCash PaymentState];
        "/api/v1/rides/{ride_id}/cancel": post rides::cancel => PARTIES_DISPATCHERS Changes [RideState RideTaken];
        "/api/v1/rides/{ride_id}/rate": post rides::rate => CUSTOMERS Nothing [RideState AlreadyRated];

        "/api/v1/bookings":
            get bookings::list => PARTIES Nothing,
            post bookings::create => BOOKERS Changes [Forbidden NotFound TooManyOpenJobs ExternalIdTaken];
        "/api/v1/bookings/{id}": get bookings::show => PARTIES_OPERATORS_PROGRAMS Reads;
        "/api/v1/bookings/{id}/technician":
            put bookings::assign => DISPATCHERS_PROGRAMS Changes [BookingState DriverSuspended DriverBusy DriverFull];
        "/api/v1/bookings/{id}/status":
            put bookings::set_status => WORKERS Changes [BookingState DriverBusy NotCash PaymentState];
        "/api/v1/bookings/{id}/cancel": post bookings::cancel => PARTIES_DISPATCHERS_PROGRAMS Changes [BookingState];

        "/api/v1/payments/webhook":
            post payments::webhook => ANYBODY Nothing [InvalidSignature NotFound PaymentState PaymentMismatch];

        "/api/Push/register": post push::register => PUSH_ADMINS Changes [NotFound];
        "/api/Push/sendToCustomer": post push::send => PUSH_SENDERS Changes [NotFound];
        "/api/Push/test": post push::test => PUSH_SENDERS Changes [NotFound];
        "/api/Push/preferences":
            get push::preferences => PUSH_ADMINS Reads [NotFound],
            put push::set_preferences => PUSH_ADMINS Changes [NotFound];
        "/api/Push/history": get push::history => PUSH_ADMINS Reads [NotFound];
        "/api/Push/opened": post push::opened => PUSH_ADMINS Changes [NotFound];
        "/api/Push/stats": get push::stats => PUSH_OPERATORS Nothing;
        "/api/Push/devices": get push::devices => PUSH_ADMINS Reads [NotFound];

        "/healthz": get health::alive => ANYBODY Nothing;
        "/readyz": get health::ready => ANYBODY Nothing;
        "/metrics": get health::metrics => WATCHERS_OR_NOBODY Nothing;
    }

    /// Everything under `admin`.
    operators {
        "/api/v1/admin/audit": get audit::list => ADMINS Reads;
        "/api/v1/admin/bookings": get bookings::list_all => OPERATORS_PROGRAMS Reads;
        "/api/v1/admin/rides": get rides::list_all => OPERATORS Reads;
        "/api/v1/admin/drivers":
            get drivers::list => OPERATORS Reads,
            post drivers::create => ADMINS Changes [UsernameTaken PhoneNumberTaken ExternalIdTaken];
        "/api/v1/admin/drivers/{id}":
            get drivers::show => OPERATORS Reads,
            patch drivers::change => ADMINS Changes [PhoneNumberTaken ExternalIdTaken];
        "/api/v1/admin/drivers/{id}/export": get people::export_driver => ADMINS Reads;
        "/api/v1/admin/drivers/{id}/erase": post people::erase_driver => ADMINS Changes [OpenJobs];
        "/api/v1/admin/drivers/{id}/locations": get drivers::locations => OPERATORS Reads;
        "/api/v1/admin/drivers/{id}/why": get traces::why => OPERATORS Reads;
        "/api/v1/admin/jobs/{id}/trace": get traces::trace => OPERATORS Reads;
        "/api/v1/admin/jobs/{id}/payment":
            get payments::show => OPERATORS_PROGRAMS Reads,
            patch payments::change => ADMINS_PROGRAMS Changes [PaymentState];
        "/api/v1/admin/customers":
            get customers::list => OPERATORS Reads,
            post customers::create => ADMINS Changes [UsernameTaken PhoneNumberTaken ExternalIdTaken];
        "/api/v1/admin/customers/{id}":
            get customers::show => OPERATORS Reads,
            patch customers::change => ADMINS Changes [PhoneNumberTaken ExternalIdTaken];
        "/api/v1/admin/customers/{id}/export": get people::export_customer => ADMINS Reads;
        "/api/v1/admin/customers/{id}/erase": post people::erase_customer => ADMINS Changes [OpenJobs];
        "/api/v1/admin/operators":
            get staff::list => ADMINS Reads,
            post staff::create => ADMINS Changes [NotFound UsernameTaken PhoneNumberTaken];
        "/api/v1/admin/operators/{user_id}":
            get staff::show => ADMINS Reads,
            patch staff::change => ADMINS Changes [PhoneNumberTaken OwnPassword LastAdmin];
        "/api/v1/admin/programs":
            get staff::list_programs => ADMINS Reads,
            post staff::create_program => ADMINS Changes [NotFound UsernameTaken];
        "/api/v1/admin/programs/{user_id}":
            get staff::show_program => ADMINS Reads,
            patch staff::change_program => ADMINS Changes [LastAdmin];
        "/api/v1/admin/programs/{user_id}/tokens": post staff::make_token => ADMINS Changes;
        "/api/v1/admin/accounts/{user_id}/unlock": post access::unlock => ADMINS Changes;
        "/api/v1/admin/accounts/{user_id}/password": post access::reset_password => ADMINS Changes [OwnPassword];
        "/api/v1/admin/accounts/{user_id}/totp": delete second_factor::reset => ADMINS Changes [OwnFactor];
        "/api/v1/admin/accounts/{user_id}/sessions":
            get access::sessions => ADMINS Reads,
            delete access::revoke_all => ADMINS Changes;
        "/api/v1/admin/accounts/{user_id}/sessions/{session_id}": delete access::revoke => ADMINS Changes;
        "/api/v1/admin/orders":
            get operators_orders::list => OPERATORS_PROGRAMS Reads,
            post operators_orders::create => DISPATCHERS_PROGRAMS Changes [NotFound ExternalIdTaken];
        // Before the orders by id: it is a name where those have a number.
        "/api/v1/admin/orders/batches":
            post operators_orders::assign_batch => DISPATCHERS_PROGRAMS Changes [NotFound OrderState OrderTwice DriverSuspended DriverBusy DriverFull];
        "/api/v1/admin/orders/{id}": get operators_orders::show => OPERATORS_PROGRAMS Reads;
        "/api/v1/admin/orders/{id}/assign":
            post operators_orders::assign => DISPATCHERS_PROGRAMS Changes [OrderState DriverSuspended DriverBusy DriverFull];
        "/api/v1/admin/orders/{id}/auto-assign":
            post operators_orders::auto_assign => DISPATCHERS_PROGRAMS Changes [OrderState NoPickupPosition NoDrivers];
        "/api/v1/admin/orders/{id}/unassign": post operators_orders::unassign => DISPATCHERS_PROGRAMS Changes [OrderState];
        "/api/v1/admin/orders/{id}/cancel": post operators_orders::cancel => DISPATCHERS_PROGRAMS Changes [OrderState];
    }

    /// In development alone.
    development {
        "/api/v1/admin/demo/restore": post demo::restore => ADMINS Changes;
        "/api/v1/admin/demo/traffic":
            get demo::traffic => ADMINS Nothing,
            post demo::begin_traffic => ADMINS Changes,
            delete demo::end_traffic => ADMINS Changes;
    }

    /// The console, unless it is switched off.
    console_pages {
        "/": get console::index => ANYBODY Nothing;
        "/console/config.json": get console::config => ANYBODY Nothing [NotFound];
        "/console/{path:.*}": get console::asset => ANYBODY Nothing;
    }
}
