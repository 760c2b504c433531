//! The push services behind one trait; [`payments`] has the payment services behind another. A provider is given
//! notifications, each for one token, and returns one classification for each of them; the caller decides what follows
//! from it (waiting, pruning, telling an operator).
//!
//! Invariants: there is an answer for each message, in the order of the messages; an answer never shows a token; a
//! provider keeps nothing but its connections and credentials, so that it can't lose a message.

mod apns;
mod expo;
mod fcm;
mod payload;
pub mod payments;
mod problem;
mod set_up;
mod transport;
mod wording;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::push::{Priority, PushService, PushToken};

pub use self::problem::{ProviderProblem, ProviderProblems};
pub use self::set_up::{system_tls, tls};

/// The content shown on a device. Shared by the messages that carry it to several.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Names it for the app (`notificationId` in the data, which the provider adds) and for Apple (`apns-id`).
    pub id: Uuid,
    pub title: String,
    pub body: String,
    /// The app's data besides the text. FCM makes strings of the values.
    pub data: Map<String, Value>,
    pub priority: Priority,
    /// A later notification under the same one replaces what the device shows or still waits for. The same at each attempt,
    /// so that sending again what had arrived all the same shows nothing twice.
    pub collapse_id: Uuid,
    /// After this, nobody wants to hear of it. The service is told what is left at each attempt.
    pub deadline: DateTime<Utc>,
}

/// A notification on its way to one device.
#[derive(Debug, Clone)]
pub struct Message {
    pub notification: Arc<Notification>,
    pub token: PushToken,
}

/// The outcome of one message: the one classification to which all services' answers are mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The service has it. FCM's message name, Apple's `apns-id`, Expo's ticket.
    Accepted { id: String },
    /// The token is dead. Where `since` is given, only if the device did not register it later than that.
    Unregistered { since: Option<DateTime<Utc>> },
    /// Not now. Not before `after` has passed, if that is given.
    Retry { reason: Reason, after: Option<Duration>, sent: Arrival, scope: Scope },
    /// This message never, whatever one waits for; the next one may well go.
    Rejected { reason: Reason },
    /// Nothing of this scope goes until an operator acts. Says nothing about the token.
    Misconfigured { reason: Reason, scope: Scope },
}

impl Answer {
    /// The reason for the history; empty if there is nothing to explain.
    pub fn reason(&self) -> &str {
        match self {
            Answer::Accepted { .. } => "",
            Answer::Unregistered { .. } => "the token is dead",
            Answer::Retry { reason, .. }
            | Answer::Rejected { reason }
            | Answer::Misconfigured { reason, .. } => reason,
        }
    }
}

/// A reason as operators read it in the history: the service's code and what we know about it, never a token or a text.
pub type Reason = Cow<'static, str>;

/// Whether a message that has to go again may have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The service did not take it.
    No,
    /// The answer got lost: it may arrive twice, and replaces itself on the device if it does.
    Maybe,
}

/// The scope of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The service as a whole: the next message would fare the same.
    Service,
    /// This message or its device only, such as a device that is sent too much.
    Message,
}

/// The answers to a batch, in its order and of its length.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Vec<Answer>> + Send + 'a>>;

/// The later outcomes of accepted messages, in the order of the ids.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Vec<Receipt>, Answer>> + Send + 'a>>;

/// One push service. Shared by all who send; has to be used on one tokio runtime, where its connections live.
pub trait Provider: fmt::Debug + Send + Sync {
    fn service(&self) -> PushService;

    /// The most messages that one call takes: 1 where the service wants a request for each.
    fn batch_max(&self) -> usize;

    /// How many calls may be in flight at a time; more only wait.
    fn calls_max(&self) -> usize;

    /// How long a call takes at the most.
    fn patience(&self) -> Duration;

    /// Sends a batch. Dropping the future gives the messages up in the middle: whether they were sent is unknown then.
    fn send(&self, batch: Vec<Message>) -> Sending<'_>;

    /// Where a service says later what became of a message.
    fn receipts(&self) -> Option<&dyn Receipts> {
        None
    }
}

/// The second answer of a service that only queues at first.
pub trait Receipts: Send + Sync {
    /// The most ids that one call takes.
    fn batch_max(&self) -> usize;

    /// Asks what became of accepted messages. An error is the answer for all of them: ask again, or call an operator.
    fn fetch(&self, ids: Vec<String>) -> Fetching<'_>;
}

/// A service's later report about a message that it had accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// Nothing yet, or no longer.
    Unknown,
    /// As if it had been said at once: accepted under the same id, or why not.
    Known(Answer),
}

/// Whether each service would take this notification, if need be with its text shortened. A larger one is refused when
/// it is sent; it is better that the caller hears of it at once.
pub fn fits(notification: &Notification) -> bool {
    // With the longest time to live there is, so that it fits at any other time as well.
    let now = notification.deadline.checked_sub_signed(TimeDelta::weeks(4)).unwrap_or(notification.deadline);
    let token = PushToken::new("x").expect("one printable character");
    let written = [
        fcm::message::write(notification, &token, now),
        apns::payload::write(notification),
        expo::message::write(notification, &token, now),
    ];
    !written.contains(&Err(payload::Unsendable::TooLarge))
}

/// Whether a service has taken something from us since the start. Until then, what it says against a token may as well be
/// said against our settings.
#[derive(Debug, Default)]
struct Proof(AtomicBool);

impl Proof {
    fn is_given(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn by(&self, answer: &Answer) {
        if matches!(answer, Answer::Accepted { .. }) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// A request may wait for a connection before it is sent, and credentials are got the same way before that.
const fn patience(timeout: Duration) -> Duration {
    timeout.saturating_mul(3)
}

/// One after the other, each within its time. For services that want a request for each.
async fn each<F: Future<Output = Answer>>(
    batch: Vec<Message>,
    patience: Duration,
    send: impl Fn(Message) -> F,
) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(batch.len());
    for message in batch {
        let answer = tokio::time::timeout(patience, send(message)).await;
        answers.push(answer.unwrap_or_else(|_| too_late()));
    }
    answers
}

fn too_late() -> Answer {
    let reason = "no answer in time".into();
    Answer::Retry { reason, after: None, sent: Arrival::Maybe, scope: Scope::Service }
}

/// The services that can be sent to: those with credentials.
#[derive(Debug, Clone, Default)]
pub struct Providers(Vec<Arc<dyn Provider>>);

impl Providers {
    /// Each service once; a further one of the same service is not used.
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Self {
        Providers(providers.into_iter().collect())
    }

    /// None if the service has no credentials.
    pub fn get(&self, service: PushService) -> Option<&Arc<dyn Provider>> {
        self.0.iter().find(|provider| provider.service() == service)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    pub(super) const NOW: i64 = 1_800_000_000;

    pub(super) fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(NOW, 0).unwrap()
    }

    /// An hour before its deadline.
    pub(super) fn notification() -> Notification {
        Notification {
            id: Uuid::from_u128(0x1234),
            title: "Technician Assigned! 🚗".to_owned(),
            body: "John has been assigned to your booking BID123.".to_owned(),
            data: json!({"type": "technician_assigned", "bookingId": "456"}).as_object().unwrap().clone(),
            priority: Priority::High,
            collapse_id: Uuid::from_u128(0x5678),
            deadline: now() + chrono::TimeDelta::hours(1),
        }
    }

    #[test]
    fn data_fits_if_every_service_takes_it_with_the_text_shortened() {
        let mut large = notification();
        large.body = "x".repeat(100_000);
        large.data.insert("blob".to_owned(), "x".repeat(2500).into());
        assert!(fits(&large));
        large.data.insert("blob".to_owned(), "x".repeat(4000).into());
        assert!(!fits(&large));
        let mut reserved = notification();
        reserved.data.insert("from".to_owned(), "x".into());
        assert!(fits(&reserved), "what one service keeps for itself is no matter of size");
    }

    /// Takes everything, and says so by its order.
    #[derive(Debug)]
    struct Obliging(PushService);

    impl Provider for Obliging {
        fn service(&self) -> PushService {
            self.0
        }

        fn batch_max(&self) -> usize {
            100
        }

        fn calls_max(&self) -> usize {
            1
        }

        fn patience(&self) -> Duration {
            Duration::from_secs(1)
        }

        fn send(&self, batch: Vec<Message>) -> Sending<'_> {
            Box::pin(async move {
                let answers = batch.iter().enumerate();
                answers.map(|(at, _)| Answer::Accepted { id: at.to_string() }).collect()
            })
        }
    }

    #[tokio::test]
    async fn a_provider_is_found_by_its_service_and_shared_with_tasks() {
        let obliging: Arc<dyn Provider> = Arc::new(Obliging(PushService::Expo));
        let providers = Providers::new([obliging]);
        assert!(providers.get(PushService::Fcm).is_none());
        let expo = providers.get(PushService::Expo).unwrap().clone();
        assert!(expo.receipts().is_none());
        let answers = tokio::spawn(async move { expo.send(Vec::new()).await }).await.unwrap();
        assert_eq!(answers, []);
    }
}
