//! The driver app's contract, message by message: each vector is sent, or provoked and compared, over a real socket.

use serde_json::{Value, json};

use crate::support::{DRIVER, DriverApp, NewOrder, Operator, Server, shape, wait_until};

const VECTORS: &str = include_str!("../../src/contracts/vectors/driver-app.json");

/// The vectors of one direction; a contract without any would make a test that cannot fail.
fn vectors(direction: &str) -> Vec<Value> {
    let contract: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let vectors = contract[direction].as_array().expect("the contract has both directions").clone();
    assert!(!vectors.is_empty());
    vectors
}

#[tokio::test]
async fn every_message_of_the_app_is_understood() {
    let server = Server::start_default().await;
    let door = server.door(DRIVER).await;
    let mut app = door.connect().await;
    let mut positions = 0;
    for vector in vectors("client_to_server") {
        let mut message = vector["message"].clone();
        if message["token"] == "<jwt>" {
            message["token"] = json!(door.token());
        }
        app.send(message.clone());
        match message["type"].as_str() {
            Some("location_update") => positions += 1,
            Some("ping") => drop(app.expect("pong").await),
            Some("ack") => {}
            // The vector's number lies beyond the newest event of this account.
            Some("resume") => drop(app.expect("resume_failed").await),
            Some("authenticate") => drop(app.expect("authenticated").await),
            _ => panic!("no scenario for {}", vector["name"]),
        }
    }
    let leftover = app.sync().await;
    assert!(leftover.is_empty(), "answers that nobody expected: {leftover:?}");
    wait_until("each position is stored", async || server.database().locations_stored() == positions).await;
}

#[tokio::test]
async fn every_message_to_the_app_has_the_documented_shape() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    for vector in vectors("server_to_client") {
        let door = server.door(DRIVER).await;
        let message = match vector["name"].as_str() {
            Some("connected") => connected(door.open().await.expect("the driver can connect")).await,
            Some(name) => provoke(name, door.connect().await, door.token(), &operator).await,
            None => panic!("a vector without a name"),
        };
        let found = shape::differences_from(&message, &vector);
        assert!(found.is_empty(), "{}: {found:?}\n{message}", vector["name"]);
        assert_eq!(message["type"], vector["message"]["type"]);
    }
}

async fn connected(mut app: DriverApp) -> Value {
    let message = app.expect("connected").await;
    assert_eq!(message["data"]["driver_id"], DRIVER);
    message
}

/// Brings about the message of this name.
async fn provoke(name: &str, mut app: DriverApp, token: &str, operator: &Operator) -> Value {
    match name {
        "pong" => app.send(json!({"type": "ping"})),
        "order_assigned" => drop(operator.assign_new(DRIVER).await),
        "order_cancelled" => {
            let order_id = operator.assign_new(DRIVER).await;
            app.expect("order_assigned").await;
            operator.cancel(order_id, "Customer cancelled").await.expect(200);
        }
        "error" => app.locate(91.0, 0.0),
        "resume_failed" => app.send(json!({"type": "resume", "last_event_id": 1_000_000})),
        "authenticated" => app.send(json!({"type": "authenticate", "token": token})),
        _ => panic!("no scenario for {name}"),
    }
    app.expect(name).await
}

#[tokio::test]
async fn an_order_reaches_the_app_word_for_word() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let order_id = operator.assign_new(DRIVER).await;

    let assigned = app.expect("order_assigned").await;
    let mut expected = NewOrder::default().body();
    expected["order_id"] = json!(order_id);
    // The project's own: no amount without its currency.
    expected["currency"] = json!("USD");
    assert_eq!(assigned["data"], expected);
    assert_eq!(assigned["id"], app.last_event_id + 1);
    assert!(shape::is_utc_time(assigned["timestamp"].as_str().expect("a timestamp is text")));

    operator.cancel(order_id, "The kitchen is on fire 🔥").await.expect(200);
    let cancelled = app.expect("order_cancelled").await;
    assert_eq!(cancelled["data"], json!({"order_id": order_id, "reason": "The kitchen is on fire 🔥"}));
    assert_eq!(cancelled["id"], app.last_event_id + 2);
}
