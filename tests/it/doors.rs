//! Who is let in, who is turned away, and with which close code: authentication, one session for each driver, idleness,
//! expiry and the limits of handshakes.

use std::time::Duration;

use serde_json::json;

use crate::support::raw_socket::{PONG, handshake};
use crate::support::{DRIVER, Door, DriverApp, Heard, RawSocket, Server, tokens, wait_until};

#[tokio::test]
async fn a_bad_token_completes_the_handshake_and_is_closed_with_4001() {
    let server = Server::start_default().await;
    let door = server.door(DRIVER).await;
    let good = door.token().to_owned();
    let login = json!({"username": "driver123", "password": "password123"});
    let login = server.anonymous().post("auth/login", login).await.expect(200);
    let refresh_token = login.body["refresh_token"].as_str().expect("a refresh token").to_owned();

    let bad_tokens = [
        ("empty", String::new()),
        ("malformed", "not.a.token".to_owned()),
        ("truncated", good[..good.len() - 5].to_owned()),
        ("expired", tokens::expiring_in(&good, -60)),
        ("foreign signature", tokens::signed_with_foreign_secret(&good)),
        ("alg none", tokens::unsigned(&good)),
        ("refresh as access", refresh_token),
        (
            "without exp",
            tokens::changed(&good, |claims| drop(claims.as_object_mut().expect("claims").remove("exp"))),
        ),
        (
            "of nobody",
            tokens::changed(&good, |claims| claims["sub"] = json!(uuid::Uuid::new_v4().to_string())),
        ),
        ("other driver's", server.driver_token(1).await),
    ];
    for (kind, token) in bad_tokens {
        println!("token: {kind}");
        door.clone().with_token(token).expect_closed(4001).await;
    }
    door.clone().without_token().expect_closed(4001).await;
    door.connect().await;
}

#[tokio::test]
async fn a_bad_token_does_not_disturb_the_drivers_own_session() {
    let server = Server::start_default().await;
    let door = server.door(DRIVER).await;
    let mut app = door.connect().await;
    door.clone().with_token(server.driver_token(2).await).expect_closed(4001).await;
    assert!(app.sync().await.is_empty());
}

#[tokio::test]
async fn a_newer_connection_closes_the_older_with_4003_and_serves() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let door = server.door(DRIVER).await;
    let mut older = door.connect().await;
    let mut newer = door.connect().await;
    older.expect_close(4003).await;
    drop(older);

    // The goodbye of the older one must not take the newer one's registration with it.
    newer.sync().await;
    assert_eq!(operator.driver(DRIVER).await["connected"], true);
    let order_id = operator.assign_new(DRIVER).await;
    assert_eq!(newer.expect("order_assigned").await["data"]["order_id"], order_id);
}

#[tokio::test]
async fn of_many_connections_at_once_one_is_left() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let door = server.door(DRIVER).await;
    let mut apps = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let door = door.clone();
        apps.spawn(async move { fate(door.open().await.expect("each handshake completes")).await });
    }
    // Only then is it settled who is left: an order sent earlier might reach one that is shown out right after.
    for _ in 1..CONNECTIONS {
        let ended = apps.join_next().await.expect("there are more").expect("an app does not panic");
        assert_eq!(ended, Fate::ShownOut);
    }
    let order_id = operator.assign_new(DRIVER).await;
    let last = apps.join_next().await.expect("one is left").expect("an app does not panic");
    assert_eq!(last, Fate::Served { order_id });
}

const CONNECTIONS: usize = 10;

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    ShownOut,
    Served { order_id: i64 },
}

/// The fate of one of a driver's several connections.
async fn fate(mut app: DriverApp) -> Fate {
    loop {
        match app.hear().await {
            Heard::Message(message) if message["type"] == "order_assigned" => {
                return Fate::Served {
                    order_id: message["data"]["order_id"].as_i64().expect("an order's id"),
                };
            }
            Heard::Closed { code: 4003, .. } => return Fate::ShownOut,
            Heard::Message(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn going_offline_is_a_close_with_1000_and_shows_in_the_status() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let status = async || operator.driver(DRIVER).await["status"].as_str().map(str::to_owned);
    wait_until("connecting makes the driver available", async || {
        status().await.as_deref() == Some("available")
    })
    .await;
    app.close(1000);
    app.expect_close(1000).await;
    wait_until("closing makes the driver offline", async || status().await.as_deref() == Some("offline"))
        .await;
}

/// Its automatic pongs are no activity; what another app sends is.
#[tokio::test]
async fn a_silent_connection_is_closed_with_4008_and_a_busy_one_is_not() {
    let server = Server::builder().setting("IDLE_TIMEOUT_SECS", 3).setting("HEARTBEAT_SECS", 1).start().await;
    let mut silent = server.driver(DRIVER).await;
    let mut busy = server.driver(1).await;
    let keep_busy = async {
        loop {
            busy.sync().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        _ = silent.expect_close(4008) => {}
        () = keep_busy => {}
    }
    assert!(busy.sync().await.is_empty());
}

/// Three apps, the first two with tokens that end soon, the third with one that ends a little later. When the third is
/// closed, the second's first token has long ended: it is there because it authenticated in time.
#[tokio::test]
async fn an_expired_token_closes_with_4001_unless_a_new_one_came_in_time() {
    let server = Server::start_default().await;
    let soon = |door: Door, secs| {
        let token = tokens::expiring_in(door.token(), secs);
        door.with_token(token)
    };
    let mut first = soon(server.door(DRIVER).await, 2).connect().await;
    let renewing = server.door(1).await;
    let new_token = renewing.token().to_owned();
    let mut renewed = soon(renewing, 2).connect().await;
    let mut third = soon(server.door(2).await, 4).connect().await;

    renewed.send(json!({"type": "authenticate", "token": new_token}));
    renewed.expect("authenticated").await;
    first.expect_close(4001).await;
    third.expect_close(4001).await;
    assert!(renewed.sync().await.is_empty());
}

#[tokio::test]
async fn authenticating_as_somebody_else_or_nobody_is_refused_and_changes_nothing() {
    let server = Server::start_default().await;
    let mut app = server.driver(DRIVER).await;
    for token in [server.driver_token(1).await, "no token".to_owned()] {
        app.send(json!({"type": "authenticate", "token": token}));
        app.expect_error("unauthorized").await;
    }
    assert!(app.sync().await.is_empty(), "the session goes on");
}

#[tokio::test]
async fn a_suspended_driver_is_closed_with_4001_and_kept_out() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let door = server.door(DRIVER).await;
    let mut app = door.connect().await;
    operator.change_driver(DRIVER, json!({"suspended": true})).await.expect(200);
    app.expect_close(4001).await;
    door.expect_closed(4001).await;
    operator.change_driver(DRIVER, json!({"suspended": false})).await.expect(200);
    // Their session has ended.
    door.expect_closed(4001).await;
    server.door(DRIVER).await.connect().await;
}

/// Suspended after the door looked at the account and before the session was known to anybody: nobody can tell it.
#[tokio::test]
async fn a_driver_who_is_suspended_while_connecting_is_closed_with_4001() {
    let server = Server::start_default().await;
    let door = server.door(DRIVER).await;
    let held = server.database().hold(
        "UPDATE drivers SET wants = 'offline', status = 'offline' WHERE id = 123; \
         UPDATE accounts SET is_suspended = TRUE WHERE username = 'driver123'",
    );
    let mut app = door.open().await.expect("the handshake completes before a close");
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(held);
    app.expect_close(4001).await;
    assert_eq!(server.operator().await.driver(DRIVER).await["status"], "offline");
}

#[tokio::test]
async fn too_many_handshakes_of_an_address_get_429_before_the_upgrade() {
    let server = Server::builder().setting("HANDSHAKES_PER_MINUTE_PER_ADDRESS", 5).start().await;
    let door = server.door(DRIVER).await;
    for _ in 0..50 {
        let (head, _stream) = handshake(&door).await;
        if head.starts_with("HTTP/1.1 429") {
            assert!(head.to_ascii_lowercase().contains("\r\nretry-after: "), "{head}");
            return;
        }
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    }
    panic!("fifty handshakes in a row and nobody stopped them");
}

#[tokio::test]
async fn more_connections_than_allowed_get_503_and_may_come_again() {
    let server = Server::builder().setting("MAX_CONNECTIONS", 2).start().await;
    let (one, mut other) = (server.driver(1).await, server.driver(2).await);
    let door = server.door(DRIVER).await;
    let (head, _stream) = handshake(&door).await;
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert!(head.contains("\r\nretry-after: ") && head.contains("application/problem+json"), "{head}");
    assert_eq!(server.metric("fleetwire_connections_limited_total").await, 1.0);
    other.sync().await;
    one.close(1000);
    wait_until("there is room again", async || door.try_connect().await.is_ok()).await;
}

#[tokio::test]
async fn too_many_handshakes_of_an_account_are_closed_with_1008() {
    let server = Server::builder().setting("HANDSHAKES_PER_MINUTE_PER_ACCOUNT", 3).start().await;
    let door = server.door(DRIVER).await;
    for _ in 0..30 {
        let mut app = door.open().await.expect("the handshake itself completes");
        match app.hear().await {
            Heard::Message(_) => {}
            Heard::Closed { code, reason } => {
                return assert_eq!((code, reason.as_str()), (1008, "too many handshakes"));
            }
            lost => panic!("{lost:?}"),
        }
    }
    panic!("thirty connections in a row and nobody stopped them");
}

#[tokio::test]
async fn a_pong_that_nobody_asked_for_is_ignored() {
    let server = Server::start_default().await;
    let mut socket = RawSocket::upgrade(&server.door(DRIVER).await).await;
    socket.expect_text("connected").await;
    for payload in [&b""[..], b"99999999999999999999", b"-1", b"\xff\xfe", b"1000000"] {
        socket.send(true, PONG, payload).await;
    }
    socket.send_text(r#"{"type":"ping"}"#).await;
    socket.expect_text("pong").await;
}
