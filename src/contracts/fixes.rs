//! Positions as devices send them, over sockets and by REST. A position is never lost for a flaw next to it: only its
//! latitude and longitude can make it an error. Other unreadable fields are left out, and the client may be told.

use crate::contracts::client_messages::PositionReport;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::inbound::{BadMessage, Reading};
use crate::contracts::number::number_of_text;
use crate::contracts::time::{instant_in, instant_of};
use crate::domain::position::{Fix, Position, per_cent};
use chrono::{DateTime, TimeDelta, Utc};
use schemars::schema_for;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A position's own time is believed when it lies at most this far ahead of ours …
const AHEAD_MAX: TimeDelta = TimeDelta::seconds(60);
/// … and is at most this old; else ours is taken.
const AGE_MAX: TimeDelta = TimeDelta::hours(24);

const PLACE: &str = "latitude must be a number from -90 to 90 and longitude one from -180 to 180";

/// A position whose numbers are numbers, as nearly every one is; its time is still as it was written.
type Plain<'a> = PositionReport<&'a RawValue>;

/// Reads the JSON object that is `data` of `location_update`, or the body of a request. `now` is the server's time.
pub fn read(json: &str, now: DateTime<Utc>) -> Result<Reading, BadMessage> {
    let mut flaws = Vec::new();
    // serde alone would take an array of the fields' values, too.
    let plain = if json.trim_start().starts_with('{') { serde_json::from_str(json).ok() } else { None };
    let sent = match plain {
        Some(plain) => plain,
        None => loose(json, &mut flaws)?,
    };
    let position = Position::new(sent.latitude, sent.longitude).map_err(|_| off_earth(PLACE))?;
    let battery_level = known(sent.battery_level);
    if battery_level.is_some() && battery_level.and_then(per_cent).is_none() {
        flaws.push("battery_level");
    }
    let fix = Fix {
        position,
        accuracy_m: known(sent.accuracy),
        heading: known(sent.heading),
        speed: known(sent.speed),
        battery_level: battery_level.and_then(per_cent).map(f64::from),
        measured_at: measured_at(sent.timestamp, now, &mut flaws),
    };
    Ok(Reading { fix, flaws })
}

/// JSON Schema of what is read: a position as our own clients write it, and numbers as texts and times as numbers besides.
pub fn schema() -> Value {
    let mut schema = Value::from(schema_for!(PositionReport));
    for name in ["$schema", "title"] {
        schema.as_object_mut().and_then(|members| members.remove(name));
    }
    for (name, field) in schema["properties"].as_object_mut().into_iter().flatten() {
        field["type"] = match name.as_str() {
            "latitude" | "longitude" => json!(["number", "string"]),
            "timestamp" => json!(["string", "number", "null"]),
            _ => json!(["number", "string", "null"]),
        };
    }
    for (name, most) in [("latitude", 90), ("longitude", 180)] {
        schema["properties"][name]["minimum"] = json!(-most);
        schema["properties"][name]["maximum"] = json!(most);
    }
    schema
}

/// Reads one field after the other, numbers also from texts.
fn loose<'a>(json: &'a str, flaws: &mut Vec<&'static str>) -> Result<Plain<'a>, BadMessage> {
    let fields: BTreeMap<Cow<'a, str>, &'a RawValue> =
        serde_json::from_str(json).map_err(|_| off_earth("a position must be a JSON object"))?;
    let mut number = |name: &'static str| match fields.get(name).map(|value| scalar(value)) {
        None => None,
        Some(text) if text.trim().is_empty() || text == "null" => None,
        Some(text) => number_of_text(&text).or_else(|| {
            flaws.push(name);
            None
        }),
    };
    Ok(Plain {
        latitude: number("latitude").ok_or_else(|| off_earth(PLACE))?,
        longitude: number("longitude").ok_or_else(|| off_earth(PLACE))?,
        accuracy: number("accuracy"),
        heading: number("heading"),
        speed: number("speed"),
        battery_level: number("battery_level"),
        timestamp: fields.get("timestamp").copied().filter(|value| value.get() != "null"),
    })
}

/// A text's content; of anything else how it is written.
fn scalar(value: &RawValue) -> Cow<'_, str> {
    let written = value.get();
    match written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) if !text.contains('\\') => Cow::Borrowed(text),
        _ => serde_json::from_str(written).unwrap_or(Cow::Borrowed(written)),
    }
}

/// Phones say "unknown" with a negative number.
fn known(value: Option<f64>) -> Option<f64> {
    value.filter(|value| *value >= 0.0)
}

/// The device's own time where it can be believed, else ours.
fn measured_at(
    timestamp: Option<&RawValue>,
    now: DateTime<Utc>,
    flaws: &mut Vec<&'static str>,
) -> DateTime<Utc> {
    let Some(timestamp) = timestamp else { return now };
    let text = scalar(timestamp);
    let is_text = timestamp.get().starts_with('"');
    let read = if is_text { instant_in(&text) } else { text.parse().ok().and_then(instant_of) };
    match read {
        Some(time) if time - now <= AHEAD_MAX && now - time <= AGE_MAX => time,
        Some(_) => now,
        None => {
            if !text.trim().is_empty() {
                flaws.push("timestamp");
            }
            now
        }
    }
}

pub fn off_earth(message: &str) -> BadMessage {
    BadMessage::new(ErrorCode::InvalidPosition, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 30, 19, 36, 48).single().expect("a time")
    }

    fn with(field: &str, value: Value) -> Reading {
        let mut data = json!({"latitude": 3.848, "longitude": 11.5021});
        data[field] = value;
        let reading = read(&data.to_string(), now()).expect("a position");
        assert_eq!(reading.fix.position, Position::new(3.848, 11.5021).expect("in range"));
        reading
    }

    /// Each of them cost the position.
    #[test]
    fn a_position_is_not_lost_for_its_timestamp() {
        let age = |value: Value| {
            let Reading { fix, flaws } = with("timestamp", value);
            ((now() - fix.measured_at).num_milliseconds(), flaws.len())
        };
        assert_eq!(age(json!("2026-11-30T19:36:38")), (10_000, 0));
        assert_eq!(age(json!("2026-11-30T19:36:38.032865")), (9_967, 0));
        assert_eq!(age(json!("2026-11-30 19:36:38")), (10_000, 0));
        assert_eq!(age(json!(1_796_067_398)), (10_000, 0));
        assert_eq!(age(json!(1_796_067_398_000_i64)), (10_000, 0));
        assert_eq!(age(json!(1_796_067_397.5)), (10_500, 0));
        assert_eq!(age(json!("1796067398000")), (10_000, 0));
        assert_eq!(age(json!("2026-11-30T20:36:38+01:00")), (10_000, 0));
        for nothing in [json!(""), json!(" "), Value::Null] {
            assert_eq!(age(nothing), (0, 0), "says nothing");
        }
        for unreadable in [json!("yesterday"), json!(true), json!({}), json!(["a"]), json!(7)] {
            assert_eq!(age(unreadable.clone()), (0, 1), "{unreadable}");
        }
        for not_believed in [json!("2026-11-29T19:36:47"), json!("2026-11-30T19:37:49"), json!(0)] {
            assert_eq!(age(not_believed.clone()), (0, 0), "{not_believed}");
        }
    }

    #[test]
    fn a_position_is_not_lost_for_an_optional_field() {
        let read = |field: &str, value: Value| {
            let Reading { fix, flaws } = with(field, value);
            let value =
                [fix.accuracy_m, fix.heading, fix.speed, fix.battery_level].into_iter().flatten().next();
            (value, flaws)
        };
        assert_eq!(read("accuracy", json!("10.5")), (Some(10.5), vec![]));
        assert_eq!(read("speed", json!("25,5")), (Some(25.5), vec![]));
        assert_eq!(read("heading", json!(-1)), (None, vec![]), "unknown, says a phone");
        for nothing in [json!(""), Value::Null] {
            assert_eq!(read("accuracy", nothing), (None, vec![]));
        }
        for unreadable in [json!("north"), json!(true), json!([1]), json!({"degrees": 1}), json!("NaN")] {
            assert_eq!(read("heading", unreadable.clone()), (None, vec!["heading"]), "{unreadable}");
        }
    }

    #[test]
    fn a_battery_has_whole_per_cent_and_below_one_it_is_a_fraction_of_a_full_one() {
        let level = |value: Value| {
            let Reading { fix, flaws } = with("battery_level", value);
            (fix.battery_level, flaws.len())
        };
        assert_eq!(level(json!(75)), (Some(75.0), 0));
        assert_eq!(level(json!("75")), (Some(75.0), 0));
        assert_eq!(level(json!(74.6)), (Some(75.0), 0));
        assert_eq!(level(json!(0.75)), (Some(75.0), 0));
        assert_eq!(
            (level(json!(0)), level(json!(1)), level(json!(100))),
            ((Some(0.0), 0), (Some(1.0), 0), (Some(100.0), 0))
        );
        assert_eq!(level(json!(-1)), (None, 0), "unknown, says a phone");
        assert_eq!((level(json!(101)), level(json!(1e300))), ((None, 1), (None, 1)));
    }

    #[test]
    fn latitude_and_longitude_may_be_texts_and_alone_make_an_error() {
        let texts = r#"{"latitude":"3.848","longitude":" 11,5021","heading":"north"}"#;
        let Reading { fix, flaws } = read(texts, now()).expect("a position");
        assert_eq!((fix.position.latitude(), fix.position.longitude()), (3.848, 11.5021));
        assert_eq!(flaws, ["heading"]);
        for wrong in [
            r#"{"latitude":91,"longitude":0}"#,
            r#"{"latitude":"91","longitude":"0"}"#,
            r#"{"latitude":"north","longitude":0}"#,
            r#"{"latitude":"","longitude":0}"#,
            r#"{"latitude":1e999,"longitude":0}"#,
            r#"{"latitude":"NaN","longitude":0}"#,
            r#"{"latitude":null,"longitude":0}"#,
            r#"{"latitude":[1],"longitude":0}"#,
            r#"{"longitude":0}"#,
            "[3.848,11.5021]",
            "7",
            "\"text\"",
        ] {
            let bad = read(wrong, now()).expect_err(wrong);
            assert_eq!(bad.code, ErrorCode::InvalidPosition, "{wrong}");
            assert!(!bad.message.contains("expected"), "the parser's words: {}", bad.message);
        }
    }

    #[test]
    fn a_field_that_is_there_twice_counts_as_said_last_and_an_infinite_one_not_at_all() {
        let twice = r#"{"latitude":1,"latitude":3,"longitude":11,"speed":1e999,"heading":90}"#;
        let Reading { fix, flaws } = read(twice, now()).expect("a position");
        assert_eq!((fix.position.latitude(), fix.heading, fix.speed), (3.0, Some(90.0), None));
        assert_eq!(flaws, ["speed"]);
    }
}
