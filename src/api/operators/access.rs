//! `admin/accounts/{user_id}`: how an operator lets any kind of account in again, or shuts it out.

use crate::api::extract::Caller;
use crate::api::fields::Fields;
use crate::api::own_access::{SessionsAsked, session_page};
use crate::api::problem::Problem;
use crate::api::request::{Asked, Request, Sent};
use crate::api::respond::{Answered, json, no_content};
use crate::api::{Context, rules};
use crate::contracts::access::{PasswordReset, SessionItem};
use crate::contracts::operators::Page;
use crate::contracts::time::WireTime;
use crate::domain::audit::Subject;
use crate::operations::passwords::Password;
use crate::operations::{grants, staff};
use crate::store::{Account, Tx};
use actix_web::web;
use uuid::Uuid;

/// `POST admin/accounts/{user_id}/unlock`: a suspension is lifted, wrong guesses are forgotten.
pub async fn unlock(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<Uuid>,
) -> Answered<(), 204> {
    let id = *id;
    let account = ctx.write(move |tx| staff::set_suspended(tx, id, false)).await?;
    log::info!("account unlocked account={} by={}", account.id, caller.account);
    Ok(no_content())
}

/// The input of `POST admin/accounts/{user_id}/password`.
pub struct PasswordGiven(Option<Password>);

impl Request for PasswordGiven {
    const MAY_BE_EMPTY: bool = true;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(fields.optional("password", rules::password())))
    }
}

/// `POST admin/accounts/{user_id}/password`: the password that is given, or one for one time, which only the answer has.
pub async fn reset_password(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<Uuid>,
    body: Sent<PasswordGiven>,
) -> Answered<PasswordReset> {
    let PasswordGiven(given) = body.read()?;
    let one_time = given.is_none().then(|| staff::one_time_password(Uuid::new_v4()));
    let password = given.or(one_time.clone().map(Password::claimed)).expect("one of the two");
    let hash = ctx.passwords.hash(password).await?;
    let (id, by, is_one_time) = (*id, caller.account, one_time.is_some());
    let account = ctx.write(move |tx| staff::reset_password(tx, Some(by), id, &hash, is_one_time)).await?;
    log::info!("password reset account={} by={by} one_time={is_one_time}", account.id);
    let good_until = one_time.is_some().then(|| WireTime(ctx.clock.now() + staff::ONE_TIME_FOR));
    Ok(json(&PasswordReset { one_time_password: one_time, good_until }).secret())
}

/// `GET admin/accounts/{user_id}/sessions`: the newest first.
pub async fn sessions(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<Uuid>,
    query: Asked<SessionsAsked>,
) -> Answered<Page<SessionItem>> {
    let cursor = query.read()?;
    let account = anybody(&ctx, *id).await?;
    session_page(&ctx, account.id, cursor, caller.log_in).await
}

/// `DELETE admin/accounts/{user_id}/sessions/{session_id}`.
pub async fn revoke(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    ids: web::Path<(Uuid, Uuid)>,
) -> Answered<(), 204> {
    let (id, session) = ids.into_inner();
    let account = anybody(&ctx, id).await?.id;
    ctx.write(move |tx| grants::revoke(tx, account, session)).await?;
    log::info!("session revoked account={account} session={session} by={}", caller.account);
    Ok(no_content())
}

/// `DELETE admin/accounts/{user_id}/sessions`: all of them, and every token of the account.
pub async fn revoke_all(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<Uuid>,
) -> Answered<(), 204> {
    let account = anybody(&ctx, *id).await?.id;
    let revoking = move |tx: &mut Tx<'_>| {
        tx.concerns(Subject::account(account));
        grants::revoke_all(tx, account, None)
    };
    ctx.write(revoking).await?;
    log::info!("sessions revoked account={account} by={}", caller.account);
    Ok(no_content())
}

async fn anybody(ctx: &Context, id: Uuid) -> Result<Account, Problem> {
    let found = ctx.read(move |conn| staff::anybody(conn, id)).await?;
    found.ok_or_else(|| Problem::not_found("account"))
}
