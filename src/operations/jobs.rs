//! The common part of decisions about jobs of any kind: the transition or its refusal, the conditional move, its
//! events, and its line in the log.

use crate::domain::audit::Subject as Concerned;
use crate::domain::event::EventBody;
use crate::domain::ids::{DriverId, JobId};
use crate::domain::job::{JobStatus, Move, MoveOutcome, transition};
use crate::domain::ride::RideId;
use crate::domain::story::{Happening, What};
use crate::operations::error::{Error, Refusal};
use crate::store::{Job, JobChange, Ride, StoreError, Tx, Updated, sql};
use chrono::TimeDelta;

/// A job, and the id by which apps know it where it is a ride.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    job: &'a Job,
    ride: Option<&'a RideId>,
}

impl<'a> Subject<'a> {
    pub(super) const fn new(job: &'a Job, ride: Option<&'a RideId>) -> Self {
        Self { job, ride }
    }
}

impl<'a> From<&'a Job> for Subject<'a> {
    fn from(job: &'a Job) -> Self {
        Self { job, ride: None }
    }
}

impl<'a> From<&'a Ride> for Subject<'a> {
    fn from(ride: &'a Ride) -> Self {
        Self { job: &ride.job, ride: Some(&ride.ride_id) }
    }
}

/// The state that `step` leads to; `None` where it led to the present one already: then it is repeated, and changes
/// nothing.
pub(super) fn moves_or_repeats(job: &Job, step: Move) -> Result<Option<JobStatus>, Error> {
    match transition(job.kind, job.status, step) {
        MoveOutcome::Moves(to) => Ok(Some(to)),
        MoveOutcome::Already => Ok(None),
        MoveOutcome::Refused => Err(not_in_state(job)),
    }
}

/// The same for a step that is refused when it is repeated.
pub(super) fn moves(job: &Job, step: Move) -> Result<JobStatus, Error> {
    moves_or_repeats(job, step)?.ok_or_else(|| not_in_state(job))
}

/// The state of the job does not allow it.
pub(super) fn not_in_state(job: &Job) -> Error {
    Refusal::State(job.kind, job.status).into()
}

/// Moves a job whose row is locked.
pub(super) fn advance<'a>(
    tx: &mut Tx<'_>,
    subject: impl Into<Subject<'a>>,
    to: JobStatus,
    change: &JobChange<'_>,
) -> Result<Job, Error> {
    let subject = subject.into();
    match sql!(tx, jobs::advance(subject.job, to, change))? {
        Updated::Updated(job) => {
            note_move(tx, subject, &job, change)?;
            Ok(job)
        }
        // The row was locked when its status was read, so this does not happen; if it did, once more is right.
        Updated::NotInState(_) | Updated::NotFound => Err(StoreError::Repeat.into()),
    }
}

/// Notes the move for the log, with the job in the state of `moved`. The driver who had it until now counts as its
/// driver.
pub(super) fn note_move(
    tx: &mut Tx<'_>,
    subject: Subject<'_>,
    moved: &Job,
    change: &JobChange<'_>,
) -> Result<(), Error> {
    let by = change.cancelled_by.map(str::to_owned);
    let driver = moved.driver_id.or(subject.job.driver_id);
    write(tx, subject, driver, What::Moved { to: moved.status, by })
}

/// For the log: something happened to a job that is no move.
pub(super) fn note<'a>(tx: &mut Tx<'_>, subject: impl Into<Subject<'a>>, what: What) -> Result<(), Error> {
    let subject = subject.into();
    // A job that is being searched for has no driver yet, whoever had it before.
    let driver = subject.job.driver_id.filter(|_| !matches!(what, What::Searched { .. }));
    write(tx, subject, driver, what)
}

fn write(
    tx: &mut Tx<'_>,
    Subject { job, ride }: Subject<'_>,
    driver: Option<DriverId>,
    what: What,
) -> Result<(), Error> {
    tx.concerns(Concerned::job(job.id));
    if let Some(driver) = driver {
        tx.concerns(Concerned::driver(driver));
    }
    let account = match job.customer_id {
        Some(customer) => {
            tx.concerns(Concerned::customer(customer));
            tx.account_of(customer)?
        }
        None => None,
    };
    let since = (tx.at() - job.requested_at).max(TimeDelta::zero());
    let (kind, ride) = (job.kind, ride.cloned());
    let happening = Happening { job: job.id, kind, ride, account, driver, since, what };
    tx.happened(happening);
    Ok(())
}

pub(super) fn tell_driver(
    tx: &mut Tx<'_>,
    driver: DriverId,
    job: JobId,
    body: EventBody,
) -> Result<(), Error> {
    if let Some((_, account)) = sql!(tx, drivers::find(driver))? {
        tx.record(account.id, Some(job), body);
    }
    Ok(())
}

pub(super) fn tell_customer(tx: &mut Tx<'_>, job: &Job, body: EventBody) -> Result<(), Error> {
    if let Some(customer) = job.customer_id
        && let Some(account) = tx.account_of(customer)?
    {
        tx.record(account, Some(job.id), body);
    }
    Ok(())
}
