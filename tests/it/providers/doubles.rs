//! The doubles themselves: they refuse what the real services refuse, so that a provider that passes them would pass there.

use std::io::Write;

use chrono::Utc;
use flate2::Compression;
use flate2::write::GzEncoder;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response};
use serde_json::{Value, json};

use fleetwire::domain::push::PushService::{Apns, Expo, Fcm};

use crate::support::push_double::keys::{EC_PRIVATE, RSA_PRIVATE};
use crate::support::push_double::{PushDouble, apple, expo, google};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

/// A client that a provider has nothing to do with.
fn client(double: &PushDouble) -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let pem = std::fs::read(&double.authority().file).expect("the authority is there");
    let authority = reqwest::Certificate::from_pem(&pem).expect("and is one");
    Client::builder().no_proxy().tls_certs_only([authority])
}

async fn json(response: Response) -> Value {
    response.json().await.expect("JSON")
}

fn assertion(double: &PushDouble) -> Value {
    let now = Utc::now().timestamp();
    let aud = double.url(Fcm) + google::TOKEN_PATH;
    json!({"iss": google::CLIENT_EMAIL, "scope": SCOPE, "aud": aud, "iat": now, "exp": now + 3600})
}

/// The token service's answer to these claims: the status, and the token or the error.
async fn ask_for_token(double: &PushDouble, claims: &Value) -> (u16, Value) {
    let key = EncodingKey::from_rsa_pem(RSA_PRIVATE.as_bytes()).expect("a key");
    let assertion = encode(&Header::new(Algorithm::RS256), claims, &key).expect("claims can be signed");
    ask_with_assertion(double, &assertion).await
}

async fn ask_with_assertion(double: &PushDouble, assertion: &str) -> (u16, Value) {
    let client = client(double).build().expect("a client");
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer".replace(':', "%3A");
    let request = client.post(double.url(Fcm) + google::TOKEN_PATH);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response =
        request.body(format!("grant_type={grant}&assertion={assertion}")).send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, json(response).await)
}

#[tokio::test]
async fn google_grants_tokens_for_good_assertions_only() {
    let double = PushDouble::start().await;
    let good = assertion(&double);
    let (status, granted) = ask_for_token(&double, &good).await;
    assert_eq!(
        (status, &granted["token_type"], &granted["expires_in"]),
        (200, &json!("Bearer"), &json!(3599))
    );
    let now = Utc::now().timestamp();
    for (claim, value) in [
        ("iss", json!("somebody@else")),
        ("scope", json!("https://www.googleapis.com/auth/drive")),
        ("aud", json!("https://example.com/token")),
        ("exp", json!(now - 1)),
        ("exp", json!(now + 7200)),
        ("iat", json!(now + 1000)),
        ("iat", Value::Null),
    ] {
        let mut claims = good.clone();
        claims[claim] = value;
        let (status, refused) = ask_for_token(&double, &claims).await;
        assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")), "{claim}");
    }
    let key = EncodingKey::from_secret(b"a secret that nobody agreed on");
    let foreign = encode(&Header::new(Algorithm::HS256), &good, &key).expect("it can be signed");
    let (signed, _) = {
        let key = EncodingKey::from_rsa_pem(RSA_PRIVATE.as_bytes()).expect("a key");
        let text = encode(&Header::new(Algorithm::RS256), &good, &key).expect("it can be signed");
        text.rsplit_once('.')
            .map(|(signed, signature)| (signed.to_owned(), signature.len()))
            .expect("three parts")
    };
    for wrong in [foreign, format!("{signed}.AAAA"), "nothing".to_owned()] {
        assert_eq!(ask_with_assertion(&double, &wrong).await.0, 400);
    }
    assert_eq!(double.google.tokens_granted(), 1);
}

#[tokio::test]
async fn fcm_refuses_who_it_does_not_know_and_what_it_does_not_know() {
    let double = PushDouble::start_tls().await;
    let (_, granted) = ask_for_token(&double, &assertion(&double)).await;
    let token = granted["access_token"].as_str().expect("a token").to_owned();
    let client = client(&double).build().expect("a client");
    let send = async |project: &str, token: &str, body: Value| {
        let url = format!("{}/v1/projects/{project}/messages:send", double.url(Fcm));
        let response = client.post(url).bearer_auth(token).json(&body).send().await.expect("an answer");
        (response.status().as_u16(), json(response).await)
    };
    let good = json!({"message": {"token": "t", "data": {"k": "v"}}});
    assert_eq!(send(google::PROJECT, &token, good.clone()).await.0, 200);
    assert_eq!(send(google::PROJECT, "wrong", good.clone()).await.0, 401);
    assert_eq!(send("another", &token, good.clone()).await.0, 403);
    let bad = json!({"message": {"token": "t", "data": {"n": 12}}});
    let (status, refused) = send(google::PROJECT, &token, bad).await;
    assert_eq!(status, 400);
    assert!(
        refused["error"]["message"].as_str().is_some_and(|said| said.contains("TYPE_STRING")),
        "{refused}"
    );
    assert_eq!(double.google.desk.taken().len(), 1);
}

struct AppleClient {
    client: Client,
    url: String,
}

impl AppleClient {
    fn new(double: &PushDouble) -> AppleClient {
        let client = client(double).http2_prior_knowledge().build().expect("a client");
        AppleClient { client, url: double.url(Apns) }
    }

    fn headers(token: &str) -> HeaderMap {
        let named = [
            ("authorization", format!("bearer {token}")),
            ("apns-topic", apple::TOPIC.to_owned()),
            ("apns-push-type", "alert".to_owned()),
        ];
        let header = |(name, value): (&'static str, String)| {
            (HeaderName::from_static(name), HeaderValue::from_str(&value).expect("printable"))
        };
        named.into_iter().map(header).collect()
    }

    /// The reason that it is refused for; none if it is taken.
    async fn send(&self, path: &str, headers: HeaderMap, body: &Value) -> Option<String> {
        let request = self.client.post(format!("{}{path}", self.url)).headers(headers).json(body);
        let response = request.send().await.expect("an answer");
        assert!(response.headers().contains_key("apns-id"));
        match response.status().as_u16() {
            200 => None,
            status => {
                Some(format!("{status} {}", json(response).await["reason"].as_str().unwrap_or_default()))
            }
        }
    }
}

fn provider_token(change: impl FnOnce(&mut Header, &mut Value)) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(apple::KEY_ID.to_owned());
    let mut claims = json!({"iss": apple::TEAM_ID, "iat": Utc::now().timestamp()});
    change(&mut header, &mut claims);
    let key = EncodingKey::from_ec_pem(EC_PRIVATE.as_bytes()).expect("a key");
    encode(&header, &claims, &key).expect("claims can be signed")
}

#[tokio::test]
async fn apple_refuses_provider_tokens_that_are_not_ours_or_too_old_or_too_many() {
    let double = PushDouble::start().await;
    let good = provider_token(|_, _| {});
    let hour = 3600;
    let refused = [
        (provider_token(|header, _| header.kid = Some("OTHER12345".to_owned())), "403 InvalidProviderToken"),
        (provider_token(|header, _| header.kid = None), "403 InvalidProviderToken"),
        (provider_token(|_, claims| claims["iss"] = json!("OTHER12345")), "403 InvalidProviderToken"),
        (provider_token(|_, claims| claims["iat"] = Value::Null), "403 InvalidProviderToken"),
        (format!("{good}x"), "403 InvalidProviderToken"),
        (
            provider_token(|_, claims| claims["iat"] = json!(Utc::now().timestamp() - hour)),
            "403 ExpiredProviderToken",
        ),
        (
            provider_token(|_, claims| claims["iat"] = json!(Utc::now().timestamp() + hour)),
            "403 ExpiredProviderToken",
        ),
    ];
    let client = AppleClient::new(&double);
    let payload = json!({"aps": {"alert": "x"}});
    for (token, expected) in refused {
        let reason = client.send("/3/device/00", AppleClient::headers(&token), &payload).await;
        assert_eq!(reason.as_deref(), Some(expected));
    }
    let mut headers = AppleClient::headers(&good);
    assert_eq!(client.send("/3/device/00", headers.clone(), &payload).await, None);
    headers.remove("authorization");
    let reason = client.send("/3/device/00", headers, &payload).await;
    assert_eq!(reason.as_deref(), Some("403 MissingProviderToken"));
    let another = provider_token(|_, claims| claims["iat"] = json!(Utc::now().timestamp() - 60));
    let reason = client.send("/3/device/00", AppleClient::headers(&another), &payload).await;
    assert_eq!(reason.as_deref(), Some("429 TooManyProviderTokenUpdates"));
}

#[tokio::test]
async fn apple_refuses_headers_and_payloads_as_its_table_says() {
    let double = PushDouble::start().await;
    let client = AppleClient::new(&double);
    let token = provider_token(|_, _| {});
    let alert = json!({"aps": {"alert": "x"}});
    let huge = json!({"aps": {"alert": "x".repeat(4096)}});
    let long = "x".repeat(65);
    for (header, value, body, expected) in [
        ("apns-topic", "", &alert, "400 MissingTopic"),
        ("apns-topic", "another.app", &alert, "400 TopicDisallowed"),
        ("apns-push-type", "", &alert, "400 InvalidPushType"),
        ("apns-push-type", "shout", &alert, "400 InvalidPushType"),
        ("apns-push-type", "background", &alert, "400 BadPriority"),
        ("apns-priority", "7", &alert, "400 BadPriority"),
        ("apns-expiration", "soon", &alert, "400 BadExpirationDate"),
        ("apns-collapse-id", &long, &alert, "400 BadCollapseId"),
        ("apns-id", "123", &alert, "400 BadMessageId"),
        ("apns-id", "{123E4567-E89B-12D3-A456-426614174000}", &alert, "400 BadMessageId"),
        ("apns-priority", "10", &json!({}), "400 PayloadEmpty"),
        ("apns-priority", "10", &json!({"aps": {"content-available": 1}}), "400 InvalidPushType"),
        ("apns-priority", "10", &huge, "413 PayloadTooLarge"),
    ] {
        let mut headers = AppleClient::headers(&token);
        headers.remove(header);
        if !value.is_empty() {
            headers.insert(header, HeaderValue::from_str(value).expect("printable"));
        }
        assert_eq!(
            client.send("/3/device/00", headers, body).await.as_deref(),
            Some(expected),
            "{header}: {value}"
        );
    }
    for (path, expected) in [
        ("/3/device/xyz", "400 BadDeviceToken"),
        ("/3/device/", "400 MissingDeviceToken"),
        ("/2/device/00", "404 BadPath"),
    ] {
        let reason = client.send(path, AppleClient::headers(&token), &alert).await;
        assert_eq!(reason.as_deref(), Some(expected));
    }
    assert_eq!(double.apple.desk.taken().len(), 0);
    let old = super::Sender::new(PushDouble::start().await, Apns, &[]).double;
    let http1 = self::client(&old).http1_only().build().expect("a client");
    assert!(http1.post(old.url(Apns)).send().await.is_err(), "HTTP/2 only");
}

/// A client that opens streams before it has heard of any limit, and then one that has heard.
#[tokio::test]
async fn apple_counts_streams_beyond_its_limit() {
    let double = PushDouble::start().await;
    let client = AppleClient::new(&double);
    let headers = AppleClient::headers(&provider_token(|_, _| {}));
    let url = format!("{}/3/device/00", client.url);
    let payload = json!({"aps": {"alert": "x"}});
    double.apple.desk.delay(std::time::Duration::from_millis(20));
    let burst = async || {
        let request = || client.client.post(&url).headers(headers.clone()).json(&payload).send();
        futures_util::future::join_all((0..20).map(|_| request())).await
    };
    burst().await;
    let violations = double.apple.stream_violations();
    assert!(violations > 0, "one stream until a first good notification");
    assert!(client.send("/3/device/00", headers.clone(), &payload).await.is_none());
    burst().await;
    assert_eq!(double.apple.stream_violations(), violations, "many after that");
}

#[tokio::test]
async fn expo_refuses_strangers_and_what_it_cannot_read() {
    let double = PushDouble::start().await;
    let client = client(&double).build().expect("a client");
    let url = double.url(Expo) + "/--/api/v2/push/send";
    let send = async |token: &str, body: Value| {
        let response = client.post(&url).bearer_auth(token).json(&body).send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, json(response).await)
    };
    let to = |number: usize| format!("ExponentPushToken[{number}]");
    let good = json!({"to": to(0), "title": "t", "data": {"n": 1}});
    let (status, taken) = send(expo::ACCESS_TOKEN, good.clone()).await;
    assert_eq!((status, &taken["data"][0]["status"]), (200, &json!("ok")));
    let code = |answer: (u16, Value)| {
        (answer.0, answer.1["errors"][0]["code"].as_str().unwrap_or_default().to_owned())
    };
    let refused = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(code(send("wrong", good).await), refused(401, "UNAUTHORIZED"));
    for bad in [
        json!({"to": "expo_token_here"}),
        json!({"to": to(0), "data": "text"}),
        json!({"to": to(0), "priority": "urgent"}),
        json!({"to": to(0), "unheard_of": 1}),
        json!([]),
        json!("text"),
    ] {
        assert_eq!(
            code(send(expo::ACCESS_TOKEN, bad.clone()).await),
            refused(400, "VALIDATION_ERROR"),
            "{bad}"
        );
    }
    let crowd: Vec<String> = (0..101).map(to).collect();
    let (status, answer) = send(expo::ACCESS_TOKEN, json!({ "to": crowd })).await;
    assert_eq!(code((status, answer.clone())), refused(400, "PUSH_TOO_MANY_NOTIFICATIONS"));
    assert!(
        answer["errors"][0]["message"].as_str().is_some_and(|said| said.contains("(received 101)")),
        "{answer}"
    );
    double.expo.set_project(&to(1), "@other/app");
    let (_, mixed) = send(expo::ACCESS_TOKEN, json!([{"to": to(0)}, {"to": to(1)}])).await;
    assert_eq!(mixed["errors"][0]["details"]["@other/app"], json!([to(1)]));
    let (_, large) = send(expo::ACCESS_TOKEN, json!({"to": to(0), "body": "x".repeat(4100)})).await;
    assert_eq!(large["data"][0]["details"]["error"], "MessageTooBig");
}

#[tokio::test]
async fn expo_reads_gzip_and_only_gzip() {
    let double = PushDouble::start().await;
    let client = client(&double).build().expect("a client");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(br#"{"to": "ExpoPushToken[x]"}"#).expect("a vector takes everything");
    let packed = encoder.finish().expect("a vector takes everything");
    let send = async |encoding: &str, body: Vec<u8>| {
        let request = client.post(double.url(Expo) + "/--/api/v2/push/send").bearer_auth(expo::ACCESS_TOKEN);
        let request = request.header("content-type", "application/json").header("content-encoding", encoding);
        request.body(body).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(send("gzip", packed.clone()).await, 200);
    assert_eq!(send("br", packed.clone()).await, 400);
    assert_eq!(send("gzip", b"plain".to_vec()).await, 400);
    assert_eq!(double.expo.desk.taken().len(), 1);
}
