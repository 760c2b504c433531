//! The end of a run, and the books. Everybody connects, waiting work is done, and time passes until no promise is left:
//! then nothing may be open that has no end, nothing may be unread without a report of it, and the database must agree
//! with the model.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use diesel::deserialize::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};
use fleetwire::clock::Clock;

use super::commands::Answer;
use super::place::SEARCH_SPAN;
use super::reference::Who;
use super::world::{Checked, World};

/// More rounds than anything needs that comes to an end.
const ROUNDS_MAX: usize = 10_000;
/// Every promise ends within this time beyond its own, however the clocks were set.
const GRACE: TimeDelta = TimeDelta::seconds(60);
/// Retries, leases and the time to confirm.
const PUSHES_END_WITHIN: TimeDelta = TimeDelta::seconds(200);

#[derive(QueryableByName)]
struct JobRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    driver: Option<i64>,
}

#[derive(QueryableByName)]
struct EventRow {
    #[diesel(sql_type = BigInt)]
    account: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    job: i64,
    #[diesel(sql_type = BigInt)]
    confirmed: i64,
}

impl World<'_> {
    pub fn settle(&mut self) -> Checked {
        self.fails_next = false;
        for phone in 0..self.phones.len() {
            self.cut(phone);
        }
        while !self.server.sessions.is_empty() {
            self.end(0);
        }
        self.pump()?;
        for phone in 0..self.phones.len() {
            self.connect(phone, false)?;
        }
        self.clock.advance(TimeDelta::seconds(2));
        self.repair()?;
        self.pump()?;
        self.everything_was_received()?;
        self.searches_end()?;
        self.pushes_end()?;
        self.check_books()
    }

    /// Until nobody has anything to do without time passing.
    fn pump(&mut self) -> Checked {
        for _ in 0..ROUNDS_MAX {
            let mut is_busy = !self.server.announced.is_empty();
            self.announce(0);
            is_busy |= self.match_one()?;
            is_busy |= self.work(0)?;
            for session in 0..self.server.sessions.len() {
                is_busy |= self.converse(session, true)?;
            }
            for phone in 0..self.phones.len() {
                is_busy |= self.receive(phone)?;
            }
            if !is_busy && self.server.marks.is_empty() {
                return Ok(());
            }
            if !is_busy {
                self.write_marks()?;
            }
        }
        Err("the server never comes to rest".to_owned())
    }

    fn everything_was_received(&self) -> Checked {
        for (who, log) in &self.model.log {
            let is_out = matches!(who, Who::Driver(id) if self.model.drivers[id].is_suspended);
            let phones: Vec<_> = self.phones.iter().filter(|phone| phone.who == *who).collect();
            if is_out || phones.iter().any(|phone| phone.told_of_a_gap) {
                continue;
            }
            for id in 1..=log.len() as i64 {
                let is_received = phones.iter().any(|phone| phone.seen.contains(&id));
                if !is_received || !self.model.is_confirmed(*who, id) {
                    let told = &log[id as usize - 1];
                    return Err(format!(
                        "{who:?} is connected, all is done, and event {id} ({told:?}) is not confirmed; received: {is_received}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn searches_end(&mut self) -> Checked {
        let until = self.clock.steady() + SEARCH_SPAN + GRACE;
        for _ in 0..ROUNDS_MAX {
            self.look_at_store()?;
            self.pump()?;
            let Some(wake_at) = self.server.matching.core.wake_at() else { break };
            if self.clock.steady() >= until {
                break;
            }
            let pause =
                (wake_at - self.clock.steady()).clamp(TimeDelta::milliseconds(1), TimeDelta::seconds(15));
            self.clock.advance(pause);
            self.tick();
            self.pump()?;
        }
        // Facts that are only in memory are forgotten at the second look.
        self.look_at_store()?;
        self.look_at_store()?;
        self.pump()?;
        if let Some((id, job)) = self.model.jobs.iter().find(|(_, job)| job.is_searched) {
            return Err(format!("the search for {id} does not end: {job:?}"));
        }
        let open = self.place.books().number("SELECT COUNT(*) AS value FROM searches WHERE ended_at IS NULL");
        let offers = self.place.books().number("SELECT COUNT(*) AS value FROM offers WHERE outcome IS NULL");
        let known = self.server.matching.core.searches().len();
        match (open, offers, known) {
            (0, 0, 0) => Ok(()),
            left => Err(format!("searches, offers and searches in memory that do not end: {left:?}")),
        }
    }

    fn pushes_end(&mut self) -> Checked {
        let until = self.clock.steady() + PUSHES_END_WITHIN;
        while self.clock.steady() < until {
            self.clock.advance(TimeDelta::seconds(10));
            self.decide_pushes()?;
            while self.claim_pushes()? {}
            while self.send(0, Answer::Accepted)? {}
            while self.settle_push(0)? {}
            self.pump()?;
        }
        if let Some((key, push)) = self.model.pushes.iter().find(|(_, push)| push.due_at.is_some()) {
            return Err(format!("it is never decided whether {key:?} is pushed: {push:?}"));
        }
        for ((who, id), push) in &self.model.pushes {
            if !push.is_queued && !self.model.is_confirmed(*who, *id) {
                return Err(format!("event {id} of {who:?} was neither confirmed nor pushed"));
            }
        }
        let pending = "SELECT COUNT(*) AS value FROM notification_history WHERE status = 'pending'";
        match self.place.books().number(pending) {
            0 => Ok(()),
            left => Err(format!("{left} notifications are still to be sent")),
        }
    }

    /// The database says of jobs, drivers and events what the model says.
    pub fn check_books(&self) -> Checked {
        let books = self.place.books();
        let jobs = books.rows::<JobRow>(
            "SELECT CAST(id AS BIGINT) AS id, status, CAST(driver_id AS BIGINT) AS driver FROM jobs",
        );
        for JobRow { id, status, driver } in &jobs {
            let known = self.model.jobs.get(id).map(|job| (job.status.as_str(), job.driver));
            if known != Some((status.as_str(), *driver)) {
                return Err(format!("job {id} is {status} with {driver:?}; the model says {known:?}"));
            }
        }
        if jobs.len() != self.model.jobs.len() {
            return Err(format!("{} jobs are kept, {} were made", jobs.len(), self.model.jobs.len()));
        }
        let events = books.rows::<EventRow>(
            "SELECT CAST(account_id AS BIGINT) AS account, CAST(event_id AS BIGINT) AS id, name, \
             CAST(job_id AS BIGINT) AS job, CAST(CASE WHEN confirmed_at IS NULL THEN 0 ELSE 1 END AS BIGINT) AS confirmed \
             FROM events ORDER BY account_id, event_id",
        );
        let mut kept: BTreeMap<Who, i64> = BTreeMap::new();
        for EventRow { account, id, name, job, confirmed } in &events {
            let who = self.people.who((*account).into());
            let place = kept.entry(who).or_default();
            *place += 1;
            let told = self.model.log[&who].get(*place as usize - 1);
            let is_right = *id == *place && told.is_some_and(|told| told.name == name && told.job == *job);
            if !is_right {
                return Err(format!(
                    "event {id} of {who:?} is {name} of {job}; as {place} the model says {told:?}"
                ));
            }
            if (*confirmed == 1) != self.model.is_confirmed(who, *id) {
                return Err(format!(
                    "event {id} of {who:?} is confirmed: {confirmed}; the model says otherwise"
                ));
            }
        }
        for (who, log) in &self.model.log {
            let kept = kept.get(who).copied().unwrap_or(0);
            if kept != log.len() as i64 {
                return Err(format!("{kept} events of {who:?} are kept, {} were told", log.len()));
            }
        }
        let two_rides = "SELECT COUNT(*) AS value FROM (SELECT driver_id FROM jobs WHERE kind = 'ride' AND \
             status IN ('assigned', 'en_route', 'arrived', 'in_progress') GROUP BY driver_id HAVING COUNT(*) > 1) AS d";
        match books.number(two_rides) {
            0 => Ok(()),
            drivers => Err(format!("{drivers} drivers have two rides")),
        }
    }
}
