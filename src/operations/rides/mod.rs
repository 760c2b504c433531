//! Rides: requested, offered to drivers, accepted by one of them, carried out, given back, cancelled and rated. Rows
//! are locked in the usual order: the ride, then the driver. The participants hear of each move by a durable event;
//! anybody else is told that there is no such ride.

mod app_rides;
mod chat;
mod driving;
mod rating;
mod unreachable;

pub use app_rides::{Asker, UnderWay, call_off, find_driver, under_way};
pub use chat::chat;
pub(super) use driving::release;
pub use driving::{accept, claim, decline, driven_m, give_back, step};
pub use rating::rate;
pub use unreachable::{Waiting, lose_driver, waiting_since};

use crate::domain::contact::Contact;
use crate::domain::event::{DriverCard, EventBody};
use crate::domain::external_id::ExternalId;
use crate::domain::ids::{CustomerId, DriverId, JobId};
use crate::domain::job::{JobKind, JobStatus, Move};
use crate::domain::job_rules::JobRules;
use crate::domain::money::{Amount, Money};
use crate::domain::offer::Offer;
use crate::domain::open_search::End;
use crate::domain::payment::Terms;
use crate::domain::position::Position;
use crate::domain::ride::{CancelledBy, RideId};
use crate::domain::search_policy::Patience;
use crate::domain::story::What;
use crate::operations::authentication::Principal;
use crate::operations::error::{Error, Refusal, external_id_taken};
use crate::operations::jobs::{advance, moves_or_repeats, not_in_state, note, tell_customer};
use crate::operations::{drivers, payments, searches};
use crate::store::reads::{self, RideStanding};
use crate::store::{Account, Conn, Driver, JobChange, NewJob, NewRide, Ride, StoreError, Tx, sql};
use chrono::{DateTime, Utc};
use std::net::IpAddr;
use uuid::Uuid;

/// A passenger's request. Absent values for fare and route are estimated.
#[derive(Clone, Debug)]
pub struct RideRequest {
    /// Of the app's choosing; otherwise we choose one.
    pub ride_id: Option<RideId>,
    pub ride_type: String,
    pub pickup: Position,
    pub dropoff: Position,
    pub pickup_address: String,
    pub dropoff_address: String,
    pub fare: Option<Amount>,
    pub terms: Terms,
    pub distance_km: Option<f64>,
    /// As the app has it of its own route.
    pub duration_minutes: Option<u32>,
    pub scheduled_at: Option<DateTime<Utc>>,
    /// Where the passenger can be called, if elsewhere than at their account's number.
    pub passenger_phone: Option<String>,
    /// How long the search goes on with nobody left to ask.
    pub patience: Patience,
    pub external_id: Option<ExternalId>,
}

/// The canceller of a ride. A driver never cancels: they give it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceller {
    Passenger(CustomerId),
    Admin,
}

/// The viewer of a ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    Passenger(CustomerId),
    Driver(DriverId),
    Admin,
}

impl Viewer {
    /// Programs of the operator's have no part in a ride.
    pub fn of(principal: &Principal) -> Option<Self> {
        match (principal.customer, principal.driver, principal.role) {
            (Some(passenger), _, _) => Some(Viewer::Passenger(passenger)),
            (_, Some(driver), _) => Some(Viewer::Driver(driver)),
            (_, _, role) if role.is_operator() => Some(Viewer::Admin),
            _ => None,
        }
    }
}

/// A passenger asks for a ride: from now on a driver is looked for, unless it is for later.
pub fn request(tx: &mut Tx<'_>, passenger: CustomerId, request: &RideRequest) -> Result<RideStanding, Error> {
    may_open_one(tx, passenger)?;
    let ride = make(tx, passenger, request, None)?;
    Ok(reads::with_its_people(tx.conn(), ride)?)
}

/// Within what one customer may have open. Their row is kept from others, or two requests at once would both be the last one.
fn may_open_one(tx: &mut Tx<'_>, passenger: CustomerId) -> Result<(), Error> {
    sql!(tx, customers::lock(passenger))?;
    let open = sql!(tx, jobs::open_of(passenger, JobKind::Ride))?;
    within(open, tx.rules().open.rides_of_customer_max)
}

/// Checks the limit of open rides for all clients without an account from one address. With simultaneous requests it
/// may be exceeded by as many as the database decides at once.
fn may_open_one_from(tx: &mut Tx<'_>, address: IpAddr) -> Result<(), Error> {
    let open = sql!(tx, jobs::open_asked_from(&address.to_string()))?;
    within(open, tx.rules().open.rides_of_address_max)
}

pub(super) fn within(open: i64, max: u32) -> Result<(), Error> {
    if open < i64::from(max) { Ok(()) } else { Err(Refusal::TooManyOpenJobs.into()) }
}

fn make(
    tx: &mut Tx<'_>,
    passenger: CustomerId,
    request: &RideRequest,
    asked_from: Option<IpAddr>,
) -> Result<Ride, Error> {
    let rules = tx.rules();
    let found = sql!(tx, customers::find(passenger))?;
    let (_, account) = found.ok_or(Refusal::NotFound("customer"))?;
    let estimated_km = rules.travel.distance_m(request.pickup, request.dropoff) / 1000.0;
    let distance_km = request.distance_km.unwrap_or(estimated_km);
    let fare = fare(request, estimated_km, rules);
    let ride_id = request.ride_id.clone().unwrap_or_else(|| Uuid::new_v4().into());
    let job = NewJob {
        public_id: ride_id.as_str().to_owned(),
        kind: JobKind::Ride.as_str(),
        status: JobStatus::Requested.as_str(),
        customer_id: Some(passenger.0),
        restaurant_name: "",
        pickup_address: &request.pickup_address,
        pickup_latitude: Some(request.pickup.latitude()),
        pickup_longitude: Some(request.pickup.longitude()),
        dropoff_address: &request.dropoff_address,
        dropoff_latitude: Some(request.dropoff.latitude()),
        dropoff_longitude: Some(request.dropoff.longitude()),
        earnings_minor: fare.minor(),
        distance_km,
        requested_at: tx.at(),
        is_demo: account.is_demo,
        payment: payments::begun(&request.terms, rules.currency(), tx.at()),
        external_id: request.external_id.as_ref().map(ExternalId::as_str),
    };
    let row = NewRide {
        job,
        ride_type: &request.ride_type,
        passenger_phone: request.passenger_phone.as_deref().or(account.phone_number.as_deref()),
        estimated_fare_minor: fare.minor(),
        estimated_duration_minutes: request.duration_minutes.map(i64::from),
        scheduled_at: request.scheduled_at.map(|at| at.naive_utc()),
        asked_from: asked_from.map(|address| address.to_string()),
    };
    let ride = sql!(tx, rides::insert(&row)).map_err(|error| match external_id_taken(error) {
        // Another socket asked under the same id at the same time: once more, to find its ride.
        Error::Store(StoreError::Taken { .. }) => StoreError::Repeat.into(),
        other => other,
    })?;
    note(tx, &ride, What::Requested)?;
    if is_due(&ride, tx.now()) {
        searches::open(tx, &ride, request.patience, rules.search_span)?;
    }
    Ok(ride)
}

/// A ride's fare, as far as it is known in advance. If the app's fare is ignored, its distance is ignored, too.
fn fare(request: &RideRequest, estimated_km: f64, rules: &JobRules) -> Money {
    let said_km = request.distance_km.filter(|_| rules.fare_source.trusts_the_way());
    let own = rules.tariff.fare(said_km.unwrap_or(estimated_km) * 1000.0);
    let named = request.fare.map(|fare| fare.in_currency(rules.currency()));
    let fare = rules.fare_source.fare(named, own);
    if let Some(named) = named.filter(|named| *named != fare) {
        log::debug!("ride costs fare=\"{fare}\" and not named=\"{named}\"");
    }
    fare
}

/// The ride as `viewer` may see it: who takes part in it or could take it, and admins.
pub fn view(
    conn: &mut Conn<'_>,
    ride_id: &RideId,
    viewer: Viewer,
    now: DateTime<Utc>,
) -> Result<Option<RideStanding>, StoreError> {
    let Some(found) = reads::ride(conn, ride_id)? else { return Ok(None) };
    let job = &found.ride.job;
    let may_see = match viewer {
        Viewer::Admin => true,
        Viewer::Passenger(passenger) => job.customer_id == Some(passenger),
        Viewer::Driver(driver) if job.driver_id == Some(driver) => true,
        Viewer::Driver(driver) => {
            let offer = sql!(conn, offers::find(job.id, driver))?.map(Offer::from);
            job.status == JobStatus::Requested && offer.is_some_and(|offer| offer.is_open(now))
        }
    };
    Ok(may_see.then_some(found))
}

/// The contact for the driver of the ride; `None` unless the ride is theirs now.
pub fn contact(
    conn: &mut Conn<'_>,
    ride_id: &RideId,
    driver: DriverId,
) -> Result<Option<Contact>, StoreError> {
    match sql!(conn, rides::id_of(ride_id.as_str()))? {
        Some(job) => reads::contact(conn, job, driver),
        None => Ok(None),
    }
}

/// A ride for later is nobody's before it is due.
fn is_due(ride: &Ride, now: DateTime<Utc>) -> bool {
    ride.scheduled_at.is_none_or(|at| at <= now.naive_utc())
}

/// Ends a ride before its goal: the passenger until it starts, an admin until it is completed. Cancelling what is
/// cancelled changes nothing.
pub fn cancel(tx: &mut Tx<'_>, ride_id: &RideId, by: Canceller, reason: &str) -> Result<RideStanding, Error> {
    let ride = lock(tx, ride_id)?;
    let job = &ride.job;
    let cancelled_by = match by {
        Canceller::Passenger(passenger) if job.customer_id != Some(passenger) => {
            return Err(Refusal::NotFound("ride").into());
        }
        Canceller::Passenger(_) if job.status == JobStatus::InProgress => {
            return Err(not_in_state(job));
        }
        Canceller::Passenger(_) => CancelledBy::Passenger,
        Canceller::Admin => CancelledBy::Admin,
    };
    let id = job.id;
    end(tx, ride, cancelled_by, reason)?;
    standing(tx, id)
}

/// Ends a ride of the demo data.
pub(super) fn end_demo(tx: &mut Tx<'_>, id: JobId, reason: &str) -> Result<(), Error> {
    let ride = sql!(tx, rides::lock(id))?.ok_or(Refusal::NotFound("ride"))?;
    end(tx, ride, CancelledBy::Admin, reason)
}

fn end(tx: &mut Tx<'_>, ride: Ride, cancelled_by: CancelledBy, reason: &str) -> Result<(), Error> {
    let Some(to) = moves_or_repeats(&ride.job, Move::Cancel)? else { return Ok(()) };
    let change = JobChange {
        cancelled_at: Some(tx.at()),
        cancelled_by: Some(cancelled_by.as_str()),
        cancel_reason: Some(reason),
        ..JobChange::default()
    };
    let job = advance(tx, &ride, to, &change)?;
    searches::end(tx, &ride, End::Cancelled)?;
    let (ride_id, reason) = (ride.ride_id, reason.to_owned());
    let body = EventBody::RideCancelled { ride_id, cancelled_by, reason, code: None };
    if let Some(driver) = job.driver_id {
        let account = account_of(tx, driver)?;
        tx.record(account.id, Some(job.id), body.clone());
        drivers::settle_held(tx, driver)?;
    }
    tell_customer(tx, &job, body)
}

/// A driver as the passenger of their ride sees them.
pub fn card(driver: &Driver, account: &Account) -> DriverCard {
    DriverCard {
        public_id: account.public_id,
        id: driver.id,
        name: account.name.clone(),
        phone: account.phone_number.clone(),
        vehicle_type: driver.vehicle_type.clone(),
        plate: driver.vehicle_registration.clone(),
        color: driver.vehicle_color.clone(),
        rating: driver.rating,
        position: driver.position(),
    }
}

fn lock(tx: &mut Tx<'_>, ride_id: &RideId) -> Result<Ride, Error> {
    let id = sql!(tx, rides::id_of(ride_id.as_str()))?.ok_or(Refusal::NotFound("ride"))?;
    Ok(sql!(tx, rides::lock(id))?.ok_or(Refusal::NotFound("ride"))?)
}

fn standing(tx: &mut Tx<'_>, id: JobId) -> Result<RideStanding, Error> {
    let ride = sql!(tx, rides::find(id))?.ok_or(Refusal::NotFound("ride"))?;
    Ok(reads::with_its_people(tx.conn(), ride)?)
}

fn account_of(tx: &mut Tx<'_>, driver: DriverId) -> Result<Account, Error> {
    let (_, account) = sql!(tx, drivers::find(driver))?.ok_or(Refusal::NotFound("driver"))?;
    Ok(account)
}
