//! Orders by REST for the customers who requested them, who can see and cancel them. The drivers' side is in
//! `driver_app`.

use crate::api::extract::PassengerCaller;
use crate::api::fields::Fields;
use crate::api::input::Once;
use crate::api::operators::orders::OrdersAsked;
use crate::api::problem::Problem;
use crate::api::request::{Asked, Request, Sent};
use crate::api::respond::{Answered, OK, decide, json, page};
use crate::api::{Context, rules};
use crate::clock;
use crate::contracts::customer_orders::{CustomerOrder, OrderDriver};
use crate::contracts::driver_rest::order_word;
use crate::contracts::operators::Page;
use crate::domain::external_id::ExternalId;
use crate::domain::ids::JobId;
use crate::domain::job::JobStatus;
use crate::domain::position::Position;
use crate::operations::{orders, rides};
use crate::presenters;
use crate::store::reads::{self, OrderStanding};
use crate::store::{Account, Conn, Driver};
use actix_web::web;
use chrono::{DateTime, Utc};

/// The reason given when a customer cancels an order without one.
const CALLED_OFF: &str = "Cancelled by the customer";

/// `GET orders/mine`: the customer's own, newest first.
pub async fn list(
    ctx: web::Data<Context>,
    caller: PassengerCaller,
    query: Asked<OrdersAsked>,
) -> Answered<Page<CustomerOrder>> {
    let OrdersAsked { status, external_id, before, limit } = query.read()?;
    let (customer, now) = (caller.customer, ctx.clock.now());
    let reading = move |conn: &mut Conn<'_>| {
        let external_id = external_id.as_ref().map(ExternalId::as_str);
        reads::orders_for(conn, customer, status, external_id, before, limit as i64 + 1)
    };
    let rows = ctx.read(reading).await?;
    Ok(json(&page(rows, limit, |standing| standing.job.id.to_string(), |standing| shown(standing, now))))
}

/// `GET orders/{id}`.
pub async fn show(
    ctx: web::Data<Context>,
    caller: PassengerCaller,
    id: web::Path<JobId>,
) -> Answered<CustomerOrder> {
    let (id, customer, now) = (id.into_inner(), caller.customer, ctx.clock.now());
    let found = ctx.read(move |conn| orders::view(conn, id, customer)).await?;
    Ok(json(&shown(found.ok_or_else(|| Problem::not_found("order"))?, now)))
}

/// The input of `POST orders/{id}/cancel`.
pub struct CallOff {
    reason: String,
}

impl Request for CallOff {
    const MAY_BE_EMPTY: bool = true;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let reason = fields.optional("reason", rules::reason_or_empty()).filter(|reason| !reason.is_empty());
        Some(Self { reason: reason.unwrap_or_else(|| CALLED_OFF.to_owned()) })
    }
}

/// `POST orders/{id}/cancel`: until it is picked up.
pub async fn cancel(
    ctx: web::Data<Context>,
    caller: PassengerCaller,
    id: web::Path<JobId>,
    once: Once,
    body: Sent<CallOff>,
) -> Answered<CustomerOrder> {
    let CallOff { reason } = body.read()?;
    let (id, customer) = (id.into_inner(), caller.customer);
    let key = once.key(&ctx, &caller.principal, &body);
    decide(&ctx, key, OK, move |tx| {
        let cancelled = orders::call_off(tx, id, customer, &reason)?;
        Ok(shown(cancelled, tx.now()))
    })
    .await
}

fn shown(standing: OrderStanding, now: DateTime<Utc>) -> CustomerOrder {
    let OrderStanding { job, driver } = standing;
    let driver = driver.filter(|_| job.status.is_held() || job.status == JobStatus::Completed);
    let (payment, currency) = (presenters::payment(&job), job.earnings().currency());
    CustomerOrder {
        order_id: job.id,
        external_id: job.external_id,
        status: order_word(job.status),
        driver: driver.map(|(driver, account)| order_driver(&driver, &account, job.status, now)),
        restaurant_name: job.restaurant_name,
        pickup_address: job.pickup_address,
        delivery_address: job.dropoff_address,
        payment,
        currency,
        distance_km: job.distance_km,
        pickup_latitude: job.pickup_latitude,
        pickup_longitude: job.pickup_longitude,
        delivery_latitude: job.dropoff_latitude,
        delivery_longitude: job.dropoff_longitude,
        requested_at: job.requested_at.into(),
        assigned_at: job.assigned_at.map(Into::into),
        accepted_at: job.set_out_at.map(Into::into),
        picked_up_at: job.started_at.map(Into::into),
        delivered_at: job.completed_at.map(Into::into),
        cancelled_at: job.cancelled_at.map(Into::into),
        cancelled_by: job.cancelled_by,
        reason: job.cancel_reason,
    }
}

fn order_driver(driver: &Driver, account: &Account, status: JobStatus, now: DateTime<Utc>) -> OrderDriver {
    let is_on_the_way = status.is_held() && status != JobStatus::Assigned;
    let card = rides::card(driver, account);
    let position = card.position.filter(|_| is_on_the_way);
    let measured_at = driver.position_at.filter(|_| driver.position_measured && position.is_some());
    OrderDriver {
        driver_name: card.name,
        driver_phone: card.phone.filter(|_| is_on_the_way),
        vehicle_type: card.vehicle_type,
        vehicle_plate: card.plate,
        vehicle_color: card.color,
        driver_rating: card.rating,
        latitude: position.map(Position::latitude),
        longitude: position.map(Position::longitude),
        position_age_secs: measured_at.map(|at| clock::age(at.and_utc(), now).num_seconds()),
    }
}
