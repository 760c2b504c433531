//! The customer push contract: `/api/Push/*`, in that contract's own shape. Its paths are case-sensitive.

mod caller;
mod customers;
pub mod shape;

pub use caller::{CallerKey, PushCaller};
pub use customers::{devices, history, opened, preferences, set_preferences, stats};

use crate::api::description::Needs;
use crate::api::fields::{Fields, Object};
use crate::api::problem::Problem;
use crate::api::request::{Request, Sent};
use crate::api::respond::{Answered, json};
use crate::api::rules::{Rule, rule};
use crate::api::{Context, audited, rules};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::push::{Done, SentToCustomer};
use crate::contracts::time::WireTime;
use crate::domain::audit::Subject;
use crate::domain::device::Platform;
use crate::domain::external_id::Named;
use crate::domain::ids::CustomerId;
use crate::domain::notification::{BODY_CHARS_MAX, Content, NotificationStatus, TITLE_CHARS_MAX};
use crate::domain::push::{PUSH_TOKEN_BYTES_MAX, Priority, PushService, PushToken, is_reserved_key};
use crate::operations::accounts;
use crate::operations::push::{DirectRow, Registration, register as register_device};
use actix_web::web;
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long a sender waits for the outcomes.
const PATIENCE: Duration = Duration::from_secs(5);
/// A notification written by hand is timely for an hour.
const TIMELY_FOR: TimeDelta = TimeDelta::minutes(60);
/// The type of a notification whose data names none.
const GENERAL: &str = "general";
/// The field for the customer's external id in this contract.
const EXTERNAL_ID: &str = "externalId";
/// No customer's id.
const NOBODY: CustomerId = CustomerId(0);
/// Characters of a type, and of a device's name.
const WORD_CHARS_MAX: usize = 100;

const PLATFORMS: [(&str, Platform); 3] =
    [("android", Platform::Android), ("ios", Platform::Ios), ("web", Platform::Web)];

/// `POST register`: a customer's app, or an operator for it.
pub async fn register(
    ctx: web::Data<Context>,
    caller: PushCaller,
    body: Sent<NewDevice>,
) -> Answered<Done<'static>> {
    let new = body.read()?;
    let customer = customer_meant(&ctx, &caller, Some(new.named.clone())).await?;
    let new = new.of(customer, caller.session());
    let devices_max = ctx.settings.notifications.devices_per_customer_max.get();
    ctx.write(move |tx| register_device(tx, &new, devices_max)).await?;
    Ok(json(&Done::REGISTERED))
}

/// A device, and whose it is to be.
#[derive(Debug)]
pub struct NewDevice {
    named: Named<CustomerId>,
    device: Option<String>,
    platform: Platform,
    fcm: Option<PushToken>,
    expo: Option<PushToken>,
    apns: Option<PushToken>,
}

impl NewDevice {
    fn of(self, customer: CustomerId, session: Option<Uuid>) -> Registration {
        let Self { device, platform, fcm, expo, apns, .. } = self;
        Registration { customer, device, platform, fcm, expo, apns, session }
    }
}

impl Request for NewDevice {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.optional("userType", is_customer());
        let named = fields.required_named("id", &[EXTERNAL_ID]);
        let platform = fields.required("platform", rules::word(PLATFORMS));
        let device = fields.optional("deviceId", rules::unless_empty(word_rule())).flatten();
        let mut is_any_sent = false;
        let mut read_token = |name: &'static str| {
            // An app that got none from its service sends an empty one.
            let token = fields.optional(name, rules::unless_empty(token_rule()));
            is_any_sent |= !matches!(token, Some(None)) && fields.has(name);
            token.flatten()
        };
        let (fcm, expo, apns) =
            (read_token("fcmToken"), read_token("expoPushToken"), read_token("apnsToken"));
        fields.group(Needs::AtLeastOne, &["fcmToken", "expoPushToken", "apnsToken"]);
        if !is_any_sent {
            fields.refuse("fcmToken", "is missing, and so are expoPushToken and apnsToken");
        }
        Some(Self { named: named?, device, platform: platform?, fcm, expo, apns })
    }
}

/// The customer whose devices and history it is about, by either id. For somebody else's id a customer only hears that
/// it is not theirs, whether or not there is such a customer.
async fn customer_meant(
    ctx: &Context,
    caller: &PushCaller,
    named: Option<Named<CustomerId>>,
) -> Result<CustomerId, Problem> {
    let Some(named) = named else { return caller.customer(None) };
    let is_customer = caller.own()?.is_some();
    let id = match addressee(ctx, named).await {
        Err(unknown) if is_customer && unknown.code() == ErrorCode::NotFound => NOBODY,
        meant => meant?,
    };
    let customer = caller.customer(Some(id))?;
    audited::concerns(Subject::customer(customer));
    Ok(customer)
}

fn is_customer() -> impl Rule<()> {
    rule(
        || json!({"type": "string", "enum": ["customer"]}),
        |value| match value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("customer")) {
            true => Ok(()),
            false => Err("must be customer".to_owned()),
        },
    )
}

pub(super) fn token_rule() -> impl Rule<PushToken> {
    rule(
        || json!({"type": "string", "minLength": 1, "maxLength": PUSH_TOKEN_BYTES_MAX}),
        |value| {
            let text = value.as_str().unwrap_or_default();
            PushToken::new(text)
                .map_err(|_| "must be 1 to 500 printable ASCII characters without spaces".to_owned())
        },
    )
}

/// One visible line.
pub(super) fn word_rule() -> impl Rule<String> {
    rule(|| json!({"type": "string", "minLength": 1, "maxLength": WORD_CHARS_MAX}), word_of)
}

fn word_of(value: &Value) -> Result<String, String> {
    let text = value.as_str().unwrap_or_default();
    let is_word = (1..=WORD_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    is_word
        .then(|| text.to_owned())
        .ok_or_else(|| format!("must be a string of 1 to {WORD_CHARS_MAX} characters"))
}

/// A text that is shown by a phone, which may have several lines.
fn notification_text(chars_max: usize) -> impl Rule<String> {
    rule(
        move || json!({"type": "string", "minLength": 1, "maxLength": chars_max}),
        move |value| {
            let text = value.as_str().unwrap_or_default();
            let fits = !text.trim().is_empty() && text.chars().count() <= chars_max && !text.contains('\0');
            fits.then(|| text.to_owned())
                .ok_or_else(|| format!("must be a string of 1 to {chars_max} characters"))
        },
    )
}

/// The data of a notification for the app. Its `type` and `priority` also have a meaning here.
fn data() -> impl Rule<Object> {
    rule(
        || {
            let kind = json!({"type": "string", "minLength": 1, "maxLength": WORD_CHARS_MAX});
            let properties = json!({"type": kind, "priority": {"type": "string"}});
            json!({"type": "object", "properties": properties, "additionalProperties": true})
        },
        |value| match value {
            Value::Object(data) => Ok(data.clone()),
            _ => Err("must be an object".to_owned()),
        },
    )
}

/// `POST sendToCustomer`: an operator, or a program of theirs.
pub async fn send(
    ctx: web::Data<Context>,
    _: PushCaller,
    body: Sent<MessageToCustomer>,
) -> Answered<SentToCustomer> {
    let MessageToCustomer { named, content } = body.read()?;
    let customer = addressee(&ctx, named).await?;
    let rows = send_to(&ctx, customer, content).await?;
    let outcomes: Vec<(PushService, NotificationStatus)> =
        rows.iter().filter_map(|row| Some((row.service?, row.status))).collect();
    Ok(json(&SentToCustomer::of(&outcomes)))
}

/// The customer who is sent something.
async fn addressee(ctx: &Context, named: Named<CustomerId>) -> Result<CustomerId, Problem> {
    let theirs = match named {
        Named::Ours(id) => return Ok(id),
        theirs => theirs,
    };
    let found = ctx.read(move |conn| accounts::customer_named(conn, &theirs)).await?;
    found.ok_or_else(|| Problem::not_found("customer"))
}

/// The input of `POST sendToCustomer`.
#[derive(Debug)]
pub struct MessageToCustomer {
    named: Named<CustomerId>,
    content: Content,
}

impl Request for MessageToCustomer {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let named = fields.required_named("id", &[EXTERNAL_ID]);
        let title = fields.required("title", notification_text(TITLE_CHARS_MAX));
        let body = fields.required("body", notification_text(BODY_CHARS_MAX));
        let data = fields.optional("data", data());
        let mut data = data.unwrap_or_default();
        let kind = match data.get("type") {
            Some(kind) if kind.is_string() => match word_of(kind) {
                Ok(kind) => kind,
                Err(wrong) => {
                    fields.refuse("data.type", wrong);
                    String::new()
                }
            },
            _ => GENERAL.to_owned(),
        };
        let priority = data.get("priority").and_then(Value::as_str).unwrap_or_default();
        let is_high = priority.eq_ignore_ascii_case("high");
        let reserved: Vec<String> =
            data.keys().filter(|key| is_reserved_key(key)).map(|key| shortened(key)).collect();
        if !reserved.is_empty() {
            let keys = reserved.join(", ");
            fields
                .refuse("data", format!("must not have {keys}, which push services reserve for themselves"));
        }
        data.entry("type").or_insert_with(|| Value::String(kind.clone()));
        let content = Content {
            kind,
            title: title?,
            body: body?,
            data,
            priority: if is_high { Priority::High } else { Priority::Normal },
            is_urgent: false,
            timely_for: TIMELY_FOR,
        };
        Some(Self { named: named?, content })
    }
}

fn shortened(key: &str) -> String {
    key.chars().take(WORD_CHARS_MAX).collect()
}

/// The input of `POST test`.
pub struct CustomerNamed(Named<CustomerId>);

impl Request for CustomerNamed {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.required_named("customerId", &[EXTERNAL_ID]).map(Self)
    }
}

/// `POST test`.
pub async fn test(
    ctx: web::Data<Context>,
    _: PushCaller,
    body: Sent<CustomerNamed>,
) -> Answered<Done<'static>> {
    let CustomerNamed(named) = body.read()?;
    let customer = addressee(&ctx, named).await?;
    let now = WireTime(ctx.clock.now());
    let content = ctx.push.texts().test(now.to_string());
    send_to(&ctx, customer, content).await?;
    Ok(json(&Done::TEST_SENT))
}

async fn send_to(ctx: &Context, customer: CustomerId, content: Content) -> Result<Vec<DirectRow>, Problem> {
    if !ctx.push.fits(&content) {
        let detail = "The data is larger than push services accept, even with a shorter text.";
        return Err(Problem::new(ErrorCode::BodyTooLarge, detail));
    }
    ctx.limiters.push_by_customer.check(customer, Instant::now()).map_err(|wait| {
        ctx.metrics.push_limited.increment(1);
        Problem::limited(wait)
    })?;
    let rows = ctx.push.send(customer, content, PATIENCE, audited::change()).await?;
    audited::written();
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::request;

    fn object(value: Value) -> Object {
        let Value::Object(object) = value else { panic!("an object") };
        object
    }

    #[test]
    fn a_registration_needs_a_customer_a_platform_and_a_token() {
        let whole = json!({"userType": "customer", "id": 123, "fcmToken": "f", "platform": "android"});
        let read = request::read::<NewDevice>(&object(whole.clone())).expect("all that is needed");
        assert_eq!(read.named, Named::Ours(CustomerId(123)));
        assert_eq!((read.platform, &read.expo), (Platform::Android, &None));
        let mut theirs = whole.clone();
        theirs["id"] = Value::Null;
        theirs["externalId"] = json!("CRM-7");
        let named = request::read::<NewDevice>(&object(theirs)).map(|read| read.named);
        assert!(matches!(named, Ok(Named::Theirs(_))));
        for (name, wrong) in [
            ("userType", json!("driver")),
            ("id", json!("x")),
            ("id", json!(0)),
            ("platform", json!("symbian")),
            ("platform", Value::Null),
            ("fcmToken", Value::Null),
            ("fcmToken", json!("")),
            ("fcmToken", json!("a b")),
            ("fcmToken", json!("x".repeat(501))),
            ("deviceId", json!("a\nb")),
            ("externalId", json!("CRM-7")),
        ] {
            let mut body = whole.clone();
            body[name] = wrong.clone();
            assert!(request::read::<NewDevice>(&object(body)).is_err(), "{name} {wrong}");
        }
    }

    #[test]
    fn an_empty_token_is_none_and_words_are_read_in_any_case() {
        let read = |body: Value| request::read::<NewDevice>(&object(body));
        let written = json!({"userType": "Customer", "id": "123", "fcmToken": "f", "expoPushToken": "", "apnsToken": " ",
            "deviceId": "", "platform": "iOS"});
        let read_all = read(written).expect("all that is needed");
        assert_eq!((read_all.named, read_all.platform), (Named::Ours(CustomerId(123)), Platform::Ios));
        assert!(read_all.fcm.is_some() && read_all.expo.is_none() && read_all.apns.is_none());
        assert_eq!(read_all.device, None);
        let none = json!({"userType": "customer", "id": 123.0, "fcmToken": "", "expoPushToken": "", "platform": "web"});
        assert_eq!(
            read(none).expect_err("no token").detail(),
            "fcmToken: is missing, and so are expoPushToken and apnsToken."
        );
    }

    #[test]
    fn a_key_that_a_service_keeps_for_itself_is_named() {
        let read = |key: &str| {
            let data: Object = [(key.to_owned(), json!("x"))].into_iter().collect();
            request::read::<MessageToCustomer>(&object(
                json!({"id": 1, "title": "t", "body": "b", "data": data}),
            ))
        };
        let reserved =
            ["from", "message_type", "collapse_key", "google.c.id", "gcm.notification.title", "gcm.x", "aps"];
        for key in reserved {
            let refused = read(key).expect_err(key);
            assert_eq!(refused.code(), ErrorCode::InvalidFields);
            assert!(refused.detail().contains(key), "{}", refused.detail());
        }
        let both = json!({"id": 1, "body": "b", "data": {"from": 1, "google.x": 2, "fine": 3}});
        let refused = request::read::<MessageToCustomer>(&object(both)).expect_err("a title, too");
        for named in ["title", "from, google.x, which"] {
            assert!(refused.detail().contains(named), "all at once: {}", refused.detail());
        }
        for fine in ["fromCity", "googleMaps", "gcmX", "APS", "messageType"] {
            assert!(read(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn what_is_sent_has_a_type_and_is_urgent_only_as_its_booking_says() {
        let read = |data: Value| {
            let whole = object(json!({"id": 1, "title": "t", "body": "b", "data": data}));
            request::read(&whole).map(|MessageToCustomer { content, .. }| content)
        };
        let plain = read(Value::Null).expect("a message");
        assert_eq!((plain.kind.as_str(), plain.priority), ("general", Priority::Normal));
        assert_eq!(plain.data["type"], "general");
        let high = read(json!({"type": "reached", "priority": "high"})).expect("a message");
        assert_eq!((high.kind.as_str(), high.priority, high.is_urgent), ("reached", Priority::High, false));
        assert_eq!(read(json!({"priority": "HIGH"})).expect("a message").priority, Priority::High);
        assert_eq!(read(json!({"type": 7})).expect("a message").kind, "general");
        for wrong in [json!([]), json!("x"), json!({"type": ""}), json!({"type": "x".repeat(101)})] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
        let long = json!({"id": 1, "title": "t".repeat(201), "body": "b"});
        assert!(request::read::<MessageToCustomer>(&object(long)).is_err());
    }
}
