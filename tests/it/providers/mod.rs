//! The providers against faithful doubles of the push services, and the doubles against what the real services refuse.
//! No server: this tests the library's `providers`.

mod apns;
mod doubles;
mod expo;
mod fcm;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use fleetwire::clock::{Manual, SharedClock, System};
use fleetwire::config::Settings;
use fleetwire::domain::push::{Priority, PushService, PushToken};
use fleetwire::metrics::Metrics;
use fleetwire::providers::{Answer, Arrival, Message, Notification, Provider, Providers, Scope, fits};
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::support::push_double::{PushDouble, Taken};

/// A double and a product that sends to one of its services.
struct Sender {
    double: PushDouble,
    service: PushService,
    provider: Arc<dyn Provider>,
}

impl Sender {
    fn new(double: PushDouble, service: PushService, changes: &[(&'static str, &str)]) -> Sender {
        Self::with_clock(double, service, changes, Arc::new(System))
    }

    fn with_clock(
        double: PushDouble,
        service: PushService,
        changes: &[(&'static str, &str)],
        clock: SharedClock,
    ) -> Sender {
        let mut settings: HashMap<&str, String> = double.settings().into_iter().collect();
        settings.extend(changes.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let settings =
            Settings::load(|name| settings.get(name).cloned()).expect("the doubles' settings are good");
        let providers = Providers::from_settings(&settings.push, clock, Arc::new(Metrics::new()));
        let providers = providers.expect("and so are its credentials");
        let provider = providers.get(service).expect("every service has some").clone();
        Sender { double, service, provider }
    }

    fn taken(&self) -> Vec<Taken> {
        self.double.desk(self.service).taken()
    }

    fn refused(&self) -> Vec<String> {
        self.double.desk(self.service).refused()
    }

    fn connections(&self) -> usize {
        self.double.connections(self.service)
    }

    async fn send(&self, token: &str) -> Answer {
        self.send_message(message(token)).await
    }

    async fn send_message(&self, message: Message) -> Answer {
        let mut answers = self.provider.send(vec![message]).await;
        assert_eq!(answers.len(), 1, "one answer for one message");
        answers.remove(0)
    }

    /// To each of these tokens at the same time.
    async fn send_at_once(&self, tokens: impl IntoIterator<Item = String>) -> Vec<Answer> {
        let tokens: Vec<String> = tokens.into_iter().collect();
        join_all(tokens.iter().map(|token| self.send(token))).await
    }
}

fn token_of(service: PushService) -> &'static str {
    match service {
        PushService::Fcm => "fcm:abc",
        PushService::Apns => "00ff",
        PushService::Expo => "ExponentPushToken[abc]",
    }
}

/// Around the limits of size, with texts and data that take more room in JSON than outside: each is either taken or not
/// even tried.
#[tokio::test]
async fn nothing_is_sent_that_a_service_finds_too_large() {
    for service in PushService::ALL {
        let sender = Sender::new(PushDouble::start().await, service, &[]);
        let (mut taken, mut refused) = (0, 0);
        for size in (0..4300).step_by(53) {
            let mut large = notification();
            let unit = ["x", "é", "\"", "\n", "🚗"][size % 5];
            large.data.insert("blob".to_owned(), unit.repeat(size / unit.len()).into());
            large.title = unit.repeat(size % 200);
            large.body = unit.repeat(5000 - size);
            let is_fit = fits(&large);
            let token = PushToken::new(token_of(service)).expect("a good token");
            let answer = sender.send_message(Message { notification: Arc::new(large), token }).await;
            match &answer {
                Answer::Accepted { .. } => taken += 1,
                Answer::Rejected { reason } => {
                    assert!(reason.contains("larger") && !is_fit, "{service} {size}: {reason}");
                    refused += 1;
                }
                other => panic!("{service} {size}: {other:?}"),
            }
        }
        assert_eq!((sender.taken().len(), sender.refused()), (taken, Vec::new()), "{service}");
        assert!(taken > 30 && refused > 5, "{service}: {taken} taken, {refused} refused");
    }
}

fn message(token: &str) -> Message {
    Message {
        notification: Arc::new(notification()),
        token: PushToken::new(token).expect("tests use good tokens"),
    }
}

fn notification() -> Notification {
    let data = json!({"type": "reached", "bookingId": "456", "stops": 3});
    Notification {
        id: Uuid::new_v4(),
        title: "Technician has arrived! ✅".to_owned(),
        body: "John has reached your location and is ready to start.".to_owned(),
        data: data.as_object().expect("an object").clone(),
        priority: Priority::High,
        collapse_id: Uuid::new_v4(),
        deadline: Utc::now() + TimeDelta::hours(1),
    }
}

/// A clock that shows the time now, until it is moved.
fn stopped_clock() -> Manual {
    Manual::new(Utc::now())
}

fn is_accepted(answer: &Answer) -> bool {
    matches!(answer, Answer::Accepted { .. })
}

fn is_dead(answer: &Answer) -> bool {
    matches!(answer, Answer::Unregistered { .. })
}

/// Whether a message that has to go again may have arrived; None for any other answer.
fn retry(answer: &Answer) -> Option<Arrival> {
    match answer {
        Answer::Retry { sent, .. } => Some(*sent),
        _ => None,
    }
}

fn after_secs(answer: &Answer) -> Option<u64> {
    match answer {
        Answer::Retry { after, .. } => after.map(|after| after.as_secs()),
        _ => None,
    }
}

fn is_misconfigured(answer: &Answer) -> bool {
    matches!(answer, Answer::Misconfigured { scope: Scope::Service, .. })
}
