//! Probes whether the database can do what a decision needs: it answers a query and commits a row to disk, through the
//! very thread that decides. The probe runs only on request, and at most once a second: concurrent requests share one
//! answer.
//!
//! After a failure the row is as long as all that a decision writes. A disk that is full to the last page might accept
//! a short one, and would be reported healthy between the decisions that it refuses.

use crate::store::connection::Conn;
use crate::store::error::{Chain, StoreError};
use crate::store::executor::Database;
use crate::store::reads;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A database that takes longer for one row is not ready for anybody's work.
const TIMEOUT: Duration = Duration::from_secs(1);
/// For how long an answer is good.
const GOOD_FOR: Duration = Duration::from_secs(1);
/// More than the pages that one decision changes.
const THOROUGH_BYTES: usize = 96 * 1024;

/// The reason why the database can't decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// One of a few words.
    pub state: &'static str,
    /// In words, for the operator who has to act.
    pub reason: String,
}

/// Asks the database how it is.
pub struct Probe {
    database: Database,
    last: Mutex<Option<(Instant, Option<Unfit>)>>,
}

impl Probe {
    pub fn new(database: Database) -> Self {
        Self { database, last: Mutex::default() }
    }

    /// None where it is fit. Takes a second at most, and about another where somebody is asking already.
    pub async fn unfit(&self) -> Option<Unfit> {
        if let Some(reason) = self.database.lost() {
            return Some(Unfit { state: "lost", reason: reason.to_owned() });
        }
        let mut last = self.last.lock().await;
        if let Some((at, unfit)) = &*last
            && at.elapsed() < GOOD_FOR
        {
            return unfit.clone();
        }
        let unfit = match tokio::time::timeout(TIMEOUT, probe(&self.database)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Unfit::of(&error)),
            Err(_) => {
                let reason = "the database neither answered nor refused within a second".to_owned();
                Some(Unfit { state: "no answer within a second", reason })
            }
        };
        *last = Some((Instant::now(), unfit.clone()));
        unfit
    }
}

impl Unfit {
    fn of(error: &StoreError) -> Self {
        let is_busy = error.is_transient() || matches!(error, StoreError::Unavailable(_));
        let state = if is_busy { "busy" } else { "failing" };
        let reason = match error {
            // The cause alone: what surrounds it is for those whose decision it was.
            StoreError::Unable(cause) | StoreError::Transient(cause) | StoreError::Database(cause) => {
                cause.to_string()
            }
            other => Chain(other).to_string(),
        };
        // PostgreSQL's messages may have several lines.
        Self { state, reason: reason.split_whitespace().collect::<Vec<_>>().join(" ") }
    }
}

async fn probe(database: &Database) -> Result<(), StoreError> {
    let filler = if database.is_doubted() { THOROUGH_BYTES } else { 0 };
    database.read(reads::probe).await?;
    database.write(move |tx| commit_a_row(tx.conn(), filler)).await?;
    database.trust();
    if filler > 0 {
        // The row that stays is short.
        database.write(|tx| commit_a_row(tx.conn(), 0)).await?;
    }
    Ok(())
}

/// The tables of every decision must also be writable. Waits for them for a shorter time than the caller waits for the
/// answer.
fn commit_a_row(conn: &mut Conn<'_>, filler_bytes: usize) -> Result<(), StoreError> {
    const TABLES_FREE: &str = "SET LOCAL lock_timeout = 800; \
        LOCK TABLE accounts, drivers, customers, jobs, events IN ROW EXCLUSIVE MODE";
    let is_postgres = matches!(conn, Conn::Postgres(_));
    let said = |error: StoreError| if is_postgres { StoreError::of_postgres(error) } else { error };
    if is_postgres {
        conn.execute(TABLES_FREE).map_err(said).map_err(|error| match error {
            // Not repeated: the next probe is.
            StoreError::Transient(_) => StoreError::Unavailable("somebody has locked a table"),
            other => other,
        })?;
    }
    let filler = "-".repeat(filler_bytes);
    // A number that changes, because SQLite writes no page that is as it was.
    let sql = format!(
        "INSERT INTO readiness (id, probes, filler) VALUES (1, 1, '{filler}') \
         ON CONFLICT (id) DO UPDATE SET probes = readiness.probes + 1, filler = excluded.filler"
    );
    conn.execute(&sql).map_err(said)
}
