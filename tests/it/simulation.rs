//! The fleet simulator: as a program next to a server, and as the traffic that a developer begins from the console.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::support::api::send;
use super::support::{Operator, Server, wait_until};

/// The run itself, everybody's log-in before it, and the comparison of books after it, on a loaded machine.
const SIMULATION_MAX: Duration = Duration::from_secs(240);
const SMALL: [&str; 12] = [
    "--drivers",
    "12",
    "--riders",
    "4",
    "--orders-per-minute",
    "20",
    "--minutes",
    "0.34",
    "--seed",
    "1",
    "--report",
    "report.json",
];

/// The simulated drivers that are connected.
async fn connected(operator: &Operator) -> usize {
    let reply = operator.api().get("admin/drivers?search=Simulated&limit=200").await.expect(200);
    let drivers = reply.body["items"].as_array().expect("a list");
    drivers.iter().filter(|driver| driver["connected"] == true).count()
}

#[tokio::test]
async fn a_simulated_fleet_is_matched_and_loses_nothing() {
    let server = Server::start_default().await;
    let (code, out, complaint) = server.simulate(&SMALL, SIMULATION_MAX).await;
    assert_eq!(code, Some(0), "{out}\n{complaint}");
    let file = std::fs::read_to_string(server.directory().join("report.json")).expect("there is a report");
    let report: Value = serde_json::from_str(&file).expect("the report is JSON");
    let count = |pointer: &str| report.pointer(pointer).and_then(Value::as_u64).expect(pointer);
    assert!(count("/rides/matched") + count("/orders/assigned") > 0, "{out}");
    assert!(count("/rides/asked") >= 4 && count("/orders/created") > 0, "{out}");
    assert!(count("/positions_sent") > 0 && count("/events/received") > 0, "{out}");
    let broken =
        [count("/events/lost"), count("/events/doubled_after_confirmation"), count("/events/out_of_order")];
    assert_eq!((broken, &report["sound"]), ([0, 0, 0], &json!(true)), "{out}");

    let operator = server.operator().await;
    let open = operator.api().get("admin/orders?status=assigned").await.expect(200).body["items"].clone();
    let ours =
        |order: &&Value| order["restaurant_name"].as_str().is_some_and(|name| name.starts_with("Kitchen"));
    assert_eq!(
        open.as_array().expect("a list").iter().filter(ours).count(),
        0,
        "nothing is left open: {open}"
    );

    // The same seed has the same people: they are there already.
    let people = async || {
        let reply = operator.api().get("admin/drivers?search=Simulated&limit=200").await.expect(200);
        reply.body["items"].as_array().expect("a list").len()
    };
    assert_eq!(people().await, 12);
    let again = [&SMALL[..6], &["--minutes", "0.1", "--seed", "1"][..]].concat();
    let (code, out, complaint) = server.simulate(&again, SIMULATION_MAX).await;
    assert_eq!(code, Some(0), "{out}\n{complaint}");
    assert_eq!(people().await, 12);
}

#[tokio::test]
async fn a_simulation_that_cannot_run_says_why_and_has_a_code_of_its_own() {
    let server = Server::start_default().await;
    let wrong = ["--admin-password", "not the password"];
    let (code, out, complaint) = server.simulate(&wrong, SIMULATION_MAX).await;
    assert_eq!((code, out.as_str()), (Some(2), ""), "{complaint}");
    assert!(complaint.contains("wrong_credentials"), "{complaint}");
    let nowhere = server.try_command(&["simulate", "--url", "http://127.0.0.1:1"]).await;
    let complaint = String::from_utf8_lossy(&nowhere.stderr);
    assert_eq!(nowhere.status.code(), Some(2), "{complaint}");
    assert!(complaint.contains("http://127.0.0.1:1"), "{complaint}");
}

#[tokio::test]
async fn a_developer_lets_traffic_begin_and_end() {
    let mut server = Server::start_default().await;
    let operator = server.operator().await;
    let state = async || operator.api().get("admin/demo/traffic").await.expect(200).body;
    assert_eq!(state().await["running"], false);
    operator.api().post("admin/demo/traffic", json!({"drivers": 5})).await.expect_problem(422);
    server.driver_api(1).await.get("admin/demo/traffic").await.expect_problem(403);

    let wanted = json!({"drivers": 5, "minutes": 5});
    let begun = operator.api().post("admin/demo/traffic", wanted.clone()).await.expect(200).body;
    assert_eq!((&begun["running"], &begun["drivers"]), (&json!(true), &json!(5)));
    wait_until("the simulated drivers are connected", async || connected(&operator).await == 5).await;
    // It is there already.
    let more = json!({"drivers": 50, "minutes": 5});
    let still = operator.api().post("admin/demo/traffic", more).await.expect(200).body;
    assert_eq!(still["drivers"], 5);

    let ending = send(operator.api().request(Method::DELETE, "admin/demo/traffic")).await.expect(200).body;
    assert_eq!(ending["ending"], true);
    wait_until("the traffic has ended", async || state().await["running"] == false).await;
    wait_until("its people have left", async || connected(&operator).await == 0).await;

    // A server that stops does not wait for it.
    operator.api().post("admin/demo/traffic", wanted).await.expect(200);
    wait_until("the simulated drivers are back", async || connected(&operator).await == 5).await;
    let (status, took) = server.terminate().await;
    assert!(status.success() && took < Duration::from_secs(10), "{status} after {took:?}");
}
