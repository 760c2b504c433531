//! A driver's earnings: completed jobs, by the day in the configured time zone. For jobs that are no longer stored,
//! their sums are.

use crate::domain::currency::Currency;
use crate::domain::ids::{DriverId, JobId};
use crate::domain::job::JobKind;
use crate::domain::money::Money;
use crate::store::{CompletedJob, Conn, KeptEarnings, StoreError, Tx, sql};
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// A driver's earnings and cash in hand, in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    pub total: Money,
    /// The cash that customers gave the driver.
    pub cash_collected: Money,
}

/// A day's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    pub date: NaiveDate,
    /// In the installation's currency.
    pub account: Account,
    /// In others, of jobs that were made before the installation's was changed. They are never added to it.
    pub others: Vec<Account>,
    pub orders: i64,
    pub rides: i64,
}

/// The driver, the time zone of the days, and the currency of a query.
#[derive(Clone, Copy, Debug)]
pub struct Books {
    pub driver: DriverId,
    pub zone: Tz,
    pub currency: Currency,
}

/// Completed jobs read at a time.
const PAGE_JOBS: i64 = 1000;
/// With so many jobs read a page of days ends early, but not within its first day: a courier company's account has thousands a day.
const READ_JOBS_MAX: usize = 20_000;
/// Rows of kept sums read for each day that is asked for: one for each currency that was ever set.
const KEPT_OF_A_DAY: usize = 8;

impl Books {
    /// The day that `now` falls on, with or without work.
    pub fn today(&self, conn: &mut Conn<'_>, now: DateTime<Utc>) -> Result<Day, StoreError> {
        let date = now.with_timezone(&self.zone).date_naive();
        let (days, _) = self.days(conn, date, date, 1)?;
        Ok(days.into_iter().next().unwrap_or(Day::without_work(date, self.currency)))
    }

    /// Days with work from `to` back to `from` (both included), newest first, at most `limit` of them, and whether there
    /// are more.
    pub fn days(
        &self,
        conn: &mut Conn<'_>,
        from: NaiveDate,
        to: NaiveDate,
        limit: usize,
    ) -> Result<(Vec<Day>, bool), StoreError> {
        let of_jobs = self.of_jobs(conn, from, to, limit)?;
        let kept = self.kept(conn, from, to, limit)?;
        Ok(WorkDays::together(of_jobs, kept, limit))
    }

    /// The days of the jobs that there are; the last of several may be a part of its day where more follow.
    fn of_jobs(
        &self,
        conn: &mut Conn<'_>,
        from: NaiveDate,
        to: NaiveDate,
        limit: usize,
    ) -> Result<WorkDays, StoreError> {
        let begin = start_of(from, self.zone);
        let mut before = (start_of(next_day(to), self.zone), JobId(0));
        let mut days: Vec<Day> = Vec::new();
        let mut read = 0;
        loop {
            let jobs = sql!(conn, jobs::completed_by(self.driver, begin, before, PAGE_JOBS))?;
            for job in &jobs {
                self.add(&mut days, job);
            }
            read += jobs.len();
            match jobs.last() {
                Some(last) if jobs.len() as i64 == PAGE_JOBS => before = (last.completed_at, last.id),
                _ => return Ok(WorkDays { days, are_cut: false }),
            }
            // A day more than asked for has begun, so the last one asked for is whole.
            if days.len() > limit || days.len() > 1 && read >= READ_JOBS_MAX {
                return Ok(WorkDays { days, are_cut: true });
            }
        }
    }

    /// The days of the jobs that are no longer kept.
    fn kept(
        &self,
        conn: &mut Conn<'_>,
        from: NaiveDate,
        to: NaiveDate,
        limit: usize,
    ) -> Result<WorkDays, StoreError> {
        let rows_max = (limit + 1) * KEPT_OF_A_DAY;
        let rows = sql!(conn, earnings::within(self.driver, from, to, rows_max as i64))?;
        let are_cut = rows.len() == rows_max;
        let mut days: Vec<Day> = Vec::new();
        for row in rows {
            let day = self.day(&mut days, row.day);
            let currency = Currency::new(&row.currency).unwrap_or(Currency::UNKNOWN);
            let money = |minor| Money::from_minor(minor, currency);
            day.earn(money(row.total_minor), Some(money(row.cash_minor)));
            day.orders += row.orders;
            day.rides += row.rides;
        }
        Ok(WorkDays { days, are_cut })
    }

    /// The day to add to; days are in order, newest first.
    fn day<'a>(&self, days: &'a mut Vec<Day>, date: NaiveDate) -> &'a mut Day {
        if days.last().is_none_or(|day| day.date != date) {
            days.push(Day::without_work(date, self.currency));
        }
        days.last_mut().expect("one was added where there was none")
    }

    fn add(&self, days: &mut Vec<Day>, job: &CompletedJob) {
        let day = self.day(days, local_date(job.completed_at, self.zone));
        day.earn(job.earnings(), job.cash());
        match job.kind {
            JobKind::Delivery => day.orders += 1,
            JobKind::Ride => day.rides += 1,
            JobKind::Service => {}
        }
    }
}

/// Keeps what a driver earned with a job that is about to be removed.
pub fn keep(tx: &mut Tx<'_>, driver: DriverId, job: &CompletedJob, zone: Tz) -> Result<(), StoreError> {
    let (earned, cash) = (job.earnings(), job.cash());
    let kept = KeptEarnings {
        driver_id: driver.0,
        day: local_date(job.completed_at, zone),
        currency: earned.currency().as_str().to_owned(),
        total_minor: earned.minor(),
        cash_minor: cash.map_or(0, Money::minor),
        orders: i64::from(job.kind == JobKind::Delivery),
        rides: i64::from(job.kind == JobKind::Ride),
    };
    sql!(tx, earnings::add(&kept))?;
    Ok(())
}

/// Days with work, newest first.
#[derive(Debug, PartialEq)]
struct WorkDays {
    days: Vec<Day>,
    /// There are more, and the last one may be a part of its day.
    are_cut: bool,
}

impl WorkDays {
    /// The days of both, at most `limit`, and whether there are more. A day may be in both: its jobs are removed one by one.
    fn together(one: WorkDays, other: WorkDays, limit: usize) -> (Vec<Day>, bool) {
        // A partly read day, and everything older, is for the next page.
        let cut = |days: &WorkDays| days.days.last().filter(|_| days.are_cut).map(|day| day.date);
        let cut = cut(&one).max(cut(&other));
        let mut days = one.days;
        for day in other.days {
            match days.iter_mut().find(|known| known.date == day.date) {
                Some(known) => known.add(day),
                None => days.push(day),
            }
        }
        days.retain(|day| cut.is_none_or(|cut| day.date > cut));
        days.sort_unstable_by_key(|day| std::cmp::Reverse(day.date));
        let more = cut.is_some() || days.len() > limit;
        days.truncate(limit);
        (days, more)
    }
}

impl Account {
    pub const fn empty(currency: Currency) -> Self {
        Self { total: Money::zero(currency), cash_collected: Money::zero(currency) }
    }

    /// The amount that the company owes the driver; if negative, the driver owes it to the company.
    pub fn owed(&self) -> Money {
        self.total.minus(self.cash_collected).expect("an account has one currency")
    }

    /// Whether it could be added: its currency is the account's.
    fn add(&mut self, earned: Money, cash: Money) -> bool {
        let (Some(total), Some(cash_collected)) = (self.total.plus(earned), self.cash_collected.plus(cash))
        else {
            return false;
        };
        *self = Self { total, cash_collected };
        true
    }
}

impl Day {
    fn without_work(date: NaiveDate, currency: Currency) -> Self {
        Self { date, account: Account::empty(currency), others: Vec::new(), orders: 0, rides: 0 }
    }

    fn add(&mut self, other: Day) {
        for account in std::iter::once(other.account).chain(other.others) {
            self.earn(account.total, Some(account.cash_collected));
        }
        self.orders += other.orders;
        self.rides += other.rides;
    }

    fn earn(&mut self, earned: Money, cash: Option<Money>) {
        let cash = cash.unwrap_or(Money::zero(earned.currency()));
        let mut accounts = std::iter::once(&mut self.account).chain(&mut self.others);
        if accounts.any(|account| account.add(earned, cash)) {
            return;
        }
        self.others.push(Account { total: earned, cash_collected: cash });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::from_minor(minor, Currency::new(code).expect("a currency"))
    }

    #[test]
    fn what_is_owed_is_what_was_earned_less_the_cash_in_hand() {
        let mut day = Day::without_work(NaiveDate::default(), Currency::new("XAF").expect("a currency"));
        day.earn(money(1500, "XAF"), Some(money(1500, "XAF")));
        day.earn(money(800, "XAF"), Some(money(9000, "XAF")));
        day.earn(money(700, "XAF"), None);
        assert_eq!(
            (day.account.total, day.account.cash_collected),
            (money(3000, "XAF"), money(10_500, "XAF"))
        );
        assert_eq!(day.account.owed(), money(-7500, "XAF"));
    }

    fn day(date: u32, minor: i64) -> Day {
        let date = NaiveDate::from_ymd_opt(2026, 11, date).expect("a day of November");
        let mut day = Day::without_work(date, Currency::new("XAF").expect("a currency"));
        day.earn(money(minor, "XAF"), Some(money(10, "XAF")));
        Day { orders: 1, ..day }
    }

    fn together(one: (Vec<Day>, bool), other: (Vec<Day>, bool), limit: usize) -> (Vec<(String, i64)>, bool) {
        let days = |(days, are_cut)| WorkDays { days, are_cut };
        let (days, more) = WorkDays::together(days(one), days(other), limit);
        let shown = |day: &Day| (day.date.format("%d").to_string(), day.account.total.minor());
        (days.iter().map(shown).collect(), more)
    }

    #[test]
    fn a_day_of_which_a_part_is_kept_as_a_sum_is_one_day() {
        let (jobs, kept) = (vec![day(20, 1), day(18, 2)], vec![day(18, 40), day(3, 500)]);
        let shown = |days: &[(&str, i64)]| {
            days.iter().map(|(day, sum)| ((*day).to_owned(), *sum)).collect::<Vec<_>>()
        };
        let all = together((jobs.clone(), false), (kept.clone(), false), 30);
        assert_eq!(all, (shown(&[("20", 1), ("18", 42), ("03", 500)]), false));
        assert_eq!(
            together((jobs.clone(), false), (kept.clone(), false), 2),
            (shown(&[("20", 1), ("18", 42)]), true)
        );
        // Of the 18th there may be more jobs, so it is for the next page, and so is what is older.
        assert_eq!(together((jobs.clone(), true), (kept.clone(), false), 30), (shown(&[("20", 1)]), true));
        assert_eq!(together((jobs, false), (kept, true), 30), (shown(&[("20", 1), ("18", 42)]), true));
    }

    #[test]
    fn different_currencies_are_not_added_up() {
        let mut day = Day::without_work(NaiveDate::default(), Currency::new("XAF").expect("a currency"));
        day.earn(money(4550, "USD"), None);
        day.earn(money(4500, "XAF"), None);
        day.earn(money(450, "USD"), Some(money(50, "USD")));
        assert_eq!((day.account.total, day.others.len()), (money(4500, "XAF"), 1));
        assert_eq!((day.others[0].total, day.others[0].owed()), (money(5000, "USD"), money(4950, "USD")));
    }
}
