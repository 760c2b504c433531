//! A network between the server and PostgreSQL that is cut, silent or slow, or that loses the answer to a COMMIT: the
//! server reports that it can't decide, loses nothing that it has answered, does nothing twice, and recovers by itself.
//! SQLite has no such network.

use std::time::Duration;

use serde_json::json;

use crate::faults::{order, order_ids, ready};
use crate::support::{DRIVER, Link, Network, Server, api, wait_until};

/// Of each piece, either way; an order takes a dozen.
const SLOW: Duration = Duration::from_millis(20);
/// Answers that must be lost, and in how many rounds.
const LOST: usize = 2;
const ROUNDS_MAX: usize = 20;

#[tokio::test]
async fn a_database_that_is_out_of_reach_is_told_of_and_nothing_that_was_answered_is_lost() {
    let Some(link) = Link::to_postgres().await else { return };
    let server = Server::builder().through(&link).start().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let mut made = order_ids(&operator).await;
    for network in [Network::Cut, Network::Silent] {
        link.set(network);
        assert_eq!(order(&operator).await, None, "{network:?}");
        let reason = ready(&server).await.expect(503).body["reason"].clone();
        assert!(reason.as_str().is_some_and(|reason| reason.contains(' ')), "{network:?}: {reason}");
        app.sync().await;
        link.set(Network::Sound);
        wait_until("it is ready again", async || ready(&server).await.status == 200).await;
        made.insert(order(&operator).await.expect("the network is sound"));
    }
    link.set(Network::Slow(SLOW));
    made.insert(order(&operator).await.expect("slow is not broken"));
    link.set(Network::Sound);
    let known = order_ids(&operator).await;
    assert!(known.is_superset(&made), "{made:?} of {known:?}");
}

/// The server can't know whether it was committed, and claims neither. Its driver hears of it all the same, once, and a
/// repetition under the same key gets its result.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_done_once() {
    let Some(link) = Link::to_postgres().await else { return };
    let server =
        Server::builder().through(&link).setting("MAX_DELIVERIES_PER_DRIVER", ROUNDS_MAX).start().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    let mut lost = 0;
    for round in 0..ROUNDS_MAX {
        let order_id = operator.create_order().await;
        let path = format!("admin/orders/{order_id}/assign");
        let (key, body) = (format!("assign-{round}"), json!({ "driver_id": DRIVER }));
        let assign = async || api::send(operator.keyed(&path, &key, &body)).await;
        link.set(Network::LosesCommit);
        let reply = assign().await;
        link.set(Network::Sound);
        // At times it is the commit of a confirmation that is lost.
        lost += usize::from(reply.status == 503);
        assert!([200, 503].contains(&reply.status), "{}", reply.text);
        assert_eq!(app.expect("order_assigned").await["data"]["order_id"], order_id);
        assign().await.expect(200);
        if lost == LOST {
            break;
        }
    }
    assert_eq!(lost, LOST);
    assert!(app.sync().await.is_empty(), "each was told once");
}
