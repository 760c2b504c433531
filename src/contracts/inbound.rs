//! What a client can say, in words that all contracts share.

use crate::domain::ids::EventId;
use crate::domain::position::Fix;

/// A message from a client, understood.
#[derive(Debug, PartialEq)]
pub enum Inbound {
    Ping,
    Position(Fix),
    /// The app says that it has processed an event.
    Ack(EventId),
    /// Everything after this id again.
    Resume(EventId),
    /// A fresh token for the session that is open.
    Authenticate(String),
}

/// A message that is answered with an `error`; the socket stays open. The codes stand in the table of error codes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct BadMessage {
    pub code: &'static str,
    pub message: String,
}

impl BadMessage {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
