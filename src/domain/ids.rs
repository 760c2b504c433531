//! Ids are newtypes, so that a driver's number can't be used as an order's. They are also read from paths, where apps
//! write 5.0 as they do in JSON.

use crate::domain::whole;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub struct $name(pub i64);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Whole).map(Self)
            }
        }

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// The row of an account. On the wire an account is named by its UUID.
    AccountId
}
id! {
    /// `driver_id` of the driver contract and of the operators' REST.
    DriverId
}
id! {
    /// `customer_id` of the operators' REST and of the push contract.
    CustomerId
}
id! {
    /// `order_id` of a delivery, `booking_id` of a ride or a service.
    JobId
}
id! {
    /// The row of a search for a ride's driver.
    SearchId
}
id! {
    /// The number of a durable event within one account: 1, 2, 3 … with no gap. 0 is the number before the first.
    EventId
}

/// Reads a whole number in each of its forms.
struct Whole;

impl Visitor<'_> for Whole {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::custom("the number is too large"))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<i64, E> {
        whole::of_number(number).ok_or_else(|| E::custom("the number is not whole"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<i64, E> {
        whole::of_text(text).ok_or_else(|| E::custom("the text is no whole number"))
    }
}

impl Default for EventId {
    fn default() -> Self {
        EventId::NONE
    }
}

impl EventId {
    /// Before the first event.
    pub const NONE: EventId = EventId(0);

    /// The number that follows.
    pub fn next(self) -> EventId {
        EventId(self.0 + 1)
    }

    /// The number before.
    pub fn previous(self) -> EventId {
        EventId(self.0 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_in_each_of_its_forms() {
        for text in ["5", "5.0", "5e0", "\"5\"", "\"5.0\""] {
            assert_eq!(serde_json::from_str::<JobId>(text).ok(), Some(JobId(5)), "{text}");
        }
        for wrong in ["4.5", "\"five\"", "null", "true", "[5]", "18446744073709551615"] {
            assert!(serde_json::from_str::<JobId>(wrong).is_err(), "{wrong}");
        }
    }
}
