//! Notifications: the push queue and its history. A row is claimed by moving its due time past the attempt, so that one
//! whose attempt was lost becomes due again by itself.

use super::Db;
use crate::domain::ids::{AccountId, CustomerId, EventId};
use crate::domain::notification::NotificationStatus;
use crate::domain::push::PushService;
use crate::store::prepared::Prepare;
use crate::store::push_rows::{CountRow, NewNotification, NotificationRow, ReceiptDue};
use crate::store::schema::notification_history as history;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// 0 rows where this device has its notification of this event.
pub fn insert(conn: &mut Db, new: &NewNotification<'_>) -> QueryResult<usize> {
    diesel::insert_into(history::table).values(new).on_conflict_do_nothing().execute(conn)
}

/// When the next attempt through a service is due.
pub fn next_due(conn: &mut Db, service: PushService) -> QueryResult<Option<NaiveDateTime>> {
    history::table
        .filter(history::provider.eq(service.as_str()))
        .filter(history::due_at.is_not_null())
        .order(history::due_at)
        .select(history::due_at.assume_not_null())
        .first(conn)
        .optional()
}

/// Ends this event's notifications that wait for an attempt: the customer has the event. Those in flight continue.
pub fn call_off(
    conn: &mut Db,
    account: AccountId,
    event: EventId,
    now: NaiveDateTime,
    reason: &str,
) -> QueryResult<usize> {
    let waiting = history::table
        .filter(history::account_id.eq(account.0).and(history::event_id.eq(event.0)))
        .filter(history::status.eq(NotificationStatus::Pending.as_str()))
        .filter(history::leased_until.is_null().or(history::leased_until.le(now)).assume_not_null());
    diesel::update(waiting)
        .set((
            history::status.eq(NotificationStatus::NotSent.as_str()),
            history::reason.eq(reason),
            history::due_at.eq(None::<NaiveDateTime>),
            history::leased_until.eq(None::<NaiveDateTime>),
        ))
        .returning(history::id)
        .prepared()
        .execute(conn)
}

/// Ends one that is claimed, without an attempt.
pub fn end(conn: &mut Db, id: i64, attempts: i64, reason: &str) -> QueryResult<usize> {
    diesel::update(history::table.find(id))
        .set((
            history::status.eq(NotificationStatus::NotSent.as_str()),
            history::reason.eq(reason),
            history::attempts.eq(attempts),
            history::due_at.eq(None::<NaiveDateTime>),
            history::leased_until.eq(None::<NaiveDateTime>),
        ))
        .execute(conn)
}

/// Gives an attempt that was not made back to the queue.
pub fn release(conn: &mut Db, id: i64, attempt: i64, now: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(history::table.find(id).filter(history::attempts.eq(attempt)))
        .filter(history::leased_until.is_not_null())
        .set((history::due_at.eq(now), history::leased_until.eq(None::<NaiveDateTime>)))
        .returning(history::id)
        .prepared()
        .execute(conn)
}

/// The same for all that an earlier server had in flight, whether or not their lease has run out: a clock that is set
/// back would restart the lease.
pub fn release_all(conn: &mut Db, now: NaiveDateTime) -> QueryResult<usize> {
    let claimed =
        history::table.filter(history::due_at.is_not_null()).filter(history::leased_until.is_not_null());
    diesel::update(claimed)
        .set((history::due_at.eq(now), history::leased_until.eq(None::<NaiveDateTime>)))
        .execute(conn)
}

/// Makes due what was made later than `ahead`, that is before the clock was set back, unless it has been tried since.
pub fn release_ahead(conn: &mut Db, now: NaiveDateTime, ahead: NaiveDateTime) -> QueryResult<usize> {
    let waiting = history::table
        .filter(history::due_at.gt(now))
        .filter(history::created_at.gt(ahead))
        .filter(history::due_at.ge(history::created_at.nullable()))
        .filter(history::leased_until.is_null());
    diesel::update(waiting).set(history::due_at.eq(now)).execute(conn)
}

/// Notifications due later than `now`, including attempts in flight: id, due time, and end of the lease. By id, after
/// `after`.
pub fn ahead(
    conn: &mut Db,
    now: NaiveDateTime,
    after: i64,
    limit: i64,
) -> QueryResult<Vec<(i64, NaiveDateTime, Option<NaiveDateTime>)>> {
    history::table
        .filter(history::due_at.gt(now))
        .filter(history::id.gt(after))
        .order(history::id)
        .limit(limit)
        .select((history::id, history::due_at.assume_not_null(), history::leased_until))
        .load(conn)
}

/// Makes due at another time what is due at `from`.
pub fn move_to(
    conn: &mut Db,
    id: i64,
    from: NaiveDateTime,
    due_at: NaiveDateTime,
    leased_until: Option<NaiveDateTime>,
) -> QueryResult<usize> {
    diesel::update(history::table.find(id).filter(history::due_at.eq(from)))
        .set((history::due_at.eq(due_at), history::leased_until.eq(leased_until)))
        .execute(conn)
}

/// Whether anything is to be sent at all.
pub fn any_waiting(conn: &mut Db) -> QueryResult<bool> {
    history::table
        .filter(history::due_at.is_not_null())
        .select(history::id)
        .first::<i64>(conn)
        .optional()
        .map(|first| first.is_some())
}

/// Accepted ones about which the service knows more by now, the longest due first.
pub fn receipts_due(conn: &mut Db, now: NaiveDateTime, limit: i64) -> QueryResult<Vec<ReceiptDue>> {
    history::table
        .filter(history::receipt_due_at.le(now))
        .filter(history::provider_message_id.is_not_null())
        .order(history::receipt_due_at)
        .limit(limit)
        .select((
            history::id,
            history::provider_message_id.assume_not_null(),
            history::sent_at.assume_not_null(),
        ))
        .load(conn)
}

pub fn next_receipt_due(conn: &mut Db) -> QueryResult<Option<NaiveDateTime>> {
    history::table
        .filter(history::receipt_due_at.is_not_null())
        .order(history::receipt_due_at)
        .select(history::receipt_due_at.assume_not_null())
        .first(conn)
        .optional()
}

/// When the receipt is asked for again; never where there is no time.
pub fn set_receipt_due(conn: &mut Db, id: i64, at: Option<NaiveDateTime>) -> QueryResult<usize> {
    diesel::update(history::table.find(id))
        .set(history::receipt_due_at.eq(at))
        .returning(history::id)
        .prepared()
        .execute(conn)
}

/// The receipt says that what was accepted did not arrive: it failed, or goes another way from `due_at` on.
pub fn reopen(
    conn: &mut Db,
    id: i64,
    status: NotificationStatus,
    reason: &str,
    service: PushService,
    due_at: Option<NaiveDateTime>,
) -> QueryResult<usize> {
    let sent = history::table.find(id).filter(history::status.eq(NotificationStatus::Sent.as_str()));
    diesel::update(sent)
        .set((
            history::status.eq(status.as_str()),
            history::reason.eq(reason),
            history::provider.eq(service.as_str()),
            history::due_at.eq(due_at),
            history::receipt_due_at.eq(None::<NaiveDateTime>),
        ))
        .returning(history::id)
        .prepared()
        .execute(conn)
}

pub fn find(conn: &mut Db, id: i64) -> QueryResult<Option<NotificationRow>> {
    history::table.find(id).select(NotificationRow::as_select()).first(conn).optional()
}

pub fn by_public_id(conn: &mut Db, public_id: &str) -> QueryResult<Option<NotificationRow>> {
    history::table
        .filter(history::public_id.eq(public_id))
        .select(NotificationRow::as_select())
        .first(conn)
        .optional()
}

/// A customer's, the newest first, before the row `before`.
pub fn page(
    conn: &mut Db,
    customer: CustomerId,
    before: i64,
    limit: i64,
) -> QueryResult<Vec<NotificationRow>> {
    history::table
        .filter(history::customer_id.eq(customer.0).and(history::id.lt(before)))
        .order(history::id.desc())
        .limit(limit)
        .select(NotificationRow::as_select())
        .load(conn)
}

/// The app was opened by it. The first time counts.
pub fn open(conn: &mut Db, id: i64, at: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(history::table.find(id).filter(history::opened_at.is_null()))
        .set(history::opened_at.eq(at))
        .execute(conn)
}

/// The outcomes of those made since, by type and service.
pub fn counts(conn: &mut Db, since: NaiveDateTime) -> QueryResult<Vec<CountRow>> {
    const SUMS: &str = "SELECT notification_type, COALESCE(provider, '') AS provider, \
         CAST(SUM(CASE status WHEN 'sent' THEN 1 ELSE 0 END) AS BIGINT) AS sent, \
         CAST(SUM(CASE status WHEN 'failed' THEN 1 ELSE 0 END) AS BIGINT) AS failed, \
         CAST(SUM(CASE status WHEN 'not_sent' THEN 1 ELSE 0 END) AS BIGINT) AS not_sent, \
         CAST(SUM(CASE status WHEN 'pending' THEN 1 ELSE 0 END) AS BIGINT) AS pending, \
         CAST(SUM(CASE WHEN opened_at IS NULL THEN 0 ELSE 1 END) AS BIGINT) AS opened, \
         CAST(COALESCE(SUM(accept_ms), 0) AS BIGINT) AS accept_ms_sum, \
         CAST(COALESCE(MAX(accept_ms), 0) AS BIGINT) AS accept_ms_max \
         FROM notification_history WHERE created_at >= ";
    let by = "GROUP BY notification_type, provider ORDER BY notification_type, provider";
    let query = diesel::sql_query(format!("{SUMS}{} {by}", super::FIRST_BIND));
    query.bind::<diesel::sql_types::Timestamp, _>(since).load(conn)
}

/// Removes at most `limit` decided ones made before `before`, and says how many.
pub fn prune(conn: &mut Db, before: NaiveDateTime, limit: i64) -> QueryResult<usize> {
    let ids: Vec<i64> = history::table
        .filter(history::created_at.lt(before))
        .order(history::created_at)
        .limit(limit)
        .select(history::id)
        .load(conn)?;
    for id in &ids {
        diesel::delete(history::table.find(id)).execute(conn)?;
    }
    Ok(ids.len())
}
