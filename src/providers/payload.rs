//! The common part of the messages to all three services, and making them fit: if a message is too long, its text is
//! shortened, never its data. Pure.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::{Answer, Notification, wording};

/// The sound that the apps play, on every device.
pub(super) const SOUND: &str = "notificationtone.wav";

/// Under this key of the data an app finds the notification's id, whatever the caller put there.
pub(super) const NOTIFICATION_ID: &str = "notificationId";

/// The largest notification that FCM, Apple and Expo accept.
pub(super) const PAYLOAD_BYTES_MAX: usize = 4096;

/// However much data there is, at least this much of title and body is kept, or all if they are shorter: a notification
/// without a readable text is useless.
const TEXT_BYTES_MIN: usize = 200;

const ELLIPSIS: &str = "…";

/// Title and body as they go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<'a> {
    pub title: Cow<'a, str>,
    pub body: Cow<'a, str>,
}

impl<'a> Text<'a> {
    pub(super) fn whole(notification: &'a Notification) -> Self {
        Text { title: Cow::Borrowed(&notification.title), body: Cow::Borrowed(&notification.body) }
    }
}

/// Why a message is not even tried: the service would refuse it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unsendable {
    /// No shortening of the text makes it fit.
    TooLarge,
    /// The service keeps this key of the data for itself.
    ReservedKey(String),
}

impl From<Unsendable> for Answer {
    fn from(unsendable: Unsendable) -> Self {
        let reason = match unsendable {
            Unsendable::TooLarge => "the data is larger than the service takes".into(),
            Unsendable::ReservedKey(key) => {
                wording::printable(&format!("the service keeps the data's key {key} for itself"))
            }
        };
        Answer::Rejected { reason }
    }
}

/// A message as it is sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub body: Vec<u8>,
    pub is_shortened: bool,
}

/// The time left until the deadline, in whole seconds; 0 once it has passed.
pub(super) fn seconds_left(notification: &Notification, now: DateTime<Utc>) -> i64 {
    (notification.deadline - now).num_seconds().max(0)
}

/// Writes a message with the whole text, and once more with what fits of it if that is too long. `uncounted` bytes of it are
/// not the service's to count, such as those of the token.
pub(super) fn write_fitting(
    notification: &Notification,
    uncounted: usize,
    write: impl Fn(&Text<'_>) -> Vec<u8>,
) -> Result<Written, Unsendable> {
    let body = write(&Text::whole(notification));
    if body.len() - uncounted <= PAYLOAD_BYTES_MAX {
        return Ok(Written { body, is_shortened: false });
    }
    let whole_len = written_len(&notification.title) + written_len(&notification.body);
    let text = fitting(notification, body.len() - uncounted - whole_len)?;
    Ok(Written { body: write(&text), is_shortened: true })
}

/// Bytes that a text takes in JSON, without the quotes.
pub(super) fn written_len(text: &str) -> usize {
    text.chars().map(written_char_len).sum()
}

fn written_char_len(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

/// The text that fits next to `fixed` bytes of everything else: the title takes precedence over the body.
fn fitting(notification: &Notification, fixed: usize) -> Result<Text<'_>, Unsendable> {
    let room = PAYLOAD_BYTES_MAX.checked_sub(fixed).ok_or(Unsendable::TooLarge)?;
    let title_len = written_len(&notification.title);
    let whole_len = title_len + written_len(&notification.body);
    if whole_len <= room {
        return Ok(Text::whole(notification));
    }
    if room < TEXT_BYTES_MIN {
        return Err(Unsendable::TooLarge);
    }
    let title = shortened(&notification.title, room);
    let body = shortened(&notification.body, room - written_len(&title));
    Ok(Text { title, body })
}

/// At most `max` bytes of a text as JSON writes it; what is cut ends in an ellipsis.
fn shortened(text: &str, max: usize) -> Cow<'_, str> {
    if written_len(text) <= max {
        return Cow::Borrowed(text);
    }
    let Some(room) = max.checked_sub(ELLIPSIS.len()) else { return Cow::Borrowed("") };
    let mut taken = 0;
    let end = text.char_indices().find(|(_, c)| {
        taken += written_char_len(*c);
        taken > room
    });
    let kept = &text[..end.map_or(text.len(), |(at, _)| at)];
    // No half of an emoji that is joined of several, and no space before the ellipsis.
    let kept = kept.trim_end_matches(|c: char| c == '\u{200d}' || c.is_whitespace());
    Cow::Owned(format!("{kept}{ELLIPSIS}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::notification;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_fits_is_left_alone_and_what_does_not_is_cut_at_the_end(
            title in "\\PC{0,300}",
            body in "[\\PC\\n\"\\\\\u{1}]{0,5000}",
            fixed in 0usize..4200,
        ) {
            let mut whole = notification();
            (whole.title, whole.body) = (title, body);
            let len = |text: &Text<'_>| written_len(&text.title) + written_len(&text.body);
            match fitting(&whole, fixed) {
                Ok(text) => {
                    prop_assert!(fixed + len(&text) <= PAYLOAD_BYTES_MAX);
                    let is_start = |cut: &str, of: &str| of.starts_with(cut.trim_end_matches(ELLIPSIS));
                    prop_assert!(is_start(&text.title, &whole.title) && is_start(&text.body, &whole.body));
                    let is_whole = fixed + len(&Text::whole(&whole)) <= PAYLOAD_BYTES_MAX;
                    prop_assert_eq!(is_whole, text == Text::whole(&whole));
                }
                Err(refused) => {
                    prop_assert_eq!(refused, Unsendable::TooLarge);
                    prop_assert!(fixed + TEXT_BYTES_MIN > PAYLOAD_BYTES_MAX);
                    prop_assert!(fixed + len(&Text::whole(&whole)) > PAYLOAD_BYTES_MAX);
                }
            }
        }

        #[test]
        fn the_length_in_json_is_what_json_has(text in any::<String>()) {
            prop_assert_eq!(written_len(&text) + 2, serde_json::to_string(&text).unwrap().len());
        }
    }

    #[test]
    fn the_body_is_shortened_before_the_title_and_no_emoji_is_torn() {
        let mut long = notification();
        long.body = "👩‍🔧".repeat(300);
        let text = fitting(&long, PAYLOAD_BYTES_MAX - 219).unwrap();
        assert_eq!(text.title, long.title);
        assert!(text.body.ends_with('…') && !text.body.contains("\u{200d}…"), "{}", text.body);
        assert_eq!(fitting(&long, PAYLOAD_BYTES_MAX - 199), Err(Unsendable::TooLarge));
    }
}
