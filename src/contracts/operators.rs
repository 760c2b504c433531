//! The operators' REST: the shapes of its answers. Its requests are read field by field (`api::fields`), so that all
//! problems of a body are reported at once.

use crate::contracts::payment::PaymentFields;
use crate::contracts::ride_rest::Ride;
use crate::contracts::time::WireTime;
use crate::domain::currency::Currency;
use crate::domain::ids::{CustomerId, DriverId, JobId};
use crate::domain::money::Money;
use crate::domain::phone_number::masked;
use crate::domain::role::Role;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// A list. `next_cursor` is opaque; null where nothing follows.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

/// A ride as the apps see it, with what its trace is asked for by.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RideItem {
    pub job_id: JobId,
    #[serde(flatten)]
    pub ride: Ride,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DriverCreated {
    pub driver_id: DriverId,
    pub user_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CustomerCreated {
    pub customer_id: CustomerId,
    pub user_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// The demo accounts that are in use again.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DemoRestored {
    pub accounts: Vec<String>,
}

/// Simulated drivers and riders on this server.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DemoTraffic {
    /// They are about.
    pub running: bool,
    /// They are leaving: what they have open is being ended.
    pub ending: bool,
    /// How many of them are drivers.
    pub drivers: usize,
    /// When they leave by themselves; null where nobody is about.
    pub until: Option<WireTime>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DriverItem {
    pub driver_id: DriverId,
    pub external_id: Option<String>,
    pub user_id: String,
    pub name: String,
    pub username: String,
    pub phone_number: Option<String>,
    pub status: &'static str,
    pub is_verified: bool,
    pub suspended: bool,
    /// A socket of this driver's app is open.
    pub connected: bool,
    pub vehicle_type: String,
    pub license_number: Option<String>,
    pub vehicle_registration: Option<String>,
    pub vehicle_color: Option<String>,
    pub rating: f64,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    /// Seconds since an app measured the position; null where none did.
    pub position_age_secs: Option<i64>,
    /// The ids of the open jobs, ascending.
    pub jobs: Vec<JobId>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CustomerItem {
    pub customer_id: CustomerId,
    pub external_id: Option<String>,
    pub user_id: String,
    pub name: String,
    pub username: String,
    pub phone_number: Option<String>,
    pub suspended: bool,
    pub time_zone: Option<String>,
}

/// Instead of the name that somebody logs in with.
const HIDDEN: &str = "***";

impl DriverItem {
    /// Without how the driver is reached, for a role that is not to know it.
    pub fn as_seen_by(self, role: Role) -> Self {
        match role.sees_contacts() {
            true => self,
            false => Self {
                username: HIDDEN.to_owned(),
                phone_number: self.phone_number.as_deref().map(masked),
                license_number: self.license_number.as_deref().map(masked),
                ..self
            },
        }
    }
}

impl CustomerItem {
    /// Without how the customer is reached, for a role that is not to know it.
    pub fn as_seen_by(self, role: Role) -> Self {
        match role.sees_contacts() {
            true => self,
            false => Self {
                username: HIDDEN.to_owned(),
                phone_number: self.phone_number.as_deref().map(masked),
                ..self
            },
        }
    }
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OrderItem {
    pub order_id: JobId,
    pub external_id: Option<String>,
    pub status: &'static str,
    pub restaurant_name: String,
    pub pickup_address: String,
    pub delivery_address: String,
    pub earnings: Money,
    /// Of all amounts of the order.
    pub currency: Currency,
    #[serde(flatten)]
    pub payment: PaymentFields,
    pub distance_km: f64,
    pub customer_id: Option<CustomerId>,
    pub customer_external_id: Option<String>,
    pub driver_id: Option<DriverId>,
    pub driver_external_id: Option<String>,
    pub pickup_latitude: Option<f64>,
    pub pickup_longitude: Option<f64>,
    pub delivery_latitude: Option<f64>,
    pub delivery_longitude: Option<f64>,
    pub requested_at: WireTime,
    pub assigned_at: Option<WireTime>,
    pub accepted_at: Option<WireTime>,
    pub picked_up_at: Option<WireTime>,
    pub delivered_at: Option<WireTime>,
    pub cancelled_at: Option<WireTime>,
    pub cancelled_by: Option<String>,
    pub reason: Option<String>,
}

/// Everything that is held of one person: an object with one member for each table, written in parts as it is read.
#[derive(Clone, Debug, JsonSchema)]
pub struct PersonExport(pub Map<String, Value>);

/// The person has been erased.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PersonErased {
    /// `customer:7` or `driver:7`, which is nobody now.
    pub person: String,
    pub erased: bool,
}

/// A row of the audit: who did or read what, and about whom.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AuditItem {
    pub id: i64,
    pub at: WireTime,
    /// `account:7`, or `local:root` for who called the program by hand.
    pub actor: String,
    /// Of an account that is still there.
    pub actor_username: Option<String>,
    pub role: Option<String>,
    /// The route or the subcommand.
    pub action: String,
    /// `driver:7`; null where it was a list.
    pub subject: Option<String>,
    pub address: Option<String>,
    pub request_id: Option<String>,
}

/// The answer to a batch, in the order of the request.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Batch {
    pub driver_id: DriverId,
    pub driver_external_id: Option<String>,
    pub orders: Vec<OrderItem>,
}
