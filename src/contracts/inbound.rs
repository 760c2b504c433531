//! What a client can say, in words that all contracts share.

use crate::contracts::error_codes::ErrorCode;
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

/// A message that is answered with an `error`; the socket stays open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct BadMessage {
    pub code: ErrorCode,
    pub message: String,
}

impl BadMessage {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
