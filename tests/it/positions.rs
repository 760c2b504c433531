//! Positions: which are stored, with which time, and which are refused.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::support::database::LocationRow;
use crate::support::{DRIVER, DriverApp, NewOrder, Server, wait_until};

/// How far two clocks' readings of one moment may lie apart here: a loaded machine, and rows that keep whole seconds.
const SLACK_SECS: i64 = 30;

fn located(data: Value) -> Value {
    json!({"type": "location_update", "data": data})
}

/// Sends positions, waits until they are stored, and returns their rows.
async fn stored(server: &Server, positions: &[Value]) -> Vec<LocationRow> {
    let mut app = server.driver(DRIVER).await;
    for data in positions {
        app.send(located(data.clone()));
    }
    let answers = app.sync().await;
    assert!(answers.is_empty(), "{answers:?}");
    let count = positions.len();
    wait_until("the positions are stored", async || server.database().locations(DRIVER).len() == count).await;
    server.database().locations(DRIVER)
}

fn is_about(actual: DateTime<Utc>, expected: DateTime<Utc>) -> bool {
    (actual - expected).num_seconds().abs() <= SLACK_SECS
}

#[tokio::test]
async fn a_position_is_stored_with_every_field() {
    let server = Server::start_default().await;
    let measured = Utc::now() - Duration::minutes(7);
    let row = &stored(
        &server,
        &[json!({"latitude": 28.7041, "longitude": 77.1025, "accuracy": 10.5, "heading": 180.0, "speed": 25.5,
            "battery_level": 75, "timestamp": measured.to_rfc3339_opts(SecondsFormat::Secs, true)})],
    )
    .await[0];
    assert_eq!((row.driver_id, row.latitude, row.longitude), (DRIVER, 28.7041, 77.1025));
    assert_eq!((row.accuracy, row.heading, row.speed), (Some(10.5), Some(180.0), Some(25.5)));
    assert_eq!(row.battery_level, Some(75));
    assert_eq!(row.created_at.timestamp(), measured.timestamp());
}

#[tokio::test]
async fn optional_fields_may_be_absent_or_null() {
    let server = Server::start_default().await;
    let null = json!({"latitude": 1.5, "longitude": 2.5, "accuracy": null, "heading": null, "speed": null,
        "battery_level": null, "timestamp": null});
    for row in stored(&server, &[json!({"latitude": 1.5, "longitude": 2.5}), null]).await {
        assert_eq!((row.accuracy, row.heading, row.speed, row.battery_level), (None, None, None, None));
        assert!(is_about(row.created_at, Utc::now()));
    }
}

#[tokio::test]
async fn a_time_that_is_not_sane_is_replaced_by_the_servers() {
    let server = Server::start_default().await;
    let now = Utc::now();
    let at = |time: DateTime<Utc>| json!({"latitude": 1.0, "longitude": 2.0, "timestamp": time.to_rfc3339()});
    let rows = stored(&server, &[at(now + Duration::hours(2)), at(now - Duration::hours(25))]).await;
    assert!(rows.iter().all(|row| is_about(row.created_at, now)), "{rows:?}");
}

#[tokio::test]
async fn a_time_within_a_day_is_kept_whatever_its_offset() {
    let server = Server::start_default().await;
    let measured = Utc::now() - Duration::hours(23);
    let india = chrono::FixedOffset::east_opt(5 * 3600 + 1800).expect("an offset that exists");
    let texts = [
        measured.to_rfc3339_opts(SecondsFormat::Secs, true),
        measured.with_timezone(&india).to_rfc3339_opts(SecondsFormat::Millis, false),
    ];
    let sent = texts.map(|text| json!({"latitude": 1.0, "longitude": 2.0, "timestamp": text}));
    for row in stored(&server, &sent).await {
        assert_eq!(row.created_at.timestamp(), measured.timestamp());
    }
}

/// Each of them cost the position.
#[tokio::test]
async fn a_flaw_next_to_a_position_does_not_cost_it_and_is_told_once() {
    let server = Server::start_default().await;
    let mut app = server.driver(DRIVER).await;
    let now = Utc::now();
    let flawed = [
        json!({"timestamp": "yesterday"}),
        json!({"timestamp": ""}),
        json!({"timestamp": now.timestamp_millis()}),
        json!({"timestamp": now.timestamp() as f64 + 0.5}),
        json!({"timestamp": now.format("%Y-%m-%dT%H:%M:%S").to_string()}),
        json!({"timestamp": "2025-13-45T99:00:00Z"}),
        json!({"accuracy": "", "heading": "north", "speed": [1]}),
        json!({"latitude": "1.0", "longitude": "2.0", "battery_level": "75"}),
    ];
    for flaw in &flawed {
        let mut data = json!({"latitude": 1.0, "longitude": 2.0});
        data.as_object_mut().expect("an object").extend(flaw.as_object().expect("an object").clone());
        app.send(located(data));
    }
    app.send_text(
        r#"{"type":"location_update","data":{"latitude":1,"longitude":2,"heading":NaN}}"#.to_owned(),
    );
    let answers = app.sync().await;
    let codes: Vec<&Value> = answers.iter().map(|answer| &answer["data"]["code"]).collect();
    assert_eq!(codes, ["position_adjusted"], "once in a minute: {answers:?}");
    let message = answers[0]["data"]["message"].as_str().expect("a text");
    assert!(message.ends_with(": timestamp"), "{message}");
    let count = flawed.len() + 1;
    wait_until("all are stored", async || server.database().locations(DRIVER).len() == count).await;
    let rows = server.database().locations(DRIVER);
    assert!(rows.iter().all(|row| (row.latitude, row.longitude) == (1.0, 2.0)), "{rows:?}");
    assert!(rows.iter().all(|row| is_about(row.created_at, now)), "{rows:?}");
    assert!(rows.iter().all(|row| row.heading.is_none() && row.speed.is_none()), "{rows:?}");
    assert_eq!(rows.iter().filter_map(|row| row.battery_level).collect::<Vec<_>>(), [75]);
}

/// An operator's track had 75.0, and 0.75 of phones that say fractions.
#[tokio::test]
async fn a_batterys_level_is_given_out_in_whole_per_cent() {
    let server = Server::start_default().await;
    let levels = [json!(75), json!(0.75), json!(74.6), json!("75"), json!(-1), json!(101)];
    let sent =
        json!(levels.clone().map(|level| json!({"latitude": 1, "longitude": 2, "battery_level": level})));
    let taken = server.driver_api(DRIVER).await.put("driver/location", sent).await.expect(202).body;
    let expected =
        json!({"accepted": 6, "rejected": [], "adjusted": [{"index": 5, "fields": ["battery_level"]}]});
    assert_eq!(taken, expected);
    let count = levels.len();
    wait_until("all are stored", async || server.database().locations(DRIVER).len() == count).await;
    let operator = server.operator().await;
    let path = format!("admin/drivers/{DRIVER}/locations");
    let shown = operator.list(&path).await;
    let mut shown: Vec<String> = shown.iter().map(|point| point["battery_level"].to_string()).collect();
    let track = operator.api().get(&format!("{path}?format=GeoJSON")).await.expect(200).body;
    let features = track["features"].as_array().expect("a list").clone();
    let of = |feature: &Value| feature["properties"]["battery_level"].to_string();
    let mut drawn: Vec<String> = features.iter().map(of).collect();
    shown.sort();
    drawn.sort();
    assert_eq!(shown, ["75", "75", "75", "75", "null", "null"]);
    assert_eq!(drawn, shown);
}

/// Rows are written in the order of arrival, so once a later good one is there, a bad one would be, too.
async fn assert_only_the_next_is_stored(server: &Server, app: &mut DriverApp) {
    app.locate(12.9352, 77.6245);
    app.sync().await;
    wait_until("the good position is stored", async || server.database().locations_stored() > 0).await;
    assert_eq!(server.database().locations_stored(), 1);
    assert_eq!(server.database().locations(DRIVER)[0].latitude, 12.9352);
}

#[tokio::test]
async fn an_impossible_position_gets_an_error_and_is_not_stored() {
    let server = Server::start_default().await;
    let mut app = server.driver(DRIVER).await;
    let impossible = [
        r#"{"latitude":90.0001,"longitude":0}"#,
        r#"{"latitude":-91,"longitude":0}"#,
        r#"{"latitude":0,"longitude":180.0001}"#,
        r#"{"latitude":0,"longitude":-181}"#,
        r#"{"latitude":"28.7N","longitude":"77.1E"}"#,
        r#"{"latitude":28.7}"#,
        r#"{"longitude":77.1}"#,
        r#"{"latitude":null,"longitude":77.1}"#,
    ];
    for data in impossible {
        println!("sent: {data}");
        app.send_text(format!(r#"{{"type":"location_update","data":{data}}}"#));
        app.expect_error("invalid_position").await;
    }
    assert_only_the_next_is_stored(&server, &mut app).await;
}

/// No JSON has these, but some clients write them.
#[tokio::test]
async fn a_position_that_is_not_finite_gets_an_error_and_is_not_stored() {
    let server = Server::start_default().await;
    let mut app = server.driver(DRIVER).await;
    for number in ["NaN", "Infinity", "-Infinity", "1e999"] {
        app.send_text(format!(
            r#"{{"type":"location_update","data":{{"latitude":{number},"longitude":1}}}}"#
        ));
        app.expect("error").await;
    }
    assert_only_the_next_is_stored(&server, &mut app).await;
}

#[tokio::test]
async fn the_poles_and_the_date_line_are_positions() {
    let server = Server::start_default().await;
    let edges = [(90.0, 180.0), (-90.0, -180.0), (0.0, 0.0)];
    let sent = edges.map(|(latitude, longitude)| json!({"latitude": latitude, "longitude": longitude}));
    let rows = stored(&server, &sent).await;
    assert_eq!(rows.iter().map(|row| (row.latitude, row.longitude)).collect::<Vec<_>>(), edges);
}

/// A phone that was without a network sends what it measured meanwhile: history, not news.
#[tokio::test]
async fn an_older_position_arriving_late_does_not_move_the_driver_back() {
    let server = Server::start_default().await;
    let earlier = (Utc::now() - Duration::minutes(10)).to_rfc3339();
    let newest = json!({"latitude": 10.0, "longitude": 20.0});
    let late = json!({"latitude": 11.0, "longitude": 21.0, "timestamp": earlier});
    assert_eq!(stored(&server, &[newest, late]).await.len(), 2);
    let driver = server.operator().await.driver(DRIVER).await;
    assert_eq!((driver["latitude"].as_f64(), driver["longitude"].as_f64()), (Some(10.0), Some(20.0)));
}

/// Every position counted as accepted is stored, or counted as dropped.
#[tokio::test]
async fn the_counters_agree_with_the_rows() {
    let server = Server::start_default().await;
    let positions: Vec<Value> =
        (0..50).map(|step| json!({"latitude": f64::from(step), "longitude": 1.0})).collect();
    assert_eq!(stored(&server, &positions).await.len(), 50);
    assert_eq!(server.metric("fleetwire_positions_accepted_total").await, 50.0);
    assert_eq!(server.metric("fleetwire_positions_stored_total").await, 50.0);
    assert_eq!(server.metric("fleetwire_positions_dropped_total").await, 0.0);
}

#[tokio::test]
async fn positions_that_cannot_be_stored_are_counted_as_dropped() {
    let server = Server::builder().expect_error("driver_locations").start().await;
    let mut app = server.driver(DRIVER).await;
    server.database().execute("ALTER TABLE driver_locations RENAME TO gone");
    for step in 0..10 {
        app.locate(f64::from(step), 1.0);
    }
    app.sync().await;
    wait_until("none is left without account", async || {
        let dropped = server.metric("fleetwire_positions_dropped_total").await;
        dropped == 10.0 && server.metric("fleetwire_positions_accepted_total").await == 10.0
    })
    .await;
    server.database().execute("ALTER TABLE gone RENAME TO driver_locations");
    assert_only_the_next_is_stored(&server, &mut app).await;
}

/// Another program holds the database longer than the server waits. A batch that was given up was once written all the same,
/// after it had been queued again, and an order was made after its 503.
#[tokio::test]
async fn what_was_refused_is_not_done_later() {
    let server = Server::builder().setting("DB_TIMEOUT_MS", 500).start().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let orders = "SELECT COUNT(*) AS value FROM jobs";
    let before = server.database().number(orders);
    let held = server.database().hold_all();
    for _ in 0..10 {
        app.locate(12.9, 77.6);
    }
    app.sync().await;
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    let body = NewOrder::default().body();
    let began = std::time::Instant::now();
    operator.api().post("admin/orders", body).await.expect_problem(503);
    assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    drop(held);
    wait_until("the positions are stored", async || server.database().locations_stored() >= 10).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(server.database().locations_stored(), 10);
    assert_eq!(server.database().number(orders), before);
}
