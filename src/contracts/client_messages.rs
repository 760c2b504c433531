//! What apps of several contracts say in the same words: the messages in their regular form, as our own clients write
//! them. The server reads more leniently than these types do ([`crate::contracts::reading`]); whatever they write, it
//! reads.

use crate::contracts::time::WireTime;
use crate::domain::ids::EventId;
use crate::domain::ride::RideId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A position that a device has measured. `T` is how its time is written: anyhow where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PositionReport")]
pub struct PositionReport<T = WireTime> {
    /// Degrees north, WGS 84.
    pub latitude: f64,
    /// Degrees east, WGS 84.
    pub longitude: f64,
    /// Metres around the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Degrees clockwise from north. Negative is not known, here and in the fields that follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading: Option<f64>,
    /// As the device measures it; it is passed on as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Per cent; between 0 and 1 a fraction of a full battery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery_level: Option<f64>,
    /// When it was measured. Without it, it counts as measured when it comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<T>,
}

impl PositionReport {
    /// A place, and nothing else of it.
    pub fn at(latitude: f64, longitude: f64) -> Self {
        Self {
            latitude,
            longitude,
            accuracy: None,
            heading: None,
            speed: None,
            battery_level: None,
            timestamp: None,
        }
    }
}

/// Where the driver is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LocationUpdate {
    /// The position.
    pub data: PositionReport,
}

/// The app has processed an event, and everything that was sent before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ack {
    /// The event's number.
    pub event_id: EventId,
}

/// Everything after this number again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resume {
    /// The last event that the app knows; 0 for none.
    pub last_event_id: EventId,
}

/// A fresh token for the session that is open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Authenticate {
    /// An access token of the same account.
    pub token: String,
}

/// Tokens never reach a log.
impl fmt::Debug for Authenticate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate").finish_non_exhaustive()
    }
}

/// All that a message has to say that is about a ride: which one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfRide {
    /// The ride's id.
    pub ride_id: RideId,
}

/// Words for the other participant of a ride.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SendChat {
    /// The ride whose participants talk.
    pub ride_id: RideId,
    /// From 1 to 1,000 characters.
    pub text: String,
}

/// The passenger's rating of a completed ride.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RateRide {
    /// The ride's id.
    pub ride_id: RideId,
    /// From 1 to 5.
    pub rating: u8,
    /// A comment, of which 500 characters are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}
