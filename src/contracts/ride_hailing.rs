//! The ride hailing contract (passenger and driver apps): its socket messages, both ways. The envelope and the events
//! in it are the driver app's, too.

use crate::contracts::client_messages::{
    Ack, Authenticate, LocationUpdate, OfRide, RateRide, Resume, SendChat,
};
use crate::contracts::driver_rest::AssignedOrders;
use crate::contracts::envelope::{self, Authenticated, Envelope, Error, ResumeFailed, RideRated};
use crate::contracts::events::EventMessage;
use crate::contracts::inbound::{BadMessage, Inbound};
use crate::contracts::number::JsNumber;
use crate::contracts::reading::Message;
use crate::contracts::ride_rest::Ride;
use crate::contracts::time::WireTime;
use crate::domain::driver;
use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::ride::{RideId, RideStep, SharedPosition, Stars};
use chrono::{DateTime, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use uuid::Uuid;

/// The name under which confirmations are kept.
pub const NAME: &str = "ride_hailing";

/// A message from a passenger's, a driver's or an operator's app, in its regular form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Asks for a `pong`.
    Ping(Ping),
    /// Follows a ride: its positions from now on.
    JoinRide(OfRide),
    /// No longer follows it.
    LeaveRide(OfRide),
    /// The driver wants work.
    DriverOnline,
    /// The driver wants no more work.
    DriverOffline,
    /// Where the driver is. Not answered.
    LocationUpdate(LocationUpdate),
    /// Words for the other participant of a ride.
    ChatMessage(SendChat),
    /// The passenger's rating of a completed ride.
    RateRide(RateRide),
    /// The driver is at the pickup.
    DriverArrived(OfRide),
    /// The ride begins.
    RideStarted(OfRide),
    /// The ride is at its goal.
    RideCompleted(OfRide),
    /// The app has processed an event. Not answered.
    Ack(Ack),
    /// Everything after an event again, as if the app had connected with it.
    Resume(Resume),
    /// A fresh token for the open session.
    Authenticate(Authenticate),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ping {
    /// The client's own time, which comes back in `pong`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_or_number")]
    pub timestamp: Option<Value>,
}

/// A message to a hailing app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<'a> {
    /// The first message.
    Connected(Envelope<Connected<'a>>),
    /// The answer to `ping`.
    Pong(Envelope<Pong<'a>>),
    /// The answer to `join_ride`: the ride as it is now, so that nobody has to guess what was missed.
    RideJoined(Box<Envelope<RideJoined<'a>>>),
    /// The answer to `leave_ride`, and sent to a driver who no longer has a part in the ride.
    RideLeft(Envelope<RideLeft<'a>>),
    /// The answer to `driver_online` and `driver_offline`.
    DriverStatus(Envelope<DriverStatus>),
    /// The answer to `rate_ride`.
    RideRated(Envelope<RideRated<'a>>),
    /// The position of the driver of a ride that was joined.
    DriverLocationUpdate(Envelope<DriverLocation<'a>>),
    /// No position has come for a while, and the ride goes on.
    DriverLocationStale(Envelope<DriverLocationStale<'a>>),
    /// Positions are arriving again.
    DriverLocationFresh(Envelope<DriverLocationFresh<'a>>),
    /// After `resume_failed`: the current state, where history can't tell it.
    Rides(Envelope<Rides<'a>>),
    /// After `rides`, for a driver who holds deliveries.
    Orders(Envelope<Cow<'a, AssignedOrders>>),
    /// Not everything that the app asked for is kept.
    ResumeFailed(Envelope<ResumeFailed>),
    /// A fresh token was taken for the session.
    Authenticated(Envelope<Authenticated>),
    /// A message was not carried out; the socket stays open.
    Error(Envelope<Error<'a>>),
    /// A durable event of the account, or of a ride that an admin has joined, each in its own type.
    #[serde(untagged)]
    Event(EventMessage<'a>),
}

/// The connected account and session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Connected<'a> {
    /// The account.
    pub user_id: Uuid,
    /// The account's; empty where it has none.
    pub phone_number: Cow<'a, str>,
    /// Whether it carries out rides.
    pub is_driver: bool,
    /// The number of the account's newest event, not of what the app has seen.
    pub last_event_id: EventId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pong<'a> {
    /// The time that the client said, as it wrote it; the server's where it said none.
    #[schemars(schema_with = "text_or_number")]
    pub timestamp: Cow<'a, Value>,
}

/// The client's own time may be either.
fn text_or_number(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["number", "string"] })
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RideJoined<'a> {
    /// The ride that is followed now.
    pub ride_id: Cow<'a, RideId>,
    /// The same as `GET rides/{ride_id}` shows it.
    pub ride: Cow<'a, Ride>,
    /// The newest that is known; null while nobody drives.
    pub driver_location: Option<DriverLocation<'a>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rides<'a> {
    /// Those of the account that have not ended.
    pub rides: Cow<'a, [Ride]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RideLeft<'a> {
    /// The ride that is no longer followed.
    pub ride_id: Cow<'a, RideId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriverStatus {
    /// The status that follows from the driver's wish and the jobs they hold.
    pub status: driver::DriverStatus,
}

/// Where the driver of a ride is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriverLocation<'a> {
    /// The driver's account.
    pub driver_id: Uuid,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Degrees clockwise from north; 0 where it is not known.
    pub heading: JsNumber,
    /// As the driver's app said; 0 where it did not.
    pub speed: JsNumber,
    /// The ride that the driver has.
    pub ride_id: Cow<'a, RideId>,
    /// Rises with each position of the ride, and has gaps.
    pub sequence: u64,
    /// Seconds since it was measured.
    pub age_secs: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriverLocationStale<'a> {
    /// The ride that goes on.
    pub ride_id: Cow<'a, RideId>,
    /// The driver's account.
    pub driver_id: Uuid,
    /// Seconds since the newest position was measured.
    pub age_secs: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriverLocationFresh<'a> {
    /// The ride that goes on.
    pub ride_id: Cow<'a, RideId>,
    /// The driver's account.
    pub driver_id: Uuid,
}

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
    let phone_number = phone_number.unwrap_or_default().into();
    let connected = Connected { user_id: user, phone_number, is_driver, last_event_id: last };
    envelope::text(&ServerMessage::Connected(Envelope::new(connected, now)))
}

/// The client's own time goes back to it; where it said none it gets the server's.
pub fn pong(echo: Option<&Value>, now: DateTime<Utc>) -> String {
    let timestamp = match echo {
        Some(timestamp) => Cow::Borrowed(timestamp),
        None => Cow::Owned(Value::from(WireTime(now).to_string())),
    };
    envelope::text(&ServerMessage::Pong(Envelope::new(Pong { timestamp }, now)))
}

pub fn ride_joined(ride: &Ride, driver_location: Option<&DriverLocation<'_>>, now: DateTime<Utc>) -> String {
    let (ride_id, driver_location) = ((&ride.ride_id).into(), driver_location.cloned());
    let joined = RideJoined { ride_id, ride: Cow::Borrowed(ride), driver_location };
    envelope::text(&ServerMessage::RideJoined(Box::new(Envelope::new(joined, now))))
}

pub fn rides(rides: &[Ride], now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::Rides(Envelope::new(Rides { rides: rides.into() }, now)))
}

pub fn ride_left(ride: &RideId, now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::RideLeft(Envelope::new(RideLeft { ride_id: ride.into() }, now)))
}

pub fn driver_status(status: driver::DriverStatus, now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::DriverStatus(Envelope::new(DriverStatus { status }, now)))
}

pub fn ride_rated(ride: &RideId, stars: Stars, now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::RideRated(Envelope::new(RideRated::new(ride, stars), now)))
}

impl<'a> DriverLocation<'a> {
    pub fn new(ride: &'a RideId, driver: Uuid, sighting: &SharedPosition) -> Self {
        Self {
            driver_id: driver,
            latitude: sighting.position.latitude(),
            longitude: sighting.position.longitude(),
            heading: JsNumber(sighting.heading.unwrap_or_default()),
            speed: JsNumber(sighting.speed.unwrap_or_default()),
            ride_id: ride.into(),
            sequence: sighting.sequence,
            age_secs: sighting.age_secs,
        }
    }
}

pub fn driver_location_update(location: &DriverLocation<'_>, now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::DriverLocationUpdate(Envelope::new(location.clone(), now)))
}

pub fn driver_location_stale(ride: &RideId, driver: Uuid, age_secs: u64, now: DateTime<Utc>) -> String {
    let stale = DriverLocationStale { ride_id: ride.into(), driver_id: driver, age_secs };
    envelope::text(&ServerMessage::DriverLocationStale(Envelope::new(stale, now)))
}

pub fn driver_location_fresh(ride: &RideId, driver: Uuid, now: DateTime<Utc>) -> String {
    let fresh = DriverLocationFresh { ride_id: ride.into(), driver_id: driver };
    envelope::text(&ServerMessage::DriverLocationFresh(Envelope::new(fresh, now)))
}

pub fn error(bad: &BadMessage, now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::Error(Envelope::new(bad.into(), now)))
}

pub fn resume_failed(oldest_id: EventId, newest_id: EventId, now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::ResumeFailed(Envelope::new(ResumeFailed { oldest_id, newest_id }, now)))
}

pub fn authenticated(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::Authenticated(Envelope::new(Authenticated::until(expires_at), now)))
}

/// A durable event under its number.
pub fn event(event: &Event) -> String {
    EventMessage::new(event).text()
}

/// The same for an admin who watches and has no number of their own for it.
pub fn watched_event(event: &Event) -> String {
    EventMessage::watched(event).text()
}

#[cfg(test)]
#[path = "ride_hailing_tests.rs"]
mod tests;
