//! The second factor of operators: making one, confirming it, and asking for its code. Guesses are counted in the
//! database, so that a restart does not clear them.
//!
//! Invariant: a code is accepted once. The row is locked from reading it to the end of the transaction.

use crate::domain::ids::AccountId;
use crate::operations::error::{Error, Refusal};
use crate::operations::totp::{self, SECRET_BYTES, Secret};
use crate::store::{Conn, SecondFactor, StoreError, Tx, sql};
use chrono::TimeDelta;
use rand::TryRngCore;
use rand::rngs::OsRng;
use ring::digest;

/// The name that authenticator apps show above the code.
const ISSUER: &str = "Fleetwire";
const RECOVERY_CODES: usize = 10;
/// Wrong codes in a row that cost nothing.
const FREE_GUESSES: i64 = 5;
/// The next one waits as long, each after that twice as long …
const WAIT: TimeDelta = TimeDelta::seconds(30);
/// … up to this. Of three good codes in a million nobody finds one so.
const WAIT_DOUBLINGS_MAX: i64 = 7;

/// A secret that is to be confirmed with one of its codes. Shown once, to its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    pub secret: String,
    pub uri: String,
}

/// How an account is with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    pub is_confirmed: bool,
    pub recovery_codes: i64,
}

/// The result of a code. A wrong one is counted, which must be committed, so it is not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    Good,
    Wrong,
    /// Too many were wrong; ask again after this.
    Blocked(TimeDelta),
}

pub fn is_confirmed(conn: &mut Conn<'_>, account: AccountId) -> Result<bool, StoreError> {
    let row = sql!(conn, second_factors::find(account))?;
    Ok(row.is_some_and(|row| row.secret.is_some()))
}

/// Whether a secret waits to be confirmed.
pub fn is_waiting(conn: &mut Conn<'_>, account: AccountId) -> Result<bool, StoreError> {
    let row = sql!(conn, second_factors::find(account))?;
    Ok(row.is_some_and(|row| row.pending_secret.is_some()))
}

pub fn factor(conn: &mut Conn<'_>, account: AccountId) -> Result<Factor, StoreError> {
    let is_confirmed = is_confirmed(conn, account)?;
    Ok(Factor { is_confirmed, recovery_codes: sql!(conn, second_factors::recovery_codes(account))? })
}

/// Makes a secret that waits to be confirmed; one that is in force stays so until then. Each time another one: somebody else may
/// have seen the last.
pub fn enrol(tx: &mut Tx<'_>, account: AccountId, username: &str) -> Result<Enrolment, StoreError> {
    lock(tx, account)?;
    let secret = Secret::new(random()?);
    sql!(tx, second_factors::set_pending(account, &secret.to_base32()))?;
    Ok(Enrolment { uri: secret.uri(ISSUER, username), secret: secret.to_base32() })
}

/// Checks a code of the secret that waits. A good one puts it in force, and there are new recovery codes: the only time that they
/// are told.
pub fn confirm(tx: &mut Tx<'_>, account: AccountId, code: &str) -> Result<(Checked, Vec<String>), Error> {
    let row = lock(tx, account)?;
    let pending = row.pending_secret.clone().ok_or(Refusal::NoEnrolment)?;
    let checked = check_with(tx, &row, Some(&pending), code)?;
    if checked != Checked::Good {
        return Ok((checked, Vec::new()));
    }
    sql!(tx, second_factors::confirm(account, &pending))?;
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    sql!(tx, second_factors::forget_recovery_codes(account))?;
    for _ in 0..RECOVERY_CODES {
        let code = recovery_code()?;
        sql!(tx, second_factors::keep_recovery_code(account, &hash_of(&bare(&code))))?;
        codes.push(code);
    }
    Ok((checked, codes))
}

/// Checks a code of the secret that is in force, or a recovery code, which is good once.
pub fn check(tx: &mut Tx<'_>, account: AccountId, code: &str) -> Result<Checked, StoreError> {
    let row = lock(tx, account)?;
    let secret = row.secret.clone();
    check_with(tx, &row, secret.as_deref(), code)
}

/// Takes the second factor away: the next log-in asks for none, or makes another where it must.
pub fn reset(tx: &mut Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    sql!(tx, second_factors::forget_recovery_codes(account))?;
    sql!(tx, second_factors::remove(account)).map(drop)
}

fn check_with(
    tx: &mut Tx<'_>,
    row: &SecondFactor,
    secret: Option<&str>,
    code: &str,
) -> Result<Checked, StoreError> {
    let (now, at, account) = (tx.now(), tx.at(), AccountId(row.account_id));
    if let Some(until) = row.blocked_until.filter(|until| *until > at) {
        return Ok(Checked::Blocked(until - at));
    }
    let code = bare(code);
    let step =
        secret.and_then(Secret::of_base32).and_then(|secret| secret.step_of(&code, now, row.last_step));
    let is_recovery = step.is_none()
        && !totp::is_code(&code)
        && sql!(tx, second_factors::use_recovery_code(account, &hash_of(&code)))? > 0;
    if step.is_some() || is_recovery {
        sql!(tx, second_factors::taken(account, step.unwrap_or(row.last_step)))?;
        return Ok(Checked::Good);
    }
    let failures = row.failures + 1;
    let doublings = failures - FREE_GUESSES;
    let blocked_until = (doublings >= 0).then(|| at + WAIT * (1 << doublings.min(WAIT_DOUBLINGS_MAX)));
    sql!(tx, second_factors::refused(account, failures, blocked_until))?;
    Ok(Checked::Wrong)
}

/// The account's row, made where there is none, and kept from others until the transaction ends.
fn lock(tx: &mut Tx<'_>, account: AccountId) -> Result<SecondFactor, StoreError> {
    sql!(tx, second_factors::make(account))?;
    sql!(tx, second_factors::lock(account))?.ok_or(StoreError::Repeat)
}

/// As people type it: with blanks or dashes between, in any case.
fn bare(code: &str) -> String {
    code.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect::<String>().to_lowercase()
}

/// A recovery code has 80 random bits, so that a plain hash lays nothing open.
fn hash_of(code: &str) -> String {
    let hash = digest::digest(&digest::SHA256, code.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sixteen letters and digits in groups of four.
fn recovery_code() -> Result<String, StoreError> {
    let text = Secret::new(random()?).to_base32().to_lowercase();
    let groups: Vec<&str> = (0..4).map(|group| &text[4 * group..4 * group + 4]).collect();
    Ok(groups.join("-"))
}

fn random() -> Result<[u8; SECRET_BYTES], StoreError> {
    let mut bytes = [0; SECRET_BYTES];
    let filled = OsRng.try_fill_bytes(&mut bytes);
    filled.map_err(|_| StoreError::Unavailable("the system has no randomness"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_codes_differ_and_are_the_same_however_they_are_typed() {
        let (one, other) = (recovery_code().expect("random"), recovery_code().expect("random"));
        assert_ne!(one, other);
        assert_eq!(one.len(), 19, "{one}");
        assert!(!totp::is_code(&bare(&one)));
        let typed = one.to_uppercase().replace('-', " ");
        assert_eq!(hash_of(&bare(&one)), hash_of(&bare(&typed)));
        assert!(totp::is_code(&bare("123 456")));
    }
}
