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
}

/// What the client gets: an HTTP status and a JSON body, kept word for word.
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
        if is_kept && known.request_hash != key.request_hash {
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
