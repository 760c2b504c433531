//! The keys behind tokens: secrets of ours, and the public key of an outside issuer. `tokens` decides which of them
//! checks a token, and reads it.

use crate::domain::role::Roles;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};

/// Why the outside issuer's key can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("not a public key in PEM form (BEGIN PUBLIC KEY or BEGIN RSA PUBLIC KEY)")]
    NotPublicKeyPem,
    #[error("a private key: give the issuer's public key, and treat this one as compromised")]
    PrivateKey,
    #[error("an RSA key of fewer than 2048 bits")]
    WeakRsa,
    #[error("neither an RSA key (RS256) nor a key on P-256 (ES256)")]
    Unsupported,
}

/// A secret of ours, and the `kid` by which its tokens name it.
pub(super) struct OwnKey {
    pub signing: EncodingKey,
    pub verifying: DecodingKey,
    pub id: String,
}

impl OwnKey {
    pub fn new(secret: &[u8]) -> Self {
        let signing = EncodingKey::from_secret(secret);
        let mut id = keyed(&signing, b"kid:", b"");
        // 66 bits tell two keys apart, and say nothing of either.
        id.truncate(11);
        OwnKey { verifying: DecodingKey::from_secret(secret), signing, id }
    }
}

/// The HMAC of a text under a key of ours. The prefix says what for, and keeps it from being a signature of anything: what is signed
/// in a token begins with base64, which has no colon.
pub(super) fn keyed(key: &EncodingKey, prefix: &[u8], text: &[u8]) -> String {
    let message = [prefix, text].concat();
    jsonwebtoken::crypto::sign(&message, key, Algorithm::HS256).expect("HMAC takes any key and any text")
}

/// The public key of an outside issuer whose tokens are accepted besides ours.
pub struct OutsideKey {
    pub(super) key: DecodingKey,
    pub(super) algorithm: Algorithm,
    pub(super) validation: Validation,
    /// The roles whose accounts its tokens may let in.
    pub(super) roles: Roles,
}

impl OutsideKey {
    /// The kind of key decides the algorithm. Issuer and audience, where given, are demanded of each token. Accounts of other roles
    /// than these are let in by none of them.
    pub fn from_pem(
        pem: &[u8],
        issuer: Option<&str>,
        audience: Option<&str>,
        roles: Roles,
    ) -> Result<Self, KeyError> {
        let (key, algorithm) = public_key(pem)?;
        let mut validation = signature_only(algorithm);
        if let Some(issuer) = issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        if let Some(audience) = audience {
            validation.validate_aud = true;
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        Ok(OutsideKey { key, algorithm, validation, roles })
    }
}

/// Reads the key and makes sure that it can verify at all: a wrong one would only show itself as wrong signatures.
fn public_key(pem: &[u8]) -> Result<(DecodingKey, Algorithm), KeyError> {
    let text = std::str::from_utf8(pem).map_err(|_| KeyError::NotPublicKeyPem)?;
    if text.contains("PRIVATE KEY-----") {
        return Err(KeyError::PrivateKey);
    }
    // The library takes a certificate too, and then finds the wrong bits in it.
    if !text.contains("-----BEGIN PUBLIC KEY-----") && !text.contains("-----BEGIN RSA PUBLIC KEY-----") {
        return Err(KeyError::NotPublicKeyPem);
    }
    if let Ok(key) = DecodingKey::from_ec_pem(pem) {
        // A point on P-256 takes 1 + 32 + 32 bytes, compressed 1 + 32; on other curves more.
        let point_bytes = key.try_get_as_bytes().map_or(0, <[u8]>::len);
        let on_p256 = point_bytes == 65 || point_bytes == 33;
        return if on_p256 { Ok((key, Algorithm::ES256)) } else { Err(KeyError::Unsupported) };
    }
    let key = DecodingKey::from_rsa_pem(pem).map_err(|_| KeyError::Unsupported)?;
    // The modulus alone takes 256 bytes.
    if key.try_get_as_bytes().map_or(0, <[u8]>::len) <= 256 {
        return Err(KeyError::WeakRsa);
    }
    Ok((key, Algorithm::RS256))
}

/// Times are judged by us, with the caller's clock, not by the library with the ambient one.
pub(super) fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}
