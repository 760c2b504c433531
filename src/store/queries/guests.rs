//! Guests: accounts that were made for one ride, and the keys that open it again.

use super::Db;
use crate::domain::ids::AccountId;
use crate::domain::job::JobStatus;
use crate::store::rows::Guest;
use crate::store::schema::{accounts, customers, events, guests, jobs};
use chrono::NaiveDateTime;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

pub fn insert(conn: &mut Db, new: &Guest) -> QueryResult<usize> {
    diesel::insert_into(guests::table).values(new).execute(conn)
}

pub fn find(conn: &mut Db, account: AccountId) -> QueryResult<Option<Guest>> {
    guests::table.find(account.0).select(Guest::as_select()).first(conn).optional()
}

/// Stores a further key next to the first one, replacing the previous further key.
pub fn set_later_key(conn: &mut Db, account: AccountId, hash: &str) -> QueryResult<usize> {
    diesel::update(guests::table.find(account.0)).set(guests::later_key_hash.eq(hash)).execute(conn)
}

/// Removes at most `limit` guests who were made before `before`, have no stored events and whose rides have all ended,
/// and returns how many. A ride's end is an event, so it is at least as long ago as events are kept. The rides stay,
/// without an owner.
pub fn prune(conn: &mut Db, before: NaiveDateTime, limit: i64) -> QueryResult<usize> {
    let has_events = exists(events::table.filter(events::account_id.eq(guests::account_id)));
    let is_open = (jobs::status.ne(JobStatus::Completed.as_str()))
        .and(jobs::status.ne(JobStatus::Cancelled.as_str()))
        .and(jobs::status.ne(JobStatus::Unmatched.as_str()));
    let open_rides = jobs::table
        .inner_join(customers::table)
        .filter(customers::account_id.eq(guests::account_id))
        .filter(is_open);
    let gone: Vec<i64> = guests::table
        .filter(guests::created_at.lt(before))
        .filter(not(has_events))
        .filter(not(exists(open_rides)))
        .order(guests::created_at)
        .limit(limit)
        .select(guests::account_id)
        .load(conn)?;
    for account in &gone {
        let theirs = customers::table.filter(customers::account_id.eq(*account)).select(customers::id);
        let theirs: Vec<i64> = theirs.load(conn)?;
        for customer in theirs {
            // The ride stays for its driver's sake, as nobody's; what identifies the passenger goes with them.
            diesel::update(jobs::table.filter(jobs::customer_id.eq(customer)))
                .set((
                    jobs::customer_id.eq(None::<i64>),
                    jobs::passenger_phone.eq(None::<String>),
                    jobs::asked_from.eq(None::<String>),
                ))
                .execute(conn)?;
            diesel::delete(customers::table.find(customer)).execute(conn)?;
        }
        diesel::delete(guests::table.find(*account)).execute(conn)?;
        diesel::delete(accounts::table.find(*account)).execute(conn)?;
    }
    Ok(gone.len())
}
