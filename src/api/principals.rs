//! Who asked a moment ago: an operator's program sends request after request, and reading its account for each costs as
//! much as half a decision.
//!
//! An account that this server suspends, or gives another password, is forgotten before that is answered, so it is
//! refused from the next request on. What another process changed counts within [`KEPT_FOR`].

use crate::domain::ids::AccountId;
use crate::operations::authentication::Principal;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

const KEPT_FOR: Duration = Duration::from_secs(1);
/// Some 2 MB; past it all are forgotten, which costs each a read.
const KEPT_MAX: usize = 10_000;

#[derive(Default)]
pub struct Principals {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    recent: HashMap<Uuid, (Principal, Instant)>,
    /// Rises with each account that is forgotten.
    forgotten: u64,
}

/// When a read began. What was forgotten since makes it worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Began(u64);

impl Principals {
    pub fn find(&self, public_id: Uuid, now: Instant) -> Result<Principal, Began> {
        let state = self.state();
        match state.recent.get(&public_id) {
            Some((principal, read_at)) if now.duration_since(*read_at) < KEPT_FOR => Ok(principal.clone()),
            _ => Err(Began(state.forgotten)),
        }
    }

    /// Keeps what was read, unless an account was forgotten since the read began: it may be this one.
    pub fn keep(&self, principal: &Principal, began: Began, now: Instant) {
        let mut state = self.state();
        if state.forgotten != began.0 {
            return;
        }
        if state.recent.len() >= KEPT_MAX {
            state.recent.clear();
        }
        state.recent.insert(principal.public_id, (principal.clone(), now));
    }

    pub fn forget(&self, account: AccountId) {
        let mut state = self.state();
        state.forgotten += 1;
        state.recent.retain(|_, (principal, _)| principal.account != account);
    }

    // A map and a number, whole at every moment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::role::Role;

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
        }
    }

    #[test]
    fn who_asked_a_moment_ago_is_known_for_a_moment() {
        let (principals, now) = (Principals::default(), Instant::now());
        let began = principals.find(principal().public_id, now).expect_err("nobody asked yet");
        principals.keep(&principal(), began, now);
        assert_eq!(principals.find(principal().public_id, now), Ok(principal()));
        assert!(principals.find(principal().public_id, now + KEPT_FOR).is_err());
    }

    /// The account is read, then suspended, then the read is kept: it would have been let in for another second.
    #[test]
    fn a_read_that_an_account_was_forgotten_during_is_not_kept() {
        let (principals, now) = (Principals::default(), Instant::now());
        let began = principals.find(principal().public_id, now).expect_err("nobody asked yet");
        principals.forget(AccountId(7));
        principals.keep(&principal(), began, now);
        assert!(principals.find(principal().public_id, now).is_err());
    }
}
