//! The rows of push: devices, preferences, and the queue that is also the history.

use crate::domain::device::{DeviceId, Platform};
use crate::domain::ids::{AccountId, CustomerId, EventId};
use crate::domain::notification::NotificationStatus;
use crate::domain::push::{PushService, PushToken};
use crate::store::schema::*;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

/// A device as the table has it: of each service the token, when it was registered last, and since when it is dead.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = customer_push_tokens)]
pub struct DeviceRow {
    pub id: DeviceId,
    pub customer_id: CustomerId,
    pub device_id: Option<String>,
    pub platform: Platform,
    pub fcm_token: Option<PushToken>,
    pub expo_push_token: Option<PushToken>,
    pub apns_token: Option<PushToken>,
    pub fcm_registered_at: Option<NaiveDateTime>,
    pub expo_registered_at: Option<NaiveDateTime>,
    pub apns_registered_at: Option<NaiveDateTime>,
    pub fcm_dead_at: Option<NaiveDateTime>,
    pub expo_dead_at: Option<NaiveDateTime>,
    pub apns_dead_at: Option<NaiveDateTime>,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
    /// The customer's log-in with which it was registered: the family of its refresh tokens.
    pub session: Option<String>,
}

/// A device's row to be written, complete.
#[derive(Debug, Insertable, AsChangeset)]
#[diesel(table_name = customer_push_tokens, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct DeviceChange<'a> {
    pub customer_id: i64,
    pub device_id: Option<&'a str>,
    pub platform: &'static str,
    pub fcm_token: Option<&'a str>,
    pub expo_push_token: Option<&'a str>,
    pub apns_token: Option<&'a str>,
    pub fcm_registered_at: Option<NaiveDateTime>,
    pub expo_registered_at: Option<NaiveDateTime>,
    pub apns_registered_at: Option<NaiveDateTime>,
    pub fcm_dead_at: Option<NaiveDateTime>,
    pub expo_dead_at: Option<NaiveDateTime>,
    pub apns_dead_at: Option<NaiveDateTime>,
    pub is_active: bool,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
    pub session: Option<&'a str>,
}

#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = push_preferences, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct PreferencesRow {
    pub customer_id: i64,
    /// A JSON list of notification types.
    pub opt_out: String,
    pub quiet_start: Option<String>,
    pub quiet_end: Option<String>,
    pub time_zone: Option<String>,
    pub updated_at: NaiveDateTime,
}

/// A notification as the queue and the history have it.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable, QueryableByName)]
#[diesel(table_name = notification_history)]
pub struct NotificationRow {
    pub id: i64,
    pub public_id: String,
    #[diesel(deserialize_as = i64)]
    pub customer_id: i64,
    pub account_id: Option<i64>,
    pub event_id: Option<i64>,
    pub device_id: i64,
    pub provider: Option<String>,
    pub notification_type: String,
    pub title: String,
    pub body: String,
    pub data: String,
    pub is_high_priority: bool,
    pub is_urgent: bool,
    pub status: String,
    pub reason: Option<String>,
    pub attempts: i64,
    pub deadline: NaiveDateTime,
    pub provider_message_id: Option<String>,
    pub created_at: NaiveDateTime,
    pub sent_at: Option<NaiveDateTime>,
    pub opened_at: Option<NaiveDateTime>,
}

impl NotificationRow {
    /// None while nobody has decided, or where the word is of another version.
    pub fn service(&self) -> Option<PushService> {
        self.provider.as_deref().and_then(PushService::parse)
    }

    pub fn event(&self) -> Option<(AccountId, EventId)> {
        Some((AccountId(self.account_id?), EventId(self.event_id?)))
    }

    pub fn customer(&self) -> CustomerId {
        CustomerId(self.customer_id)
    }

    pub fn device(&self) -> DeviceId {
        DeviceId(self.device_id)
    }
}

#[derive(Debug, Insertable)]
#[diesel(table_name = notification_history, treat_none_as_default_value = false)]
pub struct NewNotification<'a> {
    pub public_id: String,
    pub customer_id: i64,
    pub account_id: Option<i64>,
    pub event_id: Option<i64>,
    pub device_id: i64,
    pub provider: Option<&'static str>,
    pub notification_type: &'a str,
    pub title: &'a str,
    pub body: &'a str,
    pub data: &'a str,
    pub is_high_priority: bool,
    pub is_urgent: bool,
    pub status: &'static str,
    pub reason: Option<String>,
    pub due_at: Option<NaiveDateTime>,
    pub deadline: NaiveDateTime,
    pub created_at: NaiveDateTime,
}

/// The outcome of an attempt. It is written only over its own attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    pub id: i64,
    /// The attempt, and how many are then counted.
    pub attempt: i64,
    pub attempts: i64,
    pub status: NotificationStatus,
    pub reason: Option<String>,
    pub service: PushService,
    /// While it is pending.
    pub due_at: Option<NaiveDateTime>,
    pub deadline: NaiveDateTime,
    pub provider_message_id: Option<String>,
    pub receipt_due_at: Option<NaiveDateTime>,
    pub sent_at: Option<NaiveDateTime>,
    pub accept_ms: Option<i64>,
}

/// An accepted notification about which the service knows more by now.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct ReceiptDue {
    pub id: i64,
    pub ticket: String,
    pub sent_at: NaiveDateTime,
}

/// How many notifications of a type, through a service, came to what.
#[derive(Clone, Debug, PartialEq, QueryableByName)]
pub struct CountRow {
    #[diesel(sql_type = Text)]
    pub notification_type: String,
    #[diesel(sql_type = Text)]
    pub provider: String,
    #[diesel(sql_type = BigInt)]
    pub sent: i64,
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
    #[diesel(sql_type = BigInt)]
    pub not_sent: i64,
    #[diesel(sql_type = BigInt)]
    pub pending: i64,
    #[diesel(sql_type = BigInt)]
    pub opened: i64,
    #[diesel(sql_type = BigInt)]
    pub accept_ms_sum: i64,
    #[diesel(sql_type = BigInt)]
    pub accept_ms_max: i64,
}
