//! The database's own threads, with bounded queues. Callers await an answer; no SQL runs on their threads.
//!
//! SQLite: one thread writes, decisions before bulk; the others only read. PostgreSQL: a pool of threads decides and
//! reads, one more writes in bulk. A write's events are published by its thread right after the commit, whether or
//! not the caller still waits: a request's future may be dropped at any await.

use crate::clock::SharedClock;
use crate::config::Durability;
use crate::current_request;
use crate::domain::announcement::Committed;
use crate::domain::ids::AccountId;
use crate::domain::job_rules::JobRules;
use crate::metrics::Metrics;
use crate::store::connection::{Conn, Connections};
use crate::store::decision::{Attempted, BACK_OFF, Decision, repeat, transaction};
use crate::store::error::{OperationError, StoreError};
use crate::store::party::Party;
use crate::store::queue::{NotTaken, Queue, Task, Urgency};
use crate::store::tx::{PushDue, Tx};
use crate::store::worker::{carry_out, start_checkpoints, unless_it_panics, work};
use bytestring::ByteString;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Which database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    Sqlite(PathBuf),
    /// A `postgres://` URL.
    Postgres(String),
}

#[derive(Clone, Debug)]
pub struct Options {
    pub connections: u32,
    /// Decisions that may wait; one more is refused at once.
    pub queue_max: usize,
    /// How long a connection, a place in the queue or a lock is waited for.
    pub timeout: Duration,
    pub decisions: Durability,
    pub positions: Durability,
    /// The rules for every decision: see [`Tx::rules`].
    pub rules: JobRules,
}

/// How long an answer is waited for.
#[derive(Clone, Copy)]
enum Patience {
    TimeOut,
    /// A running operation may still be committed after any time-out.
    UntilDecided,
}

type Publish = Box<dyn Fn(Committed) + Send + Sync>;

/// A program that runs next to the server does not know who is connected to it, so it gives everybody the time to
/// confirm.
const UNKNOWN_PRESENCE: TimeDelta = TimeDelta::seconds(5);

/// Clone it freely; the threads end when [`Database::close`] is called.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    clock: SharedClock,
    options: Options,
    writes: Arc<Queue>,
    reads: Arc<Queue>,
    bulk: Arc<Queue>,
    publish: OnceLock<Publish>,
    push_due: OnceLock<Box<PushDue>>,
    metrics: Arc<Metrics>,
    /// Without threads, the caller does the work with these.
    on_the_spot: Option<Connections>,
    /// Something was given up since it was last seen to work.
    doubted: AtomicBool,
    /// Why the database can no longer be relied on.
    lost: OnceLock<&'static str>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// SQLite: dropping it ends the checkpoint thread.
    checkpoints: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl Database {
    /// Starts the threads. The schema must be there already: see `migrations`.
    pub fn open(at: &Where, options: Options, clock: SharedClock, metrics: Arc<Metrics>) -> Self {
        let size = options.connections.max(2);
        let queue = |threads: u32| Arc::new(Queue::new(options.queue_max, threads as usize));
        let timeout = options.timeout;
        let mut threads = Vec::new();
        let mut start = |name: &str, count: u32, queue: &Arc<Queue>, connections: Connections| {
            for _ in 0..count {
                let (queue, connections) = (queue.clone(), connections.clone());
                let thread = std::thread::Builder::new()
                    .name(name.to_owned())
                    .spawn(move || work(&queue, &connections, timeout))
                    .expect("a thread can be started at start-up");
                threads.push(thread);
            }
        };
        let (writes, reads, bulk) = match at {
            Where::Sqlite(path) => {
                let (writes, reads) = (queue(1), queue(size));
                start("db-write", 1, &writes, Connections::sqlite(path, 1, timeout, false));
                start("db-read", size, &reads, Connections::sqlite(path, size, timeout, true));
                (writes.clone(), reads, writes)
            }
            Where::Postgres(url) => {
                let (shared, bulk) = (queue(size), queue(1));
                let connections = Connections::postgres(url, size + 1, timeout, Some(timeout));
                start("db", size, &shared, connections.clone());
                start("db-bulk", 1, &bulk, connections);
                (shared.clone(), shared, bulk)
            }
        };
        let checkpoints = match at {
            Where::Sqlite(path) => Some(start_checkpoints(path.clone(), writes.clone(), timeout)),
            Where::Postgres(_) => None,
        };
        let mut inner = Inner::new(options, clock, metrics, [writes, reads, bulk]);
        (inner.threads, inner.checkpoints) = (Mutex::new(threads), Mutex::new(checkpoints));
        Self { inner: Arc::new(inner) }
    }

    /// The same without threads: each call does its work before it returns, on one connection, so that the caller
    /// decides the order of everything. For one caller at a time, and not for a server, whose threads must not wait for
    /// SQL.
    pub fn on_the_spot(at: &Where, options: Options, clock: SharedClock, metrics: Arc<Metrics>) -> Self {
        let (queue, timeout) = (Arc::new(Queue::new(options.queue_max, 1)), options.timeout);
        let connections = match at {
            Where::Sqlite(path) => Connections::sqlite(path, 1, timeout, false),
            Where::Postgres(url) => Connections::postgres(url, 1, timeout, Some(timeout)),
        };
        let mut inner = Inner::new(options, clock, metrics, [queue.clone(), queue.clone(), queue]);
        inner.on_the_spot = Some(connections);
        Self { inner: Arc::new(inner) }
    }

    /// Sets the listener for commits. It is called on a database thread, so it must not block. Set it once.
    pub fn publish_to(&self, publish: impl Fn(Committed) + Send + Sync + 'static) {
        if self.inner.publish.set(Box::new(publish)).is_err() {
            log::error!("the database already has a listener for commits");
        }
    }

    /// Sets the source for who is connected: given an account and the time of an event, it returns when to decide
    /// whether the event is pushed. It is called on a database thread within a transaction, so it must not block. Set
    /// it once.
    pub fn push_due_by(
        &self,
        due: impl Fn(AccountId, DateTime<Utc>) -> DateTime<Utc> + Send + Sync + 'static,
    ) {
        if self.inner.push_due.set(Box::new(due)).is_err() {
            log::error!("the database already has a source for who is connected");
        }
    }

    /// A decision: runs `operation` in one transaction, which others that wait may share (see `decision`), then publishes what
    /// it recorded, then answers. The whole operation is repeated where the database asks for it, or where a transaction that
    /// it shared was undone, so it must have no effect but on its transaction.
    pub async fn write<T, E, F>(&self, operation: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: OperationError,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let durability = self.inner.options.decisions;
        self.decide(&self.inner.writes, Urgency::High, durability, Patience::TimeOut, operation).await
    }

    /// The same for positions: after all decisions, with the durability of positions. Waits until it is known whether
    /// they were written, however long that takes: a caller that gave up earlier and wrote them again would store them
    /// twice.
    pub async fn write_bulk<T, E, F>(&self, operation: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: OperationError,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let durability = self.inner.options.positions;
        self.decide(&self.inner.bulk, Urgency::Low, durability, Patience::UntilDecided, operation).await
    }

    /// For marks that somebody waits for: as urgent as a decision, as durable as positions.
    pub async fn write_soon<T, E, F>(&self, operation: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: OperationError,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let durability = self.inner.options.positions;
        self.decide(&self.inner.writes, Urgency::High, durability, Patience::TimeOut, operation).await
    }

    /// Reads. Each statement sees what was committed when it began.
    pub async fn read<T, E, F>(&self, mut query: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: OperationError,
        F: FnMut(&mut Conn<'_>) -> Result<T, E> + Send + 'static,
    {
        // Behind decisions where both share the threads.
        let timeout = self.inner.options.timeout;
        let metrics = self.inner.metrics.clone();
        let (reply, answer) = oneshot::channel();
        let task = Task::Run(Box::new(move |conn| {
            if reply.is_closed() {
                return;
            }
            let began = Instant::now();
            let read = conn.map_err(E::from).and_then(|mut conn| repeat(timeout, || query(&mut conn)));
            metrics.database_seconds.record(began.elapsed());
            let _ = reply.send(read);
        }));
        self.run(&self.inner.reads, Urgency::Low, task, Patience::TimeOut, answer).await
    }

    async fn decide<T, E, F>(
        &self,
        queue: &Queue,
        urgency: Urgency,
        durability: Durability,
        patience: Patience,
        operation: F,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: OperationError,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let inner = self.inner.clone();
        let request = current_request::id();
        let decision = Asked { inner, request, durability, operation, reply, began: None, decided: None };
        self.run(queue, urgency, Task::Decide(Box::new(decision)), patience, answer).await
    }

    async fn run<T, E: OperationError>(
        &self,
        queue: &Queue,
        urgency: Urgency,
        task: Task,
        patience: Patience,
        answer: oneshot::Receiver<Result<T, E>>,
    ) -> Result<T, E> {
        match queue.push(urgency, Party::current(), task) {
            Ok(()) => {}
            Err(NotTaken::Closed) => return Err(StoreError::Closed.into()),
            Err(NotTaken::Full) => {
                self.inner.metrics.database_refused.increment(1);
                return Err(StoreError::Unavailable("too many operations are waiting").into());
            }
            Err(NotTaken::TooManyOfOne) => {
                self.inner.metrics.database_refused.increment(1);
                return Err(StoreError::Unavailable("too many operations of one account are waiting").into());
            }
        }
        if let Some(connections) = &self.inner.on_the_spot
            && let Some(queued) = queue.pop()
        {
            carry_out(queued, queue, connections, self.inner.options.timeout);
        }
        let answered = match patience {
            _ if self.inner.on_the_spot.is_some() => Ok(answer.await),
            // The queue, the connection, the locks and each statement have this time-out of their own; a little more lets their
            // better reason come first.
            Patience::TimeOut => tokio::time::timeout(self.inner.options.timeout * 6 / 5, answer).await,
            Patience::UntilDecided => Ok(answer.await),
        };
        let outcome = match answered {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(StoreError::Unavailable("the operation was dropped").into()),
            Err(_) => Err(StoreError::Unavailable("no answer in time").into()),
        };
        let is_given_up = |error: &E| error.store_error().is_some_and(StoreError::may_pass);
        if outcome.as_ref().is_err_and(is_given_up) {
            self.inner.metrics.database_given_up.increment(1);
            self.inner.doubted.store(true, Ordering::Relaxed);
        }
        outcome
    }

    /// Whether something was given up since [`Database::trust`].
    pub(super) fn is_doubted(&self) -> bool {
        self.inner.doubted.load(Ordering::Relaxed)
    }

    pub(super) fn trust(&self) {
        self.inner.doubted.store(false, Ordering::Relaxed);
    }

    /// From now on reports this as the database's state.
    pub fn call_lost(&self, reason: &'static str) {
        let _ = self.inner.lost.set(reason);
    }

    /// The same, and takes nothing more: what is written would not be kept.
    pub fn lose(&self, reason: &'static str) {
        self.call_lost(reason);
        self.close_queues();
    }

    pub(super) fn lost(&self) -> Option<&'static str> {
        self.inner.lost.get().copied()
    }

    fn close_queues(&self) {
        for queue in [&self.inner.writes, &self.inner.reads, &self.inner.bulk] {
            queue.close();
        }
    }

    /// How many decisions, reads and bulk writes are waiting.
    pub fn waiting(&self) -> usize {
        self.inner.writes.len() + self.inner.reads.len()
    }

    /// Does what is queued, then ends the threads. Blocks; call it last.
    pub fn close(&self) {
        self.end(|_| true);
    }

    /// The same, but leaves behind what is not done by then, and says whether all was: a database that does not answer
    /// holds its threads up for as long as it likes. The process's end is theirs.
    pub fn close_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        self.end(|thread| {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(BACK_OFF);
            }
            thread.is_finished()
        })
    }

    /// Joins what `is_worth_it`; false where something was not.
    fn end(&self, is_worth_it: impl Fn(&JoinHandle<()>) -> bool) -> bool {
        self.close_queues();
        let end_one = |thread: JoinHandle<()>| {
            let is_done = is_worth_it(&thread);
            if is_done && thread.join().is_err() {
                log::error!("a database thread had panicked");
            }
            is_done
        };
        let threads = std::mem::take(&mut *self.inner.threads.lock());
        let left = threads.into_iter().map(end_one).filter(|is_done| !is_done).count();
        let checkpoints = self.inner.checkpoints.lock().take();
        match checkpoints {
            // The last checkpoint is of everything, so it comes last.
            Some((alive, thread)) => {
                drop(alive);
                end_one(thread) && left == 0
            }
            None => left == 0,
        }
    }
}

/// A decision that was asked for, and who waits for it.
struct Asked<T, E, F> {
    inner: Arc<Inner>,
    /// The request that it is asked for, if any.
    request: Option<ByteString>,
    durability: Durability,
    operation: F,
    reply: oneshot::Sender<Result<T, E>>,
    began: Option<Instant>,
    /// Its attempt among others.
    decided: Option<Result<(T, Committed), E>>,
}

impl<T, E, F> Asked<T, E, F>
where
    E: OperationError,
    F: FnMut(&mut Tx<'_>) -> Result<T, E>,
{
    fn decide(&mut self, conn: Conn<'_>) -> Result<(T, Committed), E> {
        // PostgreSQL keeps microseconds; what is said before the commit is what is read after it.
        let now = self.inner.clock.now().trunc_subsecs(6);
        let mut tx = Tx::new(conn, now, &self.inner.options.rules, self.inner.push_due());
        let value = (self.operation)(&mut tx)?;
        Ok((value, tx.finish()?))
    }

    /// A caller that went away meanwhile asked for it all the same; it is done.
    fn answer(self, decided: Result<(T, Committed), E>) {
        let outcome = decided.map(|(value, committed)| {
            current_request::on_behalf_of(self.request, || self.inner.publish(committed));
            value
        });
        if let Some(began) = self.began {
            self.inner.metrics.database_seconds.record(began.elapsed());
        }
        let _ = self.reply.send(outcome);
    }
}

impl<T, E, F> Decision for Asked<T, E, F>
where
    T: Send,
    E: OperationError,
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn attempt(&mut self, conn: Conn<'_>) -> Attempted {
        // If nobody waits any longer and nothing has begun, nothing begins.
        if self.reply.is_closed() {
            return Attempted::Refused;
        }
        self.began = Some(Instant::now());
        let Some(decided) = unless_it_panics(|| self.decide(conn)) else { return Attempted::Refused };
        let attempted = match &decided {
            Ok(_) => Attempted::Stands,
            Err(error) if error.store_error().is_some() => Attempted::Failed,
            Err(_) => Attempted::Refused,
        };
        self.decided = Some(decided);
        attempted
    }

    fn settle(mut self: Box<Self>) {
        if let Some(decided) = self.decided.take() {
            self.answer(decided);
        }
    }

    fn alone(mut self: Box<Self>, conn: Result<Conn<'_>, StoreError>) {
        if self.reply.is_closed() && self.began.is_none() {
            return;
        }
        self.began.get_or_insert_with(Instant::now);
        let (timeout, durability) = (self.inner.options.timeout, self.durability);
        let decided = conn.map_err(E::from).and_then(|mut conn| {
            repeat(timeout, || transaction(&mut conn, durability, |conn| self.decide(conn)))
        });
        self.answer(decided);
    }
}

impl Inner {
    fn new(
        options: Options,
        clock: SharedClock,
        metrics: Arc<Metrics>,
        [writes, reads, bulk]: [Arc<Queue>; 3],
    ) -> Self {
        Self {
            clock,
            options,
            writes,
            reads,
            bulk,
            publish: OnceLock::new(),
            push_due: OnceLock::new(),
            metrics,
            on_the_spot: None,
            doubted: AtomicBool::new(false),
            lost: OnceLock::new(),
            threads: Mutex::default(),
            checkpoints: Mutex::default(),
        }
    }

    fn publish(&self, committed: Committed) {
        if !committed.is_empty()
            && let Some(publish) = self.publish.get()
        {
            publish(committed);
        }
    }

    fn push_due(&self) -> &PushDue {
        self.push_due.get().map_or(&|_, now| now + UNKNOWN_PRESENCE, |due| &**due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::System;
    use crate::config::Settings;
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, SqliteConnection};

    const TIMEOUT: Duration = Duration::from_millis(50);
    /// Longer than any test holds the file.
    const LONG: Duration = Duration::from_secs(30);

    /// Another program held the file for longer than a caller waits. The recorder was told that its positions were not
    /// written and queued them again, then the running statement was committed: they were stored twice.
    #[tokio::test]
    async fn a_bulk_write_that_failed_is_not_committed_behind_its_callers_back() {
        let (path, database, mut other) = held_by_another(TIMEOUT);
        let writing = tokio::spawn({
            let database = database.clone();
            async move { database.write_bulk(|tx| tx.conn().execute("INSERT INTO t VALUES (1)")).await }
        });
        tokio::time::sleep(TIMEOUT * 12).await;
        other.batch_execute("COMMIT").expect("it was begun");
        let outcome: Result<(), StoreError> = writing.await.expect("no panic");
        database.close();
        assert_eq!(numbers(&mut other).len(), usize::from(outcome.is_ok()), "{outcome:?}");
        remove(&path);
    }

    #[derive(Debug)]
    enum Refusing {
        Store(StoreError),
        Refused,
    }

    impl From<StoreError> for Refusing {
        fn from(error: StoreError) -> Self {
            Refusing::Store(error)
        }
    }

    impl OperationError for Refusing {
        fn store_error(&self) -> Option<&StoreError> {
            match self {
                Refusing::Store(error) => Some(error),
                Refusing::Refused => None,
            }
        }
    }

    /// Four that wait behind one another: one is refused after it wrote, one panics, one writes what can't be written.
    #[tokio::test]
    async fn of_decisions_that_wait_together_each_has_its_own_end() {
        let (path, database, mut other) = held_by_another(LONG);
        let deciding = (0..5).map(|number: i32| {
            let database = database.clone();
            tokio::spawn(async move {
                let outcome = database.write(move |tx| match number {
                    1 => {
                        tx.conn().execute("INSERT INTO t VALUES (1)")?;
                        Err(Refusing::Refused)
                    }
                    2 => panic!("as it is meant to"),
                    3 => Ok(tx.conn().execute("INSERT INTO nowhere VALUES (3)")?),
                    _ => Ok(tx.conn().execute(&format!("INSERT INTO t VALUES ({number})"))?),
                });
                outcome.await
            })
        });
        let deciding: Vec<_> = deciding.collect();
        while database.waiting() < 4 {
            tokio::time::sleep(TIMEOUT / 10).await;
        }
        other.batch_execute("COMMIT").expect("it was begun");
        let mut outcomes = Vec::new();
        for one in deciding {
            outcomes.push(one.await.expect("no panic here"));
        }
        database.close();
        let ends = matches!(
            outcomes[..],
            [Ok(()), Err(Refusing::Refused), Err(Refusing::Store(_)), Err(Refusing::Store(_)), Ok(())]
        );
        assert!(ends, "{outcomes:?}");
        assert_eq!(numbers(&mut other), [0, 4]);
        remove(&path);
    }

    /// A frozen database kept the process from ending until it was killed.
    #[tokio::test]
    async fn a_database_that_does_not_answer_is_left_behind() {
        let (path, database, mut other) = held_by_another(LONG);
        let writing = tokio::spawn({
            let database = database.clone();
            async move { database.write(|tx| tx.conn().execute("INSERT INTO t VALUES (1)")).await }
        });
        tokio::time::sleep(TIMEOUT).await;
        let began = Instant::now();
        let all_done = database.close_within(TIMEOUT);
        assert!(!all_done && began.elapsed() < LONG, "{:?}", began.elapsed());
        other.batch_execute("COMMIT").expect("it was begun");
        let _: Result<(), StoreError> = writing.await.expect("no panic");
        remove(&path);
    }

    /// At each stop that came upon a driver going offline the log warned that too many operations were waiting.
    #[tokio::test]
    async fn a_closed_database_says_that_it_is_closed() {
        let (path, database, mut other) = held_by_another(LONG);
        other.batch_execute("COMMIT").expect("it was begun");
        database.close();
        let outcome: Result<(), StoreError> = database.read(|_| Ok(())).await;
        assert!(matches!(outcome, Err(StoreError::Closed)), "{outcome:?}");
        remove(&path);
    }

    /// One account with a hundred connections slowed another's reads from 1 to 126 ms. Its reads here do not end before the other's
    /// was answered, so that only the order decides.
    #[tokio::test]
    async fn a_crowd_of_one_account_does_not_hold_up_the_reads_of_another() {
        let (path, database, mut other) = held_by_another(LONG);
        other.batch_execute("COMMIT").expect("it was begun");
        let (answered, wait) = std::sync::mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let of = |account: i64| Some(Party::Account(AccountId(account)));
        let crowd = (0..5).map(|_| {
            let (database, wait) = (database.clone(), wait.clone());
            let reading = move |_: &mut Conn<'_>| {
                // Ends when the sender is gone.
                let _ = wait.lock().recv();
                Ok(())
            };
            tokio::spawn(Party::within(of(1), async move { database.read(reading).await }))
        });
        let crowd: Vec<_> = crowd.collect();
        while database.waiting() < 4 {
            tokio::time::sleep(TIMEOUT / 10).await;
        }
        let read = Party::within(of(2), database.read(|_| Ok(2)));
        let outcome: Result<i32, StoreError> =
            tokio::time::timeout(LONG, read).await.expect("its turn comes");
        assert_eq!(outcome.expect("read"), 2);
        drop(answered);
        for one in crowd {
            let outcome: Result<(), StoreError> = one.await.expect("no panic");
            assert!(outcome.is_ok(), "{outcome:?}");
        }
        database.close();
        remove(&path);
    }

    /// A database with a table `t`, in which another program writes; its own operations wait as long as `timeout`.
    fn held_by_another(timeout: Duration) -> (PathBuf, Database, SqliteConnection) {
        let path = std::env::temp_dir().join(format!("fleetwire-executor-{}.db", uuid::Uuid::new_v4()));
        let mut other = SqliteConnection::establish(&path.to_string_lossy()).expect("a new file");
        let held = "PRAGMA journal_mode = WAL; CREATE TABLE t (n); BEGIN IMMEDIATE";
        other.batch_execute(held).expect("nobody else is there yet");
        let options = Options {
            connections: 2,
            queue_max: 10,
            timeout,
            decisions: Durability::Full,
            positions: Durability::Normal,
            rules: Settings::load(|_: &str| None).expect("the defaults").job_rules(),
        };
        let at = Where::Sqlite(path.clone());
        let database = Database::open(&at, options, Arc::new(System), Arc::new(Metrics::new()));
        (path, database, other)
    }

    fn numbers(conn: &mut SqliteConnection) -> Vec<i32> {
        let numbers = diesel::dsl::sql::<diesel::sql_types::Integer>("SELECT n FROM t ORDER BY n");
        diesel::RunQueryDsl::load(numbers, conn).expect("numbers")
    }

    fn remove(path: &std::path::Path) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
    }
}
