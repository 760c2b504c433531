//! Searches for rides' drivers, and the offers that they make. `matching::search` decides whom to ask and when; the
//! decisions are made durable here, each effect on the condition that its rows have not changed.
//!
//! Invariant: a search and its offers are changed only with the ride's row locked, and the driver of an offer that ends
//! without their own doing hears of it by an event of the same transaction.

use crate::domain::announcement::{Announcement, OpenedSearch, SearchNews};
use crate::domain::candidate::{Look, PassedOver};
use crate::domain::driver::Wants;
use crate::domain::event::{EventBody, RideOffer};
use crate::domain::ids::{AccountId, DriverId, JobId, SearchId};
use crate::domain::job::{JobStatus, Move, MoveOutcome as Moved, transition};
use crate::domain::offer::{Offer, OfferOutcome};
use crate::domain::offer_detail::OfferDetail;
use crate::domain::open_search::{End, OpenSearch, SearchRow};
use crate::domain::ride::{ANY_VEHICLE, CancelCode, CancelledBy, Unavailable, takes};
use crate::domain::search_policy::Patience;
use crate::domain::story::What;
use crate::operations::error::Error;
use crate::operations::jobs;
use crate::store::{
    Account, Conn, JobChange, NewCandidate, NewOffer, NewSearch, Ride, SearchRecord, StoreError, Tx, sql,
};
use chrono::{DateTime, TimeDelta, Utc};

/// How long a ride is searched for again that was never searched for: one that was taken before there were searches.
const SPAN_OF_OLD: TimeDelta = TimeDelta::seconds(120);

/// Ids read at a time.
const PAGE_JOBS: i64 = 1000;

/// The text for the passenger; the app may show its own for the code.
const NOBODY_FOUND: &str = "No drivers available nearby";

/// Begins to look for the ride's driver, for `span` at most.
pub(super) fn open(tx: &mut Tx<'_>, ride: &Ride, patience: Patience, span: TimeDelta) -> Result<(), Error> {
    let row = NewSearch {
        job_id: ride.job.id.0,
        patience: patience.as_str(),
        opened_at: tx.at(),
        deadline: tx.at() + span,
    };
    let search = sql!(tx, searches::insert(&row))?;
    jobs::note(tx, ride, What::Searched { found: None })?;
    if let Some(opened) = with_tried(tx.conn(), ride, &search)? {
        tx.announce(Announcement::Search(news_of(opened)));
    }
    Ok(())
}

/// Writes down a search that ended as soon as it began. It is announced to nobody.
pub(super) fn insert_ended(tx: &mut Tx<'_>, job: JobId, how: End) -> Result<SearchId, Error> {
    let at = tx.at();
    let patience = Patience::WhileAnybodyIsLeft.as_str();
    let row = NewSearch { job_id: job.0, patience, opened_at: at, deadline: at };
    let search = sql!(tx, searches::insert(&row))?;
    sql!(tx, searches::end(job, how.as_str(), at))?;
    Ok(search.id)
}

/// The listener reads a ride that was searched for before from the store, since any number of drivers may have been
/// asked.
fn news_of(search: OpenSearch) -> SearchNews {
    let OpenSearch { id, job, row, patience, pickup, vehicle_type, offers, refused } = search;
    if !offers.is_empty() || !refused.is_empty() {
        return SearchNews::Reopened(job);
    }
    let SearchRow { opened_at, deadline, .. } = row;
    SearchNews::Opened(OpenedSearch { id, job, patience, opened_at, deadline, pickup, vehicle_type })
}

/// Looks again for a driver of a ride that was given back, as patiently as before.
pub(super) fn reopen(tx: &mut Tx<'_>, ride: &Ride) -> Result<(), Error> {
    let before = sql!(tx, searches::newest_of(ride.job.id))?;
    let (patience, span) = before.map_or((Patience::UntilDeadline, SPAN_OF_OLD), |search| {
        (search.patience, search.deadline - search.opened_at)
    });
    open(tx, ride, patience, span)
}

/// Begins to look for drivers of rides that were asked for in advance and are due. Returns how many; `limit` at most.
pub fn open_due(tx: &mut Tx<'_>, limit: i64) -> Result<usize, Error> {
    let now = tx.at();
    let due = sql!(tx, searches::due_rides(now, limit))?;
    let mut opened = 0;
    for ride in due {
        // The passenger may have cancelled a moment ago.
        let locked = sql!(tx, rides::lock(ride.job.id))?;
        let Some(ride) = locked.filter(|ride| ride.job.status == JobStatus::Requested) else { continue };
        if sql!(tx, searches::open_of(ride.job.id))?.is_none() {
            open(tx, &ride, Patience::UntilDeadline, tx.rules().search_span)?;
            opened += 1;
        }
    }
    Ok(opened)
}

/// Whether a ride is due that was asked for in advance and is not searched for yet.
pub fn any_due(conn: &mut Conn<'_>, now: DateTime<Utc>) -> Result<bool, StoreError> {
    Ok(!sql!(conn, searches::due_rides(now.naive_utc(), 1))?.is_empty())
}

/// The jobs that are searched for.
pub fn open_jobs(conn: &mut Conn<'_>) -> Result<Vec<JobId>, StoreError> {
    let mut found: Vec<JobId> = Vec::new();
    loop {
        let after = found.last().copied().unwrap_or(JobId(0));
        let page = sql!(conn, searches::open_jobs(after, PAGE_JOBS))?;
        let is_last = (page.len() as i64) < PAGE_JOBS;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
}

/// Those of these jobs' searches that go on.
pub fn find_among(conn: &mut Conn<'_>, jobs: &[JobId]) -> Result<Vec<OpenSearch>, StoreError> {
    let found: Result<Vec<_>, _> = jobs.iter().map(|job| find(conn, *job)).collect();
    Ok(found?.into_iter().flatten().collect())
}

/// The search that goes on for a ride, with all that was tried.
fn find(conn: &mut Conn<'_>, job: JobId) -> Result<Option<OpenSearch>, StoreError> {
    let Some(ride) = sql!(conn, rides::find(job))? else { return Ok(None) };
    match sql!(conn, searches::open_of(job))? {
        Some(search) => with_tried(conn, &ride, &search),
        None => Ok(None),
    }
}

/// A search with all that was tried; `None` for a ride without a place to search around.
fn with_tried(
    conn: &mut Conn<'_>,
    ride: &Ride,
    row: &SearchRecord,
) -> Result<Option<OpenSearch>, StoreError> {
    let job = &ride.job;
    let Some(pickup) = job.pickup() else { return Ok(None) };
    let offers = sql!(conn, offers::of_job(job.id))?;
    let refused = sql!(conn, jobs::declined_by(job.id))?;
    let wanted = ride.ride_type.as_deref().filter(|wanted| !wanted.eq_ignore_ascii_case(ANY_VEHICLE));
    Ok(Some(OpenSearch {
        id: row.id,
        job: job.id,
        patience: row.patience,
        row: SearchRow::from(row),
        pickup,
        vehicle_type: wanted.map(str::to_owned),
        offers: offers
            .into_iter()
            .map(|(_, offer, confirmed_at)| Offer {
                confirmed_at: confirmed_at.map(|at| at.and_utc()),
                ..Offer::from(offer)
            })
            .collect(),
        refused: refused.into_iter().map(DriverId).collect(),
    }))
}

/// Offers the ride to drivers until `expires_at`, and returns those who were told of it: a driver may have gone offline, or
/// have let the ride pass, since they were found.
pub fn offer(
    tx: &mut Tx<'_>,
    job: JobId,
    drivers: &[DriverId],
    expires_at: DateTime<Utc>,
) -> Result<Vec<DriverId>, Error> {
    let detail = tx.rules().offer_detail;
    let Some((ride, search)) = lock_searched(tx, job)? else { return Ok(Vec::new()) };
    let Some(body) = proposal(tx.conn(), &ride, expires_at, detail)? else { return Ok(Vec::new()) };
    let refused = sql!(tx, jobs::declined_by(job))?;
    let mut told = Vec::with_capacity(drivers.len());
    for &driver in drivers {
        let Some((row, account)) = sql!(tx, drivers::find(driver))? else { continue };
        let is_fit = row.is_verified && row.wants == Wants::Online && !account.is_suspended;
        if !is_fit || refused.contains(&driver.0) || !takes_vehicle(&ride, &row.vehicle_type) {
            continue;
        }
        let new = NewOffer {
            job_id: job.0,
            driver_id: driver.0,
            search_id: search.id.0,
            account_id: account.id.0,
            offered_at: tx.at(),
            expires_at: expires_at.naive_utc(),
            ended_at: None,
            outcome: None,
        };
        if sql!(tx, offers::insert(&new))? == 1 {
            tx.record(account.id, Some(job), body.clone());
            told.push(driver);
        }
    }
    if !told.is_empty() {
        jobs::note(tx, &ride, What::Offered(told.clone()))?;
    }
    Ok(told)
}

/// Ends a driver's offer and tells them why, unless it has ended already.
pub fn close_offer(tx: &mut Tx<'_>, job: JobId, driver: DriverId, reason: Unavailable) -> Result<(), Error> {
    let Some(ride) = sql!(tx, rides::lock(job))? else { return Ok(()) };
    match sql!(tx, offers::find(job, driver))? {
        Some(offer) if offer.outcome.is_none() => close(tx, &ride, driver, offer.account_id, reason),
        Some(_) | None => Ok(()),
    }
}

/// Remembers how many times the radius of a search grew.
pub fn widen(tx: &mut Tx<'_>, job: JobId, step: usize) -> Result<(), Error> {
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    sql!(tx, searches::widen(job, step))?;
    Ok(())
}

/// Ends a search that has found nobody, and the ride with it. Nothing happens where the ride was taken or cancelled.
pub fn give_up(tx: &mut Tx<'_>, job: JobId) -> Result<(), Error> {
    let Some((ride, _)) = lock_searched(tx, job)? else { return Ok(()) };
    let Moved::Moves(to) = transition(ride.job.kind, ride.job.status, Move::GiveUp) else { return Ok(()) };
    let ended = jobs::advance(tx, &ride, to, &JobChange::default())?;
    end(tx, &ride, End::NoDrivers)?;
    let body = EventBody::RideCancelled {
        ride_id: ride.ride_id,
        cancelled_by: CancelledBy::System,
        reason: NOBODY_FOUND.to_owned(),
        code: Some(CancelCode::NoDrivers),
    };
    jobs::tell_customer(tx, &ended, body)
}

/// Notes whom searches looked at. No two may be the same driver for the same search.
pub fn note(tx: &mut Tx<'_>, looks: &[Look]) -> Result<(), StoreError> {
    let row = |look: &Look| NewCandidate {
        search_id: look.search.0,
        driver_id: look.considered.driver.0,
        distance_m: look.considered.distance_m,
        position_age_secs: look.considered.position_age_secs,
        passed_over: look.considered.passed_over.map(PassedOver::as_str),
        looked_at: look.at.naive_utc(),
    };
    let rows: Vec<NewCandidate> = looks.iter().map(row).collect();
    sql!(tx, bulk::note_candidates(&rows))?;
    Ok(())
}

/// Ends the search for a ride, if one goes on, and the open offers of all but the winner.
pub(super) fn end(tx: &mut Tx<'_>, ride: &Ride, how: End) -> Result<(), Error> {
    let (job, at) = (ride.job.id, tx.at());
    let (news, reason, winner) = match how {
        End::Assigned(driver) => {
            (Some(SearchNews::Assigned { job, driver }), Unavailable::Taken, Some(driver))
        }
        End::Cancelled => (Some(SearchNews::Cancelled(job)), Unavailable::Cancelled, None),
        // A caller who gives a search up knows that.
        End::NoDrivers => (None, Unavailable::Expired, None),
    };
    sql!(tx, searches::end(job, how.as_str(), at))?;
    for offer in sql!(tx, offers::open_of(job))? {
        if winner == Some(offer.driver_id) {
            let accepted = OfferOutcome::Accepted.as_str();
            sql!(tx, offers::end(job, offer.driver_id, accepted, at))?;
        } else {
            close(tx, ride, offer.driver_id, offer.account_id, reason)?;
        }
    }
    if let Some(news) = news {
        tx.announce(Announcement::Search(news));
    }
    Ok(())
}

/// The proposal that a driver who was bound without being asked hears first, so that their app knows the ride.
pub(super) fn record_claim(
    tx: &mut Tx<'_>,
    ride: &Ride,
    search: &SearchRecord,
    account: &Account,
    driver: DriverId,
) -> Result<(), Error> {
    let (job, at) = (ride.job.id, tx.at());
    let new = NewOffer {
        job_id: job.0,
        driver_id: driver.0,
        search_id: search.id.0,
        account_id: account.id.0,
        offered_at: at,
        expires_at: search.deadline,
        ended_at: Some(at),
        outcome: Some(OfferOutcome::Accepted.as_str()),
    };
    sql!(tx, offers::insert(&new))?;
    if let Some(body) = proposal(tx.conn(), ride, search.deadline.and_utc(), OfferDetail::Full)? {
        tx.record(account.id, Some(job), body);
    }
    Ok(())
}

/// The ride and its search, where one goes on. Locks the ride's row.
pub(super) fn lock_searched(tx: &mut Tx<'_>, job: JobId) -> Result<Option<(Ride, SearchRecord)>, StoreError> {
    let ride = sql!(tx, rides::lock(job))?;
    let Some(ride) = ride.filter(|ride| ride.job.status == JobStatus::Requested) else { return Ok(None) };
    Ok(sql!(tx, searches::open_of(job))?.map(|search| (ride, search)))
}

pub(super) fn takes_vehicle(ride: &Ride, vehicle_type: &str) -> bool {
    takes(ride.ride_type.as_deref().unwrap_or(ANY_VEHICLE), vehicle_type)
}

fn close(
    tx: &mut Tx<'_>,
    ride: &Ride,
    driver: DriverId,
    account: AccountId,
    reason: Unavailable,
) -> Result<(), Error> {
    let (job, at) = (ride.job.id, tx.at());
    if sql!(tx, offers::end(job, driver, OfferOutcome::Closed(reason).as_str(), at))? == 1 {
        let body = EventBody::RideUnavailable { ride_id: ride.ride_id.clone(), reason };
        tx.record(account, Some(job), body);
    }
    Ok(())
}

/// The details that a driver gets to accept or decline a ride.
fn proposal(
    conn: &mut Conn<'_>,
    ride: &Ride,
    expires_at: DateTime<Utc>,
    detail: OfferDetail,
) -> Result<Option<EventBody>, StoreError> {
    let job = &ride.job;
    let Some(pickup) = job.pickup() else { return Ok(None) };
    let passenger = match job.customer_id {
        Some(customer) => sql!(conn, customers::find(customer))?.map(|(_, account)| account),
        None => None,
    };
    Ok(Some(EventBody::RideRequested(RideOffer {
        ride_id: ride.ride_id.clone(),
        passenger: detail.passenger(passenger.map(|account| account.public_id).unwrap_or_default(), job.id),
        ride_type: ride.ride_type.clone().unwrap_or_else(|| ANY_VEHICLE.to_owned()),
        pickup,
        dropoff: detail.dropoff(job.dropoff().unwrap_or(pickup)),
        estimated_fare: ride.estimated_fare(),
        payment_method: job.payment.payment_method,
        expires_at,
    })))
}
