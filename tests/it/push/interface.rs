//! The push interface over HTTP: the contract's words, who may call, devices, preferences, history and limits.

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use fleetwire::domain::push::PushService::{Expo, Fcm};

use crate::support::api::send;
use crate::support::push::{apns_token, expo_token};
use crate::support::push_double::PushDouble;
use crate::support::{Api, Reply, Server, wait_until};

const VECTORS: &str = include_str!("../../../src/contracts/vectors/push.json");
const CUSTOMER: i64 = 123;

fn vector(name: &str) -> Value {
    let contract: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let vectors = contract["rest"].as_array().expect("there are some").clone();
    vectors.into_iter().find(|vector| vector["name"] == name).expect("a vector of this name")
}

/// Sends a vector's request, with its placeholders replaced, and compares the answer.
async fn check_vector(api: &Api, name: &str, change: impl FnOnce(&mut Value)) {
    let mut vector = vector(name);
    change(&mut vector["request"]["body"]);
    let path = vector["request"]["path"].as_str().expect("a path");
    let reply = api.post(path, vector["request"]["body"].clone()).await.expect(200);
    assert_eq!(reply.body, vector["response"], "{name}");
}

/// A refusal in the contract's own shape.
#[track_caller]
fn refused(reply: Reply, status: u16) -> Reply {
    let reply = reply.expect(status);
    let fields: Vec<&String> = reply.body.as_object().expect("an object").keys().collect();
    assert_eq!(fields.len(), 2, "{}", reply.text);
    assert_eq!(reply.body["success"], false, "{}", reply.text);
    assert!(reply.body["message"].as_str().is_some_and(|message| !message.is_empty()), "{}", reply.text);
    assert!(reply.header("content-type").starts_with("application/json"));
    reply
}

#[tokio::test]
async fn every_call_of_the_contract_is_answered_word_for_word_and_reaches_the_device() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).start().await;
    let api = server.operator().await.api().clone();
    let expo = expo_token("vector");
    check_vector(&api, "register", |body| body["expoPushToken"] = json!(expo)).await;
    check_vector(&api, "sendToCustomer", |_| {}).await;
    check_vector(&api, "test", |_| {}).await;
    let body = vector("sendToCustomer")["request"]["body"].clone();
    for (service, token) in [(Fcm, "fcm_token_here"), (Expo, expo.as_str())] {
        let taken = double.taken_by(service, token);
        assert_eq!(taken.len(), 2, "{service}");
        assert_eq!(
            (json!(taken[0].title), json!(taken[0].body)),
            (body["title"].clone(), body["body"].clone())
        );
        for (name, value) in body["data"].as_object().expect("an object") {
            assert_eq!(taken[0].data[name], *value, "{service} {name}");
        }
        assert_eq!(taken[1].title, "Test Push Notification");
        assert_eq!((&taken[1].data["type"], &taken[1].data["test"]), (&json!("test"), &json!("true")));
    }
    let history = server.push_history(CUSTOMER).await;
    assert_eq!(history.len(), 4);
    for item in &history {
        assert_eq!((&item["status"], &item["reason"]), (&json!("sent"), &Value::Null));
        assert!(item["sentAt"].is_string() && item["openedAt"].is_null());
    }
    let ids: Vec<String> =
        [Fcm, Expo].iter().flat_map(|service| double.desk(*service).counts().into_keys()).collect();
    assert!(history.iter().all(|item| ids.contains(&item["id"].as_str().expect("an id").to_owned())));
    double.check();
}

#[tokio::test]
async fn what_cannot_be_carried_out_is_refused_in_the_contracts_own_shape() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).setting("ALLOW_ANONYMOUS_PUSH", false).start().await;
    let (admin, own) = (server.operator().await.api().clone(), server.passenger_api(CUSTOMER).await);
    let register = |change: Value| {
        let mut body =
            json!({"userType": "customer", "id": CUSTOMER, "fcmToken": "f", "platform": "android"});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        body
    };
    for (change, status) in [
        (json!({"id": 999_999}), 404),
        (json!({"id": "x"}), 400),
        (json!({"platform": "symbian"}), 400),
        (json!({"fcmToken": null}), 400),
        (json!({"fcmToken": ""}), 400),
        (json!({"fcmToken": "a b"}), 400),
        (json!({"fcmToken": "x".repeat(501)}), 400),
        (json!({"userType": "driver"}), 400),
    ] {
        refused(admin.post("/api/Push/register", register(change)).await, status);
    }
    refused(own.post("/api/Push/register", register(json!({"id": 1}))).await, 403);
    own.post("/api/Push/register", register(json!({}))).await.expect(200);
    let message = |change: Value| {
        let mut body = json!({"id": CUSTOMER, "title": "t", "body": "b", "data": {}});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        body
    };
    for (change, status) in [
        (json!({"id": 999_999}), 404),
        (json!({"title": "t".repeat(201)}), 400),
        (json!({"body": null}), 400),
        (json!({"data": ["a"]}), 400),
        (json!({"data": "a"}), 400),
        (json!({"data": {"blob": "x".repeat(8000)}}), 413),
        (json!({"data": {"blob": "x".repeat(1 << 20)}}), 413),
    ] {
        refused(admin.post("/api/Push/sendToCustomer", message(change)).await, status);
    }
    refused(own.post("/api/Push/sendToCustomer", message(json!({}))).await, 403);
    refused(own.post("/api/Push/test", json!({"customerId": CUSTOMER})).await, 403);
    refused(own.get("/api/Push/stats").await, 403);
    refused(own.get("/api/Push/history?customerId=1").await, 403);
    refused(admin.get("/api/Push/history").await, 400);
    refused(
        admin.put("/api/Push/preferences?customerId=123", json!({"timeZone": "Mars/Olympus"})).await,
        400,
    );
    refused(own.post("/api/Push/opened", json!({"notificationId": uuid::Uuid::new_v4()})).await, 404);
    refused(server.anonymous().post("/api/Push/register", register(json!({}))).await, 401);
    refused(admin.get("/api/Push/register").await, 405);
    refused(admin.post("/api/Push/nothing", json!({})).await, 404);
    let not_json =
        admin.request(Method::POST, "/api/Push/register").header("content-type", "application/json");
    refused(send(not_json.body("{")).await, 400);
    // Case counts; elsewhere the problems are as everywhere.
    admin.post("/api/push/register", register(json!({}))).await.expect_problem(404);
    let driver = server.driver_api(1).await;
    refused(driver.post("/api/Push/register", register(json!({}))).await, 403);
    let service = server.command(&["token", "--service", "shop"]).await;
    let service = server.anonymous().with_token(service.trim().to_owned());
    refused(service.post("/api/Push/register", register(json!({}))).await, 403);
    service.post("/api/Push/sendToCustomer", message(json!({}))).await.expect(200);
    assert_eq!(double.desk(Fcm).taken().len(), 1, "of all this one was sent");
}

#[tokio::test]
async fn a_token_belongs_to_whoever_registered_it_last_and_devices_stay_apart() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).setting("PUSH_DEVICES_PER_CUSTOMER", 2).start().await;
    let devices = async |customer: i64| {
        let reply = server.push().get(&format!("/api/Push/devices?customerId={customer}")).await.expect(200);
        reply.body["items"].as_array().expect("a list").len()
    };
    server.register(CUSTOMER, "android", json!({"fcmToken": "a", "expoPushToken": expo_token("a")})).await;
    server.register(CUSTOMER, "android", json!({"fcmToken": "a2", "expoPushToken": expo_token("a")})).await;
    assert_eq!(devices(CUSTOMER).await, 1, "a shared token makes it the same device");
    server.register(CUSTOMER, "ios", json!({"apnsToken": apns_token(1)})).await;
    assert_eq!(devices(CUSTOMER).await, 2);
    let sent = server.push().post("/api/Push/sendToCustomer", message(CUSTOMER)).await.expect(200);
    assert_eq!(
        sent.body,
        json!({"success": true, "message": "Push notification sent successfully", "fcmResult": "success",
            "expoResult": "success", "apnsResult": "success"})
    );
    assert_eq!((double.taken_by(Fcm, "a").len(), double.taken_by(Fcm, "a2").len()), (0, 1));

    server.register(1, "android", json!({"fcmToken": "a2"})).await;
    server.push().post("/api/Push/sendToCustomer", message(CUSTOMER)).await.expect(200);
    assert_eq!(double.taken_by(Fcm, "a2").len(), 1, "it is another's now");
    assert_eq!(double.taken_by(Expo, &expo_token("a")).len(), 2, "and the rest of the device stays");
    server.push().post("/api/Push/sendToCustomer", message(1)).await.expect(200);
    assert_eq!(double.taken_by(Fcm, "a2").len(), 2);

    // Named by the app, a device is the same whatever its tokens; of three the one registered longest ago goes.
    for token in ["x", "y"] {
        server.register(CUSTOMER, "web", json!({"deviceId": "browser", "fcmToken": token})).await;
    }
    assert_eq!(devices(CUSTOMER).await, 2);
    server.push().post("/api/Push/sendToCustomer", message(CUSTOMER)).await.expect(200);
    assert_eq!((double.taken_by(Fcm, "x").len(), double.taken_by(Fcm, "y").len()), (0, 1));
    assert_eq!(double.taken_by(Expo, &expo_token("a")).len(), 2, "that device was forgotten");
    double.check();
}

fn message(customer: i64) -> Value {
    json!({"id": customer, "title": "Title", "body": "Body", "data": {"type": "news"}})
}

#[tokio::test]
async fn preferences_are_kept_and_heeded() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).start().await;
    let own = server.passenger_api(CUSTOMER).await;
    server.register(CUSTOMER, "android", json!({"fcmToken": "f"})).await;
    let fresh = own.get("/api/Push/preferences").await.expect(200).body;
    assert_eq!(fresh, json!({"optOut": [], "quietHours": null, "timeZone": "UTC"}));
    let quiet = |from: i64, to: i64| {
        let at = |hours: i64| (Utc::now() + TimeDelta::hours(hours)).format("%H:%M").to_string();
        json!({"start": at(from), "end": at(to)})
    };
    let wanted = json!({"optOut": ["news"], "quietHours": quiet(-1, 2), "timeZone": "UTC"});
    own.put("/api/Push/preferences", wanted.clone()).await.expect(200);
    assert_eq!(own.get("/api/Push/preferences").await.expect(200).body, wanted);
    let result = async |body: Value| {
        let sent = server.push().post("/api/Push/sendToCustomer", body).await.expect(200);
        sent.body["fcmResult"].as_str().expect("a result").to_owned()
    };
    assert_eq!(result(message(CUSTOMER)).await, "not_sent");
    assert_eq!(server.push_history(CUSTOMER).await[0]["reason"], "opted out");
    let mut other = message(CUSTOMER);
    other["data"] = json!({"type": "offer"});
    assert_eq!(result(other.clone()).await, "not_sent");
    assert_eq!(server.push_history(CUSTOMER).await[0]["reason"], "quiet hours");
    own.put("/api/Push/preferences", json!({"optOut": ["news"]})).await.expect(200);
    assert_eq!(result(other.clone()).await, "success");
    assert_eq!(double.desk(Fcm).taken().len(), 1);

    // At night a notification about an ongoing ride is sent anyway, and one that can wait for the morning does.
    own.put("/api/Push/preferences", json!({"quietHours": quiet(-1, 1)})).await.expect(200);
    let operator = server.operator().await.api().clone();
    server.bring_about(&operator, CUSTOMER).await;
    wait_until("the cancelled order is pushed, quiet hours or not", async || {
        double.desk(Fcm).taken().len() == 2
    })
    .await;
}

#[tokio::test]
async fn history_is_paged_opened_once_and_counted() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).start().await;
    let own = server.passenger_api(CUSTOMER).await;
    server.register(CUSTOMER, "android", json!({"fcmToken": "f", "expoPushToken": "expo_token_here"})).await;
    for _ in 0..2 {
        let sent = server.push().post("/api/Push/sendToCustomer", message(CUSTOMER)).await.expect(200);
        assert_eq!(
            (&sent.body["fcmResult"], &sent.body["expoResult"]),
            (&json!("success"), &json!("failed"))
        );
    }
    let first = own.get("/api/Push/history?limit=3").await.expect(200).body;
    let cursor = first["next_cursor"].as_str().expect("there is one more");
    let rest = own.get(&format!("/api/Push/history?limit=3&cursor={cursor}")).await.expect(200).body;
    let items: Vec<Value> =
        [first, rest].iter().flat_map(|page| page["items"].as_array().expect("a list").clone()).collect();
    assert_eq!(items.len(), 4);
    let failed = items.iter().find(|item| item["status"] == "failed").expect("one of Expo's");
    assert_eq!(failed["reason"], "not a token of Expo's");
    let sent = items.iter().find(|item| item["status"] == "sent").expect("one of FCM's");
    assert_eq!(
        (&sent["type"], &sent["title"], &sent["provider"]),
        (&json!("news"), &json!("Title"), &json!("fcm"))
    );
    let opened = json!({"notificationId": sent["id"]});
    for _ in 0..2 {
        own.post("/api/Push/opened", opened.clone()).await.expect(200);
    }
    refused(server.passenger_api(1).await.post("/api/Push/opened", opened).await, 404);
    let stats = server.push().get("/api/Push/stats").await.expect(200).body;
    let of = |provider: &str| {
        let items = stats["items"].as_array().expect("a list");
        items.iter().find(|item| item["provider"] == provider).expect("a row").clone()
    };
    let (fcm, expo) = (of("fcm"), of("expo"));
    assert_eq!((&fcm["type"], &fcm["sent"], &fcm["opened"]), (&json!("news"), &json!(2), &json!(1)));
    assert!(fcm["acceptMsMean"].is_i64() && fcm["acceptMsMax"].is_i64());
    assert_eq!((&expo["failed"], &expo["acceptMsMean"]), (&json!(2), &Value::Null));
    assert_eq!(stats["pruned"], json!({"fcm": 0, "apns": 0, "expo": 0}));
}

#[tokio::test]
async fn without_credentials_nothing_is_sent_and_the_history_says_why() {
    let server = Server::builder().setting("CONFIRM_TIMEOUT_MS", 100).start().await;
    server.register(CUSTOMER, "android", json!({"fcmToken": "f", "expoPushToken": expo_token("e")})).await;
    let sent = server.push().post("/api/Push/sendToCustomer", message(CUSTOMER)).await.expect(200);
    assert_eq!((&sent.body["fcmResult"], &sent.body["expoResult"]), (&json!("not_sent"), &json!("not_sent")));
    let nobody = server.push().post("/api/Push/sendToCustomer", message(1)).await.expect(200);
    assert_eq!((&nobody.body["success"], &nobody.body["fcmResult"]), (&json!(true), &json!("not_sent")));
    assert_eq!(server.push_history(1).await[0]["reason"], "no active token");
    let operator = server.operator().await.api().clone();
    server.bring_about(&operator, CUSTOMER).await;
    server.push_settled().await;
    let history = server.push_history(CUSTOMER).await;
    assert_eq!(history.len(), 3);
    for item in history {
        assert_eq!(item["status"], "not_sent");
        let reason = item["reason"].as_str().expect("a reason");
        assert!(reason.starts_with("no credentials for"), "{reason}");
    }
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let server = Server::builder()
        .setting("PUSH_CALLS_PER_MINUTE_PER_CALLER", 5)
        .setting("PUSH_SENDS_PER_MINUTE_PER_CUSTOMER", 2)
        .start()
        .await;
    for _ in 0..2 {
        server.push().post("/api/Push/sendToCustomer", message(CUSTOMER)).await.expect(200);
    }
    let limited = refused(server.push().post("/api/Push/sendToCustomer", message(CUSTOMER)).await, 429);
    assert!(limited.header("retry-after").parse::<u64>().is_ok_and(|secs| secs > 0));
    server.push().post("/api/Push/sendToCustomer", message(1)).await.expect(200);
    server.push().get("/api/Push/stats").await.expect(200);
    refused(server.push().get("/api/Push/stats").await, 429);
    server.operator().await.api().get("/api/Push/stats").await.expect(200);
    // A token that is sent is checked, also where none is needed; so is where a request came from.
    let bad = server.anonymous().with_token("a.b.c".to_owned());
    refused(bad.get("/api/Push/stats").await, 401);
    let forwarded =
        server.anonymous().request(Method::GET, "/api/Push/stats").header("x-forwarded-for", "192.0.2.7");
    refused(send(forwarded).await, 401);
}
