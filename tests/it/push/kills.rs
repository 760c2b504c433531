//! The server is killed at random moments while it sends: every notification reaches the service, and only those whose
//! answer was in flight reach it twice, under the same collapse id. `PUSH_KILLS` sets how often, `PUSH_CUSTOMERS` the
//! number of notifications.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use fleetwire::domain::push::PushService::{Expo, Fcm};

use crate::support::push::expo_token;
use crate::support::push_double::PushDouble;
use crate::support::{Server, rounds, wait_until};

const BETWEEN_KILLS_MS: std::ops::Range<u64> = 100..600;
/// How long a service takes to answer, so that some requests are in flight at any moment.
const ANSWER: Duration = Duration::from_millis(20);
/// The most that one service may have in flight: its connections with their streams, or its requests with their
/// batches.
const UNDER_WAY_MAX: usize = 700;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_moments_lose_no_notification_and_double_only_those_under_way() {
    let double = PushDouble::start().await;
    let mut server =
        Server::builder().pushing_to(&double).stable_port().setting("CONFIRM_TIMEOUT_MS", 100).start().await;
    let operator = server.operator().await.api().clone();
    let customers = server.more_customers(rounds("PUSH_CUSTOMERS", 60)).await;
    for (index, customer) in customers.iter().enumerate() {
        let tokens = match index % 2 {
            0 => json!({"fcmToken": format!("fcm-{customer}")}),
            _ => json!({"expoPushToken": expo_token(&format!("expo-{customer}"))}),
        };
        server.register(*customer, "android", tokens).await;
    }
    for service in [Fcm, Expo] {
        double.desk(service).delay(ANSWER);
    }
    let kills = rounds("PUSH_KILLS", 3);
    let mut events = 0;
    for customer in customers.chunks(customers.len().div_ceil(kills + 1)) {
        for customer in customer {
            server.bring_about(&operator, *customer).await;
            events += 1;
        }
        if events < customers.len() {
            tokio::time::sleep(Duration::from_millis(rand::random_range(BETWEEN_KILLS_MS))).await;
            server.kill();
            server.restart().await;
        }
    }
    server.push_settled().await;
    wait_until("everybody was reached", async || {
        double.desk(Fcm).counts().len() + double.desk(Expo).counts().len() == customers.len()
    })
    .await;
    let mut doubled = 0;
    for service in [Fcm, Expo] {
        let mut of_token: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for taken in double.desk(service).taken() {
            of_token.entry(taken.token).or_default().push((taken.notification_id, taken.collapse_id));
        }
        for (token, sent) in of_token {
            doubled += sent.len() - 1;
            assert!(sent.iter().all(|one| *one == sent[0]), "{token} has two notifications: {sent:?}");
        }
    }
    let sent = "SELECT COUNT(*) AS value FROM notification_history WHERE status = 'sent'";
    assert_eq!(server.database().number(sent), customers.len() as i64);
    println!(
        "{} notifications, {kills} kills, {doubled} sent twice under the same collapse id",
        customers.len()
    );
    assert!(doubled <= kills * UNDER_WAY_MAX);
    double.check();
}
