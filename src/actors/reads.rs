//! The reads of operators on their way into the audit: gathered in memory and written in bulk, so that no read waits
//! for a write.
//!
//! Rows wait up to a second, so a killed process loses those of the last second. While the database refuses them they
//! wait longer and are tried again; once [`WAITING_MAX`] wait, [`ReadLog::has_room`] says so, and further reads are
//! refused: no read may go unrecorded.

use crate::actors::foundation::Foundation;
use crate::clock::SharedClock;
use crate::domain::audit::Subject;
use crate::metrics::Metrics;
use crate::operations::audit::{self, Call};
use crate::store::{Chain, Database, NewAudit, StoreError};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// About 4 MB, and an hour of a dozen consoles.
const WAITING_MAX: usize = 20_000;
/// Rows of one transaction; decisions go between.
const BATCH_ROWS: usize = 250;
const FLUSH: Duration = Duration::from_secs(1);
/// How long a database that has refused is left alone.
const PAUSE: Duration = Duration::from_secs(5);
/// A console asks for the same list every few seconds: within this time it is one look.
const SAME_LOOK: Duration = Duration::from_secs(60);
/// Looks that are remembered for that; past it all are forgotten, which costs rows.
const RECENT_MAX: usize = 10_000;

#[derive(Clone)]
pub struct ReadLog {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    /// Held while rows are written, so that the shutdown waits for them.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    waiting: Vec<NewAudit>,
    recent: HashMap<Look, Instant>,
}

/// The reader, the data and the address: only the time and the request's id differ each time.
#[derive(PartialEq, Eq, Hash)]
struct Look {
    actor: String,
    action: String,
    subject: Option<String>,
    address: Option<String>,
}

impl Look {
    fn of(row: &NewAudit) -> Self {
        let NewAudit { actor, action, subject, address, .. } = row.clone();
        Self { actor, action, subject, address }
    }
}

impl State {
    fn note(&mut self, row: NewAudit, now: Instant) {
        if self.recent.len() >= RECENT_MAX {
            self.recent.clear();
        }
        let known = self.recent.get(&Look::of(&row));
        if known.is_some_and(|at| now.duration_since(*at) < SAME_LOOK) {
            return;
        }
        self.recent.insert(Look::of(&row), now);
        self.waiting.push(row);
    }
}

/// Begins to write what is noted.
pub fn start(foundation: &Foundation) -> ReadLog {
    let Foundation { database, clock, metrics } = foundation.clone();
    let shared = Shared { database, clock, metrics, state: Mutex::default(), writing: Default::default() };
    let log = ReadLog { shared: Arc::new(shared) };
    let shared = log.shared.clone();
    actix::spawn(async move {
        let mut is_refused = false;
        loop {
            tokio::time::sleep(if is_refused { PAUSE } else { FLUSH }).await;
            let written = shared.write().await;
            match (&written, is_refused) {
                (Err(error), false) => {
                    log::warn!("reads by operators can't be recorded yet: {}", Chain(error));
                }
                (Ok(()), true) => log::info!("reads by operators are recorded again"),
                _ => {}
            }
            is_refused = written.is_err();
        }
    });
    log
}

impl ReadLog {
    pub fn has_room(&self) -> bool {
        let has_room = self.shared.state.lock().waiting.len() < WAITING_MAX;
        if !has_room {
            self.shared.metrics.audit_refused.increment(1);
        }
        has_room
    }

    /// Somebody was shown this.
    pub fn note(&self, call: &Call, subjects: &[Subject]) {
        let at = self.shared.clock.now().naive_utc();
        let now = Instant::now();
        let mut state = self.shared.state.lock();
        if subjects.is_empty() {
            state.note(call.row(None, at), now);
        }
        for subject in subjects {
            state.note(call.row(Some(subject), at), now);
        }
    }

    /// Writes what is left, for the server's end.
    pub async fn drain(&self, deadline: Instant) {
        let written = tokio::time::timeout_at(deadline.into(), self.shared.write()).await;
        let left = self.shared.state.lock().waiting.len();
        if !matches!(written, Ok(Ok(()))) {
            log::warn!("reads by operators not recorded at shutdown: {left} rows");
        }
    }
}

impl Shared {
    async fn write(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.writing.lock().await;
        loop {
            let batch: Vec<NewAudit> = {
                let state = self.state.lock();
                self.metrics.audit_waiting.set(state.waiting.len() as f64);
                state.waiting.iter().take(BATCH_ROWS).cloned().collect()
            };
            if batch.is_empty() {
                let now = Instant::now();
                self.state.lock().recent.retain(|_, at| now.duration_since(*at) < SAME_LOOK);
                return Ok(());
            }
            let rows = batch.len();
            // They leave the list once they are in; who notes meanwhile adds behind them.
            self.database.write_bulk(move |tx| audit::write(tx, &batch)).await?;
            self.state.lock().waiting.drain(..rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::Actor;
    use crate::domain::ids::{AccountId, DriverId};

    fn row(account: i64, driver: i64) -> NewAudit {
        let call = Call { actor: Actor::Account(AccountId(account)), ..Call::local(String::new(), "x") };
        call.row(Some(&Subject::driver(DriverId(driver))), chrono::DateTime::UNIX_EPOCH.naive_utc())
    }

    #[test]
    fn the_same_look_within_a_minute_is_one_row_and_anybody_elses_is_another() {
        let (mut state, now) = (State::default(), Instant::now());
        for _ in 0..15 {
            state.note(row(1, 7), now);
        }
        state.note(row(1, 7), now + SAME_LOOK / 2);
        assert_eq!(state.waiting.len(), 1);
        state.note(row(1, 8), now);
        state.note(row(2, 7), now);
        state.note(row(1, 7), now + SAME_LOOK);
        assert_eq!(state.waiting.len(), 4);
    }
}
