//! An order given to the nearest driver who can take it, in one go. Who that may be is decided in `matching`; here it is made
//! durable, with a search that has ended as soon as it began, so that the order's trace tells who was chosen and why.

use crate::domain::candidate::{Considered, Look, PassedOver};
use crate::domain::ids::{DriverId, JobId};
use crate::domain::job::{JobKind, Move};
use crate::domain::open_search::End;
use crate::domain::position::Position;
use crate::domain::story::What;
use crate::operations::error::{Error, Refusal};
use crate::operations::jobs::{moves, note};
use crate::operations::{orders, searches};
use crate::store::{Conn, Job, StoreError, Tx, sql};

/// The facts that a search for an order's driver needs: where it begins, and who gave the order back.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderSearch {
    pub pickup: Position,
    pub except: Vec<DriverId>,
}

/// `None` where there is no such order, it is not pending, or its pickup is not known: assigning it will say which.
pub fn search_for(conn: &mut Conn<'_>, id: JobId) -> Result<Option<OrderSearch>, StoreError> {
    let job = sql!(conn, jobs::find(id))?.filter(|job| job.kind == JobKind::Delivery);
    let Some(pickup) = job.and_then(|job| job.pickup()) else {
        return Ok(None);
    };
    let except = sql!(conn, jobs::declined_by(id))?.into_iter().map(DriverId).collect();
    Ok(Some(OrderSearch { pickup, except }))
}

/// Assigns an order to the first of the drivers considered who was not passed over and is still free.
///
/// # Errors
///
/// [`Refusal::NoDrivers`] where there is none; [`note_nobody`] keeps the trace of that.
pub fn assign_nearest(tx: &mut Tx<'_>, id: JobId, considered: &[Considered]) -> Result<Job, Error> {
    let job = orders::lock(tx, id)?;
    moves(&job, Move::Assign)?;
    job.pickup().ok_or(Refusal::NoPickupPosition)?;
    let asked = considered.iter().filter(|one| one.passed_over.is_none());
    note(tx, &job, What::Searched { found: Some(asked.clone().count()) })?;
    let mut taken = Vec::new();
    for one in asked {
        match orders::assign(tx, &[id], one.driver) {
            Ok(mut jobs) => {
                trace(tx, id, End::Assigned(one.driver), considered, &taken)?;
                return jobs.pop().ok_or_else(|| Refusal::NoDrivers.into());
            }
            // Since the search; the next nearest one is asked.
            Err(Error::Refused(Refusal::DriverBusy | Refusal::DriverFull)) => {
                taken.push((one.driver, PassedOver::Busy));
            }
            Err(Error::Refused(Refusal::DriverSuspended)) => {
                taken.push((one.driver, PassedOver::Suspended));
            }
            // An erased driver is in no trace.
            Err(Error::Refused(Refusal::NotFound(_))) => {}
            Err(other) => return Err(other),
        }
    }
    Err(Refusal::NoDrivers.into())
}

/// Keeps the trace of a search that found nobody: who was there, and why they would not do.
pub fn note_nobody(tx: &mut Tx<'_>, id: JobId, considered: &[Considered]) -> Result<(), Error> {
    orders::lock(tx, id)?;
    trace(tx, id, End::NoDrivers, considered, &[])
}

/// Of the drivers who could have been given the order, the trace has those up to its driver. The drivers in `taken`
/// were no longer free.
fn trace(
    tx: &mut Tx<'_>,
    job: JobId,
    end: End,
    considered: &[Considered],
    taken: &[(DriverId, PassedOver)],
) -> Result<(), Error> {
    let chosen = match end {
        End::Assigned(driver) => Some(driver),
        End::Cancelled | End::NoDrivers => None,
    };
    let (search, at) = (searches::insert_ended(tx, job, end)?, tx.now());
    let reason = |one: &Considered| {
        let taken = taken.iter().find(|(driver, _)| *driver == one.driver).map(|(_, reason)| *reason);
        one.passed_over.or(taken)
    };
    let look = |one: &Considered| {
        let passed_over = reason(one);
        let is_told = chosen.is_none() || passed_over.is_some() || chosen == Some(one.driver);
        let considered = Considered { passed_over, ..*one };
        is_told.then_some(Look { search, at, considered })
    };
    let looks: Vec<Look> = considered.iter().filter_map(look).collect();
    Ok(searches::note(tx, &looks)?)
}
