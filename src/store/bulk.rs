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
    let mut rest = marks;
    while let Some(first) = rest.first() {
        if first.processed {
            sql!(tx, events::process(first.account, first.event, first.at))?;
            rest = &rest[1..];
            continue;
        }
        // The marks of one pong stand together: one statement for all of them.
        let same = rest
            .iter()
            .take_while(|mark| mark.account == first.account && mark.at == first.at && !mark.processed)
            .count();
        let ids: Vec<i64> = rest[..same].iter().map(|mark| mark.event.0).collect();
        sql!(tx, events::confirm(first.account, &ids, first.at, first.over))?;
        rest = &rest[same..];
    }
    Ok(())
}
