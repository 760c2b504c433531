//! The rows about money: the currency of a job's amounts, its payment, and the notices of payment services.

use crate::domain::currency::Currency;
use crate::domain::ids::JobId;
use crate::domain::job::JobKind;
use crate::domain::money::Money;
use crate::domain::payment::{PaymentMethod, PaymentStatus};
use crate::store::schema::*;
use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;

/// How a job is paid, and in which currency all amounts of its row are.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct Payment {
    /// Empty only where another program of an older version wrote it since the server's start.
    pub currency: Option<Currency>,
    /// The amount that was set. The amount to pay is `payable` of the job or the ride.
    pub amount_minor: Option<i64>,
    pub payment_method: Option<PaymentMethod>,
    pub payment_status: PaymentStatus,
    pub payment_reference: Option<String>,
    pub paid_at: Option<NaiveDateTime>,
}

impl Payment {
    /// So many minor units of the row's currency.
    pub fn money(&self, minor: i64) -> Money {
        Money::from_minor(minor, self.currency.unwrap_or(Currency::UNKNOWN))
    }

    /// As those see it whom it no longer concerns.
    pub fn untold(&self) -> Payment {
        Payment {
            currency: self.currency,
            amount_minor: None,
            payment_method: None,
            payment_status: PaymentStatus::Pending,
            payment_reference: None,
            paid_at: None,
        }
    }
}

/// A completed job, for earnings.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct CompletedJob {
    pub id: JobId,
    pub kind: JobKind,
    #[diesel(select_expression = jobs::completed_at.assume_not_null())]
    pub completed_at: NaiveDateTime,
    pub earnings_minor: i64,
    pub estimated_fare_minor: Option<i64>,
    pub final_fare_minor: Option<i64>,
    #[diesel(embed)]
    pub payment: Payment,
}

impl CompletedJob {
    pub fn earnings(&self) -> Money {
        self.payment.money(self.earnings_minor)
    }

    /// The cash that the driver has received for it.
    pub fn cash(&self) -> Option<Money> {
        let Payment { payment_method: method, payment_status: status, amount_minor, .. } = self.payment;
        let payable = amount_minor.or(self.final_fare_minor).or(self.estimated_fare_minor)?;
        let is_in_hand = method == Some(PaymentMethod::Cash) && status == PaymentStatus::Paid;
        is_in_hand.then(|| self.payment.money(payable))
    }
}

/// A driver's earnings of a day from jobs that are no longer stored, in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = earnings_kept)]
pub struct KeptEarnings {
    pub driver_id: i64,
    pub day: NaiveDate,
    /// An ISO 4217 code.
    pub currency: String,
    pub total_minor: i64,
    pub cash_minor: i64,
    pub orders: i64,
    pub rides: i64,
}

/// How a new job is paid; see [`Payment`].
#[derive(Debug, Insertable)]
#[diesel(table_name = jobs, treat_none_as_default_value = false)]
pub struct NewPayment<'a> {
    pub currency: &'a str,
    pub amount_minor: Option<i64>,
    pub payment_method: Option<&'a str>,
    pub payment_status: &'a str,
    pub payment_reference: Option<&'a str>,
    pub paid_at: Option<NaiveDateTime>,
}

/// Changes to a payment; `None` leaves a column unchanged.
#[derive(Debug, Default, PartialEq, AsChangeset)]
#[diesel(table_name = jobs)]
pub struct PaymentChange<'a> {
    pub amount_minor: Option<i64>,
    pub payment_method: Option<Option<&'static str>>,
    pub payment_status: Option<&'static str>,
    pub payment_reference: Option<&'a str>,
    pub paid_at: Option<NaiveDateTime>,
}

/// A payment service's notice about a job, and its outcome.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payment_notices, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct PaymentNotice {
    pub provider: String,
    pub notice_id: String,
    pub job_id: i64,
    pub payment_status: String,
    pub amount_minor: Option<i64>,
    pub currency: Option<String>,
    pub reference: Option<String>,
    /// [`PaymentNotice::TAKEN`], or the error code that it was refused with.
    pub outcome: String,
    pub received_at: NaiveDateTime,
}

impl PaymentNotice {
    pub const TAKEN: &str = "taken";
}
