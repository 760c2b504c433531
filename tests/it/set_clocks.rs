//! The server's own clock is set while it works, an hour back or forward: searches and offers last as long as intended,
//! drivers are found where they are, absent people stay absent, and nobody is logged out.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::rides::ride_body;
use crate::support::set_clock::SetClock;
use crate::support::{Server, wait_until};

const HOUR: TimeDelta = TimeDelta::hours(1);
/// Where drivers are who are near; see `bring_near`.
const NEAR: &str = "drivers/nearby?latitude=3.8525&longitude=11.5021&radius_m=100&limit=50";

/// The longest that an offer and a search may take here, a position may be old and a driver away.
const SECS: i64 = 4;

async fn server(clock: &SetClock) -> Server {
    let builder = Server::builder()
        .setting("OFFER_WINDOW_SECS", SECS)
        .setting("SEARCH_DEADLINE_SECS", SECS)
        .setting("POSITION_MAX_AGE_SECS", SECS)
        .setting("DRIVER_OFFLINE_AFTER_SECS", SECS)
        // Long over when the clock is set an hour forward.
        .setting("ACCESS_TOKEN_TTL_SECS", 1_800);
    builder.stable_port().with_clock(clock).start_with_drivers(&[1, 2]).await
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().expect("a time").parse().expect("a time")
}

/// It had kept its offer and its driver for an hour, and an hour forward every offer was over at once.
#[tokio::test]
async fn offers_and_searches_that_are_open_last_as_long_as_they_were_meant_to() {
    for step in [-HOUR, HOUR] {
        let mut clock = SetClock::new();
        let server = server(&clock).await;
        let mut app = server.driver(1).await;
        let mut other = server.driver(2).await;
        let taken = server.passenger_api(1).await.request_ride().await;
        app.expect("ride_requested").await;
        other.expect("ride_requested").await;
        clock.set(step);
        server.driver_api(1).await.ride(&taken, "accept").await.expect(200);
        app.expect("ride_accepted").await;
        other.expect("ride_unavailable").await;

        // The other one hears of the next ride, and of its end, by the time that is shown now.
        let open = server.passenger_api(123).await.post("rides", ride_body()).await.expect(201).body;
        let offer = other.expect("ride_requested").await;
        let left = time(&offer["data"]["expires_at"]) - clock.now();
        assert!((0..=SECS).contains(&left.num_seconds()), "{left}: {offer}");
        clock.set(TimeDelta::zero());
        let ended = other.expect("ride_unavailable").await;
        assert_eq!(ended["data"], json!({"ride_id": open["ride_id"], "reason": "expired"}));
        let searched = async || server.metric("fleetwire_searches_open").await == 0.0;
        wait_until("the search has ended", searched).await;
        assert_eq!(server.metric("fleetwire_offers_open").await, 0.0);
    }
}

/// A search of before the clock was set back had an hour to go when the server started again.
#[tokio::test]
async fn a_search_goes_on_after_a_restart_for_no_longer_than_it_was_meant_to() {
    let mut clock = SetClock::new();
    let mut server = server(&clock).await;
    let ride = server.passenger_api(1).await.request_ride().await;
    server.kill();
    clock.set(-HOUR);
    server.restart().await;
    let passenger = server.passenger_api(1).await;
    wait_until("the search has ended", async || {
        passenger.show_ride(&ride).await.expect(200).body["status"] == "no_drivers"
    })
    .await;
}

#[tokio::test]
async fn drivers_are_found_where_they_are_and_who_is_away_is_away() {
    for step in [-HOUR, HOUR] {
        let mut clock = SetClock::new();
        let server = server(&clock).await;
        for driver in [1, 2] {
            server.driver_api(driver).await.locate(3.8525, 11.5021).await;
        }
        let stored = async || server.database().locations_stored() == 2;
        wait_until("the drivers' rows have times of before", stored).await;
        clock.set(step);
        let (operator, live) = (server.operator().await, server.driver_api(1).await);
        let near = async || {
            let body = operator.api().get(NEAR).await.expect(200).body;
            let items = body["items"].as_array().expect("a list").iter();
            let found: Vec<_> =
                items.map(|item| (item["driver_id"].as_i64(), item["latitude"].as_f64())).collect();
            found
        };
        // Twenty metres on.
        wait_until("one is where they are, and the other's phone is dead", async || {
            live.locate(3.8527, 11.5021).await;
            near().await == [(Some(1), Some(3.8527))]
        })
        .await;
        wait_until("who is away is offline", async || {
            live.locate(3.8527, 11.5021).await;
            operator.driver(2).await["status"] == "offline"
        })
        .await;
        assert_eq!(operator.driver(1).await["status"], "available");
        let age_secs = operator.driver(2).await["position_age_secs"].clone();
        assert!(age_secs.as_i64().is_some_and(|secs| secs >= SECS), "{age_secs}");
    }
}

/// An event that a phone had ten seconds to confirm was pushed an hour later.
#[tokio::test]
async fn what_waits_to_be_confirmed_is_pushed_all_the_same() {
    let mut clock = SetClock::new();
    let builder = Server::builder().setting("CONFIRM_TIMEOUT_MS", 10_000).with_clock(&clock);
    let server = builder.start().await;
    let operator = server.operator().await;
    let app = server.hailing_passenger(1).await;
    app.freeze().await;
    let key = |id: i64| {
        let request = operator.api().request(reqwest::Method::POST, &format!("admin/orders/{id}/cancel"));
        request.header("Idempotency-Key", "k").json(&json!({"reason": "The kitchen is closed"}))
    };
    let mut order = crate::support::NewOrder::default().body();
    order["customer_id"] = json!(1);
    let id = operator.api().post("admin/orders", order).await.expect(201).id("order_id");
    let first = crate::support::api::send(key(id)).await.expect(200);
    clock.set(-HOUR);
    server.push_settled().await;
    assert_eq!(
        crate::support::api::send(key(id)).await.expect(200).text,
        first.text,
        "the same request again"
    );
}
