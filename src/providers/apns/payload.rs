//! Apple's form of one message: `aps` with the text, and the app's data next to it. Pure.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::domain::push::APS;
use crate::providers::Notification;
use crate::providers::payload::{NOTIFICATION_ID, SOUND, Text, Unsendable, Written, write_fitting};

/// The body of a request: all of it counts.
pub(in crate::providers) fn write(notification: &Notification) -> Result<Written, Unsendable> {
    if notification.data.contains_key(APS) {
        return Err(Unsendable::ReservedKey(APS.to_owned()));
    }
    write_fitting(notification, 0, |text| {
        serde_json::to_vec(&Payload { notification, text }).expect("texts and data can be written as JSON")
    })
}

struct Payload<'a> {
    notification: &'a Notification,
    text: &'a Text<'a>,
}

#[derive(serde::Serialize)]
struct Aps<'a> {
    alert: Alert<'a>,
    sound: &'static str,
    badge: u32,
}

#[derive(serde::Serialize)]
struct Alert<'a> {
    title: &'a str,
    body: &'a str,
}

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Notification { id, data, .. } = self.notification;
        let alert = Alert { title: &self.text.title, body: &self.text.body };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(APS, &Aps { alert, sound: SOUND, badge: 1 })?;
        for (key, value) in data.iter().filter(|(key, _)| *key != NOTIFICATION_ID) {
            map.serialize_entry(key, value)?;
        }
        map.serialize_entry(NOTIFICATION_ID, id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::payload::PAYLOAD_BYTES_MAX;
    use super::super::super::tests::notification;
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_payload_has_the_text_in_aps_and_the_data_beside_it() {
        let notification = notification();
        let written = write(&notification).unwrap();
        let expected = json!({
            "aps": {
                "alert": {"title": "Technician Assigned! 🚗", "body": "John has been assigned to your booking BID123."},
                "sound": "notificationtone.wav",
                "badge": 1,
            },
            "type": "technician_assigned",
            "bookingId": "456",
            "notificationId": notification.id.to_string(),
        });
        assert_eq!(serde_json::from_slice::<Value>(&written.body).unwrap(), expected);
    }

    #[test]
    fn a_payload_is_shortened_to_what_apple_takes() {
        let mut long = notification();
        long.body = "\"é".repeat(3000);
        let written = write(&long).unwrap();
        assert!(written.is_shortened && written.body.len() <= PAYLOAD_BYTES_MAX);
        assert!(written.body.len() > PAYLOAD_BYTES_MAX - 8, "no more than it has to be");
    }

    #[test]
    fn data_does_not_stand_in_the_place_of_aps() {
        let mut clashing = notification();
        clashing.data.insert("aps".to_owned(), json!({"badge": 7}));
        assert_eq!(write(&clashing), Err(Unsendable::ReservedKey("aps".to_owned())));
    }
}
