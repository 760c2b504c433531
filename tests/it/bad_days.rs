//! Bad days: disks that are full, files that vanish, logs that nobody reads. The server reports it where somebody
//! looks, in few words, and recovers by itself.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{DEADLINE, DRIVER, NewOrder, Reply, Server, wait_until};

async fn ready(server: &Server) -> Reply {
    server.anonymous().get("/readyz").await
}

/// A disk that was full, a database that was read-only after a fail-over: every decision was 503, and `/readyz` was 200.
#[tokio::test]
async fn a_server_that_cannot_write_is_not_ready_says_why_and_recovers() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    operator.create_order().await;
    ready(&server).await.expect(200);
    let refusing = server.database().refuse_writes(server.process_id());
    let order = NewOrder::default().body();
    wait_until("decisions are refused", async || {
        operator.api().post("admin/orders", order.clone()).await.status == 503
    })
    .await;
    wait_until("it is not ready", async || ready(&server).await.status == 503).await;
    for _ in 0..3 {
        operator.api().post("admin/orders", order.clone()).await.expect_problem(503);
        let reply = ready(&server).await.expect(503);
        let reason = reply.body["reason"].as_str().expect("it says why");
        assert!(["disk", "read-only", "full"].iter().any(|word| reason.contains(word)), "{reason}");
    }
    drop(refusing);
    wait_until("it is ready again", async || ready(&server).await.status == 200).await;
    wait_until("orders are made again", async || {
        operator.api().post("admin/orders", order.clone()).await.status == 201
    })
    .await;
    assert_eq!(ready(&server).await.expect(200).body.get("reason"), None);
}

/// Somebody had locked the table of jobs: it asked for a transaction that touched none.
#[tokio::test]
async fn a_server_whose_jobs_are_locked_is_not_ready() {
    let server = Server::start_default().await;
    let held = server.database().hold_all();
    let reason = ready(&server).await.expect(503).body["reason"].clone();
    assert!(reason.as_str().is_some_and(|reason| reason.contains(' ')), "{reason}");
    drop(held);
    wait_until("it is ready again", async || ready(&server).await.status == 200).await;
}

/// Monitoring asks from several places; the database is asked once.
#[tokio::test]
async fn many_who_ask_share_an_answer() {
    let server = Server::start_default().await;
    let monitor = server.anonymous();
    for _ in 0..50 {
        monitor.get("/readyz").await.expect(200);
    }
    let probes = server.database().number("SELECT probes AS value FROM readiness");
    assert!((1..25).contains(&probes), "{probes}");
}

/// A restore over a running server: it said 201 for ever, and all of it was lost at the next start.
#[tokio::test]
async fn a_server_whose_database_was_replaced_says_so_and_ends_with_70() {
    let mut server = Server::builder().expect_error("was deleted or replaced").stable_port().start().await;
    let Some(file) = server.database().file() else { return };
    let copy = server.directory().join("copy.db");
    server.database().execute(&format!("VACUUM INTO '{}'", copy.display()));
    std::fs::rename(&copy, &file).expect("a restore as it should not be");
    wait_until("it is not ready", async || {
        let answer = server.anonymous().request(reqwest::Method::GET, "/readyz").send().await;
        answer.map_or(true, |answer| answer.status() == 503)
    })
    .await;
    assert_eq!(server.ended().await.code(), Some(70));
    assert!(server.log().contains("was deleted or replaced"), "it says why");
    // SQLite would take the old database's log for the new one's.
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
    }
    server.restart().await;
    server.operator().await.create_order().await;
}

#[tokio::test]
async fn a_lock_that_was_removed_lets_no_second_server_in() {
    let mut server = Server::builder().expect_error("was deleted or replaced").start().await;
    let Some(file) = server.database().file() else { return };
    ready(&server).await.expect(200);
    std::fs::remove_file(format!("{}.lock", file.display())).expect("it is there");
    let (status, log) = server.refused_start().await;
    assert!(!status.success() && log.contains("another fleetwire serve"), "{log}");
    assert_eq!(server.ended().await.code(), Some(70));
}

#[tokio::test]
async fn a_backup_made_beside_the_server_is_restored_without_it() {
    let mut server = Server::start_default().await;
    let copy = server.directory().join("copy.db");
    let copy = copy.to_str().expect("a path in UTF-8");
    if server.database().file().is_none() {
        assert!(server.refused_command(&["backup", copy]).await.contains("pg_dump"));
        return;
    }
    let operator = server.operator().await;
    let before = operator.list("admin/orders").await.len();
    server.command(&["backup", copy]).await;
    operator.create_order().await;
    assert!(server.refused_command(&["restore", copy]).await.contains("stop it first"));
    server.terminate().await;
    let said = server.command(&["restore", copy]).await;
    assert!(said.contains("before-restore"), "{said}");
    server.restart().await;
    assert_eq!(server.operator().await.list("admin/orders").await.len(), before);
}

/// The recorder tried the same thousand positions again at once, with a core of its own, for as long as the database refused.
#[tokio::test]
async fn positions_that_are_refused_are_not_tried_without_a_pause() {
    const POSITIONS: i64 = 1500;
    let server = Server::start_default().await;
    server.operator().await.create_order().await;
    let mut app = server.driver(DRIVER).await;
    let refusing = server.database().refuse_writes(server.process_id());
    for step in 0..POSITIONS {
        app.locate((step % 90) as f64, 1.0);
    }
    app.sync().await;
    wait_until("they wait", async || server.metric("fleetwire_recorder_queue").await == POSITIONS as f64)
        .await;
    let before = server.metric("fleetwire_database_seconds_count").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let tries = server.metric("fleetwire_database_seconds_count").await - before;
    assert!(tries < 100.0, "{tries} operations within two seconds");
    drop(refusing);
    wait_until("all are stored", async || server.database().locations_stored() == POSITIONS).await;
}

/// Forty refusals in a row were to be ten seconds; with a full buffer they were some milliseconds, and all was given up.
#[tokio::test]
async fn positions_are_not_given_up_within_moments() {
    let server = Server::builder().expect_error("driver_locations").start().await;
    let mut app = server.driver(DRIVER).await;
    server.database().execute("ALTER TABLE driver_locations RENAME TO gone");
    for step in 0..1500 {
        app.locate(f64::from(step % 90), 1.0);
    }
    app.sync().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(server.metric("fleetwire_positions_dropped_total").await, 0.0);
    server.database().execute("ALTER TABLE gone RENAME TO driver_locations");
    wait_until("all are stored", async || server.database().locations_stored() == 1500).await;
}

/// One reconnect storm wrote 4,078 lines.
#[tokio::test]
async fn a_storm_of_refusals_is_a_line_of_the_log() {
    let server = Server::builder().setting("MAX_CONNECTIONS", 1).start().await;
    let _one = server.driver(DRIVER).await;
    let door = server.door(DRIVER).await;
    for _ in 0..100 {
        assert!(door.open().await.is_err());
    }
    let lines = || server.log().lines().filter(|line| line.contains("too many connections")).count();
    wait_until("it is said", async || lines() > 0).await;
    assert_eq!(lines(), 1);
}

#[tokio::test]
async fn a_request_is_found_in_the_log_by_the_id_of_its_answer() {
    let server = Server::builder().setting("RUST_LOG", "fleetwire=debug").start().await;
    let made = server.anonymous().get("/healthz").await.header("x-request-id").to_owned();
    let request = server.anonymous().request(reqwest::Method::GET, "/nowhere");
    let given = request.header("X-Request-Id", "of-a-proxy").send().await.expect("an answer");
    assert_eq!(given.headers()["x-request-id"], "of-a-proxy");
    for id in [made.as_str(), "of-a-proxy"] {
        let field = format!(" request={id}");
        wait_until("its line has it", async || server.log().lines().any(|line| line.ends_with(&field))).await;
    }
    // What a thread of the database says of it has it, too.
    let operator = server.operator().await;
    let reply = operator.api().post("admin/orders", NewOrder::default().body()).await.expect(201);
    let (job, id) = (reply.id("order_id"), reply.header("x-request-id").to_owned());
    let told = format!("order requested job={job} since_ms=");
    wait_until("its story has it", async || {
        server.logged(&told).iter().any(|line| line.ends_with(&format!(" request={id}")))
    })
    .await;
}

/// A supervisor stopped reading: all workers hung in a write of a line.
#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing() {
    let mut server = Server::builder().setting("RUST_LOG", "fleetwire=debug").stable_port().start().await;
    let (unread, stderr) = std::io::pipe().expect("a pipe");
    server.restart_with(Stdio::null(), stderr.into()).await;
    let path = format!("/{}", "x".repeat(8000));
    let client = server.anonymous();
    for _ in 0..400 {
        client.get(&path).await.expect(404);
    }
    server.operator().await.create_order().await;
    wait_until("what is dropped is counted", async || {
        server.metric("fleetwire_log_lines_dropped_total").await > 0.0
    })
    .await;
    let (status, _) = server.terminate().await;
    assert!(status.success(), "{status}");
    drop(unread);
}

#[tokio::test]
async fn a_full_standard_output_does_not_keep_it_from_starting() {
    let mut server = Server::builder().stable_port().start().await;
    let full = File::options().write(true).open("/dev/full").expect("Linux has it");
    let log = File::options().append(true).open(server.directory().join("log")).expect("the log");
    server.restart_with(full.into(), log.into()).await;
    server.operator().await.create_order().await;
    assert!(server.log().contains("can't write to standard output"));
}

/// SIGHUP ended the server without telling anybody, and systemd took that for a clean end.
#[tokio::test]
async fn sighup_reads_the_log_level_again_and_ends_nothing() {
    let server = Server::builder().without("RUST_LOG").start().await;
    let mut app = server.driver(DRIVER).await;
    server.anonymous().get("/healthz").await.expect(200);
    assert!(!server.log().contains("path=/healthz"));
    std::fs::write(server.directory().join(".env"), "RUST_LOG=fleetwire=debug\n").expect("written");
    server.signal("HUP");
    wait_until("it has reloaded", async || server.log().contains("log reloaded")).await;
    server.anonymous().get("/healthz").await.expect(200);
    wait_until("requests are logged", async || server.log().contains("path=/healthz")).await;
    app.sync().await;
}

/// It waited for a megabyte, or 15 s, to say what it knew from the head.
#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_at_once() {
    let server = Server::start_default().await;
    let port = server.ports()[0];
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 10000000000\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.expect("written");
    let mut answer = [0; 12];
    timeout(Duration::from_secs(5), stream.read_exact(&mut answer))
        .await
        .expect("at once")
        .expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
    // Who has sent all of it hears it, too.
    let long = json!({"username": "admin", "password": "x".repeat(3_000_000)});
    server.anonymous().post("auth/login", long).await.expect_problem(413);
}

#[tokio::test]
async fn a_handshake_with_two_keys_is_refused() {
    let server = Server::start_default().await;
    let token = server.driver_token(DRIVER).await;
    let port = server.ports()[0];
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let head = format!(
        "GET /api/v1/ws/driver/{DRIVER}?token={token} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{key}{key}\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    let mut answer = [0; 12];
    timeout(DEADLINE, stream.read_exact(&mut answer)).await.expect("in time").expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 400");
}
