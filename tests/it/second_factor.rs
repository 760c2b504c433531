//! Operators' second factor: codes that change with time.

use chrono::Utc;
use ring::hmac;
use serde_json::{Value, json};

use crate::support::Server;
use crate::support::api::{Api, Reply};

const PASSWORD: &str = "password123";

/// As an authenticator app makes it, so many steps from now.
fn code(secret: &str, steps: i64) -> String {
    let letters = secret.bytes().map(|letter| match letter {
        b'A'..=b'Z' => letter - b'A',
        _ => letter - b'2' + 26,
    });
    let bits: Vec<u8> = letters.flat_map(|value| (0..5).rev().map(move |bit| value >> bit & 1)).collect();
    let byte = |bits: &[u8]| bits.iter().fold(0_u8, |byte, bit| byte << 1 | bit);
    let key: Vec<u8> = bits.chunks_exact(8).map(byte).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let step = Utc::now().timestamp() / 30 + steps;
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

/// Six digits that no step near now has.
fn wrong_code(secret: &str) -> String {
    let good: Vec<String> = (-3..=3).map(|steps| code(secret, steps)).collect();
    let mut guesses = (0..10).map(|digit| digit.to_string().repeat(6));
    guesses.find(|guess| !good.contains(guess)).expect("one of ten")
}

/// The empty text is no code, as forms send it.
async fn log_in(api: &Api, code: &str) -> Reply {
    api.post("auth/login", json!({"username": "admin", "password": PASSWORD, "code": code})).await
}

fn is_refused(reply: Reply, status: u16, code: &str) -> Reply {
    let reply = reply.expect_problem(status);
    assert_eq!(reply.body["code"], code, "{}", reply.text);
    reply
}

#[tokio::test]
async fn an_operator_with_a_second_factor_logs_in_with_a_code_that_is_good_once() {
    let server = Server::start_default().await;
    let anonymous = server.anonymous();
    let (first, other) = (log_in(&anonymous, "").await.expect(200).body, server.operator().await);
    let api = anonymous.clone().with_token(first["access_token"].as_str().expect("a token").to_owned());
    is_refused(api.post("auth/totp/confirm", json!({"code": "000000"})).await, 409, "no_enrolment");
    is_refused(api.post("auth/totp", json!({"password": "a guess"})).await, 403, "wrong_password");
    let made = api.post("auth/totp", json!({"password": PASSWORD})).await.expect(200);
    assert_eq!(made.header("cache-control"), "no-store");
    let secret = made.body["secret"].as_str().expect("a secret").to_owned();
    let uri = made.body["otpauth_uri"].as_str().expect("a URI");
    assert!(uri.starts_with("otpauth://totp/Fleetwire:admin?secret=") && uri.contains(&secret), "{uri}");
    // Until it is confirmed nobody is asked for it.
    log_in(&anonymous, "").await.expect(200);
    is_refused(api.post("auth/totp/confirm", json!({"code": wrong_code(&secret)})).await, 403, "wrong_code");
    let confirmed = api.post("auth/totp/confirm", json!({"code": code(&secret, 0)})).await.expect(200).body;
    let recovery: Vec<&str> =
        confirmed["recovery_codes"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(recovery.len(), 10);
    other.api().get("admin/drivers").await.expect_problem(401);
    let shown = api.get("auth/totp").await.expect(200).body;
    assert_eq!(shown, json!({"confirmed": true, "required": false, "recovery_codes": 10}));

    is_refused(log_in(&anonymous, "").await, 403, "code_required");
    let next = code(&secret, 1);
    log_in(&anonymous, &next).await.expect(200);
    is_refused(log_in(&anonymous, &next).await, 403, "wrong_code");
    log_in(&anonymous, &recovery[0].to_uppercase()).await.expect(200);
    is_refused(log_in(&anonymous, recovery[0]).await, 403, "wrong_code");
    is_refused(api.post("auth/totp", json!({"password": PASSWORD})).await, 403, "code_required");
    for _ in 0..4 {
        is_refused(log_in(&anonymous, &wrong_code(&secret)).await, 403, "wrong_code");
    }
    let blocked = is_refused(log_in(&anonymous, recovery[1]).await, 429, "too_many_requests");
    assert!(blocked.header("retry-after").parse::<u64>().is_ok_and(|secs| (1..=31).contains(&secs)));
    let wrong = json!({"username": "admin", "password": "a guess", "code": recovery[1]});
    is_refused(anonymous.post("auth/login", wrong).await, 401, "wrong_credentials");
    let log = server.log();
    assert!(!log.contains(&secret) && !log.contains(recovery[1]));

    server.command(&["admin", "totp-reset", "admin"]).await;
    log_in(&anonymous, "").await.expect(200);
    // Of a driver nobody asks for one.
    let driver = server.driver_api(123).await;
    driver.post("auth/totp", json!({"password": PASSWORD})).await.expect_problem(403);
}

#[tokio::test]
async fn where_it_is_required_an_operator_makes_it_at_the_log_in() {
    let server = Server::builder().setting("OPERATORS_NEED_SECOND_FACTOR", "true").start().await;
    let anonymous = server.anonymous();
    let earlier = is_refused(log_in(&anonymous, "").await, 403, "second_factor_required").body;
    let asked = is_refused(log_in(&anonymous, "").await, 403, "second_factor_required").body;
    let (secret, before) =
        (asked["secret"].as_str().expect("a secret"), earlier["secret"].as_str().expect("a secret"));
    assert_ne!(secret, before, "somebody else may have seen it");
    is_refused(log_in(&anonymous, &wrong_code(secret)).await, 403, "wrong_code");
    let login = log_in(&anonymous, &code(secret, 0)).await.expect(200).body;
    assert_eq!(login["recovery_codes"].as_array().map(Vec::len), Some(10));
    let api = anonymous.clone().with_token(login["access_token"].as_str().expect("a token").to_owned());
    api.get("admin/drivers").await.expect(200);
    let refreshed = anonymous.post("auth/refresh", json!({"refresh_token": login["refresh_token"]})).await;
    let refreshed = refreshed.expect(200).body;
    assert_eq!(refreshed.get("recovery_codes"), None);
    is_refused(log_in(&anonymous, "").await, 403, "code_required");
    anonymous.post("auth/login", json!({"username": "driver123", "password": PASSWORD})).await.expect(200);
    // One whose session is older than the setting: as after an upgrade.
    server.database().execute("DELETE FROM recovery_codes");
    server.database().execute("DELETE FROM second_factors");
    let again = json!({"refresh_token": refreshed["refresh_token"]});
    is_refused(anonymous.post("auth/refresh", again).await, 401, "invalid_refresh_token");
}
