//! `auth/totp`: an operator's second factor, and how a log-in asks for it. Neither a secret nor a code reaches a log.

use crate::api::extract::Caller;
use crate::api::fields::Fields;
use crate::api::own_access::with_password;
use crate::api::problem::Problem;
use crate::api::request::{Request, Sent};
use crate::api::respond::{Answer, Answered, json, no_content};
use crate::api::{Context, rules};
use crate::contracts::access::{Confirmed, FactorShown, ToEnrol};
use crate::contracts::error_codes::ErrorCode;
use crate::operations::passwords::Password;
use crate::operations::second_factors::{self, Checked, Enrolment};
use crate::operations::{Refusal, grants, staff};
use crate::rate_limit::RetryAfter;
use actix_web::{HttpRequest, ResponseError, web};
use std::time::Duration;
use uuid::Uuid;

/// `GET auth/totp`.
pub async fn show(ctx: web::Data<Context>, Caller(caller): Caller) -> Answered<FactorShown> {
    let account = caller.account;
    let factor = ctx.read(move |conn| second_factors::factor(conn, account)).await?;
    Ok(json(&FactorShown {
        confirmed: factor.is_confirmed,
        required: ctx.settings.tokens.operators_need_second_factor,
        recovery_codes: factor.recovery_codes,
    }))
}

/// The input of `POST auth/totp`.
pub struct EnrolmentAsked {
    password: Password,
    code: Option<String>,
}

impl Request for EnrolmentAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let password = fields.required("password", rules::claimed_password());
        let code = fields.optional("code", rules::unless_empty(rules::name())).flatten();
        Some(Self { password: password?, code })
    }
}

/// The input of `POST auth/totp/confirm`: a code of the new secret.
pub struct NewFactorsCode(String);

impl Request for NewFactorsCode {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.required("code", rules::name()).map(Self)
    }
}

/// `POST auth/totp`: the secret for an authenticator app, which `auth/totp/confirm` activates. Somebody who finds a
/// console open must not be able to take it over, so the password is required, and a code if there is a second factor
/// already.
pub async fn enrol(
    ctx: web::Data<Context>,
    req: HttpRequest,
    Caller(caller): Caller,
    body: Sent<EnrolmentAsked>,
) -> Answered<ToEnrol> {
    let EnrolmentAsked { password, code } = body.read()?;
    let account = with_password(&ctx, &req, &caller, password).await?;
    let enrolled = ctx.write(move |tx| {
        if second_factors::is_confirmed(tx.conn(), account.id)? {
            let code = code.as_deref().ok_or(Refusal::CodeRequired)?;
            match second_factors::check(tx, account.id, code)? {
                Checked::Good => {}
                not_good => return Ok(Err(not_good)),
            }
        }
        Ok(Ok(second_factors::enrol(tx, account.id, &account.username)?))
    });
    match enrolled.await? {
        Ok(enrolment) => Ok(json(&ToEnrol::from(enrolment)).secret()),
        Err(not_good) => Err(not_with(&ctx, not_good)),
    }
}

/// `POST auth/totp/confirm`: with a code of the new secret. All other sessions end: they were begun without it.
pub async fn confirm(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    body: Sent<NewFactorsCode>,
) -> Answered<Confirmed> {
    let NewFactorsCode(code) = body.read()?;
    let (account, log_in) = (caller.account, caller.log_in);
    let (checked, recovery_codes) = ctx
        .write(move |tx| {
            let (checked, codes) = second_factors::confirm(tx, account, &code)?;
            if checked == Checked::Good {
                grants::revoke_all(tx, account, log_in)?;
            }
            Ok((checked, codes))
        })
        .await?;
    if checked != Checked::Good {
        return Err(not_with(&ctx, checked));
    }
    log::info!("second factor confirmed account={account}");
    Ok(json(&Confirmed { recovery_codes }).secret())
}

/// `DELETE admin/accounts/{user_id}/totp`: another operator has lost theirs. Their sessions end.
pub async fn reset(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<Uuid>,
) -> Answered<(), 204> {
    let (id, by) = (*id, caller.account);
    let account = ctx.write(move |tx| staff::reset_second_factor(tx, Some(by), id)).await?;
    log::info!("second factor reset account={} by={by}", account.id);
    Ok(no_content())
}

/// How a code that is not good is refused.
pub fn not_with(ctx: &Context, checked: Checked) -> Problem {
    match checked {
        Checked::Good | Checked::Wrong => Problem::new(
            ErrorCode::WrongCode,
            "Send the code that the app shows now, or an unused recovery code.",
        ),
        Checked::Blocked(wait) => {
            ctx.metrics.logins_limited.increment(1);
            Problem::limited(RetryAfter::new(Duration::from_secs(wait.num_seconds().unsigned_abs() + 1)))
        }
    }
}

/// The answer to a right password where a second factor has to be made first: instead of a `T` a problem with the
/// secret in it.
pub fn to_enrol<T>(enrolment: Enrolment) -> Answer<T> {
    let detail = "Put the secret into an authenticator app, and log in again with the code that it shows.";
    let problem = Problem::new(ErrorCode::SecondFactorRequired, detail).with_more(&ToEnrol::from(enrolment));
    Answer::of(problem.error_response()).secret()
}

impl From<Enrolment> for ToEnrol {
    fn from(Enrolment { secret, uri }: Enrolment) -> Self {
        Self { secret, otpauth_uri: uri }
    }
}
