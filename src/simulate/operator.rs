//! The operator's program: makes the plan's orders, and has each assigned to the nearest driver.

use crate::domain::ids::{CustomerId, DriverId, JobId};
use crate::domain::position::Position;
use crate::simulate::board::{Phase, Stage};
use crate::simulate::plan::OrderPlan;
use crate::simulate::rest::{Refusal, Rest};
use crate::simulate::work::Trip;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How often a driver is looked for, and the time in between.
const TRIES: u32 = 4;
const TRIES_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// By the streets, against the great circle.
const DETOUR: f64 = 1.3;

#[derive(Deserialize)]
struct Order {
    order_id: JobId,
    driver_id: Option<DriverId>,
}

/// Makes orders until the plan or the run is at its end.
pub async fn operate(stage: Arc<Stage>, rest: Rest, orders: Vec<OrderPlan>, customers: Arc<Vec<CustomerId>>) {
    let mut phase = stage.phase.clone();
    let mut under_way = JoinSet::new();
    for plan in orders {
        let left = Duration::from_secs_f64((plan.at_secs - stage.secs()).max(0.0));
        tokio::select! {
            () = tokio::time::sleep(left) => {}
            _ = phase.changed() => {}
        }
        if stage.phase() != Phase::Running {
            break;
        }
        let (stage, rest, customers) = (stage.clone(), rest.clone(), customers.clone());
        under_way.spawn(async move {
            let outcome = order(&stage, &rest, &plan, &customers).await;
            outcome.inspect_err(|refusal| stage.board.refused(refusal)).ok();
        });
    }
    while under_way.join_next().await.is_some() {}
}

async fn order(
    stage: &Stage,
    rest: &Rest,
    plan: &OrderPlan,
    customers: &[CustomerId],
) -> Result<(), Refusal> {
    let pickup = stage.city.position(plan.from.point());
    let body = body(stage, plan, pickup, customers.get(plan.customer as usize).copied());
    let order = readable(rest.post("admin/orders", &body).await?)?.order_id;
    let made = Instant::now();
    // Before it is assigned: the driver looks here for the way.
    stage.board.order_goes(order, Trip { from: plan.from, to: plan.to });
    stage.board.count(|figures| figures.orders.created += 1);
    let path = format!("admin/orders/{order}/auto-assign");
    for _ in 0..TRIES {
        match rest.post(&path, &json!({})).await {
            Ok(assigned) => {
                let driver = readable(assigned)?.driver_id;
                is_assigned(stage, made, pickup, driver);
                return Ok(());
            }
            Err(Refusal::Refused { status: 409, code, .. }) if code == "no_drivers" => {}
            Err(refusal) => return Err(refusal),
        }
        tokio::time::sleep(TRIES_AGAIN_AFTER).await;
        // What is open is ended now, and nothing may come after that.
        if stage.phase() != Phase::Running {
            return Ok(());
        }
    }
    stage.board.count(|figures| figures.orders.unassigned += 1);
    Ok(())
}

fn body(stage: &Stage, plan: &OrderPlan, pickup: Position, customer: Option<CustomerId>) -> Value {
    let goal = stage.city.position(plan.to.point());
    let corner = |x: i32, y: i32| format!("Street {x}, corner of {y}");
    json!({
        "restaurant_name": format!("Kitchen {}", plan.from.x.rem_euclid(10)),
        "pickup_address": corner(plan.from.x, plan.from.y),
        "delivery_address": corner(plan.to.x, plan.to.y),
        "pickup_latitude": pickup.latitude(), "pickup_longitude": pickup.longitude(),
        "delivery_latitude": goal.latitude(), "delivery_longitude": goal.longitude(),
        "earnings": plan.earnings,
        "distance_km": (pickup.distance_m(goal) * DETOUR / 100.0).round() / 10.0,
        "customer_id": customer,
    })
}

fn is_assigned(stage: &Stage, made: Instant, pickup: Position, driver: Option<DriverId>) {
    let place = driver.and_then(|driver| stage.board.place_of_driver(driver));
    let distance_m = place.map(|place| place.distance_m(pickup).round() as u64);
    stage.board.count(|figures| {
        figures.orders.assigned += 1;
        figures.matched_in_ms.push(u64::try_from(made.elapsed().as_millis()).unwrap_or(u64::MAX));
        figures.pickup_distance_m.extend(distance_m);
    });
}

fn readable(answer: Value) -> Result<Order, Refusal> {
    serde_json::from_value(answer).map_err(|error| Refusal::Unanswered(format!("an unknown answer: {error}")))
}
