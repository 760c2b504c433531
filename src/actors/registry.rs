//! The registry: every session by account, so that it can be sent to. The dispatcher adds and removes sessions.
//! Committed events are handed to them right here, on the database thread that committed them, since a detour over the
//! dispatcher's thread would cost the phone a twentieth of a millisecond. Presence answers who is connected.
//!
//! A session leaves by account *and* session id, so that a late goodbye of an old session can't remove the new one. The
//! lock is held while messages are put into sessions' outboxes, which never blocks.

use crate::actors::encode_once::EncodeOnce;
use crate::actors::session::{Lane, SessionHandle, ToClient};
use crate::contracts::Contract;
use crate::contracts::close_codes::CloseCode;
use crate::domain::announcement::{Announcement, Committed};
use crate::domain::event::Event;
use crate::domain::ids::{AccountId, DriverId, EventId};
use crate::operations::tokens::VerifiedClaims;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Close reason of a session whose token becomes invalid before it expires.
const REVOKED: &str = "access revoked";

#[derive(Default)]
pub struct Registry {
    accounts: Mutex<HashMap<AccountId, Connected>>,
}

/// The sessions of one account; there is at least one.
#[derive(Default)]
struct Connected {
    /// In the order of their coming.
    sessions: Vec<Listener>,
    /// The highest id that was announced here.
    announced: EventId,
}

/// A session that wants to hear of its account's events.
pub struct Registered {
    pub handle: SessionHandle<ToClient>,
    pub contract: Contract,
    pub driver: Option<DriverId>,
    /// When its token ends, leeway included, as a time of day; `None` for a guest's, who has none.
    pub expires_at: Option<DateTime<Utc>>,
    /// Of the account's sessions, this one among them.
    pub sessions_max: usize,
    /// The claims of its token.
    pub claims: Option<Box<VerifiedClaims>>,
}

/// A session that hears of its account's events.
pub(super) struct Listener {
    pub handle: SessionHandle<ToClient>,
    pub contract: Contract,
    /// The claims of its token.
    pub claims: Option<Box<VerifiedClaims>>,
}

impl Listener {
    fn log_in(&self) -> Option<Uuid> {
        self.claims.as_ref().and_then(|claims| claims.session)
    }

    fn is(&self, session: Uuid) -> bool {
        self.handle.session_id() == session
    }
}

/// The findings of a repair.
#[derive(Debug, Default)]
pub(super) struct Repaired {
    /// Announcements that were lost here.
    pub lost: u64,
    /// The accounts whose sessions were told of something.
    pub accounts: Vec<AccountId>,
}

impl Registry {
    /// Whether nobody is connected at all.
    pub(super) fn is_empty(&self) -> bool {
        self.accounts.lock().is_empty()
    }

    /// Hands what was committed to the sessions that it concerns.
    pub(super) fn publish(&self, committed: &Committed) {
        for announcement in &committed.announcements {
            match announcement {
                Announcement::AccessRevoked { account, but } => {
                    self.close_those(*account, REVOKED, |session| but.is_none() || session.log_in() != *but);
                }
                Announcement::GrantRevoked { account, log_in } => {
                    self.close_those(*account, REVOKED, |session| session.log_in() == Some(*log_in));
                }
                // They are at hand, and follow.
                Announcement::Recorded { .. } => {}
                // The matcher's.
                Announcement::DriverChanged(_) | Announcement::Search(_) => {}
                // The push queue's.
                Announcement::PushDue(_) | Announcement::PushQueued | Announcement::DevicesChanged(_) => {}
            }
        }
        committed.events.iter().for_each(|event| self.deliver(event));
    }

    /// Lets a session in, and out those that it replaces, all at once. Returns the latter.
    pub(super) fn enter(
        &self,
        account: AccountId,
        new: Listener,
        gone: &[Uuid],
    ) -> Vec<SessionHandle<ToClient>> {
        let mut accounts = self.accounts.lock();
        let connected = accounts.entry(account).or_default();
        let is_gone = |older: &mut Listener| gone.contains(&older.handle.session_id());
        let replaced = connected.sessions.extract_if(.., is_gone).map(|older| older.handle).collect();
        // Nearly all accounts have one.
        connected.sessions.reserve_exact(1);
        connected.sessions.push(new);
        replaced
    }

    /// Lets a session out.
    pub(super) fn leave(&self, account: AccountId, session: Uuid) {
        let mut accounts = self.accounts.lock();
        let Some(connected) = accounts.get_mut(&account) else { return };
        let Some(index) = connected.sessions.iter().position(|listener| listener.is(session)) else { return };
        // A session's last handle frees what waits for it, which is nothing to do under a lock.
        let left = connected.sessions.remove(index);
        if connected.sessions.is_empty() {
            accounts.remove(&account);
        }
        drop(accounts);
        drop(left);
    }

    /// A session has brought a fresh token.
    pub(super) fn renew(&self, account: AccountId, session: Uuid, claims: VerifiedClaims) {
        let mut accounts = self.accounts.lock();
        let mut sessions =
            accounts.get_mut(&account).into_iter().flat_map(|connected| &mut connected.sessions);
        if let Some(listener) = sessions.find(|listener| listener.is(session)) {
            listener.claims = Some(Box::new(claims));
        }
    }

    /// Closes a session whose token has ended.
    pub(super) fn close_expired(&self, account: AccountId, session: Uuid) {
        self.close_those(account, "token expired", |listener| listener.is(session));
    }

    /// Tells sessions of events that were not announced here.
    pub(super) fn repair(&self, newest: Vec<(AccountId, EventId)>) -> Repaired {
        let mut accounts = self.accounts.lock();
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
        let mut accounts = self.accounts.lock();
        let Some(connected) = accounts.get_mut(&event.account) else { return };
        connected.announced = connected.announced.max(event.id);
        let mut texts = EncodeOnce::default();
        for session in &connected.sessions {
            let text = texts.text(session.contract, |contract| Some(contract.event(event)));
            let Some(text) = text else { continue };
            let bytes = text.len();
            // A session that can't take it is on its way out; it resumes from the store.
            let _ = session.handle.send(ToClient::Event(Box::new(event.clone()), text), bytes, Lane::Durable);
        }
    }

    /// Closes with 4001 those of the account's sessions.
    fn close_those(&self, account: AccountId, reason: &'static str, which: impl Fn(&Listener) -> bool) {
        let accounts = self.accounts.lock();
        let sessions = accounts.get(&account).into_iter().flat_map(|connected| &connected.sessions);
        let closing = sessions.filter(|listener| which(listener));
        closing.for_each(|listener| listener.handle.close(CloseCode::AuthenticationFailed, reason));
    }

    /// The claims of these accounts' sessions, each by its session.
    pub(super) fn claims_of(&self, revoked: &BTreeSet<AccountId>) -> Vec<(AccountId, Uuid, VerifiedClaims)> {
        let accounts = self.accounts.lock();
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

    /// Closes one session whose claims are no longer valid.
    pub(super) fn close_revoked(&self, account: AccountId, session: Uuid) {
        self.close_those(account, REVOKED, |listener| listener.is(session));
    }
}
