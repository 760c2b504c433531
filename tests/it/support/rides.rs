//! Rides over REST: what a passenger's and a driver's app do with them in the scenarios.

use serde_json::{Value, json};

use super::api::{Api, Reply};

/// A ride of one kilometre and a half in the middle of Yaoundé, for any vehicle.
pub fn ride_body() -> Value {
    json!({
        "ride_type": "any",
        "pickup_latitude": 3.848, "pickup_longitude": 11.5021,
        "dropoff_latitude": 3.858, "dropoff_longitude": 11.5121,
        "pickup_address": "Rond-point Nlongkak",
    })
}

impl Api {
    /// A new ride's id.
    pub async fn request_ride(&self) -> String {
        ride_id(&self.post("rides", ride_body()).await.expect(201))
    }

    /// One of the moves, with the body that most of them have: none that matters.
    pub async fn ride(&self, ride_id: &str, action: &str) -> Reply {
        self.post(&format!("rides/{ride_id}/{action}"), json!({})).await
    }

    pub async fn ride_because(&self, ride_id: &str, action: &str, reason: &str) -> Reply {
        self.post(&format!("rides/{ride_id}/{action}"), json!({ "reason": reason })).await
    }

    pub async fn show_ride(&self, ride_id: &str) -> Reply {
        self.get(&format!("rides/{ride_id}")).await
    }
}

#[track_caller]
pub fn ride_id(reply: &Reply) -> String {
    reply.body["ride_id"].as_str().unwrap_or_else(|| panic!("no ride: {}", reply.text)).to_owned()
}
