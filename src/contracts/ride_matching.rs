//! The ride matching contract (a Flutter passenger app): its flat socket messages, both ways. One socket serves one
//! ride, so it gets only that ride's events of the account ([`is_of`]).
//!
//! Dart tells 150 from 150.0, so each number keeps one of the two forms: money and degrees always have a decimal point,
//! ids, headings and speeds never.

use crate::contracts::envelope::{self, known};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::inbound::{BadMessage, FindDriver, Inbound};
use crate::contracts::number::{integer, number_or_text};
use crate::contracts::quantity::{kilometres, minutes};
use crate::contracts::reading::{Message, invalid, shown_part};
use crate::contracts::time::WireTime;
use crate::domain::currency::Currency;
use crate::domain::event::{Event, EventBody, RideAssignment};
use crate::domain::ids::{DriverId, EventId, JobId};
use crate::domain::money::{Amount, Money};
use crate::domain::payment::PaymentMethod;
use crate::domain::position::Position;
use crate::domain::ride::{CancelCode, CancelledBy, RideId, Sighting, Stars};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

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

/// Only the two places are needed. Of the rest is taken what can be read: nobody stays in the rain for an address that is too
/// long or a duration in words.
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

#[derive(Serialize)]
struct Flat<'a, F: Serialize> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<EventId>,
    #[serde(flatten)]
    fields: &'a F,
}

fn flat<F: Serialize>(kind: &'static str, id: Option<EventId>, fields: &F) -> String {
    serde_json::to_string(&Flat { kind, id, fields }).expect("messages have string keys only")
}

/// The first message. An anonymous ride comes with the key that lets its passenger in again.
pub fn connection_established(ride: &RideId, ride_key: Option<&str>) -> String {
    #[derive(Serialize)]
    struct Established<'a> {
        message: &'static str,
        ride_id: &'a RideId,
        #[serde(skip_serializing_if = "Option::is_none")]
        ride_key: Option<&'a str>,
    }
    let message = "Connected to ride matching service";
    flat("connection_established", None, &Established { message, ride_id: ride, ride_key })
}

pub fn pong(now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Pong {
        timestamp: WireTime,
    }
    flat("pong", None, &Pong { timestamp: WireTime(now) })
}

pub fn searching(ride: &RideId) -> String {
    search("Searching for available drivers...", ride, None)
}

fn search(message: &'static str, ride: &RideId, id: Option<EventId>) -> String {
    #[derive(Serialize)]
    struct Searching<'a> {
        message: &'static str,
        ride_id: &'a RideId,
    }
    flat("searching", id, &Searching { message, ride_id: ride })
}

/// Also the current state after a reconnect; then it has no number.
pub fn driver_assigned(assignment: &RideAssignment, id: Option<EventId>) -> String {
    #[derive(Serialize)]
    struct Assigned<'a> {
        message: &'static str,
        booking_id: JobId,
        driver: Driver<'a>,
    }
    #[derive(Serialize)]
    struct Driver<'a> {
        id: DriverId,
        name: &'a str,
        phone: &'a str,
        vehicle_type: &'a str,
        vehicle_registration: &'a str,
        rating: f64,
        /// Null where it is not known.
        latitude: Option<f64>,
        longitude: Option<f64>,
    }
    let card = &assignment.driver;
    let driver = Driver {
        id: card.id,
        name: &card.name,
        phone: card.phone.as_deref().unwrap_or_default(),
        vehicle_type: &card.vehicle_type,
        vehicle_registration: card.plate.as_deref().unwrap_or_default(),
        rating: card.rating,
        latitude: card.position.map(Position::latitude),
        longitude: card.position.map(Position::longitude),
    };
    flat(
        "driver_assigned",
        id,
        &Assigned { message: "Driver found!", booking_id: assignment.booking_id, driver },
    )
}

/// Also the current state after a reconnect; then it has no number.
pub fn driver_arrived(ride: &RideId, id: Option<EventId>) -> String {
    #[derive(Serialize)]
    struct Arrived<'a> {
        ride_id: &'a RideId,
    }
    flat("driver_arrived", id, &Arrived { ride_id: ride })
}

/// Also the current state after a reconnect; then it has no number.
pub fn ride_started(ride: &RideId, started_at: DateTime<Utc>, id: Option<EventId>) -> String {
    #[derive(Serialize)]
    struct Started<'a> {
        ride_id: &'a RideId,
        started_at: WireTime,
    }
    flat("ride_started", id, &Started { ride_id: ride, started_at: WireTime(started_at) })
}

/// Where the driver is. What the driver's app did not say is 0.
pub fn driver_location(ride: &RideId, sighting: &Sighting) -> String {
    #[derive(Serialize)]
    struct Location<'a> {
        ride_id: &'a RideId,
        latitude: f64,
        longitude: f64,
        heading: i64,
        speed: i64,
    }
    let whole = |number: Option<f64>| number.unwrap_or_default().round() as i64;
    let location = Location {
        ride_id: ride,
        latitude: sighting.position.latitude(),
        longitude: sighting.position.longitude(),
        heading: whole(sighting.heading),
        speed: whole(sighting.speed),
    };
    flat("driver_location", None, &location)
}

/// The answer to `rate_ride`.
pub fn ride_rated(ride: &RideId, stars: Stars) -> String {
    #[derive(Serialize)]
    struct RideRated<'a> {
        ride_id: &'a RideId,
        rating: u8,
    }
    flat("ride_rated", None, &RideRated { ride_id: ride, rating: stars.count() })
}

pub fn error(bad: &BadMessage) -> String {
    #[derive(Serialize)]
    struct Error<'a> {
        message: &'a str,
        code: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    }
    let (code, retry_after) = (bad.code.as_str(), bad.retry_after);
    flat("error", None, &Error { message: &bad.message, code, retry_after })
}

pub fn resume_failed(oldest: EventId, newest: EventId) -> String {
    #[derive(Serialize)]
    struct ResumeFailed {
        oldest_id: EventId,
        newest_id: EventId,
    }
    flat("resume_failed", None, &ResumeFailed { oldest_id: oldest, newest_id: newest })
}

pub fn authenticated(expires_at: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Authenticated {
        expires_at: WireTime,
    }
    flat("authenticated", None, &Authenticated { expires_at: WireTime(expires_at) })
}

/// A durable event of a ride, as its passenger hears it.
pub fn event(event: &Event) -> String {
    let id = Some(event.id);
    match &event.body {
        EventBody::RideAccepted(assignment) => driver_assigned(assignment, id),
        EventBody::DriverArrived { ride_id, .. } => driver_arrived(ride_id, id),
        EventBody::RideStarted { ride_id } => ride_started(ride_id, event.created_at, id),
        EventBody::RideCompleted { ride_id, final_fare } => {
            ride_completed(ride_id, *final_fare, event.created_at, id)
        }
        EventBody::RideCancelled { code: Some(CancelCode::NoDrivers), .. } => no_drivers(id),
        EventBody::RideCancelled { ride_id, cancelled_by, reason, code: None } => {
            ride_cancelled(ride_id, *cancelled_by, reason, id)
        }
        // An app that does not know of drivers who give up would go on showing one; it knows what searching is.
        EventBody::DriverCancelled { ride_id, .. } => {
            search("The driver cancelled. Searching for another driver...", ride_id, id)
        }
        EventBody::DriverUnreachable { ride_id, heard_of_at, .. } => {
            driver_unreachable(ride_id, *heard_of_at, id)
        }
        EventBody::ChatMessage { ride_id, from, text } => chat_message(ride_id, *from, text, id),
        EventBody::PaymentUpdated(update) => flat("payment_updated", id, update),
        // Not a passenger's; the filter keeps them from these sockets.
        EventBody::OrderAssigned(_)
        | EventBody::OrderCancelled { .. }
        | EventBody::OrderPickedUp { .. }
        | EventBody::OrderDelivered { .. }
        | EventBody::BookingUpdated(_)
        | EventBody::RideRequested(_)
        | EventBody::RideUnavailable { .. } => envelope::event(event),
    }
}

fn ride_completed(ride: &RideId, final_fare: Money, at: DateTime<Utc>, id: Option<EventId>) -> String {
    #[derive(Serialize)]
    struct Completed<'a> {
        ride_id: &'a RideId,
        final_fare: Money,
        #[serde(skip_serializing_if = "Option::is_none")]
        currency: Option<Currency>,
        completed_at: WireTime,
    }
    let currency = known(final_fare.currency());
    flat("ride_completed", id, &Completed { ride_id: ride, final_fare, currency, completed_at: WireTime(at) })
}

fn no_drivers(id: Option<EventId>) -> String {
    #[derive(Serialize)]
    struct NoDrivers {
        message: &'static str,
    }
    flat("no_drivers", id, &NoDrivers { message: "No drivers available nearby" })
}

/// Also the answer to who cancels once more; then it has no number.
pub fn ride_cancelled(ride: &RideId, by: CancelledBy, reason: &str, id: Option<EventId>) -> String {
    #[derive(Serialize)]
    struct Cancelled<'a> {
        message: &'static str,
        ride_id: &'a RideId,
        cancelled_by: &'static str,
        reason: &'a str,
    }
    let cancelled =
        Cancelled { message: "The ride was cancelled", ride_id: ride, cancelled_by: by.as_str(), reason };
    flat("ride_cancelled", id, &cancelled)
}

fn driver_unreachable(ride: &RideId, heard_of_at: Option<DateTime<Utc>>, id: Option<EventId>) -> String {
    #[derive(Serialize)]
    struct Unreachable<'a> {
        message: &'static str,
        ride_id: &'a RideId,
        heard_of_at: Option<WireTime>,
    }
    let message = "Your driver can't be reached";
    flat(
        "driver_unreachable",
        id,
        &Unreachable { message, ride_id: ride, heard_of_at: heard_of_at.map(WireTime) },
    )
}

fn chat_message(ride: &RideId, from: Uuid, text: &str, id: Option<EventId>) -> String {
    #[derive(Serialize)]
    struct Chat<'a> {
        ride_id: &'a RideId,
        from: Uuid,
        text: &'a str,
    }
    flat("chat_message", id, &Chat { ride_id: ride, from, text })
}

#[cfg(test)]
#[path = "ride_matching_tests.rs"]
mod tests;
