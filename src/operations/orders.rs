//! Deliveries: made, assigned, carried out, taken back and cancelled.

use crate::domain::driver::Holding;
use crate::domain::event::{EventBody, OrderSummary};
use crate::domain::external_id::{ExternalId, Named};
use crate::domain::ids::{CustomerId, DriverId, JobId};
use crate::domain::job::{JobKind, JobStatus, Move};
use crate::domain::money::Amount;
use crate::domain::payment::Terms;
use crate::domain::position::Position;
use crate::domain::story::What;
use crate::domain::words::words;
use crate::operations::error::{Error, Refusal, external_id_taken};
use crate::operations::jobs::{
    advance, moves, moves_or_repeats, not_in_state, note, note_move, tell_customer, tell_driver,
};
use crate::operations::{accounts, drivers, payments};
use crate::store::reads::{self, OrderStanding};
use crate::store::{Conn, Driver, Job, JobChange, NewJob, StoreError, Tx, Updated, sql};
use uuid::Uuid;

#[derive(Clone, Debug)]
pub struct NewOrder {
    pub restaurant_name: String,
    pub pickup_address: String,
    pub pickup: Option<Position>,
    pub delivery_address: String,
    pub delivery: Option<Position>,
    /// The driver's earnings.
    pub earnings: Amount,
    /// The customer's payment: amount and method.
    pub terms: Terms,
    pub distance_km: f64,
    pub customer: Option<Named<CustomerId>>,
    pub external_id: Option<ExternalId>,
    pub is_demo: bool,
}

words! {
    /// The canceller, in the words of the operators' REST.
    CancelledBy {
        Customer = "customer",
        Admin = "admin",
        Restaurant = "restaurant",
    }
}

/// A driver's step with their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverStep {
    Accept,
    PickUp,
    Deliver,
    Reject,
}

/// All amounts of the order are in the installation's currency.
pub fn create(tx: &mut Tx<'_>, order: &NewOrder) -> Result<Job, Error> {
    let currency = tx.rules().currency();
    let customer = match &order.customer {
        Some(named) => {
            let id = accounts::customer_named(tx.conn(), named)?.ok_or(Refusal::NotFound("customer"))?;
            sql!(tx, customers::find(id))?.ok_or(Refusal::NotFound("customer"))?;
            Some(id)
        }
        None => None,
    };
    let row = NewJob {
        public_id: Uuid::new_v4().to_string(),
        kind: JobKind::Delivery.as_str(),
        status: JobStatus::Requested.as_str(),
        customer_id: customer.map(i64::from),
        restaurant_name: &order.restaurant_name,
        pickup_address: &order.pickup_address,
        pickup_latitude: order.pickup.map(Position::latitude),
        pickup_longitude: order.pickup.map(Position::longitude),
        dropoff_address: &order.delivery_address,
        dropoff_latitude: order.delivery.map(Position::latitude),
        dropoff_longitude: order.delivery.map(Position::longitude),
        earnings_minor: order.earnings.in_currency(currency).minor(),
        distance_km: order.distance_km,
        requested_at: tx.at(),
        is_demo: order.is_demo,
        payment: payments::begun(&order.terms, currency, tx.at()),
        external_id: order.external_id.as_ref().map(ExternalId::as_str),
    };
    let id = sql!(tx, jobs::insert(&row)).map_err(external_id_taken)?;
    let job = find(tx, id)?;
    note(tx, &job, What::Requested)?;
    Ok(job)
}

/// An order as its customer may see it: nobody else.
pub fn view(
    conn: &mut Conn<'_>,
    id: JobId,
    customer: CustomerId,
) -> Result<Option<OrderStanding>, StoreError> {
    Ok(reads::order_standing(conn, id)?.filter(|found| found.job.customer_id == Some(customer)))
}

/// The orders that are meant, each by whichever id.
pub fn named(tx: &mut Tx<'_>, named: &[Named<JobId>]) -> Result<Vec<JobId>, Error> {
    let id = |one: &Named<JobId>| match one {
        Named::Ours(id) => Ok(*id),
        Named::Theirs(id) => {
            let found = sql!(tx, jobs::by_external_id(JobKind::Delivery, id.as_str()))?;
            Ok(found.ok_or(Refusal::NotFound("order"))?)
        }
    };
    named.iter().map(id).collect()
}

/// Binds pending orders to a driver: all of them or none. Each order is an event of its own.
pub fn assign(tx: &mut Tx<'_>, ids: &[JobId], driver: DriverId) -> Result<Vec<Job>, Error> {
    let mut ascending = ids.to_vec();
    ascending.sort();
    if ascending.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refusal::OrderTwice.into());
    }
    let mut locked = Vec::with_capacity(ids.len());
    for id in &ascending {
        let job = lock(tx, *id)?;
        moves(&job, Move::Assign)?;
        locked.push(job);
    }
    let (driver, mut holding) = lock_free(tx, driver, ids.len() as i64)?;
    // In the order of the request: that is the order in which the driver is to hear of them.
    locked.sort_by_key(|job| ids.iter().position(|id| *id == job.id));
    let jobs = locked.iter().map(|job| claim(tx, job, &driver)).collect::<Result<Vec<_>, _>>()?;
    holding.deliveries += jobs.len() as i64;
    drivers::settle_holding(tx, &driver, driver.wants, holding)?;
    Ok(jobs)
}

/// The operator takes an order back from its driver, who hears of it as of a cancellation.
pub fn unassign(tx: &mut Tx<'_>, id: JobId, reason: &str) -> Result<Job, Error> {
    let job = lock(tx, id)?;
    let driver = job.driver_id;
    let job = release(tx, job, reason, None)?;
    if let Some(driver) = driver {
        drivers::settle_held(tx, driver)?;
    }
    Ok(job)
}

/// Cancels an order until it is delivered. Cancelling what is cancelled changes nothing.
pub fn cancel(tx: &mut Tx<'_>, id: JobId, reason: &str, by: CancelledBy) -> Result<Job, Error> {
    let job = lock(tx, id)?;
    end(tx, job, reason, by)
}

/// The customer cancels an order of their own, until it is picked up: from then on it is paid for and on its way.
pub fn call_off(
    tx: &mut Tx<'_>,
    id: JobId,
    customer: CustomerId,
    reason: &str,
) -> Result<OrderStanding, Error> {
    let job = lock(tx, id)?;
    if job.customer_id != Some(customer) {
        return Err(Refusal::NotFound("order").into());
    }
    if job.status == JobStatus::InProgress {
        return Err(not_in_state(&job));
    }
    end(tx, job, reason, CancelledBy::Customer)?;
    Ok(reads::order_standing(tx.conn(), id)?.ok_or(Refusal::NotFound("order"))?)
}

fn end(tx: &mut Tx<'_>, job: Job, reason: &str, by: CancelledBy) -> Result<Job, Error> {
    let Some(to) = moves_or_repeats(&job, Move::Cancel)? else { return Ok(job) };
    let change = JobChange {
        cancelled_at: Some(tx.at()),
        cancelled_by: Some(by.as_str()),
        cancel_reason: Some(reason),
        ..JobChange::default()
    };
    let (id, held_by) = (job.id, job.driver_id);
    let job = advance(tx, &job, to, &change)?;
    let body = EventBody::OrderCancelled { order_id: id, reason: reason.to_owned() };
    if let Some(driver) = held_by {
        tell_driver(tx, driver, id, body.clone())?;
        drivers::settle_held(tx, driver)?;
    }
    tell_customer(tx, &job, body)?;
    Ok(job)
}

/// The result of a driver's step.
#[derive(Clone, Debug)]
pub enum Stepped {
    Order(Job),
    /// They gave it back: to them it reads as rejected, while the order is pending.
    Rejected(Job),
}

/// A driver moves an order of theirs on. Repeating the move that led to the present state changes nothing.
pub fn step(tx: &mut Tx<'_>, id: JobId, driver: DriverId, step: DriverStep) -> Result<Stepped, Error> {
    let job = lock(tx, id)?;
    if job.driver_id != Some(driver) {
        return match step {
            DriverStep::Reject if job.rejected_by == Some(driver) => Ok(Stepped::Rejected(job)),
            _ => Err(Refusal::NotFound("order").into()),
        };
    }
    // The customer's event.
    let told = match step {
        DriverStep::PickUp => Some(EventBody::OrderPickedUp { order_id: id }),
        DriverStep::Deliver => Some(EventBody::OrderDelivered { order_id: id }),
        DriverStep::Accept | DriverStep::Reject => None,
    };
    let (the_move, change) = match step {
        DriverStep::Reject => {
            let at = tx.at();
            let job = release(tx, job, "", Some(driver))?;
            sql!(tx, jobs::decline(id, driver, at))?;
            drivers::settle_held(tx, driver)?;
            return Ok(Stepped::Rejected(job));
        }
        DriverStep::Accept => {
            (Move::SetOut, JobChange { set_out_at: Some(Some(tx.at())), ..JobChange::default() })
        }
        DriverStep::PickUp => (Move::Start, JobChange { started_at: Some(tx.at()), ..JobChange::default() }),
        DriverStep::Deliver => {
            (Move::Complete, JobChange { completed_at: Some(tx.at()), ..JobChange::default() })
        }
    };
    let Some(to) = moves_or_repeats(&job, the_move)? else { return Ok(Stepped::Order(job)) };
    let job = advance(tx, &job, to, &change)?;
    if !to.is_held() {
        drivers::settle_held(tx, driver)?;
    }
    if let Some(body) = told {
        tell_customer(tx, &job, body)?;
    }
    Ok(Stepped::Order(job))
}

/// Makes a held order pending again. A driver who gave it back themself (`rejected_by`) need not be told; from any
/// other it was taken, and they hear `reason`.
pub(super) fn release(
    tx: &mut Tx<'_>,
    job: Job,
    reason: &str,
    rejected_by: Option<DriverId>,
) -> Result<Job, Error> {
    let to = moves(&job, Move::Release)?;
    let change = JobChange {
        driver_id: Some(None),
        assigned_at: Some(None),
        set_out_at: Some(None),
        arrived_at: Some(None),
        rejected_by: rejected_by.map(|driver| Some(driver.0)),
        ..JobChange::default()
    };
    let driver = job.driver_id;
    let job = advance(tx, &job, to, &change)?;
    if let (Some(driver), None) = (driver, rejected_by) {
        let body = EventBody::OrderCancelled { order_id: job.id, reason: reason.to_owned() };
        tell_driver(tx, driver, job.id, body)?;
    }
    Ok(job)
}

/// The claim: one conditional update, which wins or changes nothing.
fn claim(tx: &mut Tx<'_>, job: &Job, driver: &Driver) -> Result<Job, Error> {
    let id = job.id;
    let change = JobChange {
        driver_id: Some(Some(driver.id.0)),
        assigned_at: Some(Some(tx.at())),
        // The driver who rejected it may repeat the request, even while another driver has it.
        rejected_by: (job.rejected_by == Some(driver.id)).then_some(None),
        ..JobChange::default()
    };
    let claimed = sql!(tx, jobs::advance(job, JobStatus::Assigned, &change))?;
    let before = job;
    let job = match claimed {
        Updated::Updated(job) => job,
        Updated::NotInState(job) => return Err(not_in_state(&job)),
        Updated::NotFound => return Err(Refusal::NotFound("order").into()),
    };
    note_move(tx, before.into(), &job, &change)?;
    let body = EventBody::OrderAssigned(summary(&job));
    tx.record(driver.account_id, Some(id), body.clone());
    tell_customer(tx, &job, body)?;
    Ok(job)
}

/// Locks the row of a driver who may get `more` deliveries, and says what they hold.
fn lock_free(tx: &mut Tx<'_>, driver: DriverId, more: i64) -> Result<(Driver, Holding), Error> {
    let row = drivers::lock(tx, driver)?;
    let account = sql!(tx, accounts::find(row.account_id))?.ok_or(Refusal::NotFound("driver"))?;
    if account.is_suspended {
        return Err(Refusal::DriverSuspended.into());
    }
    let holding = drivers::holding(tx, driver)?;
    if holding.rides > 0 || holding.services_under_way > 0 {
        return Err(Refusal::DriverBusy.into());
    }
    if holding.deliveries + more > tx.rules().deliveries_max {
        return Err(Refusal::DriverFull.into());
    }
    Ok((row, holding))
}

pub(super) fn lock(tx: &mut Tx<'_>, id: JobId) -> Result<Job, Error> {
    let job = sql!(tx, jobs::lock(id))?.filter(|job| job.kind == JobKind::Delivery);
    Ok(job.ok_or(Refusal::NotFound("order"))?)
}

fn find(tx: &mut Tx<'_>, id: JobId) -> Result<Job, Error> {
    Ok(sql!(tx, jobs::find(id))?.ok_or(Refusal::NotFound("order"))?)
}

/// The details of an order that its driver needs.
pub fn summary(job: &Job) -> OrderSummary {
    OrderSummary {
        order_id: job.id,
        restaurant_name: job.restaurant_name.clone(),
        pickup_address: job.pickup_address.clone(),
        delivery_address: job.dropoff_address.clone(),
        earnings: job.earnings(),
        distance_km: job.distance_km,
    }
}
