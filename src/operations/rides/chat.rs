//! What the two participants of a ride say to each other.

use super::{account_of, lock};
use crate::domain::event::EventBody;
use crate::domain::ride::RideId;
use crate::operations::authentication::Principal;
use crate::operations::error::{Error, Refusal};
use crate::operations::jobs::tell_customer;
use crate::store::Tx;

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
        return tell_customer(tx, job, body);
    }
    let driver = account_of(tx, driver)?;
    tx.record(driver.id, Some(job.id), body);
    Ok(())
}
