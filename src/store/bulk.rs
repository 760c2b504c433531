//! What the recorder writes in bulk.

use crate::domain::ids::{AccountId, EventId};
use crate::store::rows::{LivePosition, NewLocation};
use crate::store::{StoreError, Tx, sql};
use chrono::NaiveDateTime;

/// That a device answered for an event, over which contract and when; `processed` where the app said so itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub account: AccountId,
    pub event: EventId,
    pub over: &'static str,
    pub at: NaiveDateTime,
    pub processed: bool,
}

/// Writes positions, and moves the drivers' rows that are due on (ascending by driver id).
pub fn record(tx: &mut Tx<'_>, rows: &[NewLocation], live: &[LivePosition]) -> Result<(), StoreError> {
    if !live.is_empty() {
        sql!(tx, bulk::update_live_positions(live))?;
    }
    if !rows.is_empty() {
        sql!(tx, bulk::insert_locations(rows))?;
    }
    Ok(())
}

/// Marks events as confirmed or processed. Any mark counts, so the first one stays.
pub fn mark(tx: &mut Tx<'_>, marks: &[Mark]) -> Result<(), StoreError> {
    for mark in marks {
        match mark.processed {
            true => sql!(tx, events::process(mark.account, mark.event, mark.at))?,
            false => sql!(tx, events::confirm(mark.account, mark.event, mark.at, mark.over))?,
        };
    }
    Ok(())
}
