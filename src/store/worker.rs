//! The loop of a database thread: it takes waiting work, runs it on a connection, and survives its panics.

use crate::config::Durability;
use crate::store::checkpoint;
use crate::store::connection::{Connections, Pooled};
use crate::store::decision::{Decision, together};
use crate::store::error::StoreError;
use crate::store::queue::{Queue, Queued, Task};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Starts the thread that writes the log back into the file. It ends when the sender is dropped.
pub fn start_checkpoints(
    path: PathBuf,
    writes: Arc<Queue>,
    timeout: Duration,
) -> (Sender<()>, JoinHandle<()>) {
    let (alive, ended) = std::sync::mpsc::channel();
    let connections = Connections::sqlite(&path, 1, timeout, false);
    let thread = std::thread::Builder::new()
        .name("db-checkpoint".to_owned())
        .spawn(move || checkpoint::watch(&path, &connections, &writes, timeout, &ended))
        .expect("a thread can be started at start-up");
    (alive, thread)
}

/// The life of a database thread.
pub fn work(queue: &Queue, connections: &Connections, timeout: Duration) {
    while let Some(queued) = queue.pop() {
        carry_out(queued, queue, connections, timeout);
    }
}

/// Does what was taken from the queue, and the decisions that wait behind it and may share its transaction.
pub fn carry_out(queued: Queued, queue: &Queue, connections: &Connections, timeout: Duration) {
    let party = queued.party;
    let is_late = |since: Instant| since.elapsed() > timeout;
    let begin = || {
        if is_late(queued.since) {
            queued.task.run(Err(StoreError::Unavailable("waited too long in the queue")));
            return Vec::new();
        }
        match (queued.task, connections.take()) {
            (Task::Decide(first), Ok(Pooled::Sqlite(mut conn))) => {
                let durability = first.durability();
                let joins = |other: &dyn Decision, since: Instant| {
                    !is_late(since) && (durability == Durability::Full || other.durability() == durability)
                };
                return together(&mut conn, first, || queue.next_decision(joins));
            }
            (task, Ok(mut connection)) => task.run(Ok(connection.conn())),
            (task, Err(error)) => task.run(Err(error)),
        }
        Vec::new()
    };
    for decision in unless_it_panics(begin).unwrap_or_default() {
        unless_it_panics(|| match connections.take() {
            Ok(mut connection) => decision.alone(Ok(connection.conn())),
            Err(error) => decision.alone(Err(error)),
        });
    }
    queue.done(party);
}

/// The panic's message is in the log already; the caller hears that its operation was dropped.
pub fn unless_it_panics<T>(operation: impl FnOnce() -> T) -> Option<T> {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(operation));
    if outcome.is_err() {
        log::error!("a database operation panicked");
    }
    outcome.ok()
}
