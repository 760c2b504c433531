//! Writes the plain envelope, `{"type","data","timestamp"}`, that the driver app and the hailing apps share: the
//! messages that are the same in both, every durable event included.

use crate::contracts::contact::PassengerContact;
use crate::contracts::inbound::BadMessage;
use crate::contracts::number::JsNumber;
use crate::contracts::time::WireTime;
use crate::domain::contact::Contact;
use crate::domain::currency::Currency;
use crate::domain::event::{BookingUpdate, Event, EventBody, RideAssignment, RideOffer};
use crate::domain::ids::{EventId, JobId};
use crate::domain::payment::PaymentMethod;
use crate::domain::ride::RideId;
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

#[derive(Serialize)]
struct Envelope<'a, D: Serialize> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<EventId>,
    data: Data<'a, D>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    timestamp: WireTime,
}

/// What a message says, and beside our id of the job the one that another system has for it.
#[derive(Serialize)]
struct Data<'a, D: Serialize> {
    #[serde(flatten)]
    said: &'a D,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    ride_id: &'a RideId,
}

impl<D: Serialize> Envelope<'_, D> {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("messages have string keys only")
    }
}

/// A message that is no event.
pub fn text<D: Serialize>(kind: &'static str, data: &D, now: DateTime<Utc>) -> String {
    let data = Data { said: data, external_id: None };
    Envelope { kind, id: None, data, metadata: None, timestamp: WireTime(now) }.text()
}

pub fn error(bad: &BadMessage, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Error<'a> {
        code: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    }
    let (code, retry_after) = (bad.code.as_str(), bad.retry_after);
    text("error", &Error { code, message: &bad.message, retry_after }, now)
}

pub fn resume_failed(oldest: EventId, newest: EventId, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct ResumeFailed {
        oldest_id: EventId,
        newest_id: EventId,
    }
    text("resume_failed", &ResumeFailed { oldest_id: oldest, newest_id: newest }, now)
}

pub fn authenticated(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Authenticated {
        expires_at: WireTime,
    }
    text("authenticated", &Authenticated { expires_at: WireTime(expires_at) }, now)
}

/// A durable event under its number. The timestamp is when it happened.
pub fn event(event: &Event) -> String {
    write(event, Some(event.id), event.contact.as_deref())
}

/// The same for somebody whose account it is not of: an admin who watches. The number would say nothing to them, and whom to
/// call is the driver's to know.
pub fn watched_event(event: &Event) -> String {
    write(event, None, None)
}

fn write(event: &Event, id: Option<EventId>, contact: Option<&Contact>) -> String {
    let at = WireTime(event.created_at);
    let out = Out { kind: event.body.name(), id, at, external_id: event.external_id.as_deref() };
    match &event.body {
        EventBody::OrderAssigned(order) => out.text(order),
        EventBody::OrderCancelled { order_id, reason } => {
            out.text(&OrderCancelled { order_id: *order_id, reason })
        }
        EventBody::OrderPickedUp { order_id } | EventBody::OrderDelivered { order_id } => {
            out.text(&OrderMoved { order_id: *order_id })
        }
        EventBody::RideRequested(offer) => {
            let metadata = Some(Metadata { ride_id: &offer.ride_id });
            out.text_with(&RideRequested::from(offer), metadata)
        }
        EventBody::RideUnavailable { ride_id, reason } => {
            out.text(&RideUnavailable { ride_id, reason: reason.as_str() })
        }
        EventBody::RideAccepted(assignment) => out.text(&RideAccepted::new(assignment, contact)),
        EventBody::DriverArrived { ride_id, driver } => {
            out.text(&DriverArrived { ride_id, driver_id: *driver })
        }
        EventBody::RideStarted { ride_id } => out.text(&RideStarted { ride_id, started_at: at }),
        EventBody::RideCompleted { ride_id, final_fare } => {
            let (final_fare, currency) = (JsNumber(final_fare.major()), known(final_fare.currency()));
            out.text(&RideCompleted { ride_id, final_fare, currency, completed_at: at })
        }
        EventBody::RideCancelled { ride_id, cancelled_by, reason, code } => {
            let (cancelled_by, code) = (cancelled_by.as_str(), code.map(|code| code.as_str()));
            out.text(&RideCancelled { ride_id, cancelled_by, reason, code })
        }
        EventBody::DriverCancelled { ride_id, driver, reason } => {
            out.text(&DriverCancelled { ride_id, driver_id: *driver, reason })
        }
        EventBody::DriverUnreachable { ride_id, driver, heard_of_at } => {
            let heard_of_at = heard_of_at.map(WireTime);
            out.text(&DriverUnreachable { ride_id, driver_id: *driver, heard_of_at })
        }
        EventBody::ChatMessage { ride_id, from, text } => {
            out.text(&ChatMessage { ride_id, from: *from, text })
        }
        EventBody::BookingUpdated(update) => out.text(&BookingUpdated::from(update)),
        EventBody::PaymentUpdated(update) => out.text(update),
    }
}

/// Events of the time before amounts had one have none.
pub(super) fn known(currency: Currency) -> Option<Currency> {
    Some(currency).filter(|currency| currency.is_known())
}

/// What all events have on the wire. Their names there are the ones in the database.
struct Out<'e> {
    kind: &'static str,
    id: Option<EventId>,
    at: WireTime,
    external_id: Option<&'e str>,
}

impl Out<'_> {
    fn text<D: Serialize>(&self, data: &D) -> String {
        self.text_with(data, None)
    }

    fn text_with<D: Serialize>(&self, data: &D, metadata: Option<Metadata<'_>>) -> String {
        let data = Data { said: data, external_id: self.external_id };
        Envelope { kind: self.kind, id: self.id, data, metadata, timestamp: self.at }.text()
    }
}

#[derive(Serialize)]
struct BookingUpdated<'a> {
    booking_id: JobId,
    track_id: &'a str,
    status: &'static str,
    technician_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> From<&'a BookingUpdate> for BookingUpdated<'a> {
    fn from(update: &'a BookingUpdate) -> Self {
        Self {
            booking_id: update.booking_id,
            track_id: &update.track_id,
            status: update.status.as_str(),
            technician_name: &update.technician_name,
            reason: update.reason.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct OrderCancelled<'a> {
    order_id: JobId,
    reason: &'a str,
}

#[derive(Serialize)]
struct OrderMoved {
    order_id: JobId,
}

#[derive(Serialize)]
struct RideRequested<'a> {
    ride_id: &'a RideId,
    passenger_id: Uuid,
    ride_type: &'a str,
    pickup_latitude: f64,
    pickup_longitude: f64,
    dropoff_latitude: f64,
    dropoff_longitude: f64,
    estimated_fare: JsNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_method: Option<PaymentMethod>,
    expires_at: WireTime,
}

impl<'a> From<&'a RideOffer> for RideRequested<'a> {
    fn from(offer: &'a RideOffer) -> Self {
        Self {
            ride_id: &offer.ride_id,
            passenger_id: offer.passenger,
            ride_type: &offer.ride_type,
            pickup_latitude: offer.pickup.latitude(),
            pickup_longitude: offer.pickup.longitude(),
            dropoff_latitude: offer.dropoff.latitude(),
            dropoff_longitude: offer.dropoff.longitude(),
            estimated_fare: JsNumber(offer.estimated_fare.major()),
            currency: known(offer.estimated_fare.currency()),
            payment_method: offer.payment_method,
            expires_at: WireTime(offer.expires_at),
        }
    }
}

#[derive(Serialize)]
struct RideUnavailable<'a> {
    ride_id: &'a RideId,
    reason: &'static str,
}

#[derive(Serialize)]
struct RideAccepted<'a> {
    ride_id: &'a RideId,
    driver_id: Uuid,
    driver_name: &'a str,
    vehicle_type: &'a str,
    vehicle_plate: &'a str,
    vehicle_color: &'a str,
    driver_rating: f64,
    estimated_arrival: u32,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    passenger: Option<PassengerContact>,
}

impl<'a> RideAccepted<'a> {
    fn new(assignment: &'a RideAssignment, contact: Option<&Contact>) -> Self {
        let driver = &assignment.driver;
        Self {
            ride_id: &assignment.ride_id,
            driver_id: driver.public_id,
            driver_name: &driver.name,
            vehicle_type: &driver.vehicle_type,
            vehicle_plate: driver.plate.as_deref().unwrap_or_default(),
            vehicle_color: driver.color.as_deref().unwrap_or_default(),
            driver_rating: driver.rating,
            estimated_arrival: assignment.estimated_arrival.unwrap_or_default(),
            passenger: contact.cloned().map(Into::into),
        }
    }
}

#[derive(Serialize)]
struct DriverArrived<'a> {
    ride_id: &'a RideId,
    driver_id: Uuid,
}

#[derive(Serialize)]
struct RideStarted<'a> {
    ride_id: &'a RideId,
    started_at: WireTime,
}

#[derive(Serialize)]
struct RideCompleted<'a> {
    ride_id: &'a RideId,
    final_fare: JsNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
    completed_at: WireTime,
}

#[derive(Serialize)]
struct RideCancelled<'a> {
    ride_id: &'a RideId,
    cancelled_by: &'static str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

#[derive(Serialize)]
struct DriverCancelled<'a> {
    ride_id: &'a RideId,
    driver_id: Uuid,
    reason: &'a str,
}

#[derive(Serialize)]
struct DriverUnreachable<'a> {
    ride_id: &'a RideId,
    driver_id: Uuid,
    heard_of_at: Option<WireTime>,
}

#[derive(Serialize)]
struct ChatMessage<'a> {
    ride_id: &'a RideId,
    from: Uuid,
    text: &'a str,
}
