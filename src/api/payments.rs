//! Payments by REST: for operators and their programs by the job, and the webhook for payment services.
//! `operations::payments` decides which change may follow which.

use crate::api::description::Description;
use crate::api::extract::Caller;
use crate::api::fields::Fields;
use crate::api::input::Once;
use crate::api::problem::{FieldProblem, Problem};
use crate::api::request::{Described, Request, Sent};
use crate::api::respond::{Answered, OK, decide, json};
use crate::api::{Context, rules};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::payment::{NoticeItem, Payment, PaymentHistory, Received};
use crate::domain::currency::Currency;
use crate::domain::ids::JobId;
use crate::domain::money::Money;
use crate::domain::payment::{Notice, Terms};
use crate::operations::payments::{self, Noticed, Payable};
use crate::presenters;
use crate::providers::payments::{NotTaken, Verdict};
use crate::store::PaymentNotice;
use actix_web::{HttpRequest, web};
use serde_json::json;

/// The payment terms that operators set when they make or change a job.
pub fn terms(fields: &mut Fields<'_>) -> Terms {
    Terms {
        method: fields.optional("payment_method", rules::payment_method()),
        status: fields.optional("payment_status", rules::payment_status()),
        amount: fields.optional("amount", rules::money()),
        reference: fields.optional("payment_reference", rules::name()),
    }
}

/// `GET admin/jobs/{id}/payment`.
pub async fn show(ctx: web::Data<Context>, _: Caller, id: web::Path<JobId>) -> Answered<PaymentHistory> {
    let id = id.into_inner();
    let found = ctx.read(move |conn| payments::view(conn, id)).await?;
    let (standing, notices) = found.ok_or_else(|| Problem::not_found("job"))?;
    let notices = notices.into_iter().map(notice_item).collect();
    Ok(json(&PaymentHistory { payment: shown(standing), notices }))
}

/// The input of `PATCH admin/jobs/{id}/payment`.
pub struct PaymentChange(Terms);

impl Request for PaymentChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(terms(fields)))
    }
}

/// `PATCH admin/jobs/{id}/payment`.
pub async fn change(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<JobId>,
    once: Once,
    body: Sent<PaymentChange>,
) -> Answered<Payment> {
    let PaymentChange(terms) = body.read()?;
    let id = id.into_inner();
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, OK, move |tx| Ok(shown(payments::change(tx, id, &terms)?))).await
}

/// The input of `POST payments/webhook`: JSON in the form of the payment service that is set up, which alone can read it.
pub struct PaymentNoticeSent;

impl Described for PaymentNoticeSent {
    fn description() -> Description {
        Description::Other(json!({"type": "object"}))
    }
}

/// `POST payments/webhook`: a payment service reports the state of a payment. Its signature permits nothing else.
pub async fn webhook(
    ctx: web::Data<Context>,
    req: HttpRequest,
    body: Sent<PaymentNoticeSent>,
) -> Answered<Received> {
    let Some(service) = &ctx.payments else {
        let detail = "No payment service is set up here: PAYMENT_WEBHOOK_SECRET is not set.";
        return Err(Problem::new(ErrorCode::NotFound, detail));
    };
    let header = |name: &str| {
        let mut values = req.headers().get_all(name);
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    };
    match service.read(&header, body.bytes(), ctx.clock.now()) {
        Ok(Verdict::Notice(notice)) => take(&ctx, notice).await,
        Ok(Verdict::NothingToUs) => Ok(json(&Received { received: true, taken: false })),
        Err(NotTaken::Unsigned) => {
            log::warn!("a payment notice was refused: its signature is not valid");
            Err(Problem::new(ErrorCode::InvalidSignature, "Sign the body as agreed, with the current time."))
        }
        Err(NotTaken::Unreadable(problems)) => {
            log::warn!("a payment notice was refused: it can't be read fields={:?}", names(&problems));
            let problem = |(field, message): (&str, &str)| FieldProblem {
                field: field.to_owned(),
                message: message.to_owned(),
            };
            Err(Problem::fields(problems.into_iter().map(problem).collect()))
        }
    }
}

async fn take(ctx: &Context, notice: Notice) -> Answered<Received> {
    let (id, status) = (notice.id.clone(), notice.status.as_str());
    let noticed = ctx.write(move |tx| payments::take_notice(tx, &notice)).await;
    match noticed {
        Ok(Noticed::Taken(job)) => {
            log::info!("payment notice taken job={job} payment_status={status} notice={id:?}");
            Ok(json(&Received { received: true, taken: true }))
        }
        Ok(Noticed::Repeated(_)) => Ok(json(&Received { received: true, taken: false })),
        Ok(Noticed::Refused(job, refusal)) => {
            log::warn!("payment notice refused job={job} payment_status={status} notice={id:?}: {refusal}");
            Err(refusal.into())
        }
        Err(problem) => {
            log::warn!("payment notice refused payment_status={status} notice={id:?}: {problem}");
            Err(problem)
        }
    }
}

fn names(problems: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    problems.iter().map(|(field, _)| *field).collect()
}

fn shown(standing: Payable) -> Payment {
    let Payable { job, name, amount } = standing;
    let currency = job.earnings().currency();
    Payment {
        job_id: job.id,
        external_id: job.external_id.clone(),
        name,
        fields: presenters::payment(&job).with_amount(amount),
        currency,
        payment_reference: job.payment.payment_reference,
        paid_at: job.payment.paid_at.map(Into::into),
    }
}

fn notice_item(row: PaymentNotice) -> NoticeItem {
    let currency = row.currency.and_then(|code| Currency::new(&code).ok());
    NoticeItem {
        provider: row.provider,
        id: row.notice_id,
        payment_status: row.payment_status,
        amount: row.amount_minor.zip(currency).map(|(minor, currency)| Money::from_minor(minor, currency)),
        currency,
        reference: row.reference,
        outcome: row.outcome,
        received_at: row.received_at.into(),
    }
}
