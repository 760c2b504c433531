//! Bookings of technicians over REST: the actions of customers, technicians and operators in the scenarios.

use serde_json::{Value, json};

use super::api::{Api, Reply};

/// Something to do at a customer's, at once.
pub fn booking_body(customer_id: i64) -> Value {
    json!({
        "customer_id": customer_id, "service": "Brake inspection", "address": "14 Fox Street",
        "latitude": -26.2041, "longitude": 28.0473,
    })
}

impl Api {
    /// A new booking's id.
    pub async fn book(&self, customer_id: i64) -> i64 {
        self.post("bookings", booking_body(customer_id)).await.expect(201).id("booking_id")
    }

    pub async fn show_booking(&self, id: i64) -> Reply {
        self.get(&format!("bookings/{id}")).await
    }

    pub async fn give_booking(&self, id: i64, driver_id: i64) -> Reply {
        self.put(&format!("bookings/{id}/technician"), json!({ "driver_id": driver_id })).await
    }

    pub async fn move_booking(&self, id: i64, status: &str) -> Reply {
        self.put(&format!("bookings/{id}/status"), json!({ "status": status })).await
    }

    pub async fn cancel_booking(&self, id: i64, reason: &str) -> Reply {
        self.post(&format!("bookings/{id}/cancel"), json!({ "reason": reason })).await
    }
}
