//! Codes that change with time (TOTP, RFC 6238, over HOTP, RFC 4226), as the usual authenticator apps make them:
//! HMAC-SHA-1, six digits, thirty seconds. Pure: the caller passes the time and the secret, and remembers which code
//! was accepted.

use chrono::{DateTime, Utc};
use ring::hmac;
use std::fmt;
use subtle::ConstantTimeEq;

const STEP_SECS: i64 = 30;
const DIGITS: usize = 6;
/// Phones' clocks differ from ours, and people type: a code of one step earlier or later is as good.
const SKEW_STEPS: i64 = 1;
/// As long as the hash, which RFC 4226 recommends.
pub const SECRET_BYTES: usize = 20;

/// The secret that the app and the server share. Shown only to its owner.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes.to_vec())
    }

    /// As it was written by [`Secret::to_base32`].
    pub fn of_base32(text: &str) -> Option<Self> {
        let (mut bytes, mut held, mut bits) = (Vec::with_capacity(SECRET_BYTES), 0_u32, 0);
        for letter in text.bytes() {
            let value = BASE32.iter().position(|known| *known == letter)?;
            held = held << 5 | value as u32;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push((held >> bits) as u8);
                held &= (1 << bits) - 1;
            }
        }
        Some(Self(bytes))
    }

    /// Base32 without padding (RFC 4648), which is what apps take.
    pub fn to_base32(&self) -> String {
        let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0);
        for byte in &self.0 {
            held = held << 8 | u32::from(*byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text.push(char::from(BASE32[(held >> bits & 31) as usize]));
                held &= (1 << bits) - 1;
            }
        }
        if bits > 0 {
            text.push(char::from(BASE32[(held << (5 - bits) & 31) as usize]));
        }
        text
    }

    /// The URI that an app reads from a QR code.
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (encoded(issuer), encoded(account));
        let secret = self.to_base32();
        format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}\
             &period={STEP_SECS}"
        )
    }

    /// The time step whose code this is, among those that are good now and come after `last`, the newest that was taken.
    pub fn step_of(&self, code: &str, now: DateTime<Utc>, last: i64) -> Option<i64> {
        let current = now.timestamp().div_euclid(STEP_SECS);
        // A step that is ahead of all that are good was taken before the clock was set back.
        let last = if last > current + SKEW_STEPS { 0 } else { last };
        let steps = current - SKEW_STEPS..=current + SKEW_STEPS;
        // All are compared, wherever it is found.
        let good = steps.filter(|step| {
            let expected = self.code(*step);
            bool::from(expected.as_bytes().ct_eq(code.as_bytes()))
        });
        good.max().filter(|step| *step > last)
    }

    /// HOTP of a counter.
    fn code(&self, counter: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &counter.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 15);
        let four = [tag[offset] & 0x7f, tag[offset + 1], tag[offset + 2], tag[offset + 3]];
        format!("{:06}", u32::from_be_bytes(four) % 1_000_000)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A text, encoded for a URI.
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match is_plain(byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Whether somebody typed a code of an app, and no recovery code.
pub fn is_code(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new(*b"12345678901234567890")
    }

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(secs, 0).expect("a time")
    }

    /// RFC 4226, appendix D.
    #[test]
    fn codes_are_those_of_the_hotp_standard() {
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        let codes: Vec<String> = (0..10).map(|counter| secret().code(counter)).collect();
        assert_eq!(codes, expected);
    }

    /// RFC 6238, appendix B, of whose eight digits the last six are ours.
    #[test]
    fn codes_are_those_of_the_totp_standard() {
        for (secs, eight) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(secret().step_of(&eight[2..], at(secs), 0), Some(secs / 30), "{secs}");
        }
    }

    #[test]
    fn a_code_is_good_one_step_earlier_and_later_and_once() {
        let (now, step) = (at(30_000), 1000);
        let code = |step: i64| secret().code(step);
        for near in [999, 1000, 1001] {
            assert_eq!(secret().step_of(&code(near), now, 0), Some(near));
        }
        for far in [998, 1002] {
            assert_eq!(secret().step_of(&code(far), now, 0), None, "{far}");
        }
        assert_eq!(secret().step_of(&code(step), now, step), None, "it was taken");
        assert_eq!(secret().step_of(&code(999), now, step), None, "a later one was taken");
        assert_eq!(secret().step_of(&code(1001), now, step), Some(1001));
        assert_eq!(
            secret().step_of(&code(step), now, step + 100),
            Some(step),
            "taken before the clock was set back"
        );
        for wrong in ["", "12345", "1234567", "abcdef", "000000"] {
            assert_eq!(secret().step_of(wrong, now, 0), None, "{wrong}");
        }
    }

    /// RFC 4648, section 10, and the secret that the standards' vectors use.
    #[test]
    fn secrets_are_written_in_base32_and_read_again() {
        assert_eq!(secret().to_base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (bytes, text) in
            [("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("foobar", "MZXW6YTBOI")]
        {
            let written = Secret(bytes.as_bytes().to_vec());
            assert_eq!(written.to_base32(), text);
            assert_eq!(Secret::of_base32(text), Some(written));
        }
        assert_eq!(Secret::of_base32("no!"), None);
    }

    #[test]
    fn the_uri_names_issuer_and_account() {
        let uri = secret().uri("Fleetwire", "anna b@example");
        assert!(uri.starts_with("otpauth://totp/Fleetwire:anna%20b%40example?secret=GEZD"), "{uri}");
        assert!(uri.ends_with("&issuer=Fleetwire&algorithm=SHA1&digits=6&period=30"), "{uri}");
    }
}
