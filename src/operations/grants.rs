//! Grants of access to accounts: log-ins with a password, and tokens that are made for programs and operators. Each is
//! a row that is listed and can be revoked; a token's `sid` names its grant.
//!
//! Invariant: if a log-in has a row, the row alone decides whether its tokens are valid. Any other token of ours is
//! refused if it was issued before `accounts.tokens_valid_from`.

use crate::domain::announcement::Announcement;
use crate::domain::audit::Subject;
use crate::domain::ids::AccountId;
use crate::operations::error::{Error, Refusal};
use crate::operations::push;
use crate::store::{Conn, Grant, NewGrant, StoreError, Tx, sql};
use chrono::{DateTime, NaiveDateTime, Utc};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The name of a log-in that nobody has named.
pub const UNNAMED: &str = "unknown";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Password,
    Token,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Password => "password",
            Kind::Token => "token",
        }
    }
}

pub(super) fn begin(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: &str,
    kind: Kind,
    name: &str,
    expires_at: NaiveDateTime,
) -> Result<(), StoreError> {
    let (now, kind) = (tx.at(), kind.as_str());
    let row =
        NewGrant { id, account_id: account.0, kind, name, began_at: now, last_used_at: now, expires_at };
    sql!(tx, grants::insert(&row))?;
    Ok(())
}

/// It was used to get another token. One from before log-ins were rows gets its row now.
pub(super) fn go_on(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: &str,
    expires_at: NaiveDateTime,
) -> Result<(), StoreError> {
    let now = tx.at();
    match sql!(tx, grants::prolong(id, now, expires_at))? {
        0 => begin(tx, account, id, Kind::Password, UNNAMED, expires_at),
        _ => Ok(()),
    }
}

/// Notes a token that is made for an account, so that it can be revoked by itself. Its `sid` and its `jti` are `id`.
pub fn note_token(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: Uuid,
    name: &str,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    tx.concerns(Subject::account(account));
    Ok(begin(tx, account, &id.to_string(), Kind::Token, name, expires_at.naive_utc())?)
}

/// Ends a log-in or a token of an account: its tokens are refused, its sockets are closed, its devices hear nothing.
pub fn revoke(tx: &mut Tx<'_>, account: AccountId, id: Uuid) -> Result<(), Error> {
    let found = sql!(tx, grants::find(&id.to_string()))?;
    let row = found.filter(|row| row.account_id == account && row.revoked_at.is_none());
    let row = row.ok_or(Refusal::NotFound("session"))?;
    tx.concerns(Subject::account(account));
    end(tx, account, &row.id)
}

/// Nobody goes on with this log-in, nor hears anything by what was registered with it.
pub(super) fn end(tx: &mut Tx<'_>, account: AccountId, id: &str) -> Result<(), Error> {
    let now = tx.at();
    // The tokens first: a refresh locks one of them before the log-in.
    sql!(tx, refresh_tokens::revoke_family(id, now))?;
    push::end_session(tx, id)?;
    sql!(tx, grants::revoke(id, now))?;
    if let Ok(log_in) = id.parse() {
        tx.announce(Announcement::GrantRevoked { account, log_in });
    }
    Ok(())
}

/// Takes away everything that an account was let in with, but the log-in `but`, which goes on.
pub fn revoke_all(tx: &mut Tx<'_>, account: AccountId, but: Option<Uuid>) -> Result<(), Error> {
    let (now, at) = (tx.now(), tx.at());
    let going_on = but.map(|id| id.to_string()).unwrap_or_default();
    sql!(tx, refresh_tokens::revoke_account(account, &going_on, at))?;
    push::end_sessions_of(tx, account, &going_on)?;
    sql!(tx, grants::revoke_account(account, &going_on, at))?;
    // The second that has begun is over for tokens issued in it.
    sql!(tx, accounts::revoke_access(account, now.timestamp() + 1, at))?;
    tx.announce(Announcement::AccessRevoked { account, but });
    Ok(())
}

/// Those of an account that are good now, the newest first, after the one that began at `after`.
pub fn page(
    conn: &mut Conn<'_>,
    account: AccountId,
    now: DateTime<Utc>,
    after: Option<(NaiveDateTime, String)>,
    limit: i64,
) -> Result<Vec<Grant>, StoreError> {
    sql!(conn, grants::page(account, now.naive_utc(), after.clone(), limit))
}

/// Notes that these were used about now.
pub fn note_use(tx: &mut Tx<'_>, ids: &[String]) -> Result<(), Error> {
    let now = tx.at();
    sql!(tx, grants::note_use(ids, now))?;
    Ok(())
}

/// From whom something was taken away since that they were let in with, by whichever process.
pub fn revoked_since(conn: &mut Conn<'_>, since: DateTime<Utc>) -> Result<BTreeSet<AccountId>, StoreError> {
    let since = since.naive_utc();
    let mut accounts: BTreeSet<AccountId> = sql!(conn, accounts::revoked_since(since))?.into_iter().collect();
    accounts.extend(sql!(conn, grants::revoked_since(since))?);
    Ok(accounts)
}
