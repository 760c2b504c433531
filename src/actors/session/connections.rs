//! Connections that carry no session: they serve REST requests and are idle in between. Load balancers, pools and
//! phones keep theirs open for a minute, so there are many; the framework itself bounds neither their number nor the
//! time that the head of a second request may take. One task of the server checks them once a second, from outside.
//!
//! The invariant: what is listed here is a connection that is open and was not upgraded. It enters when it is accepted and
//! leaves when it ends, is upgraded or is closed from here, by id.

use std::{
    any::Any,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use actix_web::{HttpRequest, dev::Extensions};
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use parking_lot::Mutex;

use super::{epoch::now_ms, socket::Connection};

/// Of those that are allowed, one in so many is closed at once where there is no room: looking for the ones that have waited
/// longest takes a look at all, and is not done for each newcomer.
const ROOM_PART: usize = 8;

/// Every connection without a session. Clones are the same.
#[derive(Clone)]
pub struct Connections(Arc<Inner>);

struct Inner {
    count_max: usize,
    idle_max: Duration,
    listed: Mutex<HashMap<u64, Arc<Connection>>>,
    next_id: AtomicU64,
    metrics: Metrics,
}

struct Metrics {
    open: Gauge,
    closed_for_room: Counter,
    closed_overdue: Counter,
}

impl Metrics {
    fn new() -> Self {
        const CLOSED: &str = "fleetwire_http_connections_closed_total";
        describe_gauge!("fleetwire_http_connections", "Connections open without a socket on them.");
        describe_counter!(CLOSED, "Connections between two requests closed from outside, by reason.");
        Self {
            open: gauge!("fleetwire_http_connections"),
            closed_for_room: counter!(CLOSED, "reason" => "room"),
            closed_overdue: counter!(CLOSED, "reason" => "overdue"),
        }
    }
}

/// A connection and its place in the list, in its extensions; given up with it.
pub(super) struct Place {
    id: u64,
    pub connection: Arc<Connection>,
    all: Arc<Inner>,
}

impl Place {
    pub fn leave(&self) {
        self.all.listed.lock().remove(&self.id);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// While it lives, its connection has a request in progress.
pub struct InUse(Arc<Connection>);

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.usage.idle_since_ms.store(now_ms(), Relaxed);
        self.0.usage.requests.fetch_sub(1, Relaxed);
    }
}

/// Notes that the request's connection does something; none where the request came over none of ours.
pub fn in_use(req: &HttpRequest) -> Option<InUse> {
    let connection = &req.conn_data::<Place>()?.connection;
    connection.usage.requests.fetch_add(1, Relaxed);
    Some(InUse(Arc::clone(connection)))
}

impl Connections {
    /// At most `count_max` are kept, and none that waits for longer than `idle_max`, which is more than the framework's own
    /// keep-alive: this one is for those that have begun a request and do not end it.
    pub fn new(count_max: usize, idle_max: Duration) -> Self {
        Self(Arc::new(Inner {
            count_max,
            idle_max,
            listed: Mutex::default(),
            next_id: AtomicU64::new(0),
            metrics: Metrics::new(),
        }))
    }

    /// For `HttpServer::on_connect`, which must be called before `bind`.
    pub fn on_connect(&self) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static {
        let all = Arc::clone(&self.0);
        move |io, extensions| {
            if let Some(connection) = Connection::of(io) {
                extensions.insert(Inner::enter(&all, Arc::new(connection)));
            }
        }
    }

    /// Once a second.
    pub fn sweep(&self) {
        self.0.close_overdue(now_ms());
    }
}

impl Inner {
    fn enter(all: &Arc<Self>, connection: Arc<Connection>) -> Place {
        let id = all.next_id.fetch_add(1, Relaxed);
        let mut listed = all.listed.lock();
        listed.insert(id, Arc::clone(&connection));
        all.make_room(&mut listed);
        drop(listed);
        Place { id, connection, all: Arc::clone(all) }
    }

    /// Closes those that have waited longest. One that is answering a request is never closed for another.
    fn make_room(&self, listed: &mut HashMap<u64, Arc<Connection>>) {
        if listed.len() <= self.count_max {
            return;
        }
        let wanted = self.count_max - self.count_max / ROOM_PART;
        let idle =
            |(id, connection): (&u64, &Arc<Connection>)| Some((connection.usage.idle_since_ms()?, *id));
        let mut waiting: Vec<(u64, u64)> = listed.iter().filter_map(idle).collect();
        waiting.sort_unstable();
        for (_, id) in waiting.iter().take(listed.len() - wanted) {
            if let Some(connection) = listed.remove(id) {
                connection.kill();
                self.metrics.closed_for_room.increment(1);
            }
        }
    }

    fn close_overdue(&self, now_ms: u64) {
        let idle_max_ms = self.idle_max.as_millis() as u64;
        let mut listed = self.listed.lock();
        listed.retain(|_, connection| {
            let idle_since_ms = connection.usage.idle_since_ms();
            let is_overdue =
                idle_since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms) > idle_max_ms);
            if is_overdue {
                connection.kill();
                self.metrics.closed_overdue.increment(1);
            }
            !is_overdue
        });
        self.metrics.open.set(listed.len() as f64);
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::net::UnixStream};

    use socket2::Socket;

    use super::*;

    /// A connection that is listed, and its client.
    struct Pair {
        place: Place,
        client: UnixStream,
    }

    impl Pair {
        fn accepted(all: &Arc<Inner>, now_ms: u64) -> Self {
            let (server, client) = UnixStream::pair().unwrap();
            client.set_nonblocking(true).unwrap();
            let connection = Connection::from(Socket::from(server));
            connection.usage.idle_since_ms.store(now_ms, Relaxed);
            Self { place: Inner::enter(all, Arc::new(connection)), client }
        }

        /// Whether the client sees the end.
        fn is_closed(&mut self) -> bool {
            matches!(self.client.read(&mut [0]), Ok(0))
        }

        fn ask(&self) {
            self.place.connection.usage.requests.fetch_add(1, Relaxed);
        }

        fn answered(&self, now_ms: u64) {
            self.place.connection.usage.idle_since_ms.store(now_ms, Relaxed);
            self.place.connection.usage.requests.fetch_sub(1, Relaxed);
        }
    }

    fn all(count_max: usize) -> Arc<Inner> {
        Connections::new(count_max, Duration::from_secs(80)).0
    }

    #[test]
    fn those_that_waited_longest_make_room_and_none_that_is_answering() {
        let all = all(8);
        let mut pairs: Vec<Pair> = (0..8).map(|n| Pair::accepted(&all, n)).collect();
        pairs[0].ask();
        pairs[1].ask();
        pairs[1].answered(100);
        assert!(pairs.iter_mut().all(|pair| !pair.is_closed()));
        pairs.push(Pair::accepted(&all, 200));
        let closed: Vec<usize> = (0..9).filter(|n| pairs[*n].is_closed()).collect();
        assert_eq!(closed, [2, 3], "the oldest of those that do nothing, and one more for the next to come");
        assert_eq!(all.listed.lock().len(), 7);
    }

    #[test]
    fn one_that_waits_for_too_long_is_closed_and_one_that_is_answering_is_not() {
        let all = all(8);
        let (mut idle, mut busy) = (Pair::accepted(&all, 0), Pair::accepted(&all, 0));
        busy.ask();
        all.close_overdue(80_000);
        assert!(!idle.is_closed());
        all.close_overdue(80_001);
        assert!(idle.is_closed() && !busy.is_closed());
        busy.answered(90_000);
        all.close_overdue(170_000);
        assert!(!busy.is_closed());
        all.close_overdue(170_001);
        assert!(busy.is_closed());
        assert_eq!(all.listed.lock().len(), 0);
    }

    #[test]
    fn one_that_was_upgraded_or_has_ended_is_forgotten() {
        let all = all(8);
        let mut upgraded = Pair::accepted(&all, 0);
        drop(Pair::accepted(&all, 0));
        upgraded.place.leave();
        assert_eq!(all.listed.lock().len(), 0);
        all.close_overdue(1_000_000);
        assert!(!upgraded.is_closed());
    }
}
