//! Decides the fate of a notification: before an attempt (is it wanted, is it timely, is there a token), and after a
//! push service's answer. Pure: all facts are handed in.

use crate::domain::device::DeviceId;
use crate::domain::notification::NotificationStatus;
use crate::domain::push::{PushService, PushToken};
use crate::operations::push::{AttemptOutcome, Dead, Receipted, Recipient};
use crate::providers::{Answer, Arrival, Receipt, Scope};
use crate::store::{NotificationRow, ReceiptDue, Settled};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use std::time::Duration;

/// How long after the first attempt a notification is retried: a service that is still failing then gets no further
/// attempt.
const RETRIED_FOR: TimeDelta = TimeDelta::minutes(60);
/// How soon it is looked whether an operator has mended what was misconfigured.
pub const MISCONFIGURED_PAUSE: Duration = Duration::from_secs(60);
/// An attempt is never repeated sooner, whatever chance says.
const RETRY_MIN: Duration = Duration::from_millis(100);
/// Services keep receipts for a day.
const RECEIPTS_KEPT_FOR: TimeDelta = TimeDelta::hours(24);
/// When a receipt that is not there yet is asked for again.
const RECEIPT_AGAIN: TimeDelta = TimeDelta::minutes(15);

/// How attempts are repeated: the second within `base`, each further one within twice the time, `cap` at most.
#[derive(Clone, Copy, Debug)]
pub struct Retrying {
    pub base: Duration,
    pub cap: Duration,
}

impl Retrying {
    /// Full jitter: anything up to the bound, so that those that failed together do not come back together. `chance` is
    /// from 0 to 1.
    pub fn pause(&self, attempt: i64, chance: f64) -> Duration {
        let doublings = u32::try_from(attempt.saturating_sub(1).clamp(0, 30)).unwrap_or(30);
        let bound = self.base.saturating_mul(2u32.saturating_pow(doublings)).min(self.cap);
        bound.mul_f64(chance.clamp(0.0, 1.0)).max(RETRY_MIN)
    }
}

/// The decision on a notification that is due.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    Send(PushToken),
    Not(Instead),
}

/// The action if it is not sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Instead {
    /// Quiet hours: not before then.
    Wait(DateTime<Utc>),
    /// It could not be found out whether it may be; then.
    Later(DateTime<Utc>),
    /// The device is reached another way by now.
    Through(PushService),
    End(NotificationStatus, String),
}

/// Whether a claimed notification is sent through `service`. Asked at each attempt: what customers want may have changed.
pub fn admit(
    row: &NotificationRow,
    service: PushService,
    recipient: Option<&Recipient>,
    configured: &[PushService],
    now: DateTime<Utc>,
    zone: Tz,
) -> Admission {
    let end = |reason: &str| ended(NotificationStatus::NotSent, reason.to_owned());
    let Some(recipient) = recipient else { return end("the customer is gone") };
    if row.deadline <= now.naive_utc() {
        // A notification that was tried and is given up has failed, and says why.
        return match row.attempts {
            ..=1 => end("not timely any more"),
            _ => ended(NotificationStatus::Failed, given_up(row.reason.as_deref())),
        };
    }
    let preferences = &recipient.preferences;
    if !preferences.wants(&row.notification_type) {
        return end("opted out");
    }
    let quiet_until = preferences.quiet_until(now, recipient.zone.unwrap_or(zone));
    if let Some(until) = quiet_until.filter(|_| !row.is_urgent) {
        let is_timely_then = until.naive_utc() < row.deadline;
        return if is_timely_then { Admission::Not(Instead::Wait(until)) } else { end("quiet hours") };
    }
    let Some(device) = recipient.devices.iter().find(|device| device.id == row.device()) else {
        return end("no active token");
    };
    // An event goes the device's best way; what an operator sent goes each way by itself.
    let way = match row.event().is_some() {
        true => device.way(configured),
        false => device.way_by(service, configured).map(|()| service),
    };
    match way {
        Err(no_way) if no_way.is_failure() => ended(NotificationStatus::Failed, no_way.reason()),
        Err(no_way) => end(&no_way.reason()),
        Ok(other) if other != service => Admission::Not(Instead::Through(other)),
        Ok(_) => device.token(service).cloned().map_or_else(|| end("no active token"), Admission::Send),
    }
}

fn ended(status: NotificationStatus, reason: String) -> Admission {
    Admission::Not(Instead::End(status, reason))
}

fn given_up(reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("given up: {reason}"),
        None => "given up".to_owned(),
    }
}

/// The settlement of what was not sent, or not yet.
pub fn without_sending(row: &NotificationRow, service: PushService, instead: Instead) -> AttemptOutcome {
    let mut settled = open(row, service);
    // No attempt was made, so none is counted.
    settled.attempts = row.attempts - 1;
    match instead {
        Instead::Wait(until) => {
            settled.due_at = Some(until.naive_utc());
            settled.reason = Some("quiet hours".to_owned());
        }
        Instead::Later(at) => settled.due_at = Some(at.naive_utc()),
        // At once.
        Instead::Through(other) => (settled.service, settled.due_at) = (other, Some(row.created_at)),
        Instead::End(status, reason) => (settled.status, settled.reason) = (status, Some(reason)),
    }
    AttemptOutcome { settled, event: row.event(), dead: None }
}

/// An attempt in flight.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub row: &'a NotificationRow,
    pub service: PushService,
    pub began_at: DateTime<Utc>,
}

/// The other facts that decide about an answer.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    pub now: DateTime<Utc>,
    pub retrying: Retrying,
    /// After which the service says more of what it accepted; none where it does not.
    pub receipt_after: Option<TimeDelta>,
    /// Whether the service is believed when it calls a token dead.
    pub believes: bool,
    /// From 0 to 1.
    pub chance: f64,
}

/// The fate of a notification after this answer.
pub fn verdict(attempt: Attempt<'_>, answer: &Answer, around: Circumstances) -> AttemptOutcome {
    let Attempt { row, service, began_at } = attempt;
    let mut settled = open(row, service);
    let now = around.now.naive_utc();
    let mut dead = None;
    match answer {
        Answer::Accepted { id } => {
            settled.status = NotificationStatus::Sent;
            settled.reason = None;
            settled.provider_message_id = Some(id.clone());
            settled.sent_at = Some(now);
            settled.accept_ms = Some((now - row.created_at).num_milliseconds().max(0));
            settled.receipt_due_at = around.receipt_after.map(|after| now + after);
        }
        Answer::Unregistered { since } => {
            settled.status = NotificationStatus::Failed;
            settled.reason = Some("unregistered".to_owned());
            let registered_by = since.unwrap_or(began_at).naive_utc();
            let tried_at = began_at.naive_utc();
            let is_believed = around.believes;
            dead = Some(Dead { device: row.device(), registered_by, tried_at, is_believed });
        }
        Answer::Rejected { reason } => {
            (settled.status, settled.reason) = (NotificationStatus::Failed, Some(reason.to_string()));
        }
        Answer::Retry { reason, after, sent, .. } => {
            let pause = around.retrying.pause(row.attempts, around.chance).max(after.unwrap_or_default());
            let lost = if *sent == Arrival::Maybe { " (it may have arrived)" } else { "" };
            again(&mut settled, row, around.now, pause, format!("{reason}{lost}"));
        }
        Answer::Misconfigured { reason, scope } => {
            let reason = misconfigured(reason);
            // The sender of a notification by hand waits for an answer, while an event may wait for an operator.
            match row.event().is_some() && *scope == Scope::Service {
                true => again(&mut settled, row, around.now, MISCONFIGURED_PAUSE, reason),
                false => (settled.status, settled.reason) = (NotificationStatus::Failed, Some(reason)),
            }
        }
    }
    AttemptOutcome { settled, event: row.event(), dead }
}

/// How the history says that an operator has to act.
pub fn misconfigured(reason: &str) -> String {
    format!("misconfigured: {reason}")
}

/// As it is after an attempt that decided nothing yet.
fn open(row: &NotificationRow, service: PushService) -> Settled {
    Settled {
        id: row.id,
        attempt: row.attempts,
        attempts: row.attempts,
        status: NotificationStatus::Pending,
        reason: row.reason.clone(),
        service,
        due_at: None,
        deadline: row.deadline,
        provider_message_id: None,
        receipt_due_at: None,
        sent_at: None,
        accept_ms: None,
    }
}

/// Due again after a pause, or given up where it would not be timely then.
fn again(settled: &mut Settled, row: &NotificationRow, now: DateTime<Utc>, pause: Duration, reason: String) {
    if row.attempts <= 1 {
        settled.deadline = row.deadline.min((now + RETRIED_FOR).naive_utc());
    }
    let pause = TimeDelta::from_std(pause).unwrap_or(RETRIED_FOR);
    let due_at = (now + pause).naive_utc();
    if due_at >= settled.deadline {
        (settled.status, settled.reason) = (NotificationStatus::Failed, Some(given_up(Some(&reason))));
        return;
    }
    (settled.due_at, settled.reason) = (Some(due_at), Some(reason));
}

/// A receipt's verdict on an accepted notification; `None` is a receipt that could not be fetched.
pub fn receipted(due: &ReceiptDue, receipt: &Receipt, now: DateTime<Utc>, believes: bool) -> Receipted {
    let again = (now + RECEIPT_AGAIN).naive_utc();
    let is_kept = again < due.sent_at + RECEIPTS_KEPT_FOR;
    match receipt {
        Receipt::Known(Answer::Accepted { .. }) => Receipted::Delivered,
        Receipt::Known(Answer::Unregistered { since }) => {
            let registered_by = since.map_or(due.sent_at, |since| since.naive_utc());
            Receipted::Unregistered(Dead {
                // The row says which.
                device: DeviceId::NONE,
                registered_by,
                tried_at: due.sent_at,
                is_believed: believes,
            })
        }
        Receipt::Known(Answer::Rejected { reason } | Answer::Retry { reason, .. }) => {
            Receipted::Failed(reason.to_string())
        }
        Receipt::Known(Answer::Misconfigured { reason, .. }) => Receipted::Failed(misconfigured(reason)),
        Receipt::Unknown => Receipted::Open(is_kept.then_some(again)),
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
