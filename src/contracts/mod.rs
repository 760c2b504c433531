//! The wire: what clients send and see, and nothing that knows a socket, a store or an actor. One file for each
//! contract, with its messages and the two translations: text to [`Inbound`], event to text.

pub mod close_codes;
pub mod driver_app;
pub mod driver_rest;
mod envelope;
pub mod error_codes;
mod inbound;
pub mod nearby;
mod number;
pub mod operators;
mod reading;
pub mod ride_hailing;
pub mod ride_matching;
pub mod ride_rest;
pub mod time;
pub mod tracks;
#[cfg(test)]
mod vectors;

pub use inbound::{BadMessage, FindDriver, Inbound};

use crate::domain::event::Event;
use chrono::{DateTime, Utc};

/// Which app family's language a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    DriverApp,
    RideHailing,
    RideMatching,
}

impl Contract {
    /// The name under which confirmations are kept.
    pub fn name(self) -> &'static str {
        match self {
            Contract::DriverApp => driver_app::NAME,
            Contract::RideHailing => ride_hailing::NAME,
            Contract::RideMatching => ride_matching::NAME,
        }
    }

    /// Whether an account has one session at a time.
    pub fn is_exclusive(self) -> bool {
        match self {
            Contract::DriverApp => true,
            // A phone and a browser; a socket for each ride.
            Contract::RideHailing | Contract::RideMatching => false,
        }
    }

    /// Whether a driver's close with 1000 means that they go offline.
    pub fn goodbye_is_offline(self) -> bool {
        match self {
            Contract::DriverApp => true,
            // They say driver_offline.
            Contract::RideHailing | Contract::RideMatching => false,
        }
    }

    /// Text to command. `now` is the server's time.
    pub fn parse(self, text: &str, now: DateTime<Utc>) -> Result<Inbound, BadMessage> {
        match self {
            Contract::DriverApp => driver_app::parse(text, now),
            Contract::RideHailing => ride_hailing::parse(text, now),
            Contract::RideMatching => ride_matching::parse(text),
        }
    }

    /// Event to text. A matching socket is sent only what [`ride_matching::is_of`] its ride.
    pub fn event(self, event: &Event) -> String {
        match self {
            Contract::DriverApp => driver_app::event(event),
            Contract::RideHailing => ride_hailing::event(event),
            Contract::RideMatching => ride_matching::event(event),
        }
    }
}
