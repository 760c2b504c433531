//! Drivers who are no longer heard from, and the nearest one for an order.

use serde_json::json;

use crate::support::{DRIVER, Server, wait_until};

/// Where driver 123 is put by the demo data.
const PICKUP: (f64, f64) = (12.9345, 77.6266);

pub async fn order_to_match(server: &Server) -> i64 {
    let order = json!({
        "restaurant_name": "Truffles", "pickup_address": "St Marks Road", "delivery_address": "Ulsoor",
        "earnings": 52, "distance_km": 4.1, "pickup_latitude": PICKUP.0, "pickup_longitude": PICKUP.1,
    });
    server.operator().await.api().post("admin/orders", order).await.expect(201).id("order_id")
}

#[tokio::test]
async fn an_order_goes_to_the_nearest_available_driver_or_to_nobody() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let order_id = order_to_match(&server).await;
    let path = format!("admin/orders/{order_id}/auto-assign");
    operator.api().post(&path, json!({})).await.expect(200);
    assert_eq!(operator.order(order_id).await["driver_id"], DRIVER);
    operator.api().post(&path, json!({})).await.expect_problem(409);

    let app = server.driver(DRIVER).await;
    app.send(json!({"type": "location_update", "data": {"latitude": 0.0, "longitude": 0.0}}));
    wait_until("the driver is far away", async || operator.driver(DRIVER).await["latitude"] == 0.0).await;
    let path = format!("admin/orders/{}/auto-assign", order_to_match(&server).await);
    operator.api().post(&path, json!({})).await.expect_problem(409);
}

#[tokio::test]
async fn a_driver_who_is_not_heard_of_gets_no_order_by_itself_and_becomes_offline() {
    let server = Server::builder()
        .setting("POSITION_MAX_AGE_SECS", 1)
        .setting("DRIVER_OFFLINE_AFTER_SECS", 2)
        .start()
        .await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    app.locate(PICKUP.0, PICKUP.1);
    app.sync().await;
    let is_old =
        async || operator.driver(DRIVER).await["position_age_secs"].as_f64().is_some_and(|age| age >= 2.0);
    wait_until("the position is old", is_old).await;
    assert_eq!(operator.driver(DRIVER).await["status"], "available", "whoever is connected stays on duty");
    let path = format!("admin/orders/{}/auto-assign", order_to_match(&server).await);
    operator.api().post(&path, json!({})).await.expect_problem(409);

    app.cut().await;
    wait_until("the driver is offline", async || operator.driver(DRIVER).await["status"] == "offline").await;
    // A position that no app measured does not age.
    assert_eq!(operator.driver(1).await["status"], "available");
}

#[tokio::test]
async fn a_driver_who_vanishes_before_the_pickup_is_told_to_the_passenger_once() {
    let server = Server::builder().setting("DRIVER_LOST_AFTER_SECS", 2).start_with_drivers(&[1]).await;
    let (passenger, driver) = (server.passenger_api(1).await, server.driver_api(1).await);
    let app = server.driver(1).await;
    app.locate(3.8485, 11.5021);
    let ride = passenger.request_ride().await;
    driver.take(&ride).await;
    app.cut().await;
    let heard = || server.database().event_names("passenger1");
    wait_until("the passenger hears of it", async || heard().contains(&"driver_unreachable".to_owned()))
        .await;
    assert_eq!(passenger.show_ride(&ride).await.expect(200).body["status"], "accepted");
    // They come after all; nothing more is told.
    driver.ride(&ride, "arrive").await.expect(200);
    assert_eq!(heard(), ["ride_accepted", "driver_unreachable", "driver_arrived"]);
    assert_eq!(server.metric("fleetwire_drivers_lost_total").await, 1.0);
}

#[tokio::test]
async fn a_ride_whose_driver_has_vanished_is_offered_again_where_that_is_set() {
    let server = Server::builder()
        .setting("DRIVER_LOST_AFTER_SECS", 2)
        .setting("OFFER_LOST_RIDES_AGAIN", true)
        .start_with_drivers(&[1])
        .await;
    let (passenger, driver) = (server.passenger_api(1).await, server.driver_api(1).await);
    let app = server.driver(1).await;
    app.locate(3.8485, 11.5021);
    let ride = passenger.request_ride().await;
    driver.take(&ride).await;
    app.cut().await;
    server.bring_near(&[2]).await;
    server.driver_api(2).await.take(&ride).await;
    let heard = server.database().event_names("passenger1");
    assert_eq!(heard, ["ride_accepted", "driver_cancelled", "ride_accepted"]);
    driver.ride(&ride, "accept").await.expect_problem(404);
}
