//! Answers kept under an `Idempotency-Key`, written in the transaction of the change they answer.

use super::Db;
use crate::domain::ids::AccountId;
use crate::store::prepared::Prepare;
use crate::store::rows::IdempotencyRow;
use crate::store::schema::idempotency_keys as keys;
use chrono::NaiveDateTime;
use diesel::prelude::*;

pub fn find(
    conn: &mut Db,
    account: AccountId,
    route: &str,
    key: &str,
) -> QueryResult<Option<IdempotencyRow>> {
    keys::table.find((account.0, route, key)).select(IdempotencyRow::as_select()).first(conn).optional()
}

/// Takes a key: 0 where somebody has it. Waits for another transaction that is taking it.
pub fn claim(conn: &mut Db, new: &IdempotencyRow) -> QueryResult<usize> {
    diesel::insert_into(keys::table).values(new).on_conflict_do_nothing().execute(conn)
}

/// Writes the answer to a key that this transaction took.
pub fn answer(conn: &mut Db, row: &IdempotencyRow) -> QueryResult<usize> {
    diesel::update(keys::table.find((row.account_id, &row.route, &row.idempotency_key)))
        .set((keys::status.eq(row.status), keys::response.eq(&row.response)))
        .returning(keys::account_id)
        .prepared()
        .execute(conn)
}

pub fn remove(conn: &mut Db, account: AccountId, route: &str, key: &str) -> QueryResult<usize> {
    diesel::delete(keys::table.find((account.0, route, key))).execute(conn)
}

/// Removes at most `limit` answers older than `before` and says how many.
pub fn prune(conn: &mut Db, before: NaiveDateTime, limit: i64) -> QueryResult<usize> {
    let old: Vec<(i64, String, String)> = keys::table
        .filter(keys::created_at.lt(before))
        .limit(limit)
        .select((keys::account_id, keys::route, keys::idempotency_key))
        .load(conn)?;
    for (account, route, key) in &old {
        diesel::delete(keys::table.find((account, route, key))).execute(conn)?;
    }
    Ok(old.len())
}
