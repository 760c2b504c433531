//! A shop's payment service that signs its requests as many do: `Fleetwire-Signature: t=SECONDS,v1=HEX`, where HEX is
//! the HMAC-SHA256 of `SECONDS.BODY` under a shared secret.

use super::{NotTaken, PaymentService, Verdict};
use crate::domain::currency::Currency;
use crate::domain::external_id::ExternalId;
use crate::domain::ids::JobId;
use crate::domain::job::JobKind;
use crate::domain::money::Amount;
use crate::domain::payment::{JobName, NamedJob, Notice, PaymentMethod, PaymentStatus};
use crate::domain::ride::RideId;
use crate::domain::whole;
use chrono::{DateTime, TimeDelta, Utc};
use ring::hmac;
use serde_json::{Map, Value, json};
use std::fmt;
use subtle::ConstantTimeEq;

const SIGNATURE: &str = "Fleetwire-Signature";
/// Clocks differ, and a request may wait for a connection. One that was recorded is of no use later.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// While a secret is replaced a sender signs with both.
const SIGNATURES_MAX: usize = 4;
/// Of ids and references of theirs.
const TEXT_CHARS_MAX: usize = 255;

/// Its kinds that say how far a payment is.
const KINDS: [(&str, PaymentStatus); 4] = [
    ("payment.authorised", PaymentStatus::Authorised),
    ("payment.paid", PaymentStatus::Paid),
    ("payment.failed", PaymentStatus::Failed),
    ("payment.refunded", PaymentStatus::Refunded),
];

/// Whether money comes or is set aside.
fn has_money(status: PaymentStatus) -> bool {
    matches!(status, PaymentStatus::Paid | PaymentStatus::Authorised)
}

/// The fields for our id of a job.
const IDS: [&str; 3] = ["order_id", "ride_id", "booking_id"];

/// The fields for a shop's own id of a job.
const EXTERNAL_IDS: [(&str, Option<JobKind>); 4] = [
    ("order_external_id", Some(JobKind::Delivery)),
    ("ride_external_id", Some(JobKind::Ride)),
    ("booking_external_id", Some(JobKind::Service)),
    ("external_id", None),
];

pub struct SignedWebhook {
    /// Either is good while one is replaced by the other.
    keys: Vec<hmac::Key>,
}

impl SignedWebhook {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let keys = secrets.into_iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret));
        Self { keys: keys.collect() }
    }

    fn is_signed(&self, header: &str, body: &[u8], now: DateTime<Utc>) -> bool {
        let Some((time, given)) = parts(header) else { return false };
        let Some(signed_at) = time.parse().ok().and_then(|secs| DateTime::from_timestamp(secs, 0)) else {
            return false;
        };
        if (now - signed_at).abs() > TOLERANCE {
            return false;
        }
        let text = [time.as_bytes(), b".", body].concat();
        let expected: Vec<hmac::Tag> = self.keys.iter().map(|key| hmac::sign(key, &text)).collect();
        let mut is_any = subtle::Choice::from(0);
        for (tag, given) in expected.iter().flat_map(|tag| given.iter().map(move |given| (tag, given))) {
            is_any |= tag.as_ref().ct_eq(given);
        }
        is_any.into()
    }
}

/// The secrets are never shown.
impl fmt::Debug for SignedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedWebhook").field("keys", &self.keys.len()).finish()
    }
}

impl PaymentService for SignedWebhook {
    fn read<'a>(
        &self,
        header: &dyn Fn(&str) -> Option<&'a str>,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Verdict, NotTaken> {
        match header(SIGNATURE) {
            Some(signature) if self.is_signed(signature, body, now) => understood(body),
            _ => Err(NotTaken::Unsigned),
        }
    }
}

/// The time as it was signed, and the signatures.
fn parts(header: &str) -> Option<(&str, Vec<Vec<u8>>)> {
    let entries = || header.split(',').filter_map(|entry| entry.trim().split_once('='));
    let time = entries().find(|(name, _)| *name == "t").map(|(_, time)| time)?;
    let signatures = entries().filter(|(name, _)| *name == "v1").filter_map(|(_, hex)| bytes(hex));
    Some((time, signatures.take(SIGNATURES_MAX).collect()))
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

fn understood(body: &[u8]) -> Result<Verdict, NotTaken> {
    let Ok(Value::Object(sent)) = serde_json::from_slice(body) else {
        return Err(NotTaken::Unreadable(vec![("body", "must be a JSON object")]));
    };
    let kind = sent.get("type").and_then(Value::as_str);
    let Some((_, status)) = KINDS.iter().find(|(word, _)| kind == Some(word)) else {
        return match kind {
            Some(_) => Ok(Verdict::NothingToUs),
            None => Err(NotTaken::Unreadable(vec![("type", "must be a text such as payment.paid")])),
        };
    };
    notice(&sent, *status).map(Verdict::Notice).map_err(NotTaken::Unreadable)
}

fn notice(
    sent: &Map<String, Value>,
    status: PaymentStatus,
) -> Result<Notice, Vec<(&'static str, &'static str)>> {
    let present = |name: &str| sent.get(name).filter(|value| !value.is_null());
    let mut problems = Vec::new();
    let id = present("id").and_then(short_text);
    if id.is_none() {
        problems.push(("id", "must be a string of 1 to 255 characters"));
    }
    let job = present("job").and_then(Value::as_object).and_then(job);
    if job.is_none() {
        let names = "must have one of order_id, ride_id and booking_id, or one of order_external_id, ride_external_id, \
            booking_external_id and external_id";
        problems.push(("job", names));
    }
    let major = present("amount").map(|amount| amount.as_f64().and_then(|major| Amount::new(major).ok()));
    let currency = present("currency").map(|code| code.as_str().and_then(|code| Currency::new(code).ok()));
    if major == Some(None) {
        problems.push(("amount", "must be a number from 0 to 1000000000, in major units"));
    }
    if currency == Some(None) {
        problems.push(("currency", "must be an ISO 4217 code such as USD"));
    }
    let amount = major.flatten().zip(currency.flatten()).map(|(major, currency)| major.in_currency(currency));
    // Where money comes or is set aside it must be said how much; otherwise it need not, but nothing by halves.
    if problems.is_empty() && amount.is_none() && (has_money(status) || major.is_some() || currency.is_some())
    {
        problems.push(("amount", "must be there together with currency"));
    }
    let method = present("payment_method").and_then(Value::as_str);
    let reference = present("reference").and_then(short_text);
    match (id, job, problems.is_empty()) {
        (Some(id), Some(job), true) => Ok(Notice {
            provider: "webhook",
            id,
            job,
            status,
            method: method.and_then(|word| PaymentMethod::try_from(word.to_owned()).ok()),
            amount,
            reference,
        }),
        _ => Err(problems),
    }
}

/// JSON Schema of a signed body.
pub fn notice_schema() -> Value {
    let words = |is_one: fn(PaymentStatus) -> bool| -> Vec<&str> {
        KINDS.iter().filter(|(_, status)| is_one(*status)).map(|(word, _)| *word).collect()
    };
    let is_of = |words: Vec<&str>| json!({"properties": {"type": {"enum": words}}});
    let methods: Vec<&str> = PaymentMethod::ALL.iter().map(|method| method.as_str()).collect();
    json!({
        "type": "object",
        "required": ["type"],
        "properties": {
            "id": {"type": "string", "minLength": 1, "maxLength": TEXT_CHARS_MAX,
                "description": "The notice's own id: a repetition is known by it."},
            "type": {"type": "string", "examples": words(|_| true),
                "description": "A kind that says nothing of a payment is received, and nothing is done."},
            "job": job_schema(),
            "amount": {"type": "number", "minimum": 0, "maximum": 1_000_000_000, "description": "In major units."},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217."},
            "payment_method": {"type": "string", "examples": methods, "description": "Another word counts as absent."},
            "reference": {"type": "string", "description": "The service's own; kept up to 255 characters."},
        },
        "if": is_of(words(|_| true)),
        "then": {
            "required": ["id", "job"],
            "dependentRequired": {"amount": ["currency"], "currency": ["amount"]},
            "if": is_of(words(has_money)),
            "then": {"required": ["amount", "currency"]},
        },
    })
}

fn job_schema() -> Value {
    let theirs = EXTERNAL_IDS.iter().map(|(name, _)| (*name, json!({"type": ["string", "integer"]})));
    let ours = IDS.iter().map(|name| match *name {
        "ride_id" => (*name, json!({"type": "string", "maxLength": RideId::CHARS_MAX})),
        name => (name, json!({"type": "integer", "minimum": 1})),
    });
    let properties: Map<String, Value> =
        ours.chain(theirs).map(|(name, schema)| (name.to_owned(), schema)).collect();
    let one_of: Vec<Value> = properties.keys().map(|name| json!({"required": [name]})).collect();
    json!({
        "type": "object",
        "description": "The job that is paid, by exactly one of its ids: ours, or another system's.",
        "properties": properties,
        "oneOf": one_of,
    })
}

fn short_text(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let is_short = (1..=TEXT_CHARS_MAX).contains(&text.chars().count()) && !text.contains(char::is_control);
    is_short.then(|| text.to_owned())
}

/// The one id that it has.
fn job(sent: &Map<String, Value>) -> Option<NamedJob> {
    let id = |name: &str| sent.get(name).and_then(number).filter(|id| *id > 0).map(JobId);
    let [order_id, ride_id, booking_id] = IDS;
    let ride = sent.get(ride_id).and_then(Value::as_str).and_then(|id| RideId::new(id).ok());
    let ours = [
        id(order_id).map(JobName::OrderId),
        id(booking_id).map(JobName::BookingId),
        ride.map(JobName::RideId),
    ];
    let theirs = EXTERNAL_IDS.iter().filter_map(|(name, kind)| {
        let id = sent.get(*name).and_then(external_id)?;
        Some(NamedJob::Theirs(*kind, id))
    });
    let mut names = ours.into_iter().flatten().map(NamedJob::Ours).chain(theirs);
    names.next().filter(|_| names.next().is_none())
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| whole::of_number(value.as_f64()?))
}

/// One that is a number there is the text of its digits here, as everywhere.
fn external_id(value: &Value) -> Option<ExternalId> {
    let text = value.as_str().map(str::to_owned).or_else(|| Some(number(value)?.to_string()))?;
    ExternalId::parse(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::usd;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const OTHER: &[u8] = b"fedcba9876543210fedcba9876543210";
    const NOW: i64 = 1_800_000_000;

    /// As a sender signs.
    fn signature(secret: &[u8], at: i64, body: &str) -> String {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), format!("{at}.{body}").as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn read(header: &str, body: &str) -> Result<Verdict, NotTaken> {
        let now = DateTime::from_timestamp(NOW, 0).expect("a time");
        let service = SignedWebhook::new([SECRET, OTHER]);
        service.read(&|name| (name == "Fleetwire-Signature").then_some(header), body.as_bytes(), now)
    }

    fn read_signed(body: &Value) -> Result<Verdict, NotTaken> {
        let body = body.to_string();
        read(&format!("t={NOW},v1={}", signature(SECRET, NOW, &body)), &body)
    }

    #[test]
    fn nothing_is_believed_that_was_not_signed() {
        let body = r#"{"id":"n-1","type":"payment.paid","order_id":5,"amount":12.5,"currency":"EUR"}"#;
        let header = format!("t={NOW},v1={}", signature(SECRET, NOW, body));
        let right = bytes(&signature(SECRET, NOW, body)).expect("hexadecimal");
        crate::fuzzing::each_text("signatures", &[&header], |bent| {
            let is_whole = parts(bent).is_some_and(|(_, given)| given.contains(&right));
            assert!(is_whole || matches!(read(bent, body), Err(NotTaken::Unsigned)), "{bent}");
        });
        crate::fuzzing::each_text("notices", &[body], |bent| {
            assert!(bent == body || matches!(read(&header, bent), Err(NotTaken::Unsigned)));
            let _ = understood(bent.as_bytes());
        });
    }

    /// The example of RFC 4231, so that the hash is the one that others compute.
    #[test]
    fn the_signature_is_hmac_sha_256() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
        let tag = hmac::sign(&key, b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(bytes(expected).expect("hexadecimal"), tag.as_ref());
    }

    #[test]
    fn only_what_is_signed_now_with_either_secret_is_believed() {
        let body = r#"{"type":"customer.created"}"#;
        let good = |secret, at| signature(secret, at, body);
        for header in [
            format!("t={NOW},v1={}", good(SECRET, NOW)),
            format!("t={NOW}, v0=abc, v1=00ff, v1={}", good(OTHER, NOW)),
            format!("v1={},t={}", good(SECRET, NOW - 300), NOW - 300),
            format!("t={},v1={}", NOW + 300, good(SECRET, NOW + 300).to_uppercase()),
        ] {
            assert_eq!(read(&header, body), Ok(Verdict::NothingToUs), "{header}");
        }
        for header in [
            String::new(),
            format!("t={NOW}"),
            format!("t={NOW},v1="),
            format!("t={NOW},v1=zz"),
            format!("v1={}", good(SECRET, NOW)),
            format!("t={},v1={}", NOW - 301, good(SECRET, NOW - 301)),
            format!("t={},v1={}", NOW + 301, good(SECRET, NOW + 301)),
            format!("t={},v1={}", NOW - 1, good(SECRET, NOW)),
            format!("t={NOW},v1={}", good(b"another secret of thirty-two bytes", NOW)),
            format!("t={NOW},v1={}", &good(SECRET, NOW)[..62]),
            format!("t={NOW},v1=é{}", good(SECRET, NOW)),
            format!("t={NOW},v1=00,v1=00,v1=00,v1=00,v1={}", good(SECRET, NOW)),
        ] {
            assert_eq!(read(&header, body), Err(NotTaken::Unsigned), "{header}");
        }
        let other_body = read(&format!("t={NOW},v1={}", good(SECRET, NOW)), r#"{"type":"customer.deleted"}"#);
        assert_eq!(other_body, Err(NotTaken::Unsigned));
    }

    #[test]
    fn a_notice_has_what_is_agreed_and_nothing_else_of_what_was_sent() {
        let sent = json!({"id": "evt_1", "type": "payment.paid", "job": {"order_id": 17}, "amount": 45.505,
            "currency": "USD", "reference": "pi_1", "payment_method": "card",
            "card": {"number": "4242424242424242"}});
        let verdict = read_signed(&sent).expect("a notice");
        let expected = Notice {
            provider: "webhook",
            id: "evt_1".to_owned(),
            job: NamedJob::Ours(JobName::OrderId(JobId(17))),
            status: PaymentStatus::Paid,
            method: Some(PaymentMethod::Card),
            amount: Some(usd(4551)),
            reference: Some("pi_1".to_owned()),
        };
        assert_eq!(verdict, Verdict::Notice(expected));
        assert!(!format!("{verdict:?}").contains("4242"));
        let failed = json!({"id": "evt_2", "type": "payment.failed", "job": {"ride_id": "12345"}, "payment_method": "gold"});
        assert!(matches!(
            read_signed(&failed),
            Ok(Verdict::Notice(Notice { amount: None, method: None, .. }))
        ));
    }

    #[test]
    fn a_job_is_named_by_either_id() {
        let theirs = |kind, id: &str| NamedJob::Theirs(kind, ExternalId::parse(id).expect("an id"));
        for (sent, expected) in [
            (json!({"order_id": 17.0}), NamedJob::Ours(JobName::OrderId(JobId(17)))),
            (json!({"order_external_id": "SHOP-17"}), theirs(Some(JobKind::Delivery), "SHOP-17")),
            (json!({"ride_external_id": "SHOP-17"}), theirs(Some(JobKind::Ride), "SHOP-17")),
            (json!({"booking_external_id": 4711.0}), theirs(Some(JobKind::Service), "4711")),
            (json!({"external_id": 4711, "order_id": null}), theirs(None, "4711")),
        ] {
            assert_eq!(job(sent.as_object().expect("fields")), Some(expected), "{sent}");
        }
    }

    #[test]
    fn each_field_that_is_wrong_is_said() {
        let good = json!({"id": "evt_1", "type": "payment.paid", "job": {"booking_id": 4}, "amount": 1, "currency": "USD"});
        assert!(read_signed(&good).is_ok());
        for (field, wrong, said) in [
            ("id", Value::Null, "id"),
            ("id", json!("x".repeat(256)), "id"),
            ("job", json!({}), "job"),
            ("job", json!({"order_id": "17"}), "job"),
            ("job", json!({"order_id": 17, "ride_id": "12345"}), "job"),
            ("job", json!({"order_id": 17, "external_id": "SHOP-17"}), "job"),
            ("job", json!({"order_external_id": " SHOP-17"}), "job"),
            ("job", json!({"external_id": {}}), "job"),
            ("amount", json!(-1), "amount"),
            ("amount", Value::Null, "amount"),
            ("currency", Value::Null, "amount"),
            ("currency", json!("usd"), "currency"),
            ("type", json!(7), "type"),
        ] {
            let mut bad = good.clone();
            bad[field] = wrong.clone();
            match read_signed(&bad) {
                Err(NotTaken::Unreadable(problems)) => assert_eq!(problems[0].0, said, "{field}: {wrong}"),
                other => panic!("{field}: {wrong}: {other:?}"),
            }
        }
        let header = format!("t={NOW},v1={}", signature(SECRET, NOW, "[1]"));
        assert!(matches!(read(&header, "[1]"), Err(NotTaken::Unreadable(_))));
    }
}
