//! SQLite's checkpoints, on a thread of their own except for the last step (`by_the_writer`). Left to itself SQLite
//! copies the write-ahead log into the database within some writer's commit, every 1,000 pages: decisions then wait 50
//! ms and more, several times a second under a fleet's positions. A passive checkpoint next to the writer makes nobody
//! wait, and copies a page that was written many times only once.
//!
//! The log's file is not truncated when the log restarts: that would also happen within a commit, and took 90 ms for 40
//! MB. It is overwritten. The log's frames, not the file's length, tell how much of the file belongs to the log.

use crate::store::connection::{Conn, Connections};
use crate::store::error::StoreError;
use crate::store::queue::{Queue, Task, Urgency};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Where a checkpoint is due: half a minute of 5,000 positions a second, and a start after a crash that reads it in tenths
/// of a second.
const DUE_BYTES: u64 = 32 << 20;
/// A log that does not start anew by itself, because something was written during every checkpoint, is made ready for it: the
/// writer writes back what is left, between two decisions.
const READY_BYTES: u64 = 64 << 20;
/// Where that does not help, because somebody reads at any time, the writer waits for the readers.
const FORCED_BYTES: u64 = 112 << 20;

/// For how long the writer waits for those who read.
const READERS_TIME: Duration = Duration::from_millis(50);

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";

// The log's format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
const HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;

/// Looks at the log until `ended` says so, then writes all of it back. `connections` is a pool of one that may write, `writes`
/// is the queue of the one thread that writes, which waits for locks as long as `timeout`.
pub fn watch(
    database: &Path,
    connections: &Connections,
    writes: &Queue,
    timeout: Duration,
    ended: &Receiver<()>,
) {
    let log = beside(database, "-wal");
    // Closing it drops the locks that the process has on the database, so it stays open until the other threads have ended.
    let pages = File::open(database);
    if let Err(error) = &pages {
        log::warn!("can't sync the database's file; only its writer will: {error}");
    }
    while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let bytes = log_bytes(&log).unwrap_or(0);
        if bytes > DUE_BYTES {
            beside_the_writer(connections, PASSIVE);
            to_the_disk(&pages);
        }
        if bytes > READY_BYTES {
            log::debug!("the log is to start anew wal_bytes={bytes}");
            // Covers the writes made meanwhile, so that next to nothing is left.
            beside_the_writer(connections, PASSIVE);
            to_the_disk(&pages);
            by_the_writer(writes, if bytes > FORCED_BYTES { RESTART } else { PASSIVE }, timeout);
        }
    }
    beside_the_writer(connections, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/// SQLite waits until the database is on the disk only where a checkpoint has written back the whole log, which here is the
/// writer's: it would wait for all that was written back since the log began, 14 ms for 60 MB.
fn to_the_disk(pages: &io::Result<File>) {
    if let Ok(pages) = pages
        && let Err(error) = pages.sync_data()
    {
        log::warn!("the database's file was not synced: {error}");
    }
}

fn beside_the_writer(connections: &Connections, pragma: &str) {
    warn_of(connections.take().and_then(|mut connection| connection.conn().execute(pragma)));
}

/// Another connection would sleep while it waits for the writer, and then the writer would wait for it. A long read,
/// such as a backup, must not keep decisions waiting.
fn by_the_writer(writes: &Queue, pragma: &'static str, timeout: Duration) {
    let busy_timeout = |time: Duration| format!("PRAGMA busy_timeout = {}", time.as_millis());
    let (short, usual) = (busy_timeout(READERS_TIME), busy_timeout(timeout));
    let checkpoint = move |mut conn: Conn<'_>| {
        conn.execute(&short)?;
        let done = conn.execute(pragma);
        conn.execute(&usual)?;
        done
    };
    let task = Task::Run(Box::new(move |conn| warn_of(conn.and_then(checkpoint))));
    // Where the queue is full or closed the next look does it.
    let _ = writes.push(Urgency::High, None, task);
}

fn warn_of(done: Result<(), StoreError>) {
    if let Err(error) = done {
        log::warn!("checkpoint failed, trying again: {error}");
    }
}

/// How long the log is. The file may be longer: frames from before the log started anew have other salts than its header.
/// Opens nothing but the log, on which SQLite holds no locks: closing a file drops the process's locks on it.
fn log_bytes(path: &Path) -> io::Result<u64> {
    let log = File::open(path)?;
    let file_bytes = log.metadata()?.len();
    if file_bytes < HEADER_BYTES {
        return Ok(0);
    }
    let mut header = [0; HEADER_BYTES as usize];
    log.read_exact_at(&mut header, 0)?;
    let page_bytes = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    let frame_bytes = FRAME_HEADER_BYTES + u64::from(page_bytes);
    let is_ours = |frame: u64| {
        let mut salts = [0; 8];
        log.read_exact_at(&mut salts, HEADER_BYTES + frame * frame_bytes + 8)
            .map(|()| salts == header[16..24])
    };
    // The log's frames come first.
    let (mut ours, mut end) = (0, (file_bytes - HEADER_BYTES) / frame_bytes);
    while ours < end {
        let middle = ours + (end - ours) / 2;
        match is_ours(middle)? {
            true => ours = middle + 1,
            false => end = middle,
        }
    }
    Ok(HEADER_BYTES + ours * frame_bytes)
}

/// The file next to the database with this suffix.
pub fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.to_owned().into_os_string();
    path.push(suffix);
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::connection::Pooled;

    /// A log of 40 MB was cut in a passenger's commit: 120 ms for everybody who asked meanwhile.
    #[test]
    fn a_log_that_starts_anew_is_short_in_a_file_that_stays() {
        let path = std::env::temp_dir().join(format!("fleetwire-checkpoint-{}.db", uuid::Uuid::new_v4()));
        let log = beside(&path, "-wal");
        let connections = Connections::sqlite(&path, 1, Duration::from_secs(10), false);
        let run = |sql: &str| {
            connections.take().and_then(|mut connection| connection.conn().execute(sql)).expect("it runs")
        };
        run("CREATE TABLE t (n); INSERT INTO t VALUES (zeroblob(2000000))");
        let file_bytes = std::fs::metadata(&log).expect("there is a log").len();
        assert_eq!(log_bytes(&log).expect("read"), file_bytes, "all of it");
        assert!(file_bytes > 2_000_000, "{file_bytes}");

        let writes = Queue::new(1, 1);
        by_the_writer(&writes, PASSIVE, Duration::from_secs(10));
        let queued = writes.pop().expect("it waits for the writer");
        queued.task.run(connections.take().as_mut().map(Pooled::conn).map_err(|_| StoreError::Closed));
        run("INSERT INTO t VALUES (1)");
        assert_eq!(std::fs::metadata(&log).expect("a log").len(), file_bytes);
        let anew = log_bytes(&log).expect("read");
        assert!((HEADER_BYTES + 1..40_000).contains(&anew), "{anew}");

        run("PRAGMA wal_checkpoint(TRUNCATE)");
        assert_eq!(log_bytes(&log).expect("read"), 0);
        drop(connections);
        for file in [&path, &log] {
            let _ = std::fs::remove_file(file);
        }
    }
}
