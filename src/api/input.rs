//! A request's input: its body, its query, its `Idempotency-Key`. Bodies are read whole and bounded, and parsed only
//! when the handler asks, so that a caller without permission hears that first.

use crate::api::Context;
use crate::api::extract::Extracting;
use crate::api::fields::Object;
use crate::api::problem::Problem;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::mending;
use crate::operations::authentication::Principal;
use crate::operations::idempotency::IdempotencyKey;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use futures_core::Stream;
use serde_json::Value;
use std::borrow::Cow;
use std::future::{Ready, poll_fn, ready};
use std::io::Read;
use std::pin::pin;
use std::time::Duration;

/// More than the longest batch or address needs. Larger, as it comes or once it is inflated: 413.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Of a body that is too large so much is read and thrown away: closing at once would cost a client our answer.
const BODY_BYTES_DISCARDED_MAX: usize = 4 * BODY_BYTES_MAX;

/// A quarter of a megabyte over a bad phone's network. A slower client would only hold a connection.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// A request's body, inflated where it came compressed.
pub struct Body {
    bytes: Bytes,
    is_json: bool,
    coding: Coding,
}

/// How a body is packed, by `Content-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    /// Another, or several on top of each other.
    Unknown,
}

impl Coding {
    fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(CONTENT_ENCODING);
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return if headers.contains_key(CONTENT_ENCODING) { Self::Unknown } else { Self::Identity };
        };
        match line.to_str().unwrap_or("?").trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Self::Identity,
            // The old name means the same (RFC 9110, 8.4.1.3).
            "gzip" | "x-gzip" => Self::Gzip,
            _ => Self::Unknown,
        }
    }
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
    /// The bytes as they came, for checking a signature.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

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
        let refusal = |detail| Err(Problem::new(ErrorCode::UnsupportedMediaType, detail));
        if self.bytes.is_empty() {
            return Ok(());
        }
        if self.coding == Coding::Unknown {
            return refusal("Send the body uncompressed, or with Content-Encoding: gzip.");
        }
        if !self.is_json {
            return refusal("Send JSON, with Content-Type: application/json.");
        }
        Ok(())
    }
}

impl FromRequest for Body {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = req.content_type().to_ascii_lowercase();
        let is_json = media_type == "application/json" || media_type.ends_with("+json");
        let coding = Coding::of(req.headers());
        let announced: Option<usize> =
            req.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let payload = payload.take();
        Box::pin(async move {
            // Said at once: the framework reads on for a moment, so that the answer is not lost in a reset.
            if announced.is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
                return Err(too_large());
            }
            let bytes = tokio::time::timeout(BODY_TIMEOUT, read(payload)).await;
            let slow = |_| Problem::new(ErrorCode::BodyTooSlow, "The body did not arrive in time.");
            let bytes = bytes.map_err(slow)??;
            let bytes = if coding == Coding::Gzip { inflated(&bytes)? } else { bytes };
            Ok(Body { bytes: mended(bytes), is_json, coding })
        })
    }
}

fn mended(bytes: Bytes) -> Bytes {
    match mending::whole_characters(&bytes) {
        Cow::Borrowed(_) => bytes,
        Cow::Owned(mended) => mended.into(),
    }
}

async fn read(payload: Payload) -> Result<Bytes, Problem> {
    let mut payload = pin!(payload);
    let mut body = BytesMut::new();
    let mut seen = 0;
    while let Some(chunk) = poll_fn(|cx| payload.as_mut().poll_next(cx)).await {
        let chunk = chunk.map_err(|_| Problem::new(ErrorCode::BadRequest, "The body was cut off."))?;
        seen += chunk.len();
        if seen <= BODY_BYTES_MAX {
            body.extend_from_slice(&chunk);
        } else if seen > BODY_BYTES_DISCARDED_MAX {
            break;
        }
    }
    match seen {
        ..=BODY_BYTES_MAX => Ok(body.freeze()),
        _ => Err(too_large()),
    }
}

/// At most one byte more than is taken is ever made, whatever the body claims to be: a millisecond's work.
fn inflated(packed: &[u8]) -> Result<Bytes, Problem> {
    // Nothing at all is no archive, and nothing is missing from it.
    if packed.is_empty() {
        return Ok(Bytes::new());
    }
    let mut body = Vec::new();
    let bound = BODY_BYTES_MAX as u64 + 1;
    match MultiGzDecoder::new(packed).take(bound).read_to_end(&mut body) {
        Ok(bytes) if bytes > BODY_BYTES_MAX => Err(too_large()),
        Ok(_) => Ok(body.into()),
        Err(_) => Err(Problem::new(
            ErrorCode::BadRequest,
            "The body is not gzip, although its Content-Encoding says so.",
        )),
    }
}

fn too_large() -> Problem {
    Problem::new(
        ErrorCode::BodyTooLarge,
        format!("A body may have at most {BODY_BYTES_MAX} bytes, uncompressed."),
    )
}

/// A query string as an object of texts. If a name appears twice, the last one counts.
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
            previous_hash: ctx.tokens.previous_fingerprint(&body.bytes),
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
                format!("Send one key of 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters.");
            Err(Problem::new(ErrorCode::InvalidIdempotencyKey, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    async fn object_of(media_type: &'static str, text: &str) -> Result<Object, u16> {
        object_in(TestRequest::default().insert_header(("Content-Type", media_type)), text.as_bytes()).await
    }

    async fn object_in(request: TestRequest, bytes: &[u8]) -> Result<Object, u16> {
        let (req, mut payload) = request.set_payload(bytes.to_owned()).to_http_parts();
        let body = Body::from_request(&req, &mut payload).await.map_err(|problem| problem.code().status())?;
        body.object().map_err(|problem| problem.code().status())
    }

    async fn object_packed(coding: &'static str, bytes: &[u8]) -> Result<Object, u16> {
        let request = TestRequest::default().insert_header(("Content-Type", "application/json"));
        object_in(request.insert_header(("Content-Encoding", coding)), bytes).await
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    }

    #[actix_web::test]
    async fn a_compressed_body_is_read_and_one_that_is_not_understood_is_415() {
        let text = "{\"restaurant_name\":\"R\"}";
        let read = object_of("application/json", text).await.unwrap();
        for coding in ["gzip", "GZIP", "x-gzip"] {
            assert_eq!(object_packed(coding, &gzip(text)).await.as_ref(), Ok(&read), "{coding}");
        }
        // In two members, as programs that append write it.
        let members = [gzip(&text[..5]), gzip(&text[5..])].concat();
        assert_eq!(object_packed("gzip", &members).await.as_ref(), Ok(&read));
        assert_eq!(object_packed("identity", text.as_bytes()).await.as_ref(), Ok(&read));
        for coding in ["br", "deflate", "zstd", "gzip, gzip", "aws-chunked"] {
            assert_eq!(object_packed(coding, &gzip(text)).await, Err(415), "{coding}");
        }
        assert_eq!(object_packed("gzip", text.as_bytes()).await, Err(400), "it is no gzip");
        assert_eq!(object_packed("gzip", &gzip(text)[..20]).await, Err(400), "it is cut off");
        assert_eq!(object_packed("gzip", b"").await, Err(400), "there is no JSON");
    }

    /// A thousandth of it comes over the wire.
    #[actix_web::test]
    async fn a_body_is_bounded_once_it_is_inflated() {
        let object = |bytes: usize| gzip(&format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8)));
        assert!(object_packed("gzip", &object(BODY_BYTES_MAX)).await.is_ok());
        assert_eq!(object_packed("gzip", &object(BODY_BYTES_MAX + 1)).await, Err(413));
        assert_eq!(object_packed("gzip", &object(100 << 20)).await, Err(413));
    }

    /// It was read to its end, or to a megabyte, before the answer.
    #[actix_web::test]
    async fn a_body_that_is_announced_too_large_is_not_waited_for() {
        let announced = async |length: &'static str| {
            let request = TestRequest::default().set_payload("{}").insert_header(("Content-Length", length));
            let (req, mut payload) = request.to_http_parts();
            Body::from_request(&req, &mut payload).await.map(drop).map_err(|problem| problem.code().status())
        };
        assert_eq!(announced("262145").await, Err(413));
        assert_eq!(announced("18446744073709551615").await, Err(413));
        assert!(announced("262144").await.is_ok());
    }

    #[actix_web::test]
    async fn each_bad_body_has_its_own_status() {
        assert!(object_of("application/json; charset=utf-8", "{\"a\":1}").await.is_ok());
        assert!(object_of("Application/JSON", "{}").await.is_ok());
        assert_eq!(object_of("application/json", "").await.map(drop), Err(400));
        assert_eq!(object_of("application/json", "{\"a\":").await.map(drop), Err(400));
        assert_eq!(object_of("application/json", "[1]").await.map(drop), Err(422));
        assert_eq!(object_of("text/plain", "{}").await.map(drop), Err(415));
        let cut = object_of("application/json", r#"{"restaurant_name":"Pizza \ud83c"}"#).await;
        assert_eq!(cut.expect("an object")["restaurant_name"], "Pizza \u{fffd}");
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
