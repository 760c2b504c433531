//! The double of FCM and of Google's token service.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use hyper::Method;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use super::desk::{Desk, Device, Taken};
use super::fcm_message::check_request;
use super::keys::RSA_PUBLIC;
use super::schema::field;
use super::server::{Act, Asked, Judge, Reply};

pub const PROJECT: &str = "fleetwire-test";
pub const CLIENT_EMAIL: &str = "push@fleetwire-test.iam.gserviceaccount.com";
pub const TOKEN_PATH: &str = "/token";
const SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"];
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Clocks may differ by so much.
const LEEWAY_SECS: i64 = 300;

pub struct Google {
    pub desk: Arc<Desk>,
    tokens: Mutex<Tokens>,
}

#[derive(Default)]
struct Tokens {
    /// Until when each is good.
    good: HashMap<String, i64>,
    granted: usize,
    asked: usize,
    /// The token service's own address, which assertions must be for.
    audience: String,
    lifetime_secs: Option<i64>,
    /// The token service's answer instead of a token.
    failing: Option<Act>,
}

impl Google {
    pub fn new(desk: Arc<Desk>) -> Google {
        Google { desk, tokens: Mutex::default() }
    }

    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().expect("nothing panics under this lock")
    }

    pub(super) fn set_audience(&self, audience: String) {
        self.tokens().audience = audience;
    }

    /// All access tokens so far are refused from now on.
    pub fn revoke_tokens(&self) {
        self.tokens().good.clear();
    }

    /// Tokens granted from now on live so long instead of an hour.
    pub fn set_token_lifetime(&self, secs: i64) {
        self.tokens().lifetime_secs = Some(secs);
    }

    pub fn tokens_granted(&self) -> usize {
        self.tokens().granted
    }

    /// How often somebody asked for one.
    pub fn tokens_asked(&self) -> usize {
        self.tokens().asked
    }

    /// The token service's action instead of granting; None: grants again.
    pub fn fail_tokens(&self, act: Option<Act>) {
        self.tokens().failing = act;
    }

    fn now(&self) -> i64 {
        self.desk.clock.now().timestamp()
    }

    fn grant(&self, asked: &Asked) -> Act {
        {
            let mut tokens = self.tokens();
            tokens.asked += 1;
            if let Some(act) = tokens.failing.clone() {
                return act;
            }
        }
        if let Err((error, why)) = self.check_grant(asked) {
            let reply = Reply::json(400, &json!({"error": error, "error_description": why}));
            return self.desk.refuse(why, reply);
        }
        let mut tokens = self.tokens();
        tokens.granted += 1;
        let token = format!("ya29.double-{}", tokens.granted);
        let lifetime = tokens.lifetime_secs.unwrap_or(3599);
        let end = self.now() + lifetime;
        tokens.good.insert(token.clone(), end);
        Act::Answer(Reply::json(
            200,
            &json!({"access_token": token, "expires_in": lifetime, "token_type": "Bearer"}),
        ))
    }

    fn check_grant(&self, asked: &Asked) -> Result<(), (&'static str, String)> {
        let request = |why: &str| ("invalid_request", why.to_owned());
        if asked.header("content-type") != Some("application/x-www-form-urlencoded") {
            return Err(request("not a form"));
        }
        let form: HashMap<String, String> = reqwest::Url::parse("http://form/")
            .map(|mut url| {
                url.set_query(std::str::from_utf8(&asked.body).ok());
                url.query_pairs().into_owned().collect()
            })
            .unwrap_or_default();
        if form.get("grant_type").map(String::as_str) != Some(GRANT_TYPE) {
            return Err(("unsupported_grant_type", "Invalid grant_type".to_owned()));
        }
        let assertion = form.get("assertion").ok_or_else(|| request("no assertion"))?;
        self.check_assertion(assertion).map_err(|why| ("invalid_grant", format!("Invalid JWT: {why}")))
    }

    fn check_assertion(&self, assertion: &str) -> Result<(), String> {
        let header = decode_header(assertion).map_err(|_| "not a JWT")?;
        if header.alg != Algorithm::RS256 || header.typ.as_deref() != Some("JWT") {
            return Err("alg must be RS256 and typ JWT".to_owned());
        }
        let mut validation = Validation::new(Algorithm::RS256);
        (validation.validate_exp, validation.validate_aud) = (false, false);
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_rsa_pem(RSA_PUBLIC.as_bytes()).expect("the key of the tests is one");
        let claims =
            decode::<Value>(assertion, &key, &validation).map_err(|_| "Invalid JWT Signature.")?.claims;
        if claims["iss"] != CLIENT_EMAIL {
            return Err("account not found".to_owned());
        }
        let scopes = claims["scope"].as_str().unwrap_or_default();
        if !scopes.split(' ').any(|scope| SCOPES.contains(&scope)) {
            return Err("scope".to_owned());
        }
        if claims["aud"] != Value::String(self.tokens().audience.clone()) {
            return Err("aud is not the token endpoint".to_owned());
        }
        let (iat, exp) = (claims["iat"].as_i64(), claims["exp"].as_i64());
        let now = self.now();
        let is_short = iat.zip(exp).is_some_and(|(iat, exp)| {
            iat <= now + LEEWAY_SECS && iat >= now - 3600 && exp > now && exp - iat <= 3600
        });
        if is_short {
            Ok(())
        } else {
            Err("Token must be a short-lived token (60 minutes) and in a reasonable timeframe".to_owned())
        }
    }

    fn send(&self, asked: &Asked) -> Act {
        let token = asked.bearer().unwrap_or_default();
        let is_good = self.tokens().good.get(token).is_some_and(|end| *end > self.now());
        if !is_good {
            return self
                .desk
                .refuse("401: the access token", error(401, "UNAUTHENTICATED", None, "bad credentials"));
        }
        if asked.path != format!("/v1/projects/{PROJECT}/messages:send") {
            let reply = error(403, "PERMISSION_DENIED", None, "not this project's account");
            return self.desk.refuse(format!("path {}", asked.path), reply);
        }
        let request = serde_json::from_slice::<Value>(&asked.body).ok().filter(|_| asked.is_json());
        let Some(request) = request else {
            return self.desk.refuse("not JSON", violation("Invalid JSON payload received."));
        };
        if let Err(why) = check_request(&request) {
            let reply = violation(&why);
            return self.desk.refuse(why, reply);
        }
        let message = &request["message"];
        let token = message["token"].as_str().unwrap_or_default();
        if let Some(device) = self.desk.device(token) {
            return Act::Answer(of_device(&device));
        }
        let name = format!("projects/{PROJECT}/messages/{}", uuid::Uuid::new_v4());
        self.desk.take(vec![taken(message)], &[token], Reply::json(200, &json!({ "name": name })))
    }
}

impl Judge for Google {
    fn judge(&self, asked: &Asked) -> Act {
        if asked.method != Method::POST {
            return self.desk.refuse("method", Reply::html(405));
        }
        if asked.path == TOKEN_PATH {
            return self.grant(asked);
        }
        if !asked.path.ends_with("/messages:send") {
            return self.desk.refuse(format!("path {}", asked.path), Reply::html(404));
        }
        self.desk.count_request();
        self.send(asked)
    }
}

/// An error in Google's shape, with FCM's own code or without.
pub fn error(code: u16, status: &str, fcm: Option<&str>, message: &str) -> Reply {
    let detail =
        |code| json!({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code});
    let details: Vec<Value> = fcm.map(detail).into_iter().collect();
    Reply::json(
        code,
        &json!({"error": {"code": code, "message": message, "status": status, "details": details}}),
    )
}

pub fn unregistered() -> Reply {
    error(404, "NOT_FOUND", Some("UNREGISTERED"), "Requested entity was not found.")
}

pub fn unavailable() -> Reply {
    error(503, "UNAVAILABLE", Some("UNAVAILABLE"), "The service is currently unavailable.")
}

pub fn quota_exceeded() -> Reply {
    error(429, "RESOURCE_EXHAUSTED", Some("QUOTA_EXCEEDED"), "Quota exceeded.")
}

fn violation(why: &str) -> Reply {
    let field = why.split('\'').nth(1).unwrap_or("message");
    let violations = json!([{"field": field, "description": why}]);
    let detail = json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations});
    let error = json!({"code": 400, "message": why, "status": "INVALID_ARGUMENT", "details": [detail]});
    Reply::json(400, &json!({ "error": error }))
}

fn of_device(device: &Device) -> Reply {
    let said = "The registration token is not a valid FCM registration token";
    match device {
        Device::Dead { .. } => unregistered(),
        Device::Foreign => error(403, "PERMISSION_DENIED", Some("SENDER_ID_MISMATCH"), "SenderId mismatch"),
        Device::Bad => error(400, "INVALID_ARGUMENT", Some("INVALID_ARGUMENT"), said),
        Device::Limited => quota_exceeded(),
    }
}

fn taken(message: &Value) -> Taken {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let android = &message["android"];
    let ttl = field(android, "ttl").as_str().and_then(super::schema::duration_secs);
    Taken {
        token: text(&message["token"]),
        notification_id: text(&message["data"]["notificationId"]),
        collapse_id: text(field(android, "collapse_key")),
        title: text(&message["notification"]["title"]),
        body: text(&message["notification"]["body"]),
        data: message["data"].clone(),
        expiration: ttl.unwrap_or_default() as i64,
        at: Instant::now(),
    }
}
