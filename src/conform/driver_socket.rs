//! The driver app's way in.

use crate::conform::checked::{Checked, failed};
use crate::conform::client::{Door, Socket};
use crate::conform::world::{Person, World};

pub fn door(driver: &Person) -> Door {
    Door::new(format!("/api/v1/ws/driver/{}", driver.id), Some(&driver.token))
}

/// Connected, with the newest event's number.
pub async fn connect(world: &World, driver: &Person) -> Checked<(Socket, i64)> {
    enter(world, &door(driver)).await
}

pub async fn enter(world: &World, door: &Door) -> Checked<(Socket, i64)> {
    let mut socket = world.open(door).await?;
    let connected = socket.expect("connected").await?;
    match connected["data"]["last_event_id"].as_i64() {
        Some(newest) => Ok((socket, newest)),
        None => failed(format!("connected has no last_event_id: {connected}")),
    }
}
