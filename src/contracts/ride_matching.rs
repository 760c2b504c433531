//! The ride matching contract (a Flutter passenger app): its flat socket messages, both ways. One socket serves one
//! ride, so it gets only that ride's events of the account ([`is_of`]).
//!
//! Dart tells 150 from 150.0, so each number keeps one of the two forms: money and degrees always have a decimal
//! point, ids, headings and speeds never.

use crate::contracts::envelope::{self, Authenticated, ResumeFailed, RideRated};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::events::{EventMessage, known};
use crate::contracts::inbound::{BadMessage, FindDriver, Inbound};
use crate::contracts::number::{integer, number_or_text};
use crate::contracts::quantity::{kilometres, minutes};
use crate::contracts::reading::{Message, invalid, shown_part};
use crate::contracts::time::WireTime;
use crate::domain::event::{DriverCard, Event, EventBody, RideAssignment};
use crate::domain::ids::EventId;
use crate::domain::money::{Amount, Money};
use crate::domain::payment::PaymentMethod;
use crate::domain::position::Position;
use crate::domain::ride::{CancelCode, CancelledBy, RideId, SharedPosition, Stars};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use std::borrow::Cow;

pub mod messages;

use messages::{
    AssignedDriver, ChatMessage, ConnectionEstablished, DriverArrived, DriverAssigned, DriverLocation,
    DriverUnreachable, Error, EventFields, NoDrivers, Pong, RideCancelled, RideCompleted, RideStarted,
    Searching,
};
pub use messages::{ClientMessage, ServerMessage};

/// The name under which confirmations are kept.
pub const NAME: &str = "ride_matching";

/// Of a longer one the beginning is kept: more fits on no screen.
pub const ADDRESS_CHARS_MAX: usize = 200;
/// A number with an extension and some punctuation.
const PHONE_CHARS_MAX: usize = 40;

/// Reads a client's message.
pub fn parse(text: &str) -> Result<Inbound, BadMessage> {
    let message = Message::read(text)?;
    match &*message.kind {
        // Answered with the server's time.
        "ping" => Ok(Inbound::Ping { timestamp: None }),
        "find_driver" => find_driver(text).map(|asked| Inbound::FindDriver(Box::new(asked))),
        "cancel_ride" => Ok(Inbound::CancelRide),
        "chat_message" => message.chat(message.ride_id_if_any()?),
        "rate_ride" => message.rating(message.ride_id_if_any()?),
        _ => message.common(),
    }
}

/// Only the two places are needed. Of the rest is taken what can be read: nobody stays in the rain for an address
/// that is too long or a duration in words.
fn find_driver(text: &str) -> Result<FindDriver, BadMessage> {
    let object: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| invalid("find_driver must be a JSON object"))?;
    let form = Form(&object);
    match (form.position("pickup"), form.position("dropoff")) {
        (Ok(pickup), Ok(dropoff)) => Ok(FindDriver {
            pickup,
            dropoff,
            pickup_address: form.text("pickup_address", ADDRESS_CHARS_MAX),
            dropoff_address: form.text("dropoff_address", ADDRESS_CHARS_MAX),
            distance_km: form.0.get("distance_km").and_then(kilometres),
            estimated_duration_minutes: form.0.get("estimated_duration_minutes").and_then(minutes),
            fare: form.money("fare_amount"),
            payment_method: form.payment_method(),
            passenger_phone: form.phone("passenger_phone"),
        }),
        (pickup, dropoff) => {
            let problems: Vec<String> = [pickup.err(), dropoff.err()].into_iter().flatten().collect();
            Err(BadMessage::new(ErrorCode::InvalidPosition, problems.join("; ")))
        }
    }
}

/// Reads flat fields.
struct Form<'a>(&'a Map<String, Value>);

impl Form<'_> {
    fn position(&self, which: &str) -> Result<Position, String> {
        let degrees = |field: &str| self.0.get(&format!("{which}_{field}")).and_then(number_or_text);
        let degrees = |field: &str| degrees(field).unwrap_or(f64::NAN);
        Position::new(degrees("latitude"), degrees("longitude")).map_err(|_| {
            format!(
                "{which}_latitude must be a number from -90 to 90 and {which}_longitude one from -180 to 180"
            )
        })
    }

    /// Rounded where its currency is known.
    fn money(&self, name: &str) -> Option<Amount> {
        Amount::new(self.0.get(name).and_then(number_or_text)?).ok()
    }

    fn text(&self, name: &str, chars_max: usize) -> Option<String> {
        shown_part(self.0.get(name)?.as_str()?, chars_max)
    }

    /// Some apps keep it as a number. A part of one would be another's.
    fn phone(&self, name: &str) -> Option<String> {
        let value = self.0.get(name)?;
        let number = integer(value).filter(|number| *number > 0).map(|number| number.to_string());
        let text = number.or_else(|| shown_part(value.as_str()?, PHONE_CHARS_MAX + 1));
        text.filter(|text| text.chars().count() <= PHONE_CHARS_MAX)
    }

    /// How the passenger pays; a word that is none is not known.
    fn payment_method(&self) -> Option<PaymentMethod> {
        let word = self.0.get("payment_method")?.as_str()?.trim().to_ascii_lowercase();
        PaymentMethod::try_from(word).ok()
    }
}

/// Whether an event goes to the sockets of this ride.
pub fn is_of(event: &Event, ride: &RideId) -> bool {
    event.body.ride_id() == Some(ride)
}

impl<'a, F> EventFields<'a, F> {
    /// The current state, which is no event.
    fn state(fields: F) -> Self {
        Self { id: None, fields, external_id: None, pushed: false }
    }

    fn event(event: &'a Event, fields: F) -> Self {
        let external_id = event.external_id.as_deref().map(Cow::Borrowed);
        Self { id: Some(event.id), fields, external_id, pushed: event.pushed }
    }
}

/// The first message. An anonymous ride comes with the key that lets its passenger in again.
pub fn connection_established(ride: &RideId, ride_key: Option<&str>) -> String {
    let message = "Connected to ride matching service".into();
    let ride_key = ride_key.map(Cow::Borrowed);
    let established = ConnectionEstablished { message, ride_id: ride.into(), ride_key };
    envelope::text(&ServerMessage::ConnectionEstablished(established))
}

pub fn pong(now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::Pong(Pong { timestamp: WireTime(now) }))
}

pub fn searching(ride: &RideId) -> String {
    let message = "Searching for available drivers...".into();
    let searching = EventFields::state(Searching { message, ride_id: ride.into() });
    envelope::text(&ServerMessage::Searching(searching))
}

/// The current state after a reconnect.
pub fn driver_assigned(assignment: &RideAssignment) -> String {
    envelope::text(&ServerMessage::DriverAssigned(EventFields::state(assignment.into())))
}

/// The current state after a reconnect.
pub fn driver_arrived(ride: &RideId) -> String {
    let arrived = EventFields::state(DriverArrived { ride_id: ride.into() });
    envelope::text(&ServerMessage::DriverArrived(arrived))
}

/// The current state after a reconnect.
pub fn ride_started(ride: &RideId, started_at: DateTime<Utc>) -> String {
    let started = RideStarted { ride_id: ride.into(), started_at: WireTime(started_at) };
    envelope::text(&ServerMessage::RideStarted(EventFields::state(started)))
}

/// Where the driver is.
pub fn driver_location(ride: &RideId, sighting: &SharedPosition) -> String {
    let whole = |number: Option<f64>| number.unwrap_or_default().round() as i64;
    let location = DriverLocation {
        ride_id: ride.into(),
        latitude: sighting.position.latitude(),
        longitude: sighting.position.longitude(),
        heading: whole(sighting.heading),
        speed: whole(sighting.speed),
    };
    envelope::text(&ServerMessage::DriverLocation(location))
}

pub fn ride_rated(ride: &RideId, stars: Stars) -> String {
    envelope::text(&ServerMessage::RideRated(RideRated::new(ride, stars)))
}

pub fn error(bad: &BadMessage) -> String {
    let (code, retry_after) = (bad.code, bad.retry_after);
    envelope::text(&ServerMessage::Error(Error { message: (&bad.message).into(), code, retry_after }))
}

pub fn resume_failed(oldest_id: EventId, newest_id: EventId) -> String {
    envelope::text(&ServerMessage::ResumeFailed(ResumeFailed { oldest_id, newest_id }))
}

pub fn authenticated(expires_at: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::Authenticated(Authenticated::until(expires_at)))
}

/// The answer to another `cancel_ride` of a ride that is cancelled already.
pub fn ride_cancelled(ride: &RideId, by: CancelledBy, reason: &str) -> String {
    let cancelled = EventFields::state(RideCancelled::new(ride, by, reason));
    envelope::text(&ServerMessage::RideCancelled(cancelled))
}

/// A durable event, as the passenger of its ride hears it.
pub fn event(event: &Event) -> String {
    match ServerMessage::of(event) {
        Some(message) => envelope::text(&message),
        // Not a passenger's; the filter keeps them from these sockets.
        None => EventMessage::new(event).text(),
    }
}

impl<'a> ServerMessage<'a> {
    /// `None` for events that are not a passenger's.
    fn of(event: &'a Event) -> Option<Self> {
        let at = WireTime(event.created_at);
        Some(match &event.body {
            EventBody::RideAccepted(assignment) => {
                Self::DriverAssigned(EventFields::event(event, (&**assignment).into()))
            }
            EventBody::DriverArrived { ride_id, .. } => {
                Self::DriverArrived(EventFields::event(event, DriverArrived { ride_id: ride_id.into() }))
            }
            EventBody::RideStarted { ride_id } => {
                let started = RideStarted { ride_id: ride_id.into(), started_at: at };
                Self::RideStarted(EventFields::event(event, started))
            }
            EventBody::RideCompleted { ride_id, final_fare } => {
                Self::RideCompleted(EventFields::event(event, RideCompleted::new(ride_id, *final_fare, at)))
            }
            EventBody::RideCancelled { code: Some(CancelCode::NoDrivers), .. } => {
                let message = "No drivers available nearby".into();
                Self::NoDrivers(EventFields::event(event, NoDrivers { message }))
            }
            EventBody::RideCancelled { ride_id, cancelled_by, reason, code: None } => {
                let cancelled = RideCancelled::new(ride_id, *cancelled_by, reason);
                Self::RideCancelled(EventFields::event(event, cancelled))
            }
            // An app that does not know of drivers who give up would go on showing one; it knows what searching is.
            EventBody::DriverCancelled { ride_id, .. } => {
                let message = "The driver cancelled. Searching for another driver...".into();
                Self::Searching(EventFields::event(event, Searching { message, ride_id: ride_id.into() }))
            }
            EventBody::DriverUnreachable { ride_id, heard_of_at, .. } => {
                let (message, heard_of_at) =
                    ("Your driver can't be reached".into(), heard_of_at.map(WireTime));
                let unreachable = DriverUnreachable { message, ride_id: ride_id.into(), heard_of_at };
                Self::DriverUnreachable(EventFields::event(event, unreachable))
            }
            EventBody::ChatMessage { ride_id, from, text } => {
                let chat = ChatMessage { ride_id: ride_id.into(), from: *from, text: text.into() };
                Self::ChatMessage(EventFields::event(event, chat))
            }
            EventBody::PaymentUpdated(update) => {
                Self::PaymentUpdated(EventFields::event(event, Cow::Borrowed(update)))
            }
            EventBody::OrderAssigned(_)
            | EventBody::OrderCancelled { .. }
            | EventBody::OrderPickedUp { .. }
            | EventBody::OrderDelivered { .. }
            | EventBody::BookingUpdated(_)
            | EventBody::RideRequested(_)
            | EventBody::RideUnavailable { .. } => return None,
        })
    }
}

impl<'a> From<&'a RideAssignment> for DriverAssigned<'a> {
    fn from(assignment: &'a RideAssignment) -> Self {
        let driver = AssignedDriver::from(&assignment.driver);
        Self { message: "Driver found!".into(), booking_id: assignment.booking_id, driver }
    }
}

impl<'a> From<&'a DriverCard> for AssignedDriver<'a> {
    fn from(card: &'a DriverCard) -> Self {
        Self {
            id: card.id,
            name: (&card.name).into(),
            phone: card.phone.as_deref().unwrap_or_default().into(),
            vehicle_type: (&card.vehicle_type).into(),
            vehicle_registration: card.plate.as_deref().unwrap_or_default().into(),
            rating: card.rating,
            latitude: card.position.map(Position::latitude),
            longitude: card.position.map(Position::longitude),
        }
    }
}

impl<'a> RideCompleted<'a> {
    fn new(ride: &'a RideId, final_fare: Money, completed_at: WireTime) -> Self {
        let currency = known(final_fare.currency());
        Self { ride_id: ride.into(), final_fare: final_fare.major(), currency, completed_at }
    }
}

impl<'a> RideCancelled<'a> {
    fn new(ride: &'a RideId, cancelled_by: CancelledBy, reason: &'a str) -> Self {
        let message = "The ride was cancelled".into();
        Self { message, ride_id: ride.into(), cancelled_by, reason: reason.into() }
    }
}

#[cfg(test)]
#[path = "ride_matching_tests.rs"]
mod tests;
