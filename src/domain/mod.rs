//! Pure types and rules: no I/O, no async, no clock. Everything else may use this module; it uses nothing of ours.

pub mod booking;
pub mod candidate;
pub mod contact;
pub mod currency;
pub mod delivery;
pub mod device;
pub mod driver;
pub mod event;
pub mod ids;
pub mod job;
pub mod money;
pub mod notification;
pub mod offer;
pub mod payment;
pub mod position;
pub mod push;
pub mod quiet_hours;
pub mod recap;
pub mod ride;
pub mod ride_book;
pub mod role;
pub mod search;
pub mod search_policy;
pub mod story;
pub mod whole;
