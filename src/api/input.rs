//! What a request brings: its body, its query, its `Idempotency-Key`. Bodies are read whole, bounded, and understood only
//! when the handler asks, so that who may not ask at all hears that first.

use crate::api::Context;
use crate::api::extract::Extracting;
use crate::api::fields::Object;
use crate::api::problem::Problem;
use crate::contracts::error_codes::ErrorCode;
use crate::operations::authentication::Principal;
use crate::operations::idempotency::IdempotencyKey;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use serde_json::Value;
use std::future::{Ready, poll_fn, ready};
use std::pin::pin;
use std::time::Duration;

/// More than the longest batch or address needs. Larger: 413.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Of a body that is too large so much is read and thrown away: closing at once would cost a client our answer.
const BODY_BYTES_DISCARDED_MAX: usize = 4 * BODY_BYTES_MAX;

/// A quarter of a megabyte over a bad phone's network. Whoever sends slower holds a connection for nothing.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// A request's body, as it came.
pub struct Body {
    bytes: Bytes,
    is_json: bool,
}

impl Body {
    /// The JSON object that it is: 415, 400 or 422 if it is none.
    pub fn object(&self) -> Result<Object, Problem> {
        self.refuse_other_media()?;
        match serde_json::from_slice(&self.bytes) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(Problem::new(ErrorCode::InvalidFields, "The body must be a JSON object.")),
            // Where, but not what: the body may hold a password.
            Err(error) => {
                let detail = format!("Line {}, column {} of the body.", error.line(), error.column());
                Err(Problem::new(ErrorCode::NotJson, detail))
            }
        }
    }
}

impl Body {
    /// The same where there need not be one.
    pub fn object_or_none(&self) -> Result<Object, Problem> {
        if self.bytes.is_empty() { Ok(Object::new()) } else { self.object() }
    }

    /// The text that it is, for a contract to read.
    pub fn json_text(&self) -> Result<&str, Problem> {
        self.refuse_other_media()?;
        let not_text = |_| Problem::new(ErrorCode::NotJson, "The body is not UTF-8.");
        std::str::from_utf8(&self.bytes).map_err(not_text)
    }

    fn refuse_other_media(&self) -> Result<(), Problem> {
        match self.is_json || self.bytes.is_empty() {
            true => Ok(()),
            false => {
                let detail = "Send JSON, with Content-Type: application/json.";
                Err(Problem::new(ErrorCode::UnsupportedMediaType, detail))
            }
        }
    }
}

impl FromRequest for Body {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = req.content_type().to_ascii_lowercase();
        let is_json = media_type == "application/json" || media_type.ends_with("+json");
        let payload = payload.take();
        Box::pin(async move {
            let bytes = tokio::time::timeout(BODY_TIMEOUT, read(payload)).await;
            let slow = |_| Problem::new(ErrorCode::BodyTooSlow, "The body did not come in time.");
            Ok(Body { bytes: bytes.map_err(slow)??, is_json })
        })
    }
}

async fn read(payload: Payload) -> Result<Bytes, Problem> {
    let mut payload = pin!(payload);
    let mut body = BytesMut::new();
    let mut seen = 0;
    while let Some(chunk) = poll_fn(|cx| payload.as_mut().poll_next(cx)).await {
        let chunk = chunk.map_err(|_| Problem::new(ErrorCode::BadRequest, "The body broke off."))?;
        seen += chunk.len();
        if seen <= BODY_BYTES_MAX {
            body.extend_from_slice(&chunk);
        } else if seen > BODY_BYTES_DISCARDED_MAX {
            break;
        }
    }
    match seen {
        ..=BODY_BYTES_MAX => Ok(body.freeze()),
        _ => {
            let detail = format!("At most {BODY_BYTES_MAX} bytes are taken.");
            Err(Problem::new(ErrorCode::BodyTooLarge, detail))
        }
    }
}

/// A query string as an object of texts. Of a name that stands twice the last counts.
pub struct Query(pub Object);

impl FromRequest for Query {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(req.query_string());
        ready(match pairs {
            Ok(pairs) => {
                let pairs = pairs.into_inner().into_iter();
                Ok(Query(pairs.map(|(name, text)| (name, Value::String(text))).collect()))
            }
            Err(_) => Err(Problem::new(ErrorCode::BadRequest, "The query string can't be read.")),
        })
    }
}

/// The request's `Idempotency-Key`, if it has one, and the route that the key belongs to.
pub struct Once {
    key: Option<String>,
    route: String,
}

impl Once {
    /// The key as the change's transaction takes it. Whether it is the same request is told by a fingerprint of its body under the
    /// server's secret: a plain hash would lay open to guessing what the body holds, which may be a password.
    pub fn key(&self, ctx: &Context, principal: &Principal, body: &Body) -> Option<IdempotencyKey> {
        Some(IdempotencyKey {
            account: principal.account,
            route: self.route.clone(),
            key: self.key.clone()?,
            request_hash: ctx.tokens.fingerprint(&body.bytes),
        })
    }
}

impl FromRequest for Once {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let route = format!("{} {}", req.method(), req.path());
        ready(idempotency_key(req).map(|key| Once { key, route }))
    }
}

fn idempotency_key(req: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut keys = req.headers().get_all(IDEMPOTENCY_KEY);
    let Some(key) = keys.next() else { return Ok(None) };
    let is_usable = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len())
        && key.as_bytes().iter().all(u8::is_ascii_graphic)
        && keys.next().is_none();
    match key.to_str() {
        Ok(key) if is_usable => Ok(Some(key.to_owned())),
        _ => {
            let detail =
                format!("One key of 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters is taken.");
            Err(Problem::new(ErrorCode::InvalidIdempotencyKey, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    async fn object_of(media_type: &'static str, text: &str) -> Result<Object, u16> {
        let request = TestRequest::default().insert_header(("Content-Type", media_type));
        let (req, mut payload) = request.set_payload(text.to_owned()).to_http_parts();
        let body = Body::from_request(&req, &mut payload).await.map_err(|problem| problem.code().status())?;
        body.object().map_err(|problem| problem.code().status())
    }

    #[actix_web::test]
    async fn each_bad_body_has_its_own_status() {
        assert!(object_of("application/json; charset=utf-8", "{\"a\":1}").await.is_ok());
        assert!(object_of("Application/JSON", "{}").await.is_ok());
        assert_eq!(object_of("application/json", "").await.map(drop), Err(400));
        assert_eq!(object_of("application/json", "{\"a\":").await.map(drop), Err(400));
        assert_eq!(object_of("application/json", "[1]").await.map(drop), Err(422));
        assert_eq!(object_of("text/plain", "{}").await.map(drop), Err(415));
        let large = format!("\"{}\"", "x".repeat(BODY_BYTES_MAX));
        assert_eq!(object_of("application/json", &large).await.map(drop), Err(413));
    }

    #[test]
    fn a_key_is_one_visible_ascii_word() {
        let key = |values: &[&str]| {
            let mut req = TestRequest::default();
            for value in values {
                req = req.append_header((IDEMPOTENCY_KEY, *value));
            }
            idempotency_key(&req.to_http_request()).map_err(|problem| problem.code())
        };
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&["assign-1"]), Ok(Some("assign-1".to_owned())));
        assert!(key(&[&"k".repeat(255)]).is_ok());
        for wrong in [&[""][..], &["a b"], &[&"k".repeat(256)], &["é"], &["one", "two"]] {
            assert_eq!(key(wrong), Err(ErrorCode::InvalidIdempotencyKey), "{wrong:?}");
        }
    }
}
