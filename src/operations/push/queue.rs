//! The queue's entrance: events that nobody has confirmed, and notifications from operators. A notification is written
//! before it is sent.

use crate::domain::announcement::Announcement;
use crate::domain::audit::Subject;
use crate::domain::device::{Device, DeviceId, NoWay};
use crate::domain::event::EventBody;
use crate::domain::ids::{AccountId, CustomerId, EventId, JobId};
use crate::domain::job::JobKind;
use crate::domain::notification::{Content, NotificationStatus, Texts};
use crate::domain::push::{Priority, PushService};
use crate::operations::error::{Error, Refusal};
use crate::operations::push::devices::device_of;
use crate::store::{Conn, EventRow, NewNotification, StoreError, Tx, sql};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use std::sync::Arc;
use uuid::Uuid;

/// An event is due sooner than this, whatever the time to confirm it. One that is due later was made before the clock was set
/// back, and is due.
const DUE_WITHIN: TimeDelta = TimeDelta::minutes(2);

/// This server's texts, and the services with credentials.
#[derive(Clone, Debug)]
pub struct PushRules {
    pub texts: Arc<Texts>,
    pub configured: Arc<[PushService]>,
}

/// The result of a round of decisions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decided {
    pub events: usize,
    /// Notifications on their way.
    pub queued: usize,
    /// Those that have no way, each with its type and the reason, for the log of a server without credentials.
    pub not_sent: Vec<(CustomerId, String, String)>,
    pub next_due: Option<DateTime<Utc>>,
}

/// Decides of the events that are due longest, at most `limit`, whether they are pushed: each that no device has
/// confirmed gets one notification for each device of its customer.
pub fn decide(tx: &mut Tx<'_>, rules: &PushRules, limit: i64) -> Result<Decided, StoreError> {
    let now = tx.at();
    let mut due = sql!(tx, events::push_due(now, limit))?;
    let left = limit - due.len() as i64;
    if left > 0 {
        due.extend(sql!(tx, events::push_due_after(now + DUE_WITHIN, left))?);
    }
    let mut decided = Decided { events: due.len(), ..Decided::default() };
    for event in &due {
        let undecided = sql!(tx, events::decide_push(event.account_id, event.event_id))? > 0;
        if !undecided {
            sql!(tx, events::settle_push(event.account_id, event.event_id))?;
            continue;
        }
        queue_event(tx, event, rules, &mut decided)?;
    }
    if decided.queued > 0 {
        tx.announce(Announcement::PushQueued);
    }
    decided.next_due = next_decision(tx.conn(), now.and_utc())?;
    Ok(decided)
}

/// When the next event is to be decided.
pub fn next_decision(conn: &mut Conn<'_>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
    let next = sql!(conn, events::next_push_due())?.map(|at| at.and_utc());
    Ok(next.map(|at| if at - now > DUE_WITHIN { now } else { at }))
}

fn queue_event(
    tx: &mut Tx<'_>,
    event: &EventRow,
    rules: &PushRules,
    decided: &mut Decided,
) -> Result<(), StoreError> {
    // An event that this version can't read must not stop those behind it.
    let content = match serde_json::from_str::<EventBody>(&event.body) {
        Ok(body) => rules.texts.of(&body),
        Err(error) => {
            log::error!(
                "event can't be pushed account={} event={}: {error}",
                event.account_id,
                event.event_id
            );
            None
        }
    };
    let Some(mut content) = content else { return Ok(()) };
    if let Some(job) = event.job_id
        && let Some(external_id) = sql!(tx, jobs::external_id(job))?
    {
        content.data.insert("externalId".to_owned(), Value::String(external_id));
    }
    let Some(customer) = sql!(tx, customers::by_account(event.account_id))? else { return Ok(()) };
    let devices = sql!(tx, devices::active_of(&[customer.id.0]))?;
    let data = Value::Object(content.data.clone()).to_string();
    let of = Some((event.account_id, event.event_id));
    let entry = Entry { customer: customer.id, of, content: &content, data: &data, since: event.created_at };
    for device in devices.iter().map(device_of) {
        let way = device.way(&rules.configured);
        let inserted = insert(tx, Uuid::new_v4(), &entry, device.id, way_of(way))?;
        match way {
            Ok(_) => decided.queued += inserted,
            Err(no_way) => {
                decided.not_sent.push((customer.id, content.kind.clone(), no_way.reason()));
            }
        }
    }
    Ok(())
}

/// The common part of all notifications of one occasion.
struct Entry<'a> {
    customer: CustomerId,
    of: Option<(AccountId, EventId)>,
    content: &'a Content,
    data: &'a str,
    /// When it began to be of interest.
    since: NaiveDateTime,
}

/// Through whom, or with which outcome at once.
#[derive(Clone, Debug)]
enum Way {
    Through(PushService),
    Ended { service: Option<PushService>, status: NotificationStatus, reason: String },
}

fn way_of(way: Result<PushService, NoWay>) -> Way {
    match way {
        Ok(service) => Way::Through(service),
        Err(no_way) => ended(service_of(no_way), no_way),
    }
}

fn ended(service: Option<PushService>, no_way: NoWay) -> Way {
    let status = match no_way.is_failure() {
        true => NotificationStatus::Failed,
        false => NotificationStatus::NotSent,
    };
    Way::Ended { service, status, reason: no_way.reason() }
}

fn service_of(no_way: NoWay) -> Option<PushService> {
    match no_way {
        NoWay::NoToken => None,
        NoWay::NoCredentials(service) => Some(service),
        NoWay::NotExpos => Some(PushService::Expo),
    }
}

fn insert(
    tx: &mut Tx<'_>,
    public_id: Uuid,
    entry: &Entry<'_>,
    device: DeviceId,
    way: Way,
) -> Result<usize, StoreError> {
    let now = tx.at();
    let (service, status, reason, due_at) = match way {
        Way::Through(service) => (Some(service), NotificationStatus::Pending, None, Some(now)),
        Way::Ended { service, status, reason } => (service, status, Some(reason), None),
    };
    let content = entry.content;
    let row = NewNotification {
        public_id: public_id.to_string(),
        customer_id: entry.customer.0,
        account_id: entry.of.map(|(account, _)| account.0),
        event_id: entry.of.map(|(_, event)| event.0),
        device_id: device.0,
        provider: service.map(PushService::as_str),
        notification_type: &content.kind,
        title: &content.title,
        body: &content.body,
        data: entry.data,
        is_high_priority: content.priority == Priority::High,
        is_urgent: content.is_urgent,
        status: status.as_str(),
        reason,
        due_at,
        deadline: entry.since + content.timely_for,
        created_at: now,
    };
    sql!(tx, notifications::insert(&row))
}

/// A notification from an operator to a customer, by every token of every device.
#[derive(Clone, Debug)]
pub struct Direct {
    pub customer: CustomerId,
    pub content: Content,
    /// The ids of its notifications are this one, counted up in the last byte.
    pub group: Uuid,
}

/// One of its notifications as it was queued, or ended at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectRow {
    pub public_id: Uuid,
    pub service: Option<PushService>,
    pub status: NotificationStatus,
    pub reason: Option<String>,
}

/// Queues it. `out_of_order` are services through which nothing is sent until an operator acts, each with the reason,
/// which the waiting sender gets as the answer.
pub fn queue_direct(
    tx: &mut Tx<'_>,
    direct: &Direct,
    rules: &PushRules,
    out_of_order: &[(PushService, String)],
) -> Result<Vec<DirectRow>, Error> {
    let found = sql!(tx, customers::find(direct.customer))?;
    found.ok_or(Refusal::NotFound("customer"))?;
    tx.concerns(Subject::customer(direct.customer));
    let devices = sql!(tx, devices::active_of(&[direct.customer.0]))?;
    let devices: Vec<Device> = devices.iter().map(device_of).collect();
    let mut content = direct.content.clone();
    content.is_urgent = content.priority == Priority::High && is_of_job_under_way(tx, direct)?;
    let data = Value::Object(content.data.clone()).to_string();
    let entry = Entry { customer: direct.customer, of: None, content: &content, data: &data, since: tx.at() };
    let mut ways: Vec<(DeviceId, Way)> = Vec::new();
    for device in &devices {
        for (service, _) in &device.tokens {
            let broken = out_of_order.iter().find(|(of, _)| of == service);
            let way = match (device.way_by(*service, &rules.configured), broken) {
                (Err(no_way), _) => ended(Some(*service), no_way),
                (Ok(()), Some((service, reason))) => Way::Ended {
                    service: Some(*service),
                    status: NotificationStatus::Failed,
                    reason: reason.clone(),
                },
                (Ok(()), None) => Way::Through(*service),
            };
            ways.push((device.id, way));
        }
    }
    if ways.is_empty() {
        ways.push((DeviceId::NONE, ended(None, NoWay::NoToken)));
    }
    let mut rows = Vec::with_capacity(ways.len());
    for (index, (device, way)) in ways.into_iter().enumerate() {
        let public_id = Uuid::from_u128(direct.group.as_u128() + index as u128);
        insert(tx, public_id, &entry, device, way.clone())?;
        rows.push(match way {
            Way::Through(service) => DirectRow {
                public_id,
                service: Some(service),
                status: NotificationStatus::Pending,
                reason: None,
            },
            Way::Ended { service, status, reason } => {
                DirectRow { public_id, service, status, reason: Some(reason) }
            }
        });
    }
    tx.announce(Announcement::PushQueued);
    Ok(rows)
}

/// Whether its data names a booking of this customer that is not over: what happens at the door is heard at night, too.
fn is_of_job_under_way(tx: &mut Tx<'_>, direct: &Direct) -> Result<bool, StoreError> {
    let Some(id) = booking_of(&direct.content.data) else { return Ok(false) };
    let job = sql!(tx, jobs::find(id))?;
    Ok(job.is_some_and(|job| {
        job.kind == JobKind::Service && job.customer_id == Some(direct.customer) && job.status.is_held()
    }))
}

fn booking_of(data: &Map<String, Value>) -> Option<JobId> {
    let id = data.get("bookingId")?;
    id.as_i64().or_else(|| id.as_str()?.parse().ok()).map(JobId)
}
