//! The provider token for requests to Apple: signed by us, shared by all requests, and kept for 20 to 55 minutes. Apple
//! refuses a token that is older than an hour, and a sender who renews it more often than every 20 minutes.
//!
//! Its `iat` is put back to the last half hour, so that a process that restarts soon signs the very same token, which
//! does not count as a renewal. (Signing is deterministic, RFC 6979.)

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use reqwest::header::HeaderValue;
use serde::Serialize;

use crate::clock::SharedClock;
use crate::config::push::{ApnsSettings, PrivateKey};
use crate::providers::problem::ProviderProblem;
use crate::providers::transport::bearer;

const SLOT_SECS: i64 = 30 * 60;
/// By its `iat`, which is up to half an hour back: so a token is in use for 25 minutes at least.
const AGE_MAX: TimeDelta = TimeDelta::minutes(55);
/// Not more often does Apple take a new one.
const RENEWAL_INTERVAL_MIN: TimeDelta = TimeDelta::minutes(20);

/// A token in use, and which one it is.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    pub header: HeaderValue,
    generation: u64,
}

pub(super) struct ProviderTokens {
    key: EncodingKey,
    key_id: String,
    team_id: String,
    clock: SharedClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    generation: u64,
    /// When Apple last called one expired, and got another for it.
    expired_at: Option<DateTime<Utc>>,
}

struct Current {
    bearer: Bearer,
    issued_at: DateTime<Utc>,
}

/// The key can't sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CannotSign;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
}

impl fmt::Debug for ProviderTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ProviderTokens");
        shown.field("key_id", &self.key_id).field("team_id", &self.team_id).finish_non_exhaustive()
    }
}

impl ProviderTokens {
    /// Signs once, so that a key that can't is said at the start.
    pub(super) fn new(settings: &ApnsSettings, clock: SharedClock) -> Result<Self, ProviderProblem> {
        let (setting, pem) = match &settings.private_key {
            PrivateKey::Given(key) => ("APNS_PRIVATE_KEY", key.as_str().to_owned()),
            PrivateKey::File(path) => {
                let setting = "APNS_PRIVATE_KEY_FILE";
                let unreadable = |source| ProviderProblem::File { setting, source };
                (setting, std::fs::read_to_string(path).map_err(unreadable)?)
            }
        };
        let unusable =
            || ProviderProblem::Key { setting, expected: "a P-256 private key (Apple's .p8 file)" };
        let tokens = ProviderTokens {
            key: EncodingKey::from_ec_pem(pem.as_bytes()).map_err(|_| unusable())?,
            key_id: settings.key_id.clone(),
            team_id: settings.team_id.clone(),
            clock,
            state: Mutex::default(),
        };
        tokens.signed(tokens.clock.now()).map_err(|CannotSign| unusable())?;
        Ok(tokens)
    }

    /// The token to use now.
    pub(super) fn get(&self) -> Result<Bearer, CannotSign> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        // A clock that was set back makes a token of the future: no better than one that is too old.
        let is_good = |current: &&Current| (TimeDelta::zero()..AGE_MAX).contains(&(now - current.issued_at));
        match state.current.as_ref().filter(is_good) {
            Some(current) => Ok(current.bearer.clone()),
            None => self.renew(&mut state, start_of_slot(now)),
        }
    }

    /// Apple calls this token expired. Of many that are told so of the same one, one makes another. None if that was the case
    /// just now already: then it is a clock that is wrong, and no token will do.
    pub(super) fn expired(&self, bearer: &Bearer) -> Option<Bearer> {
        let now = self.clock.moment();
        let mut state = self.state.lock();
        match &state.current {
            Some(current) if current.bearer.generation != bearer.generation => Some(current.bearer.clone()),
            _ if state.expired_at.is_some_and(|at| now.steady - at < RENEWAL_INTERVAL_MIN) => None,
            _ => {
                state.expired_at = Some(now.steady);
                self.renew(&mut state, now.wall).ok()
            }
        }
    }

    fn renew(&self, state: &mut State, issued_at: DateTime<Utc>) -> Result<Bearer, CannotSign> {
        state.generation += 1;
        let bearer = Bearer { header: self.signed(issued_at)?, generation: state.generation };
        state.current = Some(Current { bearer: bearer.clone(), issued_at });
        log::info!("provider token for APNs renewed");
        Ok(bearer)
    }

    fn signed(&self, issued_at: DateTime<Utc>) -> Result<HeaderValue, CannotSign> {
        let mut header = Header::new(Algorithm::ES256);
        // Apple's own have alg and kid only.
        header.typ = None;
        header.kid = Some(self.key_id.clone());
        let claims = Claims { iss: &self.team_id, iat: issued_at.timestamp() };
        let token = jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| CannotSign)?;
        bearer(&token).ok_or(CannotSign)
    }
}

fn start_of_slot(now: DateTime<Utc>) -> DateTime<Utc> {
    let secs = now.timestamp();
    DateTime::from_timestamp(secs - secs.rem_euclid(SLOT_SECS), 0).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Manual;
    use crate::config::push::{BaseUrl, SecretText};
    use std::num::NonZeroUsize;
    use std::sync::Arc;

    const KEY: &str = include_str!("../../operations/testdata/es256-private.pem");

    fn tokens(clock: &Manual) -> ProviderTokens {
        let settings = ApnsSettings {
            key_id: "ABC123DEFG".to_owned(),
            team_id: "DEF123GHIJ".to_owned(),
            private_key: PrivateKey::Given(SecretText::new(KEY)),
            topic: "example.app".to_owned(),
            base_url: BaseUrl::parse("http://127.0.0.1:1").unwrap(),
            connections: NonZeroUsize::MIN,
        };
        ProviderTokens::new(&settings, Arc::new(clock.clone())).unwrap()
    }

    /// 2027-01-15 08:00:00 UTC: the start of a half hour.
    fn clock() -> Manual {
        Manual::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap())
    }

    /// Minute by minute through half a day, whenever in the half hour it begins.
    #[test]
    fn a_token_is_never_older_than_55_minutes_nor_renewed_within_20() {
        for offset in [0, 1, 10, 29] {
            let clock = clock();
            clock.advance(TimeDelta::minutes(offset));
            let tokens = tokens(&clock);
            let (mut last, mut since) = (tokens.get().unwrap().generation, clock_now(&clock));
            for _ in 0..720 {
                clock.advance(TimeDelta::minutes(1));
                let now = clock_now(&clock);
                let generation = tokens.get().unwrap().generation;
                let issued_at = tokens.state.lock().current.as_ref().unwrap().issued_at;
                assert!(now - issued_at < TimeDelta::minutes(55));
                if generation != last {
                    assert!(now - since >= TimeDelta::minutes(20), "offset {offset}");
                    (last, since) = (generation, now);
                }
            }
            assert!((20..=30).contains(&last), "{last} tokens in twelve hours");
        }
    }

    fn clock_now(clock: &Manual) -> DateTime<Utc> {
        crate::clock::Clock::now(clock)
    }

    #[test]
    fn a_process_that_starts_again_uses_the_same_token() {
        let clock = clock();
        let before = tokens(&clock).get().unwrap().header;
        clock.advance(TimeDelta::minutes(12));
        assert_eq!(tokens(&clock).get().unwrap().header, before);
    }

    #[test]
    fn many_that_expired_make_one_new_token_and_a_second_time_soon_makes_none() {
        let clock = clock();
        clock.advance(TimeDelta::minutes(5));
        let tokens = tokens(&clock);
        let first = tokens.get().unwrap();
        let second = tokens.expired(&first).unwrap();
        assert!(second.header != first.header);
        for _ in 0..100 {
            assert_eq!(tokens.expired(&first).unwrap().generation, second.generation);
        }
        assert!(tokens.expired(&second).is_none(), "a clock is wrong");
        assert_eq!(tokens.get().unwrap().generation, second.generation);
        clock.advance(TimeDelta::minutes(20));
        assert!(tokens.expired(&second).is_some());
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_token_of_the_future() {
        let clock = clock();
        let tokens = tokens(&clock);
        let first = tokens.get().unwrap();
        clock.advance(TimeDelta::hours(-3));
        assert!(tokens.get().unwrap().generation > first.generation);
    }

    #[test]
    fn nothing_shows_the_key_or_the_token() {
        let shown = format!("{:?}", tokens(&clock()));
        assert!(shown.contains("ABC123DEFG") && !shown.contains("eyJ"), "{shown}");
    }
}
