//! The stories in the log by which an operator follows a ride, an order or a booking.

use serde_json::json;

use crate::support::bookings::booking_body;
use crate::support::rides::ride_body;
use crate::support::{DRIVER, NewOrder, Server, wait_until};

const PASSENGER: i64 = 1;

/// The lines of one job, `since_ms` left out: it must be a number, and must not fall from line to line.
fn story(server: &Server, job: i64) -> Vec<String> {
    let mut before = 0;
    let without_time = |line: String| {
        let (told, since) = line.split_once(" since_ms=").unwrap_or_else(|| panic!("no time: {line}"));
        // A line of a request ends with its id.
        let since = since.split(' ').next().unwrap_or_default();
        let since: u64 = since.parse().unwrap_or_else(|_| panic!("no milliseconds: {line}"));
        assert!(since >= before, "{line}");
        before = since;
        told.to_owned()
    };
    server.logged(&format!(" job={job} ")).into_iter().map(without_time).collect()
}

fn account_of_passenger(server: &Server) -> i64 {
    server.database().number("SELECT account_id AS value FROM customers WHERE id = 1")
}

#[track_caller]
fn nothing_personal(server: &Server, texts: &[&str]) {
    for text in texts {
        assert_eq!(server.logged(text), [] as [String; 0], "{text}");
    }
}

#[tokio::test]
async fn the_log_tells_a_ride_from_the_request_to_its_end() {
    let server = Server::for_rides(&[1, 2]).await;
    let operator = server.operator().await;
    let (passenger, winner) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let loser = server.driver_api(2).await;
    let ride = passenger.request_ride().await;
    loser.offered(&ride).await;
    wait_until("it is told who was asked", async || !server.logged("ride offered").is_empty()).await;
    loser.ride(&ride, "decline").await.expect(200);
    winner.take(&ride).await;
    for action in ["arrive", "start", "complete"] {
        winner.ride(&ride, action).await.expect(200);
    }
    let job = operator.list("admin/rides").await[0]["job_id"].as_i64().expect("a job");
    let account = account_of_passenger(&server);
    let told = story(&server, job);
    let line = |word: &str, more: &str| format!("ride {word} ride={ride} job={job}{more} account={account}");
    assert!(
        [line("offered", " count=2 driver=1 driver=2"), line("offered", " count=2 driver=2 driver=1")]
            .contains(&told[2]),
        "{told:?}"
    );
    let expected = [
        line("requested", ""),
        line("searched", ""),
        told[2].clone(),
        line("declined", " driver=2"),
        line("accepted", " driver=1"),
        line("arrived", " driver=1"),
        line("started", " driver=1"),
        line("completed", " driver=1"),
    ];
    assert_eq!(told, expected);
    nothing_personal(&server, &["+237123456789", "Nlongkak", "3.848", "11.5021"]);
}

#[tokio::test]
async fn a_ride_that_is_given_back_and_called_off_is_told_as_well() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    ride.driver.ride_because(&ride.id, "decline", "My tyre is flat").await.expect(200);
    ride.passenger.ride_because(&ride.id, "cancel", "I take the bus").await.expect(200);
    let job = server.operator().await.list("admin/rides").await[0]["job_id"].as_i64().expect("a job");
    let words: Vec<String> =
        story(&server, job).iter().map(|line| line.split(' ').nth(1).expect("a word").to_owned()).collect();
    let expected = ["requested", "searched", "offered", "accepted", "given_back", "searched", "cancelled"];
    assert_eq!(words, expected);
    assert!(server.logged("ride given_back")[0].contains(" driver=1 "));
    assert!(server.logged("ride searched").iter().all(|line| !line.contains("driver=")));
    assert!(server.logged("ride cancelled")[0].contains(" by=passenger "));
    nothing_personal(&server, &["flat", "the bus"]);
}

#[tokio::test]
async fn the_log_tells_an_order_and_a_booking() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let account = account_of_passenger(&server);
    let mut order = NewOrder::default().body();
    order["customer_id"] = json!(PASSENGER);
    order["pickup_latitude"] = json!(-26.2041);
    order["pickup_longitude"] = json!(28.0473);
    let id = operator.api().post("admin/orders", order).await.expect(201).id("order_id");
    operator.assign(id, DRIVER).await.expect(200);
    operator.unassign(id, "The wrong one").await.expect(200);
    operator.api().post(&format!("admin/orders/{id}/auto-assign"), json!({})).await.expect(200);
    for status in ["accepted", "picked_up", "delivered"] {
        server.driver_api(1).await.set_order_status(id, status).await.expect(200);
    }
    let line = |word: &str, driver: i64| format!("order {word} job={id} driver={driver} account={account}");
    let told = story(&server, id);
    assert!(told[3].starts_with(&format!("order searched job={id} account={account} found=")), "{told:?}");
    let expected = [
        format!("order requested job={id} account={account}"),
        line("assigned", DRIVER),
        line("given_back", DRIVER),
        told[3].clone(),
        line("assigned", 1),
        line("accepted", 1),
        line("picked_up", 1),
        line("delivered", 1),
    ];
    assert_eq!(told, expected);

    let made = operator.api().post("bookings", booking_body(PASSENGER)).await.expect(201);
    let id = made.id("booking_id");
    operator.api().give_booking(id, 2).await.expect(200);
    for status in ["StartJourney", "Reached", "StartService", "Completed"] {
        server.driver_api(2).await.move_booking(id, status).await.expect(200);
    }
    let line = |word: &str| format!("booking {word} job={id} driver=2 account={account}");
    let expected = [
        format!("booking requested job={id} account={account}"),
        line("assigned"),
        line("set_out"),
        line("arrived"),
        line("started"),
        line("completed"),
    ];
    assert_eq!(story(&server, id), expected);
    nothing_personal(&server, &["Koramangala", "Burger King", "Fox Street", "Brake", "The wrong one"]);
}

#[tokio::test]
async fn a_matching_session_is_told_with_its_ride_and_an_account_by_one_name() {
    let server = Server::asking().await;
    server.ride_door("ride-to-look-for").connect().await.leave().await;
    wait_until("the end is told", async || !server.logged("session closed").is_empty()).await;
    for line in [server.logged("session opened"), server.logged("session closed")].concat() {
        assert!(line.contains(" ride=ride-to-look-for"), "{line}");
    }
    let door = server.ride_door("another-ride").with_token(&server.driver_token(1).await);
    door.expect_closed(4001).await;
    assert!(server.logged("socket refused")[0].contains(" ride=another-ride"));
    let body = json!({"username": "passenger1", "password": "password123"});
    let login = server.anonymous().post("auth/login", body).await.expect(200).body;
    let account = account_of_passenger(&server);
    let who = format!("account={account} user_id={}", login["user"]["user_id"].as_str().expect("a UUID"));
    assert_eq!(server.logged(&format!("logged in {who}")).len(), 1);
    let refresh = json!({"refresh_token": login["refresh_token"]});
    server.anonymous().post("auth/logout", refresh).await.expect(204);
    assert_eq!(server.logged(&format!("logged out {who}")).len(), 1);
}

/// Uncommitted changes are not logged.
#[tokio::test]
async fn a_refused_request_is_no_story() {
    let server = Server::start_default().await;
    let passenger = server.passenger_api(PASSENGER).await;
    let mut body = ride_body();
    body["pickup_latitude"] = json!(91);
    passenger.post("rides", body).await.expect_problem(422);
    let operator = server.operator().await;
    let id = operator.create_order().await;
    operator.assign(id, 999_999).await.expect_problem(404);
    assert_eq!(story(&server, id), [format!("order requested job={id}")]);
    assert_eq!(server.logged("ride requested"), [] as [String; 0]);
}

/// Its title named what somebody had ordered.
#[tokio::test]
async fn what_was_not_pushed_is_told_by_its_type_and_not_by_its_text() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    server.register(PASSENGER, "android", json!({"fcmToken": "phone"})).await;
    server.bring_about(operator.api(), PASSENGER).await;
    let told = async || !server.logged("notification not sent").is_empty();
    wait_until("the log says that nothing was sent", told).await;
    for line in server.logged("notification not sent") {
        assert!(line.contains("type=") && !line.contains("title"), "{line}");
    }
}
