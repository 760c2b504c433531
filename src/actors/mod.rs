//! Actors own live state and time. Each has one owner thread and receives messages.

pub mod announcer;
pub mod dispatcher;
pub mod driven;
pub mod entrance;
pub mod foundation;
pub mod matcher;
mod once_each;
pub mod positions;
pub mod presence;
pub mod principals;
pub mod push;
pub mod reads;
pub mod recorder;
pub mod registry;
pub mod room;
pub mod session;
pub mod silence;
pub mod words;
