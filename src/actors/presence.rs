//! Who is connected, for whoever asks from another thread. Written by the dispatcher alone.

use crate::domain::ids::AccountId;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// How many sessions each connected account has.
#[derive(Debug, Default)]
pub struct Presence {
    sessions: RwLock<HashMap<AccountId, usize>>,
}

impl Presence {
    pub fn is_connected(&self, account: AccountId) -> bool {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner).contains_key(&account)
    }

    /// Accounts with at least one session.
    pub fn accounts(&self) -> Vec<AccountId> {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    pub(super) fn set(&self, account: AccountId, sessions: usize) {
        let mut connected = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        match sessions {
            0 => drop(connected.remove(&account)),
            count => drop(connected.insert(account, count)),
        }
    }
}
