//! Access is granted and revoked: operators, programs, sessions, passwords.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::{Api, Reply, send};
use crate::support::{Server, wait_until};

const PASSWORD: &str = "password123";
const CUSTOMER: i64 = 123;

async fn log_in(server: &Server, username: &str, password: &str) -> Value {
    let body =
        json!({"username": username, "password": password, "device_name": format!("{username}'s phone")});
    server.anonymous().post("auth/login", body).await.expect(200).body
}

fn api_of(server: &Server, login: &Value) -> Api {
    server.anonymous().with_token(login["access_token"].as_str().expect("a token").to_owned())
}

async fn refresh(server: &Server, login: &Value) -> Reply {
    server.anonymous().post("auth/refresh", json!({"refresh_token": login["refresh_token"]})).await
}

async fn delete(api: &Api, path: &str) -> Reply {
    send(api.request(Method::DELETE, path)).await
}

fn user_of(login: &Value) -> &str {
    login["user"]["user_id"].as_str().expect("a user")
}

/// Another operator.
async fn second(server: &Server, admin: &Api) -> String {
    let body = json!({"username": "Second", "name": "Second", "password": PASSWORD});
    let made = admin.post("admin/operators", body).await.expect(201).body;
    assert_eq!((&made["username"], &made["role"]), (&json!("second"), &json!("admin")));
    let listed = admin.get("admin/operators").await.expect(200).body;
    assert!(listed["items"].as_array().is_some_and(|items| items.contains(&made)), "{listed}");
    assert!(!server.log().contains(PASSWORD));
    made["user_id"].as_str().expect("a user").to_owned()
}

/// An operator could be made and never be stopped again.
#[tokio::test]
async fn an_operator_is_suspended_at_once_and_let_in_again_and_one_is_always_left() {
    let server = Server::start_default().await;
    let admin = server.operator().await.api().clone();
    let id = second(&server, &admin).await;
    let login = log_in(&server, "second", PASSWORD).await;
    let mut screen = server.hailing_door(login["access_token"].as_str().expect("a token")).connect().await;
    let theirs = api_of(&server, &login);
    theirs.get("admin/drivers").await.expect(200);

    let path = format!("admin/operators/{id}");
    let changed = admin.patch(&path, json!({"suspended": true, "name": "Two"})).await.expect(200).body;
    assert_eq!((&changed["suspended"], &changed["name"]), (&json!(true), &json!("Two")));
    screen.expect_close(4001).await;
    theirs.get("admin/drivers").await.expect_problem(401);
    refresh(&server, &login).await.expect_problem(401);
    let guess = json!({"username": "second", "password": PASSWORD});
    server.anonymous().post("auth/login", guess.clone()).await.expect_problem(401);

    let role = json!({"role": "dispatcher", "suspended": false});
    assert_eq!(admin.patch(&path, role).await.expect(200).body["role"], "dispatcher");
    let own = admin.get("admin/operators").await.expect(200).body["items"][0]["user_id"].clone();
    let own = format!("admin/operators/{}", own.as_str().expect("a user"));
    let last = admin.patch(&own, json!({"suspended": true})).await.expect_problem(409);
    assert_eq!(last.body["code"], "last_admin");
    assert_eq!(admin.get(&own).await.expect(200).body["suspended"], false);

    admin.post(&format!("admin/accounts/{id}/unlock"), json!({})).await.expect(204);
    theirs.get("admin/drivers").await.expect_problem(401);
    refresh(&server, &login).await.expect_problem(401);
    server.anonymous().post("auth/login", guess).await.expect(200);
    theirs.get(&path).await.expect_problem(401);
    let passenger = server.passenger_api(CUSTOMER).await;
    passenger.post("admin/operators", json!({})).await.expect_problem(403);
    passenger.patch(&path, json!({"suspended": true})).await.expect_problem(403);
    let customer = log_in(&server, "customer123", PASSWORD).await;
    admin.get(&format!("admin/operators/{}", user_of(&customer))).await.expect_problem(404);
}

/// Their tokens lived again as soon as the suspension was lifted, and what was registered without logging in went on ringing.
#[tokio::test]
async fn a_suspended_customers_tokens_die_and_nothing_is_pushed_to_them() {
    let server = Server::start_default().await;
    let admin = server.operator().await.api().clone();
    let login = log_in(&server, "customer123", PASSWORD).await;
    let device = json!({"id": CUSTOMER, "platform": "android", "fcmToken": "a-token"});
    admin.post("/api/Push/register", device).await.expect(200);
    let send_one = json!({"id": CUSTOMER, "title": "t", "body": "b"});
    let pushed = async || {
        admin.post("/api/Push/sendToCustomer", send_one.clone()).await;
        let history = admin.get(&format!("/api/Push/history?customerId={CUSTOMER}")).await.expect(200).body;
        history["items"][0]["provider"].clone()
    };
    assert_eq!(pushed().await, "fcm");
    let path = format!("admin/customers/{CUSTOMER}");
    admin.patch(&path, json!({"suspended": true})).await.expect(200);
    assert_eq!(pushed().await, Value::Null, "no device");
    admin.patch(&path, json!({"suspended": false})).await.expect(200);
    assert_eq!(pushed().await, "fcm");
    api_of(&server, &login).get("orders/mine").await.expect_problem(401);
    refresh(&server, &login).await.expect_problem(401);
    log_in(&server, "customer123", PASSWORD).await;
}

/// Of all tokens of a program one could be taken away only with all others, and with JWT_SECRET.
#[tokio::test]
async fn a_program_has_tokens_with_names_of_which_each_is_revoked_by_itself() {
    let server = Server::start_default().await;
    let admin = server.operator().await.api().clone();
    let made = admin.post("admin/programs", json!({"name": "shop"})).await.expect(201).body;
    let id = made["user_id"].as_str().expect("a user").to_owned();
    let path = format!("admin/programs/{id}");
    let make = async |name: &str| {
        let body = json!({"name": name, "ttl_secs": 3600});
        let made = admin.post(&format!("{path}/tokens"), body).await.expect(201);
        assert_eq!(made.header("cache-control"), "no-store");
        made.body
    };
    let (till, kitchen) = (make("till").await, make("kitchen").await);
    let printed = server.command(&["token", "--service", "shop", "--name", "cron"]).await.trim().to_owned();
    let api = |token: &Value| server.anonymous().with_token(token["token"].as_str().expect("it").to_owned());
    for one in [api(&till), api(&kitchen), server.anonymous().with_token(printed)] {
        one.get("admin/orders").await.expect(200);
        one.get("admin/programs").await.expect_problem(403);
    }
    let sessions = admin.get(&format!("admin/accounts/{id}/sessions")).await.expect(200).body;
    let mut names: Vec<&str> =
        sessions["items"].as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["cron", "kitchen", "till"]);

    let till_id = till["session_id"].as_str().expect("an id");
    let of_till = format!("admin/accounts/{id}/sessions/{till_id}");
    delete(&admin, &of_till).await.expect(204);
    delete(&admin, &of_till).await.expect_problem(404);
    api(&till).get("admin/orders").await.expect_problem(401);
    api(&kitchen).get("admin/orders").await.expect(200);
    assert!(!server.log().contains(kitchen["token"].as_str().expect("a token")));

    admin.patch(&path, json!({"suspended": true})).await.expect(200);
    api(&kitchen).get("admin/orders").await.expect_problem(401);
    admin.post(&format!("{path}/tokens"), json!({"name": "more"})).await.expect_problem(404);
    admin.patch(&path, json!({"suspended": false, "name": "The shop"})).await.expect(200);
    api(&kitchen).get("admin/orders").await.expect_problem(401);
    api(&make("again").await).get("admin/orders").await.expect(200);
    admin.post(&format!("admin/accounts/{id}/password"), json!({})).await.expect_problem(404);
}

#[tokio::test]
async fn a_password_is_changed_with_the_old_one_and_only_the_own_session_goes_on() {
    let server = Server::start_default().await;
    let (here, there) =
        (log_in(&server, "driver123", PASSWORD).await, log_in(&server, "driver123", PASSWORD).await);
    let door = |login: &Value| server.hailing_door(login["access_token"].as_str().expect("a token"));
    let (mut own, mut other) = (door(&here).connect().await, door(&there).connect().await);
    let api = api_of(&server, &here);
    let change = |old: &str| json!({"old_password": old, "new_password": "another one"});
    let wrong = api.post("auth/password", change("a guess")).await.expect_problem(403);
    assert_eq!(wrong.body["code"], "wrong_password");
    api.get("auth/sessions").await.expect(200);
    let short = json!({"old_password": PASSWORD, "new_password": "short"});
    api.post("auth/password", short).await.expect_problem(422);

    api.post("auth/password", change(PASSWORD)).await.expect(204);
    other.expect_close(4001).await;
    api_of(&server, &there).get("driver/profile").await.expect_problem(401);
    refresh(&server, &there).await.expect_problem(401);
    api.get("driver/profile").await.expect(200);
    refresh(&server, &here).await.expect(200);
    own.sync().await;
    let printed = server.anonymous().with_token(server.driver_token(123).await);
    printed.get("driver/profile").await.expect(200);
    let old = json!({"username": "driver123", "password": PASSWORD});
    server.anonymous().post("auth/login", old).await.expect_problem(401);
    log_in(&server, "driver123", "another one").await;
}

#[tokio::test]
async fn a_reset_password_is_good_for_one_time_and_ends_what_was_begun() {
    let server = Server::start_default().await;
    let admin = server.operator().await.api().clone();
    let before = log_in(&server, "passenger1", PASSWORD).await;
    let path = format!("admin/accounts/{}/password", user_of(&before));
    let reset = admin.post(&path, json!({})).await.expect(200);
    assert_eq!(reset.header("cache-control"), "no-store");
    let once = reset.body["one_time_password"].as_str().expect("one").to_owned();
    assert!(!server.log().contains(&once));
    refresh(&server, &before).await.expect_problem(401);
    api_of(&server, &before).get("auth/sessions").await.expect_problem(401);

    let api = server.anonymous();
    let asked = api.post("auth/login", json!({"username": "passenger1", "password": once})).await;
    assert_eq!(asked.expect_problem(403).body["code"], "new_password_required");
    let set = json!({"username": "passenger1", "password": once, "new_password": "mine alone"});
    api.post("auth/login", set.clone()).await.expect(200);
    api.post("auth/login", set).await.expect_problem(401);
    let login = log_in(&server, "passenger1", "mine alone").await;
    admin.post(&path, json!({"password": "given to them"})).await.expect(200);
    refresh(&server, &login).await.expect_problem(401);
    log_in(&server, "passenger1", "given to them").await;

    let own = log_in(&server, "admin", PASSWORD).await;
    let own = format!("admin/accounts/{}/password", user_of(&own));
    assert_eq!(admin.post(&own, json!({})).await.expect_problem(409).body["code"], "own_password");
}

#[tokio::test]
async fn sessions_are_listed_with_their_names_and_revoking_one_closes_its_sockets() {
    let server = Server::start_default().await;
    let (phone, tablet) =
        (log_in(&server, "passenger1", PASSWORD).await, log_in(&server, "passenger1", PASSWORD).await);
    let door = |login: &Value| server.hailing_door(login["access_token"].as_str().expect("a token"));
    let (mut on_phone, mut on_tablet) = (door(&phone).connect().await, door(&tablet).connect().await);
    let api = api_of(&server, &phone);
    let first = api.get("auth/sessions?limit=1").await.expect(200).body;
    let cursor = first["next_cursor"].as_str().expect("another one follows");
    let second = api.get(&format!("auth/sessions?limit=1&cursor={cursor}")).await.expect(200).body;
    let (newer, older) = (&first["items"][0], &second["items"][0]);
    assert_eq!((&newer["current"], &older["current"]), (&json!(false), &json!(true)));
    assert_eq!((&older["connected"], &older["kind"]), (&json!(true), &json!("password")));
    assert_eq!(older["name"], "passenger1's phone");
    assert_eq!(second["next_cursor"], Value::Null);

    delete(&api, &format!("auth/sessions/{}", newer["session_id"].as_str().expect("an id")))
        .await
        .expect(204);
    on_tablet.expect_close(4001).await;
    api_of(&server, &tablet).get("auth/sessions").await.expect_problem(401);
    refresh(&server, &tablet).await.expect_problem(401);
    on_phone.sync().await;
    // It is nobody else's to revoke, and an operator's it is.
    let id = older["session_id"].as_str().expect("an id");
    let stranger = api_of(&server, &log_in(&server, "driver1", PASSWORD).await);
    delete(&stranger, &format!("auth/sessions/{id}")).await.expect_problem(404);
    let admin = server.operator().await.api().clone();
    delete(&admin, &format!("admin/accounts/{}/sessions", user_of(&phone))).await.expect(204);
    on_phone.expect_close(4001).await;
    api.get("auth/sessions").await.expect_problem(401);
}

/// Nobody told the server: another process wrote it.
#[tokio::test]
async fn the_command_line_suspends_resets_and_revokes_beside_a_running_server() {
    let server = Server::start_default().await;
    let login = log_in(&server, "passenger1", PASSWORD).await;
    let door = server.hailing_door(login["access_token"].as_str().expect("a token"));
    let mut app = door.connect().await;
    let listed = server.command(&["admin", "sessions", "list", "Passenger1"]).await;
    assert!(listed.contains("passenger1's phone"), "{listed}");
    let id = listed.split(' ').next().expect("an id").to_owned();
    server.command(&["admin", "sessions", "revoke", "passenger1", &id]).await;
    app.expect_close(4001).await;
    assert_eq!(server.command(&["admin", "sessions", "list", "passenger1"]).await, "");

    let mut driver = server.driver(123).await;
    server.command(&["admin", "suspend", "driver123"]).await;
    driver.expect_close(4001).await;
    server.command(&["admin", "unlock", "driver123"]).await;
    server.driver(123).await;

    let refused = server.refused_command(&["admin", "suspend", "admin"]).await;
    assert!(refused.contains("no admin would be left"), "{refused}");
    let admin = server.operator().await.api().clone();
    let once = server.command(&["admin", "password", "admin", "--one-time"]).await;
    wait_until("the operator is let in no longer", async || admin.get("admin/drivers").await.status == 401)
        .await;
    let set = json!({"username": "admin", "password": once.trim(), "new_password": "mine alone"});
    server.anonymous().post("auth/login", set).await.expect(200);
    server.command(&["token", "--service", "shop", "--name", "till"]).await;
    let tokens = server.command(&["admin", "tokens", "list", "shop"]).await;
    assert!(tokens.trim().ends_with(" till"), "{tokens}");
    server.command(&["admin", "tokens", "revoke", "shop", "--all"]).await;
    assert_eq!(server.command(&["admin", "tokens", "list", "shop"]).await, "");
}
