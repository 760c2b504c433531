//! Silence: drivers who are no longer heard from, and those whose apps said goodbye. A ride whose driver has vanished
//! before the pickup is offered again, or its passenger is told; a driver without a connection and positions becomes
//! offline.
//!
//! Invariant: the transaction that would act on somebody's absence checks once more whether they are back. Connecting
//! is a decision on the same row, so one of the two comes first.

use crate::actors::foundation::Foundation;
use crate::actors::positions::Positions;
use crate::actors::presence::Presence;
use crate::clock::SharedClock;
use crate::domain::driver::DriverStatus;
use crate::domain::ids::{AccountId, DriverId};
use crate::metrics::Metrics;
use crate::operations::rides::{self, Waiting};
use crate::operations::{self, drivers};
use crate::store::{Chain, Conn, Database, StoreError};
use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(5);

/// A read of what nothing was heard of for a span, as of now.
type Read<T> = fn(&mut Conn<'_>, DateTime<Utc>, TimeDelta) -> Result<Vec<T>, StoreError>;

/// When silence means something.
#[derive(Clone, Copy, Debug)]
pub struct SilenceOptions {
    /// Then a driver becomes offline.
    pub offline_after: TimeDelta,
    /// Then the passenger of a ride hears that its driver is lost, …
    pub lost_after: TimeDelta,
    /// … or the ride is offered again.
    pub offers_again: bool,
}

pub struct Silence {
    // peers
    database: Database,
    presence: Arc<Presence>,
    positions: Positions,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    // limits
    options: SilenceOptions,
}

pub fn start(
    options: SilenceOptions,
    foundation: &Foundation,
    presence: Arc<Presence>,
    positions: Positions,
    arbiter: &ArbiterHandle,
) -> Addr<Silence> {
    let Foundation { database, clock, metrics } = foundation.clone();
    let silence = Silence { database, presence, positions, clock, metrics, options };
    Silence::start_in_arbiter(arbiter, |_| silence)
}

impl Actor for Silence {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(INTERVAL, |silence, ctx| {
            let SilenceOptions { offline_after, lost_after, .. } = silence.options;
            silence.look("lost drivers", lost_after, rides::waiting_since, Self::lose_drivers, ctx);
            silence.look("silent drivers", offline_after, drivers::silent_for, Self::set_silent_offline, ctx);
        });
    }
}

/// The driver's app said goodbye.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Goodbye {
    pub account: AccountId,
    pub driver: DriverId,
}

impl Handler<Goodbye> for Silence {
    type Result = ();

    /// If they are back by the time this is decided, they stay online.
    fn handle(&mut self, Goodbye { account, driver }: Goodbye, ctx: &mut Self::Context) {
        let (database, presence) = (self.database.clone(), self.presence.clone());
        let offline = async move {
            database
                .write(move |tx| {
                    let is_back = || presence.is_connected(account);
                    drivers::say_goodbye(tx, driver, is_back)
                })
                .await
        };
        ctx.spawn(offline.into_actor(self).map(move |outcome, _, _| log_offline(driver, &outcome)));
    }
}

impl Silence {
    /// Connected now, or has told positions within `span`, be they believed or not: a driver's row has neither those nor the
    /// time of this machine's clock before it was set.
    fn is_heard_of(&self, span: TimeDelta) -> impl Fn(AccountId, DriverId) -> bool + Clone + Send + 'static {
        let (presence, positions) = (self.presence.clone(), self.positions.clone());
        move |account, driver| presence.is_connected(account) || positions.heard_within(driver, span)
    }

    /// Reads the drivers not heard from for `span`, and acts on each; `what` names them in the log.
    fn look<T: Send + 'static>(
        &self,
        what: &'static str,
        span: TimeDelta,
        read: Read<T>,
        act: fn(&Self, Vec<T>, &mut Context<Self>),
        ctx: &mut Context<Self>,
    ) {
        if !self.presence.knows_who_is_away(span) {
            return;
        }
        let (database, now) = (self.database.clone(), self.clock.now());
        let look = async move { database.read(move |conn| read(conn, now, span)).await };
        ctx.spawn(look.into_actor(self).map(move |found, silence, ctx| match found {
            Ok(found) => act(silence, found, ctx),
            Err(StoreError::Closed) => {}
            Err(error) => log::warn!("can't check for {what}: {}", Chain(&error)),
        }));
    }

    /// Rides whose driver has vanished before the pickup.
    fn lose_drivers(&self, waiting: Vec<Waiting>, ctx: &mut Context<Self>) {
        let SilenceOptions { offers_again, lost_after, .. } = self.options;
        let is_lost = |ride: &Waiting| self.presence.is_away(ride.account, lost_after);
        let lost: Vec<_> = waiting.into_iter().filter(is_lost).collect();
        let (database, metrics) = (self.database.clone(), self.metrics.clone());
        let is_heard_of = self.is_heard_of(lost_after);
        let telling = async move {
            for ride in lost {
                let is_heard_of = is_heard_of.clone();
                let told = database
                    .write(move |tx| {
                        let is_back = || is_heard_of(ride.account, ride.driver);
                        rides::lose_driver(tx, ride, lost_after, is_back, offers_again)
                    })
                    .await;
                let Waiting { job, driver, .. } = ride;
                match told {
                    Ok(true) => {
                        metrics.drivers_lost.increment(1);
                        log::warn!(
                            "driver not heard from before the pickup job={job} driver={driver} offered_again={offers_again}"
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
    fn set_silent_offline(&self, silent: Vec<(DriverId, AccountId)>, ctx: &mut Context<Self>) {
        let SilenceOptions { offline_after, .. } = self.options;
        let is_away = |(_, account): &(DriverId, AccountId)| self.presence.is_away(*account, offline_after);
        let away: Vec<_> = silent.into_iter().filter(is_away).collect();
        let database = self.database.clone();
        let is_heard_of = self.is_heard_of(offline_after);
        let setting = async move {
            for (driver, account) in away {
                let is_heard_of = is_heard_of.clone();
                let set = database
                    .write(move |tx| {
                        let is_back = || is_heard_of(account, driver);
                        drivers::set_silent_offline(tx, driver, offline_after, is_back)
                    })
                    .await;
                log_offline(driver, &set);
            }
        };
        ctx.spawn(setting.into_actor(self));
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
