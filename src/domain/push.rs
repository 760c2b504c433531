//! The types of push that all layers share: the services, their tokens, and the urgency of a notification.
//!
//! Invariant: a [`PushToken`] can be stored and sent unchanged, and never appears in a log.

use crate::domain::words::words;
use std::fmt;

words! {
    /// A service that carries notifications to devices.
    PushService {
        Fcm = "fcm",
        Apns = "apns",
        Expo = "expo",
    }
}

/// Whether a notification may wait for the phone's convenience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Priority {
    Normal,
    High,
}

/// The key that Apple's payload reserves.
pub const APS: &str = "aps";

/// A key of a notification's data that a service reserves: FCM refuses the message, or its library on the phone removes
/// the key, and Apple's `aps` is the text. Such data never arrives, so its sender should hear that at once.
pub fn is_reserved_key(key: &str) -> bool {
    ["from", "message_type", "collapse_key", APS].contains(&key)
        || key.starts_with("google.")
        || key.starts_with("gcm.")
}

/// The longest token that any service gives out is far shorter; more is somebody's mistake.
pub const PUSH_TOKEN_BYTES_MAX: usize = 500;

/// The token by which a service finds one device. Anyone who has it can send there, so neither `Debug` nor anything
/// else shows it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PushToken(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a push token has 1 to {PUSH_TOKEN_BYTES_MAX} printable ASCII characters and no spaces")]
pub struct BadPushToken;

impl PushToken {
    pub fn new(text: impl Into<String>) -> Result<Self, BadPushToken> {
        let text = text.into();
        let fits = (1..=PUSH_TOKEN_BYTES_MAX).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(PushToken(text))
        } else {
            Err(BadPushToken)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part between the brackets of `ExponentPushToken[…]` or `ExpoPushToken[…]`: Expo accepts no other form.
    pub fn is_expo(&self) -> bool {
        let inner = self.0.strip_prefix("ExponentPushToken[").or(self.0.strip_prefix("ExpoPushToken["));
        let inner = inner.and_then(|rest| rest.strip_suffix(']'));
        inner.is_some_and(|inner| !inner.is_empty() && !inner.contains(['[', ']']))
    }

    /// Hexadecimal, of any length: Apple says not to rely on one.
    pub fn is_apns(&self) -> bool {
        self.0.len().is_multiple_of(2) && self.0.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

impl fmt::Debug for PushToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> PushToken {
        PushToken::new(text).unwrap()
    }

    #[test]
    fn a_token_is_printable_without_blanks_and_not_too_long() {
        for good in
            ["fcm_token_here", "~", "ExponentPushToken[a b]".replace(' ', "").as_str(), &"x".repeat(500)]
        {
            assert!(PushToken::new(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "tab\t", "é", "null\0", &"x".repeat(501)] {
            assert_eq!(PushToken::new(bad), Err(BadPushToken), "{bad:?}");
        }
    }

    #[test]
    fn a_token_never_shows_itself() {
        assert_eq!(format!("{:?}", token("hunter2")), "PushToken(..)");
    }

    #[test]
    fn the_forms_of_the_services_are_told_apart() {
        for expo in ["ExponentPushToken[abc-_123]", "ExpoPushToken[x]"] {
            assert!(token(expo).is_expo() && !token(expo).is_apns(), "{expo}");
        }
        for other in [
            "expo_token_here",
            "ExpoPushToken[]",
            "ExpoPushToken[x",
            "xExpoPushToken[x]",
            "ExpoPushToken[x]]",
        ] {
            assert!(!token(other).is_expo(), "{other}");
        }
        assert!(token(&"0aF9".repeat(16)).is_apns() && token("00").is_apns());
        assert!(!token("abc").is_apns() && !token("../3/device/00").is_apns());
    }

    #[test]
    fn a_service_is_read_as_it_is_written() {
        for service in PushService::ALL {
            assert_eq!(PushService::parse(service.as_str()), Some(service));
        }
        assert_eq!(PushService::parse("FCM"), None);
    }
}
