//! The interface between a conversation and its socket: what the conversation reacts to, and what it can do. The
//! transport carries it out; a test gathers what would be sent.
//!
//! Invariant: a conversation is called in order, never concurrently, and never hears of a future that was dropped at
//! its end.

use std::{future::Future, pin::Pin};

use bytestring::ByteString;
use uuid::Uuid;

use super::{
    handle::{Ended, SessionHandle},
    outbox::Sent,
};
use crate::contracts::close_codes::CloseCode;
use crate::store::Party;

/// The conversation on one socket, without knowledge of the socket. Called in order, never concurrently.
pub trait Conversation: Sized + Unpin + 'static {
    /// The messages of other actors, through [`SessionHandle::send`].
    type Message: Send + 'static;

    /// First of all.
    fn opened(&mut self, link: &mut Link<'_, Self>);
    /// A whole text message.
    fn text(&mut self, text: &str, link: &mut Link<'_, Self>);
    /// A pong. Also heard after our own Close, until the peer's: it still confirms what came before.
    fn pong(&mut self, payload: &[u8], link: &mut Link<'_, Self>);
    /// A message from another actor.
    fn message(&mut self, message: Self::Message, link: &mut Link<'_, Self>);
    /// Last of all, exactly once, whatever ended it.
    fn closed(&mut self, ended: Ended);
}

/// The continuation of a conversation once one of its futures has ended.
pub(super) type Then<C> = Box<dyn FnOnce(&mut C, &mut Link<'_, C>)>;

/// A future, and what follows it.
pub(super) type Work<C> = Pin<Box<dyn Future<Output = Then<C>>>>;

/// The carrier of a conversation. See [`Link`] for the meaning of each method.
pub(super) trait Carrier<C: Conversation> {
    fn send_text(&mut self, text: ByteString) -> Sent;
    fn ping(&mut self, payload: &[u8]);
    fn close(&mut self, code: CloseCode, reason: &str);
    fn bad_message(&mut self);
    fn handle(&self) -> SessionHandle<C::Message>;
    fn session_id(&self) -> Uuid;
    fn party(&mut self) -> &mut Option<Party>;
    fn is_open(&self) -> bool;
    fn spawn(&mut self, work: Work<C>);
    fn wait(&mut self, work: Work<C>);
}

/// A conversation's side of its socket.
pub struct Link<'a, C: Conversation>(pub(super) &'a mut dyn Carrier<C>);

impl<C: Conversation> Link<'_, C> {
    /// Sends a text message. Many at once should be sent in portions of at most `outbox_shed_bytes`, each from the
    /// continuation of a [`Link::spawn`] or [`Link::wait`]: these are not run while the client does not read.
    pub fn send_text(&mut self, text: ByteString) -> Sent {
        self.0.send_text(text)
    }

    /// Sends a ping, of at most 125 bytes; the pong brings them back.
    pub fn ping(&mut self, payload: &[u8]) {
        self.0.ping(payload);
    }

    /// Closes after the messages already sent. Messages queued by other threads are dropped. `reason` is cut at 123
    /// bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        self.0.close(code, reason);
    }

    /// Says that the last message was a bad one; too many a minute, and the session is closed with 1008.
    pub fn bad_message(&mut self) {
        self.0.bad_message();
    }

    pub fn handle(&self) -> SessionHandle<C::Message> {
        self.0.handle()
    }

    pub fn session_id(&self) -> Uuid {
        self.0.session_id()
    }

    /// From now on the conversation uses the database on behalf of this party.
    pub fn act_for(&mut self, party: Party) {
        *self.0.party() = Some(party);
    }

    /// Whether sending still makes sense: neither side has closed.
    pub fn is_open(&self) -> bool {
        self.0.is_open()
    }

    /// Runs a future concurrently with the session, which handles other messages meanwhile. It is dropped with the
    /// session.
    pub fn spawn<F, T>(&mut self, future: F, then: T)
    where
        F: Future + 'static,
        T: FnOnce(&mut C, F::Output, &mut Link<'_, C>) + 'static,
    {
        let work = self.work(future, then);
        self.0.spawn(work);
    }

    /// Runs a future; nothing else is handled before it is done, neither from the client nor from other actors.
    pub fn wait<F, T>(&mut self, future: F, then: T)
    where
        F: Future + 'static,
        T: FnOnce(&mut C, F::Output, &mut Link<'_, C>) + 'static,
    {
        let work = self.work(future, then);
        self.0.wait(work);
    }

    fn work<F, T>(&mut self, future: F, then: T) -> Work<C>
    where
        F: Future + 'static,
        T: FnOnce(&mut C, F::Output, &mut Link<'_, C>) + 'static,
    {
        let future = Party::within(*self.0.party(), future);
        Box::pin(async move {
            let output = future.await;
            Box::new(move |conversation: &mut C, link: &mut Link<'_, C>| then(conversation, output, link))
                as Then<C>
        })
    }
}
