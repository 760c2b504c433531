//! Numbers as the hailing apps, which are JavaScript's children, have them.

use serde::{Serialize, Serializer};

/// From here on a double has no fraction, and not every integer.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A number as JavaScript writes it: 1500, not 1500.0, and 1500.5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JsNumber(pub f64);

impl Serialize for JsNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.fract() == 0.0 && self.0.abs() < WHOLE_MAX {
            true => serializer.serialize_i64(self.0 as i64),
            false => serializer.serialize_f64(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_whole_number_has_no_decimal_point() {
        for (number, text) in
            [(1500.0, "1500"), (1500.5, "1500.5"), (0.0, "0"), (-0.0, "0"), (0.1, "0.1"), (-3.0, "-3")]
        {
            assert_eq!(serde_json::to_string(&JsNumber(number)).expect("a number"), text);
        }
        assert_eq!(serde_json::to_string(&JsNumber(WHOLE_MAX)).expect("a number"), "9007199254740992.0");
    }

    proptest! {
        #[test]
        fn any_number_reads_as_the_same(number in -1e12f64..1e12) {
            let text = serde_json::to_string(&JsNumber(number)).expect("a number");
            prop_assert_eq!(text.parse::<f64>().expect("a number"), number);
        }
    }
}
