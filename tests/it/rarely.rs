//! Answers and messages of the documents that no other scenario brings about: `tests/documented` counts them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Server;
use crate::support::api::{Api, Reply, send};

fn is_refused(reply: Reply, status: u16, code: &str) {
    let reply = reply.expect_problem(status);
    assert_eq!(reply.body["code"], code, "{}", reply.text);
}

async fn deleted(api: &Api, path: &str) -> Reply {
    send(api.request(Method::DELETE, path)).await
}

#[tokio::test]
async fn requests_that_nobody_makes_twice_are_refused_for_their_own_reasons() {
    let server = Server::builder().setting("ALLOW_REGISTRATION", "false").start().await;
    let operator = server.operator().await;
    let api = operator.api();
    let order = json!({
        "restaurant_name": "Kitchen", "pickup_address": "2 Short Street", "delivery_address": "1 Long Street",
        "earnings": 5, "distance_km": 2,
    });
    let made = api.post("admin/orders", order.clone()).await.expect(201);
    let id = made.id("order_id");
    is_refused(
        api.post(&format!("admin/orders/{id}/auto-assign"), json!({})).await,
        422,
        "no_pickup_position",
    );
    let twice = json!({"driver_id": 1, "order_ids": [id, id]});
    is_refused(api.post("admin/orders/batches", twice).await, 422, "order_twice");
    let keyed = api.request(Method::POST, "admin/orders").header("Idempotency-Key", "two words").json(&order);
    is_refused(send(keyed).await, 400, "invalid_idempotency_key");
    is_refused(deleted(api, "admin/orders").await, 405, "method_not_allowed");
    let person = json!({"username": "somebody", "password": "a good password", "name": "Some Body"});
    is_refused(server.anonymous().post("auth/register", person).await, 403, "registration_disabled");
    let elsewhere = api.request(Method::GET, "admin/orders").header("Host", "evil.example");
    is_refused(send(elsewhere).await, 421, "misdirected_request");
}

#[tokio::test]
async fn operators_look_at_programs_and_take_a_second_factor_away() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let api = operator.api();
    let program = json!({"name": "shop"});
    let made = api.post("admin/programs", program).await.expect(201);
    let user = made.body["user_id"].as_str().expect("an id").to_owned();
    let shown = api.get(&format!("admin/programs/{user}")).await.expect(200);
    assert_eq!(shown.body["user_id"], user, "{}", shown.text);

    let colleague = json!({
        "username": "colleague", "password": "a good password", "name": "A Colleague", "role": "dispatcher",
    });
    let colleague = api.post("admin/operators", colleague).await.expect(201);
    let user = colleague.body["user_id"].as_str().expect("an id").to_owned();
    deleted(api, &format!("admin/accounts/{user}/totp")).await.expect(204);
    let own = api.get("admin/operators").await.expect(200).body["items"].clone();
    let is_own = |item: &&Value| item["username"] == "admin";
    let own = own.as_array().expect("a list").iter().find(is_own).expect("the one who asks").clone();
    let own = own["user_id"].as_str().expect("an id");
    is_refused(deleted(api, &format!("admin/accounts/{own}/totp")).await, 409, "own_factor");
}

/// Each socket understands a driver's steps, and carries the events of both kinds of jobs.
#[tokio::test]
async fn a_step_may_come_by_either_socket_and_a_passenger_hears_of_their_orders() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    let mut passenger = server.hailing_passenger(1).await;
    let mut driver = server.driver(1).await;
    driver.send(json!({"type": "driver_arrived", "ride_id": ride.id}));
    passenger.events_until(|event| event["type"] == "driver_arrived").await;
    passenger.chat(&ride.id, "I am coming down");
    driver.events_until(|event| event["type"] == "chat_message").await;
    drop(driver);
    let mut driver = server.hailing_driver(1).await;
    driver.send(json!({"type": "ride_started", "ride_id": ride.id}));
    passenger.events_until(|event| event["type"] == "ride_started").await;
    ride.drive("complete").await;

    let operator = server.operator().await;
    let order = json!({
        "restaurant_name": "Kitchen", "pickup_address": "2 Short Street", "delivery_address": "1 Long Street",
        "earnings": 5, "distance_km": 2, "customer_id": 1,
    });
    let id = operator.api().post("admin/orders", order).await.expect(201).id("order_id");
    operator.api().post(&format!("admin/orders/{id}/assign"), json!({"driver_id": 1})).await.expect(200);
    for status in ["picked_up", "delivered"] {
        ride.driver.set_order_status(id, status).await.expect(200);
    }
    passenger.events_until(|event| event["type"] == "order_delivered").await;
    operator.assign_new(1).await;
    driver.events_until(|event| event["type"] == "order_assigned").await;
    // A number that is no event's: what the driver holds is told anew.
    driver.send(json!({"type": "resume", "last_event_id": 1_000_000}));
    let told = driver.sync().await;
    assert!(told.iter().any(|message| message["type"] == "orders"), "{told:?}");
}

#[tokio::test]
async fn a_passengers_app_hears_of_a_driver_who_vanishes() {
    let server = Server::builder().setting("DRIVER_LOST_AFTER_SECS", 2).start_with_drivers(&[1]).await;
    let mut passenger = server.hailing_passenger(1).await;
    let app = server.driver(1).await;
    app.locate(3.8485, 11.5021);
    let ride = server.taken_ride().await;
    app.cut().await;
    let heard = passenger.events_until(|event| event["type"] == "driver_unreachable").await;
    assert_eq!(heard.last().expect("the event")["data"]["ride_id"], ride.id);
}
