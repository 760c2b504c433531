//! The answer to a refused request: `application/problem+json` (RFC 9457), with its code from the one table. Every
//! failure in a handler becomes a [`Problem`]; details that clients must not see are logged here, once.

use crate::contracts::error_codes::{ErrorCode, Retry};
use crate::metrics;
use crate::operations::passwords::PasswordError;
use crate::operations::{self, Refusal};
use crate::presenters;
use crate::rate_limit::{Limit, RetryAfter};
use crate::store::{Chain, StoreError};
use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value};
use std::error::Error;
use std::fmt;

/// Until another server, or this one, is up, or others have left.
const STOPPING_RETRY_AFTER_SECS: u64 = 5;

/// Seconds after which to try again if no better time is known.
const RETRY_AFTER_SECS: u64 = 1;

/// One field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    pub field: String,
    pub message: String,
}

#[derive(Debug, PartialEq)]
pub struct Problem {
    code: ErrorCode,
    detail: String,
    /// The order's, the ride's, the booking's or the payment's present state, where a 409 is about it.
    state: Option<&'static str>,
    errors: Vec<FieldProblem>,
    retry_after_secs: Option<u64>,
    /// Further fields of this problem.
    more: Map<String, Value>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldProblem],
    #[serde(flatten)]
    more: &'a Map<String, Value>,
}

impl Problem {
    /// `detail` is a sentence for the reader of the answer; it must not reveal anything that they may not know.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        let retry_after_secs =
            (code.retry() == Retry::Later && code.status() != 409).then_some(RETRY_AFTER_SECS);
        Self {
            code,
            detail: detail.into(),
            state: None,
            errors: Vec::new(),
            retry_after_secs,
            more: Map::new(),
        }
    }

    /// All fields that are wrong, at once.
    pub fn fields(errors: Vec<FieldProblem>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}.", one.field, one.message),
            several => {
                // Where there is a sentence and no list, as in push, it says all.
                let each = several.iter().map(|one| format!("{} {}", one.field, one.message));
                format!(
                    "{} fields are missing or wrong: {}.",
                    several.len(),
                    each.collect::<Vec<_>>().join("; ")
                )
            }
        };
        Self { errors, ..Self::new(ErrorCode::InvalidFields, detail) }
    }

    pub fn unauthorized() -> Self {
        Self::new(ErrorCode::Unauthorized, "Send a valid access token as Authorization: Bearer.")
    }

    pub fn limited(wait: RetryAfter) -> Self {
        let retry_after_secs = Some(wait.as_secs());
        let detail = format!("Try again in {} s.", wait.as_secs());
        Self { retry_after_secs, ..Self::new(ErrorCode::TooManyRequests, detail) }
    }

    /// With further fields, those of an object.
    pub fn with_more(self, more: &impl Serialize) -> Self {
        let Ok(Value::Object(more)) = serde_json::to_value(more) else { return self };
        Self { more, ..self }
    }

    /// For a request that came while the server stops.
    pub fn stopping() -> Self {
        let retry_after_secs = Some(STOPPING_RETRY_AFTER_SECS);
        Self { retry_after_secs, ..Self::new(ErrorCode::Unavailable, "The server is stopping.") }
    }

    /// For a socket where as many are open as may be.
    pub fn full() -> Self {
        let retry_after_secs = Some(STOPPING_RETRY_AFTER_SECS);
        let detail = "The server's limit of open sockets is reached. Try again in a few seconds.";
        Self { retry_after_secs, ..Self::new(ErrorCode::Unavailable, detail) }
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("There is no such {what}."))
    }

    pub fn method_not_allowed() -> Self {
        let detail = "The resource exists and has other methods; Allow lists them.";
        Self::new(ErrorCode::MethodNotAllowed, detail)
    }

    /// Says no more to the client than that it failed; the cause is logged with its chain.
    fn internal(cause: &dyn Error) -> Self {
        log::error!("a request failed: {}", Chain(cause));
        Self::new(ErrorCode::Internal, "The error was logged; trying again may not help.")
    }

    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The fields that are wrong.
    pub fn errors(&self) -> &[FieldProblem] {
        &self.errors
    }

    /// The particulars of this occurrence, as a sentence.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).expect("the table has HTTP statuses")
    }

    fn error_response(&self) -> HttpResponse {
        let code = self.code;
        metrics::request_refused(code.as_str());
        let mut response = HttpResponse::build(self.status_code());
        if code.status() == 401 {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(secs) = self.retry_after_secs {
            response.insert_header((RETRY_AFTER, secs));
        }
        let body = Body {
            r#type: format!("urn:fleetwire:error:{}", code.as_str()),
            title: code.title(),
            status: code.status(),
            detail: &self.detail,
            code: code.as_str(),
            state: self.state,
            errors: &self.errors,
            more: &self.more,
        };
        let text = serde_json::to_string(&body).expect("a problem is plain JSON");
        response.content_type("application/problem+json").body(text)
    }
}

impl From<operations::Error> for Problem {
    fn from(error: operations::Error) -> Self {
        match error {
            operations::Error::Refused(refusal) => refusal.into(),
            operations::Error::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed => Self::stopping(),
            StoreError::Unavailable(_)
            | StoreError::Unable(_)
            | StoreError::Transient(_)
            | StoreError::Repeat => {
                log::warn!("a request was put off: {}", Chain(&error));
                // Where the answer to a commit is lost nobody knows what came of it.
                let detail = "The database can't do it now, or did not answer in time. Try again in some seconds; with an \
                              Idempotency-Key it is done once.";
                Self::new(ErrorCode::Unavailable, detail)
            }
            StoreError::Taken { .. } | StoreError::Database(_) | StoreError::UnreadableEvent { .. } => {
                Self::internal(&error)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let sentence = sentence(&refusal.to_string());
        match refusal {
            Refusal::State(kind, state) => {
                let state = presenters::state_word(kind, state);
                let detail = format!("The {} is {state}.", kind.noun());
                Self { state: Some(state), ..Self::new(presenters::code_of(refusal), detail) }
            }
            Refusal::PaymentState(state) => {
                let detail = format!("The payment is {}.", state.as_str());
                Self { state: Some(state.as_str()), ..Self::new(ErrorCode::PaymentState, detail) }
            }
            Refusal::TooManyOpenJobs => {
                Limit::OpenJobs.exceeded();
                let retry_after_secs = Some(presenters::OPEN_JOBS_RETRY_SECS);
                Self { retry_after_secs, ..Self::new(ErrorCode::TooManyOpenJobs, sentence) }
            }
            other => Self::new(presenters::code_of(other), sentence),
        }
    }
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => {
                Self::new(ErrorCode::Unavailable, "Too many log-ins at once. Try again in a few seconds.")
            }
            PasswordError::BrokenOff => Self::new(ErrorCode::Unavailable, "The server is stopping."),
            PasswordError::Hashing(_) => Self::internal(&error),
        }
    }
}

/// Our errors are lower case and without a full stop, so that they fit into a line of the log.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::{JobKind, JobStatus};
    use actix_web::body::to_bytes;

    async fn body(problem: &Problem) -> Value {
        let bytes = to_bytes(problem.error_response().into_body()).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[actix_web::test]
    async fn a_refused_move_says_the_state_in_the_contracts_word() {
        let problem = Problem::from(Refusal::State(JobKind::Delivery, JobStatus::InProgress));
        assert_eq!(problem.status_code(), 409);
        let body = body(&problem).await;
        assert_eq!((body["code"].as_str(), body["state"].as_str()), (Some("order_state"), Some("picked_up")));
        assert_eq!(body["status"], 409);
        assert!(body.get("errors").is_none());
    }

    #[actix_web::test]
    async fn a_ride_has_words_of_its_own_for_its_state() {
        let body = body(&Problem::from(Refusal::State(JobKind::Ride, JobStatus::InProgress))).await;
        assert_eq!((body["code"].as_str(), body["state"].as_str()), (Some("ride_state"), Some("started")));
    }

    #[actix_web::test]
    async fn all_wrong_fields_are_listed() {
        let wrong = |field: &str| FieldProblem { field: field.to_owned(), message: "is missing".to_owned() };
        let body = body(&Problem::fields(vec![wrong("name"), wrong("earnings")])).await;
        assert_eq!(body["status"], 422);
        assert_eq!(body["errors"][1]["field"], "earnings");
        assert_eq!(body["type"], "urn:fleetwire:error:invalid_fields");
    }

    #[test]
    fn a_busy_database_asks_to_come_again_and_a_bug_tells_nothing() {
        let busy = Problem::from(StoreError::Unavailable("too many operations are waiting")).error_response();
        assert_eq!(busy.status(), 503);
        assert_eq!(busy.headers().get(RETRY_AFTER).unwrap(), "1");
        let bug = Problem::from(StoreError::Taken { constraint: "jobs_one_active_ride".to_owned() });
        assert_eq!(bug.status_code(), 500);
        assert!(!bug.to_string().contains("ride"), "{bug}");
    }

    #[test]
    fn a_401_names_the_scheme_and_a_limit_its_wait() {
        let response = Problem::from(Refusal::WrongCredentials).error_response();
        assert_eq!(response.headers().get(WWW_AUTHENTICATE).unwrap(), "Bearer");
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
        let full = Problem::from(Refusal::DriverFull).error_response();
        assert_eq!((full.status().as_u16(), full.headers().get(RETRY_AFTER)), (409, None));
    }
}
