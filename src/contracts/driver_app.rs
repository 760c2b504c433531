//! The driver app's contract (food delivery): its socket messages, both ways. The words are fixed by the app; see
//! docs/PROTOCOL.md for what this project adds.

use crate::contracts::client_messages::{Ack, Authenticate, LocationUpdate, OfRide, Resume, SendChat};
use crate::contracts::driver_rest::AssignedOrders;
use crate::contracts::envelope::{self, Authenticated, Envelope, Error, ResumeFailed};
use crate::contracts::events::EventMessage;
use crate::contracts::inbound::{BadMessage, Inbound};
use crate::contracts::reading::Message;
use crate::domain::event::Event;
use crate::domain::ids::{DriverId, EventId};
use crate::domain::ride::RideStep;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use uuid::Uuid;

/// The name under which confirmations are kept.
pub const NAME: &str = "driver_app";

/// A message from a driver's app, in its regular form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Asks for a `pong`.
    Ping,
    /// Where the driver is. Not answered.
    LocationUpdate(LocationUpdate),
    /// The app has processed an event. Not answered.
    Ack(Ack),
    /// Everything after an event again, as if the app had connected with it.
    Resume(Resume),
    /// A fresh token for the open session.
    Authenticate(Authenticate),
    /// Words for the passenger of the driver's ride.
    ChatMessage(SendChat),
    /// The driver is at the pickup.
    DriverArrived(OfRide),
    /// The ride begins.
    RideStarted(OfRide),
    /// The ride is at its goal.
    RideCompleted(OfRide),
}

/// A message to a driver's app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<'a> {
    /// The first message.
    Connected(Envelope<Connected>),
    /// The answer to `ping`, bare.
    Pong,
    /// After `resume_failed`: the current state, where history can't tell it.
    Orders(Envelope<Cow<'a, AssignedOrders>>),
    /// Not everything that the app asked for is kept.
    ResumeFailed(Envelope<ResumeFailed>),
    /// A fresh token was taken for the session.
    Authenticated(Envelope<Authenticated>),
    /// A message was not carried out; the socket stays open.
    Error(Envelope<Error<'a>>),
    /// A durable event of the driver's account, each in its own type.
    #[serde(untagged)]
    Event(EventMessage<'a>),
}

/// The connected driver and session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Connected {
    /// The driver's number.
    pub driver_id: DriverId,
    /// This connection's id, as the log has it.
    pub session_id: Uuid,
    /// The number of the account's newest event, not of what the app has seen.
    pub last_event_id: EventId,
}

/// Reads a client's message. `now` is the server's time.
pub fn parse(text: &str, now: DateTime<Utc>) -> Result<Inbound, BadMessage> {
    let message = Message::read(text)?;
    match &*message.kind {
        // Answered bare.
        "ping" => Ok(Inbound::Ping { timestamp: None }),
        "location_update" => message.location_update(now),
        // A driver of rides hears of them on this socket, too.
        "chat_message" => message.chat(Some(message.ride_id()?)),
        "driver_arrived" => message.step(RideStep::Arrive),
        "ride_started" => message.step(RideStep::Start),
        "ride_completed" => message.step(RideStep::Complete),
        _ => message.common(),
    }
}

pub fn pong() -> String {
    envelope::text(&ServerMessage::Pong)
}

pub fn connected(driver: DriverId, session: Uuid, last: EventId, now: DateTime<Utc>) -> String {
    let connected = Connected { driver_id: driver, session_id: session, last_event_id: last };
    envelope::text(&ServerMessage::Connected(Envelope::new(connected, now)))
}

/// The orders that the driver holds, as `GET orders/assigned` shows them.
pub fn orders(held: &AssignedOrders, now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::Orders(Envelope::new(Cow::Borrowed(held), now)))
}

pub fn error(bad: &BadMessage, now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::Error(Envelope::new(bad.into(), now)))
}

pub fn resume_failed(oldest_id: EventId, newest_id: EventId, now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::ResumeFailed(Envelope::new(ResumeFailed { oldest_id, newest_id }, now)))
}

pub fn authenticated(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    envelope::text(&ServerMessage::Authenticated(Envelope::new(Authenticated::until(expires_at), now)))
}

/// A durable event under its number.
pub fn event(event: &Event) -> String {
    EventMessage::new(event).text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Contract;
    use crate::domain::position::Fix;
    use chrono::{TimeDelta, TimeZone};

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2025, 11, 19, 10, 30, 0).single().expect("a time")
    }

    fn code(text: &str) -> &'static str {
        parse(text, now()).expect_err(text).code.as_str()
    }

    fn fix(text: &str) -> Fix {
        match parse(text, now()).expect(text) {
            Inbound::Position(reading) => reading.fix,
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
        assert_eq!(code(r#"{"type":"resume","last_event_id":"seven"}"#), "invalid_message");
        assert_eq!(code(r#"{"type":"authenticate"}"#), "invalid_message");
        for text in [
            "hello",
            "[1]",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"location_update","data":7}"#,
            r#"{"type":"ack"}"#,
        ] {
            let message = parse(text, now()).expect_err(text).message;
            for parsers in ["expected", "struct", "missing field", "invalid type"] {
                assert!(!message.contains(parsers), "the parser's words: {message}");
            }
        }
    }

    #[test]
    fn event_numbers_and_types_are_read_in_each_of_their_forms() {
        for number in ["3", "3.0", "\"3\"", "\"3.0\"", "0.3e1"] {
            let ack = format!(r#"{{"type":"ack","event_id":{number}}}"#);
            assert_eq!(parse(&ack, now()), Ok(Inbound::Ack(EventId(3))), "{number}");
            let resume = format!(r#"{{"type":"RESUME","last_event_id":{number}}}"#);
            assert_eq!(parse(&resume, now()), Ok(Inbound::Resume(EventId(3))), "{number}");
        }
        for wrong in ["4.5", "-1", "\"\"", "true", "[3]"] {
            assert_eq!(
                code(&format!(r#"{{"type":"ack","event_id":{wrong}}}"#)),
                "invalid_message",
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_heading_that_json_does_not_have_costs_no_position() {
        let text =
            r#"{"type":"location_update","data":{"latitude":1.5,"longitude":2,"heading":NaN,"speed":1e999}}"#;
        let Ok(Inbound::Position(reading)) = Contract::DriverApp.parse(text, now()) else {
            panic!("a position")
        };
        assert_eq!((reading.fix.position.latitude(), reading.fix.heading), (1.5, None));
        let nowhere = text.replace("1.5", "NaN");
        assert_eq!(
            Contract::DriverApp.parse(&nowhere, now()).expect_err("nowhere").code.as_str(),
            "invalid_position"
        );
    }

    #[test]
    fn a_position_out_of_range_not_finite_or_of_another_type_is_refused() {
        for data in [
            r#"{"latitude":91,"longitude":0}"#,
            r#"{"latitude":0,"longitude":-180.1}"#,
            r#"{"latitude":"north","longitude":77.1}"#,
            r#"{"latitude":NaN,"longitude":77.1}"#,
            r#"{"latitude":1e999,"longitude":77.1}"#,
            r#"{"latitude":null,"longitude":77.1}"#,
            r#"{"longitude":77.1}"#,
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
        assert_eq!(at("yesterday"), now(), "can't be read");
    }

    #[test]
    fn what_a_phone_does_not_know_is_null() {
        let fix = fix(
            r#"{"type":"location_update","data":{"latitude":1,"longitude":2,"heading":-1,"speed":-1,"accuracy":null,"extra":{}}}"#,
        );
        assert_eq!((fix.heading, fix.speed, fix.accuracy_m), (None, None, None));
    }
}
