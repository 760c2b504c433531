//! An `Idempotency-Key`: the same request again gets the first answer again, also after a crash, because the answer is
//! written in the transaction of the change.

use crate::domain::ids::AccountId;
use crate::operations::error::{Error, Refusal};
use crate::store::{IdempotencyRow, StoreError, Tx, sql};
use chrono::TimeDelta;

/// How long an answer is kept.
pub const KEPT_FOR: TimeDelta = TimeDelta::hours(24);

/// A key belongs to one account and route.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    pub account: AccountId,
    /// Method and path, so that the same key may be used for another order.
    pub route: String,
    pub key: String,
    /// Tells whether it is the same request.
    pub request_hash: String,
    /// The same as it was written before the server's secret was changed.
    pub previous_hash: Option<String>,
}

impl IdempotencyKey {
    fn is_of(&self, request_hash: &str) -> bool {
        self.request_hash == request_hash || self.previous_hash.as_deref() == Some(request_hash)
    }
}

/// The client's answer: an HTTP status and a JSON body, stored word for word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// Runs `operation` unless its answer is known. Only answers of success are kept: a refusal changed nothing and may
/// have another reason the next time.
pub fn once(
    tx: &mut Tx<'_>,
    key: Option<&IdempotencyKey>,
    operation: impl FnOnce(&mut Tx<'_>) -> Result<Answer, Error>,
) -> Result<Answer, Error> {
    let Some(key) = key else { return operation(tx) };
    if let Some(known) = sql!(tx, idempotency::find(key.account, &key.route, &key.key))? {
        let is_kept = tx.at() - known.created_at < KEPT_FOR;
        if is_kept && !key.is_of(&known.request_hash) {
            return Err(Refusal::IdempotencyKeyReused.into());
        }
        if is_kept {
            return Ok(Answer { status: known.status as u16, body: known.response });
        }
        sql!(tx, idempotency::remove(key.account, &key.route, &key.key))?;
    }
    // The key first, then the operation: the same request at the same time on another connection waits here, and not for a row
    // that the operation needs, where it would find the order assigned and be refused.
    let mut row = IdempotencyRow {
        account_id: key.account.0,
        route: key.route.clone(),
        idempotency_key: key.key.clone(),
        request_hash: key.request_hash.clone(),
        status: 0,
        response: String::new(),
        created_at: tx.at(),
    };
    if sql!(tx, idempotency::claim(&row))? == 0 {
        // It came first, and is committed: once more, to read its answer.
        return Err(StoreError::Repeat.into());
    }
    let answer = operation(tx)?;
    row.status = i32::from(answer.status);
    row.response = answer.body.clone();
    sql!(tx, idempotency::answer(&row))?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request that was repeated after the secret was changed counted as another one.
    #[test]
    fn a_request_is_the_same_under_the_secret_before() {
        let key = |previous_hash: Option<&str>| IdempotencyKey {
            account: AccountId(1),
            route: "POST /".to_owned(),
            key: "k".to_owned(),
            request_hash: "new".to_owned(),
            previous_hash: previous_hash.map(str::to_owned),
        };
        assert!(key(Some("old")).is_of("old") && key(Some("old")).is_of("new") && key(None).is_of("new"));
        assert!(!key(None).is_of("old") && !key(Some("old")).is_of("other"));
    }
}
