//! The wire: the messages from and to clients, without any knowledge of sockets, stores or actors. One file for each
//! contract, with its messages and the two translations: text to [`Inbound`], event to text.

pub mod access;
pub mod bookings;
pub mod client_messages;
pub mod close_codes;
pub mod console;
pub mod contact;
pub mod customer_orders;
pub mod driver_app;
pub mod driver_rest;
pub mod envelope;
pub mod error_codes;
pub mod events;
mod fixes;
pub mod health;
mod inbound;
pub mod mending;
#[cfg(test)]
mod messages_tests;
pub mod nearby;
pub mod number;
pub mod operators;
pub mod payment;
pub mod push;
pub mod quantity;
pub mod reading;
pub mod ride_hailing;
pub mod ride_matching;
pub mod ride_rest;
pub mod time;
pub mod traces;
pub mod tracks;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod wire_list;

pub use inbound::{BadMessage, FindDriver, Inbound, Reading};

use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::ride::{RideId, SharedPosition, Stars};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

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

    /// Text to command. `now` is the server's time. Invalid JSON is mended if its meaning is clear.
    pub fn parse(self, text: &str, now: DateTime<Utc>) -> Result<Inbound, BadMessage> {
        let text = mending::whole_characters_in(text);
        self.read(&text, now).or_else(|bad| match mending::finite(&text) {
            Some(mended) => self.read(&mended, now),
            None => Err(bad),
        })
    }

    fn read(self, text: &str, now: DateTime<Utc>) -> Result<Inbound, BadMessage> {
        match self {
            Contract::DriverApp => driver_app::parse(text, now),
            Contract::RideHailing => ride_hailing::parse(text, now),
            Contract::RideMatching => ride_matching::parse(text),
        }
    }

    /// The answer to a ping; `echo` is the time that it carried.
    pub fn pong(self, echo: Option<&Value>, now: DateTime<Utc>) -> String {
        match self {
            Contract::DriverApp => driver_app::pong(),
            Contract::RideHailing => ride_hailing::pong(echo, now),
            Contract::RideMatching => ride_matching::pong(now),
        }
    }

    pub fn error(self, bad: &BadMessage, now: DateTime<Utc>) -> String {
        match self {
            Contract::DriverApp => driver_app::error(bad, now),
            Contract::RideHailing => ride_hailing::error(bad, now),
            Contract::RideMatching => ride_matching::error(bad),
        }
    }

    pub fn resume_failed(self, oldest: EventId, newest: EventId, now: DateTime<Utc>) -> String {
        match self {
            Contract::DriverApp => driver_app::resume_failed(oldest, newest, now),
            Contract::RideHailing => ride_hailing::resume_failed(oldest, newest, now),
            Contract::RideMatching => ride_matching::resume_failed(oldest, newest),
        }
    }

    pub fn authenticated(self, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> String {
        match self {
            Contract::DriverApp => driver_app::authenticated(expires_at, now),
            Contract::RideHailing => ride_hailing::authenticated(expires_at, now),
            Contract::RideMatching => ride_matching::authenticated(expires_at),
        }
    }

    /// Where a ride's driver is; `None` where the contract has no rides.
    pub fn location(
        self,
        ride: &RideId,
        driver: Uuid,
        sighting: &SharedPosition,
        now: DateTime<Utc>,
    ) -> Option<String> {
        match self {
            Contract::DriverApp => None,
            Contract::RideHailing => {
                let location = ride_hailing::DriverLocation::new(ride, driver, sighting);
                Some(ride_hailing::driver_location_update(&location, now))
            }
            Contract::RideMatching => Some(ride_matching::driver_location(ride, sighting)),
        }
    }

    /// The passenger's rating was taken.
    pub fn ride_rated(self, ride: &RideId, stars: Stars, now: DateTime<Utc>) -> String {
        match self {
            Contract::DriverApp | Contract::RideHailing => ride_hailing::ride_rated(ride, stars, now),
            Contract::RideMatching => ride_matching::ride_rated(ride, stars),
        }
    }

    /// No position has come for a while.
    pub fn location_stale(
        self,
        ride: &RideId,
        driver: Uuid,
        age_secs: u64,
        now: DateTime<Utc>,
    ) -> Option<String> {
        match self {
            Contract::RideHailing => Some(ride_hailing::driver_location_stale(ride, driver, age_secs, now)),
            Contract::DriverApp | Contract::RideMatching => None,
        }
    }

    /// Positions are arriving again.
    pub fn location_fresh(self, ride: &RideId, driver: Uuid, now: DateTime<Utc>) -> Option<String> {
        match self {
            Contract::RideHailing => Some(ride_hailing::driver_location_fresh(ride, driver, now)),
            Contract::DriverApp | Contract::RideMatching => None,
        }
    }

    /// An event for an admin who watches and has no number of their own for it.
    pub fn watched_event(self, event: &Event) -> Option<String> {
        match self {
            Contract::RideHailing => Some(ride_hailing::watched_event(event)),
            Contract::DriverApp | Contract::RideMatching => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::vectors::{event, ride_id};
    use crate::domain::event::EventBody;
    use serde_json::{Value, json};

    #[test]
    fn what_was_pushed_says_so_at_the_top_of_either_envelope_and_nothing_else_changes() {
        let live = event(EventBody::RideStarted { ride_id: ride_id("12345") });
        let again = Event { pushed: true, ..live.clone() };
        for contract in [Contract::RideHailing, Contract::RideMatching] {
            let json = |event| serde_json::from_str::<Value>(&contract.event(event)).expect("JSON");
            let mut expected = json(&live);
            assert_eq!(expected.get("pushed"), None);
            expected["pushed"] = json!(true);
            assert_eq!(json(&again), expected);
        }
    }
}
