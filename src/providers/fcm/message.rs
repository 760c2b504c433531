//! FCM's form of one message: text, string data, and the options for Android and Apple devices. Pure.

use chrono::{DateTime, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::push::PushToken;
use crate::providers::Notification;
use crate::providers::payload::{NOTIFICATION_ID, SOUND, Text, Unsendable, Written};
use crate::providers::payload::{seconds_left, write_fitting, written_len};

/// The action that the app listens for when a notification is tapped.
const CLICK_ACTION: &str = "FLUTTER_NOTIFICATION_CLICK";
const CLICK_ACTION_KEY: &str = "click_action";
const CHANNEL: &str = "urgent";
/// FCM keeps a message for at most four weeks.
const TTL_SECS_MAX: i64 = 4 * 7 * 24 * 3600;

/// The body of a request. The whole message counts, not only what either kind of device gets of it: what FCM adds for a
/// device is not more than what the other's part takes.
pub(in crate::providers) fn write(
    notification: &Notification,
    token: &PushToken,
    now: DateTime<Utc>,
) -> Result<Written, Unsendable> {
    if let Some(key) = notification.data.keys().find(|key| is_reserved(key)) {
        return Err(Unsendable::ReservedKey(key.clone()));
    }
    let token = token.as_str();
    write_fitting(notification, written_len(token), |text| write_with(notification, text, token, now))
}

/// Keys that FCM keeps for itself, and refuses.
fn is_reserved(key: &str) -> bool {
    key == "from"
        || key == "message_type"
        || key.starts_with("google.")
        || key.starts_with("gcm.notification.")
}

fn write_with(notification: &Notification, text: &Text<'_>, token: &str, now: DateTime<Utc>) -> Vec<u8> {
    let left_secs = seconds_left(notification, now).min(TTL_SECS_MAX);
    let collapse = notification.collapse_id.hyphenated().to_string();
    let request = Request {
        message: Message {
            token,
            notification: Shown { title: &text.title, body: &text.body },
            data: StringData(notification),
            android: Android {
                priority: "HIGH",
                ttl: format!("{left_secs}s"),
                collapse_key: &collapse,
                notification: AndroidShown {
                    channel_id: CHANNEL,
                    sound: SOUND,
                    click_action: CLICK_ACTION,
                    tag: &collapse,
                },
            },
            apns: Apns {
                headers: ApnsHeaders {
                    collapse_id: &collapse,
                    expiration: apns_expiration(notification, left_secs),
                },
                payload: ApnsPayload { aps: Aps { sound: SOUND, badge: 1 } },
            },
        },
    };
    serde_json::to_vec(&request).expect("texts and numbers can be written as JSON")
}

/// 0 is: now or never.
fn apns_expiration(notification: &Notification, left_secs: i64) -> String {
    let at = if left_secs == 0 { 0 } else { notification.deadline.timestamp() };
    at.to_string()
}

#[derive(serde::Serialize)]
struct Request<'a> {
    message: Message<'a>,
}

#[derive(serde::Serialize)]
struct Message<'a> {
    token: &'a str,
    notification: Shown<'a>,
    data: StringData<'a>,
    android: Android<'a>,
    apns: Apns<'a>,
}

/// No sound and no click_action here: FCM refuses the whole message for a name that it does not know.
#[derive(serde::Serialize)]
struct Shown<'a> {
    title: &'a str,
    body: &'a str,
}

#[derive(serde::Serialize)]
struct Android<'a> {
    priority: &'static str,
    ttl: String,
    collapse_key: &'a str,
    notification: AndroidShown<'a>,
}

#[derive(serde::Serialize)]
struct AndroidShown<'a> {
    channel_id: &'static str,
    sound: &'static str,
    click_action: &'static str,
    tag: &'a str,
}

#[derive(serde::Serialize)]
struct Apns<'a> {
    headers: ApnsHeaders<'a>,
    payload: ApnsPayload,
}

#[derive(serde::Serialize)]
struct ApnsHeaders<'a> {
    #[serde(rename = "apns-collapse-id")]
    collapse_id: &'a str,
    #[serde(rename = "apns-expiration")]
    expiration: String,
}

#[derive(serde::Serialize)]
struct ApnsPayload {
    aps: Aps,
}

#[derive(serde::Serialize)]
struct Aps {
    sound: &'static str,
    badge: u32,
}

/// The data with all values as strings, since FCM accepts no others. Other values are sent as their JSON. Written
/// straight from the notification: a copy of it for each device would be most of the work.
struct StringData<'a>(&'a Notification);

impl Serialize for StringData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Notification { id, data, .. } = self.0;
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in data.iter().filter(|(key, _)| *key != NOTIFICATION_ID && *key != CLICK_ACTION_KEY)
        {
            match value {
                Value::String(text) => map.serialize_entry(key, text)?,
                other => map.serialize_entry(key, &other.to_string())?,
            }
        }
        map.serialize_entry(NOTIFICATION_ID, id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))?;
        map.serialize_entry(CLICK_ACTION_KEY, CLICK_ACTION)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::payload::PAYLOAD_BYTES_MAX;
    use super::super::super::tests::{NOW, notification, now};
    use super::*;
    use serde_json::json;

    fn token() -> PushToken {
        PushToken::new("fcm_token_here").unwrap()
    }

    fn written(notification: &Notification) -> Value {
        let written = write(notification, &token(), now()).unwrap();
        serde_json::from_slice(&written.body).unwrap()
    }

    #[test]
    fn a_message_is_what_the_apps_were_written_for() {
        let notification = notification();
        let (id, collapse) = (notification.id.to_string(), notification.collapse_id.to_string());
        let expected = json!({"message": {
            "token": "fcm_token_here",
            "notification": {"title": "Technician Assigned! 🚗", "body": "John has been assigned to your booking BID123."},
            "data": {
                "type": "technician_assigned",
                "bookingId": "456",
                "notificationId": id,
                "click_action": "FLUTTER_NOTIFICATION_CLICK",
            },
            "android": {
                "priority": "HIGH",
                "ttl": "3600s",
                "collapse_key": collapse,
                "notification": {
                    "channel_id": "urgent",
                    "sound": "notificationtone.wav",
                    "click_action": "FLUTTER_NOTIFICATION_CLICK",
                    "tag": collapse,
                },
            },
            "apns": {
                "headers": {"apns-collapse-id": collapse, "apns-expiration": (NOW + 3600).to_string()},
                "payload": {"aps": {"sound": "notificationtone.wav", "badge": 1}},
            },
        }});
        assert_eq!(written(&notification), expected);
    }

    #[test]
    fn data_becomes_strings_and_ours_goes_before_the_callers() {
        let mut odd = notification();
        let data = json!({"n": 12, "yes": true, "none": null, "list": [1, "a"], "map": {"k": "v"}, "text": "\"",
            "notificationId": "mine", "click_action": "OTHER"});
        odd.data = data.as_object().unwrap().clone();
        let data = &written(&odd)["message"]["data"];
        let expected = json!({"n": "12", "yes": "true", "none": "null", "list": "[1,\"a\"]", "map": "{\"k\":\"v\"}",
            "text": "\"", "notificationId": odd.id.to_string(), "click_action": "FLUTTER_NOTIFICATION_CLICK"});
        assert_eq!(*data, expected);
    }

    #[test]
    fn what_fcm_keeps_for_itself_is_not_sent() {
        for key in ["from", "message_type", "google.c.id", "gcm.notification.title"] {
            let mut reserved = notification();
            reserved.data.insert(key.to_owned(), "x".into());
            let refused = write(&reserved, &token(), now()).unwrap_err();
            assert_eq!(refused, Unsendable::ReservedKey(key.to_owned()));
        }
        let mut fine = notification();
        fine.data.insert("googleMaps".to_owned(), "x".into());
        assert!(write(&fine, &token(), now()).is_ok());
    }

    #[test]
    fn the_time_to_live_is_what_is_left_and_never_less_than_nothing() {
        let mut late = notification();
        late.deadline = now() - chrono::TimeDelta::seconds(5);
        let message = &written(&late)["message"];
        assert_eq!(
            (&message["android"]["ttl"], &message["apns"]["headers"]["apns-expiration"]),
            (&json!("0s"), &json!("0"))
        );
        late.deadline = now() + chrono::TimeDelta::days(365);
        assert_eq!(written(&late)["message"]["android"]["ttl"], json!("2419200s"));
    }

    #[test]
    fn a_long_text_is_shortened_and_long_data_is_refused() {
        let mut long = notification();
        long.body = "ü\n".repeat(3000);
        let Written { body, is_shortened } = write(&long, &token(), now()).unwrap();
        assert!(is_shortened && body.len() <= PAYLOAD_BYTES_MAX + token().as_str().len());
        let message: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(message["message"]["data"]["bookingId"], json!("456"));
        assert!(message["message"]["notification"]["body"].as_str().unwrap().ends_with('…'));
        long.data.insert("blob".to_owned(), "x".repeat(4000).into());
        assert_eq!(write(&long, &token(), now()), Err(Unsendable::TooLarge));
    }
}
