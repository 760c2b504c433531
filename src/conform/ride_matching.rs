//! The ride matching contract: one socket for each ride, on an id that the app chooses, with flat messages.

use crate::conform::checked::{Checked, failed, holds, skipped};
use crate::conform::client::{Door, Heard, Socket};
use crate::conform::contract::Contract;
use crate::conform::rides::{driver_near, locate, step, take};
use crate::conform::rule::Rule;
use crate::conform::shape::differences;
use crate::conform::vectors;
use crate::conform::world::{Person, World};
use serde_json::{Value, json};
use uuid::Uuid;

const APP: &str = "contracts/ride-matching.md, Fixed by the app";
const OWN: &str = "contracts/ride-matching.md, Defined by this project";
const SOCKET: &str = "PROTOCOL.md, The ride matching socket";

pub fn rules() -> Vec<Rule> {
    let mut rules = vec![
        Rule::new(
            "established-first",
            APP,
            "the first message out is connection_established, with the ride's id",
            |w| Box::pin(established(w)),
        ),
        Rule::new(
            "without-slash",
            APP,
            "the socket's path is accepted without the trailing slash, too",
            |w| Box::pin(without_slash(w)),
        ),
        Rule::new(
            "bad-id",
            OWN,
            "an id with other characters than A-Z a-z 0-9 - _ . is 404 before the upgrade",
            |w| Box::pin(bad_id(w)),
        ),
        Rule::new("drivers-token", OWN, "a driver's token is closed with 4001", |w| {
            Box::pin(drivers_token(w))
        }),
        Rule::new("order", APP, "after find_driver comes searching, and then driver_assigned", |w| {
            Box::pin(order(w))
        }),
        Rule::new(
            "order-nobody",
            APP,
            "after find_driver comes searching, and then no_drivers where nobody is near",
            |w| Box::pin(nobody(w)),
        ),
        Rule::new("ten-kilometres", APP, "a driver 15 km away is not matched", |w| Box::pin(too_far(w))),
    ];
    rules.extend(searches());
    rules.extend(frames());
    let contract = Contract::RideMatching;
    rules.extend(Rule::of_sent(contract, "the app's", |w, vector| Box::pin(understands(w, vector))));
    rules.extend(Rule::of_heard(contract, |w, vector| Box::pin(has_shape(w, vector))));
    rules
}

fn searches() -> Vec<Rule> {
    vec![
        Rule::new("searches-again", OWN, "after no_drivers the app may send find_driver again", |w| {
            Box::pin(again(w))
        }),
        Rule::new(
            "one-search",
            OWN,
            "find_driver while a driver is assigned gets error and changes nothing",
            |w| Box::pin(one_search(w)),
        ),
        Rule::new(
            "cancel",
            OWN,
            "cancel_ride answers ride_cancelled with ride_id, and the driver is free again",
            |w| Box::pin(cancel(w)),
        ),
        Rule::new(
            "cancel-nothing",
            SOCKET,
            "cancel_ride before any find_driver gets error, and the socket stays open",
            |w| Box::pin(cancel_nothing(w)),
        ),
        Rule::new("reconnect", OWN, "after a reconnect the current state is sent again", |w| {
            Box::pin(reconnect(w))
        }),
        Rule::new(
            "key",
            OWN,
            "with the ride_key a later connection to the same ride is always let in",
            |w| Box::pin(key(w)),
        ),
        Rule::new(
            "position-follows",
            OWN,
            "after the assignment the socket gets the driver's positions",
            |w| Box::pin(position_follows(w)),
        ),
        Rule::new("events-rise", OWN, "durable messages carry an id, which rises", |w| Box::pin(ids_rise(w))),
    ]
}

fn frames() -> Vec<Rule> {
    vec![
        Rule::new(
            "no-coordinates",
            SOCKET,
            "find_driver without its coordinates gets error, and the socket stays open",
            |w| Box::pin(bad_text(w, r#"{"type":"find_driver"}"#, "invalid_position")),
        ),
        Rule::new(
            "unknown-type",
            OWN,
            "an unknown type gets error with a code, and the socket stays open",
            |w| Box::pin(bad_text(w, r#"{"type":"do_magic"}"#, "unknown_type")),
        ),
        Rule::new(
            "no-json",
            OWN,
            "a text that is no JSON gets error with a code, and the socket stays open",
            |w| Box::pin(bad_text(w, "find me a driver", "invalid_message")),
        ),
    ]
}

/// A passenger's app on its ride.
struct App {
    socket: Socket,
    ride: String,
    first: Value,
    /// Of a ride without an account.
    key: Option<String>,
    door: Door,
}

fn new_ride() -> String {
    format!("conform-{}", Uuid::new_v4().simple())
}

/// On a new ride, without an account where the server allows that.
async fn enter(world: &World) -> Checked<App> {
    let ride = new_ride();
    let door = Door::new(format!("/ws/ride/{ride}/"), None);
    match enter_by(world, &door, &ride).await? {
        Some(app) => Ok(app),
        None => {
            let passenger = world.customer().await?;
            let door = Door::new(format!("/ws/ride/{ride}/"), Some(&passenger.token));
            let app = enter_by(world, &door, &ride).await?;
            app.map_or_else(|| failed("a passenger's token is closed with 4001"), Ok)
        }
    }
}

/// None where the socket is closed with 4001.
async fn enter_by(world: &World, door: &Door, ride: &str) -> Checked<Option<App>> {
    let mut socket = world.open(door).await?;
    match socket.hear().await {
        Heard::Message(first) if first["type"] == "connection_established" => {
            let key = first["ride_key"].as_str().map(str::to_owned);
            Ok(Some(App { socket, ride: ride.to_owned(), first, key, door: door.clone() }))
        }
        Heard::Closed(4001, _) => Ok(None),
        other => failed(format!("instead of connection_established: {other}")),
    }
}

/// The vector's request, from another place.
fn find_driver(pickup: (f64, f64)) -> Value {
    let mut message =
        vectors::vector(Contract::RideMatching, "client_to_server", "find_driver")["message"].clone();
    message["pickup_latitude"] = json!(pickup.0);
    message["pickup_longitude"] = json!(pickup.1);
    message["dropoff_latitude"] = json!(pickup.0 + 0.1);
    message["dropoff_longitude"] = json!(pickup.1 + 0.1);
    message
}

/// A ride that a driver has, its app having heard so.
async fn assigned(world: &World) -> Checked<(App, Person, Value)> {
    let pickup = world.lonely_place();
    let driver = driver_near(world, pickup).await?;
    let mut app = enter(world).await?;
    app.socket.send(&find_driver(pickup)).await?;
    app.socket.find("searching").await?;
    take(world, &driver, &app.ride).await?;
    let assigned = app.socket.find("driver_assigned").await?;
    Ok((app, driver, assigned))
}

async fn established(world: &World) -> Checked {
    let app = enter(world).await?;
    holds(app.first["ride_id"] == app.ride.as_str(), || format!("for the ride {}: {}", app.ride, app.first))
}

async fn without_slash(world: &World) -> Checked {
    let app = enter(world).await?;
    let ride = new_ride();
    let door = Door { path: format!("/ws/ride/{ride}"), ..app.door };
    enter_by(world, &door, &ride).await?.map_or_else(|| failed("closed with 4001"), |_| Ok(()))
}

async fn bad_id(world: &World) -> Checked {
    let status = world.refusal(&Door::new("/ws/ride/not%20an%20id/", None)).await?;
    holds(status == 404, || format!("refused with {status}"))
}

async fn drivers_token(world: &World) -> Checked {
    let driver = world.driver().await?;
    let mut socket = world.open(&Door::new(format!("/ws/ride/{}/", new_ride()), Some(&driver.token))).await?;
    match socket.hear().await {
        Heard::Closed(4001, _) => Ok(()),
        other => failed(format!("instead of a close with 4001: {other}")),
    }
}

async fn order(world: &World) -> Checked {
    let pickup = world.lonely_place();
    let driver = driver_near(world, pickup).await?;
    let mut app = enter(world).await?;
    app.socket.send(&find_driver(pickup)).await?;
    app.socket.expect("searching").await?;
    take(world, &driver, &app.ride).await?;
    let assigned = app.socket.expect("driver_assigned").await?;
    let (latitude, longitude) = (&assigned["driver"]["latitude"], &assigned["driver"]["longitude"]);
    holds(latitude.is_number() && longitude.is_number(), || format!("the driver has no position: {assigned}"))
}

async fn nobody(world: &World) -> Checked {
    let mut app = enter(world).await?;
    app.socket.send(&find_driver(world.lonely_place())).await?;
    app.socket.expect("searching").await?;
    app.socket.expect("no_drivers").await.map(drop)
}

async fn too_far(world: &World) -> Checked {
    let pickup = world.lonely_place();
    world.driver_at(pickup.0 + 0.135, pickup.1).await?;
    let mut app = enter(world).await?;
    app.socket.send(&find_driver(pickup)).await?;
    app.socket.expect("searching").await?;
    app.socket.expect("no_drivers").await.map(drop)
}

async fn again(world: &World) -> Checked {
    let mut app = enter(world).await?;
    for _ in 0..2 {
        app.socket.send(&find_driver(world.lonely_place())).await?;
        app.socket.expect("searching").await?;
        app.socket.expect("no_drivers").await?;
    }
    Ok(())
}

async fn one_search(world: &World) -> Checked {
    let (mut app, driver, _) = assigned(world).await?;
    app.socket.send(&find_driver(world.lonely_place())).await?;
    app.socket.find("error").await?;
    let ride = world.get(&driver.token, &format!("rides/{}", app.ride)).await?;
    let ride = ride.expect("GET rides/{ride_id} of its driver", 200)?;
    holds(ride["status"] == "accepted", || format!("the ride is {} afterwards", ride["status"]))
}

async fn cancel(world: &World) -> Checked {
    let (mut app, driver, _) = assigned(world).await?;
    app.socket.send(&json!({"type": "cancel_ride"})).await?;
    let cancelled = app.socket.find("ride_cancelled").await?;
    holds(cancelled["ride_id"] == app.ride.as_str(), || format!("without its ride_id: {cancelled}"))?;
    let profile = world.get(&driver.token, "driver/profile").await?.expect("GET driver/profile", 200)?;
    holds(profile["status"] == "available", || format!("the driver is {} afterwards", profile["status"]))
}

async fn cancel_nothing(world: &World) -> Checked {
    let mut app = enter(world).await?;
    app.socket.send(&json!({"type": "cancel_ride"})).await?;
    app.socket.expect_error("not_found").await.map(drop)
}

/// The way back to the same ride.
fn door_again(app: &App) -> Door {
    match &app.key {
        Some(key) => app.door.clone().with(&format!("ride_key={key}")),
        None => app.door.clone(),
    }
}

async fn reconnect(world: &World) -> Checked {
    let (app, _, first) = assigned(world).await?;
    let (door, ride) = (door_again(&app), app.ride.clone());
    drop(app);
    let Some(mut app) = enter_by(world, &door, &ride).await? else {
        return failed("closed with 4001 on the way back");
    };
    let again = app.socket.find("driver_assigned").await?;
    holds(again["booking_id"] == first["booking_id"], || format!("{again} instead of {first}"))
}

async fn key(world: &World) -> Checked {
    let app = enter(world).await?;
    if app.key.is_none() {
        return skipped("the server lets in nobody without an account, so there is no key");
    }
    let door = door_again(&app);
    // The first one is still open.
    enter_by(world, &door, &app.ride).await?.map_or_else(|| failed("closed with 4001"), |_| Ok(()))
}

async fn position_follows(world: &World) -> Checked {
    let (mut app, driver, assigned) = assigned(world).await?;
    let start = (assigned["driver"]["latitude"].as_f64(), assigned["driver"]["longitude"].as_f64());
    let (Some(latitude), Some(longitude)) = start else {
        return failed(format!("the driver has no position: {assigned}"));
    };
    locate(world, &driver, (latitude - 0.001, longitude)).await?;
    for _ in 0..5 {
        let location = app.socket.find("driver_location").await?;
        if location["latitude"].as_f64().is_some_and(|at| (at - latitude + 0.001).abs() < 1e-6) {
            return Ok(());
        }
    }
    failed("positions came, and not the one that the driver sent")
}

async fn ids_rise(world: &World) -> Checked {
    let (mut app, driver, assigned) = assigned(world).await?;
    let mut newest = assigned["id"].as_i64().unwrap_or_default();
    holds(newest > 0, || format!("without an id: {assigned}"))?;
    for (action, kind) in
        [("arrive", "driver_arrived"), ("start", "ride_started"), ("complete", "ride_completed")]
    {
        step(world, &driver, &app.ride, action).await?;
        let message = app.socket.find(kind).await?;
        let id = message["id"].as_i64().unwrap_or_default();
        holds(id > newest, || format!("after the id {newest}: {message}"))?;
        newest = id;
    }
    Ok(())
}

async fn bad_text(world: &World, text: &str, code: &str) -> Checked {
    let mut app = enter(world).await?;
    app.socket.send_text(text).await?;
    app.socket.expect_error(code).await.map(drop)
}

async fn understands(world: &World, vector: &Value) -> Checked {
    let mut app = enter(world).await?;
    match vector["name"].as_str() {
        Some("find_driver") => {
            app.socket.send(&find_driver(world.lonely_place())).await?;
            app.socket.expect("searching").await.map(drop)
        }
        Some("cancel_ride") => {
            let pickup = world.lonely_place();
            driver_near(world, pickup).await?;
            app.socket.send(&find_driver(pickup)).await?;
            app.socket.expect("searching").await?;
            app.socket.send(&vector["message"]).await?;
            app.socket.find("ride_cancelled").await.map(drop)
        }
        _ => {
            app.socket.send(&vector["message"]).await?;
            app.socket.expect("pong").await.map(drop)
        }
    }
}

async fn has_shape(world: &World, vector: &Value) -> Checked {
    let name = vector["name"].as_str().unwrap_or_default();
    let mut added: Vec<String> = serde_json::from_value(vector["added_fields"].clone()).unwrap_or_default();
    let message = match name {
        "connection_established" => {
            let app = enter(world).await?;
            // An account is let in by its token.
            added.retain(|field| field != "ride_key" || app.door.token.is_none());
            app.first
        }
        "pong" | "error" | "searching" | "no_drivers" => {
            let mut app = enter(world).await?;
            let message = match name {
                "pong" => json!({"type": "ping"}),
                "error" => json!({"type": "cancel_ride"}),
                _ => find_driver(world.lonely_place()),
            };
            app.socket.send(&message).await?;
            app.socket.find(name).await?
        }
        _ => of_an_assigned_ride(world, name).await?,
    };
    let found = differences(&message, &vector["message"], &added);
    holds(found.is_empty(), || format!("{}: {message}", found.join(", ")))
}

async fn of_an_assigned_ride(world: &World, name: &str) -> Checked<Value> {
    let (mut app, driver, assigned) = assigned(world).await?;
    let steps: &[&str] = match name {
        "driver_assigned" => return Ok(assigned),
        "ride_cancelled" => {
            app.socket.send(&json!({"type": "cancel_ride"})).await?;
            &[]
        }
        "driver_location" => {
            let start = (assigned["driver"]["latitude"].as_f64(), assigned["driver"]["longitude"].as_f64());
            let at = (start.0.unwrap_or_default() - 0.001, start.1.unwrap_or_default());
            locate(world, &driver, at).await?;
            &[]
        }
        "driver_arrived" => &["arrive"],
        "ride_started" => &["start"],
        "ride_completed" => &["start", "complete"],
        other => return failed(format!("this program knows no way to bring about {other}")),
    };
    for action in steps {
        step(world, &driver, &app.ride, action).await?;
    }
    app.socket.find(name).await
}
