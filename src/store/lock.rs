//! One `serve` for each database. The other subcommands can run next to it.
//!
//! SQLite: the lock is a file next to the database, and the database itself. Both are held by `flock`, which has
//! nothing to do with SQLite's own locks; but closing any descriptor of the database drops those of the whole process,
//! so the lock's descriptor is never closed while the database is open. Removing the lock's file then lets no second
//! server in, and a replaced database is noticed before much is written to the old file.

use crate::store::checkpoint::beside;
use crate::store::connection::with_time_outs;
use crate::store::executor::Where;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use std::fs::{File, Metadata, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Held as long as the server runs; the operating system or PostgreSQL frees it whatever ends the process.
pub enum ServeLock {
    Files(Files),
    Session { connection: Box<PgConnection>, url: String },
}

/// The descriptors that are locked, and what is expected under which path.
pub struct Files {
    database: Held,
    lock: Held,
    /// SQLite's own: as they were when they were first seen. They stay while the server has the database open.
    companions: Vec<(PathBuf, Option<Identity>)>,
}

struct Held {
    path: PathBuf,
    file: File,
}

/// Which file it is, by whatever name.
type Identity = (u64, u64);

#[derive(Debug, thiserror::Error)]
pub enum ServeLockError {
    #[error("another fleetwire serve is running on this database")]
    Taken,
    #[error("{path} was deleted or replaced while the server had it open")]
    Replaced { path: PathBuf },
    #[error("{path} was deleted or replaced while the server held it")]
    Unlocked { path: PathBuf },
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
/// How often it is checked that nobody has put another file in the database's place.
const FILES_INTERVAL: Duration = Duration::from_secs(1);
/// How often it is checked that no other server has taken over the database.
const SESSION_INTERVAL: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const KEEP_ALIVES: &str =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 2";

impl ServeLock {
    /// Waits a while for a lock that a crashed server may have left. Makes the file where there is none.
    pub fn take(at: &Where) -> Result<Self, ServeLockError> {
        match at {
            Where::Sqlite(path) => Files::lock(path).map(ServeLock::Files),
            Where::Postgres(url) => {
                let connection = Box::new(lock_session(url, SESSION_PATIENCE)?);
                Ok(ServeLock::Session { connection, url: url.clone() })
            }
        }
    }

    /// Whether it is still ours, taken again where a restart of PostgreSQL has ended the connection that held it. `Taken` means
    /// that another server was faster, `Replaced` that what is written goes nowhere, `Unlocked` that the database's own lock is all
    /// that there is; any other error, that the database is away, and nobody has it.
    pub fn hold(&mut self) -> Result<(), ServeLockError> {
        match self {
            ServeLock::Files(files) => files.check(),
            ServeLock::Session { connection, url } => {
                if connection.batch_execute("SELECT 1").is_err() {
                    **connection = lock_session(url, Duration::ZERO)?;
                }
                Ok(())
            }
        }
    }

    /// How often [`ServeLock::hold`] wants to be asked.
    pub fn interval(&self) -> Duration {
        match self {
            ServeLock::Files(_) => FILES_INTERVAL,
            ServeLock::Session { .. } => SESSION_INTERVAL,
        }
    }
}

impl Files {
    fn lock(path: &Path) -> Result<Self, ServeLockError> {
        let database = Held::open(path.to_owned())?;
        // By whatever name the file is called: two names of one file are one database.
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let lock = Held::open(beside(&real, ".lock"))?;
        lock.lock()?;
        database.lock()?;
        let companions = ["-wal", "-shm"].map(|suffix| (beside(&real, suffix), None));
        Ok(Self { database, lock, companions: companions.into() })
    }

    fn check(&mut self) -> Result<(), ServeLockError> {
        if !self.database.is_in_its_place()? {
            return Err(ServeLockError::Replaced { path: self.database.path.clone() });
        }
        for (path, known) in &mut self.companions {
            let found = identity(path);
            if known.is_some() && *known != found {
                return Err(ServeLockError::Replaced { path: path.clone() });
            }
            *known = found;
        }
        match self.lock.is_in_its_place()? {
            true => Ok(()),
            false => Err(ServeLockError::Unlocked { path: self.lock.path.clone() }),
        }
    }
}

impl Held {
    /// Others than this user need not read it: positions and phone numbers are nobody else's business.
    fn open(path: PathBuf) -> Result<Self, ServeLockError> {
        match File::options().create(true).append(true).mode(0o600).open(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(source) => Err(ServeLockError::File { path, source }),
        }
    }

    fn lock(&self) -> Result<(), ServeLockError> {
        wait(FILE_PATIENCE, || match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(self.failed(source)),
        })
    }

    fn is_in_its_place(&self) -> Result<bool, ServeLockError> {
        let own = self.file.metadata().map_err(|source| self.failed(source))?;
        Ok(identity(&self.path) == Some(identity_of(&own)))
    }

    fn failed(&self, source: std::io::Error) -> ServeLockError {
        ServeLockError::File { path: self.path.clone(), source }
    }
}

fn identity(path: &Path) -> Option<Identity> {
    path.metadata().ok().as_ref().map(identity_of)
}

fn identity_of(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
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
            log::warn!("another server holds this database; waiting {} s for it to end", patience.as_secs());
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
        let held = ServeLock::take(&at).expect("nobody has it");
        assert!(matches!(ServeLock::take(&at), Err(ServeLockError::Taken)));
        drop(held);
        remove(&path);
    }

    /// A clean-up removed the lock, and a second server wrote into the same database.
    #[test]
    fn without_its_file_the_lock_is_held_all_the_same() {
        let path = std::env::temp_dir().join(format!("fleetwire-lock-{}.db", uuid::Uuid::new_v4()));
        let at = Where::Sqlite(path.clone());
        let mut held = ServeLock::take(&at).expect("nobody has it");
        assert!(held.hold().is_ok());
        std::fs::remove_file(beside(&path, ".lock")).expect("it is there");
        assert!(matches!(ServeLock::take(&at), Err(ServeLockError::Taken)));
        assert!(matches!(held.hold(), Err(ServeLockError::Unlocked { .. })));
        drop(held);
        remove(&path);
    }

    /// A backup was copied over a running server: it went on for hours, and all of them were lost at the next start.
    #[test]
    fn another_file_in_the_place_of_one_of_ours_is_noticed() {
        for suffix in ["", "-wal", "-shm"] {
            let path = std::env::temp_dir().join(format!("fleetwire-lock-{}.db", uuid::Uuid::new_v4()));
            let mut held = ServeLock::take(&Where::Sqlite(path.clone())).expect("nobody has it");
            assert!(held.hold().is_ok(), "SQLite's own are not there yet");
            let (ours, other) = (beside(&path, suffix), beside(&path, ".other"));
            std::fs::write(&other, "another").expect("written");
            if !suffix.is_empty() {
                std::fs::write(&ours, "ours").expect("written");
            }
            assert!(held.hold().is_ok());
            std::fs::rename(&other, &ours).expect("in its place");
            let noticed = held.hold();
            assert!(
                matches!(&noticed, Err(ServeLockError::Replaced { path }) if *path == ours),
                "{noticed:?}"
            );
            std::fs::remove_file(&ours).expect("it is there");
            drop(held);
            remove(&path);
        }
    }

    fn remove(path: &Path) {
        for suffix in ["", ".lock", "-wal", "-shm"] {
            let _ = std::fs::remove_file(beside(path, suffix));
        }
    }
}
