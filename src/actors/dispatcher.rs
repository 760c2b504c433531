//! The dispatcher: the registry of all sessions, by account. Hears what was committed and hands it to whom it concerns.
//!
//! Sessions register when they open and leave by account *and* session id, so that a late goodbye of an old session
//! can't remove the new one. An announcement that got lost on its way here is found by the repair look.

use crate::actors::presence::Presence;
use crate::actors::session::client::{Client, ToClient};
use crate::actors::session::{Ended, Lane, SessionHandle};
use crate::clock::SharedClock;
use crate::contracts::Contract;
use crate::contracts::close_codes::CloseCode;
use crate::domain::driver::DriverStatus;
use crate::domain::event::{Announcement, Event};
use crate::domain::ids::{AccountId, DriverId, EventId};
use crate::metrics::Metrics;
use crate::operations::{self, drivers};
use crate::store::{Chain, Database, StoreError, newest_events};
use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const REPAIR_INTERVAL: Duration = Duration::from_secs(1);
/// How far back the repair look goes: longer than any transaction lives.
const REPAIR_WINDOW: TimeDelta = TimeDelta::seconds(30);
const SILENCE_INTERVAL: Duration = Duration::from_secs(5);
/// Younger announcements are on their way.
const ANNOUNCED_WITHIN: TimeDelta = TimeDelta::seconds(1);

pub struct Dispatcher {
    // peers
    database: Database,
    presence: Arc<Presence>,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    // limits
    deliveries_max: i64,
    offline_after: TimeDelta,
    // state
    accounts: HashMap<AccountId, Connected>,
    /// When accounts that are not connected any more left, as far as it matters; who is not here left before we began.
    left_at: HashMap<AccountId, DateTime<Utc>>,
    began_at: DateTime<Utc>,
    repair: RepairLook,
}

/// Up to which moment of commits the repair look has compared. A database that is away for longer than the window must
/// not hide what was committed just before: the answer to that commit is lost, and so is its announcement.
#[derive(Default)]
struct RepairLook {
    done_until: Option<DateTime<Utc>>,
}

impl RepairLook {
    /// The time to look at now, which ends at `until`.
    fn since(&self, until: DateTime<Utc>) -> DateTime<Utc> {
        self.done_until.map_or(until, |done| done.min(until)) - REPAIR_WINDOW
    }

    fn done(&mut self, until: DateTime<Utc>) {
        self.done_until = Some(until);
    }
}

/// The sessions of one account.
#[derive(Default)]
struct Connected {
    sessions: Vec<Registered>,
    /// The highest id that was announced here.
    announced: EventId,
}

struct Registered {
    handle: SessionHandle<Client>,
    contract: Contract,
    driver: Option<DriverId>,
    expires_at: DateTime<Utc>,
}

impl Dispatcher {
    pub fn new(
        database: Database,
        presence: Arc<Presence>,
        clock: SharedClock,
        metrics: Arc<Metrics>,
        deliveries_max: i64,
        offline_after: TimeDelta,
    ) -> Self {
        let began_at = clock.now();
        Self {
            database,
            presence,
            clock,
            metrics,
            deliveries_max,
            offline_after,
            accounts: HashMap::new(),
            left_at: HashMap::new(),
            began_at,
            repair: RepairLook::default(),
        }
    }
}

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(REPAIR_INTERVAL, |dispatcher, ctx| {
            dispatcher.close_expired();
            dispatcher.repair_look(ctx);
        });
        ctx.run_interval(SILENCE_INTERVAL, |dispatcher, ctx| dispatcher.look_for_silent_drivers(ctx));
    }
}

/// A session has opened. Answered when it will hear of every later commit.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Register {
    pub account: AccountId,
    pub driver: Option<DriverId>,
    pub contract: Contract,
    pub handle: SessionHandle<Client>,
    /// When its token ends, leeway included.
    pub expires_at: DateTime<Utc>,
}

impl Handler<Register> for Dispatcher {
    type Result = ();

    fn handle(&mut self, new: Register, _: &mut Self::Context) {
        let connected = self.accounts.entry(new.account).or_default();
        if new.contract.is_exclusive() {
            for older in connected.sessions.extract_if(.., |older| older.contract == new.contract) {
                let driver = older.driver.map_or(0, i64::from);
                log::info!("session ghosted driver={driver} session={}", older.handle.session_id());
                older.handle.close(CloseCode::LoggedInElsewhere, CloseCode::LoggedInElsewhere.reason());
                self.metrics.sessions_ghosted.increment(1);
            }
        }
        let Register { account, driver, contract, handle, expires_at } = new;
        connected.sessions.push(Registered { handle, contract, driver, expires_at });
        self.presence.set(account, connected.sessions.len());
        self.left_at.remove(&account);
    }
}

/// A session has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Deregister {
    pub account: AccountId,
    pub session: Uuid,
    pub ended: Ended,
}

impl Handler<Deregister> for Dispatcher {
    type Result = ();

    fn handle(&mut self, gone: Deregister, ctx: &mut Self::Context) {
        let Some(connected) = self.accounts.get_mut(&gone.account) else { return };
        let is_it = |registered: &Registered| registered.handle.session_id() == gone.session;
        let Some(index) = connected.sessions.iter().position(is_it) else { return };
        let left = connected.sessions.swap_remove(index);
        self.presence.set(gone.account, connected.sessions.len());
        if !connected.sessions.is_empty() {
            return;
        }
        self.accounts.remove(&gone.account);
        self.left_at.insert(gone.account, self.clock.now());
        let said_goodbye = gone.ended == Ended::PeerClosed(Some(CloseCode::Normal.number()));
        if let Some(driver) = left.driver.filter(|_| said_goodbye && left.contract.goodbye_is_offline()) {
            self.go_offline(gone.account, driver, ctx);
        }
    }
}

/// A session has brought a fresh token.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Renewed {
    pub account: AccountId,
    pub session: Uuid,
    pub expires_at: DateTime<Utc>,
}

impl Handler<Renewed> for Dispatcher {
    type Result = ();

    fn handle(&mut self, renewed: Renewed, _: &mut Self::Context) {
        let connected = self.accounts.get_mut(&renewed.account);
        let sessions = connected.into_iter().flat_map(|connected| &mut connected.sessions);
        for session in sessions.filter(|session| session.handle.session_id() == renewed.session) {
            session.expires_at = renewed.expires_at;
        }
    }
}

/// What a database thread has just committed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Announce(pub Vec<Announcement>);

impl Handler<Announce> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Announce(announcements): Announce, _: &mut Self::Context) {
        for announcement in announcements {
            match announcement {
                Announcement::Event(event) => self.deliver(event),
                Announcement::AccessRevoked(account) => self.close_all_of(account),
            }
        }
    }
}

impl Dispatcher {
    fn deliver(&mut self, event: Event) {
        let Some(connected) = self.accounts.get_mut(&event.account) else { return };
        connected.announced = connected.announced.max(event.id);
        let mut encoded: Vec<(Contract, bytestring::ByteString)> = Vec::with_capacity(1);
        for session in &connected.sessions {
            let known = encoded.iter().find(|(contract, _)| *contract == session.contract);
            let text = match known {
                Some((_, text)) => text.clone(),
                None => {
                    let text = bytestring::ByteString::from(session.contract.event(&event));
                    encoded.push((session.contract, text.clone()));
                    text
                }
            };
            let bytes = text.len();
            // A session that can't take it is on its way out; it resumes from the store.
            let _ = session.handle.send(ToClient::Event(event.clone(), text), bytes, Lane::Durable);
        }
    }

    fn close_all_of(&mut self, account: AccountId) {
        for session in self.accounts.get(&account).into_iter().flat_map(|connected| &connected.sessions) {
            session.handle.close(CloseCode::AuthenticationFailed, "access revoked");
        }
    }

    fn close_expired(&mut self) {
        let now = self.clock.now();
        for session in self.accounts.values().flat_map(|connected| &connected.sessions) {
            if session.expires_at <= now {
                session.handle.close(CloseCode::AuthenticationFailed, "token expired");
            }
        }
    }

    /// Compares what was announced with what the store has, for what got lost between commit and announcement.
    fn repair_look(&mut self, ctx: &mut Context<Self>) {
        self.metrics.database_queue.set(self.database.waiting() as f64);
        let until = self.clock.now() - ANNOUNCED_WITHIN;
        if self.accounts.is_empty() {
            return self.repair.done(until);
        }
        let (database, since) = (self.database.clone(), self.repair.since(until));
        let look = async move { database.read(move |conn| newest_events(conn, since, until)).await };
        ctx.spawn(look.into_actor(self).map(move |newest, dispatcher, _| match newest {
            Ok(newest) => {
                dispatcher.repair.done(until);
                dispatcher.repair(newest);
            }
            Err::<_, StoreError>(error) => log::warn!("the repair look failed: {error}"),
        }));
    }

    fn repair(&mut self, newest: Vec<(AccountId, EventId)>) {
        for (account, id) in newest {
            let Some(connected) = self.accounts.get_mut(&account) else { continue };
            if connected.announced >= id {
                continue;
            }
            // Nothing was announced here yet: the sessions have read the store themselves, and know.
            if connected.announced > EventId::NONE {
                self.metrics.announcements_repaired.increment(1);
            }
            connected.announced = id;
            for session in &connected.sessions {
                let _ = session.handle.send(ToClient::HeardOf(id), 0, Lane::Durable);
            }
        }
    }

    /// A driver with neither connection nor position for a while becomes offline.
    fn look_for_silent_drivers(&mut self, ctx: &mut Context<Self>) {
        let before = self.clock.now() - self.offline_after;
        self.left_at.retain(|_, left_at| *left_at > before);
        if self.began_at > before {
            // Whoever was connected to the server that ran before may have left a moment ago.
            return;
        }
        let database = self.database.clone();
        let look = async move { database.read(move |conn| drivers::silent_since(conn, before)).await };
        ctx.spawn(look.into_actor(self).map(move |silent, dispatcher, ctx| match silent {
            Ok(silent) => dispatcher.set_silent_offline(silent, before, ctx),
            Err::<_, StoreError>(error) => log::warn!("silent drivers not looked for: {}", Chain(&error)),
        }));
    }

    fn set_silent_offline(
        &self,
        silent: Vec<(DriverId, AccountId)>,
        before: DateTime<Utc>,
        ctx: &mut Context<Self>,
    ) {
        let is_away =
            |account: &AccountId| !self.accounts.contains_key(account) && !self.left_at.contains_key(account);
        let away: Vec<_> = silent.into_iter().filter(|(_, account)| is_away(account)).collect();
        let (database, presence) = (self.database.clone(), self.presence.clone());
        let deliveries_max = self.deliveries_max;
        let setting = async move {
            for (driver, account) in away {
                let presence = presence.clone();
                let set = database
                    .write(move |tx| {
                        let is_back = || presence.is_connected(account);
                        drivers::set_silent_offline(tx, driver, before, is_back, deliveries_max)
                    })
                    .await;
                log_offline(driver, &set);
            }
        };
        ctx.spawn(setting.into_actor(self));
    }

    /// The driver's app said goodbye. If they are back by the time this is decided, they stay online: connecting is a
    /// decision on the same row, so one of the two comes first.
    fn go_offline(&self, account: AccountId, driver: DriverId, ctx: &mut Context<Self>) {
        let (database, presence) = (self.database.clone(), self.presence.clone());
        let deliveries_max = self.deliveries_max;
        let offline = async move {
            database
                .write(move |tx| {
                    let is_back = || presence.is_connected(account);
                    drivers::say_goodbye(tx, driver, is_back, deliveries_max)
                })
                .await
        };
        ctx.spawn(offline.into_actor(self).map(move |outcome, _, _| log_offline(driver, &outcome)));
    }
}

fn log_offline(driver: DriverId, outcome: &Result<Option<DriverStatus>, operations::Error>) {
    match outcome {
        Ok(Some(status)) => log::info!("driver offline driver={driver} status={}", status.as_str()),
        Ok(None) => {}
        Err(error) => log::warn!("driver could not be set offline driver={driver}: {}", Chain(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A commit whose answer the connection lost, and then 40 s without the database: the looks since then had failed, and
    /// the first that did not began 30 s ago. The driver, connected all the time, heard of the order on their next event.
    #[test]
    fn the_repair_look_goes_back_to_before_the_outage() {
        let at = |secs: i64| DateTime::from_timestamp(1_000_000 + secs, 0).expect("a time");
        let mut look = RepairLook::default();
        assert_eq!(look.since(at(0)), at(0) - REPAIR_WINDOW);
        look.done(at(0));
        assert_eq!(look.since(at(1)), at(0) - REPAIR_WINDOW);
        assert_eq!(look.since(at(40)), at(0) - REPAIR_WINDOW, "none succeeded meanwhile");
        look.done(at(40));
        assert_eq!(look.since(at(5)), at(5) - REPAIR_WINDOW, "a clock that was set back");
    }
}
