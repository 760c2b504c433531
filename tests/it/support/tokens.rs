//! Tokens that a test makes itself, with the secret that it gave the server: valid ones, and each kind of invalid one.

use chrono::Utc;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Value, json};

/// The signing secret of every server under test.
pub const SECRET: &str = "a secret that only the scenarios know, and long enough";

/// `{"alg":"none","typ":"JWT"}` in base64url.
const HEADER_ALG_NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

/// The claims of a token of the server, without its expiry.
pub fn claims(token: &str) -> Value {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    decode::<Value>(token, &key, &validation).expect("the server's tokens verify with its secret").claims
}

/// The same account's access token with another end.
pub fn expiring_in(token: &str, secs: i64) -> String {
    changed(token, |claims| claims["exp"] = json!(Utc::now().timestamp() + secs))
}

/// The same token after `change`, signed with the server's secret.
pub fn changed(token: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims(token);
    change(&mut claims);
    signed(&claims, SECRET)
}

pub fn signed_with_foreign_secret(token: &str) -> String {
    signed(&claims(token), "another secret, just as long as the real one is")
}

/// The same claims without a signature, as `alg` none has it.
pub fn unsigned(token: &str) -> String {
    let payload = token.split('.').nth(1).expect("a token has three parts");
    format!("{HEADER_ALG_NONE}.{payload}.")
}

fn signed(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(Algorithm::HS256), claims, &key).expect("claims can be signed")
}
