//! A driver's status, which follows from their wish and from the jobs they hold. `driver_changes` has an operator's
//! changes.

use crate::clock::DISTRUSTED_AHEAD;
use crate::domain::announcement::Announcement;
use crate::domain::driver::{DriverStatus, Holding, Wants, status};
use crate::domain::ids::{AccountId, DriverId};
use crate::domain::job::{JobKind, JobStatus};
use crate::operations::authentication::principal;
use crate::operations::error::{Error, Refusal};
use crate::operations::tokens::VerifiedClaims;
use crate::store::{Conn, Driver, DriverChange, StoreError, Tx, sql};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

/// The driver says what they want; answers with the status that follows from it.
pub fn set_wish(tx: &mut Tx<'_>, driver: DriverId, wants: Wants) -> Result<DriverStatus, Error> {
    let row = lock(tx, driver)?;
    settle(tx, &row, wants)
}

/// The driver wants no more work. Refused while they hold a ride: somebody waits for them, or sits in their car.
pub fn leave_work(tx: &mut Tx<'_>, driver: DriverId) -> Result<DriverStatus, Error> {
    let row = lock(tx, driver)?;
    let holding = holding(tx, driver)?;
    if holding.rides > 0 {
        return Err(Refusal::DriverBusy.into());
    }
    settle_holding(tx, &row, Wants::Offline, holding)
}

/// The driver's app has connected: an offline driver becomes available. A pause stays a pause. False, and nothing is
/// changed, if its token is no longer valid: the driver may have been suspended after the door looked at it and before
/// the session was registered, so that nobody told the session. Suspending locks the same row, so one of the two comes
/// first.
pub fn connected(tx: &mut Tx<'_>, driver: DriverId, claims: &VerifiedClaims) -> Result<bool, Error> {
    let row = lock(tx, driver)?;
    if principal(tx.conn(), claims)?.is_none() {
        return Ok(false);
    }
    let wants = match row.wants {
        Wants::Offline => Wants::Online,
        other => other,
    };
    settle(tx, &row, wants)?;
    Ok(true)
}

/// Drivers who are not offline and have no position measured within `span`.
pub fn silent_for(
    conn: &mut Conn<'_>,
    now: DateTime<Utc>,
    span: TimeDelta,
) -> Result<Vec<(DriverId, AccountId)>, StoreError> {
    let (since, until) = lately(now, span);
    sql!(conn, drivers::silent_since(since, until))
}

/// From when to when a row's time counts as within `span`: what is far ahead was written before the clock was set.
pub(super) fn lately(now: DateTime<Utc>, span: TimeDelta) -> (NaiveDateTime, NaiveDateTime) {
    ((now - span).naive_utc(), (now + DISTRUSTED_AHEAD).naive_utc())
}

pub(super) fn was_seen_within(driver: &Driver, now: DateTime<Utc>, span: TimeDelta) -> bool {
    let (since, until) = lately(now, span);
    driver.position_at.is_some_and(|at| (since..=until).contains(&at))
}

/// The driver's app said goodbye: they go offline, unless they are back. That is asked with the row locked: connecting locks it,
/// too, after `is_back` has become true, so whichever of the two comes second is right.
pub fn say_goodbye(
    tx: &mut Tx<'_>,
    driver: DriverId,
    is_back: impl FnOnce() -> bool,
) -> Result<Option<DriverStatus>, Error> {
    let row = lock(tx, driver)?;
    if is_back() {
        return Ok(None);
    }
    settle(tx, &row, Wants::Offline).map(Some)
}

/// Sets a driver offline unless they are back or a position was measured within `span` after all.
pub fn set_silent_offline(
    tx: &mut Tx<'_>,
    driver: DriverId,
    span: TimeDelta,
    is_back: impl FnOnce() -> bool,
) -> Result<Option<DriverStatus>, Error> {
    let row = lock(tx, driver)?;
    if is_back() || was_seen_within(&row, tx.now(), span) {
        return Ok(None);
    }
    settle(tx, &row, Wants::Offline).map(Some)
}

/// Brings a driver's status in line with their wish and what they hold. To be called after every change of what they
/// hold; locks the driver's row, so the jobs' rows must be locked before.
pub fn settle_held(tx: &mut Tx<'_>, driver: DriverId) -> Result<DriverStatus, Error> {
    let row = lock(tx, driver)?;
    let holding = holding(tx, driver)?;
    settle_holding(tx, &row, row.wants, holding)
}

/// The same where what they hold now is known. `driver` is the row as it was locked.
pub(super) fn settle_holding(
    tx: &mut Tx<'_>,
    driver: &Driver,
    wants: Wants,
    holding: Holding,
) -> Result<DriverStatus, Error> {
    let change = change_of(driver, wants, status(wants, holding, tx.rules().deliveries_max));
    // With the first delivery a driver is no longer to be had for rides, and is again after the last.
    if change == DriverChange::default() && holding.deliveries <= 1 {
        touch(tx, driver.id)?;
    }
    write(tx, driver.id, &change)?;
    Ok(status(wants, holding, tx.rules().deliveries_max))
}

/// The same where they hold what they held, and may want something else.
pub(super) fn settle(tx: &mut Tx<'_>, driver: &Driver, wants: Wants) -> Result<DriverStatus, Error> {
    let follows = status(wants, holding(tx, driver.id)?, tx.rules().deliveries_max);
    write(tx, driver.id, &change_of(driver, wants, follows))?;
    Ok(follows)
}

fn change_of(driver: &Driver, wants: Wants, status: DriverStatus) -> DriverChange {
    DriverChange {
        wants: (driver.wants != wants).then_some(wants.as_str()),
        status: (driver.status != status).then_some(status.as_str()),
        ..DriverChange::default()
    }
}

/// Tells the matcher that something other than the driver's own row has changed.
pub(super) fn touch(tx: &mut Tx<'_>, driver: DriverId) -> Result<(), StoreError> {
    let at = tx.at();
    sql!(tx, drivers::touch(driver, at))?;
    tx.announce(Announcement::DriverChanged(driver));
    Ok(())
}

/// Writes a change and tells the matcher of it.
pub(super) fn write(tx: &mut Tx<'_>, driver: DriverId, change: &DriverChange) -> Result<(), StoreError> {
    if *change != DriverChange::default() {
        let at = tx.at();
        sql!(tx, drivers::change(driver, change, at))?;
        tx.announce(Announcement::DriverChanged(driver));
    }
    Ok(())
}

pub(super) fn lock(tx: &mut Tx<'_>, driver: DriverId) -> Result<Driver, Error> {
    Ok(sql!(tx, drivers::lock(driver))?.ok_or(Refusal::NotFound("driver"))?)
}

/// The jobs that a driver holds. Read it with the driver's row locked.
pub(super) fn holding(tx: &mut Tx<'_>, driver: DriverId) -> Result<Holding, Error> {
    let mut holding = Holding::default();
    for (_, kind, status) in sql!(tx, jobs::held(driver))? {
        match (kind, status) {
            (JobKind::Delivery, _) => holding.deliveries += 1,
            (JobKind::Ride, _) => holding.rides += 1,
            (JobKind::Service, JobStatus::Assigned) => holding.services_ahead += 1,
            (JobKind::Service, _) => holding.services_under_way += 1,
        }
    }
    Ok(holding)
}
