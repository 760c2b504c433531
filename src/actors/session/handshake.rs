//! The checks before the upgrade, and the places where a client may put its token.
//!
//! The checks are those that the web framework's own handshake leaves out. A token is a secret: its type can't be printed,
//! and nothing here logs a request's address or headers.

use std::fmt;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Version,
        header::{self, HeaderValue},
    },
    web,
};

/// The subprotocol that carries a token as its neighbour, for browsers that must keep it out of URLs.
pub(super) const BEARER_PROTOCOL: &str = "bearer";

/// An access token as the client sent it, unchecked.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(String);

impl BearerToken {
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn new(token: &str) -> Option<Self> {
        let token = token.trim();
        (!token.is_empty()).then(|| Self(token.to_owned()))
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

/// The request's token: from `?token=`, else `Authorization: Bearer`, else the entry after `bearer` of
/// `Sec-WebSocket-Protocol`.
pub fn bearer_from_request(req: &HttpRequest) -> Option<BearerToken> {
    token_of_query(req).or_else(|| token_of_authorization(req)).or_else(|| token_of_protocol(req))
}

fn token_of_query(req: &HttpRequest) -> Option<BearerToken> {
    let query = web::Query::<Vec<(String, String)>>::from_query(req.query_string()).ok()?;
    let (_, token) = query.iter().find(|(name, _)| name == "token")?;
    BearerToken::new(token)
}

fn token_of_authorization(req: &HttpRequest) -> Option<BearerToken> {
    let value = req.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| BearerToken::new(token))?
}

fn token_of_protocol(req: &HttpRequest) -> Option<BearerToken> {
    let mut offered = req
        .headers()
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    (offered.next()? == BEARER_PROTOCOL).then(|| BearerToken::new(offered.next()?))?
}

/// A fault of an upgrade request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadHandshake {
    #[error("HTTP/1.0 has no upgrade; a proxy in between must speak HTTP/1.1 to this server")]
    Http10,
    #[error("there must be one Sec-WebSocket-Key, of 16 bytes in base64")]
    Key,
    #[error("a WebSocket handshake must not have a body")]
    Body,
    #[error("only WebSocket version 13 is supported")]
    Version,
}

impl BadHandshake {
    pub fn response(self) -> HttpResponse {
        let mut response = match self {
            Self::Http10 | Self::Key | Self::Body => HttpResponse::BadRequest(),
            Self::Version => HttpResponse::UpgradeRequired(),
        };
        if self == Self::Version {
            response.insert_header((header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")));
        }
        response.body(self.to_string())
    }
}

/// The part of the handshake that is ours; method, `Upgrade` and `Connection` are checked by the framework after it.
pub(super) fn check(req: &HttpRequest) -> Result<(), BadHandshake> {
    if req.version() < Version::HTTP_11 {
        return Err(BadHandshake::Http10);
    }
    let headers = req.headers();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(BadHandshake::Body);
    }
    // Absent, too, is the framework's to answer: then this is no handshake at all.
    if headers.get_all(header::SEC_WEBSOCKET_VERSION).any(|version| version != "13") {
        return Err(BadHandshake::Version);
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY);
    match (keys.next(), keys.next()) {
        (Some(key), None) if is_key(key.as_bytes()) => Ok(()),
        (None, _) => Ok(()),
        // One is answered, and nobody knows which the client means.
        _ => Err(BadHandshake::Key),
    }
}

/// Sixteen bytes in base64 are 22 digits, with two bits in the last, and two padding characters.
fn is_key(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24
        && key[..22].iter().all(digit)
        && matches!(key[21], b'A' | b'Q' | b'g' | b'w')
        && &key[22..] == b"=="
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn token(req: TestRequest) -> Option<String> {
        bearer_from_request(&req.to_http_request()).map(|token| token.expose().to_owned())
    }

    #[test]
    fn a_token_is_found_in_each_of_its_three_places() {
        assert_eq!(token(TestRequest::with_uri("/ws?x=1&token=a.b.c")), Some("a.b.c".into()));
        let header = TestRequest::default().insert_header(("Authorization", "bearer a.b.c"));
        assert_eq!(token(header), Some("a.b.c".into()));
        let protocol = TestRequest::default().insert_header(("Sec-WebSocket-Protocol", "bearer, a.b.c"));
        assert_eq!(token(protocol), Some("a.b.c".into()));
    }

    #[test]
    fn what_is_no_token_is_none() {
        assert_eq!(token(TestRequest::with_uri("/ws?token=")), None);
        assert_eq!(token(TestRequest::default().insert_header(("Authorization", "Basic a"))), None);
        assert_eq!(token(TestRequest::default().insert_header(("Sec-WebSocket-Protocol", "bearer"))), None);
        assert_eq!(token(TestRequest::default().insert_header(("Sec-WebSocket-Protocol", "chat, a"))), None);
    }

    #[test]
    fn a_token_can_not_be_printed() {
        let token = BearerToken::new("secret").unwrap();
        assert!(!format!("{token:?}").contains("secret"));
    }

    #[test]
    fn a_handshake_is_http_1_1_with_one_key_and_one_version() {
        const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
        let request = |version, headers: &[(&'static str, &'static str)]| {
            let mut req = TestRequest::default().version(version);
            for header in headers {
                req = req.append_header(*header);
            }
            check(&req.to_http_request())
        };
        let good = [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", KEY)];
        assert_eq!(request(Version::HTTP_11, &good), Ok(()));
        assert_eq!(request(Version::HTTP_10, &good), Err(BadHandshake::Http10));
        let two_keys = [good[0], good[1], ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")];
        assert_eq!(request(Version::HTTP_11, &two_keys), Err(BadHandshake::Key));
        let two_versions = [good[0], ("Sec-WebSocket-Version", "8"), good[1]];
        assert_eq!(request(Version::HTTP_11, &two_versions), Err(BadHandshake::Version));
    }

    #[test]
    fn a_key_is_sixteen_bytes() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        for bad in [
            &b"x"[..],
            b"",
            b"dGhlIHNhbXBsZSBub25jZR==",
            b"dGhlIHNhbXBsZSBub25jZQ=",
            b"dGhlIHNhbXBsZSBub25j!Q==",
        ] {
            assert!(!is_key(bad));
        }
    }
}
