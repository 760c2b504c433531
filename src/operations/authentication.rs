//! Identifies the account of a token; logs in, refreshes and logs out, with the family of refresh tokens.

use crate::domain::ids::{AccountId, CustomerId, DriverId};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::role::Role;
use crate::domain::username::Username;
use crate::operations::error::{Error, Refusal};
use crate::operations::grants;
use crate::operations::push::{self, NamedDevice};
use crate::operations::second_factors::{self, Checked, Enrolment};
use crate::operations::tokens::{Issuer, Subject, VerifiedClaims};
use crate::store::{Account, Conn, RefreshToken, StoreError, Tx, sql};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use uuid::Uuid;

/// A refresh token used again within this time, while its successor is unused, is a reply that got lost.
const LOST_REPLY: TimeDelta = TimeDelta::seconds(60);

/// The caller. The account's row decides, not the token.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    pub account: AccountId,
    pub public_id: Uuid,
    pub role: Role,
    pub name: String,
    pub phone_number: Option<String>,
    pub driver: Option<DriverId>,
    pub customer: Option<CustomerId>,
    /// The driver's or customer's id in another system.
    pub external_id: Option<String>,
    /// Tokens issued from now on must not say they were issued before this (Unix seconds).
    pub tokens_valid_from: i64,
    /// The log-in that let them in, where it has a row: that alone says whether it is revoked.
    pub log_in: Option<Uuid>,
}

impl Principal {
    pub(super) fn without_ids(account: Account) -> Self {
        Self {
            account: account.id,
            public_id: account.public_id,
            role: account.role,
            name: account.name,
            phone_number: account.phone_number,
            driver: None,
            customer: None,
            external_id: None,
            tokens_valid_from: account.tokens_valid_from,
            log_in: None,
        }
    }

    pub fn subject(&self) -> Subject {
        Subject {
            account_id: self.public_id,
            role: self.role,
            driver_id: self.driver.map(i64::from),
            customer_id: self.customer.map(i64::from),
            session: None,
        }
    }

    /// Whether a token that was verified is this account's, and was not revoked since it was issued.
    pub fn is_meant_by(&self, claims: &VerifiedClaims) -> bool {
        let goes_by_time = claims.issuer == Issuer::Own && self.log_in.is_none();
        let revoked = goes_by_time && claims.issued_at < self.tokens_valid_from;
        let differs = !claims.may_be.contains(self.role)
            || claims.role.is_some_and(|role| role != self.role)
            || claims.driver_id.is_some_and(|id| Some(DriverId(id)) != self.driver)
            || claims.customer_id.is_some_and(|id| Some(CustomerId(id)) != self.customer);
        claims.sub == self.public_id && !revoked && !differs
    }

    /// When a token made now says it was issued. A password changed this very second revokes what was issued before
    /// in it, so the new ones are dated to the next.
    pub fn issue_time(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        DateTime::from_timestamp(self.tokens_valid_from, 0).map_or(now, |from| now.max(from))
    }
}

/// The account behind verified claims; `None` where there is none, it is suspended or a guest's, its tokens or the log-in that
/// this one descends from were revoked, or the token says something else than the account.
pub fn principal(conn: &mut Conn<'_>, claims: &VerifiedClaims) -> Result<Option<Principal>, StoreError> {
    let account = sql!(conn, accounts::by_public_id(&claims.sub.to_string()))?;
    let Some(account) = account.filter(|account| !account.is_suspended && !account.is_guest) else {
        return Ok(None);
    };
    let log_in = match claims.session {
        Some(id) => sql!(conn, grants::find(&id.to_string()))?,
        None => None,
    };
    if log_in.as_ref().is_some_and(|row| row.revoked_at.is_some() || row.account_id != account.id) {
        return Ok(None);
    }
    let principal = Principal { log_in: log_in.and(claims.session), ..principal_of(conn, account)? };
    Ok(principal.is_meant_by(claims).then_some(principal))
}

/// An account with the ids that its role gives it.
pub fn principal_of(conn: &mut Conn<'_>, account: Account) -> Result<Principal, StoreError> {
    let driver = match account.role {
        Role::Driver => sql!(conn, drivers::by_account(account.id))?,
        _ => None,
    };
    let customer = match account.role {
        Role::Customer => sql!(conn, customers::by_account(account.id))?,
        _ => None,
    };
    let (driver_id, customer_id) =
        (driver.as_ref().map(|driver| driver.id), customer.as_ref().map(|customer| customer.id));
    let external_id =
        driver.and_then(|driver| driver.external_id).or(customer.and_then(|customer| customer.external_id));
    Ok(Principal { driver: driver_id, customer: customer_id, external_id, ..Principal::without_ids(account) })
}

/// Finds an account by user name or by phone number, however they are written. An exact match with a row comes first:
/// there are rows from before names and numbers had one form, and their owners can still log in with them.
pub fn find_login(conn: &mut Conn<'_>, login: &Login) -> Result<Option<Account>, StoreError> {
    match login {
        Login::Username(text) => match by_username(conn, text)? {
            // People write their number there.
            None => by_phone_number(conn, text),
            found => Ok(found),
        },
        Login::PhoneNumber(text) => by_phone_number(conn, text),
    }
}

fn by_username(conn: &mut Conn<'_>, text: &str) -> Result<Option<Account>, StoreError> {
    let text = text.trim();
    let exact = sql!(conn, accounts::by_username(text))?;
    match Username::parse(text) {
        Ok(name) if exact.is_none() && name.as_str() != text => {
            sql!(conn, accounts::by_username(name.as_str()))
        }
        _ => Ok(exact),
    }
}

fn by_phone_number(conn: &mut Conn<'_>, text: &str) -> Result<Option<Account>, StoreError> {
    let text = text.trim();
    let Ok(number) = PhoneNumber::parse(text) else {
        return sql!(conn, accounts::by_spelled_number(text));
    };
    let found = sql!(conn, accounts::by_phone_number(&number.spellings()))?;
    let rank = |account: &Account| match account.phone_number.as_deref() {
        Some(spelled) if spelled == text => 0,
        Some(spelled) if spelled == number.as_str() => 1,
        _ => 2,
    };
    Ok(found.into_iter().min_by_key(|account| (rank(account), account.id)))
}

/// How somebody names themself at the door, as they write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    Username(String),
    PhoneNumber(String),
}

impl Login {
    /// The one form of it, by which guesses at what nobody has are counted.
    pub fn one_form(&self) -> String {
        let (Login::Username(text) | Login::PhoneNumber(text)) = self;
        match PhoneNumber::parse(text) {
            Ok(number) => number.into_string(),
            Err(_) => text.trim().to_lowercase(),
        }
    }
}

/// A refresh token to hand out: its id and when it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Issue {
    pub id: Uuid,
    /// The log-in that it descends from, which all tokens of its family say.
    pub session: Option<Uuid>,
    pub issued_at: DateTime<Utc>,
    pub principal: Principal,
}

/// A log-in that is to begin.
#[derive(Clone, Debug)]
pub struct NewLogIn {
    /// Of its first refresh token, and of itself.
    pub id: Uuid,
    /// How long its refresh tokens are valid.
    pub lifetime: TimeDelta,
    /// The device, as it calls itself.
    pub name: String,
    /// The hash of the password that takes the place of one for one time.
    pub password_hash: Option<String>,
    /// Of the second factor.
    pub code: Option<String>,
    /// Operators without a second factor make one now.
    pub needs_factor: bool,
}

/// The result of a log-in with the right password. All of it must be committed.
#[derive(Clone, Debug, PartialEq)]
pub enum LoggedIn {
    /// With the recovery codes of the second factor that was confirmed with it.
    Issued(Box<Issue>, Vec<String>),
    /// The code was not good.
    NotWith(Checked),
    /// A second factor is to be made first, with this secret.
    Enrol(Enrolment),
}

/// Begins a family of refresh tokens. The password was checked for `account` as it was read; if it was suspended or
/// given another password meanwhile, nothing begins.
pub fn log_in(tx: &mut Tx<'_>, account: &Account, new: &NewLogIn) -> Result<LoggedIn, Error> {
    let mut current = sql!(tx, accounts::lock(account.id))?.ok_or(Refusal::WrongCredentials)?;
    if current.is_suspended || current.is_guest || current.password_hash != account.password_hash {
        return Err(Refusal::WrongCredentials.into());
    }
    let recovery_codes = match second_factor(tx, &current, new)? {
        Ok(recovery_codes) => recovery_codes,
        Err(not_yet) => return Ok(not_yet),
    };
    if let Some(until) = current.password_once_until {
        if until <= tx.at() {
            return Err(Refusal::WrongCredentials.into());
        }
        let hash = new.password_hash.as_deref().ok_or(Refusal::NewPasswordRequired)?;
        sql!(tx, accounts::set_password(account.id, hash, None))?;
        current.password_once_until = None;
    }
    let NewLogIn { id, lifetime, .. } = *new;
    let principal = principal_of(tx.conn(), current)?;
    let issued_at = principal.issue_time(tx.now());
    let family = id.to_string();
    let expires_at = (issued_at + lifetime).naive_utc();
    grants::begin(tx, principal.account, &family, grants::Kind::Password, &new.name, expires_at)?;
    write_token(tx, &principal, id, &family, issued_at, lifetime)?;
    let issue = Issue { id, session: Some(id), issued_at, principal };
    Ok(LoggedIn::Issued(Box::new(issue), recovery_codes))
}

/// Asks for the second factor, where there is one or must be. Recovery codes are there where it was confirmed just now.
fn second_factor(
    tx: &mut Tx<'_>,
    account: &Account,
    new: &NewLogIn,
) -> Result<Result<Vec<String>, LoggedIn>, Error> {
    if !account.role.is_operator() {
        return Ok(Ok(Vec::new()));
    }
    let is_confirmed = second_factors::is_confirmed(tx.conn(), account.id)?;
    let must_enrol = !is_confirmed && new.needs_factor;
    let waits = must_enrol && second_factors::is_waiting(tx.conn(), account.id)?;
    let (checked, recovery_codes) = match (&new.code, must_enrol) {
        (Some(code), true) if waits => second_factors::confirm(tx, account.id, code)?,
        (_, true) => {
            return Ok(Err(LoggedIn::Enrol(second_factors::enrol(tx, account.id, &account.username)?)));
        }
        _ if !is_confirmed => return Ok(Ok(Vec::new())),
        (None, false) => return Err(Refusal::CodeRequired.into()),
        (Some(code), false) => (second_factors::check(tx, account.id, code)?, Vec::new()),
    };
    Ok(match checked {
        Checked::Good => Ok(recovery_codes),
        other => Err(LoggedIn::NotWith(other)),
    })
}

/// The result of presenting a refresh token. Revoking is a change that must be committed, so it is not an error.
#[derive(Clone, Debug, PartialEq)]
pub enum Refreshed {
    Issued(Box<Issue>),
    /// It was used before: nobody, owner or thief, can continue with this family.
    Revoked,
    Invalid,
}

/// Exchanges a refresh token for its successor, `id` where it has none yet. With `needs_factor` an operator without a second factor
/// has to log in again, to make one.
pub fn refresh(
    tx: &mut Tx<'_>,
    claims: &VerifiedClaims,
    id: Uuid,
    lifetime: TimeDelta,
    needs_factor: bool,
) -> Result<Refreshed, Error> {
    let Some(presented) = claims.jti else { return Ok(Refreshed::Invalid) };
    let Some(token) = sql!(tx, refresh_tokens::lock(&presented.to_string()))? else {
        return Ok(Refreshed::Invalid);
    };
    let Some(principal) = principal(tx.conn(), claims)? else { return Ok(Refreshed::Invalid) };
    let now = tx.at();
    if needs_factor
        && principal.role.is_operator()
        && !second_factors::is_confirmed(tx.conn(), principal.account)?
    {
        return Ok(Refreshed::Invalid);
    }
    if token.revoked_at.is_some() || token.expires_at < now || token.account_id != principal.account.0 {
        return Ok(Refreshed::Invalid);
    }
    match &token.used_at {
        None => {
            let issued_at = principal.issue_time(tx.now());
            write_token(tx, &principal, id, &token.family, issued_at, lifetime)?;
            sql!(tx, refresh_tokens::mark_used(&token.id, &id.to_string(), now))?;
            grants::go_on(tx, principal.account, &token.family, (issued_at + lifetime).naive_utc())?;
            let session = token.family.parse().ok();
            Ok(Refreshed::Issued(Box::new(Issue { id, session, issued_at, principal })))
        }
        Some(used_at) => reused(tx, &token, *used_at, principal),
    }
}

fn reused(
    tx: &mut Tx<'_>,
    token: &RefreshToken,
    used_at: NaiveDateTime,
    principal: Principal,
) -> Result<Refreshed, Error> {
    let now = tx.at();
    let successor = match &token.successor {
        Some(id) => sql!(tx, refresh_tokens::lock(id))?,
        None => None,
    };
    match successor {
        // The same successor once more, not a second one: a family stays a chain.
        Some(next) if next.used_at.is_none() && next.revoked_at.is_none() && now - used_at <= LOST_REPLY => {
            let id = next.id.parse().map_err(|_| Refusal::InvalidRefreshToken)?;
            let session = next.family.parse().ok();
            let issued_at = next.issued_at.and_utc();
            Ok(Refreshed::Issued(Box::new(Issue { id, session, issued_at, principal })))
        }
        _ => {
            grants::end(tx, principal.account, &token.family)?;
            Ok(Refreshed::Revoked)
        }
    }
}

/// Revokes the family of a refresh token, and ends the push registrations that were made with it and those that the app names.
/// Returns whose it was; `None` where the token is not known, or was revoked before, which is as good as logged out.
pub fn log_out(
    tx: &mut Tx<'_>,
    claims: &VerifiedClaims,
    device: &NamedDevice,
) -> Result<Option<AccountId>, Error> {
    let Some(id) = claims.jti else { return Ok(None) };
    let Some(token) = sql!(tx, refresh_tokens::lock(&id.to_string()))? else { return Ok(None) };
    if token.revoked_at.is_some() {
        return Ok(None);
    }
    let now = tx.at();
    sql!(tx, refresh_tokens::revoke_family(&token.family, now))?;
    push::end_session(tx, &token.family)?;
    // It is no longer listed. Nothing was taken from anybody, so its open sockets may end as the app ends them: a
    // driver's app says goodbye over the socket, and that makes the driver offline.
    sql!(tx, grants::delete(&token.family))?;
    let account = AccountId(token.account_id);
    push::end_named(tx, account, device)?;
    Ok(Some(account))
}

fn write_token(
    tx: &mut Tx<'_>,
    principal: &Principal,
    id: Uuid,
    family: &str,
    issued_at: DateTime<Utc>,
    lifetime: TimeDelta,
) -> Result<(), Error> {
    let row = RefreshToken {
        id: id.to_string(),
        family: family.to_owned(),
        account_id: principal.account.0,
        issued_at: issued_at.naive_utc(),
        expires_at: (issued_at + lifetime).naive_utc(),
        used_at: None,
        successor: None,
        revoked_at: None,
    };
    sql!(tx, refresh_tokens::insert(&row))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::role::Roles;

    fn principal(log_in: Option<Uuid>) -> Principal {
        Principal {
            account: AccountId(1),
            public_id: Uuid::nil(),
            role: Role::Admin,
            name: "Somebody".to_owned(),
            phone_number: None,
            driver: None,
            customer: None,
            external_id: None,
            tokens_valid_from: 1000,
            log_in,
        }
    }

    fn claims(issuer: Issuer, issued_at: i64, may_be: Roles) -> VerifiedClaims {
        VerifiedClaims {
            issuer,
            sub: Uuid::nil(),
            role: None,
            driver_id: None,
            customer_id: None,
            jti: None,
            issued_at,
            expires_at: DateTime::UNIX_EPOCH,
            session: None,
            may_be,
        }
    }

    /// After a change of the password the session that changed it goes on, with tokens from before.
    #[test]
    fn a_token_of_a_session_goes_by_its_row_and_any_other_of_ours_by_time() {
        let of_session = principal(Some(Uuid::nil()));
        assert!(of_session.is_meant_by(&claims(Issuer::Own, 999, Roles::ALL)));
        assert!(!principal(None).is_meant_by(&claims(Issuer::Own, 999, Roles::ALL)));
        assert!(principal(None).is_meant_by(&claims(Issuer::Own, 1000, Roles::ALL)));
    }

    #[test]
    fn an_outside_token_lets_in_the_roles_that_the_issuer_is_believed_for() {
        let of = |roles: &[Role]| claims(Issuer::Outside, 0, Roles::of(roles.iter().copied()));
        assert!(!principal(None).is_meant_by(&of(&[Role::Driver, Role::Customer])));
        assert!(principal(None).is_meant_by(&of(&[Role::Driver, Role::Admin])));
    }
}
