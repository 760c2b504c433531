//! The rows of the tables, as queries return them and take them. Times are UTC, money is in minor units.
//!
//! Rows to be inserted say `treat_none_as_default_value = false`: otherwise diesel leaves out fields that are `None`,
//! and keeps no statement prepared whose columns may differ. No nullable column has a default.

use crate::domain::candidate::PassedOver;
use crate::domain::driver::{DriverStatus, Wants};
use crate::domain::ids::{AccountId, CustomerId, DriverId, EventId, JobId, SearchId};
use crate::domain::job::{JobKind, JobStatus};
use crate::domain::offer::{Offer, OfferOutcome};
use crate::domain::open_search::{End, SearchRow};
use crate::domain::position::Position;
use crate::domain::ride::RideId;
use crate::domain::role::Role;
use crate::domain::search_policy::Patience;
use crate::store::payment_rows::{NewPayment, Payment};
use crate::store::schema::*;
use crate::store::sql_types::StoredUuid;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Account {
    pub id: AccountId,
    /// The id by which the wire knows the account.
    #[diesel(deserialize_as = StoredUuid)]
    pub public_id: Uuid,
    pub username: String,
    pub phone_number: Option<String>,
    pub name: String,
    pub role: Role,
    pub password_hash: Option<String>,
    pub is_suspended: bool,
    pub is_demo: bool,
    /// Unix seconds; a token issued before is refused.
    pub tokens_valid_from: i64,
    pub last_event_id: EventId,
    /// Made for one ride: nobody logs in to it.
    pub is_guest: bool,
    /// Until then the password is good for one thing: setting another one.
    pub password_once_until: Option<NaiveDateTime>,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = accounts, treat_none_as_default_value = false)]
pub struct NewAccount<'a> {
    pub public_id: String,
    pub username: &'a str,
    pub phone_number: Option<&'a str>,
    pub name: &'a str,
    pub role: &'static str,
    pub password_hash: Option<&'a str>,
    pub is_demo: bool,
    pub is_guest: bool,
    pub created_at: NaiveDateTime,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = drivers)]
pub struct Driver {
    pub id: DriverId,
    pub account_id: AccountId,
    pub vehicle_type: String,
    pub license_number: Option<String>,
    pub vehicle_registration: Option<String>,
    pub vehicle_color: Option<String>,
    pub is_verified: bool,
    pub wants: Wants,
    pub status: DriverStatus,
    pub rating: f64,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub heading: Option<f64>,
    pub speed: Option<f64>,
    pub position_at: Option<NaiveDateTime>,
    pub position_measured: bool,
    /// When more than the position changed last.
    pub changed_at: Option<NaiveDateTime>,
    pub external_id: Option<String>,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = drivers, treat_none_as_default_value = false)]
pub struct NewDriver<'a> {
    pub id: i64,
    pub account_id: i64,
    pub vehicle_type: &'a str,
    pub license_number: Option<&'a str>,
    pub vehicle_registration: Option<&'a str>,
    pub vehicle_color: Option<&'a str>,
    pub is_verified: bool,
    pub wants: &'static str,
    pub status: &'static str,
    pub rating: f64,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub position_at: Option<NaiveDateTime>,
    pub changed_at: NaiveDateTime,
    pub external_id: Option<&'a str>,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = customers)]
pub struct Customer {
    pub id: CustomerId,
    pub account_id: AccountId,
    pub time_zone: Option<String>,
    pub external_id: Option<String>,
}

/// The keys that open a guest's ride again.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = guests, treat_none_as_default_value = false)]
pub struct Guest {
    pub account_id: i64,
    pub key_hash: String,
    pub later_key_hash: Option<String>,
    pub opened_from: String,
    pub created_at: NaiveDateTime,
}

#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct Job {
    pub id: JobId,
    pub kind: JobKind,
    pub status: JobStatus,
    pub customer_id: Option<CustomerId>,
    pub driver_id: Option<DriverId>,
    pub restaurant_name: String,
    pub pickup_address: String,
    pub pickup_latitude: Option<f64>,
    pub pickup_longitude: Option<f64>,
    pub dropoff_address: String,
    pub dropoff_latitude: Option<f64>,
    pub dropoff_longitude: Option<f64>,
    pub earnings_minor: i64,
    pub distance_km: f64,
    pub requested_at: NaiveDateTime,
    pub assigned_at: Option<NaiveDateTime>,
    pub set_out_at: Option<NaiveDateTime>,
    pub started_at: Option<NaiveDateTime>,
    pub completed_at: Option<NaiveDateTime>,
    pub cancelled_at: Option<NaiveDateTime>,
    pub cancelled_by: Option<String>,
    pub cancel_reason: Option<String>,
    pub rejected_by: Option<DriverId>,
    #[diesel(embed)]
    pub payment: Payment,
    pub external_id: Option<String>,
}

impl Job {
    pub fn pickup(&self) -> Option<Position> {
        position(self.pickup_latitude, self.pickup_longitude)
    }

    pub fn dropoff(&self) -> Option<Position> {
        position(self.dropoff_latitude, self.dropoff_longitude)
    }

    /// Whether it was completed or cancelled later than that.
    pub fn ended_after(&self, at: DateTime<Utc>) -> bool {
        self.completed_at.or(self.cancelled_at).is_some_and(|ended_at| ended_at > at.naive_utc())
    }
}

impl Driver {
    pub fn position(&self) -> Option<Position> {
        position(self.latitude, self.longitude)
    }
}

/// None where a column is empty.
fn position(latitude: Option<f64>, longitude: Option<f64>) -> Option<Position> {
    Position::new(latitude?, longitude?).ok()
}

/// A ride: the job, and the further columns of rides.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct Ride {
    #[diesel(embed)]
    pub job: Job,
    /// The id by which apps know it.
    #[diesel(column_name = public_id)]
    pub ride_id: RideId,
    pub ride_type: Option<String>,
    pub passenger_phone: Option<String>,
    pub estimated_fare_minor: Option<i64>,
    pub final_fare_minor: Option<i64>,
    pub estimated_duration_minutes: Option<i64>,
    pub scheduled_at: Option<NaiveDateTime>,
    pub arrived_at: Option<NaiveDateTime>,
}

/// A search for a ride's driver.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = searches)]
pub struct SearchRecord {
    pub id: SearchId,
    pub job_id: JobId,
    pub patience: Patience,
    pub opened_at: NaiveDateTime,
    pub deadline: NaiveDateTime,
    pub step: i64,
    pub ended_at: Option<NaiveDateTime>,
    pub ended_as: Option<String>,
}

impl SearchRecord {
    /// Whether it gave an order to a driver in one go, as auto-assign does. A ride's search has some time.
    pub fn assigned_at_once(&self) -> bool {
        self.deadline == self.opened_at && self.ended_as.as_deref() == Some(End::ASSIGNED)
    }
}

#[derive(Debug, Insertable)]
#[diesel(table_name = searches, treat_none_as_default_value = false)]
pub struct NewSearch {
    pub job_id: i64,
    pub patience: &'static str,
    pub opened_at: NaiveDateTime,
    pub deadline: NaiveDateTime,
}

/// The offer of a ride to a driver.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = offers)]
pub struct OfferRow {
    pub driver_id: DriverId,
    pub account_id: AccountId,
    pub offered_at: NaiveDateTime,
    pub expires_at: NaiveDateTime,
    pub ended_at: Option<NaiveDateTime>,
    pub outcome: Option<OfferOutcome>,
}

/// The time of the device's confirmation is stored elsewhere.
impl From<OfferRow> for Offer {
    fn from(row: OfferRow) -> Self {
        Self {
            driver: row.driver_id,
            offered_at: row.offered_at.and_utc(),
            expires_at: row.expires_at.and_utc(),
            confirmed_at: None,
            outcome: row.outcome,
        }
    }
}

impl From<&SearchRecord> for SearchRow {
    fn from(row: &SearchRecord) -> Self {
        Self {
            opened_at: row.opened_at.and_utc(),
            deadline: row.deadline.and_utc(),
            step: usize::try_from(row.step).unwrap_or_default(),
        }
    }
}

#[derive(Debug, Insertable)]
#[diesel(table_name = offers, treat_none_as_default_value = false)]
pub struct NewOffer {
    pub job_id: i64,
    pub driver_id: i64,
    pub search_id: i64,
    pub account_id: i64,
    pub offered_at: NaiveDateTime,
    pub expires_at: NaiveDateTime,
    pub ended_at: Option<NaiveDateTime>,
    pub outcome: Option<&'static str>,
}

/// A driver whom a search looked at.
#[derive(Debug, Insertable, AsChangeset)]
#[diesel(table_name = search_candidates, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct NewCandidate {
    pub search_id: i64,
    pub driver_id: i64,
    pub distance_m: f64,
    pub position_age_secs: Option<i64>,
    pub passed_over: Option<&'static str>,
    pub looked_at: NaiveDateTime,
}

/// The same as the trace of a job has it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = search_candidates)]
pub struct CandidateRow {
    pub search_id: SearchId,
    pub driver_id: DriverId,
    pub distance_m: f64,
    pub position_age_secs: Option<i64>,
    pub passed_over: Option<PassedOver>,
    pub looked_at: NaiveDateTime,
}

/// An event's way to the device, as the trace of its job has it.
#[derive(Clone, Debug, Queryable)]
pub struct EventTrace {
    pub user_id: String,
    pub event_id: EventId,
    pub name: String,
    pub created_at: NaiveDateTime,
    pub sent_at: Option<NaiveDateTime>,
    pub confirmed_at: Option<NaiveDateTime>,
    pub confirmed_over: Option<String>,
    pub processed_at: Option<NaiveDateTime>,
    pub pushed_at: Option<NaiveDateTime>,
}

/// A booking of a technician: the job, whose pickup is the place of the work, and the further columns of bookings.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct Booking {
    #[diesel(embed)]
    pub job: Job,
    pub scheduled_at: Option<NaiveDateTime>,
    pub arrived_at: Option<NaiveDateTime>,
    #[diesel(select_expression = bookings::service)]
    pub service: String,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = jobs, treat_none_as_default_value = false)]
pub struct NewJob<'a> {
    pub public_id: String,
    pub kind: &'static str,
    pub status: &'static str,
    pub customer_id: Option<i64>,
    pub restaurant_name: &'a str,
    pub pickup_address: &'a str,
    pub pickup_latitude: Option<f64>,
    pub pickup_longitude: Option<f64>,
    pub dropoff_address: &'a str,
    pub dropoff_latitude: Option<f64>,
    pub dropoff_longitude: Option<f64>,
    pub earnings_minor: i64,
    pub distance_km: f64,
    pub requested_at: NaiveDateTime,
    pub is_demo: bool,
    #[diesel(embed)]
    pub payment: NewPayment<'a>,
    pub external_id: Option<&'a str>,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = jobs, treat_none_as_default_value = false)]
pub struct NewRide<'a> {
    #[diesel(embed)]
    pub job: NewJob<'a>,
    pub ride_type: &'a str,
    pub passenger_phone: Option<&'a str>,
    pub estimated_fare_minor: i64,
    pub estimated_duration_minutes: Option<i64>,
    pub scheduled_at: Option<NaiveDateTime>,
    /// From where somebody without an account asks.
    pub asked_from: Option<String>,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = jobs, treat_none_as_default_value = false)]
pub struct NewBooking<'a> {
    #[diesel(embed)]
    pub job: NewJob<'a>,
    pub scheduled_at: Option<NaiveDateTime>,
}

/// The columns that a move writes besides the status. `Some(None)` clears a column.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = jobs)]
pub struct JobChange<'a> {
    pub driver_id: Option<Option<i64>>,
    pub assigned_at: Option<Option<NaiveDateTime>>,
    pub set_out_at: Option<Option<NaiveDateTime>>,
    pub arrived_at: Option<Option<NaiveDateTime>>,
    pub started_at: Option<NaiveDateTime>,
    pub completed_at: Option<NaiveDateTime>,
    pub cancelled_at: Option<NaiveDateTime>,
    pub cancelled_by: Option<&'a str>,
    pub cancel_reason: Option<&'a str>,
    pub rejected_by: Option<Option<i64>>,
    pub earnings_minor: Option<i64>,
    pub final_fare_minor: Option<i64>,
    pub driver_lost_at: Option<Option<NaiveDateTime>>,
}

impl JobChange<'_> {
    /// The job as it is after the move.
    pub fn applied_to(&self, job: &Job, status: JobStatus) -> Job {
        let text = |new: Option<&str>, old: &Option<String>| new.map(str::to_owned).or_else(|| old.clone());
        Job {
            status,
            driver_id: self.driver_id.map_or(job.driver_id, |id| id.map(DriverId)),
            assigned_at: self.assigned_at.unwrap_or(job.assigned_at),
            set_out_at: self.set_out_at.unwrap_or(job.set_out_at),
            started_at: self.started_at.or(job.started_at),
            completed_at: self.completed_at.or(job.completed_at),
            cancelled_at: self.cancelled_at.or(job.cancelled_at),
            cancelled_by: text(self.cancelled_by, &job.cancelled_by),
            cancel_reason: text(self.cancel_reason, &job.cancel_reason),
            rejected_by: self.rejected_by.map_or(job.rejected_by, |id| id.map(DriverId)),
            earnings_minor: self.earnings_minor.unwrap_or(job.earnings_minor),
            ..job.clone()
        }
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = events)]
pub struct EventRow {
    pub account_id: AccountId,
    pub event_id: EventId,
    pub job_id: Option<JobId>,
    pub body: String,
    pub created_at: NaiveDateTime,
    pub pushed_at: Option<NaiveDateTime>,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
pub struct NewEvent {
    pub account_id: i64,
    pub event_id: i64,
    pub job_id: Option<i64>,
    pub name: &'static str,
    pub body: String,
    pub created_at: NaiveDateTime,
    pub push_due_at: Option<NaiveDateTime>,
}

/// A position on its way to `driver_locations`.
#[derive(Clone, Debug, PartialEq, Insertable)]
#[diesel(table_name = driver_locations, treat_none_as_default_value = false)]
pub struct NewLocation {
    pub driver_id: i64,
    pub latitude: f64,
    pub longitude: f64,
    pub accuracy: Option<f64>,
    pub heading: Option<f64>,
    pub speed: Option<f64>,
    pub battery_level: Option<f64>,
    pub created_at: NaiveDateTime,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = driver_locations)]
pub struct Location {
    pub id: i64,
    pub latitude: f64,
    pub longitude: f64,
    pub accuracy: Option<f64>,
    pub heading: Option<f64>,
    pub speed: Option<f64>,
    pub battery_level: Option<f64>,
    pub created_at: NaiveDateTime,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = refresh_tokens, treat_none_as_default_value = false)]
pub struct RefreshToken {
    /// The token's `jti`.
    pub id: String,
    /// All tokens that descend from one login.
    pub family: String,
    pub account_id: i64,
    pub issued_at: NaiveDateTime,
    pub expires_at: NaiveDateTime,
    pub used_at: Option<NaiveDateTime>,
    pub successor: Option<String>,
    pub revoked_at: Option<NaiveDateTime>,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys, treat_none_as_default_value = false)]
pub struct IdempotencyRow {
    pub account_id: i64,
    pub route: String,
    pub idempotency_key: String,
    pub request_hash: String,
    pub status: i32,
    pub response: String,
    pub created_at: NaiveDateTime,
}

/// A driver's newest position, for the driver's row.
#[derive(Clone, Debug, PartialEq)]
pub struct LivePosition {
    pub driver_id: i64,
    pub latitude: f64,
    pub longitude: f64,
    pub heading: Option<f64>,
    pub speed: Option<f64>,
    pub measured_at: NaiveDateTime,
}
