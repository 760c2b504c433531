//! Where a ride's driver is, and whether that is still fresh. Pure: the time comes with each question. All times are of the
//! steady clock, so that nobody's clock silences a driver.
//!
//! The invariants: an older measurement never replaces a newer one, numbers rise with each position of a ride whoever
//! drives it, and after "stale" comes "fresh" or another driver.

use crate::domain::ids::DriverId;
use crate::domain::position::{Fix, Position};
use crate::domain::ride::SharedPosition;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// A driver's position as others are told it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeardFix {
    pub position: Position,
    pub heading: Option<f64>,
    pub speed: Option<f64>,
    /// When it was measured, as far as that can be known, or set by an operator.
    pub at: DateTime<Utc>,
    /// When it came: a phone whose clock is slow, or one that was in a tunnel, is not silent.
    pub heard_at: DateTime<Utc>,
    /// Whether an app measured it.
    pub is_measured: bool,
}

impl HeardFix {
    pub fn new(fix: &Fix, at: DateTime<Utc>, heard_at: DateTime<Utc>) -> Self {
        let Fix { position, heading, speed, .. } = *fix;
        Self { position, heading, speed, at, heard_at, is_measured: true }
    }

    /// Whether it says the same, whenever it came.
    fn repeats(&self, other: &HeardFix) -> bool {
        HeardFix { heard_at: other.heard_at, ..*self } == *other
    }

    /// Whether it takes the place of `other`.
    pub fn replaces(&self, other: &HeardFix) -> bool {
        !other.is_measured || self.at >= other.at
    }
}

/// The ride's driver, as the room names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RideDriver {
    pub id: DriverId,
    pub public_id: Uuid,
}

/// The change that a position makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It is not news.
    Not,
    On,
    /// The first after a silence that was told.
    OnAgain,
}

/// The result of a look at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nobody drives, or the silence was told already.
    Nothing,
    Fresh {
        look_again_in: TimeDelta,
    },
    /// From now on.
    Stale {
        age_secs: u64,
    },
}

#[derive(Debug)]
pub struct Whereabouts {
    stale_after: TimeDelta,
    driven: Option<Driven>,
    sequence: u64,
}

#[derive(Debug)]
struct Driven {
    driver: RideDriver,
    newest: Option<HeardFix>,
    /// Since when positions of this driver are waited for.
    since: DateTime<Utc>,
    is_stale: bool,
}

impl Whereabouts {
    pub fn new(stale_after: TimeDelta) -> Self {
        Self { stale_after, driven: None, sequence: 0 }
    }

    pub fn driver(&self) -> Option<DriverId> {
        self.driven.as_ref().map(|driven| driven.driver.id)
    }

    /// Somebody drives; false where it was them already. `newest` is what is known of them from elsewhere.
    pub fn driven_by(&mut self, driver: RideDriver, newest: Option<HeardFix>, now: DateTime<Utc>) -> bool {
        if self.driver() == Some(driver.id) {
            return false;
        }
        self.driven = Some(Driven { driver, newest, since: now, is_stale: false });
        if let Some(told) = newest {
            self.count(&told);
        }
        true
    }

    /// The ride has no driver: not yet, or no longer.
    pub fn driven_by_nobody(&mut self) {
        self.driven = None;
    }

    pub fn moved(&mut self, told: HeardFix) -> Moved {
        let Some(driven) = &mut self.driven else { return Moved::Not };
        if driven.newest.is_some_and(|newest| told.repeats(&newest) || !told.replaces(&newest)) {
            return Moved::Not;
        }
        driven.newest = Some(told);
        let was_stale = std::mem::take(&mut driven.is_stale);
        self.count(&told);
        if was_stale { Moved::OnAgain } else { Moved::On }
    }

    /// Rises with each position, and from one room of a ride to the next, also over a restart: it is made of the time.
    fn count(&mut self, told: &HeardFix) {
        let millis = u64::try_from(told.at.timestamp_millis()).unwrap_or_default();
        self.sequence = millis.max(self.sequence + 1);
    }

    /// The driver, and where they are.
    pub fn sighting(&self, now: DateTime<Utc>) -> Option<(Uuid, SharedPosition)> {
        let driven = self.driven.as_ref()?;
        let newest = driven.newest?;
        let sighting = SharedPosition {
            position: newest.position,
            heading: newest.heading,
            speed: newest.speed,
            sequence: self.sequence,
            age_secs: age_secs(newest.at, now),
        };
        Some((driven.driver.public_id, sighting))
    }

    /// The silent driver, and for how long: where that was told.
    pub fn silence(&self, now: DateTime<Utc>) -> Option<(Uuid, u64)> {
        let driven = self.driven.as_ref().filter(|driven| driven.is_stale)?;
        Some((driven.driver.public_id, driven.age_secs(now)))
    }

    pub fn public_id(&self) -> Option<Uuid> {
        self.driven.as_ref().map(|driven| driven.driver.public_id)
    }

    pub fn look(&mut self, now: DateTime<Utc>) -> Look {
        let Some(driven) = self.driven.as_mut().filter(|driven| !driven.is_stale) else {
            return Look::Nothing;
        };
        let due = driven.heard_at() + self.stale_after;
        if due > now {
            return Look::Fresh { look_again_in: due - now };
        }
        driven.is_stale = true;
        Look::Stale { age_secs: driven.age_secs(now) }
    }
}

impl Driven {
    fn measured(&self) -> Option<HeardFix> {
        self.newest.filter(|newest| newest.is_measured)
    }

    /// A driver who has just become the ride's may have told their position a while ago.
    fn heard_at(&self) -> DateTime<Utc> {
        self.measured().map_or(self.since, |told| told.heard_at.max(self.since))
    }

    /// The age of the driver's last position, or of the silence if they never sent one.
    fn age_secs(&self, now: DateTime<Utc>) -> u64 {
        age_secs(self.measured().map_or(self.since, |told| told.at), now)
    }
}

fn age_secs(at: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    u64::try_from((now - at).num_seconds()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;
    use proptest::prelude::*;

    const LIMIT: TimeDelta = TimeDelta::seconds(45);

    fn second(second: i64) -> DateTime<Utc> {
        Utc.timestamp_opt(1_800_000_000 + second, 0).single().expect("a time")
    }

    fn told(at: i64) -> HeardFix {
        let position = Position::new(3.848, 11.5 + at as f64 / 1e4).expect("in range");
        let at = second(at);
        HeardFix { position, heading: None, speed: None, at, heard_at: at, is_measured: true }
    }

    fn driver(id: i64) -> RideDriver {
        RideDriver { id: DriverId(id), public_id: Uuid::from_u128(id as u128) }
    }

    fn sequence(whereabouts: &Whereabouts) -> u64 {
        whereabouts.sighting(second(1000)).expect("a position").1.sequence
    }

    #[test]
    fn an_older_position_is_no_news_and_a_set_one_gives_way_to_any() {
        let mut ride = Whereabouts::new(LIMIT);
        assert_eq!(ride.moved(told(0)), Moved::Not, "nobody drives");
        let set = HeardFix { is_measured: false, ..told(50) };
        assert!(ride.driven_by(driver(1), Some(set), second(50)));
        assert_eq!(ride.moved(told(10)), Moved::On);
        assert_eq!(ride.moved(told(9)), Moved::Not);
        assert_eq!(ride.moved(told(10)), Moved::Not, "the same again");
        assert_eq!(ride.moved(told(11)), Moved::On);
        let (who, sighting) = ride.sighting(second(14)).expect("a position");
        assert_eq!((who, sighting.age_secs), (driver(1).public_id, 3));
    }

    #[test]
    fn silence_is_told_once_and_so_is_its_end() {
        let mut ride = Whereabouts::new(LIMIT);
        assert_eq!(ride.look(second(0)), Look::Nothing);
        ride.driven_by(driver(1), Some(told(-100)), second(0));
        assert_eq!(ride.look(second(5)), Look::Fresh { look_again_in: TimeDelta::seconds(40) });
        ride.moved(told(30));
        assert_eq!(ride.look(second(45)), Look::Fresh { look_again_in: TimeDelta::seconds(30) });
        assert_eq!(ride.look(second(75)), Look::Stale { age_secs: 45 });
        assert_eq!(
            (ride.look(second(80)), ride.silence(second(80))),
            (Look::Nothing, Some((driver(1).public_id, 50)))
        );
        assert_eq!(ride.moved(told(81)), Moved::OnAgain);
        assert_eq!((ride.moved(told(82)), ride.silence(second(83))), (Moved::On, None));
    }

    #[test]
    fn a_slow_clock_is_not_silence() {
        let mut ride = Whereabouts::new(LIMIT);
        ride.driven_by(driver(1), None, second(0));
        for now in [10, 50, 90] {
            let late = HeardFix { heard_at: second(now), ..told(now - 90) };
            assert_eq!(ride.moved(late), Moved::On);
            assert_eq!(
                ride.moved(HeardFix { heard_at: second(now + 1), ..late }),
                Moved::Not,
                "the same again"
            );
            assert_eq!(ride.look(second(now)), Look::Fresh { look_again_in: LIMIT });
        }
        assert_eq!(ride.look(second(135)), Look::Stale { age_secs: 135 });
    }

    #[test]
    fn who_never_told_a_position_is_silent_since_they_drive() {
        let mut ride = Whereabouts::new(LIMIT);
        ride.driven_by(driver(1), Some(HeardFix { is_measured: false, ..told(-9000) }), second(0));
        assert_eq!(ride.look(second(46)), Look::Stale { age_secs: 46 });
    }

    #[test]
    fn another_driver_begins_anew_and_the_same_one_goes_on() {
        let mut ride = Whereabouts::new(LIMIT);
        ride.driven_by(driver(1), Some(told(20)), second(20));
        assert!(!ride.driven_by(driver(1), None, second(21)));
        let before = sequence(&ride);
        ride.driven_by_nobody();
        assert_eq!((ride.moved(told(30)), ride.sighting(second(30))), (Moved::Not, None));
        assert!(ride.driven_by(driver(2), Some(told(10)), second(30)));
        assert!(sequence(&ride) > before, "although it was measured earlier");
    }

    proptest! {
        #[test]
        fn numbers_rise_and_times_never_fall_whatever_comes(times in prop::collection::vec((0i64..50, 1i64..4), 1..60)) {
            let mut ride = Whereabouts::new(LIMIT);
            let (mut last, mut drives, mut newest) = (0, 0, i64::MIN);
            for (at, id) in times {
                if id != drives {
                    ride.driven_by(driver(id), None, second(at));
                    (drives, newest) = (id, i64::MIN);
                }
                if ride.moved(told(at)) != Moved::Not {
                    prop_assert!(at >= newest && sequence(&ride) > last);
                    (newest, last) = (at, sequence(&ride));
                }
            }
        }
    }
}
