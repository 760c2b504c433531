//! People from another system's file: made, or changed if they exist already. Existing people are recognised by the
//! external id, or else by user name and telephone number together, so the same file may be imported again.

use crate::domain::external_id::ExternalId;
use crate::domain::ids::{CustomerId, DriverId};
use crate::operations::accounts::{self, CustomerDetails, DriverDetails, Person};
use crate::operations::customers::{self, CustomerPatch};
use crate::operations::driver_changes::{self, DriverPatch};
use crate::operations::error::Error;
use crate::store::{Account, Conn, StoreError, Tx, sql};

/// A row of such a file: what is made of it where it is new, and what it changes where it is not. The password is of a new
/// account only.
#[derive(Clone, Debug)]
pub struct Imported {
    pub person: Person,
    pub side: Side,
}

#[derive(Clone, Debug)]
pub enum Side {
    Driver(DriverDetails, Box<DriverPatch>),
    Customer(CustomerDetails, CustomerPatch),
}

/// The driver's or customer's id of who is here already.
pub type Known = Option<i64>;

/// An obstacle to a row: a field, and the problem with it.
pub type Obstacle = (&'static str, &'static str);

/// The person of a row, and every obstacle to writing it.
pub fn look(conn: &mut Conn<'_>, row: &Imported) -> Result<(Known, Vec<Obstacle>), StoreError> {
    let name = sql!(conn, accounts::by_username(&row.person.username))?;
    let numbers = match &row.person.phone_number {
        Some(number) => sql!(conn, accounts::by_phone_number(&number.spellings()))?,
        None => Vec::new(),
    };
    let same = name.as_ref().filter(|account| numbers.iter().any(|other| other.id == account.id));
    let known = match by_external_id(conn, row)? {
        None => by_account(conn, row, same)?,
        found => found,
    };
    let Some((id, account)) = known else {
        let name = name.map(|_| ("username", "is taken"));
        let number = (!numbers.is_empty()).then_some(("phone_number", "is taken"));
        return Ok((None, name.into_iter().chain(number).collect()));
    };
    let renamed = !account.username.eq_ignore_ascii_case(&row.person.username);
    let renamed = renamed
        .then_some(("username", "is not the one that this account has; an import changes no user name"));
    let number = numbers.iter().any(|other| other.id != account.id).then_some(("phone_number", "is taken"));
    Ok((Some(id), renamed.into_iter().chain(number).collect()))
}

fn by_external_id(conn: &mut Conn<'_>, row: &Imported) -> Result<Option<(i64, Account)>, StoreError> {
    let Some(external_id) = row.external_id() else { return Ok(None) };
    Ok(match row.side {
        Side::Driver(..) => match sql!(conn, drivers::by_external_id(external_id))? {
            Some(id) => sql!(conn, drivers::find(id))?.map(|(driver, account)| (driver.id.0, account)),
            None => None,
        },
        Side::Customer(..) => match sql!(conn, customers::by_external_id(external_id))? {
            Some(id) => sql!(conn, customers::find(id))?.map(|(customer, account)| (customer.id.0, account)),
            None => None,
        },
    })
}

/// The person who has both the name and the number, unless another external id shows that it is somebody else.
fn by_account(
    conn: &mut Conn<'_>,
    row: &Imported,
    same: Option<&Account>,
) -> Result<Option<(i64, Account)>, StoreError> {
    let Some(account) = same else { return Ok(None) };
    let found = match row.side {
        Side::Driver(..) => {
            sql!(conn, drivers::by_account(account.id))?.map(|driver| (driver.id.0, driver.external_id))
        }
        Side::Customer(..) => sql!(conn, customers::by_account(account.id))?
            .map(|customer| (customer.id.0, customer.external_id)),
    };
    let is_free = |theirs: &Option<String>| theirs.is_none() || row.external_id().is_none();
    Ok(found.filter(|(_, theirs)| is_free(theirs)).map(|(id, _)| (id, account.clone())))
}

/// Makes or changes these people, in one transaction.
pub fn write(tx: &mut Tx<'_>, rows: &[(Imported, Known)]) -> Result<(), Error> {
    for (Imported { person, side }, known) in rows {
        match (side, known) {
            (Side::Driver(details, _), None) => {
                accounts::create_driver(tx, None, person, details)?;
            }
            (Side::Driver(_, patch), Some(id)) => {
                driver_changes::patch(tx, DriverId(*id), patch)?;
            }
            (Side::Customer(details, _), None) => {
                accounts::create_customer(tx, None, person, details)?;
            }
            (Side::Customer(_, patch), Some(id)) => {
                customers::patch(tx, CustomerId(*id), patch)?;
            }
        }
    }
    Ok(())
}

impl Imported {
    pub fn external_id(&self) -> Option<&str> {
        let id = match &self.side {
            Side::Driver(details, _) => details.external_id.as_ref(),
            Side::Customer(details, _) => details.external_id.as_ref(),
        };
        id.map(ExternalId::as_str)
    }
}
