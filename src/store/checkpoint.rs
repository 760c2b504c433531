//! SQLite's checkpoints, on a thread of their own. Left to itself SQLite copies the write-ahead log into the database
//! within some writer's commit, every 1,000 pages: decisions then wait 50 ms and more, several times a second under a
//! fleet's positions. A passive checkpoint beside the writer makes nobody wait, and copies a page that was written many
//! times only once.

use crate::store::connection::{Conn, Connections};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Where a checkpoint is due: half a minute of 5,000 positions a second, and a start after a crash that reads it in tenths
/// of a second.
const DUE_BYTES: u64 = 32 << 20;
/// Passive checkpoints found no end, because there was always a reader or a writer: now others wait.
const FORCED_BYTES: u64 = 256 << 20;

/// Looks at the log until `ended` says so, then writes all of it back. `connections` is a pool of one that may write.
pub fn watch(database: &Path, connections: &Connections, ended: &Receiver<()>) {
    let log = log_path(database);
    while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        match std::fs::metadata(&log).map_or(0, |metadata| metadata.len()) {
            bytes if bytes > FORCED_BYTES => {
                log::warn!("checkpoint forced wal_bytes={bytes}");
                checkpoint(connections, "PRAGMA wal_checkpoint(RESTART)");
            }
            bytes if bytes > DUE_BYTES => checkpoint(connections, "PRAGMA wal_checkpoint(PASSIVE)"),
            _ => {}
        }
    }
    checkpoint(connections, "PRAGMA wal_checkpoint(TRUNCATE)");
}

fn checkpoint(connections: &Connections, pragma: &str) {
    let done = connections.take().and_then(|mut connection| {
        let mut conn: Conn<'_> = connection.conn();
        conn.execute(pragma)
    });
    if let Err(error) = done {
        log::warn!("checkpoint failed, trying again: {error}");
    }
}

fn log_path(database: &Path) -> PathBuf {
    let mut path = database.to_owned().into_os_string();
    path.push("-wal");
    PathBuf::from(path)
}
