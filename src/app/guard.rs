//! The guard of the database: a thread that checks that the server is still the only one on the database, and that the
//! database is still the one it started on. If not, further decisions would be lost or spoil another server's work, so
//! the process ends itself with 70 and is started again.

use crate::app::logging;
use crate::store::{Chain, Database, ServeLock, ServeLockError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The exit code that tells the supervisor to start the process again.
pub const EXIT_CODE: i32 = 70;
/// How long a server that has lost its database still reports that it is not ready.
const SAID_FOR: Duration = Duration::from_secs(1);
/// One that has lost its lock decides on meanwhile: nothing is lost, and nobody else is let in by the database itself. Longer
/// than a server that starts waits for it, so that this one is not followed by a stranger unseen.
const UNLOCKED_FOR: Duration = Duration::from_secs(3);
const LOST: &str = "the database's file was deleted or replaced while the server had it open";
const UNLOCKED: &str = "the lock's file was deleted or replaced while the server held it";

pub struct Guard {
    is_over: Arc<AtomicBool>,
}

impl Guard {
    pub fn start(mut lock: ServeLock, database: Database) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(lock.interval());
                let held = lock.hold();
                // After the database was closed its log is gone, as it should be.
                if over.load(Ordering::SeqCst) {
                    return std::mem::forget(lock);
                }
                react(held, &database);
            }
        });
        Self { is_over }
    }

    /// The database is about to be closed. The lock stays until the process has ended.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}

fn react(held: Result<(), ServeLockError>, database: &Database) {
    match held {
        Ok(()) => {}
        Err(ServeLockError::Taken) => {
            log::error!("another server has taken over this database; ending the process");
            logging::exit(EXIT_CODE);
        }
        Err(error @ ServeLockError::Replaced { .. }) => {
            database.lose(LOST);
            log::error!("{error}; no further requests are accepted, and the process ends");
            std::thread::sleep(SAID_FOR);
            logging::exit(EXIT_CODE);
        }
        Err(error @ ServeLockError::Unlocked { .. }) => {
            database.call_lost(UNLOCKED);
            log::error!("{error}; the process ends");
            std::thread::sleep(UNLOCKED_FOR);
            logging::exit(EXIT_CODE);
        }
        Err(error) => log::warn!("the server's lock is lost for now: {}", Chain(&error)),
    }
}
