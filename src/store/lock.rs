//! One `serve` for each database. The other subcommands run beside it.

use crate::store::executor::Where;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use std::fs::{File, TryLockError};
use std::path::PathBuf;

/// Held as long as the server runs; the operating system or PostgreSQL frees it whatever ends the process.
pub enum ServeLock {
    File(File),
    Session(Box<PgConnection>),
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

impl ServeLock {
    pub fn take(at: &Where) -> Result<Self, ServeLockError> {
        match at {
            Where::Sqlite(path) => {
                let mut name = path.clone().into_os_string();
                name.push(".lock");
                let path = PathBuf::from(name);
                let failed = |source| ServeLockError::File { path: path.clone(), source };
                let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
                match file.try_lock() {
                    Ok(()) => Ok(ServeLock::File(file)),
                    Err(TryLockError::WouldBlock) => Err(ServeLockError::Taken),
                    Err(TryLockError::Error(source)) => Err(failed(source)),
                }
            }
            Where::Postgres(url) => {
                let mut conn = PgConnection::establish(url).map_err(ServeLockError::Connect)?;
                let lock = diesel::dsl::sql::<Bool>(&format!("pg_try_advisory_lock({ADVISORY_KEY})"));
                let taken: bool =
                    diesel::select(lock).get_result(&mut conn).map_err(ServeLockError::Query)?;
                if taken { Ok(ServeLock::Session(Box::new(conn))) } else { Err(ServeLockError::Taken) }
            }
        }
    }
}
