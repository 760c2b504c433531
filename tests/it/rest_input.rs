//! Requests that cannot be carried out: each is refused with its own status and a body that says why.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{DRIVER, NewOrder, Server, api, wait_until};

#[tokio::test]
async fn a_body_that_is_not_json_gets_400() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    for text in ["", "{", "{\"restaurant_name\":", "restaurant_name=Burger"] {
        let request = operator.api().request(Method::POST, "admin/orders");
        let request = request.header("Content-Type", "application/json").body(text);
        api::send(request).await.expect_problem(400);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_gets_413() {
    let server = Server::start_default().await;
    let mut body = NewOrder::default().body();
    body["restaurant_name"] = json!("x".repeat(300 * 1024));
    server.operator().await.api().post("admin/orders", body).await.expect_problem(413);
}

#[tokio::test]
async fn a_body_of_another_media_type_gets_415() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/xml"] {
        let request = operator.api().request(Method::POST, "admin/orders");
        let request = request.header("Content-Type", media_type).body(NewOrder::default().body().to_string());
        api::send(request).await.expect_problem(415);
    }
}

#[tokio::test]
async fn a_missing_or_wrong_field_gets_422_and_changes_nothing() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let before = operator.list("admin/orders").await.len();
    let changes: [(&str, Value); 8] = [
        ("restaurant_name", Value::Null),
        ("restaurant_name", json!(7)),
        ("pickup_address", Value::Null),
        ("earnings", json!("45.5")),
        ("earnings", json!(-1)),
        ("earnings", json!(1e300)),
        ("distance_km", Value::Null),
        ("pickup_latitude", json!(91)),
    ];
    for (field, value) in changes {
        println!("{field}: {value}");
        let mut body = NewOrder::default().body();
        body[field] = value;
        body["pickup_longitude"] = json!(77.6);
        operator.api().post("admin/orders", body).await.expect_problem(422);
    }
    assert_eq!(operator.list("admin/orders").await.len(), before);
}

#[tokio::test]
async fn a_reason_is_required() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let order_id = operator.assign_new(DRIVER).await;
    for action in ["cancel", "unassign"] {
        let path = format!("admin/orders/{order_id}/{action}");
        operator.api().post(&path, json!({})).await.expect_problem(422);
    }
    assert_eq!(operator.order(order_id).await["status"], "assigned");
}

#[tokio::test]
async fn what_is_not_there_gets_404() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    operator.assign(999_999, DRIVER).await.expect_problem(404);
    operator.cancel(999_999, "None").await.expect_problem(404);
    operator.assign(operator.create_order().await, 999_999).await.expect_problem(404);
    operator.api().get("no/such/page").await.expect_problem(404);
}

#[tokio::test]
async fn operators_pages_are_for_operators() {
    let server = Server::start_default().await;
    let body = NewOrder::default().body();
    server.anonymous().post("admin/orders", body.clone()).await.expect_problem(401);
    server
        .anonymous()
        .with_token("not.a.token".to_owned())
        .post("admin/orders", body.clone())
        .await
        .expect_problem(401);
    server.driver_api(DRIVER).await.post("admin/orders", body).await.expect_problem(403);
    server.operator().await.api().get("driver/profile").await.expect_problem(403);
}

#[tokio::test]
async fn a_name_or_a_number_that_is_taken_gets_409() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let driver = json!({"username": "newcomer", "password": "long enough for anybody", "name": "New Comer",
        "phone_number": "+4915112345678", "vehicle_type": "moto"});
    let created = operator.api().post("admin/drivers", driver.clone()).await.expect(201);
    assert!(created.id("driver_id") > 0 && created.body["user_id"].is_string());
    let mut same_number = driver.clone();
    same_number["username"] = json!("another");
    operator.api().post("admin/drivers", driver).await.expect_problem(409);
    operator.api().post("admin/drivers", same_number).await.expect_problem(409);
    server.driver(created.id("driver_id")).await;
}

#[tokio::test]
async fn the_server_says_that_it_is_well() {
    let server = Server::start_default().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        server.anonymous().get(path).await.expect(200);
    }
}

/// Each limit has a counter: a body that is too large had none.
#[tokio::test]
async fn what_is_refused_is_counted_by_its_code() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let name = "x".repeat(300_000);
    operator.api().post("admin/orders", json!({ "restaurant_name": name })).await.expect_problem(413);
    let counted = server.metric("fleetwire_requests_refused_total{code=\"body_too_large\"}").await;
    assert_eq!(counted, 1.0);
}

/// It asked the database a question, which was answered, while no decision could be made.
#[tokio::test]
async fn a_server_that_cannot_decide_is_not_ready() {
    let server = Server::start_default().await;
    let held = server.database().hold_decisions();
    server.anonymous().get("/readyz").await.expect(503);
    server.anonymous().get("/healthz").await.expect(200);
    drop(held);
    wait_until("it is ready again", async || server.anonymous().get("/readyz").await.status == 200).await;
}
