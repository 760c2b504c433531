//! Payments of jobs, the notices of payment services, and the currency of amounts that were stored without one.

use super::Db;
use crate::domain::currency::Currency;
use crate::domain::ids::{AccountId, EventId, JobId};
use crate::store::payment_rows::{PaymentChange, PaymentNotice};
use crate::store::prepared::Prepare;
use crate::store::schema::{events, jobs, payment_notices as notices};
use diesel::prelude::*;

/// Of a job whose row is locked. There must be something to change.
pub fn change(conn: &mut Db, job: JobId, change: &PaymentChange<'_>) -> QueryResult<usize> {
    diesel::update(jobs::table.find(job.0)).set(change).returning(jobs::id).prepared().execute(conn)
}

pub fn notice(conn: &mut Db, provider: &str, id: &str) -> QueryResult<Option<PaymentNotice>> {
    notices::table.find((provider, id)).select(PaymentNotice::as_select()).first(conn).optional()
}

/// 0 where it is there. Waits for another transaction that is taking it.
pub fn insert_notice(conn: &mut Db, new: &PaymentNotice) -> QueryResult<usize> {
    diesel::insert_into(notices::table).values(new).on_conflict_do_nothing().execute(conn)
}

/// The new outcome of a repeated notice.
pub fn rewrite_notice(conn: &mut Db, new: &PaymentNotice) -> QueryResult<usize> {
    diesel::update(notices::table.find((&new.provider, &new.notice_id))).set(new).execute(conn)
}

/// The newest of a job first.
pub fn notices_of(conn: &mut Db, job: JobId, limit: i64) -> QueryResult<Vec<PaymentNotice>> {
    notices::table
        .filter(notices::job_id.eq(job.0))
        .order((notices::received_at.desc(), notices::notice_id.desc()))
        .limit(limit)
        .select(PaymentNotice::as_select())
        .load(conn)
}

/// Jobs whose amounts are hundredths of nobody said what.
pub fn without_currency(conn: &mut Db, limit: i64) -> QueryResult<Vec<i64>> {
    jobs::table.filter(jobs::currency.is_null()).order(jobs::id).limit(limit).select(jobs::id).load(conn)
}

/// Says that these jobs' hundredths are of `currency`, and brings them to its minor unit, half up. Those that another process
/// was faster with are left as they are; the others are returned.
pub fn set_currency(conn: &mut Db, ids: &[i64], currency: Currency) -> QueryResult<Vec<i64>> {
    // Of hundredths; amounts are not negative.
    let (times, plus, by): (i64, i64, i64) = match currency.digits() {
        0 => (1, 50, 100),
        digits => (10_i64.pow(digits.saturating_sub(2)), 0, 1),
    };
    diesel::update(jobs::table.filter(jobs::id.eq_any(ids)).filter(jobs::currency.is_null()))
        .set((
            jobs::currency.eq(currency.as_str()),
            jobs::earnings_minor.eq((jobs::earnings_minor * times + plus) / by),
            jobs::estimated_fare_minor.eq((jobs::estimated_fare_minor * times + plus) / by),
            jobs::final_fare_minor.eq((jobs::final_fare_minor * times + plus) / by),
        ))
        .returning(jobs::id)
        .get_results(conn)
}

/// The events of these jobs that have an amount.
pub fn amounts_told_of(conn: &mut Db, jobs: &[i64]) -> QueryResult<Vec<(AccountId, EventId, String)>> {
    events::table
        .filter(events::job_id.eq_any(jobs))
        .filter(events::name.eq_any(["order_assigned", "ride_requested", "ride_completed"]))
        .select((events::account_id, events::event_id, events::body))
        .load(conn)
}

pub fn rewrite_event(conn: &mut Db, account: AccountId, id: EventId, body: &str) -> QueryResult<usize> {
    diesel::update(events::table.find((account.0, id.0))).set(events::body.eq(body)).execute(conn)
}
