//! The operators' routes: drivers, customers and orders. Every change honours an `Idempotency-Key`.

pub mod access;
pub mod audit;
pub mod customers;
pub mod demo;
pub mod drivers;
mod locations;
pub mod orders;
pub mod people;
pub mod staff;
pub mod traces;

use crate::api::description::Needs;
use crate::api::fields::Fields;
use crate::api::request::Request;
use crate::api::respond::page_limit;
use crate::api::rules;
use crate::domain::external_id::ExternalId;
use crate::domain::role::Role;
use crate::operations::accounts::{AccountPatch, Person};
use crate::operations::passwords::Password;
use crate::store::PeopleSearch;

/// The person to get an account, and the password, which is hashed off the worker's thread.
struct NewPerson {
    person: Person,
    password: Password,
}

/// The fields that drivers and customers have in common.
fn new_person(fields: &mut Fields<'_>) -> Option<NewPerson> {
    let person = person(fields);
    let password = fields.required("password", rules::password());
    Some(NewPerson { person: person?, password: password? })
}

/// The same without the password.
pub(super) fn person(fields: &mut Fields<'_>) -> Option<Person> {
    let username = fields.required("username", rules::username());
    let name = fields.required("name", rules::name());
    let phone_number = fields.required("phone_number", rules::phone_number());
    Some(Person {
        username: username?.into_string(),
        name: name?,
        phone_number: Some(phone_number?),
        password_hash: None,
        is_demo: false,
    })
}

/// An operator's changes to an account, and the new password to hash.
fn account_patch(fields: &mut Fields<'_>) -> (AccountPatch, Option<Password>) {
    let patch = AccountPatch {
        name: fields.optional("name", rules::name()),
        phone_number: fields.optional("phone_number", rules::phone_number()),
        suspended: fields.optional("suspended", rules::flag()),
        password_hash: None,
    };
    (patch, fields.optional("password", rules::password()))
}

/// The query of the lists of drivers and of customers.
pub struct PeopleAsked<Id> {
    after: Id,
    limit: usize,
    search: Search,
}

impl<Id: From<i64>> Request for PeopleAsked<Id> {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (after, limit) = (id_cursor(fields), page_limit(fields));
        let text = fields.optional("search", rules::name());
        let known = fields.optional("external_id", rules::external_id());
        fields.group(Needs::AtMostOne, &["search", "external_id"]);
        if text.is_some() && known.is_some() {
            fields.refuse("search", "can't be combined with external_id; send one of them");
        }
        Some(Self { after: after.unwrap_or(Id::from(0)), limit, search: Search { text, known } })
    }
}

/// The person searched for; anybody if both are absent.
struct Search {
    text: Option<String>,
    known: Option<ExternalId>,
}

/// The people that a list wants.
enum Wanted {
    Everybody,
    /// One of them, or nobody.
    Known(ExternalId),
    Found(PeopleSearch),
}

impl Search {
    /// A role that is shown no numbers finds nobody by one either: it could try the digits one by one.
    fn by(self, role: Role) -> Wanted {
        match (self.known, self.text) {
            (Some(id), _) => Wanted::Known(id),
            (None, Some(text)) if role.sees_contacts() => Wanted::Found(PeopleSearch::of(&text)),
            (None, Some(text)) => Wanted::Found(PeopleSearch::of(&text).without_number()),
            (None, None) => Wanted::Everybody,
        }
    }
}

/// Where a list by id goes on. `None` where there is no cursor.
pub(super) fn id_cursor<Id: From<i64>>(fields: &mut Fields<'_>) -> Option<Id> {
    let read = |text: &str| text.parse().ok().filter(|id| *id > 0).map(Id::from);
    fields.optional("cursor", rules::cursor(read))
}
