//! Push: customers who are not there hear of it all the same, once. The actor's loops decide which events are pushed, send
//! what the queue has through each service, write what came of it, and ask for receipts. What decides is pure and stands
//! apart (`verdict`, `breaker`); what must not be forgotten is a row.
//!
//! Invariants: nothing is sent that is not in the queue first; nothing is claimed before confirmations under way are
//! written; each service has a lane of its own, so that one that is down delays no other.

mod actor;
mod alarm;
mod breaker;
mod lane;
mod metrics;
mod outcomes;
mod recipients;
mod shared;
mod verdict;

pub use actor::{PushHandle, start};
pub use shared::PushOptions;
pub use verdict::{Admission, Attempt, Circumstances, Instead, Retrying, admit, verdict, without_sending};
