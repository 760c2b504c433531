//! Firebase Cloud Messaging, HTTP v1: one request for each message, over a few connections with HTTP/2.

mod account;
pub(super) mod message;
mod token;
mod verdict;

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};

use self::account::ServiceAccount;
use self::token::{AccessTokens, Bearer};
use self::verdict::{Known, Verdict, verdict};
use super::problem::{ProviderProblem, Tools};
use super::transport::{Connections, Failure, Http, Reply, STREAMS_MAX, Way};
use super::{Answer, Message, Proof, Provider, Scope, Sending, each};
use crate::config::push::FcmSettings;
use crate::domain::push::PushService;

#[derive(Debug)]
pub(super) struct Fcm {
    url: String,
    connections: Connections,
    calls_max: usize,
    tokens: AccessTokens,
    retry_floor: Duration,
    proof: Proof,
    tools: Tools,
}

impl Fcm {
    pub(super) fn new(settings: &FcmSettings, tools: Tools) -> Result<Self, ProviderProblem> {
        let account = ServiceAccount::load(settings)?;
        let path = format!("/v1/projects/{}/messages:send", account.project_id);
        let way = Way { http: Http::Agreed, tls: tools.tls.clone(), timeout: tools.timeout };
        let count = settings.connections.get();
        let asking = Connections::new(way.clone(), 1, 1)?;
        Ok(Fcm {
            url: settings.base_url.with_path(&path),
            connections: Connections::new(way, count, STREAMS_MAX)?,
            calls_max: count * STREAMS_MAX,
            tokens: AccessTokens::new(account, asking, tools.clock.clone())?,
            retry_floor: settings.retry_floor,
            proof: Proof::default(),
            tools,
        })
    }

    async fn send_one(&self, message: Message) -> Answer {
        let now = self.tools.clock.now();
        let body = match message::write(&message.notification, &message.token, now) {
            Ok(written) => Bytes::from(self.tools.counted(written)),
            Err(unsendable) => return unsendable.into(),
        };
        // With the second token at the latest, it is not the token.
        for _ in 0..2 {
            let bearer = match self.tokens.get().await {
                Ok(bearer) => bearer,
                Err(answer) => return answer,
            };
            let verdict = match self.post(&bearer, &body).await {
                Ok(reply) => self.verdict(&reply),
                Err(failure) => return failure.into(),
            };
            match verdict {
                Verdict::Final(answer) => return answer,
                Verdict::TokenRefused => self.tokens.distrust(&bearer),
            }
        }
        Answer::Misconfigured { reason: "401: a fresh access token is refused".into(), scope: Scope::Service }
    }

    async fn post(&self, bearer: &Bearer, body: &Bytes) -> Result<Reply, Failure> {
        let request = |client: &reqwest::Client| {
            let request = client.post(self.url.as_str()).header(AUTHORIZATION, bearer.header.clone());
            request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body.clone())
        };
        self.connections.call(request).await
    }

    fn verdict(&self, reply: &Reply) -> Verdict {
        let known = Known {
            retry_after: reply.retry_after(self.tools.clock.now()),
            retry_floor: self.retry_floor,
            is_proven: self.proof.is_given(),
        };
        let verdict = verdict(reply.status, &reply.body, known);
        if let Verdict::Final(answer) = &verdict {
            self.proof.by(answer);
        }
        verdict
    }
}

impl Provider for Fcm {
    fn service(&self) -> PushService {
        PushService::Fcm
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
