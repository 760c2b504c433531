//! Improper messages: frames that end the connection with their code, and texts that only get an error.

use serde_json::json;

use crate::support::app::Heard;
use crate::support::raw_socket::{CONTINUATION, PING, PONG, TEXT};
use crate::support::{DRIVER, RawSocket, Server};

async fn connected(server: &Server) -> RawSocket {
    let mut socket = RawSocket::upgrade(&server.door(DRIVER).await).await;
    socket.expect_text("connected").await;
    socket
}

#[tokio::test]
async fn a_binary_frame_is_closed_with_1003() {
    let server = Server::start_default().await;
    let mut app = server.driver(DRIVER).await;
    app.send_binary(br#"{"type":"ping"}"#.to_vec());
    app.expect_close(1003).await;
}

#[tokio::test]
async fn a_megabyte_of_text_is_closed_with_1009() {
    let server = Server::start_default().await;
    let mut app = server.driver(DRIVER).await;
    app.send_text(format!(r#"{{"type":"ping","padding":"{}"}}"#, "x".repeat(1 << 20)));
    app.expect_close(1009).await;
}

/// The bound is one of messages: fragments that stay below it one by one do not get round it.
#[tokio::test]
async fn a_long_text_in_fragments_is_closed_with_1009() {
    let server = Server::builder().setting("MESSAGE_BYTES_MAX", 1024).start().await;
    let mut socket = connected(&server).await;
    socket.send(false, TEXT, &[b' '; 600]).await;
    socket.send(false, CONTINUATION, &[b' '; 600]).await;
    socket.expect_close(1009).await;
}

#[tokio::test]
async fn a_message_of_the_longest_allowed_size_is_read() {
    let server = Server::builder().setting("MESSAGE_BYTES_MAX", 1024).start().await;
    let mut socket = connected(&server).await;
    let text = format!("{:<1024}", r#"{"type":"ping"}"#);
    socket.send_text(&text).await;
    socket.expect_text("pong").await;
    socket.send_text(&format!("{text} ")).await;
    socket.expect_close(1009).await;
}

#[tokio::test]
async fn invalid_utf8_is_closed_with_1007() {
    let server = Server::start_default().await;
    let mut socket = connected(&server).await;
    socket.send(true, TEXT, b"{\"type\":\"\xff\xfe\"}").await;
    socket.expect_close(1007).await;
}

#[tokio::test]
async fn invalid_utf8_in_fragments_is_closed_with_1007() {
    let server = Server::start_default().await;
    let mut socket = connected(&server).await;
    socket.send(false, TEXT, b"{\"type\":\"\xff").await;
    socket.send(true, CONTINUATION, b"\xfe\"}").await;
    socket.expect_close(1007).await;
}

#[tokio::test]
async fn a_text_in_fragments_is_one_message() {
    let server = Server::start_default().await;
    let mut socket = connected(&server).await;
    socket.send(false, TEXT, b"{\"type\"").await;
    socket.send(true, PING, b"between").await;
    socket.send(false, CONTINUATION, b"").await;
    socket.send(true, CONTINUATION, b":\"ping\"}").await;
    let answer = socket.receive().await.expect("the ping is answered at once");
    assert_eq!((answer.opcode, answer.payload.as_slice()), (PONG, &b"between"[..]));
    socket.expect_text("pong").await;
}

/// A character may be cut in two by the edge of a fragment.
#[tokio::test]
async fn a_character_across_two_fragments_is_valid() {
    let server = Server::start_default().await;
    let mut socket = connected(&server).await;
    let text = "{\"type\":\"ping\",\"note\":\"é\"}".as_bytes();
    let middle_of_character = text.len() - 3;
    socket.send(false, TEXT, &text[..middle_of_character]).await;
    socket.send(true, CONTINUATION, &text[middle_of_character..]).await;
    socket.expect_text("pong").await;
}

/// None of these may cost a client its connection.
#[tokio::test]
async fn a_bad_message_gets_an_error_and_the_socket_stays_open() {
    let server = Server::start_default().await;
    let mut app = server.driver(DRIVER).await;
    let bad = [
        "",
        "{",
        "[]",
        "null",
        "42",
        "\"ping\"",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"unheard_of"}"#,
        r#"{"type":"location_update"}"#,
        r#"{"type":"location_update","data":null}"#,
        r#"{"type":"resume"}"#,
        r#"{"type":"resume","last_event_id":"one"}"#,
        r#"{"type":"ack","event_id":-1.5}"#,
        r#"{"type":"authenticate"}"#,
    ];
    for text in bad {
        println!("sent: {text}");
        app.send_text(text.to_owned());
        let error = app.expect("error").await;
        assert!(error["data"]["code"].as_str().is_some_and(|code| !code.is_empty()), "{error}");
        assert!(error["data"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
    }
    assert!(app.sync().await.is_empty());
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let server = Server::start_default().await;
    let mut app = server.driver(DRIVER).await;
    app.send(json!({"type": "ping", "data": {"any": ["thing"]}, "id": "x", "": null}));
    app.expect("pong").await;
}

#[tokio::test]
async fn a_flood_is_closed_with_1008() {
    let server =
        Server::builder().setting("MESSAGES_PER_SECOND", 100).setting("HELD_BACK_MAX_SECS", 1).start().await;
    let mut app = server.driver(DRIVER).await;
    for _ in 0..2000 {
        app.send(json!({"type": "ping"}));
    }
    let said = loop {
        match app.hear().await {
            Heard::Message(message) => assert_eq!(message["type"], "pong"),
            other => break other,
        }
    };
    assert!(matches!(said, Heard::Closed { code: 1008, .. }), "{said:?}");
    assert_eq!(server.metric("fleetwire_ws_held_back_total").await, 1.0);
}

#[tokio::test]
async fn a_plain_request_to_the_socket_is_refused_politely() {
    let server = Server::start_default().await;
    let door = server.door(DRIVER).await;
    let refused = server.anonymous().get(&door.path()).await.expect_problem(400);
    assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains("WebSocket")));
    let posted = server.anonymous().post(&door.path(), json!({})).await.expect_problem(405);
    assert_eq!(posted.header("allow"), "GET, HEAD");
}
