//! Drivers' earnings.

use chrono::Utc;
use serde_json::json;

use crate::support::{DRIVER, NewOrder, Operator, Server};

async fn deliver(server: &Server, operator: &Operator, earnings: f64) {
    let order_id = operator.create_order_with(NewOrder { earnings }).await;
    operator.assign(order_id, DRIVER).await.expect(200);
    let driver = server.driver_api(DRIVER).await;
    driver.set_order_status(order_id, "picked_up").await.expect(200);
    driver.set_order_status(order_id, "delivered").await.expect(200);
}

#[tokio::test]
async fn earnings_are_those_of_delivered_orders() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let driver = server.driver_api(DRIVER).await;
    let nothing = driver.get("earnings/today").await.expect(200).body;
    assert_eq!((&nothing["total"].as_f64(), &nothing["orders"]), (&Some(0.0), &json!(0)));

    let day_before = Utc::now().date_naive();
    deliver(&server, &operator, 45.5).await;
    // Sums of these are not exact in binary fractions.
    deliver(&server, &operator, 0.1).await;
    deliver(&server, &operator, 0.2).await;
    operator.assign_new(DRIVER).await;

    let today = driver.get("earnings/today").await.expect(200).body;
    let day_after = Utc::now().date_naive();
    if day_before == day_after {
        let expected = json!({"date": day_after.to_string(), "currency": "USD", "total": 45.8, "cash_collected": 0.0,
                "owed": 45.8, "orders": 3, "rides": 0});
        assert_eq!(today, expected);
        let history = driver.get("earnings/history").await.expect(200).body;
        assert_eq!(history["days"], json!([expected]));
    }
}

#[tokio::test]
async fn the_history_leaves_out_what_was_not_asked_for() {
    let server = Server::start_default().await;
    deliver(&server, &server.operator().await, 45.5).await;
    let driver = server.driver_api(DRIVER).await;
    let past = driver.get("earnings/history?from=2001-01-01&to=2001-12-31").await.expect(200).body;
    assert_eq!(past["days"], json!([]));
    let all = driver.get("earnings/history?from=2001-01-01&to=2101-12-31&limit=1").await.expect(200).body;
    assert_eq!(all["days"].as_array().map(Vec::len), Some(1));
    driver.get("earnings/history?from=31.12.2001").await.expect_problem(422);
}

#[tokio::test]
async fn another_drivers_work_is_not_counted() {
    let server = Server::start_default().await;
    deliver(&server, &server.operator().await, 45.5).await;
    let today = server.driver_api(1).await.get("earnings/today").await.expect(200).body;
    assert_eq!(today["orders"], 0);
}
