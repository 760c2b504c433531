//! Payments by REST: the payment fields of orders and bookings, and the answers about a payment itself.

use crate::contracts::time::WireTime;
use crate::domain::currency::Currency;
use crate::domain::ids::JobId;
use crate::domain::money::Money;
use crate::domain::payment::{JobName, PaymentMethod, PaymentStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The payment fields of an order or a booking, which has the `currency` itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentFields {
    /// How the customer pays; null where nobody has said it.
    pub payment_method: Option<PaymentMethod>,
    /// How far the payment is.
    pub payment_status: PaymentStatus,
    /// The customer's payment, in major units; null if unknown.
    pub amount: Option<f64>,
}

impl PaymentFields {
    pub fn with_amount(self, amount: Option<Money>) -> Self {
        Self { amount: amount.map(Money::major), ..self }
    }
}

/// The answer of `admin/jobs/{id}/payment` to a change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Payment {
    pub job_id: JobId,
    /// Of the job.
    pub external_id: Option<String>,
    #[serde(flatten)]
    pub name: JobName,
    #[serde(flatten)]
    pub fields: PaymentFields,
    pub currency: Currency,
    pub payment_reference: Option<String>,
    pub paid_at: Option<WireTime>,
}

/// The same, and what payment services told of it, the newest first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PaymentHistory {
    #[serde(flatten)]
    pub payment: Payment,
    pub notices: Vec<NoticeItem>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NoticeItem {
    pub provider: String,
    pub id: String,
    pub payment_status: String,
    pub amount: Option<Money>,
    pub currency: Option<Currency>,
    pub reference: Option<String>,
    /// `taken`, or the error code that it was refused with.
    pub outcome: String,
    pub received_at: WireTime,
}

/// The answer to a payment service.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Received {
    pub received: bool,
    /// Whether it was taken now: not where it was taken before, or is of a kind that says nothing here.
    pub taken: bool,
}
