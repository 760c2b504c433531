//! The hailing apps' REST side: the shapes of its answers, and the one body that is read in bulk. A ride has the same
//! shape here and in `ride_joined`.

use crate::contracts::contact::PassengerContact;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::inbound::{BadMessage, Reading};
use crate::contracts::number::JsNumber;
use crate::contracts::time::WireTime;
use crate::contracts::{fixes, mending};
use crate::domain::currency::Currency;
use crate::domain::event::DriverCard;
use crate::domain::payment::{PaymentMethod, PaymentStatus};
use crate::domain::phone_number::masked;
use crate::domain::position::{Fix, Position};
use crate::domain::ride::RideId;
use crate::domain::role::Role;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use uuid::Uuid;

/// Positions in one request: what a phone gathers in a quarter of an hour.
pub const POSITIONS_MAX: usize = 100;

/// A ride. Absent values are `""` or 0; times of steps that have not happened are null, and so are unknown places.
/// People are named by their account's UUID.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ride {
    /// The id by which apps know the ride.
    pub ride_id: RideId,
    /// Its id in another system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// `requested`, `accepted`, `arrived`, `started`, `completed`, `cancelled` or `no_drivers`: a word of
    /// [`crate::domain::ride::ride_word`].
    pub status: Cow<'static, str>,
    /// The vehicle type that was asked for; `any` takes every vehicle.
    pub ride_type: String,
    /// The passenger's account.
    pub passenger_id: Uuid,
    /// Degrees north; null where it is not known.
    pub pickup_latitude: Option<f64>,
    /// Degrees east; null where it is not known.
    pub pickup_longitude: Option<f64>,
    /// Degrees north; null where it is not known.
    pub dropoff_latitude: Option<f64>,
    /// Degrees east; null where it is not known.
    pub dropoff_longitude: Option<f64>,
    /// As the app said it; empty where it did not.
    pub pickup_address: String,
    /// As the app said it; empty where it did not.
    pub dropoff_address: String,
    /// In major units of the currency.
    pub estimated_fare: JsNumber,
    /// ISO 4217, of all amounts of the ride.
    pub currency: Currency,
    /// From the pickup to the goal.
    pub distance_km: JsNumber,
    /// Whole minutes, as the app said.
    pub estimated_duration_minutes: Option<i64>,
    /// For when it was asked, where that is not at once.
    pub scheduled_at: Option<WireTime>,
    /// In major units; null until the ride is completed.
    pub final_fare: Option<JsNumber>,
    /// How the passenger pays; null where nobody has said it.
    pub payment_method: Option<PaymentMethod>,
    /// How far the payment is.
    pub payment_status: PaymentStatus,
    /// The passenger's payment, in major units.
    pub amount: JsNumber,
    /// Null until a driver has the ride.
    pub driver: Option<RideDriver>,
    /// The passenger's contact, for the driver who has the ride, while they have it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub passenger: Option<PassengerContact>,
    /// For operators.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub people: Option<RidePeople>,
    /// When the passenger asked.
    pub requested_at: WireTime,
    /// When the driver who has it took it; null while nobody does.
    pub accepted_at: Option<WireTime>,
    /// When the driver was at the pickup.
    pub arrived_at: Option<WireTime>,
    /// When the ride began.
    pub started_at: Option<WireTime>,
    /// When it ended at its goal.
    pub completed_at: Option<WireTime>,
    /// When it was cancelled.
    pub cancelled_at: Option<WireTime>,
}

impl Ride {
    /// Without how its two people are reached, for a role that is not to know it.
    pub fn as_seen_by(mut self, role: Role) -> Self {
        if !role.sees_contacts() {
            self.passenger = None;
            if let Some(driver) = &mut self.driver {
                driver.driver_phone = masked(&driver.driver_phone);
            }
        }
        self
    }
}

/// The ids of a ride's passenger and driver in another system; null if they have none there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RidePeople {
    /// Another system's id of the passenger.
    #[serde(deserialize_with = "Option::deserialize")]
    pub passenger_external_id: Option<String>,
    /// Another system's id of the driver.
    #[serde(deserialize_with = "Option::deserialize")]
    pub driver_external_id: Option<String>,
}

/// The driver of a ride, with their last position; null if it is unknown, or once the ride has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RideDriver {
    /// The driver's account.
    pub driver_id: Uuid,
    /// As passengers see it.
    pub driver_name: String,
    /// The number to call; empty where it is not known or not shown.
    pub driver_phone: String,
    /// Such as `moto` or `sedan`.
    pub vehicle_type: String,
    /// The vehicle's registration; empty where it is not known.
    pub vehicle_plate: String,
    /// Empty where it is not known.
    pub vehicle_color: String,
    /// The mean of what passengers gave, from 1.0 to 5.0.
    pub driver_rating: f64,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
}

impl From<DriverCard> for RideDriver {
    fn from(card: DriverCard) -> Self {
        Self {
            driver_id: card.public_id,
            driver_name: card.name,
            driver_phone: card.phone.unwrap_or_default(),
            vehicle_type: card.vehicle_type,
            vehicle_plate: card.plate.unwrap_or_default(),
            vehicle_color: card.color.unwrap_or_default(),
            driver_rating: card.rating,
            latitude: card.position.map(Position::latitude),
            longitude: card.position.map(Position::longitude),
        }
    }
}

/// The answer of `GET ws/stats`.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Stats {
    pub total_connections: u64,
    /// Drivers who are not offline, connected or not.
    pub online_drivers: u64,
    /// From the acceptance to the end.
    pub active_rides: u64,
}

/// The answer of `PUT driver/location`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PositionsTaken {
    pub accepted: usize,
    pub rejected: Vec<Rejected>,
    /// Those that were taken without what could not be read of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adjusted: Vec<Adjusted>,
}

/// A position that was taken, by its place in the request, and the fields of it that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Adjusted {
    pub index: usize,
    pub fields: Vec<&'static str>,
}

/// The positions of a request: those that are good, in their order, and what is to be said of the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Positions {
    pub fixes: Vec<Fix>,
    pub rejected: Vec<Rejected>,
    pub adjusted: Vec<Adjusted>,
}

/// A position that was not taken: its place in the request, from 0, and an error code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rejected {
    pub index: usize,
    pub code: &'static str,
}

/// Reads the body of `PUT driver/location`, one position or a list of them, oldest first. A bad one among them does not
/// cost the others: each is there or rejected. The error is of a body that can't be taken as a whole.
pub fn positions(body: &str, now: DateTime<Utc>) -> Result<Positions, BadMessage> {
    let split = |text| serde_json::from_str::<&RawValue>(text).and_then(list);
    let mended;
    let list = match split(body) {
        Ok(list) => list,
        Err(_) => {
            mended = mending::finite(body).ok_or_else(not_json)?;
            split(&mended).map_err(|_| not_json())?
        }
    };
    if list.len() > POSITIONS_MAX {
        let message = format!("a request has at most {POSITIONS_MAX} positions");
        return Err(BadMessage::new(ErrorCode::InvalidFields, message));
    }
    let mut positions = Positions::default();
    for (index, one) in list.into_iter().enumerate() {
        match fixes::read(one.get(), now) {
            Ok(Reading { fix, flaws: fields }) => {
                positions.fixes.push(fix);
                if !fields.is_empty() {
                    positions.adjusted.push(Adjusted { index, fields });
                }
            }
            Err(bad) => positions.rejected.push(Rejected { index, code: bad.code.as_str() }),
        }
    }
    Ok(positions)
}

/// JSON Schema of the same body, as each of its positions is taken. One that is otherwise is rejected for itself.
pub fn positions_schema() -> Value {
    let position = fixes::schema();
    json!({"anyOf": [position, {"type": "array", "items": position, "maxItems": POSITIONS_MAX}]})
}

fn list(whole: &RawValue) -> Result<Vec<&RawValue>, serde_json::Error> {
    match whole.get().starts_with('[') {
        true => serde_json::from_str(whole.get()),
        false => Ok(vec![whole]),
    }
}

fn not_json() -> BadMessage {
    BadMessage::new(ErrorCode::NotJson, "The body can't be read.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::vectors::{assignment, now, person, ride};
    use crate::domain::money::usd;

    #[test]
    fn a_ride_has_the_fields_of_the_contract_whatever_has_happened() {
        let ride = serde_json::to_value(ride()).expect("JSON");
        let expected = json!({
            "ride_id": "0190a5f0-7a7e-7bd0-8d0c-9f1d8a1f2b3c", "status": "requested", "ride_type": "moto",
            "passenger_id": person(1), "pickup_latitude": 3.848, "pickup_longitude": 11.5021,
            "dropoff_latitude": 3.858, "dropoff_longitude": 11.5121, "pickup_address": "Rond-point Nlongkak",
            "dropoff_address": "", "estimated_fare": 1500, "currency": "USD", "distance_km": 2,
            "estimated_duration_minutes": null, "scheduled_at": null, "final_fare": null, "payment_method": null,
            "payment_status": "pending", "amount": 1500, "driver": null,
            "requested_at": "2025-12-19T03:00:00.000Z", "accepted_at": null,
            "arrived_at": null, "started_at": null, "completed_at": null, "cancelled_at": null,
        });
        assert_eq!(ride, expected);
    }

    #[test]
    fn money_is_whole_where_it_is_whole() {
        let ride =
            Ride { estimated_fare: usd(150_050).into(), final_fare: Some(usd(160_000).into()), ..ride() };
        let ride = serde_json::to_value(ride).expect("JSON");
        assert_eq!((&ride["estimated_fare"], &ride["final_fare"]), (&json!(1500.5), &json!(1600)));
    }

    #[test]
    fn what_is_not_known_of_a_driver_is_empty_and_their_place_null() {
        let card = assignment(&ride().ride_id).driver;
        let card = DriverCard { phone: None, plate: None, color: None, rating: 5.0, position: None, ..card };
        let expected = json!({
            "driver_id": person(7), "driver_name": "John Doe", "driver_phone": "", "vehicle_type": "moto",
            "vehicle_plate": "", "vehicle_color": "", "driver_rating": 5.0, "latitude": null, "longitude": null,
        });
        assert_eq!(serde_json::to_value(RideDriver::from(card)).expect("JSON"), expected);
    }

    #[test]
    fn one_position_or_a_list_of_them() {
        let one = r#" {"latitude": 3.848, "longitude": 11.5021, "speed": 25} "#;
        let Positions { fixes, rejected, .. } = positions(one, now()).expect("readable");
        assert_eq!((fixes.len(), fixes[0].speed, rejected.len()), (1, Some(25.0), 0));
        let list = r#"[{"latitude": 3.8, "longitude": 11.5, "timestamp": "2025-12-19T02:59:00Z"},
            {"latitude": 91, "longitude": 0}, 7, {"latitude": 3.9, "longitude": 11.5, "heading": NaN},
            {"latitude": 3.9, "longitude": NaN}, {"latitude": 3.9, "longitude": 11.5, "timestamp": "noon", "speed": []}]"#;
        let Positions { fixes, rejected, adjusted } = positions(list, now()).expect("readable");
        let minutes: Vec<i64> = fixes.iter().map(|fix| (now() - fix.measured_at).num_minutes()).collect();
        assert_eq!(minutes, [1, 0, 0], "its own time, and ours");
        let rejected = serde_json::to_value(rejected).expect("JSON");
        let expected = json!([
            {"index": 1, "code": "invalid_position"}, {"index": 2, "code": "invalid_position"},
            {"index": 4, "code": "invalid_position"},
        ]);
        assert_eq!(rejected, expected);
        let adjusted = serde_json::to_value(adjusted).expect("JSON");
        assert_eq!(adjusted, json!([{"index": 5, "fields": ["speed", "timestamp"]}]));
        assert_eq!(positions("[]", now()), Ok(Positions::default()));
    }

    #[test]
    fn a_body_that_is_no_json_or_too_long_is_refused_as_a_whole() {
        let code = |body: &str| positions(body, now()).expect_err(body).code;
        for body in ["", "[", "{}{}", "[1,]"] {
            assert_eq!(code(body), ErrorCode::NotJson, "{body}");
        }
        let many =
            |count: usize| Value::from(vec![json!({"latitude": 1, "longitude": 2}); count]).to_string();
        assert_eq!(code(&many(POSITIONS_MAX + 1)), ErrorCode::InvalidFields);
        assert_eq!(positions(&many(POSITIONS_MAX), now()).expect("readable").fixes.len(), POSITIONS_MAX);
    }
}
