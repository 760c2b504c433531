//! Events of customers who are not connected: which are pushed, on which device, how often, and which are not.

use serde_json::{Value, json};

use fleetwire::domain::push::PushService::{Apns, Expo, Fcm};

use crate::support::push::{apns_token, expo_token};
use crate::support::push_double::{Device, PushDouble};
use crate::support::{DRIVER, Server, wait_until};

const PASSENGER: i64 = 1;
const CUSTOMER: i64 = 123;

fn kinds(taken: &[crate::support::push_double::Taken]) -> Vec<String> {
    taken.iter().map(|taken| taken.data["type"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_passenger_who_is_not_there_hears_each_move_once_on_each_device() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).start_with_drivers(&[1]).await;
    server
        .register(PASSENGER, "android", json!({"fcmToken": "phone", "expoPushToken": expo_token("phone")}))
        .await;
    server.register(PASSENGER, "ios", json!({"fcmToken": "pad", "apnsToken": apns_token(7)})).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let ride = passenger.request_ride().await;
    driver.take(&ride).await;
    for action in ["arrive", "start", "complete"] {
        driver.ride(&ride, action).await.expect(200);
    }
    server.push_settled().await;
    let mut expected = vec!["driver_arrived", "ride_accepted", "ride_completed", "ride_started"];
    for (service, token) in [(Fcm, "phone".to_owned()), (Apns, apns_token(7))] {
        let taken = double.taken_by(service, &token);
        let mut heard = kinds(&taken);
        heard.sort();
        assert_eq!(heard, expected, "{service}");
        assert!(taken.iter().all(|taken| taken.data["rideId"] == json!(ride)), "{taken:?}");
        let accepted = taken.iter().find(|taken| taken.data["type"] == "ride_accepted").expect("it is there");
        assert!(accepted.body.starts_with("John Doe is coming for you"), "{}", accepted.body);
    }
    assert!(double.desk(Expo).taken().is_empty() && double.taken_by(Fcm, "pad").is_empty(), "one way each");
    assert_eq!(
        server.database().number("SELECT COUNT(*) AS value FROM events WHERE pushed_at IS NOT NULL"),
        4
    );

    let second = passenger.request_ride().await;
    passenger.ride_because(&second, "cancel", "Changed my mind").await.expect(200);
    server.push_settled().await;
    expected.push("ride_cancelled");
    let mut heard = kinds(&double.taken_by(Fcm, "phone"));
    heard.sort();
    expected.sort();
    assert_eq!(heard, expected);
    double.check();
}

#[tokio::test]
async fn a_customer_hears_how_an_order_gets_on() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).start().await;
    let (operator, courier) = (server.operator().await, server.driver_api(DRIVER).await);
    server.register(CUSTOMER, "android", json!({"fcmToken": "phone"})).await;
    let order = json!({"restaurant_name": "Burger King", "pickup_address": "A", "delivery_address": "B",
        "earnings": 5, "distance_km": 1, "customer_id": CUSTOMER});
    let order_id = operator.api().post("admin/orders", order).await.expect(201).id("order_id");
    operator.assign(order_id, DRIVER).await.expect(200);
    for status in ["accepted", "picked_up", "picked_up", "delivered"] {
        courier.set_order_status(order_id, status).await.expect(200);
    }
    server.push_settled().await;
    let mut taken = double.taken_by(Fcm, "phone");
    taken.sort_by_key(|taken| taken.data["type"].as_str().map(str::to_owned));
    assert_eq!(kinds(&taken), ["order_assigned", "order_delivered", "order_picked_up"]);
    assert!(taken.iter().all(|taken| taken.data["orderId"] == json!(order_id.to_string())));
    assert_eq!(
        server.database().event_names("customer123"),
        ["order_assigned", "order_picked_up", "order_delivered"]
    );
    // A courier's own events are not pushed to anybody.
    let of_drivers = "SELECT COUNT(*) AS value FROM notification_history WHERE customer_id <> 123";
    assert_eq!(server.database().number(of_drivers), 0);
    double.check();
}

#[tokio::test]
async fn a_dead_token_sends_the_event_the_next_way_and_registering_again_revives_it() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).start().await;
    let operator = server.operator().await.api().clone();
    let tokens = json!({"fcmToken": "phone", "expoPushToken": expo_token("phone")});
    server.register(CUSTOMER, "android", tokens.clone()).await;
    double.desk(Fcm).set_device("phone", Device::Dead { since: None });
    for _ in 0..2 {
        server.bring_about(&operator, CUSTOMER).await;
        server.push_settled().await;
    }
    assert_eq!(double.desk(Fcm).requests(), 1, "what is dead is not asked again");
    assert_eq!(double.taken_by(Expo, &expo_token("phone")).len(), 2);
    let devices =
        server.push().get(&format!("/api/Push/devices?customerId={CUSTOMER}")).await.expect(200).body;
    assert_eq!(devices["items"][0]["tokens"], json!({"fcm": "dead", "expo": "active"}));

    double.desk(Fcm).forget_device("phone");
    server.register(CUSTOMER, "android", tokens).await;
    server.bring_about(&operator, CUSTOMER).await;
    server.push_settled().await;
    assert_eq!(double.taken_by(Fcm, "phone").len(), 1);
    let stats = server.push().get("/api/Push/stats").await.expect(200).body;
    assert_eq!(stats["pruned"]["fcm"], 0, "it lives again");
}

/// Apple says since when a token is dead; one that was registered later is not meant, and is not tried for ever either.
#[tokio::test]
async fn a_token_that_was_registered_after_apple_called_it_dead_is_kept() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).start().await;
    let operator = server.operator().await.api().clone();
    server.register(CUSTOMER, "ios", json!({"apnsToken": apns_token(9)})).await;
    let hour_ago = chrono::Utc::now() - chrono::TimeDelta::hours(1);
    double.desk(Apns).set_device(&apns_token(9), Device::Dead { since: Some(hour_ago) });
    server.bring_about(&operator, CUSTOMER).await;
    server.push_settled().await;
    assert_eq!(server.push_history(CUSTOMER).await[0]["status"], "failed");
    let devices =
        server.push().get(&format!("/api/Push/devices?customerId={CUSTOMER}")).await.expect(200).body;
    assert_eq!(devices["items"][0]["tokens"], json!({"apns": "active"}));
    assert_eq!(double.desk(Apns).requests(), 1);
}

/// Expo says so only later.
#[tokio::test]
async fn a_receipt_that_calls_the_token_dead_deactivates_it() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).setting("PUSH_RECEIPT_DELAY_SECS", 1).start().await;
    let operator = server.operator().await.api().clone();
    let token = expo_token("gone");
    server.register(CUSTOMER, "android", json!({"expoPushToken": token})).await;
    let error = json!({"status": "error", "message": "gone", "details": {"error": "DeviceNotRegistered"}});
    double.expo.set_receipt(&token, error);
    server.bring_about(&operator, CUSTOMER).await;
    let state = async || {
        let items = server.push_history(CUSTOMER).await;
        items.first().map_or(Value::Null, |item| item["status"].clone())
    };
    wait_until("the receipt was asked for", async || state().await == "failed").await;
    let devices =
        server.push().get(&format!("/api/Push/devices?customerId={CUSTOMER}")).await.expect(200).body;
    assert_eq!(devices["items"][0]["tokens"], json!({"expo": "dead"}));
}

#[tokio::test]
async fn a_booking_tells_its_customer_of_each_step_in_the_contracts_words() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).start().await;
    let operator = server.operator().await.api().clone();
    server.register(CUSTOMER, "android", json!({"fcmToken": "phone"})).await;
    let booked =
        operator.post("bookings", json!({"customer_id": CUSTOMER, "service": "Brakes"})).await.expect(201);
    let (id, track) =
        (booked.id("booking_id"), booked.body["track_id"].as_str().expect("a track id").to_owned());
    operator.put(&format!("bookings/{id}/technician"), json!({"driver_id": 1})).await.expect(200);
    for status in ["StartJourney", "Reached", "Reached", "StartService", "Completed"] {
        operator.put(&format!("bookings/{id}/status"), json!({ "status": status })).await.expect(200);
    }
    server.push_settled().await;
    let mut heard = kinds(&double.taken_by(Fcm, "phone"));
    heard.sort();
    assert_eq!(heard, ["completed", "reached", "startjourney", "startservice", "technician_assigned"]);
    for taken in double.taken_by(Fcm, "phone") {
        assert_eq!(taken.data["bookingId"], json!(id.to_string()));
        assert_eq!((&taken.data["trackId"], &taken.data["techName"]), (&json!(track), &json!("John Doe")));
        assert!(taken.body.contains(&track), "{}", taken.body);
    }
    double.check();
}
