//! Log-ins: the grants of access to accounts.

use super::Db;
use crate::domain::ids::AccountId;
use crate::store::grant_rows::{Grant, NewGrant};
use crate::store::schema::grants;
use chrono::NaiveDateTime;
use diesel::prelude::*;

pub fn insert(conn: &mut Db, new: &NewGrant<'_>) -> QueryResult<usize> {
    diesel::insert_into(grants::table).values(new).execute(conn)
}

pub fn find(conn: &mut Db, id: &str) -> QueryResult<Option<Grant>> {
    grants::table.find(id).select(Grant::as_select()).first(conn).optional()
}

/// It was used, and is good for longer. Of one that is not there or was revoked nothing is changed.
pub fn prolong(conn: &mut Db, id: &str, at: NaiveDateTime, expires_at: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(grants::table.find(id).filter(grants::revoked_at.is_null()))
        .set((grants::last_used_at.eq(at), grants::expires_at.eq(expires_at)))
        .execute(conn)
}

pub fn note_use(conn: &mut Db, ids: &[String], at: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(grants::table.filter(grants::id.eq_any(ids)))
        .set(grants::last_used_at.eq(at))
        .execute(conn)
}

pub fn revoke(conn: &mut Db, id: &str, at: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(grants::table.find(id).filter(grants::revoked_at.is_null()))
        .set(grants::revoked_at.eq(at))
        .execute(conn)
}

/// `but` is one that goes on; no text is none.
pub fn revoke_account(conn: &mut Db, account: AccountId, but: &str, at: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(
        grants::table
            .filter(grants::account_id.eq(account.0))
            .filter(grants::id.ne(but))
            .filter(grants::revoked_at.is_null()),
    )
    .set(grants::revoked_at.eq(at))
    .execute(conn)
}

pub fn delete(conn: &mut Db, id: &str) -> QueryResult<usize> {
    diesel::delete(grants::table.find(id)).execute(conn)
}

/// The accounts with a grant that was revoked since.
pub fn revoked_since(conn: &mut Db, since: NaiveDateTime) -> QueryResult<Vec<AccountId>> {
    grants::table.filter(grants::revoked_at.ge(since)).select(grants::account_id).distinct().load(conn)
}

/// Those of an account that are good at a time, the newest first, after the one that began at `after`.
pub fn page(
    conn: &mut Db,
    account: AccountId,
    good_at: NaiveDateTime,
    after: Option<(NaiveDateTime, String)>,
    limit: i64,
) -> QueryResult<Vec<Grant>> {
    let page = grants::table
        .filter(grants::account_id.eq(account.0))
        .filter(grants::revoked_at.is_null().and(grants::expires_at.gt(good_at)))
        .order((grants::began_at.desc(), grants::id.desc()))
        .limit(limit)
        .select(Grant::as_select());
    match after {
        None => page.load(conn),
        Some((began_at, id)) => page
            .filter(grants::began_at.lt(began_at).or(grants::began_at.eq(began_at).and(grants::id.lt(id))))
            .load(conn),
    }
}

/// Removes at most `limit` that ended before `before` and says how many.
pub fn prune(conn: &mut Db, before: NaiveDateTime, limit: i64) -> QueryResult<usize> {
    let ids: Vec<String> =
        grants::table.filter(grants::expires_at.lt(before)).limit(limit).select(grants::id).load(conn)?;
    diesel::delete(grants::table.filter(grants::id.eq_any(&ids))).execute(conn)
}
