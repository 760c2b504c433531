//! Guests: passengers without an account of their own. Each is made with the first job under a ride id of the matching app's
//! choosing, and has the later ones under it, too.

use crate::domain::ids::{AccountId, CustomerId};
use crate::domain::ride::RideId;
use crate::domain::ride_book::{Claim, KeyHash};
use crate::operations::accounts;
use crate::operations::error::Error;
use crate::store::{Conn, Guest, StoreError, Tx, sql};
use chrono::NaiveDateTime;
use std::net::IpAddr;

/// What opens a guest's ride again.
#[derive(Clone, Debug)]
pub struct Opening {
    pub key: KeyHash,
    pub from: IpAddr,
}

/// To whom the newest job under this id belongs; `None` where there is none, or it is nobody's any more.
pub fn claim(conn: &mut Conn<'_>, ride_id: &RideId) -> Result<Option<Claim>, StoreError> {
    let Some(job) = sql!(conn, rides::id_of(ride_id.as_str()))? else { return Ok(None) };
    let ride = sql!(conn, rides::find(job))?;
    let Some(customer) = ride.and_then(|ride| ride.job.customer_id) else { return Ok(None) };
    let Some((_, account)) = sql!(conn, customers::find(customer))? else { return Ok(None) };
    if !account.is_guest {
        return Ok(Some(Claim::Account(account.id)));
    }
    let guest = sql!(conn, guests::find(account.id))?;
    let keys = guest.iter().flat_map(|guest| [Some(&guest.key_hash), guest.later_key_hash.as_ref()]);
    Ok(Some(Claim::Guest {
        keys: keys.flatten().map(KeyHash::new).collect(),
        opened_from: guest.as_ref().and_then(|guest| guest.opened_from.parse().ok()),
    }))
}

/// Makes a guest for a ride.
pub(super) fn create(tx: &mut Tx<'_>, opening: &Opening) -> Result<(CustomerId, AccountId), Error> {
    let created = accounts::create_guest(tx)?;
    let row = Guest {
        account_id: created.account.0,
        key_hash: opening.key.as_str().to_owned(),
        later_key_hash: None,
        opened_from: opening.from.to_string(),
        created_at: tx.at(),
    };
    sql!(tx, guests::insert(&row))?;
    Ok((created.id, created.account))
}

/// Keeps a further key, for a guest who came back without the first; that one stays good.
pub fn keep_key(tx: &mut Tx<'_>, guest: AccountId, key: &KeyHash) -> Result<(), StoreError> {
    sql!(tx, guests::set_later_key(guest, key.as_str())).map(drop)
}

/// Removes guests whose rides ended so long ago that no event of theirs is kept.
pub(super) fn prune(tx: &mut Tx<'_>, before: NaiveDateTime, limit: i64) -> Result<usize, StoreError> {
    sql!(tx, guests::prune(before, limit))
}
