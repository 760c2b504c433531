//! Logging in, refreshing and logging out.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::send;
use crate::support::{Api, DRIVER, Reply, Server, tokens};

async fn log_in(api: &Api) -> Value {
    let reply = api.post("auth/login", json!({"username": "driver123", "password": "password123"})).await;
    reply.expect(200).body
}

async fn refresh(api: &Api, login: &Value) -> Reply {
    api.post("auth/refresh", json!({ "refresh_token": login["refresh_token"] })).await
}

#[tokio::test]
async fn a_login_gives_tokens_and_says_who_it_is() {
    let server = Server::start_default().await;
    let login = log_in(&server.anonymous()).await;
    assert_eq!(login["token_type"], "bearer");
    assert_eq!(login["expires_in"], 3600);
    assert_eq!(login["user"]["driver_id"], DRIVER);

    let access = login["access_token"].as_str().expect("an access token");
    let claims = tokens::claims(access);
    assert_eq!((&claims["role"], &claims["typ"]), (&json!("driver"), &json!("access")));
    assert_eq!(claims["driver_id"], DRIVER);
    assert!(uuid::Uuid::parse_str(claims["sub"].as_str().expect("sub is text")).is_ok());
    assert!(claims["iat"].is_i64() && claims["exp"].is_i64() && claims["jti"].is_string());

    let profile = server.anonymous().with_token(access.to_owned()).get("driver/profile").await.expect(200);
    assert_eq!(profile.body["driver_id"], DRIVER);
    let expected = [
        "driver_id",
        "name",
        "phone_number",
        "vehicle_type",
        "vehicle_registration",
        "status",
        "rating",
        "is_verified",
    ];
    for field in expected {
        assert!(profile.body.get(field).is_some(), "{field} is missing: {}", profile.text);
    }
}

#[tokio::test]
async fn a_phone_number_logs_in_like_a_name() {
    let server = Server::start_default().await;
    let body = json!({"phone_number": "+237123456789", "password": "password123"});
    let reply = server.anonymous().post("auth/login", body).await.expect(200);
    assert_eq!(tokens::claims(reply.body["access_token"].as_str().expect("a token"))["customer_id"], 1);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let server = Server::start_default().await;
    let api = server.anonymous();
    let wrong = api.post("auth/login", json!({"username": "driver123", "password": "password124"})).await;
    let unknown = api.post("auth/login", json!({"username": "nobody", "password": "password123"})).await;
    let (wrong, unknown) = (wrong.expect_problem(401), unknown.expect_problem(401));
    assert_eq!(wrong.body, unknown.body);
}

#[tokio::test]
async fn a_refresh_token_rotates_and_the_new_one_serves() {
    let server = Server::start_default().await;
    let api = server.anonymous();
    let first = log_in(&api).await;
    let second = refresh(&api, &first).await.expect(200).body;
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(second["user"]["driver_id"], DRIVER);
    let third = refresh(&api, &second).await.expect(200).body;
    let token = third["access_token"].as_str().expect("a token").to_owned();
    api.with_token(token).get("driver/profile").await.expect(200);
}

#[tokio::test]
async fn a_lost_refresh_reply_can_be_asked_for_again() {
    let server = Server::start_default().await;
    let api = server.anonymous();
    let first = log_in(&api).await;
    refresh(&api, &first).await.expect(200);
    let again = refresh(&api, &first).await.expect(200).body;
    refresh(&api, &again).await.expect(200);
}

/// A holder of the first token after its successor was used is a thief, or the victim of one.
#[tokio::test]
async fn reuse_after_the_successor_was_used_revokes_the_family() {
    let server = Server::start_default().await;
    let api = server.anonymous();
    let first = log_in(&api).await;
    let second = refresh(&api, &first).await.expect(200).body;
    let third = refresh(&api, &second).await.expect(200).body;
    refresh(&api, &first).await.expect_problem(401);
    refresh(&api, &third).await.expect_problem(401);
}

#[tokio::test]
async fn a_logout_revokes_the_family_and_no_other() {
    let server = Server::start_default().await;
    let api = server.anonymous();
    let (phone, tablet) = (log_in(&api).await, log_in(&api).await);
    api.post("auth/logout", json!({ "refresh_token": phone["refresh_token"] })).await.expect(204);
    refresh(&api, &phone).await.expect_problem(401);
    refresh(&api, &tablet).await.expect(200);
}

#[tokio::test]
async fn an_access_token_does_not_refresh_and_a_refresh_token_gives_no_access() {
    let server = Server::start_default().await;
    let api = server.anonymous();
    let login = log_in(&api).await;
    let swapped = json!({ "refresh_token": login["access_token"] });
    api.post("auth/refresh", swapped).await.expect_problem(401);
    let refresh_token = login["refresh_token"].as_str().expect("a refresh token").to_owned();
    api.with_token(refresh_token).get("driver/profile").await.expect_problem(401);
}

/// Where others can connect, `admin` has a password of its own: seeding with settings that don't say so gave it back the one that
/// everybody knows. The next start for this machine alone then announced that one, while the old random one was still in force.
#[tokio::test]
async fn the_demo_operators_password_follows_who_can_connect() {
    let mut server = Server::builder().setting("BIND", "0.0.0.0:0").start().await;
    let known = json!({"username": "admin", "password": "password123"});
    server.anonymous().post("auth/login", known.clone()).await.expect_problem(401);
    // From here on the harness' own settings name loopback.
    server.command(&["seed"]).await;
    server.anonymous().post("auth/login", known.clone()).await.expect_problem(401);
    server.restart().await;
    let login = server.anonymous().post("auth/login", known).await.expect(200).body;
    let token = login["access_token"].as_str().expect("an access token").to_owned();
    server.restart().await;
    server.anonymous().with_token(token).get("admin/drivers").await.expect(200);
}

#[tokio::test]
async fn too_many_logins_of_an_account_are_refused_for_a_while() {
    let server = Server::builder().setting("LOGINS_PER_MINUTE_PER_ACCOUNT", 3).start().await;
    let api = server.anonymous();
    let guess = json!({"username": "driver123", "password": "a guess"});
    for _ in 0..20 {
        let reply = api.post("auth/login", guess.clone()).await;
        if reply.status == 429 {
            let secs: u64 = reply.header("retry-after").parse().expect("Retry-After is a number of seconds");
            assert!((1..=60).contains(&secs));
            reply.expect_problem(429);
            return;
        }
        reply.expect_problem(401);
    }
    panic!("twenty guesses in a row and nobody stopped them");
}

/// Two wrong guesses a second for a name, each from another address, kept its owner out from everywhere.
#[tokio::test]
async fn an_owner_logs_in_from_where_they_were_before_however_much_is_guessed() {
    let builder = Server::builder().setting("LOGINS_PER_MINUTE_PER_ACCOUNT", 3);
    let mut server = builder.setting("TRUSTED_PROXIES", "127.0.0.1").start().await;
    const HOME: &str = "203.0.113.1";
    let log_in = async |server: &Server, from: &str, password: &str| {
        let request = server.anonymous().request(Method::POST, "auth/login").header("X-Forwarded-For", from);
        send(request.json(&json!({"username": "driver123", "password": password}))).await
    };
    // From where the account was used before guesses are not held up, but they count: nine of them, and the delay is half a minute.
    let guess = async |server: &Server| {
        for host in 0..9 {
            let from = format!("198.51.100.{}", host / 3);
            log_in(server, &from, "a guess").await.expect_problem(401);
        }
    };
    for host in 0..3 {
        log_in(&server, &format!("198.51.100.{host}"), "password123").await.expect(200);
    }
    log_in(&server, HOME, "password123").await.expect(200);
    guess(&server).await;
    log_in(&server, "192.0.2.1", "password123").await.expect_problem(429);
    log_in(&server, HOME, "password123").await.expect(200);
    // Where they were before is known to the next process, too, and so it is after a refresh from elsewhere.
    server.restart().await;
    let login = log_in(&server, HOME, "password123").await.expect(200).body;
    const NETWORK: &str = "192.0.2.77";
    let refresh = server.anonymous().request(Method::POST, "auth/refresh").header("X-Forwarded-For", NETWORK);
    send(refresh.json(&json!({ "refresh_token": login["refresh_token"] }))).await.expect(200);
    guess(&server).await;
    log_in(&server, NETWORK, "password123").await.expect(200);
    log_in(&server, "192.0.2.2", "password123").await.expect_problem(429);
    // As an operator's unlocking does.
    let unlock = "INSERT INTO log_in_unlocks (account_id, unlocks) SELECT id, 1 FROM accounts WHERE username = 'driver123'";
    server.database().execute(unlock);
    log_in(&server, "192.0.2.2", "password123").await.expect(200);
}

/// A concurrent refresh has written a successor that the revocation did not see when it began.
#[tokio::test]
async fn a_reuse_revokes_what_is_being_issued_at_the_same_time() {
    let server = Server::start_default().await;
    let api = server.anonymous();
    let login = json!({"username": "driver123", "password": "password123"});
    let mut tokens = vec![api.post("auth/login", login).await.expect(200).body["refresh_token"].clone()];
    for round in 0..2 {
        let next = api.post("auth/refresh", json!({"refresh_token": tokens[round]})).await.expect(200);
        tokens.push(next.body["refresh_token"].clone());
    }
    let newest =
        tokens::claims(tokens[2].as_str().expect("a token"))["jti"].as_str().expect("an id").to_owned();
    let held = server.database().hold(&format!(
        "UPDATE refresh_tokens SET used_at = issued_at, successor = 'next' WHERE id = '{newest}'; \
         INSERT INTO refresh_tokens (id, family, account_id, issued_at, expires_at) \
         SELECT 'next', family, account_id, issued_at, expires_at FROM refresh_tokens WHERE id = '{newest}'"
    ));
    let reuse = async { api.post("auth/refresh", json!({"refresh_token": tokens[0]})).await };
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        drop(held);
    };
    let (refused, ()) = tokio::join!(reuse, release);
    refused.expect_problem(401);
    let alive = "SELECT COUNT(*) AS value FROM refresh_tokens WHERE id = 'next' AND revoked_at IS NULL";
    assert_eq!(server.database().number(alive), 0);
}
