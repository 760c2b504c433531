//! Rides: jobs plus the columns of rides. They move as all jobs do, by `jobs::advance`.

use super::Db;
use crate::domain::ids::{AccountId, CustomerId, DriverId, JobId};
use crate::domain::job::{JobKind, JobStatus};
use crate::store::rows::{Account, Customer, Driver, NewRide, Ride};
use crate::store::schema::{accounts, customers, drivers, jobs, ride_ratings};
use chrono::NaiveDateTime;
use diesel::prelude::*;

pub fn insert(conn: &mut Db, new: &NewRide<'_>) -> QueryResult<Ride> {
    diesel::insert_into(jobs::table).values(new).returning(Ride::as_returning()).get_result(conn)
}

/// The newest ride under an id that an app gave.
pub fn id_of(conn: &mut Db, ride_id: &str) -> QueryResult<Option<JobId>> {
    jobs::table
        .filter(jobs::public_id.eq(ride_id))
        .filter(jobs::kind.eq(JobKind::Ride.as_str()))
        .order(jobs::id.desc())
        .select(jobs::id)
        .first(conn)
        .optional()
}

pub fn find(conn: &mut Db, id: JobId) -> QueryResult<Option<Ride>> {
    jobs::table
        .find(id.0)
        .filter(jobs::kind.eq(JobKind::Ride.as_str()))
        .select(Ride::as_select())
        .first(conn)
        .optional()
}

/// Reads the row and keeps it from others until the transaction ends.
pub fn lock(conn: &mut Db, id: JobId) -> QueryResult<Option<Ride>> {
    let ride = jobs::table.find(id.0).filter(jobs::kind.eq(JobKind::Ride.as_str()));
    for_update!(ride.select(Ride::as_select())).first(conn).optional()
}

/// Newest first, before the id `before`; of a passenger, of a driver or of all, in one status or in any.
pub fn page(
    conn: &mut Db,
    passenger: Option<CustomerId>,
    driver: Option<DriverId>,
    status: Option<JobStatus>,
    external_id: Option<&str>,
    before: JobId,
    limit: i64,
) -> QueryResult<Vec<Ride>> {
    let mut query = jobs::table
        .filter(jobs::kind.eq(JobKind::Ride.as_str()))
        .filter(jobs::id.lt(before.0))
        .order(jobs::id.desc())
        .limit(limit)
        .select(Ride::as_select())
        .into_boxed();
    if let Some(passenger) = passenger {
        query = query.filter(jobs::customer_id.eq(passenger.0));
    }
    if let Some(driver) = driver {
        query = query.filter(jobs::driver_id.eq(driver.0));
    }
    if let Some(status) = status {
        query = query.filter(jobs::status.eq(status.as_str()));
    }
    if let Some(external_id) = external_id {
        query = query.filter(jobs::external_id.eq(external_id));
    }
    query.load(conn)
}

/// Rides before the pickup that were not accepted between `since` and `until`, and whose drivers have no position
/// measured in that time either; only those not noticed before. A position that no app measured does not age.
pub fn waiting_since(
    conn: &mut Db,
    since: NaiveDateTime,
    until: NaiveDateTime,
) -> QueryResult<Vec<(JobId, DriverId, AccountId)>> {
    let is_old = drivers::position_at.lt(since).or(drivers::position_at.gt(until)).assume_not_null();
    let is_waited_for =
        jobs::status.eq(JobStatus::Assigned.as_str()).or(jobs::status.eq(JobStatus::EnRoute.as_str()));
    jobs::table
        .inner_join(drivers::table.on(jobs::driver_id.eq(drivers::id.nullable())))
        .filter(jobs::kind.eq(JobKind::Ride.as_str()))
        .filter(is_waited_for)
        .filter(jobs::assigned_at.lt(since).or(jobs::assigned_at.gt(until)))
        .filter(jobs::driver_lost_at.is_null())
        .filter(drivers::position_at.is_null().or(drivers::position_measured.eq(true).and(is_old)))
        .order(jobs::id)
        .select((jobs::id, drivers::id, drivers::account_id))
        .load(conn)
}

/// Notes that nothing is heard of the ride's driver, unless that was noted: 1 or 0 rows.
pub fn note_lost_driver(conn: &mut Db, id: JobId, at: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(jobs::table.find(id.0).filter(jobs::driver_lost_at.is_null()))
        .set(jobs::driver_lost_at.eq(at))
        .execute(conn)
}

/// Those that a driver has.
pub fn count_held(conn: &mut Db) -> QueryResult<i64> {
    jobs::table
        .filter(jobs::kind.eq(JobKind::Ride.as_str()))
        .filter(jobs::status.eq_any(JobStatus::HELD.iter().map(|status| status.as_str())))
        .count()
        .get_result(conn)
}

/// The passengers among these customers.
pub fn passengers(conn: &mut Db, ids: &[i64]) -> QueryResult<Vec<(Customer, Account)>> {
    customers::table
        .inner_join(accounts::table)
        .filter(customers::id.eq_any(ids))
        .select((Customer::as_select(), Account::as_select()))
        .load(conn)
}

pub fn drivers(conn: &mut Db, ids: &[i64]) -> QueryResult<Vec<(Driver, Account)>> {
    drivers::table
        .inner_join(accounts::table)
        .filter(drivers::id.eq_any(ids))
        .select((Driver::as_select(), Account::as_select()))
        .load(conn)
}

/// Rates a ride unless it was rated: 1 or 0 rows.
pub fn rate(
    conn: &mut Db,
    id: JobId,
    stars: i64,
    comment: Option<&str>,
    at: NaiveDateTime,
) -> QueryResult<usize> {
    diesel::insert_into(ride_ratings::table)
        .values((
            ride_ratings::job_id.eq(id.0),
            ride_ratings::stars.eq(stars),
            ride_ratings::comment.eq(comment),
            ride_ratings::rated_at.eq(at),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
}

/// A driver's rating and of how many rides it is the mean.
pub fn rating_of(conn: &mut Db, driver: DriverId) -> QueryResult<(f64, i64)> {
    drivers::table.find(driver.0).select((drivers::rating, drivers::rating_count)).first(conn)
}

pub fn set_rating(conn: &mut Db, driver: DriverId, rating: f64, count: i64) -> QueryResult<usize> {
    diesel::update(drivers::table.find(driver.0))
        .set((drivers::rating.eq(rating), drivers::rating_count.eq(count)))
        .execute(conn)
}
