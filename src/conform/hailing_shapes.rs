//! The ride hailing contract: each vector is sent, or brought about and compared.

use crate::conform::checked::{Broken, Checked, failed, holds, skipped};
use crate::conform::client::Socket;
use crate::conform::contract::Contract;
use crate::conform::hailing_socket::{connect, door, join};
use crate::conform::rides::{
    Taken, act, driver_near, is_asking, locate, offered, request, scene, step, take, taken,
};
use crate::conform::rule::Rule;
use crate::conform::shape::differences_from;
use crate::conform::world::{World, prepared};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest wait for a message that comes by itself after a time that is a setting of the server's.
const LONG: Duration = Duration::from_secs(15);

pub fn rules() -> Vec<Rule> {
    let contract = Contract::RideHailing;
    let sent = Rule::of_sent(contract, "the apps'", |w, vector| Box::pin(understands(w, vector)));
    sent.chain(Rule::of_heard(contract, |w, vector| Box::pin(has_shape(w, vector)))).collect()
}

async fn understands(world: &World, vector: &Value) -> Checked {
    let mut message = vector["message"].clone();
    let kind = message["type"].as_str().unwrap_or_default().to_owned();
    let who = match message["ride_id"].is_string() {
        true => {
            let Taken { scene, ride } = taken(world).await?;
            message["ride_id"] = json!(ride);
            scene.passenger
        }
        false if kind.starts_with("driver_") => world.driver().await?,
        false => world.customer().await?,
    };
    if message["token"] == "<jwt>" {
        message["token"] = json!(who.token);
    }
    let (mut socket, _) = connect(world, &who).await?;
    socket.send(&message).await?;
    let answer = match kind.as_str() {
        "ping" => Some("pong"),
        "join_ride" => Some("ride_joined"),
        "leave_ride" => Some("ride_left"),
        "driver_online" | "driver_offline" => Some("driver_status"),
        // The vector's number lies beyond the newest of a new account.
        "resume" => Some("resume_failed"),
        "authenticate" => Some("authenticated"),
        _ => None,
    };
    if let Some(answer) = answer {
        socket.find(answer).await?;
    }
    let refused = socket.sync().await?.into_iter().find(|message| message["type"] == "error");
    refused.map_or(Ok(()), |error| failed(format!("an error: {error}")))
}

async fn has_shape(world: &World, vector: &Value) -> Checked {
    let name = vector["name"].as_str().unwrap_or_default();
    let message = match name {
        "connected" => world.open(&door(&world.customer().await?)).await?.expect(name).await?,
        "ride_requested" | "ride_unavailable" => two_asked(world, name).await?,
        "ride_joined" => {
            let passenger = world.customer().await?;
            let ride = request(world, &passenger, world.lonely_place()).await?;
            join(&mut connect(world, &passenger).await?.0, &ride).await?
        }
        "ride_cancelled, nobody found" => nobody_found(world).await?,
        "booking_updated" => booked(world).await?,
        "driver_location_stale" | "driver_location_fresh" => silent(world, name).await?,
        "order_assigned and order_cancelled of a delivery's customer or driver" => {
            order_cancelled(world).await?
        }
        name => of_a_taken_ride(world, name).await?,
    };
    let found = differences_from(&message, vector);
    holds(found.is_empty(), || format!("{}: {message}", found.join(", ")))
}

/// The messages of a driver who is asked, and loses.
async fn two_asked(world: &World, name: &str) -> Checked<Value> {
    let scene = scene(world).await?;
    let loser = driver_near(world, scene.pickup).await?;
    let (mut socket, _) = connect(world, &loser).await?;
    let ride = request(world, &scene.passenger, scene.pickup).await?;
    offered(world, &scene.driver, &ride).await?;
    if !is_asking(world, &scene.passenger, &ride).await? {
        return skipped("the server binds a driver at once and asks nobody");
    }
    let requested = socket.find("ride_requested").await?;
    if name == "ride_requested" {
        return Ok(requested);
    }
    step(world, &scene.driver, &ride, "accept").await?;
    socket.find(name).await
}

/// A message that comes by itself, if a setting of the server's lets it come within the wait.
async fn in_time(socket: &mut Socket, kind: &str, setting: &str) -> Checked<Value> {
    socket.find_within(kind, LONG).await.map_err(|_| {
        Broken::Skipped(format!("{kind} did not come within {} s: {setting} may be longer", LONG.as_secs()))
    })
}

async fn nobody_found(world: &World) -> Checked<Value> {
    let passenger = world.customer().await?;
    let (mut socket, _) = connect(world, &passenger).await?;
    request(world, &passenger, world.lonely_place()).await?;
    in_time(&mut socket, "ride_cancelled", "SEARCH_DEADLINE_SECS").await
}

async fn silent(world: &World, name: &str) -> Checked<Value> {
    let made = taken(world).await?;
    let (mut socket, _) = connect(world, &made.scene.passenger).await?;
    join(&mut socket, &made.ride).await?;
    let stale = in_time(&mut socket, "driver_location_stale", "ROOM_STALE_SECS").await?;
    if name == "driver_location_stale" {
        return Ok(stale);
    }
    locate(world, &made.scene.driver, made.scene.pickup).await?;
    socket.find(name).await
}

async fn order_cancelled(world: &World) -> Checked<Value> {
    let driver = world.driver().await?;
    let (mut socket, _) = connect(world, &driver).await?;
    let order = world.assign_new(driver.id).await?;
    socket.find("order_assigned").await?;
    world.cancel_order(order, "Customer cancelled").await?;
    socket.find("order_cancelled").await
}

async fn booked(world: &World) -> Checked<Value> {
    let (customer, technician) = (world.customer().await?, world.driver().await?);
    let (mut socket, _) = connect(world, &customer).await?;
    let body = json!({"customer_id": customer.id, "service": "Brake inspection", "address": "14 Fox Street"});
    let made = prepared("POST bookings", world.post(world.admin()?, "bookings", body).await?, 201)?;
    let path = format!("bookings/{}/technician", made["booking_id"]);
    let reply = world.put(world.admin()?, &path, json!({"driver_id": technician.id})).await?;
    prepared("PUT bookings/{id}/technician", reply, 200)?;
    socket.find("booking_updated").await
}

async fn of_a_taken_ride(world: &World, name: &str) -> Checked<Value> {
    let scene = scene(world).await?;
    let (mut socket, _) = connect(world, &scene.passenger).await?;
    let ride = request(world, &scene.passenger, scene.pickup).await?;
    take(world, &scene.driver, &ride).await?;
    let accepted = socket.find("ride_accepted").await?;
    match name {
        "ride_accepted" => return Ok(accepted),
        "pong" => socket.send(&json!({"type": "ping", "timestamp": "2025-12-19T03:00:00Z"})).await?,
        "driver_location_update" => {
            join(&mut socket, &ride).await?;
            locate(world, &scene.driver, (scene.pickup.0 + 0.004, scene.pickup.1)).await?;
        }
        "ride_left" => socket.send(&json!({"type": "leave_ride", "ride_id": ride})).await?,
        "driver_status" => {
            socket = connect(world, &world.driver().await?).await?.0;
            socket.send(&json!({"type": "driver_online"})).await?;
        }
        "chat_message" => {
            let (mut driver, _) = connect(world, &scene.driver).await?;
            driver
                .send(&json!({"type": "chat_message", "ride_id": ride, "text": "I am at the gate"}))
                .await?;
            driver.sync().await?;
        }
        "error" => socket.send(&json!({"type": "join_ride", "ride_id": "nowhere"})).await?,
        "resume_failed" => socket.send(&json!({"type": "resume", "last_event_id": 1_000_000})).await?,
        "authenticated" => {
            socket.send(&json!({"type": "authenticate", "token": scene.passenger.token})).await?;
        }
        "ride_cancelled" => {
            act(world, &scene.passenger, &ride, "cancel", json!({"reason": "Changed my mind"}), 200).await?;
        }
        "driver_cancelled" => {
            act(world, &scene.driver, &ride, "cancel", json!({"reason": "Flat tyre"}), 200).await?;
        }
        "driver_arrived" => drop(step(world, &scene.driver, &ride, "arrive").await?),
        "ride_started" => drop(step(world, &scene.driver, &ride, "start").await?),
        "ride_completed" => {
            step(world, &scene.driver, &ride, "start").await?;
            step(world, &scene.driver, &ride, "complete").await?;
        }
        other => return failed(format!("this program knows no way to bring about {other}")),
    }
    socket.find(name).await
}
