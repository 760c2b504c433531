//! Redacts other people's events when a person is erased: the event, its job and its time stay, without anything by
//! which the person is known. Ids stay.

use crate::domain::event::{DriverCard, EventBody};
use crate::domain::position::Position;
use uuid::Uuid;

/// The person whom the events are to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    pub public_id: Uuid,
    /// The jobs are theirs: so are the places, and what was given as a reason.
    pub is_customer: bool,
}

impl Forgotten {
    /// The event without the person.
    pub fn taken_out_of(&self, body: EventBody) -> EventBody {
        match body {
            EventBody::OrderAssigned(mut order) if self.is_customer => {
                order.restaurant_name.clear();
                order.pickup_address.clear();
                order.delivery_address.clear();
                EventBody::OrderAssigned(order)
            }
            EventBody::OrderCancelled { order_id, .. } => {
                EventBody::OrderCancelled { order_id, reason: String::new() }
            }
            EventBody::RideRequested(mut offer) if self.is_customer => {
                (offer.pickup, offer.dropoff) = (nowhere(), nowhere());
                EventBody::RideRequested(offer)
            }
            EventBody::RideAccepted(mut assignment) if assignment.driver.public_id == self.public_id => {
                assignment.driver = nobody(assignment.driver);
                EventBody::RideAccepted(assignment)
            }
            EventBody::RideCancelled { ride_id, cancelled_by, code, .. } => {
                EventBody::RideCancelled { ride_id, cancelled_by, reason: String::new(), code }
            }
            EventBody::DriverCancelled { ride_id, driver, .. } => {
                EventBody::DriverCancelled { ride_id, driver, reason: String::new() }
            }
            EventBody::ChatMessage { ride_id, from, .. } if from == self.public_id => {
                EventBody::ChatMessage { ride_id, from, text: String::new() }
            }
            EventBody::BookingUpdated(mut update) => {
                update.reason = None;
                // Perhaps another's, who had the booking before: they may have had another name then, so nobody can say.
                if !self.is_customer {
                    update.technician_name.clear();
                }
                EventBody::BookingUpdated(update)
            }
            // Ids, times and sums, or somebody else's.
            EventBody::OrderAssigned(_)
            | EventBody::OrderPickedUp { .. }
            | EventBody::OrderDelivered { .. }
            | EventBody::RideRequested(_)
            | EventBody::RideUnavailable { .. }
            | EventBody::RideAccepted(_)
            | EventBody::DriverArrived { .. }
            | EventBody::RideStarted { .. }
            | EventBody::RideCompleted { .. }
            | EventBody::DriverUnreachable { .. }
            | EventBody::ChatMessage { .. }
            | EventBody::PaymentUpdated(_) => body,
        }
    }
}

/// A row must have a position; this one is no place of anybody's.
fn nowhere() -> Position {
    Position::new(0.0, 0.0).expect("in range")
}

fn nobody(card: DriverCard) -> DriverCard {
    DriverCard { name: String::new(), phone: None, plate: None, color: None, position: None, ..card }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::RideAssignment;
    use crate::domain::ids::{DriverId, JobId};
    use crate::domain::ride::RideId;

    fn accepted(public_id: Uuid) -> EventBody {
        EventBody::RideAccepted(Box::new(RideAssignment {
            ride_id: RideId::new("r-1").expect("an id"),
            booking_id: JobId(1),
            driver: DriverCard {
                public_id,
                id: DriverId(7),
                name: "Zacharias".to_owned(),
                phone: Some("+15550109902".to_owned()),
                vehicle_type: "moto".to_owned(),
                plate: Some("ZEPP-1".to_owned()),
                color: None,
                rating: 4.8,
                position: None,
            },
            estimated_arrival: Some(5),
        }))
    }

    #[test]
    fn the_driver_who_is_forgotten_is_taken_out_and_another_is_not() {
        let forgotten = Forgotten { public_id: Uuid::from_u128(7), is_customer: false };
        let left = forgotten.taken_out_of(accepted(Uuid::from_u128(7)));
        let text = serde_json::to_string(&left).expect("JSON");
        assert!(
            !text.contains("Zacharias") && !text.contains("ZEPP") && !text.contains("5550109902"),
            "{text}"
        );
        assert!(text.contains("r-1") && text.contains("moto"), "{text}");
        assert_eq!(forgotten.taken_out_of(accepted(Uuid::from_u128(8))), accepted(Uuid::from_u128(8)));
    }

    #[test]
    fn what_somebody_else_wrote_is_theirs() {
        let forgotten = Forgotten { public_id: Uuid::from_u128(7), is_customer: true };
        let said = |from: u128, text: &str| EventBody::ChatMessage {
            ride_id: RideId::new("r-1").expect("an id"),
            from: Uuid::from_u128(from),
            text: text.to_owned(),
        };
        assert_eq!(forgotten.taken_out_of(said(7, "I wait")), said(7, ""));
        assert_eq!(forgotten.taken_out_of(said(8, "I come")), said(8, "I come"));
    }
}
