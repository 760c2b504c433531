//! The life of an order between operators and drivers, and every move that is not allowed.

use serde_json::json;

use crate::support::{DRIVER, Server};

#[tokio::test]
async fn an_order_is_assigned_carried_out_and_delivered() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let driver = server.driver_api(DRIVER).await;
    let mut app = server.driver(DRIVER).await;
    let order_id = operator.assign_new(DRIVER).await;
    assert_eq!(app.expect("order_assigned").await["data"]["order_id"], order_id);
    assert_eq!(driver.orders_assigned().await, [order_id]);

    for status in ["accepted", "picked_up", "delivered"] {
        let reply = driver.set_order_status(order_id, status).await.expect(200);
        assert_eq!((reply.id("order_id"), &reply.body["status"]), (order_id, &json!(status)));
        // A retry of the same: nothing happens, and nobody is blamed.
        assert_eq!(driver.set_order_status(order_id, status).await.expect(200).body["status"], status);
        assert_eq!(operator.order(order_id).await["status"], status);
    }
    assert_eq!(driver.orders_assigned().await, [] as [i64; 0]);
}

#[tokio::test]
async fn assigned_orders_are_listed_with_the_fields_of_their_event() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    operator.assign_new(DRIVER).await;
    let event = app.expect("order_assigned").await;
    let reply = server.driver_api(DRIVER).await.get("orders/assigned").await.expect(200);
    let listed = &reply.body["orders"][0];
    for (field, value) in event["data"].as_object().expect("an event has data") {
        assert_eq!(&listed[field], value, "{field}");
    }
    assert_eq!(listed["status"], "assigned");
    assert!(listed["assigned_at"].is_string());
}

#[tokio::test]
async fn a_move_that_the_lifecycle_does_not_have_gets_409_with_the_state() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let driver = server.driver_api(DRIVER).await;
    let order_id = operator.assign_new(DRIVER).await;

    let refused = async |status: &str, state: &str| {
        let reply = driver.set_order_status(order_id, status).await.expect_problem(409);
        assert_eq!(reply.body["state"], state, "{status}");
    };
    refused("delivered", "assigned").await;
    driver.set_order_status(order_id, "picked_up").await.expect(200);
    refused("accepted", "picked_up").await;
    refused("rejected", "picked_up").await;
    driver.set_order_status(order_id, "delivered").await.expect(200);
    refused("picked_up", "delivered").await;
    assert_eq!(operator.order(order_id).await["status"], "delivered");
}

#[tokio::test]
async fn a_status_that_drivers_do_not_set_gets_422() {
    let server = Server::start_default().await;
    let order_id = server.operator().await.assign_new(DRIVER).await;
    let driver = server.driver_api(DRIVER).await;
    for status in ["pending", "assigned", "cancelled", "eaten", ""] {
        driver.set_order_status(order_id, status).await.expect_problem(422);
    }
}

#[tokio::test]
async fn an_order_of_another_driver_is_not_found() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let (theirs, nobodys) = (operator.assign_new(1).await, operator.create_order().await);
    let driver = server.driver_api(DRIVER).await;
    for order_id in [theirs, nobodys, 999_999] {
        driver.set_order_status(order_id, "accepted").await.expect_problem(404);
    }
    assert_eq!(operator.order(theirs).await["status"], "assigned");
}

#[tokio::test]
async fn a_rejected_order_is_pending_again_and_can_go_to_another() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let driver = server.driver_api(DRIVER).await;
    let order_id = operator.assign_new(DRIVER).await;
    let reply = driver.set_order_status(order_id, "rejected").await.expect(200);
    assert_eq!(reply.body["status"], "rejected");
    assert_eq!(operator.order(order_id).await["status"], "pending");
    // A retry by the driver who rejected last.
    assert_eq!(driver.set_order_status(order_id, "rejected").await.expect(200).body["status"], "rejected");
    assert_eq!(driver.orders_assigned().await, [] as [i64; 0]);

    let mut other = server.driver(1).await;
    operator.assign(order_id, 1).await.expect(200);
    assert_eq!(other.expect("order_assigned").await["data"]["order_id"], order_id);

    // The answer to the driver's reject was lost, and another has the order when it is sent again. Once the order was theirs
    // again, nothing is left of it.
    assert_eq!(driver.set_order_status(order_id, "rejected").await.expect(200).body["status"], "rejected");
    driver.set_order_status(order_id, "accepted").await.expect(404);
    operator.unassign(order_id, "Another one").await.expect(200);
    operator.assign(order_id, DRIVER).await.expect(200);
    operator.unassign(order_id, "Yet another one").await.expect(200);
    driver.set_order_status(order_id, "rejected").await.expect(404);
}

#[tokio::test]
async fn an_order_can_be_assigned_once() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let order_id = operator.assign_new(DRIVER).await;
    assert_eq!(operator.assign(order_id, 1).await.expect_problem(409).body["state"], "assigned");
    assert_eq!(operator.order(order_id).await["driver_id"], DRIVER);
}

#[tokio::test]
async fn of_two_operators_who_assign_at_once_one_wins() {
    let server = Server::builder().setting("MAX_DELIVERIES_PER_DRIVER", 100).start().await;
    let operator = server.operator().await;
    for order_id in operator.create_orders(15).await {
        let (one, other) = tokio::join!(operator.assign(order_id, DRIVER), operator.assign(order_id, 1));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", one.text, other.text);
        let winner = if one.status == 200 { DRIVER } else { 1 };
        assert_eq!(operator.order(order_id).await["driver_id"], winner);
    }
    let held = server.driver_api(DRIVER).await.orders_assigned().await.len();
    assert_eq!(held + server.driver_api(1).await.orders_assigned().await.len(), 15);
}

#[tokio::test]
async fn an_event_reaches_only_its_own_driver() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let (mut own, mut other) = (server.driver(DRIVER).await, server.driver(1).await);
    operator.assign_new(DRIVER).await;
    own.expect("order_assigned").await;
    assert!(other.sync().await.is_empty());
}

#[tokio::test]
async fn a_batch_sends_one_message_for_each_order() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let order_ids = operator.create_orders(3).await;
    operator.batch(&order_ids, DRIVER).await.expect(201);
    let mut heard = Vec::new();
    for number in 1..=3 {
        let event = app.expect("order_assigned").await;
        assert_eq!(event["id"], app.last_event_id + number);
        heard.push(event["data"]["order_id"].as_i64().expect("an order's id"));
    }
    assert_eq!(heard, order_ids);
}

#[tokio::test]
async fn a_batch_is_assigned_whole_or_not_at_all() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let free = operator.create_orders(2).await;
    let taken = operator.assign_new(1).await;
    operator.batch(&[free[0], taken, free[1]], DRIVER).await.expect_problem(409);
    operator.batch(&[free[0], 999_999], DRIVER).await.expect_problem(404);
    for order_id in free {
        assert_eq!(operator.order(order_id).await["status"], "pending");
    }
    assert!(app.sync().await.is_empty());
}

#[tokio::test]
async fn a_driver_holds_no_more_deliveries_than_allowed() {
    let server = Server::builder().setting("MAX_DELIVERIES_PER_DRIVER", 2).start().await;
    let operator = server.operator().await;
    operator.assign_new(DRIVER).await;
    operator.assign_new(DRIVER).await;
    let third = operator.create_order().await;
    assert_eq!(operator.assign(third, DRIVER).await.expect_problem(409).body["code"], "driver_full");
    assert_eq!(
        operator.batch(&operator.create_orders(3).await, 1).await.expect_problem(409).body["code"],
        "driver_full"
    );
}

#[tokio::test]
async fn unassigning_tells_the_driver_and_frees_the_order() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let order_id = operator.assign_new(DRIVER).await;
    app.expect("order_assigned").await;
    operator.unassign(order_id, "Wrong side of the river").await.expect(200);
    let cancelled = app.expect("order_cancelled").await;
    assert_eq!(cancelled["data"], json!({"order_id": order_id, "reason": "Wrong side of the river"}));
    assert_eq!(operator.order(order_id).await["status"], "pending");

    operator.assign(order_id, DRIVER).await.expect(200);
    server.driver_api(DRIVER).await.set_order_status(order_id, "picked_up").await.expect(200);
    assert_eq!(operator.unassign(order_id, "Too late").await.expect_problem(409).body["state"], "picked_up");
}

#[tokio::test]
async fn cancelling_tells_the_driver_and_ends_the_order() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let order_id = operator.assign_new(DRIVER).await;
    app.expect("order_assigned").await;
    operator.cancel(order_id, "Customer cancelled").await.expect(200);
    assert_eq!(app.expect("order_cancelled").await["data"]["reason"], "Customer cancelled");

    // Cancelling what is cancelled changes nothing and tells nobody.
    operator.cancel(order_id, "Again").await.expect(200);
    assert!(app.sync().await.is_empty());
    assert_eq!(operator.assign(order_id, DRIVER).await.expect_problem(409).body["state"], "cancelled");
    let reply = server.driver_api(DRIVER).await.set_order_status(order_id, "accepted").await;
    assert!([404, 409].contains(&reply.status), "{}", reply.text);
}

#[tokio::test]
async fn what_is_delivered_cannot_be_cancelled() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let driver = server.driver_api(DRIVER).await;
    let order_id = operator.assign_new(DRIVER).await;
    driver.set_order_status(order_id, "picked_up").await.expect(200);
    driver.set_order_status(order_id, "delivered").await.expect(200);
    assert_eq!(operator.cancel(order_id, "Too late").await.expect_problem(409).body["state"], "delivered");
}

#[tokio::test]
async fn a_driver_who_pauses_is_busy_and_comes_back() {
    let server = Server::start_default().await;
    let driver = server.driver_api(DRIVER).await;
    let _app = server.driver(DRIVER).await;
    for (wanted, status) in
        [("busy", "busy"), ("available", "available"), ("offline", "offline"), ("online", "available")]
    {
        let reply = driver.put("driver/status", json!({ "status": wanted })).await.expect(200);
        assert_eq!(reply.body["status"], status, "{wanted}");
    }
    driver.put("driver/status", json!({"status": "asleep"})).await.expect_problem(422);
}

/// Each writes a reference to the driver before it locks the driver's row; on PostgreSQL they once waited for each other.
#[tokio::test]
async fn a_driver_gives_several_orders_back_at_once() {
    let server = Server::builder().setting("MAX_DELIVERIES_PER_DRIVER", 100).start().await;
    let operator = server.operator().await;
    let driver = server.driver_api(DRIVER).await;
    for _ in 0..10 {
        let ids = operator.create_orders(4).await;
        operator.batch(&ids, DRIVER).await.expect(201);
        let began = std::time::Instant::now();
        let reject = async |at: usize| driver.set_order_status(ids[at], "rejected").await.status;
        let statuses = tokio::join!(reject(0), reject(1), reject(2), reject(3));
        assert_eq!(statuses, (200, 200, 200, 200));
        // A deadlock is looked for after a second.
        assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
