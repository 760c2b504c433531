//! `auth/password` and `auth/sessions`: everybody's access to their own account, whatever their role.

use crate::api::extract::Caller;
use crate::api::fields::Fields;
use crate::api::log_in_limits::{begin_guess, limit_address};
use crate::api::problem::Problem;
use crate::api::request::{Asked, Request, Sent};
use crate::api::respond::{Answered, json, no_content, page, page_limit};
use crate::api::{Context, limited_address, rules};
use crate::contracts::access::SessionItem;
use crate::contracts::operators::Page;
use crate::contracts::time::WireTime;
use crate::domain::ids::AccountId;
use crate::operations::authentication::Principal;
use crate::operations::log_ins::Place;
use crate::operations::passwords::Password;
use crate::operations::{Refusal, grants, log_ins, staff};
use crate::store::{Account, Conn, Grant};
use actix_web::{HttpRequest, web};
use chrono::{DateTime, NaiveDateTime};
use uuid::Uuid;

/// The input of `POST auth/password`.
pub struct PasswordChange {
    old: Password,
    new: Password,
}

impl Request for PasswordChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let old = fields.required("old_password", rules::claimed_password());
        let new = fields.required("new_password", rules::password());
        Some(Self { old: old?, new: new? })
    }
}

/// `POST auth/password`.
pub async fn change_password(
    ctx: web::Data<Context>,
    req: HttpRequest,
    Caller(caller): Caller,
    body: Sent<PasswordChange>,
) -> Answered<(), 204> {
    let PasswordChange { old, new } = body.read()?;
    let account = with_password(&ctx, &req, &caller, old).await?;
    let (hash, log_in) = (ctx.passwords.hash(new).await?, caller.log_in);
    ctx.write(move |tx| staff::change_own_password(tx, &account, &hash, log_in)).await?;
    log::info!("password changed account={}", caller.account);
    Ok(no_content())
}

/// The caller's account, once they have said their password again. A wrong one is a guess like one at the log-in.
pub async fn with_password(
    ctx: &Context,
    req: &HttpRequest,
    caller: &Principal,
    password: Password,
) -> Result<Account, Problem> {
    limit_address(ctx, req)?;
    let (id, address, now) = (caller.public_id, limited_address(ctx, req), ctx.clock.now());
    let place = Place::of(&ctx.tokens, address);
    let door = move |conn: &mut Conn<'_>| {
        let account = staff::anybody(conn, id)?;
        account.map(|account| log_ins::door_of(conn, account, &place, now)).transpose()
    };
    let door = ctx.read(door).await?.ok_or_else(Problem::unauthorized)?;
    let guess = begin_guess(ctx, String::new(), Some(&door), address)?;
    if !ctx.passwords.matches(password, door.account.password_hash.clone()).await? {
        guess.was_wrong();
        return Err(Refusal::WrongPassword.into());
    }
    Ok(door.account)
}

/// `GET auth/sessions`: the own ones, the newest first.
pub async fn sessions(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    query: Asked<SessionsAsked>,
) -> Answered<Page<SessionItem>> {
    let cursor = query.read()?;
    session_page(&ctx, caller.account, cursor, caller.log_in).await
}

/// `DELETE auth/sessions/{session_id}`: one of the own ones.
pub async fn revoke(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    session: web::Path<Uuid>,
) -> Answered<(), 204> {
    let (account, session) = (caller.account, *session);
    ctx.write(move |tx| grants::revoke(tx, account, session)).await?;
    log::info!("session revoked account={account} session={session} by={account}");
    Ok(no_content())
}

/// Where a list of sessions goes on, and how long a page of it is.
pub struct SessionsAsked {
    after: Option<(NaiveDateTime, String)>,
    limit: usize,
}

impl Request for SessionsAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let after = fields.optional("cursor", rules::cursor(place_of));
        Some(Self { after, limit: page_limit(fields) })
    }
}

/// When it began, in microseconds, and its id.
fn place_of(cursor: &str) -> Option<(NaiveDateTime, String)> {
    let (began_at, id) = cursor.split_once('.')?;
    let began_at = DateTime::from_timestamp_micros(began_at.parse().ok()?)?;
    Some((began_at.naive_utc(), id.to_owned()))
}

/// A page of an account's sessions. `current` is the one that asks.
pub async fn session_page(
    ctx: &Context,
    account: AccountId,
    SessionsAsked { after, limit }: SessionsAsked,
    current: Option<Uuid>,
) -> Answered<Page<SessionItem>> {
    let now = ctx.clock.now();
    let more = limit as i64 + 1;
    let rows = ctx.read(move |conn| grants::page(conn, account, now, after.clone(), more)).await?;
    let cursor = |row: &Grant| format!("{}.{}", row.began_at.and_utc().timestamp_micros(), row.id);
    let item = |row: Grant| {
        let id: Option<Uuid> = row.id.parse().ok();
        let connected = id.is_some_and(|id| ctx.presence.is_log_in_connected(account, id));
        let last_used_at = if connected { WireTime(now) } else { row.last_used_at.into() };
        SessionItem {
            current: id.is_some() && id == current,
            session_id: row.id,
            kind: row.kind,
            name: row.name,
            began_at: row.began_at.into(),
            last_used_at,
            expires_at: row.expires_at.into(),
            connected,
        }
    };
    Ok(json(&page(rows, limit, cursor, item)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_names_a_time_and_an_id() {
        let (began_at, id) = place_of("1800000000000001.abc").expect("a place");
        assert_eq!((began_at.and_utc().timestamp_micros(), id.as_str()), (1_800_000_000_000_001, "abc"));
        for wrong in ["", ".", "x.y", "7", "99999999999999999999.a"] {
            assert!(place_of(wrong).is_none(), "{wrong}");
        }
    }
}
