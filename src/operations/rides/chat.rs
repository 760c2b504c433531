//! The chat between the two participants of a ride.

use super::{Viewer, account_of, lock};
use crate::domain::event::EventBody;
use crate::domain::ride::RideId;
use crate::operations::error::{Error, Refusal};
use crate::operations::jobs::{not_in_state, tell_customer};
use crate::store::{Tx, sql};

/// A message from one participant to the other, from the acceptance of the ride to its end: before that there is no
/// recipient, and afterwards the two have nothing more to do with each other.
pub fn chat(tx: &mut Tx<'_>, ride_id: &RideId, from: Viewer, text: &str) -> Result<(), Error> {
    let ride = lock(tx, ride_id)?;
    let job = &ride.job;
    let takes_part = match from {
        Viewer::Passenger(passenger) => job.customer_id == Some(passenger),
        Viewer::Driver(driver) => job.driver_id == Some(driver),
        Viewer::Admin => false,
    };
    let (Some(passenger), true) = (job.customer_id, takes_part) else {
        return Err(Refusal::NotFound("ride").into());
    };
    let Some(driver) = job.driver_id.filter(|_| job.status.is_held()) else {
        return Err(not_in_state(job));
    };
    let driver = account_of(tx, driver)?;
    let says = |from| EventBody::ChatMessage { ride_id: ride_id.clone(), from, text: text.to_owned() };
    if matches!(from, Viewer::Driver(_)) {
        return tell_customer(tx, job, says(driver.public_id));
    }
    let (_, passenger) = sql!(tx, customers::find(passenger))?.ok_or(Refusal::NotFound("customer"))?;
    tx.record(driver.id, Some(job.id), says(passenger.public_id));
    Ok(())
}
