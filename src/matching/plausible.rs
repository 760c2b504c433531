//! Decides which positions of a driver are believed. A phone in a tunnel or between high buildings sometimes reports
//! that it is in another town, and a search would send a driver from there. Pure: no clock, no I/O; the verdict has the
//! reason for which a position was refused.
//!
//! Invariant: an accepted position could be reached from the one accepted before it, or follows so many others from the
//! same place that the earlier place must have been wrong.

use crate::domain::position::Position;
use std::fmt;

/// The rules by which a device's positions are believed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// A larger radius of uncertainty says nothing about who is near.
    pub accuracy_max_m: f64,
    /// Metres a second along a great circle. No vehicle goes faster.
    pub speed_max_mps: f64,
    /// How far a position may move without any time having passed: satellites drift, and times come in whole seconds.
    pub drift_max_m: f64,
    /// The radius of uncertainty of a device that does not say it.
    pub unknown_accuracy_m: f64,
    /// As many positions in a row, each in reach of the one before, are believed wherever they are.
    pub believed_after: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Towers of a rural mobile network are kilometres apart; a radius of 10 km still has its centre right.
            accuracy_max_m: 1_000.0,
            // 360 km/h: twice what the fastest do on a motorway.
            speed_max_mps: 100.0,
            // An order more than open sky has, a tenth of the shortest radius in use.
            drift_max_m: 300.0,
            // Half of what is believed at most.
            unknown_accuracy_m: 500.0,
            // Half a minute for apps that send every 10 s. One wrong position is common, two happen.
            believed_after: 3,
        }
    }
}

/// Where and when a device saw itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DatedFix {
    pub position: Position,
    /// Radius of uncertainty in metres; none is none known.
    pub accuracy_m: Option<f64>,
    /// By the device's clock, in milliseconds: how much later one was measured than another.
    pub measured_ms: i64,
    /// By ours, the steady one, in milliseconds: which is the newer, and how old it is.
    pub at_ms: i64,
}

impl DatedFix {
    /// The time between two. Queued positions come together, and a device's clock may be set: the longer one is driven in.
    fn since_ms(&self, before: &DatedFix) -> i64 {
        let by_ours_ms = self.at_ms.saturating_sub(before.at_ms);
        by_ours_ms.max(self.measured_ms.saturating_sub(before.measured_ms))
    }
}

/// The verdict on a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plausibility {
    /// Enters: in reach of the one before, or the first.
    Plausible,
    /// Enters: out of reach of what was believed, but confirmed by as many as it takes.
    Confirmed,
    /// Does not enter: the device does not know where it is.
    Inaccurate { accuracy_m: f64 },
    /// Does not enter: measured before the newest that did.
    Outdated { by_ms: i64 },
    /// Does not enter: nobody drives that far in that time.
    Jump { distance_m: f64, elapsed_ms: i64 },
}

impl Plausibility {
    pub fn enters(self) -> bool {
        matches!(self, Plausibility::Plausible | Plausibility::Confirmed)
    }

    /// For traces and as a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Plausibility::Plausible => "plausible",
            Plausibility::Confirmed => "confirmed",
            Plausibility::Inaccurate { .. } => "inaccurate",
            Plausibility::Outdated { .. } => "outdated",
            Plausibility::Jump { .. } => "jump",
        }
    }
}

impl fmt::Display for Plausibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Plausibility::Plausible | Plausibility::Confirmed => f.write_str(self.as_str()),
            Plausibility::Inaccurate { accuracy_m } => write!(f, "its accuracy is {accuracy_m:.0} m"),
            Plausibility::Outdated { by_ms } => write!(f, "it was measured {by_ms} ms before the one before"),
            Plausibility::Jump { distance_m, elapsed_ms } => {
                write!(f, "no vehicle drives {distance_m:.0} m in {elapsed_ms} ms")
            }
        }
    }
}

/// The track of one driver. Positions that no device measured (seeded, or set by an operator) are not part of it: the
/// track starts afresh after one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trail {
    /// The newest that entered.
    believed: Option<DatedFix>,
    doubted: Option<Doubted>,
}

/// The newest position out of reach of what is believed.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Doubted {
    fix: DatedFix,
    /// How many in a row, this one included, lie in reach of each other.
    count: u32,
}

impl Trail {
    pub fn believed(&self) -> Option<&DatedFix> {
        self.believed.as_ref()
    }

    /// Judges the driver's next position, and remembers it.
    pub fn judge(&mut self, fix: DatedFix, limits: &Limits) -> Plausibility {
        if let Some(accuracy_m) = fix.accuracy_m
            && !(0.0..=limits.accuracy_max_m).contains(&accuracy_m)
        {
            return Plausibility::Inaccurate { accuracy_m };
        }
        let Some(believed) = self.believed else {
            return self.believe(fix, Plausibility::Plausible);
        };
        if fix.at_ms < believed.at_ms {
            return Plausibility::Outdated { by_ms: believed.at_ms.saturating_sub(fix.at_ms) };
        }
        if limits.reaches(&believed, &fix) {
            return self.believe(fix, Plausibility::Plausible);
        }
        let doubted = limits.confirm(self.doubted, fix);
        if doubted.count >= limits.believed_after {
            return self.believe(fix, Plausibility::Confirmed);
        }
        self.doubted = Some(doubted);
        Plausibility::Jump {
            distance_m: believed.position.distance_m(fix.position),
            elapsed_ms: fix.since_ms(&believed),
        }
    }

    fn believe(&mut self, fix: DatedFix, verdict: Plausibility) -> Plausibility {
        *self = Self { believed: Some(fix), doubted: None };
        verdict
    }
}

impl Limits {
    /// Whether a vehicle at the first can have been at the second when that was measured.
    fn reaches(&self, from: &DatedFix, to: &DatedFix) -> bool {
        let elapsed_secs = to.since_ms(from) as f64 / 1_000.0;
        let uncertain_m = |seen: &DatedFix| seen.accuracy_m.unwrap_or(self.unknown_accuracy_m);
        let uncertainty_m = uncertain_m(from) + uncertain_m(to);
        let reach_m = self.speed_max_mps * elapsed_secs + self.drift_max_m + uncertainty_m;
        from.position.distance_m(to.position) <= reach_m
    }

    /// A doubted position after an earlier doubted one. A repetition gives no new information, and an earlier
    /// measurement comes too late.
    fn confirm(&self, before: Option<Doubted>, fix: DatedFix) -> Doubted {
        match before {
            Some(before) if fix.at_ms <= before.fix.at_ms => before,
            Some(before) if self.reaches(&before.fix, &fix) => {
                Doubted { fix, count: before.count.saturating_add(1) }
            }
            _ => Doubted { fix, count: 1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        accuracy_max_m: 1_000.0,
        speed_max_mps: 100.0,
        drift_max_m: 300.0,
        unknown_accuracy_m: 100.0,
        believed_after: 3,
    };
    const JOHANNESBURG: (f64, f64) = (-26.2041, 28.0473);
    const PRETORIA: (f64, f64) = (-25.7479, 28.2293);
    const DURBAN: (f64, f64) = (-29.8587, 31.0218);

    fn seen((latitude, longitude): (f64, f64), secs: i64) -> DatedFix {
        let position = Position::new(latitude, longitude).expect("in range");
        DatedFix { position, accuracy_m: Some(10.0), measured_ms: secs * 1_000, at_ms: secs * 1_000 }
    }

    /// The verdicts of a whole day.
    fn judged(sightings: &[DatedFix]) -> Vec<&'static str> {
        let mut trail = Trail::default();
        sightings.iter().map(|fix| trail.judge(*fix, &LIMITS).as_str()).collect()
    }

    #[test]
    fn one_wrong_position_changes_nothing() {
        let verdicts = judged(&[
            seen(JOHANNESBURG, 0),
            seen(PRETORIA, 10),
            seen(JOHANNESBURG, 20),
            seen(PRETORIA, 30),
            seen(DURBAN, 40),
            seen(JOHANNESBURG, 50),
        ]);
        assert_eq!(verdicts, ["plausible", "jump", "plausible", "jump", "jump", "plausible"]);
    }

    #[test]
    fn a_jump_says_how_far_and_in_what_time() {
        let mut trail = Trail::default();
        assert!(trail.judge(seen(JOHANNESBURG, 0), &LIMITS).enters());
        let verdict = trail.judge(seen(PRETORIA, 10), &LIMITS);
        let Plausibility::Jump { distance_m, elapsed_ms: 10_000 } = verdict else { panic!("{verdict:?}") };
        assert!((53_000.0..54_000.0).contains(&distance_m), "{distance_m}");
        assert!(!verdict.enters());
    }

    /// Of the first position nobody knows whether it was right: phones begin with where they were yesterday, or with
    /// 0° 0°.
    #[test]
    fn a_new_place_is_believed_at_the_third_position() {
        let verdicts = judged(&[
            seen((0.0, 0.0), 0),
            seen(DURBAN, 10),
            seen(DURBAN, 20),
            seen((-29.86, 31.03), 30),
            seen((-29.861, 31.031), 40),
            seen((0.0, 0.0), 50),
        ]);
        assert_eq!(verdicts, ["plausible", "jump", "jump", "confirmed", "plausible", "jump"]);
    }

    #[test]
    fn positions_in_changing_places_confirm_nothing() {
        let far_apart = [JOHANNESBURG, PRETORIA, DURBAN, PRETORIA, DURBAN, PRETORIA, DURBAN];
        let sightings: Vec<DatedFix> =
            far_apart.iter().zip((0..).step_by(10)).map(|(place, secs)| seen(*place, secs)).collect();
        assert_eq!(judged(&sightings)[1..], ["jump"; 6]);
    }

    #[test]
    fn a_position_sent_again_does_not_confirm_itself() {
        let verdicts = judged(&[
            seen(JOHANNESBURG, 0),
            seen(DURBAN, 10),
            seen(DURBAN, 10),
            seen(DURBAN, 10),
            seen(DURBAN, 9),
            seen(DURBAN, 20),
            seen(DURBAN, 30),
        ]);
        assert_eq!(verdicts[1..], ["jump", "jump", "jump", "jump", "jump", "confirmed"]);
    }

    #[test]
    fn what_is_older_than_what_entered_is_outdated() {
        let mut trail = Trail::default();
        trail.judge(seen(JOHANNESBURG, 100), &LIMITS);
        assert_eq!(trail.judge(seen(JOHANNESBURG, 40), &LIMITS), Plausibility::Outdated { by_ms: 60_000 });
        assert_eq!(trail.judge(seen(JOHANNESBURG, 100), &LIMITS), Plausibility::Plausible);
        let ancient = DatedFix { at_ms: i64::MIN, ..seen(DURBAN, 0) };
        assert_eq!(trail.judge(ancient, &LIMITS), Plausibility::Outdated { by_ms: i64::MAX });
    }

    /// An hour's queue arrives within a second: ten seconds lie between two of its positions all the same.
    #[test]
    fn what_was_queued_was_driven_in_the_time_in_which_it_was_measured() {
        let mut trail = Trail::default();
        for step in 0..6 {
            let place = (10.0 + step as f64 * 0.005, 10.0);
            let verdict = trail.judge(DatedFix { at_ms: step, ..seen(place, step * 10) }, &LIMITS);
            assert_eq!(verdict, Plausibility::Plausible, "{step}");
        }
    }

    #[test]
    fn accuracy_beyond_the_limit_never_enters_and_leaves_no_trace() {
        let mut trail = Trail::default();
        for accuracy_m in [1_000.1, f64::INFINITY, f64::NAN, -1.0] {
            let verdict = trail.judge(DatedFix { accuracy_m: Some(accuracy_m), ..seen(DURBAN, 5) }, &LIMITS);
            assert_eq!(verdict.as_str(), "inaccurate", "{accuracy_m}");
            assert_eq!(trail, Trail::default());
        }
        let vague = DatedFix { accuracy_m: Some(1_000.0), ..seen(DURBAN, 5) };
        assert_eq!(trail.judge(vague, &LIMITS), Plausibility::Plausible);
    }

    /// 0.01° of latitude are 1,112 m; 300 m and 5 s at 100 m/s make 800 m of them plausible.
    #[test]
    fn what_both_positions_may_be_off_counts() {
        let with = |before_m, after_m| {
            let mut trail = Trail::default();
            trail.judge(DatedFix { accuracy_m: before_m, ..seen((10.0, 10.0), 0) }, &LIMITS);
            trail.judge(DatedFix { accuracy_m: after_m, ..seen((10.01, 10.0), 5) }, &LIMITS).as_str()
        };
        assert_eq!(with(None, None), "jump", "200 m between them");
        assert_eq!(with(Some(150.0), Some(150.0)), "jump");
        assert_eq!(with(Some(160.0), Some(160.0)), "plausible");
        assert_eq!((with(None, Some(200.0)), with(None, Some(220.0))), ("jump", "plausible"));
    }

    #[test]
    fn crossing_the_date_line_is_no_jump() {
        assert_eq!(judged(&[seen((-16.8, 179.9999), 0), seen((-16.8, -179.9999), 1)]), ["plausible"; 2]);
    }

    /// Seconds since the one before, the share of the speed limit, and the direction.
    fn legs() -> impl Strategy<Value = Vec<(i64, f64, f64)>> {
        prop::collection::vec((0..600i64, 0.0..1.0f64, 0.0..std::f64::consts::TAU), 1..60)
    }

    proptest! {
        #[test]
        fn no_driver_below_the_limit_is_refused(
            start in (-80.0..80.0f64, -180.0..=180.0f64),
            legs in legs(),
        ) {
            use geo::{Destination, Haversine, Point};
            let mut trail = Trail::default();
            let (mut place, mut secs) = (Point::new(start.1, start.0), 0);
            for (elapsed, share, direction) in legs {
                secs += elapsed;
                let way_m = share * LIMITS.speed_max_mps * elapsed as f64;
                place = Haversine.destination(place, direction.to_degrees(), way_m);
                let verdict = trail.judge(seen((place.y(), place.x()), secs), &LIMITS);
                prop_assert_eq!(verdict, Plausibility::Plausible);
            }
        }

        /// For any input, the way from one accepted position to the next could be driven, or three in a row were within
        /// reach of each other; and refused positions in between changed nothing.
        #[test]
        fn what_enters_could_be_reached_or_was_confirmed(
            sent in prop::collection::vec((0..4usize, -0.02..0.02f64, -30..300i64, 0.0..1_200.0f64), 1..80),
        ) {
            let places = [JOHANNESBURG, PRETORIA, DURBAN, (-26.25, 28.1)];
            let mut trail = Trail::default();
            let mut entered: Option<DatedFix> = None;
            let mut refused: Vec<DatedFix> = Vec::new();
            let mut secs = 0;
            for (place, north, elapsed, accuracy_m) in sent {
                secs += elapsed;
                let fix = DatedFix {
                    accuracy_m: Some(accuracy_m),
                    ..seen((places[place].0 + north, places[place].1), secs)
                };
                let verdict = trail.judge(fix, &LIMITS);
                prop_assert_eq!(trail.believed, if verdict.enters() { Some(fix) } else { entered });
                match verdict {
                    Plausibility::Plausible => {
                        prop_assert!(entered.is_none_or(|before| is_drivable(&before, &fix)));
                    }
                    Plausibility::Confirmed => {
                        prop_assert!(refused.len() >= 2, "confirmed by {:?}", refused);
                        let row = [refused[refused.len() - 2], refused[refused.len() - 1], fix];
                        for pair in row.windows(2) {
                            prop_assert!(is_drivable(&pair[0], &pair[1]), "{:?}", pair);
                        }
                    }
                    Plausibility::Jump { .. } => {
                        prop_assert!(entered.is_some_and(|before| !is_drivable(&before, &fix)));
                        if refused.last().is_none_or(|last| last.at_ms < fix.at_ms) {
                            refused.push(fix);
                        }
                    }
                    Plausibility::Outdated { .. } => {
                        prop_assert!(entered.is_some_and(|before| before.at_ms > fix.at_ms));
                    }
                    Plausibility::Inaccurate { .. } => prop_assert!(accuracy_m > LIMITS.accuracy_max_m),
                }
                if verdict.enters() {
                    entered = Some(fix);
                    refused.clear();
                }
            }
        }
    }

    /// The rule in other words: the time it takes at full speed, less what the positions may be off.
    fn is_drivable(from: &DatedFix, to: &DatedFix) -> bool {
        let off_m = 300.0 + from.accuracy_m.unwrap_or(0.0) + to.accuracy_m.unwrap_or(0.0);
        let way_m = (from.position.distance_m(to.position) - off_m).max(0.0);
        way_m / 100.0 <= (to.at_ms - from.at_ms) as f64 / 1_000.0 + 1e-6
    }
}
