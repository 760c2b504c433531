//! REST with one account's token. Replies are plain: status, headers, JSON.

use std::time::Duration;

use fleetwire::api::routes::{self, ANY_ROUTES_ERRORS};
use reqwest::Method;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use serde_json::{Value, json};

use super::DEADLINE;
use super::documented::{self, Asked};

/// How long a connection may be idle and be used again: as long as proxies keep theirs.
const IDLE_MAX: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    token: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    /// Null where the body is empty or no JSON.
    pub body: Value,
    pub text: String,
}

impl Api {
    pub fn new(port: u16) -> Api {
        // The product says with each connection which cryptography it uses; reqwest by itself asks for a default.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(DEADLINE)
            .pool_idle_timeout(IDLE_MAX)
            .build()
            .expect("a client can be made");
        Api { client, base: format!("http://127.0.0.1:{port}"), token: None }
    }

    pub fn with_token(mut self, token: String) -> Api {
        self.token = Some(token);
        self
    }

    /// A request under `/api/v1`, or anywhere for a path that begins with a slash.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let base = &self.base;
        let url =
            if path.starts_with('/') { format!("{base}{path}") } else { format!("{base}/api/v1/{path}") };
        let request = self.client.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        send(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        send(self.request(Method::PATCH, path).json(&body)).await
    }

    /// A driver's app sets an order's status.
    pub async fn set_order_status(&self, order_id: i64, status: &str) -> Reply {
        self.put(&format!("orders/{order_id}/status"), json!({ "status": status })).await
    }

    /// The ids of the orders that the driver holds.
    pub async fn orders_assigned(&self) -> Vec<i64> {
        let reply = self.get("orders/assigned").await.expect(200);
        let orders = reply.body["orders"].as_array().expect("orders/assigned has orders");
        orders.iter().map(|order| order["order_id"].as_i64().expect("an order has its id")).collect()
    }
}

/// Sends what must be answered.
pub async fn send(request: reqwest::RequestBuilder) -> Reply {
    try_send(request).await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
}

/// Sends what may stay without an answer, since the server may be killed meanwhile.
pub async fn try_send(request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
    let (client, request) = request.build_split();
    let request = request?;
    let asked = asked(&request);
    let response = client.execute(request).await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    let reply = Reply { status, headers, body, text };
    reply.is_in_its_row(&asked);
    documented::exchange(&asked, &reply);
    Ok(reply)
}

fn asked(request: &reqwest::Request) -> Asked {
    let is_packed = request.headers().contains_key(CONTENT_ENCODING);
    let bytes = request.body().and_then(|body| body.as_bytes()).filter(|_| !is_packed);
    Asked {
        method: request.method().to_string(),
        url: request.url().clone(),
        body: bytes.map(<[u8]>::to_vec),
    }
}

impl Reply {
    #[track_caller]
    pub fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// A refusal: the status, and a body as RFC 9457 has it.
    #[track_caller]
    pub fn expect_problem(self, status: u16) -> Reply {
        let reply = self.expect(status);
        let media_type = reply.header("content-type");
        assert!(media_type.starts_with("application/problem+json"), "{media_type}: {}", reply.text);
        for field in ["type", "title", "detail", "code"] {
            assert!(reply.body[field].is_string(), "{field} is missing: {}", reply.text);
        }
        assert_eq!(reply.body["status"], status, "{}", reply.text);
        reply
    }

    /// Each code that the server answers is one of those that its table of routes names.
    fn is_in_its_row(&self, asked: &Asked) {
        let code = self.body["code"].as_str().filter(|_| self.status >= 400);
        let route = routes::find(&asked.method, asked.url.path().trim_end_matches('/'));
        let (Some(code), Some(route)) = (code, route) else { return };
        let named: Vec<&str> =
            route.errors().iter().chain(&ANY_ROUTES_ERRORS).map(|code| code.as_str()).collect();
        assert!(named.contains(&code), "the row of {route} names no {code}: {}", self.text);
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    #[track_caller]
    pub fn id(&self, field: &str) -> i64 {
        self.body[field].as_i64().unwrap_or_else(|| panic!("{field} is missing: {}", self.text))
    }
}
