//! The pure matcher: which drivers can be matched, where they are, which of them are near, and which are asked to take
//! a ride. It uses `domain` alone: no actor, no store, no clock, no chance, no I/O. Time comes with its inputs.
//!
//! Invariant: the same calls in the same order give the same work, in every build. So nothing here iterates over a hash
//! map in its own order.
//!
//! | file | owns |
//! | --- | --- |
//! | `core` | one value that is told what happens and answers with what is to be done |
//! | `searches` | the open searches: their state, their timers, what is to be made durable for them |
//! | `running` | the open searches as they run, in the order in which they were opened |
//! | `strategy` | who is asked, seen over all searches and all free drivers |
//! | `search` | one search: who is asked and when, and when it ends |
//! | `work` | what searches want done, and what became of it |
//! | `fleet` | the drivers in memory, and which of them are in the index |
//! | `plausible` | which positions are believed |
//! | `index` | the nearest of many |
//! | `vehicle` | vehicle types made small |
//! | `store_look` | the regular look at the store, and what is newer than it |

pub mod core;
pub mod fleet;
pub mod index;
pub mod plausible;
pub mod running;
pub mod search;
pub mod searches;
pub mod store_look;
pub mod strategy;
pub mod vehicle;
pub mod work;
