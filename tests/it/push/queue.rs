//! A long queue: it is the table, so it costs the server no memory. `PUSH_QUEUED` sets its length, `PUSH_QUEUED_VIA`
//! whether all of it is for `fcm` or for `expo`.

use std::time::{Duration, Instant};

use serde_json::json;

use fleetwire::domain::push::PushService::{self, Expo, Fcm};

use crate::support::push::expo_token;
use crate::support::push_double::google::unavailable;
use crate::support::push_double::{Act, PushDouble};
use crate::support::{Server, rounds, wait_until};

const ROWS_OF_A_STATEMENT: usize = 500;
/// Far above the memory of those in flight at a time, and far below that of 100,000 notifications.
const GROWTH_MIB_MAX: u64 = 64;
const CUSTOMERS: usize = 20;
const COUNT_EVERY: Duration = Duration::from_millis(250);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_queue_waits_in_the_table_and_is_sent_when_the_services_are_back() {
    let queued = rounds("PUSH_QUEUED", 2000);
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).start().await;
    let customers = server.more_customers(CUSTOMERS).await;
    for customer in &customers {
        let tokens =
            json!({"fcmToken": format!("f-{customer}"), "expoPushToken": expo_token(&customer.to_string())});
        server.register(*customer, "android", tokens).await;
    }
    for service in [Fcm, Expo] {
        double.desk(service).fail(Act::Answer(unavailable()));
    }
    let before = server.memory_mib();
    let services = services();
    let row = |number: usize| row(customers[number % CUSTOMERS], services[number % services.len()]);
    let rows: Vec<String> = (0..queued).map(row).collect();
    for rows in rows.chunks(ROWS_OF_A_STATEMENT) {
        let columns = "public_id, customer_id, device_id, provider, notification_type, title, body, data, \
             is_high_priority, is_urgent, status, due_at, deadline, created_at";
        let values = rows.join(", ");
        server.database().execute(&format!("INSERT INTO notification_history ({columns}) VALUES {values}"));
    }
    wait_until("each service that has a queue is tried, in vain", async || {
        let is_tried =
            |service, tries| !services.contains(&service) || double.desk(service).requests() > tries;
        is_tried(Fcm, 5) && is_tried(Expo, 2)
    })
    .await;
    let waiting = server.memory_mib();
    let begun = Instant::now();
    for service in [Fcm, Expo] {
        double.desk(service).work();
    }
    let all = || double.desk(Fcm).counts().len() + double.desk(Expo).counts().len();
    // Each is given the usual time for its own share.
    let mut reached = 0;
    while reached < queued {
        // Counting takes the doubles' time: not more often than a look needs.
        tokio::time::sleep(COUNT_EVERY).await;
        wait_until("the queue moves", async || all() > reached).await;
        reached = all();
    }
    let took = begun.elapsed();
    server.push_settled().await;
    let after = server.memory_mib();
    println!(
        "{queued} queued: {before} MiB before, {waiting} while they wait, {after} after; sent in {took:?}"
    );
    assert!(waiting.max(after) < before + GROWTH_MIB_MAX, "{before} {waiting} {after} MiB");
    double.check();
}

/// Both by turns, unless one is asked for.
fn services() -> Vec<PushService> {
    match std::env::var("PUSH_QUEUED_VIA").as_deref() {
        Err(_) => vec![Fcm, Expo],
        Ok("fcm") => vec![Fcm],
        Ok("expo") => vec![Expo],
        Ok(other) => panic!("PUSH_QUEUED_VIA must be fcm or expo, not {other:?}"),
    }
}

/// Made a moment ago and due since then.
fn row(customer: i64, service: PushService) -> String {
    let now = chrono::Utc::now().naive_utc();
    let (at, deadline) = (now.format("%F %T%.6f"), (now + chrono::TimeDelta::hours(1)).format("%F %T%.6f"));
    let device = format!("(SELECT id FROM customer_push_tokens WHERE customer_id = {customer})");
    format!(
        "('{}', {customer}, {device}, '{service}', 'news', 'Title', 'Body', '{{\"type\":\"news\"}}', FALSE, FALSE, \
         'pending', '{at}', '{deadline}', '{at}')",
        uuid::Uuid::new_v4()
    )
}
