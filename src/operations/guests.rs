//! Guests: passengers without an account of their own. Each is made with the first job under a ride id chosen by the
//! matching app, and also owns the later jobs under it.

use crate::domain::ids::{AccountId, CustomerId};
use crate::domain::ride::RideId;
use crate::domain::ride_book::{KeyHash, RideKey, RideOwner};
use crate::operations::accounts;
use crate::operations::error::Error;
use crate::operations::tokens::TokenKeys;
use crate::store::{Account, Conn, Customer, Guest, StoreError, Tx, sql};
use chrono::NaiveDateTime;
use rand::TryRngCore;
use rand::rand_core::OsError;
use rand::rngs::OsRng;
use std::net::IpAddr;

/// The keys that open a guest's ride again.
#[derive(Clone, Debug)]
pub struct RideKeys {
    pub key: KeyHash,
    pub from: IpAddr,
}

/// The owner of a ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passenger {
    pub customer: CustomerId,
    pub account: AccountId,
}

/// A key that nobody has, from the system's random source: 128 bits, so that nobody guesses one either.
pub fn new_key(tokens: &TokenKeys) -> Result<RideKey, OsError> {
    let mut bytes = [0; 16];
    OsRng.try_fill_bytes(&mut bytes)?;
    Ok(key(tokens, bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// A key as somebody presents it.
pub fn key(tokens: &TokenKeys, text: String) -> RideKey {
    let said = format!("ride key:{text}");
    let hash = KeyHash::new(tokens.fingerprint(said.as_bytes()));
    let previous = tokens.previous_fingerprint(said.as_bytes()).map(KeyHash::new);
    RideKey { text, hash, previous }
}

/// The owner of the newest job under this id; `None` if there is none, or it no longer has an owner.
pub fn claim(conn: &mut Conn<'_>, ride_id: &RideId) -> Result<Option<(Passenger, RideOwner)>, StoreError> {
    let Some((customer, account)) = passenger(conn, ride_id)? else { return Ok(None) };
    let passenger = Passenger { customer: customer.id, account: account.id };
    if !account.is_guest {
        return Ok(Some((passenger, RideOwner::Account(account.id))));
    }
    let guest = sql!(conn, guests::find(account.id))?;
    let keys = guest.iter().flat_map(|guest| [Some(&guest.key_hash), guest.later_key_hash.as_ref()]);
    let claim = RideOwner::Guest {
        keys: keys.flatten().map(KeyHash::new).collect(),
        opened_from: guest.as_ref().and_then(|guest| guest.opened_from.parse().ok()),
    };
    Ok(Some((passenger, claim)))
}

/// The guest whose the newest job under this id is, if it is one's.
pub fn of_ride(conn: &mut Conn<'_>, ride_id: &RideId) -> Result<Option<Passenger>, StoreError> {
    let found = passenger(conn, ride_id)?.filter(|(_, account)| account.is_guest);
    Ok(found.map(|(customer, account)| Passenger { customer: customer.id, account: account.id }))
}

fn passenger(conn: &mut Conn<'_>, ride_id: &RideId) -> Result<Option<(Customer, Account)>, StoreError> {
    let Some(job) = sql!(conn, rides::id_of(ride_id.as_str()))? else { return Ok(None) };
    let ride = sql!(conn, rides::find(job))?;
    match ride.and_then(|ride| ride.job.customer_id) {
        Some(customer) => sql!(conn, customers::find(customer)),
        None => Ok(None),
    }
}

/// Makes a guest for a ride.
pub(super) fn create(tx: &mut Tx<'_>, opening: &RideKeys) -> Result<Passenger, Error> {
    let created = accounts::create_guest(tx)?;
    let row = Guest {
        account_id: created.account.0,
        key_hash: opening.key.as_str().to_owned(),
        later_key_hash: None,
        opened_from: opening.from.to_string(),
        created_at: tx.at(),
    };
    sql!(tx, guests::insert(&row))?;
    Ok(Passenger { customer: created.id, account: created.account })
}

/// Keeps a further key, for a guest who came back without the first; that one stays good.
pub fn keep_key(tx: &mut Tx<'_>, guest: AccountId, key: &KeyHash) -> Result<(), StoreError> {
    sql!(tx, guests::set_later_key(guest, key.as_str())).map(drop)
}

/// Removes guests whose rides ended so long ago that no event of theirs is kept.
pub(super) fn prune(tx: &mut Tx<'_>, before: NaiveDateTime, limit: i64) -> Result<usize, StoreError> {
    sql!(tx, guests::prune(before, limit))
}
