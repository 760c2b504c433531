//! One function for each decision: check, change, record events.

pub mod passwords;
pub mod tokens;
