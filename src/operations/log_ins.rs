//! The places from which accounts are logged in to, and the clearing of counted guesses. Guesses themselves are counted
//! in memory (`rate_limit::guesses`), since a delay of minutes need not outlive a restart. The places must: the owner
//! of an account that is being guessed at is still let in from them.

use crate::domain::ids::AccountId;
use crate::operations::authentication::{self, Login};
use crate::operations::error::Error;
use crate::operations::tokens::TokenKeys;
use crate::store::{Account, Conn, StoreError, Tx, sql};
use chrono::{DateTime, TimeDelta, Utc};
use std::net::IpAddr;

/// Places that are kept of an account: those of a phone on several networks, a tablet and a browser.
const PLACES_MAX: usize = 20;
/// After so long a place is as good as new: the address is somebody else's by then.
const KNOWN_FOR: TimeDelta = TimeDelta::days(90);
/// A place that is used all the time is written once in so long.
const WRITTEN_EVERY: TimeDelta = TimeDelta::days(1);

/// The place from which somebody logs in. Only a keyed hash of it is stored, so that the database alone reveals no
/// addresses; with another JWT_SECRET all places are new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(String);

impl Place {
    /// `address` as limits count it.
    pub fn of(tokens: &TokenKeys, address: IpAddr) -> Self {
        Self(tokens.fingerprint(format!("log-in from:{address}").as_bytes()))
    }
}

/// An account at whose door somebody is.
pub struct Door {
    pub account: Account,
    /// How often it was unlocked: guesses from before the last time do not count.
    pub unlocks: i64,
    /// Whether somebody has logged in to it from there before.
    pub is_known_place: bool,
}

pub fn door(
    conn: &mut Conn<'_>,
    login: &Login,
    place: &Place,
    now: DateTime<Utc>,
) -> Result<Option<Door>, StoreError> {
    let account = authentication::find_login(conn, login)?;
    account.map(|account| door_of(conn, account, place, now)).transpose()
}

/// The same of an account that is known already.
pub fn door_of(
    conn: &mut Conn<'_>,
    account: Account,
    place: &Place,
    now: DateTime<Utc>,
) -> Result<Door, StoreError> {
    let unlocks = sql!(conn, log_ins::unlocks(account.id))?;
    let used_at = sql!(conn, log_ins::used_at(account.id, &place.0))?;
    let is_known_place = used_at.is_some_and(|at| at > (now - KNOWN_FOR).naive_utc());
    Ok(Door { account, unlocks, is_known_place })
}

/// Somebody has shown at this place that the account is theirs.
pub fn remember(tx: &mut Tx<'_>, account: AccountId, place: &Place) -> Result<(), Error> {
    let now = tx.at();
    let used_at = sql!(tx, log_ins::used_at(account, &place.0))?;
    if used_at.is_some_and(|at| now - at < WRITTEN_EVERY) {
        return Ok(());
    }
    sql!(tx, log_ins::use_place(account, &place.0, now))?;
    if used_at.is_none() {
        sql!(tx, log_ins::keep_newest(account, PLACES_MAX))?;
    }
    Ok(())
}

/// Clears the guesses counted for the account until now. For the operator's unlocking, over REST or on the command
/// line.
pub fn unlock(tx: &mut Tx<'_>, account: AccountId) -> Result<(), Error> {
    sql!(tx, log_ins::unlock(account))?;
    Ok(())
}
