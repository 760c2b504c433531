//! A ride asked for over its own socket, under an id that the app chose. The id names the newest job under it: once that has
//! ended, the same passenger may ask again, and a new job is made.

use super::{Request, lock, request};
use crate::domain::ids::{AccountId, CustomerId};
use crate::domain::ride::{RideId, Rules};
use crate::operations::error::{Error, Refusal};
use crate::operations::guests::{self, Opening};
use crate::store::{Tx, sql};

/// Who asks; the door has let them in.
#[derive(Clone, Debug)]
pub enum Asker {
    Account(CustomerId),
    /// Whoever opened the ride's socket. They become a guest with their first request.
    Anonymous(Opening),
}

/// Makes the job, its search, and a guest where the asker is nobody yet. Refused while a job under this id is open, and where
/// the newest one is another's ([`Refusal::NotFound`]): then nothing is changed. Returns the passenger and their account.
pub fn find_driver(
    tx: &mut Tx<'_>,
    ride_id: &RideId,
    asker: &Asker,
    asked: &Request,
    rules: &Rules,
) -> Result<(CustomerId, AccountId), Error> {
    let newest = match lock(tx, ride_id) {
        Ok(ride) => Some(ride.job),
        Err(Error::Refused(Refusal::NotFound(_))) => None,
        Err(other) => return Err(other),
    };
    let owner = match newest.as_ref().and_then(|job| job.customer_id) {
        Some(customer) => sql!(tx, customers::find(customer))?,
        None => None,
    };
    let is_theirs = match (&owner, asker) {
        (None, _) => true,
        (Some((customer, _)), Asker::Account(asker)) => customer.id == *asker,
        (Some((_, account)), Asker::Anonymous(_)) => account.is_guest,
    };
    if !is_theirs {
        return Err(Refusal::NotFound("ride").into());
    }
    if let Some(open) = newest.filter(|job| job.status.is_open()) {
        return Err(Refusal::RideState(open.status).into());
    }
    let (passenger, account) = match (owner, asker) {
        (Some((customer, account)), _) => (customer.id, account.id),
        (None, Asker::Anonymous(opening)) => guests::create(tx, opening)?,
        (None, Asker::Account(passenger)) => {
            let (_, account) = sql!(tx, customers::find(*passenger))?.ok_or(Refusal::NotFound("customer"))?;
            (*passenger, account.id)
        }
    };
    let asked = Request { ride_id: Some(ride_id.clone()), ..asked.clone() };
    request(tx, passenger, &asked, rules)?;
    Ok((passenger, account))
}
