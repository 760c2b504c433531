//! Push: the product's queue and verdicts, and services that accept, refuse and lose messages.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use fleetwire::actors::push::{
    Admission, Attempt as Tried, Circumstances, Retrying, admit, verdict, without_sending,
};
use fleetwire::domain::push::PushService;
use fleetwire::operations::push;
use fleetwire::providers::{Answer as Said, Arrival, Scope};
use fleetwire::store::{MarkKind, NotificationRow, StoreError};
use std::time::Duration;

use super::commands::Answer;
use super::faults::Fault;
use super::place::PHONES_OF;
use super::reference::Who;
use super::world::{Checked, World, at_once};

const SERVICE: PushService = PushService::Fcm;
const LEASE: TimeDelta = TimeDelta::seconds(90);

/// A notification in flight.
pub struct Attempt {
    row: NotificationRow,
    began_at: DateTime<Utc>,
    answer: Option<Answer>,
}

impl Attempt {
    fn key(&self, world: &World<'_>) -> (Who, i64) {
        let (account, event) = self.row.event().expect("only events are pushed here");
        (world.people.who(account), event.0)
    }
}

impl World<'_> {
    pub fn decide_pushes(&mut self) -> Checked {
        if self.fault == Fault::DecidedWithoutTheMarks {
            let under_way = self.server.marks.clone();
            for mark in under_way.iter().filter(|mark| mark.kind == MarkKind::Confirmed) {
                self.confirmed(self.people.who(mark.account), mark.event)?;
            }
        } else {
            self.write_marks()?;
        }
        let expected = self.model.decide_pushes(self.now());
        let phones = |(who, _): &(Who, i64)| match who {
            Who::Customer(id) => PHONES_OF[*id as usize - 1],
            Who::Driver(_) => 0,
        };
        let notifications: usize = expected.iter().map(phones).sum();
        let rules = self.push_rules.clone();
        let decided = at_once(self.server.database.write(move |tx| push::decide(tx, &rules, 1_000)))
            .map_err(|error: StoreError| format!("pushes not decided: {error}"))?;
        if (decided.events, decided.queued) != (expected.len(), notifications) {
            return Err(format!("pushed are {decided:?}, the model says {expected:?} to {notifications}"));
        }
        self.hear()
    }

    pub fn claim_pushes(&mut self) -> Checked<bool> {
        self.write_marks()?;
        let claimed = at_once(self.server.database.write(|tx| push::claim(tx, SERVICE, LEASE, 20)))
            .map_err(|error: StoreError| format!("pushes not claimed: {error}"))?;
        let any = !claimed.is_empty();
        let now = self.now();
        for row in claimed {
            if let Some(older) = self.server.attempts.iter_mut().find(|other| other.row.id == row.id) {
                // Its lease has run out, and it is still under way here.
                older.row.attempts = row.attempts;
                continue;
            }
            let attempt = Attempt { row, began_at: now, answer: None };
            let (who, event) = attempt.key(self);
            if self.model.is_confirmed(who, event) {
                return Err(format!("event {event} of {who:?} is about to be pushed, and was confirmed"));
            }
            if !self.model.pushes.get(&(who, event)).is_some_and(|push| push.is_queued) {
                return Err(format!("event {event} of {who:?} is about to be pushed, which nobody decided"));
            }
            self.admit(attempt)?;
        }
        Ok(any)
    }

    fn admit(&mut self, attempt: Attempt) -> Checked {
        let customer = attempt.row.customer_id;
        let recipients = self.read(move |conn| push::recipients(conn, &[customer]))?;
        let recipient = recipients.values().next();
        let configured = &self.push_rules.configured;
        match admit(&attempt.row, SERVICE, recipient, configured, self.now(), Tz::UTC) {
            Admission::Send(_) => self.server.attempts.push(attempt),
            Admission::Not(instead) => {
                let verdict = without_sending(&attempt.row, SERVICE, instead);
                self.write_verdict(verdict)?;
            }
        }
        Ok(())
    }

    /// Sends a service one of those in flight, and it answers.
    pub fn send(&mut self, nth: usize, answer: Answer) -> Checked<bool> {
        let mut waiting: Vec<usize> = Vec::new();
        for (index, attempt) in self.server.attempts.iter().enumerate() {
            waiting.extend(attempt.answer.is_none().then_some(index));
        }
        if waiting.is_empty() {
            return Ok(false);
        }
        let index = waiting[nth % waiting.len()];
        let key = self.server.attempts[index].key(self);
        let attempt = &mut self.server.attempts[index];
        attempt.answer = Some(answer);
        if !matches!(answer, Answer::Accepted | Answer::Lost) {
            return Ok(true);
        }
        let (device, id) = (attempt.row.device_id, attempt.row.public_id.clone());
        let accepted = &mut self.model.pushes.get_mut(&key).expect("it was decided").accepted;
        match accepted.get(&device) {
            Some((_, true)) => Err(format!("{key:?} is sent to {device} again, after it was accepted")),
            Some((other, _)) if *other != id => Err(format!("{key:?} is sent to {device} under two ids")),
            _ => {
                accepted.insert(device, (id, false));
                Ok(true)
            }
        }
    }

    /// Writes a service's answer down.
    pub fn settle_push(&mut self, nth: usize) -> Checked<bool> {
        let answered = self.server.attempts.iter().enumerate().filter(|(_, one)| one.answer.is_some());
        let answered: Vec<usize> = answered.map(|(index, _)| index).collect();
        if answered.is_empty() {
            return Ok(false);
        }
        let attempt = self.server.attempts.remove(answered[nth % answered.len()]);
        let key = attempt.key(self);
        let answer = attempt.answer.expect("it was answered");
        let (reason, scope) = (Cow::Borrowed("it says so"), Scope::Service);
        let said = match answer {
            Answer::Accepted => Said::Accepted { id: attempt.row.public_id.clone() },
            Answer::NotNow => Said::Retry { reason, after: None, sent: Arrival::No, scope },
            Answer::Lost => Said::Retry { reason, after: None, sent: Arrival::Maybe, scope },
            Answer::Never => Said::Rejected { reason },
        };
        let around = Circumstances {
            now: self.now(),
            retrying: Retrying { base: Duration::from_secs(1), cap: Duration::from_secs(30) },
            receipt_after: None,
            believes: true,
            chance: 0.5,
        };
        let tried = Tried { row: &attempt.row, service: SERVICE, began_at: attempt.began_at };
        let is_written = self.write_verdict(verdict(tried, &said, around))?;
        if answer == Answer::Accepted && is_written {
            let accepted = &mut self.model.pushes.get_mut(&key).expect("it was decided").accepted;
            accepted.get_mut(&attempt.row.device_id).expect("it was sent").1 = true;
        }
        Ok(true)
    }

    fn write_verdict(&mut self, verdict: push::AttemptOutcome) -> Checked<bool> {
        let configured = self.push_rules.configured.clone();
        let verdicts = [verdict];
        let settled =
            at_once(self.server.database.write_soon(move |tx| push::settle(tx, &verdicts, &configured)))
                .map_err(|error: StoreError| format!("outcome not written: {error}"))?;
        self.hear()?;
        Ok(!settled.is_empty())
    }
}
