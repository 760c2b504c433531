//! SQLite's checkpoints, on a thread of their own. Left to itself SQLite copies the write-ahead log into the database
//! within some writer's commit, every 1,000 pages: decisions then wait 50 ms and more, several times a second under a
//! fleet's positions. A passive checkpoint beside the writer makes nobody wait, and copies a page that was written many
//! times only once.
//!
//! The log's file is not cut when the log starts anew: that is some commit's work, too, and took 90 ms for 40 MB. It is
//! written over. How much of the file is the log's own is told by its frames, not by the file's length.

use crate::store::connection::{Conn, Connections};
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
/// A log that does not start anew by itself, because there was always a reader or a writer, is made to: a writer waits, but
/// only for what was written during the checkpoint just before.
const FORCED_BYTES: u64 = 96 << 20;
/// A file that grew beyond this, in some rush, is cut to it when the log starts anew. Well over `FORCED_BYTES`, so that it is
/// not cut day by day.
pub const FILE_BYTES_MAX: u64 = 160 << 20;

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

// The log's format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
const HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;

/// Looks at the log until `ended` says so, then writes all of it back. `connections` is a pool of one that may write.
pub fn watch(database: &Path, connections: &Connections, ended: &Receiver<()>) {
    let log = log_path(database);
    while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        match log_bytes(&log).unwrap_or(0) {
            bytes if bytes > FORCED_BYTES => {
                log::debug!("checkpoint forced wal_bytes={bytes}");
                for pragma in [PASSIVE, PASSIVE, "PRAGMA wal_checkpoint(RESTART)"] {
                    checkpoint(connections, pragma);
                }
            }
            bytes if bytes > DUE_BYTES => checkpoint(connections, PASSIVE),
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

fn log_path(database: &Path) -> PathBuf {
    let mut path = database.to_owned().into_os_string();
    path.push("-wal");
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of 40 MB was cut in a passenger's commit: 120 ms for everybody who asked meanwhile.
    #[test]
    fn a_log_that_starts_anew_is_short_in_a_file_that_stays() {
        let path = std::env::temp_dir().join(format!("fleetwire-checkpoint-{}.db", uuid::Uuid::new_v4()));
        let log = log_path(&path);
        let connections = Connections::sqlite(&path, 1, Duration::from_secs(10), false);
        let run = |sql: &str| {
            connections.take().and_then(|mut connection| connection.conn().execute(sql)).expect("it runs")
        };
        run("CREATE TABLE t (n); INSERT INTO t VALUES (zeroblob(2000000))");
        let file_bytes = std::fs::metadata(&log).expect("there is a log").len();
        assert_eq!(log_bytes(&log).expect("read"), file_bytes, "all of it");
        assert!(file_bytes > 2_000_000, "{file_bytes}");

        run("PRAGMA wal_checkpoint(PASSIVE)");
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
