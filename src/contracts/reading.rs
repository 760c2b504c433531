//! Reads clients' messages: the fields that messages of all contracts share, and the messages that mean the same in
//! each of them. A contract checks the type first, and leaves the messages that are not its own to this file.

use crate::contracts::error_codes::ErrorCode;
use crate::contracts::fixes::{self, off_earth};
use crate::contracts::inbound::{BadMessage, Inbound};
use crate::contracts::number::integer_or_text;
use crate::domain::ids::EventId;
use crate::domain::ride::{RideId, RideStep, Stars};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Characters of a chat message: what fits on a phone's screen, and far below a message's limit.
pub const CHAT_CHARS_MAX: usize = 1000;
/// Characters of what is said with a rating, as REST has it.
const COMMENT_CHARS_MAX: usize = 500;

/// All that any message has; which of it must be there depends on the type. `data` stays text until the type is
/// known: a position is most of what comes, and is read without a detour.
#[derive(Deserialize)]
pub struct Message<'a> {
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default, borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(default)]
    event_id: Option<Value>,
    #[serde(default)]
    last_event_id: Option<Value>,
    #[serde(default)]
    token: Option<Value>,
    #[serde(default)]
    ride_id: Option<Value>,
    #[serde(default)]
    text: Option<Value>,
    #[serde(default)]
    rating: Option<Value>,
    #[serde(default)]
    comment: Option<Value>,
}

impl<'a> Message<'a> {
    /// Its type may be written in any case.
    pub fn read(text: &'a str) -> Result<Self, BadMessage> {
        let mut message: Self = object(text).map_err(|error| unreadable(text, &error))?;
        if message.kind.bytes().any(|byte| byte.is_ascii_uppercase()) {
            message.kind.to_mut().make_ascii_lowercase();
        }
        Ok(message)
    }

    /// The messages that every contract understands.
    pub fn common(self) -> Result<Inbound, BadMessage> {
        match &*self.kind {
            "ack" => event_number(self.event_id, "event_id").map(Inbound::Ack),
            "resume" => event_number(self.last_event_id, "last_event_id").map(Inbound::Resume),
            "authenticate" => match self.token {
                Some(Value::String(token)) => Ok(Inbound::Authenticate(token)),
                _ => Err(invalid("token must be a string")),
            },
            other => {
                let shown: String = other.chars().take(40).collect();
                Err(BadMessage::new(ErrorCode::UnknownType, format!("there is no message of type {shown:?}")))
            }
        }
    }

    /// A driver's position, in `data`. `now` is the server's time.
    pub fn location_update(&self, now: DateTime<Utc>) -> Result<Inbound, BadMessage> {
        let data = self.data.ok_or_else(|| off_earth("data is missing"))?;
        fixes::read(data.get(), now).map(Inbound::Position)
    }

    /// The time that a `ping` carries, as the client wrote it.
    pub fn echo(&self) -> Option<Value> {
        let value = serde_json::from_str(self.timestamp?.get()).ok()?;
        matches!(value, Value::String(_) | Value::Number(_)).then_some(value)
    }

    /// The ride that it is about. One that can't be a ride's is as unknown as any other.
    pub fn ride_id(&self) -> Result<RideId, BadMessage> {
        match &self.ride_id {
            Some(Value::String(id)) => RideId::new(id.as_str())
                .map_err(|_| BadMessage::new(ErrorCode::NotFound, "there is no such ride")),
            _ => Err(invalid("ride_id must be a string")),
        }
    }

    /// The same where the socket says which one it is.
    pub fn ride_id_if_any(&self) -> Result<Option<RideId>, BadMessage> {
        match &self.ride_id {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.ride_id().map(Some),
        }
    }

    /// Words for the other participant of a ride.
    pub fn chat(&self, ride_id: Option<RideId>) -> Result<Inbound, BadMessage> {
        self.text(CHAT_CHARS_MAX).map(|text| Inbound::Chat { ride_id, text })
    }

    /// A passenger's rating of a ride; its comment is cut to the length that is kept.
    pub fn rating(&self, ride_id: Option<RideId>) -> Result<Inbound, BadMessage> {
        let stars = self.rating.as_ref().and_then(integer_or_text).and_then(Stars::new);
        let stars = stars.ok_or_else(|| invalid("rating must be a whole number from 1 to 5"))?;
        let comment = self.comment.as_ref().and_then(Value::as_str);
        let comment = comment.and_then(|text| shown_part(text, COMMENT_CHARS_MAX));
        Ok(Inbound::Rate { ride_id, stars, comment })
    }

    /// A driver's next step with a ride, in the words of the events that it leads to.
    pub fn step(&self, step: RideStep) -> Result<Inbound, BadMessage> {
        self.ride_id().map(|ride_id| Inbound::Step { ride_id, step })
    }

    /// The text of a chat message.
    pub fn text(&self, chars_max: usize) -> Result<String, BadMessage> {
        let text = self.text.as_ref().and_then(Value::as_str).unwrap_or_default();
        match !text.trim().is_empty() && is_shown(text, chars_max) {
            true => Ok(text.to_owned()),
            false => Err(invalid(format!("text must be a string of 1 to {chars_max} characters"))),
        }
    }
}

/// Whether a text can be kept and shown.
fn is_shown(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max && !text.chars().any(is_hidden)
}

/// PostgreSQL can't keep U+0000, and no screen shows the other control characters; a line break may be wanted.
pub fn is_hidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}

/// As much of a text as can be kept and shown; `None` where nothing is left. For what is welcome and not needed: an address
/// of one character too many must not cost the ride.
pub fn shown_part(text: &str, chars_max: usize) -> Option<String> {
    let shown: String = text.trim().chars().filter(|c| !is_hidden(*c)).take(chars_max).collect();
    (!shown.trim().is_empty()).then_some(shown)
}

pub fn invalid(message: impl Into<String>) -> BadMessage {
    BadMessage::new(ErrorCode::InvalidMessage, message)
}

/// In words of our own: the parser's name types of ours.
fn unreadable(text: &str, error: &serde_json::Error) -> BadMessage {
    if text.contains("location_update") {
        // The sender of a text that is not JSON meant a position.
        return off_earth("the position can't be read: the message is not JSON");
    }
    match error.is_data() {
        true => invalid("a message must be a JSON object whose type is a string"),
        false => invalid(format!(
            "the message is not JSON at character {} of line {}",
            error.column(),
            error.line()
        )),
    }
}

/// Reads a JSON object. serde alone would take an array of the fields' values, too.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    match text.trim_start().starts_with('[') {
        true => Err(serde::de::Error::custom("an array, not an object")),
        false => serde_json::from_str(text),
    }
}

/// Apps keep it as a number or as text.
fn event_number(value: Option<Value>, field: &'static str) -> Result<EventId, BadMessage> {
    match value.as_ref().and_then(integer_or_text) {
        Some(number) if number >= 0 => Ok(EventId(number)),
        _ => Err(invalid(format!("{field} must be a whole number from 0"))),
    }
}
