//! Rides as both ride contracts' checks bring them about: a passenger, a driver half a kilometre away where nobody else is, and
//! the moves by REST.

use crate::conform::checked::{Checked, failed};
use crate::conform::world::{Person, World, prepared};
use serde_json::{Value, json};
use std::time::Duration;

/// Half a kilometre, in degrees of latitude.
const NEAR: f64 = 0.0045;
const POLLS: usize = 60;
const POLL: Duration = Duration::from_millis(100);

pub struct Scene {
    pub passenger: Person,
    pub driver: Person,
    /// Where the ride begins.
    pub pickup: (f64, f64),
}

/// A ride that the scene's driver has.
pub struct Taken {
    pub scene: Scene,
    pub ride: String,
}

/// A driver half a kilometre from here.
pub async fn driver_near(world: &World, pickup: (f64, f64)) -> Checked<Person> {
    world.driver_at(pickup.0 + NEAR, pickup.1).await
}

pub async fn scene(world: &World) -> Checked<Scene> {
    let pickup = world.lonely_place();
    let (passenger, driver) = (world.customer().await?, driver_near(world, pickup).await?);
    Ok(Scene { passenger, driver, pickup })
}

pub fn ride_body(pickup: (f64, f64)) -> Value {
    json!({
        "ride_type": "any", "pickup_latitude": pickup.0, "pickup_longitude": pickup.1,
        "dropoff_latitude": pickup.0 + 0.01, "dropoff_longitude": pickup.1 + 0.01, "estimated_fare": 1500,
    })
}

/// A new ride's id.
pub async fn request(world: &World, passenger: &Person, pickup: (f64, f64)) -> Checked<String> {
    let ride = world.post(&passenger.token, "rides", ride_body(pickup)).await?.expect("POST rides", 201)?;
    match ride["ride_id"].as_str() {
        Some(id) => Ok(id.to_owned()),
        None => failed(format!("a ride without a ride_id: {ride}")),
    }
}

pub async fn show(world: &World, who: &Person, ride: &str) -> Checked<Value> {
    world.get(&who.token, &format!("rides/{ride}")).await?.expect("GET rides/{ride_id}", 200)
}

/// Waits until the ride is offered to this driver, or theirs.
pub async fn offered(world: &World, driver: &Person, ride: &str) -> Checked {
    for _ in 0..POLLS {
        if world.get(&driver.token, &format!("rides/{ride}")).await?.status == 200 {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    failed("the ride was not offered to an available, verified driver half a kilometre away")
}

/// Whether the server asks drivers, and binds none at once. The ride must be offered.
pub async fn is_asking(world: &World, passenger: &Person, ride: &str) -> Checked<bool> {
    Ok(show(world, passenger, ride).await?["status"] == "requested")
}

/// One of the moves, which must be answered with this status.
pub async fn act(
    world: &World,
    who: &Person,
    ride: &str,
    action: &str,
    body: Value,
    status: u16,
) -> Checked<Value> {
    let path = format!("rides/{ride}/{action}");
    world.post(&who.token, &path, body).await?.expect(&format!("POST {path}"), status)
}

/// A move without a body that matters, which must succeed.
pub async fn step(world: &World, who: &Person, ride: &str, action: &str) -> Checked<Value> {
    act(world, who, ride, action, json!({}), 200).await
}

pub async fn take(world: &World, driver: &Person, ride: &str) -> Checked<Value> {
    offered(world, driver, ride).await?;
    step(world, driver, ride, "accept").await
}

pub async fn taken(world: &World) -> Checked<Taken> {
    let scene = scene(world).await?;
    let ride = request(world, &scene.passenger, scene.pickup).await?;
    take(world, &scene.driver, &ride).await?;
    Ok(Taken { scene, ride })
}

/// The driver tells where they are.
pub async fn locate(world: &World, driver: &Person, at: (f64, f64)) -> Checked {
    let position = json!({"latitude": at.0, "longitude": at.1, "heading": 45, "speed": 25});
    let reply = world.put(&driver.token, "driver/location", position).await?;
    prepared("PUT driver/location", reply, 202).map(drop)
}
