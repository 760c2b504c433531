//! The contact that a job's driver gets: a ride's passenger, or the customer of an order or a booking. Unknown values
//! are null; for everybody else the fields are absent.

use crate::domain::contact::Contact;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// As rides have it. Both fields or neither: reading tells a number that is not known from one that is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PassengerContact {
    /// The passenger's name.
    #[serde(deserialize_with = "Option::deserialize")]
    pub passenger_name: Option<String>,
    /// The number to call.
    #[serde(deserialize_with = "Option::deserialize")]
    pub passenger_phone: Option<String>,
}

/// As orders and bookings have it. Both fields or neither.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerContact {
    /// The customer's name.
    #[serde(deserialize_with = "Option::deserialize")]
    pub customer_name: Option<String>,
    /// The number to call.
    #[serde(deserialize_with = "Option::deserialize")]
    pub customer_phone: Option<String>,
}

impl From<Contact> for PassengerContact {
    fn from(contact: Contact) -> Self {
        Self { passenger_name: contact.name, passenger_phone: contact.phone }
    }
}

impl From<Contact> for CustomerContact {
    fn from(contact: Contact) -> Self {
        Self { customer_name: contact.name, customer_phone: contact.phone }
    }
}
