//! Rooms: everybody who follows a ride hears where its driver is, for as long as it concerns them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::matching_app::assigned;
use crate::support::rides::TakenRide;
use crate::support::{HailingApp, Server, wait_until};

/// Of the demo data.
const PASSENGER: i64 = 1;
/// Somewhere in Yaoundé.
const HERE: (f64, f64) = (3.8530, 11.5030);

/// A passenger's app that follows the ride.
async fn follower(server: &Server, ride: &TakenRide) -> HailingApp {
    let mut app = server.hailing_passenger(PASSENGER).await;
    app.join(&ride.id).await;
    app
}

async fn wait_for_rooms(server: &Server, rooms: f64) {
    wait_until("so many rides are followed", async || server.metric("fleetwire_rooms").await == rooms).await;
}

#[tokio::test]
async fn followers_are_told_when_positions_fail_to_come_and_when_they_come_again() {
    let server = Server::builder().setting("ROOM_STALE_SECS", 1).start_with_drivers(&[1]).await;
    let ride = server.taken_ride().await;
    let mut app = follower(&server, &ride).await;
    let mut screen = server.hailing_admin().await;
    ride.locate(HERE.0, HERE.1).await;
    let location = app.expect_location_at(HERE.0).await;
    let stale = app.expect("driver_location_stale").await["data"].clone();
    assert_eq!((&stale["ride_id"], &stale["driver_id"]), (&json!(ride.id), &location["driver_id"]));
    assert!(stale["age_secs"].as_u64().is_some_and(|age| age >= 1), "{stale}");
    let joined = screen.join(&ride.id).await;
    assert!(joined["driver_location"]["age_secs"].as_u64().is_some_and(|age| age >= 1), "{joined}");
    screen.expect("driver_location_stale").await;

    ride.locate(HERE.0 + 0.001, HERE.1).await;
    for app in [&mut app, &mut screen] {
        let fresh = app.expect("driver_location_fresh").await["data"].clone();
        assert_eq!(fresh, json!({"ride_id": ride.id, "driver_id": location["driver_id"]}));
        app.expect_location_at(HERE.0 + 0.001).await;
        app.expect("driver_location_stale").await;
    }
    for action in ["start", "complete"] {
        ride.drive(action).await;
    }
    app.events_until(|event| event["type"] == "ride_completed").await;
    let more = app.hear_for(Duration::from_millis(1500)).await;
    assert!(more.is_empty(), "a ride that is over has no silence: {more:?}");
}

#[tokio::test]
async fn of_a_batch_the_newest_counts_and_an_older_position_never_replaces_it() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    let mut app = follower(&server, &ride).await;
    let at = |secs: i64, latitude: f64| {
        let measured = chrono::Utc::now() - chrono::TimeDelta::seconds(secs);
        json!({"latitude": latitude, "longitude": HERE.1, "timestamp": measured.to_rfc3339()})
    };
    let batch = json!([at(30, 3.81), at(20, 3.82), at(10, 3.83)]);
    ride.driver.put("driver/location", batch).await.expect(202);
    let newest = app.expect_location().await;
    assert_eq!(newest["latitude"], 3.83);
    assert!(newest["age_secs"].as_u64().is_some_and(|age| (9..20).contains(&age)), "{newest}");
    ride.driver.put("driver/location", at(15, 3.84)).await.expect(202);
    let driver = server.driver(1).await;
    driver.send(json!({"type": "location_update", "data": at(12, 3.85)}));
    driver.locate(3.835, HERE.1);
    assert_eq!(app.expect_location().await["latitude"], 3.835);
    assert_eq!(app.join(&ride.id).await["driver_location"]["latitude"], 3.835);
}

#[tokio::test]
async fn a_driver_who_gave_the_ride_back_is_not_seen_any_more_and_the_next_one_is() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    let mut app = follower(&server, &ride).await;
    let mut first = server.hailing_driver(1).await;
    first.join(&ride.id).await;
    ride.locate(HERE.0, HERE.1).await;
    app.expect_location_at(HERE.0).await;
    first.expect_location_at(HERE.0).await;

    ride.driver.ride_because(&ride.id, "cancel", "Flat tyre").await.expect(200);
    app.expect("driver_cancelled").await;
    assert_eq!(first.expect("ride_unavailable").await["data"]["reason"], "withdrawn");
    assert_eq!(first.expect("ride_left").await["data"]["ride_id"], json!(ride.id));
    first.expect_not_joined(&ride.id, "not_found").await;
    ride.locate(HERE.0 + 0.001, HERE.1).await;
    assert_eq!(app.types_until_now().await, [""; 0]);
    assert_eq!(app.join(&ride.id).await["driver_location"], Value::Null);

    server.bring_near(&[2]).await;
    let second = server.driver_api(2).await;
    second.take(&ride.id).await;
    let accepted = app.expect("ride_accepted").await;
    assert_eq!(accepted["data"]["driver_name"], "Jane Smith");
    second.locate(HERE.0 + 0.002, HERE.1).await;
    let seen = app.expect_location_at(HERE.0 + 0.002).await;
    assert_eq!(seen["driver_id"], accepted["data"]["driver_id"]);
    ride.locate(HERE.0 + 0.003, HERE.1).await;
    assert_eq!(app.types_until_now().await, [""; 0], "the first driver's are nobody's business");
    assert_eq!(first.types_until_now().await, [""; 0]);
}

#[tokio::test]
async fn a_driver_whose_clock_is_fast_is_seen_to_move() {
    let server = Server::for_rides(&[1]).await;
    let driver = server.driver_api(1).await;
    let at = |latitude: f64| {
        let measured = chrono::Utc::now() + chrono::TimeDelta::seconds(50);
        json!({"latitude": latitude, "longitude": HERE.1, "timestamp": measured.to_rfc3339()})
    };
    driver.put("driver/location", at(HERE.0)).await.expect(202);
    wait_until("the driver's row has the position", async || {
        server.operator().await.driver(1).await["latitude"] == HERE.0
    })
    .await;
    let ride = server.taken_ride().await;
    let mut app = follower(&server, &ride).await;
    driver.put("driver/location", at(HERE.0 + 0.001)).await.expect(202);
    app.expect_location_at(HERE.0 + 0.001).await;
    // A room that begins anew reads the row again.
    app.leave(&ride.id).await;
    assert_eq!(app.join(&ride.id).await["driver_location"]["latitude"], HERE.0 + 0.001);
    driver.put("driver/location", at(HERE.0 + 0.002)).await.expect(202);
    app.expect_location_at(HERE.0 + 0.002).await;
}

/// A phone that has lost its satellites says 0° 0° and an accuracy of kilometres.
#[tokio::test]
async fn a_position_that_is_not_believed_is_shown_to_nobody_and_survives_no_restart() {
    let mut server =
        Server::builder().setting("LIVE_POSITION_SECS", 1).stable_port().start_with_drivers(&[1]).await;
    let ride = server.taken_ride().await;
    let mut app = follower(&server, &ride).await;
    ride.locate(HERE.0, HERE.1).await;
    app.expect_location_at(HERE.0).await;
    let lost = json!({"latitude": 0.0, "longitude": 0.0, "accuracy": 5000});
    ride.driver.put("driver/location", json!([lost, lost])).await.expect(202);
    let in_a_tunnel = json!({"type": "location_update", "data": {"latitude": 7.0, "longitude": 12.0}});
    let driver = server.driver(1).await;
    driver.send(in_a_tunnel.clone());
    driver.send(in_a_tunnel);
    wait_until("all are stored", async || server.database().locations(1).len() == 5).await;
    assert_eq!(app.types_until_now().await, [""; 0]);
    assert_eq!(app.join(&ride.id).await["driver_location"]["latitude"], HERE.0);
    // Their row is written within a second.
    ride.locate(HERE.0 + 0.001, HERE.1).await;
    ride.driver.put("driver/location", lost).await.expect(202);
    wait_until("the driver's row has what is believed", async || {
        server.operator().await.driver(1).await["latitude"] == HERE.0 + 0.001
    })
    .await;
    server.restart().await;
    let mut app = server.hailing_passenger(PASSENGER).await;
    assert_eq!(app.join(&ride.id).await["driver_location"]["latitude"], HERE.0 + 0.001);
    let why = server.operator().await.api().get("admin/drivers/1/why").await.expect(200);
    assert_eq!(why.body["position"]["latitude"], HERE.0 + 0.001);
}

/// Only the newest of a request had been judged.
#[tokio::test]
async fn three_positions_that_agree_are_three_also_in_one_request() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    let mut app = follower(&server, &ride).await;
    ride.locate(HERE.0, HERE.1).await;
    app.expect_location_at(HERE.0).await;
    let elsewhere = json!({"latitude": HERE.0 + 1.0, "longitude": HERE.1});
    ride.driver.put("driver/location", json!([elsewhere, elsewhere, elsewhere])).await.expect(202);
    app.expect_location_at(HERE.0 + 1.0).await;
}

#[tokio::test]
async fn who_declines_an_offer_leaves_its_room() {
    let server = Server::for_rides(&[1, 2]).await;
    let passenger = server.passenger_api(PASSENGER).await;
    let (driver, winner) = (server.driver_api(1).await, server.driver_api(2).await);
    let ride = passenger.request_ride().await;
    driver.offered(&ride).await;
    let mut app = server.hailing_driver(1).await;
    app.join(&ride).await;
    driver.ride(&ride, "decline").await.expect(200);
    app.expect("ride_left").await;
    app.expect_not_joined(&ride, "not_found").await;
    winner.take(&ride).await;
    winner.locate(HERE.0, HERE.1).await;
    assert_eq!(app.types_until_now().await, [""; 0], "where the winner is does not concern them");
}

#[tokio::test]
async fn a_suspended_driver_is_not_seen_any_more() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    let mut app = follower(&server, &ride).await;
    app.sync().await;
    server.operator().await.change_driver(1, json!({"suspended": true})).await.expect(200);
    app.expect("driver_cancelled").await;
    let joined = app.join(&ride.id).await;
    assert_eq!((&joined["ride"]["status"], &joined["driver_location"]), (&json!("requested"), &Value::Null));
}

#[tokio::test]
async fn a_restart_costs_followers_a_reconnect_and_nothing_else() {
    let mut server =
        Server::builder().setting("LIVE_POSITION_SECS", 1).stable_port().start_with_drivers(&[1]).await;
    let ride = server.taken_ride().await;
    let mut app = follower(&server, &ride).await;
    ride.locate(HERE.0, HERE.1).await;
    let before = app.expect_location_at(HERE.0).await;
    wait_until("the driver's row has the position", async || {
        server.operator().await.driver(1).await["latitude"] == HERE.0
    })
    .await;
    server.restart().await;
    let mut app = server.hailing_passenger(PASSENGER).await;
    let joined = app.join(&ride.id).await;
    assert_eq!(joined["driver_location"]["latitude"], HERE.0);
    ride.locate(HERE.0 + 0.001, HERE.1).await;
    let after = app.expect_location_at(HERE.0 + 0.001).await;
    assert!(after["sequence"].as_u64() > before["sequence"].as_u64(), "{before} {after}");
}

#[tokio::test]
async fn a_room_ends_when_nobody_is_left_whatever_took_them_away() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    let (mut leaves, cut, closes) =
        (follower(&server, &ride).await, follower(&server, &ride).await, follower(&server, &ride).await);
    wait_for_rooms(&server, 1.0).await;
    leaves.leave(&ride.id).await;
    cut.cut().await;
    ride.locate(HERE.0, HERE.1).await;
    let mut closes = closes;
    closes.expect_location_at(HERE.0).await;
    assert_eq!(leaves.types_until_now().await, [""; 0], "who left hears nothing more");
    closes.close(1000);
    closes.expect_close(1000).await;
    wait_for_rooms(&server, 0.0).await;
    // A position that came while nobody followed is there for the next follower.
    ride.locate(HERE.0 + 0.001, HERE.1).await;
    assert_eq!(leaves.join(&ride.id).await["driver_location"]["latitude"], HERE.0 + 0.001);
    wait_for_rooms(&server, 1.0).await;
}

/// Twenty connections join, leave, close and are cut as chance has it, while the driver moves. Nobody is left in the room, and
/// nobody is kept out of it.
#[tokio::test]
async fn whatever_followers_do_nobody_is_left_in_the_room_and_nobody_kept_out() {
    const CONNECTIONS: usize = 20;
    const STEPS: usize = 200;
    let server = Server::builder().setting("ROOM_MEMBERS_MAX", CONNECTIONS).start_with_drivers(&[1]).await;
    let ride = server.taken_ride().await;
    let door = server.hailing_door(server.passenger_token(PASSENGER).await);
    let mut driver = server.driver(1).await;
    let mut apps: Vec<Option<HailingApp>> = (0..CONNECTIONS).map(|_| None).collect();
    for step in 0..STEPS {
        driver.locate(HERE.0 + step as f64 / 1e5, HERE.1);
        let place = &mut apps[rand::random_range(0..CONNECTIONS)];
        let Some(app) = place.take() else {
            *place = Some(door.connect().await);
            continue;
        };
        match rand::random_range(0..10) {
            0 => app.cut().await,
            1 => app.close(1000),
            2 => drop(app),
            3..6 => {
                app.send(json!({"type": "leave_ride", "ride_id": ride.id}));
                *place = Some(app);
            }
            _ => {
                app.send(json!({"type": "join_ride", "ride_id": ride.id}));
                *place = Some(app);
            }
        }
    }
    driver.sync().await;
    drop(apps);
    wait_for_rooms(&server, 0.0).await;
    // Everybody has a place: none is taken by somebody who is gone.
    let mut all = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut app = door.connect().await;
        app.join(&ride.id).await;
        all.push(app);
    }
    driver.locate(HERE.0 + 0.01, HERE.1);
    for app in &mut all {
        app.expect_location_at(HERE.0 + 0.01).await;
    }
    for app in &all {
        app.close(1000);
    }
    wait_for_rooms(&server, 0.0).await;
}

#[tokio::test]
async fn rooms_and_those_who_follow_are_bounded() {
    let server = Server::builder()
        .setting("ROOM_MEMBERS_MAX", 2)
        .setting("RIDES_JOINED_MAX", 2)
        .start_with_drivers(&[1])
        .await;
    let ride = server.taken_ride().await;
    let (mut one, _other) = (follower(&server, &ride).await, follower(&server, &ride).await);
    let mut third = server.hailing_passenger(PASSENGER).await;
    third.expect_not_joined(&ride.id, "room_full").await;
    one.join(&ride.id).await;
    let second = ride.passenger.request_ride().await;
    one.join(&second).await;
    let too_many = ride.passenger.request_ride().await;
    one.expect_not_joined(&too_many, "too_many_rides").await;
    assert_eq!(server.metric("fleetwire_rooms_full_total").await, 2.0);
    one.leave(&ride.id).await;
    third.join(&ride.id).await;
    one.join(&too_many).await;
}

/// One of fifty reads nothing. The others get the newest position all the same, and what waits for the silent one is the
/// newest position, not all of them: it is never closed for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_fifty_followers_reads_nothing_and_costs_the_others_nothing() {
    const FOLLOWERS: usize = 50;
    const BATCH: usize = 100;
    const BATCHES_MAX: usize = 200;
    let server =
        Server::builder().setting("MAX_SOCKETS_PER_ACCOUNT", FOLLOWERS).start_with_drivers(&[1]).await;
    let ride = server.taken_ride().await;
    let door = server.hailing_door(server.passenger_token(PASSENGER).await);
    let mut followers = Vec::new();
    for _ in 0..FOLLOWERS {
        let mut app = door.connect().await;
        app.join(&ride.id).await;
        followers.push(app);
    }
    let silent = followers.pop().expect("there are fifty");
    silent.freeze().await;
    let mut driver = server.driver(1).await;
    let mut told = 0;
    while server.metric("fleetwire_ws_shed_total").await < 100.0 {
        assert!(told < BATCH * BATCHES_MAX, "nothing was shed: what waits for the silent one only grows");
        for _ in 0..BATCH {
            told += 1;
            driver.locate(3.8 + (told as f64 + 0.5) / 1e6, HERE.1);
        }
        driver.sync().await;
    }
    // No further from any of those than is believed, and none of them.
    driver.locate(3.81, HERE.1);
    for app in &mut followers {
        app.expect_location_at(3.81).await;
    }
    assert_eq!(server.metric("fleetwire_ws_overflowed_total").await, 0.0);
    assert_eq!(server.metric("fleetwire_sessions").await, FOLLOWERS as f64 + 1.0, "nobody was closed");
    ride.drive("arrive").await;
    for app in &mut followers {
        app.expect("driver_arrived").await;
    }
}

/// `seed` ends the rides of the demo data in another process, which nobody announces here.
#[tokio::test]
async fn a_ride_that_another_process_ended_is_not_followed_any_more() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    let mut app = follower(&server, &ride).await;
    ride.locate(HERE.0, HERE.1).await;
    app.expect_location_at(HERE.0).await;
    server.command(&["seed"]).await;
    app.events_until(|event| event["type"] == "ride_cancelled").await;
    // The one who follows stays all the time, so the room is the one that was there.
    let mut screen = server.hailing_admin().await;
    wait_until("nobody drives any more", async || {
        screen.join(&ride.id).await["driver_location"] == Value::Null
    })
    .await;
}

/// The driver was assigned between two readings of the store: the ride had them, the newest event that was known did not. So
/// the matching app was shown where they are before it had heard that there is one.
#[tokio::test]
async fn a_driver_is_named_before_they_are_seen() {
    let server = Server::asking().await;
    let door = server.ride_door("1");
    let (app, ..) = assigned(&server, &door).await;
    app.leave().await;
    server.database().execute("UPDATE accounts SET last_event_id = 0 WHERE role = 'customer'");
    let mut app = door.connect().await;
    // The event itself comes with the next look for lost announcements.
    let mut heard = async || app.hear().await["type"].clone();
    assert_eq!((heard().await, heard().await), (json!("driver_assigned"), json!("driver_location")));
}

/// The room leaves a driver who gave the ride back, and follows the next one who accepts it.
#[tokio::test]
async fn the_matching_app_sees_the_next_driver_as_well() {
    let server = Server::asking().await;
    let (mut app, first, _) = assigned(&server, &server.ride_door("1")).await;
    wait_for_rooms(&server, 1.0).await;
    // Only now: nobody is offered a ride twice.
    let near = json!({"latitude": -26.2051, "longitude": 28.0473});
    server.operator().await.change_driver(2, near).await.expect(200);
    first.ride_because("1", "cancel", "Flat tyre").await.expect(200);
    app.expect("searching").await;
    wait_for_rooms(&server, 0.0).await;
    server.driver_api(2).await.take("1").await;
    app.expect("driver_assigned").await;
    app.expect_at(-26.2051).await;
}
