//! `admin/customers`: the people who request jobs, and an operator's changes to them.

use super::{NewPerson, PeopleAsked, Wanted, account_patch, new_person};
use crate::api::extract::Caller;
use crate::api::fields::Fields;
use crate::api::input::Once;
use crate::api::problem::Problem;
use crate::api::request::{Asked, Request, Sent};
use crate::api::respond::{Answered, CREATED, OK, decide, json, page};
use crate::api::{Context, rules};
use crate::contracts::operators::{CustomerCreated, CustomerItem, Page};
use crate::domain::external_id::{ExternalId, Named};
use crate::domain::ids::CustomerId;
use crate::operations::accounts::{self, Created, CustomerDetails, Person};
use crate::operations::customers::{self, CustomerPatch};
use crate::operations::passwords::Password;
use crate::store::reads::{self, CustomerStanding, Found};
use crate::store::{Conn, StoreError};
use actix_web::web;

/// The input of `POST admin/customers` and `POST auth/register`.
pub struct NewCustomer {
    pub person: Person,
    pub password: Password,
    pub details: CustomerDetails,
}

impl Request for NewCustomer {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let new = new_person(fields);
        let details = details(fields);
        let NewPerson { person, password } = new?;
        Some(Self { person, password, details })
    }
}

/// The fields that only customers have.
pub(in crate::api) fn details(fields: &mut Fields<'_>) -> CustomerDetails {
    fields.refuse_ours(&["customer_id", "user_id"]);
    CustomerDetails {
        time_zone: fields.optional("time_zone", rules::unless_empty(rules::time_zone())).flatten(),
        external_id: fields.optional("external_id", rules::unless_empty(rules::external_id())).flatten(),
    }
}

pub fn created(made: Created<CustomerId>, details: &CustomerDetails) -> CustomerCreated {
    let external_id = details.external_id.clone().map(ExternalId::into_string);
    CustomerCreated { customer_id: made.id, user_id: made.public_id, external_id }
}

/// `POST admin/customers`.
pub async fn create(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    once: Once,
    body: Sent<NewCustomer>,
) -> Answered<CustomerCreated, 201> {
    let NewCustomer { mut person, password, details } = body.read()?;
    person.password_hash = Some(ctx.passwords.hash(password).await?);
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, CREATED, move |tx| {
        Ok(created(accounts::create_customer(tx, None, &person, &details)?, &details))
    })
    .await
}

/// `PATCH admin/customers/{id}`.
pub async fn change(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<CustomerId>,
    once: Once,
    body: Sent<CustomerChange>,
) -> Answered<CustomerItem> {
    let CustomerChange { mut patch, password } = body.read()?;
    if let Some(password) = password {
        patch.account.password_hash = Some(ctx.passwords.hash(password).await?);
    }
    let id = id.into_inner();
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, OK, move |tx| Ok(item(customers::patch(tx, id, &patch)?))).await
}

/// The input of `PATCH admin/customers/{id}`.
pub struct CustomerChange {
    patch: CustomerPatch,
    password: Option<Password>,
}

impl Request for CustomerChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (patch, password) = changes(fields);
        Some(Self { patch, password })
    }
}

/// The changes, and the new password to hash.
pub(in crate::api) fn changes(fields: &mut Fields<'_>) -> (CustomerPatch, Option<Password>) {
    let (account, password) = account_patch(fields);
    let patch = CustomerPatch {
        account,
        time_zone: fields.optional("time_zone", rules::unless_empty(rules::time_zone())),
        external_id: fields.optional("external_id", rules::unless_empty(rules::external_id())),
    };
    (patch, password)
}

/// `GET admin/customers`: by id, ascending.
pub async fn list(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    query: Asked<PeopleAsked<CustomerId>>,
) -> Answered<Page<CustomerItem>> {
    let PeopleAsked { after, limit, search } = query.read()?;
    let wanted = search.by(caller.role);
    let more = limit as i64 + 1;
    let (rows, looked_up_to) = ctx.read(move |conn| listed(conn, &wanted, after, more)).await?;
    let mut page = page(
        rows,
        limit,
        |(customer, _)| customer.id.to_string(),
        |standing| item(standing).as_seen_by(caller.role),
    );
    page.next_cursor = page.next_cursor.or(looked_up_to.map(|id| id.to_string()));
    Ok(json(&page))
}

fn listed(
    conn: &mut Conn<'_>,
    wanted: &Wanted,
    after: CustomerId,
    limit: i64,
) -> Result<Found<CustomerStanding, CustomerId>, StoreError> {
    match wanted {
        Wanted::Everybody => Ok((reads::customers(conn, after, limit)?, None)),
        Wanted::Found(search) => reads::customers_found(conn, search, after, limit),
        Wanted::Known(id) => {
            let found = accounts::customer_named(conn, &Named::Theirs(id.clone()))?.filter(|id| *id > after);
            let row = found.map(|id| reads::customer(conn, id)).transpose()?.flatten();
            Ok((row.into_iter().collect(), None))
        }
    }
}

/// `GET admin/customers/{id}`.
pub async fn show(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<CustomerId>,
) -> Answered<CustomerItem> {
    let id = id.into_inner();
    let found = ctx.read(move |conn| reads::customer(conn, id)).await?;
    Ok(json(&item(found.ok_or_else(|| Problem::not_found("customer"))?).as_seen_by(caller.role)))
}

fn item((customer, account): CustomerStanding) -> CustomerItem {
    CustomerItem {
        customer_id: customer.id,
        external_id: customer.external_id,
        user_id: account.public_id.to_string(),
        name: account.name,
        username: account.username,
        phone_number: account.phone_number,
        suspended: account.is_suspended,
        time_zone: customer.time_zone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::request::read;
    use serde_json::json;

    #[test]
    fn an_id_of_ours_in_a_creation_is_refused_and_says_what_to_send() {
        let body = json!({"username": "anna", "password": "long enough", "name": "Anna", "phone_number": "+4915112345678",
            "customer_id": 4711});
        let problem =
            read::<NewCustomer>(body.as_object().expect("an object")).map(drop).expect_err("an id of ours");
        assert!(format!("{problem:?}").contains("external_id"), "{problem:?}");
    }

    #[test]
    fn a_patch_changes_what_it_names_and_takes_away_what_is_empty() {
        let body = json!({"name": "Anna", "time_zone": "", "external_id": 4711});
        let CustomerChange { patch, password } = read(body.as_object().expect("an object")).expect("a patch");
        assert_eq!((patch.time_zone, patch.account.suspended), (Some(None), None));
        assert_eq!(patch.external_id.flatten().map(ExternalId::into_string).as_deref(), Some("4711"));
        assert!(password.is_none() && patch.account.phone_number.is_none());
    }
}
