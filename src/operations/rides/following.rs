//! Who may follow a ride while it goes on, and what its two participants say to each other.

use super::{Viewer, account_of, lock, tell_passenger, view};
use crate::domain::event::EventBody;
use crate::domain::job::JobStatus;
use crate::domain::ride::RideId;
use crate::operations::authentication::Principal;
use crate::operations::error::{Error, Refusal};
use crate::store::reads::RideStanding;
use crate::store::{Conn, StoreError, Tx};
use chrono::{DateTime, Utc};

/// The ride as `viewer` may follow it. Whoever may follow may look, but a driver who had it offered and did not get it may
/// not see where the one is who did.
pub fn follow(
    conn: &mut Conn<'_>,
    ride_id: &RideId,
    viewer: Viewer,
    now: DateTime<Utc>,
) -> Result<Option<RideStanding>, StoreError> {
    let found = view(conn, ride_id, viewer, now)?;
    Ok(found.filter(|found| match viewer {
        Viewer::Driver(driver) => {
            let job = &found.ride.job;
            job.driver_id == Some(driver) || job.status == JobStatus::Requested
        }
        Viewer::Passenger(_) | Viewer::Admin => true,
    }))
}

/// Words from one participant for the other, from the acceptance of the ride to its end: before there is nobody to hear
/// them, and afterwards the two have nothing to do with each other any more.
pub fn chat(tx: &mut Tx<'_>, ride_id: &RideId, from: &Principal, text: &str) -> Result<(), Error> {
    let ride = lock(tx, ride_id)?;
    let job = &ride.job;
    let is_passenger = from.customer.is_some() && from.customer == job.customer_id;
    let is_driver = from.driver.is_some() && from.driver == job.driver_id;
    if !is_passenger && !is_driver {
        return Err(Refusal::NotFound("ride").into());
    }
    let Some(driver) = job.driver_id.filter(|_| job.status.is_held()) else {
        return Err(Refusal::RideState(job.status).into());
    };
    let body =
        EventBody::ChatMessage { ride_id: ride_id.clone(), from: from.public_id, text: text.to_owned() };
    if is_driver {
        return tell_passenger(tx, job, body);
    }
    let driver = account_of(tx, driver)?;
    tx.record(driver.id, Some(job.id), body);
    Ok(())
}
