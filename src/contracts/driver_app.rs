//! The driver app's contract (food delivery): its socket messages, both ways. The words are fixed by the app; see
//! docs/PROTOCOL.md for what this project adds.

use crate::contracts::driver_rest::AssignedOrders;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::inbound::{BadMessage, Inbound};
use crate::contracts::time::WireTime;
use crate::domain::event::{Event, EventBody};
use crate::domain::ids::{DriverId, EventId, JobId};
use crate::domain::position::{Fix, Position};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use uuid::Uuid;

/// The name under which confirmations are kept.
pub const NAME: &str = "driver_app";

/// A position's own time is believed when it lies at most this far ahead of ours …
const AHEAD_MAX: TimeDelta = TimeDelta::seconds(60);
/// … and is at most this old; else ours is taken.
const AGE_MAX: TimeDelta = TimeDelta::hours(24);

/// Reads a client's message. `now` is the server's time.
pub fn parse(text: &str, now: DateTime<Utc>) -> Result<Inbound, BadMessage> {
    let message: Envelope<'_> = object(text).map_err(|error| unreadable(text, &error))?;
    match &*message.kind {
        "ping" => Ok(Inbound::Ping),
        "location_update" => location_update(message.data, now),
        "ack" => event_number(message.event_id, "event_id").map(Inbound::Ack),
        "resume" => event_number(message.last_event_id, "last_event_id").map(Inbound::Resume),
        "authenticate" => match message.token {
            Some(Value::String(token)) => Ok(Inbound::Authenticate(token)),
            _ => Err(BadMessage::new(ErrorCode::InvalidMessage, "token must be a string")),
        },
        other => {
            let shown: String = other.chars().take(40).collect();
            Err(BadMessage::new(ErrorCode::UnknownType, format!("there is no message of type {shown:?}")))
        }
    }
}

/// All that any message has; which of it must be there depends on the type. `data` stays text until the type is
/// known: a position is most of what comes, and is read without a detour.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    event_id: Option<Value>,
    #[serde(default)]
    last_event_id: Option<Value>,
    #[serde(default)]
    token: Option<Value>,
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

fn unreadable(text: &str, error: &serde_json::Error) -> BadMessage {
    if text.contains("location_update") {
        // A NaN or 1e999 is no JSON; whoever sends it has a position in mind.
        return BadMessage::new(ErrorCode::InvalidPosition, format!("the position can't be read: {error}"));
    }
    BadMessage::new(ErrorCode::InvalidMessage, format!("not a JSON object with a type: {error}"))
}

fn location_update(data: Option<&RawValue>, now: DateTime<Utc>) -> Result<Inbound, BadMessage> {
    let invalid = |text: String| BadMessage::new(ErrorCode::InvalidPosition, text);
    let data = data.ok_or_else(|| invalid("data is missing".to_owned()))?;
    let update: LocationUpdate<'_> = object(data.get()).map_err(|error| invalid(format!("data: {error}")))?;
    let position =
        Position::new(update.latitude, update.longitude).map_err(|error| invalid(error.to_string()))?;
    Ok(Inbound::Position(Fix {
        position,
        accuracy_m: known(update.accuracy),
        heading: known(update.heading),
        speed: known(update.speed),
        battery_level: known(update.battery_level),
        measured_at: measured_at(update.timestamp, now)?,
    }))
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
        _ => {
            Err(BadMessage::new(ErrorCode::InvalidMessage, format!("{field} must be a whole number from 0")))
        }
    }
}

/// Every message out but `pong`: the envelope.
#[derive(Serialize)]
struct Outbound<'a, D: Serialize> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<EventId>,
    data: &'a D,
    timestamp: WireTime,
}

fn text<D: Serialize>(kind: &'static str, id: Option<EventId>, data: &D, timestamp: DateTime<Utc>) -> String {
    serde_json::to_string(&Outbound { kind, id, data, timestamp: WireTime(timestamp) })
        .expect("messages have string keys only")
}

pub fn pong() -> &'static str {
    r#"{"type":"pong"}"#
}

pub fn connected(driver: DriverId, session: Uuid, last: EventId, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Connected {
        driver_id: DriverId,
        session_id: Uuid,
        last_event_id: EventId,
    }
    let data = Connected { driver_id: driver, session_id: session, last_event_id: last };
    text("connected", None, &data, now)
}

pub fn error(bad: &BadMessage, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Error<'a> {
        code: &'a str,
        message: &'a str,
    }
    text("error", None, &Error { code: bad.code.as_str(), message: &bad.message }, now)
}

pub fn resume_failed(oldest: EventId, newest: EventId, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct ResumeFailed {
        oldest_id: EventId,
        newest_id: EventId,
    }
    text("resume_failed", None, &ResumeFailed { oldest_id: oldest, newest_id: newest }, now)
}

pub fn authenticated(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Authenticated {
        expires_at: WireTime,
    }
    text("authenticated", None, &Authenticated { expires_at: WireTime(expires_at) }, now)
}

/// The current state, where history can't tell it: the orders that the driver holds, as `GET orders/assigned` shows
/// them.
pub fn orders(held: &AssignedOrders, now: DateTime<Utc>) -> String {
    text("orders", None, held, now)
}

/// A durable event, in this contract's words. The timestamp is when it happened.
pub fn event(event: &Event) -> String {
    let id = Some(event.id);
    match &event.body {
        EventBody::OrderAssigned(order) => text("order_assigned", id, order, event.created_at),
        EventBody::OrderCancelled { order_id, reason } => {
            #[derive(Serialize)]
            struct Cancelled<'a> {
                order_id: JobId,
                reason: &'a str,
            }
            text("order_cancelled", id, &Cancelled { order_id: *order_id, reason }, event.created_at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2025, 11, 19, 10, 30, 0).single().expect("a time")
    }

    fn code(text: &str) -> &'static str {
        parse(text, now()).expect_err(text).code.as_str()
    }

    fn fix(text: &str) -> Fix {
        match parse(text, now()).expect(text) {
            Inbound::Position(fix) => fix,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_bad_message_says_what_is_wrong_with_it() {
        assert_eq!(code("hello"), "invalid_message");
        assert_eq!(code("[1]"), "invalid_message");
        assert_eq!(code(r#" ["ping"]"#), "invalid_message");
        assert_eq!(code(r#"{"data":{}}"#), "invalid_message");
        assert_eq!(code(r#"{"type":"dance"}"#), "unknown_type");
        assert_eq!(code(r#"{"type":"ack"}"#), "invalid_message");
        assert_eq!(code(r#"{"type":"ack","event_id":-1}"#), "invalid_message");
        assert_eq!(code(r#"{"type":"resume","last_event_id":"7"}"#), "invalid_message");
        assert_eq!(code(r#"{"type":"authenticate"}"#), "invalid_message");
    }

    #[test]
    fn a_position_out_of_range_not_finite_or_of_another_type_is_refused() {
        for data in [
            r#"{"latitude":91,"longitude":0}"#,
            r#"{"latitude":0,"longitude":-180.1}"#,
            r#"{"latitude":"28.7","longitude":77.1}"#,
            r#"{"latitude":NaN,"longitude":77.1}"#,
            r#"{"latitude":1e999,"longitude":77.1}"#,
            r#"{"latitude":null,"longitude":77.1}"#,
            r#"{"longitude":77.1}"#,
            r#"{"latitude":1,"longitude":2,"heading":"north"}"#,
        ] {
            assert_eq!(
                code(&format!(r#"{{"type":"location_update","data":{data}}}"#)),
                "invalid_position",
                "{data}"
            );
        }
        assert_eq!(code(r#"{"type":"location_update"}"#), "invalid_position");
        assert_eq!(code(r#"{"type":"location_update","data":[28.7,77.1]}"#), "invalid_position");
    }

    #[test]
    fn a_timestamp_is_believed_when_it_is_sane() {
        let at = |timestamp: &str| {
            let text = format!(
                r#"{{"type":"location_update","data":{{"latitude":1,"longitude":2,"timestamp":"{timestamp}"}}}}"#
            );
            fix(&text).measured_at
        };
        assert_eq!(at("2025-11-19T10:29:00Z"), now() - TimeDelta::seconds(60));
        assert_eq!(at("2025-11-19T15:59:00+05:30"), now() - TimeDelta::seconds(60));
        assert_eq!(at("2025-11-19T10:31:00Z"), now() + TimeDelta::seconds(60));
        assert_eq!(at("2025-11-19T10:31:01Z"), now(), "too far ahead");
        assert_eq!(at("2025-11-18T10:29:59Z"), now(), "too old");
        assert_eq!(
            code(r#"{"type":"location_update","data":{"latitude":1,"longitude":2,"timestamp":"yesterday"}}"#),
            "invalid_timestamp"
        );
    }

    #[test]
    fn a_timestamp_that_is_a_number_is_no_timestamp() {
        let text =
            r#"{"type":"location_update","data":{"latitude":1,"longitude":2,"timestamp":1763548200000}}"#;
        assert_eq!(code(text), "invalid_timestamp");
        let null = r#"{"type":"location_update","data":{"latitude":1,"longitude":2,"timestamp":null}}"#;
        assert_eq!(fix(null).measured_at, now());
    }

    #[test]
    fn what_a_phone_does_not_know_is_null() {
        let fix = fix(
            r#"{"type":"location_update","data":{"latitude":1,"longitude":2,"heading":-1,"speed":-1,"accuracy":null,"extra":{}}}"#,
        );
        assert_eq!((fix.heading, fix.speed, fix.accuracy_m), (None, None, None));
    }
}
