//! How handlers answer: JSON of a known type, decisions under an `Idempotency-Key`, and pages.

use crate::api::Context;
use crate::api::fields::Fields;
use crate::api::problem::Problem;
use crate::api::rules;
use crate::contracts::operators::Page;
use crate::operations::Error;
use crate::operations::idempotency::{self, Answer as Kept, IdempotencyKey};
use crate::store::{Conn, StoreError, Tx};
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use std::marker::PhantomData;

/// The result of a handler: a `T` as JSON under this status, or a problem. The route's description is made from it.
pub type Answered<T, const STATUS: u16 = 200> = Result<Answer<T, STATUS>, Problem>;

/// An answer whose content has a known type.
pub struct Answer<T, const STATUS: u16 = 200> {
    response: HttpResponse,
    of: PhantomData<fn() -> T>,
}

/// A status as a value whose type says which.
#[derive(Clone, Copy)]
pub struct Status<const CODE: u16>;

pub const OK: Status<200> = Status;
pub const CREATED: Status<201> = Status;

impl<T, const STATUS: u16> Answer<T, STATUS> {
    /// Written by other means than as JSON.
    pub fn of(response: HttpResponse) -> Self {
        Self { response, of: PhantomData }
    }

    /// That nobody keeps: there is a secret in it.
    pub fn secret(mut self) -> Self {
        self.response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self
    }

    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.response.headers_mut().insert(name, value);
        self
    }
}

impl<T, const STATUS: u16> Responder for Answer<T, STATUS> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.response
    }
}

/// JSON, with the status that the handler's type says.
pub fn json<T: Serialize, const STATUS: u16>(body: &T) -> Answer<T, STATUS> {
    Answer::of(HttpResponse::build(status_of::<STATUS>()).json(body))
}

/// Nothing to say: 204.
pub fn no_content() -> Answer<(), 204> {
    Answer::of(HttpResponse::NoContent().finish())
}

fn status_of<const CODE: u16>() -> StatusCode {
    StatusCode::from_u16(CODE).expect("handlers' types have HTTP statuses")
}

/// Runs a decision once for each key, and answers with what it wrote down: the answer is made and kept inside the change's
/// transaction, so a repetition gets it word for word, also after a crash.
pub async fn decide<T: Serialize, const STATUS: u16>(
    ctx: &Context,
    key: Option<IdempotencyKey>,
    status: Status<STATUS>,
    operation: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
) -> Answered<T, STATUS> {
    decide_and_add(ctx, key, status, operation, |_| Ok(None::<()>)).await
}

/// The same with something `more` in the answer that is true now: it is read each time and not kept, since what is kept outlives
/// the job. The answer and what is added are objects.
pub async fn decide_and_add<T: Serialize, M: Serialize, const STATUS: u16>(
    ctx: &Context,
    key: Option<IdempotencyKey>,
    _: Status<STATUS>,
    mut operation: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    more: impl Fn(&mut Conn<'_>) -> Result<Option<M>, StoreError> + Send + 'static,
) -> Answered<T, STATUS> {
    let once = move |tx: &mut Tx<'_>| {
        let answer = idempotency::once(tx, key.as_ref(), |tx| {
            let body = serde_json::to_string(&operation(tx)?).expect("an answer has no map keys but strings");
            Ok(Kept { status: STATUS, body })
        })?;
        Ok::<_, Error>(match more(tx.conn())? {
            Some(more) => Kept { body: joined(answer.body, &more), ..answer },
            None => answer,
        })
    };
    let answer = ctx.write(once).await?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(status_of::<STATUS>());
    Ok(Answer::of(HttpResponse::build(status).content_type("application/json").body(answer.body)))
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
    fields.optional_or("limit", rules::number_in(1..=PAGE_ITEMS_MAX), PAGE_ITEMS)
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
