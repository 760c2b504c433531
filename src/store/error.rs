//! The errors that can occur between us and the database.

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
    #[error("the operation met a concurrent change")]
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

impl StoreError {
    /// The error of a statement on PostgreSQL, which speaks its administrator's language, while diesel keeps the code
    /// to itself. An error with neither a kind nor a known text is recognised by its shape: a mistake of ours points at
    /// a place in the statement or at what it is about, a deadlock lists who waits for whom, and a time-out, a stop or
    /// a lack of something says one sentence.
    pub fn of_postgres(error: impl Into<Self>) -> Self {
        let error = match error.into() {
            StoreError::Database(error) => error,
            known => return known,
        };
        let DieselError::DatabaseError(DatabaseErrorKind::Unknown, info) = &error else {
            return StoreError::Database(error);
        };
        let about =
            [info.table_name(), info.column_name(), info.constraint_name()].into_iter().flatten().next();
        match (info.statement_position(), about, info.details()) {
            (None, None, Some(_)) => StoreError::Transient(error),
            (None, None, None) => StoreError::Unable(error),
            _ => StoreError::Database(error),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::result::DatabaseErrorInformation;

    /// The fields that PostgreSQL sends besides the text.
    #[derive(Default)]
    struct Said {
        message: &'static str,
        details: Option<&'static str>,
        position: Option<i32>,
    }

    impl DatabaseErrorInformation for Said {
        fn message(&self) -> &str {
            self.message
        }

        fn details(&self) -> Option<&str> {
            self.details
        }

        fn hint(&self) -> Option<&str> {
            None
        }

        fn table_name(&self) -> Option<&str> {
            None
        }

        fn column_name(&self) -> Option<&str> {
            None
        }

        fn constraint_name(&self) -> Option<&str> {
            None
        }

        fn statement_position(&self) -> Option<i32> {
            self.position
        }
    }

    fn heard(said: Said) -> StoreError {
        StoreError::of_postgres(DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(said)))
    }

    /// On a PostgreSQL that was set up in French a busy database was a fault of ours, 500: nothing was repeated, and the recorder
    /// gave positions up after some seconds.
    #[test]
    fn a_busy_database_is_understood_in_any_language() {
        let deadlock = Said {
            message: "interblocage (deadlock) détecté",
            details: Some(
                "Le processus 7 attend ShareLock sur la transaction 8 ; bloqué par le processus 9.",
            ),
            ..Said::default()
        };
        assert!(heard(deadlock).is_transient());
        let time_out = "annulation de la requête à cause du délai écoulé pour l'exécution de l'instruction";
        assert!(heard(Said { message: time_out, ..Said::default() }).may_pass());
        let mistake =
            Said { message: "la relation « x » n'existe pas", position: Some(15), ..Said::default() };
        assert!(matches!(heard(mistake), StoreError::Database(_)));
        assert!(heard(Said { message: "deadlock detected", ..Said::default() }).is_transient());
    }
}
