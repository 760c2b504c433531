//! Accounts: the people and programs that log in.

use super::Db;
use crate::domain::ids::{AccountId, EventId};
use crate::domain::role::Role;
use crate::store::people_changes::AccountChange;
use crate::store::prepared::Prepare;
use crate::store::rows::{Account, NewAccount};
use crate::store::schema::accounts;
use chrono::NaiveDateTime;
use diesel::prelude::*;

pub fn insert(conn: &mut Db, new: &NewAccount<'_>) -> QueryResult<AccountId> {
    diesel::insert_into(accounts::table).values(new).returning(accounts::id).get_result(conn)
}

pub fn find(conn: &mut Db, id: AccountId) -> QueryResult<Option<Account>> {
    accounts::table.find(id.0).select(Account::as_select()).first(conn).optional()
}

pub fn by_public_id(conn: &mut Db, public_id: &str) -> QueryResult<Option<Account>> {
    accounts::table
        .filter(accounts::public_id.eq(public_id))
        .select(Account::as_select())
        .first(conn)
        .optional()
}

pub fn by_username(conn: &mut Db, username: &str) -> QueryResult<Option<Account>> {
    accounts::table
        .filter(accounts::username.eq(username))
        .select(Account::as_select())
        .first(conn)
        .optional()
}

/// The account with a number in any of these spellings, which are all unique.
pub fn by_phone_number(conn: &mut Db, spellings: &[String; 3]) -> QueryResult<Vec<Account>> {
    let [first, second, third] = spellings;
    accounts::table
        .filter(accounts::phone_number.eq(first))
        .or_filter(accounts::phone_number.eq(second))
        .or_filter(accounts::phone_number.eq(third))
        .select(Account::as_select())
        .load(conn)
}

/// The account with a number in exactly this spelling.
pub fn by_spelled_number(conn: &mut Db, phone_number: &str) -> QueryResult<Option<Account>> {
    accounts::table
        .filter(accounts::phone_number.eq(phone_number))
        .select(Account::as_select())
        .first(conn)
        .optional()
}

/// The demo accounts, in the order they were made.
pub fn demo(conn: &mut Db) -> QueryResult<Vec<Account>> {
    accounts::table
        .filter(accounts::is_demo.eq(true).and(accounts::is_suspended.eq(false)))
        .order(accounts::id)
        .select(Account::as_select())
        .load(conn)
}

/// The one with the lowest id who may log in.
pub fn first_of_role(conn: &mut Db, role: Role) -> QueryResult<Option<Account>> {
    accounts::table
        .filter(accounts::role.eq(role.as_str()).and(accounts::is_suspended.eq(false)))
        .order(accounts::id)
        .select(Account::as_select())
        .first(conn)
        .optional()
}

/// The first demo accounts; a fleet made in bulk may follow them by the thousand.
pub fn first_demo(conn: &mut Db, limit: i64) -> QueryResult<Vec<Account>> {
    accounts::table
        .filter(accounts::is_demo.eq(true).and(accounts::is_suspended.eq(false)))
        .order(accounts::id)
        .limit(limit)
        .select(Account::as_select())
        .load(conn)
}

/// Whether anybody is there. A program's account is made with its first token, which may be before the first start.
pub fn any(conn: &mut Db) -> QueryResult<bool> {
    accounts::table
        .filter(accounts::username.not_like("service:%"))
        .select(accounts::id)
        .first::<AccountId>(conn)
        .optional()
        .map(|first| first.is_some())
}

/// Takes the next `count` event numbers and returns the last of them, and whose they are. Locks the account's row until
/// the transaction ends, which is why ids of one account are committed in their order.
pub fn take_event_ids(conn: &mut Db, id: AccountId, count: i64) -> QueryResult<(EventId, Role)> {
    diesel::update(accounts::table.find(id.0))
        .set(accounts::last_event_id.eq(accounts::last_event_id + count))
        .returning((accounts::last_event_id, accounts::role))
        .prepared()
        .get_result(conn)
}

pub fn last_event_id(conn: &mut Db, id: AccountId) -> QueryResult<EventId> {
    accounts::table.find(id.0).select(accounts::last_event_id).first(conn)
}

/// Sets a new password. With `once_until` it is good, until then, for setting another one and nothing else.
pub fn set_password(
    conn: &mut Db,
    id: AccountId,
    password_hash: &str,
    once_until: Option<NaiveDateTime>,
) -> QueryResult<usize> {
    diesel::update(accounts::table.find(id.0))
        .set((accounts::password_hash.eq(password_hash), accounts::password_once_until.eq(once_until)))
        .execute(conn)
}

/// Refuses every token that was issued before `valid_from` (Unix seconds), but those of a log-in that goes on.
pub fn revoke_access(conn: &mut Db, id: AccountId, valid_from: i64, at: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(accounts::table.find(id.0))
        .set((accounts::tokens_valid_from.eq(valid_from), accounts::access_revoked_at.eq(at)))
        .execute(conn)
}

/// From whom something was taken away since that they were let in with.
pub fn revoked_since(conn: &mut Db, since: NaiveDateTime) -> QueryResult<Vec<AccountId>> {
    accounts::table.filter(accounts::access_revoked_at.ge(since)).select(accounts::id).load(conn)
}

/// Reads the row and keeps it from others until the transaction ends.
pub fn lock(conn: &mut Db, id: AccountId) -> QueryResult<Option<Account>> {
    for_update!(accounts::table.find(id.0).select(Account::as_select())).first(conn).optional()
}

/// All of a role who are not suspended, kept from others until the transaction ends.
pub fn lock_those_let_in(conn: &mut Db, role: Role) -> QueryResult<Vec<AccountId>> {
    let those = accounts::table
        .filter(accounts::role.eq(role.as_str()).and(accounts::is_suspended.eq(false)))
        .order(accounts::id)
        .select(accounts::id);
    for_update!(those).load(conn)
}

/// Those of some roles who are programs, or are not, ascending by id, after `after`.
pub fn of_roles(
    conn: &mut Db,
    roles: &[&'static str],
    are_programs: bool,
    after: AccountId,
    limit: i64,
) -> QueryResult<Vec<Account>> {
    let those = accounts::table
        .filter(accounts::role.eq_any(roles.iter().copied()).and(accounts::id.gt(after.0)))
        .order(accounts::id)
        .limit(limit)
        .select(Account::as_select());
    match are_programs {
        true => those.filter(accounts::username.like("service:%")).load(conn),
        false => those.filter(accounts::username.not_like("service:%")).load(conn),
    }
}

/// Changes what an account is called, and where it can be called.
pub fn change(conn: &mut Db, id: AccountId, change: &AccountChange) -> QueryResult<usize> {
    // diesel refuses an UPDATE that sets nothing.
    match *change == AccountChange::default() {
        true => Ok(0),
        false => diesel::update(accounts::table.find(id.0)).set(change).execute(conn),
    }
}

pub fn set_role(conn: &mut Db, id: AccountId, role: Role) -> QueryResult<usize> {
    diesel::update(accounts::table.find(id.0)).set(accounts::role.eq(role.as_str())).execute(conn)
}

pub fn set_suspended(conn: &mut Db, id: AccountId, is_suspended: bool) -> QueryResult<usize> {
    diesel::update(accounts::table.find(id.0)).set(accounts::is_suspended.eq(is_suspended)).execute(conn)
}

/// Takes a demo account out of use: its name and number are free again, its history stays.
pub fn retire_demo(conn: &mut Db, id: AccountId, username: &str) -> QueryResult<usize> {
    diesel::update(accounts::table.find(id.0))
        .set((
            accounts::username.eq(username),
            accounts::phone_number.eq(None::<String>),
            accounts::password_hash.eq(None::<String>),
            accounts::is_suspended.eq(true),
        ))
        .execute(conn)
}

pub fn revive_demo(
    conn: &mut Db,
    id: AccountId,
    username: &str,
    phone_number: Option<&str>,
    password_hash: &str,
) -> QueryResult<usize> {
    diesel::update(accounts::table.find(id.0))
        .set((
            accounts::username.eq(username),
            accounts::phone_number.eq(phone_number),
            accounts::password_hash.eq(password_hash),
            accounts::password_once_until.eq(None::<NaiveDateTime>),
            accounts::is_suspended.eq(false),
        ))
        .execute(conn)
}
