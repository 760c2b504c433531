//! The push services behind one trait. A provider is given notifications, each for one token, and answers for each of them
//! with one classification; what follows from it (waiting, pruning, telling an operator) is the caller's to decide.
//!
//! Invariants: there is an answer for each message, in the order of the messages; an answer never shows a token; a provider
//! keeps nothing but its connections and credentials, so that a message is lost nowhere but in the caller's hands.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::push::{Priority, PushService, PushToken};

/// What is shown on a device. Shared by the messages that carry it to several.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Names it for the app (`notificationId` in the data, which the provider adds) and for Apple (`apns-id`).
    pub id: Uuid,
    pub title: String,
    pub body: String,
    /// What the app gets beside the text. FCM makes strings of the values.
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

/// What became of one message: the one classification that all services' answers are brought to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The service has it. FCM's message name, Apple's `apns-id`, Expo's ticket.
    Accepted { id: String },
    /// The token is dead. Where `since` is given, only if the device did not register it later than that.
    Unregistered { since: Option<DateTime<Utc>> },
    /// Not now. Not before `after` has passed, if that is given.
    Retry { reason: Reason, after: Option<Duration>, sent: Sent, scope: Scope },
    /// This message never, whatever one waits for; the next one may well go.
    Rejected { reason: Reason },
    /// Nothing of this scope goes until an operator acts. Says nothing about the token.
    Misconfigured { reason: Reason, scope: Scope },
}

/// A reason as operators read it in the history: the service's code and what we know about it, never a token or a text.
pub type Reason = Cow<'static, str>;

/// Whether a message that has to go again may have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The service did not take it.
    No,
    /// The answer got lost: it may arrive twice, and replaces itself on the device if it does.
    Maybe,
}

/// What an answer says something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The service as a whole: the next message would fare the same.
    Service,
    /// This message or its device only, such as a device that is sent too much.
    Message,
}

/// The answers to a batch, in its order and of its length.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Vec<Answer>> + Send + 'a>>;

/// What became later of messages that were accepted; in the order of the ids.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Vec<Receipt>, Answer>> + Send + 'a>>;

/// One push service. Shared by all who send; has to be used on one tokio runtime, where its connections live.
pub trait Provider: fmt::Debug + Send + Sync {
    fn service(&self) -> PushService;

    /// The most messages that one call takes: 1 where the service wants a request for each.
    fn batch_max(&self) -> usize;

    /// How many calls may be under way at a time; more only wait.
    fn calls_max(&self) -> usize;

    /// Sends a batch. Ends within the time-out of a request, or twice that where credentials had to be renewed. Dropping the
    /// future gives the messages up in the middle: whether they were sent is unknown then.
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

/// What a service says later about a message that it had accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// Nothing yet, or nothing any more.
    Unknown,
    /// As if it had been said at once: accepted under the same id, or why not.
    Known(Answer),
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
