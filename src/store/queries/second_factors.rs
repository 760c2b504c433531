//! Second factors and recovery codes.

use super::Db;
use crate::domain::ids::AccountId;
use crate::store::grant_rows::SecondFactor;
use crate::store::schema::{recovery_codes, second_factors};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// Makes an account's row, unless it is there.
pub fn make(conn: &mut Db, account: AccountId) -> QueryResult<usize> {
    diesel::insert_into(second_factors::table)
        .values(second_factors::account_id.eq(account.0))
        .on_conflict_do_nothing()
        .execute(conn)
}

pub fn find(conn: &mut Db, account: AccountId) -> QueryResult<Option<SecondFactor>> {
    second_factors::table.find(account.0).select(SecondFactor::as_select()).first(conn).optional()
}

/// Reads the row and keeps it from others until the transaction ends.
pub fn lock(conn: &mut Db, account: AccountId) -> QueryResult<Option<SecondFactor>> {
    for_update!(second_factors::table.find(account.0).select(SecondFactor::as_select()))
        .first(conn)
        .optional()
}

pub fn set_pending(conn: &mut Db, account: AccountId, secret: &str) -> QueryResult<usize> {
    diesel::update(second_factors::table.find(account.0))
        .set(second_factors::pending_secret.eq(secret))
        .execute(conn)
}

pub fn confirm(conn: &mut Db, account: AccountId, secret: &str) -> QueryResult<usize> {
    diesel::update(second_factors::table.find(account.0))
        .set((second_factors::secret.eq(secret), second_factors::pending_secret.eq(None::<String>)))
        .execute(conn)
}

/// A code was good: of this step, and none up to it is good again.
pub fn taken(conn: &mut Db, account: AccountId, step: i64) -> QueryResult<usize> {
    diesel::update(second_factors::table.find(account.0))
        .set((
            second_factors::last_step.eq(step),
            second_factors::failures.eq(0),
            second_factors::blocked_until.eq(None::<NaiveDateTime>),
        ))
        .execute(conn)
}

pub fn refused(
    conn: &mut Db,
    account: AccountId,
    failures: i64,
    blocked_until: Option<NaiveDateTime>,
) -> QueryResult<usize> {
    diesel::update(second_factors::table.find(account.0))
        .set((second_factors::failures.eq(failures), second_factors::blocked_until.eq(blocked_until)))
        .execute(conn)
}

pub fn remove(conn: &mut Db, account: AccountId) -> QueryResult<usize> {
    diesel::delete(second_factors::table.find(account.0)).execute(conn)
}

pub fn recovery_codes(conn: &mut Db, account: AccountId) -> QueryResult<i64> {
    recovery_codes::table.filter(recovery_codes::account_id.eq(account.0)).count().get_result(conn)
}

pub fn keep_recovery_code(conn: &mut Db, account: AccountId, hash: &str) -> QueryResult<usize> {
    diesel::insert_into(recovery_codes::table)
        .values((recovery_codes::account_id.eq(account.0), recovery_codes::code_hash.eq(hash)))
        .execute(conn)
}

/// It is gone with its use.
pub fn use_recovery_code(conn: &mut Db, account: AccountId, hash: &str) -> QueryResult<usize> {
    diesel::delete(recovery_codes::table.find((account.0, hash))).execute(conn)
}

pub fn forget_recovery_codes(conn: &mut Db, account: AccountId) -> QueryResult<usize> {
    diesel::delete(recovery_codes::table.filter(recovery_codes::account_id.eq(account.0))).execute(conn)
}
