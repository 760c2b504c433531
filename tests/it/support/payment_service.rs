//! A shop's payment service: it signs its notices as a real one does, and repeats them until it gets a 2xx.

use reqwest::Method;
use ring::hmac;
use serde_json::Value;

use super::Server;
use super::api::{self, Api, Reply};
use super::server::Builder;

pub const SECRET: &str = "the shop's payment service's secret";
pub const NEW_SECRET: &str = "its next one for when that is rotated";

const WEBHOOK: &str = "payments/webhook";

pub struct PaymentService {
    api: Api,
}

impl Builder {
    pub fn with_payments(self) -> Builder {
        self.setting("PAYMENT_WEBHOOK_SECRET", format!("{SECRET},{NEW_SECRET}"))
    }
}

impl Server {
    pub fn payment_service(&self) -> PaymentService {
        PaymentService { api: self.anonymous() }
    }
}

impl PaymentService {
    /// Tells of a payment now.
    pub async fn tell(&self, notice: &Value) -> Reply {
        let body = notice.to_string();
        let signature = signed_at(chrono::Utc::now().timestamp(), SECRET, &body);
        self.send(Some(&signature), body).await
    }

    /// Sends whatever bytes under whatever signature.
    pub async fn send(&self, signature: Option<&str>, body: String) -> Reply {
        let mut request = self.api.request(Method::POST, WEBHOOK).header("Content-Type", "application/json");
        if let Some(signature) = signature {
            request = request.header("Fleetwire-Signature", signature);
        }
        api::send(request.body(body)).await
    }
}

/// The header's value.
pub fn signed_at(time: i64, secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={hex}")
}
