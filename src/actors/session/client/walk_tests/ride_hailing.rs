//! The hailing apps' walks.

use super::*;
use crate::actors::session::client::ride_hailing::RideHailing;
use crate::domain::ids::CustomerId;
use crate::domain::position::Position;
use crate::domain::ride::{ANY_VEHICLE, RideId};
use crate::domain::search_policy::Patience;
use crate::operations::rides::{self, Canceller};

const PASSENGER: CustomerId = CustomerId(1);

async fn app(house: &House, username: &'static str, last_event_id: Option<i64>) -> Phone<RideHailing> {
    let (who, claims) = house.known(username).await;
    let client = Client::ride_hailing(who, claims, last_event_id.map(EventId), house.context.clone());
    Phone::connects(client.expect("a part in rides")).await
}

/// Asked for by passenger 1.
async fn ride(house: &House) -> (RideId, JobId) {
    let made = house.decide(move |tx| {
        let request = rides::RideRequest {
            ride_id: None,
            ride_type: ANY_VEHICLE.to_owned(),
            pickup: Position::new(12.93, 77.62).expect("on earth"),
            dropoff: Position::new(12.99, 77.62).expect("on earth"),
            pickup_address: String::new(),
            dropoff_address: String::new(),
            fare: None,
            terms: Terms::default(),
            distance_km: None,
            duration_minutes: None,
            scheduled_at: None,
            passenger_phone: None,
            patience: Patience::UntilDeadline,
            external_id: None,
        };
        rides::request(tx, PASSENGER, &request)
    });
    let made = made.await.ride;
    (made.ride_id, made.job.id)
}

/// A ride that its driver has, and the app of its passenger, who has heard so.
async fn accepted_ride(house: &House) -> (RideId, Phone<RideHailing>) {
    let (ride, job) = ride(house).await;
    driver_gets(house, job).await;
    let mut passenger = app(house, "passenger1", None).await;
    passenger.hears("connected").await;
    passenger.hears("ride_accepted").await;
    (ride, passenger)
}

async fn driver_gets(house: &House, job: JobId) {
    house.decide(move |tx| rides::claim(tx, job, DRIVER, None)).await;
}

#[actix_web::test]
async fn connecting_is_said_first_and_changes_nobodys_status() {
    let house = House::open().await;
    let before = house.status().await;
    let mut driver = app(&house, "driver123", None).await;
    assert_eq!(driver.hears("connected").await["data"]["is_driver"], true);
    driver.hears_nothing().await;
    assert_eq!(house.status().await, before);
    driver.says(json!({"type": "driver_online"})).await;
    assert_eq!(driver.hears("driver_status").await["data"]["status"], "available");
    driver.says(json!({"type": "driver_offline"})).await;
    assert_eq!(driver.hears("driver_status").await["data"]["status"], "offline");
    let mut passenger = app(&house, "passenger1", None).await;
    passenger.hears("connected").await;
    passenger.says(json!({"type": "driver_online"})).await;
    passenger.hears_error("forbidden").await;
}

#[actix_web::test]
async fn joining_shows_the_ride_and_its_driver_and_leaving_ends_that() {
    let house = House::open().await;
    let (ride, mut passenger) = accepted_ride(&house).await;
    passenger.says(json!({"type": "join_ride", "ride_id": ride})).await;
    let joined = passenger.hears("ride_joined").await;
    assert!(joined.to_string().contains("accepted"), "{joined}");
    let mut driver = app(&house, "driver123", Some(99)).await;
    driver.hears("connected").await;
    driver.hears("resume_failed").await;
    assert_eq!(driver.hears("rides").await["data"]["rides"].as_array().map(Vec::len), Some(1));
    let position = json!({"type": "location_update", "data": {"latitude": 12.931, "longitude": 77.621}});
    driver.says(position.clone()).await;
    passenger.hears("driver_location_update").await;
    passenger.says(json!({"type": "leave_ride", "ride_id": ride})).await;
    passenger.hears("ride_left").await;
    passenger.says(json!({"type": "leave_ride", "ride_id": ride})).await;
    passenger.hears("ride_left").await;
    house.clock.advance(TimeDelta::seconds(5));
    driver.says(position).await;
    passenger.hears_nothing().await;
}

#[actix_web::test]
async fn a_ride_of_others_does_not_exist_and_too_many_are_refused() {
    let house = House::open().await;
    let (one, _) = ride(&house).await;
    let mut stranger = app(&house, "customer123", None).await;
    stranger.hears("connected").await;
    stranger.says(json!({"type": "join_ride", "ride_id": one})).await;
    stranger.hears_error("not_found").await;
    let mut admin = app(&house, "admin", None).await;
    admin.hears("connected").await;
    let (two, three) = (ride(&house).await.0, ride(&house).await.0);
    for ride in [&one, &two] {
        admin.says(json!({"type": "join_ride", "ride_id": ride})).await;
        admin.hears("ride_joined").await;
    }
    admin.says(json!({"type": "join_ride", "ride_id": three})).await;
    admin.hears_error("too_many_rides").await;
    admin.says(json!({"type": "join_ride", "ride_id": one})).await;
    admin.hears("ride_joined").await;
}

#[actix_web::test]
async fn what_happened_meanwhile_is_replayed_and_resumed() {
    let house = House::open().await;
    let (ride_id, job) = ride(&house).await;
    let mut passenger = app(&house, "passenger1", None).await;
    passenger.hears("connected").await;
    passenger.hears_nothing().await;
    passenger.loses_its_network();
    driver_gets(&house, job).await;
    let mut passenger = app(&house, "passenger1", None).await;
    assert_eq!(passenger.hears("connected").await["data"]["last_event_id"], 1);
    assert_eq!(passenger.hears("ride_accepted").await["id"], 1);
    passenger.confirms().await;
    let by = Canceller::Passenger(PASSENGER);
    house.decide(move |tx| rides::cancel(tx, &ride_id, by, "plans changed")).await;
    assert_eq!(passenger.hears("ride_cancelled").await["id"], 2);
    passenger.says(json!({"type": "resume", "last_event_id": 0})).await;
    assert_eq!(passenger.hears("ride_accepted").await["id"], 1);
    assert_eq!(passenger.hears("ride_cancelled").await["id"], 2);
    passenger.says(json!({"type": "resume", "last_event_id": 9})).await;
    passenger.hears("resume_failed").await;
    assert_eq!(passenger.hears("rides").await["data"]["rides"], json!([]));
}

#[actix_web::test]
async fn the_two_of_a_ride_talk_and_its_driver_moves_it_on() {
    let house = House::open().await;
    let (ride, mut passenger) = accepted_ride(&house).await;
    let mut driver = app(&house, "driver123", Some(2)).await;
    driver.hears("connected").await;
    driver.says(json!({"type": "chat_message", "ride_id": ride, "text": "at the gate"})).await;
    driver.hears_nothing().await;
    passenger.hears("chat_message").await;
    passenger.says(json!({"type": "driver_arrived", "ride_id": ride})).await;
    passenger.hears_error("forbidden").await;
    driver.says(json!({"type": "driver_arrived", "ride_id": ride})).await;
    driver.hears("driver_arrived").await;
    passenger.hears("driver_arrived").await;
    driver.says(json!({"type": "rate_ride", "ride_id": ride, "rating": 5})).await;
    driver.hears_error("forbidden").await;
}

#[actix_web::test]
async fn a_fresh_token_is_taken_and_no_other() {
    let house = House::open().await;
    let mut passenger = app(&house, "passenger1", None).await;
    passenger.hears("connected").await;
    renews(&house, &mut passenger, "passenger1", "driver1").await;
}

#[actix_web::test]
async fn silence_ends_the_session_and_leaves_the_room() {
    let house = House::open().await;
    let (ride, _) = ride(&house).await;
    let mut passenger = app(&house, "passenger1", None).await;
    passenger.hears("connected").await;
    passenger.says(json!({"type": "join_ride", "ride_id": ride})).await;
    passenger.hears("ride_joined").await;
    let (who, _) = house.known("passenger1").await;
    passenger.falls_silent().await;
    house.until_gone(who.account).await;
}
