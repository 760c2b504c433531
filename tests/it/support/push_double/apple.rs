//! The double of Apple's push service. It watches the number of streams as the real one does: one until a first good
//! notification, many after that, one again after each refused one.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hyper::{Method, Version};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use super::desk::{Desk, Device, Taken};
use super::keys::EC_PUBLIC;
use super::server::{Act, Asked, Connection, Judge, Reply};

pub const KEY_ID: &str = "ABC123DEFG";
pub const TEAM_ID: &str = "DEF123GHIJ";
pub const TOPIC: &str = "example.fleetwire.customer";
const PAYLOAD_BYTES_MAX: usize = 4096;
const COLLAPSE_ID_BYTES_MAX: usize = 64;
const STREAMS: usize = 500;
const TOKEN_AGE_SECS_MAX: i64 = 3600;
const TOKEN_RENEWAL_SECS_MIN: i64 = 20 * 60;
const PUSH_TYPES: [&str; 9] = [
    "alert",
    "background",
    "location",
    "voip",
    "complication",
    "fileprovider",
    "mdm",
    "liveactivity",
    "pushtotalk",
];

pub struct Apple {
    pub desk: Arc<Desk>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Tokens whose signature was found good, and their `iat`.
    verified: Vec<(String, i64)>,
    /// Tokens to be called expired, whatever they say.
    expired: Vec<String>,
    /// Every good token that ever came.
    tokens_seen: Vec<String>,
    /// Streams that should not have been opened.
    violations: usize,
}

impl Apple {
    pub fn new(desk: Arc<Desk>) -> Apple {
        Apple { desk, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under this lock")
    }

    /// Calls every provider token so far expired.
    pub fn expire_tokens(&self) {
        let mut state = self.state();
        state.expired = state.tokens_seen.clone();
    }

    /// How many different provider tokens came.
    pub fn tokens_seen(&self) -> usize {
        self.state().tokens_seen.len()
    }

    pub fn stream_violations(&self) -> usize {
        self.state().violations
    }

    /// A refusal, with the id that every answer has.
    fn refuse(&self, asked: &Asked, status: u16, reason: &str) -> Act {
        let act = self.desk.refuse(reason, reason_reply(status, reason));
        self.after(asked, act)
    }

    /// The effect of an answer on the connection's streams.
    fn after(&self, asked: &Asked, act: Act) -> Act {
        let (delay, reply) = match act {
            Act::Answer(reply) => (Duration::ZERO, reply),
            Act::AnswerAfter(delay, reply) => (delay, reply),
            other => return other,
        };
        let limit = if reply.status == 200 { STREAMS } else { 1 };
        let wire = &asked.connection.wire;
        if wire.last_limit_sent() != Some(limit) {
            wire.limit_streams(limit);
        }
        let id = asked.header("apns-id").map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
        Act::AnswerAfter(delay, reply.with("apns-id", id))
    }

    /// The provider token, as strict as the real one.
    fn check_token(&self, asked: &Asked) -> Result<(), (u16, &'static str)> {
        let token = asked.bearer().ok_or((403, "MissingProviderToken"))?;
        let mut state = self.state();
        let verified = state.verified.iter().find(|(verified, _)| verified == token).map(|(_, iat)| *iat);
        let iat = match verified {
            Some(iat) => iat,
            None => {
                let iat = issued_at(token).ok_or((403, "InvalidProviderToken"))?;
                state.verified.push((token.to_owned(), iat));
                iat
            }
        };
        let now = self.desk.clock.now().timestamp();
        let mut seen = asked.connection.tokens.lock().expect("nothing panics under this lock");
        if !(-60..TOKEN_AGE_SECS_MAX).contains(&(now - iat)) || state.expired.iter().any(|old| old == token) {
            seen.retain(|(old, _)| old != token);
            return Err((403, "ExpiredProviderToken"));
        }
        if !state.tokens_seen.iter().any(|old| old == token) {
            state.tokens_seen.push(token.to_owned());
        }
        let newest = seen.last().filter(|(_, at)| now - at < TOKEN_RENEWAL_SECS_MIN);
        if newest.is_some_and(|(newest, _)| newest != token && !state.expired.contains(newest)) {
            return Err((429, "TooManyProviderTokenUpdates"));
        }
        if seen.last().is_none_or(|(newest, _)| newest != token) {
            seen.push((token.to_owned(), now));
        }
        Ok(())
    }

    fn take(&self, asked: &Asked, token: &str, payload: &Value) -> Act {
        if let Some(device) = self.desk.device(token) {
            return self.after(asked, Act::Answer(of_device(&device)));
        }
        let taken = taken(asked, token, payload);
        let act = self.desk.take(vec![taken], &[token], Reply::empty(200));
        self.after(asked, act)
    }
}

impl Judge for Apple {
    fn connected(&self, connection: &Connection) {
        connection.wire.begin_with_limit(1);
    }

    fn judge(&self, asked: &Asked) -> Act {
        self.desk.count_request();
        if asked.limit.is_some_and(|limit| asked.others >= limit) {
            self.state().violations += 1;
            self.desk.refuse("Maximum active streams violated", Reply::empty(400));
            return Act::RefuseStream;
        }
        if asked.version != Version::HTTP_2 {
            return self.desk.refuse("HTTP/1.1", Reply::empty(505));
        }
        if asked.method != Method::POST {
            return self.refuse(asked, 405, "MethodNotAllowed");
        }
        let Some(token) = asked.path.strip_prefix("/3/device/") else {
            return self.refuse(asked, 404, "BadPath");
        };
        let payload = self.check_token(asked).and_then(|()| check(asked, token));
        match payload {
            Ok(payload) => self.take(asked, token, &payload),
            Err((status, reason)) => self.refuse(asked, status, reason),
        }
    }
}

/// `iat` of a token that is signed by our key and says who we are.
fn issued_at(token: &str) -> Option<i64> {
    let header = decode_header(token).ok()?;
    if header.alg != Algorithm::ES256 || header.kid.as_deref() != Some(KEY_ID) {
        return None;
    }
    let mut validation = Validation::new(Algorithm::ES256);
    (validation.validate_exp, validation.validate_aud) = (false, false);
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_ec_pem(EC_PUBLIC.as_bytes()).expect("the key of the tests is one");
    let claims = decode::<Value>(token, &key, &validation).ok()?.claims;
    claims["iat"].as_i64().filter(|_| claims["iss"] == TEAM_ID)
}

/// Headers and payload.
fn check(asked: &Asked, token: &str) -> Result<Value, (u16, &'static str)> {
    let is_hex = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return Err((400, if token.is_empty() { "MissingDeviceToken" } else { "BadDeviceToken" }));
    }
    match asked.header("apns-topic") {
        None => return Err((400, "MissingTopic")),
        Some(TOPIC) => {}
        Some(_) => return Err((400, "TopicDisallowed")),
    }
    let names =
        ["apns-topic", "apns-push-type", "apns-priority", "apns-expiration", "apns-id", "apns-collapse-id"];
    if names.iter().any(|name| asked.headers.get_all(*name).iter().count() > 1) {
        return Err((400, "DuplicateHeaders"));
    }
    let push_type = asked.header("apns-push-type").filter(|kind| PUSH_TYPES.contains(kind));
    let push_type = push_type.ok_or((400, "InvalidPushType"))?;
    let priority = asked.header("apns-priority").unwrap_or("10");
    if !["10", "5", "1"].contains(&priority) || (push_type == "background" && priority != "5") {
        return Err((400, "BadPriority"));
    }
    if asked.header("apns-expiration").is_some_and(|at| at.parse::<u32>().is_err()) {
        return Err((400, "BadExpirationDate"));
    }
    if asked.header("apns-collapse-id").is_some_and(|id| id.len() > COLLAPSE_ID_BYTES_MAX) {
        return Err((400, "BadCollapseId"));
    }
    let is_canonical =
        |id: &str| uuid::Uuid::parse_str(id).is_ok_and(|uuid| uuid.to_string() == id.to_lowercase());
    if asked.header("apns-id").is_some_and(|id| !is_canonical(id)) {
        return Err((400, "BadMessageId"));
    }
    if asked.body.len() > PAYLOAD_BYTES_MAX {
        return Err((413, "PayloadTooLarge"));
    }
    let payload: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let aps = payload["aps"].as_object().filter(|aps| !aps.is_empty()).ok_or((400, "PayloadEmpty"))?;
    let is_alert = aps.contains_key("alert") || aps.contains_key("sound") || aps.contains_key("badge");
    if is_alert != (push_type == "alert") && ["alert", "background"].contains(&push_type) {
        return Err((400, "InvalidPushType"));
    }
    Ok(payload)
}

pub fn reason_reply(status: u16, reason: &str) -> Reply {
    Reply::json(status, &json!({ "reason": reason }))
}

fn of_device(device: &Device) -> Reply {
    match device {
        Device::Dead { since: Some(since) } => {
            Reply::json(410, &json!({"reason": "Unregistered", "timestamp": since.timestamp_millis()}))
        }
        Device::Dead { since: None } => reason_reply(410, "Unregistered"),
        Device::Foreign => reason_reply(400, "DeviceTokenNotForTopic"),
        Device::Bad => reason_reply(400, "BadDeviceToken"),
        Device::Limited => reason_reply(429, "TooManyRequests"),
    }
}

fn taken(asked: &Asked, token: &str, payload: &Value) -> Taken {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let alert = &payload["aps"]["alert"];
    let expiration = asked.header("apns-expiration").and_then(|at| at.parse().ok());
    Taken {
        token: token.to_owned(),
        notification_id: text(&payload["notificationId"]),
        collapse_id: asked.header("apns-collapse-id").unwrap_or_default().to_owned(),
        title: text(&alert["title"]),
        body: text(&alert["body"]),
        data: payload.clone(),
        expiration: expiration.unwrap_or_default(),
        at: Instant::now(),
    }
}
