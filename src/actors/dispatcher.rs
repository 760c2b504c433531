//! The dispatcher: who comes and goes. Lets sessions into the registry and out of it, ends what has expired, and looks for
//! drivers who are not heard of any more.
//!
//! It owns no event: those are handed from the database's thread to the sessions by the registry itself.

use crate::actors::positions::Positions;
use crate::actors::registry::{Registered, Registry};
use crate::actors::session::Ended;
use crate::clock::SharedClock;
use crate::contracts::close_codes::CloseCode;
use crate::domain::driver::DriverStatus;
use crate::domain::ids::{AccountId, DriverId};
use crate::metrics::Metrics;
use crate::operations::rides::{self, Waiting};
use crate::operations::tokens::VerifiedClaims;
use crate::operations::{self, drivers};
use crate::store::{Chain, Database, StoreError};
use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);
const SILENCE_INTERVAL: Duration = Duration::from_secs(5);
/// Who left earlier than this is as good as never connected: longer than any time to confirm.
const LEFT_FOR: TimeDelta = TimeDelta::seconds(60);

/// When silence means something.
#[derive(Clone, Copy, Debug)]
pub struct DispatcherLimits {
    pub deliveries_max: i64,
    /// Then a driver becomes offline.
    pub offline_after: TimeDelta,
    /// Then the passenger of a ride hears that its driver is lost, …
    pub lost_after: TimeDelta,
    /// … or the ride is offered again.
    pub offers_again: bool,
}

pub struct Dispatcher {
    // peers
    database: Database,
    registry: Arc<Registry>,
    positions: Positions,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    // limits
    limits: DispatcherLimits,
    // state
    /// When accounts that are not connected any more left, as far as it matters; who is not here left before we began. By the
    /// steady clock, as `began_at` is.
    left_at: HashMap<AccountId, DateTime<Utc>>,
    began_at: DateTime<Utc>,
}

impl Dispatcher {
    pub fn new(
        database: Database,
        registry: Arc<Registry>,
        positions: Positions,
        clock: SharedClock,
        metrics: Arc<Metrics>,
        limits: DispatcherLimits,
    ) -> Self {
        let began_at = clock.steady();
        Self { database, registry, positions, clock, metrics, limits, left_at: HashMap::new(), began_at }
    }
}

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(EXPIRY_INTERVAL, |dispatcher, _| {
            dispatcher.metrics.database_queue.set(dispatcher.database.waiting() as f64);
            let now = dispatcher.clock.steady();
            dispatcher.registry.close_expired(now);
            dispatcher.registry.forget_left(now - LEFT_FOR);
        });
        ctx.run_interval(SILENCE_INTERVAL, |dispatcher, ctx| {
            dispatcher.look_for_lost_drivers(ctx);
            dispatcher.look_for_silent_drivers(ctx);
        });
    }
}

/// A session has opened. Answered when it will hear of every later commit.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Register {
    pub account: AccountId,
    pub session: Registered,
}

impl Handler<Register> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Register { account, mut session }: Register, _: &mut Self::Context) {
        // A token ends when its time has passed, whatever the clock is set to meanwhile.
        let now = self.clock.moment();
        session.expires_at = session.expires_at.map(|at| now.steady_until(at));
        for older in self.registry.enter(account, session) {
            let driver = older.driver.map_or(0, i64::from);
            log::info!("session ghosted driver={driver} session={}", older.handle.session_id());
            older.handle.close(CloseCode::LoggedInElsewhere, CloseCode::LoggedInElsewhere.reason());
            self.metrics.sessions_ghosted.increment(1);
        }
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
        let now = self.clock.steady();
        let Some(left) = self.registry.leave(gone.account, gone.session, now) else { return };
        self.left_at.insert(gone.account, now);
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
    pub claims: VerifiedClaims,
}

impl Handler<Renewed> for Dispatcher {
    type Result = ();

    fn handle(&mut self, renewed: Renewed, _: &mut Self::Context) {
        let expires_at = self.clock.moment().steady_until(renewed.claims.session_ends_at());
        self.registry.renew(renewed.account, renewed.session, &renewed.claims, expires_at);
    }
}

impl Dispatcher {
    /// Not connected now, nor since `before`, by the steady clock.
    fn is_away(&self, account: AccountId, before: DateTime<Utc>) -> bool {
        !self.registry.is_connected(account) && self.left_at.get(&account).is_none_or(|at| *at < before)
    }

    /// Connected now, or has told positions within `span`, be they believed or not: a driver's row has neither those nor the
    /// time of this machine's clock before it was set.
    fn is_heard_of(&self, span: TimeDelta) -> impl Fn(AccountId, DriverId) -> bool + Clone + Send + 'static {
        let (registry, positions) = (self.registry.clone(), self.positions.clone());
        move |account, driver| registry.is_connected(account) || positions.heard_within(driver, span)
    }

    /// Rides whose driver has vanished before the pickup.
    fn look_for_lost_drivers(&mut self, ctx: &mut Context<Self>) {
        let (now, span) = (self.clock.now(), self.limits.lost_after);
        let before = self.clock.steady() - span;
        if self.began_at > before {
            return;
        }
        let database = self.database.clone();
        let look = async move { database.read(move |conn| rides::waiting_since(conn, now, span)).await };
        ctx.spawn(look.into_actor(self).map(move |waiting, dispatcher, ctx| match waiting {
            Ok(waiting) => dispatcher.lose_drivers(waiting, before, ctx),
            Err::<_, StoreError>(error) => log::warn!("lost drivers not looked for: {}", Chain(&error)),
        }));
    }

    fn lose_drivers(&self, waiting: Vec<Waiting>, before: DateTime<Utc>, ctx: &mut Context<Self>) {
        let lost: Vec<_> = waiting.into_iter().filter(|ride| self.is_away(ride.account, before)).collect();
        let (database, metrics) = (self.database.clone(), self.metrics.clone());
        let DispatcherLimits { deliveries_max, offers_again, lost_after, .. } = self.limits;
        let is_heard_of = self.is_heard_of(lost_after);
        let telling = async move {
            for ride in lost {
                let is_heard_of = is_heard_of.clone();
                let told = database
                    .write(move |tx| {
                        let is_back = || is_heard_of(ride.account, ride.driver);
                        rides::lose_driver(tx, ride, lost_after, is_back, offers_again, deliveries_max)
                    })
                    .await;
                let Waiting { job, driver, .. } = ride;
                match told {
                    Ok(true) => {
                        metrics.drivers_lost.increment(1);
                        log::warn!(
                            "driver not heard of before the pickup job={job} driver={driver} offered_again={offers_again}"
                        );
                    }
                    Ok(false) => {}
                    Err(error) => log::warn!("lost driver not told job={job}: {}", Chain(&error)),
                }
            }
        };
        ctx.spawn(telling.into_actor(self));
    }

    /// A driver with neither connection nor position for a while becomes offline.
    fn look_for_silent_drivers(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let steady = self.clock.steady();
        let before = steady - self.limits.offline_after;
        let forgotten = before.min(steady - self.limits.lost_after);
        self.left_at.retain(|_, left_at| *left_at > forgotten);
        if self.began_at > before {
            // Whoever was connected to the server that ran before may have left a moment ago.
            return;
        }
        let (database, span) = (self.database.clone(), self.limits.offline_after);
        let look = async move { database.read(move |conn| drivers::silent_for(conn, now, span)).await };
        ctx.spawn(look.into_actor(self).map(move |silent, dispatcher, ctx| match silent {
            Ok(silent) => dispatcher.set_silent_offline(silent, before, ctx),
            Err(StoreError::Closed) => {}
            Err(error) => log::warn!("silent drivers not looked for: {}", Chain(&error)),
        }));
    }

    fn set_silent_offline(
        &self,
        silent: Vec<(DriverId, AccountId)>,
        before: DateTime<Utc>,
        ctx: &mut Context<Self>,
    ) {
        let away: Vec<_> = silent.into_iter().filter(|(_, account)| self.is_away(*account, before)).collect();
        let database = self.database.clone();
        let DispatcherLimits { deliveries_max, offline_after, .. } = self.limits;
        let is_heard_of = self.is_heard_of(offline_after);
        let setting = async move {
            for (driver, account) in away {
                let is_heard_of = is_heard_of.clone();
                let set = database
                    .write(move |tx| {
                        let is_back = || is_heard_of(account, driver);
                        drivers::set_silent_offline(tx, driver, offline_after, is_back, deliveries_max)
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
        let (database, registry) = (self.database.clone(), self.registry.clone());
        let deliveries_max = self.limits.deliveries_max;
        let offline = async move {
            database
                .write(move |tx| {
                    let is_back = || registry.is_connected(account);
                    drivers::say_goodbye(tx, driver, is_back, deliveries_max)
                })
                .await
        };
        ctx.spawn(offline.into_actor(self).map(move |outcome, _, _| log_offline(driver, &outcome)));
    }
}

fn log_offline(driver: DriverId, outcome: &Result<Option<DriverStatus>, operations::Error>) {
    match outcome {
        Ok(Some(DriverStatus::Offline)) => log::info!("driver offline driver={driver}"),
        // They hold a job.
        Ok(Some(status)) => {
            log::info!("driver offline after the job in hand driver={driver} status={}", status.as_str());
        }
        Ok(None) => {}
        Err(error) => log::warn!("driver could not be set offline driver={driver}: {}", Chain(error)),
    }
}
