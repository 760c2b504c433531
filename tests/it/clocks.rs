//! Phones whose clocks are wrong, and queues of phones that were offline: drivers are still found where they are, and
//! the right times are stored.

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::rides::ride_body;
use crate::support::{DRIVER, DriverApp, Operator, Server, wait_until};

/// Somewhere in Yaoundé, far from the demo data.
const HERE: (f64, f64) = (3.8525, 11.5021);
const THREE_HOURS: i64 = 3 * 3600;

/// A position as a phone writes it whose clock, or whose measurement, is so many seconds behind.
fn behind(secs: i64, latitude: f64) -> Value {
    let at = Utc::now() - TimeDelta::seconds(secs);
    json!({"latitude": latitude, "longitude": HERE.1, "timestamp": at.to_rfc3339_opts(SecondsFormat::Millis, true)})
}

fn located(data: Value) -> Value {
    json!({"type": "location_update", "data": data})
}

/// The drivers within 100 m: ids and the ages of their positions.
async fn near(operator: &Operator, latitude: f64) -> Vec<(i64, Option<i64>)> {
    let query = format!("drivers/nearby?latitude={latitude}&longitude={}&radius_m=100&limit=50", HERE.1);
    let reply = operator.api().get(&query).await.expect(200);
    let items = reply.body["items"].as_array().expect("a list").clone();
    let mut near: Vec<_> = items
        .iter()
        .map(|item| (item["driver_id"].as_i64().expect("an id"), item["position_age_secs"].as_i64()))
        .collect();
    near.sort();
    near
}

/// Connected, available and never matched, that is what such drivers were.
#[tokio::test]
async fn a_phone_hours_slow_is_matched_whichever_way_its_positions_come() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(1).await;
    app.send(located(behind(THREE_HOURS, HERE.0)));
    app.sync().await;
    let mut hailing = server.hailing_driver(2).await;
    hailing.send(located(behind(THREE_HOURS, HERE.0)));
    hailing.sync().await;
    let batch = json!([behind(THREE_HOURS + 20, HERE.0 + 0.001), behind(THREE_HOURS, HERE.0)]);
    server.driver_api(3).await.put("driver/location", batch).await.expect(202);
    let found = near(&operator, HERE.0).await;
    assert_eq!(found.iter().map(|(driver, _)| *driver).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(found.iter().all(|(_, age)| age.is_some_and(|age| age < 10)), "{found:?}");
    let ride = server.passenger_api(1).await.post("rides", ride_body()).await.expect(201);
    let path = format!("rides/{}", ride.body["ride_id"].as_str().expect("an id"));
    let passenger = server.passenger_api(1).await;
    wait_until("a driver has the ride", async || passenger.get(&path).await.body["status"] == "accepted")
        .await;
    // The time of measurement is stored as the phone sent it.
    wait_until("the positions are stored", async || server.database().locations_stored() == 4).await;
    let behind_secs = (Utc::now() - server.database().locations(1)[0].created_at).num_seconds();
    assert!((THREE_HOURS - 60..THREE_HOURS + 60).contains(&behind_secs), "{behind_secs}");
}

#[tokio::test]
async fn a_position_from_the_future_does_not_hold_up_those_after_it() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    for (secs, latitude) in [(-55, HERE.0), (0, HERE.0 + 0.002)] {
        app.send(located(behind(secs, latitude)));
        app.sync().await;
        assert_eq!(near(&operator, latitude).await.len(), 1, "{latitude}");
    }
    app.locate(HERE.0 + 0.004, HERE.1);
    app.sync().await;
    assert_eq!(near(&operator, HERE.0 + 0.004).await.len(), 1);
}

#[tokio::test]
async fn a_phone_that_died_is_not_matched_any_more_whatever_its_clock_showed() {
    let server = Server::builder().setting("POSITION_MAX_AGE_SECS", 2).start().await;
    let operator = server.operator().await;
    for (driver, secs) in [(1, THREE_HOURS), (2, -55), (3, 0)] {
        let app = server.driver_api(driver).await;
        app.put("driver/location", behind(secs, HERE.0)).await.expect(202);
    }
    assert_eq!(near(&operator, HERE.0).await.len(), 3);
    wait_until("none of them is found any more", async || near(&operator, HERE.0).await.is_empty()).await;
}

/// Silence is what does not come, not what a clock says of it.
#[tokio::test]
async fn a_phone_hours_slow_that_sends_by_rest_alone_keeps_its_driver_on_duty() {
    let server = Server::builder().setting("DRIVER_OFFLINE_AFTER_SECS", 4).start().await;
    let operator = server.operator().await;
    let (slow, vague) = (server.driver_api(1).await, server.driver_api(2).await);
    server.driver_api(3).await.put("driver/location", behind(0, HERE.0)).await.expect(202);
    let somewhere = json!({"latitude": HERE.0, "longitude": HERE.1, "accuracy": 4_000});
    vague.put("driver/location", behind(0, HERE.0)).await.expect(202);
    wait_until("a driver whose phone says nothing is offline", async || {
        slow.put("driver/location", behind(THREE_HOURS, HERE.0)).await.expect(202);
        vague.put("driver/location", somewhere.clone()).await.expect(202);
        operator.driver(3).await["status"] == "offline"
    })
    .await;
    for driver in [1, 2] {
        assert_eq!(operator.driver(driver).await["status"], "available", "{driver}");
    }
}

/// An hour of positions, one each ten seconds.
fn queue() -> Vec<Value> {
    (1..=360).rev().map(|n| behind(n * 10, HERE.0 + f64::from(360 - n as i32) * 1e-5)).collect()
}

async fn send_all(app: &mut DriverApp, positions: &[Value]) {
    for position in positions {
        app.send(located(position.clone()));
    }
    let answers = app.sync().await;
    assert!(answers.is_empty(), "{answers:?}");
}

/// It had ended in 1008, and again at each reconnect, and what came twice was stored twice.
#[tokio::test]
async fn an_hours_queue_is_taken_over_and_one_that_is_sent_again_is_stored_once() {
    let mut server = Server::builder().setting("MESSAGES_PER_SECOND", 100).stable_port().start().await;
    let queue = queue();
    let mut app = server.driver(DRIVER).await;
    send_all(&mut app, &queue).await;
    let stored = async |server: &Server, count: i64| {
        wait_until("the positions are stored", async || server.database().locations_stored() == count).await;
    };
    stored(&server, 360).await;
    // The connection was lost, and the app does not know how much has arrived.
    app.cut().await;
    let mut app = server.driver(DRIVER).await;
    send_all(&mut app, &queue).await;
    let live = behind(0, HERE.0 + 0.0036);
    send_all(&mut app, std::slice::from_ref(&live)).await;
    stored(&server, 361).await;
    let repeated = async |server: &Server| server.metric("fleetwire_positions_repeated_total").await;
    wait_until("all are accounted for", async || repeated(&server).await == 360.0).await;
    app.cut().await;
    server.restart().await;
    let batch = Value::from(queue[300..].to_vec());
    let again = server.driver_api(DRIVER).await.put("driver/location", batch).await.expect(202);
    assert_eq!(again.body, json!({"accepted": 60, "rejected": []}), "what was taken before is taken");
    wait_until("all are accounted for", async || repeated(&server).await == 60.0).await;
    assert_eq!(server.database().locations_stored(), 361);
}

#[tokio::test]
async fn a_queue_moves_nobody_back() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let live = behind(0, HERE.0 + 0.01);
    send_all(&mut app, &[live]).await;
    for batch in queue().chunks(60) {
        send_all(&mut app, batch).await;
        assert_eq!(near(&operator, HERE.0 + 0.01).await.len(), 1);
    }
    let batch = Value::from(queue()[..60].to_vec());
    server.driver_api(DRIVER).await.put("driver/location", batch).await.expect(202);
    let found = near(&operator, HERE.0 + 0.01).await;
    assert!(matches!(found[..], [(DRIVER, Some(age))] if age < 30), "{found:?}");
}

/// The phone's clock is set back while the app runs: its positions come live all the same.
#[tokio::test]
async fn a_clock_that_is_set_back_is_found_out() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    send_all(&mut app, &[behind(0, HERE.0)]).await;
    let mut latitude = HERE.0;
    wait_until("the driver is where they are", async || {
        latitude += 1e-4;
        app.send(located(behind(THREE_HOURS, latitude)));
        tokio::time::sleep(Duration::from_millis(400)).await;
        latitude > HERE.0 + 0.002 && !near(&operator, latitude).await.is_empty()
    })
    .await;
}
