//! SQL: the only user of diesel. A [`Database`] runs closures on its own threads, never on an actor's or an HTTP
//! worker's; inside a write the closure has a [`Tx`], which also records the durable events that the change causes.
//!
//! One set of queries (`queries/`, a file for each table) is compiled for SQLite and for PostgreSQL; [`sql!`] picks the
//! set for the connection's database.

mod amounts;
mod audit_rows;
pub mod bulk;
mod checkpoint;
mod connection;
mod copies;
mod decision;
mod error;
mod events;
mod executor;
mod grant_rows;
mod inspect;
mod job_money;
mod lane;
mod lock;
mod migrations;
mod party;
mod payment_rows;
mod people_changes;
mod people_ids;
mod people_search;
pub mod personal;
pub(crate) mod postgres;
mod prepared;
mod probe;
mod push_rows;
mod queue;
pub mod reads;
mod ride_standing;
mod rows;
mod schema;
mod sql_types;
pub(crate) mod sqlite;
mod tx;
mod worker;

pub use crate::config::Durability;
pub use amounts::settle_currency;
pub use audit_rows::*;
pub use bulk::{Mark, MarkKind};
pub use connection::Conn;
pub use copies::{CopyError, Restored, back_up, restore};
pub use error::{Chain, OperationError, StoreError};
pub use events::{newest_events, page_of, standing};
pub use executor::{Database, Options, Where};
pub use grant_rows::*;
pub use inspect::{InspectError, Inspection, PostgresFacts, Schema};
pub use lock::{ServeLock, ServeLockError};
pub use migrations::{MigrationError, migrate};
pub use party::Party;
pub use payment_rows::*;
pub use people_changes::*;
pub use people_search::PeopleSearch;
pub use probe::{Probe, Unfit};
pub use push_rows::*;
pub use rows::*;
pub use tx::Tx;

/// The result of a conditional change.
#[derive(Clone, Debug, PartialEq)]
pub enum Updated<T> {
    Updated(T),
    /// It is in another state; this is how it is now.
    NotInState(T),
    NotFound,
}

/// `sql!(tx, jobs::find(id))` runs the query on the connection behind a [`Tx`] or a [`Conn`].
macro_rules! sql {
    ($db:expr, $table:ident :: $query:ident ( $($argument:expr),* $(,)? )) => {
        match $db.conn() {
            $crate::store::Conn::Sqlite(conn) => {
                $crate::store::sqlite::$table::$query(conn, $($argument),*).map_err($crate::store::StoreError::from)
            }
            $crate::store::Conn::Postgres(conn) => {
                $crate::store::postgres::$table::$query(conn, $($argument),*).map_err($crate::store::StoreError::of_postgres)
            }
        }
    };
}
pub(crate) use sql;
