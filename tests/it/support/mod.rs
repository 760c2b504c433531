//! The base of the scenarios: a real server process for each test, typed clients, and direct access to the database.
//! Scenarios use nothing below this module. Invariant: every wait has a deadline, and whatever a test starts is stopped
//! when its value is dropped.

pub mod api;
pub mod app;
pub mod bookings;
pub mod database;
pub mod documented;
pub mod driver_app;
pub mod faulty_disk;
pub mod faulty_server;
pub mod hailing_app;
pub mod link;
pub mod matching_app;
pub mod operator;
pub mod payment_service;
pub mod plans;
pub mod process;
pub mod push;
pub mod push_double;
pub mod raw_http;
pub mod raw_socket;
pub mod rides;
pub mod server;
pub mod set_clock;
pub mod shape;
pub mod tokens;

use std::time::Duration;

pub use api::{Api, Reply};
pub use app::{Door, Heard};
pub use driver_app::DriverApp;
pub use faulty_disk::Fault;
pub use hailing_app::HailingApp;
pub use link::{Link, Network};
pub use matching_app::{MatchingApp, RideDoor};
pub use operator::{NewOrder, Operator};
pub use raw_socket::RawSocket;
pub use server::Server;

/// How long anything may take that should happen at once. Generous, since debug builds share loaded machines;
/// what must be fast is measured by the load tool, not here.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// The delivery driver of the demo data, and the vectors.
pub const DRIVER: i64 = 123;

const POLL: Duration = Duration::from_millis(20);

/// Asks again and again until `condition` holds, and fails with `what` after the deadline.
pub async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let give_up = tokio::time::Instant::now() + DEADLINE;
    while !condition().await {
        assert!(tokio::time::Instant::now() < give_up, "waited {DEADLINE:?} in vain: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// A number from the environment, so that a nightly run can do more rounds than an ordinary one.
pub fn rounds(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}")),
        Err(_) => default,
    }
}
