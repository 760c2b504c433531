//! Rides by REST, for passengers, drivers and operators. `operations::rides` decides what a ride may become.

use crate::actors::driven::driven_m;
use crate::actors::recorder::Full;
use crate::api::description::Description;
use crate::api::extract::{Caller, DriverCaller, PassengerCaller, forbidden};
use crate::api::fields::Fields;
use crate::api::input::{Body, Once};
use crate::api::operators::id_cursor;
use crate::api::problem::Problem;
use crate::api::request::{Asked, Described, Request, Sent};
use crate::api::respond::{Answered, CREATED, OK, decide, decide_and_add, json, page, page_limit};
use crate::api::{Context, rules};
use crate::config::FinalFare;
use crate::contracts::contact::PassengerContact;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::operators::{Page, RideItem};
use crate::contracts::ride_rest::{self, POSITIONS_MAX, Positions, PositionsTaken, Rejected, Ride};
use crate::domain::external_id::ExternalId;
use crate::domain::ids::{DriverId, JobId};
use crate::domain::job::JobStatus;
use crate::domain::payment::Terms;
use crate::domain::ride::{RideId, RideStep, Stars};
use crate::domain::search_policy::Patience;
use crate::operations::authentication::Principal;
use crate::operations::payments;
use crate::operations::rides::{self, Canceller, RideRequest as NewJob, Viewer};
use crate::presenters::{self, Sight};
use crate::store::reads::{self, RideStanding, RidesOf};
use crate::store::{Conn, StoreError, Tx};
use actix_web::web;
use serde::Serialize;
use serde_json::json;
use std::time::Instant;

/// A ride's statuses as lists are filtered by them.
const STATUSES: [(&str, &[JobStatus]); 7] = [
    ("requested", &[JobStatus::Requested]),
    ("accepted", &[JobStatus::Assigned, JobStatus::EnRoute]),
    ("arrived", &[JobStatus::Arrived]),
    ("started", &[JobStatus::InProgress]),
    ("completed", &[JobStatus::Completed]),
    ("cancelled", &[JobStatus::Cancelled]),
    ("no_drivers", &[JobStatus::Unmatched]),
];

/// `POST rides`: a passenger asks for one.
pub async fn create(
    ctx: web::Data<Context>,
    caller: PassengerCaller,
    once: Once,
    body: Sent<NewRide>,
) -> Answered<Ride, 201> {
    let NewRide(request) = body.read()?;
    ctx.account_limits.job(caller.principal.account, Instant::now()).map_err(Problem::limited)?;
    let passenger = caller.customer;
    let key = once.key(&ctx, &caller.principal, &body);
    let sight = kept(&ctx, Viewer::Passenger(passenger));
    let create = move |tx: &mut Tx<'_>| Ok(presenters::ride(sight, rides::request(tx, passenger, &request)?));
    decide(&ctx, key, CREATED, create).await
}

/// The input of `POST rides`.
#[derive(Debug)]
pub struct NewRide(NewJob);

impl Request for NewRide {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.refuse_ours(&["ride_id"]);
        let ride_type = fields.required("ride_type", rules::name());
        fields.require(&["pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude"]);
        let pickup = fields.position("pickup_latitude", "pickup_longitude");
        let dropoff = fields.position("dropoff_latitude", "dropoff_longitude");
        let pickup_address = fields.optional("pickup_address", rules::ride_address()).unwrap_or_default();
        let dropoff_address = fields.optional("dropoff_address", rules::ride_address()).unwrap_or_default();
        let fare = fields.optional("estimated_fare", rules::money());
        let distance_km = fields.optional("distance_km", rules::distance_km());
        let duration_minutes = fields.optional("estimated_duration_minutes", rules::duration_minutes());
        let scheduled_at = fields.optional("scheduled_at", rules::instant());
        let method = fields.optional("payment_method", rules::payment_method());
        let external_id = fields.optional("external_id", rules::unless_empty(rules::external_id())).flatten();
        Some(Self(NewJob {
            ride_id: None,
            ride_type: ride_type?,
            pickup: pickup?,
            dropoff: dropoff?,
            pickup_address,
            dropoff_address,
            fare,
            terms: Terms { method, ..Terms::default() },
            distance_km,
            duration_minutes,
            scheduled_at,
            passenger_phone: None,
            patience: Patience::UntilDeadline,
            external_id,
        }))
    }
}

/// `GET rides`: the caller's own, newest first.
pub async fn list(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    query: Asked<RidesAsked>,
) -> Answered<Page<Ride>> {
    let viewer = viewer(&caller)?;
    let of = match viewer {
        Viewer::Passenger(passenger) => RidesOf::Passenger(passenger),
        Viewer::Driver(driver) => RidesOf::Driver(driver),
        Viewer::Admin => return Err(forbidden(caller.role)),
    };
    let sight = sight(&ctx, viewer);
    list_of(&ctx, of, &query, |standing| presenters::ride_for(sight, standing)).await
}

/// `GET admin/rides`: everybody's, newest first.
pub async fn list_all(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    query: Asked<RidesAsked>,
) -> Answered<Page<RideItem>> {
    let sight = sight(&ctx, Viewer::Admin);
    let item = |standing: RideStanding| RideItem {
        job_id: standing.ride.job.id,
        ride: presenters::ride_for(sight, standing).as_seen_by(caller.role),
    };
    list_of(&ctx, RidesOf::Everybody, &query, item).await
}

/// The query of the lists of rides.
pub struct RidesAsked {
    statuses: Option<&'static [JobStatus]>,
    external_id: Option<ExternalId>,
    before: JobId,
    limit: usize,
}

impl Request for RidesAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            statuses: fields.optional("status", rules::word(STATUSES)),
            external_id: fields.optional("external_id", rules::external_id()),
            before: id_cursor(fields).unwrap_or(JobId(i64::MAX)),
            limit: page_limit(fields),
        })
    }
}

async fn list_of<T: Serialize>(
    ctx: &Context,
    of: RidesOf,
    query: &Asked<RidesAsked>,
    item: impl Fn(RideStanding) -> T,
) -> Answered<Page<T>> {
    let RidesAsked { statuses, external_id, before, limit } = query.read()?;
    let reading = move |conn: &mut Conn<'_>| {
        let external_id = external_id.as_ref().map(ExternalId::as_str);
        reads::rides(conn, of, statuses, external_id, before, limit as i64 + 1)
    };
    let rows = ctx.read(reading).await?;
    Ok(json(&page(rows, limit, |standing| standing.ride.job.id.to_string(), item)))
}

/// `GET rides/{ride_id}`.
pub async fn show(ctx: web::Data<Context>, Caller(caller): Caller, id: web::Path<RideId>) -> Answered<Ride> {
    let (id, viewer, now) = (id.into_inner(), viewer(&caller)?, ctx.clock.now());
    let found = ctx.read(move |conn| rides::view(conn, &id, viewer, now)).await?;
    let found = found.ok_or_else(|| Problem::not_found("ride"))?;
    Ok(json(&presenters::ride_for(sight(&ctx, viewer), found).as_seen_by(caller.role)))
}

/// `POST rides/{ride_id}/accept`.
pub async fn accept(
    ctx: web::Data<Context>,
    caller: DriverCaller,
    id: web::Path<RideId>,
    once: Once,
    body: Body,
) -> Answered<Ride> {
    let (id, driver) = (id.into_inner(), caller.driver);
    let key = once.key(&ctx, &caller.principal, &body);
    let theirs = id.clone();
    let sight = kept(&ctx, Viewer::Driver(driver));
    let accept = move |tx: &mut Tx<'_>| Ok(presenters::ride(sight, rides::accept(tx, &id, driver)?));
    decide_and_add(&ctx, key, OK, accept, move |conn| passenger(conn, &theirs, driver)).await
}

/// The contact for the driver of a ride.
fn passenger(
    conn: &mut Conn<'_>,
    id: &RideId,
    driver: DriverId,
) -> Result<Option<PassengerContact>, StoreError> {
    Ok(rides::contact(conn, id, driver)?.map(Into::into))
}

/// `POST rides/{ride_id}/decline`.
pub async fn decline(
    ctx: web::Data<Context>,
    caller: DriverCaller,
    id: web::Path<RideId>,
    once: Once,
    body: Sent<OptionalReason>,
) -> Answered<Ride> {
    let OptionalReason(reason) = body.read()?;
    let (id, driver) = (id.into_inner(), caller.driver);
    let key = once.key(&ctx, &caller.principal, &body);
    let sight = kept(&ctx, Viewer::Driver(driver));
    decide(&ctx, key, OK, move |tx| Ok(presenters::ride(sight, rides::decline(tx, &id, driver, &reason)?)))
        .await
}

/// `POST rides/{ride_id}/arrive`.
pub async fn arrive(
    ctx: web::Data<Context>,
    caller: DriverCaller,
    id: web::Path<RideId>,
    once: Once,
    body: Body,
) -> Answered<Ride> {
    step(&ctx, &caller, id.into_inner(), RideStep::Arrive, false, &once, &body).await
}

/// `POST rides/{ride_id}/start`.
pub async fn start(
    ctx: web::Data<Context>,
    caller: DriverCaller,
    id: web::Path<RideId>,
    once: Once,
    body: Body,
) -> Answered<Ride> {
    step(&ctx, &caller, id.into_inner(), RideStep::Start, false, &once, &body).await
}

/// `POST rides/{ride_id}/complete`.
pub async fn complete(
    ctx: web::Data<Context>,
    caller: DriverCaller,
    id: web::Path<RideId>,
    once: Once,
    body: Sent<Completion>,
) -> Answered<Ride> {
    let Completion { is_paid } = body.read()?;
    step(&ctx, &caller, id.into_inner(), RideStep::Complete, is_paid, &once, &body).await
}

async fn step(
    ctx: &Context,
    caller: &DriverCaller,
    id: RideId,
    step: RideStep,
    is_paid: bool,
    once: &Once,
    body: &Body,
) -> Answered<Ride> {
    let driver = caller.driver;
    let key = once.key(ctx, &caller.principal, body);
    let driven_m = match (step, ctx.settings.rides.final_fare) {
        (RideStep::Complete, FinalFare::Track) => {
            driven_m(&ctx.recorder, &ctx.database, &ctx.clock, &id, driver).await?
        }
        _ => None,
    };
    let (theirs, sight) = (id.clone(), kept(ctx, Viewer::Driver(driver)));
    let step = move |tx: &mut Tx<'_>| {
        let mut standing = rides::step(tx, &id, driver, step, driven_m)?;
        if is_paid {
            standing.ride.job = payments::take_cash(tx, standing.ride.job.id, driver)?;
        }
        Ok(presenters::ride(sight, standing))
    };
    decide_and_add(ctx, key, OK, step, move |conn| passenger(conn, &theirs, driver)).await
}

/// The input of `POST rides/{ride_id}/complete`.
pub struct Completion {
    /// The driver has got the price in cash.
    is_paid: bool,
}

impl Request for Completion {
    const MAY_BE_EMPTY: bool = true;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { is_paid: fields.optional("payment_status", rules::paid()).is_some() })
    }
}

/// `POST rides/{ride_id}/cancel`: by its passenger, its driver (who gives it back) or an admin.
pub async fn cancel(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<RideId>,
    once: Once,
    body: Sent<OptionalReason>,
) -> Answered<Ride> {
    let by = viewer(&caller)?;
    let OptionalReason(reason) = body.read()?;
    let id = id.into_inner();
    let key = once.key(&ctx, &caller, &body);
    let sight = kept(&ctx, by);
    decide(&ctx, key, OK, move |tx| {
        let cancelled = match by {
            Viewer::Driver(driver) => rides::give_back(tx, &id, driver, &reason),
            Viewer::Passenger(passenger) => rides::cancel(tx, &id, Canceller::Passenger(passenger), &reason),
            Viewer::Admin => rides::cancel(tx, &id, Canceller::Admin, &reason),
        };
        Ok(presenters::ride(sight, cancelled?))
    })
    .await
}

/// The input of `POST rides/{ride_id}/rate`.
pub struct Rating {
    stars: Stars,
    comment: Option<String>,
}

impl Request for Rating {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let stars = fields.required("rating", rules::stars());
        // A form sends a field that nobody touched as the empty text.
        let comment =
            fields.optional("comment", rules::reason_or_empty()).filter(|comment| !comment.is_empty());
        Some(Self { stars: stars?, comment })
    }
}

/// `POST rides/{ride_id}/rate`.
pub async fn rate(
    ctx: web::Data<Context>,
    caller: PassengerCaller,
    id: web::Path<RideId>,
    once: Once,
    body: Sent<Rating>,
) -> Answered<Ride> {
    let Rating { stars, comment } = body.read()?;
    let (id, passenger) = (id.into_inner(), caller.customer);
    let key = once.key(&ctx, &caller.principal, &body);
    let sight = kept(&ctx, Viewer::Passenger(passenger));
    decide(&ctx, key, OK, move |tx| {
        Ok(presenters::ride(sight, rides::rate(tx, &id, passenger, stars, comment.as_deref())?))
    })
    .await
}

/// The input of `PUT driver/location`: one position or a list of them.
pub struct PositionsSent;

impl Described for PositionsSent {
    fn description() -> Description {
        Description::Other(json!({"anyOf": [
            {"type": "object"},
            {"type": "array", "items": {"type": "object"}, "maxItems": POSITIONS_MAX},
        ]}))
    }
}

/// `PUT driver/location`: one position or up to a hundred. Each is taken or rejected for itself.
pub async fn set_location(
    ctx: web::Data<Context>,
    caller: DriverCaller,
    body: Sent<PositionsSent>,
) -> Answered<PositionsTaken, 202> {
    let now = ctx.clock.now();
    let read = ride_rest::positions(body.json_text()?, now);
    let Positions { fixes, rejected, adjusted } =
        read.map_err(|wrong| Problem::new(wrong.code, wrong.message))?;
    let count = fixes.len() + rejected.len();
    let within = ctx.account_limits.positions(caller.principal.account, count, Instant::now());
    within.map_err(Problem::limited)?;
    let outcomes = ctx.positions.tell_all(caller.driver, &fixes, now);
    Ok(json(&PositionsTaken { adjusted, ..taken(&outcomes, rejected) }))
}

/// Those that the recorder had no room for are rejected at the places they had in the request.
fn taken(outcomes: &[Result<(), Full>], mut rejected: Vec<Rejected>) -> PositionsTaken {
    let places = places(outcomes.len(), &rejected);
    let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let full = outcomes.iter().zip(places).filter(|(outcome, _)| outcome.is_err());
    rejected.extend(full.map(|(_, index)| Rejected { index, code: ErrorCode::Busy.as_str() }));
    rejected.sort_by_key(|rejected| rejected.index);
    PositionsTaken { accepted, rejected, adjusted: Vec::new() }
}

/// Where in the request the positions stood that were not rejected.
fn places(count: usize, rejected: &[Rejected]) -> Vec<usize> {
    let is_rejected = |index: &usize| rejected.iter().any(|one| one.index == *index);
    (0..count + rejected.len()).filter(|index| !is_rejected(index)).collect()
}

/// As whom somebody has to do with rides. Programs of the operator's have no part in one.
fn viewer(principal: &Principal) -> Result<Viewer, Problem> {
    Viewer::of(principal).ok_or_else(|| forbidden(principal.role))
}

/// How one sees rides now.
fn sight(ctx: &Context, viewer: Viewer) -> Sight {
    Sight { viewer, at: Some(ctx.clock.now()), detail: ctx.settings.matching.offer_detail }
}

/// The same in an answer that is kept for its `Idempotency-Key`.
fn kept(ctx: &Context, viewer: Viewer) -> Sight {
    Sight { at: None, ..sight(ctx, viewer) }
}

/// Why somebody does not want the ride; they need not say.
pub struct OptionalReason(String);

impl Request for OptionalReason {
    const MAY_BE_EMPTY: bool = true;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(fields.optional("reason", rules::reason_or_empty()).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::request::read;
    use crate::domain::ride::ride_word;
    use serde_json::Value;

    fn asked(body: Value) -> Result<NewJob, Problem> {
        let Value::Object(object) = body else { panic!("an object") };
        read(&object).map(|NewRide(request)| request)
    }

    #[test]
    fn a_request_needs_a_vehicle_and_both_places_and_no_more() {
        let whole = json!({"ride_type": "moto", "pickup_latitude": 3.848, "pickup_longitude": 11.5021,
            "dropoff_latitude": 3.858, "dropoff_longitude": 11.5121, "pickup_address": ""});
        let request = asked(whole.clone()).expect("all that is needed");
        assert_eq!((request.pickup_address.as_str(), request.fare), ("", None));
        for name in ["ride_type", "pickup_latitude", "dropoff_longitude"] {
            let mut part = whole.clone();
            part.as_object_mut().expect("an object").remove(name);
            assert_eq!(asked(part).expect_err(name).code(), ErrorCode::InvalidFields, "{name}");
        }
    }

    #[test]
    fn a_position_keeps_its_place_in_the_request() {
        let rejected = [1, 3].map(|index| Rejected { index, code: "invalid_position" });
        assert_eq!(places(3, &rejected), [0, 2, 4]);
        assert_eq!(places(0, &rejected[..0]), [] as [usize; 0]);
    }

    #[test]
    fn every_status_of_a_ride_can_be_asked_for_in_its_word() {
        for status in JobStatus::ALL {
            let listed = STATUSES.iter().filter(|(_, statuses)| statuses.contains(&status));
            assert_eq!(listed.map(|(word, _)| *word).collect::<Vec<_>>(), [ride_word(status)]);
        }
    }
}
