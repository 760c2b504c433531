//! Decisions in their transactions: each in one of its own or, on SQLite, together with those that wait behind it. A
//! commit there writes every changed page and waits for the disk, which takes as long as the decision itself. Decisions
//! that share a commit pay for it once, and pages that each of them changes, at the ends of tables and indexes, are
//! written once.

use crate::config::Durability;
use crate::store::connection::Conn;
use crate::store::error::{OperationError, StoreError};
use diesel::result::Error as DieselError;
use diesel::{Connection, QueryResult, SqliteConnection};
use std::time::{Duration, Instant};

/// Attempts of one operation: a deadlock, a serialisation failure or a busy database repeats it.
const ATTEMPTS_MAX: u32 = 4;
/// Waited before the second attempt, twice that before the third, and so on.
pub(super) const BACK_OFF: Duration = Duration::from_millis(5);
/// Decisions in one transaction: nobody is answered before all of them are done.
const TOGETHER_MAX: usize = 16;

/// Something to decide, and somebody who waits for the answer.
pub trait Decision: Send {
    fn durability(&self) -> Durability;
    /// Decides within the transaction that goes on.
    fn attempt(&mut self, conn: Conn<'_>) -> Attempted;
    /// Publishes and answers what the attempt came to: it is committed, or has changed nothing.
    fn settle(self: Box<Self>);
    /// Decides in a transaction of its own, then publishes and answers. Earlier attempts are forgotten.
    fn alone(self: Box<Self>, conn: Result<Conn<'_>, StoreError>);
}

/// The result of an attempt within a transaction of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempted {
    /// Its changes are to be committed.
    Stands,
    /// It decided against a change; what it wrote is undone, the others' is not.
    Refused,
    /// The database did not do as asked, and the transaction may be gone: all that share it begin anew, each alone.
    Failed,
}

/// Decides `first`, and while there is one what `next` gives, in one transaction, and settles it. Returns those that were not
/// decided and are to be alone, on another connection.
pub fn together(
    conn: &mut SqliteConnection,
    first: Box<dyn Decision>,
    mut next: impl FnMut() -> Option<Box<dyn Decision>>,
) -> Vec<Box<dyn Decision>> {
    let durability = first.durability();
    let mut group = vec![(first, Attempted::Failed)];
    let committed = set_durability(conn, durability).is_ok()
        && conn.immediate_transaction(|conn| {
            let (first, attempted) = &mut group[0];
            // Needs no savepoint: if it is refused there is nothing to keep.
            *attempted = first.attempt(Conn::Sqlite(conn));
            if *attempted != Attempted::Stands {
                return Err(DieselError::RollbackTransaction);
            }
            while group.len() < TOGETHER_MAX {
                let Some(mut decision) = next() else { break };
                let attempted = within_savepoint(conn, &mut *decision);
                group.push((decision, attempted));
                if attempted == Attempted::Failed {
                    return Err(DieselError::RollbackTransaction);
                }
            }
            Ok(())
        }) == Ok(());
    // A decision that was refused together with others may owe its refusal to changes that are now undone.
    let is_decided = committed || matches!(group[..], [(_, Attempted::Refused)]);
    let group = group.into_iter().map(|(decision, _)| decision);
    if !is_decided {
        return group.collect();
    }
    group.for_each(|decision| decision.settle());
    Vec::new()
}

fn within_savepoint(conn: &mut SqliteConnection, decision: &mut dyn Decision) -> Attempted {
    let mut attempted = Attempted::Failed;
    let outcome = conn.transaction(|conn| {
        attempted = decision.attempt(Conn::Sqlite(conn));
        match attempted {
            Attempted::Stands => Ok(()),
            Attempted::Refused | Attempted::Failed => Err(DieselError::RollbackTransaction),
        }
    });
    match outcome {
        Ok(()) | Err(DieselError::RollbackTransaction) => attempted,
        Err(_) => Attempted::Failed,
    }
}

/// No attempt begins after `timeout`: the caller gives up some time after that, and what is done then is done behind its back.
pub(super) fn repeat<T, E: OperationError>(
    timeout: Duration,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let began = Instant::now();
    for number in 1..ATTEMPTS_MAX {
        match attempt() {
            Err(error)
                if error.store_error().is_some_and(StoreError::is_transient) && began.elapsed() < timeout =>
            {
                std::thread::sleep(BACK_OFF * number);
            }
            decided => return decided,
        }
    }
    attempt()
}

/// diesel's transactions want an error that its own converts into.
enum Failed<E> {
    Operation(E),
    Diesel(DieselError),
}

impl<E> From<DieselError> for Failed<E> {
    fn from(error: DieselError) -> Self {
        Failed::Diesel(error)
    }
}

/// Runs `body` in a transaction.
pub(super) fn transaction<T, E: OperationError>(
    conn: &mut Conn<'_>,
    durability: Durability,
    mut body: impl FnMut(Conn<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let is_postgres = matches!(conn, Conn::Postgres(_));
    let outcome = match conn {
        Conn::Sqlite(sqlite) => {
            set_durability(sqlite, durability).map_err(StoreError::from)?;
            sqlite.immediate_transaction(|sqlite| body(Conn::Sqlite(sqlite)).map_err(Failed::Operation))
        }
        Conn::Postgres(postgres) => postgres.transaction(|postgres| {
            if durability == Durability::Normal {
                Conn::Postgres(postgres)
                    .execute("SET LOCAL synchronous_commit = off")
                    .map_err(|error| Failed::Operation(error.into()))?;
            }
            body(Conn::Postgres(postgres)).map_err(Failed::Operation)
        }),
    };
    outcome.map_err(|failed| match failed {
        Failed::Operation(error) => error,
        Failed::Diesel(error) if is_postgres => StoreError::of_postgres(error).into(),
        Failed::Diesel(error) => StoreError::from(error).into(),
    })
}

/// On SQLite a connection's setting, and only between transactions.
fn set_durability(conn: &mut SqliteConnection, durability: Durability) -> QueryResult<()> {
    use diesel::connection::SimpleConnection;
    conn.batch_execute(match durability {
        Durability::Full => "PRAGMA synchronous = FULL",
        Durability::Normal => "PRAGMA synchronous = NORMAL",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::connection::{InstrumentationEvent, SimpleConnection};
    use diesel::prelude::*;
    use parking_lot::Mutex;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Writes its number and ends as it is told to.
    struct Numbered {
        number: i64,
        ends: Attempted,
        settled: Arc<Mutex<Vec<i64>>>,
    }

    impl Decision for Numbered {
        fn durability(&self) -> Durability {
            Durability::Full
        }

        fn attempt(&mut self, mut conn: Conn<'_>) -> Attempted {
            conn.execute(&format!("INSERT INTO t VALUES ({})", self.number)).expect("a row");
            self.ends
        }

        fn settle(self: Box<Self>) {
            self.settled.lock().push(self.number);
        }

        fn alone(self: Box<Self>, _: Result<Conn<'_>, StoreError>) {
            unreachable!("`together` leaves that to its caller");
        }
    }

    struct Outcome {
        rows: Vec<i64>,
        settled: Vec<i64>,
        left: usize,
        commits: usize,
        begun: usize,
    }

    /// Decisions 1, 2 and so on that end so, after `setup` on a fresh database.
    fn decide(setup: &str, ends: &[Attempted]) -> Outcome {
        let mut conn = SqliteConnection::establish(":memory:").expect("in memory");
        conn.batch_execute("CREATE TABLE t (n BIGINT NOT NULL)").expect("a table");
        conn.batch_execute(setup).expect("set up");
        let commits = Arc::new(AtomicUsize::new(0));
        conn.set_instrumentation({
            let commits = commits.clone();
            move |event: InstrumentationEvent<'_>| {
                if let InstrumentationEvent::CommitTransaction { depth, .. } = event
                    && depth.get() == 1
                {
                    commits.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        let settled = Arc::new(Mutex::new(Vec::new()));
        let numbered = |(number, ends): (i64, &Attempted)| -> Box<dyn Decision> {
            Box::new(Numbered { number, ends: *ends, settled: settled.clone() })
        };
        let mut waiting = (1..).zip(ends).map(numbered);
        let first = waiting.next().expect("there is one");
        let left = together(&mut conn, first, || waiting.next()).len();
        let begun = ends.len() - waiting.count();
        let rows = diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT n FROM t ORDER BY n");
        let rows = rows.load(&mut conn).expect("rows");
        let settled = settled.lock().clone();
        Outcome { rows, settled, left, commits: commits.load(Ordering::SeqCst), begun }
    }

    use Attempted::{Failed, Refused, Stands};

    #[test]
    fn what_waits_shares_a_commit() {
        let outcome = decide("", &[Stands, Stands, Stands]);
        assert_eq!((outcome.rows, outcome.settled), (vec![1, 2, 3], vec![1, 2, 3]));
        assert_eq!((outcome.commits, outcome.left), (1, 0));
    }

    #[test]
    fn who_is_refused_takes_back_their_own_rows_alone() {
        let outcome = decide("", &[Stands, Refused, Stands]);
        assert_eq!((outcome.rows, outcome.settled), (vec![1, 3], vec![1, 2, 3]));
        assert_eq!((outcome.commits, outcome.left), (1, 0));
    }

    #[test]
    fn where_the_first_is_refused_the_others_wait_for_the_next_transaction() {
        let outcome = decide("", &[Refused, Stands]);
        assert_eq!((outcome.rows, outcome.settled), (vec![], vec![1]));
        assert_eq!((outcome.begun, outcome.left), (1, 0));
    }

    #[test]
    fn where_the_database_fails_nothing_is_kept_and_nobody_is_answered() {
        let outcome = decide("", &[Stands, Refused, Failed, Stands]);
        assert_eq!(
            (outcome.rows, outcome.settled),
            (vec![], vec![]),
            "the refusal may rest on what is undone"
        );
        assert_eq!((outcome.begun, outcome.left), (3, 3));
    }

    #[test]
    fn where_the_commit_fails_nothing_is_kept_and_nobody_is_answered() {
        let nobody = "PRAGMA foreign_keys = ON; CREATE TABLE parents (n BIGINT PRIMARY KEY); DROP TABLE t; \
             CREATE TABLE t (n BIGINT REFERENCES parents (n) DEFERRABLE INITIALLY DEFERRED)";
        let outcome = decide(nobody, &[Stands, Stands]);
        assert_eq!((outcome.rows, outcome.settled, outcome.left), (vec![], vec![], 2));
    }

    #[test]
    fn a_transaction_is_shared_by_so_many_at_most() {
        let outcome = decide("", &[Stands; TOGETHER_MAX + 3]);
        assert_eq!((outcome.settled.len(), outcome.begun), (TOGETHER_MAX, TOGETHER_MAX));
    }
}
