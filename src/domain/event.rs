//! Events: what has happened. Durable ones are numbered for each account, kept, and replayed.

use crate::domain::ids::{AccountId, EventId, JobId};
use crate::domain::money::Money;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A durable event of one account.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub account: AccountId,
    pub id: EventId,
    pub job: Option<JobId>,
    pub created_at: DateTime<Utc>,
    pub body: EventBody,
}

/// What happened, in the words of the domain; kept as JSON. A contract translates it. Fields may be added with a
/// default; none is renamed, since rows outlive versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventBody {
    /// A delivery was bound to a driver.
    OrderAssigned(OrderSummary),
    /// A delivery ended before it was delivered, or was taken back from this driver.
    OrderCancelled { order_id: JobId, reason: String },
}

/// What a driver must know of an order, as it was when it was assigned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderSummary {
    pub order_id: JobId,
    pub restaurant_name: String,
    pub pickup_address: String,
    pub delivery_address: String,
    pub earnings: Money,
    pub distance_km: f64,
}

impl EventBody {
    /// The name, as the database and the log have it.
    pub fn name(&self) -> &'static str {
        match self {
            EventBody::OrderAssigned(_) => "order_assigned",
            EventBody::OrderCancelled { .. } => "order_cancelled",
        }
    }
}

/// What the dispatcher must hear after a commit.
#[derive(Clone, Debug, PartialEq)]
pub enum Announcement {
    Event(Event),
    /// The account was suspended or its password was changed: its sessions end.
    AccessRevoked(AccountId),
}
