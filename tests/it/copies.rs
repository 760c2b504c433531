//! A copy of the database that is made while orders are written at speed, restored in a fresh place: what was
//! acknowledged before the copy began is in it, and a server goes on from there. SQLite by `fleetwire backup` and
//! `restore`, PostgreSQL by its own `pg_dump` and `pg_restore`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::database::Database;
use crate::support::process::{self, Settings};
use crate::support::server::{Builder, new_directory};
use crate::support::{Operator, Server, rounds, wait_until};

const OPERATORS: usize = 4;
const DRIVERS: usize = 8;
/// Orders that are made and assigned before the first copy, and between two.
const BETWEEN_COPIES: usize = 50;

/// The orders that were made and assigned, each line after both answers.
type Acknowledged = Arc<Mutex<Vec<(i64, i64)>>>;

fn builder() -> Builder {
    Server::builder().setting("MAX_DELIVERIES_PER_DRIVER", 1_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_made_under_load_have_all_that_was_acknowledged_before() {
    let server = builder().start().await;
    let driver_ids = server.more_drivers(DRIVERS).await;
    let operator = server.operator().await;
    let (acknowledged, stopping): (Acknowledged, Arc<AtomicBool>) = Default::default();
    let mut operators = tokio::task::JoinSet::new();
    for _ in 0..OPERATORS {
        let (acknowledged, stopping) = (acknowledged.clone(), stopping.clone());
        operators.spawn(work(operator.clone(), driver_ids.clone(), acknowledged, stopping));
    }
    let known = || acknowledged.lock().expect("unpoisoned").clone();
    let mut copies = Vec::new();
    for number in 0..rounds("COPIES", 2) {
        let wanted = known().len() + BETWEEN_COPIES;
        wait_until("orders are written", async || known().len() >= wanted).await;
        let copy = server.directory().join(format!("copy-{number}"));
        let before = known();
        copy_database(&server, &copy).await;
        assert!(known().len() > before.len(), "orders were written meanwhile");
        copies.push((copy, before));
    }
    stopping.store(true, Ordering::Relaxed);
    while let Some(ended) = operators.join_next().await {
        ended.expect("an operator's work does not fail");
    }
    for (copy, before) in copies {
        check_copy(&copy, &before, driver_ids[0]).await;
    }
}

/// Makes orders and assigns them.
async fn work(
    operator: Operator,
    driver_ids: Vec<i64>,
    acknowledged: Acknowledged,
    stopping: Arc<AtomicBool>,
) {
    for driver_id in driver_ids.iter().cycle() {
        if stopping.load(Ordering::Relaxed) {
            return;
        }
        let order_id = operator.assign_new(*driver_id).await;
        acknowledged.lock().expect("unpoisoned").push((order_id, *driver_id));
    }
}

/// Copies the server's database while it runs.
async fn copy_database(server: &Server, copy: &Path) {
    let copy = copy.to_str().expect("a path in UTF-8");
    match server.database().file() {
        Some(_) => drop(server.command(&["backup", copy]).await),
        None => postgres_tool("pg_dump", &["-Fc", "-f", copy, server.database().url()]).await,
    }
}

/// Restores a copy into a database that was not there.
async fn restore(copy: &Path, directory: &Path, database: &Database) {
    let copy = copy.to_str().expect("a path in UTF-8");
    if database.file().is_none() {
        return postgres_tool("pg_restore", &["--exit-on-error", "-d", database.url(), copy]).await;
    }
    let settings = Settings::from([("DATABASE_URL".to_owned(), database.url().to_owned())]);
    let output = process::run(directory, &settings, &["restore", copy]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The scenario is not complete without PostgreSQL's own tools, so a missing one fails it.
async fn postgres_tool(name: &str, arguments: &[&str]) {
    let mut command = tokio::process::Command::new(name);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await;
    let output = output.unwrap_or_else(|error| panic!("{name} of PostgreSQL's client tools: {error}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Compares what a copy has with what was acknowledged before it began, and lets a server go on from it.
async fn check_copy(copy: &Path, before: &[(i64, i64)], driver_id: i64) {
    let directory = new_directory();
    let database = Database::create(&directory);
    restore(copy, &directory, &database).await;
    database.check_integrity();
    database.check_event_numbers();
    let numbers = database.event_numbers();
    let newest =
        |account: &str| numbers.iter().find(|own| own.account == account).map_or(0, |own| own.newest_id);
    let server = builder().start_on(directory, database).await;
    let operator = server.operator().await;
    let listed = operator.list("admin/orders").await.into_iter();
    let orders: BTreeMap<i64, Value> =
        listed.map(|order| (order["order_id"].as_i64().expect("an order has its id"), order)).collect();
    for (order_id, driver_id) in before {
        let order = orders.get(order_id).unwrap_or_else(|| panic!("order {order_id} is not in the copy"));
        assert_eq!((&order["status"], &order["driver_id"]), (&"assigned".into(), &(*driver_id).into()));
    }
    // A change and its events are one, in a copy as well.
    let untold = "SELECT COUNT(*) AS value FROM jobs WHERE kind = 'delivery' AND status = 'assigned' \
                  AND 1 <> (SELECT COUNT(*) FROM events JOIN drivers ON drivers.account_id = events.account_id \
                            WHERE events.job_id = jobs.id AND events.name = 'order_assigned' \
                            AND drivers.id = jobs.driver_id)";
    assert_eq!(server.database().number(untold), 0, "an assignment without its one event");
    let account = format!("SELECT CAST(account_id AS TEXT) AS value FROM drivers WHERE id = {driver_id}");
    let last = newest(&server.database().words(&account)[0]);
    let mut app = server.door(driver_id).await.after(last).connect().await;
    let order_id = operator.assign_new(driver_id).await;
    let next = app.expect("order_assigned").await;
    assert_eq!((&next["id"], &next["data"]["order_id"]), (&(last + 1).into(), &order_id.into()), "{next}");
}
