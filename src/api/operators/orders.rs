//! `admin/orders`: orders are made, assigned, taken back and cancelled. Also for the operator's programs.

use crate::actors::matcher::Choose;
use crate::api::description::Needs;
use crate::api::extract::Caller;
use crate::api::fields::Fields;
use crate::api::input::{Body, Once};
use crate::api::operators::id_cursor;
use crate::api::problem::Problem;
use crate::api::request::{Asked, Request, Sent};
use crate::api::respond::{Answered, CREATED, OK, decide, json, page, page_limit};
use crate::api::{Context, payments, rules};
use crate::config::AutoAssign;
use crate::contracts::driver_rest::{ORDER_STATUSES, order_word};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::operators::{Batch, OrderItem, Page};
use crate::domain::candidate::Considered;
use crate::domain::external_id::{ExternalId, Named};
use crate::domain::ids::{DriverId, JobId};
use crate::domain::job::JobStatus;
use crate::operations::accounts;
use crate::operations::auto_assign::{self, OrderSearch};
use crate::operations::orders::{self, CancelledBy, NewOrder};
use crate::operations::{Error, Refusal};
use crate::presenters;
use crate::store::reads::{self, OperatorsOrder};
use crate::store::{Conn, Job, Tx};
use actix_web::web;
use std::sync::Arc;

/// By which a driver is named with another system's id.
const DRIVER_NAMES: [&str; 2] = ["driver_external_id", "external_id"];

const CANCELLED_BY: [(&str, CancelledBy); 3] = [
    ("customer", CancelledBy::Customer),
    ("admin", CancelledBy::Admin),
    ("restaurant", CancelledBy::Restaurant),
];

/// `POST admin/orders`.
pub async fn create(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    once: Once,
    body: Sent<NewOrder>,
) -> Answered<OrderItem, 201> {
    let new = body.read()?;
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, CREATED, move |tx| {
        let job = orders::create(tx, &new)?;
        shown(tx, job)
    })
    .await
}

impl Request for NewOrder {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.refuse_ours(&["order_id"]);
        let restaurant_name = fields.required("restaurant_name", rules::name());
        let pickup_address = fields.required("pickup_address", rules::name());
        let delivery_address = fields.required("delivery_address", rules::name());
        let earnings = fields.required("earnings", rules::money());
        let distance_km = fields.required("distance_km", rules::distance_km());
        let customer = fields.named("customer_id", &["customer_external_id"]);
        let external_id = fields.optional("external_id", rules::unless_empty(rules::external_id())).flatten();
        let pickup = fields.position("pickup_latitude", "pickup_longitude");
        let delivery = fields.position("delivery_latitude", "delivery_longitude");
        let terms = payments::terms(fields);
        Some(Self {
            restaurant_name: restaurant_name?,
            pickup_address: pickup_address?,
            pickup,
            delivery_address: delivery_address?,
            delivery,
            earnings: earnings?,
            terms,
            distance_km: distance_km?,
            customer,
            external_id,
            is_demo: false,
        })
    }
}

/// The driver who is to have a job.
pub struct DriverNamed(pub Named<DriverId>);

impl Request for DriverNamed {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.required_named("driver_id", &DRIVER_NAMES).map(Self)
    }
}

/// Why a job is taken away or ends.
pub struct RequiredReason(pub String);

impl Request for RequiredReason {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.required("reason", rules::reason()).map(Self)
    }
}

/// `POST admin/orders/{id}/assign`.
pub async fn assign(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<JobId>,
    once: Once,
    body: Sent<DriverNamed>,
) -> Answered<OrderItem> {
    let DriverNamed(driver) = body.read()?;
    let id = id.into_inner();
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, OK, move |tx| {
        let driver = meant(tx, &driver)?;
        let assigned = orders::assign(tx, &[id], driver)?.pop();
        let job = assigned.ok_or(Error::Refused(Refusal::NotFound("order")))?;
        shown(tx, job)
    })
    .await
}

/// The input of `POST admin/orders/batches`.
pub struct NewBatch {
    driver: Named<DriverId>,
    orders: Vec<Named<JobId>>,
}

impl Request for NewBatch {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let driver = fields.required_named("driver_id", &DRIVER_NAMES);
        let orders = orders_named(fields);
        Some(Self { driver: driver?, orders: orders? })
    }
}

/// `POST admin/orders/batches`: all of them or none.
pub async fn assign_batch(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    once: Once,
    body: Sent<NewBatch>,
) -> Answered<Batch, 201> {
    let NewBatch { driver, orders } = body.read()?;
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, CREATED, move |tx| {
        let driver_id = meant(tx, &driver)?;
        let ids = orders::named(tx, &orders)?;
        let jobs = orders::assign(tx, &ids, driver_id)?;
        let items = jobs.into_iter().map(|job| shown(tx, job)).collect::<Result<Vec<_>, _>>()?;
        let driver_external_id = items.first().and_then(|item| item.driver_external_id.clone());
        Ok(Batch { driver_id, driver_external_id, orders: items })
    })
    .await
}

fn orders_named(fields: &mut Fields<'_>) -> Option<Vec<Named<JobId>>> {
    fields.group(Needs::ExactlyOne, &["order_ids", "order_external_ids"]);
    let (has_ours, has_theirs) = (fields.has("order_ids"), fields.has("order_external_ids"));
    if !has_ours && !has_theirs {
        fields.refuse("order_ids", "is missing");
    }
    if has_ours && has_theirs {
        fields.refuse(
            "order_external_ids",
            "names the orders a second time; send either order_ids or order_external_ids",
        );
    }
    // Of two lists the first is not looked at.
    let ours = fields.optional_unless(has_theirs, "order_ids", rules::ids::<JobId>());
    let theirs = fields.optional("order_external_ids", rules::external_ids());
    let theirs = theirs.map(|ids| ids.into_iter().map(Named::Theirs).collect());
    ours.map(|ids| ids.into_iter().map(Named::Ours).collect()).or(theirs)
}

/// The driver who is to have an order.
fn meant(tx: &mut Tx<'_>, driver: &Named<DriverId>) -> Result<DriverId, Error> {
    Ok(accounts::driver_named(tx.conn(), driver)?.ok_or(Refusal::NotFound("driver"))?)
}

/// `POST admin/orders/{id}/auto-assign`: to the nearest available driver. Its body does not matter.
pub async fn auto_assign(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<JobId>,
    once: Once,
    body: Body,
) -> Answered<OrderItem> {
    let id = id.into_inner();
    let key = once.key(&ctx, &caller, &body);
    let considered: Arc<[Considered]> = match ctx.read(move |conn| auto_assign::search_for(conn, id)).await? {
        Some(OrderSearch { pickup, except }) => {
            let AutoAssign { radius_m, tries } = ctx.settings.matching.auto_assign;
            ctx.choose(Choose { at: pickup, radius_m, count: tries.get(), except }).await?.into()
        }
        None => Arc::default(),
    };
    let chosen_from = Arc::clone(&considered);
    let answered = decide(&ctx, key, OK, move |tx| {
        let job = auto_assign::assign_nearest(tx, id, &chosen_from)?;
        shown(tx, job)
    })
    .await;
    if answered.as_ref().is_err_and(|problem| problem.code() == ErrorCode::NoDrivers) {
        let noting = ctx.database.write(move |tx| auto_assign::note_nobody(tx, id, &considered)).await;
        noting.unwrap_or_else(|error| log::warn!("a search's end was not noted job={id}: {error}"));
    }
    answered
}

/// `POST admin/orders/{id}/unassign`.
pub async fn unassign(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<JobId>,
    once: Once,
    body: Sent<RequiredReason>,
) -> Answered<OrderItem> {
    let RequiredReason(reason) = body.read()?;
    let id = id.into_inner();
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, OK, move |tx| {
        let job = orders::unassign(tx, id, &reason)?;
        shown(tx, job)
    })
    .await
}

/// The input of `POST admin/orders/{id}/cancel`.
pub struct Cancellation {
    reason: String,
    by: CancelledBy,
}

impl Request for Cancellation {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let reason = fields.required("reason", rules::reason());
        let by = fields.optional("cancelled_by", rules::word(CANCELLED_BY)).unwrap_or(CancelledBy::Admin);
        Some(Self { reason: reason?, by })
    }
}

/// `POST admin/orders/{id}/cancel`.
pub async fn cancel(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<JobId>,
    once: Once,
    body: Sent<Cancellation>,
) -> Answered<OrderItem> {
    let Cancellation { reason, by } = body.read()?;
    let id = id.into_inner();
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, OK, move |tx| {
        let job = orders::cancel(tx, id, &reason, by)?;
        shown(tx, job)
    })
    .await
}

/// The query of the lists of orders.
pub struct OrdersAsked {
    pub status: Option<JobStatus>,
    pub external_id: Option<ExternalId>,
    pub before: JobId,
    pub limit: usize,
}

impl Request for OrdersAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            status: fields.optional("status", rules::word(ORDER_STATUSES)),
            external_id: fields.optional("external_id", rules::external_id()),
            before: id_cursor(fields).unwrap_or(JobId(i64::MAX)),
            limit: page_limit(fields),
        })
    }
}

/// `GET admin/orders`: newest first.
pub async fn list(
    ctx: web::Data<Context>,
    _: Caller,
    query: Asked<OrdersAsked>,
) -> Answered<Page<OrderItem>> {
    let OrdersAsked { status, external_id, before, limit } = query.read()?;
    let reading = move |conn: &mut Conn<'_>| {
        let external_id = external_id.as_ref().map(ExternalId::as_str);
        reads::orders(conn, status, external_id, before, limit as i64 + 1)
    };
    let rows = ctx.read(reading).await?;
    Ok(json(&page(rows, limit, |(job, _)| job.id.to_string(), item)))
}

/// `GET admin/orders/{id}`.
pub async fn show(ctx: web::Data<Context>, _: Caller, id: web::Path<JobId>) -> Answered<OrderItem> {
    let id = id.into_inner();
    let reading = move |conn: &mut Conn<'_>| match reads::order(conn, id)? {
        Some(job) => reads::operators_order(conn, job).map(Some),
        None => Ok(None),
    };
    let found = ctx.read(reading).await?;
    Ok(json(&item(found.ok_or_else(|| Problem::not_found("order"))?)))
}

fn shown(tx: &mut Tx<'_>, job: Job) -> Result<OrderItem, Error> {
    Ok(item(reads::operators_order(tx.conn(), job)?))
}

fn item((job, people): OperatorsOrder) -> OrderItem {
    let (earnings, payment) = (job.earnings(), presenters::payment(&job));
    OrderItem {
        order_id: job.id,
        external_id: job.external_id,
        status: order_word(job.status),
        restaurant_name: job.restaurant_name,
        pickup_address: job.pickup_address,
        delivery_address: job.dropoff_address,
        earnings,
        currency: earnings.currency(),
        payment,
        distance_km: job.distance_km,
        customer_id: job.customer_id,
        customer_external_id: people.customer,
        driver_id: job.driver_id,
        driver_external_id: people.driver,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::usd;
    use crate::domain::payment::Terms;
    use serde_json::{Value, json};

    fn order() -> Value {
        json!({"restaurant_name": "Burger King", "pickup_address": "Koramangala 5th Block, Bangalore",
            "delivery_address": "Indiranagar 100ft Road, Bangalore", "earnings": 45.5, "distance_km": 3.2})
    }

    fn read(value: Value) -> Result<NewOrder, String> {
        let Value::Object(object) = value else { panic!("an object") };
        crate::api::request::read::<NewOrder>(&object).map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn an_order_needs_no_positions_and_no_customer() {
        let order = read(order()).unwrap();
        assert_eq!(order.earnings.in_currency(usd(0).currency()), usd(4550));
        assert_eq!(order.terms, Terms::default());
        assert!(order.pickup.is_none() && order.customer.is_none() && !order.is_demo);
    }

    #[test]
    fn both_positions_and_the_amounts_are_checked() {
        let mut wrong = order();
        wrong["earnings"] = json!("45.5");
        wrong["distance_km"] = json!(-1);
        wrong["pickup_latitude"] = json!(12.9);
        wrong["delivery_longitude"] = json!(181);
        wrong["customer_id"] = json!(0);
        let problem = read(wrong).unwrap_err();
        for field in ["earnings", "distance_km", "pickup_longitude", "delivery_latitude", "customer_id"] {
            assert!(problem.contains(&format!("field: \"{field}\"")), "{field}: {problem}");
        }
    }
}
