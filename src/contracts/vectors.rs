//! The vectors of the contracts as tests use them: the required form of a message, field by field and type by type, and
//! the events and the ride from which the messages are made.

use crate::contracts::number::JsNumber;
use crate::contracts::ride_rest::Ride;
use crate::contracts::time::WireTime;
use crate::domain::event::{DriverCard, Event, EventBody, RideAssignment, RideOffer};
use crate::domain::ids::{AccountId, DriverId, EventId, JobId};
use crate::domain::money::usd;
use crate::domain::payment::PaymentStatus;
use crate::domain::position::Position;
use crate::domain::ride::{CancelCode, CancelledBy, RideId, SharedPosition, Unavailable};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// One message of a vector file.
#[derive(Deserialize)]
pub struct Vector {
    pub name: String,
    pub message: Value,
    /// The project's additions to the fields that the apps fixed, such as `data.expires_at`.
    #[serde(default)]
    added_fields: Vec<String>,
}

/// The vectors of one direction. A file without any would make a test that cannot fail.
pub fn vectors(file: &str, direction: &str) -> Vec<Vector> {
    let contract: Value = serde_json::from_str(file).expect("the vectors are JSON");
    let vectors: Vec<Vector> =
        serde_json::from_value(contract[direction].clone()).expect("the contract has this direction");
    assert!(!vectors.is_empty());
    vectors
}

impl Vector {
    /// Fails unless the text is the vector: the same fields at every level and the same values, a whole number where it
    /// has one and a decimal point where it has one. A value in angle brackets is the server's choice; added fields are
    /// present and not null.
    pub fn assert_is(&self, text: &str) {
        let mut actual: Value = serde_json::from_str(text).expect("a message is JSON");
        let mut found = Vec::new();
        for path in &self.added_fields {
            let (parent, field) = path.split_once('.').map_or((None, path.as_str()), |(p, f)| (Some(p), f));
            let object = match parent {
                Some(parent) => &mut actual[parent],
                None => &mut actual,
            };
            if object.as_object_mut().and_then(|fields| fields.remove(field)).is_none_or(|it| it.is_null()) {
                found.push(format!("{path}: missing"));
            }
        }
        compare("", &actual, &self.message, &mut found);
        assert!(found.is_empty(), "{}: {found:?}\n{text}", self.name);
    }
}

fn compare(path: &str, actual: &Value, vector: &Value, found: &mut Vec<String>) {
    match (actual, vector) {
        (Value::Object(fields), Value::Object(expected)) => {
            for key in fields.keys().filter(|key| !expected.contains_key(*key)) {
                found.push(format!("{path}.{key}: not in the vector"));
            }
            for (key, value) in expected {
                match fields.get(key) {
                    Some(own) => compare(&format!("{path}.{key}"), own, value, found),
                    None => found.push(format!("{path}.{key}: missing")),
                }
            }
        }
        (_, Value::String(pattern)) if pattern.starts_with('<') => {
            if !is_like(actual, pattern) {
                found.push(format!("{path}: {actual} is not {pattern}"));
            }
        }
        // Equal numbers are of one form: 150 is not 150.0 here.
        _ if actual == vector => {}
        _ => found.push(format!("{path}: {actual} is not {vector}")),
    }
}

fn is_like(actual: &Value, pattern: &str) -> bool {
    match (pattern, actual) {
        ("<the ride as REST shows it>", Value::Object(_)) => true,
        ("<time>", Value::String(text)) => is_utc_time(text),
        (_, Value::String(text)) if pattern.ends_with("uuid>") => Uuid::parse_str(text).is_ok(),
        (_, Value::String(text)) => !text.is_empty(),
        _ => false,
    }
}

fn is_utc_time(text: &str) -> bool {
    text.ends_with('Z') && DateTime::parse_from_rfc3339(text).is_ok()
}

#[test]
fn a_difference_of_any_kind_is_found() {
    let message = json!({
        "type": "x", "data": {"fare": 150.0, "id": 1, "at": "<time>", "who": "<user-uuid>", "none": null},
    });
    let vector =
        Vector { name: "x".to_owned(), message, added_fields: vec!["id".to_owned(), "data.more".to_owned()] };
    let good = json!({"type": "x", "id": 7, "data": {
        "fare": 150.0, "id": 1, "at": "2025-11-19T10:30:00Z", "who": Uuid::nil(), "none": null, "more": 0,
    }});
    vector.assert_is(&good.to_string());
    for (field, wrong) in [
        ("fare", json!(150)),
        ("id", json!(1.0)),
        ("id", json!("1")),
        ("at", json!("2025-11-19T10:30:00+00:00")),
        ("who", json!("me")),
        ("none", json!(0)),
        ("more", Value::Null),
        ("extra", json!(1)),
    ] {
        let mut bad = good.clone();
        bad["data"][field] = wrong.clone();
        let outcome = std::panic::catch_unwind(|| vector.assert_is(&bad.to_string()));
        assert!(outcome.is_err(), "{field}: {wrong} went through");
    }
}

pub fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2025, 12, 19, 3, 0, 0).single().expect("a time")
}

pub fn ride_id(text: &str) -> RideId {
    RideId::new(text).expect("a ride id")
}

/// The UUID of somebody.
pub fn person(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub fn at(latitude: f64, longitude: f64) -> Position {
    Position::new(latitude, longitude).expect("in range")
}

pub fn event(body: EventBody) -> Event {
    let (account, id, job) = (AccountId(1), EventId(42), Some(JobId(1)));
    Event { account, id, job, created_at: now(), pushed: false, external_id: None, body, contact: None }
}

/// An offer as the hailing vectors have it.
pub fn offer(ride: &RideId) -> RideOffer {
    RideOffer {
        ride_id: ride.clone(),
        passenger: person(1),
        ride_type: "moto".to_owned(),
        pickup: at(3.848, 11.5021),
        dropoff: at(3.858, 11.5121),
        estimated_fare: usd(150_000),
        payment_method: None,
        expires_at: now() + TimeDelta::seconds(15),
    }
}

/// John Doe as the hailing vectors have him.
pub fn assignment(ride: &RideId) -> RideAssignment {
    RideAssignment {
        ride_id: ride.clone(),
        booking_id: JobId(1),
        driver: DriverCard {
            public_id: person(7),
            id: DriverId(1),
            name: "John Doe".to_owned(),
            phone: Some("+27123456789".to_owned()),
            vehicle_type: "moto".to_owned(),
            plate: Some("CM-1234-AB".to_owned()),
            color: Some("Black".to_owned()),
            rating: 4.8,
            position: Some(at(-26.2041, 28.0473)),
        },
        estimated_arrival: Some(5),
    }
}

pub fn cancelled(ride: &RideId, by: CancelledBy, reason: &str, code: Option<CancelCode>) -> EventBody {
    EventBody::RideCancelled { ride_id: ride.clone(), cancelled_by: by, reason: reason.to_owned(), code }
}

pub fn sighting(position: Position) -> SharedPosition {
    SharedPosition { position, heading: Some(45.0), speed: Some(25.0), sequence: 3, age_secs: 0 }
}

/// One of each event that a ride has, for a passenger or a driver.
pub fn events_of(ride: &RideId) -> Vec<EventBody> {
    vec![
        EventBody::RideRequested(offer(ride)),
        EventBody::RideUnavailable { ride_id: ride.clone(), reason: Unavailable::Taken },
        EventBody::RideAccepted(Box::new(assignment(ride))),
        EventBody::DriverArrived { ride_id: ride.clone(), driver: person(7) },
        EventBody::RideStarted { ride_id: ride.clone() },
        EventBody::RideCompleted { ride_id: ride.clone(), final_fare: usd(15_000) },
        cancelled(ride, CancelledBy::Passenger, "Changed my mind", None),
        cancelled(ride, CancelledBy::System, "No drivers available nearby", Some(CancelCode::NoDrivers)),
        EventBody::DriverCancelled {
            ride_id: ride.clone(),
            driver: person(7),
            reason: "Flat tyre".to_owned(),
        },
        EventBody::ChatMessage {
            ride_id: ride.clone(),
            from: person(1),
            text: "I am at the gate".to_owned(),
        },
    ]
}

/// A ride that was just asked for.
pub fn ride() -> Ride {
    Ride {
        ride_id: ride_id("0190a5f0-7a7e-7bd0-8d0c-9f1d8a1f2b3c"),
        external_id: None,
        status: "requested".into(),
        ride_type: "moto".to_owned(),
        passenger_id: person(1),
        pickup_latitude: Some(3.848),
        pickup_longitude: Some(11.5021),
        dropoff_latitude: Some(3.858),
        dropoff_longitude: Some(11.5121),
        pickup_address: "Rond-point Nlongkak".to_owned(),
        dropoff_address: String::new(),
        estimated_fare: usd(150_000).into(),
        currency: usd(0).currency(),
        distance_km: JsNumber(2.0),
        estimated_duration_minutes: None,
        scheduled_at: None,
        final_fare: None,
        payment_method: None,
        payment_status: PaymentStatus::Pending,
        amount: usd(150_000).into(),
        driver: None,
        passenger: None,
        people: None,
        requested_at: WireTime(now()),
        accepted_at: None,
        arrived_at: None,
        started_at: None,
        completed_at: None,
        cancelled_at: None,
    }
}
