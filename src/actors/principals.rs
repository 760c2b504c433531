//! A short-lived cache of the accounts that made requests: an operator's program sends request after request, and
//! reading its account for each costs as much as half a decision.
//!
//! When this server suspends an account or changes its password, the account is forgotten before the answer, so it is
//! refused from the next request on. A change by another process takes effect within [`KEPT_FOR`].

use crate::domain::ids::AccountId;
use crate::operations::authentication::Principal;
use crate::operations::tokens::VerifiedClaims;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};
use uuid::Uuid;

const KEPT_FOR: Duration = Duration::from_secs(1);
/// Some 2 MB; past it all are forgotten, which costs each a read.
const KEPT_MAX: usize = 10_000;
/// Log-ins whose use is noted between two writes: some 3 MB.
const USED_MAX: usize = 100_000;

#[derive(Default)]
pub struct Principals {
    state: Mutex<State>,
}

/// A token's account, and its log-in.
type Key = (Uuid, Option<Uuid>);

#[derive(Default)]
struct State {
    recent: HashMap<Key, (Principal, Instant)>,
    /// Rises with each account that is forgotten.
    forgotten: u64,
    /// Log-ins that were used since it was last written down.
    used: HashSet<Uuid>,
}

/// When a read began. If an account was forgotten since, the read is worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Began(u64);

impl Principals {
    pub fn find(&self, claims: &VerifiedClaims, now: Instant) -> Result<Principal, Began> {
        let state = self.state.lock();
        match state.recent.get(&(claims.sub, claims.session)) {
            Some((principal, read_at)) if now.duration_since(*read_at) < KEPT_FOR => Ok(principal.clone()),
            _ => Err(Began(state.forgotten)),
        }
    }

    /// Keeps what was read, unless an account was forgotten since the read began: it may be this one.
    pub fn keep(&self, claims: &VerifiedClaims, principal: &Principal, began: Began, now: Instant) {
        let mut state = self.state.lock();
        state.note_use(principal);
        if state.forgotten != began.0 {
            return;
        }
        if state.recent.len() >= KEPT_MAX {
            state.recent.clear();
        }
        state.recent.insert((claims.sub, claims.session), (principal.clone(), now));
    }

    /// Somebody was let in otherwise than by a request, with a socket.
    pub fn note_use(&self, principal: &Principal) {
        self.state.lock().note_use(principal);
    }

    /// The log-ins that were used since this was asked last.
    pub fn take_used(&self) -> HashSet<Uuid> {
        std::mem::take(&mut self.state.lock().used)
    }

    pub fn forget(&self, account: AccountId) {
        let mut state = self.state.lock();
        state.forgotten += 1;
        state.recent.retain(|_, (principal, _)| principal.account != account);
    }
}

impl State {
    /// Uses beyond the bound are not noted: nobody looks through the times of so many log-ins.
    fn note_use(&mut self, principal: &Principal) {
        if let Some(log_in) = principal.log_in.filter(|_| self.used.len() < USED_MAX) {
            self.used.insert(log_in);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::role::{Role, Roles};
    use crate::operations::tokens::Issuer;
    use chrono::DateTime;

    fn claims() -> VerifiedClaims {
        VerifiedClaims {
            issuer: Issuer::Own,
            sub: Uuid::from_u128(7),
            role: None,
            driver_id: None,
            customer_id: None,
            jti: None,
            issued_at: 0,
            expires_at: DateTime::UNIX_EPOCH,
            session: Some(Uuid::from_u128(5)),
            may_be: Roles::ALL,
        }
    }

    fn principal() -> Principal {
        Principal {
            account: AccountId(7),
            public_id: Uuid::from_u128(7),
            role: Role::Admin,
            name: "Operator".to_owned(),
            phone_number: None,
            driver: None,
            customer: None,
            external_id: None,
            tokens_valid_from: 0,
            log_in: Some(Uuid::from_u128(5)),
        }
    }

    #[test]
    fn who_asked_a_moment_ago_is_known_for_a_moment() {
        let (principals, now) = (Principals::default(), Instant::now());
        let began = principals.find(&claims(), now).expect_err("nobody asked yet");
        principals.keep(&claims(), &principal(), began, now);
        assert_eq!(principals.find(&claims(), now), Ok(principal()));
        assert!(principals.find(&claims(), now + KEPT_FOR).is_err());
        let other = VerifiedClaims { session: Some(Uuid::from_u128(6)), ..claims() };
        assert!(principals.find(&other, now).is_err(), "by another log-in, which may be revoked");
    }

    #[test]
    fn the_use_of_a_log_in_is_told_once() {
        let principals = Principals::default();
        principals.note_use(&principal());
        principals.note_use(&principal());
        principals.note_use(&Principal { log_in: None, ..principal() });
        assert_eq!(principals.take_used().into_iter().collect::<Vec<_>>(), [Uuid::from_u128(5)]);
        assert!(principals.take_used().is_empty());
    }

    /// The account is read, then suspended, then the read is kept: it would have been let in for another second.
    #[test]
    fn a_read_that_an_account_was_forgotten_during_is_not_kept() {
        let (principals, now) = (Principals::default(), Instant::now());
        let began = principals.find(&claims(), now).expect_err("nobody asked yet");
        principals.forget(AccountId(7));
        principals.keep(&claims(), &principal(), began, now);
        assert!(principals.find(&claims(), now).is_err());
    }
}
