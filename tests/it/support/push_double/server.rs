//! The listener under each double: TLS or not, HTTP/1.1 or HTTP/2, and the ways not to answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::wire::{Io, Tap, Wire};

/// The library's limit of streams; the double announces and checks lower ones.
const STREAMS_MAX: u32 = 1000;

/// A request as a double judges it.
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub connection: Arc<Connection>,
    /// Other requests in progress on the connection when it came.
    pub others: usize,
    /// How many the client knew to be allowed then.
    pub limit: Option<usize>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The token of `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    }

    pub fn is_json(&self) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json")
    }
}

pub struct Connection {
    pub wire: Arc<Wire>,
    under_way: AtomicUsize,
    /// The provider tokens that came over it, and when each was first seen, in seconds. (Apple's)
    pub tokens: Mutex<Vec<(String, i64)>>,
}

/// A double's answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Reply {
        let headers = vec![("content-type", "application/json; charset=UTF-8".to_owned())];
        Reply { status, headers, body: body.to_string().into_bytes() }
    }

    /// An answer as gateways give it.
    pub fn html(status: u16) -> Reply {
        let headers = vec![("content-type", "text/html".to_owned())];
        let body = format!("<!DOCTYPE html><html><title>Error {status}</title><p>That's an error.</html>");
        Reply { status, headers, body: body.into_bytes() }
    }

    pub fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn with(mut self, header: &'static str, value: impl ToString) -> Reply {
        self.headers.push((header, value.to_string()));
        self
    }
}

/// A double's reaction to a request.
#[derive(Debug, Clone)]
pub enum Act {
    Answer(Reply),
    /// Takes its time first.
    AnswerAfter(Duration, Reply),
    /// No answer at all.
    Hang,
    /// RST.
    Reset,
    /// HTTP/2: goes away with this code without having begun with this request.
    GoAway(u32),
    /// HTTP/2: REFUSED_STREAM.
    RefuseStream,
}

pub trait Judge: Send + Sync {
    fn judge(&self, asked: &Asked) -> Act;

    /// Before the first request.
    fn connected(&self, _connection: &Connection) {}
}

pub struct Listener {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener {
    pub async fn start(
        tls: Option<Arc<rustls::ServerConfig>>,
        is_http2_only: bool,
        judge: Arc<dyn Judge>,
    ) -> Listener {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let task = tokio::spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(socket, tls.clone(), is_http2_only, judge.clone()));
            }
        });
        Listener { address, connections, task }
    }

    /// Connections that were ever opened.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve(
    socket: TcpStream,
    tls: Option<Arc<rustls::ServerConfig>>,
    is_http2_only: bool,
    judge: Arc<dyn Judge>,
) {
    socket.set_nodelay(true).expect("a TCP socket has this option");
    let socket = socket.into_std().expect("a socket is one");
    let wire = Wire::new(socket.try_clone().expect("there are descriptors left"));
    let socket = TcpStream::from_std(socket).expect("within the runtime");
    let inner: Box<dyn Io> = match tls {
        // A client that does not speak TLS, or does not trust us, is dropped.
        Some(tls) => match TlsAcceptor::from(tls).accept(socket).await {
            Ok(stream) => Box::new(stream),
            Err(_) => return,
        },
        None => Box::new(socket),
    };
    let tokens = Mutex::default();
    let connection = Arc::new(Connection { wire: wire.clone(), under_way: AtomicUsize::new(0), tokens });
    judge.connected(&connection);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(STREAMS_MAX);
    let builder = if is_http2_only { builder.http2_only() } else { builder };
    let service = service_fn(move |request| {
        let limit = connection.wire.limit_of_request();
        answer(request, limit, connection.clone(), judge.clone())
    });
    // However it ends, the next one is as good.
    let _ = builder.serve_connection(TokioIo::new(Tap::new(inner, wire)), service).await;
}

/// Counts a request while it is in progress, even if its client gives it up.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(
    request: Request<Incoming>,
    limit: Option<usize>,
    connection: Arc<Connection>,
    judge: Arc<dyn Judge>,
) -> Result<Response<Full<Bytes>>, h2::Error> {
    let others = connection.under_way.fetch_add(1, Ordering::SeqCst);
    let _under_way = UnderWay(&connection.under_way);
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return never().await };
    let asked = Asked {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        version: parts.version,
        headers: parts.headers,
        body: body.to_bytes(),
        connection: connection.clone(),
        others,
        limit,
    };
    // Requests after the decision to go away are not begun.
    if connection.wire.is_going() {
        return never().await;
    }
    let reply = match judge.judge(&asked) {
        Act::Answer(reply) => reply,
        Act::AnswerAfter(time, reply) => {
            if time > Duration::ZERO {
                tokio::time::sleep(time).await;
            }
            reply
        }
        Act::Hang => return never().await,
        Act::Reset => {
            connection.wire.reset();
            return never().await;
        }
        Act::GoAway(code) => {
            connection.wire.go_away(code);
            return never().await;
        }
        Act::RefuseStream => return Err(h2::Reason::REFUSED_STREAM.into()),
    };
    connection.wire.answers();
    Ok(response(reply))
}

async fn never<T>() -> T {
    match std::future::pending::<Infallible>().await {}
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = StatusCode::from_u16(reply.status).expect("a status of ours");
    for (name, value) in reply.headers {
        let value = HeaderValue::from_str(&value).expect("a header of ours");
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}
