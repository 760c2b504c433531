//! Looks at a database and changes nothing, beside a running server or without one: for `fleetwire doctor`.
//!
//! Invariant: the connection can't write. SQLite's file is opened read-only, and PostgreSQL's session is told so.

use crate::store::connection::{Conn, with_time_outs};
use crate::store::executor::Where;
use crate::store::migrations::{self, MigrationError};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error("the database can't be opened")]
    Open(#[source] ConnectionError),
    #[error("the database can't be read")]
    Read(#[source] diesel::result::Error),
    #[error("this program's own migrations can't be read")]
    Migrations(#[source] MigrationError),
}

/// A database's schema against that of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schema {
    UpToDate,
    /// So many migrations have not run.
    Behind(usize),
    /// A migration has run that is unknown here.
    Newer(String),
    /// No migration has run.
    Empty,
}

/// PostgreSQL's own account of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresFacts {
    /// As `server_version_num` has it: 150004 is 15.4.
    pub version: i64,
    /// Its time of day, in milliseconds since 1970.
    pub now_ms: i64,
    pub connections_max: i64,
    /// Kept for administrators.
    pub connections_reserved: i64,
    pub synchronous_commit: String,
    pub fsync: String,
}

enum Own {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A connection that only reads.
pub struct Inspection {
    own: Own,
}

impl Inspection {
    pub fn open(at: &Where, timeout: Duration) -> Result<Self, InspectError> {
        let own = match at {
            Where::Sqlite(path) => {
                let url = read_only_uri(&path.to_string_lossy());
                let mut conn = SqliteConnection::establish(&url).map_err(InspectError::Open)?;
                let patience =
                    format!("PRAGMA busy_timeout = {}; PRAGMA query_only = ON", timeout.as_millis());
                conn.batch_execute(&patience).map_err(InspectError::Read)?;
                Own::Sqlite(conn)
            }
            Where::Postgres(url) => {
                let url = with_time_outs(url, timeout);
                let mut conn = PgConnection::establish(&url).map_err(InspectError::Open)?;
                let patience = format!(
                    "SET default_transaction_read_only = on; SET statement_timeout = {}",
                    timeout.as_millis()
                );
                conn.batch_execute(&patience).map_err(InspectError::Read)?;
                Own::Postgres(conn)
            }
        };
        Ok(Self { own })
    }

    /// For reads of the store.
    pub fn conn(&mut self) -> Conn<'_> {
        match &mut self.own {
            Own::Sqlite(conn) => Conn::Sqlite(conn),
            Own::Postgres(conn) => Conn::Postgres(conn),
        }
    }

    /// Which migrations have run. (The migrations' own reader would make their table.)
    pub fn schema(&mut self) -> Result<Schema, InspectError> {
        let known = migrations::versions(matches!(self.own, Own::Postgres(_)));
        let known = known.map_err(InspectError::Migrations)?;
        let table = match self.own {
            Own::Sqlite(_) => {
                self.texts("SELECT name FROM sqlite_master WHERE name = '__diesel_schema_migrations'")?
            }
            Own::Postgres(_) => self.texts(
                "SELECT '__diesel_schema_migrations'::text WHERE to_regclass('__diesel_schema_migrations') IS NOT NULL",
            )?,
        };
        if table.is_empty() {
            return Ok(Schema::Empty);
        }
        Ok(schema(&self.texts("SELECT version FROM __diesel_schema_migrations")?, &known))
    }

    /// SQLite's journal mode; none of PostgreSQL.
    pub fn journal_mode(&mut self) -> Result<Option<String>, InspectError> {
        match self.own {
            Own::Sqlite(_) => Ok(self.texts("PRAGMA journal_mode")?.pop()),
            Own::Postgres(_) => Ok(None),
        }
    }

    /// The flaws that SQLite finds in the file; none of PostgreSQL, which checks its pages itself.
    pub fn damage(&mut self) -> Result<Vec<String>, InspectError> {
        match self.own {
            Own::Sqlite(_) => {
                let mut found = self.texts("PRAGMA quick_check(10)")?;
                found.retain(|line| line != "ok");
                Ok(found)
            }
            Own::Postgres(_) => Ok(Vec::new()),
        }
    }

    /// None of SQLite.
    pub fn postgres(&mut self) -> Result<Option<PostgresFacts>, InspectError> {
        let Own::Postgres(conn) = &mut self.own else { return Ok(None) };
        let mut number =
            |sql: &str| diesel::dsl::sql::<BigInt>(sql).get_result::<i64>(conn).map_err(InspectError::Read);
        let version = number("SELECT current_setting('server_version_num')::bigint")?;
        let connections_max = number("SELECT current_setting('max_connections')::bigint")?;
        let connections_reserved =
            number("SELECT current_setting('superuser_reserved_connections')::bigint")?;
        let now_ms = number("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")?;
        let synchronous_commit = self.texts("SELECT current_setting('synchronous_commit')")?.concat();
        let fsync = self.texts("SELECT current_setting('fsync')")?.concat();
        Ok(Some(PostgresFacts {
            version,
            now_ms,
            connections_max,
            connections_reserved,
            synchronous_commit,
            fsync,
        }))
    }

    fn texts(&mut self, sql: &str) -> Result<Vec<String>, InspectError> {
        let texts = match &mut self.own {
            Own::Sqlite(conn) => diesel::dsl::sql::<Text>(sql).load::<String>(conn),
            Own::Postgres(conn) => diesel::dsl::sql::<Text>(sql).load::<String>(conn),
        };
        texts.map_err(InspectError::Read)
    }
}

/// https://www.sqlite.org/uri.html: `?` and `#` end a path, `%` begins an escape.
fn read_only_uri(path: &str) -> String {
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?mode=ro")
}

fn schema(applied: &[String], known: &[String]) -> Schema {
    if applied.is_empty() {
        return Schema::Empty;
    }
    match applied.iter().find(|version| !known.contains(version)) {
        Some(newer) => Schema::Newer(newer.clone()),
        None if applied.len() < known.len() => Schema::Behind(known.len() - applied.len()),
        None => Schema::UpToDate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_current_behind_newer_or_none() {
        let versions = |list: &[&str]| list.iter().map(|version| (*version).to_owned()).collect::<Vec<_>>();
        let known = versions(&["1", "2"]);
        assert_eq!(schema(&versions(&["2", "1"]), &known), Schema::UpToDate);
        assert_eq!(schema(&versions(&["1"]), &known), Schema::Behind(1));
        assert_eq!(schema(&versions(&["1", "3"]), &known), Schema::Newer("3".to_owned()));
        assert_eq!(schema(&[], &known), Schema::Empty);
    }

    #[test]
    fn a_path_may_have_what_means_something_in_a_uri() {
        assert_eq!(read_only_uri("/a#b%c.db"), "file:/a%23b%25c.db?mode=ro");
    }

    #[test]
    fn looking_makes_no_database() {
        let path = std::env::temp_dir().join(format!("fleetwire-inspect-{}.db", uuid::Uuid::new_v4()));
        let opened = Inspection::open(&Where::Sqlite(path.clone()), Duration::from_secs(1));
        assert!(opened.is_err());
        assert!(!path.exists());
    }
}
