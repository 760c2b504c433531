//! The ride hailing contract: a ride's life by REST, and who may do what to it.

use crate::conform::checked::{Checked, holds, skipped};
use crate::conform::driver_rest::has;
use crate::conform::rides::{
    act, driver_near, is_asking, offered, request, ride_body, scene, show, step, take, taken,
};
use crate::conform::rule::Rule;
use crate::conform::world::World;
use serde_json::json;

const OWN: &str = "contracts/ride-hailing.md, Defined by this project";
const RIDES: &str = "PROTOCOL.md, Rides";

pub fn rules() -> Vec<Rule> {
    vec![
        Rule::new("ride-shape", OWN, "POST rides answers 201 with the ride and its documented fields", |w| {
            Box::pin(shape(w))
        }),
        Rule::new("ride-fields", RIDES, "a ride without its coordinates is refused with 422", |w| {
            Box::pin(bad_fields(w))
        }),
        Rule::new(
            "ride-life",
            OWN,
            "a ride goes from requested to accepted, arrived, started, completed; each move again is 200",
            |w| Box::pin(life(w)),
        ),
        Rule::new(
            "start-implies-arrival",
            OWN,
            "a start straight from accepted is allowed and implies arrival",
            |w| Box::pin(implied(w)),
        ),
        Rule::new(
            "illegal-move",
            OWN,
            "a move that the lifecycle does not have is 409 with the state, and changes nothing",
            |w| Box::pin(illegal(w)),
        ),
        Rule::new("cancel-until-start", OWN, "the passenger cancels until the start; then it is 409", |w| {
            Box::pin(cancel(w))
        }),
        Rule::new("one-winner", OWN, "a lost race for a ride is 409 with the code ride_taken", |w| {
            Box::pin(winner(w))
        }),
        Rule::new(
            "gives-back",
            OWN,
            "a driver who cancels before the start puts the ride back to requested",
            |w| Box::pin(gives_back(w)),
        ),
        Rule::new("wrong-person", OWN, "somebody else's ride is 404", |w| Box::pin(wrong_person(w))),
        Rule::new("wrong-role", OWN, "a driver who requests a ride gets 403", |w| Box::pin(wrong_role(w))),
        Rule::new("idempotency", OWN, "POST rides with the same Idempotency-Key makes one ride", |w| {
            Box::pin(keyed(w))
        }),
        Rule::new("rate", OWN, "the passenger rates once, after completion", |w| Box::pin(rate(w))),
    ]
}

async fn shape(world: &World) -> Checked {
    let passenger = world.customer().await?;
    let body = ride_body(world.lonely_place());
    let ride = world.post(&passenger.token, "rides", body).await?.expect("POST rides", 201)?;
    let fields = [
        "ride_id",
        "status",
        "ride_type",
        "passenger_id",
        "pickup_latitude",
        "pickup_longitude",
        "dropoff_latitude",
        "dropoff_longitude",
        "pickup_address",
        "dropoff_address",
        "estimated_fare",
        "distance_km",
        "scheduled_at",
        "final_fare",
        "driver",
        "requested_at",
        "accepted_at",
        "arrived_at",
        "started_at",
        "completed_at",
        "cancelled_at",
    ];
    has("the ride", &ride, &fields)?;
    holds(ride["status"] == "requested" && ride["driver"].is_null(), || format!("a new ride is {ride}"))?;
    holds(ride["passenger_id"] == passenger.user_id.as_str(), || {
        format!("passenger_id is {} instead of the account's UUID", ride["passenger_id"])
    })
}

async fn bad_fields(world: &World) -> Checked {
    let passenger = world.customer().await?;
    let reply = world.post(&passenger.token, "rides", json!({"ride_type": "any"})).await?;
    reply.expect("POST rides without coordinates", 422).map(drop)
}

async fn life(world: &World) -> Checked {
    let made = taken(world).await?;
    for (action, status) in [("arrive", "arrived"), ("start", "started"), ("complete", "completed")] {
        for _ in 0..2 {
            let ride = step(world, &made.scene.driver, &made.ride, action).await?;
            holds(ride["status"] == status, || format!("after {action} it is {}", ride["status"]))?;
        }
    }
    let ride = show(world, &made.scene.passenger, &made.ride).await?;
    holds(ride["final_fare"].is_number(), || {
        format!("a completed ride's final_fare is {}", ride["final_fare"])
    })
}

async fn implied(world: &World) -> Checked {
    let made = taken(world).await?;
    let ride = step(world, &made.scene.driver, &made.ride, "start").await?;
    holds(ride["status"] == "started" && ride["arrived_at"].is_string(), || {
        format!("after the start: {ride}")
    })
}

async fn illegal(world: &World) -> Checked {
    let made = taken(world).await?;
    let refused = act(world, &made.scene.driver, &made.ride, "complete", json!({}), 409).await?;
    holds(refused["state"] == "accepted", || format!("the refusal does not say the state: {refused}"))?;
    let ride = show(world, &made.scene.passenger, &made.ride).await?;
    holds(ride["status"] == "accepted", || format!("a refused move made it {}", ride["status"]))
}

async fn cancel(world: &World) -> Checked {
    let made = taken(world).await?;
    let because = json!({"reason": "Changed my mind"});
    let ride = act(world, &made.scene.passenger, &made.ride, "cancel", because.clone(), 200).await?;
    holds(ride["status"] == "cancelled", || format!("after cancel it is {}", ride["status"]))?;
    let made = taken(world).await?;
    step(world, &made.scene.driver, &made.ride, "start").await?;
    act(world, &made.scene.passenger, &made.ride, "cancel", because, 409).await.map(drop)
}

async fn winner(world: &World) -> Checked {
    let scene = scene(world).await?;
    let other = driver_near(world, scene.pickup).await?;
    let ride = request(world, &scene.passenger, scene.pickup).await?;
    offered(world, &scene.driver, &ride).await?;
    if !is_asking(world, &scene.passenger, &ride).await? {
        return skipped("the server binds a driver at once and asks nobody");
    }
    offered(world, &other, &ride).await?;
    step(world, &scene.driver, &ride, "accept").await?;
    let refused = act(world, &other, &ride, "accept", json!({}), 409).await?;
    holds(refused["code"] == "ride_taken", || format!("instead of ride_taken: {refused}"))
}

async fn gives_back(world: &World) -> Checked {
    let made = taken(world).await?;
    act(world, &made.scene.driver, &made.ride, "cancel", json!({"reason": "Flat tyre"}), 200).await?;
    let ride = show(world, &made.scene.passenger, &made.ride).await?;
    holds(ride["status"] == "requested" && ride["driver"].is_null(), || {
        format!("the ride given back is {ride}")
    })
}

async fn wrong_person(world: &World) -> Checked {
    let (passenger, stranger) = (world.customer().await?, world.customer().await?);
    let ride = request(world, &passenger, world.lonely_place()).await?;
    let path = format!("rides/{ride}");
    world.get(&stranger.token, &path).await?.expect("GET of a stranger", 404)?;
    act(world, &stranger, &ride, "cancel", json!({}), 404).await?;
    // A driver whom nobody asked, on the other side of the sea.
    let driver = world.driver().await?;
    act(world, &driver, &ride, "accept", json!({}), 404).await.map(drop)
}

async fn wrong_role(world: &World) -> Checked {
    let driver = world.driver().await?;
    let reply = world.post(&driver.token, "rides", ride_body(world.lonely_place())).await?;
    reply.expect("POST rides of a driver", 403).map(drop)
}

async fn keyed(world: &World) -> Checked {
    let passenger = world.customer().await?;
    let body = ride_body(world.lonely_place());
    let mut ids = Vec::new();
    for _ in 0..2 {
        let reply = world.post_keyed(&passenger.token, "rides", "one-and-the-same", &body).await?;
        ids.push(reply.expect("POST rides", 201)?["ride_id"].clone());
    }
    holds(ids[0] == ids[1], || format!("two rides: {} and {}", ids[0], ids[1]))
}

async fn rate(world: &World) -> Checked {
    let made = taken(world).await?;
    let stars = json!({"rating": 5, "comment": "smooth"});
    act(world, &made.scene.passenger, &made.ride, "rate", stars.clone(), 409).await?;
    step(world, &made.scene.driver, &made.ride, "start").await?;
    step(world, &made.scene.driver, &made.ride, "complete").await?;
    act(world, &made.scene.passenger, &made.ride, "rate", json!({"rating": 6}), 422).await?;
    act(world, &made.scene.passenger, &made.ride, "rate", stars.clone(), 200).await?;
    act(world, &made.scene.passenger, &made.ride, "rate", stars, 409).await?;
    // They may have a ride again.
    let again = request(world, &made.scene.passenger, made.scene.pickup).await?;
    take(world, &made.scene.driver, &again).await.map(drop)
}
