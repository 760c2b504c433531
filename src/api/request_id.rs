//! A request's id, by which its answer and its lines in the log are found: the one that a proxy or an app gave it, or
//! one of ours. `current_request` knows it while the request is being processed.

use crate::current_request;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use bytestring::ByteString;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A longer id, or one with other characters, is replaced by one of ours, since it goes into the log.
const BYTES_MAX: usize = 128;

/// 1 to 128 letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The one that the request brought, else a new one.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(X_REQUEST_ID);
        match (given.next(), given.next()) {
            (Some(id), None) if is_sane(id.as_bytes()) => Self(id.clone()),
            _ => Self::new(),
        }
    }

    /// Unique over all runs and servers: what is drawn once, and a number. No system call for each request.
    fn new() -> Self {
        static RUN: LazyLock<String> = LazyLock::new(|| Uuid::new_v4().simple().to_string().split_off(20));
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let id = format!("{}-{:x}", *RUN, NUMBER.fetch_add(1, Ordering::Relaxed));
        Self(HeaderValue::try_from(id).expect("letters, digits and a dash can stand in a header"))
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

fn is_sane(id: &[u8]) -> bool {
    let is_known = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=BYTES_MAX).contains(&id.len()) && id.iter().all(is_known)
}

/// Runs `work` as the request of this id.
pub async fn within<F: Future>(id: RequestId, work: F) -> F::Output {
    current_request::within(ByteString::from(id.as_str()), work).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn of(given: &[&str]) -> RequestId {
        let mut request = TestRequest::default();
        for id in given {
            request = request.append_header((X_REQUEST_ID, *id));
        }
        RequestId::of(request.to_http_request().headers())
    }

    #[test]
    fn a_proxys_id_is_taken_over_and_anything_else_is_not() {
        assert_eq!(of(&["4bf92f35-77b3.a_1"]).as_str(), "4bf92f35-77b3.a_1");
        assert_eq!(of(&[&"a".repeat(128)]).as_str(), "a".repeat(128));
        let long = "a".repeat(129);
        for wrong in [&[][..], &[""], &["a b"], &["a\"b"], &["é"], &[&long], &["one", "two"]] {
            let made = of(wrong);
            assert!(!wrong.contains(&made.as_str()) && is_sane(made.as_str().as_bytes()), "{wrong:?}");
        }
        assert_ne!(of(&[]), of(&[]));
    }
}
