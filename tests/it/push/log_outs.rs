//! A device's registration ends when somebody logs out on it.

use serde_json::{Value, json};

use crate::support::push::expo_token;
use crate::support::{Api, Server};

const CUSTOMER: i64 = 123;

async fn log_in(server: &Server, username: &str) -> (Api, String) {
    let body = json!({"username": username, "password": "password123"});
    let login = server.anonymous().post("auth/login", body).await.expect(200).body;
    let text = |field: &str| login[field].as_str().expect("a token").to_owned();
    (server.anonymous().with_token(text("access_token")), text("refresh_token"))
}

async fn register(api: &Api, token: &str, device: Option<&str>) -> u16 {
    let body = json!({
        "userType": "customer", "id": CUSTOMER, "platform": "android", "fcmToken": token, "deviceId": device,
    });
    api.post("/api/Push/register", body).await.status
}

async fn log_out(server: &Server, body: Value) {
    server.anonymous().post("auth/logout", body).await.expect(204);
}

/// The tokens that the customer can be reached by.
fn reachable(server: &Server) -> Vec<String> {
    let sql = "SELECT fcm_token AS value FROM customer_push_tokens WHERE is_active ORDER BY id";
    server.database().words(sql)
}

#[tokio::test]
async fn logging_out_ends_what_was_registered_with_the_log_in_and_nothing_else() {
    let server = Server::start_default().await;
    let (phone, phone_refresh) = log_in(&server, "customer123").await;
    let (tablet, _) = log_in(&server, "customer123").await;
    assert_eq!(register(&phone, "phone", None).await, 200);
    assert_eq!(register(&tablet, "tablet", None).await, 200);
    assert_eq!(register(server.operator().await.api(), "desk", None).await, 200);
    // A token is renewed now and then; it is the same log-in.
    let renewed = json!({ "refresh_token": phone_refresh });
    let renewed = server.anonymous().post("auth/refresh", renewed).await.expect(200).body;

    log_out(&server, json!({"refresh_token": renewed["refresh_token"]})).await;
    assert_eq!(reachable(&server), ["tablet", "desk"]);
    // A request that the app was about to send when its user logged out.
    assert_eq!(register(&phone, "phone", None).await, 401);
    let renewed = server.anonymous().with_token(renewed["access_token"].as_str().expect("one").to_owned());
    assert_eq!(register(&renewed, "phone", None).await, 401);
    assert_eq!(reachable(&server), ["tablet", "desk"]);
    // A user who logs in again on the phone is registered again.
    let (phone, _) = log_in(&server, "customer123").await;
    assert_eq!(register(&phone, "phone", None).await, 200);
    assert_eq!(reachable(&server), ["tablet", "desk", "phone"]);
}

#[tokio::test]
async fn what_is_pushed_after_the_log_out_does_not_reach_the_phone() {
    let server = Server::start_default().await;
    let (phone, refresh) = log_in(&server, "customer123").await;
    register(&phone, "phone", None).await;
    log_out(&server, json!({ "refresh_token": refresh })).await;
    let operator = server.operator().await;
    server.bring_about(operator.api(), CUSTOMER).await;
    server.push_settled().await;
    assert_eq!(server.push_history(CUSTOMER).await, [] as [Value; 0]);
}

#[tokio::test]
async fn an_app_may_name_its_device_when_it_logs_out() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    for (token, device) in [("one", Some("d1")), ("two", Some("d2")), ("three", None)] {
        assert_eq!(register(operator.api(), token, device).await, 200);
    }
    let (_, refresh) = log_in(&server, "customer123").await;
    log_out(&server, json!({"refresh_token": refresh, "deviceId": "d1", "push_token": "three"})).await;
    assert_eq!(reachable(&server), ["two"]);
    // Of somebody else's devices nobody ends one, and a log-in that has ended ends nothing.
    let (_, other) = log_in(&server, "passenger1").await;
    log_out(&server, json!({"refresh_token": other, "deviceId": "d2"})).await;
    log_out(&server, json!({"refresh_token": refresh, "deviceId": "d2"})).await;
    assert_eq!(reachable(&server), ["two"]);
}

/// Somebody who stole a refresh token has registered a phone with it.
#[tokio::test]
async fn a_log_in_that_is_revoked_for_theft_is_no_longer_pushed_to() {
    let server = Server::start_default().await;
    let (phone, refresh) = log_in(&server, "customer123").await;
    register(&phone, "phone", None).await;
    let next = server.anonymous().post("auth/refresh", json!({ "refresh_token": refresh })).await.expect(200);
    let next = json!({"refresh_token": next.body["refresh_token"]});
    server.anonymous().post("auth/refresh", next).await.expect(200);
    server.anonymous().post("auth/refresh", json!({ "refresh_token": refresh })).await.expect(401);
    assert_eq!(reachable(&server), [] as [&str; 0]);
}

/// No technician or driver registers a device of their own: the contract knows customers alone. A registration that hangs on a
/// log-in of theirs, however it came about, ends with it all the same, and with a new password.
#[tokio::test]
async fn it_is_the_same_for_technicians_and_drivers() {
    let server = Server::start_default().await;
    let registered = || {
        let sql = "UPDATE customer_push_tokens SET session = (SELECT family FROM refresh_tokens \
                   JOIN accounts ON accounts.id = account_id WHERE username = 'driver123' \
                   ORDER BY issued_at DESC LIMIT 1)";
        server.database().execute(sql);
    };
    let operator = server.operator().await;
    let (_, refresh) = log_in(&server, "driver123").await;
    register(operator.api(), "shared-phone", None).await;
    assert_eq!(register(operator.api(), "phone", None).await, 200);
    registered();
    log_out(&server, json!({ "refresh_token": refresh })).await;
    assert_eq!(reachable(&server), [] as [&str; 0]);

    log_in(&server, "driver123").await;
    register(operator.api(), "phone", None).await;
    registered();
    operator.change_driver(123, json!({"password": "another long password"})).await.expect(200);
    assert_eq!(reachable(&server), [] as [&str; 0]);
}

#[tokio::test]
async fn a_token_of_expos_is_named_as_well() {
    let server = Server::start_default().await;
    let token = expo_token("phone");
    server.register(CUSTOMER, "ios", json!({ "expoPushToken": token })).await;
    let (_, refresh) = log_in(&server, "customer123").await;
    log_out(&server, json!({"refresh_token": refresh, "push_token": token})).await;
    assert_eq!(server.database().number("SELECT COUNT(*) AS value FROM customer_push_tokens"), 0);
}
