//! Input in the apps' own ways: numbers, words, texts and paths that differ from the contract's form but have a clear
//! meaning.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::rides::{ride_body, ride_id};
use crate::support::{DRIVER, NewOrder, Server, api};

/// Of the demo data.
const PASSENGER: i64 = 1;
const CUSTOMER: i64 = 123;

/// Gson and the like write 123 as 123.0, and apps that keep ids in text storage as "123".
#[tokio::test]
async fn a_whole_number_is_one_however_it_is_written() {
    let server = Server::for_rides(&[]).await;
    let operator = server.operator().await;
    for written in [format!("{DRIVER}.0"), format!("{DRIVER}e0"), format!("\"{DRIVER}\"")] {
        let order = operator.create_order().await;
        let raw = format!("{{\"driver_id\":{written}}}");
        let path = format!("admin/orders/{order}.0/assign");
        let reply = send_raw(operator.api(), Method::POST, &path, raw).await.expect(200);
        assert_eq!(reply.body["driver_id"], DRIVER, "{written}");
        operator.unassign(order, "None").await.expect(200);
    }
    let orders = operator.create_orders(2).await;
    let raw = format!("{{\"driver_id\":{DRIVER}.0,\"order_ids\":[{}.0,\"{}\"]}}", orders[0], orders[1]);
    send_raw(operator.api(), Method::POST, "admin/orders/batches", raw).await.expect(201);
    let raw = format!("{{\"driver_id\":{DRIVER}.5}}");
    send_raw(operator.api(), Method::POST, "admin/orders/1/assign", raw).await.expect_problem(422);

    let booking = format!("{{\"customer_id\":{CUSTOMER}.0,\"service\":\"Oil\"}}");
    send_raw(operator.api(), Method::POST, "bookings", booking).await.expect(201);
    let listed = operator.api().get("admin/bookings?limit=1.0&status=PENDING").await.expect(200);
    assert_eq!(listed.body["items"].as_array().expect("a list").len(), 1);
    for id in [json!(CUSTOMER as f64), json!(CUSTOMER.to_string())] {
        let body = json!({"userType": "Customer", "id": id, "fcmToken": "token", "expoPushToken": "", "platform": "Android"});
        server.push().post("/api/Push/register", body).await.expect(200);
    }
}

#[tokio::test]
async fn a_rating_may_be_written_with_a_point_but_is_whole() {
    let server = Server::for_rides(&[1]).await;
    let taken = server.taken_ride().await;
    taken.drive("start").await;
    taken.drive("complete").await;
    let path = format!("rides/{}/rate", taken.id);
    send_raw(&taken.passenger, Method::POST, &path, "{\"rating\":4.5}".to_owned()).await.expect_problem(422);
    send_raw(&taken.passenger, Method::POST, &path, "{\"rating\":5.0}".to_owned()).await.expect(200);
}

/// `ack` and `resume` came as texts from apps that keep the number so, and were refused.
#[tokio::test]
async fn an_events_number_may_be_a_text() {
    let server = Server::start_default().await;
    let mut app = server.driver(DRIVER).await;
    server.operator().await.assign_new(DRIVER).await;
    assert_eq!(app.expect("order_assigned").await["id"], 1);
    app.send(json!({"type": "ack", "event_id": "1"}));
    app.send(json!({"type": "RESUME", "last_event_id": "0"}));
    assert_eq!(app.expect("order_assigned").await["id"], 1);
    app.send_text("{\"type\":\"resume\",\"last_event_id\":0.0}".to_owned());
    assert_eq!(app.expect("order_assigned").await["id"], 1);
    let mut app = server.door(DRIVER).await.with_more("last_event_id=0.0").connect().await;
    assert_eq!(app.expect("order_assigned").await["id"], 1);
}

/// A text that was cut in the middle of an emoji cost the whole order.
#[tokio::test]
async fn half_a_character_costs_nothing_but_itself() {
    let server = Server::for_rides(&[1]).await;
    let operator = server.operator().await;
    let cut = |body: Value| body.to_string().replace("CUT", "\\ud83c");
    let mut order = NewOrder::default().body();
    order["restaurant_name"] = json!("Pizza CUT");
    let reply = send_raw(operator.api(), Method::POST, "admin/orders", cut(order)).await.expect(201);
    assert_eq!(reply.body["restaurant_name"], "Pizza \u{fffd}");

    let taken = server.taken_ride().await;
    let mut passenger = server.hailing_passenger(PASSENGER).await;
    let chat = json!({"type": "chat_message", "ride_id": taken.id, "text": "On my way CUT"});
    let driver = server.hailing_driver(1).await;
    driver.send_text(cut(chat));
    let heard = passenger.events_until(|event| event["type"] == "chat_message").await;
    assert_eq!(heard.last().expect("a chat")["data"]["text"], "On my way \u{fffd}");
}

#[tokio::test]
async fn words_are_read_in_any_case() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let order = operator.assign_new(DRIVER).await;
    let driver = server.driver_api(DRIVER).await;
    assert_eq!(
        driver.put("driver/status", json!({"status": "ONLINE"})).await.expect(200).body["status"],
        "available"
    );
    driver.set_order_status(order, "Accepted").await.expect(200);
    let reason = json!({"reason": "None", "cancelled_by": "Restaurant"});
    operator.api().post(&format!("admin/orders/{order}/cancel"), reason).await.expect(200);
    let cancelled = operator.list_with("admin/orders", "status=Cancelled").await;
    assert!(cancelled.iter().any(|one| one["order_id"] == order), "{cancelled:?}");
}

#[tokio::test]
async fn a_time_may_be_a_number_or_without_a_zone() {
    let server = Server::for_rides(&[]).await;
    let passenger = server.passenger_api(PASSENGER).await;
    let due = "2035-01-01T10:00:00.000Z";
    for written in [
        json!(2_051_258_400),
        json!(2_051_258_400_000_i64),
        json!("2035-01-01 10:00:00"),
        json!("2051258400"),
    ] {
        let mut body = ride_body();
        body["scheduled_at"] = written.clone();
        let reply = passenger.post("rides", body).await.expect(201);
        assert_eq!(reply.body["scheduled_at"], due, "{written}");
        passenger.ride(&ride_id(&reply), "cancel").await.expect(200);
    }
    let mut body = ride_body();
    body["scheduled_at"] = json!("soon");
    passenger.post("rides", body).await.expect_problem(422);
    let path = format!("admin/drivers/{DRIVER}/locations?from=0&to=2051258400000");
    server.operator().await.api().get(&path).await.expect(200);
}

#[tokio::test]
async fn what_the_app_expects_a_ride_to_take_is_kept_and_shown() {
    let server = Server::for_rides(&[]).await;
    let passenger = server.passenger_api(PASSENGER).await;
    for (written, shown) in
        [(json!(24.2), json!(25)), (json!("1 hour 5 mins"), json!(65)), (Value::Null, Value::Null)]
    {
        let mut body = ride_body();
        body["estimated_duration_minutes"] = written;
        body["pickup_address"] = json!("é".repeat(201));
        body["distance_km"] = json!("12.5 km");
        let made = passenger.post("rides", body).await.expect(201);
        let ride = passenger.show_ride(&ride_id(&made)).await.expect(200).body;
        assert_eq!((&ride["estimated_duration_minutes"], &ride["distance_km"]), (&shown, &json!(12.5)));
        assert_eq!(ride["pickup_address"], "é".repeat(200));
        passenger.ride(&ride_id(&made), "cancel").await.expect(200);
    }
    let mut body = ride_body();
    body["estimated_duration_minutes"] = json!("soon");
    passenger.post("rides", body).await.expect_problem(422);
}

/// The provider refused it after it was queued, and the sender heard of success.
#[tokio::test]
async fn a_key_that_a_push_service_keeps_for_itself_is_refused_before_anything_is_queued() {
    let server = Server::start_default().await;
    server.register(CUSTOMER, "android", json!({"fcmToken": "token"})).await;
    for key in ["from", "message_type", "collapse_key", "google.x", "gcm.notification.x", "aps"] {
        let body = json!({"id": CUSTOMER, "title": "t", "body": "b", "data": {key: "x"}});
        let refused = server.push().post("/api/Push/sendToCustomer", body).await.expect(400).body;
        assert_eq!(refused["success"], false);
        assert!(refused["message"].as_str().expect("a text").contains(key), "{refused}");
    }
    assert_eq!(server.database().number("SELECT COUNT(*) AS value FROM notification_history"), 0);
}

#[tokio::test]
async fn a_slash_at_the_end_leads_to_the_same() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let made = operator.api().post("admin/orders/", NewOrder::default().body()).await.expect(201);
    let path = format!("admin/orders/{}/?x=1", made.id("order_id"));
    assert_eq!(operator.api().get(&path).await.expect(200).id("order_id"), made.id("order_id"));
    server.anonymous().get("/healthz/").await.expect(200);
    server.anonymous().get("/readyz/").await.expect(200);
    operator.api().get("no/such/page/").await.expect_problem(404);
    let (reason, path) = (json!({"reason": "None"}), format!("admin/orders/{}/cancel", made.id("order_id")));
    let first = operator.post_keyed(&path, "once", &reason).await.expect(200);
    let again = operator.post_keyed(&format!("{path}/"), "once", &reason).await.expect(200);
    assert_eq!(again.text, first.text, "one route has one key");
}

async fn send_raw(api: &api::Api, method: Method, path: &str, body: String) -> api::Reply {
    let request = api.request(method, path).header("Content-Type", "application/json").body(body);
    api::send(request).await
}
