//! Every message of the sockets, both ways, against its type: what our own clients write, the server reads as it is
//! meant, and what the server writes is what the list says and reads as the same message.

use crate::contracts::catalogue::Direction;
use crate::contracts::client_messages::{
    Ack, Authenticate, LocationUpdate, OfRide, PositionReport, RateRide, Resume, SendChat,
};
use crate::contracts::driver_rest::{AssignedOrders, DriverOrder};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::payment::PaymentFields;
use crate::contracts::ride_hailing::{DriverLocation, Ping};
use crate::contracts::ride_matching::messages as matching;
use crate::contracts::ride_rest::{Ride, RideDriver, RidePeople};
use crate::contracts::time::WireTime;
use crate::contracts::vectors::{assignment, at, event, events_of, now, person, ride, ride_id, sighting};
use crate::contracts::wire_list::{Description, described};
use crate::contracts::{
    BadMessage, Contract, FindDriver, Inbound, Reading, driver_app, envelope, ride_hailing, ride_matching,
};
use crate::domain::booking::BookingStatus;
use crate::domain::contact::Contact;
use crate::domain::driver::DriverStatus;
use crate::domain::event::{BookingUpdate, Event, EventBody, OrderSummary, PaymentUpdate};
use crate::domain::ids::{DriverId, EventId, JobId};
use crate::domain::money::{Amount, usd};
use crate::domain::payment::{JobName, PaymentMethod, PaymentStatus};
use crate::domain::position::Fix;
use crate::domain::ride::{CancelledBy, RideId, RideStep, Stars};
use chrono::TimeDelta;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

fn the_ride() -> RideId {
    ride_id("12345")
}

fn of_ride() -> OfRide {
    OfRide { ride_id: the_ride() }
}

fn report() -> PositionReport {
    PositionReport {
        latitude: 28.7041,
        longitude: 77.1025,
        accuracy: Some(10.5),
        heading: Some(180.0),
        speed: Some(25.5),
        battery_level: Some(75.0),
        timestamp: Some(WireTime(now() - TimeDelta::milliseconds(1_500))),
    }
}

fn position() -> Inbound {
    let fix = Fix {
        position: at(28.7041, 77.1025),
        accuracy_m: Some(10.5),
        heading: Some(180.0),
        speed: Some(25.5),
        battery_level: Some(75.0),
        measured_at: now() - TimeDelta::milliseconds(1_500),
    };
    Inbound::Position(Reading { fix, flaws: Vec::new() })
}

fn chat() -> SendChat {
    SendChat { ride_id: the_ride(), text: "At the \"gate\"\n".to_owned() }
}

fn chat_heard(ride_id: Option<RideId>) -> Inbound {
    Inbound::Chat { ride_id, text: "At the \"gate\"\n".to_owned() }
}

fn rated(ride_id: Option<RideId>) -> Inbound {
    let stars = Stars::new(4).expect("from 1 to 5");
    Inbound::Rate { ride_id, stars, comment: Some("On time".to_owned()) }
}

fn step(step: RideStep) -> Inbound {
    Inbound::Step { ride_id: the_ride(), step }
}

fn ack() -> Ack {
    Ack { event_id: EventId(18) }
}

fn resume() -> Resume {
    Resume { last_event_id: EventId(17) }
}

fn authenticate() -> Authenticate {
    Authenticate { token: "a.b.c".to_owned() }
}

fn token_heard() -> Inbound {
    Inbound::Authenticate("a.b.c".to_owned())
}

/// Each message with what the server makes of it. Together they are all that the contract has.
fn assert_understood<M>(contract: Contract, said: Vec<(M, Inbound)>)
where
    M: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let list = described(contract, Direction::FromTheApp);
    let mut kinds = BTreeSet::new();
    for (message, meaning) in said {
        let text = envelope::text(&message);
        assert_eq!(contract.parse(&text, now()), Ok(meaning), "{text}");
        assert_eq!(serde_json::from_str::<M>(&text).expect(&text), message);
        kinds.insert(assert_described(&list, &text));
    }
    assert_eq!(kinds, list.into_iter().map(|message| message.kind).collect());
}

#[test]
fn the_driver_apps_messages_are_read_as_they_are_meant() {
    use driver_app::ClientMessage as Message;
    assert_understood(
        Contract::DriverApp,
        vec![
            (Message::Ping, Inbound::Ping { timestamp: None }),
            (Message::LocationUpdate(LocationUpdate { data: report() }), position()),
            (Message::Ack(ack()), Inbound::Ack(EventId(18))),
            (Message::Resume(resume()), Inbound::Resume(EventId(17))),
            (Message::Authenticate(authenticate()), token_heard()),
            (Message::ChatMessage(chat()), chat_heard(Some(the_ride()))),
            (Message::DriverArrived(of_ride()), step(RideStep::Arrive)),
            (Message::RideStarted(of_ride()), step(RideStep::Start)),
            (Message::RideCompleted(of_ride()), step(RideStep::Complete)),
        ],
    );
}

#[test]
fn the_hailing_apps_messages_are_read_as_they_are_meant() {
    use ride_hailing::ClientMessage as Message;
    let time = Some(json!("2025-12-19T03:00:00Z"));
    let rating = RateRide { ride_id: the_ride(), rating: 4, comment: Some("On time".to_owned()) };
    assert_understood(
        Contract::RideHailing,
        vec![
            (Message::Ping(Ping { timestamp: time.clone() }), Inbound::Ping { timestamp: time }),
            (Message::Ping(Ping::default()), Inbound::Ping { timestamp: None }),
            (Message::JoinRide(of_ride()), Inbound::JoinRide(the_ride())),
            (Message::LeaveRide(of_ride()), Inbound::LeaveRide(the_ride())),
            (Message::DriverOnline, Inbound::DriverOnline),
            (Message::DriverOffline, Inbound::DriverOffline),
            (Message::LocationUpdate(LocationUpdate { data: report() }), position()),
            (Message::ChatMessage(chat()), chat_heard(Some(the_ride()))),
            (Message::RateRide(rating), rated(Some(the_ride()))),
            (Message::DriverArrived(of_ride()), step(RideStep::Arrive)),
            (Message::RideStarted(of_ride()), step(RideStep::Start)),
            (Message::RideCompleted(of_ride()), step(RideStep::Complete)),
            (Message::Ack(ack()), Inbound::Ack(EventId(18))),
            (Message::Resume(resume()), Inbound::Resume(EventId(17))),
            (Message::Authenticate(authenticate()), token_heard()),
        ],
    );
}

#[test]
fn the_matching_apps_messages_are_read_as_they_are_meant() {
    use ride_matching::ClientMessage as Message;
    let SendChat { ride_id, text } = chat();
    let named = matching::SendChat { ride_id: Some(ride_id), text: text.clone() };
    let rating = matching::RateRide { ride_id: None, rating: 4, comment: Some("On time".to_owned()) };
    let (request, found) = search();
    assert_understood(
        Contract::RideMatching,
        vec![
            (Message::Ping, Inbound::Ping { timestamp: None }),
            (Message::FindDriver(Box::new(request)), Inbound::FindDriver(Box::new(found))),
            (Message::CancelRide, Inbound::CancelRide),
            (Message::ChatMessage(named), chat_heard(Some(the_ride()))),
            (Message::ChatMessage(matching::SendChat { ride_id: None, text }), chat_heard(None)),
            (Message::RateRide(rating), rated(None)),
            (Message::Ack(ack()), Inbound::Ack(EventId(18))),
            (Message::Resume(resume()), Inbound::Resume(EventId(17))),
            (Message::Authenticate(authenticate()), token_heard()),
        ],
    );
}

fn search() -> (matching::SearchRequest, FindDriver) {
    let (from, to, phone) = ("123 Main St", "456 Oak St", "+27123456789");
    let request = matching::SearchRequest {
        pickup_latitude: -26.2041,
        pickup_longitude: 28.0473,
        dropoff_latitude: -26.1041,
        dropoff_longitude: 28.1473,
        pickup_address: Some(from.to_owned()),
        dropoff_address: Some(to.to_owned()),
        distance_km: Some(12.5),
        estimated_duration_minutes: Some(25),
        fare_amount: Some(150.0),
        payment_method: Some(PaymentMethod::Cash),
        passenger_phone: Some(phone.to_owned()),
    };
    let found = FindDriver {
        pickup: at(-26.2041, 28.0473),
        dropoff: at(-26.1041, 28.1473),
        pickup_address: Some(from.to_owned()),
        dropoff_address: Some(to.to_owned()),
        distance_km: Some(12.5),
        estimated_duration_minutes: Some(25),
        fare: Amount::new(150.0).ok(),
        payment_method: Some(PaymentMethod::Cash),
        passenger_phone: Some(phone.to_owned()),
    };
    (request, found)
}

#[test]
fn a_position_that_says_nothing_more_is_read_as_one_of_now() {
    let bare =
        driver_app::ClientMessage::LocationUpdate(LocationUpdate { data: PositionReport::at(1.5, 2.0) });
    let text = envelope::text(&bare);
    assert_eq!(text, r#"{"type":"location_update","data":{"latitude":1.5,"longitude":2.0}}"#);
    let Ok(Inbound::Position(Reading { fix, flaws })) = Contract::DriverApp.parse(&text, now()) else {
        panic!("a position: {text}")
    };
    assert_eq!((fix.position, fix.measured_at, fix.heading, flaws.len()), (at(1.5, 2.0), now(), None, 0));
}

/// One of each event that there is, live and as it is sent again; of those that may have them with and without a
/// contact.
fn every_event() -> Vec<Event> {
    let order_id = JobId(17);
    let order = OrderSummary {
        order_id,
        restaurant_name: "Pizza \"Roma\"".to_owned(),
        pickup_address: "1 Main St".to_owned(),
        delivery_address: "2 Oak St".to_owned(),
        earnings: usd(4_550),
        distance_km: 5.2,
    };
    let booking = BookingUpdate {
        booking_id: JobId(456),
        track_id: "BID123".to_owned(),
        status: BookingStatus::Cancelled,
        technician_name: String::new(),
        reason: Some("No parts".to_owned()),
    };
    let payment = |amount| PaymentUpdate {
        job: JobName::RideId(the_ride()),
        payment_method: Some(PaymentMethod::Cash),
        payment_status: PaymentStatus::Paid,
        amount,
    };
    let unreachable =
        |heard_of_at| EventBody::DriverUnreachable { ride_id: the_ride(), driver: person(7), heard_of_at };
    let mut bodies = events_of(&the_ride());
    bodies.extend([
        EventBody::OrderAssigned(order),
        EventBody::OrderCancelled { order_id, reason: "The shop is closed".to_owned() },
        EventBody::OrderPickedUp { order_id },
        EventBody::OrderDelivered { order_id },
        EventBody::BookingUpdated(booking),
        EventBody::PaymentUpdated(payment(Some(usd(150_050)))),
        EventBody::PaymentUpdated(payment(None)),
        unreachable(Some(now())),
        unreachable(None),
    ]);
    bodies.into_iter().map(event).flat_map(|live| [again(&live), live]).collect()
}

fn again(live: &Event) -> Event {
    let contact = Contact { name: None, phone: Some("+27123456789".to_owned()) };
    let external_id = Some("shop-17".to_owned());
    Event { pushed: true, external_id, contact: Some(Box::new(contact)), ..live.clone() }
}

fn a_ride_with_everything() -> Ride {
    let card = assignment(&the_ride()).driver;
    Ride {
        external_id: Some("theirs".to_owned()),
        driver: Some(RideDriver::from(card)),
        passenger: Some(Contact { name: Some("Awa".to_owned()), phone: None }.into()),
        people: Some(RidePeople { passenger_external_id: None, driver_external_id: Some("d".to_owned()) }),
        scheduled_at: Some(WireTime(now())),
        final_fare: Some(usd(160_050).into()),
        payment_method: Some(PaymentMethod::Card),
        ..ride()
    }
}

fn held() -> AssignedOrders {
    let Some(EventBody::OrderAssigned(order)) = every_event()
        .into_iter()
        .map(|event| event.body)
        .find(|body| matches!(body, EventBody::OrderAssigned(_)))
    else {
        panic!("there is such an event")
    };
    let payment =
        PaymentFields { payment_method: None, payment_status: PaymentStatus::Pending, amount: Some(45.5) };
    let bare = DriverOrder::new(order, None, "assigned", Some(now().naive_utc()), payment);
    let full = DriverOrder { external_id: Some("shop-17".to_owned()), ..bare.clone() };
    let contact = Contact { name: Some("Awa".to_owned()), phone: None };
    AssignedOrders { orders: vec![bare, full.with_contact(Some(contact))] }
}

fn bad() -> BadMessage {
    BadMessage::new(ErrorCode::RateLimited, "too many \"find_driver\"")
}

/// Each text reads as a message that is written the same again, and has the fields that the list says and no others.
/// Together they are all that the contract has.
fn assert_told<'de, M: Serialize + Deserialize<'de>>(contract: Contract, texts: &'de [String]) {
    let list = described(contract, Direction::ToTheApp);
    let mut kinds = BTreeSet::new();
    for text in texts {
        let message: M = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(&envelope::text(&message), text);
        kinds.insert(assert_described(&list, text));
    }
    assert_eq!(kinds, list.into_iter().map(|message| message.kind).collect());
}

/// Returns the type. Fails where a field is missing that must be there, or is there and not in the list.
fn assert_described(list: &[Description], text: &str) -> String {
    let message: Value = serde_json::from_str(text).expect("a message is JSON");
    let kind = message["type"].as_str().expect("a message has a type");
    let known = list.iter().find(|known| known.kind == kind).unwrap_or_else(|| panic!("not listed: {text}"));
    let mut there = BTreeMap::new();
    paths("", &message, &mut there);
    there.remove("type");
    for path in there.keys() {
        assert!(known.fields.contains_key(path), "{path} is not listed: {text}");
    }
    for (path, field) in known.fields.iter().filter(|(_, field)| field.is_required) {
        let parent = path.rsplit_once('.').map(|(parent, _)| parent.trim_end_matches("[]"));
        // A field of what is null or absent, or of an empty list, is nowhere.
        let is_expected = parent.is_none_or(|parent| there.get(parent).is_some_and(|has_fields| *has_fields));
        assert!(!is_expected || there.contains_key(path), "{path} ({field:?}) is missing: {text}");
    }
    kind.to_owned()
}

/// The paths of all fields, and whether there is anything in them.
fn paths(path: &str, value: &Value, found: &mut BTreeMap<String, bool>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let has_fields = match value {
                    Value::Array(items) => items.iter().any(Value::is_object),
                    other => other.is_object(),
                };
                found.insert(path.clone(), has_fields);
                paths(&path, value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(&format!("{path}[]"), item, found)),
        _ => {}
    }
}

#[test]
fn what_a_driver_app_is_told_is_what_the_list_says() {
    let mut texts: Vec<String> = every_event().iter().map(|event| Contract::DriverApp.event(event)).collect();
    texts.extend([
        driver_app::connected(DriverId(1), person(9), EventId(41), now()),
        driver_app::pong(),
        driver_app::orders(&held(), now()),
        driver_app::resume_failed(EventId(120), EventId(340), now()),
        driver_app::authenticated(now(), now()),
        driver_app::error(&bad(), now()),
        driver_app::error(&bad().again_after(5), now()),
    ]);
    assert_told::<driver_app::ServerMessage<'_>>(Contract::DriverApp, &texts);
}

#[test]
fn what_a_hailing_app_is_told_is_what_the_list_says() {
    let ride = the_ride();
    let location = DriverLocation::new(&ride, person(7), &sighting(at(3.8485, 11.5025)));
    let events = every_event();
    let mut texts: Vec<String> = events.iter().map(|event| Contract::RideHailing.event(event)).collect();
    texts.extend(events.iter().filter_map(|event| Contract::RideHailing.watched_event(event)));
    texts.extend([
        ride_hailing::connected(person(1), Some("+237123456789"), false, EventId(41), now()),
        ride_hailing::pong(Some(&json!(1_766_113_200_000_i64)), now()),
        ride_hailing::pong(None, now()),
        ride_hailing::ride_joined(&super::vectors::ride(), None, now()),
        ride_hailing::ride_joined(&a_ride_with_everything(), Some(&location), now()),
        ride_hailing::rides(&[a_ride_with_everything(), super::vectors::ride()], now()),
        ride_hailing::rides(&[], now()),
        driver_app::orders(&held(), now()),
        ride_hailing::ride_left(&ride, now()),
        ride_hailing::driver_status(DriverStatus::Available, now()),
        ride_hailing::ride_rated(&ride, Stars::new(5).expect("from 1 to 5"), now()),
        ride_hailing::driver_location_update(&location, now()),
        ride_hailing::driver_location_stale(&ride, person(7), 45, now()),
        ride_hailing::driver_location_fresh(&ride, person(7), now()),
        ride_hailing::resume_failed(EventId(120), EventId(340), now()),
        ride_hailing::authenticated(now(), now()),
        ride_hailing::error(&bad(), now()),
    ]);
    assert_told::<ride_hailing::ServerMessage<'_>>(Contract::RideHailing, &texts);
}

#[test]
fn what_a_matching_app_is_told_is_what_the_list_says() {
    let ride = the_ride();
    let is_for_passengers = |event: &&Event| {
        use EventBody::{BookingUpdated, OrderAssigned, OrderCancelled, OrderDelivered, OrderPickedUp};
        use EventBody::{RideRequested, RideUnavailable};
        !matches!(
            event.body,
            OrderAssigned(_)
                | OrderCancelled { .. }
                | OrderPickedUp { .. }
                | OrderDelivered { .. }
                | BookingUpdated(_)
                | RideRequested(_)
                | RideUnavailable { .. }
        )
    };
    let events = every_event();
    let events = events.iter().filter(is_for_passengers);
    let mut texts: Vec<String> = events.map(|event| Contract::RideMatching.event(event)).collect();
    texts.extend([
        ride_matching::connection_established(&ride, Some("k3y")),
        ride_matching::connection_established(&ride, None),
        ride_matching::pong(now()),
        ride_matching::searching(&ride),
        ride_matching::driver_assigned(&assignment(&ride)),
        ride_matching::driver_arrived(&ride),
        ride_matching::ride_started(&ride, now()),
        ride_matching::ride_cancelled(&ride, CancelledBy::Passenger, ""),
        ride_matching::driver_location(&ride, &sighting(at(-26.2041, 28.0473))),
        ride_matching::ride_rated(&ride, Stars::new(5).expect("from 1 to 5")),
        ride_matching::resume_failed(EventId(120), EventId(340)),
        ride_matching::authenticated(now()),
        ride_matching::error(&bad().again_after(5)),
    ]);
    assert_told::<ride_matching::ServerMessage<'_>>(Contract::RideMatching, &texts);
}

#[test]
fn an_events_type_is_its_name_in_the_database() {
    for event in every_event() {
        let text: Value = serde_json::from_str(&driver_app::event(&event)).expect("JSON");
        assert_eq!(text["type"], event.body.name());
    }
}
