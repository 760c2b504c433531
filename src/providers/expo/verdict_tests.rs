//! Expo's answers as they arrive, and the required reading of each.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn tokens(count: usize) -> Vec<PushToken> {
    (0..count).map(|at| PushToken::new(format!("ExponentPushToken[{at}]")).unwrap()).collect()
}

fn answered(status: u16, body: &Value, count: usize) -> Verdict {
    let tokens = tokens(count);
    let tokens: Vec<&PushToken> = tokens.iter().collect();
    verdict(StatusCode::from_u16(status).unwrap(), body.to_string().as_bytes(), None, &tokens)
}

fn refused(status: u16, code: &str, count: usize) -> Verdict {
    answered(status, &json!({"errors": [{"code": code, "message": "for people"}]}), count)
}

fn accepted(id: &str) -> Answer {
    Answer::Accepted { id: id.to_owned() }
}

fn failed(error: &str, token: &str) -> Value {
    json!({"status": "error", "message": format!("\"{token}\" is not registered"),
        "details": {"error": error, "expoPushToken": token}})
}

#[test]
fn tickets_belong_to_messages_by_their_place() {
    let dead = failed("DeviceNotRegistered", "ExponentPushToken[1]");
    let body = json!({"data": [{"status": "ok", "id": "a"}, dead, {"status": "ok", "id": "c"}]});
    let expected = vec![accepted("a"), Answer::Unregistered { since: None }, accepted("c")];
    assert_eq!(answered(200, &body, 3), Verdict::Each(expected));
    let single = json!({"data": {"status": "ok", "id": "a"}});
    assert_eq!(answered(200, &single, 1), Verdict::Each(vec![accepted("a")]));
}

#[test]
fn where_tickets_and_messages_differ_in_number_nothing_is_pruned() {
    let dead = failed("DeviceNotRegistered", "ExponentPushToken[0]");
    for tickets in [json!([dead]), json!([dead, dead, dead]), json!([])] {
        let verdict = answered(200, &json!({"data": tickets}), 2);
        assert!(matches!(verdict, Verdict::All(Answer::Retry { sent: Arrival::Maybe, .. })), "{verdict:?}");
    }
}

#[test]
fn an_error_about_another_token_prunes_nothing() {
    let body =
        json!({"data": [failed("DeviceNotRegistered", "ExponentPushToken[1]"), {"status": "ok", "id": "b"}]});
    let Verdict::Each(answers) = answered(200, &body, 2) else { panic!("tickets are for each") };
    assert!(matches!(answers[0], Answer::Rejected { .. }));
}

#[test]
fn each_error_of_a_ticket_is_what_it_should_be_and_shows_no_token() {
    let answer = |code| match answered(200, &json!({"data": [failed(code, "ExponentPushToken[0]")]}), 1) {
        Verdict::Each(mut answers) => answers.remove(0),
        other => panic!("{other:?}"),
    };
    assert!(matches!(answer("MessageTooBig"), Answer::Rejected { .. }));
    assert!(matches!(answer("DeveloperError"), Answer::Rejected { .. }));
    assert!(matches!(answer("MessageRateExceeded"), Answer::Retry { scope: Scope::Message, .. }));
    assert!(matches!(answer("ProviderError"), Answer::Retry { scope: Scope::Message, .. }));
    for code in ["MismatchSenderId", "InvalidCredentials"] {
        assert!(matches!(answer(code), Answer::Misconfigured { scope: Scope::Message, .. }), "{code}");
    }
    for code in ["MessageTooBig", "MessageRateExceeded", "InvalidCredentials"] {
        assert!(!format!("{:?}", answer(code)).contains("PushToken["));
    }
}

#[test]
fn each_error_of_a_request_is_what_it_should_be() {
    let unauthorized = refused(401, "UNAUTHORIZED", 2);
    assert!(matches!(unauthorized, Verdict::All(Answer::Misconfigured { scope: Scope::Service, .. })));
    let busy = refused(429, "TOO_MANY_REQUESTS", 2);
    assert!(matches!(busy, Verdict::All(Answer::Retry { sent: Arrival::No, .. })));
    for status in [500, 502, 504] {
        let verdict = answered(status, &json!("<html>"), 2);
        assert!(matches!(verdict, Verdict::All(Answer::Retry { sent: Arrival::Maybe, .. })), "{verdict:?}");
    }
    let down = answered(503, &json!("<html>"), 2);
    assert!(matches!(down, Verdict::All(Answer::Retry { sent: Arrival::No, .. })));
    let nonsense = answered(200, &json!("<html>"), 2);
    assert!(matches!(nonsense, Verdict::All(Answer::Retry { sent: Arrival::Maybe, .. })));
}

#[test]
fn projects_are_sent_apart_and_a_bad_message_is_looked_for_by_halves() {
    let details = json!({
        "@a/one": ["ExponentPushToken[0]", "ExponentPushToken[3]"],
        "@b/two": ["ExponentPushToken[1]"],
    });
    let body = json!({"errors": [{"code": "PUSH_TOO_MANY_EXPERIENCE_IDS", "details": details}]});
    assert_eq!(answered(400, &body, 4), Verdict::Split(vec![vec![0, 3], vec![1], vec![2]]));
    let unnamed = refused(400, "PUSH_TOO_MANY_EXPERIENCE_IDS", 3);
    assert_eq!(unnamed, Verdict::Split(vec![vec![0], vec![1, 2]]));
    assert_eq!(refused(400, "PUSH_TOO_MANY_NOTIFICATIONS", 2), Verdict::Split(vec![vec![0], vec![1]]));
    for code in ["VALIDATION_ERROR", "PUSH_TOO_MANY_EXPERIENCE_IDS"] {
        assert!(matches!(refused(400, code, 1), Verdict::All(Answer::Rejected { .. })), "{code}");
    }
}

#[test]
fn receipts_are_found_by_id_and_those_that_are_not_there_are_unknown() {
    let body = json!({"data": {"b": failed("DeviceNotRegistered", "x"), "a": {"status": "ok"}}});
    let ids = ["a", "b", "c"].map(str::to_owned);
    let of = |status, body: &Value| {
        receipts(StatusCode::from_u16(status).unwrap(), body.to_string().as_bytes(), None, &ids)
    };
    let dead = Answer::Unregistered { since: None };
    let expected = vec![Receipt::Known(accepted("a")), Receipt::Known(dead), Receipt::Unknown];
    assert_eq!(of(200, &body), Ok(expected));
    assert!(matches!(of(502, &json!("<html>")), Err(Answer::Retry { .. })));
    assert!(matches!(of(200, &json!("<html>")), Err(Answer::Retry { .. })));
    assert!(matches!(of(401, &json!({})), Err(Answer::Misconfigured { .. })));
}

proptest! {
    /// For any refusal and any split, each message ends in exactly one group, and each group is smaller.
    #[test]
    fn a_split_loses_and_doubles_nothing(count in 1usize..120, named in prop::collection::vec(0usize..4, 120)) {
        let mut projects = json!({});
        for (at, project) in named.iter().enumerate().filter(|(_, project)| **project < 3) {
            let list = &mut projects[format!("@p/{project}")];
            let mut tokens = list.as_array().cloned().unwrap_or_default();
            tokens.push(json!(format!("ExponentPushToken[{at}]")));
            *list = Value::Array(tokens);
        }
        let body = json!({"errors": [{"code": "PUSH_TOO_MANY_EXPERIENCE_IDS", "details": projects}]});
        match answered(400, &body, count) {
            Verdict::Split(groups) => {
                prop_assert!(groups.iter().all(|group| !group.is_empty() && group.len() < count));
                let mut all: Vec<usize> = groups.into_iter().flatten().collect();
                all.sort_unstable();
                prop_assert_eq!(all, (0..count).collect::<Vec<_>>());
            }
            Verdict::All(Answer::Rejected { .. }) => prop_assert_eq!(count, 1),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
