//! The driver app's contract: events, their order, and what is sent again.

use crate::conform::checked::{Checked, holds};
use crate::conform::client::Socket;
use crate::conform::driver_socket::{connect, door, enter};
use crate::conform::rule::Rule;
use crate::conform::world::{Person, World, prepared};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const APP: &str = "contracts/driver-app.md, Fixed by the app";
const DELIVERY: &str = "PROTOCOL.md, Delivery of events";
const FROM_APP: &str = "PROTOCOL.md, From the app";
const TO_APP: &str = "PROTOCOL.md, To the app";
/// `order_assigned` reaches the app within this.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(1);

pub fn rules() -> Vec<Rule> {
    vec![
        Rule::new("assigned-at-once", APP, "order_assigned reaches the app within 1 s", |w| {
            Box::pin(at_once(w))
        }),
        Rule::new("only-that-driver", APP, "an order reaches the app of its driver and no other", |w| {
            Box::pin(only_that_driver(w))
        }),
        Rule::new(
            "batch",
            APP,
            "each order of a batch has a message of its own, in the batch's order",
            |w| Box::pin(batch(w)),
        ),
        Rule::new(
            "events-in-order",
            DELIVERY,
            "an account's events are numbered 1, 2, 3 … with no gap, and come in this order",
            |w| Box::pin(in_order(w)),
        ),
        Rule::new("event-once", DELIVERY, "within one connection each event comes once", |w| {
            Box::pin(once(w))
        }),
        Rule::new(
            "replay",
            DELIVERY,
            "events that the app missed are sent again after it reconnects, in order, without being asked for",
            |w| Box::pin(replay(w)),
        ),
        Rule::new(
            "confirmed-not-replayed",
            DELIVERY,
            "events that the device confirmed by its pong are not sent again",
            |w| Box::pin(confirmed(w)),
        ),
        Rule::new(
            "last-event-id",
            DELIVERY,
            "last_event_id=N brings everything after N, confirmed or not",
            |w| Box::pin(after_a_number(w, false)),
        ),
        Rule::new(
            "resume",
            FROM_APP,
            "resume brings everything after its number, as if the app had connected with it",
            |w| Box::pin(after_a_number(w, true)),
        ),
        Rule::new(
            "resume-beyond",
            DELIVERY,
            "a last_event_id above the newest number is answered by resume_failed",
            |w| Box::pin(beyond(w)),
        ),
        Rule::new(
            "event-time",
            TO_APP,
            "an event that is sent again has the id, the timestamp and the data that it had",
            |w| Box::pin(same_again(w)),
        ),
    ]
}

async fn at_once(world: &World) -> Checked {
    let driver = world.driver().await?;
    let (mut socket, _) = connect(world, &driver).await?;
    let order = world.order().await?;
    let began = Instant::now();
    world.assign(order, driver.id).await?;
    socket.expect("order_assigned").await?;
    let took = began.elapsed();
    holds(took <= ASSIGNED_WITHIN, || format!("it took {} ms", took.as_millis()))
}

async fn only_that_driver(world: &World) -> Checked {
    let (driver, other) = (world.driver().await?, world.driver().await?);
    let (mut socket, _) = connect(world, &driver).await?;
    let (mut elsewhere, _) = connect(world, &other).await?;
    world.assign_new(driver.id).await?;
    socket.expect("order_assigned").await?;
    let heard = elsewhere.sync().await?;
    holds(heard.is_empty(), || format!("another driver's app heard {heard:?}"))
}

async fn batch(world: &World) -> Checked {
    let driver = world.driver().await?;
    let (mut socket, _) = connect(world, &driver).await?;
    // Not in the order in which they were made.
    let (first, second, third) = (world.order().await?, world.order().await?, world.order().await?);
    let orders = [second, third, first];
    let body = json!({"driver_id": driver.id, "order_ids": orders});
    let reply = world.post(world.admin()?, "admin/orders/batches", body).await?;
    prepared("POST admin/orders/batches", reply, 201)?;
    for order in orders {
        let message = socket.expect("order_assigned").await?;
        holds(message["data"]["order_id"] == order, || format!("instead of order {order}: {message}"))?;
    }
    Ok(())
}

/// The events that come before a pong.
async fn events_of(socket: &mut Socket) -> Checked<Vec<Value>> {
    let heard = socket.sync().await?;
    Ok(heard.into_iter().filter(|message| message["id"].is_i64()).collect())
}

fn are_numbered(events: &[Value], from: i64, count: usize) -> Checked {
    let ids: Vec<i64> = events.iter().filter_map(|event| event["id"].as_i64()).collect();
    let expected: Vec<i64> = (from..).take(count).collect();
    holds(ids == expected, || format!("the events {ids:?} instead of {expected:?}"))
}

async fn in_order(world: &World) -> Checked {
    let driver = world.driver().await?;
    let (mut socket, newest) = connect(world, &driver).await?;
    let mut events = Vec::new();
    for _ in 0..2 {
        let order = world.assign_new(driver.id).await?;
        events.push(socket.find("order_assigned").await?);
        world.cancel_order(order, "Too late").await?;
        events.push(socket.find("order_cancelled").await?);
    }
    are_numbered(&events, newest + 1, 4)
}

async fn once(world: &World) -> Checked {
    let driver = world.driver().await?;
    let (mut socket, _) = connect(world, &driver).await?;
    world.assign_new(driver.id).await?;
    let first = socket.expect("order_assigned").await?;
    let again = events_of(&mut socket).await?;
    holds(again.is_empty(), || format!("after the event {} there came {again:?}", first["id"]))
}

async fn replay(world: &World) -> Checked {
    let driver = world.driver().await?;
    let (socket, newest) = connect(world, &driver).await?;
    drop(socket);
    let order = world.assign_new(driver.id).await?;
    world.cancel_order(order, "Too late").await?;
    let (mut socket, _) = connect(world, &driver).await?;
    are_numbered(&events_of(&mut socket).await?, newest + 1, 2)
}

/// The driver's app, which has heard and confirmed two events; and the number of the newest before them.
async fn two_confirmed(world: &World, driver: &Person) -> Checked<(Socket, i64)> {
    let (mut socket, newest) = connect(world, driver).await?;
    let order = world.assign_new(driver.id).await?;
    socket.expect("order_assigned").await?;
    world.cancel_order(order, "Too late").await?;
    socket.expect("order_cancelled").await?;
    // The second answer comes after that to the WebSocket ping with the event's number.
    socket.sync().await?;
    socket.sync().await?;
    Ok((socket, newest))
}

async fn confirmed(world: &World) -> Checked {
    let driver = world.driver().await?;
    drop(two_confirmed(world, &driver).await?);
    let (mut socket, _) = connect(world, &driver).await?;
    let again = events_of(&mut socket).await?;
    holds(again.is_empty(), || format!("confirmed events came again: {again:?}"))
}

/// Everything after the first event of two, by the door's query or by a message.
async fn after_a_number(world: &World, by_message: bool) -> Checked {
    let driver = world.driver().await?;
    let (mut socket, newest) = two_confirmed(world, &driver).await?;
    let from = newest + 1;
    if by_message {
        socket.send(&json!({"type": "resume", "last_event_id": from})).await?;
    } else {
        drop(socket);
        socket = enter(world, &door(&driver).with(&format!("last_event_id={from}"))).await?.0;
    }
    are_numbered(&events_of(&mut socket).await?, from + 1, 1)
}

async fn beyond(world: &World) -> Checked {
    let driver = world.driver().await?;
    let (mut socket, newest) = enter(world, &door(&driver).with("last_event_id=1000000")).await?;
    let failed_resume = socket.expect("resume_failed").await?;
    holds(failed_resume["data"]["newest_id"] == newest, || {
        format!("newest_id is not {newest}: {failed_resume}")
    })
}

async fn same_again(world: &World) -> Checked {
    let driver = world.driver().await?;
    let (mut socket, newest) = connect(world, &driver).await?;
    world.assign_new(driver.id).await?;
    let first = socket.expect("order_assigned").await?;
    socket.send(&json!({"type": "resume", "last_event_id": newest})).await?;
    let again = socket.expect("order_assigned").await?;
    holds(first == again, || format!("{again} instead of {first}"))
}
