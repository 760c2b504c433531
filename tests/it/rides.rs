//! The life of a ride over REST, every move that is not allowed, and one winner in every race.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::{Api, send};
use crate::support::rides::{ride_body, ride_id};
use crate::support::{DRIVER, Server, rounds, wait_until};

/// Of the demo data: `passenger1`, and a customer who has nothing to do with their rides.
const PASSENGER: i64 = 1;
const STRANGER: i64 = 123;

#[tokio::test]
async fn a_ride_is_requested_taken_driven_and_rated() {
    let server = Server::for_rides(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let mut app = server.driver(1).await;
    let requested = passenger.post("rides", ride_body()).await.expect(201);
    let ride = ride_id(&requested);
    assert_eq!(requested.body["status"], "requested");
    assert_eq!((&requested.body["driver"], &requested.body["dropoff_address"]), (&Value::Null, &json!("")));
    // 1,570 m as the crow flies, with a detour of 1.3 some 2 km: 2 and 1 for each of them.
    let fare = requested.body["estimated_fare"].as_f64().expect("a number");
    assert!((4.0..4.1).contains(&fare), "{fare}");
    let offer = app.expect("ride_requested").await;
    assert_eq!(offer["metadata"]["ride_id"], json!(ride));
    assert_eq!(driver.show_ride(&ride).await.expect(200).body, requested.body);
    let accepted = driver.ride(&ride, "accept").await.expect(200);
    assert_eq!(accepted.body["driver"]["driver_name"], "John Doe");
    assert_eq!(accepted.body["driver"]["latitude"], 3.8525);
    assert_eq!(driver.ride(&ride, "accept").await.expect(200).body, accepted.body, "once more");
    assert_eq!(server.operator().await.driver(1).await["status"], "busy");
    let heard = app.expect("ride_accepted").await;
    assert_eq!(
        (&heard["data"]["ride_id"], &heard["data"]["driver_name"]),
        (&json!(ride), &json!("John Doe"))
    );

    for (action, status) in [("arrive", "arrived"), ("start", "started"), ("complete", "completed")] {
        for _ in 0..2 {
            let moved = driver.ride(&ride, action).await.expect(200);
            assert_eq!((&moved.body["status"], ride_id(&moved)), (&json!(status), ride.clone()));
        }
    }
    let done = passenger.show_ride(&ride).await.expect(200);
    assert_eq!(done.body["final_fare"], done.body["estimated_fare"]);
    let place = [&done.body["driver"]["latitude"], &done.body["driver"]["longitude"]];
    assert!(
        place.iter().all(|degrees| degrees.is_null()),
        "where the driver is now is nobody's business any more"
    );
    for time in ["requested_at", "accepted_at", "arrived_at", "started_at", "completed_at"] {
        assert!(done.body[time].is_string(), "{time}: {}", done.text);
    }
    for event in ["driver_arrived", "ride_started", "ride_completed"] {
        assert_eq!(app.expect(event).await["data"]["ride_id"], json!(ride));
    }
    assert_eq!(server.operator().await.driver(1).await["status"], "available");

    let rated = passenger.post(&format!("rides/{ride}/rate"), json!({"rating": 3, "comment": "Loud"})).await;
    assert_eq!(rated.expect(200).body["driver"]["driver_rating"], 3.0);
    let again = passenger.post(&format!("rides/{ride}/rate"), json!({"rating": 3})).await;
    assert_eq!(again.expect_problem(409).body["code"], "already_rated");

    let events = ["ride_accepted", "driver_arrived", "ride_started", "ride_completed"];
    assert_eq!(server.database().event_names("passenger1"), events);
    let driver_events = server.database().event_names("driver1");
    assert_eq!(
        (driver_events[0].as_str(), &driver_events[1..]),
        ("ride_requested", &events.map(str::to_owned)[..])
    );
    for api in [&passenger, &driver] {
        let mine = api.get("rides").await.expect(200);
        assert_eq!(mine.body["items"][0]["ride_id"], json!(ride));
    }
    let earned = driver.get("earnings/today").await.expect(200);
    assert_eq!((earned.body["rides"].as_i64(), earned.body["total"].as_f64()), (Some(1), Some(fare)));
}

#[tokio::test]
async fn starting_straight_from_accepted_implies_arrival() {
    let server = Server::for_rides(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let ride = passenger.request_ride().await;
    driver.take(&ride).await;
    let refused = driver.ride(&ride, "complete").await.expect_problem(409);
    assert_eq!((&refused.body["code"], &refused.body["state"]), (&json!("ride_state"), &json!("accepted")));
    let started = driver.ride(&ride, "start").await.expect(200);
    assert_eq!(started.body["arrived_at"], started.body["started_at"]);
    assert_eq!(driver.ride(&ride, "arrive").await.expect_problem(409).body["state"], "started");
    assert_eq!(driver.ride(&ride, "accept").await.expect(200).body["status"], "started");
}

#[tokio::test]
async fn who_has_no_part_in_a_ride_hears_that_there_is_none() {
    let server = Server::for_rides(&[1, 2]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let (stranger, other) = (server.passenger_api(STRANGER).await, server.driver_api(2).await);
    let ride = passenger.request_ride().await;
    stranger.show_ride(&ride).await.expect_problem(404);
    stranger.ride(&ride, "cancel").await.expect_problem(404);
    other.offered(&ride).await;
    driver.take(&ride).await;
    other.show_ride(&ride).await.expect_problem(404);
    for action in ["arrive", "start", "complete", "cancel"] {
        other.ride(&ride, action).await.expect_problem(404);
    }
    let far = server.driver_api(3).await;
    for action in ["accept", "decline"] {
        assert_eq!(other.ride(&ride, action).await.expect_problem(409).body["code"], "ride_taken");
        far.ride(&ride, action).await.expect_problem(404);
    }
    stranger.post(&format!("rides/{ride}/rate"), json!({"rating": 5})).await.expect_problem(404);
    // The role itself may not.
    for action in ["accept", "decline", "arrive", "start", "complete"] {
        passenger.ride(&ride, action).await.expect_problem(403);
    }
    driver.post("rides", ride_body()).await.expect_problem(403);
    driver.post(&format!("rides/{ride}/rate"), json!({"rating": 5})).await.expect_problem(403);
    passenger.get("admin/rides").await.expect_problem(403);
    passenger.put("driver/location", json!({"latitude": 1, "longitude": 2})).await.expect_problem(403);
    server.anonymous().show_ride(&ride).await.expect_problem(401);
    driver.ride("no-such-ride", "accept").await.expect_problem(404);
    let wrong = passenger.post(&format!("rides/{ride}/rate"), json!({"rating": 6})).await;
    wrong.expect_problem(422);
    let early = passenger.post(&format!("rides/{ride}/rate"), json!({"rating": 5})).await;
    assert_eq!(early.expect_problem(409).body["state"], "accepted");
    assert_eq!(server.database().event_names("passenger1"), ["ride_accepted"]);
}

#[tokio::test]
async fn a_ride_is_offered_to_verified_drivers_who_want_work_and_whose_vehicle_fits() {
    let server = Server::for_rides(&[1, DRIVER]).await;
    let operator = server.operator().await;
    let passenger = server.passenger_api(PASSENGER).await;
    let (sedan, moto) = (server.driver_api(1).await, server.driver_api(DRIVER).await);
    let mut body = ride_body();
    body["ride_type"] = json!("MOTO");
    operator.change_driver(DRIVER, json!({"is_verified": false})).await.expect(200);
    let ride = ride_id(&passenger.post("rides", body.clone()).await.expect(201));
    moto.ride(&ride, "accept").await.expect_problem(404);
    operator.change_driver(DRIVER, json!({"is_verified": true})).await.expect(200);
    moto.offered(&ride).await;
    sedan.show_ride(&ride).await.expect_problem(404);
    sedan.ride(&ride, "accept").await.expect_problem(404);

    // A driver who goes off duty can no longer answer, and hears so.
    let mut app = server.driver(DRIVER).await;
    app.expect("ride_requested").await;
    moto.put("driver/status", json!({"status": "busy"})).await.expect(200);
    assert_eq!(app.expect("ride_unavailable").await["data"]["reason"], "withdrawn");
    assert_eq!(moto.ride(&ride, "accept").await.expect_problem(409).body["code"], "offer_ended");
    moto.put("driver/status", json!({"status": "online"})).await.expect(200);

    // With a delivery a driver gets no ride, and without it does.
    let order_id = operator.assign_new(DRIVER).await;
    let ride = ride_id(&passenger.post("rides", body.clone()).await.expect(201));
    app.events_until(|event| event["type"] == "order_assigned").await;
    moto.set_order_status(order_id, "rejected").await.expect(200);
    moto.take(&ride).await;
    // On a ride nobody gets a delivery, nor another ride.
    let order_id = operator.create_order().await;
    assert_eq!(operator.assign(order_id, DRIVER).await.expect_problem(409).body["code"], "driver_busy");
    let second = ride_id(&passenger.post("rides", body).await.expect(201));
    moto.ride(&second, "accept").await.expect_problem(404);
}

#[tokio::test]
async fn who_lets_a_ride_pass_is_not_asked_again() {
    let server = Server::for_rides(&[1, 2]).await;
    let passenger = server.passenger_api(PASSENGER).await;
    let (driver, other) = (server.driver_api(1).await, server.driver_api(2).await);
    let ride = passenger.request_ride().await;
    driver.offered(&ride).await;
    for _ in 0..2 {
        assert_eq!(driver.ride(&ride, "decline").await.expect(200).body["status"], "requested");
    }
    driver.ride(&ride, "accept").await.expect_problem(404);
    driver.show_ride(&ride).await.expect_problem(404);
    driver.ride(&ride, "cancel").await.expect_problem(404);
    other.take(&ride).await;
    // A driver who repeats it does not learn who has it.
    let repeated = driver.ride(&ride, "decline").await.expect(200);
    assert_eq!((&repeated.body["status"], &repeated.body["driver"]), (&json!("requested"), &Value::Null));
    assert_eq!(repeated.body["accepted_at"], Value::Null);
}

#[tokio::test]
async fn a_driver_who_cancels_puts_the_ride_back_and_the_passenger_hears() {
    let server = Server::for_rides(&[1, 2]).await;
    let passenger = server.passenger_api(PASSENGER).await;
    let (driver, other) = (server.driver_api(1).await, server.driver_api(2).await);
    let ride = passenger.request_ride().await;
    driver.take(&ride).await;
    driver.ride(&ride, "arrive").await.expect(200);
    for _ in 0..2 {
        let back = driver.ride_because(&ride, "cancel", "A flat tyre").await.expect(200);
        assert_eq!((&back.body["status"], &back.body["driver"]), (&json!("requested"), &Value::Null));
        assert_eq!((&back.body["accepted_at"], &back.body["arrived_at"]), (&Value::Null, &Value::Null));
    }
    assert_eq!(
        server.database().event_names("passenger1"),
        ["ride_accepted", "driver_arrived", "driver_cancelled"]
    );
    assert_eq!(server.operator().await.driver(1).await["status"], "available");
    driver.ride(&ride, "accept").await.expect_problem(404);
    // They had an offer that ended when the other one took the ride, so they are not asked twice.
    assert_eq!(other.ride(&ride, "accept").await.expect_problem(409).body["code"], "offer_ended");
    server.bring_near(&[3]).await;
    let other = server.driver_api(3).await;
    other.take(&ride).await;
    other.ride(&ride, "start").await.expect(200);
    for action in ["cancel", "decline"] {
        assert_eq!(other.ride(&ride, action).await.expect_problem(409).body["state"], "started");
    }
}

#[tokio::test]
async fn a_passenger_cancels_until_the_start_and_an_admin_until_the_end() {
    let server = Server::for_rides(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let admin = server.operator().await.api().clone();
    let mut app = server.driver(1).await;

    let searching = passenger.request_ride().await;
    driver.offered(&searching).await;
    for _ in 0..2 {
        let cancelled = passenger.ride_because(&searching, "cancel", "Too long").await.expect(200);
        assert_eq!(cancelled.body["status"], "cancelled");
    }
    assert_eq!(driver.ride(&searching, "accept").await.expect_problem(409).body["state"], "cancelled");

    let taken = passenger.request_ride().await;
    driver.take(&taken).await;
    passenger.ride_because(&taken, "cancel", "Changed my mind").await.expect(200);
    let heard = app.events_until(|event| event["type"] == "ride_cancelled").await.pop().expect("an event");
    assert_eq!(heard["data"]["cancelled_by"], "passenger");
    assert_eq!(heard["data"]["reason"], "Changed my mind");
    assert_eq!(driver.ride(&taken, "arrive").await.expect_problem(409).body["state"], "cancelled");

    let under_way = passenger.request_ride().await;
    driver.take(&under_way).await;
    driver.ride(&under_way, "start").await.expect(200);
    assert_eq!(passenger.ride(&under_way, "cancel").await.expect_problem(409).body["state"], "started");
    admin.ride_because(&under_way, "cancel", "An accident").await.expect(200);
    let heard = app.events_until(|event| event["type"] == "ride_cancelled").await;
    assert_eq!(heard.last().expect("an event")["data"]["cancelled_by"], "admin");
    assert_eq!(server.operator().await.driver(1).await["status"], "available");

    let done = passenger.request_ride().await;
    driver.take(&done).await;
    for action in ["start", "complete"] {
        driver.ride(&done, action).await.expect(200);
    }
    assert_eq!(admin.ride(&done, "cancel").await.expect_problem(409).body["state"], "completed");

    let cancelled = admin.get("admin/rides?status=cancelled").await.expect(200);
    let listed: Vec<&str> = items(&cancelled.body).map(|ride| ride["ride_id"].as_str().unwrap()).collect();
    assert_eq!(listed, [&under_way, &taken, &searching]);
    let first = passenger.get("rides?limit=3").await.expect(200);
    let cursor = first.body["next_cursor"].as_str().expect("there is one more");
    let rest = passenger.get(&format!("rides?cursor={cursor}")).await.expect(200);
    assert_eq!((items(&first.body).count(), items(&rest.body).count()), (3, 1));
    assert_eq!(server.passenger_api(STRANGER).await.get("rides").await.expect(200).body["items"], json!([]));
}

#[tokio::test]
async fn suspending_a_driver_puts_their_ride_back() {
    let server = Server::for_rides(&[1]).await;
    let operator = server.operator().await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let ride = passenger.request_ride().await;
    driver.take(&ride).await;
    operator.change_driver(1, json!({"suspended": true})).await.expect(200);
    assert_eq!(passenger.show_ride(&ride).await.expect(200).body["status"], "requested");
    assert_eq!(server.database().event_names("passenger1"), ["ride_accepted", "driver_cancelled"]);
    driver.ride(&ride, "accept").await.expect_problem(401);
    assert_eq!(operator.driver(1).await["status"], "offline");
    // A driver who comes back hears that the ride is no longer theirs, and is not shown it as if it still were.
    assert_eq!(
        server.database().event_names("driver1"),
        ["ride_requested", "ride_accepted", "ride_unavailable"]
    );
    operator.change_driver(1, json!({"suspended": false})).await.expect(200);
    let door = server.hailing_door(server.driver_token(1).await).after(0);
    let mut app = door.connect().await;
    for expected in ["ride_unavailable", "ride_accepted", "ride_unavailable"] {
        let heard = app.expect(expected).await;
        assert_eq!(heard["data"]["ride_id"], json!(ride));
    }
}

/// A form sends its fields whether somebody has touched them or not; the rating was refused for the comment's sake.
#[tokio::test]
async fn a_rating_with_an_empty_comment_has_none() {
    let server = Server::for_rides(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let ride = passenger.request_ride().await;
    driver.take(&ride).await;
    for action in ["start", "complete"] {
        driver.ride(&ride, action).await.expect(200);
    }
    let rating = json!({"rating": 5, "comment": ""});
    passenger.post(&format!("rides/{ride}/rate"), rating).await.expect(200);
    let without = "SELECT COUNT(*) AS value FROM ride_ratings WHERE comment IS NULL";
    assert_eq!(server.database().number(without), 1);
}

#[tokio::test]
async fn restoring_the_demo_data_ends_the_rides_of_its_passengers() {
    let server = Server::for_rides(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let ride = passenger.request_ride().await;
    driver.take(&ride).await;
    server.command(&["seed"]).await;
    assert_eq!(passenger.show_ride(&ride).await.expect(200).body["status"], "cancelled");
    assert_eq!(server.operator().await.driver(1).await["status"], "available");
    let pending = server.operator().await.list("admin/orders").await;
    assert_eq!(pending.iter().filter(|order| order["status"] == "pending").count(), 5);

    let searching = passenger.request_ride().await;
    server.command(&["seed", "--remove"]).await;
    let sql = format!(
        "SELECT COUNT(*) AS value FROM jobs WHERE public_id = '{searching}' AND status = 'cancelled'"
    );
    assert_eq!(server.database().number(&sql), 1);
}

#[tokio::test]
async fn a_request_with_a_key_makes_one_ride() {
    let server = Server::for_rides(&[1]).await;
    let passenger = server.passenger_api(PASSENGER).await;
    let keyed = async |api: &Api, path: &str, body: &Value| {
        send(api.request(Method::POST, path).header("Idempotency-Key", "once-1").json(body)).await
    };
    let body = ride_body();
    let (one, other) = tokio::join!(keyed(&passenger, "rides", &body), keyed(&passenger, "rides", &body));
    assert_eq!((one.status, &one.text), (201, &other.text));
    assert_eq!(items(&passenger.get("rides").await.expect(200).body).count(), 1);
    let mut changed = body.clone();
    changed["estimated_fare"] = json!(1500);
    keyed(&passenger, "rides", &changed).await.expect_problem(422);
    let priced = passenger.post("rides", changed).await.expect(201);
    assert_eq!(priced.body["estimated_fare"], 1500);
    passenger.post("rides", json!({"ride_type": "any", "pickup_latitude": 91})).await.expect_problem(422);

    let (ride, driver) = (ride_id(&one), server.driver_api(1).await);
    let path = format!("rides/{ride}/accept");
    driver.offered(&ride).await;
    let first = keyed(&driver, &path, &json!({})).await.expect(200);
    driver.ride(&ride, "start").await.expect(200);
    assert_eq!(keyed(&driver, &path, &json!({})).await.expect(200).text, first.text);
}

#[tokio::test]
async fn positions_come_one_by_one_or_in_batches() {
    let server = Server::start_default().await;
    let driver = server.driver_api(1).await;
    let one = driver.put("driver/location", json!({"latitude": 3.8, "longitude": 11.5})).await.expect(202);
    assert_eq!(one.body, json!({"accepted": 1, "rejected": []}));
    let batch = json!([{"latitude": 3.81, "longitude": 11.5}, {"latitude": 91, "longitude": 0},
        {"latitude": 3.82, "longitude": 11.5, "heading": 90}]);
    let batch = driver.put("driver/location", batch).await.expect(202);
    let rejected = json!([{"index": 1, "code": "invalid_position"}]);
    assert_eq!(batch.body, json!({"accepted": 2, "rejected": rejected}));
    let many = vec![json!({"latitude": 1, "longitude": 2}); 101];
    driver.put("driver/location", json!(many)).await.expect_problem(422);
    wait_until("three positions are stored", async || server.database().locations_stored() == 3).await;
    assert_eq!(server.database().locations(1)[2].heading, Some(90.0));
}

/// 0.01 degrees of latitude are 1,112 m; the tariff is 2 and 1 a kilometre.
#[tokio::test]
async fn the_final_fare_is_made_of_the_recorded_way_where_that_is_set() {
    let server = Server::builder().setting("FINAL_FARE", "track").start_with_drivers(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let ride = passenger.request_ride().await;
    driver.take(&ride).await;
    driver.ride(&ride, "start").await.expect(200);
    for latitude in [3.848, 3.853, 3.858] {
        driver.put("driver/location", json!({"latitude": latitude, "longitude": 11.5021})).await.expect(202);
    }
    wait_until("the way is recorded", async || server.database().locations_stored() == 3).await;
    let done = driver.ride(&ride, "complete").await.expect(200);
    assert_eq!(done.body["final_fare"], 3.11);

    let unrecorded = passenger.request_ride().await;
    driver.take(&unrecorded).await;
    driver.ride(&unrecorded, "start").await.expect(200);
    let done = driver.ride(&unrecorded, "complete").await.expect(200);
    assert_eq!(done.body["final_fare"], done.body["estimated_fare"]);
}

/// Positions that the recorder still held were missing from the fare: a phone that was offline sends its track, and the
/// driver taps.
#[tokio::test]
async fn a_way_that_is_sent_right_before_the_end_is_in_the_final_fare() {
    let builder = Server::builder().setting("FINAL_FARE", "track").setting("RECORDER_FLUSH_MS", 10_000);
    let server = builder.start_with_drivers(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let ride = passenger.request_ride().await;
    driver.take(&ride).await;
    driver.ride(&ride, "start").await.expect(200);
    let way = [3.848, 3.853, 3.858].map(|latitude| json!({"latitude": latitude, "longitude": 11.5021}));
    driver.put("driver/location", json!(way)).await.expect(202);
    let done = driver.ride(&ride, "complete").await.expect(200);
    assert_eq!(done.body["final_fare"], 3.11);
    assert_eq!(server.database().locations_stored(), 3);
}

/// The same while the recorder writes what came before: who asks waits for the next flush, too.
#[tokio::test]
async fn a_way_of_which_a_part_is_being_written_is_whole_in_the_final_fare() {
    let builder = Server::builder().setting("FINAL_FARE", "track").setting("RECORDER_FLUSH_MS", 1000);
    let server = builder.start_with_drivers(&[1]).await;
    let ride = server.taken_ride().await;
    ride.drive("start").await;
    let held = server.database().hold_all();
    ride.locate(3.848, 11.5021).await;
    let queue = "fleetwire_recorder_queue";
    wait_until("it is being written", async || server.metric(queue).await == 1.0).await;
    ride.locate(3.853, 11.5021).await;
    ride.locate(3.858, 11.5021).await;
    let release = async {
        server.anonymous().get("/healthz").await.expect(200);
        drop(held);
    };
    let (done, ()) = tokio::join!(ride.driver.ride(&ride.id, "complete"), release);
    assert_eq!(done.expect(200).body["final_fare"], 3.11);
}

/// Five drivers who hold offers of two rides try to take both at once, half of them the one first and the others the other:
/// each ride has one winner, nobody has both, and every loser is told. `RIDE_ROUNDS` says how often.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_drivers_accept_two_rides_at_once_and_each_ride_has_one_winner() {
    let builder = Server::builder().setting("SEARCH_RADIUS_M", 1000);
    let server = builder.start_with_drivers(&[]).await;
    let passenger = server.passenger_api(PASSENGER).await;
    let ids = server.more_drivers(5).await;
    server.bring_near(&ids).await;
    let mut drivers = Vec::new();
    for id in ids {
        drivers.push(server.driver_api(id).await);
    }
    for round in 0..rounds("RIDE_ROUNDS", 8) {
        let rides = [passenger.request_ride().await, passenger.request_ride().await];
        for (driver, ride) in drivers.iter().flat_map(|driver| rides.iter().map(move |ride| (driver, ride))) {
            driver.offered(ride).await;
        }
        let attempts = drivers.iter().enumerate().map(|(at, driver)| {
            let (first, second) = if at % 2 == 0 { (0, 1) } else { (1, 0) };
            both(driver, [&rides[first], &rides[second]])
        });
        let won: Vec<String> = join_all(attempts).await.into_iter().flatten().collect();
        for ride in &rides {
            let winners = won.iter().filter(|winner| *winner == ride).count();
            assert_eq!(winners, 1, "round {round}: {won:?}");
        }
        let with_two = "SELECT COUNT(*) AS value FROM (SELECT driver_id FROM jobs WHERE kind = 'ride' \
             AND status = 'assigned' GROUP BY driver_id HAVING COUNT(*) > 1) AS twice";
        assert_eq!(server.database().number(with_two), 0, "round {round}");
        // Ten offers: two are accepted, eight end in an event.
        let told = "SELECT COUNT(*) AS value FROM events WHERE name = 'ride_unavailable'";
        let expected = 8 * (round as i64 + 1);
        wait_until("every loser is told", async || server.database().number(told) == expected).await;
        for ride in &rides {
            passenger.ride(ride, "cancel").await.expect(200);
        }
    }
    for account in server.database().event_numbers() {
        let spanned = account.newest_id - account.oldest_id + 1;
        assert_eq!((account.events, account.distinct_ids), (spanned, spanned), "{}", account.account);
    }
}

/// The rides that a driver got of those they tried to take at once; the others were refused for one of three reasons.
async fn both(driver: &Api, rides: [&String; 2]) -> Vec<String> {
    let (one, other) = tokio::join!(driver.ride(rides[0], "accept"), driver.ride(rides[1], "accept"));
    let mut won = Vec::new();
    for reply in [one, other] {
        if reply.status == 200 {
            won.push(ride_id(&reply));
            continue;
        }
        let code = reply.expect_problem(409).body["code"].clone();
        let known = ["ride_taken", "driver_busy", "offer_ended"];
        assert!(known.contains(&code.as_str().unwrap_or_default()), "{code}");
    }
    assert!(won.len() <= 1, "one driver, two rides: {won:?}");
    won
}

async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures_util::future::join_all(futures).await
}

fn items(page: &Value) -> impl Iterator<Item = &Value> {
    page["items"].as_array().expect("a page has items").iter()
}
