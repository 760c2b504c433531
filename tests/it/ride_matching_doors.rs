//! Who is let in by the matching door, and who is not.

use serde_json::json;

use crate::support::matching_app::find_driver;
use crate::support::{RideDoor, Server, tokens, wait_until};

/// Customers of the demo data.
const PASSENGER: i64 = 1;
const OTHER_PASSENGER: i64 = 123;

#[tokio::test]
async fn an_id_of_other_characters_is_no_ride() {
    let server = Server::start_default().await;
    let longest = "x".repeat(64);
    for good in ["1", "A-b_c.9", longest.as_str()] {
        server.ride_door(good).connect().await;
    }
    let too_long = "x".repeat(65);
    for bad in ["a%20b", "a%2Fb", "a/b", "%C3%A9", "a%00", "%", "%25", "a:b", "a+b", too_long.as_str(), ""] {
        assert_eq!(server.ride_door(bad).refused().await, 404, "{bad:?}");
    }
    // A browser drops these from a path, so a driver who was bound to the ride could not arrive.
    for dots in [".", "..", "%2E", "%2e%2E"] {
        assert_eq!(server.ride_door(dots).refused().await, 404, "{dots:?}");
    }
}

#[tokio::test]
async fn the_door_is_open_with_and_without_a_slash_on_every_address() {
    let server = Server::builder().setting("BIND", "127.0.0.1:0,127.0.0.1:0").start().await;
    let ports = server.ports();
    assert_eq!(ports.len(), 2);
    for port in ports {
        for path in ["/ws/ride/12345/", "/ws/ride/12345"] {
            RideDoor::at(port, path.to_owned(), "12345").connect().await.leave().await;
        }
    }
}

#[tokio::test]
async fn an_anonymous_ride_is_entered_with_its_key_or_from_where_it_was_opened_once_nobody_is_there() {
    let server = Server::start_default().await;
    let door = server.ride_door("1");
    let mut first = door.connect().await;
    let key = first.key().to_owned();
    assert!(key.len() >= 32, "{key}");
    first.search().await;
    door.expect_closed(4001).await;
    door.clone().with_key("0123456789abcdef0123456789abcdef").expect_closed(4001).await;
    door.clone().elsewhere().expect_closed(4001).await;
    let with_key = door.clone().elsewhere().with_key(&key).connect().await;
    assert_eq!(with_key.key(), key);
    first.leave().await;
    door.expect_closed(4001).await;
    with_key.leave().await;

    door.clone().elsewhere().expect_closed(4001).await;
    let back = door.connect().await;
    assert_eq!(back.key(), key, "the same key again");
    assert_ne!(server.ride_door("2").connect().await.key(), key, "each ride has its own");
}

/// The network is lost silently, and the app, which knows no keys, returns before the server has noticed.
#[tokio::test]
async fn an_app_whose_socket_does_not_answer_comes_in_again() {
    let server = Server::start_default().await;
    let door = server.ride_door("1");
    let mut app = door.connect().await;
    app.search().await;
    app.expect("driver_assigned").await;
    app.freeze().await;
    door.clone().elsewhere().expect_closed(4001).await;
    let mut back = door.connect().await;
    back.expect("driver_assigned").await;
    assert_eq!(app.key, back.key, "the same key again");
}

#[tokio::test]
async fn with_optional_keys_the_id_is_enough() {
    let server = Server::builder().setting("RIDE_KEY", "optional").start().await;
    let door = server.ride_door("1");
    let mut first = door.connect().await;
    let second = door.clone().elsewhere().connect().await;
    assert_eq!(first.key(), second.key());
    // A ride with an account is still its account's.
    let token = server.passenger_token(PASSENGER).await;
    let _mine = server.ride_door("mine").with_token(&token).connect().await;
    server.ride_door("mine").expect_closed(4001).await;
    first.sync().await;
}

#[tokio::test]
async fn without_anonymous_rides_a_token_is_needed() {
    let server = Server::builder().setting("ALLOW_ANONYMOUS_RIDES", "false").start().await;
    server.ride_door("1").expect_closed(4001).await;
    server.ride_door("1").with_key("0123456789abcdef0123456789abcdef").expect_closed(4001).await;
    let token = server.passenger_token(PASSENGER).await;
    let mut app = server.ride_door("1").with_token(&token).connect().await;
    app.search().await;
    app.expect("driver_assigned").await;
}

#[tokio::test]
async fn only_customers_come_in_with_a_token_and_only_to_their_own_rides() {
    let server = Server::start_default().await;
    let good = server.passenger_token(PASSENGER).await;
    let refused = [
        ("a driver's", server.driver_token(1).await),
        ("an operator's", server.command(&["token", "--admin"]).await.trim().to_owned()),
        ("a program's", server.command(&["token", "--service", "till"]).await.trim().to_owned()),
        ("expired", tokens::expiring_in(&good, -60)),
        ("of a foreign signer", tokens::signed_with_foreign_secret(&good)),
        ("unsigned", tokens::unsigned(&good)),
        ("no token at all", "rubbish".to_owned()),
    ];
    for (whose, token) in &refused {
        eprintln!("{whose}");
        server.ride_door("1").with_token(token).expect_closed(4001).await;
    }
    let mut mine = server.ride_door("1").with_token(&good).connect().await;
    let other = server.passenger_token(OTHER_PASSENGER).await;
    // Before there is a job, and when there is one.
    server.ride_door("1").with_token(&other).expect_closed(4001).await;
    mine.search().await;
    mine.expect("driver_assigned").await;
    server.ride_door("1").with_token(&other).expect_closed(4001).await;
    server.ride_door("1").expect_closed(4001).await;
    server.ride_door("1").with_token(&good).connect().await;

    // A guest's ride is no customer's.
    let mut guest = server.ride_door("guest").connect().await;
    guest.search().await;
    server.ride_door("guest").with_token(&good).with_key(guest.key()).expect_closed(4001).await;
}

/// The id was free when its socket was opened, and somebody else's by the time a driver is asked for.
#[tokio::test]
async fn a_ride_that_became_anothers_meanwhile_closes_with_4001() {
    let server = Server::start_default().await;
    let mut app = server.ride_door("1").connect().await;
    app.search().await;
    app.expect("driver_assigned").await;
    server.database().execute("UPDATE jobs SET customer_id = 1 WHERE public_id = '1'");
    app.send(find_driver());
    app.expect_close(4001).await;
}

#[tokio::test]
async fn an_expired_token_closes_with_4001_unless_a_new_one_came_in_time() {
    let server = Server::start_default().await;
    let good = server.passenger_token(PASSENGER).await;
    let ends_soon = tokens::expiring_in(&good, 2);
    let mut renewed = server.ride_door("1").with_token(&ends_soon).connect().await;
    let mut left = server.ride_door("2").with_token(&ends_soon).connect().await;
    let other = server.passenger_token(OTHER_PASSENGER).await;
    renewed.send(json!({"type": "authenticate", "token": other}));
    renewed.expect_error("unauthorized").await;
    renewed.send(json!({"type": "authenticate", "token": good}));
    assert!(renewed.expect("authenticated").await["expires_at"].is_string());
    left.expect_close(4001).await;
    assert!(renewed.sync().await.is_empty());
}

#[tokio::test]
async fn no_more_rides_are_held_than_allowed() {
    let server = Server::builder().setting("RIDES_HELD_MAX", 1).start().await;
    let first = server.ride_door("1").connect().await;
    assert_eq!(server.ride_door("2").refused().await, 503);
    assert_eq!(server.metric("fleetwire_rides_held_refused_total").await, 1.0);
    assert_eq!(server.metric("fleetwire_rides_held").await, 1.0);
    // One that is held has room for more sockets; when the last has gone, it makes room for another.
    server.ride_door("1").with_key(first.key()).connect().await.leave().await;
    assert_eq!(server.ride_door("2").refused().await, 503);
    first.leave().await;
    let comes_in = async || server.ride_door("2").open().await.is_ok();
    wait_until("the second ride comes in", comes_in).await;
    assert_eq!(server.metric("fleetwire_rides_held").await, 1.0);
}

#[tokio::test]
async fn handshakes_are_limited_by_address_here_too() {
    let server = Server::builder().setting("HANDSHAKES_PER_MINUTE_PER_ADDRESS", 3).start().await;
    for ride in ["1", "2", "3"] {
        server.ride_door(ride).connect().await;
    }
    assert_eq!(server.ride_door("4").refused().await, 429);
    server.ride_door("4").elsewhere().connect().await;
}

/// One socket could search and cancel without end, and a driver's phone heard of each.
#[tokio::test]
async fn one_ride_is_searched_for_only_so_often() {
    let builder = Server::builder().setting("MATCH_MODE", "offer").setting("FIND_DRIVER_PER_MINUTE", 2);
    let server = builder.start().await;
    let mut app = server.ride_door("1").connect().await;
    for _ in 0..2 {
        app.search().await;
        app.send(json!({"type": "cancel_ride"}));
        app.expect("ride_cancelled").await;
    }
    app.send(find_driver());
    app.expect_error("rate_limited").await;
    assert!(app.sync().await.is_empty(), "nothing came of it, and the socket is open");
    assert_eq!(server.metric("fleetwire_searches_limited_total").await, 1.0);
    let mut again = server.ride_door("1").with_key(app.key()).connect().await;
    again.send(find_driver());
    again.expect_error("rate_limited").await;
    server.ride_door("2").connect().await.search().await;
}

#[tokio::test]
async fn an_address_searches_only_so_often_without_an_account() {
    let builder = Server::builder().setting("MATCH_MODE", "offer").setting("ANONYMOUS_RIDES_PER_MINUTE", 2);
    let server = builder.start().await;
    for ride in ["1", "2"] {
        server.ride_door(ride).connect().await.search().await;
    }
    let mut third = server.ride_door("3").connect().await;
    third.send(find_driver());
    third.expect_error("rate_limited").await;
    server.ride_door("4").elsewhere().connect().await.search().await;
    let token = server.passenger_token(PASSENGER).await;
    server.ride_door("5").with_token(&token).connect().await.search().await;
}
