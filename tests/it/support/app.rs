//! An app: an ordinary WebSocket client that reads all the time and answers pings by itself, as phones do, until the
//! test freezes, cuts or closes it. Its door says to which app family it belongs.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use fleetwire::contracts::Contract;
use fleetwire::contracts::driver_app::ClientMessage;
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

use super::{DEADLINE, documented};

/// From where an app connects that is not at home.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Everything that a connection needs to be opened, so that it can be opened again.
#[derive(Clone)]
pub struct Door {
    port: u16,
    path: String,
    /// The types that the app has a meaning for; it ignores messages of any other.
    known: &'static [&'static str],
    token: Option<String>,
    last_event_id: Option<i64>,
    more: String,
    /// One of the machine's own addresses, all of 127.0.0.0/8.
    from: Ipv4Addr,
}

/// Everything that reaches the app.
#[derive(Debug, Clone)]
pub enum Heard {
    Message(Value),
    Closed {
        code: u16,
        reason: String,
    },
    /// The connection ended without a close frame.
    Lost(String),
}

enum Act {
    Send(Message),
    Close(u16),
    /// Sends a close frame and reads nothing more, not even the answer to it.
    CloseAndForget(u16, oneshot::Sender<()>),
    /// Reads nothing more, answers nothing more, and keeps the connection.
    Freeze(oneshot::Sender<()>),
    /// Goes on where it froze: reads and answers what has come meanwhile.
    Thaw,
    /// Resets the connection.
    Cut(oneshot::Sender<()>),
}

pub struct App {
    acts: UnboundedSender<Act>,
    heard: UnboundedReceiver<Heard>,
    known: &'static [&'static str],
    /// The newest event's number when it connected.
    pub last_event_id: i64,
}

impl Door {
    pub fn new(port: u16, path: String, token: String, known: &'static [&'static str]) -> Door {
        let (token, more, from) = (Some(token), String::new(), Ipv4Addr::LOCALHOST);
        Door { port, path, known, token, last_event_id: None, more, from }
    }

    pub fn with_token(mut self, token: impl Into<String>) -> Door {
        self.token = Some(token.into());
        self
    }

    pub fn without_token(mut self) -> Door {
        self.token = None;
        self
    }

    /// Asks for everything after an event.
    pub fn after(mut self, last_event_id: i64) -> Door {
        self.last_event_id = Some(last_event_id);
        self
    }

    /// As a client does that appends to a URL on each attempt to reconnect.
    pub fn with_more(mut self, parameters: &str) -> Door {
        self.more = format!("&{parameters}");
        self
    }

    /// Connects from another address.
    pub fn elsewhere(mut self) -> Door {
        self.from = ELSEWHERE;
        self
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().expect("this door has a token")
    }

    pub fn path(&self) -> String {
        let mut parameters = Vec::new();
        parameters.extend(self.token.as_ref().map(|token| format!("token={token}")));
        parameters.extend(self.last_event_id.map(|id| format!("last_event_id={id}")));
        format!("{}?{}{}", self.path, parameters.join("&"), self.more)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The handshake alone; what follows it is for the test to read.
    pub async fn open(&self) -> Result<App, tungstenite::Error> {
        let url = format!("ws://127.0.0.1:{}{}", self.port, self.path());
        let opened = timeout(DEADLINE, async {
            let tcp = TcpSocket::new_v4()?;
            tcp.bind(SocketAddr::from((self.from, 0)))?;
            let tcp = tcp.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).await?;
            tcp.set_nodelay(true)?;
            tokio_tungstenite::client_async(url, tcp).await
        });
        let (socket, _) = opened.await.expect("a handshake is answered in time")?;
        let (acts, orders) = mpsc::unbounded_channel();
        let (ears, heard) = mpsc::unbounded_channel();
        tokio::spawn(live(socket, documented::contract_of(&self.path), orders, ears));
        Ok(App { acts, heard, known: self.known, last_event_id: 0 })
    }

    /// Opens and waits for the confirmation.
    pub async fn connect(&self) -> App {
        self.try_connect().await.expect("the app can connect")
    }

    pub async fn try_connect(&self) -> Result<App, String> {
        let mut app = self.open().await.map_err(|error| error.to_string())?;
        match app.hear().await {
            Heard::Message(message) if message["type"] == "connected" => {
                app.last_event_id = message["data"]["last_event_id"].as_i64().expect("connected has it");
                Ok(app)
            }
            other => Err(format!("instead of connected: {other:?}")),
        }
    }

    /// Opens and waits for the close that must follow.
    pub async fn expect_closed(&self, code: u16) -> String {
        let mut app = self.open().await.expect("the handshake completes before a close");
        app.expect_close(code).await
    }
}

/// The app's own loop: it reads whatever the test does meanwhile.
async fn live(
    mut socket: WebSocketStream<TcpStream>,
    contract: Option<Contract>,
    mut acts: UnboundedReceiver<Act>,
    ears: UnboundedSender<Heard>,
) {
    loop {
        tokio::select! {
            biased;
            act = acts.recv() => match act {
                Some(Act::Send(message)) => {
                    if let (Some(contract), Message::Text(text)) = (contract, &message) {
                        documented::from_the_app(contract, text);
                    }
                    let _ = socket.send(message).await;
                }
                Some(Act::Close(code)) => {
                    let _ = socket.close(Some(CloseFrame { code: code.into(), reason: "".into() })).await;
                }
                Some(Act::CloseAndForget(code, done)) => {
                    let _ = socket.close(Some(CloseFrame { code: code.into(), reason: "".into() })).await;
                    let _ = done.send(());
                    return;
                }
                Some(Act::Freeze(frozen)) => {
                    let _ = frozen.send(());
                    match hold(&mut acts).await {
                        Some(Act::Cut(done)) => {
                            reset(socket);
                            let _ = done.send(());
                            return;
                        }
                        Some(_) => {}
                        None => return,
                    }
                }
                Some(Act::Cut(done)) => {
                    reset(socket);
                    let _ = done.send(());
                    return;
                }
                Some(Act::Thaw) => {}
                None => return,
            },
            incoming = socket.next() => {
                let heard = match incoming {
                    Some(Ok(message)) => heard(message),
                    Some(Err(error)) => Some(Heard::Lost(error.to_string())),
                    None => return,
                };
                match (contract, &heard) {
                    (Some(contract), Some(Heard::Message(message))) => documented::to_the_app(contract, message),
                    (_, Some(Heard::Closed { code, .. })) => documented::closed(*code),
                    _ => {}
                }
                if let Some(heard) = heard {
                    let _ = ears.send(heard);
                }
            }
        }
    }
}

fn heard(message: Message) -> Option<Heard> {
    match message {
        Message::Text(text) => {
            let value = serde_json::from_str(&text);
            Some(Heard::Message(value.unwrap_or_else(|_| panic!("the server sent what is no JSON: {text}"))))
        }
        Message::Close(frame) => Some(match frame {
            Some(frame) => Heard::Closed { code: frame.code.into(), reason: frame.reason.to_string() },
            None => Heard::Closed { code: 1005, reason: String::new() },
        }),
        Message::Binary(_) => panic!("the server sent a binary frame"),
        _ => None,
    }
}

/// A frozen app can still be cut, or thaws; it ends when the test forgets it.
async fn hold(acts: &mut UnboundedReceiver<Act>) -> Option<Act> {
    loop {
        match acts.recv().await {
            Some(act @ (Act::Cut(_) | Act::Thaw)) => return Some(act),
            Some(_) => {}
            None => return None,
        }
    }
}

/// A close with no time to linger sends RST instead of FIN.
fn reset(socket: WebSocketStream<TcpStream>) {
    let stream = socket.get_ref();
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

impl App {
    /// A contract's message, or JSON that need not be one.
    pub fn send(&self, message: impl Serialize) {
        self.send_text(serde_json::to_string(&message).expect("a message is JSON"));
    }

    pub fn send_text(&self, text: String) {
        let _ = self.acts.send(Act::Send(Message::text(text)));
    }

    pub fn send_binary(&self, bytes: Vec<u8>) {
        let _ = self.acts.send(Act::Send(Message::binary(bytes)));
    }

    /// The next thing that reaches the app, whatever it is.
    pub async fn hear(&mut self) -> Heard {
        let heard = timeout(DEADLINE, self.heard.recv()).await;
        let heard = heard.unwrap_or_else(|_| panic!("nothing reached the app in {DEADLINE:?}"));
        heard.unwrap_or_else(|| Heard::Lost("ended earlier".to_owned()))
    }

    /// `hear` without a deadline, for an app that waits for whatever may come; none when the connection has ended.
    pub async fn wait(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }

    /// The next message with a meaning for the app, which must have this type.
    pub async fn expect(&mut self, expected: &str) -> Value {
        loop {
            match self.hear().await {
                Heard::Message(message) if message["type"] == expected => return message,
                Heard::Message(message) if !self.knows(&message) => {}
                other => panic!("instead of {expected}: {other:?}"),
            }
        }
    }

    /// `expect` for an error, which must have this code.
    pub async fn expect_error(&mut self, code: &str) -> Value {
        let error = self.expect("error").await;
        assert_eq!(error["data"]["code"], code, "{error}");
        error
    }

    /// The close frame that must come, after whatever messages; returns its reason.
    pub async fn expect_close(&mut self, expected: u16) -> String {
        loop {
            match self.hear().await {
                Heard::Closed { code, reason } => {
                    assert_eq!(code, expected, "closed with another code; reason: {reason}");
                    return reason;
                }
                Heard::Lost(why) => panic!("lost without a close frame ({why}) instead of {expected}"),
                Heard::Message(_) => {}
            }
        }
    }

    /// A ping and its pong: everything sent before has been read by the server. Returns the messages that came first.
    pub async fn sync(&mut self) -> Vec<Value> {
        // It reads the same in each contract.
        self.send(ClientMessage::Ping);
        let mut earlier = Vec::new();
        loop {
            match self.hear().await {
                Heard::Message(message) if message["type"] == "pong" => return earlier,
                Heard::Message(message) => earlier.push(message),
                other => panic!("instead of a pong: {other:?}"),
            }
        }
    }

    /// The events that reach the app until one satisfies `is_last`.
    pub async fn events_until(&mut self, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            match self.hear().await {
                Heard::Message(message) if message["id"].is_i64() => {
                    let ended = is_last(&message);
                    events.push(message);
                    if ended {
                        return events;
                    }
                }
                Heard::Message(_) => {}
                other => panic!("the events have no end: {other:?} after {events:?}"),
            }
        }
    }

    /// Everything else that reaches the app within a time. Only for messages that must *not* come.
    pub async fn hear_for(&mut self, time: Duration) -> Vec<Heard> {
        let end = Instant::now() + time;
        let mut all = Vec::new();
        while let Ok(Some(heard)) = timeout_at(end, self.heard.recv()).await {
            all.push(heard);
        }
        all
    }

    /// Messages that have reached the app and were not read yet; waits for nothing.
    pub fn drain(&mut self) -> Vec<Heard> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }

    pub async fn freeze(&self) {
        let (frozen, done) = oneshot::channel();
        let _ = self.acts.send(Act::Freeze(frozen));
        let _ = timeout(DEADLINE, done).await;
    }

    pub fn thaw(&self) {
        let _ = self.acts.send(Act::Thaw);
    }

    pub async fn cut(&self) {
        let (done, is_done) = oneshot::channel();
        let _ = self.acts.send(Act::Cut(done));
        let _ = timeout(DEADLINE, is_done).await;
    }

    /// Sends a close frame and lets go of the connection at once.
    pub async fn close_and_forget(&self, code: u16) {
        let (done, is_done) = oneshot::channel();
        let _ = self.acts.send(Act::CloseAndForget(code, done));
        let _ = timeout(DEADLINE, is_done).await;
    }

    /// Begins the close handshake; `expect_close` waits for its end.
    pub fn close(&self, code: u16) {
        let _ = self.acts.send(Act::Close(code));
    }

    fn knows(&self, message: &Value) -> bool {
        message["type"].as_str().is_some_and(|name| self.known.contains(&name))
    }
}
