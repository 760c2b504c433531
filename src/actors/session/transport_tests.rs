//! The transport over real sockets: the treatment of well-behaved, broken, slow and vanished clients, byte by byte
//! where it matters.

use std::{
    net::SocketAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, http::KeepAlive, web};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::{self, protocol::frame::coding::CloseCode as TungsteniteCode};

use super::*;
use crate::contracts::close_codes::CloseCode;
use crate::rate_limit::Rate;

/// Long enough for a busy machine; nothing waits for it unless it fails.
const DEADLINE: Duration = Duration::from_secs(10);
/// The server's disconnect time-out. Prompt events are awaited for less than half of it.
const DISCONNECT: Duration = Duration::from_secs(8);
const PROMPT: Duration = Duration::from_secs(3);

fn count(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn rate(per_second: u32, burst: u32) -> Rate {
    Rate::per_second(count(per_second), count(burst))
}
const SWEEP: Duration = Duration::from_millis(20);

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";

// ---- the server under test

/// A conversation's reports to its test.
#[derive(Debug)]
enum Told {
    Opened(SessionHandle<Counted>),
    Text(String),
    Pong(Vec<u8>),
    Ended(Ended),
}

/// A message that counts how many of its kind are in memory.
struct Counted {
    text: String,
    live: Arc<AtomicUsize>,
}

impl Counted {
    fn new(text: String, live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, SeqCst);
        Self { text, live: Arc::clone(live) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.live.fetch_sub(1, SeqCst);
    }
}

/// A conversation that does what it is told in text.
struct Script(UnboundedSender<Told>);

impl Script {
    fn tell(&self, told: Told) {
        // A test that is over listens no more.
        let _ = self.0.send(told);
    }
}

impl Conversation for Script {
    type Message = Counted;

    fn opened(&mut self, link: &mut Link<'_, Self>) {
        self.tell(Told::Opened(link.handle()));
    }

    fn text(&mut self, text: &str, link: &mut Link<'_, Self>) {
        match text {
            "panic" => panic!("the test wants a panic"),
            "panic later" => link.spawn(async { panic!("the test wants a late panic") }, |_, (), _| {}),
            "bad" => link.bad_message(),
            "close" => link.close(CloseCode::LoggedInElsewhere, "because"),
            "ping" => link.ping(b"17"),
            "wait" => link.wait(sleep(Duration::from_millis(100)), |script, (), _| {
                script.tell(Told::Text("waited".into()));
            }),
            "spawn" => link.spawn(sleep(Duration::from_millis(100)), |script, (), _| {
                script.tell(Told::Text("spawned".into()));
            }),
            text => {
                let _ = link.send_text(text.into());
            }
        }
        self.tell(Told::Text(text.into()));
    }

    fn pong(&mut self, payload: &[u8], _: &mut Link<'_, Self>) {
        self.tell(Told::Pong(payload.to_vec()));
    }

    fn message(&mut self, message: Counted, link: &mut Link<'_, Self>) {
        let _ = link.send_text(message.text.clone().into());
    }

    fn closed(&mut self, ended: Ended) {
        self.tell(Told::Ended(ended));
    }
}

struct Counts {
    protocol_errors: Arc<std::sync::atomic::AtomicU64>,
    overflowed: Arc<std::sync::atomic::AtomicU64>,
    killed_slow: Arc<std::sync::atomic::AtomicU64>,
    killed_vanished: Arc<std::sync::atomic::AtomicU64>,
    panics: Arc<std::sync::atomic::AtomicU64>,
    held_back: Arc<std::sync::atomic::AtomicU64>,
}

struct Server {
    address: SocketAddr,
    reaper: Reaper,
    counts: Counts,
    told: UnboundedReceiver<Told>,
    handle: ServerHandle,
}

impl Server {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut TransportLimits)) -> Self {
        let mut limits = TransportLimits { messages: rate(20, 10_000), ..TransportLimits::default() };
        change(&mut limits);
        let limits = Arc::new(limits);
        let (metrics, counts) = counted_metrics();
        let reaper = Reaper::start(SWEEP, metrics);
        let (tell, told) = unbounded_channel();
        let data = (limits, reaper.clone(), tell);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(data.clone()))
                .app_data(web::PayloadConfig::new(256 * 1024))
                .route("/ws", web::get().to(ws_route))
                .route("/refused", web::get().to(refused_route))
                .route("/body", web::post().to(async |_: web::Bytes| HttpResponse::Ok()))
        })
        .workers(1)
        .disable_signals()
        .keep_alive(KeepAlive::Timeout(DEADLINE))
        .client_disconnect_timeout(DISCONNECT)
        .on_connect(Connections::new(usize::MAX, DEADLINE).on_connect())
        .bind(("127.0.0.1", 0))
        .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { address, reaper, counts, told, handle }
    }

    async fn next_told(&mut self) -> Told {
        timeout(DEADLINE, self.told.recv()).await.expect("the conversation said nothing").unwrap()
    }

    async fn opened(&mut self) -> SessionHandle<Counted> {
        match self.next_told().await {
            Told::Opened(handle) => handle,
            other => panic!("not opened: {other:?}"),
        }
    }

    /// The end of the session, whatever is told before it; and that nothing is told after it.
    async fn ended(&mut self) -> Ended {
        let ended = loop {
            if let Told::Ended(ended) = self.next_told().await {
                break ended;
            }
        };
        self.is_empty().await;
        ended
    }

    async fn is_empty(&self) {
        let empty = async {
            while !self.reaper.is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, empty).await.expect("sessions are left");
    }

    async fn text(&mut self) -> String {
        match self.next_told().await {
            Told::Text(text) => text,
            other => panic!("not a text: {other:?}"),
        }
    }

    async fn stop(self) {
        self.handle.stop(false).await;
    }
}

fn counted_metrics() -> (TransportMetrics, Counts) {
    let counts = Counts {
        protocol_errors: Arc::default(),
        overflowed: Arc::default(),
        killed_slow: Arc::default(),
        killed_vanished: Arc::default(),
        panics: Arc::default(),
        held_back: Arc::default(),
    };
    let counter = |count: &Arc<_>| metrics::Counter::from_arc(Arc::clone(count));
    let metrics = TransportMetrics {
        protocol_errors: counter(&counts.protocol_errors),
        overflowed: counter(&counts.overflowed),
        killed_slow: counter(&counts.killed_slow),
        killed_vanished: counter(&counts.killed_vanished),
        panics: counter(&counts.panics),
        held_back: counter(&counts.held_back),
        ..TransportMetrics::new()
    };
    (metrics, counts)
}

type Shared = web::Data<(Arc<TransportLimits>, Reaper, UnboundedSender<Told>)>;

async fn ws_route(req: HttpRequest, body: web::Payload, shared: Shared) -> actix_web::Result<HttpResponse> {
    let (limits, reaper, tell) = shared.get_ref();
    upgrade(&req, body, Script(tell.clone()), limits, reaper)
}

async fn refused_route(
    req: HttpRequest,
    body: web::Payload,
    shared: Shared,
) -> actix_web::Result<HttpResponse> {
    let (limits, reaper, _) = shared.get_ref();
    refuse(&req, body, CloseCode::AuthenticationFailed, "token expired", (), limits, reaper)
}

// ---- a client that can do wrong

struct RawClient(TcpStream);

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Frame(u8, Vec<u8>),
    /// The server's end of the connection, in order, after everything it sent.
    End,
}

impl RawClient {
    async fn tcp(server: &Server) -> Self {
        Self(TcpStream::connect(server.address).await.unwrap())
    }

    async fn connect(server: &Server) -> Self {
        Self::connect_to(server, "/ws", "").await.0
    }

    async fn connect_to(server: &Server, path: &str, more: &str) -> (Self, String) {
        let mut client = Self::tcp(server).await;
        let head = client.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n{UPGRADE}{KEY}{more}\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        (client, head)
    }

    /// Sends a request without a body and reads the answer's head.
    async fn ask(&mut self, request: &str) -> String {
        self.send(request.as_bytes()).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.byte().await.expect("no answer"));
        }
        String::from_utf8(head).unwrap()
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    async fn text(&mut self, text: &str) {
        self.send(&frame(0x81, text.as_bytes())).await;
    }

    async fn byte(&mut self) -> Option<u8> {
        let read = timeout(DEADLINE, self.0.read_u8()).await.expect("nothing came");
        match read {
            Ok(byte) => Some(byte),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => None,
            Err(error) => panic!("not a clean end: {error}"),
        }
    }

    /// The next frame, or the end; a reset fails the test.
    async fn next(&mut self) -> Seen {
        let Some(first) = self.byte().await else {
            return Seen::End;
        };
        let length = match self.byte().await.unwrap() {
            126 => timeout(DEADLINE, self.0.read_u16()).await.unwrap().unwrap() as usize,
            127 => timeout(DEADLINE, self.0.read_u64()).await.unwrap().unwrap() as usize,
            short => short as usize,
        };
        let mut payload = vec![0; length];
        timeout(DEADLINE, self.0.read_exact(&mut payload)).await.unwrap().unwrap();
        Seen::Frame(first, payload)
    }

    /// Reads up to the server's Close and gives its code and reason.
    async fn close_frame(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Seen::Frame(0x88, payload) => {
                    let code = u16::from_be_bytes([payload[0], payload[1]]);
                    return (code, String::from_utf8(payload[2..].to_vec()).unwrap());
                }
                Seen::Frame(..) => {}
                Seen::End => panic!("ended without a close"),
            }
        }
    }

    async fn answer_close(&mut self, code: u16) {
        self.send(&frame(0x88, &code.to_be_bytes())).await;
    }

    async fn ends_promptly(&mut self) {
        let next = timeout(PROMPT, self.next()).await.expect("the server's end was not prompt");
        assert_eq!(next, Seen::End);
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        long => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

fn text_frame(text: &str) -> Seen {
    Seen::Frame(0x81, text.as_bytes().to_vec())
}

// ---- frames

/// Each fault: its code, its Close before anything else, and after the client's answer the server's end at once.
#[actix_web::test]
async fn every_fault_on_the_wire_has_its_close_code() {
    let mut declared_huge = vec![0x81, 0xff];
    declared_huge.extend((1u64 << 40).to_be_bytes());
    let faults: Vec<(&str, u16, Vec<u8>)> = vec![
        ("reserved bit", 1002, frame(0xc1, b"x")),
        ("opcode 3", 1002, frame(0x83, b"x")),
        ("opcode 11", 1002, frame(0x8b, b"x")),
        ("unmasked", 1002, vec![0x81, 0x01, b'x']),
        ("ping of 126", 1002, frame(0x89, &[b'x'; 126])),
        ("fragmented ping", 1002, frame(0x09, b"x")),
        ("orphan continuation", 1002, frame(0x80, b"x")),
        ("orphan continuation, not the last", 1002, frame(0x00, b"x")),
        ("text inside a fragmented message", 1002, [frame(0x01, b"a"), frame(0x81, b"b")].concat()),
        ("invalid UTF-8", 1007, frame(0x81, b"\xce\xba\xff")),
        ("invalid UTF-8 in the second fragment", 1007, [frame(0x01, b"ok"), frame(0x00, b"\xff")].concat()),
        ("a character cut off by the end", 1007, [frame(0x01, b"\xe2"), frame(0x80, b"\x82")].concat()),
        ("binary", 1003, frame(0x82, b"x")),
        ("fragmented binary", 1003, frame(0x02, b"x")),
        ("a larger frame", 1009, frame(0x81, &[b'x'; 16 * 1024 + 1])),
        ("a larger sum", 1009, [frame(0x01, &[b'x'; 16 * 1024]), frame(0x80, b"x")].concat()),
        ("a declared terabyte", 1009, declared_huge),
        ("fragments without end", 1008, [frame(0x01, b""), frame(0x00, b"").repeat(100)].concat()),
    ];
    let mut server = Server::start().await;
    for (what, code, bytes) in faults {
        let mut client = RawClient::connect(&server).await;
        server.opened().await;
        client.send(&bytes).await;
        assert_eq!(client.close_frame().await.0, code, "{what}");
        if what != "a declared terabyte" {
            client.answer_close(code).await;
            client.ends_promptly().await;
        }
        drop(client);
        let code = CloseCode::ALL.into_iter().find(|known| known.number() == code).unwrap();
        assert_eq!(server.ended().await, Ended::ProtocolError(code), "{what}");
    }
    assert_eq!(server.counts.protocol_errors.load(SeqCst), 18);
    server.stop().await;
}

#[actix_web::test]
async fn the_largest_message_passes() {
    let server = Server::start().await;
    let mut client = RawClient::connect(&server).await;
    let largest = "x".repeat(16 * 1024);
    client.text(&largest).await;
    assert_eq!(client.next().await, text_frame(&largest));
    server.stop().await;
}

#[actix_web::test]
async fn fragments_are_put_together_around_a_ping() {
    let server = Server::start().await;
    let mut client = RawClient::connect(&server).await;
    let parts = [
        frame(0x01, b"gr\xc3"),
        frame(0x89, b"between"),
        frame(0x00, b""),
        frame(0x80, "üße".as_bytes().split_at(1).1),
    ];
    for byte in parts.concat() {
        client.send(&[byte]).await;
    }
    assert_eq!(client.next().await, Seen::Frame(0x8a, b"between".to_vec()));
    assert_eq!(client.next().await, text_frame("grüße"));
    server.stop().await;
}

#[actix_web::test]
async fn pongs_reach_the_conversation_even_after_our_close() {
    let mut server = Server::start().await;
    let mut client = RawClient::connect(&server).await;
    server.opened().await;
    client.text("ping").await;
    assert_eq!(client.next().await, Seen::Frame(0x89, b"17".to_vec()));
    client.text("close").await;
    assert_eq!(client.close_frame().await, (4003, "because".into()));
    client.send(&frame(0x8a, b"17")).await;
    client.answer_close(4003).await;
    client.ends_promptly().await;
    assert_eq!((server.text().await, server.text().await), ("ping".into(), "close".into()));
    assert!(matches!(server.next_told().await, Told::Pong(payload) if payload == b"17"));
    assert_eq!(server.ended().await, Ended::WeClosed(CloseCode::LoggedInElsewhere));
    server.stop().await;
}

// ---- the end

#[actix_web::test]
async fn a_peer_that_closes_is_answered_with_its_code_and_the_end_follows_at_once() {
    let cases: [(&[u8], &[u8], Ended); 5] = [
        (b"\x03\xe8bye", b"\x03\xe8", Ended::PeerClosed(Some(1000))),
        (b"\x0b\xb8", b"\x0b\xb8", Ended::PeerClosed(Some(3000))),
        (b"", b"", Ended::PeerClosed(None)),
        (b"\x03\xed", b"\x03\xea", Ended::ProtocolError(CloseCode::ProtocolError)),
        (b"\x03", b"\x03\xea", Ended::ProtocolError(CloseCode::ProtocolError)),
    ];
    let mut server = Server::start().await;
    for (sent, answered, ended) in cases {
        let mut client = RawClient::connect(&server).await;
        client.send(&frame(0x88, sent)).await;
        match client.next().await {
            Seen::Frame(0x88, payload) => assert!(payload.starts_with(answered), "{payload:?}"),
            other => panic!("{other:?}"),
        }
        client.ends_promptly().await;
        assert_eq!(server.ended().await, ended);
    }
    server.stop().await;
}

#[actix_web::test]
async fn a_peer_that_vanishes_is_no_protocol_error() {
    let mut server = Server::start().await;
    for half_a_frame in [&b""[..], b"\x81"] {
        let mut client = RawClient::connect(&server).await;
        client.send(half_a_frame).await;
        drop(client);
        assert_eq!(server.ended().await, Ended::Vanished);
    }
    assert_eq!(server.counts.protocol_errors.load(SeqCst), 0);
    server.stop().await;
}

#[actix_web::test]
async fn a_peer_that_never_answers_our_close_is_given_up() {
    let mut server = Server::with(|limits| limits.close_timeout = Duration::from_millis(300)).await;
    let mut client = RawClient::connect(&server).await;
    server.opened().await.close(CloseCode::IdleTimeout, "idle");
    assert_eq!(client.close_frame().await, (4008, "idle".into()));
    // It goes on talking, and is not listened to.
    client.text("still here").await;
    client.ends_promptly().await;
    assert!(matches!(server.next_told().await, Told::Ended(Ended::WeClosed(CloseCode::IdleTimeout))));
    server.stop().await;
}

/// The ghosted session's app sends on while it is closed. Ending the connection with its data unread would make the
/// kernel answer with a reset, which overtakes the Close: the app would reconnect instead of logging out.
#[actix_web::test]
async fn a_close_code_reaches_a_client_with_data_in_flight() {
    let mut server = Server::start().await;
    let mut client = RawClient::connect(&server).await;
    let handle = server.opened().await;
    let burst = frame(0x81, &[b'x'; 1000]).repeat(50);
    client.send(&burst).await;
    handle.close(CloseCode::LoggedInElsewhere, CloseCode::LoggedInElsewhere.reason());
    client.send(&burst).await;
    sleep(Duration::from_millis(50)).await;
    client.send(&burst).await;
    assert_eq!(client.close_frame().await, (4003, "logged in elsewhere".into()));
    client.send(&burst).await;
    client.answer_close(4003).await;
    client.ends_promptly().await;
    assert_eq!(server.ended().await, Ended::WeClosed(CloseCode::LoggedInElsewhere));
    server.stop().await;
}

#[actix_web::test]
async fn what_was_queued_goes_out_before_the_close() {
    let mut server = Server::start().await;
    let mut client = RawClient::connect(&server).await;
    let handle = server.opened().await;
    let live = Arc::default();
    let send = |text: &str, lane| handle.send(Counted::new(text.into(), &live), text.len(), lane);
    assert_eq!(send("position", Lane::Position { subject: 1 }), Sent::Queued);
    assert_eq!(send("event", Lane::Durable), Sent::Queued);
    handle.close(CloseCode::GoingAway, "later");
    assert_eq!(send("too late", Lane::Durable), Sent::Gone);
    // The two may have gone in either order: the actor runs on another thread.
    let mut first = [client.next().await, client.next().await];
    first.sort_by_key(|seen| format!("{seen:?}").len());
    assert_eq!(first, [text_frame("event"), text_frame("position")]);
    assert_eq!(client.close_frame().await, (1001, "later".into()));
    client.answer_close(1001).await;
    client.ends_promptly().await;
    assert_eq!(server.ended().await, Ended::WeClosed(CloseCode::GoingAway));
    server.stop().await;
}

#[actix_web::test]
async fn a_panic_ends_its_session_alone() {
    let mut server = Server::start().await;
    let mut other = RawClient::connect(&server).await;
    server.opened().await;
    for how in ["panic", "panic later"] {
        let mut client = RawClient::connect(&server).await;
        server.opened().await;
        client.text(how).await;
        client.ends_promptly().await;
        loop {
            match server.next_told().await {
                Told::Ended(ended) => break assert_eq!(ended, Ended::Panicked),
                told => assert!(matches!(told, Told::Text(text) if text == how)),
            }
        }
    }
    assert_eq!(server.counts.panics.load(SeqCst), 2);
    other.text("alive").await;
    assert_eq!(other.next().await, text_frame("alive"));
    server.stop().await;
}

#[actix_web::test]
async fn a_kill_needs_nobodys_consent() {
    let mut server = Server::start().await;
    let mut client = RawClient::connect(&server).await;
    server.opened().await.kill();
    client.ends_promptly().await;
    assert_eq!(server.ended().await, Ended::Killed);
    server.stop().await;
}

// ---- order

#[actix_web::test]
async fn nothing_is_handled_during_a_wait_and_everything_during_a_spawn() {
    let mut server = Server::start().await;
    let mut client = RawClient::connect(&server).await;
    let handle = server.opened().await;
    client.send(&[frame(0x81, b"wait"), frame(0x81, b"after")].concat()).await;
    assert_eq!(server.text().await, "wait");
    let message = Counted::new("message".into(), &Arc::default());
    assert_eq!(handle.send(message, 7, Lane::Durable), Sent::Queued);
    assert_eq!(server.text().await, "waited");
    assert_eq!(server.text().await, "after");
    assert_eq!(client.next().await, text_frame("message"));
    assert_eq!(client.next().await, text_frame("after"));
    client.send(&[frame(0x81, b"spawn"), frame(0x81, b"meanwhile")].concat()).await;
    for expected in ["spawn", "meanwhile", "spawned"] {
        assert_eq!(server.text().await, expected);
    }
    server.stop().await;
}

// ---- slow, silent, too fast

/// Fills a session until it overflows; its client does not read.
fn overflow(handle: &SessionHandle<Counted>, live: &Arc<AtomicUsize>, bytes: usize) -> usize {
    let mut most = 0;
    for _ in 0..100_000 {
        match handle.send(Counted::new("x".repeat(bytes), live), bytes, Lane::Durable) {
            Sent::Queued => most = most.max(live.load(SeqCst)),
            Sent::Overflowed => return most,
            other => panic!("{other:?}"),
        }
    }
    panic!("a client that does not read was sent everything");
}

#[actix_web::test]
async fn a_frozen_client_costs_bounded_memory_and_is_killed_from_outside() {
    let mut server = Server::with(|limits| limits.overflow_grace = Duration::from_millis(300)).await;
    let client = RawClient::connect(&server).await;
    let handle = server.opened().await;
    let live = Arc::default();
    let most = overflow(&handle, &live, 1000);
    assert!(most <= 256 * 1024 / 1000, "{most} messages of 1 kB were queued");
    assert_eq!(live.load(SeqCst), 0, "memory is not free at once");
    let late = Counted::new("late".into(), &live);
    assert_eq!(handle.send(late, 4, Lane::Durable), Sent::Gone);
    assert_eq!(server.ended().await, Ended::WeClosed(CloseCode::TooSlow));
    assert_eq!(server.counts.overflowed.load(SeqCst), 1);
    assert_eq!(server.counts.killed_slow.load(SeqCst), 1);
    drop(client);
    server.stop().await;
}

#[actix_web::test]
async fn a_slow_client_that_reads_again_hears_that_it_was_too_slow() {
    let mut server = Server::with(|limits| limits.overflow_grace = DEADLINE).await;
    let mut client = RawClient::connect(&server).await;
    let handle = server.opened().await;
    overflow(&handle, &Arc::default(), 1000);
    assert_eq!(client.close_frame().await, (4013, "too slow".into()));
    client.answer_close(4013).await;
    client.ends_promptly().await;
    assert_eq!(server.ended().await, Ended::WeClosed(CloseCode::TooSlow));
    assert_eq!(server.counts.killed_slow.load(SeqCst), 0);
    server.stop().await;
}

#[actix_web::test]
async fn positions_for_a_frozen_client_are_shed_and_do_not_end_it() {
    let mut server = Server::start().await;
    let mut client = RawClient::connect(&server).await;
    let handle = server.opened().await;
    let live = Arc::default();
    let mut shed = 0;
    for subject in 0..20_000 {
        let position = Counted::new("x".repeat(1000), &live);
        match handle.send(position, 1000, Lane::Position { subject }) {
            Sent::Queued => {}
            Sent::Shed => shed += 1,
            other => panic!("{other:?}"),
        }
        assert!(live.load(SeqCst) <= 66, "more than 64 KiB of positions wait");
    }
    assert!(shed > 0);
    client.text("still there?").await;
    while client.next().await != text_frame("still there?") {}
    server.stop().await;
}

#[actix_web::test]
async fn a_silent_client_is_pinged_and_given_up() {
    let mut server = Server::with(|limits| limits.heartbeat = Duration::from_millis(200)).await;
    let mut client = RawClient::connect(&server).await;
    server.opened().await;
    for _ in 0..4 {
        assert_eq!(client.next().await, Seen::Frame(0x89, b"hb".to_vec()));
        client.send(&frame(0x8a, b"hb")).await;
    }
    while client.next().await != Seen::End {}
    // The heartbeats' pongs are not the conversation's business.
    assert!(matches!(server.next_told().await, Told::Ended(Ended::Vanished)));
    assert_eq!(server.counts.killed_vanished.load(SeqCst), 1);
    server.stop().await;
}

#[actix_web::test]
async fn an_idle_client_is_closed_with_4008_although_it_pongs() {
    let mut server = Server::with(|limits| {
        limits.heartbeat = Duration::from_millis(100);
        limits.idle_timeout = Duration::from_millis(500);
    })
    .await;
    let mut client = RawClient::connect(&server).await;
    loop {
        match client.next().await {
            Seen::Frame(0x89, payload) => client.send(&frame(0x8a, &payload)).await,
            Seen::Frame(0x88, payload) => break assert_eq!(payload, b"\x0f\xa8idle timeout"),
            other => panic!("{other:?}"),
        }
    }
    client.answer_close(4008).await;
    client.ends_promptly().await;
    assert_eq!(server.ended().await, Ended::WeClosed(CloseCode::IdleTimeout));
    server.stop().await;
}

/// An hour's queue had ended in 1008, and again at each reconnect. Heartbeats go on meanwhile, and their pongs wait behind it.
#[actix_web::test]
async fn who_sends_too_fast_is_held_back_and_loses_nothing() {
    let mut server = Server::with(|limits| {
        limits.messages = rate(200, 20);
        limits.heartbeat = Duration::from_millis(100);
        limits.idle_timeout = Duration::from_millis(300);
    })
    .await;
    let mut client = RawClient::connect(&server).await;
    server.opened().await;
    let began = std::time::Instant::now();
    let queue: Vec<String> = (0..300).map(|n| format!("queued {n}")).collect();
    let frames: Vec<u8> = queue.iter().flat_map(|text| frame(0x81, text.as_bytes())).collect();
    client.send(&frames).await;
    for text in &queue {
        assert_eq!(server.text().await, *text);
    }
    assert!(began.elapsed() >= Duration::from_millis(1_200), "{:?}", began.elapsed());
    assert_eq!(server.counts.held_back.load(SeqCst), 1);
    client.text("close").await;
    assert_eq!(client.close_frame().await.0, CloseCode::LoggedInElsewhere.number());
    server.stop().await;
}

#[actix_web::test]
async fn who_goes_on_too_fast_is_closed_with_1008_whatever_it_sends() {
    let mut server = Server::with(|limits| {
        limits.messages = rate(50, 10);
        limits.held_back_max = Duration::from_millis(500);
    })
    .await;
    for flood in [frame(0x81, b"text"), frame(0x89, b"ping"), frame(0x8a, b"unasked pong")] {
        let mut client = RawClient::connect(&server).await;
        client.send(&flood.repeat(300)).await;
        assert_eq!(client.close_frame().await, (1008, "too many messages".into()));
        client.answer_close(1008).await;
        client.ends_promptly().await;
        assert_eq!(server.ended().await, Ended::WeClosed(CloseCode::Policy));
    }
    server.stop().await;
}

/// Its Close is behind a queue that would take a minute.
#[actix_web::test]
async fn who_is_held_back_is_closed_at_once() {
    let mut server = Server::with(|limits| {
        limits.messages = rate(5, 5);
    })
    .await;
    let mut client = RawClient::connect(&server).await;
    let handle = server.opened().await;
    client.send(&frame(0x81, b"queued").repeat(300)).await;
    server.text().await;
    handle.close(CloseCode::GoingAway, "restart");
    assert_eq!(client.close_frame().await, (1001, "restart".into()));
    client.answer_close(1001).await;
    client.ends_promptly().await;
    assert_eq!(server.ended().await, Ended::WeClosed(CloseCode::GoingAway));
    server.stop().await;
}

#[actix_web::test]
async fn too_many_bad_messages_are_closed_with_1008() {
    let server = Server::with(|limits| limits.bad_messages = Rate::per_minute(count(5))).await;
    let mut client = RawClient::connect(&server).await;
    client.send(&frame(0x81, b"bad").repeat(5)).await;
    client.text("five are forgiven").await;
    assert_eq!(client.next().await, text_frame("five are forgiven"));
    client.text("bad").await;
    assert_eq!(client.close_frame().await, (1008, "too many bad messages".into()));
    server.stop().await;
}

// ---- the handshake and the server

#[actix_web::test]
async fn a_bad_handshake_is_answered_and_starts_nothing() {
    let mut server = Server::start().await;
    let request = |head: &str| format!("{head} HTTP/1.1\r\nHost: x\r\n");
    let get = request("GET /ws");
    let version_12 = UPGRADE.replace("13", "12");
    let requests = [
        ("400", format!("{get}{UPGRADE}Sec-WebSocket-Key: x\r\n\r\n")),
        ("400", format!("{get}{UPGRADE}\r\n")),
        ("426", format!("{get}{version_12}{KEY}\r\n")),
        ("400", format!("{get}{UPGRADE}{KEY}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
        ("400", format!("{get}\r\n")),
    ];
    for (status, request) in requests {
        let head = RawClient::tcp(&server).await.ask(&request).await;
        assert_eq!(head.split(' ').nth(1), Some(status), "{request}");
    }
    assert!(server.told.try_recv().is_err(), "a conversation heard of a refused handshake");
    server.stop().await;
}

#[actix_web::test]
async fn the_bearer_subprotocol_is_echoed_without_its_token() {
    let server = Server::start().await;
    let offer = "Sec-WebSocket-Protocol: bearer, a.b.c\r\n";
    let (_client, head) = RawClient::connect_to(&server, "/ws", offer).await;
    assert!(head.to_lowercase().contains("sec-websocket-protocol: bearer\r\n"), "{head}");
    let (_client, head) = RawClient::connect_to(&server, "/ws", "").await;
    assert!(!head.to_lowercase().contains("sec-websocket-protocol"), "{head}");
    server.stop().await;
}

#[actix_web::test]
async fn a_refusal_completes_the_handshake_first() {
    let server = Server::start().await;
    let (mut client, _) = RawClient::connect_to(&server, "/refused", "").await;
    assert_eq!(client.close_frame().await, (4001, "token expired".into()));
    client.answer_close(4001).await;
    client.ends_promptly().await;
    server.stop().await;
}

#[actix_web::test]
async fn a_full_server_says_so() {
    let mut server = Server::with(|limits| limits.sessions_max = 1).await;
    let _client = RawClient::connect(&server).await;
    server.opened().await;
    let request = format!("GET /ws HTTP/1.1\r\nHost: x\r\n{UPGRADE}{KEY}\r\n");
    let head = RawClient::tcp(&server).await.ask(&request).await;
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: "), "{head}");
    server.stop().await;
}

#[actix_web::test]
async fn a_drain_tells_everybody_and_kills_who_does_not_go() {
    let mut server = Server::with(|limits| limits.close_timeout = Duration::from_millis(500)).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(RawClient::connect(&server).await);
        server.opened().await;
    }
    let mut stubborn = clients.pop().unwrap();
    let polite = futures_util::future::join_all(clients.iter_mut().map(async |client| {
        assert_eq!(client.close_frame().await, (1001, "server going down".into()));
        client.answer_close(1001).await;
        client.ends_promptly().await;
    }));
    let drain = server.reaper.close_all(
        CloseCode::GoingAway,
        CloseCode::GoingAway.reason(),
        Duration::from_millis(200),
    );
    let (drained, _) = futures_util::future::join(drain, polite).await;
    assert_eq!(drained.told, 20);
    // The sweep may have been faster than the drain's own patience.
    assert!(drained.killed <= 1, "{drained:?}");
    assert_eq!(stubborn.close_frame().await.0, 1001);
    stubborn.ends_promptly().await;
    server.is_empty().await;
    let request = format!("GET /ws HTTP/1.1\r\nHost: x\r\n{UPGRADE}{KEY}\r\n");
    let head = RawClient::tcp(&server).await.ask(&request).await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    server.stop().await;
}

/// The setting that makes a WebSocket's end prompt must not take away a REST client's answer: a client that is refused
/// while still sending reads the refusal only if the server continues reading.
#[actix_web::test]
async fn a_refused_body_can_still_read_its_refusal() {
    let server = Server::start().await;
    let mut client = RawClient::tcp(&server).await;
    let head = "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n";
    client.send(head.as_bytes()).await;
    for _ in 0..1024 {
        client.send(&[b'x'; 1024]).await;
    }
    let mut answer = [0; 12];
    timeout(DEADLINE, client.0.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    server.stop().await;
}

#[actix_web::test]
async fn an_ordinary_client_library_is_content() {
    let mut server = Server::start().await;
    let url = format!("ws://{}/ws", server.address);
    let (mut client, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    let handle = server.opened().await;
    client.send("grüße".into()).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), "grüße".into());
    handle.close(CloseCode::LoggedInElsewhere, "elsewhere");
    let tungstenite::Message::Close(Some(close)) = client.next().await.unwrap().unwrap() else {
        panic!("not a close");
    };
    assert_eq!((close.code, close.reason.as_str()), (TungsteniteCode::Library(4003), "elsewhere"));
    let end = timeout(PROMPT, client.next()).await.expect("the end was not prompt");
    assert!(matches!(end, None | Some(Err(tungstenite::Error::ConnectionClosed))), "{end:?}");
    assert_eq!(server.ended().await, Ended::WeClosed(CloseCode::LoggedInElsewhere));
    server.stop().await;
}
