//! Rides whose driver has vanished after accepting them: the driver is not heard from and has not come to the pickup.

use super::{account_of, driving};
use crate::domain::event::EventBody;
use crate::domain::ids::{AccountId, DriverId, JobId};
use crate::domain::job::JobStatus;
use crate::domain::story::What;
use crate::operations::drivers;
use crate::operations::error::Error;
use crate::operations::jobs::{note, tell_customer};
use crate::store::{Conn, StoreError, Tx, sql};
use chrono::{DateTime, TimeDelta, Utc};

const REASON: &str = "The driver can't be reached";

/// A ride that a driver took, and has not come for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub job: JobId,
    pub driver: DriverId,
    /// The driver's.
    pub account: AccountId,
}

/// Rides accepted `span` ago whose drivers have sent no position since, and whose passengers have not been told yet.
pub fn waiting_since(
    conn: &mut Conn<'_>,
    now: DateTime<Utc>,
    span: TimeDelta,
) -> Result<Vec<Waiting>, StoreError> {
    let (since, until) = drivers::lately(now, span);
    let rows = sql!(conn, rides::waiting_since(since, until))?;
    Ok(rows.into_iter().map(|(job, driver, account)| Waiting { job, driver, account }).collect())
}

/// Tells the passenger, once, that their driver is not heard from; with `offers_again` the ride is taken from the
/// driver and offered to others instead. False if that is no longer so: the driver has moved it on, or is back.
pub fn lose_driver(
    tx: &mut Tx<'_>,
    waiting: Waiting,
    span: TimeDelta,
    is_back: impl FnOnce() -> bool,
    offers_again: bool,
) -> Result<bool, Error> {
    let Waiting { job, driver, .. } = waiting;
    let Some(ride) = sql!(tx, rides::lock(job))? else { return Ok(false) };
    let is_theirs = ride.job.driver_id == Some(driver);
    if !is_theirs || !matches!(ride.job.status, JobStatus::Assigned | JobStatus::EnRoute) {
        return Ok(false);
    }
    let row = drivers::lock(tx, driver)?;
    if is_back() || drivers::was_seen_within(&row, tx.now(), span) {
        return Ok(false);
    }
    if offers_again {
        driving::release(tx, &ride, driver, REASON)?;
        drivers::settle_held(tx, driver)?;
        return Ok(true);
    }
    let at = tx.at();
    if sql!(tx, rides::note_lost_driver(job, at))? == 0 {
        return Ok(false);
    }
    let account = account_of(tx, driver)?;
    let heard_of_at = row.position_at.map(|at| at.and_utc());
    let body = EventBody::DriverUnreachable {
        ride_id: ride.ride_id.clone(),
        driver: account.public_id,
        heard_of_at,
    };
    tell_customer(tx, &ride.job, body)?;
    note(tx, &ride, What::Unreachable)?;
    Ok(true)
}
