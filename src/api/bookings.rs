//! Bookings of technicians by REST, for customers, technicians, operators and their programs. `operations::bookings`
//! decides what a booking may become.

use crate::api::description::Description;
use crate::api::extract::{Caller, forbidden};
use crate::api::fields::{Fields, describe};
use crate::api::input::Once;
use crate::api::operators::id_cursor;
use crate::api::operators::orders::{DriverNamed, RequiredReason};
use crate::api::problem::Problem;
use crate::api::request::{Asked, Described, Request, Sent};
use crate::api::respond::{Answered, CREATED, OK, decide, decide_and_add, json, page, page_limit};
use crate::api::rules::Rule;
use crate::api::{Context, payments, rules};
use crate::contracts::bookings::Booking;
use crate::contracts::contact::CustomerContact;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::operators::Page;
use crate::domain::booking::{BookingStatus, track_id};
use crate::domain::contact::Contact;
use crate::domain::external_id::{ExternalId, Named};
use crate::domain::ids::{CustomerId, DriverId, JobId};
use crate::domain::job::JobStatus;
use crate::domain::payment::{PaymentStatus, Terms};
use crate::domain::role::Role;
use crate::operations::authentication::Principal;
use crate::operations::bookings::{self, BookingRequest as NewJob, Party};
use crate::operations::{self, Refusal, accounts};
use crate::presenters;
use crate::store::reads::{self, BookingStanding, BookingsOf};
use crate::store::{Conn, StoreError, Tx};
use actix_web::web;
use std::time::Instant;

/// `POST bookings`: an operator books for a customer, a customer for themself.
pub async fn create(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    once: Once,
    body: Sent<NewBooking>,
) -> Answered<Booking, 201> {
    let party = party(&caller)?;
    if let Party::Technician(_) = party {
        return Err(forbidden(caller.role));
    }
    let asked = body.read_with(|fields| NewBooking::read(fields, party))?;
    let NewBooking { customer, request } = asked.by(party)?;
    if let Party::Customer(_) = party {
        ctx.account_limits.job(caller.account, Instant::now()).map_err(Problem::limited)?;
    }
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, CREATED, move |tx| {
        let named = accounts::customer_named(tx.conn(), &customer)?.ok_or(Refusal::NotFound("customer"))?;
        let made = match party {
            Party::Customer(_) => bookings::ask_for(tx, named, &request),
            Party::Operator | Party::Technician(_) => bookings::create(tx, named, &request),
        };
        Ok(shown(made?, party))
    })
    .await
}

/// The input of `POST bookings`.
#[derive(Debug)]
pub struct NewBooking {
    customer: Named<CustomerId>,
    request: NewJob,
}

impl NewBooking {
    fn read(fields: &mut Fields<'_>, party: Party) -> Option<Self> {
        fields.refuse_ours(&["booking_id", "track_id"]);
        let customer = match party {
            Party::Customer(own) => {
                if fields.has("customer_external_id") {
                    fields.refuse(
                        "customer_external_id",
                        "is for operators; leave it out to book for yourself",
                    );
                }
                Some(Named::Ours(fields.optional("customer_id", rules::id()).unwrap_or(own)))
            }
            Party::Operator | Party::Technician(_) => {
                fields.required_named("customer_id", &["customer_external_id"])
            }
        };
        let service = fields.required("service", rules::name());
        let address = fields.optional("address", rules::name_or_empty()).unwrap_or_default();
        let place = fields.position("latitude", "longitude");
        let scheduled_at = fields.optional("scheduled_at", rules::instant());
        // A customer says how they will pay, and not how much, nor that they have.
        let terms = match party {
            Party::Customer(_) => Terms {
                method: fields.optional("payment_method", rules::payment_method()),
                ..Terms::default()
            },
            Party::Operator | Party::Technician(_) => payments::terms(fields),
        };
        let external_id = fields.optional("external_id", rules::unless_empty(rules::external_id())).flatten();
        let request = NewJob { service: service?, address, place, scheduled_at, terms, external_id };
        Some(Self { customer: customer?, request })
    }

    /// As it is, unless a customer asks for somebody else.
    fn by(self, party: Party) -> Result<Self, Problem> {
        match party {
            Party::Customer(own) if self.customer != Named::Ours(own) => {
                Err(Problem::new(ErrorCode::Forbidden, "A customer can book only for themself."))
            }
            _ => Ok(self),
        }
    }
}

/// As an operator sends it; a customer names nobody, and says no more of the payment than its method.
impl Described for NewBooking {
    fn description() -> Description {
        describe(|fields| Self::read(fields, Party::Operator).is_some())
    }
}

/// `GET bookings`: the caller's own, newest first.
pub async fn list(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    query: Asked<BookingsAsked>,
) -> Answered<Page<Booking>> {
    let of = match party(&caller)? {
        Party::Customer(customer) => BookingsOf::Customer(customer),
        Party::Technician(driver) => BookingsOf::Technician(driver),
        Party::Operator => return Err(forbidden(caller.role)),
    };
    list_of(&ctx, of, &query).await
}

/// `GET admin/bookings`: everybody's, newest first.
pub async fn list_all(
    ctx: web::Data<Context>,
    _: Caller,
    query: Asked<BookingsAsked>,
) -> Answered<Page<Booking>> {
    list_of(&ctx, BookingsOf::Everybody, &query).await
}

/// The query of the lists of bookings.
pub struct BookingsAsked {
    status: Option<JobStatus>,
    external_id: Option<ExternalId>,
    before: JobId,
    limit: usize,
}

impl Request for BookingsAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            status: fields.optional("status", status()).map(BookingStatus::job_status),
            external_id: fields.optional("external_id", rules::external_id()),
            before: id_cursor(fields).unwrap_or(JobId(i64::MAX)),
            limit: page_limit(fields),
        })
    }
}

async fn list_of(ctx: &Context, of: BookingsOf, query: &Asked<BookingsAsked>) -> Answered<Page<Booking>> {
    let BookingsAsked { status, external_id, before, limit } = query.read()?;
    let reading = move |conn: &mut Conn<'_>| {
        let external_id = external_id.as_ref().map(ExternalId::as_str);
        let rows = reads::bookings(conn, of, status, external_id, before, limit as i64 + 1)?;
        rows.into_iter().map(|row| with_contact(conn, row, of.technician())).collect::<Result<Vec<_>, _>>()
    };
    let rows = ctx.read(reading).await?;
    let party = match of {
        BookingsOf::Customer(customer) => Party::Customer(customer),
        BookingsOf::Technician(driver) => Party::Technician(driver),
        BookingsOf::Everybody => Party::Operator,
    };
    let cursor = |(standing, _): &(BookingStanding, _)| standing.booking.job.id.to_string();
    Ok(json(&page(rows, limit, cursor, |row| shown_with(row, party))))
}

/// `GET bookings/{id}`.
pub async fn show(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<JobId>,
) -> Answered<Booking> {
    let (id, party) = (id.into_inner(), party(&caller)?);
    let reading = move |conn: &mut Conn<'_>| {
        let found = bookings::view(conn, id, party)?;
        found.map(|standing| with_contact(conn, standing, party.technician())).transpose()
    };
    let found = ctx.read(reading).await?;
    Ok(json(&shown_with(found.ok_or_else(|| Problem::not_found("booking"))?, party)))
}

/// Adds the customer's contact to the booking, for the technician who has it.
fn with_contact(
    conn: &mut Conn<'_>,
    standing: BookingStanding,
    technician: Option<DriverId>,
) -> Result<(BookingStanding, Option<Contact>), StoreError> {
    let job = &standing.booking.job;
    let contact = match technician.filter(|_| job.status.is_held()) {
        Some(technician) => reads::contact(conn, job.id, technician)?,
        None => None,
    };
    Ok((standing, contact))
}

/// `PUT bookings/{id}/technician`.
pub async fn assign(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<JobId>,
    once: Once,
    body: Sent<DriverNamed>,
) -> Answered<Booking> {
    let DriverNamed(driver) = body.read()?;
    let id = id.into_inner();
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, OK, move |tx| {
        let driver = accounts::driver_named(tx.conn(), &driver)?.ok_or(Refusal::NotFound("driver"))?;
        Ok(shown(bookings::assign(tx, id, driver)?, Party::Operator))
    })
    .await
}

/// The input of `PUT bookings/{id}/status`.
pub struct BookingStatusWanted {
    status: BookingStatus,
    reason: Option<String>,
    /// The technician who has got the price in cash.
    paid_to: Option<DriverId>,
}

impl BookingStatusWanted {
    fn read(fields: &mut Fields<'_>, party: Party) -> Option<Self> {
        let status = fields.required("status", status());
        let reason = fields.optional("reason", rules::reason_or_empty());
        let paid_to = paid_in_cash(fields, party, status);
        Some(Self { status: status?, reason, paid_to })
    }
}

/// The same for those who may move a booking on.
impl Described for BookingStatusWanted {
    fn description() -> Description {
        describe(|fields| Self::read(fields, Party::Operator).is_some())
    }
}

/// `PUT bookings/{id}/status`: its technician, or an operator.
pub async fn set_status(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<JobId>,
    once: Once,
    body: Sent<BookingStatusWanted>,
) -> Answered<Booking> {
    let party = party(&caller)?;
    if let Party::Customer(_) = party {
        return Err(forbidden(caller.role));
    }
    let BookingStatusWanted { status: wished, reason, paid_to } =
        body.read_with(|fields| BookingStatusWanted::read(fields, party))?;
    let id = id.into_inner();
    let key = once.key(&ctx, &caller, &body);
    let set = move |tx: &mut Tx<'_>| {
        let mut standing = bookings::set_status(tx, id, party, wished, reason.as_deref())?;
        if let Some(technician) = paid_to {
            standing.booking.job = operations::payments::take_cash(tx, id, technician)?;
        }
        Ok(shown(standing, party))
    };
    let contact = move |conn: &mut Conn<'_>| match party.technician() {
        Some(technician) => Ok(reads::contact(conn, id, technician)?.map(CustomerContact::from)),
        None => Ok(None),
    };
    decide_and_add(&ctx, key, OK, set, contact).await
}

/// The technician who completes the work and has got its price in cash.
fn paid_in_cash(fields: &mut Fields<'_>, party: Party, wished: Option<BookingStatus>) -> Option<DriverId> {
    let paid: PaymentStatus = fields.optional("payment_status", rules::paid())?;
    match (party, wished, paid) {
        (Party::Technician(driver), Some(BookingStatus::Completed), PaymentStatus::Paid) => Some(driver),
        _ => {
            fields.refuse("payment_status", "is only for the technician who sets Completed");
            None
        }
    }
}

/// `POST bookings/{id}/cancel`: its customer, its technician, or an operator.
pub async fn cancel(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<JobId>,
    once: Once,
    body: Sent<RequiredReason>,
) -> Answered<Booking> {
    let party = party(&caller)?;
    let RequiredReason(reason) = body.read()?;
    let id = id.into_inner();
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, OK, move |tx| Ok(shown(bookings::cancel(tx, id, party, &reason)?, party))).await
}

fn party(principal: &Principal) -> Result<Party, Problem> {
    match (principal.customer, principal.driver, principal.role) {
        (Some(customer), _, _) => Ok(Party::Customer(customer)),
        (_, Some(driver), _) => Ok(Party::Technician(driver)),
        (_, _, role) if role.is_operator() || role == Role::Service => Ok(Party::Operator),
        (_, _, role) => Err(forbidden(role)),
    }
}

fn status() -> impl Rule<BookingStatus> {
    rules::word(BookingStatus::ALL.iter().map(|status| (status.as_str(), *status)).collect::<Vec<_>>())
}

fn shown_with((standing, contact): (BookingStanding, Option<Contact>), party: Party) -> Booking {
    Booking { customer: contact.map(Into::into), ..shown(standing, party) }
}

/// The external ids of the two people are for operators alone.
fn shown(standing: BookingStanding, party: Party) -> Booking {
    let BookingStanding { booking, technician, people } = standing;
    let job = booking.job;
    let payment = presenters::payment(&job);
    Booking {
        currency: job.earnings().currency(),
        payment,
        booking_id: job.id,
        external_id: job.external_id,
        customer_external_id: people.customer.filter(|_| party == Party::Operator),
        driver_external_id: people.driver.filter(|_| party == Party::Operator),
        track_id: track_id(job.id),
        customer_id: job.customer_id,
        driver_id: job.driver_id,
        technician_name: technician.map(|account| account.name).unwrap_or_default(),
        service: booking.service,
        status: BookingStatus::from(job.status).as_str(),
        address: job.pickup_address,
        latitude: job.pickup_latitude,
        longitude: job.pickup_longitude,
        scheduled_at: booking.scheduled_at.map(Into::into),
        requested_at: job.requested_at.into(),
        assigned_at: job.assigned_at.map(Into::into),
        journey_started_at: job.set_out_at.map(Into::into),
        reached_at: booking.arrived_at.map(Into::into),
        service_started_at: job.started_at.map(Into::into),
        completed_at: job.completed_at.map(Into::into),
        cancelled_at: job.cancelled_at.map(Into::into),
        cancelled_by: job.cancelled_by,
        reason: job.cancel_reason.filter(|reason| !reason.is_empty()),
        customer: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::request::read_with;
    use serde_json::{Value, json};

    fn asked(body: Value, party: Party) -> Result<NewBooking, ErrorCode> {
        let Value::Object(object) = body else { panic!("an object") };
        let read = read_with(&object, |fields| NewBooking::read(fields, party));
        read.and_then(|asked| asked.by(party)).map_err(|problem| problem.code())
    }

    #[test]
    fn a_customer_books_for_themself_and_an_operator_says_for_whom() {
        let own = Party::Customer(CustomerId(123));
        let NewBooking { customer, request } =
            asked(json!({"service": "Brakes"}), own).expect("all that is needed");
        assert_eq!((customer, request.address.as_str()), (Named::Ours(CustomerId(123)), ""));
        assert!(request.place.is_none() && request.external_id.is_none());
        assert!(asked(json!({"service": "Brakes", "customer_id": 123}), own).is_ok());
        let other = asked(json!({"service": "Brakes", "customer_id": 1}), own);
        assert_eq!(other.expect_err("another's"), ErrorCode::Forbidden);
        let nobody = asked(json!({"service": "Brakes"}), Party::Operator);
        assert_eq!(nobody.expect_err("nobody's"), ErrorCode::InvalidFields);
    }

    #[test]
    fn every_status_can_be_asked_for_in_its_word_and_no_other() {
        for word in BookingStatus::ALL {
            assert_eq!(status().read(&json!(word.as_str())), Ok(word));
        }
        assert_eq!(status().read(&json!("PENDING")), Ok(BookingStatus::Pending));
        for wrong in [json!("pendin"), json!(""), json!(3), Value::Null] {
            assert!(status().read(&wrong).is_err(), "{wrong}");
        }
    }
}
