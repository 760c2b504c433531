//! Durable events and the state of their delivery.

use super::Db;
use crate::domain::ids::{AccountId, EventId, JobId};
use crate::domain::job::JobStatus;
use crate::store::prepared::Prepare;
use crate::store::rows::{EventRow, NewEvent};
use crate::store::schema::{events, jobs};
use chrono::NaiveDateTime;
use diesel::dsl::{max, not};
use diesel::prelude::*;

// Written out: diesel keeps no statement prepared that has a list of values in it.
macro_rules! has_ended {
    () => {
        (jobs::status.eq(JobStatus::Completed.as_str()))
            .or(jobs::status.eq(JobStatus::Cancelled.as_str()))
            .or(jobs::status.eq(JobStatus::Unmatched.as_str()))
    };
}

pub fn insert(conn: &mut Db, new: &NewEvent) -> QueryResult<usize> {
    diesel::insert_into(events::table).values(new).execute(conn)
}

/// The oldest id that is kept.
pub fn oldest(conn: &mut Db, account: AccountId) -> QueryResult<Option<EventId>> {
    events::table
        .filter(events::account_id.eq(account.0))
        .order(events::event_id)
        .select(events::event_id)
        .first(conn)
        .optional()
}

/// Ids in (`after`, `up_to`], ascending.
pub fn page(
    conn: &mut Db,
    account: AccountId,
    after: EventId,
    up_to: EventId,
    limit: i64,
) -> QueryResult<Vec<EventRow>> {
    events::table
        .filter(events::account_id.eq(account.0))
        .filter(events::event_id.gt(after.0).and(events::event_id.le(up_to.0)))
        .order(events::event_id)
        .limit(limit)
        .select(EventRow::as_select())
        .load(conn)
}

/// The unconfirmed ones in (`after`, `up_to`] that are not older than `not_before` or belong to an open job, ascending.
pub fn unconfirmed_page(
    conn: &mut Db,
    account: AccountId,
    after: EventId,
    up_to: EventId,
    not_before: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<EventRow>> {
    let open = events::job_id.is_not_null().and(not(has_ended!()).nullable());
    events::table
        .left_join(jobs::table)
        .filter(events::account_id.eq(account.0))
        .filter(events::confirmed_at.is_null())
        .filter(events::event_id.gt(after.0).and(events::event_id.le(up_to.0)))
        .filter(events::created_at.ge(not_before).nullable().or(open))
        .order(events::event_id)
        .limit(limit)
        .select(EventRow::as_select())
        .load(conn)
}

/// Whether an unconfirmed event up to `up_to` is too old to be replayed and of no open job.
pub fn any_left_out(
    conn: &mut Db,
    account: AccountId,
    up_to: EventId,
    not_before: NaiveDateTime,
) -> QueryResult<bool> {
    let closed = events::job_id.is_null().or(has_ended!().nullable().assume_not_null());
    events::table
        .left_join(jobs::table)
        .filter(events::account_id.eq(account.0))
        .filter(events::confirmed_at.is_null())
        .filter(events::event_id.le(up_to.0))
        .filter(events::created_at.lt(not_before))
        .filter(closed)
        .select(events::event_id)
        .first::<i64>(conn)
        .optional()
        .map(|first| first.is_some())
}

/// When the `nth` newest unconfirmed event was made (0 is the newest).
pub fn nth_newest_unconfirmed(
    conn: &mut Db,
    account: AccountId,
    nth: i64,
) -> QueryResult<Option<NaiveDateTime>> {
    events::table
        .filter(events::account_id.eq(account.0))
        .filter(events::confirmed_at.is_null())
        .order(events::event_id.desc())
        .offset(nth)
        .limit(1)
        .select(events::created_at)
        .first(conn)
        .optional()
}

/// Which events tell the state of a job to an account: each with its name, and whether a device has confirmed it, ascending.
pub fn of_state(conn: &mut Db, account: AccountId, job: JobId) -> QueryResult<Vec<(EventId, String, bool)>> {
    let tells_state = (events::name.eq("ride_accepted"))
        .or(events::name.eq("driver_arrived"))
        .or(events::name.eq("ride_started"))
        .or(events::name.eq("driver_cancelled"));
    events::table
        .filter(events::account_id.eq(account.0).and(events::job_id.eq(job.0)))
        .filter(tells_state)
        .order(events::event_id)
        .select((events::event_id, events::name, events::confirmed_at.is_not_null()))
        .load(conn)
}

/// Marks an event as confirmed by a device, and when it was sent. Any mark counts, so the first one stays.
pub fn confirm(
    conn: &mut Db,
    account: AccountId,
    id: EventId,
    at: NaiveDateTime,
    over: &str,
    sent_at: Option<NaiveDateTime>,
) -> QueryResult<usize> {
    let sent = sent_at.map(|at| events::sent_at.eq(at));
    diesel::update(events::table.find((account.0, id.0)).filter(events::confirmed_at.is_null()))
        .set((
            events::confirmed_at.eq(at),
            events::confirmed_over.eq(over),
            // The customer has it: whether to push it is decided by that.
            events::push_due_at.eq(None::<NaiveDateTime>),
            sent,
        ))
        .returning(events::event_id)
        .prepared()
        .execute(conn)
}

pub fn is_confirmed(conn: &mut Db, account: AccountId, id: EventId) -> QueryResult<bool> {
    let confirmed = events::table.find((account.0, id.0)).filter(events::confirmed_at.is_not_null());
    diesel::select(diesel::dsl::exists(confirmed)).get_result(conn)
}

/// Notes that an event was handed to a device's socket.
pub fn send(conn: &mut Db, account: AccountId, id: EventId, at: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(events::table.find((account.0, id.0)))
        .set(events::sent_at.eq(at))
        .returning(events::event_id)
        .prepared()
        .execute(conn)
}

/// The events whose push decision is due, the longest due first.
pub fn push_due(conn: &mut Db, now: NaiveDateTime, limit: i64) -> QueryResult<Vec<EventRow>> {
    events::table
        .filter(events::push_due_at.le(now))
        .order(events::push_due_at)
        .limit(limit)
        .select(EventRow::as_select())
        .load(conn)
}

/// Those that are due only after this.
pub fn push_due_after(conn: &mut Db, after: NaiveDateTime, limit: i64) -> QueryResult<Vec<EventRow>> {
    events::table
        .filter(events::push_due_at.gt(after))
        .order(events::push_due_at)
        .limit(limit)
        .select(EventRow::as_select())
        .load(conn)
}

/// Decides that an event is to be pushed: 1 row, unless a device has confirmed it or it was decided before.
pub fn decide_push(conn: &mut Db, account: AccountId, id: EventId) -> QueryResult<usize> {
    let undecided = events::table
        .find((account.0, id.0))
        .filter(events::push_due_at.is_not_null())
        .filter(events::confirmed_at.is_null());
    diesel::update(undecided)
        .set(events::push_due_at.eq(None::<NaiveDateTime>))
        .returning(events::event_id)
        .prepared()
        .execute(conn)
}

/// The event's push decision has been made.
pub fn settle_push(conn: &mut Db, account: AccountId, id: EventId) -> QueryResult<usize> {
    diesel::update(events::table.find((account.0, id.0)))
        .set(events::push_due_at.eq(None::<NaiveDateTime>))
        .returning(events::event_id)
        .prepared()
        .execute(conn)
}

/// When the next decision is due.
pub fn next_push_due(conn: &mut Db) -> QueryResult<Option<NaiveDateTime>> {
    events::table
        .filter(events::push_due_at.is_not_null())
        .order(events::push_due_at)
        .select(events::push_due_at.assume_not_null())
        .first(conn)
        .optional()
}

/// Marks an event as processed by the app.
pub fn process(conn: &mut Db, account: AccountId, id: EventId, at: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(events::table.find((account.0, id.0)).filter(events::processed_at.is_null()))
        .set(events::processed_at.eq(at))
        .returning(events::event_id)
        .prepared()
        .execute(conn)
}

/// The newest id of each account that has events made within [`since`, `until`), for the repair look.
pub fn newest_within(
    conn: &mut Db,
    since: NaiveDateTime,
    until: NaiveDateTime,
) -> QueryResult<Vec<(AccountId, EventId)>> {
    events::table
        .filter(events::created_at.ge(since).and(events::created_at.lt(until)))
        .group_by(events::account_id)
        .select((events::account_id, max(events::event_id).assume_not_null()))
        .load(conn)
}

/// Removes at most `limit` events older than `before` and says how many it removed.
pub fn prune(conn: &mut Db, before: NaiveDateTime, limit: i64) -> QueryResult<usize> {
    let keys: Vec<(i64, i64)> = events::table
        .filter(events::created_at.lt(before))
        .order(events::created_at)
        .limit(limit)
        .select((events::account_id, events::event_id))
        .load(conn)?;
    for key in &keys {
        diesel::delete(events::table.find(*key)).execute(conn)?;
    }
    Ok(keys.len())
}
