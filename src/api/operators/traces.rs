//! Explanations for operators: `admin/jobs/{id}/trace` and `admin/drivers/{id}/why`.

use crate::actors::matcher::DriverView;
use crate::api::Context;
use crate::api::extract::Caller;
use crate::api::problem::Problem;
use crate::api::respond::{Answered, json};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::traces::{
    CandidateTrace, DriverWhy, EventTrace, JobTrace, KnownPosition, LookTrace, Reason, SearchTrace,
    StatusTrace,
};
use crate::domain::candidate::PassedOver;
use crate::domain::driver::DriverStatus;
use crate::domain::ids::{DriverId, JobId, SearchId};
use crate::domain::job::{JobKind, JobStatus};
use crate::domain::offer::OfferOutcome;
use crate::domain::open_search::End;
use crate::store::reads::{self, DriverStanding, TracedJob};
use crate::store::{self, CandidateRow, Job, OfferRow, SearchRecord};
use actix_web::web;
use chrono::{NaiveDateTime, TimeDelta};
use std::collections::HashMap;

/// Searches that `why` tells of.
const LOOKS_MAX: i64 = 20;
/// The event that says that a ride's driver is at the pickup.
const ARRIVAL: &str = "driver_arrived";

/// The outcome for the driver who was given an order by auto-assign.
const ASSIGNED: &str = End::ASSIGNED;

/// `GET admin/jobs/{id}/trace`.
pub async fn trace(ctx: web::Data<Context>, _: Caller, id: web::Path<i64>) -> Answered<JobTrace> {
    let id = JobId(id.into_inner());
    let traced = ctx.read(move |conn| reads::trace(conn, id)).await?;
    Ok(json(&shown(traced.ok_or_else(|| Problem::not_found("job"))?)))
}

fn shown(traced: TracedJob) -> JobTrace {
    let TracedJob { job, arrived_at, searches, candidates, offers, events, driver_external_ids } = traced;
    JobTrace {
        job_id: job.id,
        external_id: job.external_id.clone(),
        kind: job.kind.as_str(),
        status: job.status.as_str(),
        statuses: statuses(&job, arrived_at, &searches, &events),
        candidates: merge(&searches, candidates, offers)
            .into_iter()
            .map(|one| CandidateTrace {
                driver_external_id: driver_external_ids.get(&one.driver_id).cloned(),
                ..one
            })
            .collect(),
        searches: searches.into_iter().map(search).collect(),
        events: in_order(events)
            .into_iter()
            .map(|event| EventTrace {
                user_id: event.user_id,
                event_id: event.event_id,
                name: event.name,
                created_at: event.created_at.into(),
                sent_at: event.sent_at.map(Into::into),
                confirmed_at: event.confirmed_at.map(Into::into),
                confirmed_over: event.confirmed_over,
                processed_at: event.processed_at.map(Into::into),
                pushed_at: event.pushed_at.map(Into::into),
            })
            .collect(),
    }
}

/// An account's events are in the order of their numbers, whatever the clock was set to between two of them.
fn in_order(mut events: Vec<store::EventTrace>) -> Vec<store::EventTrace> {
    events.sort_by(|one, other| (&one.user_id, one.event_id).cmp(&(&other.user_id, other.event_id)));
    let mut latest: HashMap<String, NaiveDateTime> = HashMap::new();
    let mut timed: Vec<(NaiveDateTime, store::EventTrace)> = Vec::with_capacity(events.len());
    for event in events {
        let latest = latest.entry(event.user_id.clone()).or_insert(event.created_at);
        *latest = event.created_at.max(*latest);
        timed.push((*latest, event));
    }
    timed.sort_by_key(|(at, _)| *at);
    timed.into_iter().map(|(_, event)| event).collect()
}

fn search(row: SearchRecord) -> SearchTrace {
    SearchTrace {
        search_id: row.id,
        opened_at: row.opened_at.into(),
        deadline: row.deadline.into(),
        step: row.step,
        ended_at: row.ended_at.map(Into::into),
        ended_as: row.ended_as,
    }
}

/// Each driver whom a search looked at, with what became of the offer that it made.
fn merge(
    searches: &[SearchRecord],
    candidates: Vec<CandidateRow>,
    offers: Vec<(SearchId, OfferRow, Option<NaiveDateTime>)>,
) -> Vec<CandidateTrace> {
    let key = |search: SearchId, driver: DriverId| (search.0, driver.0);
    let mut offers: HashMap<_, _> = offers
        .into_iter()
        .map(|(search, offer, seen_at)| (key(search, offer.driver_id), (search, offer, seen_at)))
        .collect();
    let mut merged: Vec<CandidateTrace> = candidates
        .into_iter()
        .map(|row| {
            let offer = offers.remove(&key(row.search_id, row.driver_id));
            let mut trace = match offer {
                Some((search, offer, seen_at)) => offered(search, &offer, seen_at),
                None => looked_at(row.search_id, row.driver_id, row.passed_over),
            };
            let is_of = |search: &&SearchRecord| search.id == row.search_id;
            if is_assigned(&row, searches.iter().find(is_of)) {
                trace.outcome = ASSIGNED;
            }
            trace.distance_m = Some(row.distance_m);
            trace.position_age_secs = row.position_age_secs;
            trace
        })
        .collect();
    // Offers whose look was not recorded before the server ended.
    let mut left: Vec<_> = offers.into_values().collect();
    left.sort_by_key(|(search, offer, _)| key(*search, offer.driver_id));
    merged.extend(left.into_iter().map(|(search, offer, seen_at)| offered(search, &offer, seen_at)));
    merged
}

fn offered(search: SearchId, offer: &OfferRow, seen_at: Option<NaiveDateTime>) -> CandidateTrace {
    let is_answer = matches!(offer.outcome, Some(OfferOutcome::Accepted | OfferOutcome::Declined));
    CandidateTrace {
        outcome: outcome(None, Some(offer)),
        offered_at: Some(offer.offered_at.into()),
        seen_at: seen_at.map(Into::into),
        answered_at: offer.ended_at.filter(|_| is_answer).map(Into::into),
        ..looked_at(search, offer.driver_id, None)
    }
}

fn looked_at(search: SearchId, driver: DriverId, passed_over: Option<PassedOver>) -> CandidateTrace {
    CandidateTrace {
        search_id: search,
        driver_id: driver,
        driver_external_id: None,
        distance_m: None,
        position_age_secs: None,
        outcome: outcome(passed_over, None),
        offered_at: None,
        seen_at: None,
        answered_at: None,
    }
}

/// Whether the driver was given the order without being asked: auto-assign makes no offers.
fn is_assigned(row: &CandidateRow, search: Option<&SearchRecord>) -> bool {
    row.passed_over.is_none() && search.is_some_and(SearchRecord::assigned_at_once)
}

fn outcome(passed_over: Option<PassedOver>, offer: Option<&OfferRow>) -> &'static str {
    match (offer, passed_over) {
        (Some(offer), _) => offer.outcome.map_or("offered", OfferOutcome::as_str),
        (None, Some(reason)) => reason.as_str(),
        (None, None) => "not_bound",
    }
}

/// Every status that the job had. Its own row has the times of the driver who has it now; of a ride that was given back the
/// searches tell when it was taken before, and when it was looked for again.
fn statuses(
    job: &Job,
    arrived_at: Option<NaiveDateTime>,
    searches: &[SearchRecord],
    events: &[store::EventTrace],
) -> Vec<StatusTrace> {
    let own = [
        (JobStatus::Requested, Some(job.requested_at)),
        (JobStatus::Assigned, job.assigned_at),
        (JobStatus::EnRoute, job.set_out_at),
        (JobStatus::Arrived, arrived_at),
        (JobStatus::InProgress, job.started_at),
        (JobStatus::Completed, job.completed_at),
        (JobStatus::Cancelled, job.cancelled_at),
    ];
    // Times that go back are of a clock that was set; then there is the order in which a job goes through them.
    let is_by_time = own.iter().filter_map(|(_, at)| *at).is_sorted();
    // An order waits on whatever a search for its driver has led to, and its own row has who was found.
    let searches = if job.kind == JobKind::Ride { searches } else { &[] };
    let again = searches.iter().skip(1).map(|search| (JobStatus::Requested, search.opened_at));
    let ended = searches.iter().filter_map(|search| Some((led_to(search)?, search.ended_at?)));
    let arrivals = events.iter().filter(|event| event.name == ARRIVAL);
    let arrivals = arrivals.map(|event| (JobStatus::Arrived, event.created_at));
    let mut had: Vec<(JobStatus, NaiveDateTime)> = Vec::new();
    let own = own.into_iter().filter_map(|(status, at)| Some((status, at?)));
    for one in own.chain(again).chain(ended).chain(arrivals) {
        // Everything in one transaction has one time, wherever it is written.
        if !had.contains(&one) {
            had.push(one);
        }
    }
    if is_by_time {
        had.sort_by_key(|(_, at)| *at);
    }
    had.into_iter().map(|(status, at)| StatusTrace { status: status.as_str(), at: at.into() }).collect()
}

/// The status that the end of a search gave its ride. A cancellation writes its time into the job.
fn led_to(search: &SearchRecord) -> Option<JobStatus> {
    match search.ended_as.as_deref()? {
        End::ASSIGNED => Some(JobStatus::Assigned),
        "no_drivers" => Some(JobStatus::Unmatched),
        _ => None,
    }
}

/// `GET admin/drivers/{id}/why`.
pub async fn why(ctx: web::Data<Context>, _: Caller, id: web::Path<DriverId>) -> Answered<DriverWhy> {
    let id = id.into_inner();
    let read = ctx
        .read(move |conn| {
            let Some(standing) = reads::driver(conn, id)? else { return Ok(None) };
            let carrying = reads::carries(conn, id)?;
            Ok(Some((standing, carrying, reads::looks_at(conn, id, LOOKS_MAX)?)))
        })
        .await?;
    let (standing, is_carrying, looks) = read.ok_or_else(|| Problem::not_found("driver"))?;
    let gone = |_| Problem::new(ErrorCode::Unavailable, "The matcher is not running.");
    let known = ctx.matcher.explain(id).await.map_err(gone)?;
    let age_max = ctx.settings.recorder.position_age_max;
    let reasons =
        reasons(&ctx, &standing, is_carrying, &known, TimeDelta::from_std(age_max).unwrap_or(TimeDelta::MAX));
    let (driver, account, jobs) = standing;
    Ok(json(&DriverWhy {
        driver_id: id,
        external_id: driver.external_id,
        can_be_offered_rides: reasons.is_empty(),
        reasons,
        status: driver.status.as_str(),
        wants: driver.wants.as_str(),
        is_verified: driver.is_verified,
        suspended: account.is_suspended,
        connected: ctx.presence.is_connected(account.id),
        vehicle_type: driver.vehicle_type,
        position: known.position.map(|position| KnownPosition {
            latitude: position.latitude(),
            longitude: position.longitude(),
            age_secs: known.age_secs,
        }),
        position_not_believed: known.doubt.map(|verdict| Reason {
            code: verdict.as_str(),
            message: format!("The newest position was not believed: {verdict}."),
        }),
        open_offers: known.open_offers,
        jobs,
        looked_at: looks
            .into_iter()
            .map(|(row, search, offer)| LookTrace {
                job_id: search.job_id,
                search_id: row.search_id,
                at: row.looked_at.into(),
                distance_m: row.distance_m,
                position_age_secs: row.position_age_secs,
                outcome: match is_assigned(&row, Some(&search)) {
                    true => ASSIGNED,
                    false => outcome(row.passed_over, offer.as_ref()),
                },
            })
            .collect(),
    }))
}

fn reasons(
    ctx: &Context,
    (driver, account, _): &DriverStanding,
    is_carrying: bool,
    known: &DriverView,
    age_max: TimeDelta,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut against = |code: &'static str, message: String| reasons.push(Reason { code, message });
    if account.is_suspended {
        against(PassedOver::Suspended.as_str(), "The driver is suspended.".to_owned());
    }
    if !driver.is_verified {
        against(PassedOver::NotVerified.as_str(), "An operator has not verified the driver.".to_owned());
    }
    match driver.status {
        DriverStatus::Available => {}
        DriverStatus::Offline => against(PassedOver::Offline.as_str(), "The driver is offline.".to_owned()),
        DriverStatus::Busy => {
            let message =
                "The driver has paused, has a ride or a service, or holds as many deliveries as allowed.";
            against(PassedOver::Busy.as_str(), message.to_owned());
        }
    }
    if is_carrying {
        let message = "The driver holds deliveries, and gets no rides until they are delivered.";
        against(PassedOver::HoldsDeliveries.as_str(), message.to_owned());
    }
    match (known.position, known.age_secs) {
        (None, _) => against("no_position", "The driver's position is unknown.".to_owned()),
        (Some(_), Some(age_secs)) if age_secs > age_max.num_seconds() => {
            let message = format!(
                "The driver's position is {age_secs} s old; it may be at most {} s old.",
                age_max.num_seconds()
            );
            against(PassedOver::PositionTooOld.as_str(), message);
        }
        (Some(_), _) => {}
    }
    if let Some(verdict) = known.doubt {
        let message =
            format!("The driver may be elsewhere: the newest position was not believed, {verdict}.");
        against(PassedOver::PositionNotBelieved.as_str(), message);
    }
    if known.open_offers >= ctx.settings.matching.offers_per_driver_max.get() {
        let message = format!("The driver holds {} open offers.", known.open_offers);
        against(PassedOver::TooManyOffers.as_str(), message);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_auto_assign_passed_over_was_not_assigned() {
        let candidate = |driver, passed_over| CandidateRow {
            search_id: SearchId(1),
            driver_id: DriverId(driver),
            distance_m: 100.0,
            position_age_secs: None,
            passed_over,
            looked_at: at(0),
        };
        let outcomes = |search: SearchRecord| -> Vec<&'static str> {
            let candidates = vec![candidate(1, None), candidate(2, Some(PassedOver::Busy))];
            merge(&[search], candidates, Vec::new()).iter().map(|one| one.outcome).collect()
        };
        let of_a_ride = SearchRecord { id: SearchId(1), ..search_that(0, Some(("assigned", 5))) };
        let at_once = SearchRecord { deadline: of_a_ride.opened_at, ..of_a_ride.clone() };
        assert_eq!(outcomes(at_once), ["assigned", "busy"]);
        assert_eq!(outcomes(of_a_ride), ["not_bound", "busy"]);
    }

    #[test]
    fn an_offer_says_more_than_a_look_and_none_is_left_out() {
        let candidate = |driver, passed_over| CandidateRow {
            search_id: SearchId(1),
            driver_id: DriverId(driver),
            distance_m: 100.0 * driver as f64,
            position_age_secs: Some(3),
            passed_over,
            looked_at: at(0),
        };
        let offer = |driver, outcome: Option<OfferOutcome>| OfferRow {
            driver_id: DriverId(driver),
            account_id: crate::domain::ids::AccountId(driver),
            offered_at: at(1),
            expires_at: at(16),
            ended_at: outcome.map(|_| at(9)),
            outcome,
        };
        let merged = merge(
            &[],
            vec![
                candidate(1, None),
                candidate(2, Some(PassedOver::Busy)),
                candidate(3, None),
                candidate(4, None),
            ],
            vec![
                (SearchId(1), offer(1, Some(OfferOutcome::Accepted)), Some(at(2))),
                (SearchId(1), offer(3, None), None),
                (SearchId(2), offer(1, Some(OfferOutcome::Declined)), None),
            ],
        );
        let outcomes: Vec<_> = merged
            .iter()
            .map(|one| (one.search_id.0, one.driver_id.0, one.outcome, one.answered_at.is_some()))
            .collect();
        assert_eq!(
            outcomes,
            [
                (1, 1, "accepted", true),
                (1, 2, "busy", false),
                (1, 3, "offered", false),
                (1, 4, "not_bound", false),
                (2, 1, "declined", true),
            ]
        );
        assert!(merged[0].seen_at.is_some() && merged[2].seen_at.is_none());
        assert_eq!((merged[0].distance_m, merged[4].distance_m), (Some(100.0), None));
    }

    fn at(secs: i64) -> NaiveDateTime {
        chrono::DateTime::from_timestamp(secs, 0).expect("a time").naive_utc()
    }

    fn ride(status: JobStatus) -> Job {
        Job {
            id: JobId(1),
            kind: crate::domain::job::JobKind::Ride,
            status,
            customer_id: None,
            driver_id: None,
            restaurant_name: String::new(),
            pickup_address: String::new(),
            pickup_latitude: None,
            pickup_longitude: None,
            dropoff_address: String::new(),
            dropoff_latitude: None,
            dropoff_longitude: None,
            earnings_minor: 0,
            distance_km: 0.0,
            requested_at: at(0),
            assigned_at: None,
            set_out_at: None,
            started_at: None,
            completed_at: None,
            cancelled_at: None,
            cancelled_by: None,
            cancel_reason: None,
            rejected_by: None,
            payment: crate::store::Payment {
                currency: None,
                amount_minor: None,
                payment_method: None,
                payment_status: crate::domain::payment::PaymentStatus::Pending,
                payment_reference: None,
                paid_at: None,
            },
            external_id: None,
        }
    }

    fn search_that(opened: i64, ended: Option<(&str, i64)>) -> SearchRecord {
        SearchRecord {
            id: SearchId(opened),
            job_id: JobId(1),
            patience: crate::domain::search_policy::Patience::UntilDeadline,
            opened_at: at(opened),
            deadline: at(opened + 120),
            step: 0,
            ended_at: ended.map(|(_, secs)| at(secs)),
            ended_as: ended.map(|(how, _)| how.to_owned()),
        }
    }

    fn arrival(secs: i64) -> store::EventTrace {
        store::EventTrace {
            user_id: String::new(),
            event_id: crate::domain::ids::EventId(1),
            name: ARRIVAL.to_owned(),
            created_at: at(secs),
            sent_at: None,
            confirmed_at: None,
            confirmed_over: None,
            processed_at: None,
            pushed_at: None,
        }
    }

    fn words(statuses: &[StatusTrace]) -> Vec<&'static str> {
        statuses.iter().map(|one| one.status).collect()
    }

    /// The clock was set an hour back between the second of one account and the third.
    #[test]
    fn an_accounts_events_keep_their_order_whatever_the_clock_was_set_to() {
        let event = |user: &str, id, secs| store::EventTrace {
            user_id: user.to_owned(),
            event_id: crate::domain::ids::EventId(id),
            ..arrival(secs)
        };
        let (passenger, driver) = ("a", "b");
        let happened = [(passenger, 1, 0), (driver, 9, 1), (passenger, 2, 2), (passenger, 3, -3_590)];
        let mut read: Vec<_> = happened.iter().map(|(user, id, secs)| event(user, *id, *secs)).collect();
        read.sort_by_key(|event| event.created_at);
        let shown: Vec<_> =
            in_order(read).into_iter().map(|event| (event.user_id, event.event_id.0)).collect();
        assert_eq!(shown, happened.map(|(user, id, _)| (user.to_owned(), id)));
        let job = Job {
            assigned_at: Some(at(5)),
            started_at: Some(at(-3_000)),
            completed_at: Some(at(-2_000)),
            ..ride(JobStatus::Completed)
        };
        let had = statuses(&job, Some(at(-3_000)), &[search_that(0, Some(("assigned", 5)))], &[]);
        assert_eq!(words(&had), ["requested", "assigned", "arrived", "in_progress", "completed"]);
    }

    #[test]
    fn a_job_of_every_kind_has_its_times_in_order() {
        let job = Job {
            assigned_at: Some(at(1)),
            started_at: Some(at(2)),
            completed_at: Some(at(4)),
            ..ride(JobStatus::Completed)
        };
        // A driver who starts without reporting arrival has arrived at that time.
        let had = statuses(&job, Some(at(2)), &[search_that(0, Some(("assigned", 1)))], &[]);
        assert_eq!(words(&had), ["requested", "assigned", "arrived", "in_progress", "completed"]);
    }

    #[test]
    fn a_ride_that_was_given_back_keeps_what_it_went_through() {
        let searches = [
            search_that(0, Some(("assigned", 1))),
            search_that(3, Some(("assigned", 5))),
            search_that(7, None),
        ];
        // The passenger's event and the driver's.
        let events = [arrival(2), arrival(2), arrival(6)];
        let had = statuses(&ride(JobStatus::Requested), None, &searches, &events);
        let expected = ["requested", "assigned", "arrived", "requested", "assigned", "arrived", "requested"];
        assert_eq!(words(&had), expected);
        let again = Job { assigned_at: Some(at(5)), ..ride(JobStatus::Arrived) };
        let had = statuses(&again, Some(at(6)), &searches[..2], &events);
        assert_eq!(words(&had), expected[..6]);
    }

    #[test]
    fn the_end_of_a_search_that_found_nobody_is_a_status_and_a_cancelled_one_is_told_once() {
        let had =
            statuses(&ride(JobStatus::Unmatched), None, &[search_that(0, Some(("no_drivers", 120)))], &[]);
        assert_eq!(words(&had), ["requested", "unmatched"]);
        let job = Job { cancelled_at: Some(at(9)), ..ride(JobStatus::Cancelled) };
        let had = statuses(&job, None, &[search_that(0, Some(("cancelled", 9)))], &[]);
        assert_eq!(words(&had), ["requested", "cancelled"]);
    }
}
