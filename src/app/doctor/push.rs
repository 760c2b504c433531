//! The push services: whether the credentials can be read and can sign, and whether the services take them. All of it by the
//! code that sends.

use crate::app::doctor::finding::Finding;
use crate::app::push::texts_of;
use crate::clock::SharedClock;
use crate::config::Settings;
use crate::domain::push::{Priority, PushService, PushToken};
use crate::metrics::Metrics;
use crate::providers::{Answer, Message, Notification, Provider, Providers};
use chrono::TimeDelta;
use serde_json::Map;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Longer, and the service counts as not reached.
const PATIENCE: Duration = Duration::from_secs(8);
/// A token of no device: each service has to look at our credentials before it can say so.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

pub async fn push(settings: &Settings, clock: &SharedClock, is_offline: bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = texts(settings).into_iter().collect();
    let providers = Providers::from_settings(&settings.push, clock.clone(), Arc::new(Metrics::new()));
    let providers = match providers {
        Ok(providers) => providers,
        Err(problems) => {
            findings.extend(problems.0.iter().map(|problem| {
                let source = problem.source().map(|source| format!(": {source}")).unwrap_or_default();
                let remedy = "put in what the service gave out, unchanged, with its line ends";
                Finding::fault("push-keys", format!("{problem}{source}"), remedy)
            }));
            return findings;
        }
    };
    let mut is_any = false;
    for provider in providers.iter() {
        is_any = true;
        let service = name(provider.service());
        findings.push(Finding::ok("push-keys", format!("{service}: the credentials can be read and sign")));
        if !is_offline {
            let answer = tokio::time::timeout(PATIENCE, ask(provider.as_ref(), clock)).await;
            findings.push(accepted(service, answer.ok().as_ref()));
        }
    }
    if !is_any {
        findings.push(Finding::ok("push-keys", "no push service has credentials: nothing is pushed"));
    }
    findings
}

fn name(service: PushService) -> &'static str {
    match service {
        PushService::Fcm => "FCM",
        PushService::Apns => "APNs",
        PushService::Expo => "Expo",
    }
}

fn texts(settings: &Settings) -> Option<Finding> {
    let path = settings.notifications.texts_file.as_deref()?;
    Some(match texts_of(path) {
        Ok(_) => Finding::ok("push-texts", format!("{} can be used", path.display())),
        Err(error) => Finding::fault("push-texts", error.to_string(), "correct the file, or leave it out"),
    })
}

/// A service's answer about a device that does not exist. Expo, which only queues at first, is asked for a receipt.
async fn ask(provider: &dyn Provider, clock: &SharedClock) -> Answer {
    let id = Uuid::new_v4();
    if let Some(receipts) = provider.receipts() {
        return match receipts.fetch(vec![id.to_string()]).await {
            Ok(_) => Answer::Accepted { id: String::new() },
            Err(answer) => answer,
        };
    }
    let notification = Notification {
        id,
        title: "fleetwire doctor".to_owned(),
        body: "to nobody".to_owned(),
        data: Map::new(),
        priority: Priority::Normal,
        collapse_id: id,
        deadline: clock.now() + TimeDelta::minutes(1),
    };
    let token = PushToken::new(NOBODY).expect("printable and short");
    let answers = provider.send(vec![Message { notification: Arc::new(notification), token }]).await;
    answers.into_iter().next().expect("one answer for each message")
}

/// The verdict on the credentials by an answer about nobody; none: there was no answer.
fn accepted(service: &str, answer: Option<&Answer>) -> Finding {
    const CHECK: &str = "push-service";
    let unreachable = |reason: &str| {
        Finding::warning(
            CHECK,
            format!("{service} could not be asked about the credentials: {reason}"),
            "let this machine connect there, and try again; --offline leaves this out",
        )
    };
    match answer {
        Some(Answer::Accepted { .. } | Answer::Unregistered { .. } | Answer::Rejected { .. }) => {
            Finding::ok(CHECK, format!("{service} takes the credentials"))
        }
        Some(Answer::Misconfigured { reason, .. }) => Finding::fault(
            CHECK,
            format!("{service} refuses the credentials: {reason}"),
            "see that key, ids and project belong together, that the key was not revoked, and that the clock is right",
        ),
        Some(Answer::Retry { reason, .. }) => unreachable(reason),
        None => unreachable("no answer in time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::finding::Level;
    use crate::providers::{Arrival, Scope};

    #[test]
    fn only_a_refusal_of_the_credentials_is_a_fault() {
        let level = |answer: Answer| accepted("FCM", Some(&answer)).level;
        assert_eq!(level(Answer::Rejected { reason: "400 BadDeviceToken".into() }), Level::Ok);
        assert_eq!(level(Answer::Unregistered { since: None }), Level::Ok);
        let refused =
            Answer::Misconfigured { reason: "403 InvalidProviderToken".into(), scope: Scope::Service };
        assert_eq!(level(refused), Level::Fault);
        let away = Answer::Retry {
            reason: "no connection".into(),
            after: None,
            sent: Arrival::No,
            scope: Scope::Service,
        };
        assert_eq!(level(away), Level::Warning);
        assert_eq!(accepted("FCM", None).level, Level::Warning);
    }
}
