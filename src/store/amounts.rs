//! Gives a currency to amounts that were stored without one: before jobs had a currency, all amounts were hundredths of
//! the configured one, whatever its minor unit was.
//!
//! Invariant: if a job has a currency, its amounts count that currency's minor units. A job without one still has
//! hundredths, so repeating this, or resuming it after a crash, converts nothing twice.

use crate::domain::currency::Currency;
use crate::domain::money::Amount;
use crate::store::connection::{Conn, Connections, Pooled};
use crate::store::error::StoreError;
use crate::store::executor::Where;
use crate::store::sql;
use diesel::Connection;
use serde_json::{Map, Value};
use std::time::Duration;

/// Jobs in one transaction: others that use the database wait for no more than that.
const BATCH_JOBS: i64 = 500;

/// Names that amounts have in events.
const AMOUNTS: [&str; 3] = ["earnings", "estimated_fare", "final_fare"];

/// Gives `currency` to all amounts that have none, and says of how many jobs they were. The schema must be up to date.
pub fn settle_currency(at: &Where, timeout: Duration, currency: Currency) -> Result<usize, StoreError> {
    let connections = match at {
        Where::Sqlite(path) => Connections::sqlite(path, 1, timeout, false),
        Where::Postgres(url) => Connections::postgres(url, 1, timeout, None),
    };
    let mut pooled = connections.take()?;
    let mut jobs = 0;
    loop {
        let settled = match &mut pooled {
            Pooled::Sqlite(conn) => {
                conn.immediate_transaction(|conn| settle_some(&mut Conn::Sqlite(conn), currency))
            }
            Pooled::Postgres(conn) => {
                conn.transaction(|conn| settle_some(&mut Conn::Postgres(conn), currency))
            }
        }?;
        match settled {
            Some(settled) => jobs += settled,
            None => return Ok(jobs),
        }
    }
}

/// `None` where nothing is left.
fn settle_some(conn: &mut Conn<'_>, currency: Currency) -> Result<Option<usize>, StoreError> {
    let ids = sql!(conn, payments::without_currency(BATCH_JOBS))?;
    if ids.is_empty() {
        return Ok(None);
    }
    let settled = sql!(conn, payments::set_currency(&ids, currency))?;
    // Apps that were away are still told of these jobs.
    for (account, event, body) in sql!(conn, payments::amounts_told_of(&settled))? {
        if let Some(body) = with_currency(&body, currency) {
            sql!(conn, payments::rewrite_event(account, event, &body))?;
        }
    }
    Ok(Some(settled.len()))
}

/// `None` where there is nothing to add.
fn with_currency(body: &str, currency: Currency) -> Option<String> {
    let mut fields: Map<String, Value> = serde_json::from_str(body).ok()?;
    if fields.contains_key("currency") {
        return None;
    }
    for name in AMOUNTS {
        let Some(amount) = fields.get(name).and_then(Value::as_f64) else { continue };
        let rounded = Amount::new(amount).ok()?.in_currency(currency);
        fields.insert(name.to_owned(), rounded.major().into());
    }
    fields.insert("currency".to_owned(), currency.as_str().into());
    Some(Value::Object(fields).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::EventBody;

    #[test]
    fn what_was_told_without_a_currency_reads_as_told_with_it() {
        let francs = Currency::new("XAF").expect("a currency");
        let old = r#"{"event":"ride_completed","ride_id":"1","final_fare":4.04}"#;
        let body = with_currency(old, francs).expect("there is something to add");
        let read: EventBody = serde_json::from_str(&body).expect("a row");
        let EventBody::RideCompleted { final_fare, .. } = read else { panic!("{read:?}") };
        assert_eq!((final_fare.minor(), final_fare.currency()), (4, francs));
        assert_eq!(with_currency(&body, Currency::new("USD").expect("a currency")), None);
    }
}
