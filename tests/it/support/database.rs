//! A database for each test, on the backend that the environment chose, and direct access to it next to the server.
//! SQLite unless `FLEETWIRE_TEST_POSTGRES` names a server (`postgres://user@127.0.0.1:PORT`) on which databases may be
//! made.

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::deserialize::QueryableByName;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Double, Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection, sql_query};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};

pub struct Database {
    url: String,
    /// Where the database itself can be dropped, and its name; none for a file.
    postgres: Option<(String, String)>,
}

/// One row of `driver_locations`, its time as the number of seconds since 1970.
#[derive(Debug, Clone)]
pub struct LocationRow {
    pub driver_id: i64,
    pub latitude: f64,
    pub longitude: f64,
    pub accuracy: Option<f64>,
    pub heading: Option<f64>,
    pub speed: Option<f64>,
    pub battery_level: Option<i64>,
    pub created_at: DateTime<Utc>,
}

/// The ids of one account's events, as the database has them.
#[derive(QueryableByName)]
pub struct EventNumbers {
    #[diesel(sql_type = Text)]
    pub account: String,
    #[diesel(sql_type = BigInt)]
    pub events: i64,
    #[diesel(sql_type = BigInt)]
    pub distinct_ids: i64,
    #[diesel(sql_type = BigInt)]
    pub oldest_id: i64,
    #[diesel(sql_type = BigInt)]
    pub newest_id: i64,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    value: String,
}

#[derive(QueryableByName)]
struct Location {
    #[diesel(sql_type = BigInt)]
    driver_id: i64,
    #[diesel(sql_type = Double)]
    latitude: f64,
    #[diesel(sql_type = Double)]
    longitude: f64,
    #[diesel(sql_type = Nullable<Double>)]
    accuracy: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    heading: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    speed: Option<f64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    battery_level: Option<i64>,
    #[diesel(sql_type = Text)]
    created_at: String,
}

impl Database {
    /// A new, empty database that only this test knows.
    pub fn create(directory: &Path) -> Database {
        let Ok(server) = std::env::var("FLEETWIRE_TEST_POSTGRES") else {
            let file = directory.join("fleetwire.db");
            return Database { url: format!("sqlite://{}", file.display()), postgres: None };
        };
        let server = server.trim_end_matches('/');
        let name = format!("fleetwire_it_{}", uuid::Uuid::new_v4().simple());
        let maintenance = format!("{server}/postgres");
        let mut conn = PgConnection::establish(&maintenance).expect("FLEETWIRE_TEST_POSTGRES can be reached");
        conn.batch_execute(&format!("CREATE DATABASE {name}")).expect("databases may be made there");
        Database { url: format!("{server}/{name}"), postgres: Some((maintenance, name)) }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file that it is, where it is one.
    pub fn file(&self) -> Option<PathBuf> {
        self.url.strip_prefix("sqlite://").map(PathBuf::from)
    }

    /// Nothing can be written until the value is dropped, and the server `process_id` hears why: there is no more room
    /// for SQLite's log, and PostgreSQL has become read-only, as after a fail-over.
    pub fn refuse_writes(&self, process_id: u32) -> Refusing<'_> {
        match self.file() {
            Some(file) => {
                let log = format!("{}-wal", file.display());
                let length = std::fs::metadata(log).expect("the server writes into its log").len();
                limit_files(process_id, Some(length));
            }
            None => self.set_read_only("on"),
        }
        Refusing { database: self, process_id }
    }

    fn set_read_only(&self, value: &str) {
        let (maintenance, name) = self.postgres.as_ref().expect("it is PostgreSQL");
        let mut conn = PgConnection::establish(maintenance).expect("the server can be reached");
        conn.batch_execute(&format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = {value}; \
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ))
        .expect("a superuser may");
    }

    /// Rows of a query that both backends understand.
    pub fn rows<T>(&self, sql: &str) -> Vec<T>
    where
        T: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static,
    {
        let rows = match self.sqlite() {
            Some(mut conn) => sql_query(sql).load(&mut conn),
            None => sql_query(sql).load(&mut self.postgres()),
        };
        rows.unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    /// The one number that a query calls `value`.
    pub fn number(&self, sql: &str) -> i64 {
        self.rows::<Number>(sql).first().unwrap_or_else(|| panic!("no row\n{sql}")).value
    }

    pub fn execute(&self, sql: &str) {
        let done = match self.sqlite() {
            Some(mut conn) => conn.batch_execute(sql),
            None => self.postgres().batch_execute(sql),
        };
        done.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    /// Runs `sql` in a transaction that stays open, and holds its locks, until the value is dropped, which commits it.
    pub fn hold(&self, sql: &str) -> Held {
        let mut held = match self.sqlite() {
            Some(conn) => Held::Sqlite(conn),
            None => Held::Postgres(self.postgres()),
        };
        let done = match &mut held {
            Held::Sqlite(conn) => conn.batch_execute(&format!("BEGIN IMMEDIATE; {sql}")),
            Held::Postgres(conn) => conn.batch_execute(&format!("BEGIN; {sql}")),
        };
        done.unwrap_or_else(|error| panic!("{error}\n{sql}"));
        held
    }

    /// Nobody else writes orders or positions until the value is dropped.
    pub fn hold_all(&self) -> Held {
        match self.postgres {
            // SQLite's transaction is enough.
            None => self.hold(""),
            Some(_) => self.hold("LOCK TABLE jobs, driver_locations IN EXCLUSIVE MODE"),
        }
    }

    /// No decision can be made until the value is dropped.
    pub fn hold_decisions(&self) -> Held {
        match self.postgres {
            None => self.hold(""),
            Some(_) => self.hold("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE"),
        }
    }

    pub fn locations_stored(&self) -> i64 {
        self.number("SELECT COUNT(*) AS value FROM driver_locations")
    }

    /// Every stored position of a driver, in the order of writing.
    pub fn locations(&self, driver_id: i64) -> Vec<LocationRow> {
        let sql = format!(
            "SELECT CAST(driver_id AS BIGINT) AS driver_id, latitude, longitude, accuracy, heading, speed, \
             CAST(battery_level AS BIGINT) AS battery_level, CAST(created_at AS TEXT) AS created_at \
             FROM driver_locations WHERE driver_id = {driver_id} ORDER BY id"
        );
        self.rows::<Location>(&sql).into_iter().map(LocationRow::from).collect()
    }

    pub fn events_unconfirmed(&self) -> i64 {
        self.number("SELECT COUNT(*) AS value FROM events WHERE confirmed_at IS NULL")
    }

    /// The numbers of a driver's events that no device has confirmed.
    pub fn unconfirmed_of_driver(&self, driver_id: i64) -> Vec<i64> {
        let sql = format!(
            "SELECT event_id AS value FROM events JOIN drivers ON drivers.account_id = events.account_id \
             WHERE drivers.id = {driver_id} AND confirmed_at IS NULL ORDER BY event_id"
        );
        self.rows::<Number>(&sql).into_iter().map(|row| row.value).collect()
    }

    /// The names of an account's events, in their order.
    pub fn event_names(&self, username: &str) -> Vec<String> {
        self.words(&format!(
            "SELECT events.name AS value FROM events JOIN accounts ON accounts.id = events.account_id \
             WHERE accounts.username = '{username}' ORDER BY events.event_id"
        ))
    }

    /// The words that a query calls `value`.
    pub fn words(&self, sql: &str) -> Vec<String> {
        self.rows::<Word>(sql).into_iter().map(|row| row.value).collect()
    }

    /// The bodies of an account's events of this name, in order.
    pub fn event_bodies(&self, username: &str, name: &str) -> Vec<serde_json::Value> {
        let sql = format!(
            "SELECT events.body AS value FROM events JOIN accounts ON accounts.id = events.account_id \
             WHERE accounts.username = '{username}' AND events.name = '{name}' ORDER BY events.event_id"
        );
        let rows = self.rows::<Word>(&sql).into_iter();
        rows.map(|row| serde_json::from_str(&row.value).expect("an event is JSON")).collect()
    }

    /// The numbers of each account's events: with no gap and none twice, `events` is also what they span.
    pub fn event_numbers(&self) -> Vec<EventNumbers> {
        self.rows(
            "SELECT CAST(account_id AS TEXT) AS account, COUNT(*) AS events, \
             COUNT(DISTINCT event_id) AS distinct_ids, CAST(MIN(event_id) AS BIGINT) AS oldest_id, \
             CAST(MAX(event_id) AS BIGINT) AS newest_id FROM events GROUP BY account_id",
        )
    }

    /// Fails if an account's events have a gap in their numbers, or a number twice.
    pub fn check_event_numbers(&self) {
        for numbers in self.event_numbers() {
            let account = &numbers.account;
            assert_eq!(numbers.distinct_ids, numbers.events, "a number was given twice to {account}");
            assert_eq!(numbers.oldest_id, 1, "{account}");
            assert_eq!(numbers.newest_id, numbers.events, "a number is missing to {account}");
        }
    }

    /// Fails if the file is damaged, or a row refers to one that is not there. PostgreSQL checks both by itself.
    pub fn check_integrity(&self) {
        if self.file().is_none() {
            return;
        }
        assert_eq!(self.words("SELECT integrity_check AS value FROM pragma_integrity_check"), ["ok"]);
        let broken = self.number("SELECT COUNT(*) AS value FROM pragma_foreign_key_check");
        assert_eq!(broken, 0, "rows refer to what is not there");
    }

    /// Makes the schema of an earlier version: the first so many migrations, on an empty database.
    pub fn run_first_migrations(&self, count: usize) {
        match self.sqlite() {
            Some(mut conn) => run_first(&mut conn, "sqlite", count),
            None => run_first(&mut self.postgres(), "postgres", count),
        }
    }

    fn sqlite(&self) -> Option<SqliteConnection> {
        let file = self.url.strip_prefix("sqlite://")?;
        let mut conn = SqliteConnection::establish(file).expect("the server's database file can be opened");
        conn.batch_execute("PRAGMA busy_timeout = 10000").expect("a time-out can be set");
        Some(conn)
    }

    fn postgres(&self) -> PgConnection {
        PgConnection::establish(&self.url).expect("the test's database can be reached")
    }
}

fn run_first<DB: Backend>(conn: &mut impl MigrationHarness<DB>, database: &str, count: usize)
where
    FileBasedMigrations: MigrationSource<DB>,
{
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
    let migrations = FileBasedMigrations::from_path(directory).expect("the product's migrations");
    for _ in 0..count {
        conn.run_next_migration(migrations.clone()).expect("a migration of an earlier version");
    }
}

/// A database that takes nothing.
pub struct Refusing<'a> {
    database: &'a Database,
    process_id: u32,
}

impl Drop for Refusing<'_> {
    fn drop(&mut self) {
        match self.database.file() {
            Some(_) => limit_files(self.process_id, None),
            None => self.database.set_read_only("off"),
        }
    }
}

/// No file of the process may be longer; `None` gives back what it may by itself.
fn limit_files(process_id: u32, bytes: Option<u64>) {
    let process_id = process_id.try_into().expect("an id of a process");
    let (mut soft, mut hard) = (0, 0);
    rlimit::prlimit(process_id, rlimit::Resource::FSIZE, None, Some((&mut soft, &mut hard)))
        .expect("a child's");
    let soft = bytes.unwrap_or(hard);
    rlimit::prlimit(process_id, rlimit::Resource::FSIZE, Some((soft, hard)), None).expect("a child's");
}

/// A transaction of the test's own.
pub enum Held {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Drop for Held {
    fn drop(&mut self) {
        let committed = match self {
            Held::Sqlite(conn) => conn.batch_execute("COMMIT"),
            Held::Postgres(conn) => conn.batch_execute("COMMIT"),
        };
        if let Err(error) = committed {
            eprintln!("the test's transaction was not committed: {error}");
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some((maintenance, name)) = &self.postgres else { return };
        let dropped =
            PgConnection::establish(maintenance).map_err(|error| error.to_string()).and_then(|mut conn| {
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                conn.batch_execute(&sql).map_err(|error| error.to_string())
            });
        if let Err(error) = dropped {
            eprintln!("{name} was not dropped: {error}");
        }
    }
}

impl From<Location> for LocationRow {
    fn from(row: Location) -> LocationRow {
        LocationRow {
            driver_id: row.driver_id,
            latitude: row.latitude,
            longitude: row.longitude,
            accuracy: row.accuracy,
            heading: row.heading,
            speed: row.speed,
            battery_level: row.battery_level,
            created_at: utc(&row.created_at),
        }
    }
}

/// Both backends print a time as `2025-11-19 10:30:00`, perhaps with a `T`, a fraction or an offset of zero.
fn utc(text: &str) -> DateTime<Utc> {
    let seconds = text.get(..19).unwrap_or_else(|| panic!("not a time: {text:?}")).replace('T', " ");
    let offset =
        text.get(19..).unwrap_or_default().trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    assert!(["", "Z", "+00", "+00:00"].contains(&offset.trim()), "not UTC: {text:?}");
    NaiveDateTime::parse_from_str(&seconds, "%Y-%m-%d %H:%M:%S")
        .unwrap_or_else(|error| panic!("{text:?}: {error}"))
        .and_utc()
}
