//! HTTP as clients and proxies use it: HEAD, compressed bodies, failed upgrades, and connections that are kept open
//! between requests.

use std::time::Duration;

use reqwest::Method;

use crate::support::raw_http::RawHttp;
use crate::support::{DRIVER, NewOrder, RawSocket, Server, api, wait_until};

const LOGIN: &str = r#"{"username":"driver123","password":"password123"}"#;
const JSON: &str = "Content-Type: application/json\r\n";

/// Head for head, except the time of day and the id of the request.
#[tokio::test]
async fn head_is_answered_wherever_get_is() {
    let server = Server::start_default().await;
    let admin = format!("Authorization: Bearer {}\r\n", server.operator().await.token());
    let driver = format!("Authorization: Bearer {}\r\n", server.driver_token(DRIVER).await);
    let of_a_driver =
        ["driver/profile", "orders/assigned", "earnings/today", "earnings/history", "rides", "bookings"];
    let of_an_operator = [
        "ws/stats",
        "admin/orders",
        "admin/drivers",
        "admin/drivers/123",
        "admin/drivers/123/locations",
        "admin/drivers/123/locations?format=gpx",
        "admin/drivers/123/why",
        "admin/customers",
        "admin/rides",
        "admin/bookings",
        "admin/orders/999999",
        "drivers/nearby?latitude=12.9&longitude=77.6",
    ];
    let of_anybody =
        ["/", "/console/config.json", "/healthz", "/readyz", "/no/such/page", "/api/v1/admin/orders"];
    let v1 = |path: &&str| format!("/api/v1/{path}");
    let asked = of_a_driver.iter().map(|path| (v1(path), driver.as_str()));
    let asked = asked.chain(of_an_operator.iter().map(|path| (v1(path), admin.as_str())));
    let asked = asked.chain(of_anybody.iter().map(|path| ((*path).to_owned(), "")));
    let mut connection = RawHttp::connect(server.port()).await;
    for (path, token) in asked {
        let got = connection.ask("GET", &path, token, "").await.expect("GET is answered");
        let headed = connection.ask("HEAD", &path, token, "").await.expect("HEAD is answered");
        let head = |text: &str| {
            let of_the_moment = |line: &str| line.starts_with("date: ") || line.starts_with("x-request-id: ");
            text.lines().filter(|line| !of_the_moment(line)).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(head(&got.head), head(&headed.head), "{path}");
        assert_ne!(got.header("content-length"), "", "{path}");
    }
    // A body would be in the way of this.
    connection.ask("GET", "/healthz", "", "").await.expect("the connection is as it was");
}

#[tokio::test]
async fn a_405_lists_the_methods_that_there_are() {
    let server = Server::start_default().await;
    let mut connection = RawHttp::connect(server.port()).await;
    for (method, path, allowed) in [
        ("DELETE", "/api/v1/driver/profile", "get, head"),
        ("DELETE", "/api/v1/rides", "get, head, post"),
        ("HEAD", "/api/v1/auth/login", "post"),
        ("POST", "/api/v1/ws/connect", "get, head"),
        ("PUT", "/healthz", "get, head"),
    ] {
        let answer = connection.ask(method, path, "", "").await.expect("an answer");
        assert_eq!((answer.status, answer.header("allow")), (405, allowed), "{method} {path}");
    }
}

#[tokio::test]
async fn a_compressed_body_is_taken_and_one_that_inflates_too_far_is_413() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let gzip = |text: String| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packed, text.as_bytes()).expect("memory can be written");
        packed.finish().expect("memory can be written")
    };
    let send = async |coding: &str, bytes: Vec<u8>| {
        let request = operator.api().request(Method::POST, "admin/orders");
        let request = request.header("Content-Type", "application/json").header("Content-Encoding", coding);
        api::send(request.body(bytes)).await
    };
    let order = NewOrder::default().body().to_string();
    let made = send("gzip", gzip(order.clone())).await.expect(201);
    assert!(made.id("order_id") > 0);
    send("br", gzip(order.clone())).await.expect_problem(415);
    send("gzip", order.into_bytes()).await.expect_problem(400);
    send("gzip", gzip(format!("{{\"a\":\"{}\"}}", "x".repeat(50 << 20)))).await.expect_problem(413);
}

/// The client would wait for its turn to send for ever: it has said what it is about to send, and is told at once.
#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let server = Server::start_default().await;
    let mut connection = RawHttp::connect(server.port()).await;
    connection
        .send("POST /api/v1/auth/login HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n{")
        .await;
    assert_eq!(connection.head().await.expect("an answer").status, 413);
    connection.expect_end().await;
}

#[tokio::test]
async fn an_upgrade_of_http_1_0_or_with_two_keys_or_by_head_is_none() {
    const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let server = Server::start_default().await;
    let path = server.door(DRIVER).await.path();
    let two = format!("{UPGRADE}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n");
    for (line, headers) in [
        (format!("GET {path} HTTP/1.0"), UPGRADE),
        (format!("GET {path} HTTP/1.1"), two.as_str()),
        (format!("HEAD {path} HTTP/1.1"), UPGRADE),
    ] {
        let mut connection = RawHttp::connect(server.port()).await;
        connection.send(&format!("{line}\r\nHost: here\r\n{headers}\r\n")).await;
        assert_eq!(connection.head().await.expect("an answer").status, 400, "{headers}");
    }
    RawSocket::upgrade(&server.door(DRIVER).await).await;
}

/// It was 5 s and no setting. That 75 s are more than a proxy's 60 is shown behind a proxy, in tests/proxies.
#[tokio::test]
async fn a_connection_waits_for_its_next_request_as_long_as_is_set() {
    let server = Server::builder().setting("KEEP_ALIVE_SECS", 1).start().await;
    let mut connection = RawHttp::connect(server.port()).await;
    connection.ask("GET", "/healthz", "", "").await.expect("an answer");
    connection.expect_end().await;
}

/// The framework times the head of a connection's first request only: with half a second one it was held for ever.
#[tokio::test]
async fn a_request_that_is_begun_and_not_ended_does_not_hold_its_connection() {
    let server = Server::builder().setting("KEEP_ALIVE_SECS", 1).start().await;
    let mut connection = RawHttp::connect(server.port()).await;
    connection.ask("GET", "/healthz", "", "").await.expect("an answer");
    connection.send("GET /healthz HTTP/1.1\r\nHost: he").await;
    connection.expect_end().await;
    assert_eq!(server.metric("fleetwire_http_connections_closed_total{reason=\"overdue\"}").await, 1.0);
}

#[tokio::test]
async fn idle_connections_are_bounded_and_take_no_room_of_sockets() {
    const IDLE_MAX: usize = 8;
    let server = Server::builder().setting("MAX_HTTP_CONNECTIONS", IDLE_MAX).start().await;
    let mut app = server.driver(DRIVER).await;
    let mut idle = Vec::new();
    for _ in 0..2 * IDLE_MAX {
        let mut connection = RawHttp::connect(server.port()).await;
        connection.ask("GET", "/healthz", "", "").await.expect("a newcomer is served");
        idle.push(connection);
    }
    // The first have waited longest; the newest is good for another.
    for connection in &mut idle[..IDLE_MAX] {
        connection.expect_end().await;
    }
    let newest = idle.last_mut().expect("there are some");
    newest.ask("POST", "/api/v1/auth/login", JSON, LOGIN).await.expect("the newest is still there");
    assert!(app.sync().await.is_empty(), "a socket is none of them");
    let closed = server.metric("fleetwire_http_connections_closed_total{reason=\"room\"}").await;
    assert!(closed >= IDLE_MAX as f64, "{closed}");
}

/// A proxy that goes on using such a connection would send a request into its end.
#[tokio::test]
async fn a_server_that_stops_says_with_each_answer_that_the_connection_ends() {
    let mut server = Server::builder().setting("CLOSE_TIMEOUT_MS", 3000).start().await;
    let mut connections = Vec::new();
    for _ in 0..20 {
        let mut connection = RawHttp::connect(server.port()).await;
        let answer = connection.ask("GET", "/healthz", "", "").await.expect("an answer");
        assert_eq!(answer.header("connection"), "");
        connections.push(connection);
    }
    // It never answers a close, so the server waits for it while it stops.
    let mute = RawSocket::upgrade(&server.door(DRIVER).await).await;
    let mut asked = connections.split_off(10);
    let ask = async {
        let mut connection = asked.pop().expect("one of ten meets the stop");
        wait_until("the server stops", async || {
            let answer = connection.ask("POST", "/api/v1/auth/login", JSON, LOGIN).await.expect("an answer");
            // One that the stop met under way is answered as it was asked, and ends its connection as well.
            let ends = answer.header("connection") == "close";
            assert!(ends || answer.status == 200, "{}", answer.head);
            ends
        })
        .await;
        connection.expect_end().await;
        let mut watching = asked.pop().expect("one is left");
        let answer = watching.ask("HEAD", "/readyz", "", "").await.expect("who watches over it is answered");
        assert_eq!((answer.status, answer.header("connection")), (503, "close"));
    };
    let ((status, took), ()) = tokio::join!(server.terminate(), ask);
    assert!(status.success(), "{status}");
    assert!(took <= Duration::from_secs(10), "{took:?}");
    // Those that waited for nothing did not hold it up, and were ended in order.
    for connection in &mut connections {
        connection.expect_end().await;
    }
    drop(mute);
}
