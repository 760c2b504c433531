//! Events: facts that have happened. Durable ones are numbered for each account, stored, and replayed.

use crate::domain::booking::BookingStatus;
use crate::domain::contact::Contact;
use crate::domain::ids::{AccountId, DriverId, EventId, JobId};
use crate::domain::money::{self, Money};
use crate::domain::payment::{JobName, PaymentMethod, PaymentStatus};
use crate::domain::position::Position;
use crate::domain::ride::{CancelCode, CancelledBy, RideId, Unavailable};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A durable event of one account.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub account: AccountId,
    pub id: EventId,
    pub job: Option<JobId>,
    pub created_at: DateTime<Utc>,
    /// A push service has it for the customer: what is replayed is for the app's state, not to be shown again.
    pub pushed: bool,
    /// The job's id in another system.
    pub external_id: Option<String>,
    pub body: EventBody,
    /// With a ride's acceptance, for the driver who has it and while they have it: whom to call. Not in the row.
    pub contact: Option<Box<Contact>>,
}

/// The event itself, in the words of the domain; stored as JSON. A contract translates it. Fields may be added with a
/// default; none is renamed, since rows outlive versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventBody {
    /// A delivery was bound to a driver.
    OrderAssigned(OrderSummary),
    /// A delivery ended before it was delivered, or was taken back from this driver.
    OrderCancelled { order_id: JobId, reason: String },
    /// The driver has a delivery with them; its customer hears it.
    OrderPickedUp { order_id: JobId },
    /// A delivery is at its goal; its customer hears it.
    OrderDelivered { order_id: JobId },
    /// A ride is offered to this driver.
    RideRequested(RideOffer),
    /// The offer of a ride ended without this driver.
    RideUnavailable { ride_id: RideId, reason: Unavailable },
    /// A ride was bound to a driver.
    RideAccepted(Box<RideAssignment>),
    /// The driver is at the pickup.
    DriverArrived { ride_id: RideId, driver: Uuid },
    /// The ride is in progress, since this event's time.
    RideStarted { ride_id: RideId },
    /// The ride ended at its goal, at this event's time.
    RideCompleted {
        ride_id: RideId,
        #[serde(flatten, with = "money::final_fare")]
        final_fare: Money,
    },
    /// The ride ended before its goal, or its search found nobody.
    RideCancelled {
        ride_id: RideId,
        cancelled_by: CancelledBy,
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<CancelCode>,
    },
    /// The driver gave the ride back; the search goes on.
    DriverCancelled { ride_id: RideId, driver: Uuid, reason: String },
    /// The driver is no longer heard from, and has not come to the pickup.
    DriverUnreachable { ride_id: RideId, driver: Uuid, heard_of_at: Option<DateTime<Utc>> },
    /// The other participant of a ride wrote something.
    ChatMessage { ride_id: RideId, from: Uuid, text: String },
    /// The booking's state changed. The technician it was taken from sees it as pending.
    BookingUpdated(BookingUpdate),
    /// How a job is paid, or how far that is, has changed.
    PaymentUpdated(PaymentUpdate),
}

/// The details of an order that its driver needs, as they were when it was assigned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderSummary {
    /// The order's number.
    pub order_id: JobId,
    /// Where the driver takes it over.
    pub restaurant_name: String,
    /// The restaurant's address.
    pub pickup_address: String,
    /// The customer's address.
    pub delivery_address: String,
    /// The driver's earnings from it.
    #[serde(flatten, with = "money::earnings")]
    #[schemars(with = "money::earnings::Fields")]
    pub earnings: Money,
    /// From the pickup to the customer.
    pub distance_km: f64,
}

/// How a job is paid. Its amount has its `currency` next to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentUpdate {
    #[serde(flatten)]
    pub job: JobName,
    /// Null where nobody has said how.
    pub payment_method: Option<PaymentMethod>,
    /// How far the payment is.
    pub payment_status: PaymentStatus,
    #[serde(flatten, with = "money::amount")]
    #[schemars(with = "money::amount::Fields")]
    pub amount: Option<Money>,
}

/// The state of a booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingUpdate {
    pub booking_id: JobId,
    pub track_id: String,
    pub status: BookingStatus,
    /// Empty where there is none.
    pub technician_name: String,
    /// Why it was cancelled or taken back, as it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The details of a ride that a driver needs to accept or decline it. People are named by their account's UUID.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RideOffer {
    pub ride_id: RideId,
    pub passenger: Uuid,
    pub ride_type: String,
    #[serde(with = "place")]
    pub pickup: Position,
    #[serde(with = "place")]
    pub dropoff: Position,
    #[serde(flatten, with = "money::estimated_fare")]
    pub estimated_fare: Money,
    /// How the passenger wants to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<PaymentMethod>,
    pub expires_at: DateTime<Utc>,
}

/// A ride's driver, and their arrival time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RideAssignment {
    pub ride_id: RideId,
    pub booking_id: JobId,
    pub driver: DriverCard,
    /// Whole minutes until the driver is at the pickup.
    pub estimated_arrival: Option<u32>,
}

/// A driver as a passenger sees them, as they were when the ride was bound to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriverCard {
    /// The account's UUID: the hailing apps' `driver_id`.
    pub public_id: Uuid,
    /// The matching app's `id`.
    pub id: DriverId,
    pub name: String,
    pub phone: Option<String>,
    pub vehicle_type: String,
    pub plate: Option<String>,
    pub color: Option<String>,
    pub rating: f64,
    #[serde(default, with = "place::optional")]
    pub position: Option<Position>,
}

impl EventBody {
    /// The name, as the database and the log have it.
    pub fn name(&self) -> &'static str {
        match self {
            EventBody::OrderAssigned(_) => "order_assigned",
            EventBody::OrderCancelled { .. } => "order_cancelled",
            EventBody::OrderPickedUp { .. } => "order_picked_up",
            EventBody::OrderDelivered { .. } => "order_delivered",
            EventBody::RideRequested(_) => "ride_requested",
            EventBody::RideUnavailable { .. } => "ride_unavailable",
            EventBody::RideAccepted(_) => "ride_accepted",
            EventBody::DriverArrived { .. } => "driver_arrived",
            EventBody::RideStarted { .. } => "ride_started",
            EventBody::RideCompleted { .. } => "ride_completed",
            EventBody::RideCancelled { .. } => "ride_cancelled",
            EventBody::DriverCancelled { .. } => "driver_cancelled",
            EventBody::DriverUnreachable { .. } => "driver_unreachable",
            EventBody::ChatMessage { .. } => "chat_message",
            EventBody::BookingUpdated(_) => "booking_updated",
            EventBody::PaymentUpdated(_) => "payment_updated",
        }
    }

    /// The ride that it is of.
    pub fn ride_id(&self) -> Option<&RideId> {
        match self {
            EventBody::OrderAssigned(_)
            | EventBody::OrderCancelled { .. }
            | EventBody::OrderPickedUp { .. }
            | EventBody::OrderDelivered { .. }
            | EventBody::BookingUpdated(_) => None,
            EventBody::PaymentUpdated(PaymentUpdate { job, .. }) => match job {
                JobName::RideId(ride_id) => Some(ride_id),
                JobName::OrderId(_) | JobName::BookingId(_) => None,
            },
            EventBody::RideRequested(offer) => Some(&offer.ride_id),
            EventBody::RideAccepted(assignment) => Some(&assignment.ride_id),
            EventBody::RideUnavailable { ride_id, .. }
            | EventBody::DriverArrived { ride_id, .. }
            | EventBody::RideStarted { ride_id }
            | EventBody::RideCompleted { ride_id, .. }
            | EventBody::RideCancelled { ride_id, .. }
            | EventBody::DriverCancelled { ride_id, .. }
            | EventBody::DriverUnreachable { ride_id, .. }
            | EventBody::ChatMessage { ride_id, .. } => Some(ride_id),
        }
    }

    /// The replay of an offer that is no longer open: a driver who comes back must not be shown a ride that they can't
    /// have. Any other event stays unchanged.
    pub fn with_offer_closed(self, reason: Unavailable) -> Self {
        match self {
            EventBody::RideRequested(offer) => EventBody::RideUnavailable { ride_id: offer.ride_id, reason },
            other => other,
        }
    }
}

/// A position as rows have it.
pub(super) mod place {
    use super::{Deserialize, Position, Serialize};
    use serde::{Deserializer, Serializer, de};

    #[derive(Serialize, Deserialize)]
    struct Place {
        latitude: f64,
        longitude: f64,
    }

    impl From<Position> for Place {
        fn from(position: Position) -> Self {
            Self { latitude: position.latitude(), longitude: position.longitude() }
        }
    }

    impl Place {
        fn read<E: de::Error>(self) -> Result<Position, E> {
            Position::new(self.latitude, self.longitude).map_err(E::custom)
        }
    }

    pub fn serialize<S: Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
        Place::from(*position).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Position, D::Error> {
        Place::deserialize(deserializer)?.read()
    }

    pub mod optional {
        use super::{Deserialize, Deserializer, Place, Position, Serialize, Serializer};

        pub fn serialize<S: Serializer>(
            position: &Option<Position>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            position.map(Place::from).serialize(serializer)
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Position>, D::Error> {
            Option::<Place>::deserialize(deserializer)?.map(Place::read).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::currency::Currency;
    use crate::domain::money::usd;
    use chrono::TimeZone;
    use serde_json::{Value, json};

    const RIDE: &str = "0190a5f0-7a7e-7bd0-8d0c-9f1d8a1f2b3c";
    const PERSON: &str = "0190a5f0-0000-7000-8000-000000000001";

    fn ride() -> RideId {
        RideId::new(RIDE).expect("a ride id")
    }

    fn person() -> Uuid {
        Uuid::parse_str(PERSON).expect("a UUID")
    }

    /// As rows had amounts before their currency stood next to them.
    fn bare(minor: i64) -> Money {
        Money::from_minor(minor, Currency::UNKNOWN)
    }

    fn offer() -> EventBody {
        EventBody::RideRequested(RideOffer {
            ride_id: ride(),
            passenger: person(),
            ride_type: "moto".to_owned(),
            pickup: Position::new(3.848, 11.5021).expect("in range"),
            dropoff: Position::new(3.858, 11.5121).expect("in range"),
            estimated_fare: bare(150_000),
            payment_method: None,
            expires_at: Utc.timestamp_opt(1_800_000_015, 0).single().expect("a time"),
        })
    }

    fn accepted(position: Option<Position>) -> EventBody {
        EventBody::RideAccepted(Box::new(RideAssignment {
            ride_id: ride(),
            booking_id: JobId(1),
            driver: DriverCard {
                public_id: person(),
                id: DriverId(7),
                name: "John Doe".to_owned(),
                phone: None,
                vehicle_type: "moto".to_owned(),
                plate: Some("CM-1234-AB".to_owned()),
                color: None,
                rating: 4.8,
                position,
            },
            estimated_arrival: Some(5),
        }))
    }

    #[test]
    fn what_an_orders_customer_hears_is_written_and_read_as_ever() {
        let rows = [
            (
                EventBody::OrderPickedUp { order_id: JobId(17) },
                json!({"event": "order_picked_up", "order_id": 17}),
            ),
            (
                EventBody::OrderDelivered { order_id: JobId(17) },
                json!({"event": "order_delivered", "order_id": 17}),
            ),
        ];
        for (body, row) in rows {
            assert_eq!(serde_json::to_value(&body).expect("JSON"), row);
            assert_eq!(row["event"], body.name());
            assert_eq!(serde_json::from_value::<EventBody>(row).expect("a row"), body);
        }
    }

    /// Each event of a ride, next to the row as it was first written. Rows outlive versions: a row once written is read
    /// for ever, so cases are added and never changed.
    fn rows() -> Vec<(EventBody, Value)> {
        let mut rows = rows_of_the_match();
        rows.extend(rows_of_the_ride());
        rows.extend(rows_of_payment());
        rows
    }

    fn rows_of_payment() -> Vec<(EventBody, Value)> {
        let EventBody::RideRequested(offer) = offer() else { panic!("an offer") };
        let offer =
            RideOffer { estimated_fare: usd(150_000), payment_method: Some(PaymentMethod::Cash), ..offer };
        let update = |amount| PaymentUpdate {
            job: JobName::RideId(ride()),
            payment_method: None,
            payment_status: PaymentStatus::Paid,
            amount,
        };
        vec![
            (
                EventBody::RideRequested(offer),
                json!({
                    "event": "ride_requested", "ride_id": RIDE, "passenger": PERSON, "ride_type": "moto",
                    "pickup": {"latitude": 3.848, "longitude": 11.5021},
                    "dropoff": {"latitude": 3.858, "longitude": 11.5121},
                    "estimated_fare": 1500.0, "currency": "USD", "payment_method": "cash",
                    "expires_at": "2027-01-15T08:00:15Z",
                }),
            ),
            (
                EventBody::RideCompleted { ride_id: ride(), final_fare: usd(150_050) },
                json!({"event": "ride_completed", "ride_id": RIDE, "final_fare": 1500.5, "currency": "USD"}),
            ),
            (
                EventBody::PaymentUpdated(update(Some(usd(150_050)))),
                json!({
                    "event": "payment_updated", "ride_id": RIDE, "payment_method": null,
                    "payment_status": "paid", "amount": 1500.5, "currency": "USD",
                }),
            ),
            (
                EventBody::PaymentUpdated(update(None)),
                json!({
                    "event": "payment_updated", "ride_id": RIDE, "payment_method": null,
                    "payment_status": "paid", "amount": null, "currency": null,
                }),
            ),
        ]
    }

    fn rows_of_the_match() -> Vec<(EventBody, Value)> {
        let here = Position::new(3.8485, 11.5025).expect("in range");
        vec![
            (
                offer(),
                json!({
                    "event": "ride_requested", "ride_id": RIDE, "passenger": PERSON, "ride_type": "moto",
                    "pickup": {"latitude": 3.848, "longitude": 11.5021},
                    "dropoff": {"latitude": 3.858, "longitude": 11.5121},
                    "estimated_fare": 1500.0, "expires_at": "2027-01-15T08:00:15Z",
                }),
            ),
            (
                EventBody::RideUnavailable { ride_id: ride(), reason: Unavailable::Taken },
                json!({"event": "ride_unavailable", "ride_id": RIDE, "reason": "taken"}),
            ),
            (
                accepted(Some(here)),
                json!({
                    "event": "ride_accepted", "ride_id": RIDE, "booking_id": 1, "estimated_arrival": 5,
                    "driver": {
                        "public_id": PERSON, "id": 7, "name": "John Doe", "phone": null, "vehicle_type": "moto",
                        "plate": "CM-1234-AB", "color": null, "rating": 4.8,
                        "position": {"latitude": 3.8485, "longitude": 11.5025},
                    },
                }),
            ),
        ]
    }

    fn rows_of_the_ride() -> Vec<(EventBody, Value)> {
        vec![
            (
                EventBody::DriverArrived { ride_id: ride(), driver: person() },
                json!({"event": "driver_arrived", "ride_id": RIDE, "driver": PERSON}),
            ),
            (EventBody::RideStarted { ride_id: ride() }, json!({"event": "ride_started", "ride_id": RIDE})),
            (
                EventBody::RideCompleted { ride_id: ride(), final_fare: bare(150_050) },
                json!({"event": "ride_completed", "ride_id": RIDE, "final_fare": 1500.5}),
            ),
            (
                EventBody::RideCancelled {
                    ride_id: ride(),
                    cancelled_by: CancelledBy::Passenger,
                    reason: "Changed my mind".to_owned(),
                    code: None,
                },
                json!({
                    "event": "ride_cancelled", "ride_id": RIDE, "cancelled_by": "passenger",
                    "reason": "Changed my mind",
                }),
            ),
            (
                EventBody::RideCancelled {
                    ride_id: ride(),
                    cancelled_by: CancelledBy::System,
                    reason: "No drivers available nearby".to_owned(),
                    code: Some(CancelCode::NoDrivers),
                },
                json!({
                    "event": "ride_cancelled", "ride_id": RIDE, "cancelled_by": "system",
                    "reason": "No drivers available nearby", "code": "no_drivers",
                }),
            ),
            (
                EventBody::DriverCancelled {
                    ride_id: ride(),
                    driver: person(),
                    reason: "Flat tyre".to_owned(),
                },
                json!({"event": "driver_cancelled", "ride_id": RIDE, "driver": PERSON, "reason": "Flat tyre"}),
            ),
            (
                EventBody::DriverUnreachable {
                    ride_id: ride(),
                    driver: person(),
                    heard_of_at: Utc.timestamp_opt(1_800_000_015, 0).single(),
                },
                json!({
                    "event": "driver_unreachable", "ride_id": RIDE, "driver": PERSON,
                    "heard_of_at": "2027-01-15T08:00:15Z",
                }),
            ),
            (
                EventBody::ChatMessage { ride_id: ride(), from: person(), text: "🚕?".to_owned() },
                json!({"event": "chat_message", "ride_id": RIDE, "from": PERSON, "text": "🚕?"}),
            ),
        ]
    }

    #[test]
    fn rows_are_written_and_read_as_ever() {
        for (body, row) in rows() {
            assert_eq!(serde_json::to_value(&body).expect("JSON"), row);
            assert_eq!(serde_json::from_value::<EventBody>(row).expect("a row"), body);
        }
    }

    #[test]
    fn the_name_in_its_own_column_is_the_one_in_the_body() {
        for (body, row) in rows() {
            assert_eq!(row["event"], body.name());
            assert_eq!(body.ride_id(), Some(&ride()));
        }
    }

    #[test]
    fn an_orders_amount_has_its_currency_next_to_it() {
        let order = OrderSummary {
            order_id: JobId(17),
            restaurant_name: "Burger King".to_owned(),
            pickup_address: "P".to_owned(),
            delivery_address: "D".to_owned(),
            earnings: Money::from_minor(4500, Currency::new("XAF").expect("a currency")),
            distance_km: 3.2,
        };
        let row = json!({
            "event": "order_assigned", "order_id": 17, "restaurant_name": "Burger King", "pickup_address": "P",
            "delivery_address": "D", "earnings": 4500.0, "currency": "XAF", "distance_km": 3.2,
        });
        let body = EventBody::OrderAssigned(order);
        assert_eq!(serde_json::to_value(&body).expect("JSON"), row);
        assert_eq!(serde_json::from_value::<EventBody>(row).expect("a row"), body);
    }

    #[test]
    fn a_booking_is_written_with_a_reason_only_where_there_is_one() {
        let update = BookingUpdate {
            booking_id: JobId(456),
            track_id: "BID456".to_owned(),
            status: BookingStatus::StartJourney,
            technician_name: "John".to_owned(),
            reason: None,
        };
        let mut row = json!({
            "event": "booking_updated", "booking_id": 456, "track_id": "BID456", "status": "StartJourney",
            "technician_name": "John",
        });
        let body = EventBody::BookingUpdated(update.clone());
        assert_eq!((body.name(), body.ride_id()), ("booking_updated", None));
        assert_eq!(serde_json::to_value(&body).expect("JSON"), row);
        assert_eq!(serde_json::from_value::<EventBody>(row.clone()).expect("a row"), body);
        let reason = Some("Rain".to_owned());
        let body = EventBody::BookingUpdated(BookingUpdate { reason, ..update });
        row["reason"] = json!("Rain");
        assert_eq!(serde_json::to_value(&body).expect("JSON"), row);
    }

    #[test]
    fn an_unknown_place_is_null_or_absent_and_one_off_the_earth_is_no_row() {
        let (body, row) = (accepted(None), serde_json::to_value(accepted(None)).expect("JSON"));
        assert_eq!(row["driver"]["position"], Value::Null);
        let mut without = row.clone();
        without["driver"].as_object_mut().expect("an object").remove("position");
        for row in [row.clone(), without] {
            assert_eq!(serde_json::from_value::<EventBody>(row).expect("a row"), body);
        }
        let mut off = row;
        off["driver"]["position"] = json!({"latitude": 91.0, "longitude": 0.0});
        assert!(serde_json::from_value::<EventBody>(off).is_err());
    }

    #[test]
    fn only_an_offer_is_replayed_as_unavailable() {
        let expected = EventBody::RideUnavailable { ride_id: ride(), reason: Unavailable::Expired };
        assert_eq!(offer().with_offer_closed(Unavailable::Expired), expected);
        let started = EventBody::RideStarted { ride_id: ride() };
        assert_eq!(started.clone().with_offer_closed(Unavailable::Expired), started);
    }
}
