//! The time of day, from outside: whoever decides by the time is handed a [`Clock`], so that a test can say what time it
//! is. Nothing else in the crate reads the ambient clock; `clippy.toml` refuses it.
//!
//! For measuring how long something takes, `std::time::Instant` is right and allowed: the time of day may jump.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time of day.
pub trait Clock: fmt::Debug + Send + Sync {
    fn now(&self) -> DateTime<Utc>;
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
}

/// A clock that stands still until it is moved. Copies show the same time.
#[derive(Debug, Clone)]
pub struct Manual {
    time: Arc<Mutex<DateTime<Utc>>>,
}

impl Manual {
    pub fn new(time: DateTime<Utc>) -> Self {
        Manual { time: Arc::new(Mutex::new(time)) }
    }

    /// Moves on, or back with a negative step: clocks are set, and code must bear it.
    pub fn advance(&self, step: TimeDelta) {
        *self.time() += step;
    }

    pub fn set(&self, time: DateTime<Utc>) {
        *self.time() = time;
    }

    // A time is whole whatever panicked elsewhere, so a poisoned lock is taken all the same.
    fn time(&self) -> MutexGuard<'_, DateTime<Utc>> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for Manual {
    fn now(&self) -> DateTime<Utc> {
        *self.time()
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
        clock.set(start);
        assert_eq!(shared.now(), start);
    }

    #[test]
    fn the_system_clock_runs() {
        let earlier = System.now();
        assert!(System.now() >= earlier);
        assert!(earlier.timestamp() > 1_700_000_000, "the machine's clock is years behind: {earlier}");
    }
}
