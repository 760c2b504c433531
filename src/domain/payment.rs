//! A job's payment as far as a dispatcher knows it: its method, its state, and the notices of a payment service. Money
//! is moved elsewhere, and card data is never stored here.

use crate::domain::external_id::ExternalId;
use crate::domain::ids::JobId;
use crate::domain::job::JobKind;
use crate::domain::money::{Amount, Money};
use crate::domain::ride::RideId;
use crate::domain::words::words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// How the customer pays.
    PaymentMethod {
        /// Into the driver's hand.
        Cash = "cash",
        Card = "card",
        Wallet = "wallet",
        /// By an invoice.
        Account = "account",
    }
}

words! {
    /// How far the payment is.
    PaymentStatus {
        Pending = "pending",
        /// The amount is set aside for us.
        Authorised = "authorised",
        Paid = "paid",
        Failed = "failed",
        Refunded = "refunded",
    }
}

/// The result of moving a payment to another status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Moves,
    /// It is in that status: a repetition, which changes nothing.
    Already,
    Refused,
}

/// The only table of which status may follow which. A paid job can only be refunded, which is final; a failed payment
/// can be tried again.
pub const fn step(from: PaymentStatus, to: PaymentStatus) -> Step {
    use PaymentStatus::{Authorised, Failed, Paid, Pending, Refunded};
    match (from, to) {
        (Pending, Pending)
        | (Authorised, Authorised)
        | (Paid, Paid)
        | (Failed, Failed)
        | (Refunded, Refunded) => Step::Already,
        (Pending, Authorised | Paid | Failed)
        | (Authorised, Paid | Failed)
        | (Failed, Pending | Authorised | Paid)
        | (Paid, Refunded) => Step::Moves,
        _ => Step::Refused,
    }
}

impl PaymentStatus {
    /// Whether method and amount may still be agreed on.
    pub const fn is_open(self) -> bool {
        !matches!(self, PaymentStatus::Paid | PaymentStatus::Refunded)
    }
}

/// The payment terms given when a job is made. Absent ones are unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    pub method: Option<PaymentMethod>,
    pub status: Option<PaymentStatus>,
    /// The customer's payment. For a ride it is the fare unless it was set.
    pub amount: Option<Amount>,
    /// By which others find it: an invoice's number, a payment service's id.
    pub reference: Option<String>,
}

/// The id under which apps know a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobName {
    /// A delivery's number.
    OrderId(JobId),
    /// A ride's id.
    RideId(RideId),
    /// A service's number.
    BookingId(JobId),
}

impl JobName {
    pub const fn kind(&self) -> JobKind {
        match self {
            JobName::OrderId(_) => JobKind::Delivery,
            JobName::RideId(_) => JobKind::Ride,
            JobName::BookingId(_) => JobKind::Service,
        }
    }
}

/// The job that a payment service means: by the id under which apps know it, or by the shop's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedJob {
    Ours(JobName),
    /// Of one kind; or of whichever, and then it is the only one under it.
    Theirs(Option<JobKind>, ExternalId),
}

/// A payment service's notice, once it is believed.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Which service.
    pub provider: &'static str,
    /// The service's own id of it: the same again is a repetition.
    pub id: String,
    pub job: NamedJob,
    pub status: PaymentStatus,
    pub method: Option<PaymentMethod>,
    /// The amount, if it was given; it always is for money that was paid or authorised.
    pub amount: Option<Money>,
    pub reference: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_what_may_follow() {
        let table: Vec<String> = PaymentStatus::ALL
            .iter()
            .map(|from| {
                let steps = PaymentStatus::ALL.iter().map(|to| match step(*from, *to) {
                    Step::Moves => 'x',
                    Step::Already => '=',
                    Step::Refused => '-',
                });
                steps.collect()
            })
            .collect();
        assert_eq!(table, ["=xxx-", "-=xx-", "--=-x", "xxx=-", "----="]);
    }

    #[test]
    fn a_job_is_named_as_apps_name_it() {
        let ride = JobName::RideId(RideId::new("12345").expect("a ride id"));
        assert_eq!(serde_json::to_string(&ride).expect("JSON"), r#"{"ride_id":"12345"}"#);
        assert_eq!(
            serde_json::from_str::<JobName>(r#"{"order_id":17}"#).expect("JSON"),
            JobName::OrderId(JobId(17))
        );
    }
}
