//! One user tries to take everything, and the limits prevent it: each limit has its reaction, and others are not
//! affected.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::bookings::booking_body;
use crate::support::matching_app::find_driver;
use crate::support::rides::{ride_body, ride_id};
use crate::support::{Heard, Server, wait_until};

/// Customers of the demo data.
const PASSENGER: i64 = 1;
const OTHER_PASSENGER: i64 = 123;

/// One passenger bound the whole fleet in a second, with 250 requests, or with as many ids on the matching socket.
#[tokio::test]
async fn a_customer_has_only_so_many_jobs_open() {
    let builder = Server::builder().setting("MATCH_MODE", "offer");
    let builder =
        builder.setting("MAX_OPEN_RIDES_PER_CUSTOMER", 2).setting("MAX_OPEN_BOOKINGS_PER_CUSTOMER", 1);
    let server = builder.start().await;
    let (passenger, token) = (server.passenger_api(PASSENGER).await, server.passenger_token(PASSENGER).await);
    let first = passenger.request_ride().await;
    let at_once = join_all((0..20).map(|_| passenger.post("rides", ride_body()))).await;
    let (made, refused): (Vec<_>, Vec<_>) = at_once.into_iter().partition(|reply| reply.status == 201);
    assert_eq!(made.len(), 1, "however many ask at the same time");
    for reply in refused {
        assert_eq!(reply.header("retry-after"), "60");
        assert_eq!(reply.expect_problem(429).body["code"], "too_many_open_jobs");
    }
    assert_eq!(server.metric("fleetwire_limited_total").await, 19.0);
    let mut app = server.ride_door("by-the-socket").with_token(&token).connect().await;
    app.send(find_driver());
    assert_eq!(app.expect_error("too_many_open_jobs").await["retry_after"], 60);
    server.passenger_api(OTHER_PASSENGER).await.request_ride().await;
    // A job that has ended makes room for another.
    passenger.ride(&first, "cancel").await.expect(200);
    passenger.request_ride().await;
    passenger.post("rides", ride_body()).await.expect_problem(429);
    passenger.ride(&ride_id(&made[0]), "cancel").await.expect(200);
    app.search().await;

    passenger.book(PASSENGER).await;
    let refused = passenger.post("bookings", booking_body(PASSENGER)).await.expect_problem(429);
    assert_eq!(refused.body["code"], "too_many_open_jobs");
    server.operator().await.api().book(PASSENGER).await;
}

#[tokio::test]
async fn guests_of_one_address_have_only_so_many_rides_open() {
    let builder = Server::builder().setting("MATCH_MODE", "offer").setting("MAX_OPEN_RIDES_PER_ADDRESS", 1);
    let server = builder.start().await;
    let mut first = server.ride_door("1").connect().await;
    first.search().await;
    let mut second = server.ride_door("2").connect().await;
    second.send(find_driver());
    assert_eq!(second.expect_error("too_many_open_jobs").await["retry_after"], 60);
    server.ride_door("3").elsewhere().connect().await.search().await;
    let of_here = "SELECT COUNT(*) AS value FROM jobs WHERE asked_from = '127.0.0.1'";
    assert_eq!(server.database().number(of_here), 1);
    first.send(json!({"type": "cancel_ride"}));
    first.expect("ride_cancelled").await;
    let kept = "SELECT COUNT(*) AS value FROM jobs WHERE asked_from IS NOT NULL AND status = 'cancelled'";
    assert_eq!(server.database().number(kept), 0, "from where it was asked for");
    second.search().await;
}

#[tokio::test]
async fn an_account_asks_only_so_often_over_a_socket() {
    let builder =
        Server::builder().setting("REQUESTS_PER_MINUTE_PER_ACCOUNT", 8).setting("CHAT_PER_MINUTE", 1);
    let server = builder.start().await;
    let api = server.passenger_api(PASSENGER).await;
    let mut app = server.hailing_passenger(PASSENGER).await;
    app.chat("nowhere", "Where are you?");
    app.expect_error("not_found").await;
    app.chat("nowhere", "Where are you?");
    let limited = app.expect_error("rate_limited").await;
    assert!(
        limited["data"]["retry_after"].as_u64().is_some_and(|secs| (1..=60).contains(&secs)),
        "{limited}"
    );
    let mut codes = Vec::new();
    for _ in 0..20 {
        app.send(json!({"type": "join_ride", "ride_id": "nowhere"}));
        codes.push(app.expect("error").await["data"]["code"].as_str().map(str::to_owned));
    }
    let asked = codes.iter().filter(|code| code.as_deref() == Some("not_found")).count();
    // A token comes back each 7.5 s, and the slowest machine is done by the third.
    assert!((6..=8).contains(&asked), "{codes:?}");
    assert!(
        codes.iter().all(|code| matches!(code.as_deref(), Some("not_found" | "rate_limited"))),
        "{codes:?}"
    );
    assert!(app.sync().await.is_empty(), "pings are not counted, and the socket is open");
    // Of two in a row the second finds no token that has just come back.
    api.get("rides").await;
    api.get("rides").await.expect_problem(429);
    server.passenger_api(OTHER_PASSENGER).await.get("rides").await.expect(200);
}

#[tokio::test]
async fn an_account_and_an_address_have_only_so_many_sockets() {
    let builder =
        Server::builder().setting("MAX_SOCKETS_PER_ACCOUNT", 2).setting("MAX_SOCKETS_PER_ADDRESS", 2);
    let server = builder.start().await;
    let mut oldest = server.hailing_passenger(PASSENGER).await;
    let mut others =
        vec![server.hailing_passenger(PASSENGER).await, server.hailing_passenger(PASSENGER).await];
    oldest.expect_close(4003).await;
    for app in &mut others {
        assert!(app.sync().await.iter().all(|message| message["type"] != "error"), "the newer ones are open");
    }
    // Operators have several windows.
    let mut consoles = Vec::new();
    for _ in 0..3 {
        consoles.push(server.hailing_admin().await);
    }
    assert!(consoles[0].sync().await.is_empty());

    let (first, second) = (server.ride_door("1").connect().await, server.ride_door("2").connect().await);
    assert_eq!(server.ride_door("3").refused().await, 429);
    server.ride_door("3").elsewhere().connect().await;
    let known = server.passenger_token(OTHER_PASSENGER).await;
    server.ride_door("4").with_token(&known).connect().await;
    // A socket that is refused is one while it closes.
    let refused = server.hailing_door("no-token").open().await;
    assert!(refused.is_err(), "there is no place for it");
    second.leave().await;
    let comes_in = async || server.ride_door("3").open().await.is_ok();
    wait_until("there is a place again", comes_in).await;
    drop(first);
    for (limit, times) in [("sockets_of_account", 1.0), ("sockets_of_address", 2.0)] {
        let counted = server.metric(&format!("fleetwire_limited_total{{limit=\"{limit}\"}}")).await;
        assert!(counted >= times, "{limit} {counted}");
    }
    assert!(!matches!(others[1].drain().last(), Some(Heard::Closed { .. })));
}
