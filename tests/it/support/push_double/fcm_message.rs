//! FCM's checks on a message: the names and types of its reference, one target, string data without reserved keys, and
//! the size.

use serde_json::Value;

use super::schema::{Is, Violation, check, duration_secs, field};

const PAYLOAD_BYTES_MAX: usize = 4096;
const TTL_SECS_MAX: f64 = 2_419_200.0;

const OPTIONS: &[(&str, Is)] = &[("analytics_label", Is::Text)];
const NOTIFICATION: &[(&str, Is)] = &[("title", Is::Text), ("body", Is::Text), ("image", Is::Text)];
const ANDROID: &[(&str, Is)] = &[
    ("collapse_key", Is::Text),
    ("priority", Is::OneOf(&["NORMAL", "HIGH", "normal", "high"])),
    ("ttl", Is::Duration),
    ("restricted_package_name", Is::Text),
    ("data", Is::Texts),
    ("notification", Is::Shape(ANDROID_NOTIFICATION)),
    ("fcm_options", Is::Shape(OPTIONS)),
    ("direct_boot_ok", Is::Bool),
    ("bandwidth_constrained_ok", Is::Bool),
    ("restricted_satellite_ok", Is::Bool),
];
const ANDROID_NOTIFICATION: &[(&str, Is)] = &[
    ("title", Is::Text),
    ("body", Is::Text),
    ("icon", Is::Text),
    ("color", Is::Text),
    ("sound", Is::Text),
    ("tag", Is::Text),
    ("click_action", Is::Text),
    ("body_loc_key", Is::Text),
    ("body_loc_args", Is::List),
    ("title_loc_key", Is::Text),
    ("title_loc_args", Is::List),
    ("channel_id", Is::Text),
    ("ticker", Is::Text),
    ("sticky", Is::Bool),
    ("event_time", Is::Text),
    ("local_only", Is::Bool),
    ("notification_priority", Is::Text),
    ("default_sound", Is::Bool),
    ("default_vibrate_timings", Is::Bool),
    ("default_light_settings", Is::Bool),
    ("vibrate_timings", Is::List),
    ("visibility", Is::Text),
    ("notification_count", Is::Int),
    ("light_settings", Is::Object),
    ("image", Is::Text),
    ("proxy", Is::Text),
];
const APNS: &[(&str, Is)] = &[
    ("headers", Is::Texts),
    ("payload", Is::Object),
    ("fcm_options", Is::Shape(&[("analytics_label", Is::Text), ("image", Is::Text)])),
    ("live_activity_token", Is::Text),
];
const WEBPUSH: &[(&str, Is)] =
    &[("headers", Is::Texts), ("data", Is::Texts), ("notification", Is::Any), ("fcm_options", Is::Object)];
const MESSAGE: &[(&str, Is)] = &[
    ("name", Is::Text),
    ("token", Is::Text),
    ("topic", Is::Text),
    ("condition", Is::Text),
    ("data", Is::Texts),
    ("notification", Is::Shape(NOTIFICATION)),
    ("android", Is::Shape(ANDROID)),
    ("apns", Is::Shape(APNS)),
    ("webpush", Is::Shape(WEBPUSH)),
    ("fcm_options", Is::Shape(OPTIONS)),
];
const REQUEST: &[(&str, Is)] = &[("message", Is::Shape(MESSAGE)), ("validate_only", Is::Bool)];

/// The first thing that FCM would refuse.
pub fn check_request(request: &Value) -> Result<(), Violation> {
    check("request", request, REQUEST)?;
    let message = &request["message"];
    if message.is_null() {
        return Err("Invalid value at 'message': missing".to_owned());
    }
    let targets = ["token", "topic", "condition"].iter().filter(|name| !message[**name].is_null());
    if targets.count() != 1 {
        return Err("Exactly one of token, topic or condition is required".to_owned());
    }
    if message["topic"].as_str().is_some_and(|topic| topic.starts_with("/topics/")) {
        return Err("Invalid value at 'message.topic'".to_owned());
    }
    let data = message["data"].as_object();
    if let Some(key) = data.and_then(|data| data.keys().find(|key| is_reserved(key))) {
        return Err(format!("Invalid data payload key: {key}"));
    }
    let ttl = field(&message["android"], "ttl").as_str().and_then(duration_secs);
    if ttl.is_some_and(|secs| !(0.0..=TTL_SECS_MAX).contains(&secs)) {
        return Err("Invalid value at 'message.android.ttl'".to_owned());
    }
    match payload_bytes(message) {
        bytes if bytes > PAYLOAD_BYTES_MAX => Err(format!("Message too big: {bytes} bytes")),
        _ => Ok(()),
    }
}

fn is_reserved(key: &str) -> bool {
    ["from", "message_type"].contains(&key)
        || key.starts_with("google.")
        || key.starts_with("gcm.notification.")
}

/// The payload for either kind of device, keys and values: Android's as they are, Apple's as JSON.
fn payload_bytes(message: &Value) -> usize {
    let android = &message["android"];
    let android: usize = [&message["data"], &message["notification"], &android["notification"]]
        .into_iter()
        .map(bytes_of)
        .sum();
    let apple = [&message["data"], &message["notification"], &message["apns"]["payload"]];
    let apple: usize =
        apple.into_iter().filter(|part| !part.is_null()).map(|part| part.to_string().len()).sum();
    android.max(apple)
}

fn bytes_of(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.iter().map(|(key, value)| key.len() + bytes_of(value)).sum(),
        Value::String(text) => text.len(),
        Value::Null => 0,
        other => other.to_string().len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(message: Value) -> String {
        check_request(&json!({ "message": message })).expect_err("FCM refuses it")
    }

    #[test]
    fn fcm_takes_what_its_reference_shows() {
        let message = json!({
            "token": "t",
            "data": {"k": "v"},
            "notification": {"title": "t", "body": "b"},
            "android": {"priority": "HIGH", "ttl": "3.5s", "collapseKey": "k",
                "notification": {"channel_id": "c", "clickAction": "X", "sound": "s", "tag": "t", "notification_count": 1}},
            "apns": {"headers": {"apns-priority": "10"}, "payload": {"aps": {"badge": 1}, "anything": [1]}},
        });
        assert_eq!(check_request(&json!({"message": message, "validate_only": false})), Ok(()));
    }

    #[test]
    fn fcm_refuses_what_the_real_one_refuses() {
        let sound = refusal(json!({"token": "t", "notification": {"title": "t", "sound": "default"}}));
        assert_eq!(sound, "Unknown name \"sound\" at 'request.message.notification': Cannot find field.");
        let number = refusal(json!({"token": "t", "data": {"n": 12}}));
        assert_eq!(number, "Invalid value at 'request.message.data[0].value' (TYPE_STRING), 12");
        for (message, word) in [
            (json!({"data": {}}), "Exactly one"),
            (json!({"token": "t", "topic": "x"}), "Exactly one"),
            (json!({"topic": "/topics/x"}), "topic"),
            (json!({"token": "t", "data": {"from": "x"}}), "payload key"),
            (json!({"token": "t", "data": {"google.x": "x"}}), "payload key"),
            (json!({"token": "t", "android": {"ttl": 3600}}), "ttl"),
            (json!({"token": "t", "android": {"ttl": "2419201s"}}), "ttl"),
            (json!({"token": "t", "android": {"ttl": "-1s"}}), "ttl"),
            (json!({"token": "t", "android": {"priority": "urgent"}}), "priority"),
            (json!({"token": "t", "apns": {"headers": {"apns-priority": 10}}}), "TYPE_STRING"),
            (json!({"token": "t", "data": {"k": "x".repeat(4096)}}), "too big"),
            (json!({"token": "t", "data": {"k": "\"".repeat(2100)}}), "too big"),
            (json!({"token": "t", "to": "t"}), "Unknown name"),
        ] {
            assert!(refusal(message.clone()).contains(word), "{message}");
        }
        assert!(check_request(&json!({"to": "t"})).is_err() && check_request(&json!({})).is_err());
        assert!(check_request(&json!([])).is_err());
    }
}
