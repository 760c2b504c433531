//! The customer push contract: the shapes of its answers. Its words are fixed by the app; everything else is defined by
//! this project. All names are camelCase except the cursor's, which is the same in all lists.

use crate::contracts::time::WireTime;
use crate::domain::ids::CustomerId;
use crate::domain::notification::NotificationStatus;
use crate::domain::push::PushService;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// `success`, and in words what was done, or why not.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Done<'a> {
    pub success: bool,
    pub message: &'a str,
}

impl Done<'static> {
    pub const REGISTERED: Self = Self { success: true, message: "Push token registered successfully" };
    pub const TEST_SENT: Self = Self { success: true, message: "Test notification sent" };
    pub const PREFERENCES_SET: Self = Self { success: true, message: "Preferences saved" };
    pub const OPENED: Self = Self { success: true, message: "Notification marked as opened" };
}

/// The answer to `sendToCustomer`. A service that nothing was to go through reads `not_sent`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SentToCustomer {
    success: bool,
    message: &'static str,
    fcm_result: &'static str,
    expo_result: &'static str,
    /// Only where a token of Apple's is registered: the app's own words have two.
    #[serde(skip_serializing_if = "Option::is_none")]
    apns_result: Option<&'static str>,
}

impl SentToCustomer {
    /// From the outcome of each token's notification.
    pub fn of(outcomes: &[(PushService, NotificationStatus)]) -> Self {
        let result = |service| {
            let of = outcomes.iter().filter(|(by, _)| *by == service).map(|(_, status)| *status);
            best(of.collect())
        };
        let has_apns = outcomes.iter().any(|(service, _)| *service == PushService::Apns);
        let is_sent = outcomes.iter().any(|(_, status)| *status == NotificationStatus::Sent);
        Self {
            success: true,
            message: match is_sent {
                true => "Push notification sent successfully",
                false => "Push notification accepted",
            },
            fcm_result: result(PushService::Fcm),
            expo_result: result(PushService::Expo),
            apns_result: has_apns.then(|| result(PushService::Apns)),
        }
    }
}

/// Several devices have one result: that somebody was reached is the best there is to say.
fn best(statuses: Vec<NotificationStatus>) -> &'static str {
    let order = [
        (NotificationStatus::Sent, "success"),
        (NotificationStatus::Pending, "pending"),
        (NotificationStatus::Failed, "failed"),
    ];
    order.into_iter().find(|(status, _)| statuses.contains(status)).map_or("not_sent", |(_, word)| word)
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preferences {
    pub opt_out: Vec<String>,
    pub quiet_hours: Option<QuietHours>,
    pub time_zone: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct QuietHours {
    pub start: String,
    pub end: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryItem {
    /// The `notificationId` of its data.
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub body: String,
    #[schemars(with = "Map<String, Value>")]
    pub data: Box<RawValue>,
    pub status: String,
    pub provider: Option<String>,
    pub reason: Option<String>,
    pub sent_at: Option<WireTime>,
    pub opened_at: Option<WireTime>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PushStats {
    pub since: WireTime,
    pub items: Vec<StatsItem>,
    /// Tokens that a service called dead, by service.
    pub pruned: BTreeMap<&'static str, i64>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatsItem {
    #[serde(rename = "type")]
    pub kind: String,
    pub provider: Option<String>,
    pub sent: i64,
    pub failed: i64,
    pub not_sent: i64,
    pub pending: i64,
    pub opened: i64,
    /// From its making to the service's acceptance; null where none was accepted.
    pub accept_ms_mean: Option<i64>,
    pub accept_ms_max: Option<i64>,
}

/// A device, for an operator: which services may reach it, and never by which tokens.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceItem {
    pub customer_id: CustomerId,
    pub device_id: Option<String>,
    pub platform: &'static str,
    /// Of each service that has a token: whether it lives.
    pub tokens: BTreeMap<&'static str, &'static str>,
    pub created_at: WireTime,
    pub updated_at: WireTime,
}

#[cfg(test)]
mod tests {
    use super::*;
    use NotificationStatus::{Failed, NotSent, Pending, Sent};
    use serde_json::{Value, json};

    const VECTORS: &str = include_str!("vectors/push.json");

    fn vector(name: &str) -> Value {
        let contract: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
        let vectors = contract["rest"].as_array().expect("there are some");
        vectors.iter().find(|vector| vector["name"] == name).expect(name)["response"].clone()
    }

    #[test]
    fn the_answers_are_those_of_the_vectors_byte_for_byte() {
        let of = |answer: &dyn Fn() -> String| serde_json::from_str::<Value>(&answer()).expect("JSON");
        let text = |done: Done<'_>| serde_json::to_string(&done).expect("JSON");
        assert_eq!(of(&|| text(Done::REGISTERED)), vector("register"));
        assert_eq!(of(&|| text(Done::TEST_SENT)), vector("test"));
        let sent = SentToCustomer::of(&[(PushService::Fcm, Sent), (PushService::Expo, Sent)]);
        assert_eq!(serde_json::to_value(sent).expect("JSON"), vector("sendToCustomer"));
    }

    #[test]
    fn of_several_devices_the_best_is_said_and_apple_only_where_it_is_asked() {
        let results = |outcomes: &[(PushService, NotificationStatus)]| {
            let sent = SentToCustomer::of(outcomes);
            (sent.fcm_result, sent.expo_result, sent.apns_result)
        };
        assert_eq!(results(&[]), ("not_sent", "not_sent", None));
        let fcm = |statuses: &[NotificationStatus]| {
            results(&statuses.iter().map(|status| (PushService::Fcm, *status)).collect::<Vec<_>>()).0
        };
        assert_eq!(fcm(&[Failed, Sent, Pending]), "success");
        assert_eq!(fcm(&[Failed, Pending]), "pending");
        assert_eq!(fcm(&[NotSent, Failed]), "failed");
        assert_eq!(fcm(&[NotSent]), "not_sent");
        let apns = results(&[(PushService::Apns, Pending)]);
        assert_eq!(apns, ("not_sent", "not_sent", Some("pending")));
        let accepted = serde_json::to_value(SentToCustomer::of(&[])).expect("JSON");
        assert_eq!(accepted["message"], json!("Push notification accepted"));
    }
}
