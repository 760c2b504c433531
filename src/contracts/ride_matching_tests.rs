//! The matching contract against its vectors, and cases that they lack: bad messages, Dart's two kinds of numbers, and
//! which events belong on which socket.

use super::*;
use crate::contracts::Contract;
use crate::contracts::vectors::{
    Vector, assignment, at, cancelled, event as happened, events_of, now, person, ride_id, sighting, vectors,
};
use crate::domain::ids::JobId;
use crate::domain::money::usd;
use chrono::TimeDelta;
use serde_json::json;

const VECTORS: &str = include_str!("vectors/ride-matching.json");

fn ride() -> RideId {
    ride_id("12345")
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("a message is JSON")
}

fn code(text: &str) -> &'static str {
    parse(text).expect_err(text).code.as_str()
}

/// The app's own request, changed in one place.
fn find_driver_with(field: &str, value: Value) -> String {
    let vectors = vectors(VECTORS, "client_to_server");
    let mut vector =
        vectors.into_iter().find(|vector| vector.name == "find_driver").expect("the app asks so");
    vector.message[field] = value;
    vector.message.to_string()
}

fn amount(major: f64) -> Amount {
    Amount::new(major).expect("an amount")
}

fn asked(text: &str) -> FindDriver {
    match parse(text) {
        Ok(Inbound::FindDriver(asked)) => *asked,
        other => panic!("{other:?}: {text}"),
    }
}

#[test]
fn every_message_of_the_app_is_understood() {
    for vector in vectors(VECTORS, "client_to_server") {
        let expected = match vector.name.as_str() {
            "ping" => Inbound::Ping { timestamp: None },
            "cancel_ride" => Inbound::CancelRide,
            "find_driver" => Inbound::FindDriver(Box::new(FindDriver {
                pickup: at(-26.2041, 28.0473),
                dropoff: at(-26.1041, 28.1473),
                pickup_address: Some("123 Main St, Johannesburg".to_owned()),
                dropoff_address: Some("456 Oak St, Johannesburg".to_owned()),
                distance_km: Some(12.5),
                estimated_duration_minutes: Some(25),
                fare: Some(amount(150.0)),
                payment_method: None,
                passenger_phone: Some("+27123456789".to_owned()),
            })),
            name => panic!("no meaning for {name}"),
        };
        let inbound = Contract::RideMatching.parse(&vector.message.to_string(), now());
        assert_eq!(inbound, Ok(expected), "{}", vector.name);
    }
}

#[test]
fn what_every_socket_understands_is_understood_here() {
    assert_eq!(parse(r#"{"type":"ack","event_id":3}"#), Ok(Inbound::Ack(EventId(3))));
    assert_eq!(parse(r#"{"type":"resume","last_event_id":0}"#), Ok(Inbound::Resume(EventId(0))));
    let token = Inbound::Authenticate("a.b.c".to_owned());
    assert_eq!(parse(r#"{"type":"authenticate","token":"a.b.c"}"#), Ok(token));
}

/// The message of a vector, made as the server makes it.
fn message(vector: &Vector) -> String {
    let ride = ride();
    let body = match vector.name.as_str() {
        "driver_assigned" => {
            let mut assignment = assignment(&ride);
            assignment.driver.vehicle_type = "sedan".to_owned();
            assignment.driver.plate = Some("CA 123 GP".to_owned());
            EventBody::RideAccepted(Box::new(assignment))
        }
        "no_drivers" => {
            let code = Some(CancelCode::NoDrivers);
            cancelled(&ride, CancelledBy::System, "No drivers available nearby", code)
        }
        "ride_cancelled" => cancelled(&ride, CancelledBy::Passenger, "Changed my mind", None),
        "driver_arrived" => EventBody::DriverArrived { ride_id: ride, driver: person(7) },
        "ride_started" => EventBody::RideStarted { ride_id: ride },
        "ride_completed" => EventBody::RideCompleted { ride_id: ride, final_fare: usd(15_000) },
        "connection_established" => return connection_established(&ride, Some("k3y")),
        "pong" => return pong(now() + TimeDelta::milliseconds(789)),
        "searching" => return searching(&ride),
        "driver_location" => return driver_location(&ride, &sighting(at(-26.2041, 28.0473))),
        "error" => return error(&parse("{}").expect_err("no type")),
        name => panic!("no message of the name {name}"),
    };
    Contract::RideMatching.event(&happened(body))
}

#[test]
fn every_message_to_the_app_is_its_vector() {
    for mut vector in vectors(VECTORS, "server_to_client") {
        // The file has examples here that are the server's to choose.
        match vector.name.as_str() {
            "pong" => vector.message["timestamp"] = json!("<time>"),
            "ride_cancelled" => assert_eq!(vector.message["message"], "<text>"),
            _ => {}
        }
        vector.assert_is(&message(&vector));
    }
}

#[test]
fn money_and_degrees_have_a_decimal_point_and_headings_have_none() {
    let completed = |minor| {
        let final_fare = usd(minor);
        event(&happened(EventBody::RideCompleted { ride_id: ride(), final_fare }))
    };
    assert!(completed(15_000).contains(r#""final_fare":150.0,"#));
    assert!(completed(15_005).contains(r#""final_fare":150.05,"#));
    let whole = SharedPosition { heading: Some(44.6), speed: Some(0.2), ..sighting(at(-26.0, 28.0)) };
    let text = driver_location(&ride(), &whole);
    let end = r#""latitude":-26.0,"longitude":28.0,"heading":45,"speed":0}"#;
    assert!(text.ends_with(end), "{text}");
    let bare = SharedPosition { heading: None, speed: None, ..whole };
    assert_eq!((&json_of(&driver_location(&ride(), &bare))["heading"]), &json!(0));
}

#[test]
fn what_is_unknown_of_a_driver_is_empty_and_their_place_null() {
    let mut unknown = assignment(&ride());
    (unknown.driver.phone, unknown.driver.plate, unknown.driver.position) = (None, None, None);
    unknown.driver.rating = 5.0;
    let text = driver_assigned(&unknown);
    let driver = json_of(&text)["driver"].take();
    assert_eq!((&driver["phone"], &driver["vehicle_registration"]), (&json!(""), &json!("")));
    assert_eq!(
        (&driver["latitude"], &driver["longitude"], &driver["rating"]),
        (&Value::Null, &Value::Null, &json!(5.0))
    );
    assert_eq!(json_of(&text).get("id"), None, "the state after a reconnect is no event");
}

#[test]
fn a_ride_with_a_token_has_no_key() {
    let text = connection_established(&ride(), None);
    assert_eq!(json_of(&text).get("ride_key"), None);
}

#[test]
fn an_app_whose_driver_gave_up_is_told_that_the_search_goes_on() {
    let reason = "Flat tyre".to_owned();
    let gave_up = happened(EventBody::DriverCancelled { ride_id: ride(), driver: person(7), reason });
    let told = json_of(&event(&gave_up));
    assert_eq!(
        (&told["type"], &told["ride_id"], &told["id"]),
        (&json!("searching"), &json!("12345"), &json!(42))
    );
}

#[test]
fn every_event_of_a_ride_carries_its_number_at_the_top() {
    for body in events_of(&ride()) {
        let text = json_of(&event(&happened(body)));
        assert_eq!(text["id"], 42, "{text}");
    }
    assert_eq!(json_of(&resume_failed(EventId(3), EventId(7)))["oldest_id"], 3);
    assert_eq!(json_of(&authenticated(now()))["expires_at"], "2025-12-19T03:00:00.000Z");
}

#[test]
fn a_socket_has_the_events_of_its_ride_and_no_others() {
    for body in events_of(&ride()) {
        let event = happened(body);
        assert!(is_of(&event, &ride()), "{event:?}");
        assert!(!is_of(&event, &ride_id("1234")), "{event:?}");
    }
    let order = EventBody::OrderCancelled { order_id: JobId(12345), reason: String::new() };
    assert!(!is_of(&happened(order), &ride()));
}

#[test]
fn only_where_from_and_where_to_must_be_said() {
    let text = r#"{"type":"find_driver","pickup_latitude":-26,"pickup_longitude":28,"dropoff_latitude":-26.1,
        "dropoff_longitude":28.1,"fare_amount":null,"pickup_address":"  "}"#;
    let expected = FindDriver {
        pickup: at(-26.0, 28.0),
        dropoff: at(-26.1, 28.1),
        pickup_address: None,
        dropoff_address: None,
        distance_km: None,
        estimated_duration_minutes: None,
        fare: None,
        payment_method: None,
        passenger_phone: None,
    };
    assert_eq!(asked(text), expected);
    assert_eq!(
        asked(&find_driver_with("estimated_duration_minutes", json!(24.2))).estimated_duration_minutes,
        Some(25)
    );
}

/// An app's 153.4725 and a third of a hundred cost it the search; so did whatever else stood there.
#[test]
fn an_amount_is_taken_as_it_comes_and_never_costs_the_search() {
    let fare = |value| asked(&find_driver_with("fare_amount", value)).fare;
    let cents = |value| fare(value).map(|amount| amount.in_currency(usd(0).currency()).minor());
    for (value, expected) in [
        (json!(153.4725), 15_347),
        (json!(33.333333333333336), 3_333),
        (json!(36.300000000000004), 3_630),
        (json!(1.005), 101),
        (json!(150), 15_000),
        (json!(" 150.00 "), 15_000),
    ] {
        assert_eq!(cents(value.clone()), Some(expected), "{value}");
    }
    for bad in
        [json!(-150.0), json!(1e300), json!("far"), json!("R150"), json!("NaN"), json!(true), json!({})]
    {
        assert_eq!(fare(bad.clone()), None, "{bad}");
    }
}

#[test]
fn how_the_passenger_pays_is_read_in_any_case_and_else_not_known() {
    let method = |value| asked(&find_driver_with("payment_method", value)).payment_method;
    assert_eq!(
        (method(json!("cash")), method(json!("Card"))),
        (Some(PaymentMethod::Cash), Some(PaymentMethod::Card))
    );
    assert_eq!((method(json!("gold")), method(json!(7)), method(Value::Null)), (None, None, None));
}

#[test]
fn the_places_are_checked_and_may_be_texts() {
    for (field, wrong) in [
        ("pickup_latitude", json!(90.1)),
        ("pickup_longitude", json!(-180.5)),
        ("dropoff_latitude", json!("south")),
        ("dropoff_longitude", Value::Null),
    ] {
        assert_eq!(code(&find_driver_with(field, wrong.clone())), "invalid_position", "{field}: {wrong}");
    }
    let bad = parse(r#"{"type":"find_driver","fare_amount":-1}"#).expect_err("nearly nothing is there");
    for field in ["pickup_latitude", "dropoff_longitude"] {
        assert!(bad.message.contains(field), "all at once: {}", bad.message);
    }
    assert_eq!(
        asked(&find_driver_with("dropoff_latitude", json!("-26.1041"))).dropoff,
        at(-26.1041, 28.1473)
    );
}

/// Each of these cost the search.
#[test]
fn what_is_optional_is_read_for_what_it_says_or_left_out() {
    let of = |field: &str, value: Value| asked(&find_driver_with(field, value));
    let phone = |value| of("passenger_phone", value).passenger_phone;
    assert_eq!(phone(json!(27_123_456_789_i64)).as_deref(), Some("27123456789"));
    assert_eq!(phone(json!(27_123_456_789.0)).as_deref(), Some("27123456789"));
    assert_eq!(phone(json!(" +27 12 345\u{0} ")).as_deref(), Some("+27 12 345"));
    for nothing in [json!("1".repeat(41)), json!(-1), json!(1.5), json!(true), json!(""), Value::Null] {
        assert_eq!(phone(nothing.clone()), None, "{nothing}");
    }
    let address = |value| of("pickup_address", value).pickup_address;
    assert_eq!(address(json!("é".repeat(201))), Some("é".repeat(200)));
    assert_eq!(address(json!("a\u{0}b\nc")).as_deref(), Some("ab\nc"));
    assert_eq!((address(json!(7)), address(json!("\u{1}"))), (None, None));
    let distance = |value| of("distance_km", value).distance_km;
    assert_eq!((distance(json!("12.5")), distance(json!("12.5 km"))), (Some(12.5), Some(12.5)));
    assert_eq!((distance(json!(-1)), distance(json!(20_001)), distance(json!("far"))), (None, None, None));
    let duration = |value| of("estimated_duration_minutes", value).estimated_duration_minutes;
    assert_eq!((duration(json!("25 mins")), duration(json!("1 hour 5 mins"))), (Some(25), Some(65)));
    assert_eq!((duration(json!(25.0)), duration(json!(-1)), duration(json!(true))), (Some(25), None, None));
    let cut = find_driver_with("pickup_address", json!("Pizza X")).replace('X', "\\ud83c");
    let inbound = Contract::RideMatching.parse(&cut, now()).expect("half a character");
    let Inbound::FindDriver(found) = inbound else { panic!("{inbound:?}") };
    assert_eq!(found.pickup_address.as_deref(), Some("Pizza \u{fffd}"));
    let infinite = find_driver_with("distance_km", json!("X")).replace("\"X\"", "1e999");
    assert!(Contract::RideMatching.parse(&infinite, now()).is_ok(), "{infinite}");
}

#[test]
fn a_bad_message_says_what_is_wrong_with_it() {
    for (text, expected) in [
        ("", "invalid_message"),
        ("7", "invalid_message"),
        (r#"{"type":7}"#, "invalid_message"),
        (r#"{"type":"find_driver","pickup_latitude":NaN}"#, "invalid_message"),
        (r#"{"type":"join_ride","ride_id":"1"}"#, "unknown_type"),
        (r#"{"type":"location_update","data":{"latitude":1,"longitude":2}}"#, "unknown_type"),
        (r#"{"type":"ack","event_id":"three"}"#, "invalid_message"),
    ] {
        assert_eq!(code(text), expected, "{text}");
    }
}
