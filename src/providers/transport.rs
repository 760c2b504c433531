//! How requests reach a push service: a few connections, each with a bounded number of requests at a time, and the
//! failures of those that got no answer.
//!
//! A connection is *cold* until it has brought an answer. A cold one carries one request at a time: Apple allows no
//! more before the first success, a service is not flooded with handshakes, and if it does not answer, all waiting
//! requests fail with the one that tried.
//!
//! Invariant: a failure says whether the request may have arrived, and never shows an address with a token in it.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, StatusCode};
use rustls::ClientConfig;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Answer, Arrival, Reason, Scope};

/// Requests over one connection at a time: what Google's servers take, and what our HTTP/2 begins with before a server says.
pub(super) const STREAMS_MAX: usize = 100;

/// Answers are some hundred bytes for each message; a longer one is no answer.
const REPLY_BYTES_MAX: usize = 1 << 20;

/// A connection that is not there by then will not come in time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection with requests on it that does not answer a ping is dead, as a NAT that forgot it leaves it.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections are not given up more often.
const REOPEN_INTERVAL_MIN: Duration = Duration::from_secs(10);

/// A service may ask for patience, not for ever.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// Which HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Http {
    /// The version that TLS negotiates; HTTP/1.1 without TLS.
    Agreed,
    /// HTTP/2, whether the other side offers it or not. Kept open and pinged also while nothing is sent: Apple takes much
    /// connecting for an attack.
    Two,
}

/// How to connect.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub http: Http,
    pub tls: ClientConfig,
    /// Of one request, waiting for a connection not included.
    pub timeout: Duration,
}

impl Way {
    fn client(&self) -> reqwest::Result<Client> {
        let mut tls = self.tls.clone();
        let builder = Client::builder();
        let builder = match self.http {
            Http::Agreed => {
                tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
                builder
            }
            Http::Two => {
                tls.alpn_protocols = vec![b"h2".to_vec()];
                builder.http2_prior_knowledge().http2_keep_alive_while_idle(true).pool_idle_timeout(None)
            }
        };
        // Where the services are is a setting; a proxy or a redirection from elsewhere would get our credentials.
        let builder = builder.no_proxy().redirect(reqwest::redirect::Policy::none()).referer(false);
        builder
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("fleetwire/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout))
            .timeout(self.timeout)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build()
    }
}

/// A service's answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// `Retry-After`, in seconds or as a date.
    pub(super) fn retry_after(&self, now: DateTime<Utc>) -> Option<Duration> {
        retry_after(self.headers.get(RETRY_AFTER)?.to_str().ok()?, now)
    }
}

fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    let after = match text.parse::<u64>() {
        Ok(secs) => Duration::from_secs(secs),
        Err(_) => {
            let at = DateTime::parse_from_rfc2822(text).ok()?;
            // A date that has passed asks for nothing.
            (at.with_timezone(&Utc) - now).to_std().unwrap_or_default()
        }
    };
    Some(after.min(RETRY_AFTER_MAX))
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub reason: Reason,
    pub sent: Arrival,
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        Answer::Retry { reason: failure.reason, after: None, sent: failure.sent, scope: Scope::Service }
    }
}

/// `Authorization` with a token; none if it has what no header can have. Never shown.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The connections to one service.
#[derive(Debug)]
pub(super) struct Connections {
    way: Way,
    all: Vec<Connection>,
    reopened_at: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Connection {
    /// Keeps one connection with HTTP/2, and as many as there are requests without.
    client: Mutex<Client>,
    streams: Semaphore,
    /// Its holder tries a cold connection.
    opener: Semaphore,
    is_warm: AtomicBool,
    /// Requests that failed while it was cold.
    failures: AtomicU64,
}

/// A place on a connection: the permits for its bounds, held while a request is in flight.
struct Place<'a> {
    connection: &'a Connection,
    _stream: SemaphorePermit<'a>,
    opener: Option<SemaphorePermit<'a>>,
}

impl Connections {
    pub(super) fn new(way: Way, count: usize, streams_max: usize) -> reqwest::Result<Self> {
        let connection = |_| {
            Ok(Connection {
                client: Mutex::new(way.client()?),
                streams: Semaphore::new(streams_max),
                opener: Semaphore::new(1),
                is_warm: AtomicBool::new(false),
                failures: AtomicU64::new(0),
            })
        };
        let all = (0..count.max(1)).map(connection).collect::<reqwest::Result<_>>()?;
        Ok(Connections { way, all, reopened_at: Mutex::default() })
    }

    pub(super) fn timeout(&self) -> Duration {
        self.way.timeout
    }

    /// Sends the request that `build` makes, and reads the answer to its end.
    pub(super) async fn call(&self, build: impl Fn(&Client) -> RequestBuilder) -> Result<Reply, Failure> {
        // The first one that has room: further connections are opened only once they are needed.
        let open = self.all.iter().find(|connection| connection.streams.available_permits() > 0);
        let connection = open.unwrap_or(&self.all[0]);
        let too_late = || Failure { reason: "no connection in time".into(), sent: Arrival::No };
        let place = tokio::time::timeout(self.way.timeout, connection.enter()).await;
        let place = place.map_err(|_| too_late())??;
        let client = connection.client.lock().clone();
        let outcome = exchange(build(&client)).await;
        place.leave(outcome.is_ok());
        outcome
    }

    /// Drops all connections: requests in flight end on the old ones, further ones open new ones. Not again for a
    /// moment: many requests are told so at the same time, and each would drop the connections that the others have
    /// opened.
    pub(super) fn reopen(&self) {
        {
            let mut reopened_at = self.reopened_at.lock();
            if reopened_at.is_some_and(|at| at.elapsed() < REOPEN_INTERVAL_MIN) {
                return;
            }
            *reopened_at = Some(Instant::now());
        }
        for connection in &self.all {
            match self.way.client() {
                Ok(client) => *connection.client.lock() = client,
                // It was possible at the start; the old one still is better than none.
                Err(error) => log::warn!("no new connections for push: {error}"),
            }
            connection.is_warm.store(false, Ordering::Release);
        }
    }
}

impl Connection {
    async fn enter(&self) -> Result<Place<'_>, Failure> {
        let gone = |_| Failure { reason: "stopping".into(), sent: Arrival::No };
        let stream = self.streams.acquire().await.map_err(gone)?;
        let place = |opener| Place { connection: self, _stream: stream, opener };
        if self.is_warm.load(Ordering::Acquire) {
            return Ok(place(None));
        }
        let failures = self.failures.load(Ordering::Acquire);
        let opener = self.opener.acquire().await.map_err(gone)?;
        if self.is_warm.load(Ordering::Acquire) {
            return Ok(place(None));
        }
        if self.failures.load(Ordering::Acquire) != failures {
            return Err(Failure { reason: "no connection".into(), sent: Arrival::No });
        }
        Ok(place(Some(opener)))
    }
}

impl Place<'_> {
    /// Before anybody who waits is let in.
    fn leave(self, is_answered: bool) {
        if !is_answered && self.opener.is_some() {
            self.connection.failures.fetch_add(1, Ordering::AcqRel);
        }
        self.connection.is_warm.store(is_answered, Ordering::Release);
    }
}

async fn exchange(request: RequestBuilder) -> Result<Reply, Failure> {
    let mut response = request.send().await.map_err(|error| failure(&error))?;
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > REPLY_BYTES_MAX {
            return Err(Failure { reason: "an answer that does not end".into(), sent: Arrival::Maybe });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, headers, body })
}

/// The failure of a request without an answer. Only the innermost cause is shown: the outer ones show the address, and
/// Apple's contains the token.
fn failure(error: &reqwest::Error) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut is_unprocessed = error.is_connect() || error.is_builder();
    let mut said = String::new();
    while let Some(inner) = cause {
        if let Some(h2) = inner.downcast_ref::<h2::Error>() {
            // Requests that a server did not begin before going away end like this; it still answers those it began.
            let is_refused = h2.is_reset() && h2.reason() == Some(h2::Reason::REFUSED_STREAM);
            is_unprocessed |= h2.is_remote() && (h2.is_go_away() || is_refused);
        }
        said = inner.to_string();
        cause = inner.source();
    }
    let what = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "no answer in time",
        (false, true) => "no connection",
        (false, false) => "connection lost",
    };
    let reason = if said.is_empty() { what.into() } else { format!("{what}: {said}").into() };
    Failure { reason, sent: if is_unprocessed { Arrival::No } else { Arrival::Maybe } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::parse_from_rfc3339("2026-11-25T10:00:00Z").unwrap().with_timezone(&Utc);
        let secs = |text| retry_after(text, now).map(|after| after.as_secs());
        assert_eq!(secs("120"), Some(120));
        assert_eq!(secs(" 0 "), Some(0));
        assert_eq!(secs("Wed, 25 Nov 2026 10:01:30 GMT"), Some(90));
        assert_eq!(secs("Wed, 25 Nov 2026 09:00:00 GMT"), Some(0));
        assert_eq!(secs("99999999999999"), Some(RETRY_AFTER_MAX.as_secs()));
        for nonsense in ["", "soon", "-5", "1.5", "99999999999999999999999"] {
            assert_eq!(secs(nonsense), None, "{nonsense}");
        }
    }
}
