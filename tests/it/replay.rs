//! Nothing is lost and nothing comes twice: unconfirmed events are sent again, confirmed ones are not.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::raw_socket::PONG;
use crate::support::{DRIVER, DriverApp, RawSocket, Server, wait_until};

/// Long enough for what must not come to come, had it been sent.
const QUIET: Duration = Duration::from_millis(300);

async fn confirmed(server: &Server) {
    wait_until("every event is confirmed", async || server.database().events_unconfirmed() == 0).await;
}

fn ids(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| event["id"].as_i64().expect("an event has its number")).collect()
}

async fn expect_order(app: &mut DriverApp, order_id: i64) -> i64 {
    let event = app.expect("order_assigned").await;
    assert_eq!(event["data"]["order_id"], order_id);
    event["id"].as_i64().expect("an event has its number")
}

#[tokio::test]
async fn what_happened_while_the_driver_was_away_comes_first_and_in_order() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let kept = operator.assign_new(DRIVER).await;
    let cancelled = operator.assign_new(DRIVER).await;
    operator.cancel(cancelled, "Customer cancelled").await.expect(200);

    let mut app = server.driver(DRIVER).await;
    let first = expect_order(&mut app, kept).await;
    let second = expect_order(&mut app, cancelled).await;
    let third = app.expect("order_cancelled").await["id"].as_i64().expect("a number");
    assert_eq!((second, third), (first + 1, first + 2));
    assert_eq!(app.last_event_id, third);
}

#[tokio::test]
async fn what_the_device_answered_for_does_not_come_again() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let order_id = operator.assign_new(DRIVER).await;
    expect_order(&mut app, order_id).await;
    confirmed(&server).await;
    app.cut().await;

    let mut again = server.driver(DRIVER).await;
    assert!(again.sync().await.is_empty());
    assert!(again.hear_for(QUIET).await.is_empty());
}

/// A device that reads but whose pong never arrives is not known to have read.
#[tokio::test]
async fn an_event_without_a_pong_comes_again() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let door = server.door(DRIVER).await;
    let mut mute = RawSocket::upgrade(&door).await;
    mute.expect_text("connected").await;
    let order_id = operator.assign_new(DRIVER).await;
    let event = mute.expect_text("order_assigned").await;
    assert_eq!(mute.expect_ping().await, event["id"].to_string().into_bytes());

    let mut app = door.connect().await;
    assert_eq!(expect_order(&mut app, order_id).await, event["id"].as_i64().expect("a number"));
}

/// The payload of the ping is the newest number that was sent; its echo confirms, and nothing else is needed.
#[tokio::test]
async fn a_pong_with_the_events_number_confirms_it() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let door = server.door(DRIVER).await;
    let mut socket = RawSocket::upgrade(&door).await;
    socket.expect_text("connected").await;
    operator.assign_new(DRIVER).await;
    socket.expect_text("order_assigned").await;
    let payload = socket.expect_ping().await;
    assert_eq!(server.database().events_unconfirmed(), 1);
    socket.send(true, PONG, &payload).await;
    confirmed(&server).await;
    drop(socket);
    assert!(door.connect().await.sync().await.is_empty());
}

/// A pong for more than was sent must never hide a later event.
#[tokio::test]
async fn a_pong_or_an_ack_beyond_what_was_sent_hides_nothing() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let door = server.door(DRIVER).await;
    let mut socket = RawSocket::upgrade(&door).await;
    socket.expect_text("connected").await;
    socket.send(true, PONG, b"1000").await;
    socket.send_text(r#"{"type":"ack","event_id":1000}"#).await;
    socket.send_text(r#"{"type":"ping"}"#).await;
    socket.expect_text("pong").await;
    drop(socket);

    let order_id = operator.assign_new(DRIVER).await;
    expect_order(&mut door.connect().await, order_id).await;
}

#[tokio::test]
async fn an_ack_confirms_too() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let door = server.door(DRIVER).await;
    let mut socket = RawSocket::upgrade(&door).await;
    socket.expect_text("connected").await;
    operator.assign_new(DRIVER).await;
    let event = socket.expect_text("order_assigned").await;
    socket.send_text(&json!({"type": "ack", "event_id": event["id"]}).to_string()).await;
    confirmed(&server).await;
}

#[tokio::test]
async fn last_event_id_brings_everything_after_it_confirmed_or_not() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    for _ in 0..4 {
        operator.assign_new(DRIVER).await;
        app.expect("order_assigned").await;
    }
    confirmed(&server).await;
    let before = app.last_event_id;

    let mut resumed = server.door(DRIVER).await.after(before + 1).connect().await;
    let replayed = resumed.sync().await;
    assert_eq!(ids(&replayed), [before + 2, before + 3, before + 4]);
}

#[tokio::test]
async fn resume_while_connected_brings_the_same() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let before = app.last_event_id;
    for _ in 0..3 {
        operator.assign_new(DRIVER).await;
        app.expect("order_assigned").await;
    }
    app.send(json!({"type": "resume", "last_event_id": before + 1}));
    assert_eq!(app.expect("order_assigned").await["id"], before + 2);
    assert_eq!(app.expect("order_assigned").await["id"], before + 3);
}

/// It was answered with a bare 400, on which no app knows what to do.
#[tokio::test]
async fn of_a_number_that_is_named_twice_the_last_counts() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    for _ in 0..2 {
        operator.assign_new(DRIVER).await;
        app.expect("order_assigned").await;
    }
    app.sync().await;
    let mut again = server.door(DRIVER).await.after(0).with_more("last_event_id=1").connect().await;
    assert_eq!(again.expect("order_assigned").await["id"], 2);
}

#[tokio::test]
async fn a_number_beyond_the_newest_is_told_and_brings_what_is_unconfirmed() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let order_id = operator.assign_new(DRIVER).await;
    let mut app = server.door(DRIVER).await.after(5_000).connect().await;
    let failed = app.expect("resume_failed").await;
    assert_eq!(failed["data"]["newest_id"], app.last_event_id);
    assert!(failed["data"]["oldest_id"].as_i64().is_some_and(|oldest| oldest <= app.last_event_id));
    let state = app.expect("orders").await;
    assert_eq!(
        state["data"]["orders"][0]["order_id"], order_id,
        "the current state comes before what is unconfirmed"
    );
    expect_order(&mut app, order_id).await;
    assert!(app.sync().await.is_empty());
}

#[tokio::test]
async fn numbers_have_no_gap_across_connections_and_a_kill() {
    let mut server = Server::builder().stable_port().setting("MAX_DELIVERIES_PER_DRIVER", 100).start().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let before = app.last_event_id;
    let mut last_seen = before;
    for round in 1..=6 {
        let order_id = operator.assign_new(DRIVER).await;
        last_seen = expect_order(&mut app, order_id).await;
        assert_eq!(last_seen, before + round);
        if round == 3 {
            server.kill();
            server.restart().await;
        }
        if round % 2 == 1 {
            app = server.door(DRIVER).await.after(last_seen).connect().await;
        }
    }
    assert_eq!(last_seen, before + 6);
}

/// The ghosted session may have had the event in its hands: the newer one sends it all the same.
#[tokio::test]
async fn an_event_sent_into_a_frozen_connection_comes_through_the_next_one() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let frozen = server.driver(DRIVER).await;
    frozen.freeze().await;
    let order_id = operator.assign_new(DRIVER).await;
    let mut app = server.driver(DRIVER).await;
    expect_order(&mut app, order_id).await;
}

#[tokio::test]
async fn a_connection_that_vanished_leaves_no_session_behind() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let app = server.driver(DRIVER).await;
    assert_eq!(operator.driver(DRIVER).await["connected"], true);
    app.cut().await;
    wait_until("the session is gone", async || operator.driver(DRIVER).await["connected"] == false).await;
    wait_until("the gauge says so", async || server.metric("fleetwire_sessions").await == 0.0).await;
}
