//! The audit: the rows that operators, programs and the command line leave, and who may read them.

use serde_json::{Value, json};

use crate::support::api::send;
use crate::support::{Api, Server, wait_until};

async fn rows(api: &Api, query: &str) -> Vec<Value> {
    let reply = api.get(&format!("admin/audit?limit=200&{query}")).await.expect(200);
    reply.body["items"].as_array().expect("a list").clone()
}

fn of_action<'a>(rows: &'a [Value], action: &str) -> Vec<&'a Value> {
    rows.iter().filter(|row| row["action"].as_str().is_some_and(|text| text.contains(action))).collect()
}

#[tokio::test]
async fn a_change_says_who_did_it_to_whom_from_where_and_nothing_that_was_written() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let api = operator.api();
    let name = json!({"name": "Somebody With A Telling Name", "phone_number": "+15550100077"});
    let request =
        api.request(reqwest::Method::PATCH, "admin/drivers/1").header("X-Request-Id", "from-the-console");
    send(request.json(&name)).await.expect(200);
    let refused = api.patch("admin/drivers/1", json!({"phone_number": "+15550100077x"})).await;
    refused.expect_problem(422);
    let found = rows(api, "subject=driver:1").await;
    let changes = of_action(&found, "PATCH /api/v1/admin/drivers/{id}");
    assert_eq!(changes.len(), 1, "a refusal changed nothing: {found:?}");
    assert_eq!(changes[0]["actor_username"], "admin");
    assert_eq!(
        (&changes[0]["role"], &changes[0]["request_id"]),
        (&json!("admin"), &json!("from-the-console"))
    );
    assert_eq!(changes[0]["address"], "127.0.0.1");
    let all = serde_json::to_string(&found).expect("JSON");
    assert!(!all.contains("Telling") && !all.contains("0100077"), "{all}");

    let order = operator.assign_new(2).await;
    for subject in [format!("job:{order}"), "driver:2".to_owned()] {
        let found = rows(api, &format!("subject={subject}&actor=admin")).await;
        assert_eq!(of_action(&found, "/assign").len(), 1, "{subject}: {found:?}");
    }
    let (by_nobody, by_another) = (rows(api, "actor=nobody").await, rows(api, "actor=local:nobody").await);
    assert!(by_nobody.is_empty() && by_another.is_empty());
}

#[tokio::test]
async fn what_was_read_is_recorded_once_a_minute_and_lists_are_read_page_by_page() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let api = operator.api();
    for _ in 0..3 {
        api.get("admin/customers/123").await.expect(200);
    }
    api.get("admin/customers?search=Customer").await.expect(200);
    api.get("admin/customers/987654").await.expect_problem(404);
    wait_until("reads are in the audit", async || {
        let all = rows(api, "actor=admin").await;
        of_action(&all, "GET /api/v1/admin/customers").iter().any(|row| row["subject"].is_null())
    })
    .await;
    let all = rows(api, "actor=admin").await;
    assert_eq!(of_action(&all, "GET /api/v1/admin/customers/{id}").len(), 1, "{all:?}");
    assert!(!serde_json::to_string(&all).expect("JSON").contains("search"), "{all:?}");
    let paged = operator.list_with("admin/audit", "actor=admin&limit=1&to=2100-01-01T00:00:00Z").await;
    let ids: Vec<i64> = paged.iter().filter_map(|row| row["id"].as_i64()).collect();
    assert!(ids.len() >= all.len() && ids.windows(2).all(|pair| pair[0] > pair[1]), "{ids:?}");
    let none = rows(api, "to=2020-01-01T00:00:00Z").await;
    assert!(none.is_empty(), "{none:?}");
    api.get("admin/audit?subject=Anna").await.expect_problem(422);
}

#[tokio::test]
async fn the_command_line_leaves_rows_and_admins_alone_read_them() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let made = server
        .command_fed(&["admin", "create", "--username", "dora", "--role", "dispatcher"], "a long password\n")
        .await;
    assert!(made.contains("dora (dispatcher)"), "{made}");
    let log_in = json!({"username": "dora", "password": "a long password"});
    let reply = server.anonymous().post("auth/login", log_in).await.expect(200);
    assert_eq!(reply.body["user"]["role"], "dispatcher");
    let token = reply.body["access_token"].as_str().expect("a token").to_owned();
    let dispatcher = server.anonymous().with_token(token);
    dispatcher.get("admin/audit").await.expect_problem(403);
    dispatcher.patch("admin/drivers/1", json!({"suspended": true})).await.expect_problem(403);
    let order = operator.create_order().await;
    dispatcher.post(&format!("admin/orders/{order}/assign"), json!({"driver_id": 1})).await.expect(200);
    let program = server.command(&["token", "--service", "shop"]).await;
    let program = server.anonymous().with_token(program.trim().to_owned());
    program.post("admin/orders", crate::support::NewOrder::default().body()).await.expect(201);
    let api = operator.api();
    let all = rows(api, "").await;
    let local = |action: &str| {
        of_action(&all, action)
            .iter()
            .all(|row| row["actor"].as_str().is_some_and(|actor| actor.starts_with("local:")))
    };
    assert!(of_action(&all, "fleetwire admin create").len() == 1 && local("fleetwire"), "{all:?}");
    assert!(!of_action(&all, "fleetwire token").is_empty(), "{all:?}");
    let by_dora = rows(api, "actor=dora").await;
    assert!(
        !of_action(&by_dora, "/assign").is_empty() && by_dora.iter().all(|row| row["role"] == "dispatcher"),
        "{by_dora:?}"
    );
    let by_shop = rows(api, "actor=service:shop").await;
    assert_eq!(of_action(&by_shop, "POST /api/v1/admin/orders").len(), 1, "{by_shop:?}");
    assert!(by_shop[0]["subject"].as_str().is_some_and(|one| one.starts_with("job:")), "{by_shop:?}");
}
