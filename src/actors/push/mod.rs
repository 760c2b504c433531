//! Push reaches customers who are not connected, once. The actor's loops decide which events are pushed, send the
//! queue's notifications through each service, write the outcomes, and ask for receipts. The deciding code is pure and
//! separate (`verdict`, `breaker`); everything that must not be forgotten is a row.
//!
//! Invariants: nothing is sent that is not in the queue first; nothing is claimed before pending confirmations are
//! written; each service has a lane of its own, so that one that is down delays no other.

mod actor;
mod alarm;
mod breaker;
mod lane;
mod metrics;
mod outcomes;
mod recipients;
mod shared;
mod under_way;
mod verdict;

pub use actor::{PushHandle, start};
pub use shared::PushOptions;
pub use verdict::{Admission, Attempt, Circumstances, Instead, Retrying, admit, verdict, without_sending};
