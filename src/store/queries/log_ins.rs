//! The places from which accounts were logged in to, and how often each was unlocked.

use super::Db;
use crate::domain::ids::AccountId;
use crate::store::schema::{log_in_places as places, log_in_unlocks as unlocks};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// When a place was used last for this account.
pub fn used_at(conn: &mut Db, account: AccountId, place: &str) -> QueryResult<Option<NaiveDateTime>> {
    places::table.find((account.0, place)).select(places::used_at).first(conn).optional()
}

pub fn use_place(conn: &mut Db, account: AccountId, place: &str, at: NaiveDateTime) -> QueryResult<usize> {
    diesel::insert_into(places::table)
        .values((places::account_id.eq(account.0), places::place.eq(place), places::used_at.eq(at)))
        .on_conflict((places::account_id, places::place))
        .do_update()
        .set(places::used_at.eq(at))
        .execute(conn)
}

/// Keeps only the places that were used last, so many of them.
pub fn keep_newest(conn: &mut Db, account: AccountId, count: usize) -> QueryResult<usize> {
    let of_account = places::table.filter(places::account_id.eq(account.0));
    let all: Vec<String> =
        of_account.order((places::used_at.desc(), places::place)).select(places::place).load(conn)?;
    let mut removed = 0;
    for place in all.iter().skip(count) {
        removed += diesel::delete(places::table.find((account.0, place))).execute(conn)?;
    }
    Ok(removed)
}

pub fn unlocks(conn: &mut Db, account: AccountId) -> QueryResult<i64> {
    Ok(unlocks::table.find(account.0).select(unlocks::unlocks).first(conn).optional()?.unwrap_or(0))
}

pub fn unlock(conn: &mut Db, account: AccountId) -> QueryResult<usize> {
    diesel::insert_into(unlocks::table)
        .values((unlocks::account_id.eq(account.0), unlocks::unlocks.eq(1)))
        .on_conflict(unlocks::account_id)
        .do_update()
        .set(unlocks::unlocks.eq(unlocks::unlocks + 1))
        .execute(conn)
}
