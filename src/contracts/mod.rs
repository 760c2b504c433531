//! The wire: what clients send and see, and nothing that knows a socket, a store or an actor. One file for each
//! contract, with its messages and the two translations: text to [`Inbound`], event to text.

pub mod close_codes;
pub mod driver_app;
pub mod driver_rest;
pub mod error_codes;
mod inbound;
pub mod operators;
pub mod time;
pub mod tracks;

pub use inbound::{BadMessage, Inbound};

use crate::domain::event::Event;
use chrono::{DateTime, Utc};

/// Which app family's language a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    DriverApp,
}

impl Contract {
    /// The name under which confirmations are kept.
    pub fn name(self) -> &'static str {
        match self {
            Contract::DriverApp => driver_app::NAME,
        }
    }

    /// Whether an account has one session at a time.
    pub fn is_exclusive(self) -> bool {
        match self {
            Contract::DriverApp => true,
        }
    }

    /// Whether a driver's close with 1000 means that they go offline.
    pub fn goodbye_is_offline(self) -> bool {
        match self {
            Contract::DriverApp => true,
        }
    }

    /// Text to command. `now` is the server's time.
    pub fn parse(self, text: &str, now: DateTime<Utc>) -> Result<Inbound, BadMessage> {
        match self {
            Contract::DriverApp => driver_app::parse(text, now),
        }
    }

    /// Event to text.
    pub fn event(self, event: &Event) -> String {
        match self {
            Contract::DriverApp => driver_app::event(event),
        }
    }
}
