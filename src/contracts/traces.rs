//! The answers of `admin/jobs/{id}/trace` and `admin/drivers/{id}/why`.

use crate::contracts::time::WireTime;
use crate::domain::ids::{DriverId, EventId, JobId, SearchId};
use schemars::JsonSchema;
use serde::Serialize;

/// One job from request to end: who was looked at for it, what it went through, and how its events found their way.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct JobTrace {
    pub job_id: JobId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    pub kind: &'static str,
    pub status: &'static str,
    /// The first one first; a ride that was given back is searched for again.
    pub searches: Vec<SearchTrace>,
    /// By search, the nearest first.
    pub candidates: Vec<CandidateTrace>,
    /// In the order in which the job had them. A ride that was given back is `requested` again.
    pub statuses: Vec<StatusTrace>,
    pub events: Vec<EventTrace>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SearchTrace {
    pub search_id: SearchId,
    pub opened_at: WireTime,
    pub deadline: WireTime,
    /// How many times the radius grew.
    pub step: i64,
    pub ended_at: Option<WireTime>,
    /// `assigned`, `cancelled` or `no_drivers`.
    pub ended_as: Option<String>,
}

/// A driver whom a search looked at, as they were then.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CandidateTrace {
    pub search_id: SearchId,
    pub driver_id: DriverId,
    pub driver_external_id: Option<String>,
    /// Great circle; null where the server ended before it was noted.
    pub distance_m: Option<f64>,
    /// Null where no app measured the position, too.
    pub position_age_secs: Option<i64>,
    /// The outcome of the offer: `offered` while it is open, `assigned` for the driver whom auto-assign gave an order,
    /// `not_bound` if the driver was to be bound but could not, or the reason why the driver was not asked: a word of
    /// [`crate::domain::candidate::PassedOver`].
    pub outcome: &'static str,
    pub offered_at: Option<WireTime>,
    /// When the driver's device confirmed the offer.
    pub seen_at: Option<WireTime>,
    /// When the driver accepted or declined.
    pub answered_at: Option<WireTime>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatusTrace {
    pub status: &'static str,
    pub at: WireTime,
}

/// An event's way to the device.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EventTrace {
    /// The owner of the event: the account's UUID.
    pub user_id: String,
    pub event_id: EventId,
    pub name: String,
    pub created_at: WireTime,
    /// When it was handed to a socket of theirs last.
    pub sent_at: Option<WireTime>,
    /// When a device's socket answered for it, and over which contract.
    pub confirmed_at: Option<WireTime>,
    pub confirmed_over: Option<String>,
    /// When the app said that it has processed it.
    pub processed_at: Option<WireTime>,
    /// When a push service first had it.
    pub pushed_at: Option<WireTime>,
}

/// Why a driver gets offers of rides, or none.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DriverWhy {
    pub driver_id: DriverId,
    pub external_id: Option<String>,
    /// Whether a search nearby would ask them now.
    pub can_be_offered_rides: bool,
    /// All reasons against it.
    pub reasons: Vec<Reason>,
    pub status: &'static str,
    /// The driver's latest wish: `online`, `paused` or `offline`.
    pub wants: &'static str,
    pub is_verified: bool,
    pub suspended: bool,
    pub connected: bool,
    pub vehicle_type: String,
    /// As searches know it.
    pub position: Option<KnownPosition>,
    /// Why the newest position that the app has told is not this one: `jump` or `inaccurate`. Null where it is. While it lasts
    /// it is a reason, too: searches for rides pass the driver over.
    pub position_not_believed: Option<Reason>,
    pub open_offers: usize,
    pub jobs: Vec<JobId>,
    /// The last searches that looked at them, the newest first.
    pub looked_at: Vec<LookTrace>,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Reason {
    pub code: &'static str,
    pub message: String,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct KnownPosition {
    pub latitude: f64,
    pub longitude: f64,
    /// Null where no app measured it.
    pub age_secs: Option<i64>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LookTrace {
    pub job_id: JobId,
    pub search_id: SearchId,
    pub at: WireTime,
    pub distance_m: f64,
    pub position_age_secs: Option<i64>,
    /// As in [`CandidateTrace`].
    pub outcome: &'static str,
}
