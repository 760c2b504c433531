//! The queries, compiled for PostgreSQL. The files are shared: one set of queries serves both databases.

#![expect(clippy::duplicate_mod, reason = "one set of queries, compiled for each database's connection")]

pub mod bulk;

/// The connection that the query files below are compiled for.
pub type Db = diesel::PgConnection;

/// How a statement written out names its first value.
const FIRST_BIND: &str = "$1";

/// Rows that are decided on are locked until the transaction ends. In the mode that an UPDATE takes itself: FOR UPDATE would
/// also exclude the key-share locks of foreign keys, and two transactions that have each written a reference to a driver
/// and then lock that driver would wait for each other.
macro_rules! for_update {
    ($query:expr) => {
        $query.for_no_key_update()
    };
}

/// Ignores case.
macro_rules! is_like {
    ($column:expr, $pattern:expr) => {
        $column.ilike($pattern).escape('\\')
    };
}

#[path = "../queries/accounts.rs"]
pub mod accounts;
#[path = "../queries/audit.rs"]
pub mod audit;
#[path = "../queries/bookings.rs"]
pub mod bookings;
#[path = "../queries/customers.rs"]
pub mod customers;
#[path = "../queries/devices.rs"]
pub mod devices;
#[path = "../queries/drivers.rs"]
pub mod drivers;
#[path = "../queries/earnings.rs"]
pub mod earnings;
#[path = "../queries/ended.rs"]
pub mod ended;
#[path = "../queries/events.rs"]
pub mod events;
#[path = "../queries/grants.rs"]
pub mod grants;
#[path = "../queries/guests.rs"]
pub mod guests;
#[path = "../queries/idempotency.rs"]
pub mod idempotency;
#[path = "../queries/jobs.rs"]
pub mod jobs;
#[path = "../queries/locations.rs"]
pub mod locations;
#[path = "../queries/log_ins.rs"]
pub mod log_ins;
#[path = "../queries/notifications.rs"]
pub mod notifications;
#[path = "../queries/offers.rs"]
pub mod offers;
#[path = "../queries/payments.rs"]
pub mod payments;
#[path = "../queries/preferences.rs"]
pub mod preferences;
#[path = "../queries/refresh_tokens.rs"]
pub mod refresh_tokens;
#[path = "../queries/rides.rs"]
pub mod rides;
#[path = "../queries/searches.rs"]
pub mod searches;
#[path = "../queries/second_factors.rs"]
pub mod second_factors;
#[path = "../queries/traces.rs"]
pub mod traces;
