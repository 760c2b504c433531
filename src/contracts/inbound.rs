//! The messages of clients, as types that all contracts share.

use crate::contracts::error_codes::ErrorCode;
use crate::domain::ids::EventId;
use crate::domain::money::Amount;
use crate::domain::payment::PaymentMethod;
use crate::domain::position::{Fix, Position};
use crate::domain::ride::{RideId, RideStep, Stars};
use serde_json::Value;

/// A message from a client, understood. A contract gives only those that it has.
#[derive(Debug, PartialEq)]
pub enum Inbound {
    Ping {
        /// The client's own time, a text or a number, where the contract echoes it.
        timestamp: Option<Value>,
    },
    Position(Reading),
    /// The app says that it has processed an event.
    Ack(EventId),
    /// Everything after this id again.
    Resume(EventId),
    /// A fresh token for the session that is open.
    Authenticate(String),
    /// Follow a ride.
    JoinRide(RideId),
    /// No longer follow it.
    LeaveRide(RideId),
    /// The driver wants work.
    DriverOnline,
    /// The driver wants no more work.
    DriverOffline,
    /// Words for the other participant of a ride; of the one whose socket this is where none is named.
    Chat {
        ride_id: Option<RideId>,
        text: String,
    },
    /// A passenger's rating of a completed ride; of the socket's own ride if none is named.
    Rate {
        ride_id: Option<RideId>,
        stars: Stars,
        comment: Option<String>,
    },
    /// The driver moves a ride of theirs on.
    Step {
        ride_id: RideId,
        step: RideStep,
    },
    /// A search for the ride whose socket this is.
    FindDriver(Box<FindDriver>),
    /// The end of the ride whose socket this is.
    CancelRide,
}

impl Inbound {
    /// Whether the message costs the server no more than its reading, and comes all the time.
    pub fn is_light(&self) -> bool {
        matches!(self, Inbound::Position(_) | Inbound::Ping { .. } | Inbound::Ack(_))
    }
}

/// A position, and the names of those of its fields that could not be read.
#[derive(Debug, PartialEq)]
pub struct Reading {
    pub fix: Fix,
    pub flaws: Vec<&'static str>,
}

impl Reading {
    /// The note that the client may get about it, which is not a refusal.
    pub fn adjusted(&self) -> Option<BadMessage> {
        let flaws = self.flaws.join(", ");
        let message = format!("the position was accepted without the fields that can't be read: {flaws}");
        (!flaws.is_empty()).then(|| BadMessage::new(ErrorCode::PositionAdjusted, message))
    }
}

/// The matching app's request. Absent values are computed, or stay unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct FindDriver {
    pub pickup: Position,
    pub dropoff: Position,
    pub pickup_address: Option<String>,
    pub dropoff_address: Option<String>,
    pub distance_km: Option<f64>,
    /// Whole minutes, rounded up.
    pub estimated_duration_minutes: Option<u32>,
    pub fare: Option<Amount>,
    pub payment_method: Option<PaymentMethod>,
    /// Kept with the ride; identifies nobody.
    pub passenger_phone: Option<String>,
}

/// A message that is answered with an `error`; the socket stays open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct BadMessage {
    pub code: ErrorCode,
    pub message: String,
    /// Seconds after which the same may be sent again, where that is known.
    pub retry_after: Option<u64>,
}

impl BadMessage {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    pub fn again_after(self, secs: u64) -> Self {
        Self { retry_after: Some(secs), ..self }
    }
}
