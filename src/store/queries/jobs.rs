//! Jobs. Every change is conditional on the status for which it was decided.

use super::Db;
use crate::domain::ids::{CustomerId, DriverId, JobId};
use crate::domain::job::{JobKind, JobStatus};
use crate::store::Updated;
use crate::store::payment_rows::CompletedJob;
use crate::store::prepared::Prepare;
use crate::store::rows::{Job, JobChange, NewJob};
use crate::store::schema::{customers, drivers, job_declines, jobs};
use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

/// A list of values would make a statement for each length, and diesel keeps none of those prepared: parsing it took
/// longer than running it.
macro_rules! is_held {
    () => {
        (jobs::status.eq(JobStatus::Assigned.as_str()))
            .or(jobs::status.eq(JobStatus::EnRoute.as_str()))
            .or(jobs::status.eq(JobStatus::Arrived.as_str()))
            .or(jobs::status.eq(JobStatus::InProgress.as_str()))
    };
}

pub fn insert(conn: &mut Db, new: &NewJob<'_>) -> QueryResult<JobId> {
    diesel::insert_into(jobs::table).values(new).returning(jobs::id).get_result(conn)
}

pub fn find(conn: &mut Db, id: JobId) -> QueryResult<Option<Job>> {
    jobs::table.find(id.0).select(Job::as_select()).first(conn).optional()
}

/// The job of a kind that another system knows by this id: one index walk, as every list by such an id is.
pub fn by_external_id(conn: &mut Db, kind: JobKind, external_id: &str) -> QueryResult<Option<JobId>> {
    jobs::table
        .filter(jobs::external_id.eq(external_id))
        .filter(jobs::kind.eq(kind.as_str()))
        .select(jobs::id)
        .first(conn)
        .optional()
}

pub fn external_id(conn: &mut Db, id: JobId) -> QueryResult<Option<String>> {
    jobs::table.find(id.0).select(jobs::external_id).first(conn).optional().map(Option::flatten)
}

/// The external ids of those of these jobs that have one.
pub fn external_ids(conn: &mut Db, ids: &[i64]) -> QueryResult<Vec<(JobId, String)>> {
    jobs::table
        .filter(jobs::id.eq_any(ids))
        .filter(jobs::external_id.is_not_null())
        .select((jobs::id, jobs::external_id.assume_not_null()))
        .load(conn)
}

/// The external ids of a job's customer and driver.
pub type PeopleIds = (Option<String>, Option<String>);

/// Those of one job, by a statement that stays prepared; a list's does not.
pub fn people_ids(conn: &mut Db, id: JobId) -> QueryResult<Option<PeopleIds>> {
    jobs::table
        .left_join(customers::table)
        .left_join(drivers::table.on(jobs::driver_id.eq(drivers::id.nullable())))
        .filter(jobs::id.eq(id.0))
        .select((customers::external_id.nullable(), drivers::external_id.nullable()))
        .first(conn)
        .optional()
}

/// The same of a list of jobs.
pub fn people_ids_of(conn: &mut Db, ids: &[i64]) -> QueryResult<Vec<(JobId, PeopleIds)>> {
    jobs::table
        .left_join(customers::table)
        .left_join(drivers::table.on(jobs::driver_id.eq(drivers::id.nullable())))
        .filter(jobs::id.eq_any(ids))
        .select((jobs::id, (customers::external_id.nullable(), drivers::external_id.nullable())))
        .load(conn)
}

/// When the driver was at the pickup.
pub fn arrived_at(conn: &mut Db, id: JobId) -> QueryResult<Option<NaiveDateTime>> {
    jobs::table.find(id.0).select(jobs::arrived_at).first(conn)
}

/// Reads the row and keeps it from others until the transaction ends.
pub fn lock(conn: &mut Db, id: JobId) -> QueryResult<Option<Job>> {
    for_update!(jobs::table.find(id.0).select(Job::as_select())).first(conn).optional()
}

/// Moves a job on from its status to `to`; changes nothing if it is in another status by now. The new row follows from
/// the old one.
pub fn advance(conn: &mut Db, job: &Job, to: JobStatus, change: &JobChange<'_>) -> QueryResult<Updated<Job>> {
    // From where somebody asked is nobody's business once it has ended.
    let forgotten = (!to.is_open()).then(|| jobs::asked_from.eq(None::<String>));
    let updated = diesel::update(jobs::table.find(job.id.0).filter(jobs::status.eq(job.status.as_str())))
        .set((jobs::status.eq(to.as_str()), change, forgotten))
        .returning(jobs::id)
        .prepared()
        .execute(conn)?;
    match updated {
        0 => Ok(find(conn, job.id)?.map_or(Updated::NotFound, Updated::NotInState)),
        _ => {
            let moved = change.applied_to(job, to);
            debug_assert_eq!(find(conn, job.id)?.as_ref(), Some(&moved), "the row and what we say of it");
            Ok(Updated::Updated(moved))
        }
    }
}

/// Open jobs of a kind that a customer has: a walk over these alone. Written out, or neither database would see that the index has
/// them.
pub fn open_of(conn: &mut Db, customer: CustomerId, kind: JobKind) -> QueryResult<i64> {
    let is_open =
        sql::<Bool>("jobs.status IN ('requested', 'assigned', 'en_route', 'arrived', 'in_progress')");
    jobs::table
        .filter(jobs::customer_id.eq(customer.0))
        .filter(jobs::kind.eq(kind.as_str()))
        .filter(is_open)
        .count()
        .prepared()
        .get_result(conn)
}

/// Open rides that were asked for without an account from this address.
pub fn open_asked_from(conn: &mut Db, address: &str) -> QueryResult<i64> {
    jobs::table.filter(jobs::asked_from.eq(address)).count().get_result(conn)
}

/// Newest first, before the id `before`; of a customer or of all.
pub fn page(
    conn: &mut Db,
    kind: JobKind,
    customer: Option<CustomerId>,
    status: Option<JobStatus>,
    external_id: Option<&str>,
    before: JobId,
    limit: i64,
) -> QueryResult<Vec<Job>> {
    let mut query = jobs::table
        .filter(jobs::kind.eq(kind.as_str()))
        .filter(jobs::id.lt(before.0))
        .order(jobs::id.desc())
        .limit(limit)
        .select(Job::as_select())
        .into_boxed();
    if let Some(customer) = customer {
        query = query.filter(jobs::customer_id.eq(customer.0));
    }
    if let Some(status) = status {
        query = query.filter(jobs::status.eq(status.as_str()));
    }
    if let Some(external_id) = external_id {
        query = query.filter(jobs::external_id.eq(external_id));
    }
    query.load(conn)
}

/// The jobs of a kind that are bound to a driver and have not ended, oldest assignment first.
pub fn held_by(conn: &mut Db, driver: DriverId, kind: JobKind) -> QueryResult<Vec<Job>> {
    jobs::table
        .filter(jobs::driver_id.eq(driver.0))
        .filter(jobs::kind.eq(kind.as_str()))
        .filter(is_held!())
        .order((jobs::assigned_at, jobs::id))
        .select(Job::as_select())
        .load(conn)
}

/// The jobs that a driver holds: each kind and status with the ids, ascending.
pub fn held(conn: &mut Db, driver: DriverId) -> QueryResult<Vec<(JobId, JobKind, JobStatus)>> {
    jobs::table
        .filter(jobs::driver_id.eq(driver.0))
        .filter(is_held!())
        .order(jobs::id)
        .select((jobs::id, jobs::kind, jobs::status))
        .load(conn)
}

/// Which job ids of these drivers are open, for a list of drivers, in no order.
pub fn held_by_any(conn: &mut Db, drivers: &[i64]) -> QueryResult<Vec<(DriverId, JobId)>> {
    jobs::table
        .filter(jobs::driver_id.eq_any(drivers))
        .filter(is_held!())
        .select((jobs::driver_id.assume_not_null(), jobs::id))
        .load(conn)
}

/// Those of these drivers who hold deliveries.
pub fn carrying_among(conn: &mut Db, drivers: &[i64]) -> QueryResult<Vec<DriverId>> {
    jobs::table
        .filter(jobs::driver_id.eq_any(drivers))
        .filter(jobs::kind.eq(JobKind::Delivery.as_str()))
        .filter(is_held!())
        .select(jobs::driver_id.assume_not_null())
        .distinct()
        .load(conn)
}

/// Open jobs of the demo data, ascending.
pub fn open_demo(conn: &mut Db) -> QueryResult<Vec<Job>> {
    jobs::table
        .filter(jobs::is_demo.eq(true))
        .filter(jobs::status.eq(JobStatus::Requested.as_str()).or(is_held!()))
        .order(jobs::id)
        .select(Job::as_select())
        .load(conn)
}

/// The jobs that a driver completed since `from` and before the job `before` (its time and id), newest first. Only
/// completed jobs have a completion time.
pub fn completed_by(
    conn: &mut Db,
    driver: DriverId,
    from: NaiveDateTime,
    before: (NaiveDateTime, JobId),
    limit: i64,
) -> QueryResult<Vec<CompletedJob>> {
    let (time, id) = before;
    let earlier =
        jobs::completed_at.lt(time).or(jobs::completed_at.eq(time).and(jobs::id.lt(id.0).nullable()));
    jobs::table
        .filter(jobs::driver_id.eq(driver.0))
        // Both bounds are the index's: without the second each page would be read from the newest on.
        .filter(jobs::completed_at.ge(from).and(jobs::completed_at.le(time)))
        .filter(earlier)
        .order((jobs::completed_at.desc(), jobs::id.desc()))
        .limit(limit)
        .select(CompletedJob::as_select())
        .load(conn)
}

/// Remembers that a driver gave a job back. Twice is once.
pub fn decline(conn: &mut Db, job: JobId, driver: DriverId, at: NaiveDateTime) -> QueryResult<usize> {
    diesel::insert_into(job_declines::table)
        .values((
            job_declines::job_id.eq(job.0),
            job_declines::driver_id.eq(driver.0),
            job_declines::declined_at.eq(at),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
}

pub fn declined_by(conn: &mut Db, job: JobId) -> QueryResult<Vec<i64>> {
    job_declines::table.filter(job_declines::job_id.eq(job.0)).select(job_declines::driver_id).load(conn)
}
