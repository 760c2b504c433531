//! How drivers are told whom to call: a ride's passenger, the customer of an order or a booking. Null is what is not known; the
//! fields are absent for everybody else.

use crate::domain::contact::Contact;
use serde::Serialize;

/// As rides have it.
#[derive(Clone, Debug, Serialize)]
pub struct PassengerContact {
    passenger_name: Option<String>,
    passenger_phone: Option<String>,
}

/// As orders and bookings have it.
#[derive(Clone, Debug, Serialize)]
pub struct CustomerContact {
    customer_name: Option<String>,
    customer_phone: Option<String>,
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
