//! The reasons why an operation did not happen.

use crate::domain::job::{JobKind, JobStatus};
use crate::domain::payment::PaymentStatus;
use crate::store::{OperationError, StoreError};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A decision against it: nothing was changed. `contracts/error_codes.rs` has the code that clients see for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The lifecycle does not have the move from the state that the job is in.
    #[error("the {}'s state does not allow it", .0.noun())]
    State(JobKind, JobStatus),
    #[error("another driver has the ride")]
    RideTaken,
    #[error("the offer of the ride has ended")]
    OfferEnded,
    /// The wanted state can't follow the payment's current state.
    #[error("the payment's state does not allow it")]
    PaymentState(PaymentStatus),
    #[error("the job is not paid in cash")]
    NotCash,
    #[error("the amount or currency does not match the job's")]
    PaymentMismatch,
    #[error("the ride has already been rated")]
    AlreadyRated,
    #[error("the driver is suspended")]
    DriverSuspended,
    #[error("the driver is on a ride or a service")]
    DriverBusy,
    #[error("the driver holds as many jobs as allowed")]
    DriverFull,
    #[error("the limit of open jobs is reached; wait until one has ended, or cancel one")]
    TooManyOpenJobs,
    #[error("no available driver was found")]
    NoDrivers,
    #[error("the order has no pickup position to search from")]
    NoPickupPosition,
    #[error("the user name is taken")]
    UsernameTaken,
    #[error("the phone number is taken")]
    PhoneNumberTaken,
    #[error("the external id is taken")]
    ExternalIdTaken,
    #[error("the idempotency key was already used for a different request")]
    IdempotencyKeyReused,
    #[error("the batch names an order twice")]
    OrderTwice,
    #[error("user name, phone number or password is wrong")]
    WrongCredentials,
    /// Of somebody who has logged in and changes it.
    #[error("the old password is wrong")]
    WrongPassword,
    /// An operator who resets passwords changes the own one as everybody does, with the old one.
    #[error("this is your own account: change its password with auth/password, which asks for the old one")]
    OwnPassword,
    #[error("this is your own second factor: replace it with auth/totp, or ask another operator")]
    OwnFactor,
    /// The password is good for one time, and that is for setting another one.
    #[error("this is a one-time password: send new_password with it")]
    NewPasswordRequired,
    /// The password was right.
    #[error("the code from your authenticator app is required: send it as code")]
    CodeRequired,
    #[error("no second factor is waiting to be confirmed; begin with auth/totp")]
    NoEnrolment,
    #[error("no admin would be left; create another one first")]
    LastAdmin,
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    /// The access token is good for a while yet, the log-in that it came from has ended.
    #[error("this log-in has ended; log in again")]
    LoggedOut,
}

/// Another object of the kind has the external id to be written; any other error stays the store's.
pub(super) fn external_id_taken(error: StoreError) -> Error {
    match error {
        StoreError::Taken { constraint } if constraint.contains("external_id") => {
            Refusal::ExternalIdTaken.into()
        }
        other => Error::Store(other),
    }
}

impl OperationError for Error {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Error::Store(error) => Some(error),
            Error::Refused(_) => None,
        }
    }
}
