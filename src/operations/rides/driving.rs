//! The driver's side of a ride: accepting, declining, carrying out or giving back.

use super::{account_of, card, lock, standing};
use crate::domain::announcement::{Announcement, SearchNews};
use crate::domain::driver::Wants;
use crate::domain::event::{DriverCard, EventBody, RideAssignment};
use crate::domain::ids::{DriverId, JobId};
use crate::domain::job::{JobStatus, Move};
use crate::domain::offer::{Offer, OfferOutcome};
use crate::domain::open_search::End;
use crate::domain::position::Position;
use crate::domain::ride::{RideId, RideStep, Travel, Unavailable, track_length_m};
use crate::domain::story::What;
use crate::operations::error::{Error, Refusal};
use crate::operations::jobs::{advance, moves, moves_or_repeats, not_in_state, note, tell_customer};
use crate::operations::searches::takes_vehicle;
use crate::operations::{drivers, searches};
use crate::store::reads::{self, RideStanding};
use crate::store::{Conn, Job, JobChange, Ride, SearchRecord, StoreError, Tx, sql};
use chrono::{DateTime, Utc};

/// A ride of five hours with a position each second.
const TRACK_POSITIONS_MAX: i64 = 20_000;

/// A driver takes a ride that is offered to them: one wins. Taking what one has changes nothing.
pub fn accept(tx: &mut Tx<'_>, ride_id: &RideId, driver: DriverId) -> Result<RideStanding, Error> {
    let ride = lock(tx, ride_id)?;
    let job = &ride.job;
    let is_theirs = job.driver_id == Some(driver);
    if is_theirs && job.status.is_held() {
        return standing(tx, job.id);
    }
    if is_theirs {
        return Err(not_in_state(job));
    }
    let offer = sql!(tx, offers::find(job.id, driver))?.map(Offer::from);
    match offer {
        None => return Err(Refusal::NotFound("ride").into()),
        Some(Offer { outcome: Some(_), .. }) if reads::has_declined(tx.conn(), job.id, driver)? => {
            return Err(Refusal::NotFound("ride").into());
        }
        Some(_) if job.driver_id.is_some() && job.status != JobStatus::Cancelled => {
            return Err(Refusal::RideTaken.into());
        }
        Some(_) if job.status != JobStatus::Requested => {
            return Err(not_in_state(job));
        }
        Some(offer) if !offer.is_open(tx.now()) => return Err(Refusal::OfferEnded.into()),
        Some(_) => {}
    }
    bind(tx, &ride, driver, None)?;
    standing(tx, job.id)
}

/// Binds a ride that is searched for to a driver without asking them. `seen_at` is where they were found: their row may not
/// say it yet, or say what was not believed.
pub fn claim(tx: &mut Tx<'_>, job: JobId, driver: DriverId, seen_at: Option<Position>) -> Result<(), Error> {
    let (ride, search) = searches::lock_searched(tx, job)?.ok_or(Refusal::NotFound("ride"))?;
    if reads::has_declined(tx.conn(), job, driver)? {
        return Err(Refusal::OfferEnded.into());
    }
    bind(tx, &ride, driver, Some(Claim { search, seen_at }))
}

/// A driver who is bound without being asked: by which search, and where it found them.
struct Claim {
    search: SearchRecord,
    seen_at: Option<Position>,
}

/// Makes the ride the driver's, if they may still have it.
fn bind(tx: &mut Tx<'_>, ride: &Ride, driver: DriverId, claim: Option<Claim>) -> Result<(), Error> {
    let to = moves(&ride.job, Move::Assign)?;
    let row = drivers::lock(tx, driver)?;
    let account = sql!(tx, accounts::find(row.account_id))?.ok_or(Refusal::NotFound("driver"))?;
    if account.is_suspended {
        return Err(Refusal::DriverSuspended.into());
    }
    // They have gone off duty, and are about to hear that the offer is withdrawn.
    if !row.is_verified || row.wants != Wants::Online || !takes_vehicle(ride, &row.vehicle_type) {
        return Err(Refusal::OfferEnded.into());
    }
    let mut holding = drivers::holding(tx, driver)?;
    if holding.deliveries > 0 || holding.rides > 0 || holding.services_under_way > 0 {
        return Err(Refusal::DriverBusy.into());
    }
    let change = JobChange {
        driver_id: Some(Some(driver.0)),
        assigned_at: Some(Some(tx.at())),
        ..JobChange::default()
    };
    let bound = advance(tx, ride, to, &change)?;
    holding.rides += 1;
    drivers::settle_holding(tx, &row, row.wants, holding)?;
    let mut shown = card(&row, &account);
    if let Some(Claim { search, seen_at }) = claim {
        searches::record_claim(tx, ride, &search, &account, driver)?;
        shown.position = seen_at.or(shown.position);
    }
    searches::end(tx, ride, End::Assigned(driver))?;
    let accepted = EventBody::RideAccepted(Box::new(assignment(ride, shown, tx.rules().travel)));
    tell_customer(tx, &bound, accepted.clone())?;
    let contact = reads::with_its_people(tx.conn(), ride.clone())?.contact();
    tx.record_with_contact(account.id, bound.id, accepted, contact);
    Ok(())
}

/// A driver does not want a ride that is offered to them, and is not asked again. One who has it gives it back, until it has
/// started.
pub fn decline(
    tx: &mut Tx<'_>,
    ride_id: &RideId,
    driver: DriverId,
    reason: &str,
) -> Result<RideStanding, Error> {
    let ride = lock(tx, ride_id)?;
    let (job, at) = (ride.job.id, tx.at());
    if ride.job.driver_id == Some(driver) {
        release(tx, &ride, driver, reason)?;
        drivers::settle_held(tx, driver)?;
        return standing(tx, job);
    }
    if reads::has_declined(tx.conn(), job, driver)? {
        return Ok(unbound(standing(tx, job)?));
    }
    sql!(tx, offers::find(job, driver))?.ok_or(Refusal::NotFound("ride"))?;
    match ride.job.status {
        JobStatus::Requested => {
            sql!(tx, jobs::decline(job, driver, at))?;
            sql!(tx, offers::end(job, driver, OfferOutcome::Declined.as_str(), at))?;
            tx.announce(Announcement::Search(SearchNews::Declined { job, driver }));
            note(tx, &ride, What::Declined(driver))?;
            standing(tx, job)
        }
        JobStatus::Cancelled | JobStatus::Unmatched => Err(not_in_state(&ride.job)),
        _ => Err(Refusal::RideTaken.into()),
    }
}

/// The same by a driver who has it, or who repeats that they gave it back.
pub fn give_back(
    tx: &mut Tx<'_>,
    ride_id: &RideId,
    driver: DriverId,
    reason: &str,
) -> Result<RideStanding, Error> {
    let ride = lock(tx, ride_id)?;
    match ride.job.driver_id == Some(driver) || ride.job.rejected_by == Some(driver) {
        true => decline(tx, ride_id, driver, reason),
        false => Err(Refusal::NotFound("ride").into()),
    }
}

/// Puts a ride back to requested, remembers its driver as one who does not want it, and looks for another. The driver's
/// status is the caller's to settle.
pub(in crate::operations) fn release(
    tx: &mut Tx<'_>,
    ride: &Ride,
    driver: DriverId,
    reason: &str,
) -> Result<Job, Error> {
    let to = moves(&ride.job, Move::Release)?;
    let change = JobChange {
        driver_id: Some(None),
        assigned_at: Some(None),
        set_out_at: Some(None),
        arrived_at: Some(None),
        rejected_by: Some(Some(driver.0)),
        driver_lost_at: Some(None),
        ..JobChange::default()
    };
    let job = advance(tx, ride, to, &change)?;
    let at = tx.at();
    sql!(tx, jobs::decline(job.id, driver, at))?;
    if let Some((_, account)) = sql!(tx, drivers::find(driver))? {
        // On each of their connections, also where it was taken from them.
        let gone =
            EventBody::RideUnavailable { ride_id: ride.ride_id.clone(), reason: Unavailable::Withdrawn };
        tx.record(account.id, Some(job.id), gone);
        let body = EventBody::DriverCancelled {
            ride_id: ride.ride_id.clone(),
            driver: account.public_id,
            reason: reason.to_owned(),
        };
        tell_customer(tx, &job, body)?;
    }
    searches::reopen(tx, ride)?;
    Ok(job)
}

/// A driver moves a ride of theirs on. Repeating the move that led to the present state changes nothing. `driven_m` is the
/// length of the way where the final fare is to be made of it.
pub fn step(
    tx: &mut Tx<'_>,
    ride_id: &RideId,
    driver: DriverId,
    step: RideStep,
    driven_m: Option<f64>,
) -> Result<RideStanding, Error> {
    let ride = lock(tx, ride_id)?;
    let job = &ride.job;
    if job.driver_id != Some(driver) {
        return Err(Refusal::NotFound("ride").into());
    }
    let the_move = match step {
        RideStep::Arrive => Move::Arrive,
        RideStep::Start => Move::Start,
        RideStep::Complete => Move::Complete,
    };
    let Some(to) = moves_or_repeats(job, the_move)? else { return standing(tx, job.id) };
    let estimated = ride.estimated_fare();
    // Where CURRENCY was changed since, the tariff is no longer the ride's.
    let driven = driven_m.map(|metres| tx.rules().tariff.fare(metres));
    let fare = driven.filter(|fare| fare.currency() == estimated.currency()).unwrap_or(estimated);
    let account = account_of(tx, driver)?;
    let (at, ride_id) = (tx.at(), ride.ride_id.clone());
    let (change, body) = match step {
        RideStep::Arrive => (
            JobChange { arrived_at: Some(Some(at)), ..JobChange::default() },
            EventBody::DriverArrived { ride_id, driver: account.public_id },
        ),
        // A driver who starts without reporting arrival has arrived.
        RideStep::Start => (
            JobChange {
                arrived_at: ride.arrived_at.is_none().then_some(Some(at)),
                started_at: Some(at),
                ..JobChange::default()
            },
            EventBody::RideStarted { ride_id },
        ),
        RideStep::Complete => (
            JobChange {
                completed_at: Some(at),
                final_fare_minor: Some(fare.minor()),
                // The driver earns the ride's fare.
                earnings_minor: Some(fare.minor()),
                ..JobChange::default()
            },
            EventBody::RideCompleted { ride_id, final_fare: fare },
        ),
    };
    let job = advance(tx, &ride, to, &change)?;
    if !to.is_held() {
        drivers::settle_held(tx, driver)?;
    }
    tell_customer(tx, &job, body.clone())?;
    tx.record(account.id, Some(job.id), body);
    standing(tx, job.id)
}

fn assignment(ride: &Ride, driver: DriverCard, travel: Travel) -> RideAssignment {
    let way = driver.position.zip(ride.job.pickup());
    RideAssignment {
        ride_id: ride.ride_id.clone(),
        booking_id: ride.job.id,
        estimated_arrival: way.map(|(from, to)| travel.minutes(from, to)),
        driver,
    }
}

/// Metres that a ride's driver has driven since its start, from the recorded positions; `None` if they are not enough.
/// The recorder must have been flushed: only stored positions count.
pub fn driven_m(
    conn: &mut Conn<'_>,
    ride_id: &RideId,
    driver: DriverId,
    now: DateTime<Utc>,
) -> Result<Option<f64>, StoreError> {
    let Some(standing) = reads::ride(conn, ride_id)? else { return Ok(None) };
    let job = standing.ride.job;
    let Some(started_at) = job.started_at.filter(|_| job.driver_id == Some(driver)) else { return Ok(None) };
    let from = (started_at, 0);
    let track = sql!(conn, locations::track(driver, from, now.naive_utc(), TRACK_POSITIONS_MAX))?;
    if track.len() < 2 {
        return Ok(None);
    }
    let places = track.iter().filter_map(|location| {
        let position = Position::new(location.latitude, location.longitude).ok()?;
        Some((location.created_at.and_utc(), position))
    });
    Ok(Some(track_length_m(places)))
}

/// The view of a driver who gave a ride back: without the time and the driver of its execution.
fn unbound(mut standing: RideStanding) -> RideStanding {
    standing.driver = None;
    let Ride { job, arrived_at, final_fare_minor, .. } = &mut standing.ride;
    if job.driver_id.take().is_some() && job.status != JobStatus::Cancelled {
        job.status = JobStatus::Requested;
    }
    (job.assigned_at, job.started_at, job.completed_at) = (None, None, None);
    job.payment = job.payment.untold();
    (*arrived_at, *final_fare_minor) = (None, None);
    standing
}
