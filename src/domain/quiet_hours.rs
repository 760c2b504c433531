//! Quiet hours: a part of each local day in which a customer wants no ordinary notification. Local time is that of a
//! clock on the wall, so the hours keep their meaning when clocks are put forward and back.

use chrono::{DateTime, Days, LocalResult, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// From `start` until just before `end`, local times; over midnight where `end` is the earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    start: NaiveTime,
    end: NaiveTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be two different times such as 22:00 and 07:00")]
pub struct InvalidQuietHours;

/// Clocks were put forward by a whole day once (Samoa, 2011).
const GAP_MINUTES_MAX: u32 = 25 * 60;

impl QuietHours {
    /// From times as the wire and the database have them: `HH:MM`.
    pub fn parse(start: &str, end: &str) -> Result<Self, InvalidQuietHours> {
        let time = |text: &str| match text.len() {
            5 => NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| InvalidQuietHours),
            _ => Err(InvalidQuietHours),
        };
        let (start, end) = (time(start)?, time(end)?);
        if start == end { Err(InvalidQuietHours) } else { Ok(Self { start, end }) }
    }

    pub fn start(self) -> String {
        self.start.format("%H:%M").to_string()
    }

    pub fn end(self) -> String {
        self.end.format("%H:%M").to_string()
    }

    /// When they end, if `now` is within them. An end that the clocks leap over is where they land; one that comes twice is
    /// the first that is still to come.
    pub fn quiet_until(self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let local = now.with_timezone(&zone).naive_local();
        if !self.covers(local.time()) {
            return None;
        }
        // Today's end may lie behind; a leap over tomorrow's reaches into the day after.
        let days = (0..3).map(|days| local.date() + Days::new(days));
        days.filter_map(|date| self.next_at(date.and_time(self.end), zone, now)).next()
    }

    fn covers(self, time: NaiveTime) -> bool {
        match self.start < self.end {
            true => self.start <= time && time < self.end,
            false => self.start <= time || time < self.end,
        }
    }

    /// The first instant after `now` at which the wall shows `local`, or would have.
    fn next_at(self, local: NaiveDateTime, zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let shown = (0..GAP_MINUTES_MAX).map(|minutes| local + TimeDelta::minutes(i64::from(minutes)));
        let landed =
            shown.map(|local| zone.from_local_datetime(&local)).find(|at| *at != LocalResult::None)?;
        let candidates = [landed.earliest(), landed.latest()];
        candidates.into_iter().flatten().map(|at| at.with_timezone(&Utc)).find(|at| *at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hours(start: &str, end: &str) -> QuietHours {
        QuietHours::parse(start, end).expect("quiet hours")
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn until(hours: QuietHours, now: &str, zone: Tz) -> Option<DateTime<Utc>> {
        hours.quiet_until(utc(now), zone)
    }

    #[test]
    fn quiet_hours_are_two_different_times() {
        for (start, end) in
            [("22:00", "22:00"), ("24:00", "07:00"), ("22", "07"), ("22:0", "07:00"), ("", "")]
        {
            assert_eq!(QuietHours::parse(start, end), Err(InvalidQuietHours), "{start} {end}");
        }
        assert_eq!(
            (hours("22:00", "07:30").start(), hours("22:00", "07:30").end()),
            ("22:00".into(), "07:30".into())
        );
    }

    #[test]
    fn over_midnight_they_end_the_next_morning_in_the_customers_own_time() {
        let night = hours("22:00", "07:00");
        let zone = chrono_tz::Africa::Johannesburg;
        assert_eq!(until(night, "2026-11-25T19:59:59Z", zone), None);
        assert_eq!(until(night, "2026-11-25T20:00:00Z", zone), Some(utc("2026-11-26T05:00:00Z")));
        assert_eq!(until(night, "2026-11-26T04:59:59Z", zone), Some(utc("2026-11-26T05:00:00Z")));
        assert_eq!(until(night, "2026-11-26T05:00:00Z", zone), None);
        let nap = hours("13:00", "14:30");
        assert_eq!(until(nap, "2026-11-25T12:00:00Z", zone), Some(utc("2026-11-25T12:30:00Z")));
    }

    #[test]
    fn an_end_that_the_clocks_leap_over_is_where_they_land() {
        // 2026-03-29: 02:00 is 03:00 in Berlin, at 01:00 UTC.
        let zone = chrono_tz::Europe::Berlin;
        assert_eq!(
            until(hours("22:00", "02:30"), "2026-03-29T00:30:00Z", zone),
            Some(utc("2026-03-29T01:00:00Z"))
        );
        assert_eq!(
            until(hours("02:15", "02:45"), "2026-03-29T01:00:00Z", zone),
            None,
            "there is none that day"
        );
        // Half an hour only, on Lord Howe Island: 2026-10-04 02:00 is 02:30, at 15:30 UTC of the day before.
        let zone = chrono_tz::Australia::Lord_Howe;
        assert_eq!(
            until(hours("22:00", "02:10"), "2026-10-03T15:00:00Z", zone),
            Some(utc("2026-10-03T15:30:00Z"))
        );
        // A whole day, in Samoa: there was no 2011-12-30.
        let zone = chrono_tz::Pacific::Apia;
        assert_eq!(
            until(hours("22:00", "07:00"), "2011-12-30T09:00:00Z", zone),
            Some(utc("2011-12-30T10:00:00Z"))
        );
    }

    #[test]
    fn an_end_that_comes_twice_is_the_first_that_is_still_to_come() {
        // 2026-10-25: 03:00 is 02:00 again in Berlin, at 01:00 UTC.
        let zone = chrono_tz::Europe::Berlin;
        let night = hours("22:00", "02:30");
        assert_eq!(until(night, "2026-10-25T00:15:00Z", zone), Some(utc("2026-10-25T00:30:00Z")));
        assert_eq!(until(night, "2026-10-25T00:45:00Z", zone), None, "02:45 for the first time");
        assert_eq!(
            until(night, "2026-10-25T01:15:00Z", zone),
            Some(utc("2026-10-25T01:30:00Z")),
            "02:15 again"
        );
        let morning = hours("02:40", "06:00");
        assert_eq!(until(morning, "2026-10-25T00:50:00Z", zone), Some(utc("2026-10-25T05:00:00Z")));
    }

    proptest! {
        /// They end within two days, at a moment that is outside of them: the next notification goes out then.
        #[test]
        fn they_end_and_then_it_is_not_quiet(
            minute in 0i64..3 * 365 * 24 * 60,
            start in 0u32..1440,
            length in 1u32..1439,
            zone in prop::sample::select(vec![
                chrono_tz::UTC, chrono_tz::Europe::Berlin, chrono_tz::America::New_York,
                chrono_tz::Australia::Lord_Howe, chrono_tz::Africa::Casablanca, chrono_tz::Asia::Kathmandu,
            ]),
        ) {
            let time = |minute: u32| NaiveTime::from_hms_opt(minute / 60 % 24, minute % 60, 0).expect("a time");
            let hours = QuietHours { start: time(start), end: time(start + length) };
            let now = utc("2025-01-01T00:00:00Z") + TimeDelta::minutes(minute);
            let local = now.with_timezone(&zone).time();
            match hours.quiet_until(now, zone) {
                None => prop_assert!(!hours.covers(local)),
                Some(end) => {
                    prop_assert!(hours.covers(local));
                    prop_assert!(end > now && end <= now + TimeDelta::hours(26), "{now} {end}");
                    let shown = end.with_timezone(&zone).time();
                    prop_assert!(shown == hours.end || !hours.covers(shown), "{shown}");
                }
            }
        }
    }
}
