//! Why this driver and not that one, and how each event found its way: for operators.

use serde_json::{Value, json};

use crate::support::rides::{ride_body, ride_id};
use crate::support::{Server, wait_until};

const PASSENGER: i64 = 1;

async fn trace_of(server: &Server, ride: &str) -> Value {
    let sql = format!("SELECT id AS value FROM jobs WHERE public_id = '{ride}'");
    let job = server.database().number(&sql);
    server.operator().await.api().get(&format!("admin/jobs/{job}/trace")).await.expect(200).body
}

fn candidate(trace: &Value, driver: i64) -> Value {
    let candidates = trace["candidates"].as_array().expect("a list");
    candidates.iter().find(|candidate| candidate["driver_id"] == driver).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_ride_tells_whom_it_was_offered_to_and_why_others_were_passed_over() {
    let server = Server::for_rides(&[1, 2, 3, 123]).await;
    let operator = server.operator().await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    operator.change_driver(2, json!({"is_verified": false})).await.expect(200);
    operator.assign_new(3).await;
    wait_until("the matcher knows", async || {
        operator.api().get("admin/drivers/2/why").await.expect(200).body["can_be_offered_rides"] == false
    })
    .await;
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
    let words: Vec<_> =
        trace["statuses"].as_array().expect("a list").iter().map(|one| &one["status"]).collect();
    assert_eq!(words, ["requested", "assigned"]);
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
    let why =
        async |driver: i64| operator.api().get(&format!("admin/drivers/{driver}/why")).await.expect(200).body;
    let free = why(1).await;
    assert_eq!((&free["can_be_offered_rides"], &free["reasons"]), (&json!(true), &json!([])));
    operator.change_driver(1, json!({"suspended": true, "is_verified": false})).await.expect(200);
    let codes = |why: &Value| -> Vec<String> {
        why["reasons"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|reason| reason["code"].as_str().expect("a code").to_owned())
            .collect()
    };
    assert_eq!(codes(&why(1).await), ["suspended", "not_verified", "offline"]);
    // Somebody whose phone says that it is in another town.
    let mut app = server.driver(2).await;
    app.locate(-26.1041, 28.1473);
    app.sync().await;
    assert_eq!(codes(&why(2).await), [""; 0]);
    app.locate(0.0, 0.0);
    app.sync().await;
    assert_eq!(codes(&why(2).await), ["position_not_believed"]);
    operator.assign_new(3).await;
    assert_eq!(codes(&why(3).await), ["holds_deliveries"]);
    operator.api().get("admin/drivers/99/why").await.expect_problem(404);
    operator.api().get("admin/jobs/999999/trace").await.expect_problem(404);
    server.driver_api(2).await.get("admin/drivers/1/why").await.expect_problem(403);
}
