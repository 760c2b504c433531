//! The ride hailing contract: its socket. A ride's life by REST is in `ride_life`.

use crate::conform::checked::{Checked, failed, holds, skipped};
use crate::conform::client::{Door, Heard, Socket};
use crate::conform::contract::Contract;
use crate::conform::hailing_socket::{connect, door, enter, join};
use crate::conform::rides::{Taken, act, is_asking, locate, offered, request, scene, step, take, taken};
use crate::conform::rule::Rule;
use crate::conform::shape::differences;
use crate::conform::world::World;
use crate::conform::{hailing_shapes, positions, ride_life, vectors};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const APP: &str = "contracts/ride-hailing.md, Fixed by the apps";
const OWN: &str = "contracts/ride-hailing.md, Defined by this project";
const SOCKET: &str = "PROTOCOL.md, The ride hailing socket";
const DELIVERY: &str = "PROTOCOL.md, Delivery of events";

pub fn rules() -> Vec<Rule> {
    let mut rules = vec![
        Rule::new(
            "no-token",
            SOCKET,
            "without a token the handshake completes, then the socket is closed with 4001",
            |w| Box::pin(no_token(w)),
        ),
        Rule::new("connected-first", APP, "the first message out is connected", |w| {
            Box::pin(connected_first(w))
        }),
        Rule::new("pong-echo", APP, "pong echoes the client's timestamp in data.timestamp", |w| {
            Box::pin(echo(w))
        }),
        Rule::new("stats", APP, "GET ws/stats has the vector's three numbers", |w| Box::pin(stats(w))),
        Rule::new(
            "several-connections",
            OWN,
            "several connections of an account are allowed, and each gets every event",
            |w| Box::pin(several(w)),
        ),
        Rule::new(
            "unjoined",
            OWN,
            "participants get their ride's events before they join its room, each once",
            |w| Box::pin(unjoined(w)),
        ),
    ];
    rules.extend(rooms());
    rules.extend(events());
    rules.extend(hailing_shapes::rules());
    rules.extend(ride_life::rules());
    rules.extend(positions::rules());
    rules
}

fn rooms() -> Vec<Rule> {
    vec![
        Rule::new("strangers-join", OWN, "others than the participants can't join: error not_found", |w| {
            Box::pin(strangers(w))
        }),
        Rule::new("join-again", SOCKET, "joining again brings the current state", |w| {
            Box::pin(join_again(w))
        }),
        Rule::new("positions-to-joined", OWN, "positions go to those who joined, and to nobody else", |w| {
            Box::pin(joined_alone(w))
        }),
        Rule::new("leave", SOCKET, "a connection that left a ride gets no more of its positions", |w| {
            Box::pin(left(w))
        }),
    ]
}

fn events() -> Vec<Rule> {
    vec![
        Rule::new(
            "events-in-order",
            OWN,
            "an account's events are numbered with no gap, and come in this order",
            |w| Box::pin(in_order(w)),
        ),
        Rule::new("last-event-id", DELIVERY, "last_event_id=N replays everything after N, in order", |w| {
            Box::pin(after_a_number(w, false))
        }),
        Rule::new("resume", OWN, "resume replays everything after its number, in order", |w| {
            Box::pin(after_a_number(w, true))
        }),
        Rule::new("cancelled-heard", SOCKET, "both participants hear ride_cancelled", |w| {
            Box::pin(cancelled_heard(w))
        }),
        Rule::new(
            "offer-answered",
            OWN,
            "a declined ride is no longer shown to the driver who declined it",
            |w| Box::pin(declined(w)),
        ),
        Rule::new(
            "status-refused",
            SOCKET,
            "driver_offline is refused with driver_busy while the driver holds a ride",
            |w| Box::pin(offline_refused(w)),
        ),
        Rule::new(
            "unknown-type",
            OWN,
            "an unknown type is answered with an error, and the socket stays open",
            |w| Box::pin(bad_text(w, "{\"type\":\"do_magic\"}", "unknown_type")),
        ),
        Rule::new(
            "no-json",
            OWN,
            "a text that is no JSON is answered with an error, and the socket stays open",
            |w| Box::pin(bad_text(w, "ping", "invalid_message")),
        ),
    ]
}

async fn no_token(world: &World) -> Checked {
    let mut socket = world.open(&Door::new("/api/v1/ws/connect", None)).await?;
    match socket.hear().await {
        Heard::Closed(4001, _) => Ok(()),
        other => failed(format!("instead of a close with 4001: {other}")),
    }
}

async fn connected_first(world: &World) -> Checked {
    let passenger = world.customer().await?;
    request(world, &passenger, world.lonely_place()).await?;
    let mut socket = world.open(&door(&passenger)).await?;
    match socket.hear().await {
        Heard::Message(first) if first["type"] == "connected" => {
            holds(first["data"]["user_id"] == passenger.user_id.as_str(), || format!("connected is {first}"))
        }
        other => failed(format!("instead of connected: {other}")),
    }
}

async fn echo(world: &World) -> Checked {
    let (mut socket, _) = connect(world, &world.customer().await?).await?;
    let mine = "2025-12-19T03:00:00Z";
    socket.send(&json!({"type": "ping", "timestamp": mine})).await?;
    let pong = socket.expect("pong").await?;
    holds(pong["data"]["timestamp"] == mine, || format!("instead of {mine}: {pong}"))
}

async fn stats(world: &World) -> Checked {
    let vector = vectors::vector(Contract::RideHailing, "rest", "stats");
    let mut reply = world.anonymously(Method::GET, "ws/stats", None).await?;
    if reply.status == 401 {
        reply = world.get(world.admin()?, "ws/stats").await?;
    }
    let found = differences(&reply.expect("GET ws/stats", 200)?, &vector["response"], &[]);
    holds(found.is_empty(), || found.join(", "))
}

async fn several(world: &World) -> Checked {
    let scene = scene(world).await?;
    let (mut phone, _) = connect(world, &scene.passenger).await?;
    let (mut browser, _) = connect(world, &scene.passenger).await?;
    let ride = request(world, &scene.passenger, scene.pickup).await?;
    take(world, &scene.driver, &ride).await?;
    let (one, other) = (phone.find("ride_accepted").await?, browser.find("ride_accepted").await?);
    holds(one["id"] == other["id"], || format!("{one} on one and {other} on the other"))
}

async fn unjoined(world: &World) -> Checked {
    let scene = scene(world).await?;
    let (mut socket, _) = connect(world, &scene.passenger).await?;
    let ride = request(world, &scene.passenger, scene.pickup).await?;
    take(world, &scene.driver, &ride).await?;
    socket.find("ride_accepted").await?;
    join(&mut socket, &ride).await?;
    step(world, &scene.driver, &ride, "arrive").await?;
    socket.find("driver_arrived").await?;
    let again = socket.sync().await?;
    let twice = again.iter().find(|message| message["type"] == "driver_arrived");
    holds(twice.is_none(), || format!("driver_arrived came twice: {again:?}"))
}

async fn strangers(world: &World) -> Checked {
    let (passenger, stranger) = (world.customer().await?, world.customer().await?);
    let ride = request(world, &passenger, world.lonely_place()).await?;
    let (mut socket, _) = connect(world, &stranger).await?;
    socket.send(&json!({"type": "join_ride", "ride_id": ride})).await?;
    socket.expect_error("not_found").await.map(drop)
}

async fn join_again(world: &World) -> Checked {
    let Taken { scene, ride } = taken(world).await?;
    let (mut socket, _) = connect(world, &scene.passenger).await?;
    join(&mut socket, &ride).await?;
    step(world, &scene.driver, &ride, "start").await?;
    let joined = join(&mut socket, &ride).await?;
    let shown = &joined["data"]["ride"]["status"];
    holds(shown == "started", || format!("the ride is shown as {shown} after its start"))
}

/// The messages that reach the socket after one more position of the ride's driver.
async fn after_a_position(
    world: &World,
    socket: &mut Socket,
    made: &Taken,
    step: f64,
) -> Checked<Vec<Value>> {
    locate(world, &made.scene.driver, (made.scene.pickup.0 + step, made.scene.pickup.1)).await?;
    // A position is on its way for a moment.
    let give_up = tokio::time::Instant::now() + Duration::from_secs(2);
    let mut heard = Vec::new();
    while let Heard::Message(message) = socket.hear_until(give_up).await {
        let is_position = message["type"] == "driver_location_update";
        heard.push(message);
        if is_position {
            break;
        }
    }
    Ok(heard)
}

fn positions_in(heard: &[Value]) -> usize {
    heard.iter().filter(|message| message["type"] == "driver_location_update").count()
}

async fn joined_alone(world: &World) -> Checked {
    let made = taken(world).await?;
    let (mut joined, _) = connect(world, &made.scene.passenger).await?;
    let (mut elsewhere, _) = connect(world, &made.scene.passenger).await?;
    join(&mut joined, &made.ride).await?;
    let heard = after_a_position(world, &mut joined, &made, 0.004).await?;
    holds(positions_in(&heard) > 0, || format!("instead of driver_location_update: {heard:?}"))?;
    let heard = elsewhere.sync().await?;
    holds(positions_in(&heard) == 0, || format!("a connection that did not join heard {heard:?}"))
}

async fn left(world: &World) -> Checked {
    let made = taken(world).await?;
    let (mut socket, _) = connect(world, &made.scene.passenger).await?;
    join(&mut socket, &made.ride).await?;
    socket.send(&json!({"type": "leave_ride", "ride_id": made.ride})).await?;
    socket.find("ride_left").await?;
    let heard = after_a_position(world, &mut socket, &made, 0.003).await?;
    holds(positions_in(&heard) == 0, || format!("after ride_left: {heard:?}"))
}

async fn events_until(socket: &mut Socket, last: &str) -> Checked<Vec<i64>> {
    let mut ids = Vec::new();
    loop {
        match socket.hear().await {
            Heard::Message(message) => {
                ids.extend(message["id"].as_i64());
                if message["type"] == last {
                    return Ok(ids);
                }
            }
            other => return failed(format!("instead of {last}: {other}")),
        }
    }
}

async fn in_order(world: &World) -> Checked {
    let scene = scene(world).await?;
    let (mut socket, newest) = connect(world, &scene.passenger).await?;
    let ride = request(world, &scene.passenger, scene.pickup).await?;
    take(world, &scene.driver, &ride).await?;
    for action in ["arrive", "start", "complete"] {
        step(world, &scene.driver, &ride, action).await?;
    }
    let ids = events_until(&mut socket, "ride_completed").await?;
    let expected: Vec<i64> = (newest + 1..).take(ids.len()).collect();
    holds(ids.len() >= 4 && ids == expected, || format!("the events {ids:?} after {newest}"))
}

async fn after_a_number(world: &World, by_message: bool) -> Checked {
    let Taken { scene, ride } = taken(world).await?;
    let (mut socket, newest) = connect(world, &scene.passenger).await?;
    step(world, &scene.driver, &ride, "arrive").await?;
    socket.find("driver_arrived").await?;
    step(world, &scene.driver, &ride, "start").await?;
    socket.find("ride_started").await?;
    // Confirmed, so that nothing comes that was not asked for.
    socket.sync().await?;
    socket.sync().await?;
    if by_message {
        socket.send(&json!({"type": "resume", "last_event_id": newest})).await?;
    } else {
        socket = enter(world, &door(&scene.passenger).with(&format!("last_event_id={newest}"))).await?.0;
    }
    let ids = events_until(&mut socket, "ride_started").await?;
    holds(ids == [newest + 1, newest + 2], || format!("the events {ids:?} instead of the two after {newest}"))
}

async fn cancelled_heard(world: &World) -> Checked {
    let Taken { scene, ride } = taken(world).await?;
    let (mut passenger, _) = connect(world, &scene.passenger).await?;
    let (mut driver, _) = connect(world, &scene.driver).await?;
    act(world, &scene.passenger, &ride, "cancel", json!({"reason": "Changed my mind"}), 200).await?;
    for socket in [&mut passenger, &mut driver] {
        let heard = socket.find("ride_cancelled").await?;
        let is_so =
            heard["data"]["cancelled_by"] == "passenger" && heard["data"]["reason"] == "Changed my mind";
        holds(is_so, || format!("instead of the passenger's reason: {heard}"))?;
    }
    Ok(())
}

async fn declined(world: &World) -> Checked {
    let scene = scene(world).await?;
    let ride = request(world, &scene.passenger, scene.pickup).await?;
    offered(world, &scene.driver, &ride).await?;
    if !is_asking(world, &scene.passenger, &ride).await? {
        return skipped("the server binds a driver at once and asks nobody");
    }
    step(world, &scene.driver, &ride, "decline").await?;
    let reply = world.get(&scene.driver.token, &format!("rides/{ride}")).await?;
    reply.expect("GET of a declined ride", 404).map(drop)
}

async fn offline_refused(world: &World) -> Checked {
    let made = taken(world).await?;
    let (mut socket, _) = connect(world, &made.scene.driver).await?;
    socket.send(&json!({"type": "driver_offline"})).await?;
    let error = socket.find("error").await?;
    holds(error["data"]["code"] == "driver_busy", || format!("instead of driver_busy: {error}"))
}

async fn bad_text(world: &World, text: &str, code: &str) -> Checked {
    let (mut socket, _) = connect(world, &world.customer().await?).await?;
    socket.send_text(text).await?;
    socket.expect_error(code).await.map(drop)
}
