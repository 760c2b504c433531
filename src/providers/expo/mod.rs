//! Expo's push service: up to 100 messages in one request, tickets in the messages' order, and receipts that are
//! requested later.

pub(super) mod message;
mod verdict;

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};

use self::message::{compressed, list};
use self::verdict::{Verdict, receipts, verdict};
use super::problem::{ProviderProblem, Tools};
use super::transport::{Connections, Failure, Http, Reply, Way, bearer};
use super::{Answer, Arrival, Fetching, Message, Provider, Receipt, Receipts, Scope, Sending};
use crate::config::push::ExpoSettings;
use crate::domain::push::{PushService, PushToken};

/// Expo counts recipients; each message of ours has one.
const BATCH_MAX: usize = 100;
/// Expo takes 1,000, its own clients ask for so many.
const RECEIPTS_MAX: usize = 300;

#[derive(Debug)]
pub(super) struct Expo {
    send_url: String,
    receipts_url: String,
    authorization: HeaderValue,
    connections: Connections,
    requests_max: usize,
    tools: Tools,
}

/// A message as it is sent, and whose answer it is.
struct Outgoing {
    at: usize,
    token: PushToken,
    json: Vec<u8>,
}

impl Expo {
    pub(super) fn new(settings: &ExpoSettings, tools: Tools) -> Result<Self, ProviderProblem> {
        let way = Way { http: Http::Agreed, tls: tools.tls.clone(), timeout: tools.timeout };
        let requests_max = settings.requests_max.get();
        let unprintable =
            || ProviderProblem::Account { setting: "EXPO_ACCESS_TOKEN", what: "not printable".to_owned() };
        Ok(Expo {
            send_url: settings.base_url.with_path("/--/api/v2/push/send"),
            receipts_url: settings.base_url.with_path("/--/api/v2/push/getReceipts"),
            authorization: bearer(settings.access_token.as_str()).ok_or_else(unprintable)?,
            connections: Connections::new(way, 1, requests_max)?,
            requests_max,
            tools,
        })
    }

    async fn send_all(&self, batch: Vec<Message>) -> Vec<Answer> {
        let mut answers = vec![None; batch.len()];
        let outgoing = self.write(batch, &mut answers);
        // A message that has its answer keeps it, whatever happens to the rest.
        let _ = tokio::time::timeout(self.patience(), self.deliver(outgoing, &mut answers)).await;
        answers.into_iter().map(|answer| answer.unwrap_or_else(super::too_late)).collect()
    }

    /// The messages that can be sent; the rest get their answers here.
    fn write(&self, batch: Vec<Message>, answers: &mut [Option<Answer>]) -> Vec<Outgoing> {
        let now = self.tools.clock.now();
        let mut outgoing = Vec::with_capacity(batch.len());
        for (at, Message { notification, token }) in batch.into_iter().enumerate() {
            if !token.is_expo() {
                answers[at] = Some(Answer::Rejected { reason: "not a token of Expo's form".into() });
                continue;
            }
            match message::write(&notification, &token, now) {
                Ok(written) => outgoing.push(Outgoing { at, token, json: self.tools.counted(written) }),
                Err(unsendable) => answers[at] = Some(unsendable.into()),
            }
        }
        outgoing
    }

    /// Sends in requests that Expo takes, and in smaller ones what it does not take together. Each split is into smaller
    /// groups, so there are fewer than twice as many requests as messages.
    async fn deliver(&self, outgoing: Vec<Outgoing>, answers: &mut [Option<Answer>]) {
        let places: Vec<usize> = (0..outgoing.len()).collect();
        let mut groups: Vec<Vec<usize>> = places.chunks(BATCH_MAX).map(<[usize]>::to_vec).collect();
        while let Some(group) = groups.pop() {
            let of_group = || group.iter().map(|place| &outgoing[*place]);
            let body = list(of_group().map(|message| message.json.as_slice()));
            let verdict = match self.post(&self.send_url, body).await {
                Ok(reply) => {
                    let tokens: Vec<&PushToken> = of_group().map(|message| &message.token).collect();
                    verdict(reply.status, &reply.body, reply.retry_after(self.tools.clock.now()), &tokens)
                }
                Err(failure) => Verdict::All(failure.into()),
            };
            match verdict {
                Verdict::Each(each) => {
                    of_group().zip(each).for_each(|(message, answer)| answers[message.at] = Some(answer));
                }
                Verdict::All(answer) => {
                    of_group().for_each(|message| answers[message.at] = Some(answer.clone()))
                }
                Verdict::Split(smaller) => {
                    groups.extend(smaller.iter().map(|part| part.iter().map(|at| group[*at]).collect()));
                }
            }
        }
    }

    async fn fetch_all(&self, ids: Vec<String>) -> Result<Vec<Receipt>, Answer> {
        let body = serde_json::json!({ "ids": ids }).to_string().into_bytes();
        let reply = self.post(&self.receipts_url, body).await?;
        receipts(reply.status, &reply.body, reply.retry_after(self.tools.clock.now()), &ids)
    }

    async fn post(&self, url: &str, plain: Vec<u8>) -> Result<Reply, Failure> {
        let body = compressed(plain);
        let bytes = Bytes::from(body.bytes);
        let request = |client: &reqwest::Client| {
            let request = client.post(url).header(AUTHORIZATION, self.authorization.clone());
            let request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let request = if body.is_gzip {
                request.header(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
            } else {
                request
            };
            request.body(bytes.clone())
        };
        self.connections.call(request).await
    }
}

impl Provider for Expo {
    fn service(&self) -> PushService {
        PushService::Expo
    }

    fn batch_max(&self) -> usize {
        BATCH_MAX
    }

    fn calls_max(&self) -> usize {
        self.requests_max
    }

    fn patience(&self) -> Duration {
        super::patience(self.connections.timeout())
    }

    fn send(&self, batch: Vec<Message>) -> Sending<'_> {
        Box::pin(self.send_all(batch))
    }

    fn receipts(&self) -> Option<&dyn Receipts> {
        Some(self)
    }
}

impl Receipts for Expo {
    fn batch_max(&self) -> usize {
        RECEIPTS_MAX
    }

    fn fetch(&self, ids: Vec<String>) -> Fetching<'_> {
        Box::pin(async move {
            let fetched = tokio::time::timeout(self.patience(), self.fetch_all(ids)).await;
            fetched.unwrap_or_else(|_| {
                let reason = "no answer in time".into();
                Err(Answer::Retry { reason, after: None, sent: Arrival::No, scope: Scope::Service })
            })
        })
    }
}
