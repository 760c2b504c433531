//! The meaning of Apple's answers: its table of reasons as our classifications. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde::Deserialize;

use crate::providers::wording::status_and;
use crate::providers::{Answer, Arrival, Scope};

/// The connection is of no use for a while; Apple does not say how long.
const TOKEN_UPDATES_PAUSE: Duration = Duration::from_secs(60);

/// The consequence of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Final(Answer),
    /// Our provider token is too old for Apple.
    TokenExpired,
    /// The answer, and this connection can no longer be used.
    Reopen(Answer),
}

/// The facts needed besides the answer itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// `apns-id` of the answer.
    pub id: &'a str,
    pub retry_after: Option<Duration>,
    /// Whether Apple has taken a notification of this topic from us since the start.
    pub is_proven: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    reason: String,
    /// Milliseconds since 1970.
    timestamp: Option<i64>,
}

pub(super) fn verdict(status: StatusCode, body: &[u8], known: Known<'_>) -> Verdict {
    if status == StatusCode::OK {
        return Verdict::Final(Answer::Accepted { id: known.id.to_owned() });
    }
    let refused = serde_json::from_slice::<Refused>(body).unwrap_or_default();
    let reason = status_and(status, &refused.reason);
    let retry = |sent, scope| Answer::Retry { reason: reason.clone(), after: known.retry_after, sent, scope };
    let at_fault = |scope| Answer::Misconfigured { reason: reason.clone(), scope };
    Verdict::Final(match (status.as_u16(), refused.reason.as_str()) {
        (400, "BadDeviceToken") => of_elsewhere(known),
        // Of another app: never the device's fault. All of them, unless others of ours were taken.
        (400, "DeviceTokenNotForTopic") if known.is_proven => at_fault(Scope::Message),
        (400, "DeviceTokenNotForTopic" | "TopicDisallowed" | "BadTopic" | "MissingTopic") => {
            at_fault(Scope::Service)
        }
        (400, "IdleTimeout") => retry(Arrival::No, Scope::Message),
        (403, "ExpiredProviderToken") => return Verdict::TokenExpired,
        (300..=399 | 401 | 403 | 404 | 405, _) => at_fault(Scope::Service),
        (410, _) => {
            let since = refused.timestamp.and_then(DateTime::<Utc>::from_timestamp_millis);
            Answer::Unregistered { since }
        }
        (429, "TooManyProviderTokenUpdates") => {
            let after = Some(known.retry_after.unwrap_or(TOKEN_UPDATES_PAUSE));
            return Verdict::Reopen(Answer::Retry {
                reason,
                after,
                sent: Arrival::No,
                scope: Scope::Service,
            });
        }
        // One device is sent too much.
        (429, "TooManyRequests") => retry(Arrival::No, Scope::Message),
        (429, _) => retry(Arrival::No, Scope::Service),
        (503, "Shutdown") => return Verdict::Reopen(retry(Arrival::No, Scope::Service)),
        (503, _) => retry(Arrival::No, Scope::Service),
        (408 | 500..=599, _) => retry(Arrival::Maybe, Scope::Service),
        _ => Answer::Rejected { reason },
    })
}

/// Every token is a bad one where sandbox and production are mixed up. So as long as Apple has taken nothing from us, it may
/// well be our fault, and no reason to lose them all.
fn of_elsewhere(known: Known<'_>) -> Answer {
    if known.is_proven {
        return Answer::Unregistered { since: None };
    }
    let reason = "BadDeviceToken, and no other token was accepted so far: sandbox instead of production, or the reverse?";
    Answer::Rejected { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PROVEN: Known<'_> = Known { id: "the-id", retry_after: None, is_proven: true };
    const UNPROVEN: Known<'_> = Known { is_proven: false, ..PROVEN };

    fn answered(status: u16, reason: &str, known: Known<'_>) -> &'static str {
        let body = json!({"reason": reason}).to_string();
        let answer = match verdict(StatusCode::from_u16(status).unwrap(), body.as_bytes(), known) {
            Verdict::TokenExpired => return "token expired",
            Verdict::Reopen(Answer::Retry { scope: Scope::Service, .. }) => {
                return "retry over another connection";
            }
            Verdict::Reopen(answer) | Verdict::Final(answer) => answer,
        };
        match answer {
            Answer::Accepted { .. } => "accepted",
            Answer::Unregistered { .. } => "unregistered",
            Answer::Retry { scope: Scope::Message, .. } => "retry this one",
            Answer::Retry { sent: Arrival::No, .. } => "retry",
            Answer::Retry { sent: Arrival::Maybe, .. } => "retry, may have arrived",
            Answer::Rejected { .. } => "rejected",
            Answer::Misconfigured { scope: Scope::Service, .. } => "misconfigured",
            Answer::Misconfigured { scope: Scope::Message, .. } => "misconfigured for this one",
        }
    }

    #[test]
    fn each_reason_of_the_table_is_what_it_should_be() {
        let rejected = [
            "BadCollapseId",
            "BadExpirationDate",
            "BadMessageId",
            "BadPriority",
            "DuplicateHeaders",
            "InvalidPushType",
            "MissingDeviceToken",
            "PayloadEmpty",
            "SomethingNew",
        ];
        let misconfigured = [
            "BadCertificate",
            "BadCertificateEnvironment",
            "Forbidden",
            "InvalidProviderToken",
            "MissingProviderToken",
            "UnrelatedKeyIdInToken",
            "SomethingNew",
        ];
        let mut table: Vec<(u16, &str, &str)> = vec![
            (200, "", "accepted"),
            (400, "BadDeviceToken", "unregistered"),
            (400, "BadTopic", "misconfigured"),
            (400, "MissingTopic", "misconfigured"),
            (400, "TopicDisallowed", "misconfigured"),
            (400, "DeviceTokenNotForTopic", "misconfigured for this one"),
            (400, "IdleTimeout", "retry this one"),
            (403, "ExpiredProviderToken", "token expired"),
            (404, "BadPath", "misconfigured"),
            (405, "MethodNotAllowed", "misconfigured"),
            (410, "Unregistered", "unregistered"),
            (410, "ExpiredToken", "unregistered"),
            (413, "PayloadTooLarge", "rejected"),
            (429, "TooManyProviderTokenUpdates", "retry over another connection"),
            (429, "TooManyRequests", "retry this one"),
            (429, "", "retry"),
            (500, "InternalServerError", "retry, may have arrived"),
            (503, "ServiceUnavailable", "retry"),
            (503, "Shutdown", "retry over another connection"),
        ];
        table.extend(rejected.map(|reason| (400, reason, "rejected")));
        table.extend(misconfigured.map(|reason| (403, reason, "misconfigured")));
        for (status, reason, expected) in table {
            assert_eq!(answered(status, reason, PROVEN), expected, "{status} {reason}");
        }
    }

    /// The known trap: sandbox set instead of production, and a whole table of tokens deleted.
    #[test]
    fn a_mistake_of_ours_kills_no_token_before_apple_took_one() {
        assert_eq!(answered(400, "BadDeviceToken", UNPROVEN), "rejected");
        assert_eq!(answered(400, "DeviceTokenNotForTopic", UNPROVEN), "misconfigured");
    }

    #[test]
    fn a_dead_token_comes_with_the_time_since_which_it_is() {
        let body = json!({"reason": "Unregistered", "timestamp": 1_764_000_000_123_i64}).to_string();
        let Verdict::Final(Answer::Unregistered { since }) =
            verdict(StatusCode::GONE, body.as_bytes(), PROVEN)
        else {
            panic!("410 is a dead token")
        };
        assert_eq!(since.unwrap().timestamp_millis(), 1_764_000_000_123);
        let without = verdict(StatusCode::GONE, b"<html>", PROVEN);
        assert_eq!(without, Verdict::Final(Answer::Unregistered { since: None }));
    }
}
