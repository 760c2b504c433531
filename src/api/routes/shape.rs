//! What a handler takes and answers, read off its type: each of its arguments adds what it stands for, and its result
//! says the rest. Nothing is asked of a running server.

use crate::api::description::Description;
use crate::api::extract::{Caller, DriverCaller, PassengerCaller};
use crate::api::health::ReadyOrNot;
use crate::api::input::{Body, Once};
use crate::api::push::PushCaller;
use crate::api::request::{Asked, Described, Sent};
use crate::api::respond::Answered;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::health::Readiness;
use actix_web::{Handler, HttpRequest, HttpResponse, web};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, schema_for};
use serde_json::Value;
use std::any::type_name;

/// The input and the answers of a route.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// JSON Schema of each parameter in the path, in their order.
    pub path: Vec<Value>,
    pub body: Option<BodyShape>,
    pub query: Option<QueryShape>,
    /// An `Idempotency-Key` is honoured.
    pub is_keyed: bool,
    pub answers: Vec<AnswerShape>,
}

#[derive(Clone, Debug)]
pub struct BodyShape {
    /// The type that the body is read into, if it is read: other bodies are only compared with those of repetitions.
    pub read: Option<(&'static str, Description)>,
    pub may_be_empty: bool,
}

#[derive(Clone, Debug)]
pub struct QueryShape {
    /// The type that it is read into.
    pub name: &'static str,
    pub description: Description,
}

/// An answer that is no problem.
#[derive(Clone, Debug)]
pub struct AnswerShape {
    pub status: u16,
    /// Of its JSON; none where there is no body.
    pub schema: Option<Schema>,
}

impl Shape {
    pub fn is_socket(&self) -> bool {
        self.answers.iter().any(|answer| answer.status == SWITCHING_PROTOCOLS)
    }

    /// The codes that follow from what it takes.
    pub(super) fn errors(&self) -> Vec<ErrorCode> {
        use ErrorCode::{
            BadRequest, BodyTooLarge, BodyTooSlow, IdempotencyKeyReused, InvalidFields,
            InvalidIdempotencyKey, NotJson, UnsupportedMediaType,
        };
        let mut errors = Vec::new();
        if let Some(body) = &self.body {
            errors.extend([BadRequest, BodyTooSlow, BodyTooLarge]);
            if body.read.is_some() {
                errors.extend([NotJson, UnsupportedMediaType, InvalidFields]);
            }
        }
        if self.query.is_some() {
            errors.extend([BadRequest, InvalidFields]);
        }
        if self.is_keyed {
            errors.extend([InvalidIdempotencyKey, IdempotencyKeyReused]);
        }
        errors
    }
}

const SWITCHING_PROTOCOLS: u16 = 101;

/// The shape of a handler, which is not called.
pub(super) fn shape_of<H, Args>(_: H) -> Shape
where
    H: Handler<Args, Output: Answers>,
    Args: Arguments,
{
    let mut shape = Shape { answers: H::Output::answers(), ..Shape::default() };
    Args::tell(&mut shape);
    shape
}

/// An argument of a handler.
pub(super) trait Argument {
    /// Most say nothing of what is sent.
    fn tell(_: &mut Shape) {}
}

impl Argument for Caller {}
impl Argument for DriverCaller {}
impl Argument for PassengerCaller {}
impl Argument for PushCaller {}
impl Argument for HttpRequest {}
impl Argument for web::Payload {}
impl<T> Argument for web::Data<T> {}

impl<T: JsonSchema> Argument for web::Path<T> {
    fn tell(shape: &mut Shape) {
        let schema = Value::from(schema_for!(T));
        // Several are a tuple.
        shape.path = match schema.get("prefixItems").and_then(Value::as_array) {
            Some(several) => several.clone(),
            None => vec![schema],
        };
    }
}

impl Argument for Once {
    fn tell(shape: &mut Shape) {
        shape.is_keyed = true;
    }
}

impl Argument for Body {
    fn tell(shape: &mut Shape) {
        shape.body = Some(BodyShape { read: None, may_be_empty: true });
    }
}

impl<R: Described> Argument for Sent<R> {
    fn tell(shape: &mut Shape) {
        let read = Some((short_name::<R>(), R::description()));
        shape.body = Some(BodyShape { read, may_be_empty: R::MAY_BE_EMPTY });
    }
}

impl<R: Described> Argument for Asked<R> {
    fn tell(shape: &mut Shape) {
        shape.query = Some(QueryShape { name: short_name::<R>(), description: R::description() });
    }
}

/// Without its modules and what it is generic over.
fn short_name<T>() -> &'static str {
    let name = type_name::<T>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

/// All arguments of a handler.
pub(super) trait Arguments {
    fn tell(shape: &mut Shape);
}

macro_rules! arguments {
    ($($argument:ident)*) => {
        impl<$($argument: Argument),*> Arguments for ($($argument,)*) {
            fn tell(_shape: &mut Shape) {
                $($argument::tell(_shape);)*
            }
        }
    };
}

arguments! {}
arguments! { A }
arguments! { A B }
arguments! { A B C }
arguments! { A B C D }
arguments! { A B C D E }
arguments! { A B C D E F }

/// The result of a handler.
pub(super) trait Answers {
    fn answers() -> Vec<AnswerShape>;
}

impl<T: JsonSchema, const STATUS: u16> Answers for Answered<T, STATUS> {
    fn answers() -> Vec<AnswerShape> {
        vec![answer::<T>(STATUS)]
    }
}

impl Answers for ReadyOrNot {
    fn answers() -> Vec<AnswerShape> {
        vec![answer::<Readiness>(200), answer::<Readiness>(503)]
    }
}

/// A socket's door.
impl Answers for Result<HttpResponse, actix_web::Error> {
    fn answers() -> Vec<AnswerShape> {
        vec![AnswerShape { status: SWITCHING_PROTOCOLS, schema: None }]
    }
}

/// As it is written: a field that is null where nothing is known is always there.
fn answer<T: JsonSchema>(status: u16) -> AnswerShape {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    AnswerShape { status, schema: (status != 204).then(|| generator.into_root_schema_for::<T>()) }
}
