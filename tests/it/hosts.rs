//! The host names that a server answers to, and what it tells browsers about TLS.

use crate::support::Server;
use crate::support::raw_http::RawHttp;

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

async fn status(server: &Server, path: &str, host: &str, more: &str) -> u16 {
    let mut connection = RawHttp::connect(server.port()).await;
    connection.send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n")).await;
    connection.head().await.expect("an answer").status
}

/// A page of evil.example, whose name was made to lead to 127.0.0.1, read the demo password and opened rides.
#[tokio::test]
async fn a_page_whose_name_is_made_to_lead_here_reads_nothing() {
    let server = Server::start_default().await;
    for path in ["/console/config.json", "/", "/metrics", "/api/v1/auth/login"] {
        assert_eq!(status(&server, path, "evil.example:8000", "").await, 421, "{path}");
    }
    assert_eq!(status(&server, "/ws/ride/rebound/", "evil.example", UPGRADE).await, 421);
    for host in
        ["10.0.2.2:8080", "192.168.1.5:8080", "[::1]:8080", "LOCALHOST.:8080", "host.docker.internal:8080"]
    {
        assert_eq!(status(&server, "/console/config.json", host, "").await, 200, "{host}");
        assert_eq!(status(&server, "/ws/ride/named/", host, UPGRADE).await, 101, "{host}");
    }
    let mut connection = RawHttp::connect(server.port()).await;
    let page = connection.ask("GET", "/", "X-Forwarded-Proto: https\r\n", "").await.expect("an answer");
    for promise in ["frame-ancestors 'none'", "connect-src 'self'"] {
        assert!(page.header("content-security-policy").contains(promise), "{}", page.head);
    }
    assert_eq!((page.header("x-frame-options"), page.header("strict-transport-security")), ("deny", ""));
}

#[tokio::test]
async fn a_list_of_names_is_all_there_is_and_a_proxy_tells_of_tls() {
    let server = Server::builder()
        .setting("ALLOWED_HOSTS", "fleet.example.com")
        .setting("TRUSTED_PROXIES", "127.0.0.1")
        .start()
        .await;
    assert_eq!(status(&server, "/api/v1/ws/stats", "127.0.0.1", "").await, 421);
    assert_eq!(status(&server, "/readyz", "127.0.0.1", "").await, 200);
    for (proto, expected) in [("https", "max-age=31536000"), ("http", "")] {
        let mut connection = RawHttp::connect(server.port()).await;
        let head = format!("Host: Fleet.example.com\r\nX-Forwarded-Proto: {proto}\r\n");
        connection.send(&format!("GET /api/v1/ws/stats HTTP/1.1\r\n{head}\r\n")).await;
        let answer = connection.head().await.expect("an answer");
        assert_eq!((answer.status, answer.header("strict-transport-security")), (200, expected));
    }
}
