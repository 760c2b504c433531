//! The network: HTTP requests, and sockets that answer pings by themselves, as every WebSocket client does. All that goes wrong
//! on the way is what came instead of what the rule says.

use crate::conform::checked::{Checked, failed};
use futures_util::{SinkExt, StreamExt};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::{Value, json};
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

/// A message that should come at once has come by then, or does not come.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// A server that limits log-ins says when to come again; longer than this is a failure.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(70);
const RETRIES: usize = 3;

/// The server that is checked, and who we are there.
pub struct Target {
    /// `http://HOST:PORT` or `https://HOST`.
    pub url: String,
    /// An operator's user name and password.
    pub admin: Option<(String, String)>,
    /// An operator's access token.
    pub token: Option<String>,
}

pub struct Http {
    client: Client,
    base: Url,
}

/// An answer. The body is null where it is empty or no JSON.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Reply {
    /// The body, if the status is this.
    pub fn expect(self, what: &str, status: u16) -> Checked<Value> {
        match self.status == status {
            true => Ok(self.body),
            false => failed(format!("{what} is answered with {} {}", self.status, self.text)),
        }
    }
}

impl Http {
    pub fn new(url: &str) -> Result<Self, Box<dyn Error>> {
        let base = Url::parse(url).map_err(|error| format!("{url} is no URL: {error}"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(format!("{url} is no URL such as http://127.0.0.1:8000").into());
        }
        // reqwest asks for a process's default.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Http { client, base })
    }

    /// A path from the root, with its query.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Checked<Reply> {
        let what = format!("{method} {path}");
        sent(self.request(method, path, token, body), &what).await
    }

    /// A `POST` with an `Idempotency-Key`.
    pub async fn call_keyed(&self, path: &str, token: &str, key: &str, body: &Value) -> Checked<Reply> {
        let request = self.request(Method::POST, path, Some(token), Some(body));
        sent(request.header("idempotency-key", key), &format!("POST {path}")).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> RequestBuilder {
        let url = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        let mut request = self.client.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        request
    }

    /// The same, again where a limit says when.
    pub async fn call_patiently(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Checked<Reply> {
        for _ in 0..RETRIES {
            let reply = self.call(method.clone(), path, token, body).await?;
            let after = reply.headers.get("retry-after").and_then(|after| after.to_str().ok()?.parse().ok());
            match after.map(Duration::from_secs).filter(|_| reply.status == 429) {
                Some(after) if after <= RETRY_AFTER_MAX => tokio::time::sleep(after).await,
                _ => return Ok(reply),
            }
        }
        self.call(method, path, token, body).await
    }
}

async fn sent(request: RequestBuilder, what: &str) -> Checked<Reply> {
    match request.send().await {
        Err(error) => failed(format!("{what}: no answer: {}", innermost(&error))),
        Ok(response) => {
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let text = response.text().await.unwrap_or_default();
            let body = serde_json::from_str(&text).unwrap_or(Value::Null);
            Ok(Reply { status, headers, body, text })
        }
    }
}

fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// How a socket brings its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenIn {
    Query,
    Header,
    Subprotocol,
}

/// Where a socket goes.
#[derive(Clone, Debug)]
pub struct Door {
    pub path: String,
    /// Without the token.
    pub query: String,
    pub token: Option<String>,
    pub token_in: TokenIn,
}

impl Door {
    pub fn new(path: impl Into<String>, token: Option<&str>) -> Self {
        let token = token.map(str::to_owned);
        Door { path: path.into(), query: String::new(), token, token_in: TokenIn::Query }
    }

    pub fn with(mut self, query: &str) -> Self {
        self.query = query.to_owned();
        self
    }

    pub fn token_in(mut self, place: TokenIn) -> Self {
        self.token_in = place;
        self
    }

    fn path_and_query(&self) -> String {
        let token = self.token.as_ref().filter(|_| self.token_in == TokenIn::Query);
        let token = token.map(|token| format!("token={token}"));
        let query: Vec<String> =
            token.into_iter().chain((!self.query.is_empty()).then(|| self.query.clone())).collect();
        match query.is_empty() {
            true => self.path.clone(),
            false => format!("{}?{}", self.path, query.join("&")),
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Something that reached us.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    Message(Value),
    Closed(u16, String),
    Lost(String),
    /// Nothing, until the deadline.
    Silence,
}

impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Heard::Message(message) => write!(f, "{message}"),
            Heard::Closed(code, reason) => write!(f, "a close with {code} ({reason})"),
            Heard::Lost(why) => write!(f, "the connection ended without a close ({why})"),
            Heard::Silence => f.write_str("nothing came"),
        }
    }
}

pub struct Socket {
    stream: WebSocketStream<Box<dyn Stream>>,
    known: Rc<[String]>,
}

/// A handshake's outcome.
pub enum Opened {
    Socket(Box<Socket>),
    /// Refused before the upgrade, with this status.
    Refused(u16),
}

impl Socket {
    /// The handshake alone; `known` are the types that the app has a meaning for.
    pub async fn open(http: &Http, door: &Door, known: Rc<[String]>) -> Checked<Opened> {
        let give_up = Instant::now() + PATIENCE;
        match timeout_at(give_up, handshake(&http.base, door)).await {
            Err(_) => failed("the handshake was not answered"),
            Ok(Ok(stream)) => Ok(Opened::Socket(Box::new(Socket { stream, known }))),
            Ok(Err(tungstenite::Error::Http(response))) => Ok(Opened::Refused(response.status().as_u16())),
            Ok(Err(error)) => failed(format!("the handshake failed: {error}")),
        }
    }

    pub async fn send(&mut self, message: &Value) -> Checked {
        self.send_text(&message.to_string()).await
    }

    pub async fn send_text(&mut self, text: &str) -> Checked {
        self.send_frame(Message::text(text)).await
    }

    pub async fn send_binary(&mut self, bytes: &'static [u8]) -> Checked {
        self.send_frame(Message::binary(bytes)).await
    }

    async fn send_frame(&mut self, frame: Message) -> Checked {
        match self.stream.send(frame).await {
            Ok(()) => Ok(()),
            Err(error) => failed(format!("the socket takes no more messages: {error}")),
        }
    }

    /// Closes, and waits for the answer to it.
    pub async fn close(mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        let _ = self.stream.close(Some(frame)).await;
        let give_up = Instant::now() + PATIENCE;
        while let Heard::Message(_) = self.hear_until(give_up).await {}
    }

    /// The next thing, whatever it is.
    pub async fn hear(&mut self) -> Heard {
        self.hear_until(Instant::now() + PATIENCE).await
    }

    pub async fn hear_until(&mut self, give_up: Instant) -> Heard {
        loop {
            let Ok(next) = timeout_at(give_up, self.stream.next()).await else { return Heard::Silence };
            match next {
                None => return Heard::Lost("ended".to_owned()),
                Some(Err(error)) => return Heard::Lost(error.to_string()),
                Some(Ok(Message::Text(text))) => {
                    let message = serde_json::from_str(&text);
                    return Heard::Message(message.unwrap_or_else(|_| json!({"no JSON": text.to_string()})));
                }
                Some(Ok(Message::Binary(bytes))) => {
                    return Heard::Message(json!({"a binary frame": bytes.len()}));
                }
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
                    let (code, reason) = frame.unwrap_or((1005, String::new()));
                    return Heard::Closed(code, reason);
                }
                // The library answers pings.
                Some(Ok(_)) => {}
            }
        }
    }

    fn knows(&self, message: &Value) -> bool {
        message["type"].as_str().is_none_or(|kind| self.known.iter().any(|known| known == kind))
    }

    /// The next message with a meaning for the app, which must have this type.
    pub async fn expect(&mut self, kind: &str) -> Checked<Value> {
        loop {
            match self.hear().await {
                Heard::Message(message) if message["type"] == kind => return Ok(message),
                Heard::Message(message) if !self.knows(&message) => {}
                other => return failed(format!("instead of {kind}: {other}")),
            }
        }
    }

    /// The message of this type, whatever messages come before it.
    pub async fn find(&mut self, kind: &str) -> Checked<Value> {
        self.find_within(kind, PATIENCE).await
    }

    pub async fn find_within(&mut self, kind: &str, time: Duration) -> Checked<Value> {
        let give_up = Instant::now() + time;
        loop {
            match self.hear_until(give_up).await {
                Heard::Message(message) if message["type"] == kind => return Ok(message),
                Heard::Message(_) => {}
                other => return failed(format!("instead of {kind}: {other}")),
            }
        }
    }

    /// The close that must come, after whatever messages.
    pub async fn expect_close(&mut self, code: u16) -> Checked {
        loop {
            match self.hear().await {
                Heard::Closed(found, _) if found == code => return Ok(()),
                Heard::Message(_) => {}
                other => return failed(format!("instead of a close with {code}: {other}")),
            }
        }
    }

    /// A ping and its pong: everything sent before has been read. Returns the messages that came first.
    pub async fn sync(&mut self) -> Checked<Vec<Value>> {
        self.send(&json!({"type": "ping"})).await?;
        let mut earlier = Vec::new();
        loop {
            match self.hear().await {
                Heard::Message(message) if message["type"] == "pong" => {
                    // With the answers to pings that came on the way.
                    let _ = self.stream.flush().await;
                    return Ok(earlier);
                }
                Heard::Message(message) => earlier.push(message),
                other => return failed(format!("instead of a pong: {other}")),
            }
        }
    }

    /// The error with this code that must come; and the socket still answers after it.
    pub async fn expect_error(&mut self, code: &str) -> Checked<Value> {
        let error = self.expect("error").await?;
        // The matching app's messages are flat.
        let found = if error["data"].is_object() { &error["data"]["code"] } else { &error["code"] };
        if found != code {
            return failed(format!("instead of the error {code}: {error}"));
        }
        self.sync().await?;
        Ok(error)
    }
}

async fn handshake(base: &Url, door: &Door) -> Result<WebSocketStream<Box<dyn Stream>>, tungstenite::Error> {
    let host = base.host_str().unwrap_or_default().to_owned();
    let port = base.port_or_known_default().unwrap_or(80);
    let is_tls = base.scheme() == "https";
    let authority = base.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    let scheme = if is_tls { "wss" } else { "ws" };
    let prefix = base.path().trim_end_matches('/');
    let url = format!("{scheme}://{authority}{prefix}{}", door.path_and_query());
    let mut request = url.into_client_request()?;
    if let Some(token) = &door.token {
        let (name, value) = match door.token_in {
            TokenIn::Query => (None, String::new()),
            TokenIn::Header => (Some(HeaderName::from_static("authorization")), format!("Bearer {token}")),
            TokenIn::Subprotocol => {
                (Some(HeaderName::from_static("sec-websocket-protocol")), format!("bearer, {token}"))
            }
        };
        if let (Some(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            request.headers_mut().insert(name, value);
        }
    }
    let tcp = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let _ = tcp.set_nodelay(true);
    let stream: Box<dyn Stream> = if is_tls { Box::new(tls(&host, tcp).await?) } else { Box::new(tcp) };
    tokio_tungstenite::client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn tls(host: &str, tcp: TcpStream) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls_platform_verifier::Verifier::new(provider.clone()).map_err(std::io::Error::other)?;
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
    let name = name.map_err(std::io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}
