//! Translates what the store and the operations return into the words of the wire, where REST and sockets use the same
//! ones.

use crate::contracts::BadMessage;
use crate::contracts::driver_rest::{AssignedOrders, DriverOrder, order_word};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::number::JsNumber;
use crate::contracts::payment::PaymentFields;
use crate::contracts::ride_rest::{Ride, RideDriver, RidePeople};
use crate::domain::booking::BookingStatus;
use crate::domain::contact::{Contact, NUMBER_KEPT};
use crate::domain::event::DriverCard;
use crate::domain::job::{JobKind, JobStatus};
use crate::domain::money::Money;
use crate::domain::offer_detail::OfferDetail;
use crate::domain::position::Position;
use crate::domain::ride::ride_word;
use crate::operations::Refusal;
use crate::operations::orders;
use crate::operations::rides::{self, Viewer};
use crate::rate_limit::Limit;
use crate::store::reads::RideStanding;
use crate::store::{self, Job};
use chrono::{DateTime, Utc};

/// When to ask again who has as many jobs open as may be: nobody knows when one of them ends.
pub const OPEN_JOBS_RETRY_SECS: u64 = 60;

/// Orders as the driver who holds them sees them.
pub fn orders_held(held: Vec<(Job, Contact)>) -> AssignedOrders {
    let order = |(job, contact): (Job, Contact)| {
        let (status, payment, summary) = (order_word(job.status), payment(&job), orders::summary(&job));
        DriverOrder::new(summary, job.external_id, status, job.assigned_at, payment)
            .with_contact(Some(contact))
    };
    AssignedOrders { orders: held.into_iter().map(order).collect() }
}

/// How an order or a booking is paid.
pub fn payment(job: &Job) -> PaymentFields {
    PaymentFields {
        payment_method: job.payment.payment_method,
        payment_status: job.payment.payment_status,
        amount: job.payable().map(Money::major),
    }
}

/// The viewer of a ride, and the parts of it that they may see.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    pub viewer: Viewer,
    /// Now; `None` for an answer that is kept, and given again when who may see what is different.
    pub at: Option<DateTime<Utc>>,
    /// The detail that drivers see who do not have the ride.
    pub detail: OfferDetail,
}

impl Sight {
    /// A passenger has the driver's number while the ride lasts, and a little longer.
    fn shows_number(&self, ride: &store::Ride) -> bool {
        let is_passengers = matches!(self.viewer, Viewer::Passenger(_));
        !is_passengers
            || ride.job.status.is_held()
            || self.at.is_some_and(|now| ride.job.ended_after(now - NUMBER_KEPT))
    }

    /// The detail of the ride's destination and passenger.
    fn detail_of(&self, ride: &store::Ride) -> OfferDetail {
        match self.viewer {
            Viewer::Driver(driver) if ride.job.driver_id != Some(driver) => self.detail,
            _ => OfferDetail::Full,
        }
    }
}

/// A ride as this one sees it, by REST and in `ride_joined`: the driver who has it sees whom to call, too.
pub fn ride_for(sight: Sight, standing: RideStanding) -> Ride {
    let contact = match sight.viewer {
        Viewer::Driver(driver) if standing.is_held_by(driver) => Some(standing.contact()),
        _ => None,
    };
    let people = (sight.viewer == Viewer::Admin).then(|| RidePeople {
        passenger_external_id: standing.passenger_external_id.clone(),
        driver_external_id: standing.driver.as_ref().and_then(|(driver, _)| driver.external_id.clone()),
    });
    Ride { passenger: contact.map(Into::into), people, ..ride(sight, standing) }
}

/// The same without whom the driver calls.
pub fn ride(sight: Sight, standing: RideStanding) -> Ride {
    let RideStanding { ride, passenger, driver, .. } = standing;
    let (shows_number, detail) = (sight.shows_number(&ride), sight.detail_of(&ride));
    let driver = driver.map(|(driver, account)| rides::card(&driver, &account));
    let driver = driver.map(|card| DriverCard { phone: card.phone.filter(|_| shows_number), ..card });
    let (estimated_fare, final_fare, amount) = (ride.estimated_fare(), ride.final_fare(), ride.payable());
    let job = ride.job;
    let passenger_id = passenger.map(|account| account.public_id).unwrap_or_default();
    let passenger_id = detail.passenger(passenger_id, job.id);
    let dropoff = job.dropoff().map(|exact| detail.dropoff(exact));
    let dropoff_address = if detail == OfferDetail::Full { job.dropoff_address } else { String::new() };
    Ride {
        ride_id: ride.ride_id,
        external_id: job.external_id,
        status: ride_word(job.status).into(),
        ride_type: ride.ride_type.unwrap_or_default(),
        passenger_id,
        pickup_latitude: job.pickup_latitude,
        pickup_longitude: job.pickup_longitude,
        dropoff_latitude: dropoff.map(Position::latitude),
        dropoff_longitude: dropoff.map(Position::longitude),
        pickup_address: job.pickup_address,
        dropoff_address,
        estimated_fare: estimated_fare.into(),
        currency: amount.currency(),
        distance_km: JsNumber(job.distance_km),
        estimated_duration_minutes: ride.estimated_duration_minutes,
        scheduled_at: ride.scheduled_at.map(Into::into),
        final_fare: final_fare.map(Into::into),
        payment_method: job.payment.payment_method,
        payment_status: job.payment.payment_status,
        amount: amount.into(),
        driver: driver.map(|card| ride_driver(card, job.status)),
        passenger: None,
        people: None,
        requested_at: job.requested_at.into(),
        accepted_at: job.assigned_at.map(Into::into),
        arrived_at: ride.arrived_at.map(Into::into),
        started_at: job.started_at.map(Into::into),
        completed_at: job.completed_at.map(Into::into),
        cancelled_at: job.cancelled_at.map(Into::into),
    }
}

/// Where the driver is, is the ride's business until it ends and not after.
fn ride_driver(mut card: DriverCard, status: JobStatus) -> RideDriver {
    card.position = card.position.filter(|_| status.is_held());
    card.into()
}

/// The error that a socket gets for a refused decision.
pub fn refusal(refusal: Refusal) -> BadMessage {
    let message = match refusal {
        Refusal::State(kind, state) => format!("the {} is {}", kind.noun(), state_word(kind, state)),
        Refusal::PaymentState(state) => format!("the payment is {}", state.as_str()),
        other => other.to_string(),
    };
    let bad = BadMessage::new(code_of(refusal), message);
    match refusal {
        Refusal::TooManyOpenJobs => {
            Limit::OpenJobs.exceeded();
            bad.again_after(OPEN_JOBS_RETRY_SECS)
        }
        _ => bad,
    }
}

/// A job's state in the word that its apps have for it.
pub fn state_word(kind: JobKind, state: JobStatus) -> &'static str {
    match kind {
        JobKind::Delivery => order_word(state),
        JobKind::Ride => ride_word(state),
        JobKind::Service => BookingStatus::from(state).as_str(),
    }
}

pub fn code_of(refusal: Refusal) -> ErrorCode {
    match refusal {
        Refusal::NotFound(_) => ErrorCode::NotFound,
        Refusal::State(JobKind::Delivery, _) => ErrorCode::OrderState,
        Refusal::State(JobKind::Ride, _) => ErrorCode::RideState,
        Refusal::State(JobKind::Service, _) => ErrorCode::BookingState,
        Refusal::PaymentState(_) => ErrorCode::PaymentState,
        Refusal::NotCash => ErrorCode::NotCash,
        Refusal::PaymentMismatch => ErrorCode::PaymentMismatch,
        Refusal::RideTaken => ErrorCode::RideTaken,
        Refusal::OfferEnded => ErrorCode::OfferEnded,
        Refusal::AlreadyRated => ErrorCode::AlreadyRated,
        Refusal::DriverSuspended => ErrorCode::DriverSuspended,
        Refusal::DriverBusy => ErrorCode::DriverBusy,
        Refusal::DriverFull => ErrorCode::DriverFull,
        Refusal::TooManyOpenJobs => ErrorCode::TooManyOpenJobs,
        Refusal::NoDrivers => ErrorCode::NoDrivers,
        Refusal::NoPickupPosition => ErrorCode::NoPickupPosition,
        Refusal::UsernameTaken => ErrorCode::UsernameTaken,
        Refusal::PhoneNumberTaken => ErrorCode::PhoneNumberTaken,
        Refusal::ExternalIdTaken => ErrorCode::ExternalIdTaken,
        Refusal::IdempotencyKeyReused => ErrorCode::IdempotencyKeyReused,
        Refusal::OrderTwice => ErrorCode::OrderTwice,
        Refusal::WrongCredentials => ErrorCode::WrongCredentials,
        Refusal::WrongPassword => ErrorCode::WrongPassword,
        Refusal::OwnPassword => ErrorCode::OwnPassword,
        Refusal::OwnFactor => ErrorCode::OwnFactor,
        Refusal::NewPasswordRequired => ErrorCode::NewPasswordRequired,
        Refusal::CodeRequired => ErrorCode::CodeRequired,
        Refusal::NoEnrolment => ErrorCode::NoEnrolment,
        Refusal::LastAdmin => ErrorCode::LastAdmin,
        Refusal::InvalidRefreshToken => ErrorCode::InvalidRefreshToken,
        Refusal::LoggedOut => ErrorCode::Unauthorized,
    }
}
