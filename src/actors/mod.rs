//! Actors own live state and time. Each has one owner thread and receives messages.

pub mod announcer;
pub mod dispatcher;
pub mod driven;
mod encode_once;
pub mod foundation;
pub mod matcher;
pub mod positions;
pub mod presence;
pub mod principals;
pub mod push;
pub mod reads;
pub mod recorder;
pub mod registry;
pub mod ride_access;
pub mod room;
pub mod session;
pub mod silence;
