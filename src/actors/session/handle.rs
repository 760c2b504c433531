//! The side of a session that other threads hold: the registry and the rooms send through it, the reaper watches it.
//! They know which messages a session accepts ([`SessionHandle`]'s type), not the conversation that receives them.
//!
//! All messages to a session wait here, under one short lock, and at most one wake-up waits in the actor's mailbox:
//! mailboxes have no bound in bytes and can't be emptied from outside, and a slow consumer's memory must be free at
//! once, although its actor is not polled. The invariant: nothing here keeps the actor, the conversation or the socket
//! alive.

use std::{
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use actix::{Actor, Addr, Handler, Message, dev::ToEnvelope};
use bytestring::ByteString;
use parking_lot::Mutex;
use uuid::Uuid;

use super::{
    epoch::now_ms,
    limits::{TransportLimits, TransportMetrics},
    outbox::{Lane, Outbox, OutboxLimits, Sent},
    socket::Connection,
};
use crate::contracts::close_codes::CloseCode;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The peer sent Close first, with this code, if any.
    PeerClosed(Option<u16>),
    /// We sent Close first, or wanted to; whether the peer heard it or not.
    WeClosed(CloseCode),
    /// The connection ended without a Close, or nothing was heard for 2.5 heartbeats.
    Vanished,
    /// The peer broke a rule of the wire and was closed with this code.
    ProtocolError(CloseCode),
    /// [`SessionHandle::kill`].
    Killed,
    /// The conversation panicked.
    Panicked,
}

/// As the log says it, with fields to search by.
impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerClosed(Some(code)) => write!(f, "ended=peer_closed code={code}"),
            Self::PeerClosed(None) => f.write_str("ended=peer_closed"),
            Self::WeClosed(code) => write!(f, "ended=we_closed code={}", code.number()),
            Self::Vanished => f.write_str("ended=vanished"),
            Self::ProtocolError(code) => write!(f, "ended=protocol_error code={}", code.number()),
            Self::Killed => f.write_str("ended=killed"),
            Self::Panicked => f.write_str("ended=panicked"),
        }
    }
}

/// Why a socket was shut down from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KillReason {
    Vanished,
    Unclosed,
    Slow,
    Asked,
}

/// The next task of a session's actor.
pub(super) enum Task<M> {
    Message(M),
    Ping,
    Close(CloseCode, ByteString),
    Stop,
}

/// The times that the reaper compares; milliseconds since the transport's epoch.
#[derive(Debug)]
pub(super) struct Vitals {
    /// The last frame of any kind.
    pub heard_ms: AtomicU64,
    /// The last activity in the sense of `Activity::TextOrPing`.
    pub active_ms: AtomicU64,
    /// The last heartbeat.
    pub pinged_ms: AtomicU64,
}

/// A Close that was asked for.
struct Closing {
    code: CloseCode,
    reason: ByteString,
    /// When patience ends.
    deadline_ms: u64,
    /// Whether the frame is on its way.
    said: bool,
}

/// Everything that waits for the actor.
struct Mailbox<M> {
    outbox: Outbox<M>,
    /// Whether a wake-up is on its way or being served.
    woken: bool,
    ping_due: bool,
    closing: Option<Box<Closing>>,
    killed: Option<KillReason>,
}

/// There is something at the mailbox.
pub(super) struct Wake;

impl Message for Wake {
    type Result = ();
}

/// Wakes the session's actor. It is the tail of [`Shared`], so that hiding whose actor it is costs no allocation.
pub(super) trait Waker: Send + Sync {
    fn wake(&self);
}

/// An actor can be woken from its start on.
impl<A> Waker for OnceLock<Addr<A>>
where
    A: Actor + Handler<Wake>,
    A::Context: ToEnvelope<A, Wake>,
{
    fn wake(&self) {
        if let Some(addr) = self.get() {
            addr.do_send(Wake);
        }
    }
}

/// `M` is what may be said to the session.
pub(super) struct Shared<M, W: Waker + ?Sized = dyn Waker> {
    pub id: Uuid,
    pub limits: Arc<TransportLimits>,
    pub metrics: Arc<TransportMetrics>,
    pub vitals: Vitals,
    connection: Weak<Connection>,
    mailbox: Mutex<Mailbox<M>>,
    waker: W,
}

impl<M, W: Waker + Default> Shared<M, W> {
    pub fn new(
        limits: &Arc<TransportLimits>,
        metrics: &Arc<TransportMetrics>,
        connection: Weak<Connection>,
    ) -> Self {
        let now = now_ms();
        Self {
            id: Uuid::new_v4(),
            limits: Arc::clone(limits),
            metrics: Arc::clone(metrics),
            vitals: Vitals { heard_ms: now.into(), active_ms: now.into(), pinged_ms: now.into() },
            connection,
            mailbox: Mutex::new(Mailbox {
                outbox: Outbox::new(),
                woken: false,
                ping_due: false,
                closing: None,
                killed: None,
            }),
            waker: W::default(),
        }
    }

    pub fn waker(&self) -> &W {
        &self.waker
    }
}

impl<M: Send, W: Waker + ?Sized> Shared<M, W> {
    pub fn heard(&self, now_ms: u64) {
        self.vitals.heard_ms.store(now_ms, Relaxed);
    }

    pub fn active(&self, now_ms: u64) {
        self.vitals.active_ms.store(now_ms, Relaxed);
    }

    /// The next thing for the actor to do; None ends its turn, and the next request wakes it again.
    pub fn next_task(&self) -> Option<Task<M>> {
        let mut mailbox = self.mailbox.lock();
        if mailbox.killed.is_some() {
            return Some(Task::Stop);
        }
        if let Some(message) = mailbox.outbox.pop() {
            return Some(Task::Message(message));
        }
        if std::mem::take(&mut mailbox.ping_due) {
            return Some(Task::Ping);
        }
        if let Some(closing) = mailbox.closing.as_mut().filter(|closing| !closing.said) {
            closing.said = true;
            return Some(Task::Close(closing.code, closing.reason.clone()));
        }
        mailbox.woken = false;
        None
    }

    /// Counts what the actor hands to the connection; false when the client has more waiting than it may.
    pub fn writing(&self, bytes: usize) -> bool {
        self.mailbox.lock().outbox.writing(self.outbox_limits(), bytes)
    }

    /// The connection asks for more.
    pub fn written(&self) {
        self.mailbox.lock().outbox.written();
    }

    /// The actor closes by itself, now: messages queued by other threads are no longer sent. False if a Close is
    /// already on its way.
    pub fn close_now(&self, code: CloseCode, reason: &str) -> bool {
        let deadline_ms = self.close_deadline_ms(code);
        let mut mailbox = self.mailbox.lock();
        if mailbox.closing.as_ref().is_some_and(|closing| closing.said) {
            return false;
        }
        mailbox.closing = Some(Box::new(Closing { code, reason: reason.into(), deadline_ms, said: true }));
        let dropped = mailbox.outbox.shut();
        drop(mailbox);
        drop(dropped);
        true
    }

    /// The code that this side asked to close with.
    pub fn closing_code(&self) -> Option<CloseCode> {
        self.mailbox.lock().closing.as_ref().map(|closing| closing.code)
    }

    pub fn killed(&self) -> Option<KillReason> {
        self.mailbox.lock().killed
    }

    /// The actor has ended; remaining handles keep nothing else alive.
    pub fn ended(&self) {
        let dropped = self.mailbox.lock().outbox.shut();
        drop(dropped);
    }

    /// After the last byte was handed over.
    pub fn finish_reading(&self) {
        if let Some(connection) = self.connection.upgrade() {
            connection.finish_reading();
        }
    }

    fn send(&self, message: M, bytes: usize, lane: Lane) -> Sent {
        let mut mailbox = self.mailbox.lock();
        let (sent, fallen_out) = mailbox.outbox.push(self.outbox_limits(), message, bytes, lane);
        let wake = sent == Sent::Queued && !std::mem::replace(&mut mailbox.woken, true);
        drop(mailbox);
        let shed = fallen_out.is_some() && matches!(sent, Sent::Queued | Sent::Shed);
        if shed {
            self.metrics.shed.increment(1);
        }
        if sent == Sent::Overflowed {
            self.overflow();
        }
        if wake {
            self.waker.wake();
        }
        sent
    }

    /// The client is a slow consumer: its memory is freed now; it is told if it ever reads, and killed if not.
    pub fn overflow(&self) {
        self.metrics.overflowed.increment(1);
        self.request_close(CloseCode::TooSlow, CloseCode::TooSlow.reason());
    }

    fn close_deadline_ms(&self, code: CloseCode) -> u64 {
        let patience = match code {
            CloseCode::TooSlow => self.limits.overflow_grace,
            _ => self.limits.close_timeout,
        };
        now_ms() + patience.as_millis() as u64
    }

    fn outbox_limits(&self) -> OutboxLimits {
        OutboxLimits { shed_bytes: self.limits.outbox_shed_bytes, bytes_max: self.limits.outbox_bytes_max }
    }
}

/// The reaper's view of a session.
pub(super) trait Watched: Send + Sync {
    fn vitals(&self) -> &Vitals;
    fn limits(&self) -> &TransportLimits;
    /// When patience with a Close ends, if one was asked for, and what to kill it for then.
    fn close_deadline_ms(&self) -> Option<(u64, KillReason)>;
    fn request_ping(&self);
    fn request_close(&self, code: CloseCode, reason: &str);
    fn kill(&self, reason: KillReason);
}

impl<M: Send, W: Waker + ?Sized> Watched for Shared<M, W> {
    fn vitals(&self) -> &Vitals {
        &self.vitals
    }

    fn limits(&self) -> &TransportLimits {
        &self.limits
    }

    fn close_deadline_ms(&self) -> Option<(u64, KillReason)> {
        let mailbox = self.mailbox.lock();
        let closing = mailbox.closing.as_ref()?;
        let reason = match closing.code {
            CloseCode::TooSlow => KillReason::Slow,
            _ => KillReason::Unclosed,
        };
        Some((closing.deadline_ms, reason))
    }

    fn request_ping(&self) {
        let mut mailbox = self.mailbox.lock();
        mailbox.ping_due = true;
        let wake = !std::mem::replace(&mut mailbox.woken, true);
        drop(mailbox);
        if wake {
            self.waker.wake();
        }
    }

    /// Closes after what is queued, except for a slow consumer, whose queue is the trouble. The first request counts.
    fn request_close(&self, code: CloseCode, reason: &str) {
        let deadline_ms = self.close_deadline_ms(code);
        let mut mailbox = self.mailbox.lock();
        if mailbox.closing.is_some() || mailbox.killed.is_some() {
            return;
        }
        mailbox.closing = Some(Box::new(Closing { code, reason: reason.into(), deadline_ms, said: false }));
        let dropped = match code {
            CloseCode::TooSlow => Some(mailbox.outbox.shut()),
            _ => {
                mailbox.outbox.shut_intake();
                None
            }
        };
        let wake = !std::mem::replace(&mut mailbox.woken, true);
        drop(mailbox);
        drop(dropped);
        if wake {
            self.waker.wake();
        }
    }

    fn kill(&self, reason: KillReason) {
        let mut mailbox = self.mailbox.lock();
        let first = mailbox.killed.is_none();
        mailbox.killed.get_or_insert(reason);
        let dropped = mailbox.outbox.shut();
        mailbox.woken = true;
        drop(mailbox);
        drop(dropped);
        if !first {
            return;
        }
        match reason {
            KillReason::Vanished => self.metrics.killed_vanished.increment(1),
            KillReason::Unclosed => self.metrics.killed_unclosed.increment(1),
            KillReason::Slow => self.metrics.killed_slow.increment(1),
            KillReason::Asked => self.metrics.killed_asked.increment(1),
        }
        if let Some(connection) = self.connection.upgrade() {
            connection.kill();
        }
        self.waker.wake();
    }
}

/// Speaks to one session from any thread, in messages `M`. Holding it keeps nothing of the session alive.
pub struct SessionHandle<M>(pub(super) Arc<Shared<M>>);

impl<M: Send> SessionHandle<M> {
    /// Queues a message for the conversation. `bytes` is what it will cost on the wire.
    pub fn send(&self, message: M, bytes: usize, lane: Lane) -> Sent {
        self.0.send(message, bytes, lane)
    }

    /// Closes the session after what is queued; the first code asked for counts.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.0.request_close(code, reason);
    }

    /// Ends the connection at once, without a word.
    pub fn kill(&self) {
        self.0.kill(KillReason::Asked);
    }

    /// Sends a heartbeat now; [`SessionHandle::silent_for`] tells whether it was answered.
    pub fn ping(&self) {
        self.0.request_ping();
    }

    /// The client is gone: the same as unanswered heartbeats.
    pub fn give_up(&self) {
        self.0.kill(KillReason::Vanished);
    }

    pub fn session_id(&self) -> Uuid {
        self.0.id
    }

    /// How long ago anything was heard from the client.
    pub fn silent_for(&self) -> Duration {
        Duration::from_millis(now_ms().saturating_sub(self.0.vitals.heard_ms.load(Relaxed)))
    }
}

impl<M> Clone for SessionHandle<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> fmt::Debug for SessionHandle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionHandle({})", self.0.id)
    }
}
