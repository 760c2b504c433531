//! REST as one account calls it.

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Method, Response};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;

const REPLY_MAX: Duration = Duration::from_secs(30);
/// How often a request is made that the server puts off.
const TRIES: u32 = 20;
/// Where the server does not say when.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct Rest {
    client: Client,
    address: String,
    token: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    #[error("can't choose a cryptography")]
    Cryptography(#[from] rustls::Error),
    #[error("can't make an HTTP client")]
    Http(#[from] reqwest::Error),
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No answer, or none that can be read.
    Unanswered(String),
    Refused {
        status: u16,
        code: String,
        detail: String,
        retry_after: Option<Duration>,
    },
}

impl Refusal {
    /// The word by which refusals are counted.
    pub fn code(&self) -> &str {
        match self {
            Refusal::Unanswered(_) => "unanswered",
            Refusal::Refused { code, .. } => code,
        }
    }

    /// When the same may be tried again, where waiting helps: the server limits or lacks something.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Refusal::Refused { status: 429 | 503, retry_after, .. } => {
                Some(retry_after.unwrap_or(RETRY_AFTER_DEFAULT))
            }
            _ => None,
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Unanswered(why) => f.write_str(why),
            Refusal::Refused { status, code, detail, .. } => write!(f, "{status} {code}: {detail}"),
        }
    }
}

impl Rest {
    /// `address` is a host and a port. Nothing is encrypted, so the client trusts no authority.
    pub fn new(address: &str) -> Result<Self, NoClient> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = tls?.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        let builder = Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(REPLY_MAX);
        Ok(Self { client: builder.build()?, address: address.to_owned(), token: None })
    }

    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// A path under `/api/v1`, or anywhere where it begins with a slash. Null where the answer has no body.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Refusal> {
        let base = if path.starts_with('/') { "" } else { "/api/v1/" };
        let mut request = self.client.request(method, format!("http://{}{base}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let unanswered = |error: reqwest::Error| Refusal::Unanswered(innermost(&error));
        answer(request.send().await.map_err(unanswered)?).await
    }

    pub async fn get(&self, path: &str) -> Result<Value, Refusal> {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// A `POST` that is made again as soon as the server says that it may be.
    pub async fn post_patiently(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        let mut tries = 1;
        loop {
            let refusal = match self.post(path, body).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            match refusal.retry_after() {
                Some(wait) if tries < TRIES => tokio::time::sleep(wait).await,
                _ => return Err(refusal),
            }
            tries += 1;
        }
    }
}

async fn answer(response: Response) -> Result<Value, Refusal> {
    let status = response.status();
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = header.map(Duration::from_secs);
    let unanswered = |error: reqwest::Error| Refusal::Unanswered(innermost(&error));
    let body = response.bytes().await.map_err(unanswered)?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() {
        return Ok(body);
    }
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    let code = text("code").unwrap_or_else(|| format!("http_{}", status.as_u16()));
    let detail = text("detail").or_else(|| text("message")).unwrap_or_default();
    Err(Refusal::Refused { status: status.as_u16(), code, detail, retry_after })
}

/// The cause itself, without the address, which may have a token in it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
