//! Searches for rides' drivers.

use super::Db;
use crate::domain::ids::JobId;
use crate::store::prepared::Prepare;
use crate::store::rows::{NewSearch, Ride, SearchRecord};
use crate::store::schema::{jobs, searches};
use chrono::NaiveDateTime;
use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

pub fn insert(conn: &mut Db, new: &NewSearch) -> QueryResult<SearchRecord> {
    diesel::insert_into(searches::table).values(new).returning(SearchRecord::as_returning()).get_result(conn)
}

/// The search that goes on for a job.
pub fn open_of(conn: &mut Db, job: JobId) -> QueryResult<Option<SearchRecord>> {
    searches::table
        .filter(searches::job_id.eq(job.0))
        .filter(searches::ended_at.is_null())
        .select(SearchRecord::as_select())
        .first(conn)
        .optional()
}

/// The last search for a job, whether it goes on or not.
pub fn newest_of(conn: &mut Db, job: JobId) -> QueryResult<Option<SearchRecord>> {
    searches::table
        .filter(searches::job_id.eq(job.0))
        .order(searches::id.desc())
        .select(SearchRecord::as_select())
        .first(conn)
        .optional()
}

/// Jobs that are searched for, ascending, after `after`.
pub fn open_jobs(conn: &mut Db, after: JobId, limit: i64) -> QueryResult<Vec<JobId>> {
    searches::table
        .filter(searches::ended_at.is_null())
        .filter(searches::job_id.gt(after.0))
        .order(searches::job_id)
        .limit(limit)
        .select(searches::job_id)
        .load(conn)
}

/// Remembers that the radius grew.
pub fn widen(conn: &mut Db, job: JobId, step: i64) -> QueryResult<usize> {
    diesel::update(searches::table.filter(searches::job_id.eq(job.0)).filter(searches::ended_at.is_null()))
        .set(searches::step.eq(step))
        .returning(searches::id)
        .prepared()
        .execute(conn)
}

/// Ends the search for a job if one goes on: 1 or 0 rows.
pub fn end(conn: &mut Db, job: JobId, ended_as: &str, at: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(searches::table.filter(searches::job_id.eq(job.0)).filter(searches::ended_at.is_null()))
        .set((searches::ended_at.eq(at), searches::ended_as.eq(ended_as)))
        .returning(searches::id)
        .prepared()
        .execute(conn)
}

/// Rides that were asked for in advance, are due by `now` and have not been searched for.
pub fn due_rides(conn: &mut Db, now: NaiveDateTime, limit: i64) -> QueryResult<Vec<Ride>> {
    let was_searched = exists(searches::table.filter(searches::job_id.eq(jobs::id)));
    // Written out, or neither database would see that the index has them.
    let is_asked_for = sql::<Bool>("jobs.kind = 'ride' AND jobs.status = 'requested'");
    jobs::table
        .filter(is_asked_for)
        .filter(jobs::scheduled_at.is_not_null())
        .filter(jobs::scheduled_at.le(now))
        .filter(not(was_searched))
        .order(jobs::scheduled_at)
        .limit(limit)
        .select(Ride::as_select())
        .prepared()
        .load(conn)
}
