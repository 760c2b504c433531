//! Bookings of technicians: made, assigned to a technician, carried out, taken back and cancelled. A technician is a
//! driver. Rows are locked in the usual order: the booking, then drivers by id. Customer and technician hear of each
//! move by a durable event; a technician who has lost a booking hears that it is pending, and nothing about its new
//! technician.

use crate::domain::booking::{BookingStatus, track_id};
use crate::domain::event::{BookingUpdate, EventBody};
use crate::domain::external_id::ExternalId;
use crate::domain::ids::{CustomerId, DriverId, JobId};
use crate::domain::job::{JobKind, JobStatus, Move};
use crate::domain::payment::Terms;
use crate::domain::position::Position;
use crate::domain::story::What;
use crate::operations::error::{Error, Refusal, external_id_taken};
use crate::operations::jobs::{
    advance, moves, moves_or_repeats, not_in_state, note, tell_customer, tell_driver,
};
use crate::operations::{drivers, payments, rides};
use crate::store::reads::{self, BookingStanding};
use crate::store::{Booking, Conn, Driver, Job, JobChange, NewBooking, NewJob, StoreError, Tx, sql};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A customer's wish: the service and, if given, the place and the time.
#[derive(Clone, Debug)]
pub struct BookingRequest {
    pub service: String,
    pub address: String,
    pub place: Option<Position>,
    pub scheduled_at: Option<DateTime<Utc>>,
    pub terms: Terms,
    pub external_id: Option<ExternalId>,
}

/// A party of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// An operator, or a program of theirs.
    Operator,
    Customer(CustomerId),
    Technician(DriverId),
}

impl Party {
    pub fn technician(self) -> Option<DriverId> {
        match self {
            Party::Technician(driver) => Some(driver),
            Party::Operator | Party::Customer(_) => None,
        }
    }
}

/// A booking that a customer makes themself, whose number of open ones is limited; otherwise the same as [`create`].
pub fn ask_for(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    request: &BookingRequest,
) -> Result<BookingStanding, Error> {
    // Or two requests at once would both be the last one.
    sql!(tx, customers::lock(customer))?;
    let open = sql!(tx, jobs::open_of(customer, JobKind::Service))?;
    rides::within(open, tx.rules().open.bookings_of_customer_max)?;
    create(tx, customer, request)
}

/// All amounts of the booking are in the installation's currency.
pub fn create(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    request: &BookingRequest,
) -> Result<BookingStanding, Error> {
    // A guest was made for one ride and hears of nothing else.
    let found = sql!(tx, customers::find(customer))?.filter(|(_, account)| !account.is_guest);
    let (_, account) = found.ok_or(Refusal::NotFound("customer"))?;
    let job = NewJob {
        public_id: Uuid::new_v4().to_string(),
        kind: JobKind::Service.as_str(),
        status: JobStatus::Requested.as_str(),
        customer_id: Some(customer.0),
        restaurant_name: "",
        pickup_address: &request.address,
        pickup_latitude: request.place.map(Position::latitude),
        pickup_longitude: request.place.map(Position::longitude),
        dropoff_address: "",
        dropoff_latitude: None,
        dropoff_longitude: None,
        earnings_minor: 0,
        distance_km: 0.0,
        requested_at: tx.at(),
        is_demo: account.is_demo,
        payment: payments::begun(&request.terms, tx.rules().currency(), tx.at()),
        external_id: request.external_id.as_ref().map(ExternalId::as_str),
    };
    let row = NewBooking { job, scheduled_at: request.scheduled_at.map(|at| at.naive_utc()) };
    let id = sql!(tx, bookings::insert(&row, &request.service)).map_err(external_id_taken)?;
    let made = standing(tx, id)?;
    note(tx, &made.booking.job, What::Requested)?;
    Ok(made)
}

/// The booking as `party` may see it: who takes part in it, and operators.
pub fn view(conn: &mut Conn<'_>, id: JobId, party: Party) -> Result<Option<BookingStanding>, StoreError> {
    Ok(reads::booking(conn, id)?.filter(|found| takes_part(&found.booking.job, party)))
}

fn takes_part(job: &Job, party: Party) -> bool {
    match party {
        Party::Operator => true,
        Party::Customer(customer) => job.customer_id == Some(customer),
        Party::Technician(driver) => job.driver_id == Some(driver),
    }
}

/// Gives a booking to a technician, also one that another has, until the work has begun. Naming the one who has it
/// changes nothing.
pub fn assign(tx: &mut Tx<'_>, id: JobId, driver: DriverId) -> Result<BookingStanding, Error> {
    let booking = lock(tx, id)?;
    let former = booking.job.driver_id.filter(|_| booking.job.status.is_held());
    if former == Some(driver) {
        return standing(tx, id);
    }
    moves(&booking.job, if former.is_some() { Move::Release } else { Move::Assign })?;
    let technician = lock_free(tx, &booking, driver, former)?;
    let job = match former {
        Some(former) => unbind(tx, booking.job, former, None, None)?,
        None => booking.job,
    };
    let to = moves(&job, Move::Assign)?;
    let change = JobChange {
        driver_id: Some(Some(driver.0)),
        assigned_at: Some(Some(tx.at())),
        ..JobChange::default()
    };
    let job = advance(tx, &job, to, &change)?;
    for held_by in former.into_iter().chain([technician.id]) {
        drivers::settle_held(tx, held_by)?;
    }
    tell(tx, &job, None)?;
    standing(tx, id)
}

/// Locks the row of a technician who may get one booking more, and of who has it now. A booking for later may be given
/// to somebody who is at work; one for now may not.
fn lock_free(
    tx: &mut Tx<'_>,
    booking: &Booking,
    driver: DriverId,
    former: Option<DriverId>,
) -> Result<Driver, Error> {
    if let Some(former) = former.filter(|former| *former < driver) {
        drivers::lock(tx, former)?;
    }
    let row = drivers::lock(tx, driver)?;
    if let Some(former) = former.filter(|former| *former > driver) {
        drivers::lock(tx, former)?;
    }
    let account = sql!(tx, accounts::find(row.account_id))?.ok_or(Refusal::NotFound("driver"))?;
    if account.is_suspended {
        return Err(Refusal::DriverSuspended.into());
    }
    let holding = drivers::holding(tx, driver)?;
    let is_for_later = booking.scheduled_at.is_some_and(|at| at > tx.at());
    if !is_for_later && (holding.rides > 0 || holding.services_under_way > 0) {
        return Err(Refusal::DriverBusy.into());
    }
    if holding.services_ahead + holding.services_under_way >= tx.rules().bookings_max {
        return Err(Refusal::DriverFull.into());
    }
    Ok(row)
}

/// Moves a booking to the status that its technician or an operator wishes. The status that it has changes nothing.
/// `reason` is of a cancellation, or of giving it back.
pub fn set_status(
    tx: &mut Tx<'_>,
    id: JobId,
    party: Party,
    wished: BookingStatus,
    reason: Option<&str>,
) -> Result<BookingStanding, Error> {
    let booking = lock(tx, id)?;
    if !takes_part(&booking.job, party) {
        let gave_it_back = booking.job.rejected_by.is_some_and(|by| party == Party::Technician(by));
        return match gave_it_back && wished == BookingStatus::Pending {
            true => Ok(unbound(standing(tx, id)?)),
            false => Err(Refusal::NotFound("booking").into()),
        };
    }
    if wished == BookingStatus::from(booking.job.status) {
        return standing(tx, id);
    }
    match wished.wished() {
        None => return Err(not_in_state(&booking.job)),
        Some(Move::Release) => give_back(tx, booking.job, party, reason)?,
        Some(Move::Cancel) => end(tx, &booking.job, party, reason.unwrap_or_default())?,
        Some(step) => move_on(tx, &booking, step)?,
    }
    standing(tx, id)
}

/// Ends a booking before it is completed: the customer until the work has begun, an operator at any time. Cancelling
/// what is cancelled changes nothing.
pub fn cancel(tx: &mut Tx<'_>, id: JobId, party: Party, reason: &str) -> Result<BookingStanding, Error> {
    let job = lock(tx, id)?.job;
    if !takes_part(&job, party) {
        return Err(Refusal::NotFound("booking").into());
    }
    if matches!(party, Party::Customer(_)) && job.status == JobStatus::InProgress {
        return Err(not_in_state(&job));
    }
    end(tx, &job, party, reason)?;
    standing(tx, id)
}

/// Ends a booking of the demo data.
pub(super) fn end_demo(tx: &mut Tx<'_>, id: JobId, reason: &str) -> Result<(), Error> {
    let job = lock(tx, id)?.job;
    end(tx, &job, Party::Operator, reason)
}

fn end(tx: &mut Tx<'_>, job: &Job, party: Party, reason: &str) -> Result<(), Error> {
    let Some(to) = moves_or_repeats(job, Move::Cancel)? else { return Ok(()) };
    let cancelled_by = match party {
        Party::Operator => "admin",
        Party::Customer(_) => "customer",
        Party::Technician(_) => "technician",
    };
    let change = JobChange {
        cancelled_at: Some(tx.at()),
        cancelled_by: Some(cancelled_by),
        cancel_reason: Some(reason),
        ..JobChange::default()
    };
    let job = advance(tx, job, to, &change)?;
    if let Some(driver) = job.driver_id {
        drivers::settle_held(tx, driver)?;
    }
    tell(tx, &job, Some(reason))
}

/// The technician, or an operator, makes a booking pending again.
fn give_back(tx: &mut Tx<'_>, job: Job, party: Party, reason: Option<&str>) -> Result<(), Error> {
    let driver = job.driver_id.ok_or_else(|| not_in_state(&job))?;
    let rejected_by = (party == Party::Technician(driver)).then_some(driver);
    let job = unbind(tx, job, driver, rejected_by, reason)?;
    drivers::settle_held(tx, driver)?;
    tell(tx, &job, reason)
}

/// Takes a booking from its technician. The driver's status is the caller's to settle.
pub(super) fn release(tx: &mut Tx<'_>, job: Job, driver: DriverId, reason: &str) -> Result<(), Error> {
    let job = unbind(tx, job, driver, None, Some(reason))?;
    tell(tx, &job, Some(reason))
}

/// Makes a booking pending, and tells who had it.
fn unbind(
    tx: &mut Tx<'_>,
    job: Job,
    driver: DriverId,
    rejected_by: Option<DriverId>,
    reason: Option<&str>,
) -> Result<Job, Error> {
    let to = moves(&job, Move::Release)?;
    let change = JobChange {
        driver_id: Some(None),
        assigned_at: Some(None),
        set_out_at: Some(None),
        arrived_at: Some(None),
        rejected_by: rejected_by.map(|driver| Some(driver.0)),
        ..JobChange::default()
    };
    let job = advance(tx, &job, to, &change)?;
    tell_driver(tx, driver, job.id, updated(&job, String::new(), reason))?;
    Ok(job)
}

/// Sets out, arrives, begins or completes. Skipped steps count as done at this time.
fn move_on(tx: &mut Tx<'_>, booking: &Booking, step: Move) -> Result<(), Error> {
    let job = &booking.job;
    let to = moves(job, step)?;
    let driver = job.driver_id.ok_or_else(|| not_in_state(job))?;
    drivers::lock(tx, driver)?;
    let holding = drivers::holding(tx, driver)?;
    let is_setting_out = job.status == JobStatus::Assigned;
    if is_setting_out && (holding.rides > 0 || holding.services_under_way > 0 || holding.deliveries > 0) {
        return Err(Refusal::DriverBusy.into());
    }
    let now = tx.at();
    let mut change = JobChange::default();
    if step == Move::Complete {
        change.completed_at = Some(now);
    } else {
        let arrives = matches!(step, Move::Arrive | Move::Start);
        change.set_out_at = job.set_out_at.is_none().then_some(Some(now));
        change.arrived_at = (arrives && booking.arrived_at.is_none()).then_some(Some(now));
        change.started_at = (step == Move::Start).then_some(now);
    }
    let job = advance(tx, job, to, &change)?;
    drivers::settle_held(tx, driver)?;
    tell(tx, &job, None)
}

/// Tells the customer, and the technician if there is one, the state of a booking.
fn tell(tx: &mut Tx<'_>, job: &Job, reason: Option<&str>) -> Result<(), Error> {
    let technician = match job.driver_id {
        Some(driver) => sql!(tx, drivers::find(driver))?.map(|(_, account)| account),
        None => None,
    };
    let name = technician.as_ref().map(|account| account.name.clone()).unwrap_or_default();
    let body = updated(job, name, reason);
    if let Some(account) = technician {
        tx.record(account.id, Some(job.id), body.clone());
    }
    tell_customer(tx, job, body)
}

fn updated(job: &Job, technician_name: String, reason: Option<&str>) -> EventBody {
    EventBody::BookingUpdated(BookingUpdate {
        booking_id: job.id,
        track_id: track_id(job.id),
        status: job.status.into(),
        technician_name,
        reason: reason.filter(|reason| !reason.is_empty()).map(str::to_owned),
    })
}

fn lock(tx: &mut Tx<'_>, id: JobId) -> Result<Booking, Error> {
    // Only the job's row is locked; the further columns of bookings do not change.
    sql!(tx, jobs::lock(id))?.ok_or(Refusal::NotFound("booking"))?;
    Ok(sql!(tx, bookings::find(id))?.ok_or(Refusal::NotFound("booking"))?)
}

fn standing(tx: &mut Tx<'_>, id: JobId) -> Result<BookingStanding, Error> {
    Ok(reads::booking(tx.conn(), id)?.ok_or(Refusal::NotFound("booking"))?)
}

/// The view of a technician who gave a booking back: without the time and the technician of its execution.
fn unbound(mut standing: BookingStanding) -> BookingStanding {
    standing.technician = None;
    let Booking { job, arrived_at, .. } = &mut standing.booking;
    job.driver_id = None;
    if job.status != JobStatus::Cancelled {
        job.status = JobStatus::Requested;
    }
    (job.assigned_at, job.set_out_at, job.started_at, job.completed_at) = (None, None, None, None);
    *arrived_at = None;
    job.payment = job.payment.untold();
    standing
}
