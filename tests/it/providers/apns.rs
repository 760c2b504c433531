//! Apple: the messages that arrive, the number of streams and provider tokens, and each way in which Apple may fail.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fleetwire::domain::push::PushService::Apns;
use fleetwire::providers::{Answer, Arrival, Scope};

use super::{Sender, after_secs, is_accepted, is_dead, is_misconfigured, message, retry, stopped_clock};
use crate::support::push_double::apple::reason_reply;
use crate::support::push_double::server::Listener;
use crate::support::push_double::{Act, Device, PushDouble, Reply, retry_after};

const NO_ERROR: u32 = 0;
const ENHANCE_YOUR_CALM: u32 = 11;

async fn sender() -> Sender {
    Sender::new(PushDouble::start().await, Apns, &[])
}

fn token(number: usize) -> String {
    format!("{number:064x}")
}

fn says(status: u16, reason: &str) -> Act {
    Act::Answer(reason_reply(status, reason))
}

#[tokio::test]
async fn a_notification_arrives_with_all_that_apple_wants_to_know() {
    let sender = sender().await;
    let message = message(&token(1));
    let sent = message.notification.clone();
    let answer = sender.send_message(message).await;
    assert_eq!(answer, Answer::Accepted { id: sent.id.to_string() }, "refused: {:?}", sender.refused());
    let taken = &sender.taken()[0];
    assert_eq!((&taken.title, &taken.body), (&sent.title, &sent.body));
    assert_eq!(
        (&taken.notification_id, &taken.collapse_id),
        (&sent.id.to_string(), &sent.collapse_id.to_string())
    );
    assert_eq!(taken.expiration, sent.deadline.timestamp());
    assert_eq!((&taken.data["aps"]["badge"], &taken.data["stops"]), (&1.into(), &3.into()));
}

#[tokio::test]
async fn plain_http_is_http2_all_the_same() {
    let double = PushDouble::start().await;
    let plain = Listener::start(None, true, double.apple.clone()).await;
    let url = format!("http://{}", plain.address);
    let sender = Sender::new(double, Apns, &[("APNS_BASE_URL", &url)]);
    assert!(is_accepted(&sender.send(&token(1)).await));
    assert_eq!((plain.connections(), sender.connections()), (1, 0));
}

/// Two hundred at once on a connection that nothing went over yet: Apple takes one until it has seen a good one.
#[tokio::test]
async fn a_burst_on_a_new_connection_opens_one_stream_first() {
    let sender = sender().await;
    sender.double.apple.desk.delay(Duration::from_millis(5));
    let answers = sender.send_at_once((0..200).map(token)).await;
    assert!(answers.iter().all(is_accepted), "{:?}", sender.refused());
    assert_eq!(sender.double.apple.stream_violations(), 0);
    assert_eq!((sender.double.apple.tokens_seen(), sender.connections()), (1, 2));
}

/// Each refused notification lowers the limit to one stream, and each good one raises it.
#[tokio::test]
async fn a_limit_that_falls_to_one_stream_is_kept_and_everything_gets_through() {
    let sender = sender().await;
    let desk = &sender.double.apple.desk;
    desk.delay(Duration::from_millis(2));
    for number in (0..300).filter(|number| number % 7 == 0) {
        desk.set_device(&token(number), Device::Dead { since: None });
    }
    assert!(is_accepted(&sender.send(&token(1)).await));
    let answers = sender.send_at_once((0..300).map(token)).await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(is_dead(answer), number % 7 == 0, "{number}: {answer:?}");
        assert!(is_dead(answer) || is_accepted(answer), "{number}: {answer:?}");
    }
    assert_eq!(sender.double.apple.stream_violations(), 0);
}

#[tokio::test]
async fn many_with_an_expired_token_get_one_new_token() {
    let sender = sender().await;
    assert!(is_accepted(&sender.send(&token(0)).await));
    sender.double.apple.expire_tokens();
    let answers = sender.send_at_once((0..50).map(token)).await;
    assert!(answers.iter().all(is_accepted), "{:?}", sender.refused());
    assert_eq!(sender.double.apple.tokens_seen(), 2);
    sender.double.apple.expire_tokens();
    let answer = sender.send(&token(1)).await;
    assert!(is_misconfigured(&answer) && answer.reason().contains("clock"), "{answer:?}");
}

#[tokio::test]
async fn a_token_is_kept_for_half_an_hour_and_renewed_before_apple_minds() {
    let clock = stopped_clock();
    let double = PushDouble::start_with(false, Arc::new(clock.clone())).await;
    let sender = Sender::with_clock(double, Apns, &[], Arc::new(clock.clone()));
    for _ in 0..30 {
        let answer = sender.send(&token(1)).await;
        assert!(is_accepted(&answer), "{answer:?} {:?}", sender.refused());
        clock.advance(TimeDelta::minutes(7));
    }
    let seen = sender.double.apple.tokens_seen();
    assert!((4..=9).contains(&seen), "{seen} tokens in three and a half hours");
}

#[tokio::test]
async fn a_dead_device_comes_with_the_time_since_which_it_is() {
    let sender = sender().await;
    let since = DateTime::<Utc>::from_timestamp_millis(1_764_000_000_123).expect("a time");
    sender.double.apple.desk.set_device(&token(1), Device::Dead { since: Some(since) });
    assert_eq!(sender.send(&token(1)).await, Answer::Unregistered { since: Some(since) });
}

/// The known trap: sandbox for production, and every token is a bad one.
#[tokio::test]
async fn a_mistake_of_ours_is_never_taken_for_dead_devices() {
    let sender = sender().await;
    let desk = &sender.double.apple.desk;
    desk.set_device(&token(1), Device::Bad);
    desk.set_device(&token(2), Device::Foreign);
    assert!(matches!(sender.send(&token(1)).await, Answer::Rejected { .. }));
    assert!(is_misconfigured(&sender.send(&token(2)).await));
    assert!(is_accepted(&sender.send(&token(3)).await));
    assert!(is_dead(&sender.send(&token(1)).await), "others are taken: it is this one");
    let answer = sender.send(&token(2)).await;
    assert!(matches!(answer, Answer::Misconfigured { scope: Scope::Message, .. }), "{answer:?}");
}

#[tokio::test]
async fn wrong_settings_are_an_operators_matter() {
    for change in
        [("APNS_TOPIC", "another.app"), ("APNS_TEAM_ID", "OTHER12345"), ("APNS_KEY_ID", "OTHER12345")]
    {
        let sender = Sender::new(PushDouble::start().await, Apns, &[change]);
        let answer = sender.send(&token(1)).await;
        assert!(is_misconfigured(&answer), "{change:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_no_hexadecimal_is_not_sent_to_another_path() {
    let sender = sender().await;
    for text in ["../../evil", "abc", "00?x", "fcm:token"] {
        assert!(matches!(sender.send(text).await, Answer::Rejected { .. }), "{text}");
    }
    assert_eq!(sender.double.apple.desk.requests(), 0);
}

#[tokio::test]
async fn whatever_fails_is_tried_again_and_said_whether_it_may_have_arrived() {
    let sender = Sender::new(PushDouble::start().await, Apns, &[("PUSH_TIMEOUT_MS", "500")]);
    let desk = &sender.double.apple.desk;
    for (act, sent) in [
        (says(500, "InternalServerError"), Arrival::Maybe),
        (says(503, "ServiceUnavailable"), Arrival::No),
        (says(503, "Shutdown"), Arrival::No),
        (says(429, "TooManyRequests"), Arrival::No),
        (Act::Answer(Reply::html(503)), Arrival::No),
        (Act::Reset, Arrival::Maybe),
        (Act::Hang, Arrival::Maybe),
        (Act::GoAway(ENHANCE_YOUR_CALM), Arrival::No),
    ] {
        desk.fail_next(1, act.clone());
        let answer = sender.send(&token(1)).await;
        assert_eq!(retry(&answer), Some(sent), "{act:?}: {answer:?}");
        assert!(is_accepted(&sender.send(&token(1)).await), "after {act:?}");
    }
    desk.fail_next(1, Act::GoAway(NO_ERROR));
    assert!(is_accepted(&sender.send(&token(1)).await), "HTTP says that it is safe to send again");
    assert_eq!(sender.taken().len(), 9);
    assert!(desk.counts().values().all(|count| *count == 1));
}

#[tokio::test]
async fn after_too_many_token_updates_the_connection_is_given_up() {
    let sender = sender().await;
    assert!(is_accepted(&sender.send(&token(1)).await));
    sender.double.apple.desk.fail_next(20, says(429, "TooManyProviderTokenUpdates"));
    let answers = sender.send_at_once((0..20).map(token)).await;
    assert!(answers.iter().all(|answer| after_secs(answer) == Some(60)), "{answers:?}");
    let before = sender.connections();
    assert!(is_accepted(&sender.send(&token(1)).await));
    assert_eq!(sender.connections(), before + 1, "once, not by each of the twenty");
}

#[tokio::test]
async fn patience_is_kept_as_long_as_apple_asks() {
    let sender = sender().await;
    let busy = retry_after(reason_reply(429, "TooManyRequests"), 11);
    sender.double.apple.desk.fail_next(1, Act::Answer(busy));
    assert_eq!(after_secs(&sender.send(&token(1)).await), Some(11));
}
