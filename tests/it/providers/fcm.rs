//! FCM: the messages that arrive, how access tokens are obtained and renewed, and each way in which Google may fail.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use fleetwire::domain::push::PushService::Fcm;
use fleetwire::providers::{Answer, Arrival, Scope};
use serde_json::json;

use super::{Sender, after_secs, is_accepted, is_dead, is_misconfigured, message, retry, stopped_clock};
use crate::support::push_double::google::{error, quota_exceeded, unavailable};
use crate::support::push_double::{Act, Device, PushDouble, Reply, retry_after, retry_after_date};
use crate::support::wait_until;

/// Time-outs are waited for, so they are short.
const IMPATIENT: (&str, &str) = ("PUSH_TIMEOUT_MS", "500");
const NO_ERROR: u32 = 0;
const ENHANCE_YOUR_CALM: u32 = 11;

async fn sender() -> Sender {
    Sender::new(PushDouble::start().await, Fcm, &[])
}

async fn sender_tls() -> Sender {
    Sender::new(PushDouble::start_tls().await, Fcm, &[])
}

fn tokens(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("fcm:token-{number}"))
}

fn answers(reply: Reply) -> Act {
    Act::Answer(reply)
}

#[tokio::test]
async fn a_notification_arrives_as_the_apps_expect_it() {
    for sender in [sender().await, sender_tls().await] {
        let message = message("fcm:abc");
        let sent = message.notification.clone();
        let answer = sender.send_message(message).await;
        assert!(matches!(&answer, Answer::Accepted { id } if id.starts_with("projects/")), "{answer:?}");
        assert_eq!(sender.refused(), Vec::<String>::new());
        let taken = &sender.taken()[0];
        assert_eq!((&taken.title, &taken.body, &*taken.token), (&sent.title, &sent.body, "fcm:abc"));
        assert_eq!(taken.collapse_id, sent.collapse_id.to_string());
        assert!((3595..=3600).contains(&taken.expiration), "{}", taken.expiration);
        let data = json!({"type": "reached", "bookingId": "456", "stops": "3",
            "notificationId": sent.id.to_string(), "click_action": "FLUTTER_NOTIFICATION_CLICK"});
        assert_eq!(taken.data, data);
    }
}

#[tokio::test]
async fn one_access_token_got_by_one_request_serves_all() {
    let sender = sender().await;
    let answers = sender.send_at_once(tokens(50)).await;
    assert!(answers.iter().all(is_accepted), "{answers:?}");
    assert_eq!(sender.double.google.tokens_asked(), 1);
    assert_eq!(sender.taken().len(), 50);
}

#[tokio::test]
async fn a_revoked_token_is_renewed_once_and_everything_arrives_once() {
    let sender = sender().await;
    assert!(is_accepted(&sender.send("fcm:first").await));
    sender.double.google.revoke_tokens();
    let answers = sender.send_at_once(tokens(30)).await;
    assert!(answers.iter().all(is_accepted), "{answers:?}");
    assert_eq!(sender.double.google.tokens_asked(), 2);
    assert_eq!(sender.taken().len(), 31);
    assert!(sender.double.google.desk.counts().values().all(|count| *count == 1));
}

/// The token service hangs just when the token is to be renewed. One request finds out; the others have a token that is good
/// for some minutes yet.
#[tokio::test]
async fn a_token_is_renewed_early_by_one_while_the_others_go_on() {
    let clock = stopped_clock();
    let double = PushDouble::start_with(false, std::sync::Arc::new(clock.clone())).await;
    let sender =
        Sender::with_clock(double, Fcm, &[("PUSH_TIMEOUT_MS", "5000")], std::sync::Arc::new(clock.clone()));
    let google = sender.double.google.clone();
    assert!(is_accepted(&sender.send("fcm:first").await));
    clock.advance(TimeDelta::minutes(56));
    google.fail_tokens(Some(Act::Hang));
    let provider = sender.provider.clone();
    let unlucky = tokio::spawn(async move { provider.send(vec![message("fcm:unlucky")]).await });
    wait_until("somebody asks for a new token", async || google.tokens_asked() == 2).await;
    let answers = sender.send_at_once(tokens(10)).await;
    assert!(answers.iter().all(is_accepted), "{answers:?}");
    assert!(!unlucky.is_finished() && google.tokens_asked() == 2);
    google.fail_tokens(None);
    let answers = unlucky.await.expect("it does not panic");
    assert!(answers.iter().all(is_accepted), "it goes with the old token, too: {answers:?}");
    clock.advance(TimeDelta::seconds(2));
    assert!(is_accepted(&sender.send("fcm:next").await));
    assert_eq!(google.tokens_granted(), 2);
}

#[tokio::test]
async fn refused_credentials_are_an_operators_matter_and_nobody_hammers() {
    let sender = sender().await;
    let grant = json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."});
    sender.double.google.fail_tokens(Some(answers(Reply::json(400, &grant))));
    for answer in sender.send_at_once(tokens(20)).await {
        assert!(is_misconfigured(&answer), "{answer:?}");
        assert!(answer.reason().contains("invalid_grant"), "{}", answer.reason());
    }
    assert_eq!(sender.double.google.tokens_asked(), 1);
    assert_eq!(sender.double.google.desk.requests(), 0);
}

#[tokio::test]
async fn a_token_service_that_is_down_is_a_reason_to_try_again() {
    let clock = stopped_clock();
    let double = PushDouble::start_with(false, std::sync::Arc::new(clock.clone())).await;
    let sender = Sender::with_clock(double, Fcm, &[], std::sync::Arc::new(clock.clone()));
    sender.double.google.fail_tokens(Some(answers(retry_after(Reply::html(503), 7))));
    let answers = sender.send_at_once(tokens(20)).await;
    assert!(answers.iter().all(|answer| retry(answer) == Some(Arrival::No) && after_secs(answer) == Some(7)));
    sender.double.google.fail_tokens(None);
    assert_eq!(retry(&sender.send("fcm:too-soon").await), Some(Arrival::No));
    assert_eq!(sender.double.google.tokens_asked(), 1);
    clock.advance(TimeDelta::seconds(8));
    assert!(is_accepted(&sender.send("fcm:later").await));
}

#[tokio::test]
async fn wrong_settings_are_told_from_bad_devices() {
    let project = Sender::new(PushDouble::start().await, Fcm, &[("FIREBASE_PROJECT_ID", "another")]);
    assert!(is_misconfigured(&project.send("fcm:a").await));
    let email = Sender::new(PushDouble::start().await, Fcm, &[("FIREBASE_CLIENT_EMAIL", "who@example")]);
    assert!(is_misconfigured(&email.send("fcm:a").await));
    let sender = sender().await;
    sender.double.google.desk.fail(answers(error(401, "UNAUTHENTICATED", None, "")));
    let answer = sender.send("fcm:a").await;
    assert!(is_misconfigured(&answer) && answer.reason().contains("fresh"), "{answer:?}");
    assert_eq!(sender.double.google.desk.requests(), 2, "once more with a new token, and no more");
    let apple = error(401, "UNAUTHENTICATED", Some("THIRD_PARTY_AUTH_ERROR"), "");
    sender.double.google.desk.fail(answers(apple));
    let answer = sender.send("fcm:an-iphone").await;
    assert!(matches!(answer, Answer::Misconfigured { scope: Scope::Message, .. }), "{answer:?}");
}

#[tokio::test]
async fn dead_devices_are_pruned_and_a_wrong_project_prunes_nobody() {
    let sender = sender().await;
    let desk = &sender.double.google.desk;
    desk.set_device("fcm:dead", Device::Dead { since: None });
    desk.set_device("fcm:bad", Device::Bad);
    desk.set_device("fcm:foreign", Device::Foreign);
    assert!(
        matches!(sender.send("fcm:foreign").await, Answer::Rejected { .. }),
        "it may be our project that is wrong"
    );
    assert!(is_dead(&sender.send("fcm:dead").await) && is_dead(&sender.send("fcm:bad").await));
    assert!(is_accepted(&sender.send("fcm:good").await));
    assert!(is_dead(&sender.send("fcm:foreign").await), "this project takes others");
    assert_eq!(sender.taken().len(), 1);
}

#[tokio::test]
async fn patience_is_kept_as_long_as_google_asks() {
    let sender = sender().await;
    let in_a_while = Utc::now() + TimeDelta::seconds(90);
    for (reply, expected) in [
        (quota_exceeded(), 60..=60),
        (retry_after(quota_exceeded(), 17), 17..=17),
        (retry_after_date(quota_exceeded(), in_a_while), 60..=90),
        (retry_after(unavailable(), 3), 3..=3),
        (retry_after_date(unavailable(), Utc::now() - TimeDelta::days(1)), 0..=0),
    ] {
        sender.double.google.desk.fail_next(1, answers(reply));
        let answer = sender.send("fcm:a").await;
        assert!(after_secs(&answer).is_some_and(|secs| expected.contains(&secs)), "{answer:?}");
        assert_eq!(retry(&answer), Some(Arrival::No));
    }
    assert_eq!(sender.taken().len(), 0);
}

#[tokio::test]
async fn whatever_fails_is_tried_again_and_said_whether_it_may_have_arrived() {
    for sender in [
        Sender::new(PushDouble::start().await, Fcm, &[IMPATIENT]),
        Sender::new(PushDouble::start_tls().await, Fcm, &[IMPATIENT]),
    ] {
        let desk = &sender.double.google.desk;
        for (act, sent) in [
            (answers(error(500, "INTERNAL", Some("INTERNAL"), "")), Arrival::Maybe),
            (answers(Reply::html(503)), Arrival::No),
            (answers(Reply::html(502)), Arrival::Maybe),
            (answers(Reply::html(200)), Arrival::Maybe),
            (Act::Reset, Arrival::Maybe),
            (Act::Hang, Arrival::Maybe),
        ] {
            desk.fail_next(1, act.clone());
            let answer = sender.send("fcm:a").await;
            assert_eq!(retry(&answer), Some(sent), "{act:?}: {answer:?}");
            assert!(is_accepted(&sender.send("fcm:a").await), "after {act:?}");
        }
        assert_eq!(sender.taken().len(), 6);
    }
}

#[tokio::test]
async fn a_message_whose_answer_got_lost_replaces_itself_when_it_comes_again() {
    let sender = sender().await;
    sender.double.google.desk.lose_next(1, Act::Reset);
    let message = message("fcm:a");
    assert_eq!(retry(&sender.send_message(message.clone()).await), Some(Arrival::Maybe));
    assert!(is_accepted(&sender.send_message(message).await));
    let taken = sender.taken();
    assert!(
        taken.len() == 2 && taken[0].collapse_id == taken[1].collapse_id && !taken[0].collapse_id.is_empty()
    );
}

#[tokio::test]
async fn what_a_server_going_away_did_not_begin_with_arrives_once() {
    let sender = sender_tls().await;
    let desk = &sender.double.google.desk;
    assert!(is_accepted(&sender.send("fcm:first").await));
    desk.fail_next(1, Act::GoAway(NO_ERROR));
    assert!(is_accepted(&sender.send("fcm:a").await), "HTTP says that it is safe to send again");
    desk.fail_next(1, Act::GoAway(ENHANCE_YOUR_CALM));
    let answer = sender.send("fcm:b").await;
    assert_eq!(retry(&answer), Some(Arrival::No), "{answer:?}");
    desk.fail_next(1, Act::RefuseStream);
    assert!(is_accepted(&sender.send("fcm:c").await));
    desk.fail(Act::RefuseStream);
    assert_eq!(retry(&sender.send("fcm:d").await), Some(Arrival::No));
    desk.work();
    assert!(is_accepted(&sender.send("fcm:e").await));
    assert_eq!(sender.taken().len(), 4);
    assert!(desk.counts().values().all(|count| *count == 1));
}

#[tokio::test]
async fn many_under_way_share_a_few_connections() {
    let sender = sender_tls().await;
    sender.double.google.desk.delay(Duration::from_millis(100));
    let answers = sender.send_at_once(tokens(250)).await;
    assert!(answers.iter().all(is_accepted));
    // One for the access token, and three with at most a hundred requests each.
    assert_eq!(sender.connections(), 4);
}

#[tokio::test]
async fn nobody_there_is_found_out_by_one_and_told_to_all() {
    let double = PushDouble::start_tls().await;
    let elsewhere = PushDouble::start_tls().await;
    let strangers_ca = elsewhere.authority().file.display().to_string();
    let sender = Sender::new(double, Fcm, &[("PUSH_CA_FILE", &strangers_ca)]);
    let answers = sender.send_at_once(tokens(100)).await;
    for answer in &answers {
        assert_eq!(retry(answer), Some(Arrival::No), "{answer:?}");
    }
    assert!(answers[0].reason().contains("certificate"), "{}", answers[0].reason());
    assert_eq!(sender.connections(), 1);
    assert_eq!(sender.taken().len(), 0);
}
