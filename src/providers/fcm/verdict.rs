//! The meaning of FCM's answers: its table of errors as our classifications. Pure.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use crate::providers::wording::status_and;
use crate::providers::{Answer, Arrival, Reason, Scope};

/// Google's word for how long to wait where it does not say itself.
const QUOTA_PAUSE: Duration = Duration::from_secs(60);
/// The message of `INVALID_ARGUMENT` for a malformed token; a malformed message has the same code.
const INVALID_TOKEN: &str = "not a valid FCM registration token";

/// The consequence of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Final(Answer),
    /// Our access token is not accepted: get another and ask once more.
    TokenRefused,
}

/// The facts needed besides the answer itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub retry_after: Option<Duration>,
    /// Not sooner is tried again what the servers failed at.
    pub retry_floor: Duration,
    /// Whether this project has taken a message from us since the start.
    pub is_proven: bool,
}

#[derive(Deserialize)]
struct Accepted {
    name: String,
}

#[derive(Default, Deserialize)]
struct Refused {
    error: GoogleError,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GoogleError {
    status: String,
    message: String,
    details: Vec<Detail>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail {
    #[serde(rename = "@type")]
    kind: String,
    #[serde(rename = "errorCode")]
    error_code: String,
    #[serde(rename = "fieldViolations")]
    field_violations: Vec<FieldViolation>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FieldViolation {
    field: String,
}

impl GoogleError {
    /// FCM's own code. An error without one is not about the device.
    fn fcm(&self) -> Option<&str> {
        let detail = self.details.iter().find(|detail| detail.kind.ends_with("fcm.v1.FcmError"))?;
        Some(&detail.error_code)
    }

    fn violated_fields(&self) -> impl Iterator<Item = &str> {
        self.details
            .iter()
            .flat_map(|detail| detail.field_violations.iter().map(|violation| &*violation.field))
    }
}

pub(super) fn verdict(status: StatusCode, body: &[u8], known: Known) -> Verdict {
    if status == StatusCode::OK {
        return Verdict::Final(match serde_json::from_slice::<Accepted>(body) {
            Ok(accepted) => Answer::Accepted { id: accepted.name },
            Err(_) => retry(status_and(status, "an answer that is not FCM's"), None, Arrival::Maybe),
        });
    }
    let error = serde_json::from_slice::<Refused>(body).unwrap_or_default().error;
    let code = error.fcm().unwrap_or_default();
    let reason = status_and(status, if code.is_empty() { &error.status } else { code });
    let is_at_fault = |scope| Answer::Misconfigured { reason: reason.clone(), scope };
    Verdict::Final(match (status.as_u16(), code) {
        // The key with which Firebase reaches Apple, or the web: other devices are not concerned.
        (_, "THIRD_PARTY_AUTH_ERROR") => is_at_fault(Scope::Message),
        (401, _) => return Verdict::TokenRefused,
        (403, "SENDER_ID_MISMATCH") => of_another_project(known),
        (403, _) => is_at_fault(Scope::Service),
        (404, "UNREGISTERED") => Answer::Unregistered { since: None },
        // A wrong project or address: nothing about the device.
        (300..=399 | 404, _) => is_at_fault(Scope::Service),
        (400, _) => malformed(&error, code),
        (429, _) => retry(reason, Some(known.retry_after.unwrap_or(QUOTA_PAUSE)), Arrival::No),
        (503, _) => retry(reason, Some(known.retry_after.unwrap_or(known.retry_floor)), Arrival::No),
        (500..=599, _) => retry(reason, Some(known.retry_after.unwrap_or(known.retry_floor)), Arrival::Maybe),
        (408, _) => retry(reason, None, Arrival::Maybe),
        _ => Answer::Rejected { reason },
    })
}

/// The token belongs to another project. As long as this project has taken nothing from us, the wrong one may well be ours,
/// and then all tokens are of another: no reason to lose them.
fn of_another_project(known: Known) -> Answer {
    if known.is_proven {
        return Answer::Unregistered { since: None };
    }
    Answer::Rejected {
        reason: "SENDER_ID_MISMATCH, and no other token of this project was accepted so far".into(),
    }
}

/// A malformed token and a malformed message share the code.
fn malformed(error: &GoogleError, code: &str) -> Answer {
    let fields: Vec<&str> = error.violated_fields().collect();
    if code == "INVALID_ARGUMENT" && fields.is_empty() && error.message.contains(INVALID_TOKEN) {
        return Answer::Unregistered { since: None };
    }
    // The fields' names only: the message of the error repeats what was in them.
    Answer::Rejected {
        reason: status_and(StatusCode::BAD_REQUEST, &format!("INVALID_ARGUMENT {}", fields.join(" "))),
    }
}

fn retry(reason: Reason, after: Option<Duration>, sent: Arrival) -> Answer {
    Answer::Retry { reason, after, sent, scope: Scope::Service }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const PROVEN: Known = Known { retry_after: None, retry_floor: Duration::from_secs(10), is_proven: true };

    fn answered(status: u16, body: &Value) -> Verdict {
        verdict(StatusCode::from_u16(status).unwrap(), body.to_string().as_bytes(), PROVEN)
    }

    fn error(status: &str, message: &str, details: Value) -> Value {
        json!({"error": {"code": 1, "message": message, "status": status, "details": details}})
    }

    fn fcm(status: &str, code: &str) -> Value {
        let details =
            json!([{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]);
        error(status, "", details)
    }

    fn class(verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::TokenRefused => "token refused",
            Verdict::Final(Answer::Accepted { .. }) => "accepted",
            Verdict::Final(Answer::Unregistered { .. }) => "unregistered",
            Verdict::Final(Answer::Retry { .. }) => "retry",
            Verdict::Final(Answer::Rejected { .. }) => "rejected",
            Verdict::Final(Answer::Misconfigured { scope: Scope::Service, .. }) => "misconfigured",
            Verdict::Final(Answer::Misconfigured { scope: Scope::Message, .. }) => {
                "misconfigured for this one"
            }
        }
    }

    #[test]
    fn each_row_of_the_table_is_what_it_should_be() {
        for (status, body, expected) in [
            (200, json!({"name": "projects/p/messages/1"}), "accepted"),
            (200, json!("ok"), "retry"),
            (401, error("UNAUTHENTICATED", "", json!([])), "token refused"),
            (401, fcm("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), "misconfigured for this one"),
            (403, fcm("PERMISSION_DENIED", "SENDER_ID_MISMATCH"), "unregistered"),
            (403, error("PERMISSION_DENIED", "", json!([])), "misconfigured"),
            (404, fcm("NOT_FOUND", "UNREGISTERED"), "unregistered"),
            (404, error("NOT_FOUND", "Requested entity was not found.", json!([])), "misconfigured"),
            (404, json!("<html>"), "misconfigured"),
            (413, json!(null), "rejected"),
            (429, fcm("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), "retry"),
            (500, fcm("INTERNAL", "INTERNAL"), "retry"),
            (503, fcm("UNAVAILABLE", "UNAVAILABLE"), "retry"),
            (503, json!("<html>"), "retry"),
            (302, json!(null), "misconfigured"),
        ] {
            assert_eq!(class(answered(status, &body)), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_bad_token_and_a_bad_message_are_told_apart() {
        let fcm_error = json!({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "INVALID_ARGUMENT"});
        let violation = json!({"@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "message.data[0].value", "description": "a secret"}]});
        let said = "The registration token is not a valid FCM registration token";
        let of = |message, details| answered(400, &error("INVALID_ARGUMENT", message, details));
        assert_eq!(class(of(said, json!([fcm_error]))), "unregistered");
        assert_eq!(class(of("Request contains an invalid argument.", json!([fcm_error]))), "rejected");
        assert_eq!(class(of(said, json!([fcm_error, violation]))), "rejected");
        assert_eq!(class(of(said, json!([violation]))), "rejected");
        let Verdict::Final(Answer::Rejected { reason }) = of("has a secret", json!([violation])) else {
            panic!()
        };
        assert_eq!(reason, "400 INVALID_ARGUMENT message.data[0].value");
    }

    /// Somebody sets the wrong project: all tokens are of another one, and must survive.
    #[test]
    fn a_token_of_another_project_is_kept_until_this_one_is_proven() {
        let body = fcm("PERMISSION_DENIED", "SENDER_ID_MISMATCH").to_string();
        let known = Known { is_proven: false, ..PROVEN };
        assert_eq!(class(verdict(StatusCode::FORBIDDEN, body.as_bytes(), known)), "rejected");
    }

    #[test]
    fn what_the_service_asks_to_wait_goes_before_what_we_would() {
        let after = |status, retry_after| {
            let known = Known { retry_after, ..PROVEN };
            match verdict(StatusCode::from_u16(status).unwrap(), b"", known) {
                Verdict::Final(Answer::Retry { after, sent, .. }) => (after.unwrap().as_secs(), sent),
                other => panic!("{other:?}"),
            }
        };
        let asked = Some(Duration::from_secs(7));
        assert_eq!((after(429, None), after(429, asked)), ((60, Arrival::No), (7, Arrival::No)));
        assert_eq!((after(503, None), after(503, asked)), ((10, Arrival::No), (7, Arrival::No)));
        assert_eq!((after(500, None), after(502, asked)), ((10, Arrival::Maybe), (7, Arrival::Maybe)));
    }
}
