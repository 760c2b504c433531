//! Presence: who is connected and since when, and when each of the others left. Every question whether somebody is
//! connected is answered here; the registry only has the sessions to send to. Presence also decides which sessions a
//! new one replaces, and which have expired.
//!
//! Only the dispatcher reports arrivals and departures. Invariant: an account that was connected has a session or, for
//! as long as it matters, the time when its last session left. So somebody who has just left never looks as if they had
//! never been connected. All times are by the steady clock.

use crate::actors::registry::Registry;
use crate::clock::SharedClock;
use crate::contracts::Contract;
use crate::domain::ids::{AccountId, DriverId};
use crate::rate_limit::Limit;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use std::collections::HashMap;
use uuid::Uuid;

pub struct Presence {
    clock: SharedClock,
    /// Accounts that were connected to the server that ran before may have left a moment before this.
    began_at: DateTime<Utc>,
    /// How long it matters when somebody left.
    kept_for: TimeDelta,
    accounts: Mutex<HashMap<AccountId, Attendance>>,
}

/// Of one account: a session at least, or when the last one left.
#[derive(Default)]
struct Attendance {
    /// In the order of their coming.
    sessions: Vec<Present>,
    left_at: Option<DateTime<Utc>>,
}

/// A session that is open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Present {
    pub session: Uuid,
    pub contract: Contract,
    pub driver: Option<DriverId>,
    pub since: DateTime<Utc>,
    /// By which it was let in; none of a guest.
    log_in: Option<Uuid>,
    expires_at: Option<DateTime<Utc>>,
}

/// A session that wants to be let in.
pub(super) struct Arrival {
    pub session: Uuid,
    pub contract: Contract,
    pub driver: Option<DriverId>,
    pub log_in: Option<Uuid>,
    /// When its token ends, leeway included, as a time of day; none of a guest, who has no token.
    pub expires_at: Option<DateTime<Utc>>,
    /// Of the account's sessions, this one among them.
    pub sessions_max: usize,
}

impl Presence {
    /// Nobody may ask for absences that are longer than `kept_for`.
    pub fn new(clock: SharedClock, kept_for: TimeDelta) -> Self {
        Self { began_at: clock.steady(), clock, kept_for, accounts: Mutex::default() }
    }

    pub fn is_connected(&self, account: AccountId) -> bool {
        self.accounts.lock().get(&account).is_some_and(Attendance::is_here)
    }

    /// Whether a socket is open that came with this log-in.
    pub fn is_log_in_connected(&self, account: AccountId, log_in: Uuid) -> bool {
        let is_of = |present: &Present| present.log_in == Some(log_in);
        self.accounts.lock().get(&account).is_some_and(|attendance| attendance.sessions.iter().any(is_of))
    }

    /// Whether somebody could confirm an event: connected, or so within this moment and perhaps on the way back.
    pub fn may_confirm(&self, account: AccountId, moment: TimeDelta) -> bool {
        let now = self.clock.steady();
        let is_near = |attendance: &Attendance| {
            attendance.is_here() || attendance.left_at.is_some_and(|left_at| now - left_at < moment)
        };
        now < self.began_at + moment || self.accounts.lock().get(&account).is_some_and(is_near)
    }

    /// Not connected now, nor within `span`. Nobody is known to be away before we have run for so long.
    pub fn is_away(&self, account: AccountId, span: TimeDelta) -> bool {
        let before = self.clock.steady() - span;
        let is_gone = |attendance: &Attendance| {
            !attendance.is_here() && attendance.left_at.is_none_or(|left_at| left_at < before)
        };
        self.knows_who_is_away(span) && self.accounts.lock().get(&account).is_none_or(is_gone)
    }

    /// Whether we have run for so long that somebody can be known to be away.
    pub fn knows_who_is_away(&self, span: TimeDelta) -> bool {
        self.began_at <= self.clock.steady() - span
    }

    /// Lets a session in, and returns those that have to go for it: the older one of a contract that has one at a time, and the
    /// oldest of too many.
    pub(super) fn came(&self, account: AccountId, arrival: Arrival) -> Vec<Present> {
        let now = self.clock.moment();
        let Arrival { session, contract, driver, log_in, expires_at, sessions_max } = arrival;
        // A token ends when its time has passed, whatever the clock is set to meanwhile.
        let expires_at = expires_at.map(|at| now.steady_until(at));
        let mut accounts = self.accounts.lock();
        let attendance = accounts.entry(account).or_default();
        let is_ghost = |older: &mut Present| contract.is_exclusive() && older.contract == contract;
        let mut gone: Vec<Present> = attendance.sessions.extract_if(.., is_ghost).collect();
        let excess = (attendance.sessions.len() + 1).saturating_sub(sessions_max.max(1));
        if excess > 0 {
            Limit::SocketsOfAccount.exceeded();
            gone.extend(attendance.sessions.drain(..excess));
        }
        // Nearly all accounts have one session; room for four would cost each 250 bytes.
        attendance.sessions.reserve_exact(1);
        attendance.sessions.push(Present {
            session,
            contract,
            driver,
            since: now.steady,
            log_in,
            expires_at,
        });
        attendance.left_at = None;
        gone
    }

    /// Lets a session out. Returns it where it was the account's last.
    pub(super) fn left(&self, account: AccountId, session: Uuid) -> Option<Present> {
        let mut accounts = self.accounts.lock();
        let attendance = accounts.get_mut(&account)?;
        let index = attendance.sessions.iter().position(|present| present.session == session)?;
        let last = attendance.sessions.remove(index);
        if attendance.is_here() {
            return None;
        }
        attendance.left_at = Some(self.clock.steady());
        Some(last)
    }

    /// A session has brought a fresh token, which ends at a time of day.
    pub(super) fn renewed(
        &self,
        account: AccountId,
        session: Uuid,
        log_in: Option<Uuid>,
        ends_at: DateTime<Utc>,
    ) {
        let expires_at = self.clock.moment().steady_until(ends_at);
        let mut accounts = self.accounts.lock();
        let sessions = accounts.get_mut(&account).into_iter().flat_map(|attendance| &mut attendance.sessions);
        for present in sessions.filter(|present| present.session == session) {
            present.expires_at = Some(expires_at);
            present.log_in = log_in;
        }
    }

    /// Closes the sessions whose tokens have ended, and forgets those who left long ago. They leave as they end.
    pub fn close_expired(&self, registry: &Registry) {
        for (account, session) in self.expired() {
            registry.close_expired(account, session);
        }
    }

    fn expired(&self) -> Vec<(AccountId, Uuid)> {
        let (now, mut expired) = (self.clock.steady(), Vec::new());
        self.accounts.lock().retain(|account, attendance| {
            let ended = |present: &&Present| present.expires_at.is_some_and(|at| at <= now);
            expired.extend(attendance.sessions.iter().filter(ended).map(|ended| (*account, ended.session)));
            attendance.is_here() || attendance.left_at.is_some_and(|left_at| now - left_at <= self.kept_for)
        });
        expired
    }
}

impl Attendance {
    fn is_here(&self) -> bool {
        !self.sessions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Manual};
    use std::sync::Arc;

    const ACCOUNT: AccountId = AccountId(5);
    const KEPT_FOR: TimeDelta = TimeDelta::seconds(60);
    const MOMENT: TimeDelta = TimeDelta::seconds(5);

    fn start() -> (Presence, Manual) {
        let clock = Manual::new(DateTime::from_timestamp(1_000_000, 0).expect("a time"));
        (Presence::new(Arc::new(clock.clone()), KEPT_FOR), clock)
    }

    fn session(id: u128) -> Uuid {
        Uuid::from_u128(id)
    }

    fn arrival(id: u128, contract: Contract) -> Arrival {
        let (driver, log_in) = (Some(DriverId(3)), Some(Uuid::from_u128(1000 + id)));
        Arrival { session: session(id), contract, driver, log_in, expires_at: None, sessions_max: 3 }
    }

    fn ids(gone: &[Present]) -> Vec<Uuid> {
        gone.iter().map(|present| present.session).collect()
    }

    #[test]
    fn a_second_driver_app_replaces_the_first_whose_late_goodbye_changes_nothing() {
        let (presence, clock) = start();
        let began_at = clock.steady();
        assert!(presence.came(ACCOUNT, arrival(1, Contract::DriverApp)).is_empty());
        assert!(presence.came(ACCOUNT, arrival(2, Contract::RideHailing)).is_empty());
        clock.advance(TimeDelta::seconds(9));
        let gone = presence.came(ACCOUNT, arrival(3, Contract::DriverApp));
        assert_eq!((ids(&gone), gone[0].since), (vec![session(1)], began_at));
        assert_eq!(presence.left(ACCOUNT, session(1)), None);
        assert_eq!(presence.left(ACCOUNT, session(2)), None, "another is still there");
        assert!(presence.is_connected(ACCOUNT));
        let last = presence.left(ACCOUNT, session(3)).expect("the last");
        assert_eq!((last.session, last.driver), (session(3), Some(DriverId(3))));
        assert!(!presence.is_connected(ACCOUNT));
    }

    #[test]
    fn of_too_many_sessions_the_oldest_goes() {
        let (presence, _) = start();
        for id in 1..=3 {
            assert!(presence.came(ACCOUNT, arrival(id, Contract::RideMatching)).is_empty());
        }
        let gone = presence.came(ACCOUNT, arrival(4, Contract::RideMatching));
        assert_eq!(ids(&gone), [session(1)]);
        let gone = presence.came(ACCOUNT, Arrival { sessions_max: 1, ..arrival(5, Contract::RideMatching) });
        assert_eq!(ids(&gone), [session(2), session(3), session(4)]);
    }

    #[test]
    fn somebody_who_left_may_confirm_for_a_moment_and_is_away_after_a_while() {
        let (presence, clock) = start();
        let (nobody, away_after) = (AccountId(6), TimeDelta::seconds(30));
        assert!(presence.may_confirm(nobody, MOMENT), "they may have left the server that ran before");
        assert!(!presence.is_away(nobody, away_after));
        clock.advance(away_after);
        assert!(!presence.may_confirm(nobody, MOMENT));
        assert!(presence.is_away(nobody, away_after));

        presence.came(ACCOUNT, arrival(1, Contract::RideHailing));
        clock.advance(KEPT_FOR * 2);
        assert!(presence.may_confirm(ACCOUNT, MOMENT) && !presence.is_away(ACCOUNT, away_after));
        presence.left(ACCOUNT, session(1)).expect("the last");
        assert!(presence.may_confirm(ACCOUNT, MOMENT) && !presence.is_away(ACCOUNT, away_after));
        clock.advance(MOMENT);
        assert!(!presence.may_confirm(ACCOUNT, MOMENT) && !presence.is_away(ACCOUNT, away_after));
        clock.advance(away_after);
        assert!(presence.is_away(ACCOUNT, away_after));
        // They are back.
        presence.came(ACCOUNT, arrival(2, Contract::RideHailing));
        assert!(presence.may_confirm(ACCOUNT, MOMENT) && !presence.is_away(ACCOUNT, away_after));
    }

    #[test]
    fn an_absence_is_kept_for_as_long_as_it_matters() {
        let (presence, clock) = start();
        presence.came(ACCOUNT, arrival(1, Contract::RideHailing));
        presence.left(ACCOUNT, session(1)).expect("the last");
        clock.advance(KEPT_FOR);
        presence.expired();
        assert!(!presence.is_away(ACCOUNT, KEPT_FOR), "they left just so long ago");
        clock.advance(TimeDelta::seconds(1));
        presence.expired();
        assert!(presence.accounts.lock().is_empty());
        assert!(presence.is_away(ACCOUNT, KEPT_FOR));
    }

    /// The clock is set back by an hour meanwhile, which gives nobody an hour more.
    #[test]
    fn a_session_expires_when_its_time_has_passed_and_lives_on_with_a_fresh_token() {
        let (presence, clock) = start();
        let ends_at = |secs| Some(clock.now() + TimeDelta::seconds(secs));
        let other = AccountId(6);
        presence.came(ACCOUNT, Arrival { expires_at: ends_at(10), ..arrival(1, Contract::DriverApp) });
        presence.came(other, Arrival { expires_at: ends_at(10), ..arrival(2, Contract::DriverApp) });
        assert!(presence.expired().is_empty());
        clock.set(clock.now() - TimeDelta::hours(1));
        let log_in = Uuid::from_u128(77);
        presence.renewed(other, session(2), Some(log_in), clock.now() + TimeDelta::seconds(20));
        assert!(presence.is_log_in_connected(other, log_in));
        assert!(!presence.is_log_in_connected(other, Uuid::from_u128(1002)), "what it came with before");
        clock.advance(TimeDelta::seconds(10));
        assert_eq!(presence.expired(), [(ACCOUNT, session(1))]);
        clock.advance(TimeDelta::seconds(10));
        presence.left(ACCOUNT, session(1));
        assert_eq!(presence.expired(), [(other, session(2))]);
    }
}
