//! The matcher: who can be matched, where they are, and who of them is near.
//!
//! | file | owns |
//! | --- | --- |
//! | `actor` | the actor: the newest positions, what changed in the store, time |
//! | `handle` | what others hold of it |
//! | `searches` | the open searches: their state, their timers, what is to be made durable for them |
//! | `carry_out` | making it durable |
//! | `receipts` | offers that devices have not confirmed yet |
//! | `store_look` | the regular look at the store, and what is newer than it |
//! | `times` | searches' times by the steady clock, and by the time of day for their rows |
//! | `fleet` | the drivers in memory, and which of them stand in the index |
//! | `index` | the nearest of many |
//! | `vehicle` | vehicle types made small |

mod actor;
mod carry_out;
mod fleet;
mod handle;
pub mod index;
mod receipts;
mod searches;
mod store_look;
mod times;
pub mod vehicle;

pub use actor::{Known, read_searches, standing, start};
pub use carry_out::carry_out;
pub use fleet::{Fleet, Shift};
pub use handle::{Candidate, MatcherHandle, Nearest};
pub use searches::{Done, Searches, Work};
pub use times::{by_steady, work_by_wall};
