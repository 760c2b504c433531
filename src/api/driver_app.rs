//! The REST side of the driver app. `operations::orders` decides what an order's status may become.

use crate::api::description::Description;
use crate::api::extract::DriverCaller;
use crate::api::fields::{Fields, describe};
use crate::api::problem::Problem;
use crate::api::request::{Asked, Described, Request, Sent};
use crate::api::respond::{Answered, json};
use crate::api::{Context, rules};
use crate::config::RegionSettings;
use crate::contracts::driver_rest::{
    AssignedOrders, DriverOrder, EarningsAccount, EarningsDay, EarningsHistory, Profile, REJECTED,
    StatusAnswer, order_word,
};
use crate::domain::driver::Wants;
use crate::domain::ids::{DriverId, JobId};
use crate::operations::drivers;
use crate::operations::earnings::{Account, Books, Day};
use crate::operations::orders::{self, DriverStep, Stepped};
use crate::operations::payments;
use crate::presenters;
use crate::store::{Conn, Job, Tx, reads};
use actix_web::web;
use chrono::NaiveDate;

/// The steps that a driver may take with an order, in the contract's words.
const STEPS: [(&str, DriverStep); 4] = [
    ("accepted", DriverStep::Accept),
    ("picked_up", DriverStep::PickUp),
    ("delivered", DriverStep::Deliver),
    ("rejected", DriverStep::Reject),
];

/// Days of a page of earnings.
const DAYS: usize = 30;
const DAYS_MAX: usize = 100;

/// `GET driver/profile`.
pub async fn profile(ctx: web::Data<Context>, caller: DriverCaller) -> Answered<Profile> {
    let id = caller.driver;
    let found = ctx.read(move |conn| reads::driver(conn, id)).await?;
    let (driver, account, _) = found.ok_or_else(|| Problem::not_found("driver"))?;
    Ok(json(&Profile {
        driver_id: driver.id,
        external_id: driver.external_id,
        name: account.name,
        phone_number: account.phone_number.unwrap_or_default(),
        vehicle_type: driver.vehicle_type,
        vehicle_registration: driver.vehicle_registration.unwrap_or_default(),
        status: driver.status.as_str(),
        rating: driver.rating,
        is_verified: driver.is_verified,
    }))
}

/// The input of `PUT driver/status`.
pub struct StatusWanted(Wants);

impl Request for StatusWanted {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.required("status", rules::wants()).map(Self)
    }
}

/// `PUT driver/status`: answers with what follows from the wish.
pub async fn set_status(
    ctx: web::Data<Context>,
    caller: DriverCaller,
    body: Sent<StatusWanted>,
) -> Answered<StatusAnswer> {
    let StatusWanted(wants) = body.read()?;
    let status = ctx.write(move |tx| drivers::set_wish(tx, caller.driver, wants)).await?;
    Ok(json(&StatusAnswer { status: status.as_str() }))
}

/// `GET orders/assigned`: what the driver holds, oldest assignment first.
pub async fn assigned_orders(ctx: web::Data<Context>, caller: DriverCaller) -> Answered<AssignedOrders> {
    let held = ctx.read(move |conn| reads::orders_of(conn, caller.driver)).await?;
    Ok(json(&presenters::orders_held(held)))
}

/// The input of `PUT orders/{id}/status`.
pub struct OrderStatusWanted {
    step: DriverStep,
    /// The driver has got the price in cash.
    is_paid: bool,
}

impl Request for OrderStatusWanted {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let step = fields.required("status", rules::word(STEPS));
        let is_paid = fields.optional("payment_status", rules::paid()).is_some();
        if is_paid && step.is_some_and(|step| step != DriverStep::Deliver) {
            fields.refuse("payment_status", "can be sent only together with delivered");
        }
        Some(Self { step: step?, is_paid })
    }
}

/// `PUT orders/{id}/status`.
pub async fn set_order_status(
    ctx: web::Data<Context>,
    caller: DriverCaller,
    id: web::Path<JobId>,
    body: Sent<OrderStatusWanted>,
) -> Answered<DriverOrder> {
    let OrderStatusWanted { step, is_paid } = body.read()?;
    let id = id.into_inner();
    let step = move |tx: &mut Tx<'_>| {
        let mut moved = orders::step(tx, id, caller.driver, step)?;
        if let (Stepped::Order(job), true) = (&mut moved, is_paid) {
            *job = payments::take_cash(tx, id, caller.driver)?;
        }
        Ok((moved, reads::contact(tx.conn(), id, caller.driver)?))
    };
    let (moved, contact) = ctx.write(step).await?;
    let order = match moved {
        Stepped::Order(job) => order(&job, order_word(job.status)),
        Stepped::Rejected(job) => order(&job, REJECTED),
    };
    Ok(json(&order.with_contact(contact)))
}

fn order(job: &Job, status: &'static str) -> DriverOrder {
    // A driver who gave it back does not see when another driver got it, or its payment.
    let mut job = job.clone();
    if status == REJECTED {
        job.assigned_at = None;
        job.payment = job.payment.untold();
    }
    let (summary, payment) = (orders::summary(&job), presenters::payment(&job));
    DriverOrder::new(summary, job.external_id, status, job.assigned_at, payment)
}

fn books(ctx: &Context, driver: DriverId) -> Books {
    let RegionSettings { time_zone: zone, currency } = ctx.settings.region;
    Books { driver, zone, currency }
}

/// `GET earnings/today`.
pub async fn earnings_today(ctx: web::Data<Context>, caller: DriverCaller) -> Answered<EarningsDay> {
    let (books, now) = (books(&ctx, caller.driver), ctx.clock.now());
    let today = ctx.read(move |conn| books.today(conn, now)).await?;
    Ok(json(&earnings_day(today)))
}

/// `GET earnings/history`: days with work, newest first.
pub async fn earnings_history(
    ctx: web::Data<Context>,
    caller: DriverCaller,
    query: Asked<HistoryAsked>,
) -> Answered<EarningsHistory> {
    let books = books(&ctx, caller.driver);
    let today = ctx.clock.now().with_timezone(&books.zone).date_naive();
    let HistoryAsked { from, to, limit } = query.read_with(|fields| HistoryAsked::read(fields, today))?;
    let read = move |conn: &mut Conn<'_>| books.days(conn, from, to, limit);
    let (days, has_more) = ctx.read(read).await?;
    // The day before the last one shown is where the next page begins.
    let next = days.last().filter(|_| has_more).and_then(|day| day.date.pred_opt());
    let next_cursor = next.map(|date| date.to_string());
    let days = days.into_iter().map(earnings_day).collect();
    Ok(json(&EarningsHistory { days, next_cursor }))
}

/// The input of `GET earnings/history`.
#[derive(Debug, PartialEq)]
pub struct HistoryAsked {
    from: NaiveDate,
    to: NaiveDate,
    limit: usize,
}

impl HistoryAsked {
    fn read(fields: &mut Fields<'_>, today: NaiveDate) -> Option<Self> {
        let from = fields.optional("from", rules::date()).unwrap_or_default();
        let to = fields.optional("to", rules::date()).unwrap_or(today);
        let limit = fields.optional("limit", rules::number_in(1..=DAYS_MAX)).unwrap_or(DAYS);
        let cursor = fields.optional("cursor", rules::date());
        if from > to {
            fields.refuse("from", "must not be after to");
        }
        // Nothing was earned after today, and nothing before a cursor is wanted twice.
        let to = to.min(today).min(cursor.unwrap_or(today));
        Some(Self { from, to, limit })
    }
}

impl Described for HistoryAsked {
    fn description() -> Description {
        describe(|fields| Self::read(fields, NaiveDate::default()).is_some())
    }
}

fn earnings_day(day: Day) -> EarningsDay {
    EarningsDay {
        date: day.date,
        account: earnings_account(day.account),
        orders: day.orders,
        rides: day.rides,
        other_currencies: day.others.into_iter().map(earnings_account).collect(),
    }
}

fn earnings_account(account: Account) -> EarningsAccount {
    let Account { total, cash_collected } = account;
    EarningsAccount { currency: total.currency(), total, cash_collected, owed: account.owed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::request::read_with;
    use serde_json::{Value, json};

    fn asked(query: Value) -> Result<HistoryAsked, u16> {
        let Value::Object(query) = query else { panic!("an object") };
        let read = read_with(&query, |fields| HistoryAsked::read(fields, date("2026-11-20")));
        read.map_err(|problem| problem.code().status())
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_history_ends_today_and_goes_on_before_its_cursor() {
        let all = HistoryAsked { from: date("1970-01-01"), to: date("2026-11-20"), limit: 30 };
        assert_eq!(asked(json!({})), Ok(all));
        let asked_for =
            json!({"from": "2026-01-01", "to": "2101-12-31", "limit": "1", "cursor": "2026-11-02"});
        let next = HistoryAsked { from: date("2026-01-01"), to: date("2026-11-02"), limit: 1 };
        assert_eq!(asked(asked_for), Ok(next));
        for wrong in [
            json!({"from": "31.12.2001"}),
            json!({"limit": "101"}),
            json!({"cursor": "soon"}),
            json!({"from": "2026-02-01", "to": "2026-01-01"}),
        ] {
            assert_eq!(asked(wrong.clone()), Err(422), "{wrong}");
        }
    }
}
