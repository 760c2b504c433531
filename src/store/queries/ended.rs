//! Jobs and searches that ended long ago, and their removal with all that belongs to them.

use super::Db;
use crate::domain::ids::{DriverId, JobId, SearchId};
use crate::domain::job::JobStatus;
use crate::store::payment_rows::CompletedJob;
use crate::store::schema::{
    bookings, events, job_declines, jobs, offers, payment_notices, ride_ratings, search_candidates, searches,
};
use chrono::NaiveDateTime;
use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Timestamp};

/// As the index has it: with values in the place of these words SQLite would not know that they are the same.
const HAS_ENDED: &str = "jobs.status IN ('completed', 'cancelled', 'unmatched')";
/// When. Of a ride that nobody took it is not written down; its search lasted minutes.
const ENDED_AT: &str = "COALESCE(jobs.completed_at, jobs.cancelled_at, jobs.requested_at)";

/// Jobs that ended before `before` and have no stored events, the longest ended first.
pub fn jobs_before(conn: &mut Db, before: NaiveDateTime, limit: i64) -> QueryResult<Vec<JobId>> {
    jobs::table
        .filter(sql::<Bool>(HAS_ENDED))
        .filter(sql::<Timestamp>(ENDED_AT).lt(before))
        .filter(not(exists(events::table.filter(events::job_id.eq(jobs::id.nullable())))))
        .order(sql::<Timestamp>(ENDED_AT))
        .limit(limit)
        .select(jobs::id)
        .load(conn)
}

/// Whether any event of it is kept.
pub fn has_events(conn: &mut Db, id: JobId) -> QueryResult<bool> {
    diesel::select(exists(events::table.filter(events::job_id.eq(id.0)))).get_result(conn)
}

/// A completed job's data for its driver's earnings. Its row is locked.
pub fn completed(conn: &mut Db, id: JobId) -> QueryResult<Option<(DriverId, CompletedJob)>> {
    jobs::table
        .find(id.0)
        .filter(jobs::status.eq(JobStatus::Completed.as_str()))
        .filter(jobs::completed_at.is_not_null().and(jobs::driver_id.is_not_null()))
        .select((jobs::driver_id.assume_not_null(), CompletedJob::as_select()))
        .first(conn)
        .optional()
}

/// Removes a job whose row is locked, with everything that belongs to it. It must have no events.
pub fn remove_job(conn: &mut Db, id: JobId) -> QueryResult<usize> {
    let theirs: Vec<SearchId> =
        searches::table.filter(searches::job_id.eq(id.0)).select(searches::id).load(conn)?;
    for search in theirs {
        remove_search(conn, search)?;
    }
    diesel::delete(job_declines::table.filter(job_declines::job_id.eq(id.0))).execute(conn)?;
    diesel::delete(ride_ratings::table.find(id.0)).execute(conn)?;
    diesel::delete(bookings::table.find(id.0)).execute(conn)?;
    diesel::delete(payment_notices::table.filter(payment_notices::job_id.eq(id.0))).execute(conn)?;
    diesel::delete(jobs::table.find(id.0)).execute(conn)
}

/// Searches of ended jobs that ended before `before`, the longest ended first.
pub fn searches_before(conn: &mut Db, before: NaiveDateTime, limit: i64) -> QueryResult<Vec<SearchId>> {
    searches::table
        .inner_join(jobs::table)
        .filter(searches::ended_at.lt(before))
        .filter(sql::<Bool>(HAS_ENDED))
        .order(searches::ended_at)
        .limit(limit)
        .select(searches::id)
        .load(conn)
}

/// Removes a search, its offers and its candidates.
pub fn remove_search(conn: &mut Db, id: SearchId) -> QueryResult<usize> {
    diesel::delete(search_candidates::table.filter(search_candidates::search_id.eq(id.0))).execute(conn)?;
    diesel::delete(offers::table.filter(offers::search_id.eq(id.0))).execute(conn)?;
    diesel::delete(searches::table.find(id.0)).execute(conn)
}
