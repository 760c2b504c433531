//! What can go wrong between us and the database.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use std::error::Error;
use std::fmt;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The queue is full, no connection is to be had, or the answer did not come in time.
    #[error("the database is not available: {0}")]
    Unavailable(&'static str),
    /// The server stops. Nothing is wrong, and nothing more is done.
    #[error("the database is closed")]
    Closed,
    /// A deadlock, a serialisation failure or a busy database: the whole operation is repeated. A lost connection is tried once
    /// more, in vain, and ends in 503: whether it had committed nobody knows.
    #[error("the database asks to repeat")]
    Transient(#[source] DieselError),
    /// The database is there and can't do it just now: it is full, read-only, or too slow.
    #[error("the database can't do it now")]
    Unable(#[source] DieselError),
    /// The operation met a race that it resolves by being run once more.
    #[error("the operation met a change under way")]
    Repeat,
    /// A unique constraint; the text names it.
    #[error("already taken: {constraint}")]
    Taken { constraint: String },
    #[error("the database refused")]
    Database(#[source] DieselError),
    /// A row that this version can't read.
    #[error("unreadable event {event_id} of account {account_id}")]
    UnreadableEvent { account_id: i64, event_id: i64, source: serde_json::Error },
}

/// An error and its causes, in one line of the log.
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// An operation's error, seen from the store: it may carry one of ours.
pub trait OperationError: From<StoreError> + Send + 'static {
    fn store_error(&self) -> Option<&StoreError>;
}

impl OperationError for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl StoreError {
    /// Whether waiting may help: the database is away or busy. Anything else it will refuse again.
    pub fn may_pass(&self) -> bool {
        self.is_transient()
            || matches!(self, StoreError::Unavailable(_) | StoreError::Closed | StoreError::Unable(_))
    }

    pub fn is_transient(&self) -> bool {
        matches!(self, StoreError::Transient(_) | StoreError::Repeat)
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => {
                // SQLite names table and column in the message, PostgreSQL the constraint.
                let constraint = info.constraint_name().unwrap_or(info.message()).to_owned();
                StoreError::Taken { constraint }
            }
            DieselError::DatabaseError(
                DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::ClosedConnection,
                _,
            )
            | DieselError::BrokenTransactionManager => StoreError::Transient(error),
            DieselError::DatabaseError(_, info) if asks_to_repeat(info.message()) => {
                StoreError::Transient(error)
            }
            DieselError::DatabaseError(_, info) if is_unable(info.message()) => StoreError::Unable(error),
            _ => StoreError::Database(error),
        }
    }
}

/// SQLITE_FULL, SQLITE_READONLY, SQLITE_IOERR; PostgreSQL's 53100, 25006, 57014 and 57P03. An operator can do something about
/// it, and until then the same request is worth another try.
fn is_unable(message: &str) -> bool {
    [
        "disk is full",
        "No space left",
        "readonly database",
        "read-only",
        "disk I/O error",
        "statement timeout",
        "the database system is",
    ]
    .iter()
    .any(|known| message.contains(known))
}

/// diesel has no kind for these: SQLite's SQLITE_BUSY, PostgreSQL's 40P01 and 55P03, and a server that went away.
fn asks_to_repeat(message: &str) -> bool {
    [
        "database is locked",
        "deadlock detected",
        "lock timeout",
        "server closed the connection",
        "terminating connection",
        "no connection to the server",
    ]
    .iter()
    .any(|known| message.contains(known))
}
