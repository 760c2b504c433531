//! What a driver earned: completed jobs, by the day of the configured time zone.

use crate::domain::ids::{DriverId, JobId};
use crate::domain::job::JobKind;
use crate::domain::money::Money;
use crate::store::{Conn, StoreError, sql};
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// A day's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    pub date: NaiveDate,
    pub total: Money,
    pub orders: i64,
    pub rides: i64,
}

/// Completed jobs read at a time.
const PAGE_JOBS: i64 = 1000;

/// The day that `now` falls on in `zone`, with or without work.
pub fn today(conn: &mut Conn<'_>, driver: DriverId, zone: Tz, now: DateTime<Utc>) -> Result<Day, StoreError> {
    let date = now.with_timezone(&zone).date_naive();
    let (days, _) = days(conn, driver, zone, date, date, 1)?;
    Ok(days.into_iter().next().unwrap_or(Day::without_work(date)))
}

/// Days with work from `to` back to `from` (both included), newest first, at most `limit` of them, and whether there
/// are more.
pub fn days(
    conn: &mut Conn<'_>,
    driver: DriverId,
    zone: Tz,
    from: NaiveDate,
    to: NaiveDate,
    limit: usize,
) -> Result<(Vec<Day>, bool), StoreError> {
    let begin = start_of(from, zone);
    let mut before = (start_of(next_day(to), zone), JobId(0));
    let mut days: Vec<Day> = Vec::new();
    loop {
        let jobs = sql!(conn, jobs::completed_by(driver, begin, before, PAGE_JOBS))?;
        for job in &jobs {
            add(&mut days, local_date(job.completed_at, zone), job.kind, job.earnings_minor);
        }
        match jobs.last() {
            // A day more than asked for has begun, so the last one asked for is whole.
            Some(last) if jobs.len() as i64 == PAGE_JOBS && days.len() <= limit => {
                before = (last.completed_at, last.id);
            }
            _ => break,
        }
    }
    let more = days.len() > limit;
    days.truncate(limit);
    Ok((days, more))
}

impl Day {
    fn without_work(date: NaiveDate) -> Self {
        Self { date, total: Money::default(), orders: 0, rides: 0 }
    }
}

fn add(days: &mut Vec<Day>, date: NaiveDate, kind: JobKind, earned: i64) {
    if days.last().is_none_or(|day| day.date != date) {
        days.push(Day::without_work(date));
    }
    let Some(day) = days.last_mut() else { return };
    day.total = Money::from_minor(day.total.minor() + earned);
    match kind {
        JobKind::Delivery => day.orders += 1,
        JobKind::Ride => day.rides += 1,
        JobKind::Service => {}
    }
}

fn local_date(at: NaiveDateTime, zone: Tz) -> NaiveDate {
    at.and_utc().with_timezone(&zone).date_naive()
}

fn next_day(date: NaiveDate) -> NaiveDate {
    date.checked_add_days(Days::new(1)).unwrap_or(date)
}

/// When a day begins, in UTC. Where a clock change skips midnight, it begins when the skipped time is over.
fn start_of(date: NaiveDate, zone: Tz) -> NaiveDateTime {
    let midnight = date.and_time(NaiveTime::MIN);
    (0..=4)
        .find_map(|half_hours| {
            let local = midnight + chrono::TimeDelta::minutes(30 * half_hours);
            zone.from_local_datetime(&local).earliest()
        })
        .map_or(midnight, |begin| begin.naive_utc())
}
