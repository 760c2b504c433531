//! Money: whole minor units of one currency inside, a JSON number in major units next to its currency on the wire.
//!
//! An amount as somebody wrote it is an [`Amount`], and becomes [`Money`] in one place, where its currency is known. So
//! an amount can't be stored unrounded, or without the currency whose minor units it counts.

use crate::domain::currency::Currency;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A number of minor units of a currency. Its serde form is the wire's: a number in major units, which needs its
/// currency next to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// An amount as somebody wrote it, in major units: neither negative nor absurd, and not yet rounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount {
    major: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a number from 0 to 1000000000")]
pub struct InvalidAmount;

/// Far above any fare, far below where an `f64` stops telling ten-thousandths apart.
const MAJOR_MAX: f64 = 1e9;

/// The number of significant digits that an `f64` keeps of any decimal number. Further digits are noise of the binary
/// form and of sums: without them an intended half (1.005, or a computed 2.6749999999999994) is a half again.
const SIGNIFICANT_DIGITS: usize = 15;

impl Amount {
    pub fn new(major: f64) -> Result<Self, InvalidAmount> {
        match (0.0..=MAJOR_MAX).contains(&major) {
            true => Ok(Self { major }),
            false => Err(InvalidAmount),
        }
    }

    /// To the currency's minor unit, half up.
    pub fn in_currency(self, currency: Currency) -> Money {
        Money { minor: self.scaled(currency.digits()), currency }
    }

    /// The number times ten to the power of `digits`, to the nearest whole, half up on the decimal number that was meant.
    pub fn scaled(self, digits: u32) -> i64 {
        let text = format!("{:.*e}", SIGNIFICANT_DIGITS - 1, self.major);
        let (mantissa, exponent) = text.split_once('e').expect("the form has an exponent");
        let exponent: i32 = exponent.parse().expect("an exponent is a whole number");
        let significant: i64 = mantissa.replace('.', "").parse().expect("fifteen digits");
        let shift = exponent + digits as i32 + 1 - SIGNIFICANT_DIGITS as i32;
        match u32::try_from(shift) {
            Ok(zeros) => significant * 10_i64.pow(zeros),
            // Of fifteen digits none is left after a sixteenth.
            Err(_) if shift < -(SIGNIFICANT_DIGITS as i32) => 0,
            Err(_) => {
                let unit = 10_i64.pow(shift.unsigned_abs());
                (significant + unit / 2) / unit
            }
        }
    }
}

impl Money {
    pub const fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    pub const fn zero(currency: Currency) -> Self {
        Self::from_minor(0, currency)
    }

    pub const fn minor(self) -> i64 {
        self.minor
    }

    pub const fn currency(self) -> Currency {
        self.currency
    }

    pub fn major(self) -> f64 {
        self.minor as f64 / 10_f64.powi(self.currency.digits() as i32)
    }

    /// `None` where the currencies differ: there is no such sum.
    pub fn plus(self, other: Money) -> Option<Money> {
        let minor = self.minor.saturating_add(other.minor);
        (self.currency == other.currency).then_some(Self { minor, ..self })
    }

    /// The same of a difference, which may be negative.
    pub fn minus(self, other: Money) -> Option<Money> {
        self.plus(Self { minor: -other.minor, ..other })
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.major())
    }
}

impl JsonSchema for Money {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

/// For people: `45.50 USD`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*} {}", self.currency.digits() as usize, self.major(), self.currency)
    }
}

/// How JSON rows have an amount: under its own name, in major units, and next to it its `currency`. For `#[serde(flatten, with)]`.
/// A row of the time before currencies were written down has none, and reads as in [`Currency::UNKNOWN`].
macro_rules! with_its_currency {
    ($name:ident) => {
        pub mod $name {
            use super::{Amount, Currency, JsonSchema, Money};
            use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

            /// The amount, and its currency next to it.
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub struct Fields {
                /// In major units of the currency.
                $name: f64,
                /// ISO 4217. Absent in events of the time before amounts had one.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                currency: Option<Currency>,
            }

            pub fn serialize<S: Serializer>(money: &Money, serializer: S) -> Result<S::Ok, S::Error> {
                let currency = Some(money.currency()).filter(|currency| currency.is_known());
                Fields { $name: money.major(), currency }.serialize(serializer)
            }

            pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
                let Fields { $name: major, currency } = Fields::deserialize(deserializer)?;
                let amount = Amount::new(major).map_err(de::Error::custom)?;
                Ok(amount.in_currency(currency.unwrap_or(Currency::UNKNOWN)))
            }
        }
    };
}

with_its_currency!(earnings);
with_its_currency!(estimated_fare);
with_its_currency!(final_fare);

/// The same of an amount that need not be known.
pub mod amount {
    use super::{Amount, Currency, JsonSchema, Money};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    /// The amount, and its currency next to it.
    #[derive(Serialize, Deserialize, JsonSchema)]
    pub struct Fields {
        /// The customer's payment, in major units of the currency; null if unknown.
        amount: Option<f64>,
        /// ISO 4217; null where the amount is.
        currency: Option<Currency>,
    }

    pub fn serialize<S: Serializer>(money: &Option<Money>, serializer: S) -> Result<S::Ok, S::Error> {
        let (amount, currency) = (money.map(Money::major), money.map(Money::currency));
        Fields { amount, currency }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Money>, D::Error> {
        let Fields { amount, currency } = Fields::deserialize(deserializer)?;
        let amount = amount.map(Amount::new).transpose().map_err(de::Error::custom)?;
        Ok(amount.map(|amount| amount.in_currency(currency.unwrap_or(Currency::UNKNOWN))))
    }
}

/// Dollars for tests.
#[cfg(test)]
pub fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::new("USD").expect("in the table"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn minor(major: f64, code: &str) -> i64 {
        Amount::new(major).expect("an amount").in_currency(Currency::new(code).expect("a currency")).minor()
    }

    #[test]
    fn negative_amounts_and_absurd_ones_are_refused() {
        for major in [-1.0, -0.004, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e12, 1e300] {
            assert_eq!(Amount::new(major), Err(InvalidAmount), "{major}");
        }
        assert_eq!(
            (minor(-0.0, "USD"), minor(1e9, "CLF"), minor(1e9, "JPY")),
            (0, 10_000_000_000_000, 1_000_000_000)
        );
    }

    /// An app's `fare_amount` of 153.4725, a third of a hundred, and sums of doubles were refused.
    #[test]
    fn amounts_are_rounded_half_up_on_the_decimal_number_that_was_meant() {
        for (major, code, expected) in [
            (153.4725, "USD", 15_347),
            (33.333333333333336, "USD", 3_333),
            (36.300000000000004, "USD", 3_630),
            // None of these halves has an exact binary form; each is a little less.
            (1.005, "USD", 101),
            (2.675, "USD", 268),
            (0.285, "USD", 29),
            (2.675_f64.next_down(), "USD", 268),
            (0.1 + 0.2, "USD", 30),
            (0.004999, "USD", 0),
            (0.005, "USD", 1),
            (5e-324, "USD", 0),
            (1e-20, "KWD", 0),
            (123_456_789.995, "USD", 12_345_679_000),
            (999_999_999.994, "USD", 99_999_999_999),
            (153.4725, "XAF", 153),
            (0.5, "JPY", 1),
            (0.49999, "JPY", 0),
            (4.0444, "KWD", 4_044),
            (4.0445, "KWD", 4_045),
            (1.00005, "CLF", 10_001),
        ] {
            assert_eq!(minor(major, code), expected, "{major} {code}");
        }
    }

    #[test]
    fn different_currencies_have_no_sum() {
        let francs = Money::from_minor(4500, Currency::new("XAF").expect("a currency"));
        assert_eq!((usd(1).plus(francs), usd(1).minus(francs)), (None, None));
        assert_eq!((usd(1).plus(usd(2)), usd(1).minus(usd(3))), (Some(usd(3)), Some(usd(-2))));
        assert_eq!(
            (francs.to_string(), usd(4550).to_string()),
            ("4500 XAF".to_owned(), "45.50 USD".to_owned())
        );
    }

    proptest! {
        #[test]
        fn every_amount_survives_the_wire(minor in 0i64..100_000_000_000, code in prop::sample::select(vec!["JPY", "USD", "KWD", "CLF"])) {
            let currency = Currency::new(code).expect("a currency");
            let minor = minor.min(10_i64.pow(9 + currency.digits()));
            let text = serde_json::to_string(&Money::from_minor(minor, currency)).expect("a number");
            let amount = Amount::new(text.parse().expect("a number")).expect("an amount");
            prop_assert_eq!(amount.in_currency(currency).minor(), minor);
        }
    }
}
