//! Customers: the people who request jobs.

use super::Db;
use crate::domain::ids::{AccountId, CustomerId};
use crate::store::people_changes::CustomerChange;
use crate::store::people_search::PeopleSearch;
use crate::store::rows::{Account, Customer};
use crate::store::schema::{accounts, customers};
use diesel::prelude::*;

pub fn insert(
    conn: &mut Db,
    id: CustomerId,
    account: AccountId,
    time_zone: Option<&str>,
    external_id: Option<&str>,
) -> QueryResult<usize> {
    diesel::insert_into(customers::table)
        .values((
            customers::id.eq(id.0),
            customers::account_id.eq(account.0),
            customers::time_zone.eq(time_zone),
            customers::external_id.eq(external_id),
        ))
        .execute(conn)
}

pub fn find(conn: &mut Db, id: CustomerId) -> QueryResult<Option<(Customer, Account)>> {
    customers::table
        .find(id.0)
        .inner_join(accounts::table)
        .select((Customer::as_select(), Account::as_select()))
        .first(conn)
        .optional()
}

pub fn by_external_id(conn: &mut Db, external_id: &str) -> QueryResult<Option<CustomerId>> {
    customers::table
        .filter(customers::external_id.eq(external_id))
        .select(customers::id)
        .first(conn)
        .optional()
}

/// Reads the row and keeps it from others until the transaction ends.
pub fn lock(conn: &mut Db, id: CustomerId) -> QueryResult<Option<Customer>> {
    for_update!(customers::table.find(id.0).select(Customer::as_select())).first(conn).optional()
}

pub fn change(conn: &mut Db, id: CustomerId, change: &CustomerChange) -> QueryResult<usize> {
    // diesel refuses an UPDATE that sets nothing.
    match *change == CustomerChange::default() {
        true => Ok(0),
        false => diesel::update(customers::table.find(id.0)).set(change).execute(conn),
    }
}

pub fn account_of(conn: &mut Db, id: CustomerId) -> QueryResult<Option<AccountId>> {
    customers::table.find(id.0).select(customers::account_id).first(conn).optional()
}

pub fn by_account(conn: &mut Db, account: AccountId) -> QueryResult<Option<Customer>> {
    customers::table
        .filter(customers::account_id.eq(account.0))
        .select(Customer::as_select())
        .first(conn)
        .optional()
}

/// The `nth` id after one, where there are as many.
pub fn nth_after(conn: &mut Db, after: CustomerId, nth: i64) -> QueryResult<Option<CustomerId>> {
    customers::table
        .filter(customers::id.gt(after.0))
        .order(customers::id)
        .offset(nth - 1)
        .limit(1)
        .select(customers::id)
        .first(conn)
        .optional()
}

/// Those who are looked for, ascending by id, after `after` and up to `up_to`.
pub fn search(
    conn: &mut Db,
    search: &PeopleSearch,
    after: CustomerId,
    up_to: Option<CustomerId>,
    limit: i64,
) -> QueryResult<Vec<(Customer, Account)>> {
    let [lower, upper, titled] = &search.names;
    customers::table
        .inner_join(accounts::table)
        .filter(customers::id.gt(after.0).and(customers::id.le(up_to.map_or(i64::MAX, |id| id.0))))
        .filter(accounts::is_guest.eq(false))
        .filter(
            is_like!(accounts::name, lower)
                .or(is_like!(accounts::name, upper))
                .or(is_like!(accounts::name, titled))
                .or(is_like!(accounts::phone_number, &search.number))
                .or(is_like!(customers::external_id, &search.external_id)),
        )
        .order(customers::id)
        .limit(limit)
        .select((Customer::as_select(), Account::as_select()))
        .load(conn)
}

/// Those with ids from `first` to `last` who may log in, ascending. Guests never do.
pub fn within(conn: &mut Db, first: i64, last: i64) -> QueryResult<Vec<(Customer, Account)>> {
    customers::table
        .inner_join(accounts::table)
        .filter(customers::id.between(first, last))
        .filter(accounts::is_suspended.eq(false).and(accounts::is_guest.eq(false)))
        .order(customers::id)
        .select((Customer::as_select(), Account::as_select()))
        .load(conn)
}

/// Those who are no guests, ascending by id, after `after`.
pub fn page(conn: &mut Db, after: CustomerId, limit: i64) -> QueryResult<Vec<(Customer, Account)>> {
    customers::table
        .inner_join(accounts::table)
        .filter(customers::id.gt(after.0))
        .filter(accounts::is_guest.eq(false))
        .order(customers::id)
        .limit(limit)
        .select((Customer::as_select(), Account::as_select()))
        .load(conn)
}

/// Every id that is in use, ascending.
pub fn ids(conn: &mut Db) -> QueryResult<Vec<i64>> {
    customers::table.select(customers::id).order(customers::id).load(conn)
}

/// Of those who are no guests: guests' ids are below 0.
pub fn highest_id(conn: &mut Db) -> QueryResult<Option<i64>> {
    customers::table.filter(customers::id.gt(0)).select(diesel::dsl::max(customers::id)).first(conn)
}

/// Those of these ids that there are.
pub fn among(conn: &mut Db, ids: &[i64]) -> QueryResult<Vec<Customer>> {
    customers::table.filter(customers::id.eq_any(ids)).select(Customer::as_select()).load(conn)
}
