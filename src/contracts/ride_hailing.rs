//! The ride hailing contract (passenger and driver apps): its socket messages, both ways. The envelope and the events in
//! it are the driver app's, too.

use crate::contracts::envelope::text;
use crate::contracts::inbound::{BadMessage, Inbound};
use crate::contracts::number::JsNumber;
use crate::contracts::reading::Message;
use crate::contracts::ride_rest::Ride;
use crate::contracts::time::WireTime;
use crate::domain::driver;
use crate::domain::ids::EventId;
use crate::domain::ride::{RideId, RideStep, Sighting, Stars};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

pub use crate::contracts::envelope::{authenticated, error, event, resume_failed, watched_event};

/// The name under which confirmations are kept.
pub const NAME: &str = "ride_hailing";

/// Reads a client's message. `now` is the server's time.
pub fn parse(text: &str, now: DateTime<Utc>) -> Result<Inbound, BadMessage> {
    let message = Message::read(text)?;
    match &*message.kind {
        "ping" => Ok(Inbound::Ping { timestamp: message.echo() }),
        "location_update" => message.location_update(now),
        "join_ride" => message.ride_id().map(Inbound::JoinRide),
        "leave_ride" => message.ride_id().map(Inbound::LeaveRide),
        "driver_online" => Ok(Inbound::DriverOnline),
        "driver_offline" => Ok(Inbound::DriverOffline),
        "chat_message" => message.chat(Some(message.ride_id()?)),
        "rate_ride" => message.rating(Some(message.ride_id()?)),
        "driver_arrived" => message.step(RideStep::Arrive),
        "ride_started" => message.step(RideStep::Start),
        "ride_completed" => message.step(RideStep::Complete),
        _ => message.common(),
    }
}

/// The first message. `last` is the newest event's number for this account.
pub fn connected(
    user: Uuid,
    phone_number: Option<&str>,
    is_driver: bool,
    last: EventId,
    now: DateTime<Utc>,
) -> String {
    #[derive(Serialize)]
    struct Connected<'a> {
        user_id: Uuid,
        phone_number: &'a str,
        is_driver: bool,
        last_event_id: EventId,
    }
    let phone_number = phone_number.unwrap_or_default();
    text("connected", &Connected { user_id: user, phone_number, is_driver, last_event_id: last }, now)
}

/// The client's own time goes back to it; where it said none it gets the server's.
pub fn pong(echo: Option<&Value>, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Pong<T> {
        timestamp: T,
    }
    match echo {
        Some(timestamp) => text("pong", &Pong { timestamp }, now),
        None => text("pong", &Pong { timestamp: WireTime(now) }, now),
    }
}

/// The ride as it is now, so that nobody has to guess what was missed.
pub fn ride_joined(ride: &Ride, driver_location: Option<&DriverLocation<'_>>, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct RideJoined<'a> {
        ride_id: &'a RideId,
        ride: &'a Ride,
        driver_location: Option<&'a DriverLocation<'a>>,
    }
    text("ride_joined", &RideJoined { ride_id: &ride.ride_id, ride, driver_location }, now)
}

/// The current state, where history can't tell it: the account's rides that have not ended.
pub fn rides(rides: &[Ride], now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Rides<'a> {
        rides: &'a [Ride],
    }
    text("rides", &Rides { rides }, now)
}

pub fn ride_left(ride: &RideId, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct RideLeft<'a> {
        ride_id: &'a RideId,
    }
    text("ride_left", &RideLeft { ride_id: ride }, now)
}

/// The answer to `driver_online` and `driver_offline`: what follows from the wish.
pub fn driver_status(status: driver::DriverStatus, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct DriverStatus {
        status: &'static str,
    }
    text("driver_status", &DriverStatus { status: status.as_str() }, now)
}

/// The answer to `rate_ride`.
pub fn ride_rated(ride: &RideId, stars: Stars, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct RideRated<'a> {
        ride_id: &'a RideId,
        rating: u8,
    }
    text("ride_rated", &RideRated { ride_id: ride, rating: stars.count() }, now)
}

/// Where the driver of a ride is.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DriverLocation<'a> {
    driver_id: Uuid,
    latitude: f64,
    longitude: f64,
    heading: JsNumber,
    speed: JsNumber,
    ride_id: &'a RideId,
    sequence: u64,
    age_secs: u64,
}

impl<'a> DriverLocation<'a> {
    pub fn new(ride: &'a RideId, driver: Uuid, sighting: &Sighting) -> Self {
        Self {
            driver_id: driver,
            latitude: sighting.position.latitude(),
            longitude: sighting.position.longitude(),
            heading: JsNumber(sighting.heading.unwrap_or_default()),
            speed: JsNumber(sighting.speed.unwrap_or_default()),
            ride_id: ride,
            sequence: sighting.sequence,
            age_secs: sighting.age_secs,
        }
    }
}

pub fn driver_location_update(location: &DriverLocation<'_>, now: DateTime<Utc>) -> String {
    text("driver_location_update", location, now)
}

/// No position has come for a while, and the ride goes on.
pub fn driver_location_stale(ride: &RideId, driver: Uuid, age_secs: u64, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Stale<'a> {
        ride_id: &'a RideId,
        driver_id: Uuid,
        age_secs: u64,
    }
    text("driver_location_stale", &Stale { ride_id: ride, driver_id: driver, age_secs }, now)
}

/// Positions come again.
pub fn driver_location_fresh(ride: &RideId, driver: Uuid, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Fresh<'a> {
        ride_id: &'a RideId,
        driver_id: Uuid,
    }
    text("driver_location_fresh", &Fresh { ride_id: ride, driver_id: driver }, now)
}

#[cfg(test)]
#[path = "ride_hailing_tests.rs"]
mod tests;
