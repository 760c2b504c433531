//! Bad days of the push services: every failure ends well, and harms nobody else.

use std::time::{Duration, Instant};

use serde_json::json;

use fleetwire::domain::push::PushService::{self, Apns, Expo, Fcm};

use crate::support::push::{apns_token, expo_token};
use crate::support::push_double::google::{error, quota_exceeded, unavailable};
use crate::support::push_double::{Act, Device, PushDouble, Reply, retry_after, retry_after_date};
use crate::support::{Server, rounds, wait_until};

const CUSTOMER: i64 = 123;

async fn server(double: &PushDouble) -> Server {
    Server::builder().pushing_to(double).setting("PUSH_TIMEOUT_MS", 500).start().await
}

#[tokio::test]
async fn whatever_passes_is_waited_for_and_the_notification_arrives_under_its_id() {
    let double = PushDouble::start().await;
    let server = server(&double).await;
    let operator = server.operator().await.api().clone();
    server.register(CUSTOMER, "android", json!({"fcmToken": "phone"})).await;
    let soon = chrono::Utc::now() + chrono::TimeDelta::seconds(2);
    let days = [
        Act::Answer(unavailable()),
        Act::Answer(Reply::html(503)),
        Act::Answer(error(500, "INTERNAL", Some("INTERNAL"), "Internal error")),
        Act::Answer(retry_after(quota_exceeded(), 1)),
        Act::Answer(retry_after_date(unavailable(), soon)),
        Act::Reset,
        Act::Hang,
    ];
    for (at, day) in days.into_iter().enumerate() {
        // The answer gets lost of what was taken: it comes twice, under one id.
        let is_taken = matches!(day, Act::Hang | Act::Reset);
        match is_taken {
            true => double.desk(Fcm).lose_next(1, day.clone()),
            false => double.desk(Fcm).fail_next(1, day.clone()),
        }
        server.bring_about(&operator, CUSTOMER).await;
        server.push_settled().await;
        let history = server.push_history(CUSTOMER).await;
        assert_eq!((&history[0]["status"], history.len()), (&json!("sent"), at + 1), "{day:?}");
        let taken = double.desk(Fcm).counts();
        let id = history[0]["id"].as_str().expect("an id");
        assert_eq!(taken.get(id), Some(&(1 + usize::from(is_taken))), "{day:?}");
    }
    let taken = double.desk(Fcm).taken();
    assert!(
        taken.iter().all(|taken| taken.collapse_id == taken.notification_id),
        "one collapse id for all attempts"
    );
    double.check();
}

#[tokio::test]
async fn what_is_refused_for_good_fails_with_its_reason_and_the_token_stays() {
    let double = PushDouble::start().await;
    let server = server(&double).await;
    let operator = server.operator().await.api().clone();
    server.register(CUSTOMER, "ios", json!({"apnsToken": apns_token(1)})).await;
    double.desk(Apns).set_device(&apns_token(1), Device::Bad);
    server.bring_about(&operator, CUSTOMER).await;
    server.push_settled().await;
    let history = server.push_history(CUSTOMER).await;
    assert_eq!(history[0]["status"], "failed");
    assert!(history[0]["reason"].is_string());
    let devices =
        server.push().get(&format!("/api/Push/devices?customerId={CUSTOMER}")).await.expect(200).body;
    assert_eq!(devices["items"][0]["tokens"], json!({"apns": "active"}), "a fault of ours prunes nothing");
}

/// A token of another app looks like a wrong setting. Registering one must not stop everybody else's notifications.
#[tokio::test]
async fn one_token_of_another_app_stops_nobody_else() {
    let double = PushDouble::start().await;
    let server = server(&double).await;
    let operator = server.operator().await.api().clone();
    server.register(1, "ios", json!({"apnsToken": apns_token(1)})).await;
    server.register(CUSTOMER, "ios", json!({"apnsToken": apns_token(2)})).await;
    double.desk(Apns).set_device(&apns_token(1), Device::Foreign);
    for _ in 0..4 {
        server.bring_about(&operator, 1).await;
        server.bring_about(&operator, CUSTOMER).await;
    }
    wait_until("the other customer has theirs", async || double.taken_by(Apns, &apns_token(2)).len() == 4)
        .await;
}

#[tokio::test]
async fn wrong_credentials_are_said_and_not_hammered() {
    let double = PushDouble::start().await;
    let server = Server::builder()
        .pushing_to(&double)
        .setting("FIREBASE_CLIENT_EMAIL", "somebody@else.example")
        .expect_error("push is misconfigured")
        .start()
        .await;
    server.register(CUSTOMER, "android", json!({"fcmToken": "phone"})).await;
    let message = json!({"id": CUSTOMER, "title": "t", "body": "b"});
    for _ in 0..5 {
        let sent = server.push().post("/api/Push/sendToCustomer", message.clone()).await.expect(200);
        assert_eq!(sent.body["fcmResult"], "failed");
    }
    for item in server.push_history(CUSTOMER).await {
        let reason = item["reason"].as_str().expect("a reason");
        assert!(reason.starts_with("misconfigured: "), "{reason}");
    }
    assert!(double.google.tokens_asked() <= 4, "asked {} times", double.google.tokens_asked());
    let devices =
        server.push().get(&format!("/api/Push/devices?customerId={CUSTOMER}")).await.expect(200).body;
    assert_eq!(devices["items"][0]["tokens"], json!({"fcm": "active"}));
}

/// One service does not answer at all; what goes through the others is not held up by it.
#[tokio::test]
async fn a_service_that_is_down_delays_no_other() {
    const CUSTOMERS: usize = 20;
    let double = PushDouble::start().await;
    let server = server(&double).await;
    let operator = server.operator().await.api().clone();
    let customers = server.more_customers(2 * CUSTOMERS).await;
    let (down, up) = customers.split_at(CUSTOMERS);
    for customer in down {
        server.register(*customer, "android", json!({"fcmToken": format!("fcm-{customer}")})).await;
    }
    for customer in up {
        let token = expo_token(&format!("expo-{customer}"));
        server.register(*customer, "android", json!({"expoPushToken": token})).await;
    }
    double.desk(Fcm).fail(Act::Hang);
    for customer in down {
        server.bring_about(&operator, *customer).await;
    }
    wait_until("the service that hangs is asked", async || double.desk(Fcm).requests() > 0).await;
    // No timing: only that it took nowhere near the time for which the other hangs, again and again. What it took is printed.
    let down_for = Duration::from_secs(rounds("PUSH_DOWN_SECS", 1) as u64);
    let (begun, mut slowest, mut events) = (Instant::now(), Duration::ZERO, 0);
    while events < CUSTOMERS || begun.elapsed() < down_for {
        let asked = Instant::now();
        server.bring_about(&operator, up[events % CUSTOMERS]).await;
        events += 1;
        wait_until("the other has it", async || double.desk(Expo).taken().len() == events).await;
        slowest = slowest.max(asked.elapsed());
    }
    assert!(double.desk(Fcm).taken().is_empty());
    println!(
        "down for {:?}: {events} events by the other service, the slowest in {slowest:?}",
        begun.elapsed()
    );
    double.desk(Fcm).work();
    wait_until("the service is back", async || double.desk(Fcm).taken().len() == CUSTOMERS).await;
    server.push_settled().await;
    assert!(once_each(&double, Fcm) && once_each(&double, Expo));
}

fn once_each(double: &PushDouble, service: PushService) -> bool {
    double.desk(service).counts().values().all(|count| *count == 1)
}

#[tokio::test]
async fn a_stop_lets_what_is_under_way_end_and_the_next_start_goes_on() {
    let double = PushDouble::start().await;
    let mut server = Server::builder().pushing_to(&double).stable_port().start().await;
    let operator = server.operator().await.api().clone();
    let customers = server.more_customers(10).await;
    for customer in &customers {
        server.register(*customer, "android", json!({"fcmToken": format!("fcm-{customer}")})).await;
    }
    double.desk(Fcm).delay(Duration::from_millis(300));
    for customer in &customers {
        server.bring_about(&operator, *customer).await;
    }
    wait_until("some are under way", async || double.desk(Fcm).requests() > 0).await;
    let (status, took) = server.terminate().await;
    assert!(status.success() && took < Duration::from_secs(10), "{status} after {took:?}");
    double.desk(Fcm).delay(Duration::ZERO);
    server.restart().await;
    server.push_settled().await;
    assert_eq!(double.desk(Fcm).counts().len(), customers.len());
    assert!(once_each(&double, Fcm), "nothing was sent twice: {:?}", double.desk(Fcm).counts());
}
