//! One function for each decision: check, change, record events, in one transaction. No actor, no HTTP; the clock is
//! the transaction's.

pub mod accounts;
pub mod audit;
pub mod authentication;
pub mod auto_assign;
pub mod bookings;
pub mod customers;
pub mod driver_changes;
pub mod drivers;
pub mod earnings;
mod error;
pub mod grants;
pub mod guests;
pub mod idempotency;
pub mod import;
mod jobs;
mod keys;
pub mod log_ins;
pub mod orders;
pub mod passwords;
pub mod payments;
pub mod people;
pub mod push;
pub mod retention;
pub mod rides;
pub mod searches;
pub mod second_factors;
pub mod seed;
pub mod staff;
pub mod tokens;
mod totp;

pub use error::{Error, Refusal};
