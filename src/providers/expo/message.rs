//! Expo's form of messages: a list, each for one token, compressed if that pays off. Pure.

use std::io::Write;

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::domain::push::PushToken;
use crate::providers::Notification;
use crate::providers::payload::{
    NOTIFICATION_ID, SOUND, Unsendable, Written, seconds_left, write_fitting, written_len,
};

/// Below that, the headers are most of a request.
const GZIP_BYTES_MIN: usize = 1024;

/// One element of the list. All of it counts but the token.
pub(in crate::providers) fn write(
    notification: &Notification,
    token: &PushToken,
    now: DateTime<Utc>,
) -> Result<Written, Unsendable> {
    let token = token.as_str();
    let collapse = notification.collapse_id.hyphenated().to_string();
    write_fitting(notification, written_len(token), |text| {
        let message = Message {
            to: token,
            title: &text.title,
            body: &text.body,
            sound: SOUND,
            priority: "high",
            ttl: seconds_left(notification, now),
            collapse_id: &collapse,
            tag: &collapse,
            data: Data(notification),
        };
        serde_json::to_vec(&message).expect("texts and data can be written as JSON")
    })
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    to: &'a str,
    title: &'a str,
    body: &'a str,
    sound: &'static str,
    priority: &'static str,
    ttl: i64,
    /// For Apple devices, and the next for Android.
    collapse_id: &'a str,
    tag: &'a str,
    data: Data<'a>,
}

/// The data as it is, and the notification's id.
struct Data<'a>(&'a Notification);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Notification { id, data, .. } = self.0;
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in data.iter().filter(|(key, _)| *key != NOTIFICATION_ID) {
            map.serialize_entry(key, value)?;
        }
        map.serialize_entry(NOTIFICATION_ID, id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))?;
        map.end()
    }
}

/// The body of a request, and whether it is compressed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    pub bytes: Vec<u8>,
    pub is_gzip: bool,
}

/// A JSON list of what is written already.
pub(super) fn list<'a>(elements: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut list = vec![b'['];
    for element in elements {
        if list.len() > 1 {
            list.push(b',');
        }
        list.extend_from_slice(element);
    }
    list.push(b']');
    list
}

pub(super) fn compressed(plain: Vec<u8>) -> Body {
    if plain.len() <= GZIP_BYTES_MIN {
        return Body { bytes: plain, is_gzip: false };
    }
    // Messages of one batch are much alike: the least effort finds most of it.
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    match encoder.write_all(&plain).and_then(|()| encoder.finish()) {
        Ok(bytes) => Body { bytes, is_gzip: true },
        // A vector takes everything; but if not, the plain text is as good.
        Err(_) => Body { bytes: plain, is_gzip: false },
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::payload::PAYLOAD_BYTES_MAX;
    use super::super::super::tests::{notification, now};
    use super::*;
    use flate2::read::GzDecoder;
    use serde_json::{Value, json};

    fn token() -> PushToken {
        PushToken::new("ExponentPushToken[abc]").unwrap()
    }

    #[test]
    fn a_message_has_the_same_text_and_sound_and_data() {
        let notification = notification();
        let collapse = notification.collapse_id.to_string();
        let expected = json!({
            "to": "ExponentPushToken[abc]",
            "title": "Technician Assigned! 🚗",
            "body": "John has been assigned to your booking BID123.",
            "sound": "notificationtone.wav",
            "priority": "high",
            "ttl": 3600,
            "collapseId": collapse,
            "tag": collapse,
            "data": {
                "type": "technician_assigned",
                "bookingId": "456",
                "notificationId": notification.id.to_string(),
            },
        });
        let written = write(&notification, &token(), now()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&written.body).unwrap(), expected);
    }

    #[test]
    fn data_keeps_its_types_and_its_size_decides() {
        let mut large = notification();
        large.data.insert("list".to_owned(), json!([1, {"a": null}]));
        large.body = "x".repeat(5000);
        let written = write(&large, &token(), now()).unwrap();
        let message: Value = serde_json::from_slice(&written.body).unwrap();
        assert_eq!(message["data"]["list"], json!([1, {"a": null}]));
        assert!(written.is_shortened && written.body.len() <= PAYLOAD_BYTES_MAX + token().as_str().len());
        large.data.insert("blob".to_owned(), "x".repeat(4000).into());
        assert_eq!(write(&large, &token(), now()), Err(Unsendable::TooLarge));
    }

    #[test]
    fn a_list_is_json_and_compressed_if_that_pays() {
        assert_eq!(list([b"1".as_slice(), b"{}"].into_iter()), b"[1,{}]");
        assert_eq!(list(std::iter::empty()), b"[]");
        let plain = vec![b'x'; GZIP_BYTES_MIN];
        assert_eq!(compressed(plain.clone()), Body { bytes: plain, is_gzip: false });
        let plain = vec![b'x'; GZIP_BYTES_MIN + 1];
        let body = compressed(plain.clone());
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut GzDecoder::new(body.bytes.as_slice()), &mut read).unwrap();
        assert!(body.is_gzip && read == plain);
    }
}
