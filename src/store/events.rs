//! Reads an account's events for delivery: the range of its history, and pages of it.

use crate::domain::contact::NUMBER_KEPT;
use crate::domain::delivery::{Page, Read, Selection, Standing};
use crate::domain::event::{Event, EventBody};
use crate::domain::ids::{AccountId, EventId, JobId};
use crate::domain::offer::{Offer, OfferOutcome};
use crate::store::connection::Conn;
use crate::store::error::StoreError;
use crate::store::reads;
use crate::store::rows::EventRow;
use crate::store::sql;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;

/// Events read and sent at a time. About 15 KB on the wire: a slow reader has at most this and its socket's buffers.
const PAGE_EVENTS: i64 = 50;

/// The state of `account`'s history. Of its unconfirmed events at most the `newest_max` newest not older than
/// `age_max`, and those of open jobs, are to be replayed.
pub fn standing(
    conn: &mut Conn<'_>,
    account: AccountId,
    now: DateTime<Utc>,
    newest_max: u32,
    age_max: TimeDelta,
) -> Result<Standing, StoreError> {
    let newest = sql!(conn, accounts::last_event_id(account))?;
    let oldest = sql!(conn, events::oldest(account))?.unwrap_or(newest.next());
    let mut not_before = (now - age_max).naive_utc();
    if let Some(at) = sql!(conn, events::nth_newest_unconfirmed(account, i64::from(newest_max) - 1))? {
        not_before = not_before.max(at);
    }
    // Events before the first one to replay were left out, or were confirmed.
    let first = sql!(conn, events::unconfirmed_page(account, EventId::NONE, newest, not_before, 1))?;
    let unconfirmed_after = first.first().map_or(newest, |row| row.event_id.previous());
    let left_out = sql!(conn, events::any_left_out(account, newest, not_before))?;
    Ok(Standing { oldest, newest, unconfirmed_after, not_before: not_before.and_utc(), left_out })
}

/// The page that a session asked for. Offers that are over by `now` read so, and a ride's acceptance says whom to call to the
/// driver who has it still, and the driver's number to the passenger while that is theirs to see.
pub fn page_of(
    conn: &mut Conn<'_>,
    account: AccountId,
    read: Read,
    now: DateTime<Utc>,
) -> Result<Page, StoreError> {
    // One more than a page tells whether it is the last.
    let limit = PAGE_EVENTS + 1;
    let mut rows = match read.selection {
        Selection::Everything => sql!(conn, events::page(account, read.after, read.up_to, limit))?,
        Selection::Unconfirmed { not_before } => {
            let not_before = not_before.naive_utc();
            sql!(conn, events::unconfirmed_page(account, read.after, read.up_to, not_before, limit))?
        }
    };
    let complete = rows.len() < limit as usize;
    rows.truncate(PAGE_EVENTS as usize);
    let mut events = Vec::with_capacity(rows.len());
    let external_ids = external_ids(conn, &rows)?;
    for row in rows {
        let external_id = row.job_id.and_then(|job| external_ids.get(&job).cloned());
        events.push(as_it_is_now(conn, event(row, external_id)?, now)?);
    }
    Ok(Page { read, events, complete })
}

fn as_it_is_now(conn: &mut Conn<'_>, event: Event, now: DateTime<Utc>) -> Result<Event, StoreError> {
    match (&event.body, event.job) {
        (EventBody::RideRequested(_), Some(job)) => offer_as_it_is(conn, event, job, now),
        (EventBody::RideAccepted(_), Some(job)) => {
            let driver = sql!(conn, drivers::by_account(event.account))?;
            let contact = match driver {
                Some(driver) => reads::contact(conn, job, driver.id)?,
                None => return without_number(conn, event, job, now),
            };
            Ok(Event { contact: contact.map(Box::new), ..event })
        }
        _ => Ok(event),
    }
}

/// To the passenger, the number of a driver who has the ride no longer, or had it until some time ago, is not said again.
fn without_number(
    conn: &mut Conn<'_>,
    event: Event,
    job: JobId,
    now: DateTime<Utc>,
) -> Result<Event, StoreError> {
    let EventBody::RideAccepted(assignment) = &event.body else { return Ok(event) };
    let job = sql!(conn, jobs::find(job))?.filter(|job| job.driver_id == Some(assignment.driver.id));
    if job.is_some_and(|job| job.status.is_held() || job.ended_after(now - NUMBER_KEPT)) {
        return Ok(event);
    }
    let mut assignment = assignment.clone();
    assignment.driver.phone = None;
    Ok(Event { body: EventBody::RideAccepted(assignment), ..event })
}

fn offer_as_it_is(
    conn: &mut Conn<'_>,
    event: Event,
    job: JobId,
    now: DateTime<Utc>,
) -> Result<Event, StoreError> {
    let Some(offer) = sql!(conn, offers::of_account(job, event.account))?.map(Offer::from) else {
        return Ok(event);
    };
    let is_given_back =
        offer.outcome == Some(OfferOutcome::Accepted) && reads::has_declined(conn, job, offer.driver)?;
    Ok(match offer.replayed_as(now, is_given_back) {
        Some(reason) => Event { body: event.body.with_offer_closed(reason), ..event },
        None => event,
    })
}

/// The newest id of each account that has events made within [`since`, `until`).
pub fn newest_events(
    conn: &mut Conn<'_>,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<(AccountId, EventId)>, StoreError> {
    sql!(conn, events::newest_within(since.naive_utc(), until.naive_utc()))
}

/// By the jobs that these events are of.
fn external_ids(conn: &mut Conn<'_>, rows: &[EventRow]) -> Result<HashMap<JobId, String>, StoreError> {
    let jobs: Vec<i64> = rows.iter().filter_map(|row| row.job_id).map(i64::from).collect();
    match jobs.is_empty() {
        true => Ok(HashMap::new()),
        false => Ok(sql!(conn, jobs::external_ids(&jobs))?.into_iter().collect()),
    }
}

fn event(row: EventRow, external_id: Option<String>) -> Result<Event, StoreError> {
    let body = serde_json::from_str(&row.body).map_err(|source| StoreError::UnreadableEvent {
        account_id: row.account_id.0,
        event_id: row.event_id.0,
        source,
    })?;
    Ok(Event {
        account: row.account_id,
        id: row.event_id,
        job: row.job_id,
        created_at: row.created_at.and_utc(),
        pushed: row.pushed_at.is_some(),
        external_id,
        body,
        contact: None,
    })
}
