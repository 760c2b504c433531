//! The meaning of a message to the app that gets it: the messages of the three contracts, read by the server's own types, as
//! the few things that an app of the simulation reacts to. Pure.

use crate::contracts::envelope::EventEnvelope;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::events::EventMessage;
use crate::contracts::ride_matching::messages::EventFields;
use crate::contracts::{Contract, driver_app, ride_hailing, ride_matching};
use crate::domain::ids::{EventId, JobId};
use crate::domain::position::Position;
use crate::domain::ride::{CancelCode, RideId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A message, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The first message. The matching app is told no number.
    Connected {
        newest: Option<i64>,
    },
    /// An event, or on the matching app's socket the current state without a number.
    Event(Heard),
    Pong,
    /// Not everything is kept that was asked for.
    ResumeFailed,
    Error(ErrorCode),
    /// Nothing that an app of the simulation reacts to.
    Other,
}

/// An event with its number, and when it happened where the contract says that.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub id: Option<i64>,
    pub happened_at: Option<DateTime<Utc>>,
    pub news: News,
}

#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A ride is offered.
    Offered {
        ride: RideId,
        pickup: Option<Position>,
        goal: Option<Position>,
    },
    /// The offer has ended without this driver, or the ride was taken back.
    OfferEnded {
        ride: RideId,
    },
    /// A driver has the ride: their account, where the contract names it.
    Accepted {
        ride: Option<RideId>,
        driver: Option<Uuid>,
        seen_at: Option<Position>,
    },
    /// The driver gave the ride back.
    GivenBack {
        ride: RideId,
    },
    Completed {
        ride: RideId,
    },
    /// The ride ended before its goal; `found_nobody` where that was for want of a driver.
    Ended {
        ride: Option<RideId>,
        found_nobody: bool,
    },
    OrderAssigned {
        order: JobId,
    },
    OrderCancelled {
        order: JobId,
    },
    Other,
}

/// `None` for a text that is no message of the contract.
pub fn read(contract: Contract, text: &str) -> Option<Said> {
    match contract {
        Contract::DriverApp => serde_json::from_str(text).ok().map(of_driver_app),
        Contract::RideHailing => serde_json::from_str(text).ok().map(of_ride_hailing),
        Contract::RideMatching => serde_json::from_str(text).ok().map(of_ride_matching),
    }
}

fn of_driver_app(message: driver_app::ServerMessage<'static>) -> Said {
    use driver_app::ServerMessage as Message;
    match message {
        Message::Connected(connected) => Said::Connected { newest: Some(connected.data.last_event_id.0) },
        Message::Pong => Said::Pong,
        Message::ResumeFailed(_) => Said::ResumeFailed,
        Message::Error(error) => Said::Error(error.data.code),
        Message::Event(event) => Said::Event(of_event(event)),
        Message::Orders(_) | Message::Authenticated(_) => Said::Other,
    }
}

fn of_ride_hailing(message: ride_hailing::ServerMessage<'static>) -> Said {
    use ride_hailing::ServerMessage as Message;
    match message {
        Message::Connected(connected) => Said::Connected { newest: Some(connected.data.last_event_id.0) },
        Message::Pong(_) => Said::Pong,
        Message::ResumeFailed(_) => Said::ResumeFailed,
        Message::Error(error) => Said::Error(error.data.code),
        Message::Event(event) => Said::Event(of_event(event)),
        _ => Said::Other,
    }
}

/// An event in the plain envelope.
fn of_event(message: EventMessage<'static>) -> Heard {
    use EventMessage as Message;
    match message {
        Message::OrderAssigned(event) => {
            heard(&event, News::OrderAssigned { order: event.data.event.order_id })
        }
        Message::OrderCancelled(event) => {
            heard(&event, News::OrderCancelled { order: event.data.event.order_id })
        }
        Message::RideRequested(offer) => {
            let asked = &offer.data.event;
            let news = News::Offered {
                ride: asked.ride_id.clone().into_owned(),
                pickup: Position::new(asked.pickup_latitude, asked.pickup_longitude).ok(),
                goal: Position::new(asked.dropoff_latitude, asked.dropoff_longitude).ok(),
            };
            Heard { id: offer.id.map(i64::from), happened_at: Some(offer.timestamp.0), news }
        }
        Message::RideUnavailable(event) => {
            heard(&event, News::OfferEnded { ride: RideId::clone(&event.data.event.ride_id) })
        }
        Message::RideAccepted(event) => {
            let accepted = &event.data.event;
            let (ride, driver) = (Some(RideId::clone(&accepted.ride_id)), Some(accepted.driver_id));
            heard(&event, News::Accepted { ride, driver, seen_at: None })
        }
        Message::DriverCancelled(event) => {
            heard(&event, News::GivenBack { ride: RideId::clone(&event.data.event.ride_id) })
        }
        Message::RideCompleted(event) => {
            heard(&event, News::Completed { ride: RideId::clone(&event.data.event.ride_id) })
        }
        Message::RideCancelled(event) => {
            let cancelled = &event.data.event;
            let found_nobody = cancelled.code == Some(CancelCode::NoDrivers);
            heard(&event, News::Ended { ride: Some(RideId::clone(&cancelled.ride_id)), found_nobody })
        }
        Message::OrderPickedUp(event) | Message::OrderDelivered(event) => heard(&event, News::Other),
        Message::DriverArrived(event) => heard(&event, News::Other),
        Message::RideStarted(event) => heard(&event, News::Other),
        Message::DriverUnreachable(event) => heard(&event, News::Other),
        Message::ChatMessage(event) => heard(&event, News::Other),
        Message::BookingUpdated(event) => heard(&event, News::Other),
        Message::PaymentUpdated(event) => heard(&event, News::Other),
    }
}

fn heard<D>(event: &EventEnvelope<'_, D>, news: News) -> Heard {
    Heard { id: event.id.map(i64::from), happened_at: Some(event.timestamp.0), news }
}

fn of_ride_matching(message: ride_matching::ServerMessage<'static>) -> Said {
    use ride_matching::ServerMessage as Message;
    let event =
        |id: Option<EventId>, news| Said::Event(Heard { id: id.map(i64::from), happened_at: None, news });
    match message {
        Message::ConnectionEstablished(_) => Said::Connected { newest: None },
        Message::Pong(_) => Said::Pong,
        Message::ResumeFailed(_) => Said::ResumeFailed,
        Message::Error(error) => Said::Error(error.code),
        Message::DriverAssigned(assigned) => {
            let driver = &assigned.fields.driver;
            let place = driver.latitude.zip(driver.longitude);
            let seen_at = place.and_then(|(latitude, longitude)| Position::new(latitude, longitude).ok());
            event(assigned.id, News::Accepted { ride: None, driver: None, seen_at })
        }
        Message::RideCompleted(EventFields { id, fields, .. }) => {
            event(id, News::Completed { ride: fields.ride_id.into_owned() })
        }
        Message::NoDrivers(none) => event(none.id, News::Ended { ride: None, found_nobody: true }),
        Message::RideCancelled(EventFields { id, fields, .. }) => {
            event(id, News::Ended { ride: Some(fields.ride_id.into_owned()), found_nobody: false })
        }
        // With a number it is an event: a driver gave the ride back.
        Message::Searching(EventFields { id: Some(id), fields, .. }) => {
            event(Some(id), News::GivenBack { ride: fields.ride_id.into_owned() })
        }
        Message::Searching(_) => Said::Other,
        Message::DriverArrived(EventFields { id, .. }) => event(id, News::Other),
        Message::RideStarted(EventFields { id, .. }) => event(id, News::Other),
        Message::DriverUnreachable(EventFields { id, .. }) => event(id, News::Other),
        Message::ChatMessage(EventFields { id, .. }) => event(id, News::Other),
        Message::PaymentUpdated(EventFields { id, .. }) => event(id, News::Other),
        Message::DriverLocation(_) | Message::RideRated(_) | Message::Authenticated(_) => Said::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::BadMessage;
    use crate::domain::ids::DriverId;
    use chrono::TimeZone;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 12, 1, 9, 30, 0).single().expect("a time")
    }

    #[test]
    fn the_first_message_says_the_newest_number_where_the_contract_has_one() {
        let text = driver_app::connected(DriverId(7), Uuid::nil(), EventId(41), now());
        assert_eq!(read(Contract::DriverApp, &text), Some(Said::Connected { newest: Some(41) }));
        let text = ride_hailing::connected(Uuid::nil(), None, true, EventId(42), now());
        assert_eq!(read(Contract::RideHailing, &text), Some(Said::Connected { newest: Some(42) }));
        let ride = RideId::new("r1").expect("an id");
        let text = ride_matching::connection_established(&ride, None);
        assert_eq!(read(Contract::RideMatching, &text), Some(Said::Connected { newest: None }));
    }

    #[test]
    fn an_error_is_understood_in_each_contract_and_no_message_in_none() {
        let bad = BadMessage::new(ErrorCode::RideState, "the ride has ended");
        for contract in [Contract::DriverApp, Contract::RideHailing, Contract::RideMatching] {
            assert_eq!(read(contract, &contract.error(&bad, now())), Some(Said::Error(ErrorCode::RideState)));
            assert_eq!(read(contract, &contract.pong(None, now())), Some(Said::Pong));
            assert_eq!(read(contract, "hello"), None);
        }
    }

    #[test]
    fn an_event_has_its_number_its_time_and_its_meaning() {
        let text = r#"{"type":"order_cancelled","id":9,"data":{"order_id":7,"reason":"late"},
            "timestamp":"2026-12-01T09:30:00.000Z"}"#;
        let news = News::OrderCancelled { order: JobId(7) };
        let expected = Said::Event(Heard { id: Some(9), happened_at: Some(now()), news });
        assert_eq!(read(Contract::DriverApp, text), Some(expected.clone()));
        assert_eq!(read(Contract::RideHailing, text), Some(expected));
    }

    #[test]
    fn a_state_that_is_said_again_on_the_matching_socket_is_no_event() {
        let ride = RideId::new("r1").expect("an id");
        assert_eq!(read(Contract::RideMatching, &ride_matching::searching(&ride)), Some(Said::Other));
        let given_back = r#"{"type":"searching","id":4,"message":"again","ride_id":"r1"}"#;
        let news = News::GivenBack { ride };
        let expected = Said::Event(Heard { id: Some(4), happened_at: None, news });
        assert_eq!(read(Contract::RideMatching, given_back), Some(expected));
    }
}
