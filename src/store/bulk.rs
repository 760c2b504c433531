//! The bulk writes of the recorder and the push queue.

use crate::clock::DISTRUSTED_AHEAD;
use crate::domain::ids::{AccountId, EventId};
use crate::store::rows::{LivePosition, NewLocation};
use crate::store::{StoreError, Tx, sql};
use chrono::NaiveDateTime;
use std::collections::HashMap;

/// The delivery state of an event, and the contract over which it was delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub account: AccountId,
    pub event: EventId,
    pub over: &'static str,
    pub at: NaiveDateTime,
    pub kind: MarkKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// Handed to the device's socket.
    Sent,
    /// The device's socket answered for it.
    Confirmed,
    /// The app said so itself.
    Processed,
}

/// Writes positions, and moves the drivers' rows that are due on (ascending by driver id). Of `late`, which may have been
/// sent before, those that the table has are left out: same driver, same time, same place. Returns how many were written.
pub fn record(
    tx: &mut Tx<'_>,
    new: &[NewLocation],
    late: &[NewLocation],
    live: &[LivePosition],
) -> Result<usize, StoreError> {
    if !live.is_empty() {
        // A time further ahead was written before the clock was set.
        let trusted_until = (tx.now() + DISTRUSTED_AHEAD).naive_utc();
        sql!(tx, bulk::update_live_positions(live, trusted_until))?;
    }
    let mut written = 0;
    if !new.is_empty() {
        written += sql!(tx, bulk::insert_locations(new))?;
    }
    if !late.is_empty() {
        written += sql!(tx, bulk::insert_late_locations(late))?;
    }
    Ok(written)
}

/// Why a push that was about to be tried is not: as the history says it.
pub const CONFIRMED: &str = "confirmed over the socket";

/// Marks events as sent, confirmed or processed. Any confirmation counts, so the first one stays; of the times of
/// sending the last one stays. Waiting notifications of confirmed events are cancelled: the customer has the event.
pub fn mark(tx: &mut Tx<'_>, marks: &[Mark]) -> Result<(), StoreError> {
    // A device that is there answers within a flush: both marks are one change of the row.
    let mut sent: HashMap<(AccountId, EventId), NaiveDateTime> = HashMap::new();
    let mut confirmed = Vec::new();
    for mark in marks {
        let key = (mark.account, mark.event);
        match mark.kind {
            MarkKind::Sent => {
                sent.insert(key, mark.at);
            }
            MarkKind::Confirmed => {
                let sent_at = sent.remove(&key);
                if sql!(tx, events::confirm(mark.account, mark.event, mark.at, mark.over, sent_at))? > 0 {
                    confirmed.push(key);
                }
            }
            MarkKind::Processed => {
                sql!(tx, events::process(mark.account, mark.event, mark.at))?;
            }
        }
    }
    let mut unanswered: Vec<_> = sent.into_iter().collect();
    unanswered.sort();
    for ((account, event), at) in unanswered {
        sql!(tx, events::send(account, event, at))?;
    }
    call_off(tx, &confirmed)
}

/// A transaction that queued an event had its row before the mark, so its notifications are seen here; mostly none
/// waits at all.
fn call_off(tx: &mut Tx<'_>, confirmed: &[(AccountId, EventId)]) -> Result<(), StoreError> {
    if confirmed.is_empty() || !sql!(tx, notifications::any_waiting())? {
        return Ok(());
    }
    let now = tx.at();
    for (account, event) in confirmed {
        sql!(tx, notifications::call_off(*account, *event, now, CONFIRMED))?;
    }
    Ok(())
}
