//! The driver apps: one task and one socket each. They send positions and record the arrival times of orders.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::Utc;
use fleetwire::contracts::client_messages::{LocationUpdate, PositionReport};
use fleetwire::contracts::driver_app::{ClientMessage, ServerMessage};
use fleetwire::contracts::envelope;
use fleetwire::contracts::events::EventMessage;
use fleetwire::contracts::time::WireTime;
use fleetwire::simulate::socket::{self, Incoming, Stream};
use tokio::sync::{Semaphore, watch};

use crate::Failure;

const HANDSHAKES_AT_ONCE: usize = 64;

/// The apps' task; none before the load begins.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Connected,
    Sending { interval: Duration },
    Quiet,
}

pub struct Fleet {
    phase: watch::Sender<Phase>,
    books: Arc<Books>,
}

#[derive(Default)]
struct Books {
    positions_sent: AtomicU64,
    sessions_lost: AtomicU64,
    orders: Mutex<Orders>,
}

#[derive(Default)]
struct Orders {
    sent_at: HashMap<i64, Instant>,
    latencies: Vec<Duration>,
    duplicates: u64,
}

impl Fleet {
    /// Connects one app for each token, driver 1 first, and waits for all their confirmations.
    pub async fn connect(address: &str, tokens: Vec<String>) -> Result<Fleet, Failure> {
        let (phase, _) = watch::channel(Phase::Connected);
        let books: Arc<Books> = Arc::default();
        let gate = Arc::new(Semaphore::new(HANDSHAKES_AT_ONCE));
        let mut handshakes = tokio::task::JoinSet::new();
        for (driver_id, token) in (1u32..).zip(tokens) {
            let (gate, address) = (gate.clone(), address.to_owned());
            handshakes.spawn(async move {
                let _permit = gate.acquire_owned().await?;
                connect(&address, driver_id, &token).await
            });
        }
        while let Some(handshake) = handshakes.join_next().await {
            let stream = handshake??;
            tokio::spawn(drive(stream, phase.subscribe(), books.clone()));
        }
        Ok(Fleet { phase, books })
    }

    pub fn start(&self, interval: Duration) {
        self.phase.send_replace(Phase::Sending { interval });
    }

    /// No more positions; the apps stay connected and go on listening.
    pub fn stop(&self) {
        self.phase.send_replace(Phase::Quiet);
    }

    pub fn assignment_sent(&self, order_id: i64) {
        self.books.orders().sent_at.insert(order_id, Instant::now());
    }

    pub fn positions_sent(&self) -> u64 {
        self.books.positions_sent.load(Ordering::Relaxed)
    }

    pub fn sessions_lost(&self) -> u64 {
        self.books.sessions_lost.load(Ordering::Relaxed)
    }

    /// From sending the assignment to its arrival in the app, one for each order that arrived.
    pub fn latencies(&self) -> Vec<Duration> {
        self.books.orders().latencies.clone()
    }

    pub fn duplicates(&self) -> u64 {
        self.books.orders().duplicates
    }
}

impl Books {
    fn orders(&self) -> std::sync::MutexGuard<'_, Orders> {
        self.orders.lock().expect("nothing panics while it holds the books")
    }

    /// Orders of an earlier run, replayed, are nobody's business here.
    fn order_arrived(&self, order_id: i64, at: Instant, seen: &mut Vec<i64>) {
        let mut orders = self.orders();
        let Some(sent_at) = orders.sent_at.get(&order_id).copied() else { return };
        if seen.contains(&order_id) {
            orders.duplicates += 1;
            return;
        }
        seen.push(order_id);
        orders.latencies.push(at - sent_at);
    }
}

async fn connect(address: &str, driver_id: u32, token: &str) -> Result<Stream, Failure> {
    let path = format!("/api/v1/ws/driver/{driver_id}?token={token}");
    let mut stream = socket::open(address, &path).await?;
    match socket::next(&mut stream).await {
        Incoming::Text(text) if matches!(read(&text), Some(ServerMessage::Connected(_))) => Ok(stream),
        other => Err(format!("driver {driver_id} was not let in: {other:?}").into()),
    }
}

async fn drive(mut stream: Stream, mut phase: watch::Receiver<Phase>, books: Arc<Books>) {
    let mut seen = Vec::new();
    let mut next_position: Option<tokio::time::Instant> = None;
    loop {
        let due = async {
            match next_position {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = phase.changed() => match changed {
                Ok(()) => next_position = first_position(*phase.borrow_and_update()),
                Err(_) => return,
            },
            () = due => {
                let Phase::Sending { interval } = *phase.borrow() else { continue };
                next_position = next_position.map(|at| at + interval);
                if socket::send(&mut stream, position()).await {
                    books.positions_sent.fetch_add(1, Ordering::Relaxed);
                }
            }
            incoming = socket::next(&mut stream) => match incoming {
                Incoming::Text(text) => hear(&text, Instant::now(), &books, &mut seen),
                Incoming::Closed(_) => {
                    books.sessions_lost.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            },
        }
    }
}

/// Somewhere within the first interval, so that the fleet does not send in step.
fn first_position(phase: Phase) -> Option<tokio::time::Instant> {
    let Phase::Sending { interval } = phase else { return None };
    Some(tokio::time::Instant::now() + interval.mul_f64(rand::random_range(0.0..1.0)))
}

fn read(text: &str) -> Option<ServerMessage<'static>> {
    serde_json::from_str(text).ok()
}

fn hear(text: &str, at: Instant, books: &Books, seen: &mut Vec<i64>) {
    if let Some(ServerMessage::Event(EventMessage::OrderAssigned(assigned))) = read(text) {
        books.order_arrived(assigned.data.event.order_id.0, at, seen);
    }
}

fn position() -> String {
    let data = PositionReport {
        latitude: rand::random_range(28.4..28.9),
        longitude: rand::random_range(76.9..77.4),
        accuracy: Some(10.5),
        heading: Some(180.0),
        speed: Some(25.5),
        battery_level: Some(75.0),
        timestamp: Some(WireTime(Utc::now())),
    };
    envelope::text(&ClientMessage::LocationUpdate(LocationUpdate { data }))
}
