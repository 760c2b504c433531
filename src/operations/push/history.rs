//! The notifications and their outcomes: for customers their own, for operators in figures.

use crate::domain::audit::Subject;
use crate::domain::ids::CustomerId;
use crate::domain::push::PushService;
use crate::operations::error::{Error, Refusal};
use crate::store::{Conn, CountRow, NotificationRow, StoreError, Tx, sql};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The newest first, before the row `before`.
pub fn history(
    conn: &mut Conn<'_>,
    customer: CustomerId,
    before: i64,
    limit: i64,
) -> Result<Vec<NotificationRow>, StoreError> {
    sql!(conn, notifications::page(customer, before, limit))
}

/// The app was opened by a notification: of `customer`'s, or of anybody's for an operator. Again changes nothing.
pub fn open(tx: &mut Tx<'_>, notification: Uuid, customer: Option<CustomerId>) -> Result<(), Error> {
    let found = sql!(tx, notifications::by_public_id(&notification.to_string()))?;
    let own = found.filter(|row| customer.is_none_or(|customer| row.customer() == customer));
    let row = own.ok_or(Refusal::NotFound("notification"))?;
    let at = tx.at();
    tx.concerns(Subject::customer(row.customer()));
    sql!(tx, notifications::open(row.id, at))?;
    Ok(())
}

/// Figures of the notifications made since a time.
#[derive(Clone, Debug)]
pub struct Counts {
    pub rows: Vec<CountRow>,
    /// Tokens found dead.
    pub pruned: Vec<(PushService, i64)>,
}

pub fn counts(conn: &mut Conn<'_>, since: DateTime<Utc>) -> Result<Counts, StoreError> {
    let since = since.naive_utc();
    let rows = sql!(conn, notifications::counts(since))?;
    let mut pruned = Vec::new();
    for service in PushService::ALL {
        pruned.push((service, sql!(conn, devices::dead_since(service, since))?));
    }
    Ok(Counts { rows, pruned })
}
