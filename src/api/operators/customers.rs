//! `admin/customers`.

use crate::api::answer::{Answered, CREATED, decide, json, page, page_limit};
use crate::api::extract::Admin;
use crate::api::fields::{Fields, Object};
use crate::api::input::{Body, Once, Query};
use crate::api::operators::{NewPerson, id_cursor, new_person};
use crate::api::problem::Problem;
use crate::api::{Context, rules};
use crate::contracts::operators::{CustomerCreated, CustomerItem};
use crate::domain::ids::CustomerId;
use crate::operations::accounts::{self, Person};
use crate::operations::passwords::Password;
use crate::store::{Account, Customer, reads};
use actix_web::web;
use chrono_tz::Tz;

/// What `POST admin/customers` and `POST auth/register` take.
pub struct NewCustomer {
    pub person: Person,
    pub password: Password,
    pub time_zone: Option<Tz>,
}

pub fn new_customer(object: &Object) -> Result<NewCustomer, Problem> {
    let mut fields = Fields::of(object);
    let new = new_person(&mut fields);
    let time_zone = fields.optional("time_zone", rules::unless_empty(rules::time_zone)).flatten();
    fields.finish(|| {
        let NewPerson { person, password } = new?;
        Some(NewCustomer { person, password, time_zone })
    })
}

/// `POST admin/customers`.
pub async fn create(ctx: web::Data<Context>, Admin(caller): Admin, once: Once, body: Body) -> Answered {
    let NewCustomer { mut person, password, time_zone } = new_customer(&body.object()?)?;
    person.password_hash = Some(ctx.passwords.hash(password).await?);
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, CREATED, move |tx| {
        let created = accounts::create_customer(tx, None, &person, time_zone.map(|zone| zone.name()))?;
        Ok(CustomerCreated { customer_id: created.id, user_id: created.public_id })
    })
    .await
}

/// `GET admin/customers`: by id, ascending.
pub async fn list(ctx: web::Data<Context>, _: Admin, query: Query) -> Answered {
    let mut fields = Fields::of(&query.0);
    let (after, limit) = (id_cursor(&mut fields), page_limit(&mut fields));
    let after = fields.finish(|| Some(after.unwrap_or(CustomerId(0))))?;
    let rows = ctx.read(move |conn| reads::customers(conn, after, limit as i64 + 1)).await?;
    Ok(json(&page(rows, limit, |(customer, _)| customer.id.to_string(), item)))
}

fn item((customer, account): (Customer, Account)) -> CustomerItem {
    CustomerItem {
        customer_id: customer.id,
        user_id: account.public_id,
        name: account.name,
        username: account.username,
        phone_number: account.phone_number,
        suspended: account.is_suspended,
        time_zone: customer.time_zone,
    }
}
