//! A ride of the matching app: requested, matched, driven, cancelled, and found again after any interruption.

use serde_json::{Value, json};

use crate::support::matching_app::{assigned, find_driver};
use crate::support::{Server, wait_until};

/// Customers of the demo data.
const PASSENGER: i64 = 1;
const OTHER_PASSENGER: i64 = 123;

async fn all_confirmed(server: &Server) {
    // The driver's own events have no app here that would confirm them.
    let sql = "SELECT COUNT(*) AS value FROM events JOIN accounts ON accounts.id = events.account_id \
         WHERE accounts.role = 'customer' AND confirmed_at IS NULL";
    wait_until("every event of a passenger is confirmed", async || server.database().number(sql) == 0).await;
}

/// The number of the job that is the newest under a ride id.
fn booking_of(server: &Server, ride_id: &str) -> i64 {
    server.database().number(&format!("SELECT MAX(id) AS value FROM jobs WHERE public_id = '{ride_id}'"))
}

fn without_id(mut message: Value) -> Value {
    message.as_object_mut().expect("a message is an object").remove("id");
    message
}

fn types(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["type"].as_str().expect("a message has a type")).collect()
}

/// The flow that the contract's page describes for trying the server out, on a server with no settings.
#[tokio::test]
async fn from_johannesburgs_centre_driver_1_is_assigned_and_a_second_request_finds_nobody() {
    let server = Server::start_default().await;
    let mut first = server.ride_door("12345").connect().await;
    first.search().await;
    let assigned = first.expect("driver_assigned").await;
    assert_eq!(assigned["booking_id"], booking_of(&server, "12345"));
    let driver = &assigned["driver"];
    assert_eq!((&driver["id"], &driver["name"]), (&json!(1), &json!("John Doe")));
    assert_eq!((&driver["latitude"], &driver["longitude"]), (&json!(-26.2041), &json!(28.0473)));
    assert_eq!(server.operator().await.driver(1).await["status"], "busy");

    let mut second = server.ride_door("67890").connect().await;
    second.search().await;
    let nobody = second.expect("no_drivers").await;
    assert_eq!(nobody["message"], "No drivers available nearby");

    first.send(json!({"type": "cancel_ride"}));
    let cancelled = first.expect("ride_cancelled").await;
    assert_eq!((&cancelled["ride_id"], &cancelled["cancelled_by"]), (&json!("12345"), &json!("passenger")));
    second.search().await;
    assert_eq!(second.expect("driver_assigned").await["driver"]["id"], 1);
    let names = server.database().event_names("driver1");
    assert_eq!(
        names,
        ["ride_requested", "ride_accepted", "ride_cancelled", "ride_requested", "ride_accepted"],
        "the driver has heard of each"
    );
}

#[tokio::test]
async fn a_passenger_without_an_account_hears_of_a_ride_to_its_end() {
    let server = Server::asking().await;
    let (mut app, driver, assigned) = assigned(&server, &server.ride_door("a-ride_1.0")).await;
    assert_eq!(assigned["id"], 1);
    let mut ids = vec![1];
    for (action, message) in
        [("arrive", "driver_arrived"), ("start", "ride_started"), ("complete", "ride_completed")]
    {
        driver.ride("a-ride_1.0", action).await.expect(200);
        let heard = app.expect(message).await;
        assert_eq!(heard["ride_id"], "a-ride_1.0");
        ids.push(heard["id"].as_i64().expect("an event has a number"));
    }
    assert_eq!(ids, [1, 2, 3, 4]);
    assert!(app.sync().await.is_empty());
    all_confirmed(&server).await;
}

#[tokio::test]
async fn the_app_sees_its_driver_come_until_the_ride_has_ended() {
    let server = Server::asking().await;
    let door = server.ride_door("1");
    let mut phone = server.driver(1).await;
    let (mut app, driver, _) = assigned(&server, &door).await;
    assert_eq!(app.expect_at(-26.2041).await["ride_id"], "1", "where the driver is already");
    phone.send(json!({"type": "location_update",
        "data": {"latitude": -26.2051, "longitude": 28.0473, "heading": 44.6, "speed": 25}}));
    let seen = app.expect_at(-26.2051).await;
    assert_eq!((&seen["heading"], &seen["speed"]), (&json!(45), &json!(25)));
    app.leave().await;
    let mut app = door.connect().await;
    app.expect("driver_assigned").await;
    app.expect_at(-26.2051).await;

    driver.ride("1", "start").await.expect(200);
    app.expect("ride_started").await;
    driver.ride("1", "complete").await.expect(200);
    app.expect("ride_completed").await;
    phone.locate(-26.2061, 28.0473);
    phone.sync().await;
    // Under the same id again, with the same driver.
    app.search().await;
    driver.take("1").await;
    app.expect("driver_assigned").await;
    app.expect_at(-26.2061).await;
    phone.locate(-26.2071, 28.0473);
    app.expect_at(-26.2071).await;
}

#[tokio::test]
async fn a_driver_who_gives_up_leaves_the_passenger_searching() {
    let server = Server::asking().await;
    let (mut app, driver, _) = assigned(&server, &server.ride_door("1")).await;
    driver.ride_because("1", "cancel", "Flat tyre").await.expect(200);
    let searching = app.expect("searching").await;
    assert_eq!((&searching["ride_id"], &searching["id"]), (&json!("1"), &json!(2)));
    // Nobody but driver 1 is near.
    assert_eq!(app.expect("no_drivers").await["id"], 3);
}

#[tokio::test]
async fn asking_again_while_a_search_or_a_ride_goes_on_changes_nothing() {
    let server = Server::asking().await;
    let driver = server.driver_api(1).await;
    let mut app = server.ride_door("1").connect().await;
    app.search().await;
    app.send(find_driver());
    app.expect_error("ride_state").await;
    driver.take("1").await;
    app.expect("driver_assigned").await;
    app.send(find_driver());
    app.expect_error("ride_state").await;
    driver.ride("1", "start").await.expect(200);
    app.expect("ride_started").await;
    for message in ["find_driver", "cancel_ride"] {
        let mut wrong = find_driver();
        wrong["type"] = json!(message);
        app.send(wrong);
        app.expect_error("ride_state").await;
    }
    let jobs = server.database().number("SELECT COUNT(*) AS value FROM jobs WHERE kind = 'ride'");
    assert_eq!((jobs, driver.show_ride("1").await.expect(200).body["status"].clone()), (1, json!("started")));
}

#[tokio::test]
async fn a_ride_that_was_called_off_can_be_asked_for_again_under_its_id() {
    let server = Server::asking().await;
    let mut app = server.ride_door("1").connect().await;
    app.send(json!({"type": "cancel_ride"}));
    app.expect_error("not_found").await;
    app.search().await;
    let (first, driver) = (booking_of(&server, "1"), server.driver_api(1).await);
    driver.offered("1").await;
    app.send(json!({"type": "cancel_ride"}));
    let cancelled = app.expect("ride_cancelled").await;
    app.send(json!({"type": "cancel_ride"}));
    assert_eq!(app.expect("ride_cancelled").await, without_id(cancelled), "the answer again, no event");

    app.search().await;
    driver.take("1").await;
    let assigned = app.expect("driver_assigned").await;
    let second = assigned["booking_id"].as_i64().expect("a number");
    assert!(second > first && second == booking_of(&server, "1"));
    assert_eq!(assigned["id"], 2, "the same guest");
    assert_eq!(server.database().number("SELECT COUNT(*) AS value FROM guests"), 1);
    let waiting = server.database().event_names("driver1");
    assert_eq!(waiting, ["ride_requested", "ride_unavailable", "ride_requested", "ride_accepted"]);
}

#[tokio::test]
async fn after_a_reconnect_the_state_is_said_once() {
    let server = Server::asking().await;
    let door = server.ride_door("1");
    let mut app = door.connect().await;
    app.search().await;
    app.leave().await;
    let mut app = door.connect().await;
    assert_eq!(types(&app.sync().await), ["searching"]);

    let driver = server.driver_api(1).await;
    driver.take("1").await;
    let assigned = app.expect("driver_assigned").await;
    driver.ride("1", "arrive").await.expect(200);
    app.expect("driver_arrived").await;
    all_confirmed(&server).await;
    app.leave().await;
    let mut app = door.connect().await;
    let said = app.sync().await;
    assert_eq!(types(&said), ["driver_assigned", "driver_arrived"]);
    assert_eq!(said[0], without_id(assigned));
    assert!(said[1]["id"].is_null());

    // With the number of what it has, it gets the rest under its numbers, and the state before it.
    app.leave().await;
    let mut app = door.clone().after(1).connect().await;
    let said = app.sync().await;
    assert_eq!(types(&said), ["driver_assigned", "driver_arrived"]);
    assert_eq!((&said[0]["id"], &said[1]["id"]), (&Value::Null, &json!(2)));
    app.leave().await;
    let mut app = door.clone().after(0).connect().await;
    let said = app.sync().await;
    assert_eq!((types(&said), &said[0]["id"]), (vec!["driver_assigned", "driver_arrived"], &json!(1)));

    driver.ride("1", "start").await.expect(200);
    app.expect("ride_started").await;
    driver.ride("1", "complete").await.expect(200);
    app.expect("ride_completed").await;
    all_confirmed(&server).await;
    app.leave().await;
    assert!(door.connect().await.sync().await.is_empty(), "a ride that has ended says nothing");
}

/// The app is frozen when its driver is found and when the driver arrives: both events are sent again, and nothing
/// else.
#[tokio::test]
async fn what_was_not_confirmed_comes_again_under_its_number_and_not_beside_it() {
    let server = Server::asking().await;
    let door = server.ride_door("1");
    let mut app = door.connect().await;
    app.search().await;
    app.freeze().await;
    let driver = server.driver_api(1).await;
    driver.take("1").await;
    driver.ride("1", "arrive").await.expect(200);
    let mut other = door.clone().with_key(app.key()).connect().await;
    let said = other.sync().await;
    assert_eq!(types(&said), ["driver_assigned", "driver_arrived"]);
    assert_eq!((&said[0]["id"], &said[1]["id"]), (&json!(1), &json!(2)));
}

/// The app asked again, and is not known to have heard what became of the first search: it must not be shown that last.
#[tokio::test]
async fn the_outcome_of_an_earlier_search_comes_before_the_present_state() {
    let server = Server::asking().await;
    let door = server.ride_door("1");
    let mut app = door.connect().await;
    app.search().await;
    let operator = server.operator().await;
    operator.api().ride_because("1", "cancel", "Storm").await.expect(200);
    assert_eq!(app.expect("ride_cancelled").await["cancelled_by"], "admin");
    app.search().await;
    all_confirmed(&server).await;
    app.leave().await;
    server.database().execute("UPDATE events SET confirmed_at = NULL");
    assert_eq!(types(&door.connect().await.sync().await), ["ride_cancelled", "searching"]);
}

#[tokio::test]
async fn a_kill_between_the_request_and_its_answer_loses_nothing() {
    let mut server = Server::builder()
        .stable_port()
        .setting("MATCH_MODE", "offer")
        .setting("OFFER_WINDOW_SECS", 60)
        .start()
        .await;
    let door = server.ride_door("1");
    let mut app = door.connect().await;
    app.search().await;
    server.kill();
    let key = app.key().to_owned();
    drop(app);
    server.restart().await;

    // The key is known by its hash alone.
    let mut with_key = door.clone().elsewhere().with_key(&key).connect().await;
    assert_eq!(with_key.key(), key);
    assert_eq!(types(&with_key.sync().await), ["searching"]);
    server.driver_api(1).await.take("1").await;
    with_key.expect("driver_assigned").await;
    with_key.send(find_driver());
    with_key.expect_error("ride_state").await;

    // Killed again with the driver assigned; an unmodified app comes back without the key, which stays good.
    all_confirmed(&server).await;
    server.restart().await;
    drop(with_key);
    let mut without = door.connect().await;
    assert_ne!(without.key(), key, "the old one can't be said again");
    assert_eq!(types(&without.sync().await), ["driver_assigned"]);
    let another = without.key().to_owned();
    drop(without);
    server.restart().await;
    for key in [key, another] {
        let mut again = door.clone().elsewhere().with_key(&key).connect().await;
        assert_eq!(types(&again.sync().await), ["driver_assigned"]);
    }
}

/// The second socket is there before anybody has asked for anything, and hears of what the first one does.
#[tokio::test]
async fn every_socket_of_a_ride_hears_of_it() {
    let server = Server::asking().await;
    let door = server.ride_door("1");
    let mut first = door.connect().await;
    let mut second = door.clone().elsewhere().with_key(first.key()).connect().await;
    first.search().await;
    second.expect("searching").await;
    server.driver_api(1).await.take("1").await;
    for app in [&mut first, &mut second] {
        assert_eq!(app.expect("driver_assigned").await["id"], 1);
    }
    second.send(json!({"type": "cancel_ride"}));
    for app in [&mut first, &mut second] {
        assert_eq!(app.expect("ride_cancelled").await["id"], 2);
        assert!(app.sync().await.is_empty());
    }
}

/// Neither knows of a guest when both ask: one of them makes the ride, the other is refused and told of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sockets_of_a_ride_that_ask_at_once_make_one_ride() {
    let server = Server::asking().await;
    for ride in ["1", "2", "3", "4", "5"] {
        let first = server.ride_door(ride).connect().await;
        let second = server.ride_door(ride).with_key(first.key()).connect().await;
        let mut apps = [first, second];
        apps.iter().for_each(|app| app.send(find_driver()));
        let mut refused = 0;
        for app in &mut apps {
            let said = app.sync().await;
            match types(&said)[..] {
                ["searching"] => {}
                // Told of the ride as soon as it is made, which may be before its own request is read, or after all of this.
                ["error"] | ["error", "searching"] | ["searching", "error"] => refused += 1,
                _ => panic!("{said:?}"),
            }
        }
        assert_eq!(refused, 1, "{ride}");
        let one = format!("SELECT COUNT(*) AS value FROM jobs WHERE public_id = '{ride}'");
        assert_eq!(server.database().number(&one), 1);
        for app in &mut apps {
            app.send(json!({"type": "cancel_ride"}));
        }
        let [first, second] = &mut apps;
        first.expect_after(&["searching"], "ride_cancelled").await;
        second.expect_after(&["searching"], "ride_cancelled").await;
    }
    assert_eq!(server.database().number("SELECT COUNT(*) AS value FROM guests"), 5);
}

#[tokio::test]
async fn a_customers_socket_hears_of_its_own_ride_alone() {
    let server = Server::asking().await;
    server.bring_near(&[2]).await;
    let token = server.passenger_token(PASSENGER).await;
    let mut mine = server.ride_door("mine").with_token(&token).connect().await;
    assert_eq!(mine.key, None, "the account is the key");
    // Another ride of the same account, asked for by REST, has the first event.
    let passenger = server.passenger_api(PASSENGER).await;
    let other = passenger.request_ride().await;
    server.driver_api(2).await.take(&other).await;
    mine.search().await;
    server.driver_api(1).await.take("mine").await;
    assert_eq!(mine.expect("driver_assigned").await["id"], 2);
    passenger.ride(&other, "cancel").await.expect(200);
    server.driver_api(1).await.ride("mine", "arrive").await.expect(200);
    assert_eq!(mine.expect("driver_arrived").await["id"], 4);
    assert!(mine.sync().await.is_empty());
    let names = server.database().event_names("passenger1");
    assert_eq!(names, ["ride_accepted", "ride_accepted", "ride_cancelled", "driver_arrived"]);
    // Events that it was not sent are unconfirmed.
    let confirmed = "SELECT CAST(COALESCE(SUM(event_id), 0) AS BIGINT) AS value FROM events JOIN accounts ON accounts.id = account_id \
         WHERE username = 'passenger1' AND confirmed_at IS NOT NULL";
    wait_until("its own two are confirmed", async || server.database().number(confirmed) == 6).await;

    // The ride of the other contract has a socket here as well.
    let mut follower = server.ride_door(&other).with_token(&token).connect().await;
    let said = follower.sync().await;
    assert_eq!(types(&said), ["driver_assigned", "ride_cancelled"]);
    assert_eq!((&said[0]["id"], &said[1]["id"]), (&json!(1), &json!(3)));
    assert_eq!(passenger.show_ride("mine").await.expect(200).body["status"], "arrived");
}

#[tokio::test]
async fn a_resume_brings_what_follows_and_says_so_where_it_can_not() {
    let server = Server::asking().await;
    let (mut app, driver, _) = assigned(&server, &server.ride_door("1")).await;
    driver.ride("1", "arrive").await.expect(200);
    app.expect("driver_arrived").await;
    app.send(json!({"type": "ack", "event_id": 2}));
    app.send(json!({"type": "resume", "last_event_id": 1}));
    assert_eq!(app.expect("driver_arrived").await["id"], 2);
    all_confirmed(&server).await;
    app.send(json!({"type": "resume", "last_event_id": 99}));
    let failed = app.expect("resume_failed").await;
    assert_eq!((&failed["oldest_id"], &failed["newest_id"]), (&json!(1), &json!(2)));
    assert_eq!(types(&app.sync().await), ["driver_assigned", "driver_arrived"]);
    app.send(json!({"type": "authenticate", "token": server.passenger_token(PASSENGER).await}));
    app.expect_error("unauthorized").await;

    // Nobody's ride has no history.
    let mut nobody = server.ride_door("2").after(7).connect().await;
    nobody.expect("resume_failed").await;
    nobody.send(json!({"type": "resume", "last_event_id": 0}));
    assert!(nobody.sync().await.is_empty());
}

#[tokio::test]
async fn what_can_not_be_a_request_is_said_and_changes_nothing() {
    let server = Server::asking().await;
    let mut app = server.ride_door("1").connect().await;
    for (field, value) in [("pickup_latitude", json!(91)), ("dropoff_longitude", json!("east"))] {
        let mut message = find_driver();
        message[field] = value;
        app.send(message);
        app.expect_error("invalid_position").await;
    }
    app.send(json!({"type": "location_update"}));
    app.expect_error("unknown_type").await;
    assert_eq!(server.database().number("SELECT COUNT(*) AS value FROM jobs WHERE kind = 'ride'"), 0);
    assert_eq!(server.database().number("SELECT COUNT(*) AS value FROM guests"), 0);
    // Only the positions are needed.
    let bare = json!({"type": "find_driver", "pickup_latitude": -26.2041, "pickup_longitude": 28.0473,
        "dropoff_latitude": -26.1041, "dropoff_longitude": 28.1473, "fare_amount": null});
    app.send(bare);
    app.expect("searching").await;
}

/// Each of them cost the search.
#[tokio::test]
async fn a_search_begins_whatever_is_wrong_with_what_is_optional() {
    let server = Server::asking().await;
    let mut app = server.ride_door("1").connect().await;
    let mut message = find_driver();
    message["pickup_address"] = json!("é".repeat(201));
    message["dropoff_address"] = json!({"street": "Oak St"});
    message["distance_km"] = json!("12.5 km");
    message["estimated_duration_minutes"] = json!("25 mins");
    message["fare_amount"] = json!(-1);
    message["passenger_phone"] = json!(27_123_456_789_i64);
    app.send(message);
    app.expect("searching").await;
    let kept = "SELECT COUNT(*) AS value FROM jobs WHERE kind = 'ride' AND length(pickup_address) = 200 \
         AND dropoff_address = '' AND distance_km = 12.5 AND estimated_duration_minutes = 25 AND passenger_phone = '27123456789' AND earnings_minor > 0";
    assert_eq!(server.database().number(kept), 1);
}

#[tokio::test]
async fn a_guest_is_nobody_who_could_log_in_and_goes_when_their_ride_has_long_ended() {
    let mut server = Server::builder().stable_port().setting("MATCH_MODE", "offer").start().await;
    let before = server.operator().await.list("admin/customers").await.len();
    let (mut app, driver, _) = assigned(&server, &server.ride_door("1")).await;
    assert_eq!(server.operator().await.list("admin/customers").await.len(), before);
    let guests = server.database().words("SELECT username AS value FROM accounts WHERE is_guest");
    let login = json!({"username": guests[0], "password": "password123"});
    server.anonymous().post("auth/login", login).await.expect_problem(401);
    let operator = server.operator().await;
    let new =
        json!({"username": "new", "name": "New", "password": "password123", "phone_number": "+27999999999"});
    let made = operator.api().post("admin/customers", new).await.expect(201);
    assert_eq!(made.id("customer_id"), OTHER_PASSENGER + 1, "numbers go on without guests");

    let age = "UPDATE events SET created_at = '2020-01-01 00:00:00'; \
         UPDATE guests SET created_at = '2020-01-01 00:00:00'";
    let is_there =
        |server: &Server| server.database().number("SELECT COUNT(*) AS value FROM accounts WHERE is_guest");
    driver.ride("1", "start").await.expect(200);
    app.expect("ride_started").await;
    server.database().execute(age);
    server.command(&["prune"]).await;
    assert_eq!(is_there(&server), 1, "the ride goes on");
    driver.ride("1", "complete").await.expect(200);
    app.expect("ride_completed").await;
    app.leave().await;
    server.command(&["prune"]).await;
    assert_eq!(is_there(&server), 1, "its end is still kept");
    server.database().execute(age);
    server.command(&["prune"]).await;
    assert_eq!(is_there(&server), 0);
    assert_eq!(driver.show_ride("1").await.expect(200).body["status"], "completed", "the ride stays");
    // And has no owner: the first client may use its id.
    server.restart().await;
    let mut stranger = server.ride_door("1").elsewhere().connect().await;
    stranger.search().await;
    assert_eq!(is_there(&server), 1);
}

#[tokio::test]
async fn seeding_frees_a_demo_driver_of_a_guests_ride() {
    let server = Server::start_default().await;
    let mut app = server.ride_door("1").connect().await;
    app.search().await;
    app.expect("driver_assigned").await;
    server.command(&["seed"]).await;
    assert_eq!(server.operator().await.driver(1).await["status"], "available");
    assert_eq!(app.expect("ride_cancelled").await["cancelled_by"], "admin");
}
