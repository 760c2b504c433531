//! The search for a ride's driver: which drivers are asked, when, in what order, and what they hear of it. Over REST
//! and drivers' sockets.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::rides::{ride_body, ride_id};
use crate::support::{DRIVER, Server, rounds, wait_until};

/// Of the demo data.
const PASSENGER: i64 = 1;
/// Pickup in the middle of Johannesburg, where driver 1 is; driver 2 is 15 km away.
const JOHANNESBURG: [(&str, f64); 4] = [
    ("pickup_latitude", -26.2041),
    ("pickup_longitude", 28.0473),
    ("dropoff_latitude", -26.1041),
    ("dropoff_longitude", 28.1473),
];

fn johannesburg() -> Value {
    let mut body = ride_body();
    JOHANNESBURG.iter().for_each(|(field, degrees)| body[*field] = json!(degrees));
    body
}

#[tokio::test]
async fn with_auto_the_nearest_driver_is_bound_at_once_and_hears_request_and_acceptance() {
    let server = Server::start_default().await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let mut app = server.driver(1).await;
    let ride = ride_id(&passenger.post("rides", johannesburg()).await.expect(201));
    assert_eq!(app.expect("ride_requested").await["metadata"]["ride_id"], json!(ride));
    assert_eq!(app.expect("ride_accepted").await["data"]["ride_id"], json!(ride));
    let accepted = driver.ride(&ride, "accept").await.expect(200);
    assert_eq!(accepted.body["status"], "accepted", "their app accepts what it has");
    assert_eq!(server.database().event_names("passenger1"), ["ride_accepted"]);
    // The second ride waits for somebody to come near: driver 2 is too far away.
    let second = ride_id(&passenger.post("rides", johannesburg()).await.expect(201));
    assert_eq!(passenger.show_ride(&second).await.expect(200).body["status"], "requested");
    driver.ride(&ride, "start").await.expect(200);
    driver.ride(&ride, "complete").await.expect(200);
    app.events_until(|event| event["type"] == "ride_accepted" && event["data"]["ride_id"] == json!(second))
        .await;
}

/// A ride that waits for drivers, of whom the database has the first by the pickup: an operator put them there.
async fn waiting_ride(server: &Server) -> (Api, String) {
    let operator = server.operator().await;
    for driver in [1, 2, 3] {
        operator.change_driver(driver, json!({"status": "offline"})).await.expect(200);
    }
    let passenger = server.passenger_api(PASSENGER).await;
    let ride = ride_id(&passenger.post("rides", johannesburg()).await.expect(201));
    (passenger, ride)
}

#[tokio::test]
async fn who_goes_online_is_looked_for_where_their_app_says_they_are() {
    let server = Server::start_default().await;
    let (passenger, ride) = waiting_ride(&server).await;
    let mut app = server.hailing_driver(1).await;
    app.locate(-25.66, 28.0473);
    app.send(json!({"type": "driver_online"}));
    app.expect("driver_status").await;
    let operator = server.operator().await;
    wait_until("the driver may be matched", async || {
        let why = operator.api().get("admin/drivers/1/why").await.expect(200);
        why.body["can_be_offered_rides"] == true
    })
    .await;
    passenger.ride(&ride, "cancel").await.expect(200);
    assert_eq!(server.database().event_names("driver1"), [""; 0], "they are 60 km away");
}

#[tokio::test]
async fn who_is_bound_is_shown_where_they_were_found() {
    let server = Server::start_default().await;
    let (_, ride) = waiting_ride(&server).await;
    let mut app = server.hailing_driver(1).await;
    app.locate(-26.2341, 28.0473);
    app.send(json!({"type": "driver_online"}));
    let events = app.events_until(|event| event["type"] == "ride_accepted").await;
    let accepted = &events.last().expect("an event")["data"];
    assert_eq!(accepted["ride_id"], json!(ride));
    assert!(accepted["estimated_arrival"].as_i64().is_some_and(|minutes| minutes > 1), "{accepted}");
    let told = server.database().event_bodies("passenger1", "ride_accepted");
    assert_eq!(told[0]["driver"]["position"]["latitude"], -26.2341, "{}", told[0]);
}

#[tokio::test]
async fn a_search_that_finds_nobody_ends_the_ride_at_its_deadline() {
    let server = Server::builder().setting("SEARCH_DEADLINE_SECS", 3).setting("OFFER_WINDOW_SECS", 3);
    let server = server.start_with_drivers(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let mut app = server.driver(1).await;
    let ride = passenger.request_ride().await;
    app.expect("ride_requested").await;
    assert_eq!(app.expect("ride_unavailable").await["data"], json!({"ride_id": ride, "reason": "expired"}));
    wait_until("the ride has ended", async || {
        passenger.show_ride(&ride).await.expect(200).body["status"] == "no_drivers"
    })
    .await;
    assert_eq!(server.database().event_names("passenger1"), ["ride_cancelled"]);
    assert_eq!(driver.ride(&ride, "accept").await.expect_problem(409).body["state"], "no_drivers");
    assert_eq!(server.metric("fleetwire_searches_open").await, 0.0);
}

#[tokio::test]
async fn the_losers_of_an_offer_are_told_and_it_is_replayed_as_unavailable() {
    let server = Server::for_rides(&[1, 2]).await;
    let passenger = server.passenger_api(PASSENGER).await;
    let (winner, loser) = (server.driver_api(1).await, server.driver_api(2).await);
    let ride = passenger.request_ride().await;
    loser.offered(&ride).await;
    winner.take(&ride).await;
    // The loser's phone was away all the time: it is never shown a ride that it can't have.
    let mut app = server.driver(2).await;
    let first = app.expect("ride_unavailable").await;
    assert_eq!((&first["id"], &first["data"]["reason"]), (&json!(1), &json!("taken")));
    let second = app.expect("ride_unavailable").await;
    assert_eq!((&second["id"], &second["data"]["reason"]), (&json!(2), &json!("taken")));
}

#[tokio::test]
async fn an_offer_that_is_open_is_replayed_with_its_end() {
    let server = Server::for_rides(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let ride = passenger.request_ride().await;
    driver.offered(&ride).await;
    let offer = server.driver(1).await.expect("ride_requested").await;
    assert!(offer["data"]["expires_at"].is_string(), "{offer}");
    driver.ride(&ride, "decline").await.expect(200);
    let again = server.door(1).await.after(0).connect().await.expect("ride_unavailable").await;
    assert_eq!((&again["id"], &again["data"]["reason"]), (&offer["id"], &json!("withdrawn")));
}

/// Drivers 1 and 2 are the nearest, and their phones do not answer: each costs the receipt time and no more. How long that
/// is says `RECEIPT_MS`; how long it took is printed, not judged.
#[tokio::test]
async fn an_offer_that_no_device_confirms_goes_to_the_next_driver() {
    let receipt_ms = rounds("RECEIPT_MS", 300);
    let server = Server::builder().setting("OFFER_BATCH_SIZE", 1).setting("OFFER_RECEIPT_MS", receipt_ms);
    let server = server.start_with_drivers(&[1, 2, 3]).await;
    let passenger = server.passenger_api(PASSENGER).await;
    let mut frozen = [server.driver(1).await, server.driver(2).await];
    for app in &mut frozen {
        app.freeze().await;
    }
    let mut third = server.driver(3).await;
    let asked = Instant::now();
    let ride = passenger.request_ride().await;
    assert_eq!(third.expect("ride_requested").await["data"]["ride_id"], json!(ride));
    println!("two devices at {receipt_ms} ms each: the third has the offer after {:?}", asked.elapsed());
    // A driver who did not confirm may still accept.
    server.driver_api(1).await.ride(&ride, "accept").await.expect(200);
    assert_eq!(third.expect("ride_unavailable").await["data"]["reason"], "taken");
}

/// Of five who are asked at once two have phones that do not answer: the next two are asked for them, and nobody more.
#[tokio::test]
async fn for_each_device_of_a_batch_that_does_not_confirm_the_next_driver_is_asked() {
    let receipt_ms = rounds("RECEIPT_MS", 300);
    let server = Server::builder().setting("OFFER_BATCH_SIZE", 5).setting("OFFER_RECEIPT_MS", receipt_ms);
    let server = server.start_with_drivers(&[]).await;
    let ids = server.more_drivers(8).await;
    server.bring_near(&ids).await;
    let passenger = server.passenger_api(PASSENGER).await;
    let mut apps = Vec::new();
    for id in &ids {
        apps.push(server.driver(*id).await);
    }
    for silent in [1, 3] {
        apps[silent].freeze().await;
    }
    let asked = Instant::now();
    let ride = passenger.request_ride().await;
    for next in [5, 6] {
        assert_eq!(apps[next].expect("ride_requested").await["data"]["ride_id"], json!(ride));
    }
    println!(
        "two of five at {receipt_ms} ms: the sixth and seventh have the offer after {:?}",
        asked.elapsed()
    );
    for prompt in [0, 2, 4] {
        apps[prompt].expect("ride_requested").await;
    }
    let earlier = apps[7].sync().await;
    assert!(earlier.is_empty(), "the eighth is not asked: {earlier:?}");
}

#[tokio::test]
async fn a_confirmed_offer_keeps_the_next_driver_from_being_asked() {
    let server = Server::builder().setting("OFFER_BATCH_SIZE", 1).setting("OFFER_RECEIPT_MS", 300);
    let server = server.setting("OFFER_WINDOW_SECS", 3).start_with_drivers(&[1, 2]).await;
    let passenger = server.passenger_api(PASSENGER).await;
    let (mut first, mut second) = (server.driver(1).await, server.driver(2).await);
    let ride = passenger.request_ride().await;
    first.expect("ride_requested").await;
    // The window has passed before the second one hears of it, not just the receipt time.
    assert_eq!(first.expect("ride_unavailable").await["data"]["reason"], "expired");
    second.expect("ride_requested").await;
    let sql = format!(
        "SELECT COUNT(*) AS value FROM offers AS a JOIN offers AS b ON a.job_id = b.job_id JOIN jobs ON jobs.id = a.job_id \
         WHERE a.driver_id = 1 AND b.driver_id = 2 AND b.offered_at >= a.expires_at AND jobs.public_id = '{ride}'"
    );
    assert_eq!(server.database().number(&sql), 1);
}

#[tokio::test]
async fn a_driver_who_comes_online_or_near_while_a_search_is_open_is_asked() {
    let server = Server::for_rides(&[]).await;
    let (passenger, operator) = (server.passenger_api(PASSENGER).await, server.operator().await);
    operator.change_driver(1, json!({"status": "offline"})).await.expect(200);
    let ride = passenger.request_ride().await;
    server.driver_api(1).await.show_ride(&ride).await.expect_problem(404);
    operator
        .change_driver(1, json!({"latitude": 3.8481, "longitude": 11.5021, "status": "online"}))
        .await
        .expect(200);
    server.driver_api(1).await.offered(&ride).await;
    // Driver 123's app has never told a position here: the first one brings them near.
    let mut app = server.driver(DRIVER).await;
    app.locate(3.8482, 11.5021);
    app.expect("ride_requested").await;
}

/// Each search claimed the driver for itself: all claims but one were lost, and the ride that won was not the one that waited
/// longest.
#[tokio::test]
async fn a_driver_who_comes_online_gets_the_ride_that_waits_longest_and_is_claimed_once() {
    let mut server = Server::builder().stable_port().start().await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let operator = server.operator().await;
    let here = json!({"latitude": 3.8481, "longitude": 11.5021, "status": "offline"});
    operator.change_driver(1, here).await.expect(200);
    let mut rides = Vec::new();
    for _ in 0..60 {
        rides.push(passenger.request_ride().await);
    }
    // So that the longest wait is not the lowest id's.
    server.database().execute(&format!(
        "UPDATE searches SET opened_at = (SELECT MAX(opened_at) FROM searches) \
         WHERE job_id < (SELECT id FROM jobs WHERE public_id = '{}')",
        rides[36]
    ));
    server.restart().await;
    assert_eq!(server.metric("fleetwire_searches_open").await, 60.0);
    let mut app = server.driver(1).await;
    for ride in &rides[36..38] {
        let events = app.events_until(|event| event["type"] == "ride_accepted").await;
        assert_eq!(events.last().expect("an event")["data"]["ride_id"], json!(ride));
        for step in ["accept", "start", "complete"] {
            driver.ride(ride, step).await.expect(200);
        }
    }
    assert_eq!(server.metric("fleetwire_claims_lost_total").await, 0.0);
}

#[tokio::test]
async fn the_radius_grows_when_nobody_within_it_is_left() {
    let server = Server::builder().setting("SEARCH_RADIUS_M", "300,5000");
    let server = server.start_with_drivers(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let ride = passenger.request_ride().await;
    driver.offered(&ride).await;
    assert_eq!(server.database().number("SELECT step AS value FROM searches"), 1);
}

#[tokio::test]
async fn after_a_kill_the_offer_is_still_answerable_and_the_search_ends_in_its_time() {
    let mut server = Server::builder()
        .stable_port()
        .setting("SEARCH_DEADLINE_SECS", 6)
        .setting("OFFER_WINDOW_SECS", 6)
        .start_with_drivers(&[1, 2])
        .await;
    let passenger = server.passenger_api(PASSENGER).await;
    let (one, other) = (server.driver_api(1).await, server.driver_api(2).await);
    let (taken, given_up) = (passenger.request_ride().await, passenger.request_ride().await);
    for ride in [&taken, &given_up] {
        one.offered(ride).await;
        other.offered(ride).await;
    }
    let deadlines = "SELECT COUNT(*) AS value FROM searches WHERE ended_at IS NULL";
    server.restart().await;
    assert_eq!(server.database().number(deadlines), 2);
    one.ride(&taken, "accept").await.expect(200);
    wait_until("the other search has ended", async || {
        passenger.show_ride(&given_up).await.expect(200).body["status"] == "no_drivers"
    })
    .await;
    assert_eq!(server.database().event_names("passenger1"), ["ride_accepted", "ride_cancelled"]);
    let late = "SELECT COUNT(*) AS value FROM searches WHERE ended_as = 'no_drivers' AND ended_at < deadline";
    assert_eq!(server.database().number(late), 0, "not before its time");
    let open = "SELECT COUNT(*) AS value FROM offers WHERE outcome IS NULL";
    wait_until("no offer is left open", async || server.database().number(open) == 0).await;
}

#[tokio::test]
async fn a_ride_for_later_is_searched_for_when_it_is_due() {
    let server = Server::for_rides(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let mut body = ride_body();
    body["scheduled_at"] = json!("2100-01-01T00:00:00Z");
    let later = ride_id(&passenger.post("rides", body).await.expect(201));
    driver.show_ride(&later).await.expect_problem(404);
    assert_eq!(server.database().number("SELECT COUNT(*) AS value FROM searches"), 0);
    server.database().execute("UPDATE jobs SET scheduled_at = '2020-01-01 00:00:00'");
    driver.take(&later).await;
}
