//! The driver app's walks.

use super::*;
use crate::actors::session::client::driver_app::DriverApp;

async fn driver(house: &House, last_event_id: Option<i64>) -> Phone<DriverApp> {
    let (who, claims) = house.known("driver123").await;
    let recipient = Recipient::new(&who, claims);
    let last = last_event_id.map(EventId);
    Phone::connects(Client::driver_app(DRIVER, recipient, last, house.context.clone())).await
}

#[actix_web::test]
async fn connecting_is_said_first_and_then_each_event_as_it_happens() {
    let house = House::open().await;
    let mut phone = driver(&house, None).await;
    assert_eq!(phone.hears("connected").await["data"]["last_event_id"], 0);
    phone.hears_nothing().await;
    let order = house.order().await;
    let heard = phone.hears("order_assigned").await;
    assert_eq!((&heard["id"], &heard["data"]["order_id"]), (&json!(1), &json!(order.0)));
    assert_eq!(phone.paper.pings, [b"1"]);
}

#[actix_web::test]
async fn what_was_not_confirmed_comes_again_and_what_was_does_not() {
    let house = House::open().await;
    let mut phone = driver(&house, None).await;
    phone.hears("connected").await;
    house.order().await;
    phone.hears("order_assigned").await;
    phone.confirms().await;
    house.order().await;
    phone.hears("order_assigned").await;
    phone.loses_its_network();
    house.order().await;
    let mut phone = driver(&house, None).await;
    assert_eq!(phone.hears("connected").await["data"]["last_event_id"], 3);
    assert_eq!(phone.hears("order_assigned").await["id"], 2);
    assert_eq!(phone.hears("order_assigned").await["id"], 3);
    phone.hears_nothing().await;
}

#[actix_web::test]
async fn a_resume_brings_everything_after_a_number_and_the_state_where_that_can_not_be() {
    let house = House::open().await;
    house.order().await;
    house.order().await;
    let mut phone = driver(&house, Some(2)).await;
    phone.hears("connected").await;
    phone.hears_nothing().await;
    phone.says(json!({"type": "resume", "last_event_id": 1})).await;
    assert_eq!(phone.hears("order_assigned").await["id"], 2);
    phone.says(json!({"type": "resume", "last_event_id": 7})).await;
    assert_eq!(phone.hears("resume_failed").await["data"]["newest_id"], 2);
    assert_eq!(phone.hears("orders").await["data"]["orders"].as_array().map(Vec::len), Some(2));
    assert_eq!(phone.hears("order_assigned").await["id"], 1);
}

#[actix_web::test]
async fn an_older_connection_gives_way_and_the_newer_one_serves() {
    let house = House::open().await;
    let mut older = driver(&house, None).await;
    older.hears("connected").await;
    let mut newer = driver(&house, None).await;
    newer.hears("connected").await;
    older.settle().await;
    assert_eq!(older.paper.closed, Some(CloseCode::LoggedInElsewhere));
    older.ends(Ended::WeClosed(CloseCode::LoggedInElsewhere));
    house.order().await;
    newer.hears("order_assigned").await;
}

#[actix_web::test]
async fn a_fresh_token_is_taken_and_no_other() {
    let house = House::open().await;
    let mut phone = driver(&house, None).await;
    phone.hears("connected").await;
    renews(&house, &mut phone, "driver123", "driver1").await;
}

#[actix_web::test]
async fn silence_leaves_a_driver_on_duty_and_a_goodbye_does_not() {
    let house = House::open().await;
    let mut phone = driver(&house, None).await;
    phone.hears("connected").await;
    let (who, _) = house.known("driver123").await;
    phone.falls_silent().await;
    house.until_gone(who.account).await;
    assert_eq!(house.status().await, DriverStatus::Available);
    let phone = driver(&house, None).await;
    phone.ends(Ended::PeerClosed(Some(1000)));
    house.until("the driver goes off duty", async || house.status().await == DriverStatus::Offline).await;
}

#[actix_web::test]
async fn a_position_is_taken_without_a_word_and_what_is_no_message_is_refused() {
    let house = House::open().await;
    let mut phone = driver(&house, None).await;
    phone.hears("connected").await;
    let position = |heading: Value| json!({"type": "location_update", "data": {"latitude": 12.9, "longitude": 77.6, "heading": heading}});
    phone.says(position(json!(90))).await;
    phone.hears_nothing().await;
    phone.says(position(json!("north"))).await;
    phone.hears_error("position_adjusted").await;
    phone.says(position(json!("south"))).await;
    phone.hears_nothing().await;
    phone.says(json!({"type": "find_driver"})).await;
    phone.hears_error("unknown_type").await;
    phone.says(json!({"type": "ping"})).await;
    phone.hears("pong").await;
}
