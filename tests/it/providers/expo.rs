//! Expo: batches, tickets by their place, splitting, receipts, and each way in which Expo may fail.

use fleetwire::domain::push::PushService::Expo;
use fleetwire::providers::{Answer, Arrival, Message, Receipt, Scope};
use serde_json::{Value, json};

use super::{Sender, after_secs, is_accepted, is_dead, is_misconfigured, message, retry};
use crate::support::push_double::expo::{request_error, ticket_error};
use crate::support::push_double::{Act, Device, PushDouble, Reply, retry_after};

async fn sender() -> Sender {
    Sender::new(PushDouble::start().await, Expo, &[])
}

fn token(number: usize) -> String {
    format!("ExponentPushToken[{number}]")
}

fn batch(count: usize) -> Vec<Message> {
    (0..count).map(|number| message(&token(number))).collect()
}

fn ticket(answer: &Answer) -> String {
    match answer {
        Answer::Accepted { id } => id.clone(),
        other => panic!("not accepted: {other:?}"),
    }
}

#[tokio::test]
async fn a_notification_arrives_with_its_data_as_it_is() {
    for sender in [sender().await, Sender::new(PushDouble::start_tls().await, Expo, &[])] {
        let message = message("ExpoPushToken[abc]");
        let sent = message.notification.clone();
        let answer = sender.send_message(message).await;
        assert!(is_accepted(&answer), "{answer:?} {:?}", sender.refused());
        let taken = &sender.taken()[0];
        assert_eq!((&taken.title, &taken.body), (&sent.title, &sent.body));
        assert_eq!(taken.collapse_id, sent.collapse_id.to_string());
        let data =
            json!({"type": "reached", "bookingId": "456", "stops": 3, "notificationId": sent.id.to_string()});
        assert_eq!(taken.data, data);
    }
}

#[tokio::test]
async fn a_hundred_go_together_compressed_and_each_has_its_own_ticket() {
    let sender = sender().await;
    let messages = batch(250);
    let ids: Vec<String> = messages.iter().map(|message| message.notification.id.to_string()).collect();
    let answers = sender.provider.send(messages).await;
    let mut tickets: Vec<String> = answers.iter().map(ticket).collect();
    assert_eq!((tickets.len(), sender.double.expo.gzipped()), (250, 3));
    let mut batches = sender.double.expo.batches();
    batches.sort_unstable();
    assert_eq!(batches, [50, 100, 100]);
    let counts = sender.double.expo.desk.counts();
    assert!(ids.iter().all(|id| counts.get(id) == Some(&1)) && counts.len() == 250);
    tickets.sort_unstable();
    tickets.dedup();
    assert_eq!(tickets.len(), 250);
}

#[tokio::test]
async fn tickets_are_told_apart_by_their_place() {
    let sender = sender().await;
    let desk = &sender.double.expo.desk;
    desk.set_device(&token(3), Device::Dead { since: None });
    desk.set_device(&token(5), Device::Limited);
    desk.set_device(&token(7), Device::Foreign);
    let mut messages = batch(10);
    messages.insert(2, message("expo_token_here"));
    let answers = sender.provider.send(messages).await;
    for (at, answer) in answers.iter().enumerate() {
        match at {
            2 => assert!(matches!(answer, Answer::Rejected { .. }), "not of Expo's form"),
            4 => assert!(is_dead(answer)),
            6 => assert!(matches!(answer, Answer::Retry { scope: Scope::Message, .. })),
            8 => assert!(matches!(answer, Answer::Misconfigured { scope: Scope::Message, .. })),
            _ => assert!(is_accepted(answer), "{at}: {answer:?}"),
        }
    }
    assert_eq!((sender.taken().len(), sender.refused()), (7, Vec::new()));
}

#[tokio::test]
async fn with_a_ticket_too_few_nobody_is_pruned_and_nothing_is_lost() {
    let sender = sender().await;
    sender.double.expo.desk.set_device(&token(0), Device::Dead { since: None });
    sender.double.expo.fall_short(1);
    let answers = sender.provider.send(batch(5)).await;
    assert!(answers.iter().all(|answer| retry(answer) == Some(Arrival::Maybe)), "{answers:?}");
    let answers = sender.provider.send(batch(5)).await;
    assert!(is_dead(&answers[0]) && answers[1..].iter().all(is_accepted));
}

#[tokio::test]
async fn tokens_of_several_projects_are_sent_apart() {
    let sender = sender().await;
    for number in (0..90).step_by(3) {
        sender.double.expo.set_project(&token(number), "@somebody/else");
    }
    let answers = sender.provider.send(batch(90)).await;
    assert!(answers.iter().all(is_accepted));
    let mut batches = sender.double.expo.batches();
    batches.sort_unstable();
    assert_eq!((batches, sender.taken().len()), (vec![30, 60], 90));
}

#[tokio::test]
async fn one_message_that_expo_refuses_does_not_take_the_others_with_it() {
    let sender = sender().await;
    let refusal = Act::Answer(request_error(400, "VALIDATION_ERROR", "something about it"));
    sender.double.expo.desk.fail_token(&token(77), refusal);
    let answers = sender.provider.send(batch(100)).await;
    for (at, answer) in answers.iter().enumerate() {
        let is_right = if at == 77 { matches!(answer, Answer::Rejected { .. }) } else { is_accepted(answer) };
        assert!(is_right, "{at}: {answer:?}");
    }
    assert!(sender.double.expo.desk.requests() <= 16, "halves, not one by one");
    assert!(sender.double.expo.desk.counts().values().all(|count| *count == 1));
}

#[tokio::test]
async fn whatever_fails_is_tried_again_and_said_whether_it_may_have_arrived() {
    let sender = Sender::new(PushDouble::start().await, Expo, &[("PUSH_TIMEOUT_MS", "500")]);
    let desk = &sender.double.expo.desk;
    for (act, sent) in [
        (Act::Answer(request_error(500, "INTERNAL_SERVER_ERROR", "")), Arrival::Maybe),
        (Act::Answer(Reply::html(502)), Arrival::Maybe),
        (Act::Answer(Reply::html(503)), Arrival::No),
        (Act::Answer(Reply::html(504)), Arrival::Maybe),
        (Act::Answer(request_error(429, "TOO_MANY_REQUESTS", "")), Arrival::No),
        (Act::Reset, Arrival::Maybe),
        (Act::Hang, Arrival::Maybe),
    ] {
        desk.fail_next(1, act.clone());
        let answers = sender.provider.send(batch(3)).await;
        assert!(answers.iter().all(|answer| retry(answer) == Some(sent)), "{act:?}: {answers:?}");
    }
    let busy = retry_after(request_error(429, "TOO_MANY_REQUESTS", ""), 5);
    desk.fail_next(1, Act::Answer(busy));
    assert_eq!(after_secs(&sender.send(&token(0)).await), Some(5));
    assert!(is_accepted(&sender.send(&token(0)).await));
}

#[tokio::test]
async fn what_has_its_answer_keeps_it_when_the_rest_gets_none() {
    let sender = Sender::new(PushDouble::start().await, Expo, &[("PUSH_TIMEOUT_MS", "500")]);
    sender.double.expo.desk.fail_token(&token(5), Act::Hang);
    let answers = sender.provider.send(batch(150)).await;
    assert!(answers[..100].iter().all(|answer| retry(answer) == Some(Arrival::Maybe)));
    assert!(answers[100..].iter().all(is_accepted));
}

#[tokio::test]
async fn a_wrong_access_token_is_an_operators_matter() {
    let sender = Sender::new(PushDouble::start().await, Expo, &[("EXPO_ACCESS_TOKEN", "wrong")]);
    let answers = sender.provider.send(batch(2)).await;
    assert!(answers.iter().all(is_misconfigured), "{answers:?}");
    let receipts = sender.provider.receipts().expect("Expo has receipts");
    let refused = receipts.fetch(vec!["x".to_owned()]).await;
    assert!(refused.as_ref().is_err_and(is_misconfigured), "{refused:?}");
}

#[tokio::test]
async fn receipts_say_later_what_became_of_each() {
    let sender = sender().await;
    let answers = sender.provider.send(batch(4)).await;
    let mut ids: Vec<String> = answers.iter().map(ticket).collect();
    ids.push("never-given-out".to_owned());
    let expo = &sender.double.expo;
    expo.set_receipt(&token(1), ticket_error("DeviceNotRegistered", &token(1)));
    expo.set_receipt(&token(2), ticket_error("MessageRateExceeded", &token(2)));
    expo.set_receipt(&token(3), Value::Null);
    let receipts = sender.provider.receipts().expect("Expo has receipts");
    let receipts = receipts.fetch(ids.clone()).await.expect("Expo answers");
    assert_eq!(receipts[0], Receipt::Known(Answer::Accepted { id: ids[0].clone() }));
    assert_eq!(receipts[1], Receipt::Known(Answer::Unregistered { since: None }));
    assert!(matches!(receipts[2], Receipt::Known(Answer::Retry { scope: Scope::Message, .. })));
    assert_eq!((&receipts[3], &receipts[4]), (&Receipt::Unknown, &Receipt::Unknown));
}
