//! The time of day, from outside: code that depends on the time is handed a [`Clock`], so that a test can set the time.
//! Nothing else in the crate reads the ambient clock; `clippy.toml` refuses it.
//!
//! For measuring how long something takes, `std::time::Instant` is right and allowed: the time of day may jump. Order
//! and age of things are measured by [`Clock::steady`].

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

/// Tells the time of day.
pub trait Clock: fmt::Debug + Send + Sync {
    fn now(&self) -> DateTime<Utc>;

    /// A time that is never set: it begins as the time of day and runs on evenly whatever becomes of that. It has a meaning
    /// within the process alone. (While the machine is suspended it does not run.)
    fn steady(&self) -> DateTime<Utc>;

    fn moment(&self) -> Moment {
        Moment { wall: self.now(), steady: self.steady() }
    }
}

/// A time of day that lies further ahead than this is of a clock that has been set since.
pub const DISTRUSTED_AHEAD: TimeDelta = TimeDelta::seconds(60);
/// As old as that counts what is of a clock that has been set: nothing that is asked for may be so old.
const UNKNOWN_AGE: TimeDelta = TimeDelta::hours(24);

/// One moment by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub wall: DateTime<Utc>,
    pub steady: DateTime<Utc>,
}

impl Moment {
    /// The steady clock's reading at a time of day, derived from the present difference of the two. A time a little
    /// ahead of us is now; one far ahead was written before the clock was set, at an unknown time.
    pub fn steady_of(self, wall: DateTime<Utc>) -> DateTime<Utc> {
        self.steady - age(wall, self.wall)
    }

    /// The time of day, by today's clock, of what the steady clock showed.
    pub fn wall_of(self, steady: DateTime<Utc>) -> DateTime<Utc> {
        self.wall - (self.steady - steady).max(TimeDelta::zero())
    }

    /// Whether a time of day lies so far ahead that it was written before the clock was set.
    pub fn distrusts(self, wall: DateTime<Utc>) -> bool {
        wall - self.wall > DISTRUSTED_AHEAD
    }

    /// By how much the time of day was set back since an earlier moment, if by more than it is trusted to be wrong by.
    pub fn set_back_since(self, earlier: Moment) -> Option<TimeDelta> {
        let by = (self.steady - earlier.steady) - (self.wall - earlier.wall);
        (by > DISTRUSTED_AHEAD).then_some(by)
    }

    /// The steady clock's reading after the time that is left until a time of day: when something ends.
    pub fn steady_until(self, wall: DateTime<Utc>) -> DateTime<Utc> {
        self.steady.checked_add_signed(wall - self.wall).unwrap_or(wall)
    }

    /// The other way round: the time of day to say for when the steady clock will show this.
    pub fn wall_until(self, steady: DateTime<Utc>) -> DateTime<Utc> {
        self.wall.checked_add_signed(steady - self.steady).unwrap_or(steady)
    }
}

/// How old something is that was noted with a time of day: as old as can be where that was before the clock was set back.
pub fn age(wall: DateTime<Utc>, now: DateTime<Utc>) -> TimeDelta {
    let age = now - wall;
    if age < -DISTRUSTED_AHEAD { UNKNOWN_AGE } else { age.max(TimeDelta::zero()) }
}

/// A clock as it is handed around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "the one place where the ambient clock is read")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn steady(&self) -> DateTime<Utc> {
        static BEGAN: LazyLock<(DateTime<Utc>, Instant)> = LazyLock::new(|| (System.now(), Instant::now()));
        BEGAN.0 + BEGAN.1.elapsed()
    }
}

/// A clock that does not run until it is moved. Copies show the same time.
#[derive(Debug, Clone)]
pub struct Manual {
    times: Arc<Mutex<Moment>>,
}

impl Manual {
    pub fn new(time: DateTime<Utc>) -> Self {
        Manual { times: Arc::new(Mutex::new(Moment { wall: time, steady: time })) }
    }

    /// Time passes. With a negative step the clock is set back: code must bear it.
    pub fn advance(&self, step: TimeDelta) {
        let mut times = self.times.lock();
        times.wall += step;
        times.steady += step.max(TimeDelta::zero());
    }

    /// Sets the time of day; no time passes.
    pub fn set(&self, time: DateTime<Utc>) {
        self.times.lock().wall = time;
    }
}

impl Clock for Manual {
    fn now(&self) -> DateTime<Utc> {
        self.times.lock().wall
    }

    fn steady(&self) -> DateTime<Utc> {
        self.times.lock().steady
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_its_copies_agree() {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let clock = Manual::new(start);
        let shared: SharedClock = Arc::new(clock.clone());
        assert_eq!(shared.now(), start);
        clock.advance(TimeDelta::seconds(90));
        assert_eq!(shared.now(), start + TimeDelta::seconds(90));
        clock.advance(TimeDelta::seconds(-100));
        assert_eq!(shared.now(), start - TimeDelta::seconds(10));
        assert_eq!(shared.steady(), start + TimeDelta::seconds(90), "which is never set");
        clock.set(start);
        assert_eq!((shared.now(), shared.steady()), (start, start + TimeDelta::seconds(90)));
    }

    #[test]
    fn a_clock_that_is_set_back_is_noticed_and_one_that_drifts_is_not() {
        let clock = Manual::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let first = clock.moment();
        clock.advance(TimeDelta::hours(1));
        assert_eq!(clock.moment().set_back_since(first), None);
        clock.set(clock.now() - TimeDelta::seconds(60));
        assert_eq!(clock.moment().set_back_since(first), None, "as far as it is trusted");
        clock.set(clock.now() - TimeDelta::seconds(1));
        assert_eq!(clock.moment().set_back_since(first), Some(TimeDelta::seconds(61)));
        clock.set(clock.now() + TimeDelta::hours(9));
        assert_eq!(clock.moment().set_back_since(first), None);
    }

    #[test]
    fn a_time_from_before_the_clock_was_set_is_not_now() {
        let at = |secs: i64| DateTime::from_timestamp(1_800_000_000 + secs, 0).unwrap();
        let moment = Moment { wall: at(-3_000), steady: at(600) };
        assert_eq!(moment.steady_of(at(-3_010)), at(590));
        assert_eq!(moment.steady_of(at(-2_990)), at(600), "a little ahead");
        assert_eq!(moment.steady_of(at(0)), at(600) - UNKNOWN_AGE);
        assert_eq!((moment.wall_of(at(590)), moment.wall_of(at(700))), (at(-3_010), at(-3_000)));
        assert_eq!((moment.distrusts(at(-2_940)), moment.distrusts(at(-2_939))), (false, true));
        assert_eq!((moment.steady_until(at(-2_990)), moment.wall_until(at(610))), (at(610), at(-2_990)));
        assert_eq!(
            moment.steady_until(DateTime::<Utc>::MAX_UTC),
            DateTime::<Utc>::MAX_UTC,
            "a token for ever"
        );
    }

    #[test]
    fn the_system_clock_runs() {
        let earlier = System.now();
        assert!(System.now() >= earlier);
        let steady = System.steady();
        assert!(System.steady() >= steady);
        assert!(earlier.timestamp() > 1_700_000_000, "the machine's clock is years behind: {earlier}");
    }
}
