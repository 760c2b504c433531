//! Verdicts on notifications before an attempt and after services' answers, with properties over all answers.

use super::*;
use crate::domain::device::{Device, Platform};
use crate::domain::ids::CustomerId;
use crate::domain::quiet_hours::QuietHours;
use crate::operations::push::Preferences;
use proptest::prelude::*;

const NOW: i64 = 1_800_000_000;
const ALL: [PushService; 3] = PushService::ALL;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).expect("a time")
}

/// Of an event, at its first attempt, with an hour to live.
fn row() -> NotificationRow {
    NotificationRow {
        id: 1,
        public_id: "0190a5f0-0000-7000-8000-000000000001".to_owned(),
        customer_id: 7,
        account_id: Some(9),
        event_id: Some(3),
        device_id: 5,
        provider: Some("fcm".to_owned()),
        notification_type: "ride_accepted".to_owned(),
        title: "t".to_owned(),
        body: "b".to_owned(),
        data: "{}".to_owned(),
        is_high_priority: true,
        is_urgent: false,
        status: "pending".to_owned(),
        reason: None,
        attempts: 1,
        deadline: (now() + TimeDelta::hours(3)).naive_utc(),
        provider_message_id: None,
        created_at: (now() - TimeDelta::seconds(2)).naive_utc(),
        sent_at: None,
        opened_at: None,
    }
}

fn by_hand() -> NotificationRow {
    NotificationRow { account_id: None, event_id: None, ..row() }
}

fn token(text: &str) -> PushToken {
    PushToken::new(text).expect("a token")
}

fn recipient() -> Recipient {
    let tokens = vec![(PushService::Fcm, token("f")), (PushService::Expo, token("ExponentPushToken[e]"))];
    let device = Device { id: DeviceId(5), customer: CustomerId(7), platform: Platform::Android, tokens };
    Recipient { devices: vec![device], ..Recipient::default() }
}

fn admission(row: &NotificationRow, recipient: &Recipient) -> Admission {
    admit(row, PushService::Fcm, Some(recipient), &ALL, now(), chrono_tz::UTC)
}

fn not_sent(reason: &str) -> Admission {
    Admission::Not(Instead::End(NotificationStatus::NotSent, reason.to_owned()))
}

#[test]
fn what_is_wanted_timely_and_has_a_way_is_sent() {
    assert_eq!(admission(&row(), &recipient()), Admission::Send(token("f")));
    let late = NotificationRow { deadline: now().naive_utc(), ..row() };
    assert_eq!(admission(&late, &recipient()), not_sent("not timely any more"));
    let tried = NotificationRow { attempts: 4, reason: Some("503".to_owned()), ..late };
    let failed = Instead::End(NotificationStatus::Failed, "given up: 503".to_owned());
    assert_eq!(admission(&tried, &recipient()), Admission::Not(failed));
    assert_eq!(
        admit(&row(), PushService::Fcm, None, &ALL, now(), chrono_tz::UTC),
        not_sent("the customer is gone")
    );
}

#[test]
fn an_opt_out_holds_for_the_most_urgent_too_and_quiet_hours_do_not() {
    // 08:00 UTC.
    let quiet = QuietHours::parse("22:00", "09:00").ok();
    let mut sleeper = recipient();
    sleeper.preferences = Preferences { quiet_hours: quiet, ..Preferences::default() };
    let wait = Admission::Not(Instead::Wait(now() + TimeDelta::hours(1)));
    assert_eq!(admission(&row(), &sleeper), wait);
    let urgent = NotificationRow { is_urgent: true, ..row() };
    assert_eq!(admission(&urgent, &sleeper), Admission::Send(token("f")));
    let short = NotificationRow { deadline: (now() + TimeDelta::minutes(59)).naive_utc(), ..row() };
    assert_eq!(admission(&short, &sleeper), not_sent("quiet hours"));
    sleeper.zone = Some(chrono_tz::Africa::Johannesburg);
    assert_eq!(admission(&row(), &sleeper), Admission::Send(token("f")), "it is 10:00 there");
    sleeper.preferences.opt_out = vec!["ride_accepted".to_owned()];
    assert_eq!(admission(&urgent, &sleeper), not_sent("opted out"));
}

#[test]
fn an_event_goes_the_way_that_there_is_by_now_and_what_is_sent_by_hand_its_own() {
    let mut changed = recipient();
    changed.devices[0].tokens.remove(0);
    assert_eq!(admission(&row(), &changed), Admission::Not(Instead::Through(PushService::Expo)));
    assert_eq!(admission(&by_hand(), &changed), not_sent("no active token"));
    changed.devices.clear();
    assert_eq!(admission(&row(), &changed), not_sent("no active token"));
    let expo = admit(&by_hand(), PushService::Expo, Some(&recipient()), &ALL, now(), chrono_tz::UTC);
    assert_eq!(expo, Admission::Send(token("ExponentPushToken[e]")));
}

#[test]
fn what_was_not_tried_counts_no_attempt() {
    let waiting =
        without_sending(&row(), PushService::Fcm, Instead::Wait(now() + TimeDelta::hours(1))).settled;
    assert_eq!((waiting.attempt, waiting.attempts), (1, 0));
    assert_eq!(
        (waiting.status, waiting.due_at),
        (NotificationStatus::Pending, Some((now() + TimeDelta::hours(1)).naive_utc()))
    );
    let moved = without_sending(&row(), PushService::Fcm, Instead::Through(PushService::Expo)).settled;
    assert!(moved.service == PushService::Expo && moved.due_at <= Some(now().naive_utc()));
}

fn around(chance: f64) -> Circumstances {
    let retrying = Retrying { base: Duration::from_secs(10), cap: Duration::from_secs(300) };
    Circumstances { now: now(), retrying, receipt_after: None, believes: true, chance }
}

fn of(row: &NotificationRow, answer: &Answer, chance: f64) -> AttemptOutcome {
    let attempt = Attempt { row, service: PushService::Fcm, began_at: now() - TimeDelta::seconds(1) };
    verdict(attempt, answer, around(chance))
}

fn down(after: Option<Duration>) -> Answer {
    Answer::Retry { reason: "503 UNAVAILABLE".into(), after, sent: Arrival::No, scope: Scope::Service }
}

#[test]
fn an_accepted_one_is_sent_and_its_receipt_is_asked_for_where_there_is_one() {
    let accepted = Answer::Accepted { id: "m1".to_owned() };
    let settled = of(&row(), &accepted, 0.5).settled;
    assert_eq!(
        (settled.status, settled.accept_ms, settled.receipt_due_at),
        (NotificationStatus::Sent, Some(2000), None)
    );
    assert_eq!(settled.provider_message_id.as_deref(), Some("m1"));
    let with_receipts = Circumstances { receipt_after: Some(TimeDelta::minutes(15)), ..around(0.5) };
    let row = row();
    let attempt = Attempt { row: &row, service: PushService::Expo, began_at: now() };
    let due = verdict(attempt, &accepted, with_receipts).settled.receipt_due_at;
    assert_eq!(due, Some((now() + TimeDelta::minutes(15)).naive_utc()));
}

#[test]
fn a_dead_token_is_dead_as_of_the_attempt_or_of_what_the_service_names() {
    let dead = of(&row(), &Answer::Unregistered { since: None }, 0.5).dead.expect("it is dead");
    assert_eq!(dead.registered_by, (now() - TimeDelta::seconds(1)).naive_utc());
    let since = now() - TimeDelta::days(1);
    let dead = of(&row(), &Answer::Unregistered { since: Some(since) }, 0.5).dead.expect("it is dead");
    assert_eq!((dead.device, dead.registered_by), (DeviceId(5), since.naive_utc()));
}

#[test]
fn a_misconfigured_service_keeps_events_waiting_and_tells_who_sends_by_hand() {
    let wrong = Answer::Misconfigured { reason: "invalid_grant".into(), scope: Scope::Service };
    let event = of(&row(), &wrong, 0.0).settled;
    assert_eq!(event.status, NotificationStatus::Pending);
    assert_eq!(event.reason.as_deref(), Some("misconfigured: invalid_grant"));
    assert_eq!(of(&by_hand(), &wrong, 0.0).settled.status, NotificationStatus::Failed);
    let one = Answer::Misconfigured { reason: "BadTopic".into(), scope: Scope::Message };
    assert_eq!(of(&row(), &one, 0.0).settled.status, NotificationStatus::Failed);
}

#[test]
fn what_would_not_be_timely_at_the_next_attempt_is_given_up_now() {
    let short = NotificationRow { deadline: (now() + TimeDelta::seconds(30)).naive_utc(), ..row() };
    let settled = of(&short, &down(Some(Duration::from_secs(60))), 0.0).settled;
    assert_eq!(settled.status, NotificationStatus::Failed);
    assert_eq!(settled.reason.as_deref(), Some("given up: 503 UNAVAILABLE"));
    let first = of(&row(), &down(None), 0.5).settled;
    assert_eq!(
        first.deadline,
        (now() + TimeDelta::minutes(60)).naive_utc(),
        "an hour after the first attempt"
    );
    let later = of(&NotificationRow { attempts: 2, ..row() }, &down(None), 0.5).settled;
    assert_eq!(later.deadline, row().deadline);
}

#[test]
fn a_receipt_that_is_not_there_yet_is_asked_for_again_for_a_day() {
    let due =
        |sent_at: DateTime<Utc>| ReceiptDue { id: 1, ticket: "t".to_owned(), sent_at: sent_at.naive_utc() };
    let fresh = receipted(&due(now() - TimeDelta::hours(1)), &Receipt::Unknown, now(), true);
    assert_eq!(fresh, Receipted::Open(Some((now() + RECEIPT_AGAIN).naive_utc())));
    assert_eq!(
        receipted(&due(now() - TimeDelta::hours(24)), &Receipt::Unknown, now(), true),
        Receipted::Open(None)
    );
    let dead = Receipt::Known(Answer::Unregistered { since: None });
    let Receipted::Unregistered(dead) = receipted(&due(now()), &dead, now(), false) else {
        panic!("it is dead")
    };
    assert!(dead.registered_by == now().naive_utc() && !dead.is_believed);
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let after = prop::option::of((0u64..10_000).prop_map(Duration::from_secs));
    let scope = prop::sample::select(vec![Scope::Service, Scope::Message]);
    let sent = prop::sample::select(vec![Arrival::No, Arrival::Maybe]);
    prop_oneof![
        Just(Answer::Accepted { id: "m".to_owned() }),
        Just(Answer::Unregistered { since: None }),
        Just(Answer::Rejected { reason: "400".into() }),
        (after, sent, scope.clone()).prop_map(|(after, sent, scope)| Answer::Retry {
            reason: "503".into(),
            after,
            sent,
            scope
        }),
        scope.prop_map(|scope| Answer::Misconfigured { reason: "403".into(), scope }),
    ]
}

proptest! {
    /// After any answer a notification ends, or it is due again, later than now and before its deadline, and never
    /// both.
    #[test]
    fn a_notification_ends_or_comes_again_in_time(
        answer in any_answer(),
        attempts in 1i64..50,
        left_secs in 1i64..100_000,
        chance in 0.0f64..1.0,
        is_event in any::<bool>(),
        believes in any::<bool>(),
    ) {
        let base = if is_event { row() } else { by_hand() };
        let row = NotificationRow {
            attempts,
            deadline: (now() + TimeDelta::seconds(left_secs)).naive_utc(),
            ..base
        };
        let attempt = Attempt { row: &row, service: PushService::Fcm, began_at: now() };
        let verdict = verdict(attempt, &answer, Circumstances { believes, ..around(chance) });
        let settled = &verdict.settled;
        prop_assert_eq!((settled.id, settled.attempt, settled.attempts), (row.id, attempts, attempts));
        prop_assert!(settled.deadline <= row.deadline);
        match settled.due_at {
            Some(due_at) => {
                prop_assert_eq!(settled.status, NotificationStatus::Pending);
                prop_assert!(due_at > now().naive_utc() && due_at < settled.deadline);
            }
            None => prop_assert_ne!(settled.status, NotificationStatus::Pending),
        }
        prop_assert_eq!(settled.status == NotificationStatus::Sent, matches!(answer, Answer::Accepted { .. }));
        prop_assert_eq!(settled.sent_at.is_some(), settled.status == NotificationStatus::Sent);
        prop_assert_eq!(verdict.dead.is_some(), matches!(answer, Answer::Unregistered { .. }));
        prop_assert!(verdict.dead.is_none_or(|dead| dead.is_believed == believes));
        prop_assert_eq!(verdict.event.is_some(), is_event);
    }

    /// A time that a service names is a floor, and chance never makes a pause longer than the attempt's bound.
    #[test]
    fn a_pause_is_within_its_bounds(attempts in 1i64..100, chance in 0.0f64..1.0, after_secs in 0u64..3000) {
        let retrying = around(0.0).retrying;
        let pause = retrying.pause(attempts, chance);
        prop_assert!(pause >= RETRY_MIN && pause <= retrying.cap);
        prop_assert!(pause <= retrying.base * 2u32.saturating_pow(attempts.min(20) as u32));
        let after = Duration::from_secs(after_secs);
        let row = NotificationRow { attempts, ..row() };
        if let Some(due_at) = of(&row, &down(Some(after)), chance).settled.due_at {
            prop_assert!(due_at >= (now() + TimeDelta::from_std(after).unwrap()).naive_utc());
        }
    }
}
