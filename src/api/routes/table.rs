//! The rows: which routes there are.

use super::shape::shape_of;
use super::{Recorded, Route, Rows, Who};
use crate::api::operators::{
    access, audit, customers, demo, drivers, orders as operators_orders, people, staff, traces,
};
use crate::api::{
    auth, bookings, console, documents, driver_app, health, nearby, orders, own_access, payments, push,
    rides, second_factor, sockets, stats,
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
    ($path:literal: $method:ident $handler:path => $who:ident $recorded:ident [$($code:ident)*] $summary:literal) => {
        Route {
            method: method!($method),
            path: $path,
            who: $who,
            recorded: Recorded::$recorded,
            summary: $summary,
            handler: stringify!($handler),
            own_errors: &[$(ErrorCode::$code),*],
            shape: || shape_of($handler),
        }
    };
}

/// `"/path": get handler => WHO RECORDED [OwnCode …] "What it does", post …;` in groups that are there or not as a whole.
/// Of two paths that a request may mean the first one counts. Request and answers are in the handler's type.
macro_rules! routes {
    ($($(#[$doc:meta])* $group:ident {
        $($path:literal: $($method:ident $handler:path => $who:ident $recorded:ident $([$($code:ident)+])? $summary:literal),+;)+
    })+) => {
        $($(#[$doc])*
        pub(in crate::api) fn $group(cfg: &mut web::ServiceConfig) {
            $({
                const ROWS: Rows = Rows(&[
                    $(row!($path: $method $handler => $who $recorded [$($($code)+)?] $summary)),+
                ]);
                cfg.service(web::resource($path).app_data(ROWS)$(.$method($handler))+);
            })+
        }
        )+

        /// All rows, in the order in which requests are matched.
        pub const ROUTES: &[Route] = &[
            $($($(row!($path: $method $handler => $who $recorded [$($($code)+)?] $summary),)+)+)+
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
            post auth::login => ANYBODY Nothing [WrongCredentials NewPasswordRequired CodeRequired WrongCode SecondFactorRequired TooManyRequests]
                "Log in with a user name or a phone number";
        "/api/v1/auth/refresh": post auth::refresh => ANYBODY Nothing [InvalidRefreshToken TooManyRequests]
            "Replace a refresh token, and get a new access token";
        "/api/v1/auth/logout": post auth::logout => ANYBODY Nothing [TooManyRequests]
            "End the log-in, and the notifications to its device";
        "/api/v1/auth/register":
            post auth::register => ANYBODY Nothing [RegistrationDisabled TooManyRequests UsernameTaken PhoneNumberTaken ExternalIdTaken]
                "Create a customer's account, where that is allowed";
        "/api/v1/auth/password": post own_access::change_password => EVERYBODY Changes [WrongPassword]
            "Change one's own password";
        "/api/v1/auth/totp":
            get second_factor::show => OPERATORS Nothing
                "Show whether one has a second factor",
            post second_factor::enrol => OPERATORS Changes [WrongPassword CodeRequired WrongCode]
                "Get the secret of a new second factor";
        "/api/v1/auth/totp/confirm": post second_factor::confirm => OPERATORS Changes [WrongCode NoEnrolment]
            "Activate the new second factor with a code from it";
        "/api/v1/auth/sessions": get own_access::sessions => EVERYBODY Nothing
            "List what one's account is let in with";
        "/api/v1/auth/sessions/{session_id}": delete own_access::revoke => EVERYBODY Changes
            "End one of one's own sessions";

        "/api/v1/ws/driver/{driver_id}": get sockets::driver => DRIVERS Nothing
            "The driver app's socket";
        "/api/v1/ws/connect": get sockets::connect => PARTIES_DISPATCHERS Reads
            "The ride hailing apps' socket";
        "/ws/ride/{ride_id}": get sockets::ride => CUSTOMERS_OR_NOBODY Nothing
            "The ride matching app's socket";
        "/ws/ride/{ride_id}/": get sockets::ride => CUSTOMERS_OR_NOBODY Nothing
            "The ride matching app's socket";
        "/api/v1/ws/stats": get stats::stats => ALL_OR_NOBODY Nothing
            "Count connections, drivers online and rides in progress";

        "/api/v1/driver/profile": get driver_app::profile => DRIVERS Nothing [NotFound]
            "Show the driver's own profile";
        "/api/v1/driver/status": put driver_app::set_status => DRIVERS Nothing [NotFound]
            "Go online or offline, or pause";
        "/api/v1/driver/location": put rides::set_location => DRIVERS Nothing
            "Report where the driver is, once or for up to a hundred times";
        "/api/v1/orders/assigned": get driver_app::assigned_orders => DRIVERS Nothing
            "List the orders that the driver holds";
        "/api/v1/orders/mine": get orders::list => CUSTOMERS Nothing
            "List the customer's own orders, newest first";
        // After those that are names where it has a number.
        "/api/v1/orders/{id}": get orders::show => CUSTOMERS Nothing
            "Show one of the customer's own orders";
        "/api/v1/orders/{id}/cancel": post orders::cancel => CUSTOMERS Nothing [OrderState]
            "Cancel one's own order, until it is picked up";
        "/api/v1/orders/{id}/status": put driver_app::set_order_status => DRIVERS Nothing [OrderState NotCash PaymentState]
            "Move an order of the driver's on, or reject it";
        "/api/v1/earnings/today": get driver_app::earnings_today => DRIVERS Nothing
            "Show the earnings of today";
        "/api/v1/earnings/history": get driver_app::earnings_history => DRIVERS Nothing
            "List the earnings of past days, newest first";
        "/api/v1/drivers/nearby": get nearby::nearby => CUSTOMERS_OPERATORS Reads
            "List the available drivers who are near a place";

        "/api/v1/rides":
            get rides::list => PARTIES Nothing
                "List one's own rides, newest first",
            post rides::create => CUSTOMERS Nothing [NotFound TooManyOpenJobs ExternalIdTaken]
                "Ask for a ride";
        "/api/v1/rides/{ride_id}": get rides::show => PARTIES_OPERATORS Reads
            "Show a ride";
        "/api/v1/rides/{ride_id}/accept":
            post rides::accept => DRIVERS Nothing [RideState RideTaken OfferEnded DriverSuspended DriverBusy]
                "Take a ride that is offered";
        "/api/v1/rides/{ride_id}/decline": post rides::decline => DRIVERS Nothing [RideState RideTaken]
            "Turn an offered ride down";
        "/api/v1/rides/{ride_id}/arrive": post rides::arrive => DRIVERS Nothing [RideState]
            "Say that the driver is at the pickup";
        "/api/v1/rides/{ride_id}/start": post rides::start => DRIVERS Nothing [RideState]
            "Start the ride";
        "/api/v1/rides/{ride_id}/complete": post rides::complete => DRIVERS Nothing [RideState NotCash PaymentState]
            "Complete the ride";
        "/api/v1/rides/{ride_id}/cancel": post rides::cancel => PARTIES_DISPATCHERS Changes [RideState RideTaken]
            "Cancel a ride; its driver gives it back";
        "/api/v1/rides/{ride_id}/rate": post rides::rate => CUSTOMERS Nothing [RideState AlreadyRated]
            "Rate the completed ride";

        "/api/v1/bookings":
            get bookings::list => PARTIES Nothing
                "List one's own bookings, newest first",
            post bookings::create => BOOKERS Changes [Forbidden NotFound TooManyOpenJobs ExternalIdTaken]
                "Book a technician's service";
        "/api/v1/bookings/{id}": get bookings::show => PARTIES_OPERATORS_PROGRAMS Reads
            "Show a booking";
        "/api/v1/bookings/{id}/technician":
            put bookings::assign => DISPATCHERS_PROGRAMS Changes [BookingState DriverSuspended DriverBusy DriverFull]
                "Assign a technician to a booking";
        "/api/v1/bookings/{id}/status":
            put bookings::set_status => WORKERS Changes [BookingState DriverBusy NotCash PaymentState]
                "Move a booking on";
        "/api/v1/bookings/{id}/cancel": post bookings::cancel => PARTIES_DISPATCHERS_PROGRAMS Changes [BookingState]
            "Cancel a booking; its technician gives it back";

        "/api/v1/payments/webhook":
            post payments::webhook => ANYBODY Nothing [InvalidSignature NotFound PaymentState PaymentMismatch]
                "Hear from the payment service how far a payment is";

        "/api/Push/register": post push::register => PUSH_ADMINS Changes [NotFound]
            "Register a customer's device for notifications";
        "/api/Push/sendToCustomer": post push::send => PUSH_SENDERS Changes [NotFound]
            "Send a notification to a customer's devices";
        "/api/Push/test": post push::test => PUSH_SENDERS Changes [NotFound]
            "Send a test notification to a customer's devices";
        "/api/Push/preferences":
            get push::preferences => PUSH_ADMINS Reads [NotFound]
                "Show which notifications a customer wants",
            put push::set_preferences => PUSH_ADMINS Changes [NotFound]
                "Replace which notifications a customer wants";
        "/api/Push/history": get push::history => PUSH_ADMINS Reads [NotFound]
            "List a customer's notifications, newest first";
        "/api/Push/opened": post push::opened => PUSH_ADMINS Changes [NotFound]
            "Say that a notification was opened";
        "/api/Push/stats": get push::stats => PUSH_OPERATORS Nothing
            "Count notifications by type and service";
        "/api/Push/devices": get push::devices => PUSH_ADMINS Reads [NotFound]
            "List a customer's devices";

        "/healthz": get health::alive => ANYBODY Nothing
            "Say that the process is alive";
        "/readyz": get health::ready => ANYBODY Nothing
            "Say whether new work is welcome";
        "/metrics": get health::metrics => WATCHERS_OR_NOBODY Nothing
            "Show the metrics in Prometheus' format";
        "/openapi.json": get documents::openapi => ANYBODY Nothing
            "Describe REST as OpenAPI";
        "/asyncapi.json": get documents::asyncapi => ANYBODY Nothing
            "Describe the sockets as AsyncAPI";
    }

    /// Everything under `admin`.
    operators {
        "/api/v1/admin/audit": get audit::list => ADMINS Reads
            "List who changed or read which data, newest first";
        "/api/v1/admin/bookings": get bookings::list_all => OPERATORS_PROGRAMS Reads
            "List everybody's bookings, newest first";
        "/api/v1/admin/rides": get rides::list_all => OPERATORS Reads
            "List everybody's rides, newest first";
        "/api/v1/admin/drivers":
            get drivers::list => OPERATORS Reads
                "List or find drivers",
            post drivers::create => ADMINS Changes [UsernameTaken PhoneNumberTaken ExternalIdTaken]
                "Create a driver";
        "/api/v1/admin/drivers/{id}":
            get drivers::show => OPERATORS Reads
                "Show a driver",
            patch drivers::change => ADMINS Changes [PhoneNumberTaken ExternalIdTaken]
                "Change a driver";
        "/api/v1/admin/drivers/{id}/export": get people::export_driver => ADMINS Reads
            "Export all data about a driver";
        "/api/v1/admin/drivers/{id}/erase": post people::erase_driver => ADMINS Changes [OpenJobs]
            "Erase a driver";
        "/api/v1/admin/drivers/{id}/locations": get drivers::locations => OPERATORS Reads
            "Show where a driver was";
        "/api/v1/admin/drivers/{id}/why": get traces::why => OPERATORS Reads
            "Show why a driver is offered rides, or is not";
        "/api/v1/admin/jobs/{id}/trace": get traces::trace => OPERATORS Reads
            "Show the story of a job: its searches, statuses and events";
        "/api/v1/admin/jobs/{id}/payment":
            get payments::show => OPERATORS_PROGRAMS Reads
                "Show a job's payment and what the payment service said of it",
            patch payments::change => ADMINS_PROGRAMS Changes [PaymentState]
                "Change a job's payment";
        "/api/v1/admin/customers":
            get customers::list => OPERATORS Reads
                "List or find customers",
            post customers::create => ADMINS Changes [UsernameTaken PhoneNumberTaken ExternalIdTaken]
                "Create a customer";
        "/api/v1/admin/customers/{id}":
            get customers::show => OPERATORS Reads
                "Show a customer",
            patch customers::change => ADMINS Changes [PhoneNumberTaken ExternalIdTaken]
                "Change a customer";
        "/api/v1/admin/customers/{id}/export": get people::export_customer => ADMINS Reads
            "Export all data about a customer";
        "/api/v1/admin/customers/{id}/erase": post people::erase_customer => ADMINS Changes [OpenJobs]
            "Erase a customer";
        "/api/v1/admin/operators":
            get staff::list => ADMINS Reads
                "List the operators",
            post staff::create => ADMINS Changes [NotFound UsernameTaken PhoneNumberTaken]
                "Create an operator";
        "/api/v1/admin/operators/{user_id}":
            get staff::show => ADMINS Reads
                "Show an operator",
            patch staff::change => ADMINS Changes [PhoneNumberTaken OwnPassword LastAdmin]
                "Change an operator";
        "/api/v1/admin/programs":
            get staff::list_programs => ADMINS Reads
                "List the programs",
            post staff::create_program => ADMINS Changes [NotFound UsernameTaken]
                "Create a program's account";
        "/api/v1/admin/programs/{user_id}":
            get staff::show_program => ADMINS Reads
                "Show a program",
            patch staff::change_program => ADMINS Changes [LastAdmin]
                "Change a program";
        "/api/v1/admin/programs/{user_id}/tokens": post staff::make_token => ADMINS Changes
            "Make an access token for a program";
        "/api/v1/admin/accounts/{user_id}/unlock": post access::unlock => ADMINS Changes
            "Lift an account's suspension, and forget wrong guesses at its password";
        "/api/v1/admin/accounts/{user_id}/password": post access::reset_password => ADMINS Changes [OwnPassword]
            "Set an account's password, or generate a one-time password";
        "/api/v1/admin/accounts/{user_id}/totp": delete second_factor::reset => ADMINS Changes [OwnFactor]
            "Remove an operator's second factor";
        "/api/v1/admin/accounts/{user_id}/sessions":
            get access::sessions => ADMINS Reads
                "List what an account is let in with",
            delete access::revoke_all => ADMINS Changes
                "End all sessions and tokens of an account";
        "/api/v1/admin/accounts/{user_id}/sessions/{session_id}": delete access::revoke => ADMINS Changes
            "End one session of an account";
        "/api/v1/admin/orders":
            get operators_orders::list => OPERATORS_PROGRAMS Reads
                "List everybody's orders, newest first",
            post operators_orders::create => DISPATCHERS_PROGRAMS Changes [NotFound ExternalIdTaken]
                "Create an order";
        // Before the orders by id: it is a name where those have a number.
        "/api/v1/admin/orders/batches":
            post operators_orders::assign_batch => DISPATCHERS_PROGRAMS Changes [NotFound OrderState OrderTwice DriverSuspended DriverBusy DriverFull]
                "Assign several orders to a driver, all or none";
        "/api/v1/admin/orders/{id}": get operators_orders::show => OPERATORS_PROGRAMS Reads
            "Show an order";
        "/api/v1/admin/orders/{id}/assign":
            post operators_orders::assign => DISPATCHERS_PROGRAMS Changes [OrderState DriverSuspended DriverBusy DriverFull]
                "Assign an order to a driver";
        "/api/v1/admin/orders/{id}/auto-assign":
            post operators_orders::auto_assign => DISPATCHERS_PROGRAMS Changes [OrderState NoPickupPosition NoDrivers]
                "Assign an order to the nearest available driver";
        "/api/v1/admin/orders/{id}/unassign": post operators_orders::unassign => DISPATCHERS_PROGRAMS Changes [OrderState]
            "Take an order back from its driver";
        "/api/v1/admin/orders/{id}/cancel": post operators_orders::cancel => DISPATCHERS_PROGRAMS Changes [OrderState]
            "Cancel an order";
    }

    /// In development alone.
    development {
        "/api/v1/admin/demo/restore": post demo::restore => ADMINS Changes
            "Put the demo accounts back to where they began; in development only";
        "/api/v1/admin/demo/traffic":
            get demo::traffic => ADMINS Nothing
                "Whether a simulated fleet is at work; in development only",
            post demo::begin_traffic => ADMINS Changes
                "Let a simulated fleet work on this server for a while; in development only",
            delete demo::end_traffic => ADMINS Changes
                "End the simulated fleet's work; in development only";
    }

    /// The console and the pages that show the wire's descriptions, unless they are switched off.
    console_pages {
        "/": get console::index => ANYBODY Nothing
            "The developer console";
        "/console/config.json": get console::config => ANYBODY Nothing [NotFound]
            "What the console needs to know at its start";
        "/console/{path:.*}": get console::asset => ANYBODY Nothing
            "A file of the console";
        "/docs": get console::documents_root => ANYBODY Nothing
            "The page that shows REST's description";
        "/docs/{path:.*}": get console::document_page => ANYBODY Nothing
            "The page that shows REST's description, that of the sockets (docs/sockets), and their files";
    }
}
