//! Distances and durations as apps send them: as numbers, or as the display texts of routing services, "12.5 km" and "1
//! hour 5 mins".

use crate::contracts::number::number_of_text;
use serde_json::Value;
use std::ops::RangeInclusive;

/// Half of the way around the earth.
pub const DISTANCE_KM: RangeInclusive<f64> = 0.0..=20_000.0;
/// Ten days.
pub const DURATION_MINUTES: RangeInclusive<f64> = 0.0..=14_400.0;

const LENGTHS_KM: [(&[&str], f64); 4] = [
    (&["km", "kms", "kilometre", "kilometres", "kilometer", "kilometers"], 1.0),
    (&["m", "metre", "metres", "meter", "meters"], 0.001),
    (&["mi", "mile", "miles"], 1.609_344),
    (&["ft", "foot", "feet"], 0.000_304_8),
];
const TIMES_MINUTES: [(&[&str], f64); 4] = [
    (&["m", "min", "mins", "minute", "minutes"], 1.0),
    (&["h", "hr", "hrs", "hour", "hours"], 60.0),
    (&["d", "day", "days"], 1440.0),
    (&["s", "sec", "secs", "second", "seconds"], 1.0 / 60.0),
];

/// A distance in kilometres, that being the unit where none is said.
pub fn kilometres(value: &Value) -> Option<f64> {
    quantity(value, &LENGTHS_KM).filter(|km| DISTANCE_KM.contains(km))
}

/// A duration in whole minutes, rounded up.
pub fn minutes(value: &Value) -> Option<u32> {
    let minutes = quantity(value, &TIMES_MINUTES).filter(|minutes| DURATION_MINUTES.contains(minutes))?;
    // Twenty seconds are a third of a minute that no double is exactly.
    Some((minutes - 1e-9).ceil().max(0.0) as u32)
}

fn quantity(value: &Value, units: &[(&[&str], f64)]) -> Option<f64> {
    match value {
        Value::String(text) => {
            number_of_text(text).filter(|_| !has_thousands(text)).or_else(|| sum(text, units))
        }
        other => other.as_f64(),
    }
}

/// The sum of values in several units, one after the other.
fn sum(text: &str, units: &[(&[&str], f64)]) -> Option<f64> {
    let text = text.trim().trim_end_matches('.').to_lowercase();
    let mut rest = text.as_str();
    let mut sum = 0.0;
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |c| !(c.is_ascii_digit() || matches!(c, '.' | ',')));
        let (word, after) = split_where(after.trim_start(), |c| !c.is_alphabetic());
        let (_, unit) = units.iter().find(|(names, _)| names.contains(&word))?;
        sum += number_of_text(number).filter(|_| !has_thousands(number))? * unit;
        rest = after.trim_start_matches([' ', ',', '.', '\u{a0}']);
    }
    (!text.is_empty()).then_some(sum)
}

fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// `1,234` is 1234 in one country and 1.234 in another.
fn has_thousands(number: &str) -> bool {
    number.trim().split_once(',').is_some_and(|(_, rest)| rest.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_distance_is_read_with_its_unit_and_without() {
        let of = |value: Value| kilometres(&value);
        for value in [
            json!(12.5),
            json!("12.5"),
            json!("12.5 km"),
            json!("12,5 km"),
            json!("12.5km"),
            json!("12.5 KM."),
        ] {
            assert_eq!(of(value.clone()), Some(12.5), "{value}");
        }
        assert_eq!(of(json!("800 m")), Some(0.8));
        assert_eq!(of(json!("10 miles")), Some(16.093_44));
        assert_eq!(of(json!("12.5\u{a0}km")), Some(12.5));
        for wrong in [
            json!("far"),
            json!(""),
            json!("km"),
            json!("12.5 parsec"),
            json!("1,234 km"),
            json!("1,234"),
            json!(-1),
            json!("-1 km"),
            json!(20_001),
            json!(true),
            json!([12.5]),
            json!("NaN"),
            json!("12.5 km away"),
        ] {
            assert_eq!(of(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn a_duration_is_whole_minutes() {
        let of = |value: Value| minutes(&value);
        for value in [
            json!(25),
            json!(24.2),
            json!("25"),
            json!("25 mins"),
            json!("25 min."),
            json!("25min"),
            json!("25.0"),
        ] {
            assert_eq!(of(value.clone()), Some(25), "{value}");
        }
        assert_eq!(of(json!("1 hour 5 mins")), Some(65));
        assert_eq!(of(json!("1h 5m")), Some(65));
        assert_eq!(of(json!("1 day, 2 hours")), Some(1560));
        assert_eq!((of(json!("90 seconds")), of(json!("60 secs"))), (Some(2), Some(1)));
        assert_eq!(of(json!(0)), Some(0));
        for wrong in
            [json!("soon"), json!("25 lightyears"), json!("mins"), json!(14_401), json!(null), json!("1 5")]
        {
            assert_eq!(of(wrong.clone()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_looked_at(text in "\\PC{0,30}") {
            let _ = (kilometres(&json!(text)), minutes(&json!(text)));
        }
    }
}
