//! The driver app's contract (food delivery): its socket messages, both ways. The words are fixed by the app; see
//! docs/PROTOCOL.md for what this project adds.

use crate::contracts::driver_rest::AssignedOrders;
use crate::contracts::envelope::text;
use crate::contracts::inbound::{BadMessage, Inbound};
use crate::contracts::reading::Message;
use crate::domain::ids::{DriverId, EventId};
use crate::domain::ride::RideStep;
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

pub use crate::contracts::envelope::{authenticated, error, event, resume_failed};

/// The name under which confirmations are kept.
pub const NAME: &str = "driver_app";

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
    text("connected", &Connected { driver_id: driver, session_id: session, last_event_id: last }, now)
}

/// The current state, where history can't tell it: the orders that the driver holds, as `GET orders/assigned` shows
/// them.
pub fn orders(held: &AssignedOrders, now: DateTime<Utc>) -> String {
    text("orders", held, now)
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
