//! The driver app's contract: its REST.

use crate::conform::checked::{Checked, failed, holds};
use crate::conform::rule::Rule;
use crate::conform::world::World;
use reqwest::Method;
use serde_json::{Value, json};

const APP: &str = "contracts/driver-app.md, Defined by this project";
const REST: &str = "PROTOCOL.md, REST for the driver app";

pub fn rules() -> Vec<Rule> {
    vec![
        Rule::new(
            "login",
            APP,
            "auth/login answers tokens, their life and the user with the driver_id",
            |w| Box::pin(login(w)),
        ),
        Rule::new("login-refused", APP, "a wrong password is answered with 401", |w| {
            Box::pin(login_refused(w))
        }),
        Rule::new(
            "refresh",
            APP,
            "auth/refresh answers the same as the log-in, with tokens that work",
            |w| Box::pin(refresh(w)),
        ),
        Rule::new(
            "refresh-once",
            APP,
            "a refresh token works once: after its successor was used it is refused",
            |w| Box::pin(refresh_once(w)),
        ),
        Rule::new("no-token-rest", REST, "a request without a token is answered with 401", |w| {
            Box::pin(unauthorized(w))
        }),
        Rule::new("profile", APP, "driver/profile has the documented fields", |w| Box::pin(profile(w))),
        Rule::new(
            "status",
            APP,
            "driver/status takes online, busy and offline and answers what follows from it",
            |w| Box::pin(status(w)),
        ),
        Rule::new(
            "orders-assigned",
            APP,
            "orders/assigned has each order with the fields of order_assigned, status and assigned_at",
            |w| Box::pin(orders(w)),
        ),
        Rule::new(
            "order-life",
            APP,
            "an order goes from assigned to accepted, picked_up and delivered; each again is 200",
            |w| Box::pin(order_life(w)),
        ),
        Rule::new(
            "order-illegal",
            APP,
            "a move that the lifecycle does not have is answered with 409 and changes nothing",
            |w| Box::pin(order_illegal(w)),
        ),
        Rule::new("order-of-another", APP, "an order of another driver is answered with 404", |w| {
            Box::pin(order_of_another(w))
        }),
        Rule::new(
            "order-rejected",
            APP,
            "rejected answers with the order as rejected, and it is no longer the driver's",
            |w| Box::pin(order_rejected(w)),
        ),
        Rule::new("earnings", APP, "earnings/today and earnings/history have the documented fields", |w| {
            Box::pin(earnings(w))
        }),
    ]
}

/// Each of these is there.
pub fn has(what: &str, value: &Value, fields: &[&str]) -> Checked {
    let missing: Vec<&&str> = fields.iter().filter(|field| value.get(field).is_none()).collect();
    holds(missing.is_empty(), || format!("{what} lacks {missing:?}: {value}"))
}

async fn login(world: &World) -> Checked {
    let driver = world.driver().await?;
    let body = world.log_in(&driver.username, world.password()).await?.expect("auth/login", 200)?;
    has("auth/login", &body, &["access_token", "refresh_token", "token_type", "expires_in", "user"])?;
    holds(body["token_type"] == "bearer", || format!("token_type is {}", body["token_type"]))?;
    holds(body["expires_in"].is_number(), || format!("expires_in is {}", body["expires_in"]))?;
    holds(body["user"]["driver_id"] == driver.id, || format!("the user is {}", body["user"]))
}

async fn login_refused(world: &World) -> Checked {
    let driver = world.driver().await?;
    world.log_in(&driver.username, "not the password").await?.expect("auth/login", 401).map(drop)
}

async fn refreshed(world: &World, refresh_token: &str, status: u16) -> Checked<Value> {
    let body = json!({"refresh_token": refresh_token});
    world.anonymously(Method::POST, "auth/refresh", Some(&body)).await?.expect("auth/refresh", status)
}

async fn refresh(world: &World) -> Checked {
    let driver = world.driver().await?;
    let body = refreshed(world, &driver.refresh_token, 200).await?;
    has("auth/refresh", &body, &["access_token", "refresh_token", "token_type", "expires_in", "user"])?;
    let token = body["access_token"].as_str().unwrap_or_default();
    world.get(token, "driver/profile").await?.expect("GET driver/profile with the new token", 200).map(drop)
}

async fn refresh_once(world: &World) -> Checked {
    let driver = world.driver().await?;
    let second = refreshed(world, &driver.refresh_token, 200).await?;
    let second = second["refresh_token"].as_str().unwrap_or_default().to_owned();
    holds(second != driver.refresh_token, || "the refresh token is not exchanged".to_owned())?;
    refreshed(world, &second, 200).await?;
    refreshed(world, &driver.refresh_token, 401).await.map(drop)
}

async fn unauthorized(world: &World) -> Checked {
    world.anonymously(Method::GET, "driver/profile", None).await?.expect("GET driver/profile", 401).map(drop)
}

async fn profile(world: &World) -> Checked {
    let driver = world.driver().await?;
    let profile = world.get(&driver.token, "driver/profile").await?.expect("GET driver/profile", 200)?;
    let fields = [
        "driver_id",
        "name",
        "phone_number",
        "vehicle_type",
        "vehicle_registration",
        "status",
        "rating",
        "is_verified",
    ];
    has("driver/profile", &profile, &fields)?;
    holds(profile["driver_id"] == driver.id, || format!("the driver_id is {}", profile["driver_id"]))
}

async fn status(world: &World) -> Checked {
    let driver = world.driver().await?;
    for (wanted, follows) in [("busy", "busy"), ("online", "available"), ("offline", "offline")] {
        let answer = world.put(&driver.token, "driver/status", json!({"status": wanted})).await?;
        let answer = answer.expect("PUT driver/status", 200)?;
        holds(answer["status"] == follows, || format!("{wanted} is answered with {answer}"))?;
    }
    Ok(())
}

async fn assigned(world: &World, token: &str) -> Checked<Vec<Value>> {
    let body = world.get(token, "orders/assigned").await?.expect("GET orders/assigned", 200)?;
    match body["orders"].as_array() {
        Some(orders) => Ok(orders.clone()),
        None => failed(format!("orders/assigned has no orders: {body}")),
    }
}

async fn orders(world: &World) -> Checked {
    let driver = world.driver().await?;
    let order = world.assign_new(driver.id).await?;
    let orders = assigned(world, &driver.token).await?;
    let Some(shown) = orders.iter().find(|shown| shown["order_id"] == order) else {
        return failed(format!("order {order} is not among {orders:?}"));
    };
    let fields = [
        "restaurant_name",
        "pickup_address",
        "delivery_address",
        "earnings",
        "distance_km",
        "status",
        "assigned_at",
    ];
    has("an order", shown, &fields)?;
    holds(shown["status"] == "assigned", || format!("its status is {}", shown["status"]))
}

async fn moved(world: &World, token: &str, order: i64, to: &str, status: u16) -> Checked<Value> {
    let path = format!("orders/{order}/status");
    let reply = world.put(token, &path, json!({"status": to})).await?;
    reply.expect(&format!("PUT {path} {to}"), status)
}

async fn order_life(world: &World) -> Checked {
    let driver = world.driver().await?;
    let order = world.assign_new(driver.id).await?;
    for step in ["accepted", "picked_up", "delivered"] {
        for _ in 0..2 {
            let shown = moved(world, &driver.token, order, step, 200).await?;
            holds(shown["status"] == step, || format!("the order after {step}: {shown}"))?;
        }
    }
    Ok(())
}

async fn order_illegal(world: &World) -> Checked {
    let driver = world.driver().await?;
    let order = world.assign_new(driver.id).await?;
    moved(world, &driver.token, order, "delivered", 409).await?;
    let orders = assigned(world, &driver.token).await?;
    let is_unchanged = orders.iter().any(|shown| shown["order_id"] == order && shown["status"] == "assigned");
    holds(is_unchanged, || format!("the orders after a refused move: {orders:?}"))
}

async fn order_of_another(world: &World) -> Checked {
    let (driver, other) = (world.driver().await?, world.driver().await?);
    let order = world.assign_new(driver.id).await?;
    moved(world, &other.token, order, "accepted", 404).await.map(drop)
}

async fn order_rejected(world: &World) -> Checked {
    let driver = world.driver().await?;
    let order = world.assign_new(driver.id).await?;
    let shown = moved(world, &driver.token, order, "rejected", 200).await?;
    holds(shown["status"] == "rejected", || format!("the order after rejected: {shown}"))?;
    let orders = assigned(world, &driver.token).await?;
    holds(orders.iter().all(|shown| shown["order_id"] != order), || format!("still among {orders:?}"))
}

async fn earnings(world: &World) -> Checked {
    let driver = world.driver().await?;
    let order = world.assign_new(driver.id).await?;
    for step in ["accepted", "picked_up", "delivered"] {
        moved(world, &driver.token, order, step, 200).await?;
    }
    let fields = ["date", "currency", "total", "orders", "rides"];
    let today = world.get(&driver.token, "earnings/today").await?.expect("GET earnings/today", 200)?;
    has("earnings/today", &today, &fields)?;
    holds(today["orders"] == 1, || format!("after one delivery: {today}"))?;
    let history = world.get(&driver.token, "earnings/history").await?.expect("GET earnings/history", 200)?;
    has("earnings/history", &history, &["days", "next_cursor"])?;
    match history["days"].as_array().and_then(|days| days.first()) {
        Some(day) => has("a day", day, &fields),
        None => failed(format!("no day of work in {history}")),
    }
}
