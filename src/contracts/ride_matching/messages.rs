//! The messages of the ride matching contract, both ways: flat, the type next to the fields.

use crate::contracts::client_messages::{Ack, Authenticate, Resume};
use crate::contracts::envelope::{Authenticated, ResumeFailed, RideRated, is_false};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::time::WireTime;
use crate::domain::currency::Currency;
use crate::domain::event::PaymentUpdate;
use crate::domain::ids::{DriverId, EventId, JobId};
use crate::domain::payment::PaymentMethod;
use crate::domain::ride::{CancelledBy, RideId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use uuid::Uuid;

/// A message from the passenger's app, in its regular form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Asks for a `pong`.
    Ping,
    /// Asks for a driver.
    FindDriver(Box<SearchRequest>),
    /// Ends the ride, or the search for its driver.
    CancelRide,
    /// Words for the driver of the ride.
    ChatMessage(SendChat),
    /// The passenger's rating of the completed ride.
    RateRide(RateRide),
    /// The app has processed an event. Not answered.
    Ack(Ack),
    /// Everything after an event again, as if the app had connected with it.
    Resume(Resume),
    /// A fresh token for the open session.
    Authenticate(Authenticate),
}

/// Where from and where to, and what else the app knows of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchRequest {
    /// Degrees north.
    pub pickup_latitude: f64,
    /// Degrees east.
    pub pickup_longitude: f64,
    /// Degrees north.
    pub dropoff_latitude: f64,
    /// Degrees east.
    pub dropoff_longitude: f64,
    /// For people; 200 characters of it are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pickup_address: Option<String>,
    /// For people; 200 characters of it are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropoff_address: Option<String>,
    /// By the way that the app has found; otherwise it is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance_km: Option<f64>,
    /// By the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration_minutes: Option<u32>,
    /// The fare that the passenger was shown, in major units of the server's currency; if absent it is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fare_amount: Option<f64>,
    /// How the passenger wants to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<PaymentMethod>,
    /// Kept with the ride; identifies nobody. At most 40 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passenger_phone: Option<String>,
}

/// Words for the driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SendChat {
    /// The ride whose socket it is; may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ride_id: Option<RideId>,
    /// From 1 to 1,000 characters.
    pub text: String,
}

/// The passenger's rating of the ride.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RateRide {
    /// The ride whose socket it is; may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ride_id: Option<RideId>,
    /// From 1 to 5.
    pub rating: u8,
    /// A comment, of which 500 characters are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A message to the passenger's app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<'a> {
    /// The first message.
    ConnectionEstablished(ConnectionEstablished<'a>),
    /// The answer to `ping`.
    Pong(Pong),
    /// A driver is looked for: the answer to `find_driver`, and an event where a driver gave the ride back.
    Searching(EventFields<'a, Searching<'a>>),
    /// A driver has the ride.
    DriverAssigned(EventFields<'a, DriverAssigned<'a>>),
    /// The driver is at the pickup.
    DriverArrived(EventFields<'a, DriverArrived<'a>>),
    /// The ride is in progress.
    RideStarted(EventFields<'a, RideStarted<'a>>),
    /// The ride ended at its goal.
    RideCompleted(EventFields<'a, RideCompleted<'a>>),
    /// Nobody was found; `find_driver` may be sent again.
    NoDrivers(EventFields<'a, NoDrivers<'a>>),
    /// The ride ended before its goal, by the passenger, an operator or the system.
    RideCancelled(EventFields<'a, RideCancelled<'a>>),
    /// The driver is no longer heard from, and has not come to the pickup.
    DriverUnreachable(EventFields<'a, DriverUnreachable<'a>>),
    /// The driver wrote something.
    ChatMessage(EventFields<'a, ChatMessage<'a>>),
    /// How the ride is paid, or how far that is, has changed.
    PaymentUpdated(EventFields<'a, Cow<'a, PaymentUpdate>>),
    /// The driver's position, for as long as they have the ride.
    DriverLocation(DriverLocation<'a>),
    /// The answer to `rate_ride`.
    RideRated(RideRated<'a>),
    /// Not everything that the app asked for is kept.
    ResumeFailed(ResumeFailed),
    /// A fresh token was taken for the session.
    Authenticated(Authenticated),
    /// A message was not carried out; the socket stays open.
    Error(Error<'a>),
}

/// The fields of a message that may be a durable event, and what all events have around them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{F}Event")]
pub struct EventFields<'a, F> {
    /// The event's number for this account, which rises and may skip. Absent where the message says the current state
    /// again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EventId>,
    #[serde(flatten)]
    pub fields: F,
    /// The ride's id in another system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Cow<'a, str>>,
    /// True where the customer was told by push already, so that this is for the app's state; otherwise absent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pushed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionEstablished<'a> {
    /// For people.
    pub message: Cow<'a, str>,
    /// The ride whose socket it is.
    pub ride_id: Cow<'a, RideId>,
    /// Lets the passenger of an anonymous ride in again; absent with a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ride_key: Option<Cow<'a, str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pong {
    /// The server's time.
    pub timestamp: WireTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Searching<'a> {
    /// For people.
    pub message: Cow<'a, str>,
    /// The ride that needs a driver.
    pub ride_id: Cow<'a, RideId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriverAssigned<'a> {
    /// For people.
    pub message: Cow<'a, str>,
    /// The ride's number.
    pub booking_id: JobId,
    /// The assigned driver.
    pub driver: AssignedDriver<'a>,
}

/// A driver as the passenger sees them, as they were when they got the ride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AssignedDriver<'a> {
    /// The driver's number.
    pub id: DriverId,
    /// As passengers see it.
    pub name: Cow<'a, str>,
    /// The number to call; empty where it is not known.
    pub phone: Cow<'a, str>,
    /// Such as `moto` or `sedan`.
    pub vehicle_type: Cow<'a, str>,
    /// Empty where it is not known.
    pub vehicle_registration: Cow<'a, str>,
    /// The mean of what passengers gave, from 1.0 to 5.0.
    pub rating: f64,
    /// Degrees north; null where it is not known.
    pub latitude: Option<f64>,
    /// Degrees east; null where it is not known.
    pub longitude: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriverArrived<'a> {
    /// The ride whose pickup it is.
    pub ride_id: Cow<'a, RideId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RideStarted<'a> {
    /// The ride that has begun.
    pub ride_id: Cow<'a, RideId>,
    /// When it began.
    pub started_at: WireTime,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RideCompleted<'a> {
    /// The ride that has ended.
    pub ride_id: Cow<'a, RideId>,
    /// In major units of the currency.
    pub final_fare: f64,
    /// ISO 4217. Absent in events of the time before amounts had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// When it ended.
    pub completed_at: WireTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoDrivers<'a> {
    /// For people.
    pub message: Cow<'a, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RideCancelled<'a> {
    /// For people.
    pub message: Cow<'a, str>,
    /// The ride that has ended.
    pub ride_id: Cow<'a, RideId>,
    /// The party that ended it.
    pub cancelled_by: CancelledBy,
    /// As it was said, word for word.
    pub reason: Cow<'a, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriverUnreachable<'a> {
    /// For people.
    pub message: Cow<'a, str>,
    /// The ride that waits for its driver.
    pub ride_id: Cow<'a, RideId>,
    /// When the last was heard of the driver; null where nothing ever was.
    pub heard_of_at: Option<WireTime>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChatMessage<'a> {
    /// The ride whose participants talk.
    pub ride_id: Cow<'a, RideId>,
    /// The account of who wrote it.
    pub from: Uuid,
    /// At most 1,000 characters.
    pub text: Cow<'a, str>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriverLocation<'a> {
    /// The ride that the driver has.
    pub ride_id: Cow<'a, RideId>,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Whole degrees clockwise from north; 0 where it is not known.
    pub heading: i64,
    /// Whole, as the driver's app said; 0 where it did not.
    pub speed: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Error<'a> {
    /// Why not, for people.
    pub message: Cow<'a, str>,
    /// The same for programs.
    pub code: ErrorCode,
    /// Seconds after which the same may be sent again, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}
