//! Bookings of technicians by REST: the shape in which each answer has one. Its status is a word of
//! [`crate::domain::booking::BookingStatus`].

use crate::contracts::contact::CustomerContact;
use crate::contracts::payment::PaymentFields;
use crate::contracts::time::WireTime;
use crate::domain::currency::Currency;
use crate::domain::ids::{CustomerId, DriverId, JobId};
use schemars::JsonSchema;
use serde::Serialize;

/// A booking. Unknown values and times of steps that have not happened are `""` or null.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Booking {
    pub booking_id: JobId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Its name for customer and technician.
    pub track_id: String,
    pub customer_id: Option<CustomerId>,
    pub driver_id: Option<DriverId>,
    /// For operators, as is the driver's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_external_id: Option<String>,
    pub technician_name: String,
    pub service: String,
    pub status: &'static str,
    pub address: String,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub scheduled_at: Option<WireTime>,
    pub requested_at: WireTime,
    pub assigned_at: Option<WireTime>,
    /// When the technician set out.
    pub journey_started_at: Option<WireTime>,
    pub reached_at: Option<WireTime>,
    pub service_started_at: Option<WireTime>,
    pub completed_at: Option<WireTime>,
    pub cancelled_at: Option<WireTime>,
    /// `admin`, `customer` or `technician`.
    pub cancelled_by: Option<String>,
    /// Why it was cancelled.
    pub reason: Option<String>,
    /// The customer's contact, for the technician who has it, while they have it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerContact>,
    #[serde(flatten)]
    pub payment: PaymentFields,
    /// Of the amount.
    pub currency: Currency,
}
