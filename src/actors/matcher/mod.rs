//! The matcher's actor: changes in the store, time, and the carrying out. Its decisions are made by `matching`, which
//! is pure.
//!
//! | file | owns |
//! | --- | --- |
//! | `actor` | the actor: its mailbox, its timers, what it reads |
//! | `handle` | what others hold of it |
//! | `carry_out` | making durable what searches want |
//! | `reading` | what the store has, as it is in memory |
//! | `receipts` | offers that devices have not confirmed yet |
//! | `times` | searches' times by the steady clock, and by the time of day for their rows |

mod actor;
mod carry_out;
mod handle;
mod reading;
mod receipts;
mod times;

pub use actor::{DriverView, start};
pub use carry_out::carry_out;
pub use handle::{Choose, FreeDriver, MatcherHandle, Nearest};
pub use reading::{read_searches, standing};
pub use times::{by_steady, work_by_wall};
