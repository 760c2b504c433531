//! Requests as named types: what a body or a query string is read into, each next to the handler that it belongs to. A
//! handler names the type of what it takes in its own signature, and [`routes`](super::routes) tells the same type to
//! others.

use crate::api::description::Description;
use crate::api::fields::{Fields, Object, describe};
use crate::api::input::{Body, Query};
use crate::api::problem::Problem;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use std::marker::PhantomData;
use std::ops::Deref;

/// A body or a query string that is read field by field.
pub trait Request: Sized {
    /// Whether a request without a body reads like `{}`.
    const MAY_BE_EMPTY: bool = false;

    /// Reads each field, whatever became of those before it: all that is wrong is said at once, and what is read is
    /// what is described. `None` where something that is required is missing or wrong.
    fn read(fields: &mut Fields<'_>) -> Option<Self>;
}

/// A body or a query string that can be described before there is one. Each [`Request`] can; one that is read with
/// something else, such as the time, says with which value it is described.
pub trait Described {
    const MAY_BE_EMPTY: bool = false;

    fn description() -> Description;
}

impl<R: Request> Described for R {
    const MAY_BE_EMPTY: bool = R::MAY_BE_EMPTY;

    fn description() -> Description {
        describe(|fields| R::read(fields).is_some())
    }
}

/// Reads an object, or says all that is wrong with it: for tests, which have no body around it.
#[cfg(test)]
pub fn read<R: Request>(object: &Object) -> Result<R, Problem> {
    read_with(object, R::read)
}

/// Reads an object by a reading that may need more than it, or says all that is wrong.
pub fn read_with<R: Described>(
    object: &Object,
    read: impl FnOnce(&mut Fields<'_>) -> Option<R>,
) -> Result<R, Problem> {
    let mut fields = Fields::of(object);
    let read = read(&mut fields);
    debug_assert_eq!(fields.not_in(&R::description()), [] as [&str; 0], "read and not described");
    fields.finish(read)
}

/// A body that is an `R`. It is understood only when the handler asks, so that who may not ask at all hears that first.
pub struct Sent<R> {
    body: Body,
    of: PhantomData<fn() -> R>,
}

impl<R: Request> Sent<R> {
    pub fn read(&self) -> Result<R, Problem> {
        self.read_with(R::read)
    }
}

impl<R: Described> Sent<R> {
    pub fn read_with(&self, read: impl FnOnce(&mut Fields<'_>) -> Option<R>) -> Result<R, Problem> {
        let object = if R::MAY_BE_EMPTY { self.body.object_or_none()? } else { self.body.object()? };
        read_with(&object, read)
    }
}

/// As it came: of a request that is repeated its body is compared.
impl<R> Deref for Sent<R> {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.body
    }
}

impl<R: 'static> FromRequest for Sent<R> {
    type Error = Problem;
    type Future = super::extract::Extracting<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Body::from_request(req, payload);
        Box::pin(async move { Ok(Self { body: body.await?, of: PhantomData }) })
    }
}

/// A query string that is an `R`, understood when the handler asks.
pub struct Asked<R> {
    query: Query,
    of: PhantomData<fn() -> R>,
}

impl<R: Request> Asked<R> {
    pub fn read(&self) -> Result<R, Problem> {
        self.read_with(R::read)
    }
}

impl<R: Described> Asked<R> {
    pub fn read_with(&self, read: impl FnOnce(&mut Fields<'_>) -> Option<R>) -> Result<R, Problem> {
        read_with(&self.query.0, read)
    }
}

/// As it came, for links to what follows.
impl<R> Deref for Asked<R> {
    type Target = Query;

    fn deref(&self) -> &Query {
        &self.query
    }
}

impl<R: 'static> FromRequest for Asked<R> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let query = Query::from_request(req, payload).into_inner();
        std::future::ready(query.map(|query| Self { query, of: PhantomData }))
    }
}
