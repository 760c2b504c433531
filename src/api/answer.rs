//! How handlers answer: JSON, decisions under an `Idempotency-Key`, and pages.

use crate::api::Context;
use crate::api::fields::Fields;
use crate::api::problem::Problem;
use crate::api::rules;
use crate::contracts::operators::Page;
use crate::operations::Error;
use crate::operations::idempotency::{self, Answer, IdempotencyKey};
use crate::store::{Conn, StoreError, Tx};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use serde::Serialize;

/// The result of a handler.
pub type Answered = Result<HttpResponse, Problem>;

pub const OK: StatusCode = StatusCode::OK;
pub const CREATED: StatusCode = StatusCode::CREATED;

/// 200 with JSON.
pub fn json(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(body)
}

/// An answer that nobody keeps: there is a secret in it.
pub fn secret(mut answer: HttpResponse) -> HttpResponse {
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Runs a decision once for each key, and answers with what it wrote down: the answer is made and kept inside the change's
/// transaction, so a repetition gets it word for word, also after a crash.
pub async fn decide<T: Serialize>(
    ctx: &Context,
    key: Option<IdempotencyKey>,
    status: StatusCode,
    operation: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
) -> Answered {
    decide_and_add(ctx, key, status, operation, |_| Ok(None::<()>)).await
}

/// The same with something `more` in the answer that is true now: it is read each time and not kept, since what is kept outlives
/// the job. The answer and what is added are objects.
pub async fn decide_and_add<T: Serialize, M: Serialize>(
    ctx: &Context,
    key: Option<IdempotencyKey>,
    status: StatusCode,
    mut operation: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    more: impl Fn(&mut Conn<'_>) -> Result<Option<M>, StoreError> + Send + 'static,
) -> Answered {
    let once = move |tx: &mut Tx<'_>| {
        let answer = idempotency::once(tx, key.as_ref(), |tx| {
            let body = serde_json::to_string(&operation(tx)?).expect("an answer has no map keys but strings");
            Ok(Answer { status: status.as_u16(), body })
        })?;
        Ok::<_, Error>(match more(tx.conn())? {
            Some(more) => Answer { body: joined(answer.body, &more), ..answer },
            None => answer,
        })
    };
    let answer = ctx.write(once).await?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(status);
    Ok(HttpResponse::build(status).content_type("application/json").body(answer.body))
}

/// One object with the fields of both; the first one has some.
fn joined(mut object: String, more: &impl Serialize) -> String {
    let more = serde_json::to_string(more).expect("an answer has no map keys but strings");
    object.truncate(object.len() - 1);
    object.push(',');
    object.push_str(&more[1..]);
    object
}

const PAGE_ITEMS: usize = 50;
const PAGE_ITEMS_MAX: usize = 200;

/// How many items a page of a list is to have.
pub fn page_limit(fields: &mut Fields<'_>) -> usize {
    fields.optional("limit", rules::number_in(1..=PAGE_ITEMS_MAX)).unwrap_or(PAGE_ITEMS)
}

/// Makes a page of `limit` items from up to `limit` + 1 rows; the extra one tells whether more follow.
pub fn page<Row, Item>(
    mut rows: Vec<Row>,
    limit: usize,
    cursor: impl Fn(&Row) -> String,
    item: impl Fn(Row) -> Item,
) -> Page<Item> {
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| has_more).map(cursor);
    Page { items: rows.into_iter().map(item).collect(), next_cursor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_to_an_answer_stands_beside_what_is_kept() {
        let kept = r#"{"ride_id":"r1","driver":{"name":"J"}}"#.to_owned();
        let whole = joined(kept, &serde_json::json!({"passenger_name": null}));
        assert_eq!(whole, r#"{"ride_id":"r1","driver":{"name":"J"},"passenger_name":null}"#);
    }

    #[test]
    fn a_cursor_is_there_exactly_where_something_follows() {
        let pages = |rows: Vec<i64>| {
            let page = page(rows, 2, ToString::to_string, |row| row * 10);
            (page.items, page.next_cursor)
        };
        assert_eq!(pages(vec![]), (vec![], None));
        assert_eq!(pages(vec![1, 2]), (vec![10, 20], None));
        assert_eq!(pages(vec![1, 2, 3]), (vec![10, 20], Some("2".to_owned())));
    }
}
