//! Removing what has been kept long enough, in small steps, so that nothing waits for it.

use crate::operations::{guests, idempotency};
use crate::store::{StoreError, Tx, sql};
use chrono::TimeDelta;

/// Rows looked at in one step: about a millisecond.
const STEP_ROWS: i64 = 200;

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub events: TimeDelta,
    pub locations: TimeDelta,
}

/// One small step over every table that has a retention. Returns how many rows went; 0 when there is nothing to do.
pub fn prune_step(tx: &mut Tx<'_>, retention: Retention) -> Result<usize, StoreError> {
    let now = tx.at();
    let mut removed = sql!(tx, events::prune(now - retention.events, STEP_ROWS))?;
    removed += sql!(tx, traces::prune(now - retention.events, STEP_ROWS))?;
    removed += guests::prune(tx, now - retention.events, STEP_ROWS)?;
    removed += sql!(tx, notifications::prune(now - retention.events, STEP_ROWS))?;
    removed += sql!(tx, devices::prune(now - retention.events, STEP_ROWS))?;
    removed += sql!(tx, locations::prune(now - retention.locations, STEP_ROWS))?;
    removed += sql!(tx, refresh_tokens::prune(now, STEP_ROWS))?;
    removed += sql!(tx, idempotency::prune(now - idempotency::KEPT_FOR, STEP_ROWS))?;
    Ok(removed)
}
