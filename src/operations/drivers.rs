//! A driver's status, and what an operator changes of a driver.

use crate::clock::DISTRUSTED_AHEAD;
use crate::domain::announcement::Announcement;
use crate::domain::audit::Subject;
use crate::domain::driver::{DriverStatus, Holding, Wants, status};
use crate::domain::external_id::ExternalId;
use crate::domain::ids::{AccountId, DriverId, JobId};
use crate::domain::job::{JobKind, JobStatus};
use crate::domain::position::Position;
use crate::operations::accounts::{self, AccountPatch};
use crate::operations::authentication::principal;
use crate::operations::error::{Error, Refusal, external_id_taken};
use crate::operations::tokens::VerifiedClaims;
use crate::operations::{bookings, orders, rides};
use crate::store::{Account, Conn, Driver, DriverChange, Job, StoreError, Tx, sql};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

/// What an operator changes; `None` leaves it as it is, `Some(None)` takes it away.
#[derive(Clone, Debug, Default)]
pub struct DriverPatch {
    pub account: AccountPatch,
    pub vehicle_type: Option<String>,
    pub license_number: Option<Option<String>>,
    pub vehicle_registration: Option<Option<String>>,
    pub vehicle_color: Option<Option<String>>,
    pub is_verified: Option<bool>,
    pub wants: Option<Wants>,
    pub position: Option<Position>,
    pub rating: Option<f64>,
    pub external_id: Option<Option<ExternalId>>,
}

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
/// changed, where its token is no good any more: the driver may have been suspended after the door looked at it and before the
/// session was registered, so that nobody told the session. Suspending locks the same row, so one of the two comes first.
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

/// Drivers who are not offline and of whom no position was measured within `span`.
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
fn settle(tx: &mut Tx<'_>, driver: &Driver, wants: Wants) -> Result<DriverStatus, Error> {
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

/// Tells the matcher that something beside the driver's own row has changed.
fn touch(tx: &mut Tx<'_>, driver: DriverId) -> Result<(), StoreError> {
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

/// What a driver holds. Read it with the driver's row locked.
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

/// Changes a driver. Suspending takes back what was not picked up yet and ends the driver's sessions; a new password
/// ends them, too.
pub fn patch(tx: &mut Tx<'_>, id: DriverId, patch: &DriverPatch) -> Result<(Driver, Account), Error> {
    tx.concerns(Subject::driver(id));
    let suspends = patch.account.suspended == Some(true);
    let released = if suspends { take_back(tx, id)? } else { Vec::new() };
    let row = lock(tx, id)?;
    if suspends {
        nothing_left_to_take_back(tx, id, &released)?;
    }
    let change = DriverChange {
        vehicle_type: patch.vehicle_type.clone(),
        license_number: patch.license_number.clone(),
        vehicle_registration: patch.vehicle_registration.clone(),
        vehicle_color: patch.vehicle_color.clone(),
        external_id: patch.external_id.clone().map(|id| id.map(ExternalId::into_string)),
        is_verified: patch.is_verified,
        latitude: patch.position.map(Position::latitude),
        longitude: patch.position.map(Position::longitude),
        position_at: patch.position.map(|_| tx.at()),
        position_measured: patch.position.map(|_| false),
        ..DriverChange::default()
    };
    write(tx, id, &change).map_err(external_id_taken)?;
    if let Some(rating) = patch.rating {
        let (_, count) = sql!(tx, rides::rating_of(id))?;
        // Nobody's rating would be replaced by the first passenger's.
        sql!(tx, rides::set_rating(id, rating, count.max(1)))?;
    }
    let wants = if suspends { Wants::Offline } else { patch.wants.unwrap_or(row.wants) };
    settle(tx, &row, wants)?;
    if patch.account.suspended.is_some() {
        touch(tx, id)?;
    }
    accounts::change(tx, row.account_id, &patch.account)?;
    Ok(sql!(tx, drivers::find(id))?.ok_or(Refusal::NotFound("driver"))?)
}

/// Takes back the orders of a driver that were not picked up, and the ride and the bookings that have not started. Returns
/// the ids of those that were looked at.
fn take_back(tx: &mut Tx<'_>, driver: DriverId) -> Result<Vec<JobId>, Error> {
    const REASON: &str = "The driver was suspended";
    let held: Vec<JobId> = sql!(tx, jobs::held(driver))?.into_iter().map(|(id, _, _)| id).collect();
    for id in &held {
        let job = sql!(tx, jobs::lock(*id))?.filter(|job| is_to_take_back(job, driver));
        match job.map(|job| (job.kind, job)) {
            Some((JobKind::Delivery, job)) => {
                orders::release(tx, job, REASON, None)?;
            }
            Some((JobKind::Ride, _)) => {
                if let Some(ride) = sql!(tx, rides::find(*id))? {
                    rides::release(tx, &ride, driver, REASON)?;
                }
            }
            Some((JobKind::Service, job)) => bookings::release(tx, job, driver, REASON)?,
            None => {}
        }
    }
    Ok(held)
}

fn is_to_take_back(job: &Job, driver: DriverId) -> bool {
    job.driver_id == Some(driver) && job.status.is_held() && job.status != JobStatus::InProgress
}

/// An order may have been assigned after the orders were locked and before the driver was. Jobs are locked before
/// drivers, so there is no going back: the whole operation is repeated.
fn nothing_left_to_take_back(tx: &mut Tx<'_>, driver: DriverId, seen: &[JobId]) -> Result<(), Error> {
    let held = sql!(tx, jobs::held(driver))?;
    match held.iter().all(|(id, _, _)| seen.contains(id)) {
        true => Ok(()),
        false => Err(StoreError::Repeat.into()),
    }
}
