//! The contact that a job's driver gets: a ride's passenger, or the customer of an order or a booking. Unknown values
//! are null; for everybody else the fields are absent.

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
