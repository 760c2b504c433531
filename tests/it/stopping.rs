//! Starting and stopping: SIGTERM, restarts, and databases that a server must leave alone.

use std::time::Duration;

use crate::support::{DRIVER, Server, wait_until};

/// The promise of the contract for a stop.
const STOP_MAX: Duration = Duration::from_secs(10);

#[tokio::test]
async fn sigterm_closes_with_1001_stores_what_was_accepted_and_exits_0() {
    const APPS: usize = 8;
    const POSITIONS: usize = 25;
    let mut server = Server::start_default().await;
    let mut apps = Vec::new();
    for driver_id in server.more_drivers(APPS).await {
        apps.push(server.driver(driver_id).await);
    }
    for app in &mut apps {
        for step in 0..POSITIONS {
            app.locate(step as f64, 1.0);
        }
        app.sync().await;
    }
    let (status, took) = server.terminate().await;
    assert!(status.success(), "{status}");
    assert!(took <= STOP_MAX, "{took:?}");
    for app in &mut apps {
        app.expect_close(1001).await;
    }
    assert_eq!(server.database().locations_stored(), (APPS * POSITIONS) as i64);
}

/// Somebody who does not read must not hold up the stop.
#[tokio::test]
async fn sigterm_does_not_wait_for_a_frozen_app() {
    let mut server = Server::builder().setting("DRAIN_SECS", 3).start().await;
    let frozen = server.driver(DRIVER).await;
    frozen.freeze().await;
    let (status, took) = server.terminate().await;
    assert!(status.success(), "{status}");
    assert!(took <= STOP_MAX, "{took:?}");
}

#[tokio::test]
async fn a_restarted_server_knows_what_it_knew() {
    let mut server = Server::builder().stable_port().start().await;
    let operator = server.operator().await;
    let orders = operator.list("admin/orders").await.len();
    let order_id = operator.assign_new(DRIVER).await;
    let (status, _) = server.terminate().await;
    assert!(status.success(), "{status}");
    server.restart().await;
    assert_eq!(operator.order(order_id).await["driver_id"], DRIVER);
    assert_eq!(operator.list("admin/orders").await.len(), orders + 1);
    wait_until("it is ready", async || server.anonymous().get("/readyz").await.status == 200).await;
}

#[tokio::test]
async fn a_second_server_on_the_same_database_is_refused() {
    let server = Server::start_default().await;
    let (status, log) = server.refused_start().await;
    assert!(!status.success());
    assert!(!log.trim().is_empty(), "it says why");
    server.anonymous().get("/healthz").await.expect(200);
    server.driver(DRIVER).await.sync().await;
}

/// Its tables may mean something else by now: an older program would spoil them.
#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let mut server = Server::start_default().await;
    let (status, _) = server.terminate().await;
    assert!(status.success(), "{status}");
    server.database().execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')");
    let (status, log) = server.refused_start().await;
    assert!(!status.success());
    assert!(log.contains("newer"), "it says why: {log}");
}

/// The server made its tables and its demo data first, and then said "KeyMismatch".
#[tokio::test]
async fn keys_that_cannot_be_used_stop_the_start_by_the_names_of_their_settings() {
    let mut server = Server::start_default().await;
    let (status, _) = server.terminate().await;
    assert!(status.success(), "{status}");
    server.database().execute("DELETE FROM __diesel_schema_migrations");
    let no_key = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let files = ["TLS_CERT_FILE", "TLS_KEY_FILE", "JWT_PUBLIC_KEY_FILE"];
    let (status, log) = server.refused_start_with(&files.map(|name| (name, no_key))).await;
    assert!(!status.success());
    for name in files {
        assert!(log.contains(name), "{name} is not said: {log}");
    }
    let migrations = server.database().number("SELECT COUNT(*) AS value FROM __diesel_schema_migrations");
    assert_eq!(migrations, 0, "the database was not touched");
}

#[tokio::test]
async fn a_server_without_an_operator_says_how_to_make_one() {
    let mut server = Server::start_default().await;
    server.command(&["seed", "--remove"]).await;
    let (status, _) = server.terminate().await;
    assert!(status.success(), "{status}");
    server.restart().await;
    wait_until("it says how", async || server.said().contains("fleetwire admin create")).await;
}

#[tokio::test]
async fn a_setting_that_means_nothing_stops_the_start() {
    let server = Server::start_default().await;
    let refusal =
        server.refused_start_with(&[("IDLE_TIMEOUT_SECS", "soon"), ("MESSAGES_PER_SECOND", "many")]).await;
    assert!(!refusal.0.success());
    for name in ["IDLE_TIMEOUT_SECS", "MESSAGES_PER_SECOND"] {
        assert!(refusal.1.contains(name), "all the problems are listed at once: {}", refusal.1);
    }
}
