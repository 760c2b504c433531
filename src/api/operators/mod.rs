//! The operators' routes: drivers, customers and orders. Every change honours an `Idempotency-Key`.

pub mod customers;
pub mod drivers;
mod locations;
pub mod orders;
pub mod traces;

use crate::api::fields::Fields;
use crate::api::rules;
use crate::operations::accounts::Person;
use crate::operations::passwords::Password;
use serde_json::Value;

/// Who is to have an account, and the password to hash: that is done away from the worker's thread.
struct NewPerson {
    person: Person,
    password: Password,
}

/// The fields that drivers and customers have in common.
fn new_person(fields: &mut Fields<'_>) -> Option<NewPerson> {
    let username = fields.required("username", rules::username);
    let password = fields.required("password", rules::password);
    let name = fields.required("name", rules::name);
    let phone_number = fields.required("phone_number", rules::phone_number);
    let person = Person {
        username: username?.into_string(),
        name: name?,
        phone_number: Some(phone_number?),
        password_hash: None,
        is_demo: false,
    };
    Some(NewPerson { person, password: password? })
}

/// Where a list by id goes on. `None` where there is no cursor.
pub(super) fn id_cursor<Id: From<i64>>(fields: &mut Fields<'_>) -> Option<Id> {
    let rule = |value: &Value| {
        let id = value.as_str().and_then(|text| text.parse().ok()).filter(|id| *id > 0);
        id.map(Id::from).ok_or_else(|| "must be the next_cursor of the page before".to_owned())
    };
    fields.optional("cursor", rule)
}
