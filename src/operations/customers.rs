//! An operator's changes to a customer.

use crate::domain::announcement::Announcement;
use crate::domain::audit::Subject;
use crate::domain::external_id::ExternalId;
use crate::domain::ids::CustomerId;
use crate::operations::accounts::{self, AccountPatch};
use crate::operations::error::{Error, Refusal, external_id_taken};
use crate::store::{Account, Customer, CustomerChange, Tx, reads, sql};
use chrono_tz::Tz;

/// `None` leaves it as it is, `Some(None)` takes it away.
#[derive(Clone, Debug, Default)]
pub struct CustomerPatch {
    pub account: AccountPatch,
    pub time_zone: Option<Option<Tz>>,
    pub external_id: Option<Option<ExternalId>>,
}

/// Changes a customer. Suspending ends their sessions and leaves what they have asked for as it is: a driver may be on the
/// way to them, so ending it is for an operator to decide. A guest was made for one ride and is nobody to change.
pub fn patch(tx: &mut Tx<'_>, id: CustomerId, patch: &CustomerPatch) -> Result<(Customer, Account), Error> {
    let row = sql!(tx, customers::lock(id))?.ok_or(Refusal::NotFound("customer"))?;
    tx.concerns(Subject::customer(id));
    reads::customer(tx.conn(), id)?.ok_or(Refusal::NotFound("customer"))?;
    let change = CustomerChange {
        time_zone: patch.time_zone.map(|zone| zone.map(Tz::name)),
        external_id: patch.external_id.clone().map(|id| id.map(ExternalId::into_string)),
    };
    sql!(tx, customers::change(id, &change)).map_err(external_id_taken)?;
    accounts::change(tx, row.account_id, &patch.account)?;
    if patch.account.suspended.is_some() {
        // Nothing is pushed to the devices of a suspended customer.
        tx.announce(Announcement::DevicesChanged(id));
    }
    Ok(reads::customer(tx.conn(), id)?.ok_or(Refusal::NotFound("customer"))?)
}
