//! A server that breaks a contract on purpose: it passes everything on to a good one, and plants one fault on the way back.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use reqwest::header::HeaderValue;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

const HEAD_BYTES_MAX: usize = 16 * 1024;
const TOKEN_PLACES: [&str; 2] = ["authorization", "sec-websocket-protocol"];

/// The change made to the good server's messages and answers.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Messages of this type lack a field, by its path.
    LacksField(&'static str, &'static str),
    /// Messages of this type come twice.
    Twice(&'static str),
    /// Messages of this type do not come.
    Swallows(&'static str),
    /// Of two messages with an id the second one comes first.
    Reorders,
    /// The newest message of this type comes again on each further connection.
    Repeats(&'static str),
    /// Another close code instead of this one.
    Closes(u16, u16),
    /// Ends the connection after a message of this type.
    EndsAfter(&'static str),
    /// Requests whose path contains this are answered with the second status instead of the first.
    Answers(&'static str, u16, u16),
    /// Answers to requests whose path contains this lack a field.
    AnswerLacks(&'static str, &'static str),
}

pub struct FaultyServer {
    port: u16,
    task: JoinHandle<()>,
}

/// Shared by all of its connections.
struct Shared {
    upstream: u16,
    fault: Fault,
    client: reqwest::Client,
    /// For [`Fault::Repeats`].
    newest: Mutex<Option<String>>,
}

/// A request's head.
struct Head {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    bytes: usize,
}

impl FaultyServer {
    pub async fn start(upstream: u16, fault: Fault) -> FaultyServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::new();
        let shared = Arc::new(Shared { upstream, fault, client, newest: Mutex::default() });
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move { drop(serve(stream, &shared).await) });
            }
        });
        FaultyServer { port, task }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for FaultyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Done = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// One request, or one socket.
async fn serve(mut stream: TcpStream, shared: &Shared) -> Done {
    let Some(head) = peek(&stream).await? else { return Ok(()) };
    let is_socket =
        head.headers.iter().any(|(name, value)| name == "upgrade" && value.eq_ignore_ascii_case("websocket"));
    if is_socket {
        return socket(stream, shared, &head).await;
    }
    let mut request = vec![0; head.bytes];
    stream.read_exact(&mut request).await?;
    let mut body = vec![0; head.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let url = format!("http://127.0.0.1:{}{}", shared.upstream, head.path);
    let mut forwarded = shared.client.request(head.method.parse()?, url).body(body);
    for (name, value) in &head.headers {
        if !["host", "content-length", "connection"].contains(&name.as_str()) {
            forwarded = forwarded.header(name, value);
        }
    }
    let response = forwarded.send().await?;
    let status = shared.fault.status(&head.path, response.status().as_u16());
    let text = shared.fault.body(&head.path, response.text().await?);
    answer(&mut stream, status, &text).await
}

async fn answer(stream: &mut TcpStream, status: u16, text: &str) -> Done {
    let head = format!(
        "HTTP/1.1 {status} Whatever\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

/// Reads nothing, since the WebSocket library wants to read the head itself. None where the client goes first.
async fn peek(stream: &TcpStream) -> std::io::Result<Option<Head>> {
    let mut buffer = vec![0; HEAD_BYTES_MAX];
    loop {
        let length = stream.peek(&mut buffer).await?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        if let Some(end) = text.find("\r\n\r\n") {
            return Ok(Head::parse(&text[..end], end + 4));
        }
        if length == 0 {
            return Ok(None);
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

impl Head {
    fn parse(text: &str, bytes: usize) -> Option<Head> {
        let mut lines = text.lines();
        let mut first = lines.next()?.split(' ');
        let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        Some(Head { method, path, headers: headers.collect(), bytes })
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value)
    }
}

async fn socket(mut stream: TcpStream, shared: &Shared, head: &Head) -> Done {
    let url = format!("ws://127.0.0.1:{}{}", shared.upstream, head.path);
    let mut request = url.into_client_request()?;
    for name in TOKEN_PLACES {
        if !head.header(name).is_empty() {
            request.headers_mut().insert(name, HeaderValue::from_str(head.header(name))?);
        }
    }
    let upstream = TcpStream::connect(("127.0.0.1", shared.upstream)).await?;
    let (upstream, response) = match tokio_tungstenite::client_async(request, upstream).await {
        Ok(opened) => opened,
        Err(tungstenite::Error::Http(response)) => {
            let status = shared.fault.status(&head.path, response.status().as_u16());
            let mut unread = vec![0; head.bytes];
            stream.read_exact(&mut unread).await?;
            return answer(&mut stream, status, "{}").await;
        }
        Err(other) => return Err(other.into()),
    };
    let subprotocol = response.headers().get("sec-websocket-protocol").cloned();
    // The library says how its callback answers.
    #[allow(clippy::result_large_err)]
    let choose = move |_: &Request, mut response: Response| {
        if let Some(subprotocol) = subprotocol {
            response.headers_mut().insert("sec-websocket-protocol", subprotocol);
        }
        Ok::<Response, ErrorResponse>(response)
    };
    let stream = tokio_tungstenite::accept_hdr_async(stream, choose).await?;
    pass_on(stream, upstream, shared).await
}

async fn pass_on(
    app: WebSocketStream<TcpStream>,
    server: WebSocketStream<TcpStream>,
    shared: &Shared,
) -> Done {
    let ((mut to_app, mut from_app), (mut to_server, mut from_server)) = (app.split(), server.split());
    let forth = async {
        while let Some(Ok(message)) = from_app.next().await {
            if !message.is_ping() && !message.is_pong() && to_server.send(message).await.is_err() {
                break;
            }
        }
    };
    let back = async {
        let mut held = None;
        while let Some(Ok(message)) = from_server.next().await {
            let (messages, ends) = shared.said(message, &mut held);
            for message in messages {
                if to_app.send(message).await.is_err() {
                    return;
                }
            }
            if ends {
                return;
            }
        }
    };
    tokio::select! {
        () = forth => {}
        () = back => {}
    }
    Ok(())
}

impl Shared {
    /// The messages that the app hears instead, and whether the connection ends then.
    fn said(&self, message: Message, held: &mut Option<Message>) -> (Vec<Message>, bool) {
        match (message, self.fault) {
            (Message::Ping(_) | Message::Pong(_), _) => (Vec::new(), false),
            (Message::Close(Some(frame)), Fault::Closes(from, to)) if u16::from(frame.code) == from => {
                let frame = CloseFrame { code: to.into(), reason: frame.reason };
                (vec![Message::Close(Some(frame))], false)
            }
            (Message::Text(text), fault) => {
                let value: Value = serde_json::from_str(&text).unwrap_or_default();
                let kind = value["type"].as_str().unwrap_or_default().to_owned();
                self.said_text(fault, &kind, value, text.to_string(), held)
            }
            (other, _) => (vec![other], false),
        }
    }

    fn said_text(
        &self,
        fault: Fault,
        kind: &str,
        mut value: Value,
        text: String,
        held: &mut Option<Message>,
    ) -> (Vec<Message>, bool) {
        let as_it_is = || Message::text(text.clone());
        match fault {
            Fault::LacksField(of, field) if of == kind => {
                remove(&mut value, field);
                (vec![Message::text(value.to_string())], false)
            }
            Fault::Twice(of) if of == kind => (vec![as_it_is(), as_it_is()], false),
            Fault::Swallows(of) if of == kind => (Vec::new(), false),
            Fault::EndsAfter(of) if of == kind => (vec![as_it_is()], true),
            Fault::Reorders if value["id"].is_i64() => match held.take() {
                Some(earlier) => (vec![as_it_is(), earlier], false),
                None => {
                    *held = Some(as_it_is());
                    (Vec::new(), false)
                }
            },
            Fault::Repeats(of) if of == kind => {
                *self.newest.lock() = Some(text.clone());
                (vec![as_it_is()], false)
            }
            Fault::Repeats(_) if kind == "connected" => {
                let again = self.newest.lock().clone();
                (std::iter::once(as_it_is()).chain(again.map(Message::text)).collect(), false)
            }
            _ => (vec![as_it_is()], false),
        }
    }
}

impl Fault {
    fn status(self, path: &str, status: u16) -> u16 {
        match self {
            Fault::Answers(part, from, to) if path.contains(part) && status == from => to,
            _ => status,
        }
    }

    fn body(self, path: &str, text: String) -> String {
        match self {
            Fault::AnswerLacks(part, field) if path.contains(part) => {
                let mut value: Value = serde_json::from_str(&text).unwrap_or_default();
                remove(&mut value, field);
                value.to_string()
            }
            _ => text,
        }
    }
}

/// Removes a field by its path, such as `data.earnings`.
fn remove(value: &mut Value, field: &str) {
    let (parent, name) = field.rsplit_once('.').map_or((None, field), |(parent, name)| (Some(parent), name));
    let pointer = parent.map_or_else(String::new, |parent| format!("/{}", parent.replace('.', "/")));
    if let Some(fields) = value.pointer_mut(&pointer).and_then(Value::as_object_mut) {
        fields.remove(name);
    }
}
