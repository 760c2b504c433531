//! Durable events as messages in the plain envelope, which the driver app and the hailing apps share: one type for each
//! event, and the translation from the domain's. They borrow from the event, so that writing one copies nothing.

use crate::contracts::contact::PassengerContact;
use crate::contracts::envelope::{self, EventData, EventEnvelope, is_false};
use crate::contracts::number::JsNumber;
use crate::contracts::time::WireTime;
use crate::domain::booking::BookingStatus;
use crate::domain::contact::Contact;
use crate::domain::currency::Currency;
use crate::domain::event::{
    BookingUpdate, Event, EventBody, OrderSummary, PaymentUpdate, RideAssignment, RideOffer,
};
use crate::domain::ids::{EventId, JobId};
use crate::domain::money::Money;
use crate::domain::payment::PaymentMethod;
use crate::domain::ride::{CancelCode, CancelledBy, RideId, Unavailable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use uuid::Uuid;

/// A durable event of an account, by the name that it has in the database, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventMessage<'a> {
    /// An order was assigned to this driver; its customer hears it, too.
    OrderAssigned(EventEnvelope<'a, Cow<'a, OrderSummary>>),
    /// An order was cancelled, or taken back from this driver.
    OrderCancelled(EventEnvelope<'a, OrderCancelled<'a>>),
    /// The driver has the order with them; its customer hears it.
    OrderPickedUp(EventEnvelope<'a, OrderMoved>),
    /// The order is with its customer, who hears it.
    OrderDelivered(EventEnvelope<'a, OrderMoved>),
    /// A ride is offered to this driver.
    RideRequested(OfferEnvelope<'a>),
    /// The offer of a ride has ended without this driver.
    RideUnavailable(EventEnvelope<'a, RideUnavailable<'a>>),
    /// A driver has the ride.
    RideAccepted(EventEnvelope<'a, RideAccepted<'a>>),
    /// The driver is at the pickup.
    DriverArrived(EventEnvelope<'a, DriverArrived<'a>>),
    /// The ride is in progress.
    RideStarted(EventEnvelope<'a, RideStarted<'a>>),
    /// The ride ended at its goal.
    RideCompleted(EventEnvelope<'a, RideCompleted<'a>>),
    /// The ride ended before its goal, or its search found nobody.
    RideCancelled(EventEnvelope<'a, RideCancelled<'a>>),
    /// The driver gave the ride back; the search goes on.
    DriverCancelled(EventEnvelope<'a, DriverCancelled<'a>>),
    /// The driver is no longer heard from, and has not come to the pickup.
    DriverUnreachable(EventEnvelope<'a, DriverUnreachable<'a>>),
    /// The other participant of a ride wrote something.
    ChatMessage(EventEnvelope<'a, ChatMessage<'a>>),
    /// The state of a booking has changed. The technician from whom it was taken sees it as pending.
    BookingUpdated(EventEnvelope<'a, BookingUpdated<'a>>),
    /// How a job is paid, or how far that is, has changed.
    PaymentUpdated(EventEnvelope<'a, Cow<'a, PaymentUpdate>>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancelled<'a> {
    /// The order's number.
    pub order_id: JobId,
    /// As it was said, word for word.
    pub reason: Cow<'a, str>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderMoved {
    /// The order's number.
    pub order_id: JobId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RideRequested<'a> {
    /// The ride on offer.
    pub ride_id: Cow<'a, RideId>,
    /// The passenger's account.
    pub passenger_id: Uuid,
    /// The vehicle type that was asked for; `any` takes every vehicle.
    pub ride_type: Cow<'a, str>,
    /// Degrees north.
    pub pickup_latitude: f64,
    /// Degrees east.
    pub pickup_longitude: f64,
    /// Degrees north.
    pub dropoff_latitude: f64,
    /// Degrees east.
    pub dropoff_longitude: f64,
    /// In major units of the currency.
    pub estimated_fare: JsNumber,
    /// ISO 4217. Absent in events of the time before amounts had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// How the passenger wants to pay, where they have said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<PaymentMethod>,
    /// Until when the driver may accept.
    pub expires_at: WireTime,
}

/// The offer of a ride, which has its ride's id a second time: the apps look for it there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RideRequestedEvent")]
pub struct OfferEnvelope<'a> {
    /// The event's number for this account: 1, 2, 3 … with no gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EventId>,
    /// The offered ride.
    pub data: EventData<'a, RideRequested<'a>>,
    /// The id of the offered ride.
    pub metadata: OfferMetadata<'a>,
    /// When it was offered, also when it is sent again.
    pub timestamp: WireTime,
    /// Offers are not pushed: absent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pushed: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OfferMetadata<'a> {
    /// The ride on offer.
    pub ride_id: Cow<'a, RideId>,
}

impl<'a> OfferEnvelope<'a> {
    pub fn new(event: EventEnvelope<'a, RideRequested<'a>>, ride: &'a RideId) -> Self {
        let EventEnvelope { id, data, timestamp, pushed } = event;
        Self { id, data, metadata: OfferMetadata { ride_id: ride.into() }, timestamp, pushed }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RideUnavailable<'a> {
    /// The ride that was on offer.
    pub ride_id: Cow<'a, RideId>,
    /// Why the offer has ended.
    pub reason: Unavailable,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RideAccepted<'a> {
    /// The ride that has a driver now.
    pub ride_id: Cow<'a, RideId>,
    /// The driver's account.
    pub driver_id: Uuid,
    /// As passengers see it.
    pub driver_name: Cow<'a, str>,
    /// Such as `moto` or `sedan`.
    pub vehicle_type: Cow<'a, str>,
    /// The vehicle's registration; empty where it is not known.
    pub vehicle_plate: Cow<'a, str>,
    /// Empty where it is not known.
    pub vehicle_color: Cow<'a, str>,
    /// The mean of what passengers gave, from 1.0 to 5.0.
    pub driver_rating: f64,
    /// Whole minutes until the driver is at the pickup; 0 where it is not known.
    pub estimated_arrival: u32,
    /// The passenger's contact, for the driver who has the ride, while they have it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub passenger: Option<PassengerContact>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriverArrived<'a> {
    /// The ride whose pickup it is.
    pub ride_id: Cow<'a, RideId>,
    /// The driver's account.
    pub driver_id: Uuid,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    pub final_fare: JsNumber,
    /// ISO 4217. Absent in events of the time before amounts had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// When it ended.
    pub completed_at: WireTime,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RideCancelled<'a> {
    /// The ride that has ended.
    pub ride_id: Cow<'a, RideId>,
    /// The party that ended it; `system` if a search found nobody.
    pub cancelled_by: CancelledBy,
    /// As it was said, word for word.
    pub reason: Cow<'a, str>,
    /// Where an app should tell it from somebody's decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CancelCode>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriverCancelled<'a> {
    /// The ride that is searched for again.
    pub ride_id: Cow<'a, RideId>,
    /// The account of the driver who had it.
    pub driver_id: Uuid,
    /// As the driver said it.
    pub reason: Cow<'a, str>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriverUnreachable<'a> {
    /// The ride that waits for its driver.
    pub ride_id: Cow<'a, RideId>,
    /// The driver's account.
    pub driver_id: Uuid,
    /// When the last was heard of them; null where nothing ever was.
    pub heard_of_at: Option<WireTime>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChatMessage<'a> {
    /// The ride whose participants talk.
    pub ride_id: Cow<'a, RideId>,
    /// The account of who wrote it.
    pub from: Uuid,
    /// At most 1,000 characters.
    pub text: Cow<'a, str>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BookingUpdated<'a> {
    /// The booking's number.
    pub booking_id: JobId,
    /// The id under which people speak of it.
    pub track_id: Cow<'a, str>,
    /// Its new status.
    pub status: BookingStatus,
    /// Empty where there is none.
    pub technician_name: Cow<'a, str>,
    /// Why it was cancelled or taken back, as it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
}

impl<'a> EventMessage<'a> {
    /// An event under its number. The time is when it happened.
    pub fn new(event: &'a Event) -> Self {
        Frame { event, id: Some(event.id) }.filled(event.contact.as_deref())
    }

    /// The same for somebody whose account it is not of: an admin who watches. The number would say nothing to them,
    /// and whom to call is the driver's to know.
    pub fn watched(event: &'a Event) -> Self {
        Frame { event, id: None }.filled(None)
    }

    pub fn text(&self) -> String {
        envelope::text(self)
    }
}

/// The common part of all events on the wire.
#[derive(Clone, Copy)]
struct Frame<'a> {
    event: &'a Event,
    id: Option<EventId>,
}

impl<'a> Frame<'a> {
    fn around<D>(self, data: D) -> EventEnvelope<'a, D> {
        EventEnvelope::new(self.event, self.id, data)
    }

    fn filled(self, contact: Option<&Contact>) -> EventMessage<'a> {
        use EventMessage as Message;
        let at = WireTime(self.event.created_at);
        match &self.event.body {
            EventBody::OrderAssigned(order) => Message::OrderAssigned(self.around(Cow::Borrowed(order))),
            EventBody::OrderCancelled { order_id, reason } => {
                let reason = reason.into();
                Message::OrderCancelled(self.around(OrderCancelled { order_id: *order_id, reason }))
            }
            EventBody::OrderPickedUp { order_id } => {
                Message::OrderPickedUp(self.around(OrderMoved { order_id: *order_id }))
            }
            EventBody::OrderDelivered { order_id } => {
                Message::OrderDelivered(self.around(OrderMoved { order_id: *order_id }))
            }
            EventBody::BookingUpdated(update) => Message::BookingUpdated(self.around(update.into())),
            EventBody::PaymentUpdated(update) => Message::PaymentUpdated(self.around(Cow::Borrowed(update))),
            EventBody::RideRequested(offer) => {
                Message::RideRequested(OfferEnvelope::new(self.around(offer.into()), &offer.ride_id))
            }
            EventBody::RideUnavailable { ride_id, reason } => Message::RideUnavailable(
                self.around(RideUnavailable { ride_id: ride_id.into(), reason: *reason }),
            ),
            EventBody::RideAccepted(assignment) => {
                Message::RideAccepted(self.around(RideAccepted::new(assignment, contact)))
            }
            EventBody::DriverArrived { ride_id, driver } => Message::DriverArrived(
                self.around(DriverArrived { ride_id: ride_id.into(), driver_id: *driver }),
            ),
            EventBody::RideStarted { ride_id } => {
                Message::RideStarted(self.around(RideStarted { ride_id: ride_id.into(), started_at: at }))
            }
            EventBody::RideCompleted { ride_id, final_fare } => {
                Message::RideCompleted(self.around(RideCompleted::new(ride_id, *final_fare, at)))
            }
            EventBody::RideCancelled { ride_id, cancelled_by, reason, code } => {
                let (ride_id, reason) = (ride_id.into(), reason.into());
                let data = RideCancelled { ride_id, cancelled_by: *cancelled_by, reason, code: *code };
                Message::RideCancelled(self.around(data))
            }
            EventBody::DriverCancelled { ride_id, driver, reason } => {
                let (ride_id, reason) = (ride_id.into(), reason.into());
                Message::DriverCancelled(self.around(DriverCancelled { ride_id, driver_id: *driver, reason }))
            }
            EventBody::DriverUnreachable { ride_id, driver, heard_of_at } => {
                let (ride_id, heard_of_at) = (ride_id.into(), heard_of_at.map(WireTime));
                let data = DriverUnreachable { ride_id, driver_id: *driver, heard_of_at };
                Message::DriverUnreachable(self.around(data))
            }
            EventBody::ChatMessage { ride_id, from, text } => {
                let (ride_id, text) = (ride_id.into(), text.into());
                Message::ChatMessage(self.around(ChatMessage { ride_id, from: *from, text }))
            }
        }
    }
}

impl<'a> From<&'a RideOffer> for RideRequested<'a> {
    fn from(offer: &'a RideOffer) -> Self {
        Self {
            ride_id: (&offer.ride_id).into(),
            passenger_id: offer.passenger,
            ride_type: (&offer.ride_type).into(),
            pickup_latitude: offer.pickup.latitude(),
            pickup_longitude: offer.pickup.longitude(),
            dropoff_latitude: offer.dropoff.latitude(),
            dropoff_longitude: offer.dropoff.longitude(),
            estimated_fare: offer.estimated_fare.into(),
            currency: known(offer.estimated_fare.currency()),
            payment_method: offer.payment_method,
            expires_at: WireTime(offer.expires_at),
        }
    }
}

impl<'a> RideAccepted<'a> {
    fn new(assignment: &'a RideAssignment, contact: Option<&Contact>) -> Self {
        let driver = &assignment.driver;
        Self {
            ride_id: (&assignment.ride_id).into(),
            driver_id: driver.public_id,
            driver_name: (&driver.name).into(),
            vehicle_type: (&driver.vehicle_type).into(),
            vehicle_plate: driver.plate.as_deref().unwrap_or_default().into(),
            vehicle_color: driver.color.as_deref().unwrap_or_default().into(),
            driver_rating: driver.rating,
            estimated_arrival: assignment.estimated_arrival.unwrap_or_default(),
            passenger: contact.cloned().map(Into::into),
        }
    }
}

impl<'a> RideCompleted<'a> {
    fn new(ride: &'a RideId, final_fare: Money, completed_at: WireTime) -> Self {
        let currency = known(final_fare.currency());
        Self { ride_id: ride.into(), final_fare: final_fare.into(), currency, completed_at }
    }
}

impl<'a> From<&'a BookingUpdate> for BookingUpdated<'a> {
    fn from(update: &'a BookingUpdate) -> Self {
        Self {
            booking_id: update.booking_id,
            track_id: (&update.track_id).into(),
            status: update.status,
            technician_name: (&update.technician_name).into(),
            reason: update.reason.as_deref().map(Cow::Borrowed),
        }
    }
}

/// Events of the time before amounts had a currency have none.
pub(super) fn known(currency: Currency) -> Option<Currency> {
    Some(currency).filter(|currency| currency.is_known())
}
