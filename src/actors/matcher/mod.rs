//! The matcher: who can be matched, where they are, and who of them is near.
//!
//! | file | owns |
//! | --- | --- |
//! | `actor` | the actor: the newest positions, what changed in the store, time |
//! | `handle` | what others hold of it |
//! | `searches` | the open searches: their state, their timers, what is to be made durable for them |
//! | `work` | what searches want done, and what became of it |
//! | `carry_out` | making it durable |
//! | `reading` | what the store has, as it is in memory |
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
mod reading;
mod receipts;
mod searches;
mod store_look;
mod times;
pub mod vehicle;
mod work;

pub use actor::{Candidate, Changed, Explain, Known, Matcher, Nearest, News, start};
pub use carry_out::carry_out;
pub use fleet::{Fleet, Shift};
pub use handle::MatcherHandle;
pub use reading::{read_searches, standing};
pub use searches::Searches;
pub use times::{by_steady, work_by_wall};
pub use work::{Done, Work};
