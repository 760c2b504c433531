//! One `serve` for each database. The other subcommands run beside it.

use crate::store::connection::with_time_outs;
use crate::store::executor::Where;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Held as long as the server runs; the operating system or PostgreSQL frees it whatever ends the process.
pub enum ServeLock {
    File(File),
    Session { connection: Box<PgConnection>, url: String },
}

#[derive(Debug, thiserror::Error)]
pub enum ServeLockError {
    #[error("another fleetwire serve is running on this database")]
    Taken,
    #[error("can't lock {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("can't connect to the database")]
    Connect(#[source] diesel::ConnectionError),
    #[error("can't lock the database")]
    Query(#[source] diesel::result::Error),
}

/// "fleetwi" in ASCII: the advisory lock is per database, so it only has to differ from other programs' there.
const ADVISORY_KEY: i64 = 0x0066_6c65_6574_7769;

/// After a crash PostgreSQL frees the lock when it notices that the connection has ended: within moments on the same machine, after
/// the keep-alives below where a whole machine went away.
const SESSION_PATIENCE: Duration = Duration::from_secs(5);
/// The operating system frees a file's once it has taken the memory of the process that was killed.
const FILE_PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const KEEP_ALIVES: &str =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 2";

impl ServeLock {
    /// Waits a while for a lock that a crashed server may have left.
    pub fn take(at: &Where) -> Result<Self, ServeLockError> {
        match at {
            Where::Sqlite(path) => lock_file(path).map(ServeLock::File),
            Where::Postgres(url) => {
                let connection = Box::new(lock_session(url, SESSION_PATIENCE)?);
                Ok(ServeLock::Session { connection, url: url.clone() })
            }
        }
    }

    /// Whether it is still ours, taken again where a restart of PostgreSQL has ended the connection that held it. `Taken` means
    /// that another server was faster; any other error, that the database is away, and nobody has it.
    pub fn hold(&mut self) -> Result<(), ServeLockError> {
        match self {
            ServeLock::File(_) => Ok(()),
            ServeLock::Session { connection, url } => {
                if connection.batch_execute("SELECT 1").is_err() {
                    **connection = lock_session(url, Duration::ZERO)?;
                }
                Ok(())
            }
        }
    }
}

fn lock_file(path: &Path) -> Result<File, ServeLockError> {
    // By whatever name the file is called: two names of one file are one database.
    let mut name = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    name.push(".lock");
    let path = PathBuf::from(name);
    let failed = |source| ServeLockError::File { path: path.clone(), source };
    let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
    wait(FILE_PATIENCE, || match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    })?;
    Ok(file)
}

fn lock_session(url: &str, patience: Duration) -> Result<PgConnection, ServeLockError> {
    let mut connection =
        PgConnection::establish(&with_time_outs(url, CONNECT_TIMEOUT)).map_err(ServeLockError::Connect)?;
    connection.batch_execute(KEEP_ALIVES).map_err(ServeLockError::Query)?;
    wait(patience, || {
        let lock = diesel::dsl::sql::<Bool>(&format!("pg_try_advisory_lock({ADVISORY_KEY})"));
        diesel::select(lock).get_result(&mut connection).map_err(ServeLockError::Query)
    })?;
    Ok(connection)
}

/// Until `is_locked` says so, [`ServeLockError::Taken`] after `patience`.
fn wait(
    patience: Duration,
    mut is_locked: impl FnMut() -> Result<bool, ServeLockError>,
) -> Result<(), ServeLockError> {
    let began = Instant::now();
    let mut said = false;
    while !is_locked()? {
        if began.elapsed() >= patience {
            return Err(ServeLockError::Taken);
        }
        if !std::mem::replace(&mut said, true) {
            log::warn!("another server holds this database; waiting {} s for its end", patience.as_secs());
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A supervisor starts the server anew in the instant in which it was killed.
    #[test]
    fn a_server_that_is_about_to_end_is_waited_for() {
        let path = std::env::temp_dir().join(format!("fleetwire-lock-{}.db", uuid::Uuid::new_v4()));
        let at = Where::Sqlite(path.clone());
        let ending = ServeLock::take(&at).expect("nobody has it");
        let end = std::thread::spawn(move || {
            std::thread::sleep(2 * POLL);
            drop(ending);
        });
        assert!(ServeLock::take(&at).is_ok());
        end.join().expect("it ends");
        let _held = ServeLock::take(&at).expect("nobody has it");
        assert!(matches!(ServeLock::take(&at), Err(ServeLockError::Taken)));
        let _ = std::fs::remove_file(format!("{}.lock", path.display()));
    }
}
