//! Reading what clients send: the fields that messages of all contracts share, and the messages that mean the same in
//! each of them. A contract looks at the type first, and leaves here what is not its own.

use crate::contracts::error_codes::ErrorCode;
use crate::contracts::inbound::{BadMessage, Inbound};
use crate::domain::ids::EventId;
use crate::domain::position::{Fix, Position};
use crate::domain::ride::RideId;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A position's own time is believed when it lies at most this far ahead of ours …
const AHEAD_MAX: TimeDelta = TimeDelta::seconds(60);
/// … and is at most this old; else ours is taken.
const AGE_MAX: TimeDelta = TimeDelta::hours(24);

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
}

impl<'a> Message<'a> {
    pub fn read(text: &'a str) -> Result<Self, BadMessage> {
        object(text).map_err(|error| unreadable(text, &error))
    }

    /// What every contract understands.
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
        fix(data.get(), now).map(Inbound::Position)
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

    /// What is to be said to somebody.
    pub fn text(&self, chars_max: usize) -> Result<String, BadMessage> {
        let text = self.text.as_ref().and_then(Value::as_str).unwrap_or_default();
        match !text.trim().is_empty() && is_shown(text, chars_max) {
            true => Ok(text.to_owned()),
            false => Err(invalid(format!("text must be a string of 1 to {chars_max} characters"))),
        }
    }
}

/// Whether a text can be kept and shown: PostgreSQL can't keep U+0000, and no screen shows the other control
/// characters; a line break may be wanted.
pub fn is_shown(text: &str, chars_max: usize) -> bool {
    let hidden = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    text.chars().count() <= chars_max && !text.chars().any(hidden)
}

pub fn invalid(message: impl Into<String>) -> BadMessage {
    BadMessage::new(ErrorCode::InvalidMessage, message)
}

fn off_earth(message: impl Into<String>) -> BadMessage {
    BadMessage::new(ErrorCode::InvalidPosition, message)
}

fn unreadable(text: &str, error: &serde_json::Error) -> BadMessage {
    if text.contains("location_update") {
        // A NaN or 1e999 is no JSON; whoever sends it has a position in mind.
        return off_earth(format!("the position can't be read: {error}"));
    }
    invalid(format!("not a JSON object with a type: {error}"))
}

#[derive(Deserialize)]
struct LocationUpdate<'a> {
    latitude: f64,
    longitude: f64,
    #[serde(default)]
    accuracy: Option<f64>,
    #[serde(default)]
    heading: Option<f64>,
    #[serde(default)]
    speed: Option<f64>,
    #[serde(default)]
    battery_level: Option<f64>,
    #[serde(default, borrow)]
    timestamp: Option<&'a RawValue>,
}

/// Reads a JSON object. serde alone would take an array of the fields' values, too.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    match text.trim_start().starts_with('[') {
        true => Err(serde::de::Error::custom("an array, not an object")),
        false => serde_json::from_str(text),
    }
}

/// A position as a device measured it: the JSON object that is `data` of `location_update`, or the body of a request.
pub fn fix(json: &str, now: DateTime<Utc>) -> Result<Fix, BadMessage> {
    let update: LocationUpdate<'_> = object(json).map_err(|error| off_earth(format!("data: {error}")))?;
    let position =
        Position::new(update.latitude, update.longitude).map_err(|error| off_earth(error.to_string()))?;
    Ok(Fix {
        position,
        accuracy_m: known(update.accuracy),
        heading: known(update.heading),
        speed: known(update.speed),
        battery_level: known(update.battery_level),
        measured_at: measured_at(update.timestamp, now)?,
    })
}

/// Phones say "unknown" with a negative number.
fn known(value: Option<f64>) -> Option<f64> {
    value.filter(|value| *value >= 0.0)
}

fn measured_at(timestamp: Option<&RawValue>, now: DateTime<Utc>) -> Result<DateTime<Utc>, BadMessage> {
    let Some(timestamp) = timestamp else { return Ok(now) };
    let text: Cow<'_, str> = serde_json::from_str(timestamp.get())
        .map_err(|_| BadMessage::new(ErrorCode::InvalidTimestamp, "timestamp must be a string"))?;
    let time = DateTime::parse_from_rfc3339(&text)
        .map_err(|error| {
            BadMessage::new(ErrorCode::InvalidTimestamp, format!("timestamp is not RFC 3339: {error}"))
        })?
        .to_utc();
    let is_sane = time - now <= AHEAD_MAX && now - time <= AGE_MAX;
    Ok(if is_sane { time } else { now })
}

fn event_number(value: Option<Value>, field: &'static str) -> Result<EventId, BadMessage> {
    match value.as_ref().and_then(Value::as_i64) {
        Some(number) if number >= 0 => Ok(EventId(number)),
        _ => Err(invalid(format!("{field} must be a whole number from 0"))),
    }
}
