//! Apple's push service, by provider token: HTTP/2 only, one request for each message, over persistent connections.

pub(super) mod payload;
mod token;
mod verdict;

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use self::token::{Bearer, CannotSign, ProviderTokens};
use self::verdict::{Known, Verdict, verdict};
use super::payload::seconds_left;
use super::problem::{ProviderProblem, Tools};
use super::transport::{Connections, Failure, Http, Reply, STREAMS_MAX, Way};
use super::{Answer, Message, Notification, Proof, Provider, Scope, Sending, each};
use crate::config::push::{ApnsSettings, BaseUrl};
use crate::domain::push::{Priority, PushService, PushToken};

const ID: HeaderName = HeaderName::from_static("apns-id");
const TOPIC: HeaderName = HeaderName::from_static("apns-topic");
const PUSH_TYPE: HeaderName = HeaderName::from_static("apns-push-type");
const PRIORITY: HeaderName = HeaderName::from_static("apns-priority");
const EXPIRATION: HeaderName = HeaderName::from_static("apns-expiration");
const COLLAPSE_ID: HeaderName = HeaderName::from_static("apns-collapse-id");

#[derive(Debug)]
pub(super) struct Apns {
    base_url: BaseUrl,
    topic: HeaderValue,
    connections: Connections,
    calls_max: usize,
    tokens: ProviderTokens,
    proof: Proof,
    tools: Tools,
}

/// A notification as Apple gets it, without the sender's credentials.
struct Request {
    url: String,
    headers: HeaderMap,
    body: Bytes,
    id: String,
}

impl Apns {
    pub(super) fn new(settings: &ApnsSettings, tools: Tools) -> Result<Self, ProviderProblem> {
        let way = Way { http: Http::Two, tls: tools.tls.clone(), timeout: tools.timeout };
        let no_topic =
            |_| ProviderProblem::Account { setting: "APNS_TOPIC", what: "no bundle id".to_owned() };
        let count = settings.connections.get();
        Ok(Apns {
            base_url: settings.base_url.clone(),
            topic: HeaderValue::from_str(&settings.topic).map_err(no_topic)?,
            connections: Connections::new(way, count, STREAMS_MAX)?,
            calls_max: count * STREAMS_MAX,
            tokens: ProviderTokens::new(settings, tools.clock.clone())?,
            proof: Proof::default(),
            tools,
        })
    }

    async fn send_one(&self, message: Message) -> Answer {
        // Anything else could be another path on Apple's server.
        if !message.token.is_apns() {
            return Answer::Rejected { reason: "not a token of Apple's, which is hexadecimal".into() };
        }
        let request = match self.request(&message.notification, &message.token) {
            Ok(request) => request,
            Err(answer) => return answer,
        };
        let mut bearer = match self.tokens.get() {
            Ok(bearer) => bearer,
            Err(CannotSign) => {
                return Answer::Misconfigured {
                    reason: "the private key can't sign".into(),
                    scope: Scope::Service,
                };
            }
        };
        // With the second token at the latest, it is not the token.
        for _ in 0..2 {
            let verdict = match self.post(&bearer, &request).await {
                Ok(reply) => self.verdict(&reply, &request.id),
                Err(failure) => return failure.into(),
            };
            match verdict {
                Verdict::Final(answer) => return answer,
                Verdict::Reopen(answer) => {
                    self.connections.reopen();
                    return answer;
                }
                Verdict::TokenExpired => match self.tokens.expired(&bearer) {
                    Some(another) => bearer = another,
                    None => break,
                },
            }
        }
        let reason = "403 ExpiredProviderToken of a token that is new: is this machine's clock right?";
        Answer::Misconfigured { reason: reason.into(), scope: Scope::Service }
    }

    fn request(&self, notification: &Notification, token: &PushToken) -> Result<Request, Answer> {
        let body = Bytes::from(self.tools.counted(payload::write(notification)?));
        let id = notification.id.hyphenated().to_string();
        let priority = match notification.priority {
            Priority::High => "10",
            Priority::Normal => "5",
        };
        // The time left changes from attempt to attempt; no time left means now or never.
        let is_late = seconds_left(notification, self.tools.clock.now()) == 0;
        let expiration = if is_late { 0 } else { notification.deadline.timestamp() };
        let collapse_id = notification.collapse_id.hyphenated().to_string();
        let headers = HeaderMap::from_iter([
            (TOPIC, self.topic.clone()),
            (PUSH_TYPE, HeaderValue::from_static("alert")),
            (PRIORITY, HeaderValue::from_static(priority)),
            (EXPIRATION, HeaderValue::from(expiration)),
            (ID, ascii(&id)),
            (COLLAPSE_ID, ascii(&collapse_id)),
        ]);
        let url = self.base_url.with_path(&format!("/3/device/{}", token.as_str()));
        Ok(Request { url, headers, body, id })
    }

    async fn post(&self, bearer: &Bearer, request: &Request) -> Result<Reply, Failure> {
        let build = |client: &reqwest::Client| {
            let built = client.post(request.url.as_str()).headers(request.headers.clone());
            built.header(AUTHORIZATION, bearer.header.clone()).body(request.body.clone())
        };
        self.connections.call(build).await
    }

    fn verdict(&self, reply: &Reply, id: &str) -> Verdict {
        let said = reply.headers.get(ID).and_then(|id| id.to_str().ok());
        let known = Known {
            id: said.unwrap_or(id),
            retry_after: reply.retry_after(self.tools.clock.now()),
            is_proven: self.proof.is_given(),
        };
        let verdict = verdict(reply.status, &reply.body, known);
        if let Verdict::Final(answer) = &verdict {
            self.proof.by(answer);
        }
        verdict
    }
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("a UUID is ASCII")
}

impl Provider for Apns {
    fn service(&self) -> PushService {
        PushService::Apns
    }

    fn batch_max(&self) -> usize {
        1
    }

    fn calls_max(&self) -> usize {
        self.calls_max
    }

    fn patience(&self) -> Duration {
        super::patience(self.connections.timeout())
    }

    fn send(&self, batch: Vec<Message>) -> Sending<'_> {
        Box::pin(each(batch, self.patience(), |message| self.send_one(message)))
    }
}
