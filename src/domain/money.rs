//! Money: integer minor units inside, a JSON number in major units with at most two decimals on the wire.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount in hundredths of the configured currency. Its serde form is the wire's: major units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money {
    minor: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a number from 0 to 1000000000 with at most two decimals")]
pub struct InvalidAmount;

/// Far above any fare, far below where an `f64` stops telling hundredths apart.
const MAJOR_MAX: f64 = 1e9;

impl Money {
    pub const fn from_minor(minor: i64) -> Self {
        Self { minor }
    }

    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// Refuses negative amounts, more than two decimals, and what is not finite.
    pub fn from_major(major: f64) -> Result<Self, InvalidAmount> {
        if !(0.0..=MAJOR_MAX).contains(&major) {
            return Err(InvalidAmount);
        }
        let hundredths = major * 100.0;
        let minor = hundredths.round();
        // 45.55 has no exact binary form, so 45.55 * 100 is off by less than a millionth; 45.555 is off by half.
        if (hundredths - minor).abs() > 1e-4 {
            return Err(InvalidAmount);
        }
        Ok(Self { minor: minor as i64 })
    }

    pub fn major(self) -> f64 {
        self.minor as f64 / 100.0
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.major())
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Money::from_major(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_decimals_and_negative_amounts_are_refused() {
        for major in [45.555, -1.0, f64::NAN, f64::INFINITY, 1e12] {
            assert_eq!(Money::from_major(major), Err(InvalidAmount), "{major}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_survives_the_wire(minor in 0i64..100_000_000_000) {
            let text = serde_json::to_string(&Money::from_minor(minor)).expect("a number");
            let read: Money = serde_json::from_str(&text).expect("an amount");
            prop_assert_eq!(read.minor(), minor);
        }
    }
}
