//! Contacts: the driver who has a job gets the name and the number of its customer or passenger. Nobody else does, and
//! neither does that driver once the job has ended or is no longer theirs.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::bookings::booking_body;
use crate::support::matching_app::find_driver;
use crate::support::{Api, DRIVER, NewOrder, Server};

const PASSENGER: i64 = 1;
/// The demo passenger's.
const PHONE: &str = "+237123456789";

/// Name and number as rides have them; `None` where the answer has neither field.
fn passenger(ride: &Value) -> Option<(Value, Value)> {
    whom(ride, "passenger_name", "passenger_phone")
}

fn customer(job: &Value) -> Option<(Value, Value)> {
    whom(job, "customer_name", "customer_phone")
}

fn whom(value: &Value, name: &str, phone: &str) -> Option<(Value, Value)> {
    let fields = value.as_object().expect("an object");
    match (fields.get(name), fields.get(phone)) {
        (Some(name), Some(phone)) => Some((name.clone(), phone.clone())),
        (None, None) => None,
        _ => panic!("one without the other: {value}"),
    }
}

/// The driver's event about the acceptance; earlier messages are skipped.
async fn acceptance(app: &mut App) -> Value {
    let events = app.events_until(|event| event["type"] == "ride_accepted").await;
    events.last().expect("the last one")["data"].clone()
}

async fn name_of_passenger(server: &Server) -> Value {
    let customers = server.operator().await.list("admin/customers").await;
    let found = customers.into_iter().find(|customer| customer["customer_id"] == PASSENGER);
    found.expect("the demo passenger")["name"].clone()
}

#[tokio::test]
async fn the_driver_who_has_a_ride_is_told_whom_to_call_and_nobody_else_is() {
    let server = Server::for_rides(&[1, 2]).await;
    let known = Some((name_of_passenger(&server).await, json!(PHONE)));
    let (passenger_api, winner, loser) =
        (server.passenger_api(PASSENGER).await, server.driver_api(1).await, server.driver_api(2).await);
    let (mut app, mut screen) = (server.hailing_driver(1).await, server.hailing_admin().await);
    let mut phone = server.hailing_passenger(PASSENGER).await;
    let ride = passenger_api.request_ride().await;
    screen.join(&ride).await;
    for driver in [&winner, &loser] {
        driver.offered(&ride).await;
        assert_eq!(passenger(&driver.show_ride(&ride).await.expect(200).body), None, "only asked");
    }
    let joined = app.join(&ride).await;
    assert_eq!(passenger(&joined["ride"]), None, "only asked");

    assert_eq!(passenger(&winner.take(&ride).await.body), known);
    assert_eq!(passenger(&acceptance(&mut app).await), known);
    assert_eq!(passenger(&app.join(&ride).await["ride"]), known);
    assert_eq!(passenger(&winner.show_ride(&ride).await.body), known);
    assert_eq!(passenger(&winner.get("rides").await.expect(200).body["items"][0]), known);
    assert_eq!(passenger(&winner.ride(&ride, "arrive").await.expect(200).body), known);
    loser.show_ride(&ride).await.expect_problem(404);
    assert_eq!(passenger(&phone.expect("ride_accepted").await["data"]), None);
    assert_eq!(passenger(&screen.expect("ride_accepted").await["data"]), None);
    let more = screen.sync().await;
    assert!(more.iter().all(|message| message["type"] != "ride_accepted"), "it was told once: {more:?}");
    assert_eq!(passenger(&passenger_api.show_ride(&ride).await.body), None);
    let admin = server.operator().await;
    assert_eq!(passenger(&admin.api().show_ride(&ride).await.body), None);
    assert_eq!(passenger(&admin.list("admin/rides").await[0]), None);
}

#[tokio::test]
async fn once_the_ride_has_ended_its_driver_is_not_told_any_more() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    let mut again = server.hailing_door(server.driver_token(1).await).after(0).connect().await;
    let held = acceptance(&mut again).await;
    assert!(passenger(&held).is_some(), "it is theirs still: {held}");
    again.close(1000);

    ride.drive("start").await;
    let completed = ride.driver.ride(&ride.id, "complete").await.expect(200);
    assert_eq!(passenger(&completed.body), None);
    assert_eq!(passenger(&ride.driver.show_ride(&ride.id).await.body), None);
    assert_eq!(passenger(&ride.driver.get("rides").await.expect(200).body["items"][0]), None);
    let mut later = server.hailing_door(server.driver_token(1).await).after(0).connect().await;
    assert_eq!(passenger(&acceptance(&mut later).await), None);
    assert_eq!(passenger(&later.join(&ride.id).await["ride"]), None);
}

#[tokio::test]
async fn who_gives_a_ride_back_is_not_told_any_more() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    let back = ride.driver.ride_because(&ride.id, "decline", "Flat tyre").await.expect(200);
    assert_eq!(passenger(&back.body), None);
    let mut later = server.hailing_door(server.driver_token(1).await).after(0).connect().await;
    assert_eq!(passenger(&acceptance(&mut later).await), None);
}

/// Stored data outlives the ride: an event is replayed for a month, an answer is given again for a day.
#[tokio::test]
async fn whom_to_call_is_in_nothing_that_is_kept() {
    let server = Server::for_rides(&[1]).await;
    let (passenger_api, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let ride = passenger_api.request_ride().await;
    driver.offered(&ride).await;
    let keyed = async |action: &str, key: &str| {
        let request = driver.request(reqwest::Method::POST, &format!("rides/{ride}/{action}"));
        crate::support::api::send(request.header("Idempotency-Key", key).json(&json!({}))).await.expect(200)
    };
    let first = keyed("accept", "take").await;
    assert_eq!(keyed("accept", "take").await.text, first.text, "it is theirs still");
    assert!(passenger(&first.body).is_some());
    keyed("start", "go").await;
    keyed("complete", "end").await;
    let again = keyed("accept", "take").await;
    assert_eq!((passenger(&again.body), &again.body["status"]), (None, &json!("accepted")));
    for column in ["body FROM events", "response FROM idempotency_keys"] {
        let table = column.split(' ').next_back().expect("a table");
        let column = column.split(' ').next().expect("a column");
        let kept = server.database().words(&format!("SELECT {column} AS value FROM {table}"));
        assert!(!kept.is_empty() && kept.iter().all(|text| !text.contains(PHONE)), "{kept:?}");
    }
}

#[tokio::test]
async fn the_number_that_a_guest_left_reaches_the_driver_of_the_ride() {
    let server = Server::asking().await;
    let mut app = server.ride_door("guests-ride").connect().await;
    let mut asked = find_driver();
    asked["passenger_phone"] = json!("+27821110000");
    app.send(asked);
    app.expect("searching").await;
    let driver = server.driver_api(1).await;
    let taken = driver.take("guests-ride").await;
    assert_eq!(passenger(&taken.body), Some((Value::Null, json!("+27821110000"))));
    let assigned = app.expect("driver_assigned").await;
    assert!(!assigned.to_string().contains("+27821110000"), "{assigned}");
}

/// An order of the demo passenger's that the delivery driver holds.
async fn order_of_passenger(server: &Server) -> (i64, Api) {
    let operator = server.operator().await;
    let mut order = NewOrder::default().body();
    order["customer_id"] = json!(PASSENGER);
    let id = operator.api().post("admin/orders", order).await.expect(201).id("order_id");
    operator.assign(id, DRIVER).await.expect(200);
    (id, server.driver_api(DRIVER).await)
}

#[tokio::test]
async fn the_driver_of_an_order_is_told_its_customer_until_it_is_delivered() {
    let server = Server::start_default().await;
    let (id, driver) = order_of_passenger(&server).await;
    let known = Some((name_of_passenger(&server).await, json!(PHONE)));
    let held = driver.get("orders/assigned").await.expect(200).body;
    assert_eq!(customer(&held["orders"][0]), known);
    let mut app = server.driver(DRIVER).await;
    app.expect("order_assigned").await;
    app.send(json!({"type": "resume", "last_event_id": 1_000_000}));
    app.expect("resume_failed").await;
    let mut heard = app.sync().await;
    heard.retain(|message| message["type"] == "orders");
    assert_eq!(customer(&heard[0]["data"]["orders"][0]), known);
    assert_eq!(customer(&driver.set_order_status(id, "picked_up").await.expect(200).body), known);
    assert_eq!(customer(&driver.set_order_status(id, "delivered").await.expect(200).body), None);

    let (id, driver) = order_of_passenger(&server).await;
    assert_eq!(customer(&driver.set_order_status(id, "rejected").await.expect(200).body), None);
    server.operator().await.assign(id, 1).await.expect(200);
    assert_eq!(customer(&driver.set_order_status(id, "rejected").await.expect(200).body), None);
}

#[tokio::test]
async fn the_technician_of_a_booking_is_told_its_customer_while_they_have_it() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let known = Some((name_of_passenger(&server).await, json!(PHONE)));
    let made = operator.api().post("bookings", booking_body(PASSENGER)).await.expect(201);
    let id = made.id("booking_id");
    let technician = server.driver_api(1).await;
    let given = operator.api().give_booking(id, 1).await.expect(200);
    assert_eq!((customer(&made.body), customer(&given.body)), (None, None));
    assert_eq!(customer(&technician.show_booking(id).await.expect(200).body), known);
    assert_eq!(customer(&technician.get("bookings").await.expect(200).body["items"][0]), known);
    assert_eq!(customer(&technician.move_booking(id, "StartService").await.expect(200).body), known);
    let passenger_api = server.passenger_api(PASSENGER).await;
    assert_eq!(customer(&passenger_api.show_booking(id).await.expect(200).body), None);
    assert_eq!(customer(&technician.move_booking(id, "Completed").await.expect(200).body), None);
    assert_eq!(customer(&technician.show_booking(id).await.expect(200).body), None);
    assert_eq!(customer(&technician.get("bookings").await.expect(200).body["items"][0]), None);
}
