//! The driver's app: the food delivery family's.

use fleetwire::contracts::client_messages::{LocationUpdate, PositionReport};
use fleetwire::contracts::driver_app::ClientMessage;

use super::app::{App, Door};

const KNOWN_TYPES: [&str; 7] =
    ["connected", "pong", "order_assigned", "order_cancelled", "error", "resume_failed", "authenticated"];

/// An app that came through a driver's door.
pub type DriverApp = App;

impl Door {
    pub fn driver(port: u16, driver_id: i64, token: String) -> Door {
        Door::new(port, format!("/api/v1/ws/driver/{driver_id}"), token, &KNOWN_TYPES)
    }
}

impl App {
    /// A position without any of the optional fields.
    pub fn locate(&self, latitude: f64, longitude: f64) {
        let data = PositionReport::at(latitude, longitude);
        self.send(ClientMessage::LocationUpdate(LocationUpdate { data }));
    }
}
