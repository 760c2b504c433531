//! The matching app's contract, message by message: each vector is sent, or provoked and compared, over a real socket.

use serde_json::{Value, json};

use crate::support::matching_app::find_driver;
use crate::support::{Heard, MatchingApp, Server, shape};

const VECTORS: &str = include_str!("../../src/contracts/vectors/ride-matching.json");

#[tokio::test]
async fn every_message_of_the_app_is_understood() {
    let server = Server::asking().await;
    let mut app = server.ride_door("12345").connect().await;
    for vector in vectors("client_to_server") {
        app.send(vector["message"].clone());
        match vector["name"].as_str() {
            Some("ping") => drop(app.expect("pong").await),
            Some("find_driver") => drop(app.expect("searching").await),
            Some("cancel_ride") => drop(app.expect("ride_cancelled").await),
            _ => panic!("no scenario for {}", vector["name"]),
        }
    }
    let ride = "SELECT COUNT(*) AS value FROM jobs WHERE public_id = '12345' AND passenger_phone = '+27123456789' \
         AND pickup_address = '123 Main St, Johannesburg' AND distance_km = 12.5 AND earnings_minor = 15000";
    assert_eq!(server.database().number(ride), 1, "what was asked for is kept");
}

#[tokio::test]
async fn every_message_to_the_app_has_the_documented_shape() {
    let server = Server::asking().await;
    for (index, vector) in vectors("server_to_client").iter().enumerate() {
        let name = vector["name"].as_str().expect("a vector has a name");
        let message = provoke(&server, name, &format!("ride-{index}")).await;
        let added: Vec<String> = serde_json::from_value(vector["added_fields"].clone()).unwrap_or_default();
        let found = shape::differences(&message, &vector["message"], &added);
        assert!(found.is_empty(), "{name}: {found:?}\n{message}");
        assert_eq!(message["type"], name);
    }
}

/// Brings about the message of this name, and leaves driver 1 free.
async fn provoke(server: &Server, name: &str, ride_id: &str) -> Value {
    let door = server.ride_door(ride_id);
    if name == "connection_established" {
        let Heard::Message(first) = door.open().await.expect("let in").hear().await else {
            panic!("no first message");
        };
        return first;
    }
    let mut app = door.connect().await;
    match name {
        "pong" => app.send(json!({"type": "ping"})),
        "error" => app.send(json!({"type": "cancel_ride"})),
        "searching" => app.send(find_driver()),
        "no_drivers" => {
            let mut nowhere = find_driver();
            nowhere["pickup_latitude"] = json!(0.0);
            app.send(nowhere);
            app.expect("searching").await;
        }
        "ride_cancelled" => {
            app.search().await;
            app.send(json!({"type": "cancel_ride"}));
        }
        _ => return provoke_by_driver(server, name, app).await,
    }
    let message = app.expect(name).await;
    if name == "searching" {
        app.send(json!({"type": "cancel_ride"}));
        app.expect("ride_cancelled").await;
    }
    message
}

async fn provoke_by_driver(server: &Server, name: &str, mut app: MatchingApp) -> Value {
    let driver = server.driver_api(1).await;
    app.search().await;
    driver.take(&app.ride_id).await;
    let steps = ["driver_assigned", "driver_arrived", "ride_started", "ride_completed"];
    let mut wanted = None;
    for (step, action) in steps.into_iter().zip(["accept", "arrive", "start", "complete"]) {
        driver.ride(&app.ride_id, action).await.expect(200);
        let message = app.expect(step).await;
        if step == name {
            wanted = Some(message);
        }
        if name == "driver_location" && action == "accept" {
            wanted = Some(app.expect(name).await);
        }
    }
    wanted.unwrap_or_else(|| panic!("no scenario for {name}"))
}

fn vectors(direction: &str) -> Vec<Value> {
    let contract: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let vectors = contract[direction].as_array().expect("the contract has both directions").clone();
    assert!(!vectors.is_empty());
    vectors
}
