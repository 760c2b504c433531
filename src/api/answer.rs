//! How handlers answer: JSON, decisions under an `Idempotency-Key`, and pages.

use crate::api::Context;
use crate::api::fields::Fields;
use crate::api::problem::Problem;
use crate::api::rules;
use crate::contracts::operators::Page;
use crate::operations::Error;
use crate::operations::idempotency::{self, Answer, IdempotencyKey};
use crate::store::Tx;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;

/// What a handler returns.
pub type Answered = Result<HttpResponse, Problem>;

pub const OK: StatusCode = StatusCode::OK;
pub const CREATED: StatusCode = StatusCode::CREATED;

/// 200 with JSON.
pub fn json(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(body)
}

/// Runs a decision once for each key, and answers with what it wrote down: the answer is made and kept inside the change's
/// transaction, so a repetition gets it word for word, also after a crash.
pub async fn decide<T: Serialize>(
    ctx: &Context,
    key: Option<IdempotencyKey>,
    status: StatusCode,
    mut operation: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
) -> Answered {
    let once = move |tx: &mut Tx<'_>| {
        idempotency::once(tx, key.as_ref(), |tx| {
            let body = serde_json::to_string(&operation(tx)?).expect("an answer has no map keys but strings");
            Ok(Answer { status: status.as_u16(), body })
        })
    };
    let answer = ctx.write(once).await?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(status);
    Ok(HttpResponse::build(status).content_type("application/json").body(answer.body))
}

const PAGE_ITEMS: usize = 50;
const PAGE_ITEMS_MAX: usize = 200;

/// How many items a page of a list is to have.
pub fn page_limit(fields: &mut Fields<'_>) -> usize {
    fields.optional("limit", rules::number_in(1..=PAGE_ITEMS_MAX)).unwrap_or(PAGE_ITEMS)
}

/// Makes a page of `limit` items from rows of which one more was read, to tell whether any follow.
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
