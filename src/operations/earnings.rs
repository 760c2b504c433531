//! What a driver earned: completed jobs, by the day of the configured time zone.

use crate::domain::currency::Currency;
use crate::domain::ids::{DriverId, JobId};
use crate::domain::job::JobKind;
use crate::domain::money::Money;
use crate::store::{CompletedJob, Conn, StoreError, sql};
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// What a driver earned, and has in hand, in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    pub total: Money,
    /// What customers gave the driver in cash.
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

/// Whose earnings, by the days of which zone, in which currency.
#[derive(Clone, Copy, Debug)]
pub struct Books {
    pub driver: DriverId,
    pub zone: Tz,
    pub currency: Currency,
}

/// Completed jobs read at a time.
const PAGE_JOBS: i64 = 1000;

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
        let begin = start_of(from, self.zone);
        let mut before = (start_of(next_day(to), self.zone), JobId(0));
        let mut days: Vec<Day> = Vec::new();
        loop {
            let jobs = sql!(conn, jobs::completed_by(self.driver, begin, before, PAGE_JOBS))?;
            for job in &jobs {
                self.add(&mut days, job);
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

    fn add(&self, days: &mut Vec<Day>, job: &CompletedJob) {
        let date = local_date(job.completed_at, self.zone);
        if days.last().is_none_or(|day| day.date != date) {
            days.push(Day::without_work(date, self.currency));
        }
        let Some(day) = days.last_mut() else { return };
        day.earn(job.earnings(), job.cash());
        match job.kind {
            JobKind::Delivery => day.orders += 1,
            JobKind::Ride => day.rides += 1,
            JobKind::Service => {}
        }
    }
}

impl Account {
    pub const fn empty(currency: Currency) -> Self {
        Self { total: Money::zero(currency), cash_collected: Money::zero(currency) }
    }

    /// What the company owes the driver; where it is negative, what the driver owes the company.
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
