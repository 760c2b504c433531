//! Making accounts.

use crate::domain::announcement::Announcement;
use crate::domain::audit::Subject;
use crate::domain::driver::{DriverStatus, Wants};
use crate::domain::external_id::{ExternalId, Named};
use crate::domain::ids::{AccountId, CustomerId, DriverId};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::position::Position;
use crate::domain::role::Role;
use crate::domain::username::Username;
use crate::operations::authentication::{Principal, principal_of};
use crate::operations::error::{Error, Refusal, external_id_taken};
use crate::operations::grants;
use crate::store::{AccountChange, Conn, NewAccount, NewDriver, StoreError, Tx, sql};
use chrono_tz::Tz;
use uuid::Uuid;

/// The person to get an account.
#[derive(Clone, Debug)]
pub struct Person {
    /// In the one form of [`Username`], or a name that nobody registers.
    pub username: String,
    pub name: String,
    pub phone_number: Option<PhoneNumber>,
    /// Argon2id; `None` where nobody logs in with a password.
    pub password_hash: Option<String>,
    pub is_demo: bool,
}

/// A driver's vehicle, and their first position.
#[derive(Clone, Debug)]
pub struct DriverDetails {
    pub vehicle_type: String,
    pub license_number: Option<String>,
    pub vehicle_registration: Option<String>,
    pub vehicle_color: Option<String>,
    pub is_verified: bool,
    pub position: Option<Position>,
    pub wants: Wants,
    /// The mean of the ratings so far; new drivers start from 5.0.
    pub rating: f64,
    pub external_id: Option<ExternalId>,
}

/// A customer's details besides their account.
#[derive(Clone, Debug, Default)]
pub struct CustomerDetails {
    pub time_zone: Option<Tz>,
    pub external_id: Option<ExternalId>,
}

/// Changes to an account; `None` leaves a field unchanged.
#[derive(Clone, Debug, Default)]
pub struct AccountPatch {
    pub name: Option<String>,
    pub phone_number: Option<PhoneNumber>,
    pub suspended: Option<bool>,
    /// Argon2id.
    pub password_hash: Option<String>,
}

pub struct Created<Id> {
    pub id: Id,
    pub account: AccountId,
    pub public_id: Uuid,
}

/// A driver with the given id, or the one after the highest.
pub fn create_driver(
    tx: &mut Tx<'_>,
    id: Option<DriverId>,
    person: &Person,
    details: &DriverDetails,
) -> Result<Created<DriverId>, Error> {
    let id = match id {
        Some(id) => id,
        None => DriverId(sql!(tx, drivers::highest_id())?.unwrap_or(0) + 1),
    };
    let (account, public_id) = insert(tx, person, Role::Driver, false)?;
    tx.concerns(Subject::driver(id));
    let status = match details.wants {
        Wants::Online => DriverStatus::Available,
        Wants::Paused => DriverStatus::Busy,
        Wants::Offline => DriverStatus::Offline,
    };
    let row = NewDriver {
        id: id.0,
        account_id: account.0,
        vehicle_type: &details.vehicle_type,
        license_number: details.license_number.as_deref(),
        vehicle_registration: details.vehicle_registration.as_deref(),
        vehicle_color: details.vehicle_color.as_deref(),
        is_verified: details.is_verified,
        wants: details.wants.as_str(),
        status: status.as_str(),
        rating: details.rating,
        latitude: details.position.map(Position::latitude),
        longitude: details.position.map(Position::longitude),
        position_at: details.position.map(|_| tx.at()),
        changed_at: tx.at(),
        external_id: details.external_id.as_ref().map(ExternalId::as_str),
    };
    sql!(tx, drivers::insert(&row)).map_err(raced)?;
    tx.announce(Announcement::DriverChanged(id));
    Ok(Created { id, account, public_id })
}

/// A customer with the given id, or the one after the highest.
pub fn create_customer(
    tx: &mut Tx<'_>,
    id: Option<CustomerId>,
    person: &Person,
    details: &CustomerDetails,
) -> Result<Created<CustomerId>, Error> {
    let id = match id {
        Some(id) => id,
        None => CustomerId(sql!(tx, customers::highest_id())?.unwrap_or(0) + 1),
    };
    let (account, public_id) = insert(tx, person, Role::Customer, false)?;
    tx.concerns(Subject::customer(id));
    let time_zone = details.time_zone.map(Tz::name);
    let external_id = details.external_id.as_ref().map(ExternalId::as_str);
    sql!(tx, customers::insert(id, account, time_zone, external_id)).map_err(raced)?;
    Ok(Created { id, account, public_id })
}

/// A customer's account for one ride that is asked for without logging in. It has no password and gets no token.
pub(super) fn create_guest(tx: &mut Tx<'_>) -> Result<Created<CustomerId>, Error> {
    let person = Person {
        // No colon is in a name that a person registers.
        username: format!("guest:{}", Uuid::new_v4()),
        name: "Guest".to_owned(),
        phone_number: None,
        password_hash: None,
        is_demo: false,
    };
    let (account, public_id) = insert(tx, &person, Role::Customer, true)?;
    // Not a next number, for which guests would race with each other.
    let id = CustomerId(-account.0);
    sql!(tx, customers::insert(id, account, None, None))?;
    Ok(Created { id, account, public_id })
}

/// An account without a driver's or customer's side.
pub fn create_account(tx: &mut Tx<'_>, person: &Person, role: Role) -> Result<(AccountId, Uuid), Error> {
    let (account, public_id) = insert(tx, person, role, false)?;
    tx.concerns(Subject::account(account));
    Ok((account, public_id))
}

fn insert(tx: &mut Tx<'_>, person: &Person, role: Role, is_guest: bool) -> Result<(AccountId, Uuid), Error> {
    if let Some(number) = &person.phone_number {
        must_be_free(tx, number, None)?;
    }
    let public_id = Uuid::new_v4();
    let row = NewAccount {
        public_id: public_id.to_string(),
        username: &person.username,
        phone_number: person.phone_number.as_ref().map(PhoneNumber::as_str),
        name: &person.name,
        role: role.as_str(),
        password_hash: person.password_hash.as_deref(),
        is_demo: person.is_demo,
        is_guest,
        created_at: tx.at(),
    };
    let account = sql!(tx, accounts::insert(&row)).map_err(taken)?;
    Ok((account, public_id))
}

/// The refusal for a value that somebody else already has, by the violated constraint.
pub(super) fn taken(error: StoreError) -> Error {
    match error {
        StoreError::Taken { constraint } if constraint.contains("username") => Refusal::UsernameTaken.into(),
        StoreError::Taken { constraint } if constraint.contains("phone_number") => {
            Refusal::PhoneNumberTaken.into()
        }
        other => Error::Store(other),
    }
}

/// One number is one account, also where an account from before there was one form has it in another one. No constraint
/// sees those; no new one is ever written, so there is no race to lose.
pub(super) fn must_be_free(
    tx: &mut Tx<'_>,
    number: &PhoneNumber,
    except: Option<AccountId>,
) -> Result<(), Error> {
    let holders = sql!(tx, accounts::by_phone_number(&number.spellings()))?;
    match holders.iter().all(|account| Some(account.id) == except) {
        true => Ok(()),
        false => Err(Refusal::PhoneNumberTaken.into()),
    }
}

/// Changes an account. Suspending it and a new password end its sessions and revoke its tokens for good.
pub(super) fn change(tx: &mut Tx<'_>, account: AccountId, patch: &AccountPatch) -> Result<(), Error> {
    // A log-in locks the row, too, so it is either refused or revoked here.
    sql!(tx, accounts::lock(account))?;
    if let Some(number) = &patch.phone_number {
        must_be_free(tx, number, Some(account))?;
    }
    let change = AccountChange {
        name: patch.name.clone(),
        phone_number: patch.phone_number.clone().map(PhoneNumber::into_string),
    };
    sql!(tx, accounts::change(account, &change)).map_err(taken)?;
    if let Some(suspended) = patch.suspended {
        sql!(tx, accounts::set_suspended(account, suspended))?;
    }
    if let Some(hash) = &patch.password_hash {
        sql!(tx, accounts::set_password(account, hash, None))?;
    }
    if patch.suspended == Some(true) || patch.password_hash.is_some() {
        grants::revoke_all(tx, account, None)?;
    }
    Ok(())
}

/// The driver who is meant, by whichever id; nobody says whether one of ours is there.
pub fn driver_named(conn: &mut Conn<'_>, named: &Named<DriverId>) -> Result<Option<DriverId>, StoreError> {
    match named {
        Named::Ours(id) => Ok(Some(*id)),
        Named::Theirs(id) => sql!(conn, drivers::by_external_id(id.as_str())),
    }
}

/// The same of a customer.
pub fn customer_named(
    conn: &mut Conn<'_>,
    named: &Named<CustomerId>,
) -> Result<Option<CustomerId>, StoreError> {
    match named {
        Named::Ours(id) => Ok(Some(*id)),
        Named::Theirs(id) => sql!(conn, customers::by_external_id(id.as_str())),
    }
}

/// How the user name of a program's account begins; nobody else's has a colon.
pub const PROGRAM: &str = "service:";

/// A program of the operator's: made, with this role, when its first token is asked for. It has no password.
pub fn service(tx: &mut Tx<'_>, name: &Username, role: Role) -> Result<Principal, Error> {
    let username = format!("{PROGRAM}{}", name.as_str());
    let account = match sql!(tx, accounts::by_username(&username))? {
        Some(account) => account,
        None => {
            let person = Person {
                username,
                name: name.as_str().to_owned(),
                phone_number: None,
                password_hash: None,
                is_demo: false,
            };
            let (id, _) = create_account(tx, &person, role)?;
            sql!(tx, accounts::find(id))?.ok_or(Refusal::NotFound("account"))?
        }
    };
    Ok(principal_of(tx.conn(), account)?)
}

/// The operator with the lowest id who may log in.
pub fn first_admin(conn: &mut Conn<'_>) -> Result<Option<Principal>, StoreError> {
    match sql!(conn, accounts::first_of_role(Role::Admin))? {
        Some(account) => principal_of(conn, account).map(Some),
        None => Ok(None),
    }
}

/// The drivers with ids from `first` to `last` who may log in, ascending.
pub fn drivers_within(
    conn: &mut Conn<'_>,
    first: i64,
    last: i64,
) -> Result<Vec<(i64, Principal)>, StoreError> {
    let found = sql!(conn, drivers::within(first, last))?;
    let found = found.into_iter().map(|(driver, account)| {
        (driver.id.0, Principal { driver: Some(driver.id), ..Principal::without_ids(account) })
    });
    Ok(found.collect())
}

/// The customers with ids from `first` to `last` who may log in, ascending.
pub fn customers_within(
    conn: &mut Conn<'_>,
    first: i64,
    last: i64,
) -> Result<Vec<(i64, Principal)>, StoreError> {
    let found = sql!(conn, customers::within(first, last))?;
    let found = found.into_iter().map(|(customer, account)| {
        (customer.id.0, Principal { customer: Some(customer.id), ..Principal::without_ids(account) })
    });
    Ok(found.collect())
}

/// Every driver id that is in use, ascending.
pub fn driver_ids(conn: &mut Conn<'_>) -> Result<Vec<i64>, StoreError> {
    sql!(conn, drivers::ids())
}

/// Every customer id that is in use, ascending.
pub fn customer_ids(conn: &mut Conn<'_>) -> Result<Vec<i64>, StoreError> {
    sql!(conn, customers::ids())
}

/// Whether there is any account at all: a database without one is new.
pub fn any(conn: &mut Conn<'_>) -> Result<bool, StoreError> {
    sql!(conn, accounts::any())
}

/// Another transaction took the highest id's successor first: once more, with the next.
fn raced(error: StoreError) -> Error {
    match external_id_taken(error) {
        Error::Store(StoreError::Taken { .. }) => StoreError::Repeat.into(),
        other => other,
    }
}
