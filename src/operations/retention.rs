//! Removing what has been kept long enough, in small steps, so that nothing waits for it.

use crate::operations::{guests, idempotency};
use crate::store::{StoreError, Tx, sql};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

/// Rows looked at in one step: about a millisecond.
const STEP_ROWS: i64 = 200;

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub events: TimeDelta,
    pub locations: TimeDelta,
    pub audit: TimeDelta,
}

/// One small step over every table that has a retention. Returns how many rows went; 0 when there is nothing to do. `steady` is
/// the steady clock's time.
pub fn prune_step(tx: &mut Tx<'_>, retention: Retention, steady: DateTime<Utc>) -> Result<usize, StoreError> {
    let now = trusted(tx.at(), steady);
    let mut removed = sql!(tx, events::prune(now - retention.events, STEP_ROWS))?;
    removed += sql!(tx, traces::prune(now - retention.events, STEP_ROWS))?;
    removed += guests::prune(tx, now - retention.events, STEP_ROWS)?;
    removed += sql!(tx, notifications::prune(now - retention.events, STEP_ROWS))?;
    removed += sql!(tx, devices::prune(now - retention.events, STEP_ROWS))?;
    removed += sql!(tx, locations::prune(now - retention.locations, STEP_ROWS))?;
    removed += sql!(tx, audit::prune(now - retention.audit, STEP_ROWS))?;
    removed += sql!(tx, refresh_tokens::prune(now, STEP_ROWS))?;
    removed += sql!(tx, idempotency::prune(now - idempotency::KEPT_FOR, STEP_ROWS))?;
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
