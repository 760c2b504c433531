//! Connections and pools, for both databases.

use crate::store::error::StoreError;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::r2d2::{
    ConnectionManager, CustomizeConnection, Error as ConnectionError, Pool, PooledConnection,
};
use diesel::sqlite::SqliteConnection;
use std::path::Path;
use std::time::Duration;

/// A connection in use.
pub enum Conn<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl<'a> Conn<'a> {
    pub(crate) fn conn(&mut self) -> &mut Conn<'a> {
        self
    }

    pub(crate) fn execute(&mut self, sql: &str) -> Result<(), StoreError> {
        match self {
            Conn::Sqlite(conn) => conn.batch_execute(sql),
            Conn::Postgres(conn) => conn.batch_execute(sql),
        }
        .map_err(StoreError::from)
    }
}

/// A pool of either kind.
#[derive(Clone)]
pub enum Connections {
    Sqlite(Pool<ConnectionManager<SqliteConnection>>),
    Postgres(Pool<ConnectionManager<PgConnection>>),
}

/// A connection taken from a pool; it goes back when dropped.
pub enum Pooled {
    Sqlite(PooledConnection<ConnectionManager<SqliteConnection>>),
    Postgres(PooledConnection<ConnectionManager<PgConnection>>),
}

impl Connections {
    /// `size` connections to the SQLite file at `path`. `query_only` ones can't write by mistake.
    pub fn sqlite(path: &Path, size: u32, timeout: Duration, query_only: bool) -> Self {
        let pool = Pool::builder()
            .max_size(size)
            .connection_timeout(timeout)
            // A file does not go away while it is open.
            .test_on_check_out(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connection_customizer(Box::new(SqlitePragmas { busy_timeout: timeout, query_only }))
            .build_unchecked(ConnectionManager::new(path.to_string_lossy()));
        Connections::Sqlite(pool)
    }

    /// `size` connections to PostgreSQL, tested when they are taken: one round trip, for which a restart of the
    /// database costs no request its answer.
    pub fn postgres(url: &str, size: u32, timeout: Duration) -> Self {
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(1))
            .connection_timeout(timeout)
            .connection_customizer(Box::new(PostgresSettings { lock_timeout: timeout }))
            .build_unchecked(ConnectionManager::new(url));
        Connections::Postgres(pool)
    }

    /// Waits for a connection at most as long as the pool's time-out.
    pub fn take(&self) -> Result<Pooled, StoreError> {
        let taken = match self {
            Connections::Sqlite(pool) => pool.get().map(Pooled::Sqlite),
            Connections::Postgres(pool) => pool.get().map(Pooled::Postgres),
        };
        taken.map_err(|_| StoreError::Unavailable("no connection within the time-out"))
    }
}

impl Pooled {
    pub fn conn(&mut self) -> Conn<'_> {
        match self {
            Pooled::Sqlite(conn) => Conn::Sqlite(conn),
            Pooled::Postgres(conn) => Conn::Postgres(conn),
        }
    }
}

#[derive(Debug)]
struct SqlitePragmas {
    busy_timeout: Duration,
    query_only: bool,
}

impl CustomizeConnection<SqliteConnection, ConnectionError> for SqlitePragmas {
    fn on_acquire(&self, conn: &mut SqliteConnection) -> Result<(), ConnectionError> {
        // busy_timeout first: switching to WAL may itself have to wait for another process. Checkpoints are the business of
        // `checkpoint`; it looks at the log's size, so the log is cut when it starts anew.
        let busy_ms = self.busy_timeout.as_millis();
        conn.batch_execute(&format!(
            "PRAGMA busy_timeout = {busy_ms}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; \
             PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 1048576;",
        ))
        .and_then(|()| match self.query_only {
            true => conn.batch_execute("PRAGMA query_only = ON"),
            false => Ok(()),
        })
        .map_err(ConnectionError::QueryError)
    }
}

#[derive(Debug)]
struct PostgresSettings {
    lock_timeout: Duration,
}

impl CustomizeConnection<PgConnection, ConnectionError> for PostgresSettings {
    fn on_acquire(&self, conn: &mut PgConnection) -> Result<(), ConnectionError> {
        let lock_ms = self.lock_timeout.as_millis();
        // A statement that takes longer than four lock time-outs is stuck, not slow.
        let statement_ms = lock_ms * 4;
        conn.batch_execute(&format!(
            "SET TIME ZONE 'UTC'; SET lock_timeout = {lock_ms}; SET statement_timeout = {statement_ms}; \
             SET application_name = 'fleetwire';"
        ))
        .map_err(ConnectionError::QueryError)
    }
}
