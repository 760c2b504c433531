//! The queue's exit: notifications claimed for an attempt, and the outcomes of attempts. Rows are locked in one order:
//! events, devices, notifications.

use crate::clock::DISTRUSTED_AHEAD;
use crate::domain::announcement::Announcement;
use crate::domain::device::{Device, DeviceId};
use crate::domain::ids::{AccountId, CustomerId, EventId};
use crate::domain::notification::NotificationStatus;
use crate::domain::push::PushService;
use crate::operations::push::devices::{change, device_of, slot};
use crate::operations::push::preferences::Preferences;
use crate::store::bulk::CONFIRMED;
use crate::store::{Conn, NotificationRow, ReceiptDue, Settled, StoreError, Tx, sql};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use std::collections::HashMap;

/// Notifications moved in one transaction after the clock was set back: on SQLite decisions wait for it, and a row takes some 20 µs.
const MOVED_MAX: i64 = 500;

/// Takes the notifications that have been due longest for an attempt through a service, for at most `lease`. Those that
/// were confirmed during an earlier attempt end here. Empty only if nothing is due.
pub fn claim(
    tx: &mut Tx<'_>,
    service: PushService,
    lease: TimeDelta,
    limit: i64,
) -> Result<Vec<NotificationRow>, StoreError> {
    let now = tx.at();
    loop {
        let due = sql!(tx, bulk::claim_notifications(service, now, now + lease, limit))?;
        let is_any = !due.is_empty();
        let mut claimed = Vec::with_capacity(due.len());
        for row in due {
            match is_confirmed(tx, &row)? {
                true => {
                    sql!(tx, notifications::end(row.id, row.attempts - 1, CONFIRMED))?;
                }
                false => claimed.push(row),
            }
        }
        if !is_any || !claimed.is_empty() {
            return Ok(claimed);
        }
    }
}

/// A confirmation cancels notifications that are not in flight; this catches those that were.
fn is_confirmed(tx: &mut Tx<'_>, row: &NotificationRow) -> Result<bool, StoreError> {
    match row.event() {
        Some((account, event)) => Ok(sql!(tx, events::is_confirmed(account, event))?),
        None => Ok(false),
    }
}

/// When the next attempt through a service is due.
pub fn next_due(conn: &mut Conn<'_>, service: PushService) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sql!(conn, notifications::next_due(service))?.map(|at| at.and_utc()))
}

/// Gives attempts that were not made, or whose outcome nobody will know, back to the queue.
pub fn release(tx: &mut Tx<'_>, attempts: &[(i64, i64)]) -> Result<(), StoreError> {
    let now = tx.at();
    for (id, attempt) in attempts {
        sql!(tx, notifications::release(*id, *attempt, now))?;
    }
    Ok(())
}

/// The same of all attempts of a server that is gone: nobody else works on this database, the server's lock says so.
/// The clock may have been set back meanwhile, too.
pub fn release_all(tx: &mut Tx<'_>) -> Result<usize, StoreError> {
    let (now, ahead) = (tx.at(), (tx.now() + DISTRUSTED_AHEAD).naive_utc());
    let released = sql!(tx, notifications::release_all(now))?;
    // It is not known by how much, so what was made before is due now. Quiet hours are checked again at the attempt.
    Ok(released + sql!(tx, notifications::release_ahead(now, ahead))?)
}

/// The clock was set back by `by` while the server ran: notifications wait no longer for it than they would have, and an attempt that
/// is lost is given up as soon. Moves a page of those after an id; `None` once there are no more.
pub fn move_back(tx: &mut Tx<'_>, by: TimeDelta, after: i64) -> Result<Option<i64>, StoreError> {
    let now = tx.at();
    let ahead = sql!(tx, notifications::ahead(now, after, MOVED_MAX))?;
    for (id, due_at, leased_until) in &ahead {
        let leased_until = leased_until.map(|until| until - by);
        sql!(tx, notifications::move_to(*id, *due_at, *due_at - by, leased_until))?;
    }
    Ok(ahead.last().map(|(id, ..)| *id).filter(|_| ahead.len() as i64 == MOVED_MAX))
}

/// The recipient of a notification.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recipient {
    pub devices: Vec<Device>,
    pub preferences: Preferences,
    /// Where the customer's clock hangs, if their account says so.
    pub zone: Option<Tz>,
}

/// Those of these customers that there are.
pub fn recipients(
    conn: &mut Conn<'_>,
    customers: &[i64],
) -> Result<HashMap<CustomerId, Recipient>, StoreError> {
    let mut recipients: HashMap<CustomerId, Recipient> = HashMap::with_capacity(customers.len());
    for customer in sql!(conn, customers::among(customers))? {
        let zone = customer.time_zone.and_then(|zone| zone.parse().ok());
        recipients.insert(customer.id, Recipient { zone, ..Recipient::default() });
    }
    for row in sql!(conn, devices::active_of(customers))? {
        recipients.entry(row.customer_id).or_default().devices.push(device_of(&row));
    }
    for row in sql!(conn, preferences::of(customers))? {
        recipients.entry(CustomerId(row.customer_id)).or_default().preferences = Preferences::of_row(&row);
    }
    Ok(recipients)
}

/// That a service said a token is dead.
#[derive(Clone, Debug, PartialEq)]
pub struct Dead {
    pub device: DeviceId,
    /// It said so of what was registered by then.
    pub registered_by: NaiveDateTime,
    /// When the token was read that it was asked about.
    pub tried_at: NaiveDateTime,
    /// Whether to believe it. A service that calls every token dead is misconfigured.
    pub is_believed: bool,
}

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptOutcome {
    pub settled: Settled,
    /// The event that it is a push of; none for what an operator sent.
    pub event: Option<(AccountId, EventId)>,
    pub dead: Option<Dead>,
}

/// Writes the outcomes of attempts, deactivates dead tokens, and sends events on through a device's next token. Returns
/// the rows' new states, without attempts that another has followed.
pub fn settle(
    tx: &mut Tx<'_>,
    verdicts: &[AttemptOutcome],
    configured: &[PushService],
) -> Result<Vec<Settled>, StoreError> {
    let at = tx.at();
    let is_sent = |verdict: &&AttemptOutcome| verdict.settled.status == NotificationStatus::Sent;
    let pushed: Vec<_> = verdicts.iter().filter(is_sent).filter_map(|verdict| verdict.event).collect();
    if !pushed.is_empty() {
        sql!(tx, bulk::mark_pushed(&pushed, at))?;
    }
    let mut settled = Vec::with_capacity(verdicts.len());
    let mut queued = false;
    for verdict in verdicts {
        let mut one = verdict.settled.clone();
        if let Some(dead) = &verdict.dead {
            let device = bury(tx, one.service, dead)?;
            // Only an event goes another way: what an operator sends is on it already.
            let next = device.filter(|_| verdict.event.is_some() && one.deadline > at);
            if let Some(service) = next.and_then(|device| device.way(configured).ok()) {
                (one.status, one.service, one.due_at) = (NotificationStatus::Pending, service, Some(at));
            }
        }
        queued |= one.status == NotificationStatus::Pending;
        settled.push(one);
    }
    let written = sql!(tx, bulk::settle_notifications(&settled))?;
    if queued {
        tx.announce(Announcement::PushQueued);
    }
    settled.retain(|one| written.contains(&one.id));
    Ok(settled)
}

/// Deactivates a token unless it was registered since. Returns the device where another attempt makes sense: without the
/// token, or with one that was registered since this attempt. Where nobody believes that the token is dead, or the service
/// contradicts a registration that it knew, there is none: it would be tried for ever.
fn bury(tx: &mut Tx<'_>, service: PushService, dead: &Dead) -> Result<Option<Device>, StoreError> {
    if !dead.is_believed {
        return Ok(None);
    }
    let at = tx.at();
    let Some(mut row) = sql!(tx, devices::lock(dead.device))? else { return Ok(None) };
    let slot = slot(&mut row, service);
    if slot.token.is_none() || slot.dead_at.is_some() {
        return Ok(Some(device_of(&row)));
    }
    if slot.registered_at.is_none_or(|registered_at| registered_at <= dead.registered_by) {
        *slot.dead_at = Some(at);
        row.updated_at = at;
        sql!(tx, devices::update(row.id, &change(&row)))?;
        tx.announce(Announcement::DevicesChanged(row.customer_id));
        return Ok(Some(device_of(&row)));
    }
    let is_renewed = slot.registered_at.is_some_and(|registered_at| registered_at > dead.tried_at);
    Ok(is_renewed.then(|| device_of(&row)))
}

/// Accepted notifications about which the service knows more by now. They are leased to the caller for `lease`.
pub fn receipts_due(tx: &mut Tx<'_>, lease: TimeDelta, limit: i64) -> Result<Vec<ReceiptDue>, StoreError> {
    let now = tx.at();
    let due = sql!(tx, notifications::receipts_due(now, limit))?;
    for receipt in &due {
        sql!(tx, notifications::set_receipt_due(receipt.id, Some(now + lease)))?;
    }
    Ok(due)
}

/// When the next receipt is due.
pub fn next_receipt_due(conn: &mut Conn<'_>) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sql!(conn, notifications::next_receipt_due())?.map(|at| at.and_utc()))
}

/// A receipt's verdict on an accepted notification.
#[derive(Clone, Debug, PartialEq)]
pub enum Receipted {
    /// It has left the service.
    Delivered,
    /// Nothing yet: to be asked again at this time, or no more.
    Open(Option<NaiveDateTime>),
    Failed(String),
    /// The token that it was sent to is dead.
    Unregistered(Dead),
}

/// Writes what receipts say. An event whose token turned out to be dead goes the device's next way while it is timely.
pub fn settle_receipts(
    tx: &mut Tx<'_>,
    receipts: &[(i64, Receipted)],
    service: PushService,
    configured: &[PushService],
) -> Result<(), StoreError> {
    for (id, receipted) in receipts {
        match receipted {
            Receipted::Delivered => sql!(tx, notifications::set_receipt_due(*id, None))?,
            Receipted::Open(again) => sql!(tx, notifications::set_receipt_due(*id, *again))?,
            Receipted::Failed(reason) => {
                sql!(tx, notifications::reopen(*id, NotificationStatus::Failed, reason, service, None))?
            }
            Receipted::Unregistered(dead) => {
                let mut dead = dead.clone();
                let Some(row) = sql!(tx, notifications::find(*id))? else { continue };
                dead.device = row.device();
                let device = bury(tx, service, &dead)?;
                reopen(tx, &row, device, service, configured)?
            }
        };
    }
    Ok(())
}

fn reopen(
    tx: &mut Tx<'_>,
    row: &NotificationRow,
    device: Option<Device>,
    service: PushService,
    configured: &[PushService],
) -> Result<usize, StoreError> {
    let at = tx.at();
    let next = device.filter(|_| row.event().is_some() && row.deadline > at);
    let way = next.and_then(|device| device.way(configured).ok());
    let reason = "unregistered";
    match way {
        Some(next) => {
            tx.announce(Announcement::PushQueued);
            sql!(tx, notifications::reopen(row.id, NotificationStatus::Pending, reason, next, Some(at)))
        }
        None => sql!(tx, notifications::reopen(row.id, NotificationStatus::Failed, reason, service, None)),
    }
}
