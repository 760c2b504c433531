//! The driver app's REST side: the shapes of its answers, and its words for an order's status. Logging in is here,
//! too; all apps share it.

use crate::contracts::contact::CustomerContact;
use crate::contracts::payment::PaymentFields;
use crate::contracts::time::WireTime;
use crate::domain::contact::Contact;
use crate::domain::currency::Currency;
use crate::domain::event::OrderSummary;
use crate::domain::ids::{CustomerId, DriverId};
use crate::domain::job::JobStatus;
use crate::domain::money::Money;
use crate::domain::role::Role;
use chrono::{NaiveDate, NaiveDateTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use uuid::Uuid;

/// The answer of `auth/login` and `auth/refresh`.
#[derive(Clone, Serialize, JsonSchema)]
pub struct LoggedIn {
    pub access_token: String,
    pub refresh_token: String,
    pub token_type: &'static str,
    /// Seconds for which the access token is good.
    pub expires_in: u64,
    pub user: User,
    /// Of a second factor that was confirmed with this log-in. Told once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recovery_codes: Vec<String>,
}

/// Tokens never reach a log.
impl fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggedIn").field("user", &self.user.user_id).finish_non_exhaustive()
    }
}

/// The account that logged in.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct User {
    pub user_id: Uuid,
    pub role: Role,
    pub name: String,
    pub phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_id: Option<DriverId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// The answer of `driver/profile`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Profile {
    pub driver_id: DriverId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    pub name: String,
    /// Empty where it is not known, as is the registration: the app expects text.
    pub phone_number: String,
    pub vehicle_type: String,
    pub vehicle_registration: String,
    pub status: &'static str,
    pub rating: f64,
    pub is_verified: bool,
}

/// The answer of `driver/status`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatusAnswer {
    pub status: &'static str,
}

/// An order as its driver sees it: the fields of `order_assigned`, how far it is, and what is to be paid for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriverOrder {
    #[serde(flatten)]
    pub order: OrderSummary,
    /// The order's id in another system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// A word of [`order_word`], or `rejected` for one that the driver has given back.
    pub status: Cow<'static, str>,
    /// When the driver got it.
    pub assigned_at: Option<WireTime>,
    /// The customer's contact, while the driver has the order.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerContact>,
    #[serde(flatten)]
    pub payment: PaymentFields,
}

impl DriverOrder {
    /// `assigned_at` is UTC, as columns have it.
    pub fn new(
        order: OrderSummary,
        external_id: Option<String>,
        status: &'static str,
        assigned_at: Option<NaiveDateTime>,
        payment: PaymentFields,
    ) -> Self {
        let assigned_at = assigned_at.map(WireTime::from);
        Self { order, external_id, status: status.into(), assigned_at, customer: None, payment }
    }

    pub fn with_contact(self, contact: Option<Contact>) -> Self {
        Self { customer: contact.map(Into::into), ..self }
    }
}

/// The answer of `orders/assigned`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AssignedOrders {
    /// Those that the driver holds.
    pub orders: Vec<DriverOrder>,
}

/// One day's work, in the configured time zone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EarningsDay {
    pub date: NaiveDate,
    /// In the configured currency.
    #[serde(flatten)]
    pub account: EarningsAccount,
    pub orders: i64,
    pub rides: i64,
    /// In others, of jobs that were made before the configured one was changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_currencies: Vec<EarningsAccount>,
}

/// The earnings in one currency, the cash that the driver has in hand, and the amount owed to them (by them if
/// negative).
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct EarningsAccount {
    pub currency: Currency,
    pub total: Money,
    pub cash_collected: Money,
    pub owed: Money,
}

/// The answer of `earnings/history`: newest first, without days without work.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EarningsHistory {
    pub days: Vec<EarningsDay>,
    pub next_cursor: Option<String>,
}

/// How an order that a driver gave back reads to that driver; to everybody else it is pending.
pub const REJECTED: &str = "rejected";

/// An order's status in the words of this contract.
pub const fn order_word(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Requested | JobStatus::Unmatched => "pending",
        JobStatus::Assigned => "assigned",
        JobStatus::EnRoute | JobStatus::Arrived => "accepted",
        JobStatus::InProgress => "picked_up",
        JobStatus::Completed => "delivered",
        JobStatus::Cancelled => "cancelled",
    }
}

/// The words for an order's status, and their meanings: a delivery has no other statuses.
pub const ORDER_STATUSES: [(&str, JobStatus); 6] = [
    ("pending", JobStatus::Requested),
    ("assigned", JobStatus::Assigned),
    ("accepted", JobStatus::EnRoute),
    ("picked_up", JobStatus::InProgress),
    ("delivered", JobStatus::Completed),
    ("cancelled", JobStatus::Cancelled),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_reads_as_the_status_that_it_was_written_for() {
        for (word, status) in ORDER_STATUSES {
            assert_eq!(order_word(status), word);
        }
        for status in JobStatus::ALL {
            assert!(ORDER_STATUSES.iter().any(|(word, _)| *word == order_word(status)), "{status:?}");
        }
    }
}
