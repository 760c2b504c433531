//! Connections and pools, for both databases.

use crate::store::error::StoreError;
use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::deserialize::QueryableByName;
use diesel::pg::{Pg, PgConnection};
use diesel::r2d2::{
    ConnectionManager, CustomizeConnection, Error as ConnectionError, Pool, PooledConnection,
};
use diesel::sqlite::{Sqlite, SqliteConnection};
use parking_lot::Mutex;
use std::path::Path;
use std::time::{Duration, Instant};

/// A write-ahead log that grew beyond this, in some rush, is cut to it when the log starts anew. Well over what `checkpoint` lets it grow to, so that it is
/// not cut day by day.
pub const LOG_BYTES_MAX: u64 = 160 << 20;

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

    /// A statement that is made of our own words and numbers. Says how many rows it changed.
    pub(super) fn run(&mut self, sql: &str) -> Result<usize, StoreError> {
        match self {
            Conn::Sqlite(conn) => diesel::sql_query(sql).execute(*conn).map_err(StoreError::from),
            Conn::Postgres(conn) => diesel::sql_query(sql).execute(*conn).map_err(StoreError::of_postgres),
        }
    }

    /// The same of one that reads.
    pub(super) fn load<T>(&mut self, sql: &str) -> Result<Vec<T>, StoreError>
    where
        T: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static,
    {
        match self {
            Conn::Sqlite(conn) => diesel::sql_query(sql).load(*conn).map_err(StoreError::from),
            Conn::Postgres(conn) => diesel::sql_query(sql).load(*conn).map_err(StoreError::of_postgres),
        }
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
    /// database costs no request its answer. A statement that takes longer than `statement_timeout` is ended.
    pub fn postgres(url: &str, size: u32, timeout: Duration, statement_timeout: Option<Duration>) -> Self {
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(1))
            .connection_timeout(timeout)
            .error_handler(Box::new(OneLineNowAndThen::default()))
            .connection_customizer(Box::new(PostgresSettings { lock_timeout: timeout, statement_timeout }))
            .build_unchecked(ConnectionManager::new(with_time_outs(url, timeout)));
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
        // The old content of a changed or removed row is zeroed in its page, which costs nothing else. busy_timeout
        // first: switching to WAL may itself have to wait for another process. Checkpoints are the business of
        // `checkpoint`.
        let (busy_ms, log_bytes_max) = (self.busy_timeout.as_millis(), LOG_BYTES_MAX);
        conn.batch_execute(&format!(
            "PRAGMA busy_timeout = {busy_ms}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA foreign_keys = ON; PRAGMA secure_delete = FAST; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; \
             PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = {log_bytes_max};",
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
    statement_timeout: Option<Duration>,
}

impl CustomizeConnection<PgConnection, ConnectionError> for PostgresSettings {
    fn on_acquire(&self, conn: &mut PgConnection) -> Result<(), ConnectionError> {
        let lock_ms = self.lock_timeout.as_millis();
        // 0 is no limit.
        let statement_ms = self.statement_timeout.unwrap_or_default().as_millis();
        conn.batch_execute(&format!(
            "SET TIME ZONE 'UTC'; SET lock_timeout = {lock_ms}; SET statement_timeout = {statement_ms}; \
             SET application_name = 'fleetwire';"
        ))
        .map_err(ConnectionError::QueryError)
    }
}

/// libpq waits for ever by itself: for a host that does not answer when connecting, and for one that vanishes later.
/// Values in the URL take precedence.
pub(super) fn with_time_outs(url: &str, timeout: Duration) -> String {
    let (secs, ms) = (timeout.as_secs().max(2), timeout.as_millis() * 4);
    let mut url = url.to_owned();
    for (name, value) in [
        ("connect_timeout", secs.to_string()),
        ("tcp_user_timeout", ms.to_string()),
        ("keepalives_idle", "10".to_owned()),
        ("keepalives_interval", "5".to_owned()),
        ("keepalives_count", "2".to_owned()),
    ] {
        if !url.contains(&format!("{name}=")) {
            let separator = if url.contains('?') { '&' } else { '?' };
            url = format!("{url}{separator}{name}={value}");
        }
    }
    url
}

/// A pool that can't connect reports it for each of its attempts; once a second is enough to know.
#[derive(Debug, Default)]
struct OneLineNowAndThen {
    last: Mutex<Option<Instant>>,
}

impl<E: std::error::Error> r2d2::HandleError<E> for OneLineNowAndThen {
    fn handle_error(&self, error: E) {
        let mut last = self.last.lock();
        if last.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
            *last = Some(Instant::now());
            log::warn!("no connection to the database: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::Connection;

    /// Without it every statement with a bound LIMIT is parsed anew each time: `.cargo/config.toml` says why.
    #[test]
    fn sqlite_is_built_so_that_statements_stay_prepared() {
        let mut conn = SqliteConnection::establish(":memory:").expect("in memory");
        let used =
            diesel::dsl::sql::<diesel::sql_types::Bool>("SELECT sqlite_compileoption_used('ENABLE_QPSG')");
        assert_eq!(used.get_result(&mut conn), Ok(true));
    }

    #[test]
    fn time_outs_are_added_where_the_url_has_none() {
        let url = with_time_outs("postgres://u@h/db?connect_timeout=7", Duration::from_millis(2500));
        assert_eq!(
            url,
            "postgres://u@h/db?connect_timeout=7&tcp_user_timeout=10000&keepalives_idle=10\
             &keepalives_interval=5&keepalives_count=2"
        );
        assert!(
            with_time_outs("postgres://u@h/db", Duration::from_secs(1)).contains("db?connect_timeout=2&")
        );
    }
}
