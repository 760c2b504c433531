//! The hailing apps' way in.

use crate::conform::checked::Checked;
use crate::conform::client::{Door, Socket};
use crate::conform::world::{Person, World};
use serde_json::{Value, json};

pub fn door(who: &Person) -> Door {
    Door::new("/api/v1/ws/connect", Some(&who.token))
}

pub async fn connect(world: &World, who: &Person) -> Checked<(Socket, i64)> {
    enter(world, &door(who)).await
}

pub async fn enter(world: &World, door: &Door) -> Checked<(Socket, i64)> {
    let mut socket = world.open(door).await?;
    let connected = socket.expect("connected").await?;
    Ok((socket, connected["data"]["last_event_id"].as_i64().unwrap_or_default()))
}

pub async fn join(socket: &mut Socket, ride: &str) -> Checked<Value> {
    socket.send(&json!({"type": "join_ride", "ride_id": ride})).await?;
    socket.find("ride_joined").await
}
