//! Drivers: the people who carry out jobs.

use super::Db;
use crate::domain::ids::{AccountId, DriverId};
use crate::store::people_changes::DriverChange;
use crate::store::people_search::PeopleSearch;
use crate::store::prepared::Prepare;
use crate::store::rows::{Account, Driver, NewDriver};
use crate::store::schema::{accounts, drivers};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

diesel::define_sql_function! {
    fn replace(text: Nullable<Text>, from: Text, to: Text) -> Nullable<Text>;
}

pub fn insert(conn: &mut Db, new: &NewDriver<'_>) -> QueryResult<usize> {
    diesel::insert_into(drivers::table).values(new).execute(conn)
}

pub fn find(conn: &mut Db, id: DriverId) -> QueryResult<Option<(Driver, Account)>> {
    drivers::table
        .find(id.0)
        .inner_join(accounts::table)
        .select((Driver::as_select(), Account::as_select()))
        .first(conn)
        .optional()
}

/// The external ids of those of these drivers who have one.
pub fn external_ids(conn: &mut Db, ids: &[i64]) -> QueryResult<Vec<(DriverId, String)>> {
    drivers::table
        .filter(drivers::id.eq_any(ids))
        .filter(drivers::external_id.is_not_null())
        .select((drivers::id, drivers::external_id.assume_not_null()))
        .load(conn)
}

pub fn by_external_id(conn: &mut Db, external_id: &str) -> QueryResult<Option<DriverId>> {
    drivers::table.filter(drivers::external_id.eq(external_id)).select(drivers::id).first(conn).optional()
}

pub fn by_account(conn: &mut Db, account: AccountId) -> QueryResult<Option<Driver>> {
    drivers::table
        .filter(drivers::account_id.eq(account.0))
        .select(Driver::as_select())
        .first(conn)
        .optional()
}

/// Reads the row and keeps it from others until the transaction ends.
pub fn lock(conn: &mut Db, id: DriverId) -> QueryResult<Option<Driver>> {
    for_update!(drivers::table.find(id.0).select(Driver::as_select())).first(conn).optional()
}

/// Ascending by id, after `after`.
pub fn page(conn: &mut Db, after: DriverId, limit: i64) -> QueryResult<Vec<(Driver, Account)>> {
    drivers::table
        .inner_join(accounts::table)
        .filter(drivers::id.gt(after.0))
        .order(drivers::id)
        .limit(limit)
        .select((Driver::as_select(), Account::as_select()))
        .load(conn)
}

/// The `nth` id after one, where there are as many.
pub fn nth_after(conn: &mut Db, after: DriverId, nth: i64) -> QueryResult<Option<DriverId>> {
    drivers::table
        .filter(drivers::id.gt(after.0))
        .order(drivers::id)
        .offset(nth - 1)
        .limit(1)
        .select(drivers::id)
        .first(conn)
        .optional()
}

/// Those who are looked for, ascending by id, after `after` and up to `up_to`.
pub fn search(
    conn: &mut Db,
    search: &PeopleSearch,
    after: DriverId,
    up_to: Option<DriverId>,
    limit: i64,
) -> QueryResult<Vec<(Driver, Account)>> {
    let [lower, upper, titled] = &search.names;
    let plate = replace(replace(drivers::vehicle_registration, " ", ""), "-", "");
    drivers::table
        .inner_join(accounts::table)
        .filter(drivers::id.gt(after.0).and(drivers::id.le(up_to.map_or(i64::MAX, |id| id.0))))
        .filter(
            is_like!(accounts::name, lower)
                .or(is_like!(accounts::name, upper))
                .or(is_like!(accounts::name, titled))
                .or(is_like!(accounts::phone_number, &search.number))
                .or(is_like!(drivers::external_id, &search.external_id))
                .or(is_like!(plate, &search.plate)),
        )
        .order(drivers::id)
        .limit(limit)
        .select((Driver::as_select(), Account::as_select()))
        .load(conn)
}

/// Those with ids from `first` to `last` who may log in, ascending.
pub fn within(conn: &mut Db, first: i64, last: i64) -> QueryResult<Vec<(Driver, Account)>> {
    drivers::table
        .inner_join(accounts::table)
        .filter(drivers::id.between(first, last))
        .filter(accounts::is_suspended.eq(false))
        .order(drivers::id)
        .select((Driver::as_select(), Account::as_select()))
        .load(conn)
}

/// Those who are not offline, and whose newest position was not measured from `since` to `until` or who have none.
pub fn silent_since(
    conn: &mut Db,
    since: NaiveDateTime,
    until: NaiveDateTime,
) -> QueryResult<Vec<(DriverId, AccountId)>> {
    let is_old = drivers::position_at.lt(since).or(drivers::position_at.gt(until)).assume_not_null();
    drivers::table
        .filter(drivers::wants.ne("offline"))
        .filter(drivers::position_at.is_null().or(drivers::position_measured.eq(true).and(is_old)))
        .select((drivers::id, drivers::account_id))
        .load(conn)
}

/// Changes a driver at the time `at`.
pub fn change(conn: &mut Db, id: DriverId, change: &DriverChange, at: NaiveDateTime) -> QueryResult<usize> {
    // diesel refuses an UPDATE that sets nothing.
    if *change == DriverChange::default() {
        return Ok(0);
    }
    diesel::update(drivers::table.find(id.0))
        .set((drivers::changed_at.eq(at), change))
        .returning(drivers::id)
        .prepared()
        .execute(conn)
}

/// Notes that the driver's account changed.
pub fn touch(conn: &mut Db, id: DriverId, at: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(drivers::table.find(id.0))
        .set(drivers::changed_at.eq(at))
        .returning(drivers::id)
        .prepared()
        .execute(conn)
}

/// Those who changed since, and when: from the index alone.
pub fn changed_since(conn: &mut Db, since: NaiveDateTime) -> QueryResult<Vec<(DriverId, NaiveDateTime)>> {
    drivers::table
        .filter(drivers::changed_at.ge(since))
        .select((drivers::id, drivers::changed_at.assume_not_null()))
        .load(conn)
}

pub fn count_online(conn: &mut Db) -> QueryResult<i64> {
    drivers::table.filter(drivers::status.ne("offline")).count().get_result(conn)
}

/// Every id that is in use, ascending.
pub fn ids(conn: &mut Db) -> QueryResult<Vec<i64>> {
    drivers::table.select(drivers::id).order(drivers::id).load(conn)
}

pub fn highest_id(conn: &mut Db) -> QueryResult<Option<i64>> {
    drivers::table.select(diesel::dsl::max(drivers::id)).first(conn)
}
