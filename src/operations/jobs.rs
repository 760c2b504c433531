//! What decisions about jobs of any kind have in common: the conditional move, and who hears of it.

use crate::domain::event::EventBody;
use crate::domain::ids::{DriverId, JobId};
use crate::domain::job::JobStatus;
use crate::operations::error::Error;
use crate::store::{Job, JobChange, StoreError, Tx, Updated, sql};

/// Moves a job whose row is locked.
pub(super) fn advance(
    tx: &mut Tx<'_>,
    job: &Job,
    to: JobStatus,
    change: &JobChange<'_>,
) -> Result<Job, Error> {
    match sql!(tx, jobs::advance(job, to, change))? {
        Updated::Updated(job) => Ok(job),
        // The row was locked when its status was read, so this does not happen; if it did, once more is right.
        Updated::NotInState(_) | Updated::NotFound => Err(StoreError::Repeat.into()),
    }
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
        && let Some(account) = sql!(tx, customers::account_of(customer))?
    {
        tx.record(account, Some(job.id), body);
    }
    Ok(())
}
