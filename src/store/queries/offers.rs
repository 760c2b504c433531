//! Offers of rides to drivers. They are changed with the ride's row locked, so no condition of theirs can race.

use super::Db;
use crate::domain::ids::{AccountId, DriverId, JobId, SearchId};
use crate::store::prepared::Prepare;
use crate::store::rows::{NewOffer, OfferRow};
use crate::store::schema::{events, offers};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// Offers the ride to a driver unless they had an offer of it: 1 or 0 rows.
pub fn insert(conn: &mut Db, new: &NewOffer) -> QueryResult<usize> {
    diesel::insert_into(offers::table).values(new).on_conflict_do_nothing().execute(conn)
}

pub fn find(conn: &mut Db, job: JobId, driver: DriverId) -> QueryResult<Option<OfferRow>> {
    offers::table.find((job.0, driver.0)).select(OfferRow::as_select()).first(conn).optional()
}

/// The offer of a job that an account got.
pub fn of_account(conn: &mut Db, job: JobId, account: AccountId) -> QueryResult<Option<OfferRow>> {
    offers::table
        .filter(offers::job_id.eq(job.0))
        .filter(offers::account_id.eq(account.0))
        .select(OfferRow::as_select())
        .first(conn)
        .optional()
}

/// All offers of a job, in the order in which they were made, each with its search and when the driver's device confirmed it.
pub fn of_job(conn: &mut Db, job: JobId) -> QueryResult<Vec<(SearchId, OfferRow, Option<NaiveDateTime>)>> {
    let told = events::account_id
        .eq(offers::account_id)
        .and(events::job_id.eq(offers::job_id.nullable()))
        .and(events::name.eq("ride_requested"));
    offers::table
        .left_join(events::table.on(told))
        .filter(offers::job_id.eq(job.0))
        .order((offers::offered_at, offers::driver_id))
        .select((offers::search_id, OfferRow::as_select(), events::confirmed_at.nullable()))
        .load(conn)
}

/// The open offers of a job, by driver.
pub fn open_of(conn: &mut Db, job: JobId) -> QueryResult<Vec<OfferRow>> {
    offers::table
        .filter(offers::job_id.eq(job.0))
        .filter(offers::outcome.is_null())
        .order(offers::driver_id)
        .select(OfferRow::as_select())
        .load(conn)
}

/// Ends an offer if it is open: 1 or 0 rows.
pub fn end(
    conn: &mut Db,
    job: JobId,
    driver: DriverId,
    outcome: &str,
    at: NaiveDateTime,
) -> QueryResult<usize> {
    diesel::update(offers::table.find((job.0, driver.0)).filter(offers::outcome.is_null()))
        .set((offers::outcome.eq(outcome), offers::ended_at.eq(at)))
        .returning(offers::job_id)
        .prepared()
        .execute(conn)
}
