//! The matcher's parts. Owns who can be matched and where they are: `index` finds the nearest, `plausible` decides which
//! positions may enter it, `vehicle` makes vehicle types small.

pub mod index;
pub mod plausible;
pub mod vehicle;
