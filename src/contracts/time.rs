//! Times as all contracts have them, and the one reader of those that clients send.

use crate::contracts::number::number_of_text;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// An instant on the wire: RFC 3339, UTC with `Z`, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WireTime(pub DateTime<Utc>);

impl From<NaiveDateTime> for WireTime {
    /// Columns have UTC.
    fn from(time: NaiveDateTime) -> Self {
        Self(time.and_utc())
    }
}

impl fmt::Display for WireTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads what this server writes; times that clients send are read with [`instant`].
impl<'de> Deserialize<'de> for WireTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text).map(|time| Self(time.to_utc())).map_err(de::Error::custom)
    }
}

impl JsonSchema for WireTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "WireTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// Seconds since the epoch that a number may mean: 1973 to 2286. In thousandths, millionths and billionths these are other
/// ranges, so a number's size says its unit. Dates as eight digits lie in none.
const EPOCH_SECS: Range<f64> = 1e8..1e10;
/// Seconds, milliseconds, microseconds, nanoseconds: how many are a second, and how many microseconds one is.
const UNITS: [(f64, f64); 4] = [(1.0, 1e6), (1e3, 1e3), (1e6, 1.0), (1e9, 1e-3)];

/// The instant that a client means by a text or a number.
pub fn instant(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::String(text) => instant_in(text),
        Value::Number(number) => instant_of(number.as_f64()?),
        _ => None,
    }
}

/// RFC 3339 with any offset or none, which is UTC, with a space for the `T`; or a number as text.
pub fn instant_in(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Some(time.to_utc()),
        Err(_) => loose_instant(text).or_else(|| instant_of(number_of_text(text)?)),
    }
}

/// Seconds since the epoch, or milliseconds, by the size. 0 is the epoch.
pub fn instant_of(number: f64) -> Option<DateTime<Utc>> {
    if number == 0.0 {
        return Some(DateTime::UNIX_EPOCH);
    }
    let (_, micros) = UNITS.into_iter().find(|(per_sec, _)| EPOCH_SECS.contains(&(number / per_sec)))?;
    DateTime::from_timestamp_micros((number * micros).round() as i64)
}

/// Reads times that phones write although RFC 3339 does not allow them: no offset, `+02`, `+0200`, a space for the `T`,
/// a comma in the seconds. The plus sign of an offset in a query string arrives as a space unless it was escaped.
fn loose_instant(text: &str) -> Option<DateTime<Utc>> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let zone_at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone_at);
    let zone = zone.trim_end();
    let zone = zone.strip_prefix(' ').filter(|zone| zone.starts_with(['+', '-', 'Z', 'z'])).unwrap_or(zone);
    let date =
        NaiveDate::parse_from_str(date, "%Y-%m-%d").ok().filter(|_| date.starts_with(char::is_numeric))?;
    let time = time.replacen(',', ".", 1);
    let time = NaiveTime::parse_from_str(&time, "%H:%M:%S%.f")
        .or_else(|_| NaiveTime::parse_from_str(&time, "%H:%M"));
    let local = date.and_time(time.ok()?).and_local_timezone(offset(zone)?);
    local.single().map(|time| time.to_utc())
}

/// `""`, `Z`, `+02:00`, `-0230`, `+02`.
fn offset(zone: &str) -> Option<FixedOffset> {
    let sign = match zone.chars().next() {
        None | Some('Z' | 'z') if zone.len() <= 1 => return FixedOffset::east_opt(0),
        Some('+' | ' ') => 1,
        Some('-') => -1,
        _ => return None,
    };
    let digits = zone[1..].replacen(':', "", 1);
    let is_offset = matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: i32 = digits.parse().ok().filter(|_| is_offset)?;
    let (hours, minutes) = if digits.len() == 2 { (number, 0) } else { (number / 100, number % 100) };
    FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60)).filter(|_| minutes < 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> Option<String> {
        instant_in(text).map(|time| WireTime(time).to_string())
    }

    #[test]
    fn a_time_is_read_in_the_forms_in_which_phones_write_it() {
        for text in [
            "2026-11-30T19:36:48Z",
            "2026-11-30t19:36:48z",
            "2026-11-30T20:36:48+01:00",
            "2026-11-30T20:36:48+0100",
            "2026-11-30T20:36:48+01",
            "2026-11-30T17:06:48-02:30",
            "2026-11-30T20:36:48 01:00",
            "2026-11-30T19:36:48",
            "2026-11-30 19:36:48",
            " 2026-11-30 19:36:48.000000 ",
            "2026-11-30 20:36:48 +01:00",
            "2026-11-30 19:36:48,000",
            "1796067408",
            "1796067408000",
            "1796067408.000",
            "1796067408000000",
        ] {
            assert_eq!(read(text).as_deref(), Some("2026-11-30T19:36:48.000Z"), "{text}");
        }
        assert_eq!(read("2026-11-30T19:36:48.032865").as_deref(), Some("2026-11-30T19:36:48.032Z"));
        assert_eq!(read("2026-11-30T19:36").as_deref(), Some("2026-11-30T19:36:00.000Z"));
    }

    #[test]
    fn a_number_is_seconds_or_milliseconds_by_its_size() {
        let of = |value: Value| instant(&value).map(|time| time.timestamp_millis());
        assert_eq!(of(json!(1_796_067_409_612_i64)), Some(1_796_067_409_612));
        assert_eq!(of(json!(1_796_067_409.5)), Some(1_796_067_409_500));
        assert_eq!(of(json!(1_796_067_409)), Some(1_796_067_409_000));
        assert_eq!(of(json!("1796067409612.4")), Some(1_796_067_409_612));
        assert_eq!(of(json!(1_796_067_409_612_345_678_i64)), Some(1_796_067_409_612));
        assert_eq!(of(json!(0)), Some(0));
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "yesterday",
            "noon",
            "2026-11-30",
            "20261130",
            "2025-13-45T99:00:00Z",
            "2026-02-30T10:00:00",
            "2026-11-30T10:00:00 Europe/Paris",
            "2026-11-30T10:00:00+99:00",
            "2026-11-30T10:00:00+0175",
            "Mon Nov 30 2026 19:36:48 GMT+0100",
            "-1",
            "12",
            "1e300",
            "NaN",
            "+2026-11-3T10:00:00",
            "2026-11-30T10:00:00ZZ",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        for value in [json!(true), json!([]), json!({}), Value::Null, json!(-5)] {
            assert_eq!(instant(&value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn a_time_of_ours_is_read_as_the_same(millis in 100_000_000_000i64..10_000_000_000_000) {
            let time = DateTime::from_timestamp_millis(millis).expect("a time");
            let text = WireTime(time).to_string();
            prop_assert_eq!(instant_in(&text), Some(time));
            prop_assert_eq!(instant_in(text.trim_end_matches('Z')), Some(time));
            prop_assert_eq!(instant(&json!(millis)), Some(time));
        }

        #[test]
        fn any_text_can_be_looked_at(text in "\\PC{0,40}") {
            let _ = instant_in(&text);
        }
    }
}
