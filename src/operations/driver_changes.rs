//! What an operator changes of a driver, up to suspending them, which takes back the work that they have not begun.

use crate::domain::audit::Subject;
use crate::domain::driver::Wants;
use crate::domain::external_id::ExternalId;
use crate::domain::ids::{DriverId, JobId};
use crate::domain::job::{JobKind, JobStatus};
use crate::domain::position::Position;
use crate::operations::accounts::{self, AccountPatch};
use crate::operations::drivers::{lock, settle, touch, write};
use crate::operations::error::{Error, Refusal, external_id_taken};
use crate::operations::{bookings, orders, rides};
use crate::store::{Account, Driver, DriverChange, Job, StoreError, Tx, sql};

/// An operator's changes; `None` leaves a field unchanged, `Some(None)` removes it.
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
