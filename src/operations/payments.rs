//! Payments of jobs: as agreed when the job is made, as set by an operator or by a driver with cash, and as reported by
//! a payment service. Customer and driver hear of each change by a durable event. Rows are locked in the usual order:
//! the job first.

use crate::domain::currency::Currency;
use crate::domain::event::{EventBody, PaymentUpdate};
use crate::domain::external_id::ExternalId;
use crate::domain::ids::{DriverId, JobId};
use crate::domain::job::{JobKind, JobStatus};
use crate::domain::money::Money;
use crate::domain::payment::{JobName, NamedJob, Notice, PaymentMethod, PaymentStatus, Step, Terms, step};
use crate::domain::story::What;
use crate::operations::error::{Error, Refusal};
use crate::operations::jobs::{Subject, note, tell_customer, tell_driver};
use crate::store::{Conn, Job, NewPayment, PaymentChange, PaymentNotice, StoreError, Tx, sql};
use chrono::NaiveDateTime;

/// Notices of a job that are shown.
const NOTICES_SHOWN: i64 = 50;

/// A job, by the id that apps have for it, and what is to be paid for it.
#[derive(Clone, Debug)]
pub struct Payable {
    pub job: Job,
    pub name: JobName,
    pub amount: Option<Money>,
}

/// The columns of a job that is made now.
pub(super) fn begun(terms: &Terms, currency: Currency, now: NaiveDateTime) -> NewPayment<'_> {
    let status = terms.status.unwrap_or(PaymentStatus::Pending);
    NewPayment {
        currency: currency.as_str(),
        amount_minor: terms.amount.map(|amount| amount.in_currency(currency).minor()),
        payment_method: terms.method.map(PaymentMethod::as_str),
        payment_status: status.as_str(),
        payment_reference: terms.reference.as_deref(),
        paid_at: (status == PaymentStatus::Paid).then_some(now),
    }
}

/// How a job is paid, and what payment services told of it, the newest first.
pub fn view(conn: &mut Conn<'_>, id: JobId) -> Result<Option<(Payable, Vec<PaymentNotice>)>, StoreError> {
    let Some(job) = sql!(conn, jobs::find(id))? else { return Ok(None) };
    let standing = standing(conn, job)?;
    Ok(Some((standing, sql!(conn, payments::notices_of(id, NOTICES_SHOWN))?)))
}

/// An operator sets how a job is paid. Setting the current values changes nothing and sends no event.
pub fn change(tx: &mut Tx<'_>, id: JobId, terms: &Terms) -> Result<Payable, Error> {
    let job = sql!(tx, jobs::lock(id))?.ok_or(Refusal::NotFound("job"))?;
    let before = standing(tx.conn(), job)?;
    let payment = &before.job.payment;
    let currency = payment.money(0).currency();
    let amount = terms.amount.map(|amount| amount.in_currency(currency));
    let amount = amount.filter(|amount| before.amount != Some(*amount));
    let method = terms.method.filter(|method| payment.payment_method != Some(*method));
    if (amount.is_some() || method.is_some()) && !payment.payment_status.is_open() {
        return Err(Refusal::PaymentState(payment.payment_status).into());
    }
    let reference = terms.reference.as_deref();
    let mut change = PaymentChange {
        amount_minor: amount.map(Money::minor),
        payment_method: method.map(|method| Some(method.as_str())),
        payment_reference: reference.filter(|new| payment.payment_reference.as_deref() != Some(*new)),
        ..PaymentChange::default()
    };
    move_to(&mut change, payment.payment_status, terms.status, tx.at())?;
    write(tx, before, &change)
}

/// The driver of a job that is completed has got the money into their hand. Saying so again changes nothing.
pub fn take_cash(tx: &mut Tx<'_>, id: JobId, driver: DriverId) -> Result<Job, Error> {
    let job = sql!(tx, jobs::lock(id))?.filter(|job| job.driver_id == Some(driver));
    let job = job.ok_or(Refusal::NotFound("job"))?;
    let payment = &job.payment;
    if payment.payment_status == PaymentStatus::Paid {
        return Ok(job);
    }
    // A driver is given nothing but cash, so a method that nobody has named is that.
    if payment.payment_method.is_some_and(|method| method != PaymentMethod::Cash) {
        return Err(Refusal::NotCash.into());
    }
    let mut change = PaymentChange::default();
    if payment.payment_method.is_none() {
        change.payment_method = Some(Some(PaymentMethod::Cash.as_str()));
    }
    move_to(&mut change, payment.payment_status, Some(PaymentStatus::Paid), tx.at())?;
    let before = standing(tx.conn(), job)?;
    Ok(write(tx, before, &change)?.job)
}

/// The result of a payment service's notice.
#[derive(Clone, Debug)]
pub enum Noticed {
    Taken(JobId),
    /// It was taken before.
    Repeated(JobId),
    /// It was recorded and changed nothing else. The same notice may be accepted when it is repeated.
    Refused(JobId, Refusal),
}

/// A payment service tells how far a payment is. Each notice is taken once.
pub fn take_notice(tx: &mut Tx<'_>, notice: &Notice) -> Result<Noticed, Error> {
    let known = sql!(tx, payments::notice(notice.provider, &notice.id))?;
    if let Some(known) = known.as_ref().filter(|known| known.outcome == PaymentNotice::TAKEN) {
        return Ok(Noticed::Repeated(JobId(known.job_id)));
    }
    let id = job_of(tx.conn(), &notice.job)?.ok_or(Refusal::NotFound("job"))?;
    let job = sql!(tx, jobs::lock(id))?.ok_or(Refusal::NotFound("job"))?;
    let before = standing(tx.conn(), job)?;
    let judged = judge(&before, notice, tx.at());
    let row = PaymentNotice {
        provider: notice.provider.to_owned(),
        notice_id: notice.id.clone(),
        job_id: id.0,
        payment_status: notice.status.as_str().to_owned(),
        amount_minor: notice.amount.map(Money::minor),
        currency: notice.amount.map(|amount| amount.currency().as_str().to_owned()),
        reference: notice.reference.clone(),
        outcome: outcome(&judged).to_owned(),
        received_at: tx.at(),
    };
    match known {
        Some(_) => sql!(tx, payments::rewrite_notice(&row))?,
        None if sql!(tx, payments::insert_notice(&row))? == 1 => 1,
        // It came first over another connection, and is committed: once more, to see what became of it.
        None => return Err(StoreError::Repeat.into()),
    };
    match judged {
        Ok(change) => {
            write(tx, before, &change)?;
            Ok(Noticed::Taken(id))
        }
        Err(refusal) => Ok(Noticed::Refused(id, refusal)),
    }
}

/// As rows have it.
const fn outcome(judged: &Result<PaymentChange<'_>, Refusal>) -> &'static str {
    match judged {
        Ok(_) => PaymentNotice::TAKEN,
        Err(Refusal::PaymentMismatch) => "payment_mismatch",
        Err(_) => "payment_state",
    }
}

/// The change that a notice makes. An amount that is not the job's marks nothing as paid; a job without an amount takes
/// the notice's.
fn judge<'a>(before: &Payable, notice: &'a Notice, now: NaiveDateTime) -> Result<PaymentChange<'a>, Refusal> {
    let payment = &before.job.payment;
    let mut change = PaymentChange::default();
    if let Some(told) = notice.amount {
        let is_right = match before.amount {
            Some(amount) => told == amount,
            None => told.currency() == payment.money(0).currency(),
        };
        if !is_right {
            return Err(Refusal::PaymentMismatch);
        }
        change.amount_minor = before.amount.is_none().then_some(told.minor());
    }
    move_to(&mut change, payment.payment_status, Some(notice.status), now)?;
    if change.payment_status.is_none() {
        return Ok(PaymentChange::default());
    }
    let method = notice.method.filter(|method| *method != PaymentMethod::Cash);
    // Money paid to a service is not cash in hand.
    if method.is_some() || payment.payment_method == Some(PaymentMethod::Cash) {
        change.payment_method = Some(method.map(PaymentMethod::as_str));
    }
    change.payment_reference = notice.reference.as_deref();
    Ok(change)
}

fn move_to(
    change: &mut PaymentChange<'_>,
    from: PaymentStatus,
    to: Option<PaymentStatus>,
    now: NaiveDateTime,
) -> Result<(), Refusal> {
    let Some(to) = to else { return Ok(()) };
    match step(from, to) {
        Step::Already => {}
        Step::Refused => return Err(Refusal::PaymentState(from)),
        Step::Moves => {
            change.payment_status = Some(to.as_str());
            change.paid_at = (to == PaymentStatus::Paid).then_some(now);
        }
    }
    Ok(())
}

fn write(tx: &mut Tx<'_>, before: Payable, change: &PaymentChange<'_>) -> Result<Payable, Error> {
    if *change == PaymentChange::default() {
        return Ok(before);
    }
    sql!(tx, payments::change(before.job.id, change))?;
    let job = sql!(tx, jobs::find(before.job.id))?.ok_or(Refusal::NotFound("job"))?;
    let after = standing(tx.conn(), job)?;
    if change.payment_status.is_some() {
        let ride = match &after.name {
            JobName::RideId(ride) => Some(ride),
            JobName::OrderId(_) | JobName::BookingId(_) => None,
        };
        note(tx, Subject::new(&after.job, ride), What::Payment(after.job.payment.payment_status))?;
    }
    let body = EventBody::PaymentUpdated(PaymentUpdate {
        job: after.name.clone(),
        payment_method: after.job.payment.payment_method,
        payment_status: after.job.payment.payment_status,
        amount: after.amount,
    });
    tell_customer(tx, &after.job, body.clone())?;
    // A cancelled job keeps its driver's name; its refund does not concern that driver.
    let carries_out = after.job.status.is_held() || after.job.status == JobStatus::Completed;
    if let Some(driver) = after.job.driver_id.filter(|_| carries_out) {
        tell_driver(tx, driver, after.job.id, body)?;
    }
    Ok(after)
}

fn standing(conn: &mut Conn<'_>, job: Job) -> Result<Payable, StoreError> {
    let (id, amount) = (job.id, job.payable());
    let (name, amount) = match job.kind {
        JobKind::Delivery => (JobName::OrderId(id), amount),
        JobKind::Service => (JobName::BookingId(id), amount),
        JobKind::Ride => match sql!(conn, rides::find(id))? {
            Some(ride) => (JobName::RideId(ride.ride_id.clone()), Some(ride.payable())),
            // The row of a ride that was read before is there.
            None => return Err(StoreError::Repeat),
        },
    };
    Ok(Payable { job, name, amount })
}

fn job_of(conn: &mut Conn<'_>, named: &NamedJob) -> Result<Option<JobId>, StoreError> {
    let (name, id) = match named {
        NamedJob::Theirs(Some(kind), theirs) => {
            return sql!(conn, jobs::by_external_id(*kind, theirs.as_str()));
        }
        NamedJob::Theirs(None, theirs) => return only_one(conn, theirs),
        NamedJob::Ours(JobName::RideId(ride)) => return sql!(conn, rides::id_of(ride.as_str())),
        NamedJob::Ours(name @ (JobName::OrderId(id) | JobName::BookingId(id))) => (name, *id),
    };
    let job = sql!(conn, jobs::find(id))?.filter(|job| job.kind == name.kind());
    Ok(job.map(|job| job.id))
}

/// The only job that the shop calls so: nobody is marked paid by a guess.
fn only_one(conn: &mut Conn<'_>, theirs: &ExternalId) -> Result<Option<JobId>, StoreError> {
    let mut found = Vec::new();
    for kind in JobKind::ALL {
        found.extend(sql!(conn, jobs::by_external_id(kind, theirs.as_str()))?);
    }
    match found[..] {
        [id] => Ok(Some(id)),
        _ => Ok(None),
    }
}
