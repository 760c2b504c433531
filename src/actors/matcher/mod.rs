//! The matcher: who can be matched, where they are, and who of them is near.
//!
//! | file | owns |
//! | --- | --- |
//! | `actor` | the actor: the newest positions, what changed in the store, searches |
//! | `fleet` | the drivers in memory, and which of them stand in the index |
//! | `index` | the nearest of many |
//! | `plausible` | which positions may enter the index |
//! | `vehicle` | vehicle types made small |

mod actor;
mod fleet;
pub mod index;
pub mod plausible;
pub mod vehicle;

pub use actor::{Candidate, Changed, Matcher, MatcherHandle, Nearest, start};
