//! Refresh tokens and their families.

use super::Db;
use crate::domain::ids::AccountId;
use crate::store::rows::RefreshToken;
use crate::store::schema::refresh_tokens;
use chrono::NaiveDateTime;
use diesel::prelude::*;

pub fn insert(conn: &mut Db, new: &RefreshToken) -> QueryResult<usize> {
    diesel::insert_into(refresh_tokens::table).values(new).execute(conn)
}

/// Reads the row and keeps it from others until the transaction ends.
pub fn lock(conn: &mut Db, id: &str) -> QueryResult<Option<RefreshToken>> {
    for_update!(refresh_tokens::table.find(id).select(RefreshToken::as_select())).first(conn).optional()
}

pub fn mark_used(conn: &mut Db, id: &str, successor: &str, at: NaiveDateTime) -> QueryResult<usize> {
    diesel::update(refresh_tokens::table.find(id).filter(refresh_tokens::used_at.is_null()))
        .set((refresh_tokens::used_at.eq(at), refresh_tokens::successor.eq(successor)))
        .execute(conn)
}

/// Until none is left: on PostgreSQL an UPDATE waits for a refresh that holds one of these rows, but does not see the
/// successor which that has written. An UPDATE that finds nothing shows that no refresh is in progress, since it would
/// have met the row that the refresh holds.
pub fn revoke_family(conn: &mut Db, family: &str, at: NaiveDateTime) -> QueryResult<usize> {
    let mut revoked = 0;
    loop {
        let found = diesel::update(
            refresh_tokens::table
                .filter(refresh_tokens::family.eq(family))
                .filter(refresh_tokens::revoked_at.is_null()),
        )
        .set(refresh_tokens::revoked_at.eq(at))
        .execute(conn)?;
        if found == 0 {
            return Ok(revoked);
        }
        revoked += found;
    }
}

/// The newest token of a family, locked until the transaction ends: a revocation of the family waits.
pub fn lock_newest_of(conn: &mut Db, family: &str) -> QueryResult<Option<RefreshToken>> {
    let newest = refresh_tokens::table
        .filter(refresh_tokens::family.eq(family))
        .order(refresh_tokens::issued_at.desc())
        .limit(1)
        .select(RefreshToken::as_select());
    for_update!(newest).first(conn).optional()
}

/// The same of all families of an account, but one that goes on; no text is none. For the same reason until none is left.
pub fn revoke_account(conn: &mut Db, account: AccountId, but: &str, at: NaiveDateTime) -> QueryResult<usize> {
    let mut revoked = 0;
    loop {
        let found = diesel::update(
            refresh_tokens::table
                .filter(refresh_tokens::account_id.eq(account.0))
                .filter(refresh_tokens::family.ne(but))
                .filter(refresh_tokens::revoked_at.is_null()),
        )
        .set(refresh_tokens::revoked_at.eq(at))
        .execute(conn)?;
        if found == 0 {
            return Ok(revoked);
        }
        revoked += found;
    }
}

/// Removes at most `limit` tokens that expired before `before` and says how many.
pub fn prune(conn: &mut Db, before: NaiveDateTime, limit: i64) -> QueryResult<usize> {
    let ids: Vec<String> = refresh_tokens::table
        .filter(refresh_tokens::expires_at.lt(before))
        .limit(limit)
        .select(refresh_tokens::id)
        .load(conn)?;
    diesel::delete(refresh_tokens::table.filter(refresh_tokens::id.eq_any(&ids))).execute(conn)
}
