//! An operator at the REST interface: one method for each action of operators in the scenarios.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::api::{self, Api, Reply};

#[derive(Clone)]
pub struct Operator {
    api: Api,
    token: String,
}

/// The order of the vectors, unless a scenario says otherwise.
pub struct NewOrder {
    pub earnings: f64,
}

impl Default for NewOrder {
    fn default() -> NewOrder {
        NewOrder { earnings: 45.5 }
    }
}

impl NewOrder {
    pub fn body(&self) -> Value {
        json!({
            "restaurant_name": "Burger King",
            "pickup_address": "Koramangala 5th Block, Bangalore",
            "delivery_address": "Indiranagar 100ft Road, Bangalore",
            "earnings": self.earnings,
            "distance_km": 3.2,
        })
    }
}

impl Operator {
    pub async fn log_in(port: u16) -> Operator {
        let api = Api::new(port);
        let reply = api.post("auth/login", json!({"username": "admin", "password": "password123"})).await;
        let reply = reply.expect(200);
        let token = reply.body["access_token"].as_str().expect("a login gives a token");
        Operator { api: api.with_token(token.to_owned()), token: token.to_owned() }
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    pub fn api(&self) -> &Api {
        &self.api
    }

    /// A post with an `Idempotency-Key`, which may be sent again.
    pub fn keyed(&self, path: &str, key: &str, body: &Value) -> RequestBuilder {
        self.api.request(Method::POST, path).header("Idempotency-Key", key).json(body)
    }

    pub async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> Reply {
        api::send(self.keyed(path, key, body)).await
    }

    /// A pending order's id.
    pub async fn create_order(&self) -> i64 {
        self.create_order_with(NewOrder::default()).await
    }

    pub async fn create_order_with(&self, order: NewOrder) -> i64 {
        self.api.post("admin/orders", order.body()).await.expect(201).id("order_id")
    }

    pub async fn create_orders(&self, count: usize) -> Vec<i64> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.create_order().await);
        }
        ids
    }

    pub async fn assign(&self, order_id: i64, driver_id: i64) -> Reply {
        self.api.post(&format!("admin/orders/{order_id}/assign"), json!({ "driver_id": driver_id })).await
    }

    /// A new order that is already the driver's.
    pub async fn assign_new(&self, driver_id: i64) -> i64 {
        let order_id = self.create_order().await;
        self.assign(order_id, driver_id).await.expect(200);
        order_id
    }

    pub async fn batch(&self, order_ids: &[i64], driver_id: i64) -> Reply {
        self.api.post("admin/orders/batches", json!({ "driver_id": driver_id, "order_ids": order_ids })).await
    }

    pub async fn unassign(&self, order_id: i64, reason: &str) -> Reply {
        self.api.post(&format!("admin/orders/{order_id}/unassign"), json!({ "reason": reason })).await
    }

    pub async fn cancel(&self, order_id: i64, reason: &str) -> Reply {
        let body = json!({ "reason": reason, "cancelled_by": "customer" });
        self.api.post(&format!("admin/orders/{order_id}/cancel"), body).await
    }

    pub async fn change_driver(&self, driver_id: i64, change: Value) -> Reply {
        self.api.patch(&format!("admin/drivers/{driver_id}"), change).await
    }

    /// The state of one order as the list has it.
    pub async fn order(&self, order_id: i64) -> Value {
        let orders = self.list("admin/orders").await;
        let found = orders.into_iter().find(|order| order["order_id"] == order_id);
        found.unwrap_or_else(|| panic!("order {order_id} is not in the list"))
    }

    /// One driver's entry in the list.
    pub async fn driver(&self, driver_id: i64) -> Value {
        let drivers = self.list("admin/drivers").await;
        let found = drivers.into_iter().find(|driver| driver["driver_id"] == driver_id);
        found.unwrap_or_else(|| panic!("driver {driver_id} is not in the list"))
    }

    pub async fn driver_ids(&self) -> Vec<i64> {
        let drivers = self.list("admin/drivers").await;
        drivers.iter().map(|driver| driver["driver_id"].as_i64().expect("a driver has an id")).collect()
    }

    /// All pages of a list.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        self.list_with(path, "").await
    }

    /// The same of what a query asks for.
    pub async fn list_with(&self, path: &str, query: &str) -> Vec<Value> {
        /// A thousand kills leave a quarter of a million orders, in pages of 200.
        const PAGES_MAX: usize = 100_000;
        let mut items = Vec::new();
        let mut page_path = format!("{path}?{query}");
        for _ in 0..PAGES_MAX {
            let page = self.api.get(&page_path).await.expect(200);
            items.extend(page.body["items"].as_array().expect("a list has items").iter().cloned());
            match page.body["next_cursor"].as_str() {
                Some(cursor) => page_path = format!("{path}?{query}&cursor={cursor}"),
                None => return items,
            }
        }
        panic!("{path} has no end");
    }
}
