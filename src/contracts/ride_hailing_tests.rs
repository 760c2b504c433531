//! The hailing contract against its vectors, and cases that they lack: bad messages, and unknown fields and types.

use super::*;
use crate::contracts::reading::CHAT_CHARS_MAX;
use crate::contracts::vectors::{
    assignment, at, cancelled, event as happened, now, offer, person, ride as a_ride, ride_id, sighting,
    vectors,
};
use crate::contracts::{Contract, Reading};
use crate::domain::booking::BookingStatus;
use crate::domain::driver::DriverStatus;
use crate::domain::event::{BookingUpdate, Event, EventBody};
use crate::domain::ids::JobId;
use crate::domain::money::usd;
use crate::domain::position::Fix;
use crate::domain::ride::{CancelCode, CancelledBy, Unavailable};
use chrono::TimeDelta;
use serde_json::json;

const VECTORS: &str = include_str!("vectors/ride-hailing.json");
const RIDE: &str = "0190a5f0-7a7e-7bd0-8d0c-9f1d8a1f2b3c";

fn ride() -> RideId {
    ride_id(RIDE)
}

fn code(text: &str) -> &'static str {
    parse(text, now()).expect_err(text).code.as_str()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("a message is JSON")
}

/// The meaning of each message of the apps.
fn meaning(name: &str) -> Inbound {
    match name {
        "ping" => Inbound::Ping { timestamp: Some(json!("2025-12-19T03:00:00Z")) },
        "ping, bare" => Inbound::Ping { timestamp: None },
        "join_ride" => Inbound::JoinRide(ride()),
        "leave_ride" => Inbound::LeaveRide(ride()),
        "driver_online" => Inbound::DriverOnline,
        "driver_offline" => Inbound::DriverOffline,
        "resume" => Inbound::Resume(EventId(17)),
        "ack" => Inbound::Ack(EventId(18)),
        "authenticate" => Inbound::Authenticate("a.b.c".to_owned()),
        "chat_message" => Inbound::Chat { ride_id: Some(ride()), text: "I am at the gate".to_owned() },
        _ => panic!("no meaning for {name}"),
    }
}

#[test]
fn every_message_of_the_apps_is_understood() {
    for vector in vectors(VECTORS, "client_to_server") {
        let text = vector.message.to_string().replace("<ride-uuid>", RIDE).replace("<jwt>", "a.b.c");
        let inbound = Contract::RideHailing.parse(&text, now());
        assert_eq!(inbound, Ok(meaning(&vector.name)), "{text}");
    }
}

/// The message of this name.
fn message(name: &str) -> String {
    let body = match name {
        "booking_updated" => EventBody::BookingUpdated(BookingUpdate {
            booking_id: JobId(456),
            track_id: "BID123".to_owned(),
            status: BookingStatus::Reached,
            technician_name: "John".to_owned(),
            reason: None,
        }),
        "ride_requested" => EventBody::RideRequested(offer(&ride())),
        "ride_accepted" => EventBody::RideAccepted(Box::new(assignment(&ride()))),
        "driver_arrived" => EventBody::DriverArrived { ride_id: ride(), driver: person(7) },
        "ride_started" => EventBody::RideStarted { ride_id: ride() },
        "ride_completed" => EventBody::RideCompleted { ride_id: ride(), final_fare: usd(150_000) },
        "ride_cancelled" => cancelled(&ride(), CancelledBy::Passenger, "Changed my mind", None),
        "ride_cancelled, nobody found" => {
            let code = Some(CancelCode::NoDrivers);
            cancelled(&ride(), CancelledBy::System, "No drivers available nearby", code)
        }
        "ride_unavailable" => EventBody::RideUnavailable { ride_id: ride(), reason: Unavailable::Taken },
        "driver_cancelled" => {
            let reason = "Flat tyre".to_owned();
            EventBody::DriverCancelled { ride_id: ride(), driver: person(7), reason }
        }
        "chat_message" => {
            let text = "I am at the gate".to_owned();
            EventBody::ChatMessage { ride_id: ride(), from: person(1), text }
        }
        "order_assigned and order_cancelled of a delivery's customer or driver" => {
            EventBody::OrderCancelled { order_id: JobId(105), reason: "Customer cancelled".to_owned() }
        }
        _ => return answer(name),
    };
    Contract::RideHailing.event(&happened(body))
}

fn answer(name: &str) -> String {
    let ride = ride();
    match name {
        "connected" => connected(person(1), Some("+237123456789"), false, EventId(41), now()),
        "pong" => pong(Some(&json!("2025-12-19T03:00:00Z")), now()),
        "driver_location_update" => {
            let location = DriverLocation::new(&ride, person(7), &sighting(at(3.8485, 11.5025)));
            driver_location_update(&location, now())
        }
        "ride_joined" => ride_joined(&a_ride(), None, now()),
        "ride_left" => ride_left(&ride, now()),
        "driver_status" => driver_status(DriverStatus::Available, now()),
        "driver_location_stale" => driver_location_stale(&ride, person(7), 45, now()),
        "driver_location_fresh" => driver_location_fresh(&ride, person(7), now()),
        "resume_failed" => resume_failed(EventId(120), EventId(340), now()),
        "authenticated" => authenticated(now() + TimeDelta::hours(1), now()),
        "error" => {
            error(&parse(r#"{"type":"join_ride","ride_id":"no/ride"}"#, now()).expect_err("no id"), now())
        }
        _ => panic!("no message of the name {name}"),
    }
}

#[test]
fn every_message_to_the_apps_is_its_vector() {
    for vector in vectors(VECTORS, "server_to_client") {
        vector.assert_is(&message(&vector.name));
    }
}

#[test]
fn an_event_has_its_number_and_the_time_when_it_happened() {
    let event = Event { id: EventId(9), ..happened(EventBody::RideStarted { ride_id: ride() }) };
    let expected = json!({
        "type": "ride_started", "id": 9, "data": {"ride_id": RIDE, "started_at": "2025-12-19T03:00:00.000Z"},
        "timestamp": "2025-12-19T03:00:00.000Z",
    });
    assert_eq!(json_of(&super::event(&event)), expected);
    let mut watched = expected;
    watched.as_object_mut().expect("an object").remove("id");
    assert_eq!(json_of(&watched_event(&event)), watched);
}

#[test]
fn a_driver_app_hears_of_rides_in_the_same_words() {
    let event = happened(EventBody::RideRequested(offer(&ride())));
    assert_eq!(Contract::DriverApp.event(&event), Contract::RideHailing.event(&event));
    assert_eq!(json_of(&super::event(&event))["data"]["expires_at"], "2025-12-19T03:00:15.000Z");
}

#[test]
fn what_is_unknown_is_empty_or_0() {
    let mut unknown = assignment(&ride());
    unknown.estimated_arrival = None;
    (unknown.driver.plate, unknown.driver.color) = (None, None);
    let event = happened(EventBody::RideAccepted(Box::new(unknown)));
    let data = json_of(&super::event(&event))["data"].take();
    assert_eq!((&data["vehicle_plate"], &data["vehicle_color"]), (&json!(""), &json!("")));
    assert_eq!(data["estimated_arrival"], 0);
    let connected = json_of(&connected(person(1), None, true, EventId(0), now()));
    assert_eq!(connected["data"]["phone_number"], "");
    let bare = SharedPosition { heading: None, speed: None, ..sighting(at(1.0, 2.0)) };
    let ride = ride();
    let location = json_of(&driver_location_update(&DriverLocation::new(&ride, person(7), &bare), now()));
    assert_eq!((&location["data"]["heading"], &location["data"]["speed"]), (&json!(0), &json!(0)));
}

#[test]
fn joining_shows_the_ride_and_the_driver_as_positions_do() {
    let (ride, mut shown) = (ride(), a_ride());
    shown.status = "accepted".into();
    let location = DriverLocation::new(&ride, person(7), &sighting(at(3.8485, 11.5025)));
    let joined = json_of(&ride_joined(&shown, Some(&location), now()));
    assert_eq!(joined["data"]["ride"], serde_json::to_value(&shown).expect("JSON"));
    let update = json_of(&driver_location_update(&location, now()));
    assert_eq!(joined["data"]["driver_location"], update["data"]);
    assert_eq!((&update["data"]["sequence"], &update["data"]["ride_id"]), (&json!(3), &json!(RIDE)));
}

#[test]
fn a_pong_echoes_what_the_client_said_or_says_the_servers_time() {
    let echo = |message: &str| match parse(message, now()) {
        Ok(Inbound::Ping { timestamp }) => {
            json_of(&pong(timestamp.as_ref(), now()))["data"]["timestamp"].take()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(echo(r#"{"type":"ping","timestamp":"noon"}"#), "noon");
    assert_eq!(echo(r#"{"type":"ping","timestamp":1766113200123}"#), 1_766_113_200_123_i64);
    for bare in
        [r#"{"type":"ping"}"#, r#"{"type":"ping","timestamp":null}"#, r#"{"type":"ping","timestamp":{}}"#]
    {
        assert_eq!(echo(bare), "2025-12-19T03:00:00.000Z", "{bare}");
    }
    // No number that a server can keep, but no reason either to leave a client without its pong.
    assert_eq!(echo(r#"{"type":"ping","timestamp":1e999}"#), "2025-12-19T03:00:00.000Z");
}

#[test]
fn a_position_is_understood_as_from_the_driver_app() {
    let text = r#"{"type":"location_update","data":{"latitude":3.848,"longitude":11.5021,"heading":-1,"speed":8.5}}"#;
    let expected = Fix {
        position: at(3.848, 11.5021),
        accuracy_m: None,
        heading: None,
        speed: Some(8.5),
        battery_level: None,
        measured_at: now(),
    };
    assert_eq!(parse(text, now()), Ok(Inbound::Position(Reading { fix: expected, flaws: Vec::new() })));
    assert_eq!(
        code(r#"{"type":"location_update","data":{"latitude":91,"longitude":0}}"#),
        "invalid_position"
    );
}

#[test]
fn a_bad_message_says_what_is_wrong_with_it() {
    for (text, expected) in [
        ("hello", "invalid_message"),
        ("[]", "invalid_message"),
        (r#"{"ride_id":"1"}"#, "invalid_message"),
        (r#"{"type":"find_driver"}"#, "unknown_type"),
        (r#"{"type":"join_ride"}"#, "invalid_message"),
        (r#"{"type":"join_ride","ride_id":null}"#, "invalid_message"),
        (r#"{"type":"join_ride","ride_id":7}"#, "invalid_message"),
        (r#"{"type":"join_ride","data":{"ride_id":"1"}}"#, "invalid_message"),
        (r#"{"type":"join_ride","ride_id":""}"#, "not_found"),
        (r#"{"type":"leave_ride","ride_id":"a/b"}"#, "not_found"),
        (r#"{"type":"ack","event_id":1.5}"#, "invalid_message"),
        (r#"{"type":"resume","last_event_id":-1}"#, "invalid_message"),
        (r#"{"type":"authenticate","token":7}"#, "invalid_message"),
        (r#"{"type":"chat_message","text":"hello"}"#, "invalid_message"),
        (r#"{"type":"chat_message","ride_id":"1"}"#, "invalid_message"),
        (r#"{"type":"chat_message","ride_id":"1","text":" \n"}"#, "invalid_message"),
        (r#"{"type":"chat_message","ride_id":"1","text":"a\u0000b"}"#, "invalid_message"),
        (r#"{"type":"chat_message","ride_id":"1","text":["a"]}"#, "invalid_message"),
    ] {
        assert_eq!(code(text), expected, "{text}");
    }
    let chat = |text: String| json!({"type": "chat_message", "ride_id": "1", "text": text}).to_string();
    assert_eq!(code(&chat("é".repeat(CHAT_CHARS_MAX + 1))), "invalid_message");
    assert!(parse(&chat("é".repeat(CHAT_CHARS_MAX)), now()).is_ok());
}
