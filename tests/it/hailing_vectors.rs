//! The hailing apps' contract, message by message: each vector is sent, or provoked and compared, over a real socket.

use serde_json::{Value, json};

use crate::support::bookings::booking_body;
use crate::support::{Server, shape};

const VECTORS: &str = include_str!("../../src/contracts/vectors/ride-hailing.json");
const PASSENGER: i64 = 1;

/// The vectors of one direction; a contract without any would make a test that cannot fail.
fn vectors(direction: &str) -> Vec<Value> {
    let contract: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let vectors = contract[direction].as_array().expect("the contract has both directions").clone();
    assert!(!vectors.is_empty());
    vectors
}

/// The message with the test's own ride and token in it.
fn filled(vector: &Value, ride: &str, token: &str) -> Value {
    let text = vector["message"].to_string().replace("<ride-uuid>", ride).replace("<jwt>", token);
    serde_json::from_str(&text).expect("still JSON")
}

#[tokio::test]
async fn every_message_of_the_apps_is_understood() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    let tokens = (server.passenger_token(PASSENGER).await, server.driver_token(1).await);
    let mut passenger = server.hailing_door(tokens.0.clone()).connect().await;
    let mut driver = server.hailing_door(tokens.1.clone()).connect().await;
    passenger.expect("ride_accepted").await;
    driver.events_until(|event| event["type"] == "ride_accepted").await;
    for vector in vectors("client_to_server") {
        let kind = vector["message"]["type"].as_str().expect("a type");
        let is_drivers = kind.starts_with("driver_");
        let (app, token) = if is_drivers { (&mut driver, &tokens.1) } else { (&mut passenger, &tokens.0) };
        app.send(filled(&vector, &ride.id, token));
        match kind {
            "ping" => drop(app.expect("pong").await),
            "join_ride" => drop(app.expect("ride_joined").await),
            "leave_ride" => drop(app.expect("ride_left").await),
            "driver_online" => drop(app.expect("driver_status").await),
            // They hold a ride.
            "driver_offline" => drop(app.expect_error("driver_busy").await),
            // The vector's number lies beyond the newest event of this account.
            "resume" => {
                app.expect("resume_failed").await;
                app.expect("rides").await;
            }
            "ack" => {}
            "authenticate" => drop(app.expect("authenticated").await),
            "chat_message" => drop(driver.expect("chat_message").await),
            _ => panic!("no scenario for {}", vector["name"]),
        }
    }
    for app in [&mut passenger, &mut driver] {
        let leftover = app.sync().await;
        assert!(leftover.is_empty(), "answers that nobody expected: {leftover:?}");
    }
}

#[tokio::test]
async fn every_message_to_the_apps_has_the_documented_shape() {
    for vector in vectors("server_to_client") {
        let name = vector["name"].as_str().expect("a vector has a name");
        let message = provoke(name).await;
        let found = shape::differences_from(&message, &vector);
        assert!(found.is_empty(), "{name}: {found:?}\n{message}");
        assert_eq!(message["type"], vector["message"]["type"]);
    }
}

/// Brings about the message of this name.
async fn provoke(name: &str) -> Value {
    match name {
        "connected" => connected().await,
        "ride_requested" | "ride_unavailable" => offered(name).await,
        "ride_joined" => joined().await,
        "ride_cancelled, nobody found" => nobody_found().await,
        "booking_updated" => booked().await,
        "driver_location_stale" | "driver_location_fresh" => silent(name).await,
        "order_assigned and order_cancelled of a delivery's customer or driver" => order_cancelled().await,
        name => of_a_taken_ride(name).await,
    }
}

async fn connected() -> Value {
    let server = Server::start_default().await;
    let door = server.hailing_door(server.passenger_token(PASSENGER).await);
    door.open().await.expect("the passenger can connect").expect("connected").await
}

async fn offered(name: &str) -> Value {
    let server = Server::for_rides(&[1, 2]).await;
    let mut loser = server.hailing_driver(2).await;
    let passenger = server.passenger_api(PASSENGER).await;
    let ride = passenger.request_priced_ride().await;
    server.driver_api(2).await.offered(&ride).await;
    server.driver_api(1).await.take(&ride).await;
    let requested = loser.expect("ride_requested").await;
    if name == "ride_requested" { requested } else { loser.expect(name).await }
}

async fn nobody_found() -> Value {
    let server = Server::builder().setting("SEARCH_DEADLINE_SECS", 3).setting("OFFER_WINDOW_SECS", 3);
    let server = server.start_with_drivers(&[]).await;
    let mut app = server.hailing_passenger(PASSENGER).await;
    server.passenger_api(PASSENGER).await.request_ride().await;
    app.expect("ride_cancelled").await
}

async fn silent(name: &str) -> Value {
    let server = Server::builder().setting("ROOM_STALE_SECS", 1).start_with_drivers(&[1]).await;
    let ride = server.taken_ride().await;
    let mut app = server.hailing_passenger(PASSENGER).await;
    app.join(&ride.id).await;
    let stale = app.expect_past_positions("driver_location_stale").await;
    if name == "driver_location_stale" {
        return stale;
    }
    ride.locate(3.85, 11.5).await;
    app.expect_past_positions(name).await
}

async fn order_cancelled() -> Value {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.hailing_driver(1).await;
    let order = operator.assign_new(1).await;
    app.expect("order_assigned").await;
    operator.cancel(order, "Customer cancelled").await.expect(200);
    app.expect("order_cancelled").await
}

async fn booked() -> Value {
    let server = Server::start_default().await;
    let mut app = server.hailing_passenger(PASSENGER).await;
    let operator = server.operator().await;
    let made = operator.api().post("bookings", booking_body(PASSENGER)).await.expect(201);
    operator.api().give_booking(made.id("booking_id"), 1).await.expect(200);
    app.expect("booking_updated").await
}

async fn of_a_taken_ride(name: &str) -> Value {
    let server = Server::for_rides(&[1]).await;
    let mut app = server.hailing_passenger(PASSENGER).await;
    let ride = server.taken_ride().await;
    let accepted = app.expect("ride_accepted").await;
    match name {
        "ride_accepted" => return accepted,
        "pong" => app.send(json!({"type": "ping", "timestamp": "2025-12-19T03:00:00Z"})),
        "driver_location_update" => {
            app.join(&ride.id).await;
            ride.locate(3.85, 11.5).await;
        }
        "ride_left" => app.send(json!({"type": "leave_ride", "ride_id": ride.id})),
        "driver_status" => {
            app = server.hailing_driver(2).await;
            app.send(json!({"type": "driver_online"}));
        }
        "chat_message" => {
            let mut driver = server.hailing_driver(1).await;
            driver.chat(&ride.id, "I am at the gate");
            // An app that goes at once may take its message with it.
            driver.sync().await;
        }
        "error" => app.send(json!({"type": "join_ride", "ride_id": "nowhere"})),
        "resume_failed" => app.send(json!({"type": "resume", "last_event_id": 1_000_000})),
        "authenticated" => {
            let token = server.passenger_token(PASSENGER).await;
            app.send(json!({"type": "authenticate", "token": token}));
        }
        "ride_cancelled" => drop(ride.passenger.ride_because(&ride.id, "cancel", "Changed my mind").await),
        "driver_cancelled" => drop(ride.driver.ride_because(&ride.id, "cancel", "Flat tyre").await),
        "driver_arrived" => ride.drive("arrive").await,
        "ride_started" => ride.drive("start").await,
        "ride_completed" => {
            ride.drive("start").await;
            app.expect("ride_started").await;
            ride.drive("complete").await;
        }
        _ => panic!("no scenario for {name}"),
    }
    app.expect(name).await
}

/// The vector has it of a ride whose driver is not there yet.
async fn joined() -> Value {
    let server = Server::for_rides(&[]).await;
    let mut app = server.hailing_passenger(PASSENGER).await;
    let ride = server.passenger_api(PASSENGER).await.request_ride().await;
    app.send(json!({"type": "join_ride", "ride_id": ride}));
    app.expect("ride_joined").await
}

#[tokio::test]
async fn stats_have_the_documented_shape() {
    let server = Server::start_default().await;
    let vector = vectors("rest").remove(0);
    let stats = server.anonymous().get("ws/stats").await.expect(200).body;
    let found = shape::differences(&stats, &vector["response"], &[]);
    assert!(found.is_empty(), "{found:?}\n{stats}");
}
