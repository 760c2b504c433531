//! A ride requested over its own socket, under an id that the app chose. The id names the newest job under it: once
//! that has ended, the same passenger may request another, which is a new job.

use super::{Canceller, RideRequest, cancel, lock, make, may_open_one, may_open_one_from};
use crate::domain::ids::CustomerId;
use crate::domain::job::JobStatus;
use crate::domain::recap::{Part, Told};
use crate::domain::ride::RideId;
use crate::operations::error::{Error, Refusal};
use crate::operations::guests::{self, Passenger, RideKeys};
use crate::operations::jobs::not_in_state;
use crate::store::reads::{self, RideStanding};
use crate::store::{Conn, StoreError, Tx, sql};

/// The requester, whom the door has let in.
#[derive(Clone, Debug)]
pub enum Asker {
    Account(Passenger),
    /// The client that opened the ride's socket. It becomes a guest with its first request.
    Anonymous(RideKeys),
}

/// Makes the job, its search, and a guest where the asker is nobody yet. Refused while a job under this id is open, and where
/// the newest one is another's ([`Refusal::NotFound`]): then nothing is changed.
pub fn find_driver(
    tx: &mut Tx<'_>,
    ride_id: &RideId,
    asker: &Asker,
    asked: &RideRequest,
) -> Result<Passenger, Error> {
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
        (Some((_, account)), Asker::Account(asker)) => account.id == asker.account,
        (Some((_, account)), Asker::Anonymous(_)) => account.is_guest,
    };
    if !is_theirs {
        return Err(Refusal::NotFound("ride").into());
    }
    if let Some(open) = newest.filter(|job| job.status.is_open()) {
        return Err(not_in_state(&open));
    }
    let asked_from = match asker {
        Asker::Account(passenger) => {
            may_open_one(tx, passenger.customer)?;
            None
        }
        Asker::Anonymous(opening) => {
            may_open_one_from(tx, opening.from)?;
            Some(opening.from)
        }
    };
    let passenger = match (owner, asker) {
        (Some((customer, account)), _) => Passenger { customer: customer.id, account: account.id },
        (None, Asker::Account(passenger)) => *passenger,
        (None, Asker::Anonymous(opening)) => guests::create(tx, opening)?,
    };
    let asked = RideRequest { ride_id: Some(ride_id.clone()), ..asked.clone() };
    make(tx, passenger.customer, &asked, asked_from)?;
    Ok(passenger)
}

/// The passenger ends the newest job under this id. Returns the ride where it was cancelled before: nothing has changed then, and
/// nobody is told again.
pub fn call_off(
    tx: &mut Tx<'_>,
    ride_id: &RideId,
    passenger: CustomerId,
    reason: &str,
) -> Result<Option<RideStanding>, Error> {
    let was = lock(tx, ride_id)?.job.status;
    let standing = cancel(tx, ride_id, Canceller::Passenger(passenger), reason)?;
    Ok((was == JobStatus::Cancelled).then_some(standing))
}

/// A ride that goes on, and which of its passenger's events told so.
#[derive(Debug)]
pub struct UnderWay {
    pub standing: RideStanding,
    pub told: Vec<Told>,
}

/// The newest job under this id, if it is this passenger's and goes on. Its events are read last: what made the status that was
/// read is among them.
pub fn under_way(
    conn: &mut Conn<'_>,
    ride_id: &RideId,
    passenger: Passenger,
) -> Result<Option<UnderWay>, StoreError> {
    let found = reads::ride(conn, ride_id)?;
    let is_theirs = |standing: &RideStanding| {
        let job = &standing.ride.job;
        job.customer_id == Some(passenger.customer) && job.status.is_open()
    };
    let Some(standing) = found.filter(is_theirs) else { return Ok(None) };
    let events = sql!(conn, events::of_state(passenger.account, standing.ride.job.id))?;
    let told = events.into_iter().filter_map(|(id, name, is_confirmed)| {
        let part = match &*name {
            "ride_accepted" => Part::DriverAssigned,
            "driver_arrived" => Part::DriverArrived,
            "ride_started" => Part::RideStarted,
            "driver_cancelled" => Part::Searching,
            _ => return None,
        };
        Some(Told { part, id, is_confirmed })
    });
    let told = told.collect();
    Ok(Some(UnderWay { standing, told }))
}
