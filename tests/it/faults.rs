//! A disk that is full, read-only, failing or slow, under SQLite: the server reports that it can't decide, loses
//! nothing that it has answered, and recovers by itself. Faults of PostgreSQL's disk are in `bad_days` and `links`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{DRIVER, Fault, NewOrder, Operator, Reply, Server, api, wait_until};

const TIMEOUT_MS: u32 = 1000;
/// More than a decision and `/readyz` wait for.
const SLOW_MS: u32 = 2000;

pub async fn ready(server: &Server) -> Reply {
    server.anonymous().get("/readyz").await
}

/// Another order, or a refusal; never anything else.
pub async fn order(operator: &Operator) -> Option<i64> {
    let reply = operator.api().post("admin/orders", NewOrder::default().body()).await;
    match reply.status {
        201 => Some(reply.id("order_id")),
        _ => {
            reply.expect_problem(503);
            None
        }
    }
}

pub async fn order_ids(operator: &Operator) -> BTreeSet<i64> {
    let id = |order: Value| order["order_id"].as_i64().expect("an order has its id");
    operator.list("admin/orders").await.into_iter().map(id).collect()
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_told_of_and_loses_nothing_that_was_answered() {
    if Server::is_on_postgres() {
        return;
    }
    let mut server = Server::builder().stable_port().on_faulty_disk().start().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let mut made = order_ids(&operator).await;
    for fault in [Fault::Full, Fault::ReadOnly, Fault::FailingSync] {
        server.disk().order(fault);
        // Overwriting in place fits on a full disk.
        wait_until("orders are refused", async || match order(&operator).await {
            Some(id) => !made.insert(id),
            None => true,
        })
        .await;
        wait_until("it is not ready", async || ready(&server).await.status == 503).await;
        assert_eq!(order(&operator).await, None);
        let reason = ready(&server).await.expect(503).body["reason"].clone();
        assert!(reason.as_str().is_some_and(|reason| reason.contains(' ')), "{fault:?}: {reason}");
        app.sync().await;
        server.disk().mend();
        wait_until("it is ready again", async || ready(&server).await.status == 200).await;
        made.insert(order(&operator).await.expect("the disk is sound"));
    }
    server.kill();
    server.restart().await;
    assert_eq!(order_ids(&operator).await, made, "what was refused was not made, either");
}

/// The answer is a time-out, and the order is made all the same. A repetition under the same key gets that order.
#[tokio::test]
async fn a_disk_that_is_slow_is_told_of_and_what_is_asked_twice_is_done_once() {
    if Server::is_on_postgres() {
        return;
    }
    let server = Server::builder().on_faulty_disk().setting("DB_TIMEOUT_MS", TIMEOUT_MS).start().await;
    let operator = server.operator().await;
    let before = order_ids(&operator).await;
    server.disk().order(Fault::SlowSync { ms: SLOW_MS });
    let body = NewOrder::default().body();
    let ask = async || api::send(operator.keyed("admin/orders", "the-one", &body)).await;
    ask().await.expect_problem(503);
    ready(&server).await.expect(503);
    server.disk().mend();
    wait_until("it is ready again", async || ready(&server).await.status == 200).await;
    let id = ask().await.expect(201).id("order_id");
    let made: Vec<i64> = order_ids(&operator).await.difference(&before).copied().collect();
    assert_eq!(made, [id]);
}
