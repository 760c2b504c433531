//! The database's part of push: devices and their owners, the decision which events are pushed, and the history. No
//! network: a push service's answer comes in as a settlement.
//!
//! Invariants: a token has one owner; an event is decided once and has one notification for each device; a notification
//! leaves the queue only by a settlement of the attempt in flight, or because the customer has the event.

mod devices;
mod history;
mod preferences;
mod queue;
mod settle;

pub use devices::{NamedDevice, Registration, device_of, devices_shown, register};
pub(super) use devices::{end_named, end_session, end_sessions_of};
pub use history::{Counts, counts, history, open};
pub use preferences::{Preferences, preferences, set_preferences};
pub use queue::{Decided, Direct, DirectRow, PushRules, decide, next_decision, queue_direct};
pub use settle::{
    AttemptOutcome, Dead, Receipted, Recipient, claim, move_back, next_due, next_receipt_due, receipts_due,
    recipients, release, release_all, settle, settle_receipts,
};
