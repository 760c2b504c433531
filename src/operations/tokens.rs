//! Access and refresh tokens: JWTs that we sign with HS256, and those of one outside issuer (RS256 or ES256) that we
//! trust. Pure: the caller looks up whether the account exists, is suspended or agrees with an outside token, and
//! whether a refresh token was used before.
//!
//! Invariants: the algorithm is pinned to the key, never chosen by the token; the time is the caller's; no error and no
//! `Debug` output contains a token or a key.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use crate::operations::keys::{KeyError, OutsideKey};

use crate::domain::role::{Role, Roles};
use crate::operations::keys::{OwnKey, keyed, signature_only};

/// How long a token is still good after its `exp`, at the door and while connected: clocks differ by seconds.
pub const EXPIRY_LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// Ours take about 400 bytes; outside ones carry more. It has to fit into a request line next to the path.
pub const TOKEN_BYTES_MAX: usize = 8192;

/// The use of a token; its claim `typ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    Access,
    Refresh,
}

/// The subject of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub account_id: Uuid,
    pub role: Role,
    /// A driver's.
    pub driver_id: Option<i64>,
    /// A customer's.
    pub customer_id: Option<i64>,
    /// The log-in that the token descends from; none for one that was printed.
    pub session: Option<Uuid>,
}

/// The claims of our tokens. `iat` and `exp` are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub sub: Uuid,
    pub role: Role,
    pub typ: Use,
    pub iat: i64,
    pub exp: i64,
    /// Names this token: a refresh token works once.
    pub jti: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// The family of refresh tokens that it belongs to, so that logging out ends what was begun with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
}

/// A token made by [`TokenKeys::issue_access`] or [`TokenKeys::issue_refresh`].
#[derive(Clone)]
pub struct IssuedToken {
    pub text: String,
    pub claims: Claims,
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken").field("claims", &self.claims).finish_non_exhaustive()
    }
}

/// The signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Issuer {
    Own,
    Outside,
}

/// The content of a valid token.
///
/// A token may leave out `role` and the id that belongs to it; what it does say must not differ from the account, which
/// the caller compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedClaims {
    pub issuer: Issuer,
    pub sub: Uuid,
    pub role: Option<Role>,
    pub driver_id: Option<i64>,
    pub customer_id: Option<i64>,
    /// Always there in a refresh token.
    pub jti: Option<Uuid>,
    /// Unix seconds; 0 where the token does not say.
    pub issued_at: i64,
    pub expires_at: DateTime<Utc>,
    /// The log-in that one of ours descends from.
    pub session: Option<Uuid>,
    /// The roles that it may let in: an outside issuer is trusted only for some.
    pub may_be: Roles,
}

impl VerifiedClaims {
    /// When a session that came with this token has to end, unless it brought another.
    pub fn session_ends_at(&self) -> DateTime<Utc> {
        self.expires_at.checked_add_signed(EXPIRY_LEEWAY).unwrap_or(self.expires_at)
    }
}

/// Why a token is refused. Clients are told no more than that it is; this is for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("not a token")]
    Malformed,
    #[error("longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    #[error("signed with an algorithm that is not accepted here")]
    Algorithm,
    #[error("wrong signature")]
    Signature,
    #[error("the claim {0} is missing")]
    MissingClaim(&'static str),
    #[error("expired")]
    Expired,
    #[error("not valid yet")]
    NotYetValid,
    #[error("an access token where a refresh token belongs, or the reverse")]
    WrongUse,
    #[error("of another issuer")]
    WrongIssuer,
    #[error("for another audience")]
    WrongAudience,
}

/// How long tokens are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLifetimes {
    pub access: Duration,
    pub refresh: Duration,
}

/// The keys with which tokens are signed and verified. Made once at start.
pub struct TokenKeys {
    /// Signs and verifies.
    own: OwnKey,
    /// Tokens signed with it before are still valid.
    previous: Option<OwnKey>,
    own_validation: Validation,
    lifetimes: TokenLifetimes,
    outside: Option<OutsideKey>,
}

impl TokenKeys {
    /// `secret` is the raw bytes of our HS256 key; the settings see to it that there are at least 32.
    pub fn new(secret: &[u8], lifetimes: TokenLifetimes, outside: Option<OutsideKey>) -> Self {
        TokenKeys {
            own: OwnKey::new(secret),
            previous: None,
            own_validation: signature_only(Algorithm::HS256),
            lifetimes,
            outside,
        }
    }

    /// Tokens signed with the previous secret stay valid.
    pub fn with_previous(self, secret: &[u8]) -> Self {
        TokenKeys { previous: Some(OwnKey::new(secret)), ..self }
    }

    /// `jti` comes from the caller, as all chance does.
    pub fn issue_access(&self, subject: &Subject, now: DateTime<Utc>, jti: Uuid) -> IssuedToken {
        self.issue(subject, Use::Access, now, now + self.lifetimes.access, jti)
    }

    /// The caller keeps `jti`, to know the token again.
    pub fn issue_refresh(&self, subject: &Subject, now: DateTime<Utc>, jti: Uuid) -> IssuedToken {
        self.issue(subject, Use::Refresh, now, now + self.lifetimes.refresh, jti)
    }

    /// An access token with an end of its own.
    pub fn issue_until(
        &self,
        subject: &Subject,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        jti: Uuid,
    ) -> IssuedToken {
        self.issue(subject, Use::Access, now, until, jti)
    }

    fn issue(
        &self,
        subject: &Subject,
        typ: Use,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
        jti: Uuid,
    ) -> IssuedToken {
        let claims = Claims {
            sub: subject.account_id,
            role: subject.role,
            typ,
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
            jti,
            driver_id: subject.driver_id,
            customer_id: subject.customer_id,
            sid: subject.session,
        };
        IssuedToken { text: self.sign(&claims), claims }
    }

    /// Signs with our key whatever it is given, expired claims too.
    pub fn sign(&self, claims: &Claims) -> String {
        let header = Header { kid: Some(self.own.id.clone()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, claims, &self.own.signing)
            .expect("claims are plain JSON and HMAC takes any key")
    }

    /// The token's claims, if it is valid for `wanted` at the time `now`.
    pub fn verify(&self, token: &str, wanted: Use, now: DateTime<Utc>) -> Result<VerifiedClaims, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let header = jsonwebtoken::decode_header(token).map_err(refusal)?;
        // An issuer that marks a header as critical wants it refused by those that don't understand it; we understand
        // none.
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        if header.alg == Algorithm::HS256 {
            return self.said_by_us(token, header.kid.as_deref())?.check(Issuer::Own, wanted, now);
        }
        let outside = self.outside.as_ref().filter(|outside| outside.algorithm == header.alg);
        let outside = outside.ok_or(TokenError::Algorithm)?;
        let said = jsonwebtoken::decode::<OutsideClaims>(token, &outside.key, &outside.validation);
        let verified = said.map_err(refusal)?.claims.in_ours()?.check(Issuer::Outside, wanted, now)?;
        Ok(VerifiedClaims { may_be: outside.roles, ..verified })
    }

    /// With the key that the token names. One without a `kid` was signed before keys had one, or by somebody who shares a secret of
    /// ours and may call it otherwise: either key may have signed it.
    fn said_by_us(&self, token: &str, kid: Option<&str>) -> Result<SaidClaims, TokenError> {
        let keys = [Some(&self.own), self.previous.as_ref()];
        let named = keys.into_iter().flatten().find(|key| Some(key.id.as_str()) == kid);
        let mut candidates = keys.into_iter().flatten().filter(|key| named.is_none_or(|it| it.id == key.id));
        let mut outcome = Err(TokenError::Signature);
        while let (Err(TokenError::Signature), Some(key)) = (&outcome, candidates.next()) {
            let said = jsonwebtoken::decode::<SaidClaims>(token, &key.verifying, &self.own_validation);
            outcome = said.map(|said| said.claims).map_err(refusal);
        }
        outcome
    }

    /// Tells texts apart without laying them open: their HMAC under our key.
    pub fn fingerprint(&self, text: &[u8]) -> String {
        keyed(&self.own.signing, b"fingerprint:", text)
    }

    /// The same under the key before this one, for what was kept since then.
    pub fn previous_fingerprint(&self, text: &[u8]) -> Option<String> {
        self.previous.as_ref().map(|key| keyed(&key.signing, b"fingerprint:", text))
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outside = self.outside.as_ref().map(|outside| outside.algorithm);
        f.debug_struct("TokenKeys").field("outside", &outside).finish_non_exhaustive()
    }
}

/// A token's claims before they are believed: any may be missing.
#[derive(Deserialize)]
struct SaidClaims {
    sub: Option<Uuid>,
    role: Option<Role>,
    typ: Option<Use>,
    #[serde(default, deserialize_with = "numeric_date")]
    exp: Option<i64>,
    #[serde(default, deserialize_with = "numeric_date")]
    iat: Option<i64>,
    #[serde(default, deserialize_with = "numeric_date")]
    nbf: Option<i64>,
    jti: Option<String>,
    driver_id: Option<i64>,
    customer_id: Option<i64>,
    sid: Option<Value>,
}

/// The claims of an outside issuer's token that we check. Each claim may have the issuer's own shape: Keycloak's `typ`
/// is `Bearer`, Supabase's `role` is `authenticated`, others number their tokens. `jti` is not read at all: only a
/// refresh token is known again by it, and those are never the issuer's.
#[derive(Deserialize)]
struct OutsideClaims {
    sub: Option<Uuid>,
    #[serde(default)]
    role: Value,
    #[serde(default)]
    typ: Value,
    #[serde(default, deserialize_with = "numeric_date")]
    exp: Option<i64>,
    #[serde(default, deserialize_with = "numeric_date")]
    nbf: Option<i64>,
    #[serde(default)]
    driver_id: Value,
    #[serde(default)]
    customer_id: Value,
}

impl OutsideClaims {
    /// Claims in our words count; a role or an id of another kind is the issuer's, and says nothing about an account
    /// here. Only `typ` must be known: a token that is not for access must never pass as one.
    fn in_ours(self) -> Result<SaidClaims, TokenError> {
        let typ = match &self.typ {
            Value::Null => None,
            Value::String(word)
                if word.eq_ignore_ascii_case("access") || word.eq_ignore_ascii_case("bearer") =>
            {
                Some(Use::Access)
            }
            _ => return Err(TokenError::WrongUse),
        };
        Ok(SaidClaims {
            sub: self.sub,
            role: Role::deserialize(self.role).ok(),
            typ,
            exp: self.exp,
            // Revoking goes by time for our own alone.
            iat: None,
            nbf: self.nbf,
            jti: None,
            driver_id: own_id(&self.driver_id),
            customer_id: own_id(&self.customer_id),
            // It means a log-in there.
            sid: None,
        })
    }
}

/// A number, or one in text, as issuers keep custom claims.
fn own_id(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Seconds since 1970, for which RFC 7519 allows fractions.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let number = Option::<serde_json::Number>::deserialize(deserializer)?;
    Ok(number.and_then(|number| number.as_i64().or_else(|| number.as_f64().map(|secs| secs.floor() as i64))))
}

impl SaidClaims {
    fn check(self, issuer: Issuer, wanted: Use, now: DateTime<Utc>) -> Result<VerifiedClaims, TokenError> {
        let exp = self.exp.ok_or(TokenError::MissingClaim("exp"))?;
        let expires_at = DateTime::from_timestamp(exp, 0).ok_or(TokenError::Malformed)?;
        if now - EXPIRY_LEEWAY >= expires_at {
            return Err(TokenError::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf > (now + EXPIRY_LEEWAY).timestamp()) {
            return Err(TokenError::NotYetValid);
        }
        let sub = self.sub.ok_or(TokenError::MissingClaim("sub"))?;
        let jti = self.jti.as_deref().and_then(|jti| jti.parse().ok());
        self.check_use(issuer, wanted)?;
        if wanted == Use::Refresh && jti.is_none() {
            return Err(TokenError::MissingClaim("jti"));
        }
        let issued_at = self.iat.unwrap_or(0);
        let session = self.sid.and_then(|sid| sid.as_str()?.parse().ok());
        let SaidClaims { role, driver_id, customer_id, .. } = self;
        Ok(VerifiedClaims {
            issuer,
            sub,
            role,
            driver_id,
            customer_id,
            jti,
            issued_at,
            expires_at,
            session,
            may_be: Roles::ALL,
        })
    }

    fn check_use(&self, issuer: Issuer, wanted: Use) -> Result<(), TokenError> {
        let typ = match (issuer, self.typ) {
            // Also somebody who shares our secret may sign without one; a refresh token of ours always has it.
            (Issuer::Own, typ) => typ.unwrap_or(Use::Access),
            // Never a refresh token: we keep no record of outside ones, so they could be used for ever.
            (Issuer::Outside, _) => Use::Access,
        };
        if typ == wanted { Ok(()) } else { Err(TokenError::WrongUse) }
    }
}

fn refusal(error: jsonwebtoken::errors::Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => TokenError::Algorithm,
        ErrorKind::InvalidIssuer => TokenError::WrongIssuer,
        ErrorKind::InvalidAudience => TokenError::WrongAudience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => TokenError::MissingClaim("iss"),
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => TokenError::MissingClaim("aud"),
        _ => TokenError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::EncodingKey;
    use serde_json::json;

    // Keys for these tests and nothing else.
    const RS256_PRIVATE: &[u8] = include_bytes!("testdata/rs256-private.pem");
    const RS256_PUBLIC: &[u8] = include_bytes!("testdata/rs256-public.pem");
    const ES256_PRIVATE: &[u8] = include_bytes!("testdata/es256-private.pem");
    const ES256_PUBLIC: &[u8] = include_bytes!("testdata/es256-public.pem");
    const P384_PUBLIC: &[u8] = include_bytes!("testdata/p384-public.pem");
    const RSA1024_PUBLIC: &[u8] = include_bytes!("testdata/rsa1024-public.pem");
    const SECRET: &[u8] = b"thirty-two bytes for these tests";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn lifetimes() -> TokenLifetimes {
        TokenLifetimes { access: Duration::from_secs(3600), refresh: Duration::from_secs(30 * 86_400) }
    }

    fn own_keys() -> TokenKeys {
        TokenKeys::new(SECRET, lifetimes(), None)
    }

    fn keys_with(pem: &[u8], issuer: Option<&str>, audience: Option<&str>) -> TokenKeys {
        let outside = OutsideKey::from_pem(pem, issuer, audience, Roles::ALL).unwrap();
        TokenKeys::new(SECRET, lifetimes(), Some(outside))
    }

    fn driver() -> Subject {
        Subject {
            account_id: Uuid::from_u128(123),
            role: Role::Driver,
            driver_id: Some(123),
            customer_id: None,
            session: Some(Uuid::from_u128(5)),
        }
    }

    /// The claims of a good access token of ours, to be spoiled.
    fn good() -> Value {
        json!({"sub": Uuid::from_u128(123), "role": "driver", "typ": "access", "iat": now().timestamp(),
               "exp": now().timestamp() + 60, "jti": Uuid::from_u128(9), "driver_id": 123})
    }

    /// Nothing but what we signed is good, and whatever is signed is read or refused.
    #[test]
    fn any_text_is_no_token_but_ours() {
        let token = signed(Algorithm::HS256, &good());
        let outside = signed(Algorithm::ES256, &good());
        let keys = keys_with(ES256_PUBLIC, None, None);
        crate::fuzzing::each_text("tokens", &[&token, "e30.e30.e30", "a.b.c"], |text| {
            assert!(text == token || keys.verify(text, Use::Access, now()).is_err(), "{text}");
        });
        // A signature of this kind takes milliseconds to look at.
        assert!(keys.verify(&outside, Use::Refresh, now()).is_err());
        crate::fuzzing::each_text("claims", &[&good().to_string()], |text| {
            if let Ok(claims) = serde_json::from_str::<Value>(text) {
                let _ = own_keys().verify(&signed(Algorithm::HS256, &claims), Use::Access, now());
            }
        });
    }

    fn without(claim: &str) -> Value {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(claim).unwrap();
        claims
    }

    fn with(claim: &str, value: Value) -> Value {
        let mut claims = good();
        claims[claim] = value;
        claims
    }

    fn signed(algorithm: Algorithm, claims: &Value) -> String {
        let key = match algorithm {
            Algorithm::RS256 | Algorithm::RS512 | Algorithm::PS256 => {
                EncodingKey::from_rsa_pem(RS256_PRIVATE).unwrap()
            }
            Algorithm::ES256 => EncodingKey::from_ec_pem(ES256_PRIVATE).unwrap(),
            _ => EncodingKey::from_secret(SECRET),
        };
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    fn verify_own(claims: &Value, wanted: Use) -> Result<VerifiedClaims, TokenError> {
        own_keys().verify(&signed(Algorithm::HS256, claims), wanted, now())
    }

    #[test]
    fn what_we_issue_we_accept_for_its_use_alone() {
        let keys = own_keys();
        let jti = Uuid::from_u128(7);
        let access = keys.issue_access(&driver(), now(), jti);
        let refresh = keys.issue_refresh(&driver(), now(), jti);
        let verified = keys.verify(&access.text, Use::Access, now()).unwrap();
        assert_eq!(
            verified,
            VerifiedClaims {
                issuer: Issuer::Own,
                sub: Uuid::from_u128(123),
                role: Some(Role::Driver),
                driver_id: Some(123),
                customer_id: None,
                jti: Some(jti),
                issued_at: now().timestamp(),
                expires_at: now() + TimeDelta::hours(1),
                session: Some(Uuid::from_u128(5)),
                may_be: Roles::ALL,
            }
        );
        let verified = keys.verify(&refresh.text, Use::Refresh, now()).unwrap();
        assert_eq!(verified.expires_at, now() + TimeDelta::days(30));
        assert_eq!(keys.verify(&refresh.text, Use::Access, now()), Err(TokenError::WrongUse));
        assert_eq!(keys.verify(&access.text, Use::Refresh, now()), Err(TokenError::WrongUse));
    }

    /// Anyone who could make the issuer sign for an operator's id was an operator.
    #[test]
    fn a_token_says_whom_it_may_let_in() {
        let roles = Roles::of([Role::Driver]);
        let outside = OutsideKey::from_pem(RS256_PUBLIC, None, None, roles).unwrap();
        let keys = TokenKeys::new(SECRET, lifetimes(), Some(outside));
        let may_be = |algorithm| {
            keys.verify(&signed(algorithm, &good()), Use::Access, now()).map(|verified| verified.may_be)
        };
        assert_eq!(may_be(Algorithm::RS256), Ok(roles));
        assert_eq!(may_be(Algorithm::HS256), Ok(Roles::ALL));
    }

    /// Another secret logged everybody out.
    #[test]
    fn a_secret_is_changed_without_refusing_what_was_signed_before() {
        let new = b"a newer secret of 32 bytes or so";
        let rotated = || TokenKeys::new(new, lifetimes(), None).with_previous(SECRET);
        let token = |keys: &TokenKeys| keys.issue_access(&driver(), now(), Uuid::from_u128(7)).text;
        let is_good = |keys: &TokenKeys, token: &str| keys.verify(token, Use::Access, now()).map(drop);
        let (before, after) = (token(&own_keys()), token(&rotated()));
        let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid;
        assert_ne!(kid(&before), kid(&after));
        assert_eq!(kid(&after).map(|kid| kid.len()), Some(11));
        // From before keys were named, and by somebody who shares the secret and has a name of their own for it.
        let unnamed = signed(Algorithm::HS256, &good());
        let header = Header { kid: Some("theirs".to_owned()), ..Header::new(Algorithm::HS256) };
        let theirs = jsonwebtoken::encode(&header, &good(), &EncodingKey::from_secret(SECRET)).unwrap();
        for token in [&before, &after, &unnamed, &theirs] {
            assert_eq!(is_good(&rotated(), token), Ok(()));
        }
        let done = TokenKeys::new(new, lifetimes(), None);
        for token in [&before, &unnamed, &theirs] {
            assert_eq!(is_good(&done, token), Err(TokenError::Signature));
        }
        assert_eq!(is_good(&done, &after), Ok(()));
        // A name is no proof.
        let header = Header { kid: kid(&after), ..Header::new(Algorithm::HS256) };
        let forged = jsonwebtoken::encode(&header, &good(), &EncodingKey::from_secret(SECRET)).unwrap();
        assert_eq!(is_good(&rotated(), &forged), Err(TokenError::Signature));
        assert_eq!(rotated().previous_fingerprint(b"one"), Some(own_keys().fingerprint(b"one")));
    }

    #[test]
    fn a_fingerprint_tells_texts_apart_and_takes_our_key() {
        let keys = own_keys();
        assert_eq!(keys.fingerprint(b"one"), keys.fingerprint(b"one"));
        assert_ne!(keys.fingerprint(b"one"), keys.fingerprint(b"other"));
        let lifetimes = TokenLifetimes { access: Duration::from_secs(60), refresh: Duration::from_secs(60) };
        let stranger = TokenKeys::new(b"another thirty-two bytes of text", lifetimes, None);
        assert_ne!(keys.fingerprint(b"one"), stranger.fingerprint(b"one"));
    }

    #[test]
    fn a_token_says_what_the_contract_lists_and_its_log_in_and_no_more() {
        let issued = own_keys().issue_access(&driver(), now(), Uuid::from_u128(7));
        let said: Value = jsonwebtoken::dangerous::insecure_decode(&issued.text).unwrap().claims;
        let expected = json!({"sub": Uuid::from_u128(123), "role": "driver", "typ": "access",
            "iat": 1_800_000_000, "exp": 1_800_003_600, "jti": Uuid::from_u128(7), "driver_id": 123,
            "sid": Uuid::from_u128(5)});
        assert_eq!(said, expected);
    }

    /// Also shows that exactly one crypto provider is built in: with none or two the library panics at first use.
    #[test]
    fn outside_tokens_of_both_algorithms_are_accepted_beside_ours() {
        for (pem, algorithm) in [(RS256_PUBLIC, Algorithm::RS256), (ES256_PUBLIC, Algorithm::ES256)] {
            let keys = keys_with(pem, None, None);
            let verified = keys.verify(&signed(algorithm, &good()), Use::Access, now()).unwrap();
            assert_eq!(verified.issuer, Issuer::Outside);
            assert_eq!(verified.driver_id, Some(123));
            let own = keys.issue_access(&driver(), now(), Uuid::from_u128(7));
            assert_eq!(keys.verify(&own.text, Use::Access, now()).unwrap().issuer, Issuer::Own);
        }
    }

    #[test]
    fn an_outside_token_may_leave_out_all_but_sub_and_exp() {
        let keys = keys_with(ES256_PUBLIC, None, None);
        let least = json!({"sub": Uuid::from_u128(5), "exp": now().timestamp() + 60, "jti": "any text"});
        let verified = keys.verify(&signed(Algorithm::ES256, &least), Use::Access, now()).unwrap();
        assert_eq!((verified.role, verified.driver_id, verified.jti), (None, None, None));
        for missing in ["sub", "exp"] {
            let token = signed(Algorithm::ES256, &without(missing));
            assert_eq!(keys.verify(&token, Use::Access, now()), Err(TokenError::MissingClaim(missing)));
        }
    }

    #[test]
    fn an_outside_token_never_refreshes() {
        let keys = keys_with(ES256_PUBLIC, None, None);
        let token = signed(Algorithm::ES256, &with("typ", json!("refresh")));
        assert_eq!(keys.verify(&token, Use::Refresh, now()), Err(TokenError::WrongUse));
        assert_eq!(keys.verify(&token, Use::Access, now()), Err(TokenError::WrongUse));
        let untyped = signed(Algorithm::ES256, &without("typ"));
        assert_eq!(keys.verify(&untyped, Use::Refresh, now()), Err(TokenError::WrongUse));
    }

    fn verify_outside(claims: &Value) -> Result<VerifiedClaims, TokenError> {
        let keys = keys_with(ES256_PUBLIC, None, None);
        keys.verify(&signed(Algorithm::ES256, claims), Use::Access, now())
    }

    /// Keycloak says `Bearer` of its access tokens, and `ID` and `Refresh` of the others.
    #[test]
    fn the_use_of_an_outside_token_is_said_in_the_issuers_words() {
        for typ in [json!("Bearer"), json!("bearer"), json!("BEARER"), json!("Access"), Value::Null] {
            assert!(verify_outside(&with("typ", typ.clone())).is_ok(), "{typ}");
        }
        for typ in ["ID", "id", "Refresh", "refresh", "REFRESH", "Offline", "Logout", "DPoP", "JWT", ""] {
            assert_eq!(verify_outside(&with("typ", json!(typ))), Err(TokenError::WrongUse), "{typ}");
        }
        for typ in [json!(1), json!(["Bearer"]), json!({"typ": "Bearer"}), json!(true)] {
            assert_eq!(verify_outside(&with("typ", typ.clone())), Err(TokenError::WrongUse), "{typ}");
        }
    }

    /// One claim of an unusual shape made the whole token unreadable.
    #[test]
    fn claims_of_the_issuers_own_shape_do_not_matter() {
        let mut keycloak = good();
        let theirs = json!({"typ": "Bearer", "jti": 4711, "iat": "2027-01-15T08:00:00Z", "azp": ["shop", 7],
            "aud": ["account", "fleet"], "realm_access": {"roles": ["offline_access"]}, "scope": ["openid"],
            "role": ["driver"], "driver_id": {"id": 9}, "customer_id": null});
        keycloak.as_object_mut().unwrap().extend(theirs.as_object().unwrap().clone());
        let verified = verify_outside(&keycloak).unwrap();
        assert_eq!((verified.role, verified.driver_id, verified.customer_id), (None, None, None));
        let claim = |name: &str, value: Value| verify_outside(&with(name, value)).unwrap();
        for jti in [json!(4711), json!(1.5), json!({}), json!("any text")] {
            assert_eq!(claim("jti", jti).jti, None);
        }
        assert_eq!(claim("role", json!("authenticated")).role, None);
        assert_eq!(claim("role", json!("driver")).role, Some(Role::Driver));
        assert_eq!(claim("driver_id", json!("123")).driver_id, Some(123));
        for of_theirs in [json!("d-123"), json!(1.5), json!([123])] {
            assert_eq!(claim("driver_id", of_theirs).driver_id, None);
        }
    }

    #[test]
    fn an_outside_token_still_needs_an_account_and_times_that_can_be_judged() {
        for (name, value) in [("sub", json!("driver1")), ("exp", json!("1900000000")), ("nbf", json!("soon"))]
        {
            assert_eq!(verify_outside(&with(name, value)), Err(TokenError::Malformed), "{name}");
        }
        assert_eq!(verify_outside(&with("exp", json!(now().timestamp() - 60))), Err(TokenError::Expired));
        let later = with("nbf", json!(now().timestamp() + 60));
        assert_eq!(verify_outside(&later), Err(TokenError::NotYetValid));
    }

    #[test]
    fn issuer_and_audience_are_demanded_where_they_are_set() {
        let keys = keys_with(RS256_PUBLIC, Some("https://issuer.example"), Some("fleet"));
        let verify = |iss: Value, aud: Value| {
            let mut claims = good();
            claims["iss"] = iss;
            claims["aud"] = aud;
            keys.verify(&signed(Algorithm::RS256, &claims), Use::Access, now()).map(|_| ())
        };
        let issuer = || json!("https://issuer.example");
        assert_eq!(verify(issuer(), json!("fleet")), Ok(()));
        assert_eq!(verify(issuer(), json!(["other", "fleet"])), Ok(()));
        assert_eq!(verify(issuer(), json!("other")), Err(TokenError::WrongAudience));
        assert_eq!(verify(issuer(), Value::Null), Err(TokenError::MissingClaim("aud")));
        assert_eq!(verify(json!("https://else.example"), json!("fleet")), Err(TokenError::WrongIssuer));
        assert_eq!(verify(Value::Null, json!("fleet")), Err(TokenError::MissingClaim("iss")));
    }

    #[test]
    fn a_token_is_good_until_five_seconds_after_its_expiry() {
        let token = signed(Algorithm::HS256, &with("exp", json!(now().timestamp())));
        let verify_at = |ms| own_keys().verify(&token, Use::Access, now() + TimeDelta::milliseconds(ms));
        let verified = verify_at(4_999).unwrap();
        assert_eq!(verified.session_ends_at(), now() + TimeDelta::seconds(5));
        assert_eq!(verify_at(5_000), Err(TokenError::Expired));
    }

    #[test]
    fn times_may_be_fractions_but_not_text_nor_out_of_range() {
        let exp = now().timestamp() as f64 + 60.75;
        let expires_at = verify_own(&with("exp", json!(exp)), Use::Access).unwrap().expires_at;
        assert_eq!(expires_at, now() + TimeDelta::seconds(60));
        for exp in [json!("1900000000"), json!(1e300), json!(u64::MAX), json!(true)] {
            assert_eq!(verify_own(&with("exp", exp), Use::Access), Err(TokenError::Malformed));
        }
        assert_eq!(verify_own(&with("exp", json!(-1)), Use::Access), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_for_later_is_refused_until_then() {
        let at = |secs: i64| verify_own(&with("nbf", json!(now().timestamp() + secs)), Use::Access);
        assert_eq!(at(6), Err(TokenError::NotYetValid));
        assert!(at(5).is_ok());
    }

    #[test]
    fn a_token_needs_a_subject_and_an_end_and_is_for_access_where_it_does_not_say() {
        for missing in ["sub", "exp"] {
            assert_eq!(verify_own(&without(missing), Use::Access), Err(TokenError::MissingClaim(missing)));
        }
        for optional in ["role", "typ", "driver_id", "iat", "jti"] {
            assert!(verify_own(&without(optional), Use::Access).is_ok(), "{optional}");
        }
        assert_eq!(verify_own(&without("typ"), Use::Refresh), Err(TokenError::WrongUse));
        let mut refresh = without("jti");
        refresh["typ"] = json!("refresh");
        assert_eq!(verify_own(&refresh, Use::Refresh), Err(TokenError::MissingClaim("jti")));
    }

    #[test]
    fn claims_of_the_wrong_kind_are_refused() {
        for (claim, value) in [
            ("sub", json!("driver1")),
            ("role", json!("root")),
            ("typ", json!("id")),
            ("driver_id", json!("123")),
            ("driver_id", json!(1.5)),
        ] {
            assert_eq!(verify_own(&with(claim, value), Use::Access), Err(TokenError::Malformed), "{claim}");
        }
    }

    #[test]
    fn a_foreign_algorithm_is_refused_whatever_the_key() {
        let keys = keys_with(RS256_PUBLIC, None, None);
        for algorithm in
            [Algorithm::HS384, Algorithm::HS512, Algorithm::ES256, Algorithm::RS512, Algorithm::PS256]
        {
            let token = signed(algorithm, &good());
            assert_eq!(keys.verify(&token, Use::Access, now()), Err(TokenError::Algorithm), "{algorithm:?}");
        }
        let rs256 = signed(Algorithm::RS256, &good());
        assert_eq!(own_keys().verify(&rs256, Use::Access, now()), Err(TokenError::Algorithm));
    }

    /// The old confusion: the public key is known to all, so it must not pass for a shared secret.
    #[test]
    fn a_public_key_is_no_secret() {
        let forged = jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &good(),
            &EncodingKey::from_secret(RS256_PUBLIC),
        );
        let keys = keys_with(RS256_PUBLIC, None, None);
        assert_eq!(keys.verify(&forged.unwrap(), Use::Access, now()), Err(TokenError::Signature));
    }

    #[test]
    fn another_secret_or_a_changed_claim_is_a_wrong_signature() {
        let other = TokenKeys::new(b"another thirty-two bytes of them", lifetimes(), None);
        let token = other.issue_access(&driver(), now(), Uuid::from_u128(7)).text;
        assert_eq!(own_keys().verify(&token, Use::Access, now()), Err(TokenError::Signature));

        let mine = signed(Algorithm::HS256, &good());
        let theirs = signed(Algorithm::HS256, &with("driver_id", json!(124)));
        let (head_and_claims, _) = theirs.rsplit_once('.').unwrap();
        let (_, signature) = mine.rsplit_once('.').unwrap();
        let spliced = format!("{head_and_claims}.{signature}");
        assert_eq!(own_keys().verify(&spliced, Use::Access, now()), Err(TokenError::Signature));
    }

    #[test]
    fn none_is_no_algorithm() {
        // {"alg":"none","typ":"JWT"}, in both spellings that libraries have fallen for.
        for header in ["eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0", "eyJhbGciOiJOb25lIiwidHlwIjoiSldUIn0"] {
            let token = signed(Algorithm::HS256, &good());
            let mut parts = token.split('.').skip(1);
            let (claims, signature) = (parts.next().unwrap(), parts.next().unwrap());
            for forged in [format!("{header}.{claims}."), format!("{header}.{claims}.{signature}")] {
                assert_eq!(own_keys().verify(&forged, Use::Access, now()), Err(TokenError::Malformed));
            }
        }
    }

    #[test]
    fn a_header_that_must_be_understood_is_refused() {
        let mut header = Header::new(Algorithm::HS256);
        header.crit = Some(vec!["b64".to_owned()]);
        let token = jsonwebtoken::encode(&header, &good(), &EncodingKey::from_secret(SECRET)).unwrap();
        assert_eq!(own_keys().verify(&token, Use::Access, now()), Err(TokenError::Malformed));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let keys = own_keys();
        let good = signed(Algorithm::HS256, &good());
        for text in
            ["", ".", "..", "null", "undefined", &good[..20], &format!("{good}.x"), &format!(" {good}")]
        {
            assert!(keys.verify(text, Use::Access, now()).is_err(), "{text:?}");
        }
        let long = "a".repeat(TOKEN_BYTES_MAX + 1);
        assert_eq!(keys.verify(&long, Use::Access, now()), Err(TokenError::TooLong));
    }

    #[test]
    fn a_key_that_could_verify_nothing_is_refused_at_once() {
        let refusal = |pem: &[u8]| OutsideKey::from_pem(pem, None, None, Roles::ALL).map(|_| ()).unwrap_err();
        assert_eq!(refusal(RS256_PRIVATE), KeyError::PrivateKey);
        assert_eq!(refusal(ES256_PRIVATE), KeyError::PrivateKey);
        assert_eq!(refusal(P384_PUBLIC), KeyError::Unsupported);
        assert_eq!(refusal(RSA1024_PUBLIC), KeyError::WeakRsa);
        assert_eq!(
            refusal(b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"),
            KeyError::NotPublicKeyPem
        );
        assert_eq!(
            refusal(b"-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"),
            KeyError::Unsupported
        );
        assert_eq!(refusal(b""), KeyError::NotPublicKeyPem);
        assert_eq!(refusal(b"\xff\xfe"), KeyError::NotPublicKeyPem);
    }

    #[test]
    fn debug_output_has_no_key_and_no_token() {
        let keys = keys_with(RS256_PUBLIC, None, None);
        let issued = keys.issue_access(&driver(), now(), Uuid::from_u128(7));
        let shown = format!("{keys:?} {issued:?}");
        assert!(!shown.contains("thirty-two") && !shown.contains(&issued.text), "{shown}");
    }
}
