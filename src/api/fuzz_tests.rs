//! Any bytes as input to REST and the contracts: each is accepted or refused, none panics, and accepted input that is
//! written again reads back as the same.

use super::client_address::{came_through_a_proxy, client_address};
use super::fields::{Fields, Object};
use super::import::{People, columns, row};
use super::input::{Body, Once, Query};
use super::operators::id_cursor;
use super::request_id::RequestId;
use super::rules::{self, Rule};
use crate::actors::session::bearer_from_request;
use crate::config::Settings;
use crate::contracts::ride_rest::positions;
use crate::contracts::{Contract, Inbound, number, quantity, time};
use crate::domain::currency::Currency;
use crate::domain::event::EventBody;
use crate::domain::external_id::ExternalId;
use crate::domain::ids::{EventId, JobId};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::push::PushToken;
use crate::domain::quiet_hours::QuietHours;
use crate::domain::ride::RideId;
use crate::domain::username::Username;
use crate::fuzzing::{each_bytes, each_text};
use actix_web::FromRequest;
use actix_web::http::Uri;
use actix_web::http::header::HeaderValue;
use actix_web::test::TestRequest;
use chrono::{DateTime, Datelike, SubsecRound, Utc};
use serde::Deserialize;
use serde::de::value::{Error as NotRead, StrDeserializer};
use serde_json::Value;

const POSITION: &str = r#"{"latitude":3.848,"longitude":"11.5","accuracy":12.5,"heading":359.9,"speed":0,"battery_level":80,"timestamp":"2026-05-01T10:00:00.123Z"}"#;
const SAID: [&str; 18] = [
    r#"{"type":"location_update","data":{"latitude":3.848,"longitude":11.5,"timestamp":1767225600000}}"#,
    r#"{"type":"location_update","latitude":-90,"longitude":180.0,"heading":null}"#,
    r#"{"type":"ping","timestamp":"2026-05-01T10:00:00Z"}"#,
    r#"{"type":"ack","event_id":17}"#,
    r#"{"type":"resume","last_event_id":"17"}"#,
    r#"{"type":"authenticate","token":"a.b.c"}"#,
    r#"{"type":"join_ride","data":{"ride_id":"b7f0c9a2-0000-4000-8000-000000000001"}}"#,
    r#"{"type":"leave_ride","ride_id":"r-1"}"#,
    r#"{"type":"accept_ride","data":{"ride_id":"r-1"}}"#,
    r#"{"type":"decline_ride","data":{"ride_id":"r-1","reason":"too far"}}"#,
    r#"{"type":"driver_status","data":{"status":"online"}}"#,
    r#"{"type":"chat_message","data":{"ride_id":"r-1","message":"à bientôt \ud83d\ude00"}}"#,
    r#"{"type":"rate_ride","data":{"ride_id":"r-1","rating":5}}"#,
    r#"{"type":"find_driver","pickup_latitude":3.848,"pickup_longitude":11.5,"dropoff_latitude":3.9,"dropoff_longitude":11.6,"fare":"1,250.50","distance":"3.4 km","duration":"1 h 10 min","payment_method":"cash","vehicle_type":"any"}"#,
    r#"{"type":"find_driver","pickup":{"lat":3.8,"lng":11.5},"dropoff":{"lat":3.9,"lng":11.6},"passenger_phone":"+237 6 77 88 99 00"}"#,
    r#"{"type":"cancel_ride","reason":"no"}"#,
    r#"{"type":"start_ride","data":{"ride_id":"r-1"}}"#,
    r#"{"type":"complete_ride","ride_id":"r-1"}"#,
];

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_777_000_000, 0).expect("a time")
}

#[test]
fn texts_on_the_three_sockets() {
    let is_json = |text: String| assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
    for contract in [Contract::DriverApp, Contract::RideHailing, Contract::RideMatching] {
        each_text(contract.name(), &SAID, |text| match contract.parse(text, now()) {
            Ok(Inbound::Ping { timestamp }) => is_json(contract.pong(timestamp.as_ref(), now())),
            Ok(Inbound::Position(reading)) => {
                let (latitude, longitude) =
                    (reading.fix.position.latitude(), reading.fix.position.longitude());
                assert!((-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude));
                reading.adjusted().into_iter().for_each(|bad| is_json(contract.error(&bad, now())));
            }
            Ok(Inbound::Resume(id) | Inbound::Ack(id)) => {
                is_json(contract.resume_failed(id, EventId(i64::MAX), now()));
            }
            Ok(_) => {}
            Err(bad) => is_json(contract.error(&bad, now())),
        });
    }
}

#[test]
fn positions_by_rest() {
    let list = format!("[{POSITION},{POSITION}]");
    let wrapped = format!(r#"{{"locations":[{POSITION}]}}"#);
    each_text("positions", &[POSITION, &list, &wrapped], |text| {
        let _ = positions(text, now());
    });
}

#[test]
fn texts_with_a_form_of_their_own() {
    each_text("phone numbers", &["+49 151 23456789", "0049(151)234-567", "+237677889900"], |text| {
        if let Ok(number) = PhoneNumber::parse(text) {
            assert!(PhoneNumber::parse(number.as_str()) == Ok(number.clone()));
            assert!(number.spellings().iter().any(|spelling| spelling == number.as_str()));
        }
    });
    each_text("user names", &["Anna.Müller", "driver-1", "anna@example.org"], |text| {
        if let Ok(name) = Username::parse(text) {
            assert_eq!(Username::parse(name.as_str()), Ok(name));
        }
    });
    each_text("ride ids", &["b7f0c9a2-0000-4000-8000-000000000001", "ride_1.2", ".."], |text| {
        if let Ok(id) = RideId::new(text) {
            assert_eq!(id.as_str(), text);
            let uri: Result<Uri, _> = format!("/rides/{text}").parse();
            assert_eq!(uri.expect("it is good for a path").path(), format!("/rides/{text}"));
        }
    });
    each_text("external ids", &["A-17/3", "Bestellung 5", "é"], |text| {
        if let Ok(id) = ExternalId::parse(text) {
            assert_eq!(id.as_str(), text);
        }
    });
    each_text("push tokens", &["ExponentPushToken[abc]", "f0e1d2", "a:b-c_d"], |text| {
        let _ = PushToken::new(text);
    });
    each_text("currencies", &["EUR", "XAF", "jpy"], |text| {
        assert!(
            Currency::new(text).is_ok_and(|currency| currency.as_str() == text)
                || Currency::new(text).is_err()
        );
    });
    each_text("quiet hours", &["22:00", "07:30", "24:00"], |text| {
        let _ = (QuietHours::parse(text, "07:00"), QuietHours::parse("22:00", text));
    });
}

#[test]
fn numbers_times_and_ids() {
    each_text("numbers", &["3.848", "1,250.50", "-0.0", "5e3"], |text| {
        if let Some(number) = number::number_of_text(text) {
            assert!(number.is_finite(), "{text:?} is {number}");
        }
        let text = Value::String(text.to_owned());
        let _ = (number::integer_or_text(&text), quantity::kilometres(&text), quantity::minutes(&text));
    });
    each_text("times", &["2026-05-01T10:00:00.123Z", "2026-05-01 10:00:00+0200", "1767225600000"], |text| {
        let Some(at) = time::instant_in(text) else { return };
        // Beyond these years there is no RFC 3339.
        if (1..=9998).contains(&at.year()) {
            let written = time::WireTime(at).to_string();
            assert_eq!(
                time::instant_in(&written),
                Some(at.trunc_subsecs(3)),
                "{text:?} is written {written}"
            );
        }
    });
    each_text("ids in paths", &["17", "5.0", "9223372036854775807"], |text| {
        if let Ok(id) = JobId::deserialize(StrDeserializer::<NotRead>::new(text)) {
            let again = JobId::deserialize(StrDeserializer::<NotRead>::new(&id.to_string()));
            assert_eq!(again, Ok(id), "{text:?}");
        }
    });
}

#[test]
fn events_of_rows_read_back_as_the_same() {
    let good = [
        r#"{"event":"order_cancelled","order_id":5,"reason":"no"}"#,
        r#"{"event":"ride_unavailable","ride_id":"r-1","reason":"expired"}"#,
        r#"{"event":"ride_completed","ride_id":"r-1","final_fare_minor":1250,"currency":"EUR","final_fare":12.5}"#,
        r#"{"event":"ride_cancelled","ride_id":"r-1","cancelled_by":"system","reason":"x","code":"no_drivers"}"#,
    ];
    each_text("events", &good, |text| {
        if let Ok(body) = serde_json::from_str::<EventBody>(text) {
            let written = serde_json::to_string(&body).expect("it can be written");
            assert_eq!(serde_json::from_str::<EventBody>(&written).ok(), Some(body), "{written}");
        }
    });
}

/// Every rule of a field, on any JSON.
#[test]
fn fields_of_bodies() {
    let good = [
        r#"{"name":"Anna","username":"anna","password":"correct horse","phone_number":"+4915123456789","external_id":"A-1"}"#,
        r#"{"latitude":3.8,"longitude":11.5,"ids":[1,2],"status":"online","rating":4.5,"flag":true,"cursor":"17"}"#,
        r#"{"at":"2026-05-01T10:00:00Z","date":"2026-05-01","zone":"Africa/Douala","fare":12.5,"minutes":"70"}"#,
        POSITION,
    ];
    each_text("fields", &good, |text| {
        let Ok(Value::Object(object)) = serde_json::from_str(text) else { return };
        object.values().for_each(look_by_every_rule);
        look_as_fields(&object);
    });
}

fn look_by_every_rule(value: &Value) {
    fn look<T>(rule: impl Rule<T>, value: &Value) {
        let _ = rule.read(value);
    }
    look(rules::name(), value);
    look(rules::reason(), value);
    look(rules::ride_address(), value);
    look(rules::opaque(), value);
    look(rules::flag(), value);
    look(rules::external_ids(), value);
    look(rules::rating(), value);
    look(rules::stars(), value);
    look(rules::id::<JobId>(), value);
    look(rules::ids::<JobId>(), value);
    look(rules::money(), value);
    look(rules::time_zone(), value);
    look(rules::distance_km(), value);
    look(rules::duration_minutes(), value);
    look(rules::wants(), value);
    look(rules::paid(), value);
    look(rules::payment_method(), value);
    look(rules::date(), value);
    look(rules::instant(), value);
    look(rules::username(), value);
    look(rules::phone_number(), value);
    look(rules::password(), value);
    look(rules::number_in(1..=100), value);
    look(rules::in_query(rules::latitude()), value);
    if let Ok(latitude) = rules::latitude().read(value) {
        assert!((-90.0..=90.0).contains(&latitude));
    }
}

fn look_as_fields(object: &Object) {
    let mut fields = Fields::of(object);
    let _ = (fields.position("latitude", "longitude"), fields.named::<JobId>("id", &["external_id"]));
    if let Some(JobId(id)) = id_cursor(&mut fields) {
        assert!(id > 0);
    }
    let _ = fields.finish(Some(()));
    for people in [People::Customers, People::Drivers] {
        let _ = row(people, object);
        let _ = columns(people, &object.keys().cloned().collect::<Vec<_>>());
    }
}

#[actix_web::test]
async fn bodies_and_query_strings() {
    let gzip: &[u8] = &[
        31, 139, 8, 0, 0, 0, 0, 0, 0, 255, 171, 86, 74, 84, 178, 50, 172, 5, 0, 13, 202, 1, 131, 7, 0, 0, 0,
    ];
    let mut inputs: Vec<(bool, Vec<u8>)> = Vec::new();
    each_bytes("bodies", &[br#"{"a":1}"#, POSITION.as_bytes(), gzip], |bytes| {
        // Gathered in small portions, since a body is read by a future.
        inputs.push((bytes.len() % 2 == 1, bytes.to_vec()));
        if inputs.len() == 64 {
            futures_util::FutureExt::now_or_never(look_at_bodies(std::mem::take(&mut inputs)))
                .expect("a body that is there is read at once");
        }
    });
    each_text("query strings", &["a=1&b=%C3%A9", "token=a.b.c&last_event_id=5", "q=a+b&q=%zz"], |text| {
        let Ok(uri) = format!("/x?{text}").parse::<Uri>() else { return };
        let request = TestRequest::with_uri(&uri.to_string()).to_http_request();
        let query = futures_util::FutureExt::now_or_never(Query::extract(&request)).expect("at once");
        query.into_iter().for_each(|query| look_as_fields(&query.0));
        let _ = bearer_from_request(&request);
    });
}

async fn look_at_bodies(inputs: Vec<(bool, Vec<u8>)>) {
    for (is_packed, bytes) in inputs {
        let request = TestRequest::post().insert_header(("content-type", "application/json"));
        let coding = if is_packed { "gzip" } else { "identity" };
        let request = request.insert_header(("content-encoding", coding)).set_payload(bytes);
        let (request, mut payload) = request.to_http_parts();
        if let Ok(body) = Body::from_request(&request, &mut payload).await {
            let _ = (body.object(), body.object_or_none(), body.json_text());
        }
    }
}

#[test]
fn headers() {
    let settings = |named: &'static str| {
        let of = move |name: &str| match name {
            "TRUSTED_PROXIES" => Some("10.0.0.0/8".to_owned()),
            "CLIENT_ADDRESS_HEADER" => Some(named.to_owned()),
            _ => None,
        };
        Settings::load(of).expect("settings").listen
    };
    let listens = ["X-Forwarded-For", "Forwarded", "X-Real-IP"].map(|named| (named, settings(named)));
    let good: [&[u8]; 6] = [
        b"192.0.2.7, 10.0.0.9",
        b"for=192.0.2.7;proto=https, for=\"[2001:db8::1]:4711\"",
        b"Bearer a.b.c",
        b"bearer, a.b.c",
        b"018f-idempotency-key",
        b"[::ffff:192.0.2.1]:80",
    ];
    each_bytes("headers", &good, |bytes| {
        let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
        let peer = "10.0.0.1:4711".parse().expect("an address");
        let mut request = TestRequest::default().peer_addr(peer);
        for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Authorization", "Sec-WebSocket-Protocol"] {
            request = request.insert_header((name, value.clone()));
        }
        for name in ["Idempotency-Key", "X-Request-Id", "Content-Encoding", "Sec-WebSocket-Key"] {
            request = request.insert_header((name, value.clone()));
        }
        let request = request.to_http_request();
        for (_, listen) in &listens {
            let _ = (client_address(&request, listen), came_through_a_proxy(&request, listen));
        }
        let _ = bearer_from_request(&request);
        let id = RequestId::of(request.headers());
        assert!(id.header().to_str().is_ok_and(|text| text == id.as_str()));
        let _ = futures_util::FutureExt::now_or_never(Once::extract(&request));
    });
}
