//! Orders as their customers see them: the shapes of the answers under `orders/mine` and `orders/{id}`.

use crate::contracts::payment::PaymentFields;
use crate::contracts::time::WireTime;
use crate::domain::currency::Currency;
use crate::domain::ids::JobId;
use schemars::JsonSchema;
use serde::Serialize;

/// A customer's own order, without the driver's earnings.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CustomerOrder {
    pub order_id: JobId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// A word of [`crate::contracts::driver_rest::order_word`].
    pub status: &'static str,
    pub restaurant_name: String,
    pub pickup_address: String,
    pub delivery_address: String,
    #[serde(flatten)]
    pub payment: PaymentFields,
    /// Of the amount.
    pub currency: Currency,
    pub distance_km: f64,
    pub pickup_latitude: Option<f64>,
    pub pickup_longitude: Option<f64>,
    pub delivery_latitude: Option<f64>,
    pub delivery_longitude: Option<f64>,
    /// The driver who brings it, or brought it; null before somebody has it, and once it is cancelled.
    pub driver: Option<OrderDriver>,
    pub requested_at: WireTime,
    pub assigned_at: Option<WireTime>,
    pub accepted_at: Option<WireTime>,
    pub picked_up_at: Option<WireTime>,
    pub delivered_at: Option<WireTime>,
    pub cancelled_at: Option<WireTime>,
    /// `customer`, `admin` or `restaurant`.
    pub cancelled_by: Option<String>,
    pub reason: Option<String>,
}

/// The driver of an order. Number and position are null but while they are on the way: an order may be assigned to somebody
/// who is at home and has not said yet that they come.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OrderDriver {
    pub driver_name: String,
    pub driver_phone: Option<String>,
    pub vehicle_type: String,
    pub vehicle_plate: Option<String>,
    pub vehicle_color: Option<String>,
    pub driver_rating: f64,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    /// Seconds since an app measured the position.
    pub position_age_secs: Option<i64>,
}
