//! `admin/drivers`: the drivers, and an operator's changes to them.

use crate::actors::presence::Presence;
use crate::api::extract::Caller;
use crate::api::fields::Fields;
use crate::api::input::Once;
use crate::api::operators::{NewPerson, PeopleAsked, Wanted, account_patch, new_person};
use crate::api::problem::Problem;
use crate::api::request::{Asked, Request, Sent};
use crate::api::respond::{Answered, CREATED, OK, decide, json, page};
use crate::api::{Context, rules};
use crate::clock;
use crate::contracts::operators::{DriverCreated, DriverItem, Page};
use crate::domain::driver::Wants;
use crate::domain::external_id::{ExternalId, Named};
use crate::domain::ids::DriverId;
use crate::operations::accounts::{self, DriverDetails};
use crate::operations::driver_changes::{self, DriverPatch};
use crate::operations::passwords::Password;
use crate::operations::{Error, Refusal};
use crate::store::reads::{self, DriverStanding, Found};
use crate::store::{Conn, StoreError, Tx};
use actix_web::web;
use chrono::{DateTime, Utc};

pub use super::locations::locations;

/// Where the mean of a driver's ratings begins.
const RATING_AT_FIRST: f64 = 5.0;

/// `POST admin/drivers`.
pub async fn create(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    once: Once,
    body: Sent<NewDriver>,
) -> Answered<DriverCreated, 201> {
    let NewDriver { person: NewPerson { mut person, password }, details } = body.read()?;
    person.password_hash = Some(ctx.passwords.hash(password).await?);
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, CREATED, move |tx| {
        let created = accounts::create_driver(tx, None, &person, &details)?;
        let external_id = details.external_id.clone().map(ExternalId::into_string);
        Ok(DriverCreated { driver_id: created.id, user_id: created.public_id, external_id })
    })
    .await
}

/// The input of `POST admin/drivers`.
pub struct NewDriver {
    person: NewPerson,
    details: DriverDetails,
}

impl Request for NewDriver {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let person = new_person(fields);
        let details = details(fields);
        Some(Self { person: person?, details: details? })
    }
}

/// The fields that only drivers have.
pub(in crate::api) fn details(fields: &mut Fields<'_>) -> Option<DriverDetails> {
    fields.refuse_ours(&["driver_id", "user_id"]);
    let vehicle_type = fields.required("vehicle_type", rules::name());
    let license_number = fields.optional("license_number", rules::unless_empty(rules::name())).flatten();
    let vehicle_registration =
        fields.optional("vehicle_registration", rules::unless_empty(rules::name())).flatten();
    let vehicle_color = fields.optional("vehicle_color", rules::unless_empty(rules::name())).flatten();
    let is_verified = fields.optional_or("is_verified", rules::flag(), false);
    let position = fields.position("latitude", "longitude");
    let wants = fields.optional("status", rules::wants()).unwrap_or(Wants::Offline);
    let external_id = fields.optional("external_id", rules::unless_empty(rules::external_id())).flatten();
    Some(DriverDetails {
        vehicle_type: vehicle_type?,
        license_number,
        vehicle_registration,
        vehicle_color,
        is_verified,
        position,
        wants,
        rating: RATING_AT_FIRST,
        external_id,
    })
}

/// `PATCH admin/drivers/{id}`.
pub async fn change(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<DriverId>,
    once: Once,
    body: Sent<DriverChange>,
) -> Answered<DriverItem> {
    let DriverChange { mut patch, password } = body.read()?;
    if let Some(password) = password {
        patch.account.password_hash = Some(ctx.passwords.hash(password).await?);
    }
    let id = id.into_inner();
    let presence = ctx.presence.clone();
    let key = once.key(&ctx, &caller, &body);
    decide(&ctx, key, OK, move |tx| {
        driver_changes::patch(tx, id, &patch)?;
        changed(tx, id, &presence)
    })
    .await
}

fn changed(tx: &mut Tx<'_>, id: DriverId, presence: &Presence) -> Result<DriverItem, Error> {
    let now = tx.now();
    let standing = reads::driver(tx.conn(), id)?.ok_or(Refusal::NotFound("driver"))?;
    Ok(item(standing, presence, now))
}

/// The input of `PATCH admin/drivers/{id}`.
pub struct DriverChange {
    patch: DriverPatch,
    password: Option<Password>,
}

impl Request for DriverChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (patch, password) = changes(fields);
        Some(Self { patch, password })
    }
}

/// The changes, and the new password to hash.
pub(in crate::api) fn changes(fields: &mut Fields<'_>) -> (DriverPatch, Option<Password>) {
    let (account, password) = account_patch(fields);
    let patch = DriverPatch {
        account,
        vehicle_type: fields.optional("vehicle_type", rules::name()),
        license_number: fields.optional("license_number", rules::unless_empty(rules::name())),
        vehicle_registration: fields.optional("vehicle_registration", rules::unless_empty(rules::name())),
        vehicle_color: fields.optional("vehicle_color", rules::unless_empty(rules::name())),
        is_verified: fields.optional("is_verified", rules::flag()),
        wants: fields.optional("status", rules::wants()),
        position: fields.position("latitude", "longitude"),
        rating: fields.optional("rating", rules::rating()),
        external_id: fields.optional("external_id", rules::unless_empty(rules::external_id())),
    };
    (patch, password)
}

/// `GET admin/drivers`: by id, ascending.
pub async fn list(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    query: Asked<PeopleAsked<DriverId>>,
) -> Answered<Page<DriverItem>> {
    let PeopleAsked { after, limit, search } = query.read()?;
    let wanted = search.by(caller.role);
    let more = limit as i64 + 1;
    let (rows, looked_up_to) = ctx.read(move |conn| listed(conn, &wanted, after, more)).await?;
    let now = ctx.clock.now();
    let cursor = |(driver, _, _): &DriverStanding| driver.id.to_string();
    let shown = |standing| item(standing, &ctx.presence, now).as_seen_by(caller.role);
    let mut page = page(rows, limit, cursor, shown);
    page.next_cursor = page.next_cursor.or(looked_up_to.map(|id| id.to_string()));
    Ok(json(&page))
}

fn listed(
    conn: &mut Conn<'_>,
    wanted: &Wanted,
    after: DriverId,
    limit: i64,
) -> Result<Found<DriverStanding, DriverId>, StoreError> {
    match wanted {
        Wanted::Everybody => Ok((reads::drivers(conn, after, limit)?, None)),
        Wanted::Found(search) => reads::drivers_found(conn, search, after, limit),
        Wanted::Known(id) => {
            let found = accounts::driver_named(conn, &Named::Theirs(id.clone()))?.filter(|id| *id > after);
            let row = found.map(|id| reads::driver(conn, id)).transpose()?.flatten();
            Ok((row.into_iter().collect(), None))
        }
    }
}

/// `GET admin/drivers/{id}`.
pub async fn show(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    id: web::Path<DriverId>,
) -> Answered<DriverItem> {
    let id = id.into_inner();
    let found = ctx.read(move |conn| reads::driver(conn, id)).await?;
    let standing = found.ok_or_else(|| Problem::not_found("driver"))?;
    Ok(json(&item(standing, &ctx.presence, ctx.clock.now()).as_seen_by(caller.role)))
}

fn item((driver, account, jobs): DriverStanding, presence: &Presence, now: DateTime<Utc>) -> DriverItem {
    // A position that an operator or the demo data set does not age.
    let measured_at = driver.position_at.filter(|_| driver.position_measured);
    let age_secs = measured_at.map(|at| clock::age(at.and_utc(), now).num_seconds());
    DriverItem {
        driver_id: driver.id,
        external_id: driver.external_id,
        connected: presence.is_connected(account.id),
        user_id: account.public_id.to_string(),
        name: account.name,
        username: account.username,
        phone_number: account.phone_number,
        status: driver.status.as_str(),
        is_verified: driver.is_verified,
        suspended: account.is_suspended,
        vehicle_type: driver.vehicle_type,
        license_number: driver.license_number,
        vehicle_registration: driver.vehicle_registration,
        vehicle_color: driver.vehicle_color,
        rating: driver.rating,
        latitude: driver.latitude,
        longitude: driver.longitude,
        position_age_secs: age_secs,
        jobs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fields::Object;
    use crate::api::request::read;
    use serde_json::{Value, json};

    fn object(value: Value) -> Object {
        let Value::Object(object) = value else { panic!("an object") };
        object
    }

    #[test]
    fn a_driver_is_offline_and_not_verified_unless_said_otherwise() {
        let least = json!({"username": "new", "password": "long enough", "name": "New", "vehicle_type": "moto",
            "phone_number": "+4915112345678", "is_verified": null, "license_number": null});
        let NewDriver { person: new, details } = read(&object(least)).unwrap();
        assert_eq!((details.wants, details.is_verified, details.position), (Wants::Offline, false, None));
        assert!(new.person.password_hash.is_none() && !new.person.is_demo);
    }

    #[test]
    fn everything_that_is_wrong_with_a_driver_is_said_at_once_and_nothing_of_the_password() {
        let wrong = json!({"username": "a b", "password": "short", "phone_number": "110", "latitude": 91,
            "longitude": 0, "status": "asleep", "is_verified": "yes"});
        let problem = read::<NewDriver>(&object(wrong)).map(drop).unwrap_err();
        let text = format!("{problem:?}");
        for field in [
            "username",
            "password",
            "name",
            "phone_number",
            "vehicle_type",
            "latitude",
            "status",
            "is_verified",
        ] {
            assert!(text.contains(&format!("field: \"{field}\"")), "{field}: {text}");
        }
        assert!(!text.contains("short\""), "{text}");
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let DriverChange { patch, password } =
            read(&object(json!({"suspended": true, "password": "another one"}))).unwrap();
        assert_eq!((patch.account.suspended, patch.is_verified, patch.wants), (Some(true), None, None));
        assert!(password.is_some());
        assert!(read::<DriverChange>(&object(json!({"latitude": 1}))).is_err());
    }
}
