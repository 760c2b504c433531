//! Customers' devices, with the tokens that push services know them by.

use super::Db;
use crate::domain::device::DeviceId;
use crate::domain::ids::{AccountId, CustomerId};
use crate::domain::push::PushService;
use crate::store::push_rows::{DeviceChange, DeviceRow};
use crate::store::schema::{accounts, customer_push_tokens as devices, customers, refresh_tokens};
use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;

/// A customer's devices, the oldest first, kept from others until the transaction ends.
pub fn lock_all_of(conn: &mut Db, customer: CustomerId) -> QueryResult<Vec<DeviceRow>> {
    let of = devices::table.filter(devices::customer_id.eq(customer.0)).order(devices::id);
    for_update!(of.select(DeviceRow::as_select())).load(conn)
}

/// Those of these customers that a service may reach, the oldest first. A suspended customer has none.
pub fn active_of(conn: &mut Db, customers: &[i64]) -> QueryResult<Vec<DeviceRow>> {
    let in_use = customers::table
        .inner_join(accounts::table)
        .filter(customers::id.eq(devices::customer_id))
        .filter(accounts::is_suspended.eq(false));
    devices::table
        .filter(devices::customer_id.eq_any(customers))
        .filter(devices::is_active.eq(true))
        .filter(exists(in_use))
        .order(devices::id)
        .select(DeviceRow::as_select())
        .load(conn)
}

pub fn all_of(conn: &mut Db, customer: CustomerId, limit: i64) -> QueryResult<Vec<DeviceRow>> {
    devices::table
        .filter(devices::customer_id.eq(customer.0))
        .order(devices::id)
        .limit(limit)
        .select(DeviceRow::as_select())
        .load(conn)
}

/// Those that were registered with a log-in, kept from others until the transaction ends.
pub fn lock_of_session(conn: &mut Db, session: &str) -> QueryResult<Vec<DeviceRow>> {
    let of = devices::table.filter(devices::session.eq(session)).order(devices::id);
    for_update!(of.select(DeviceRow::as_select())).load(conn)
}

/// The same of any log-in of an account, but one that goes on; no text is none.
pub fn lock_of_sessions_of(conn: &mut Db, account: AccountId, but: &str) -> QueryResult<Vec<DeviceRow>> {
    let sessions = refresh_tokens::table
        .filter(refresh_tokens::account_id.eq(account.0))
        .filter(refresh_tokens::family.ne(but))
        .select(refresh_tokens::family.nullable());
    let of = devices::table.filter(devices::session.eq_any(sessions)).order(devices::id);
    for_update!(of.select(DeviceRow::as_select())).load(conn)
}

/// The devices that have one of these tokens.
pub fn lock_holders(
    conn: &mut Db,
    fcm: Option<&str>,
    expo: Option<&str>,
    apns: Option<&str>,
) -> QueryResult<Vec<DeviceRow>> {
    // Null equals nothing.
    let holds =
        devices::fcm_token.eq(fcm).or(devices::expo_push_token.eq(expo)).or(devices::apns_token.eq(apns));
    let held = devices::table.filter(holds.assume_not_null()).order(devices::id);
    for_update!(held.select(DeviceRow::as_select())).load(conn)
}

pub fn lock(conn: &mut Db, id: DeviceId) -> QueryResult<Option<DeviceRow>> {
    for_update!(devices::table.find(id.0).select(DeviceRow::as_select())).first(conn).optional()
}

pub fn insert(conn: &mut Db, new: &DeviceChange<'_>) -> QueryResult<DeviceId> {
    diesel::insert_into(devices::table).values(new).returning(devices::id).get_result(conn)
}

pub fn update(conn: &mut Db, id: DeviceId, change: &DeviceChange<'_>) -> QueryResult<usize> {
    diesel::update(devices::table.find(id.0)).set(change).execute(conn)
}

pub fn delete(conn: &mut Db, id: DeviceId) -> QueryResult<usize> {
    diesel::delete(devices::table.find(id.0)).execute(conn)
}

/// How many tokens of a service were found dead since.
pub fn dead_since(conn: &mut Db, service: PushService, since: NaiveDateTime) -> QueryResult<i64> {
    match service {
        PushService::Fcm => devices::table.filter(devices::fcm_dead_at.ge(since)).count().get_result(conn),
        PushService::Apns => devices::table.filter(devices::apns_dead_at.ge(since)).count().get_result(conn),
        PushService::Expo => devices::table.filter(devices::expo_dead_at.ge(since)).count().get_result(conn),
    }
}

/// Removes at most `limit` devices that nothing has reached since `before`, and says how many.
pub fn prune(conn: &mut Db, before: NaiveDateTime, limit: i64) -> QueryResult<usize> {
    let ids: Vec<i64> = devices::table
        .filter(devices::is_active.eq(false))
        .filter(devices::updated_at.lt(before))
        .limit(limit)
        .select(devices::id)
        .load(conn)?;
    for id in &ids {
        diesel::delete(devices::table.find(id)).execute(conn)?;
    }
    Ok(ids.len())
}
