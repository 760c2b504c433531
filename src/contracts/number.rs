//! Numbers as apps write and expect them.

use crate::domain::money::Money;
use crate::domain::whole;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// A number as JavaScript writes it: 1500, not 1500.0, and 1500.5.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct JsNumber(pub f64);

impl Serialize for JsNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match whole::of_number(self.0) {
            Some(whole) => serializer.serialize_i64(whole),
            None => serializer.serialize_f64(self.0),
        }
    }
}

/// An amount in major units.
impl From<Money> for JsNumber {
    fn from(amount: Money) -> Self {
        Self(amount.major())
    }
}

/// An integer: 5, 5.0 or 5e0.
pub fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| whole::of_number(value.as_f64()?))
}

/// The same, also as text: for ids, which some apps keep as such.
pub fn integer_or_text(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => whole::of_text(text),
        other => integer(other),
    }
}

/// A finite number, also as text.
pub fn number_or_text(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => number_of_text(text),
        other => other.as_f64(),
    }
}

/// A finite number that is written as text, with a point or, as some phones write it, with a comma.
pub fn number_of_text(text: &str) -> Option<f64> {
    let text = text.trim();
    let number = text.parse().ok().or_else(|| text.replacen(',', ".", 1).parse().ok());
    number.filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_whole_number_has_no_decimal_point() {
        for (number, text) in
            [(1500.0, "1500"), (1500.5, "1500.5"), (0.0, "0"), (-0.0, "0"), (0.1, "0.1"), (-3.0, "-3")]
        {
            assert_eq!(serde_json::to_string(&JsNumber(number)).expect("a number"), text);
        }
        let inexact = serde_json::to_string(&JsNumber(9_007_199_254_740_992.0)).expect("a number");
        assert_eq!(inexact, "9007199254740992.0");
    }

    #[test]
    fn an_integer_is_read_in_each_of_its_forms_and_a_fraction_is_none() {
        for text in ["5", "5.0", "5e0", "0.5e1"] {
            let value: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!((integer(&value), integer_or_text(&value)), (Some(5), Some(5)), "{text}");
            assert_eq!((integer(&json!(text)), integer_or_text(&json!(text))), (None, Some(5)), "{text}");
        }
        for wrong in [json!(4.5), json!(null), json!(true), json!([5]), json!(u64::MAX), json!(1e300)] {
            assert_eq!(integer_or_text(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_number_may_be_a_text() {
        for value in [json!(28.7), json!("28.7"), json!(" 28.7 "), json!("28,7")] {
            assert_eq!(number_or_text(&value), Some(28.7), "{value}");
        }
        for wrong in [json!(""), json!("NaN"), json!("1e999"), json!("1,2,3"), json!("28.7°"), json!([])] {
            assert_eq!(number_or_text(&wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_number_reads_as_the_same(number in -1e12f64..1e12) {
            let text = serde_json::to_string(&JsNumber(number)).expect("a number");
            prop_assert_eq!(text.parse::<f64>().expect("a number"), number);
        }
    }
}
