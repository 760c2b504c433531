//! The actor: keeps the fleet in line with what sessions tell and what the store says, and answers searches.
//!
//! Sessions put positions into a shared map, the newest of each driver, which is emptied a few times a second and before
//! each search: a position costs no message. Changes in the store are announced after their commit; those that another
//! process made are found by a look every 2 s.

use crate::actors::matcher::fleet::{Fleet, Sighted, Standing, Wanted};
use crate::actors::matcher::plausible::{Sighting, Verdict};
use crate::clock::SharedClock;
use crate::domain::driver::DriverStatus;
use crate::domain::ids::DriverId;
use crate::domain::position::{Fix, Position};
use crate::metrics::Metrics;
use crate::store::{Account, Chain, Database, Driver, StoreError, reads};
use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often positions are taken over where nobody searches.
const TAKE_INTERVAL: Duration = Duration::from_millis(100);
/// How often changes of other processes are looked for …
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// … and how long a transaction may have taken that wrote the time of its change before it committed.
const TRANSACTION_MAX: TimeDelta = TimeDelta::seconds(30);
/// Drivers read at a time.
const PAGE_DRIVERS: i64 = 1000;

/// Positions that wait to be taken over, the newest of each driver.
type Moves = Mutex<HashMap<DriverId, Sighting>>;

/// What sessions hold.
#[derive(Clone)]
pub struct MatcherHandle {
    moves: Arc<Moves>,
    pub matcher: Addr<Matcher>,
}

impl MatcherHandle {
    /// A driver's app has told a position.
    pub fn moved(&self, driver: DriverId, fix: &Fix) {
        let sighting = Sighting::from(fix);
        let mut moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = moves.entry(driver).or_insert(sighting);
        if newest.measured_at_ms <= sighting.measured_at_ms {
            *newest = sighting;
        }
    }
}

pub struct Matcher {
    // peers
    database: Database,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    moves: Arc<Moves>,
    // limits
    position_age_max: TimeDelta,
    // state
    fleet: Fleet,
    /// Up to when changes in the store were looked at; `None` before all drivers have been read.
    looked_at: Option<DateTime<Utc>>,
}

/// Starts the matcher on an arbiter of its own, with `fleet` read from the store.
pub async fn start(
    database: Database,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    position_age_max: TimeDelta,
) -> Result<MatcherHandle, StoreError> {
    let looked_at = clock.now();
    let fleet = read_fleet(&database).await?;
    log::info!("matcher ready drivers={}", fleet.matchable());
    let moves = Arc::new(Moves::default());
    let looked_at = Some(looked_at);
    let matcher =
        Matcher { database, clock, metrics, moves: moves.clone(), position_age_max, fleet, looked_at };
    let matcher = Matcher::start_in_arbiter(&Arbiter::new().handle(), |_| matcher);
    Ok(MatcherHandle { moves, matcher })
}

async fn read_fleet(database: &Database) -> Result<Fleet, StoreError> {
    let mut fleet = Fleet::default();
    let mut after = DriverId(0);
    loop {
        let page = database.read(move |conn| reads::matchable_drivers(conn, after, PAGE_DRIVERS)).await?;
        let is_last = (page.len() as i64) < PAGE_DRIVERS;
        after = page.last().map_or(after, |(driver, _)| driver.id);
        page.into_iter().for_each(|row| fleet.set(standing(row)));
        if is_last {
            return Ok(fleet);
        }
    }
}

fn standing((driver, account): (Driver, Account)) -> Standing {
    let position = driver.latitude.zip(driver.longitude).and_then(|(lat, lon)| Position::new(lat, lon).ok());
    let position = position.zip(driver.position_at).map(|(position, at)| Sighted {
        position,
        at_ms: at.and_utc().timestamp_millis(),
        is_measured: driver.position_measured,
    });
    let is_matchable =
        driver.status == DriverStatus::Available && driver.is_verified && !account.is_suspended;
    Standing { driver: driver.id, vehicle_type: driver.vehicle_type, is_matchable, position }
}

impl Actor for Matcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(TAKE_INTERVAL, |matcher, _| matcher.take_moves());
        ctx.run_interval(LOOK_INTERVAL, |matcher, ctx| matcher.look_for_changes(ctx));
    }
}

/// What the store says of these drivers has changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Changed(pub Vec<DriverId>);

impl Handler<Changed> for Matcher {
    /// Searches wait until it is known: who became free a moment ago is to be found.
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Changed(drivers): Changed, _: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        let reading = async move {
            let mut rows = Vec::with_capacity(drivers.len());
            for driver in drivers {
                rows.extend(database.read(move |conn| reads::matchable_driver(conn, driver)).await?);
            }
            Ok(rows)
        };
        let applied = reading.into_actor(self).map(|rows, matcher, _| match rows {
            Ok(rows) => matcher.take_over(rows),
            // The look for changes finds them when the database is back.
            Err::<_, StoreError>(error) => log::warn!("changed drivers not read: {}", Chain(&error)),
        });
        AtomicResponse::new(Box::pin(applied))
    }
}

/// The nearest available drivers. Answered from memory.
#[derive(Message)]
#[rtype(result = "Vec<Candidate>")]
pub struct Nearest {
    pub at: Position,
    /// Metres.
    pub radius_m: f64,
    pub count: usize,
    /// `None` takes every vehicle.
    pub vehicle_type: Option<String>,
    pub except: Vec<DriverId>,
}

/// A driver who may be matched.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub driver: DriverId,
    pub vehicle_type: String,
    /// Metres, great circle.
    pub distance_m: f64,
    pub position: Position,
    /// Of the position; `None` where no app measured it.
    pub age_secs: Option<i64>,
}

impl Handler<Nearest> for Matcher {
    type Result = MessageResult<Nearest>;

    fn handle(&mut self, search: Nearest, _: &mut Self::Context) -> Self::Result {
        self.take_moves();
        let now = self.clock.now();
        let Nearest { at, radius_m, count, vehicle_type, except } = search;
        let measured_since_ms = (now - self.position_age_max).timestamp_millis();
        let found =
            self.fleet.nearest(&Wanted { at, radius_m, count, vehicle_type, except, measured_since_ms });
        let candidates = found.into_iter().map(|nearby| Candidate {
            driver: nearby.driver,
            vehicle_type: nearby.vehicle_type,
            distance_m: nearby.distance_m,
            position: nearby.sighted.position,
            age_secs: nearby
                .sighted
                .is_measured
                .then_some((now.timestamp_millis() - nearby.sighted.at_ms).max(0) / 1000),
        });
        MessageResult(candidates.collect())
    }
}

impl Matcher {
    fn take_moves(&mut self) {
        let moves = std::mem::take(&mut *self.moves.lock().unwrap_or_else(PoisonError::into_inner));
        for (driver, sighting) in moves {
            let verdict = self.fleet.moved(driver, sighting);
            if let Some(verdict @ (Verdict::Jump { .. } | Verdict::Inaccurate { .. })) = verdict {
                self.metrics.positions_implausible.increment(1);
                log::debug!("position kept out of the index driver={driver} reason={}", verdict.as_str());
            }
        }
    }

    fn take_over(&mut self, rows: Vec<(Driver, Account)>) {
        rows.into_iter().for_each(|row| self.fleet.set(standing(row)));
        self.metrics.drivers_matchable.set(self.fleet.matchable() as f64);
    }

    /// Drivers that another process has changed.
    fn look_for_changes(&mut self, ctx: &mut Context<Self>) {
        let Some(looked_at) = self.looked_at.take() else { return };
        let (now, since) = (self.clock.now(), looked_at - TRANSACTION_MAX);
        let database = self.database.clone();
        let look = async move { database.read(move |conn| reads::drivers_changed_since(conn, since)).await };
        ctx.spawn(look.into_actor(self).map(move |rows, matcher, _| match rows {
            Ok(rows) => {
                matcher.looked_at = Some(now);
                matcher.take_over(rows);
            }
            Err::<_, StoreError>(error) => {
                matcher.looked_at = Some(looked_at);
                log::warn!("changed drivers not looked for: {}", Chain(&error));
            }
        }));
    }
}
