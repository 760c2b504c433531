//! Estimates a phone's clock error, and so how old a position was when it arrived. Phones are hours slow, or write
//! local time as if it were UTC, and a phone that was without a network sends what it measured meanwhile. Both look the
//! same in a single position. Pure: the times come with each question.
//!
//! The *lag* of a position is its time on the way plus its phone's clock error. The smallest lag is the best estimate
//! of the clock error, and any excess over it is age. A clock that may be right is taken to be right: within a minute
//! nobody is too old to be matched. If the first positions from an unknown phone are an old queue, they count as too
//! young until the first live one, each of them no older than the one before.
//!
//! A clock that is set back while we know it makes all later positions look late. Such positions keep pace with the
//! time of their arrival, while queued ones arrive faster than they were measured. Two that keep pace are believed.

/// Positions that come closer than this say nothing about the pace.
const PACE_MIN_MS: i64 = 1_000;

/// A clock that is off by less, if it is, is right enough.
const RIGHT_MS: i64 = 60_000;

/// All lags are milliseconds between the measurement, by the phone's clock, and the reception, by ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhoneClock {
    smallest_ms: Option<i64>,
    /// The last position that lagged more.
    slower: Option<Came>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Came {
    lag_ms: i64,
    at_ms: i64,
}

impl PhoneClock {
    /// A position came at `at_ms`. `right_ms` is the lag of a right clock, were there no way.
    pub fn observe(&mut self, lag_ms: i64, right_ms: i64, at_ms: i64) {
        let smallest_ms = match self.smallest_ms {
            Some(smallest_ms) => smallest_ms,
            None if lag_ms - right_ms < RIGHT_MS => right_ms,
            None => lag_ms,
        };
        self.smallest_ms = Some(smallest_ms.min(lag_ms));
        if lag_ms <= smallest_ms {
            self.slower = None;
            return;
        }
        let came = Came { lag_ms, at_ms };
        match self.slower {
            Some(before) if !came.keeps_pace_with(before) => self.slower = Some(came),
            // Too soon to tell.
            Some(before) if at_ms - before.at_ms < PACE_MIN_MS => {}
            Some(before) => *self = Self { smallest_ms: Some(lag_ms.min(before.lag_ms)), slower: None },
            None => self.slower = Some(came),
        }
    }

    /// A position without a time of its own says nothing about a known clock; an unknown clock is then assumed to be
    /// right.
    pub fn assume(&mut self, right_ms: i64) {
        self.smallest_ms.get_or_insert(right_ms);
    }

    /// The time by the phone's clock.
    pub fn shows(&self, at_ms: i64) -> i64 {
        at_ms - self.smallest_ms.unwrap_or(0)
    }

    /// How long ago a position was measured that came with this lag.
    pub fn age_ms(&self, lag_ms: i64) -> i64 {
        self.smallest_ms.map_or(0, |smallest| (lag_ms - smallest).max(0))
    }
}

impl Came {
    /// Whether about as much time lay between the two measurements as between their arrivals.
    fn keeps_pace_with(self, before: Self) -> bool {
        let tolerance_ms = (self.at_ms - before.at_ms).max(PACE_MIN_MS) / 2;
        (self.lag_ms - before.lag_ms).abs() <= tolerance_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000;
    const HOUR: i64 = 3_600 * SECOND;

    /// The ages of what came, each with its lag and the time when it came.
    fn ages(came: &[(i64, i64)]) -> Vec<i64> {
        let mut clock = PhoneClock::default();
        came.iter()
            .map(|(lag_ms, at_ms)| {
                clock.observe(*lag_ms, 0, *at_ms);
                clock.age_ms(*lag_ms)
            })
            .collect()
    }

    #[test]
    fn a_phone_three_hours_slow_is_heard_live() {
        let live: Vec<_> =
            [300, 200, 450].iter().zip(0..).map(|(way, n)| (3 * HOUR + way, n * 10 * SECOND)).collect();
        assert_eq!(ages(&live), [0, 0, 250]);
    }

    #[test]
    fn a_clock_that_may_be_right_is_taken_for_right() {
        assert_eq!(ages(&[(10 * SECOND, 0), (300, 5)]), [10 * SECOND, 300]);
        assert_eq!(ages(&[(90 * SECOND, 0)]), [0]);
    }

    #[test]
    fn what_was_queued_is_as_old_as_it_is_once_the_clock_is_known() {
        // A live one, then an hour's queue at once, newest last, then a live one.
        let queue = (0..360).map(|n| ((360 - n) * 10 * SECOND, 10 * SECOND + n));
        let came: Vec<_> = [(200, 0)].into_iter().chain(queue).chain([(200, 11 * SECOND)]).collect();
        let ages = ages(&came);
        assert_eq!((ages[0], ages[1], ages[360], ages[361]), (200, HOUR, 10 * SECOND, 200));
    }

    #[test]
    fn of_a_queue_that_comes_first_none_counts_as_older_than_the_one_before() {
        let queue: Vec<_> = (0..10).map(|n| ((10 - n) * 10 * SECOND, n)).chain([(200, 20)]).collect();
        // The last minute of it may be of a clock that is right.
        assert_eq!(ages(&queue)[..10], [0; 10]);
    }

    #[test]
    fn a_clock_that_was_set_back_is_believed_at_the_second_position_that_keeps_pace() {
        let came =
            [(200, 0), (3 * HOUR, 10 * SECOND), (3 * HOUR + 900, 20 * SECOND), (3 * HOUR, 30 * SECOND)];
        assert_eq!(ages(&came), [200, 3 * HOUR, 900, 0]);
    }

    /// As fast as we take them, one each 20 ms, or one request after another.
    #[test]
    fn a_queue_keeps_no_pace_however_slowly_it_is_sent() {
        for spacing_ms in [20, 300, 1_500, 4_000] {
            let queue = (0..60).map(|n| (700 * SECOND + n * (spacing_ms - 10 * SECOND), n * spacing_ms));
            let came: Vec<_> = [(0, -1)].into_iter().chain(queue.take_while(|(lag, _)| *lag > 0)).collect();
            let expected: Vec<_> = came.iter().map(|(lag, _)| *lag).collect();
            assert_eq!(ages(&came), expected, "{spacing_ms}");
        }
    }

    proptest! {
        /// Whatever the clock's error and the time on the way, no position counts as older than it can be.
        #[test]
        fn ages_are_what_the_ways_can_make_of_them(
            ways in prop::collection::vec((0i64..5_000, 0i64..60_000), 1..60),
            off in 0..3 * HOUR,
        ) {
            let mut clock = PhoneClock::default();
            let mut now = 0;
            for (way, pause) in ways {
                now += pause;
                clock.observe(off + way, 0, now);
                let age = clock.age_ms(off + way);
                prop_assert!((0..off.min(RIGHT_MS) + 5_000).contains(&age), "{age}");
            }
        }
    }
}
