//! Customers' phones as push sees them: servers that push to the doubles, registered devices, ways to cause events, and
//! the history.

use serde_json::{Value, json};

use fleetwire::domain::push::PushService;

use super::api::{Api, Reply};
use super::push_double::{PushDouble, Taken};
use super::server::{Builder, Server};
use super::wait_until;

/// Retries within a moment, and devices with half a second to confirm, so that a scenario need not last.
const RETRY_BASE_MS: u64 = 50;
pub const CONFIRM_TIMEOUT_MS: u64 = 500;

impl Builder {
    /// With good credentials for all doubles.
    pub fn pushing_to(mut self, double: &PushDouble) -> Builder {
        for (name, value) in double.settings() {
            self = self.setting(name, value);
        }
        self.setting("PUSH_RETRY_BASE_MS", RETRY_BASE_MS)
            .setting("CONFIRM_TIMEOUT_MS", CONFIRM_TIMEOUT_MS)
            .setting("PUSH_CALLS_PER_MINUTE_PER_CALLER", 1_000_000)
    }
}

pub fn expo_token(name: &str) -> String {
    format!("ExponentPushToken[{name}]")
}

/// A token in Apple's form.
pub fn apns_token(number: i64) -> String {
    format!("{number:064x}")
}

impl Server {
    /// The push interface, as who has no token may use it on this machine.
    pub fn push(&self) -> Api {
        self.anonymous()
    }

    /// Makes `count` more customers and returns the ids of all but those of the demo data.
    pub async fn more_customers(&self, count: usize) -> Vec<i64> {
        self.command(&["seed", "--customers", &count.to_string()]).await;
        let customers = self.operator().await.list("admin/customers").await;
        let ids = customers.iter().map(|customer| customer["customer_id"].as_i64().expect("an id"));
        let ids: Vec<i64> = ids.filter(|id| ![1, 123].contains(id)).collect();
        assert_eq!(ids.len(), count, "seed makes as many customers as it is asked to");
        ids
    }

    /// An access token of each of these customers, ascending.
    pub async fn customer_tokens(&self, customers: &[i64]) -> Vec<String> {
        let (Some(first), Some(last)) = (customers.first(), customers.last()) else { return Vec::new() };
        let printed = self.command(&["token", "--customer", &format!("{first}-{last}")]).await;
        let all = (*first..=*last).zip(printed.lines());
        all.filter(|(id, _)| customers.contains(id)).map(|(_, token)| token.to_owned()).collect()
    }

    /// Registers a device with the tokens in `body`.
    pub async fn register(&self, customer: i64, platform: &str, tokens: Value) -> Reply {
        let mut body = json!({"userType": "customer", "id": customer, "platform": platform});
        body.as_object_mut().expect("an object").extend(tokens.as_object().expect("an object").clone());
        self.push().post("/api/Push/register", body).await.expect(200)
    }

    /// One event of the customer's that is pushed: an order of theirs is cancelled. Returns the order's id.
    pub async fn bring_about(&self, operator: &Api, customer: i64) -> i64 {
        let order = json!({
            "restaurant_name": "Burger King", "pickup_address": "A", "delivery_address": "B", "earnings": 5,
            "distance_km": 1, "customer_id": customer,
        });
        let order_id = operator.post("admin/orders", order).await.expect(201).id("order_id");
        let reason = json!({"reason": "The kitchen is closed"});
        operator.post(&format!("admin/orders/{order_id}/cancel"), reason).await.expect(200);
        order_id
    }

    /// The customer's notifications, the newest first.
    pub async fn push_history(&self, customer: i64) -> Vec<Value> {
        let path = format!("/api/Push/history?customerId={customer}&limit=200");
        let reply = self.push().get(&path).await.expect(200);
        reply.body["items"].as_array().expect("a list").clone()
    }

    /// Waits until nothing is due and nothing is in flight.
    pub async fn push_settled(&self) {
        wait_until("every event is decided and every notification has an outcome", async || {
            self.database().number("SELECT COUNT(*) AS value FROM events WHERE push_due_at IS NOT NULL") == 0
                && self
                    .database()
                    .number("SELECT COUNT(*) AS value FROM notification_history WHERE status = 'pending'")
                    == 0
        })
        .await;
    }
}

impl PushDouble {
    /// The messages that a device was sent.
    pub fn taken_by(&self, service: PushService, token: &str) -> Vec<Taken> {
        self.desk(service).taken().into_iter().filter(|taken| taken.token == token).collect()
    }

    /// That nothing was sent that a service refuses for its form.
    #[track_caller]
    pub fn check(&self) {
        for service in PushService::ALL {
            assert_eq!(self.desk(service).refused(), [] as [String; 0], "{service}");
        }
    }
}
