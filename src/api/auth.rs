//! Logging in, refreshing, logging out, registering. No token and no password reaches a log or an error's text.

use crate::api::description::Needs;
use crate::api::fields::Fields;
use crate::api::log_in_limits::{begin_guess, limit_address};
use crate::api::operators::customers::{NewCustomer, created};
use crate::api::problem::{FieldProblem, Problem};
use crate::api::request::{Request, Sent};
use crate::api::respond::{Answer, Answered, json, no_content};
use crate::api::{Context, client_address, limited_address, push, rules, second_factor};
use crate::contracts::driver_rest::{self, User};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::operators::CustomerCreated;
use crate::domain::phone_number::PhoneNumber;
use crate::operations::authentication::{self, Issue, LoggedIn, Login, NewLogIn, Principal, Refreshed};
use crate::operations::log_ins::{self, Place};
use crate::operations::passwords::Password;
use crate::operations::push::NamedDevice;
use crate::operations::tokens::{Subject, Use};
use crate::operations::{Refusal, accounts, grants};
use crate::store::{Party, Tx};
use actix_web::http::header::USER_AGENT;
use actix_web::{HttpRequest, web};
use chrono::TimeDelta;
use std::time::Instant;
use uuid::Uuid;

/// Maximum length of a `User-Agent` that is kept: enough to tell a phone from a browser.
const DEVICE_CHARS_MAX: usize = 100;

/// The user name or the phone number, and the password.
pub struct Credentials {
    login: Login,
    password: Password,
    /// Takes the place of a password for one time.
    new_password: Option<Password>,
    /// The device's name.
    device_name: Option<String>,
    /// Of the second factor.
    code: Option<String>,
}

impl Request for Credentials {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let username = fields.optional("username", rules::name());
        let phone_number = fields.optional("phone_number", rules::name());
        let password = fields.required("password", rules::claimed_password());
        let new_password = fields.optional("new_password", rules::password());
        let device_name = fields.optional("device_name", rules::name());
        let code = fields.optional("code", rules::unless_empty(rules::name())).flatten();
        let login = username.map(Login::Username).or(phone_number.map(Login::PhoneNumber));
        fields.group(Needs::AtLeastOne, &["username", "phone_number"]);
        if !fields.has("username") && !fields.has("phone_number") {
            fields.refuse("username", "is missing, and so is phone_number");
        }
        Some(Self { login: login?, password: password?, new_password, device_name, code })
    }
}

/// The input of `POST auth/refresh`.
pub struct RefreshToken(String);

impl Request for RefreshToken {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.required("refresh_token", rules::opaque()).map(Self)
    }
}

/// The input of `POST auth/logout`: the log-in that ends, and the device that is no longer to be notified.
pub struct LogOut {
    refresh_token: String,
    device: NamedDevice,
}

impl Request for LogOut {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let refresh_token = fields.required("refresh_token", rules::opaque());
        let name = fields.optional("deviceId", push::word_rule());
        let token = fields.optional("push_token", push::token_rule());
        Some(Self { refresh_token: refresh_token?, device: NamedDevice { name, token } })
    }
}

/// `POST auth/login`. A name that nobody has costs the same as one with a wrong password, and gets the same answer.
pub async fn login(
    ctx: web::Data<Context>,
    req: HttpRequest,
    body: Sent<Credentials>,
) -> Answered<driver_rest::LoggedIn> {
    let Credentials { login, password, new_password, device_name, code } = body.read()?;
    limit_address(&ctx, &req)?;
    let (one_form, expected) = (login.one_form(), expected_number(&login));
    let (address, now) = (limited_address(&ctx, &req), ctx.clock.now());
    let place = Place::of(&ctx.tokens, address);
    let from = place.clone();
    let door = ctx.read(move |conn| log_ins::door(conn, &login, &from, now)).await?;
    let guess = begin_guess(&ctx, one_form, door.as_ref(), address)?;
    let account = door.map(|door| door.account);
    let stored = account.as_ref().filter(|account| !account.is_suspended);
    let stored = stored.and_then(|account| account.password_hash.clone());
    let is_right = ctx.passwords.matches(password, stored).await?;
    let Some(account) = account.filter(|_| is_right) else {
        guess.was_wrong();
        // Not the name: people write their password there.
        let address = client_address(&req, &ctx.settings.listen);
        log::info!("log-in refused address={address}");
        return Err(expected.unwrap_or_else(|| Refusal::WrongCredentials.into()));
    };
    // No guess: an app or a script that logs in often is nobody to be locked out.
    drop(guess);
    let password_hash = match new_password.filter(|_| account.password_once_until.is_some()) {
        Some(password) => Some(ctx.passwords.hash(password).await?),
        None => None,
    };
    let name = device_name.unwrap_or_else(|| device_of(&req));
    let (id, lifetime) = (Uuid::new_v4(), refresh_lifetime(&ctx));
    let needs_factor = ctx.settings.tokens.operators_need_second_factor;
    let new = NewLogIn { id, lifetime, name, password_hash, code, needs_factor };
    let logging_in = move |tx: &mut Tx<'_>| {
        let outcome = authentication::log_in(tx, &account, &new)?;
        if matches!(outcome, LoggedIn::Issued(..)) {
            log_ins::remember(tx, account.id, &place)?;
        }
        Ok(outcome)
    };
    let (issue, recovery_codes) = match ctx.write(logging_in).await? {
        LoggedIn::Issued(issue, recovery_codes) => (*issue, recovery_codes),
        LoggedIn::NotWith(checked) => return Err(second_factor::not_with(&ctx, checked)),
        LoggedIn::Enrol(enrolment) => return Ok(second_factor::to_enrol(enrolment)),
    };
    let who = &issue.principal;
    log::info!("logged in account={} user_id={} role={}", who.account, who.public_id, who.role);
    Ok(logged_in(&ctx, issue, recovery_codes))
}

/// `POST auth/refresh`.
pub async fn refresh(
    ctx: web::Data<Context>,
    req: HttpRequest,
    body: Sent<RefreshToken>,
) -> Answered<driver_rest::LoggedIn> {
    let RefreshToken(token) = body.read()?;
    let claims = ctx.tokens.verify(&token, Use::Refresh, ctx.clock.now()).map_err(|reason| {
        log::debug!("a refresh token was refused reason=\"{reason}\"");
        Problem::from(Refusal::InvalidRefreshToken)
    })?;
    let user = claims.sub;
    limit_refresh(&ctx, user)?;
    let (id, lifetime) = (Uuid::new_v4(), refresh_lifetime(&ctx));
    // A phone changes its address all the time, and where it has its token it is at home.
    let place = Place::of(&ctx.tokens, limited_address(&ctx, &req));
    let needs_factor = ctx.settings.tokens.operators_need_second_factor;
    let refreshing = move |tx: &mut Tx<'_>| {
        let refreshed = authentication::refresh(tx, &claims, id, lifetime, needs_factor)?;
        if let Refreshed::Issued(issue) = &refreshed {
            log_ins::remember(tx, issue.principal.account, &place)?;
        }
        Ok(refreshed)
    };
    match ctx.write(refreshing).await? {
        Refreshed::Issued(issue) => Ok(logged_in(&ctx, *issue, Vec::new())),
        Refreshed::Revoked => {
            log::warn!("a refresh token was used twice: its family is revoked user_id={user}");
            Err(Refusal::InvalidRefreshToken.into())
        }
        Refreshed::Invalid => Err(Refusal::InvalidRefreshToken.into()),
    }
}

/// `POST auth/logout`. A token that is no longer valid counts as revoked.
pub async fn logout(ctx: web::Data<Context>, body: Sent<LogOut>) -> Answered<(), 204> {
    let LogOut { refresh_token, device } = body.read()?;
    if let Ok(claims) = ctx.tokens.verify(&refresh_token, Use::Refresh, ctx.clock.now()) {
        let user = claims.sub;
        limit_refresh(&ctx, user)?;
        if let Some(account) = ctx.write(move |tx| authentication::log_out(tx, &claims, &device)).await? {
            log::info!("logged out account={account} user_id={user}");
        }
    }
    Ok(no_content())
}

/// `POST auth/register`: a customer's account, where that is allowed.
pub async fn register(
    ctx: web::Data<Context>,
    req: HttpRequest,
    body: Sent<NewCustomer>,
) -> Answered<CustomerCreated, 201> {
    if !ctx.settings.tokens.allow_registration {
        return Err(Problem::new(ErrorCode::RegistrationDisabled, "Ask the operator for an account."));
    }
    let NewCustomer { mut person, password, details } = body.read()?;
    // Each one costs a hash, as a log-in does.
    limit_address(&ctx, &req)?;
    person.password_hash = Some(ctx.passwords.hash(password).await?);
    let kept = details.clone();
    let made = ctx.write(move |tx| accounts::create_customer(tx, None, &person, &details)).await?;
    Ok(json(&created(made, &kept)))
}

/// The name of a log-in if the app sends none: its `User-Agent`.
fn device_of(req: &HttpRequest) -> String {
    let agent = req.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let name: String = agent.chars().take(DEVICE_CHARS_MAX).collect();
    if name.trim().is_empty() { grants::UNNAMED.to_owned() } else { name }
}

/// The refusal of a number without its country, whether or not an account from before numbers had one form has it.
fn expected_number(login: &Login) -> Option<Problem> {
    let Login::PhoneNumber(text) = login else { return None };
    let message = PhoneNumber::parse(text).err()?.to_string();
    Some(Problem::fields(vec![FieldProblem { field: "phone_number".to_owned(), message }]))
}

/// Each token that is presented is a decision of the account that it names.
fn limit_refresh(ctx: &Context, user: Uuid) -> Result<(), Problem> {
    Party::Bearer(user).is_known();
    ctx.account_limits.refresh(user, Instant::now()).map_err(Problem::limited)
}

fn refresh_lifetime(ctx: &Context) -> TimeDelta {
    TimeDelta::from_std(ctx.settings.tokens.refresh_ttl).unwrap_or(TimeDelta::MAX)
}

/// The refresh token is signed from its row, so a client that asks again after a lost reply gets the very same one.
fn logged_in(ctx: &Context, issue: Issue, recovery_codes: Vec<String>) -> Answer<driver_rest::LoggedIn> {
    let Issue { id, session, issued_at, principal } = issue;
    let subject = Subject { session, ..principal.subject() };
    let now = principal.issue_time(ctx.clock.now());
    let answer = driver_rest::LoggedIn {
        access_token: ctx.tokens.issue_access(&subject, now, Uuid::new_v4()).text,
        refresh_token: ctx.tokens.issue_refresh(&subject, issued_at, id).text,
        token_type: "bearer",
        expires_in: ctx.settings.tokens.access_ttl.as_secs(),
        user: user(principal),
        recovery_codes,
    };
    json(&answer).secret()
}

fn user(principal: Principal) -> User {
    User {
        user_id: principal.public_id,
        role: principal.role,
        name: principal.name,
        phone_number: principal.phone_number,
        driver_id: principal.driver,
        customer_id: principal.customer,
        external_id: principal.external_id,
    }
}
