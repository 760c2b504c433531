//! The hailing apps: a passenger's, a driver's, an operator's screen.

use fleetwire::contracts::client_messages::{OfRide, SendChat};
use fleetwire::contracts::ride_hailing::ClientMessage;
use fleetwire::domain::ride::RideId;
use serde_json::{Value, json};

use super::app::{App, Door, Heard};

/// The types that the apps know: those that their contract fixed, and those that this project added.
const KNOWN_TYPES: [&str; 25] = [
    "connected",
    "pong",
    "ride_requested",
    "ride_accepted",
    "driver_location_update",
    "driver_arrived",
    "ride_started",
    "ride_completed",
    "ride_cancelled",
    "ride_joined",
    "ride_left",
    "driver_status",
    "ride_unavailable",
    "driver_cancelled",
    "driver_location_stale",
    "driver_location_fresh",
    "chat_message",
    "ride_rated",
    "order_assigned",
    "order_cancelled",
    "booking_updated",
    "rides",
    "resume_failed",
    "authenticated",
    "error",
];

/// An app that came through the hailing apps' door.
pub type HailingApp = App;

impl Door {
    pub fn hailing(port: u16, token: String) -> Door {
        Door::new(port, "/api/v1/ws/connect".to_owned(), token, &KNOWN_TYPES)
    }
}

fn of_ride(ride_id: &str) -> OfRide {
    OfRide { ride_id: RideId::new(ride_id).expect("a ride id") }
}

impl App {
    /// Follows a ride from now on; returns what `ride_joined` says. Earlier messages, such as events that happened
    /// while nobody was connected, are skipped.
    pub async fn join(&mut self, ride_id: &str) -> Value {
        self.send(ClientMessage::JoinRide(of_ride(ride_id)));
        loop {
            match self.hear().await {
                Heard::Message(message) if message["type"] == "ride_joined" => {
                    assert_eq!(message["data"]["ride_id"], ride_id);
                    return message["data"].clone();
                }
                Heard::Message(message) if message["type"] != "error" => {}
                other => panic!("instead of ride_joined: {other:?}"),
            }
        }
    }

    /// Tries to, in vain.
    /// Also for what is no ride's id at all.
    pub async fn expect_not_joined(&mut self, ride_id: &str, code: &str) {
        self.send(json!({"type": "join_ride", "ride_id": ride_id}));
        self.expect_error(code).await;
    }

    pub async fn leave(&mut self, ride_id: &str) {
        self.send(ClientMessage::LeaveRide(of_ride(ride_id)));
        assert_eq!(self.expect("ride_left").await["data"], json!({ "ride_id": ride_id }));
    }

    pub fn chat(&self, ride_id: &str, text: &str) {
        let OfRide { ride_id } = of_ride(ride_id);
        self.send(ClientMessage::ChatMessage(SendChat { ride_id, text: text.to_owned() }));
    }

    /// The position that must come next.
    pub async fn expect_location(&mut self) -> Value {
        self.expect("driver_location_update").await["data"].clone()
    }

    /// The next message that is no position, which must have this type. A room that opens after the driver's position was
    /// told tells it to those who joined meanwhile.
    pub async fn expect_past_positions(&mut self, kind: &str) -> Value {
        loop {
            match self.hear().await {
                Heard::Message(message) if message["type"] == "driver_location_update" => {}
                Heard::Message(message) if message["type"] == kind => return message,
                other => panic!("instead of {kind}: {other:?}"),
            }
        }
    }

    /// Positions until one is at this latitude; returns it. Slow readers may miss those before.
    pub async fn expect_location_at(&mut self, latitude: f64) -> Value {
        loop {
            let location = self.expect_location().await;
            if location["latitude"] == latitude {
                return location;
            }
        }
    }

    /// The types of the messages that reach the app until it is in step with the server.
    pub async fn types_until_now(&mut self) -> Vec<String> {
        let earlier = self.sync().await;
        earlier.iter().map(|message| message["type"].as_str().unwrap_or_default().to_owned()).collect()
    }
}
