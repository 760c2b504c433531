//! Traces: the drivers that searches considered, and the delivery of events.

use super::Db;
use crate::domain::ids::{DriverId, JobId, SearchId};
use crate::store::rows::{CandidateRow, EventTrace, OfferRow, SearchRecord};
use crate::store::schema::{accounts, events, offers, search_candidates, searches};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// All searches for a job, the first one first.
pub fn searches_of(conn: &mut Db, job: JobId) -> QueryResult<Vec<SearchRecord>> {
    searches::table
        .filter(searches::job_id.eq(job.0))
        .order(searches::id)
        .select(SearchRecord::as_select())
        .load(conn)
}

/// Everybody whom the searches for a job looked at, the nearest first.
pub fn candidates_of(conn: &mut Db, job: JobId) -> QueryResult<Vec<CandidateRow>> {
    search_candidates::table
        .inner_join(searches::table)
        .filter(searches::job_id.eq(job.0))
        .order((search_candidates::search_id, search_candidates::distance_m, search_candidates::driver_id))
        .select(CandidateRow::as_select())
        .load(conn)
}

/// The last searches that looked at a driver, the newest first, each with the offer that it made them.
pub fn looks_at(
    conn: &mut Db,
    driver: DriverId,
    limit: i64,
) -> QueryResult<Vec<(CandidateRow, SearchRecord, Option<OfferRow>)>> {
    let offer = offers::job_id
        .eq(searches::job_id)
        .and(offers::search_id.eq(searches::id))
        .and(offers::driver_id.eq(search_candidates::driver_id));
    search_candidates::table
        .inner_join(searches::table)
        .left_join(offers::table.on(offer))
        .filter(search_candidates::driver_id.eq(driver.0))
        .order(search_candidates::search_id.desc())
        .limit(limit)
        .select((CandidateRow::as_select(), SearchRecord::as_select(), Option::<OfferRow>::as_select()))
        .load(conn)
}

/// All events of a job, in the order in which they happened.
pub fn events_of(conn: &mut Db, job: JobId) -> QueryResult<Vec<EventTrace>> {
    events::table
        .inner_join(accounts::table.on(accounts::id.eq(events::account_id)))
        .filter(events::job_id.eq(job.0))
        .order((events::created_at, events::account_id, events::event_id))
        .select((
            accounts::public_id,
            events::event_id,
            events::name,
            events::created_at,
            events::sent_at,
            events::confirmed_at,
            events::confirmed_over,
            events::processed_at,
            events::pushed_at,
        ))
        .load(conn)
}

/// Removes at most `limit` candidates of searches that looked before `before`. Searches are numbered in the order in which
/// they began, so the oldest come first.
pub fn prune(conn: &mut Db, before: NaiveDateTime, limit: i64) -> QueryResult<usize> {
    let first: Vec<(SearchId, DriverId, NaiveDateTime)> = search_candidates::table
        .order((search_candidates::search_id, search_candidates::driver_id))
        .limit(limit)
        .select((search_candidates::search_id, search_candidates::driver_id, search_candidates::looked_at))
        .load(conn)?;
    let mut removed = 0;
    for (search, driver, _) in first.iter().filter(|(_, _, looked_at)| *looked_at < before) {
        removed += diesel::delete(search_candidates::table.find((search.0, driver.0))).execute(conn)?;
    }
    Ok(removed)
}
