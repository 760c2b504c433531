//! Explanations for operators: why this driver and not that one, and how each event was delivered.

use serde_json::{Value, json};

use crate::silence::order_to_match;
use crate::support::rides::{ride_body, ride_id};
use crate::support::{DRIVER, Operator, Server, wait_until};

const PASSENGER: i64 = 1;

/// As an operator comes to it: by the list of rides.
async fn trace_of(server: &Server, ride: &str) -> Value {
    let operator = server.operator().await;
    let rides = operator.list("admin/rides").await;
    let listed = rides.iter().find(|listed| listed["ride_id"] == *ride).expect("it is in the list");
    let job = listed["job_id"].as_i64().expect("its job");
    operator.api().get(&format!("admin/jobs/{job}/trace")).await.expect(200).body
}

/// A driver as the ride's last search had them.
fn candidate(trace: &Value, driver: i64) -> Value {
    let candidates = trace["candidates"].as_array().expect("a list");
    candidates.iter().rfind(|candidate| candidate["driver_id"] == driver).cloned().unwrap_or_default()
}

async fn why(operator: &Operator, driver: i64) -> Value {
    operator.api().get(&format!("admin/drivers/{driver}/why")).await.expect(200).body
}

/// One field of each item of a list.
fn words(list: &Value, field: &str) -> Vec<String> {
    let items = list.as_array().expect("a list").iter();
    items.map(|item| item[field].as_str().expect("a word").to_owned()).collect()
}

/// A driver's outcomes in the searches that considered them, the last one first.
async fn looks(operator: &Operator, driver: i64) -> Vec<String> {
    words(&why(operator, driver).await["looked_at"], "outcome")
}

/// Puts a driver who is off duty north of where rides begin.
async fn stand_by(operator: &Operator, driver: i64, latitude: f64) {
    let change = json!({"status": "offline", "latitude": latitude, "longitude": 11.5021});
    operator.change_driver(driver, change).await.expect(200);
    wait_until("the matcher knows", async || {
        let known = why(operator, driver).await;
        known["position"]["latitude"] == latitude && known["status"] == "offline"
    })
    .await;
}

#[tokio::test]
async fn a_ride_tells_whom_it_was_offered_to_and_why_others_were_passed_over() {
    let server = Server::for_rides(&[1, 2, 3, 123]).await;
    let operator = server.operator().await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    operator.change_driver(2, json!({"is_verified": false})).await.expect(200);
    operator.assign_new(3).await;
    wait_until("the matcher knows", async || why(&operator, 2).await["can_be_offered_rides"] == false).await;
    let mut app = server.driver(1).await;
    let mut body = ride_body();
    body["ride_type"] = json!("sedan");
    let ride = ride_id(&passenger.post("rides", body).await.expect(201));
    app.expect("ride_requested").await;
    app.sync().await;
    driver.ride(&ride, "accept").await.expect(200);
    wait_until("it is noted that the phone has the offer", async || {
        candidate(&trace_of(&server, &ride).await, 1)["seen_at"].is_string()
    })
    .await;
    let trace = trace_of(&server, &ride).await;
    let winner = candidate(&trace, 1);
    assert_eq!((&winner["outcome"], &winner["position_age_secs"]), (&json!("accepted"), &Value::Null));
    assert!((490.0..510.0).contains(&winner["distance_m"].as_f64().expect("a number")), "{winner}");
    assert!(winner["offered_at"].is_string() && winner["answered_at"].is_string(), "{winner}");
    assert_eq!(candidate(&trace, 2)["outcome"], "not_verified");
    // Driver 3 drives an SUV, driver 123 a moto; neither is asked whatever else they do.
    assert_eq!(candidate(&trace, 123)["outcome"], "other_vehicle");
    assert_eq!(words(&trace["statuses"], "status"), ["requested", "assigned"]);
    assert_eq!(trace["searches"][0]["ended_as"], "assigned");
    let told = trace["events"].as_array().expect("a list");
    let names: Vec<_> = told.iter().map(|event| event["name"].as_str().expect("a name")).collect();
    assert_eq!(names.iter().filter(|name| **name == "ride_accepted").count(), 2, "{names:?}");
    let offer = told.iter().find(|event| event["name"] == "ride_requested").expect("the offer");
    assert!(offer["sent_at"].is_string() && offer["confirmed_over"] == "driver_app", "{offer}");
    let unheard = told.iter().find(|event| event["name"] == "ride_accepted" && event["sent_at"].is_null());
    assert!(unheard.is_some(), "the passenger has no socket: {told:?}");
}

#[tokio::test]
async fn a_driver_who_gets_no_offers_can_be_told_why() {
    let server = Server::for_rides(&[1]).await;
    let operator = server.operator().await;
    let free = why(&operator, 1).await;
    assert_eq!((&free["can_be_offered_rides"], &free["reasons"]), (&json!(true), &json!([])));
    operator.change_driver(1, json!({"suspended": true, "is_verified": false})).await.expect(200);
    let codes = async |driver: i64| words(&why(&operator, driver).await["reasons"], "code");
    assert_eq!(codes(1).await, ["suspended", "not_verified", "offline"]);
    operator.assign_new(3).await;
    assert_eq!(codes(3).await, ["holds_deliveries"]);
    operator.api().get("admin/drivers/99/why").await.expect_problem(404);
    operator.api().get("admin/jobs/999999/trace").await.expect_problem(404);
    server.driver_api(2).await.get("admin/drivers/1/why").await.expect_problem(403);
}

/// Nobody could see why such a driver got nothing: `why` had said that they could.
#[tokio::test]
async fn a_position_that_is_not_believed_keeps_a_driver_from_rides_while_it_lasts() {
    let server = Server::for_rides(&[]).await;
    let (operator, driver) = (server.operator().await, server.driver_api(1).await);
    driver.locate(3.8525, 11.5021).await;
    let earlier = (chrono::Utc::now() - chrono::TimeDelta::minutes(1)).to_rfc3339();
    let late = json!({"latitude": 3.86, "longitude": 11.5021, "timestamp": earlier});
    driver.put("driver/location", late).await.expect(202);
    let known = why(&operator, 1).await;
    assert_eq!((&known["position"]["latitude"], &known["reasons"]), (&json!(3.8525), &json!([])), "{known}");
    assert_eq!(known["position_not_believed"], Value::Null, "what comes late is nothing to tell");
    // In another town all at once.
    driver.locate(-26.2, 28.0).await;
    let known = why(&operator, 1).await;
    assert_eq!(known["can_be_offered_rides"], false, "{known}");
    assert_eq!(words(&known["reasons"], "code"), ["position_not_believed"]);
    assert_eq!(
        (&known["position"]["latitude"], &known["position_not_believed"]["code"]),
        (&json!(3.8525), &json!("jump"))
    );
    let ride = server.passenger_api(PASSENGER).await.request_ride().await;
    wait_until("it is noted why they were not asked", async || {
        let candidates = trace_of(&server, &ride).await["candidates"].clone();
        let theirs =
            candidates.as_array().and_then(|all| all.iter().find(|one| one["driver_id"] == 1).cloned());
        theirs.is_some_and(|one| one["outcome"] == "position_not_believed")
    })
    .await;
    driver.locate(3.8526, 11.5021).await;
    let known = why(&operator, 1).await;
    assert_eq!((&known["position_not_believed"], &known["reasons"]), (&Value::Null, &json!([])), "{known}");
    driver.take(&ride).await;
}

/// The second search had shown what became of the first one's offers, an open offer had read `not_bound`, and who was asked on
/// coming online stood there as they were when they were offline.
#[tokio::test]
async fn a_ride_that_was_given_back_tells_its_searches_apart() {
    let server = Server::for_rides(&[1, 2]).await;
    let operator = server.operator().await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    stand_by(&operator, 3, 3.87).await;
    let ride = passenger.request_ride().await;
    driver.offered(&ride).await;
    wait_until("the look is noted", async || looks(&operator, 1).await == ["offered"]).await;
    driver.ride(&ride, "accept").await.expect(200);
    driver.ride(&ride, "arrive").await.expect(200);
    driver.ride_because(&ride, "cancel", "A flat tyre").await.expect(200);
    wait_until("the second search is noted", async || looks(&operator, 3).await.len() == 2).await;
    assert_eq!(looks(&operator, 1).await, ["asked_before", "accepted"]);
    assert_eq!(looks(&operator, 2).await, ["asked_before", "taken"]);
    assert_eq!(looks(&operator, 3).await, ["offline", "offline"]);
    let trace = trace_of(&server, &ride).await;
    assert_eq!(words(&trace["statuses"], "status"), ["requested", "assigned", "arrived", "requested"]);
    assert_eq!(candidate(&trace, 1)["outcome"], "asked_before", "{trace}");

    let closer = json!({"status": "available", "latitude": 3.8525, "longitude": 11.5021});
    operator.change_driver(3, closer).await.expect(200);
    let third = server.driver_api(3).await;
    third.offered(&ride).await;
    wait_until("the look is noted", async || looks(&operator, 3).await == ["offered", "offline"]).await;
    let asked = candidate(&trace_of(&server, &ride).await, 3);
    assert!((490.0..510.0).contains(&asked["distance_m"].as_f64().expect("a number")), "{asked}");
    third.ride(&ride, "accept").await.expect(200);
    let trace = trace_of(&server, &ride).await;
    let statuses = words(&trace["statuses"], "status");
    assert_eq!(statuses, ["requested", "assigned", "arrived", "requested", "assigned"]);
    let own = passenger.get("rides").await.expect(200);
    assert_eq!(own.body["items"][0]["job_id"], Value::Null, "that is the operators'");
}

/// Only those within the first radius had left a trace, and the end none among the statuses.
#[tokio::test]
async fn a_ride_without_a_driver_tells_who_could_not_be_matched_however_far_it_looked() {
    let server = Server::builder().setting("SEARCH_DEADLINE_SECS", 3).setting("OFFER_WINDOW_SECS", 3);
    let server = server.setting("SEARCH_RADIUS_M", "1000,5000").start_with_drivers(&[]).await;
    let operator = server.operator().await;
    stand_by(&operator, 1, 3.8525).await;
    stand_by(&operator, 2, 3.87).await;
    let ride = server.passenger_api(PASSENGER).await.request_ride().await;
    wait_until("both are noted", async || {
        let trace = trace_of(&server, &ride).await;
        [1, 2].iter().all(|driver| candidate(&trace, *driver)["outcome"] == "offline")
    })
    .await;
    wait_until("the search has ended", async || {
        words(&trace_of(&server, &ride).await["statuses"], "status") == ["requested", "unmatched"]
    })
    .await;
}

/// Auto-assign had left no trace: nobody could be told why an order went to one driver and not to another.
#[tokio::test]
async fn an_order_that_was_given_to_the_nearest_driver_tells_who_was_passed_over_for_them() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let trace_of = async |order: i64| {
        let path = format!("admin/jobs/{order}/trace");
        operator.api().get(&path).await.expect(200).body
    };
    operator.change_driver(1, json!({"latitude": 12.9346, "longitude": 77.6266})).await.expect(200);
    operator.change_driver(1, json!({"is_verified": false})).await.expect(200);
    wait_until("the matcher knows", async || why(&operator, 1).await["can_be_offered_rides"] == false).await;

    let order = order_to_match(&server).await;
    operator.api().post(&format!("admin/orders/{order}/auto-assign"), json!({})).await.expect(200);
    let trace = trace_of(order).await;
    assert_eq!(words(&trace["searches"], "ended_as"), ["assigned"]);
    assert_eq!(candidate(&trace, DRIVER)["outcome"], "assigned");
    assert_eq!(candidate(&trace, 1)["outcome"], "not_verified");
    assert_eq!(words(&trace["statuses"], "status"), ["requested", "assigned"]);
    assert_eq!(looks(&operator, DRIVER).await, ["assigned"]);

    operator.change_driver(DRIVER, json!({"is_verified": false})).await.expect(200);
    wait_until("the matcher knows", async || {
        why(&operator, DRIVER).await["reasons"].to_string().contains("not_verified")
    })
    .await;
    let order = order_to_match(&server).await;
    operator.api().post(&format!("admin/orders/{order}/auto-assign"), json!({})).await.expect_problem(409);
    let trace = trace_of(order).await;
    assert_eq!(words(&trace["searches"], "ended_as"), ["no_drivers"]);
    assert_eq!(candidate(&trace, DRIVER)["outcome"], "not_verified");
    assert_eq!(words(&trace["statuses"], "status"), ["requested"]);
}
