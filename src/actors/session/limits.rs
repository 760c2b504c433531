//! The transport's limits and counters. `config` fills the limits in; each states its unit, its reaction and the counter
//! that shows it.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::rate_limit::Rate;
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

/// The frames that count as activity for the idle time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// A text message or a ping from the client; its pongs only show that its TCP stack lives.
    TextOrPing,
    /// Any frame, pongs included: for apps that are not bound to send anything.
    AnyFrame,
}

/// Limits of one kind of socket; shared by all its sessions.
#[derive(Clone, Debug)]
pub struct TransportLimits {
    /// Sessions on this server, all kinds together. One more: 503 with `Retry-After`.
    pub sessions_max: usize,
    /// Bytes of one text message, whole or in fragments. Larger: closed with 1009, before it is kept in memory.
    pub message_bytes_max: usize,
    /// Frames of one fragmented message (empty ones cost no bytes, but time). More: closed with 1008.
    pub message_fragments_max: usize,
    /// Messages and pings that a client may send in the long run, and at once after a pause. More: it is held back, read
    /// from at this pace.
    pub messages: Rate,
    /// How long it may have to be held back, without a second's pause. Longer: closed with 1008.
    pub held_back_max: Duration,
    /// Messages that the conversation may call bad. More: closed with 1008.
    pub bad_messages: Rate,
    /// Bytes waiting to be sent above which a position of a new subject is shed.
    pub outbox_shed_bytes: usize,
    /// Bytes waiting to be sent above which the client is a slow consumer: closed with 4013.
    pub outbox_bytes_max: usize,
    /// How long a slow consumer may take to hear of its end before its socket is shut down.
    pub overflow_grace: Duration,
    /// No activity for so long: closed with 4008.
    pub idle_timeout: Duration,
    pub activity: Activity,
    /// A client that was silent for so long is pinged; silent for 2.5 times as long, it has vanished.
    pub heartbeat: Duration,
    /// How long the client may take to answer our Close before its socket is shut down.
    pub close_timeout: Duration,
}

impl Default for TransportLimits {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).expect("not zero");
        Self {
            sessions_max: 20_000,
            message_bytes_max: 16 * 1024,
            message_fragments_max: 64,
            messages: Rate::per_second(count(20), count(100)),
            held_back_max: Duration::from_secs(300),
            bad_messages: Rate::per_minute(count(30)),
            outbox_shed_bytes: 64 * 1024,
            outbox_bytes_max: 256 * 1024,
            overflow_grace: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(300),
            activity: Activity::TextOrPing,
            heartbeat: Duration::from_secs(30),
            close_timeout: Duration::from_secs(2),
        }
    }
}

/// Counters of the transport. Make it after the metrics recorder is installed: handles bind to the recorder of their
/// birth.
#[derive(Clone)]
pub struct TransportMetrics {
    /// Live sessions.
    pub sessions: Gauge,
    /// Positions that were not sent because a newer one came first or the client reads too slowly.
    pub shed: Counter,
    /// Clients closed because their outbox was full.
    pub overflowed: Counter,
    /// Clients closed for what they put on the wire (1002, 1003, 1007, 1009).
    pub protocol_errors: Counter,
    /// Clients that sent too fast and were held back.
    pub held_back: Counter,
    /// Clients closed for sending too much, or too much that was bad.
    pub floods: Counter,
    /// Conversations that panicked.
    pub panics: Counter,
    /// Sockets closed because nothing came from the client for too long.
    pub idle: Counter,
    /// Sockets shut down from outside: the client had vanished.
    pub killed_vanished: Counter,
    /// Sockets shut down from outside: no answer to our Close in time.
    pub killed_unclosed: Counter,
    /// Sockets shut down from outside: a slow consumer's grace was over.
    pub killed_slow: Counter,
    /// Sockets shut down from outside: somebody asked for it.
    pub killed_asked: Counter,
}

impl TransportMetrics {
    pub fn new() -> Self {
        const KILLED: &str = "fleetwire_ws_killed_total";
        describe_gauge!("fleetwire_sessions", "Sockets open.");
        describe_counter!(
            "fleetwire_ws_shed_total",
            "Positions not sent: a newer one came first, or a slow reader."
        );
        describe_counter!("fleetwire_ws_overflowed_total", "Sockets closed with 4013.");
        describe_counter!("fleetwire_ws_protocol_errors_total", "Sockets closed for what was on the wire.");
        describe_counter!("fleetwire_ws_held_back_total", "Sockets read from slowly: they sent too fast.");
        describe_counter!("fleetwire_ws_floods_total", "Sockets closed with 1008.");
        describe_counter!("fleetwire_ws_idle_total", "Sockets closed with 4008.");
        describe_counter!("fleetwire_ws_panics_total", "Conversations that panicked.");
        describe_counter!(KILLED, "Sockets shut down from outside, by reason.");
        Self {
            sessions: gauge!("fleetwire_sessions"),
            shed: counter!("fleetwire_ws_shed_total"),
            overflowed: counter!("fleetwire_ws_overflowed_total"),
            protocol_errors: counter!("fleetwire_ws_protocol_errors_total"),
            held_back: counter!("fleetwire_ws_held_back_total"),
            floods: counter!("fleetwire_ws_floods_total"),
            panics: counter!("fleetwire_ws_panics_total"),
            idle: counter!("fleetwire_ws_idle_total"),
            killed_vanished: counter!(KILLED, "reason" => "vanished"),
            killed_unclosed: counter!(KILLED, "reason" => "close_timeout"),
            killed_slow: counter!(KILLED, "reason" => "slow_consumer"),
            killed_asked: counter!(KILLED, "reason" => "asked"),
        }
    }
}

impl Default for TransportMetrics {
    fn default() -> Self {
        Self::new()
    }
}
