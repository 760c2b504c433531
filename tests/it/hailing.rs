//! The hailing apps' socket: passengers, drivers and operators follow rides, go online, and talk.

use serde_json::{Value, json};

use crate::support::{HailingApp, Server, tokens, wait_until};

/// Of the demo data: `passenger1`, and a customer who has nothing to do with their rides.
const PASSENGER: i64 = 1;
const STRANGER: i64 = 123;
/// Somewhere in Yaoundé.
const HERE: (f64, f64) = (3.8530, 11.5030);

/// The next message of this type, which must be the event of this number.
async fn expect_event(app: &mut HailingApp, kind: &str, id: i64) -> Value {
    let event = app.expect(kind).await;
    assert_eq!(event["id"], id, "{event}");
    event["data"].clone()
}

#[tokio::test]
async fn a_passenger_follows_a_ride_to_its_end() {
    let server = Server::for_rides(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let mut app = server.hailing_passenger(PASSENGER).await;
    assert_eq!(app.last_event_id, 0);
    let ride = passenger.request_ride().await;
    let joined = app.join(&ride).await;
    assert_eq!(joined["ride"], passenger.show_ride(&ride).await.body, "the ride as REST shows it");
    assert_eq!((&joined["ride"]["status"], &joined["driver_location"]), (&json!("requested"), &Value::Null));

    driver.take(&ride).await;
    let accepted = expect_event(&mut app, "ride_accepted", 1).await;
    assert_eq!((&accepted["ride_id"], &accepted["driver_name"]), (&json!(ride), &json!("John Doe")));
    let seen = app.expect_location().await;
    assert_eq!(
        (&seen["latitude"], &seen["driver_id"]),
        (&json!(3.8525), &accepted["driver_id"]),
        "where they are"
    );
    driver.locate(HERE.0, HERE.1).await;
    let moved = app.expect_location().await;
    assert_eq!((&moved["latitude"], &moved["ride_id"]), (&json!(HERE.0), &json!(ride)));
    assert!(moved["sequence"].as_u64() > seen["sequence"].as_u64(), "{seen} {moved}");
    for (action, event, id) in
        [("arrive", "driver_arrived", 2), ("start", "ride_started", 3), ("complete", "ride_completed", 4)]
    {
        driver.ride(&ride, action).await.expect(200);
        assert_eq!(expect_event(&mut app, event, id).await["ride_id"], json!(ride));
    }
    driver.locate(HERE.0 + 0.001, HERE.1).await;
    assert_eq!(app.types_until_now().await, [""; 0], "where the driver goes then is nobody's business");
    app.leave(&ride).await;
}

#[tokio::test]
async fn who_joins_late_gets_the_state_and_the_newest_position_at_once() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    ride.drive("arrive").await;
    let driver = server.driver(1).await;
    driver.send(json!({"type": "location_update", "data":
        {"latitude": HERE.0, "longitude": HERE.1, "heading": 45, "speed": 25.5}}));
    let mut app = server.hailing_passenger(PASSENGER).await;
    // Earlier events are sent to a connection that does not say where it left off.
    expect_event(&mut app, "ride_accepted", 1).await;
    expect_event(&mut app, "driver_arrived", 2).await;
    wait_until("the position is taken", async || {
        server.metric("fleetwire_positions_accepted_total").await == 1.0
    })
    .await;
    let joined = app.join(&ride.id).await;
    let (state, location) = (&joined["ride"], &joined["driver_location"]);
    assert_eq!((&state["status"], &state["driver"]["driver_name"]), (&json!("arrived"), &json!("John Doe")));
    assert_eq!(
        (&location["latitude"], &location["driver_id"]),
        (&json!(HERE.0), &state["driver"]["driver_id"])
    );
    assert_eq!((&location["heading"], &location["speed"]), (&json!(45), &json!(25.5)));
    assert!(location["age_secs"].is_u64() && location["sequence"].is_u64(), "{location}");
    let again = app.join(&ride.id).await;
    assert_eq!(again["driver_location"]["sequence"], location["sequence"], "joining again changes nothing");
    ride.locate(HERE.0 + 0.001, HERE.1).await;
    app.expect_location_at(HERE.0 + 0.001).await;
    assert_eq!(app.types_until_now().await, [""; 0], "once for a connection");
}

#[tokio::test]
async fn each_connection_of_an_account_gets_each_event_once_joined_or_not() {
    let server = Server::for_rides(&[1]).await;
    let mut phone = server.hailing_passenger(PASSENGER).await;
    let mut browser = server.hailing_passenger(PASSENGER).await;
    let mut driver = server.hailing_driver(1).await;
    let ride = server.taken_ride().await;
    for app in [&mut phone, &mut browser] {
        expect_event(app, "ride_accepted", 1).await;
    }
    phone.join(&ride.id).await;
    ride.drive("arrive").await;
    for app in [&mut phone, &mut browser] {
        expect_event(app, "driver_arrived", 2).await;
        assert_eq!(app.types_until_now().await, [""; 0]);
    }
    let events = driver.events_until(|event| event["type"] == "driver_arrived").await;
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap_or_default()).collect();
    assert_eq!(types, ["ride_requested", "ride_accepted", "driver_arrived"]);
    assert_eq!(events[0]["metadata"]["ride_id"], json!(ride.id));
    // The phone goes without a word, and the browser goes on.
    phone.cut().await;
    ride.drive("start").await;
    expect_event(&mut browser, "ride_started", 3).await;
}

#[tokio::test]
async fn a_connection_resumes_from_what_it_names_and_is_told_where_it_can_not() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    ride.drive("arrive").await;
    let door = server.hailing_door(server.passenger_token(PASSENGER).await);
    let mut app = door.clone().after(1).connect().await;
    assert_eq!(app.last_event_id, 2);
    expect_event(&mut app, "driver_arrived", 2).await;
    app.send(json!({"type": "resume", "last_event_id": 0}));
    expect_event(&mut app, "ride_accepted", 1).await;
    expect_event(&mut app, "driver_arrived", 2).await;
    app.send(json!({"type": "ack", "event_id": 2}));
    app.sync().await;
    wait_until("both are confirmed", async || {
        server.database().number(
            "SELECT COUNT(*) AS value FROM events JOIN accounts ON accounts.id = events.account_id \
             WHERE username = 'passenger1' AND confirmed_over = 'ride_hailing' AND confirmed_at IS NOT NULL",
        ) == 2
    })
    .await;
    app.send(json!({"type": "resume", "last_event_id": 1_000}));
    assert_eq!(app.expect("resume_failed").await["data"], json!({"oldest_id": 1, "newest_id": 2}));
    let open = app.expect("rides").await["data"]["rides"].clone();
    assert_eq!(open, json!([ride.passenger.show_ride(&ride.id).await.body]));
    assert_eq!(app.types_until_now().await, [""; 0], "nothing is unconfirmed");
    let mut again = door.connect().await;
    assert_eq!(again.types_until_now().await, [""; 0], "nor does it come again");
}

#[tokio::test]
async fn an_operator_watches_a_ride_without_numbers_and_sees_each_event_once() {
    let server = Server::for_rides(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let mut screen = server.hailing_admin().await;
    let ride = passenger.request_ride().await;
    assert_eq!(screen.join(&ride).await["ride"]["status"], "requested");
    driver.take(&ride).await;
    let (mut of_passenger, of_driver) =
        (server.hailing_passenger(PASSENGER).await, server.hailing_driver(1).await);
    screen.expect("ride_accepted").await;
    screen.expect_location().await;
    of_passenger.chat(&ride, "I am at the gate");
    of_passenger.sync().await;
    for action in ["arrive", "start", "complete"] {
        driver.ride(&ride, action).await.expect(200);
    }
    for kind in ["chat_message", "driver_arrived", "ride_started", "ride_completed"] {
        let event = screen.expect(kind).await;
        assert_eq!((&event["id"], &event["data"]["ride_id"]), (&Value::Null, &json!(ride)), "{event}");
    }
    assert_eq!(screen.types_until_now().await, [""; 0]);
    drop(of_driver);
}

#[tokio::test]
async fn who_has_nothing_to_do_with_a_ride_is_told_that_there_is_none() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    let mut stranger = server.hailing_passenger(STRANGER).await;
    let mut other_driver = server.hailing_driver(2).await;
    for app in [&mut stranger, &mut other_driver] {
        app.expect_not_joined(&ride.id, "not_found").await;
        app.expect_not_joined("no-such-ride", "not_found").await;
        app.expect_not_joined("../etc", "not_found").await;
        app.chat(&ride.id, "Hello?");
        app.expect_error("not_found").await;
        app.leave(&ride.id).await;
    }
    let mut screen = server.hailing_admin().await;
    screen.chat(&ride.id, "This is the operator");
    screen.expect_error("not_found").await;
    screen.send(json!({"type": "location_update", "data": {"latitude": 1, "longitude": 2}}));
    screen.expect_error("forbidden").await;
    ride.locate(HERE.0, HERE.1).await;
    assert_eq!(stranger.types_until_now().await, [""; 0]);
    assert_eq!(other_driver.types_until_now().await, [""; 0]);
}

#[tokio::test]
async fn the_two_of_a_ride_talk_from_its_acceptance_to_its_end() {
    let server = Server::for_rides(&[1]).await;
    let mut passenger = server.hailing_passenger(PASSENGER).await;
    let early = server.passenger_api(PASSENGER).await.request_ride().await;
    passenger.chat(&early, "Anybody?");
    passenger.expect_error("ride_state").await;
    let driver_api = server.driver_api(1).await;
    driver_api.take(&early).await;
    let mut driver = server.hailing_driver(1).await;
    driver.events_until(|event| event["type"] == "ride_accepted").await;
    passenger.expect("ride_accepted").await;

    passenger.chat(&early, "I am at the gate 🚪");
    let heard = driver.expect("chat_message").await;
    assert_eq!(
        (&heard["data"]["ride_id"], &heard["data"]["text"]),
        (&json!(early), &json!("I am at the gate 🚪"))
    );
    let accounts = server.operator().await.list("admin/customers").await;
    let me = accounts.iter().find(|account| account["customer_id"] == PASSENGER).expect("of the demo data");
    assert_eq!(heard["data"]["from"], me["user_id"]);
    driver.chat(&early, "Two minutes");
    assert_eq!(expect_event(&mut passenger, "chat_message", 2).await["text"], "Two minutes");
    assert!(driver.types_until_now().await.is_empty(), "who says it does not hear it");

    // Messages to somebody who is away wait for them.
    driver.cut().await;
    passenger.chat(&early, "Hello?");
    passenger.sync().await;
    let mut driver = server.hailing_driver(1).await;
    assert_eq!(driver.expect("chat_message").await["data"]["text"], "Hello?");
    for action in ["start", "complete"] {
        driver_api.ride(&early, action).await.expect(200);
    }
    passenger.events_until(|event| event["type"] == "ride_completed").await;
    passenger.chat(&early, "I left my umbrella");
    passenger.expect_error("ride_state").await;
    passenger.chat(&early, "\u{0}");
    passenger.expect_error("invalid_message").await;
}

/// The driver's next steps, in the words of the events that they lead to, on either of the sockets that drivers have.
#[tokio::test]
async fn a_driver_moves_a_ride_on_by_socket_and_the_passenger_rates_it() {
    let server = Server::builder().setting("FINAL_FARE", "track").start_with_drivers(&[1]).await;
    let ride = server.taken_ride().await;
    let mut passenger = server.hailing_passenger(PASSENGER).await;
    let mut hailing = server.hailing_driver(1).await;
    hailing.events_until(|event| event["type"] == "ride_accepted").await;
    let step = |kind: &str| json!({"type": kind, "ride_id": ride.id});
    passenger.expect("ride_accepted").await;
    passenger.send(step("driver_arrived"));
    passenger.expect_error("forbidden").await;
    let mut stranger = server.hailing_driver(2).await;
    stranger.send(step("driver_arrived"));
    stranger.expect_error("not_found").await;
    hailing.send(step("ride_completed"));
    hailing.expect_error("ride_state").await;
    hailing.send(json!({"type": "driver_arrived"}));
    hailing.expect_error("invalid_message").await;

    hailing.send(step("driver_arrived"));
    hailing.expect("driver_arrived").await;
    assert_eq!(passenger.expect("driver_arrived").await["data"]["ride_id"], json!(ride.id));
    hailing.send(step("driver_arrived"));
    assert!(hailing.types_until_now().await.is_empty(), "a repetition changes nothing");
    let mut driver = server.driver(1).await;
    driver.send(step("ride_started"));
    passenger.expect("ride_started").await;
    driver.sync().await;
    driver.chat(&ride.id, "Here we are");
    assert_eq!(passenger.expect("chat_message").await["data"]["text"], "Here we are");
    for north in 0..3 {
        ride.locate(HERE.0 + f64::from(north) * 1e-3, HERE.1).await;
    }
    driver.send(step("ride_completed"));
    let completed = passenger.expect("ride_completed").await;
    assert_ne!(completed["data"]["final_fare"], 1500, "of the way that was driven: {completed}");
    assert_eq!(passenger.types_until_now().await, [""; 0]);

    let rate = |rating: i64| json!({"type": "rate_ride", "ride_id": ride.id, "rating": rating});
    hailing.send(rate(5));
    hailing.events_until(|event| event["type"] == "ride_completed").await;
    passenger.send(rate(3));
    let rated = passenger.expect("ride_rated").await;
    assert_eq!(rated["data"], json!({"ride_id": ride.id, "rating": 3}));
    passenger.send(rate(5));
    passenger.expect_error("already_rated").await;
    ride.passenger.post(&format!("rides/{}/rate", ride.id), json!({"rating": 4})).await.expect_problem(409);
}

#[tokio::test]
async fn drivers_come_to_work_and_go_but_not_during_a_ride() {
    let server = Server::for_rides(&[1]).await;
    let operator = server.operator().await;
    let mut app = server.hailing_driver(1).await;
    let says = async |app: &mut HailingApp, kind: &str| {
        app.send(json!({ "type": kind }));
        app.expect("driver_status").await["data"]["status"].clone()
    };
    assert_eq!(says(&mut app, "driver_offline").await, "offline");
    assert_eq!(operator.driver(1).await["status"], "offline");
    drop(server.hailing_driver(1).await);
    assert_eq!(operator.driver(1).await["status"], "offline", "connecting is not coming to work");
    assert_eq!(says(&mut app, "driver_online").await, "available");
    app.close(1000);
    app.expect_close(1000).await;
    wait_until("the connection has gone", async || server.metric("fleetwire_sessions").await == 0.0).await;
    assert_eq!(operator.driver(1).await["status"], "available", "nor is it going when the app closes");

    let ride = server.taken_ride().await;
    let mut app = server.hailing_driver(1).await;
    app.events_until(|event| event["type"] == "ride_accepted").await;
    app.send(json!({"type": "driver_offline"}));
    app.expect_error("driver_busy").await;
    assert_eq!(operator.driver(1).await["status"], "busy");
    ride.drive("start").await;
    ride.drive("complete").await;
    assert_eq!(operator.driver(1).await["status"], "available");
    app.events_until(|event| event["type"] == "ride_completed").await;
    assert_eq!(says(&mut app, "driver_offline").await, "offline");

    let mut passenger = server.hailing_passenger(STRANGER).await;
    passenger.send(json!({"type": "driver_online"}));
    passenger.expect_error("forbidden").await;
}

#[tokio::test]
async fn a_driver_who_has_it_offered_joins_and_is_sent_away_when_another_has_it() {
    let server = Server::for_rides(&[1, 2]).await;
    let passenger = server.passenger_api(PASSENGER).await;
    let (winner, loser) = (server.driver_api(1).await, server.driver_api(2).await);
    let mut app = server.hailing_driver(2).await;
    let ride = passenger.request_ride().await;
    loser.offered(&ride).await;
    app.expect("ride_requested").await;
    assert_eq!(app.join(&ride).await["driver_location"], Value::Null);
    winner.take(&ride).await;
    assert_eq!(app.expect("ride_unavailable").await["data"]["reason"], "taken");
    assert_eq!(app.expect("ride_left").await["data"]["ride_id"], json!(ride));
    app.expect_not_joined(&ride, "not_found").await;
    winner.locate(HERE.0, HERE.1).await;
    assert_eq!(app.types_until_now().await, [""; 0], "where the winner is, is not theirs to see");
}

#[tokio::test]
async fn who_may_not_come_in_is_closed_with_4001() {
    let server = Server::start_default().await;
    let token = server.passenger_token(PASSENGER).await;
    let door = server.hailing_door(token.clone());
    door.clone().without_token().expect_closed(4001).await;
    door.clone().with_token(tokens::unsigned(&token)).expect_closed(4001).await;
    door.clone().with_token(tokens::expiring_in(&token, -60)).expect_closed(4001).await;
    // A program of the operator's has no part in rides.
    let service = server.command(&["token", "--service", "booking-office"]).await;
    server.hailing_door(service.trim()).expect_closed(4001).await;
    let mut app = door.connect().await;
    app.send(json!({"type": "authenticate", "token": tokens::expiring_in(&token, 7200)}));
    app.expect("authenticated").await;
    app.send(json!({"type": "authenticate", "token": server.passenger_token(STRANGER).await}));
    app.expect_error("unauthorized").await;
    let mut soon = server.hailing_door(tokens::expiring_in(&token, -3)).connect().await;
    assert_eq!(soon.expect_close(4001).await, "token expired");
    assert_eq!(app.types_until_now().await, [""; 0], "the other connection stays");
}

#[tokio::test]
async fn a_passenger_who_only_listens_is_not_idle_and_a_suspended_driver_is_cut_off() {
    let server = Server::builder()
        .setting("IDLE_TIMEOUT_SECS", 2)
        .setting("HEARTBEAT_SECS", 1)
        .start_with_drivers(&[1])
        .await;
    let mut passenger = server.hailing_passenger(PASSENGER).await;
    let mut driver = server.driver(123).await;
    // The driver's app, which says nothing, is closed for it; by then the passenger has been silent for as long.
    driver.expect_close(4008).await;
    passenger.sync().await;
    let mut driver = server.hailing_driver(1).await;
    server.operator().await.change_driver(1, json!({"suspended": true})).await.expect(200);
    assert_eq!(driver.expect_close(4001).await, "access revoked");
}

#[tokio::test]
async fn stats_count_connections_drivers_and_rides() {
    let server = Server::for_rides(&[1]).await;
    let stats = async || server.anonymous().get("ws/stats").await.expect(200).body;
    assert_eq!(stats().await, json!({"total_connections": 0, "online_drivers": 4, "active_rides": 0}));
    let ride = server.taken_ride().await;
    let _app = server.hailing_passenger(PASSENGER).await;
    assert_eq!(stats().await, json!({"total_connections": 1, "online_drivers": 4, "active_rides": 1}));
    ride.drive("start").await;
    ride.drive("complete").await;
    assert_eq!(stats().await["active_rides"], 0);
}

/// How much business there is is nobody's business in production.
#[tokio::test]
async fn in_production_stats_are_for_those_who_have_logged_in() {
    let server = Server::builder().setting("FLEETWIRE_PROFILE", "production").start().await;
    server.anonymous().get("ws/stats").await.expect_problem(401);
    server.anonymous().with_token("made up".to_owned()).get("ws/stats").await.expect_problem(401);
    let token = server.command(&["token", "--service", "status-page"]).await;
    let stats = server.anonymous().with_token(token.trim().to_owned()).get("ws/stats").await.expect(200).body;
    assert_eq!(stats, json!({"total_connections": 0, "online_drivers": 0, "active_rides": 0}));
}
