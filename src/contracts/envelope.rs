//! The plain envelope, `{"type","data","timestamp"}`, of messages to the driver app and the hailing apps, and the answers
//! that are the same for both. A durable event also has its number.

use crate::contracts::error_codes::ErrorCode;
use crate::contracts::inbound::BadMessage;
use crate::contracts::time::WireTime;
use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::ride::{RideId, Stars};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// All but the type of a message that is no event. The type is the name of its variant in the contract's enum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{D}Message")]
pub struct Envelope<D> {
    /// The content of the message.
    pub data: D,
    /// When the server said it.
    pub timestamp: WireTime,
}

impl<D> Envelope<D> {
    pub fn new(data: D, now: DateTime<Utc>) -> Self {
        Self { data, timestamp: WireTime(now) }
    }
}

/// All but the type of a durable event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{D}Event")]
pub struct EventEnvelope<'a, D> {
    /// The event's number for this account: 1, 2, 3 … with no gap. Absent for an admin who watches a ride.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EventId>,
    /// The content of the event.
    pub data: EventData<'a, D>,
    /// When it happened, also when it is sent again.
    pub timestamp: WireTime,
    /// True where the customer was told by push already, so that this is for the app's state; otherwise absent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pushed: bool,
}

/// The content of the event, and next to our id of the job its id in another system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct EventData<'a, D> {
    #[serde(flatten)]
    pub event: D,
    /// The job's id in another system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Cow<'a, str>>,
}

impl<'a, D> EventEnvelope<'a, D> {
    /// Without a number it is for somebody who was pushed nothing.
    pub fn new(event: &'a Event, id: Option<EventId>, data: D) -> Self {
        let external_id = event.external_id.as_deref().map(Cow::Borrowed);
        Self {
            id,
            data: EventData { event: data, external_id },
            timestamp: WireTime(event.created_at),
            pushed: event.pushed && id.is_some(),
        }
    }
}

/// For fields that are absent where they are not true.
pub(super) fn is_false(value: &bool) -> bool {
    !value
}

/// A message was not carried out; the socket stays open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Error<'a> {
    /// Why not, for programs.
    pub code: ErrorCode,
    /// The same for people.
    pub message: Cow<'a, str>,
    /// Seconds after which the same may be sent again, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl<'a> From<&'a BadMessage> for Error<'a> {
    fn from(bad: &'a BadMessage) -> Self {
        Self { code: bad.code, message: (&bad.message).into(), retry_after: bad.retry_after }
    }
}

/// Not everything that the app asked for is kept. The current state and what is unconfirmed follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResumeFailed {
    /// The oldest event of the account that is kept.
    pub oldest_id: EventId,
    /// Its newest event.
    pub newest_id: EventId,
}

/// A fresh token was taken for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Authenticated {
    /// When the token ends, and the session with it.
    pub expires_at: WireTime,
}

impl Authenticated {
    pub fn until(expires_at: DateTime<Utc>) -> Self {
        Self { expires_at: WireTime(expires_at) }
    }
}

/// The passenger's rating was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RideRated<'a> {
    /// The ride that is rated.
    pub ride_id: Cow<'a, RideId>,
    /// From 1 to 5.
    pub rating: u8,
}

impl<'a> RideRated<'a> {
    pub fn new(ride: &'a RideId, stars: Stars) -> Self {
        Self { ride_id: ride.into(), rating: stars.count() }
    }
}

/// The text of a message of any contract.
pub fn text(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("messages have string keys only")
}
