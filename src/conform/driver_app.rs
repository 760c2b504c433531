//! The driver app's contract: its socket. The rules of its REST are in `driver_rest`.

use crate::conform::checked::{Checked, failed, holds};
use crate::conform::client::{Door, Heard, Socket, TokenIn};
use crate::conform::contract::Contract;
use crate::conform::driver_socket::{connect, door, enter};
use crate::conform::rule::Rule;
use crate::conform::shape::differences_from;
use crate::conform::world::{Person, World};
use crate::conform::{driver_events, driver_rest, positions};
use serde_json::{Value, json};
use std::time::Duration;

const DOOR: &str = "PROTOCOL.md, The door";
const APP: &str = "contracts/driver-app.md, Fixed by the app";
const FROM_APP: &str = "PROTOCOL.md, From the app";

pub fn rules() -> Vec<Rule> {
    let mut rules = doors();
    let contract = Contract::DriverApp;
    rules.extend(Rule::of_sent(contract, "the app's", |w, vector| Box::pin(understands(w, vector))));
    rules.extend(Rule::of_heard(contract, |w, vector| Box::pin(has_shape(w, vector))));
    rules.extend(driver_events::rules());
    rules.extend(frames());
    rules.extend(driver_rest::rules());
    rules.extend(positions::rules());
    rules
}

fn doors() -> Vec<Rule> {
    vec![
        Rule::new(
            "no-token",
            DOOR,
            "without a token the handshake completes, then the socket is closed with 4001",
            |w| Box::pin(closed_at_the_door(w, None)),
        ),
        Rule::new(
            "malformed-token",
            DOOR,
            "a malformed token is closed with 4001, after the handshake",
            |w| Box::pin(closed_at_the_door(w, Some("not.a.token"))),
        ),
        Rule::new("another-drivers-token", DOOR, "another driver's token is closed with 4001", |w| {
            Box::pin(another_drivers_token(w))
        }),
        Rule::new("token-in-header", APP, "the token is taken from Authorization: Bearer, too", |w| {
            Box::pin(token_elsewhere(w, TokenIn::Header))
        }),
        Rule::new("token-in-subprotocol", APP, "the token is taken from Sec-WebSocket-Protocol, too", |w| {
            Box::pin(token_elsewhere(w, TokenIn::Subprotocol))
        }),
        Rule::new(
            "connected-first",
            APP,
            "after accepting, the server sends the confirmation before anything else",
            |w| Box::pin(connected_first(w)),
        ),
        Rule::new(
            "second-device",
            DOOR,
            "when a driver connects again, the older connection is closed with 4003",
            |w| Box::pin(second_device(w)),
        ),
        Rule::new(
            "second-device-serves",
            DOOR,
            "the end of the older connection does not disturb the newer one",
            |w| Box::pin(newer_serves(w)),
        ),
        Rule::new(
            "online",
            "PROTOCOL.md, Being online",
            "connecting makes a driver available, a close with 1000 makes them offline",
            |w| Box::pin(online(w)),
        ),
    ]
}

fn frames() -> Vec<Rule> {
    vec![
        Rule::new(
            "no-json",
            FROM_APP,
            "a text that is no JSON is answered with invalid_message, and the socket stays open",
            |w| Box::pin(bad_text(w, "{\"type\":\"ping\"", "invalid_message")),
        ),
        Rule::new(
            "unknown-type",
            FROM_APP,
            "an unknown type is answered with unknown_type, and the socket stays open",
            |w| Box::pin(bad_text(w, "{\"type\":\"do_magic\"}", "unknown_type")),
        ),
        Rule::new(
            "no-latitude",
            FROM_APP,
            "a position without its latitude is answered with invalid_position",
            |w| {
                Box::pin(bad_text(
                    w,
                    r#"{"type":"location_update","data":{"longitude":1.5}}"#,
                    "invalid_position",
                ))
            },
        ),
        Rule::new(
            "latitude-of-91",
            FROM_APP,
            "a latitude beyond 90 is answered with invalid_position",
            |w| {
                Box::pin(bad_text(
                    w,
                    r#"{"type":"location_update","data":{"latitude":91,"longitude":1.5}}"#,
                    "invalid_position",
                ))
            },
        ),
        Rule::new(
            "refused-authenticate",
            FROM_APP,
            "a refused authenticate does not cost the connection",
            |w| Box::pin(refused_token(w)),
        ),
        Rule::new("binary", "PROTOCOL.md, Close codes", "a binary frame is closed with 1003", |w| {
            Box::pin(binary(w))
        }),
    ]
}

async fn closed_at_the_door(world: &World, token: Option<&str>) -> Checked {
    let mut socket = world.open(&Door::new("/api/v1/ws/driver/1", token)).await?;
    match socket.hear().await {
        Heard::Closed(4001, _) => Ok(()),
        other => failed(format!("instead of a close with 4001: {other}")),
    }
}

async fn another_drivers_token(world: &World) -> Checked {
    let (driver, other) = (world.driver().await?, world.driver().await?);
    let path = format!("/api/v1/ws/driver/{}", other.id);
    let mut socket = world.open(&Door::new(path, Some(&driver.token))).await?;
    match socket.hear().await {
        Heard::Closed(4001, _) => Ok(()),
        other => failed(format!("instead of a close with 4001: {other}")),
    }
}

async fn token_elsewhere(world: &World, place: TokenIn) -> Checked {
    let driver = world.driver().await?;
    enter(world, &door(&driver).token_in(place)).await.map(drop)
}

async fn connected_first(world: &World) -> Checked {
    let driver = world.driver().await?;
    world.assign_new(driver.id).await?;
    let mut socket = world.open(&door(&driver)).await?;
    match socket.hear().await {
        Heard::Message(first) if first["type"] == "connected" && first["data"]["driver_id"] == driver.id => {
            Ok(())
        }
        other => failed(format!("instead of connected with driver_id {}: {other}", driver.id)),
    }
}

async fn second_device(world: &World) -> Checked {
    let driver = world.driver().await?;
    let (mut older, _) = connect(world, &driver).await?;
    let (_newer, _) = connect(world, &driver).await?;
    older.expect_close(4003).await
}

async fn newer_serves(world: &World) -> Checked {
    let driver = world.driver().await?;
    let (mut older, _) = connect(world, &driver).await?;
    let (mut newer, _) = connect(world, &driver).await?;
    // Whatever it is closed with.
    while let Heard::Message(_) = older.hear().await {}
    drop(older);
    newer.sync().await?;
    world.assign_new(driver.id).await?;
    newer.expect("order_assigned").await.map(drop)
}

async fn online(world: &World) -> Checked {
    let driver = world.driver().await?;
    world
        .put(&driver.token, "driver/status", json!({"status": "offline"}))
        .await?
        .expect("PUT driver/status", 200)?;
    let (socket, _) = connect(world, &driver).await?;
    is_status(world, &driver, "available").await?;
    socket.close(1000).await;
    is_status(world, &driver, "offline").await
}

/// The driver's status becomes this, within a moment.
async fn is_status(world: &World, driver: &Person, status: &str) -> Checked {
    let mut profile = Value::Null;
    for _ in 0..20 {
        profile = world.get(&driver.token, "driver/profile").await?.expect("GET driver/profile", 200)?;
        if profile["status"] == status {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    failed(format!("the status is {} instead of {status}", profile["status"]))
}

async fn understands(world: &World, vector: &Value) -> Checked {
    let driver = world.driver().await?;
    let (mut socket, _) = connect(world, &driver).await?;
    let mut message = vector["message"].clone();
    if message["token"] == "<jwt>" {
        message["token"] = json!(driver.token);
    }
    socket.send(&message).await?;
    match message["type"].as_str() {
        Some("ping") => drop(socket.expect("pong").await?),
        // The vector's number lies beyond the newest of a new account.
        Some("resume") => drop(socket.expect("resume_failed").await?),
        Some("authenticate") => drop(socket.expect("authenticated").await?),
        _ => {}
    }
    let refused = socket.sync().await?.into_iter().find(|message| message["type"] == "error");
    match refused {
        None => Ok(()),
        Some(error) => failed(format!("an error: {error}")),
    }
}

async fn has_shape(world: &World, vector: &Value) -> Checked {
    let name = vector["name"].as_str().unwrap_or_default();
    let driver = world.driver().await?;
    let message = if name == "connected" {
        world.open(&door(&driver)).await?.expect(name).await?
    } else {
        let (socket, _) = connect(world, &driver).await?;
        provoke(world, name, socket, &driver).await?
    };
    let found = differences_from(&message, vector);
    holds(found.is_empty(), || format!("{}: {message}", found.join(", ")))
}

/// Brings about the message of this name.
async fn provoke(world: &World, name: &str, mut socket: Socket, driver: &Person) -> Checked<Value> {
    match name {
        "pong" => socket.send(&json!({"type": "ping"})).await?,
        "order_assigned" => drop(world.assign_new(driver.id).await?),
        "order_cancelled" => {
            let order = world.assign_new(driver.id).await?;
            socket.expect("order_assigned").await?;
            world.cancel_order(order, "Customer cancelled").await?;
        }
        "error" => {
            let nowhere = json!({"type": "location_update", "data": {"latitude": 91.0, "longitude": 0.0}});
            socket.send(&nowhere).await?;
        }
        "resume_failed" => socket.send(&json!({"type": "resume", "last_event_id": 1_000_000})).await?,
        "authenticated" => socket.send(&json!({"type": "authenticate", "token": driver.token})).await?,
        other => return failed(format!("this program knows no way to bring about {other}")),
    }
    socket.expect(name).await
}

async fn bad_text(world: &World, text: &str, code: &str) -> Checked {
    let driver = world.driver().await?;
    let (mut socket, _) = connect(world, &driver).await?;
    socket.send_text(text).await?;
    socket.expect_error(code).await.map(drop)
}

async fn refused_token(world: &World) -> Checked {
    let driver = world.driver().await?;
    let (mut socket, _) = connect(world, &driver).await?;
    socket.send(&json!({"type": "authenticate", "token": "not.a.token"})).await?;
    socket.expect("error").await?;
    socket.sync().await.map(drop)
}

async fn binary(world: &World) -> Checked {
    let driver = world.driver().await?;
    let (mut socket, _) = connect(world, &driver).await?;
    socket.send_binary(b"\x00\x01").await?;
    socket.expect_close(1003).await
}
