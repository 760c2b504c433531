//! How a database carries out what the store asks of it: a database with the server's tables and without a server, and the plans of
//! the statements that a function of the store runs on it, out of the database's own mouth.
//!
//! For a list that must be one index walk: [`Store::new`], [`Store::add_jobs`] (among few rows PostgreSQL finds any way as good),
//! [`Store::plans`] with a function of `fleetwire::store::reads`, and [`Plan::is_walk_of`] for the statement that matters.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection};
use diesel::deserialize::QueryableByName;
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection, sql_query};
use fleetwire::store::{self, Conn, StoreError, Where};

use super::database::Database;

pub struct Store {
    directory: PathBuf,
    database: Database,
}

/// One statement, and how the database carries it out.
pub struct Plan {
    sql: String,
    steps: Vec<String>,
}

#[derive(QueryableByName)]
struct SqliteStep {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct PostgresStep {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

impl Store {
    pub fn new() -> Store {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("plans.{}.{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("it").join(name);
        std::fs::create_dir_all(&directory).expect("the target directory is writable");
        let database = Database::create(&directory);
        let place = match database.file() {
            Some(file) => Where::Sqlite(file),
            None => Where::Postgres(database.url().to_owned()),
        };
        store::migrate(&place, Duration::from_secs(20)).expect("a new database takes the server's tables");
        Store { directory, database }
    }

    /// Adds `count` jobs of a kind, a thousandth of them of each of the customers `from` to `from + 999`, made here, too; all are
    /// over but one in fifty.
    pub fn add_jobs(&self, kind: &str, from: i64, count: u32) {
        let n = |count: u32| {
            format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})")
        };
        let (accounts, jobs) = (n(1_000), n(count));
        self.database.execute(&format!(
            "INSERT INTO accounts (id, public_id, username, role, name, created_at) {accounts} \
             SELECT {from} + i, 'account-' || ({from} + i), 'customer-' || ({from} + i), 'customer', 'C', CURRENT_TIMESTAMP FROM n; \
             INSERT INTO customers (id, account_id) {accounts} SELECT {from} + i, {from} + i FROM n; \
             INSERT INTO jobs (public_id, kind, status, customer_id, restaurant_name, pickup_address, dropoff_address, \
                earnings_minor, distance_km, requested_at, payment_status) {jobs} \
             SELECT '{kind}-' || i, '{kind}', CASE WHEN i % 50 = 0 THEN 'requested' ELSE 'completed' END, {from} + i % 1000, \
                'R', 'P', 'D', 100, 1, CURRENT_TIMESTAMP, 'pending' FROM n;"
        ));
        // PostgreSQL does so by itself after a while; the server never asks SQLite to.
        if self.database.file().is_none() {
            self.database.execute("ANALYZE");
        }
    }

    /// The plan of each statement that `read` runs, in their order.
    pub fn plans<T>(&self, read: impl FnOnce(&mut Conn<'_>) -> Result<T, StoreError>) -> Vec<Plan> {
        let asked = Asked::default();
        let done = match self.database.file() {
            Some(file) => {
                let mut conn = SqliteConnection::establish(&file.to_string_lossy()).expect("a file");
                conn.set_instrumentation(asked.clone());
                read(&mut Conn::Sqlite(&mut conn)).map(drop)
            }
            None => {
                let mut conn = PgConnection::establish(self.database.url()).expect("a database");
                conn.set_instrumentation(asked.clone());
                read(&mut Conn::Postgres(&mut conn)).map(drop)
            }
        };
        done.expect("the read succeeds");
        asked.statements().iter().map(|statement| self.plan(statement)).collect()
    }

    fn plan(&self, statement: &str) -> Plan {
        let (sql, binds) = statement.split_once(" -- binds: ").unwrap_or((statement, "[]"));
        let steps = match self.database.file() {
            // Of its parameters SQLite knows no value when it plans.
            Some(_) => {
                let steps = self.database.rows::<SqliteStep>(&format!("EXPLAIN QUERY PLAN {sql}"));
                steps.into_iter().map(|step| step.detail).collect()
            }
            // In a small table a bitmap and a sort are as good; which index is walked in a large one shows without them.
            None => {
                let mut conn = PgConnection::establish(self.database.url()).expect("a database");
                conn.batch_execute("SET enable_bitmapscan = off").expect("anybody may");
                let explain = format!("EXPLAIN (COSTS OFF) {}", with_values(sql, &values(binds)));
                let steps = sql_query(explain).load::<PostgresStep>(&mut conn).expect("a plan");
                steps.into_iter().map(|step| step.line).collect()
            }
        };
        Plan { sql: sql.to_owned(), steps }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.sql, self.steps.join("\n"))
    }
}

impl Plan {
    /// Whether it walks this index once, in the order that is asked for, and looks at nothing else: no table is scanned and nothing
    /// sorted.
    pub fn is_walk_of(&self, index: &str) -> bool {
        self.is_search_of(index) && !self.has(&["TEMP B-TREE", "Sort"])
    }

    /// The same where what is found is so little that it may be sorted.
    pub fn is_search_of(&self, index: &str) -> bool {
        let searches = |step: &&String| {
            step.contains(&format!("USING INDEX {index} ("))
                || step.contains("Index Scan") && step.contains(&format!("using {index} "))
        };
        let is_one = self.steps.iter().filter(searches).count() == 1;
        is_one && !self.has(&["SCAN", "MULTI-INDEX", "Seq Scan", "Bitmap"])
    }

    fn has(&self, words: &[&str]) -> bool {
        self.steps.iter().any(|step| words.iter().any(|word| step.contains(word)))
    }
}

/// What a connection was asked, as diesel shows it: each statement with its values.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    fn statements(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics under it").clone()
    }
}

impl Instrumentation for Asked {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            self.0.lock().expect("nobody panics under it").push(query.to_string());
        }
    }
}

/// The values of a statement as SQL writes them, out of a list such as `["delivery", 7, [1, 2]]`.
fn values(binds: &str) -> Vec<String> {
    let (mut values, mut value, mut is_text, mut depth) = (Vec::new(), String::new(), false, 0);
    for c in binds.trim().chars() {
        match c {
            '"' => is_text = !is_text,
            '[' if !is_text => {
                depth += 1;
                value.extend((depth > 1).then_some('{'));
            }
            ']' if !is_text => {
                value.extend((depth > 1).then_some('}'));
                depth -= 1;
            }
            ',' if !is_text && depth == 1 => values.push(std::mem::take(&mut value)),
            _ => value.push(c),
        }
    }
    values.push(value);
    values.into_iter().map(|value| format!("'{}'", value.trim().replace('\'', "''"))).collect()
}

/// From the last on, so that `$1` is not found in `$12`.
fn with_values(sql: &str, values: &[String]) -> String {
    let numbered = values.iter().enumerate().rev();
    numbered.fold(sql.to_owned(), |sql, (index, value)| sql.replace(&format!("${}", index + 1), value))
}
