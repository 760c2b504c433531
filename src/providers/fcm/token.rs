//! The access token for requests to FCM: obtained with a signed assertion of the service account, kept, and renewed
//! some minutes early by one request at a time. A refusal is remembered for a while, so that Google is not flooded.
//!
//! Invariant: neither the key nor a token shows in `Debug`.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::account::ServiceAccount;
use crate::clock::SharedClock;
use crate::providers::problem::ProviderProblem;
use crate::providers::transport::{Connections, Failure, Reply, bearer};
use crate::providers::wording::printable;
use crate::providers::{Answer, Arrival, Reason, Scope};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT_TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
/// The longest that Google takes.
const ASSERTION_LIFE: TimeDelta = TimeDelta::hours(1);
/// A token is renewed so long before its end, by one who needs it; the others still use the old one.
const RENEW_BEFORE: TimeDelta = TimeDelta::minutes(5);
/// How long before its end it is no longer used: a request takes time, and clocks differ.
const UNUSED_BEFORE: TimeDelta = TimeDelta::seconds(30);
/// A refusal is final until somebody acts, or a clock is set.
const REFUSED_PAUSE: TimeDelta = TimeDelta::minutes(1);
/// Between attempts where the token service does not work.
const FAILED_PAUSE: TimeDelta = TimeDelta::seconds(1);

/// A token in use, and which one it is.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    pub header: HeaderValue,
    generation: u64,
}

pub(super) struct AccessTokens {
    account: ServiceAccount,
    key: EncodingKey,
    connections: Connections,
    clock: SharedClock,
    state: Mutex<State>,
    /// One asks at a time.
    flight: Semaphore,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    /// The last failure, and until when nobody asks again.
    failed: Option<(DateTime<Utc>, Answer)>,
    generation: u64,
}

struct Current {
    bearer: Bearer,
    renew_at: DateTime<Utc>,
    unused_at: DateTime<Utc>,
}

/// The state at some moment.
enum TokenState {
    Good(Bearer),
    /// Still good, and to be renewed.
    Ageing(Bearer),
    None,
    Failed(Answer),
}

impl State {
    fn standing(&self, now: DateTime<Utc>) -> TokenState {
        let failed = self.failed.as_ref().filter(|(until, _)| now < *until);
        let current = self.current.as_ref().filter(|current| now < current.unused_at);
        match (current, failed) {
            (Some(current), None) if now >= current.renew_at => TokenState::Ageing(current.bearer.clone()),
            (Some(current), _) => TokenState::Good(current.bearer.clone()),
            (None, Some((_, answer))) => TokenState::Failed(answer.clone()),
            (None, None) => TokenState::None,
        }
    }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokens").field("account", &self.account).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    error: String,
    error_description: String,
}

impl AccessTokens {
    /// Signs once, so that a key that can't is said at the start.
    pub(super) fn new(
        account: ServiceAccount,
        connections: Connections,
        clock: SharedClock,
    ) -> Result<Self, ProviderProblem> {
        let unusable =
            |_| ProviderProblem::Key { setting: account.key_setting, expected: "an RSA private key" };
        let key = EncodingKey::from_rsa_pem(account.private_key.as_str().as_bytes()).map_err(unusable)?;
        let tokens = AccessTokens {
            account: account.clone(),
            key,
            connections,
            clock,
            state: Mutex::default(),
            flight: Semaphore::new(1),
        };
        tokens.assertion().map_err(unusable)?;
        Ok(tokens)
    }

    /// A token that is good now.
    pub(super) async fn get(&self) -> Result<Bearer, Answer> {
        match self.standing() {
            TokenState::Good(bearer) => Ok(bearer),
            TokenState::Failed(answer) => Err(answer),
            TokenState::Ageing(bearer) => match self.flight.try_acquire() {
                Ok(_flight) => Ok(self.renew().await.unwrap_or(bearer)),
                Err(_) => Ok(bearer),
            },
            TokenState::None => {
                let _flight = self.flight.acquire().await;
                // The request before may have brought one, or found out that there is none.
                match self.standing() {
                    TokenState::Good(bearer) | TokenState::Ageing(bearer) => Ok(bearer),
                    TokenState::Failed(answer) => Err(answer),
                    TokenState::None => self.renew().await,
                }
            }
        }
    }

    /// FCM refused this token: it is not used again. Of many that were refused with the same one, one gets another.
    pub(super) fn distrust(&self, bearer: &Bearer) {
        let mut state = self.state.lock();
        if state.current.as_ref().is_some_and(|current| current.bearer.generation == bearer.generation) {
            state.current = None;
        }
    }

    fn standing(&self) -> TokenState {
        self.state.lock().standing(self.clock.steady())
    }

    async fn renew(&self) -> Result<Bearer, Answer> {
        let granted = match self.ask().await {
            Ok(reply) => granted(&reply, reply.retry_after(self.clock.now())),
            Err(answer) => Err(answer),
        };
        let now = self.clock.steady();
        let mut state = self.state.lock();
        let kept = granted.map(|(header, life)| {
            state.generation += 1;
            let bearer = Bearer { header, generation: state.generation };
            let end = now + life;
            let renew_at = end - RENEW_BEFORE.min(life / 2);
            let unused_at = end - UNUSED_BEFORE.min(life / 4);
            state.current = Some(Current { bearer: bearer.clone(), renew_at, unused_at });
            bearer
        });
        state.failed = kept.as_ref().err().map(|answer| (now + pause(answer), answer.clone()));
        match &kept {
            Ok(_) => log::info!("access token for FCM renewed"),
            Err(answer) => log::warn!("no access token for FCM: {}", answer.reason()),
        }
        kept
    }

    async fn ask(&self) -> Result<Reply, Answer> {
        let unsigned =
            |_| Answer::Misconfigured { reason: "the private key can't sign".into(), scope: Scope::Service };
        let body = format!("grant_type={GRANT_TYPE}&assertion={}", self.assertion().map_err(unsigned)?);
        let request = |client: &reqwest::Client| {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            client.post(self.account.token_url.as_str()).header(CONTENT_TYPE, form).body(body.clone())
        };
        // Whatever the outcome of this request, no notification was sent.
        let failed = |failure: Failure| Answer::Retry {
            reason: format!("no access token: {}", failure.reason).into(),
            after: None,
            sent: Arrival::No,
            scope: Scope::Service,
        };
        self.connections.call(request).await.map_err(failed)
    }

    fn assertion(&self) -> Result<String, jsonwebtoken::errors::Error> {
        let now = self.clock.now();
        let mut header = Header::new(Algorithm::RS256);
        header.kid = self.account.key_id.clone();
        let claims = Assertion {
            iss: &self.account.client_email,
            scope: SCOPE,
            aud: self.account.token_url.as_str(),
            iat: now.timestamp(),
            exp: (now + ASSERTION_LIFE).timestamp(),
        };
        jsonwebtoken::encode(&header, &claims, &self.key)
    }
}

fn pause(answer: &Answer) -> TimeDelta {
    match answer {
        Answer::Retry { after, .. } => {
            after.and_then(|after| TimeDelta::from_std(after).ok()).unwrap_or(FAILED_PAUSE)
        }
        _ => REFUSED_PAUSE,
    }
}

/// The token and how long it lives, out of what the token service answered.
fn granted(reply: &Reply, retry_after: Option<Duration>) -> Result<(HeaderValue, TimeDelta), Answer> {
    let retry = |reason: Reason| Answer::Retry {
        reason,
        after: retry_after,
        sent: Arrival::No,
        scope: Scope::Service,
    };
    if reply.status == StatusCode::OK {
        let granted = serde_json::from_slice::<Granted>(&reply.body).ok();
        let token = granted.and_then(|granted| {
            let life = TimeDelta::try_seconds(granted.expires_in.clamp(1, 24 * 3600))?;
            Some((bearer(&granted.access_token)?, life))
        });
        return token.ok_or_else(|| retry("no access token: an answer that is not Google's".into()));
    }
    let refused = serde_json::from_slice::<Refused>(&reply.body).unwrap_or_default();
    let reason =
        format!("no access token: {} {} {}", reply.status.as_u16(), refused.error, refused.error_description);
    let reason = printable(&reason);
    match reply.status.as_u16() {
        408 | 429 | 500..=599 => Err(retry(reason)),
        _ => Err(Answer::Misconfigured { reason, scope: Scope::Service }),
    }
}
