//! The log as JSON: whatever happens, each line of it is one object.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{DRIVER, NewOrder, Server, wait_until};

/// Every line of a log, each of which must be an object with what all have.
fn objects(log: &str) -> Vec<Value> {
    let object = |line: &str| {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for name in ["ts", "level", "target", "message"] {
            assert!(object[name].is_string(), "{name} is missing: {line}");
        }
        let time = object["ts"].as_str().expect("a text");
        assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok() && time.len() == 24, "{time}");
        object
    };
    log.lines().map(object).collect()
}

#[tokio::test]
async fn each_line_of_a_log_in_json_is_an_object_with_the_lines_fields() {
    let mut server =
        Server::builder().setting("LOG_FORMAT", "json").setting("RUST_LOG", "fleetwire=debug").start().await;
    let mut app = server.driver(DRIVER).await;
    let operator = server.operator().await;
    let made = operator.api().post("admin/orders", NewOrder::default().body()).await.expect(201);
    operator.assign(made.id("order_id"), DRIVER).await.expect(200);
    app.expect("order_assigned").await;
    let odd = server.anonymous().request(Method::GET, "/a%0Ab%22=%5C").header("X-Request-Id", "of-a-proxy");
    odd.send().await.expect("an answer");
    let (status, _) = server.terminate().await;
    assert!(status.success(), "{status}");
    let lines = objects(&server.log());
    let find = |name: &str, value: Value| {
        let found = lines.iter().find(|line| line[name] == value);
        found.unwrap_or_else(|| panic!("no line has {name}={value}\n{}", server.log()))
    };
    let asked = find("request", json!("of-a-proxy"));
    assert_eq!((&asked["message"], &asked["method"]), (&json!("request"), &json!("GET")));
    assert!(asked["ms"].is_u64(), "{asked}");
    let requested = find("message", json!("order requested"));
    assert_eq!(requested["job"], json!(made.id("order_id").to_string()));
    assert_eq!(requested["request"], json!(made.header("x-request-id")));
    assert!(requested["since_ms"].is_i64(), "{requested}");
    assert_eq!(find("signal", json!("SIGTERM"))["level"], "INFO");
}

#[tokio::test]
async fn lines_that_repeat_are_gathered_in_json_as_well() {
    let mut server =
        Server::builder().setting("LOG_FORMAT", "json").setting("MAX_CONNECTIONS", 1).start().await;
    let _one = server.driver(DRIVER).await;
    let door = server.door(DRIVER).await;
    for _ in 0..100 {
        assert!(door.open().await.is_err());
    }
    let refused = |log: &str| log.lines().filter(|line| line.contains("too many connections")).count();
    wait_until("it is said", async || refused(&server.log()) > 0).await;
    server.terminate().await;
    let lines = objects(&server.log());
    let told: Vec<_> = lines.iter().filter(|line| line["reason"] == "too many connections").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["level"], "WARN");
}

/// A line of another kind, at the very moment that somebody looks for the reason, would be lost to a collector.
#[tokio::test]
async fn a_refused_start_is_an_object_too_and_a_wrong_word_is_refused() {
    let server = Server::start_default().await;
    let changes = [("LOG_FORMAT", "json"), ("IDLE_TIMEOUT_SECS", "soon")];
    let (status, log) = server.refused_start_with(&changes).await;
    assert!(!status.success());
    let lines = objects(&log);
    let last = lines.last().expect("it says why");
    assert_eq!(last["level"], "ERROR");
    assert!(last["message"].as_str().is_some_and(|why| why.contains("IDLE_TIMEOUT_SECS")), "{last}");
    let (status, log) = server.refused_start_with(&[("LOG_FORMAT", "logfmt")]).await;
    assert!(!status.success() && log.contains("LOG_FORMAT=\"logfmt\": expected text or json"), "{log}");
}
