//! Positions by REST, which drivers of both app families send: one, or a list.

use crate::conform::checked::{Checked, holds};
use crate::conform::rule::Rule;
use crate::conform::world::World;
use serde_json::{Value, json};

const SECTION: &str = "contracts/ride-hailing.md, Defined by this project";
const LIST_MAX: usize = 100;

pub fn rules() -> Vec<Rule> {
    vec![
        Rule::new(
            "position-by-rest",
            SECTION,
            "PUT driver/location takes one position and answers 202 with accepted and rejected",
            |w| Box::pin(one(w)),
        ),
        Rule::new(
            "positions-by-rest",
            SECTION,
            "PUT driver/location takes a list of positions, oldest first",
            |w| Box::pin(list(w, LIST_MAX)),
        ),
        Rule::new(
            "positions-rejected",
            SECTION,
            "of a list each bad position is rejected with its index and a code, and the others are accepted",
            |w| Box::pin(some_bad(w)),
        ),
        Rule::new(
            "positions-too-many",
            SECTION,
            "a list of more than 100 positions is refused, and none of it is accepted",
            |w| Box::pin(too_many(w)),
        ),
        Rule::new("positions-of-a-driver", SECTION, "a customer has no position to send: 403", |w| {
            Box::pin(customers(w))
        }),
    ]
}

fn position(step: usize) -> Value {
    json!({"latitude": 20.0 + step as f64 * 0.0001, "longitude": -45.0, "speed": 3})
}

fn says(answer: &Value, accepted: usize, rejected: usize) -> Checked {
    let is_so = answer["accepted"] == accepted
        && answer["rejected"].as_array().is_some_and(|found| found.len() == rejected);
    holds(is_so, || format!("instead of {accepted} accepted and {rejected} rejected: {answer}"))
}

async fn one(world: &World) -> Checked {
    let driver = world.driver().await?;
    let reply = world.put(&driver.token, "driver/location", position(0)).await?;
    says(&reply.expect("PUT driver/location", 202)?, 1, 0)
}

async fn list(world: &World, count: usize) -> Checked {
    let driver = world.driver().await?;
    let positions: Vec<Value> = (0..count).map(position).collect();
    let reply = world.put(&driver.token, "driver/location", json!(positions)).await?;
    says(&reply.expect("PUT driver/location", 202)?, count, 0)
}

async fn some_bad(world: &World) -> Checked {
    let driver = world.driver().await?;
    let positions = json!([position(0), {"latitude": 91, "longitude": 0}, position(1), {"longitude": 0}]);
    let answer = world.put(&driver.token, "driver/location", positions).await?;
    let answer = answer.expect("PUT driver/location", 202)?;
    says(&answer, 2, 2)?;
    for (place, index) in [(0, 1), (1, 3)] {
        let rejected = &answer["rejected"][place];
        holds(rejected["index"] == index && rejected["code"] == "invalid_position", || {
            format!("instead of index {index} with invalid_position: {rejected}")
        })?;
    }
    Ok(())
}

async fn too_many(world: &World) -> Checked {
    let driver = world.driver().await?;
    let positions: Vec<Value> = (0..=LIST_MAX).map(position).collect();
    let reply = world.put(&driver.token, "driver/location", json!(positions)).await?;
    reply.expect("PUT driver/location with 101 positions", 422).map(drop)
}

async fn customers(world: &World) -> Checked {
    let customer = world.customer().await?;
    let reply = world.put(&customer.token, "driver/location", position(0)).await?;
    reply.expect("PUT driver/location", 403).map(drop)
}
