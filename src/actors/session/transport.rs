//! The session actor: carries text in order between a socket and a [`Conversation`], gives the answers that RFC 6455
//! requires, and ends. It uses only the writing half and the actor's context of `actix-web-actors`; another WebSocket
//! crate would be swapped in here and in `upgrade`.
//!
//! The life of a session: `Open`; `Closing` once our Close is out (nothing but pongs and the peer's Close is heard);
//! `Done`. However it ended, the conversation hears `closed` exactly once. A panic in a conversation ends only its
//! session.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{Arc, OnceLock},
};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Handler, StreamHandler, fut::wrap_future,
};
use actix_http::ws::OpCode;
use actix_web::web;
use actix_web_actors::ws::{self, WebsocketContext};
use bytestring::ByteString;
use uuid::Uuid;

use super::{
    caught::{CatchUnwind, Panicked},
    conversation::{Carrier, Conversation, Link, Then, Work},
    epoch::{instant, now_ms},
    flood::{Pace, Paced},
    frames::{Frame, FrameStream},
    handle::{Ended, KillReason, SessionHandle, Shared, Task, Wake},
    outbox::Sent,
    reaper::Reaper,
    reassembly::{Fault, MessageLimits, Reassembly},
};
use crate::contracts::close_codes::CloseCode;
use crate::rate_limit::TokenBucket;
use crate::store::Party;

/// The payload of the transport's own pings. Their pongs are not passed on; a conversation's pings carry anything else.
const HEARTBEAT: &[u8] = b"hb";
/// RFC 6455 5.5: a control frame's payload has 125 bytes; a Close's code takes two of them.
const CLOSE_REASON_BYTES_MAX: usize = 123;
const PING_BYTES_MAX: usize = 125;

/// The carrier of a conversation over its socket.
struct Socket<'a, C: Conversation> {
    line: &'a mut ConnectionState<C>,
    ctx: &'a mut WebsocketContext<Session<C>>,
}

impl<C: Conversation> Carrier<C> for Socket<'_, C> {
    fn send_text(&mut self, text: ByteString) -> Sent {
        if self.line.phase != Phase::Open {
            return Sent::Gone;
        }
        if !self.line.shared.writing(text.len()) {
            if self.line.shared.closing_code().is_none() {
                self.line.shared.metrics.overflowed.increment(1);
            }
            self.close(CloseCode::TooSlow, CloseCode::TooSlow.reason());
            return Sent::Overflowed;
        }
        self.ctx.text(text);
        Sent::Queued
    }

    fn ping(&mut self, payload: &[u8]) {
        debug_assert!(payload.len() <= PING_BYTES_MAX && payload != HEARTBEAT);
        self.line.ping(&payload[..payload.len().min(PING_BYTES_MAX)], self.ctx);
    }

    fn close(&mut self, code: CloseCode, reason: &str) {
        self.line.close(code, reason, self.ctx);
    }

    fn bad_message(&mut self) {
        let rate = self.line.shared.limits.bad_messages;
        if self.line.bad_messages.take(rate, instant(now_ms())).is_err() {
            self.line.flooded("too many bad messages", self.ctx);
        }
    }

    fn handle(&self) -> SessionHandle<C::Message> {
        SessionHandle(self.line.shared.clone())
    }

    fn session_id(&self) -> Uuid {
        self.line.shared.id
    }

    fn party(&mut self) -> &mut Option<Party> {
        &mut self.line.party
    }

    fn is_open(&self) -> bool {
        self.line.phase == Phase::Open
    }

    fn spawn(&mut self, work: Work<C>) {
        let work = wrap_future::<_, Session<C>>(CatchUnwind(work));
        self.ctx.spawn(work.map(|then, session, ctx| session.resume(then, ctx)));
    }

    fn wait(&mut self, work: Work<C>) {
        self.line.waits += 1;
        let work = wrap_future::<_, Session<C>>(CatchUnwind(work));
        self.ctx.wait(work.map(|then, session, ctx| {
            session.line.waits -= 1;
            session.resume(then, ctx);
            session.serve(ctx);
        }));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closing,
    Done,
}

/// All of a session that is not its conversation.
struct ConnectionState<C: Conversation> {
    shared: Arc<SharedOf<C>>,
    reaper: Reaper,
    /// The party to which the conversation belongs, once known.
    party: Option<Party>,
    phase: Phase,
    /// Set where the end was decided; otherwise `ConnectionState::verdict` determines it.
    ended: Option<Ended>,
    /// Futures that hold everything else up.
    waits: u32,
    /// Pings that may still be answered. A pong beyond them is unsolicited and counts as a message.
    pongs_owed: u32,
    /// At which the frames come.
    pace: Rc<Pace>,
    bad_messages: TokenBucket,
    reassembly: Reassembly,
}

impl<C: Conversation> ConnectionState<C> {
    fn new(shared: Arc<SharedOf<C>>, reaper: Reaper) -> Self {
        let now = now_ms();
        Self {
            pace: Rc::new(Pace::new(now)),
            bad_messages: TokenBucket::full(instant(now)),
            shared,
            reaper,
            party: None,
            phase: Phase::Open,
            ended: None,
            waits: 0,
            pongs_owed: 0,
            reassembly: Reassembly::default(),
        }
    }

    fn ping(&mut self, payload: &[u8], ctx: &mut WebsocketContext<Session<C>>) {
        if self.phase == Phase::Open {
            self.pongs_owed = self.pongs_owed.saturating_add(1);
            ctx.ping(payload);
        }
    }

    fn close(&mut self, code: CloseCode, reason: &str, ctx: &mut WebsocketContext<Session<C>>) {
        if self.phase == Phase::Open && self.shared.close_now(code, reason) {
            self.say_close(code, reason, ctx);
        }
    }

    fn say_close(&mut self, code: CloseCode, reason: &str, ctx: &mut WebsocketContext<Session<C>>) {
        if self.phase != Phase::Open {
            return;
        }
        self.phase = Phase::Closing;
        // The peer's Close is behind whatever else it has sent.
        self.pace.let_go();
        self.reassembly.clear();
        let description = Some(cut(reason, CLOSE_REASON_BYTES_MAX).to_owned());
        ctx.close(Some(ws::CloseReason { code: code.number().into(), description }));
    }

    fn flooded(&mut self, reason: &str, ctx: &mut WebsocketContext<Session<C>>) {
        if self.phase == Phase::Open {
            self.shared.metrics.floods.increment(1);
            self.close(CloseCode::Policy, reason, ctx);
        }
    }

    fn fault(&mut self, fault: Fault, ctx: &mut WebsocketContext<Session<C>>) {
        if self.phase == Phase::Open {
            log::debug!("session={} fault on the wire: {fault}", self.shared.id);
            self.shared.metrics.protocol_errors.increment(1);
            self.ended = Some(Ended::ProtocolError(fault.close_code()));
            self.close(fault.close_code(), &fault.to_string(), ctx);
        }
    }

    /// A message, a ping or an unasked pong has come: more than the rate, and the client is held back; for too long, and it is
    /// closed. Its pongs wait behind the rest, and nobody waits for them: each frame shows that it lives.
    fn count(&mut self, ctx: &mut WebsocketContext<Session<C>>) {
        if self.phase != Phase::Open {
            return;
        }
        let limits = &self.shared.limits;
        let patience_ms = limits.held_back_max.as_millis() as u64;
        match self.pace.count(limits.messages, patience_ms, now_ms()) {
            Paced::Freely | Paced::Still => {}
            Paced::HeldBack => self.shared.metrics.held_back.increment(1),
            Paced::TooLong => self.flooded(CloseCode::Policy.reason(), ctx),
        }
    }

    fn peer_closed(&mut self, payload: &[u8], ctx: &mut WebsocketContext<Session<C>>) {
        if self.phase == Phase::Open {
            match peer_code(payload) {
                Ok(code) => {
                    self.ended = Some(Ended::PeerClosed(code));
                    ctx.close(code.map(|code| ws::CloseCode::from(code).into()));
                }
                Err(fault) => self.fault(fault, ctx),
            }
        }
        self.phase = Phase::Done;
        ctx.stop();
    }

    /// How it ended, when it has.
    fn verdict(&self) -> Ended {
        if let Some(ended) = self.ended {
            return ended;
        }
        match (self.shared.closing_code(), self.shared.killed()) {
            (Some(code), _) => Ended::WeClosed(code),
            (None, Some(KillReason::Asked)) => Ended::Killed,
            (None, _) => Ended::Vanished,
        }
    }
}

/// The longest beginning of `text` that fits into `bytes_max` and does not cut a character.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// The code of a peer's Close. RFC 6455 7.4 says which may appear on the wire.
fn peer_code(payload: &[u8]) -> Result<Option<u16>, Fault> {
    match payload {
        [] => Ok(None),
        [_] => Err(Fault::Protocol("close with half a code")),
        [high, low, reason @ ..] => match u16::from_be_bytes([*high, *low]) {
            _ if std::str::from_utf8(reason).is_err() => Err(Fault::InvalidUtf8),
            code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(Some(code)),
            _ => Err(Fault::Protocol("close with a code that is not for the wire")),
        },
    }
}

/// The state that a session shares with the holders of its handle, who know its messages and not its conversation.
pub(super) type SharedOf<C> = Shared<<C as Conversation>::Message, OnceLock<Addr<Session<C>>>>;

/// The actor.
pub(super) struct Session<C: Conversation> {
    /// None once it has heard `closed`.
    conversation: Option<C>,
    line: ConnectionState<C>,
    /// Until the actor starts; a session that never does, because its handshake was refused, has no end to hear of.
    payload: Option<web::Payload>,
}

impl<C: Conversation> Session<C> {
    pub fn new(conversation: C, payload: web::Payload, shared: Arc<SharedOf<C>>, reaper: Reaper) -> Self {
        Self {
            conversation: Some(conversation),
            line: ConnectionState::new(shared, reaper),
            payload: Some(payload),
        }
    }

    fn converse(&mut self, ctx: &mut WebsocketContext<Self>, say: impl FnOnce(&mut C, &mut Link<'_, C>)) {
        let Some(conversation) = self.conversation.as_mut() else {
            return;
        };
        let mut socket = Socket { line: &mut self.line, ctx };
        if catch_unwind(AssertUnwindSafe(|| say(conversation, &mut Link(&mut socket)))).is_err() {
            self.panicked(ctx);
        }
    }

    fn resume(&mut self, then: Result<Then<C>, Panicked>, ctx: &mut WebsocketContext<Self>) {
        match then {
            Ok(then) => self.converse(ctx, then),
            Err(Panicked) => self.panicked(ctx),
        }
    }

    /// A conversation that panicked is in no known state: it hears nothing more but its end.
    fn panicked(&mut self, ctx: &mut WebsocketContext<Self>) {
        log::error!("session={} panicked and is ended", self.line.shared.id);
        self.line.shared.metrics.panics.increment(1);
        self.line.ended = Some(Ended::Panicked);
        self.line.phase = Phase::Done;
        ctx.stop();
    }

    /// Does what waits for this session, until nothing does or a future holds it up.
    fn serve(&mut self, ctx: &mut WebsocketContext<Self>) {
        while self.line.waits == 0 && self.line.phase != Phase::Done {
            match self.line.shared.next_task() {
                None => return,
                Some(Task::Message(message)) => {
                    if self.line.phase == Phase::Open {
                        self.converse(ctx, |conversation, link| conversation.message(message, link));
                    }
                }
                Some(Task::Ping) => self.line.ping(HEARTBEAT, ctx),
                Some(Task::Close(code, reason)) => self.line.say_close(code, &reason, ctx),
                Some(Task::Stop) => {
                    self.line.phase = Phase::Done;
                    ctx.stop();
                }
            }
        }
    }

    fn data_frame(&mut self, frame: Frame, ctx: &mut WebsocketContext<Self>) {
        if frame.opcode != OpCode::Continue {
            self.line.count(ctx);
        }
        if self.line.phase != Phase::Open {
            return;
        }
        let limits = &self.line.shared.limits;
        let limits = MessageLimits {
            bytes_max: limits.message_bytes_max,
            fragments_max: limits.message_fragments_max,
        };
        match self.line.reassembly.push(frame.opcode, frame.last, frame.payload, limits) {
            Ok(None) => {}
            Ok(Some(text)) => {
                self.line.shared.active(now_ms());
                self.converse(ctx, |conversation, link| conversation.text(&text, link));
            }
            Err(fault) => self.line.fault(fault, ctx),
        }
    }

    fn ping_frame(&mut self, payload: &[u8], ctx: &mut WebsocketContext<Self>) {
        self.line.count(ctx);
        if self.line.phase == Phase::Open {
            self.line.shared.active(now_ms());
            ctx.pong(payload);
        }
    }

    fn pong_frame(&mut self, payload: &[u8], ctx: &mut WebsocketContext<Self>) {
        match self.line.pongs_owed.checked_sub(1) {
            Some(left) => self.line.pongs_owed = left,
            None => self.line.count(ctx),
        }
        if payload != HEARTBEAT && self.line.phase != Phase::Done {
            self.converse(ctx, |conversation, link| conversation.pong(payload, link));
        }
    }

    /// Tells the conversation, once.
    fn end(&mut self) {
        self.line.reaper.leave(self.line.shared.id);
        self.line.shared.ended();
        self.line.phase = Phase::Done;
        let started = self.payload.is_none();
        if let Some(mut conversation) = self.conversation.take().filter(|_| started) {
            let ended = self.line.verdict();
            if catch_unwind(AssertUnwindSafe(move || conversation.closed(ended))).is_err() {
                log::error!("session={} panicked at its end", self.line.shared.id);
                self.line.shared.metrics.panics.increment(1);
            }
        }
    }
}

impl<C: Conversation> Actor for Session<C> {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let shared = Arc::clone(&self.line.shared);
        // Only this start sets it.
        let _ = shared.waker().set(ctx.address());
        self.line.reaper.enter(shared.id, shared.clone());
        if let Some(payload) = self.payload.take() {
            let pace = Rc::clone(&self.line.pace);
            ctx.add_stream(FrameStream::new(payload, shared.limits.message_bytes_max, pace));
        }
        self.converse(ctx, |conversation, link| conversation.opened(link));
        if self.line.reaper.is_draining() {
            // It slipped in between the upgrade and the drain, which has not seen it.
            self.line.close(CloseCode::GoingAway, CloseCode::GoingAway.reason(), ctx);
        }
        self.serve(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.end();
    }
}

impl<C: Conversation> Drop for Session<C> {
    fn drop(&mut self) {
        // Where the actor could not even be stopped, as while a panic unwinds.
        self.end();
    }
}

impl<C: Conversation> StreamHandler<Result<Frame, Fault>> for Session<C> {
    fn handle(&mut self, frame: Result<Frame, Fault>, ctx: &mut Self::Context) {
        self.line.shared.heard(now_ms());
        match frame {
            Err(fault) => self.line.fault(fault, ctx),
            Ok(frame) => match frame.opcode {
                OpCode::Close => self.line.peer_closed(&frame.payload, ctx),
                OpCode::Ping => self.ping_frame(&frame.payload, ctx),
                OpCode::Pong => self.pong_frame(&frame.payload, ctx),
                _ => self.data_frame(frame, ctx),
            },
        }
    }

    /// The peer's side of the connection has ended.
    fn finished(&mut self, ctx: &mut Self::Context) {
        self.line.phase = Phase::Done;
        ctx.stop();
    }
}

impl<C: Conversation> Handler<Wake> for Session<C> {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        self.serve(ctx);
    }
}

impl<C: Conversation> StreamHandler<Result<ws::Message, ws::ProtocolError>> for Session<C> {
    fn handle(&mut self, _: Result<ws::Message, ws::ProtocolError>, _: &mut Self::Context) {}

    /// Of the payload that was over from the start; the default would stop the actor.
    fn finished(&mut self, _: &mut Self::Context) {}
}
