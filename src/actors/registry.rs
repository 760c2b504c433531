//! The registry: every session, by account. The dispatcher lets sessions in and out; committed events are handed to them
//! right here, on the database thread that committed them, since a detour by the dispatcher's thread would cost the
//! phone a twentieth of a millisecond.
//!
//! A session leaves by account *and* session id, so that a late goodbye of an old session can't remove the new one. The
//! lock is held while messages are put into sessions' outboxes, which never blocks.

use crate::actors::once_each::OnceEach;
use crate::actors::session::{Lane, SessionHandle, ToClient};
use crate::contracts::Contract;
use crate::contracts::close_codes::CloseCode;
use crate::domain::event::{Announcement, Event};
use crate::domain::ids::{AccountId, DriverId, EventId};
use crate::operations::tokens::VerifiedClaims;
use crate::rate_limit::Limit;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

#[derive(Default)]
pub struct Registry {
    accounts: Mutex<HashMap<AccountId, Connected>>,
    /// When accounts left that are not connected any more, by the steady clock, as long as it matters to whether they are pushed
    /// to. Taken under the lock of the accounts.
    left_at: Mutex<HashMap<AccountId, DateTime<Utc>>>,
}

/// The sessions of one account; there is at least one.
#[derive(Default)]
struct Connected {
    sessions: Vec<Registered>,
    /// The highest id that was announced here.
    announced: EventId,
}

/// A session that hears of its account's events.
pub struct Registered {
    pub handle: SessionHandle<ToClient>,
    pub contract: Contract,
    pub driver: Option<DriverId>,
    /// When its token ends, leeway included, by the steady clock once it is let in; `None` for a guest's, who has none.
    pub expires_at: Option<DateTime<Utc>>,
    /// Of the account's sessions, this one among them.
    pub sessions_max: usize,
    /// What its token says.
    pub claims: Option<Box<VerifiedClaims>>,
}

impl Registered {
    fn log_in(&self) -> Option<Uuid> {
        self.claims.as_ref().and_then(|claims| claims.session)
    }

    fn revoke(&self) {
        self.handle.close(CloseCode::AuthenticationFailed, "access revoked");
    }
}

/// What a repair found.
#[derive(Debug, Default)]
pub(super) struct Repaired {
    /// Announcements that were lost here.
    pub lost: u64,
    /// Whose sessions were told of something.
    pub accounts: Vec<AccountId>,
}

impl Registry {
    pub fn is_connected(&self, account: AccountId) -> bool {
        self.accounts().contains_key(&account)
    }

    /// Whether somebody could confirm an event: connected, or so a moment ago and perhaps on the way back. `now` is by the
    /// steady clock.
    pub fn may_confirm(&self, account: AccountId, now: DateTime<Utc>, moment: TimeDelta) -> bool {
        let accounts = self.accounts();
        accounts.contains_key(&account)
            || self.left_at().get(&account).is_some_and(|left_at| now - *left_at < moment)
    }

    /// Whether nobody is connected at all.
    pub fn is_empty(&self) -> bool {
        self.accounts().is_empty()
    }

    /// Hands what was committed to whom it concerns.
    pub fn publish(&self, announcements: &[Announcement]) {
        for announcement in announcements {
            match announcement {
                Announcement::Event(event) => self.deliver(event),
                Announcement::AccessRevoked { account, but } => {
                    self.close_those(*account, |session| but.is_none() || session.log_in() != *but);
                }
                Announcement::GrantRevoked { account, log_in } => {
                    self.close_those(*account, |session| session.log_in() == Some(*log_in));
                }
                // The matcher's.
                Announcement::DriverChanged(_) | Announcement::Search(_) => {}
                // The push queue's.
                Announcement::PushDue(_) | Announcement::PushQueued | Announcement::DevicesChanged(_) => {}
                // The log's.
                Announcement::Happened(_) => {}
            }
        }
    }

    /// Lets a session in, and returns those that have to go for it: the older one of a contract that has one at a time, and the oldest
    /// of too many.
    pub(super) fn enter(&self, account: AccountId, new: Registered) -> Vec<Registered> {
        let mut accounts = self.accounts();
        let connected = accounts.entry(account).or_default();
        let is_ghost = |older: &mut Registered| new.contract.is_exclusive() && older.contract == new.contract;
        let mut gone: Vec<Registered> = connected.sessions.extract_if(.., is_ghost).collect();
        let excess = (connected.sessions.len() + 1).saturating_sub(new.sessions_max.max(1));
        if excess > 0 {
            Limit::SocketsOfAccount.exceeded();
            gone.extend(connected.sessions.drain(..excess));
        }
        connected.sessions.push(new);
        gone
    }

    /// Lets a session out. Returns it where it was the account's last.
    pub(super) fn leave(&self, account: AccountId, session: Uuid, now: DateTime<Utc>) -> Option<Registered> {
        let mut accounts = self.accounts();
        let connected = accounts.get_mut(&account)?;
        let index = connected.sessions.iter().position(|other| other.handle.session_id() == session)?;
        // They stay in the order of their coming.
        let left = connected.sessions.remove(index);
        if !connected.sessions.is_empty() {
            return None;
        }
        accounts.remove(&account);
        self.left_at().insert(account, now);
        Some(left)
    }

    /// Forgets who left before a time.
    pub(super) fn forget_left(&self, before: DateTime<Utc>) {
        self.left_at().retain(|_, left_at| *left_at >= before);
    }

    /// A session has brought a fresh token.
    pub(super) fn renew(
        &self,
        account: AccountId,
        session: Uuid,
        claims: &VerifiedClaims,
        expires_at: DateTime<Utc>,
    ) {
        let mut accounts = self.accounts();
        let sessions = accounts.get_mut(&account).into_iter().flat_map(|connected| &mut connected.sessions);
        for registered in sessions.filter(|other| other.handle.session_id() == session) {
            registered.expires_at = Some(expires_at);
            registered.claims = Some(Box::new(claims.clone()));
        }
    }

    pub(super) fn close_expired(&self, now: DateTime<Utc>) {
        for session in self.accounts().values().flat_map(|connected| &connected.sessions) {
            if session.expires_at.is_some_and(|at| at <= now) {
                session.handle.close(CloseCode::AuthenticationFailed, "token expired");
            }
        }
    }

    /// Tells sessions of events that were not announced here.
    pub(super) fn repair(&self, newest: Vec<(AccountId, EventId)>) -> Repaired {
        let mut accounts = self.accounts();
        let mut repaired = Repaired::default();
        for (account, id) in newest {
            let Some(connected) = accounts.get_mut(&account) else { continue };
            if connected.announced >= id {
                continue;
            }
            // Nothing was announced here yet: the sessions have read the store themselves, and know.
            repaired.lost += u64::from(connected.announced > EventId::NONE);
            repaired.accounts.push(account);
            connected.announced = id;
            for session in &connected.sessions {
                let _ = session.handle.send(ToClient::HeardOf(id), 0, Lane::Durable);
            }
        }
        repaired
    }

    /// An event is encoded once for all sessions of a contract.
    fn deliver(&self, event: &Event) {
        let mut accounts = self.accounts();
        let Some(connected) = accounts.get_mut(&event.account) else { return };
        connected.announced = connected.announced.max(event.id);
        let mut texts = OnceEach::default();
        for session in &connected.sessions {
            let text = texts.text(session.contract, |contract| Some(contract.event(event)));
            let Some(text) = text else { continue };
            let bytes = text.len();
            // A session that can't take it is on its way out; it resumes from the store.
            let _ = session.handle.send(ToClient::Event(Box::new(event.clone()), text), bytes, Lane::Durable);
        }
    }

    fn close_those(&self, account: AccountId, which: impl Fn(&Registered) -> bool) {
        let accounts = self.accounts();
        let sessions = accounts.get(&account).into_iter().flat_map(|connected| &connected.sessions);
        sessions.filter(|session| which(session)).for_each(Registered::revoke);
    }

    /// Whether a socket is open that came with this log-in.
    pub fn is_log_in_connected(&self, account: AccountId, log_in: Uuid) -> bool {
        let accounts = self.accounts();
        let mut sessions = accounts.get(&account).into_iter().flat_map(|connected| &connected.sessions);
        sessions.any(|session| session.log_in() == Some(log_in))
    }

    /// What the sessions of these accounts came with, each by its session.
    pub(super) fn claims_of(&self, revoked: &BTreeSet<AccountId>) -> Vec<(AccountId, Uuid, VerifiedClaims)> {
        let accounts = self.accounts();
        let of = |account: &AccountId| {
            let account = *account;
            let sessions = accounts.get(&account).into_iter().flat_map(|connected| &connected.sessions);
            sessions.filter_map(move |session| {
                let claims = session.claims.as_deref()?.clone();
                Some((account, session.handle.session_id(), claims))
            })
        };
        revoked.iter().flat_map(of).collect()
    }

    /// Closes one session, which came with what is no good any more.
    pub(super) fn close_revoked(&self, account: AccountId, session: Uuid) {
        self.close_those(account, |other| other.handle.session_id() == session);
    }

    // What stands under the lock is whole at every moment, so a poisoned one is, too.
    fn accounts(&self) -> MutexGuard<'_, HashMap<AccountId, Connected>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left_at(&self) -> MutexGuard<'_, HashMap<AccountId, DateTime<Utc>>> {
        self.left_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
