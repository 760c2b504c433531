//! What is known about every driver's device, and the judgement of each position: how old it is, whether it is
//! believed, and whether it may have been sent before. Every thread that receives positions asks here, under one short
//! lock for a sixteenth of the drivers; the matcher fetches new positions a few times a second.
//!
//! All times here are steady ones, which are never set, so a clock that steps moves nobody.

use crate::actors::positions::phone_clock::PhoneClock;
use crate::clock::Moment;
use crate::domain::ids::DriverId;
use crate::domain::position::{Fix, Position};
use crate::matching::fleet::News;
use crate::matching::plausible::{DatedFix, Limits, Plausibility, Trail};
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, MutexGuard};
use std::cmp::Ordering;
use std::collections::HashMap;

/// So that threads rarely wait for each other.
const SHARDS: usize = 16;
/// A phone may be as much ahead of the server that ran before: what it stored then has such a time at most.
const AHEAD_MAX: TimeDelta = TimeDelta::seconds(60);

/// Positions of one second that are told apart without a look into the store: drivers' apps tell five in a second at most.
const PLACES: usize = 6;

/// The judgement of a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    pub verdict: Plausibility,
    /// When it was measured, as far as that can be known.
    pub at: DateTime<Utc>,
    /// The same position may be in the store. Almost all are known to be new without a look.
    pub may_repeat: bool,
}

/// One driver's device.
#[derive(Clone, Copy, Debug, Default)]
struct Track {
    clock: PhoneClock,
    trail: Trail,
    doubt: Option<Plausibility>,
    /// When anything came last, believed or not.
    heard_ms: i64,
    newest: Newest,
    /// The last of those without a time of their own: no two are of the same moment.
    untimed_ms: i64,
    /// The newest position that the matcher has not fetched.
    seen: Option<DatedFix>,
    is_news: bool,
}

/// The newest measurement by the phone's clock, and marks of where it was: apps that write whole seconds tell several positions
/// of one.
#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    measured_ms: Option<i64>,
    places: [u32; PLACES],
    count: usize,
}

#[derive(Default)]
struct Shard {
    tracks: HashMap<DriverId, Track>,
    news: Vec<DriverId>,
}

/// No more than there are drivers.
pub struct Tracks {
    shards: [Mutex<Shard>; SHARDS],
    limits: Limits,
    /// A position measured later than this was not stored by the server that ran before.
    new_since_ms: i64,
}

impl Tracks {
    /// `began` is when the server started, by the time of day.
    pub fn new(began: DateTime<Utc>) -> Self {
        let new_since_ms = (began + AHEAD_MAX).timestamp_millis();
        Self { shards: Default::default(), limits: Limits::default(), new_since_ms }
    }

    /// A driver's app has told a position.
    pub fn judge(&self, driver: DriverId, fix: &Fix, now: Moment) -> Judged {
        self.told(driver, std::slice::from_ref(fix), now, |track| self.judge_by(track, fix, now))
    }

    /// The same of several, the oldest first.
    pub fn judge_all(&self, driver: DriverId, fixes: &[Fix], now: Moment) -> Vec<Judged> {
        self.told(driver, fixes, now, |track| {
            fixes.iter().map(|fix| self.judge_by(track, fix, now)).collect()
        })
    }

    fn told<T>(
        &self,
        driver: DriverId,
        fixes: &[Fix],
        now: Moment,
        judge: impl FnOnce(&mut Track) -> T,
    ) -> T {
        let shard = &mut *self.shard(driver);
        let track = shard.tracks.entry(driver).or_default();
        track.heard_ms = now.steady.timestamp_millis();
        track.learn(fixes, now);
        if !std::mem::replace(&mut track.is_news, true) {
            shard.news.push(driver);
        }
        judge(track)
    }

    fn judge_by(&self, track: &mut Track, fix: &Fix, now: Moment) -> Judged {
        track.judge(fix, now, &self.limits, self.new_since_ms)
    }

    /// The news since the last call, ordered by driver, not by which thread came first.
    pub fn take_news(&self) -> Vec<(DriverId, News)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = &mut *shard.lock();
            for driver in std::mem::take(&mut shard.news) {
                if let Some(track) = shard.tracks.get_mut(&driver) {
                    track.is_news = false;
                    all.push((driver, News { seen: track.seen.take(), doubt: track.doubt }));
                }
            }
        }
        all.sort_unstable_by_key(|(driver, _)| *driver);
        all
    }

    /// An operator has set the driver's position. The device's earlier positions are no longer a basis for judging.
    pub fn begin_anew(&self, driver: DriverId) {
        if let Some(track) = self.shard(driver).tracks.get_mut(&driver) {
            (track.trail, track.doubt, track.seen) = (Trail::default(), None, None);
        }
    }

    /// Whether anything has come from the driver's device since then, by the steady clock.
    pub fn heard_since(&self, driver: DriverId, since: DateTime<Utc>) -> bool {
        let since_ms = since.timestamp_millis();
        self.shard(driver).tracks.get(&driver).is_some_and(|track| track.heard_ms >= since_ms)
    }

    fn shard(&self, driver: DriverId) -> MutexGuard<'_, Shard> {
        self.shards[driver.0.unsigned_abs() as usize % SHARDS].lock()
    }
}

/// Whether the device said when it measured it. One that is ahead of us says nothing: its clock is wrong.
fn is_timed(fix: &Fix, now: Moment) -> bool {
    fix.measured_at < now.wall
}

fn lag_ms(fix: &Fix, now: Moment) -> i64 {
    now.steady.timestamp_millis() - fix.measured_at.timestamp_millis()
}

impl Newest {
    /// Whether no position of this moment has been at this place, for sure.
    fn is_first(&mut self, at_ms: i64, position: Position) -> bool {
        let place = mark(position);
        match Some(at_ms).cmp(&self.measured_ms) {
            Ordering::Less => return false,
            Ordering::Equal if self.places[..self.count].contains(&place) => return false,
            Ordering::Equal => {}
            Ordering::Greater => (self.measured_ms, self.count) = (Some(at_ms), 0),
        }
        let Some(free) = self.places.get_mut(self.count) else { return false };
        *free = place;
        self.count += 1;
        true
    }
}

/// Two places rarely have the same one.
fn mark(position: Position) -> u32 {
    /// 2^64 divided by the golden ratio: its product spreads near numbers far apart.
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    // There are two zeros.
    let [latitude, longitude] =
        [position.latitude(), position.longitude()].map(|degrees| (degrees + 0.0).to_bits());
    let bits = latitude ^ longitude.rotate_left(32);
    (bits.wrapping_mul(SPREAD) >> 32) as u32
}

impl Track {
    /// Of positions that come together the newest tells of the clock.
    fn learn(&mut self, fixes: &[Fix], now: Moment) {
        let right_ms = (now.steady - now.wall).num_milliseconds();
        match fixes.iter().filter(|fix| is_timed(fix, now)).map(|fix| lag_ms(fix, now)).min() {
            Some(lag_ms) => self.clock.observe(lag_ms, right_ms, now.steady.timestamp_millis()),
            None => self.clock.assume(right_ms),
        }
    }

    fn judge(&mut self, fix: &Fix, now: Moment, limits: &Limits, new_since_ms: i64) -> Judged {
        let dated = self.dated(fix, now);
        let measured_ms = is_timed(fix, now).then_some(fix.measured_at.timestamp_millis());
        let may_repeat =
            measured_ms.is_some_and(|at| !self.newest.is_first(at, fix.position) || at <= new_since_ms);
        let verdict = self.trail.judge(dated, limits);
        match self.trail.believed() {
            _ if verdict.enters() => (self.seen, self.doubt) = (Some(dated), None),
            // A late arrival says nothing about the newest position.
            Some(believed) if dated.at_ms < believed.at_ms => {}
            _ => self.doubt = Some(verdict),
        }
        let at = DateTime::from_timestamp_millis(dated.at_ms).unwrap_or(now.steady);
        Judged { verdict, at, may_repeat }
    }

    /// With both its times.
    fn dated(&mut self, fix: &Fix, now: Moment) -> DatedFix {
        let received_ms = now.steady.timestamp_millis();
        let at_ms = if is_timed(fix, now) {
            received_ms - self.clock.age_ms(lag_ms(fix, now))
        } else {
            self.untimed_ms = received_ms.max(self.untimed_ms + 1);
            self.untimed_ms
        };
        let Fix { position, accuracy_m, .. } = *fix;
        DatedFix { position, accuracy_m, measured_ms: self.clock.shows(at_ms), at_ms }
    }
}

#[cfg(test)]
#[path = "tracks_tests.rs"]
mod tests;
