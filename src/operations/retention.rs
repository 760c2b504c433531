//! Removes data that has been kept long enough, in small steps, so that nothing waits for it.

use crate::operations::{earnings, guests, idempotency};
use crate::store::{StoreError, Tx, sql};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

/// Rows looked at in one step: about a millisecond.
const STEP_ROWS: i64 = 200;
/// Jobs and searches removed in one step: each takes some ten rows with it.
const STEP_JOBS: i64 = 20;

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub events: TimeDelta,
    pub locations: TimeDelta,
    pub audit: TimeDelta,
    pub traces: TimeDelta,
    /// From their end; for ever where there is none.
    pub jobs: Option<TimeDelta>,
    /// In which days removed jobs' earnings are counted.
    pub zone: Tz,
}

/// One small step over every table that has a retention. Returns how many rows went; 0 when there is nothing to do. `steady` is
/// the steady clock's time.
pub fn prune_step(tx: &mut Tx<'_>, retention: Retention, steady: DateTime<Utc>) -> Result<usize, StoreError> {
    let now = trusted(tx.at(), steady);
    let mut removed = sql!(tx, events::prune(now - retention.events, STEP_ROWS))?;
    removed += sql!(tx, traces::prune(now - retention.traces, STEP_ROWS))?;
    removed += prune_searches(tx, now - retention.traces.max(retention.events))?;
    removed += guests::prune(tx, now - retention.events, STEP_ROWS)?;
    removed += sql!(tx, notifications::prune(now - retention.events, STEP_ROWS))?;
    removed += sql!(tx, devices::prune(now - retention.events, STEP_ROWS))?;
    removed += sql!(tx, locations::prune(now - retention.locations, STEP_ROWS))?;
    removed += sql!(tx, audit::prune(now - retention.audit, STEP_ROWS))?;
    removed += sql!(tx, refresh_tokens::prune(now, STEP_ROWS))?;
    removed += sql!(tx, grants::prune(now, STEP_ROWS))?;
    removed += sql!(tx, idempotency::prune(now - idempotency::KEPT_FOR, STEP_ROWS))?;
    if let Some(jobs) = retention.jobs {
        removed += prune_jobs(tx, now - jobs, retention.zone)?;
    }
    Ok(removed)
}

/// Not before the events that tell of their offers: what is replayed of an offer follows from its row.
fn prune_searches(tx: &mut Tx<'_>, before: NaiveDateTime) -> Result<usize, StoreError> {
    let mut removed = 0;
    for search in sql!(tx, ended::searches_before(before, STEP_JOBS))? {
        removed += sql!(tx, ended::remove_search(search))?;
    }
    Ok(removed)
}

/// Ended jobs without stored events, with all that belongs to them. Their drivers' earnings stay as sums.
fn prune_jobs(tx: &mut Tx<'_>, before: NaiveDateTime, zone: Tz) -> Result<usize, StoreError> {
    let mut removed = 0;
    for job in sql!(tx, ended::jobs_before(before, STEP_JOBS))? {
        // Another process may prune, too, and an operator may just have said that it was paid.
        let locked = sql!(tx, jobs::lock(job))?;
        if locked.is_none() || sql!(tx, ended::has_events(job))? {
            continue;
        }
        if let Some((driver, completed)) = sql!(tx, ended::completed(job))? {
            earnings::keep(tx, driver, &completed, zone)?;
        }
        removed += sql!(tx, ended::remove_job(job))?;
    }
    Ok(removed)
}

/// From when on it is counted how old things are: the time of day, but no later one than has passed. A clock that is set years
/// forward by mistake, and then back, must not have taken everything with it.
fn trusted(now: NaiveDateTime, steady: DateTime<Utc>) -> NaiveDateTime {
    now.min(steady.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ages_faster_than_time_passes() {
        let at = |days: i64| DateTime::from_timestamp(1_800_000_000 + days * 86_400, 0).expect("a time");
        assert_eq!(trusted(at(3_650).naive_utc(), at(1)), at(1).naive_utc(), "set forward by years");
        assert_eq!(trusted(at(0).naive_utc(), at(1)), at(0).naive_utc(), "set back");
    }
}
