//! `Idempotency-Key`: a request that is sent twice is carried out once, even if the server was killed in between.

use serde_json::json;

use crate::support::{DRIVER, NewOrder, Server};

#[tokio::test]
async fn the_same_key_and_body_gets_the_first_answer_again() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let before = operator.list("admin/orders").await.len();
    let body = NewOrder::default().body();
    let first = operator.post_keyed("admin/orders", "create-1", &body).await.expect(201);
    let second = operator.post_keyed("admin/orders", "create-1", &body).await.expect(201);
    assert_eq!(first.body, second.body);
    assert_eq!(operator.list("admin/orders").await.len(), before + 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_gets_422() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    operator.post_keyed("admin/orders", "create-1", &NewOrder::default().body()).await.expect(201);
    let other = NewOrder { earnings: 12.0 }.body();
    operator.post_keyed("admin/orders", "create-1", &other).await.expect_problem(422);
    // On another route the key is another key.
    let order_id = operator.create_order().await;
    let path = format!("admin/orders/{order_id}/assign");
    operator.post_keyed(&path, "create-1", &json!({"driver_id": DRIVER})).await.expect(200);
}

#[tokio::test]
async fn an_assignment_is_repeated_after_a_kill_without_a_second_event() {
    let mut server = Server::builder().stable_port().start().await;
    let operator = server.operator().await;
    let order_id = operator.create_order().await;
    let (path, body) = (format!("admin/orders/{order_id}/assign"), json!({"driver_id": DRIVER}));
    let first = operator.post_keyed(&path, "assign-1", &body).await.expect(200);
    server.kill();
    server.restart().await;
    let second = operator.post_keyed(&path, "assign-1", &body).await.expect(200);
    assert_eq!(first.body, second.body);

    let mut app = server.driver(DRIVER).await;
    assert_eq!(app.expect("order_assigned").await["data"]["order_id"], order_id);
    assert!(app.sync().await.is_empty());
}

/// A refusal is not kept: the same request may succeed once its cause is gone.
#[tokio::test]
async fn a_refused_request_may_be_tried_again_with_its_key() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let order_id = operator.assign_new(1).await;
    let (path, body) = (format!("admin/orders/{order_id}/assign"), json!({"driver_id": DRIVER}));
    operator.post_keyed(&path, "assign-1", &body).await.expect_problem(409);
    operator.unassign(order_id, "For another").await.expect(200);
    operator.post_keyed(&path, "assign-1", &body).await.expect(200);
}

#[tokio::test]
async fn of_the_same_request_twice_at_once_one_is_carried_out() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let before = operator.list("admin/orders").await.len();
    let body = NewOrder::default().body();
    for round in 1..=5 {
        let key = format!("create-{round}");
        let (one, other) = tokio::join!(
            operator.post_keyed("admin/orders", &key, &body),
            operator.post_keyed("admin/orders", &key, &body)
        );
        assert_eq!((one.status, other.status), (201, 201), "{} {}", one.text, other.text);
        assert_eq!(one.body, other.body);
        assert_eq!(operator.list("admin/orders").await.len(), before + round);
    }
}

/// The second one once waited for the order's row, found it assigned, and was refused.
#[tokio::test]
async fn of_the_same_assignment_twice_at_once_both_get_its_answer() {
    let server = Server::builder().setting("MAX_DELIVERIES_PER_DRIVER", 100).start().await;
    let operator = server.operator().await;
    for order_id in operator.create_orders(10).await {
        let (path, body) = (format!("admin/orders/{order_id}/assign"), json!({"driver_id": DRIVER}));
        let (one, other, third) = tokio::join!(
            operator.post_keyed(&path, "assign-1", &body),
            operator.post_keyed(&path, "assign-1", &body),
            operator.post_keyed(&path, "assign-1", &body)
        );
        assert_eq!((one.status, other.status, third.status), (200, 200, 200), "{} {}", one.text, other.text);
        assert_eq!((&one.body, &one.body), (&other.body, &third.body));
    }
}
