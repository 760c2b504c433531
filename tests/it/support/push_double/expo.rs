//! The double of Expo's push service.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use flate2::read::GzDecoder;
use hyper::Method;
use serde_json::{Value, json};

use super::desk::{Desk, Device, Taken};
use super::schema::{Is, check};
use super::server::{Act, Asked, Judge, Reply};

pub const ACCESS_TOKEN: &str = "expo-access-token-of-the-tests";
pub const PROJECT: &str = "@fleetwire/customer";
const RECIPIENTS_MAX: usize = 100;
const RECEIPTS_MAX: usize = 1000;
const PAYLOAD_BYTES_MAX: usize = 4096;
/// The largest uncompressed request.
const BODY_BYTES_MAX: u64 = 4 << 20;

const MESSAGE: &[(&str, Is)] = &[
    ("to", Is::Any),
    ("data", Is::Object),
    ("title", Is::Text),
    ("subtitle", Is::Text),
    ("body", Is::Text),
    ("sound", Is::Any),
    ("ttl", Is::Int),
    ("expiration", Is::Int),
    ("priority", Is::OneOf(&["default", "normal", "high"])),
    ("interruptionLevel", Is::Text),
    ("badge", Is::Int),
    ("channelId", Is::Text),
    ("icon", Is::Text),
    ("richContent", Is::Object),
    ("categoryId", Is::Text),
    ("mutableContent", Is::Bool),
    ("collapseId", Is::Text),
    ("tag", Is::Text),
    ("_contentAvailable", Is::Bool),
];

pub struct Expo {
    pub desk: Arc<Desk>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Tokens of other projects than ours.
    projects: HashMap<String, String>,
    /// The token of each ticket.
    tickets: HashMap<String, String>,
    /// The receipts for a token.
    receipts: HashMap<String, Value>,
    /// How many were sent in each request.
    batches: Vec<usize>,
    gzipped: usize,
    /// One ticket less than messages, in so many answers.
    short: usize,
}

impl Expo {
    pub fn new(desk: Arc<Desk>) -> Expo {
        Expo { desk, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under this lock")
    }

    pub fn set_project(&self, token: &str, project: &str) {
        self.state().projects.insert(token.to_owned(), project.to_owned());
    }

    /// Receipts of this token's tickets say so; `Value::Null`: there are none.
    pub fn set_receipt(&self, token: &str, receipt: Value) {
        self.state().receipts.insert(token.to_owned(), receipt);
    }

    /// The next answers have a ticket less than they should.
    pub fn fall_short(&self, answers: usize) {
        self.state().short = answers;
    }

    pub fn batches(&self) -> Vec<usize> {
        self.state().batches.clone()
    }

    pub fn gzipped(&self) -> usize {
        self.state().gzipped
    }

    fn body(&self, asked: &Asked) -> Option<Value> {
        let mut plain = Vec::new();
        match asked.header("content-encoding") {
            Some("gzip") => {
                self.state().gzipped += 1;
                GzDecoder::new(&*asked.body).take(BODY_BYTES_MAX).read_to_end(&mut plain).ok()?;
            }
            None => plain = asked.body.to_vec(),
            Some(_) => return None,
        }
        serde_json::from_slice(&plain).ok().filter(|_| asked.is_json())
    }

    fn send(&self, asked: &Asked) -> Act {
        let Some(body) = self.body(asked) else {
            return self.refuse(400, "VALIDATION_ERROR", "not JSON");
        };
        let messages = match body {
            Value::Array(messages) => messages,
            message => vec![message],
        };
        if let Some(why) = messages.iter().find_map(|message| check("message", message, MESSAGE).err()) {
            return self.refuse(400, "VALIDATION_ERROR", &why);
        }
        let recipients: Vec<(&str, &Value)> = messages
            .iter()
            .flat_map(|message| recipients(message).map(move |token| (token, message)))
            .collect();
        if let Some((token, _)) = recipients.iter().find(|(token, _)| !is_token(token)) {
            return self.refuse(
                400,
                "VALIDATION_ERROR",
                &format!("\"{token}\" is not a valid Expo push token"),
            );
        }
        if recipients.is_empty() {
            return self.refuse(400, "VALIDATION_ERROR", "nobody to send to");
        }
        if recipients.len() > RECIPIENTS_MAX {
            let said = format!(
                "You can send a maximum of 100 notifications per request (received {}); divide your requests.",
                recipients.len()
            );
            return self.refuse(400, "PUSH_TOO_MANY_NOTIFICATIONS", &said);
        }
        let projects = self.projects(&recipients);
        if projects.len() > 1 {
            let error =
                json!({"code": "PUSH_TOO_MANY_EXPERIENCE_IDS", "message": "for people", "details": projects});
            return Act::Answer(Reply::json(400, &json!({ "errors": [error] })));
        }
        self.take(&recipients)
    }

    /// Which tokens belong to which project.
    fn projects<'a>(&self, recipients: &[(&'a str, &Value)]) -> BTreeMap<String, Vec<&'a str>> {
        let state = self.state();
        let mut projects: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (token, _) in recipients {
            let project = state.projects.get(*token).map_or(PROJECT, String::as_str);
            projects.entry(project.to_owned()).or_default().push(token);
        }
        projects
    }

    fn take(&self, recipients: &[(&str, &Value)]) -> Act {
        let (mut tickets, mut all_taken) = (Vec::new(), Vec::new());
        {
            let mut state = self.state();
            state.batches.push(recipients.len());
            for (token, message) in recipients {
                let error = self.desk.device(token).map(|device| of_device(&device));
                let is_too_big = message.to_string().len() - token.len() > PAYLOAD_BYTES_MAX;
                if let Some(error) = error.or(is_too_big.then_some("MessageTooBig")) {
                    tickets.push(ticket_error(error, token));
                    continue;
                }
                let id = uuid::Uuid::new_v4().to_string();
                state.tickets.insert(id.clone(), (*token).to_owned());
                tickets.push(json!({"status": "ok", "id": id}));
                all_taken.push(taken(token, message));
            }
            if state.short > 0 {
                state.short -= 1;
                tickets.pop();
            }
        }
        let tokens: Vec<&str> = recipients.iter().map(|(token, _)| *token).collect();
        self.desk.take(all_taken, &tokens, Reply::json(200, &json!({ "data": tickets })))
    }

    fn receipts(&self, asked: &Asked) -> Act {
        let body = self.body(asked).unwrap_or_default();
        let Some(ids) = body["ids"].as_array() else {
            return self.refuse(400, "VALIDATION_ERROR", "\"ids\" must be a list");
        };
        if ids.len() > RECEIPTS_MAX {
            return self.refuse(400, "PUSH_TOO_MANY_RECEIPTS", "too many");
        }
        let state = self.state();
        let receipt = |id: &Value| {
            let id = id.as_str()?;
            let token = state.tickets.get(id)?;
            let receipt = state.receipts.get(token).cloned().unwrap_or_else(|| json!({"status": "ok"}));
            (!receipt.is_null()).then(|| (id.to_owned(), receipt))
        };
        let receipts: serde_json::Map<String, Value> = ids.iter().filter_map(receipt).collect();
        Act::Answer(Reply::json(200, &json!({ "data": receipts })))
    }

    fn refuse(&self, status: u16, code: &str, message: &str) -> Act {
        self.desk.refuse(format!("{code}: {message}"), request_error(status, code, message))
    }
}

impl Judge for Expo {
    fn judge(&self, asked: &Asked) -> Act {
        if asked.method != Method::POST {
            return self.desk.refuse("method", Reply::html(405));
        }
        if asked.bearer() != Some(ACCESS_TOKEN) {
            return self.refuse(401, "UNAUTHORIZED", "this project wants an access token");
        }
        match asked.path.as_str() {
            "/--/api/v2/push/send" => {
                self.desk.count_request();
                self.send(asked)
            }
            "/--/api/v2/push/getReceipts" => self.receipts(asked),
            other => self.desk.refuse(format!("path {other}"), Reply::html(404)),
        }
    }
}

pub fn request_error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"errors": [{"code": code, "message": message}]}))
}

/// A failure in a ticket or a receipt.
pub fn ticket_error(error: &str, token: &str) -> Value {
    let message = format!("\"{token}\" is not a registered push notification recipient");
    json!({"status": "error", "message": message, "details": {"error": error, "expoPushToken": token}})
}

fn recipients(message: &Value) -> impl Iterator<Item = &str> {
    let list = message["to"].as_array().map_or_else(|| vec![&message["to"]], |list| list.iter().collect());
    list.into_iter().map(|token| token.as_str().unwrap_or_default())
}

fn is_token(token: &str) -> bool {
    ["ExponentPushToken[", "ExpoPushToken["].iter().any(|start| token.starts_with(start))
        && token.ends_with(']')
}

fn of_device(device: &Device) -> &'static str {
    match device {
        Device::Dead { .. } | Device::Bad => "DeviceNotRegistered",
        Device::Foreign => "MismatchSenderId",
        Device::Limited => "MessageRateExceeded",
    }
}

fn taken(token: &str, message: &Value) -> Taken {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Taken {
        token: token.to_owned(),
        notification_id: text(&message["data"]["notificationId"]),
        collapse_id: text(&message["collapseId"]),
        title: text(&message["title"]),
        body: text(&message["body"]),
        data: message["data"].clone(),
        expiration: message["ttl"].as_i64().unwrap_or_default(),
        at: Instant::now(),
    }
}
