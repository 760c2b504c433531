//! Fleetwire: a realtime dispatch server. docs/ARCHITECTURE.md names the modules and who may use whom.

pub mod actors;
pub mod api;
pub mod app;
pub mod clock;
pub mod config;
pub mod conform;
pub mod contracts;
pub mod current_request;
pub mod domain;
#[cfg(test)]
mod fuzzing;
pub mod matching;
pub mod metrics;
pub mod operations;
pub mod presenters;
pub mod providers;
pub mod rate_limit;
pub mod simulate;
pub mod store;
