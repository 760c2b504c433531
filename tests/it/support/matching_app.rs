//! The matching app: one socket for a ride, under an id of the app's own.

use fleetwire::contracts::ride_matching::ClientMessage;
use fleetwire::contracts::ride_matching::messages::SearchRequest;
use serde::Serialize;
use serde_json::Value;
use tokio_tungstenite::tungstenite;

use super::app::{App, Door, Heard};
use super::{Api, Server};

/// The messages that the app waits for. A position in between answers nothing.
const KNOWN_TYPES: [&str; 14] = [
    "connection_established",
    "pong",
    "searching",
    "driver_assigned",
    "no_drivers",
    "error",
    "ride_cancelled",
    "driver_arrived",
    "ride_started",
    "ride_completed",
    "chat_message",
    "ride_rated",
    "resume_failed",
    "authenticated",
];

/// The vectors' `find_driver`: a route out of Johannesburg's centre, where driver 1 is.
pub fn find_driver() -> Value {
    let request = SearchRequest {
        pickup_latitude: -26.2041,
        pickup_longitude: 28.0473,
        dropoff_latitude: -26.1041,
        dropoff_longitude: 28.1473,
        pickup_address: Some("123 Main St, Johannesburg".to_owned()),
        dropoff_address: Some("456 Oak St, Johannesburg".to_owned()),
        distance_km: Some(12.5),
        estimated_duration_minutes: Some(25),
        fare_amount: Some(150.0),
        payment_method: None,
        passenger_phone: Some("+27123456789".to_owned()),
    };
    serde_json::to_value(ClientMessage::FindDriver(Box::new(request))).expect("a message is JSON")
}

impl Server {
    /// A server on which driver 1 is asked, and has time to answer.
    pub async fn asking() -> Server {
        Server::builder().setting("MATCH_MODE", "offer").setting("OFFER_WINDOW_SECS", 60).start().await
    }
}

/// A ride that driver 1 has accepted. The second message of its passenger was confirmed: the app has answered its ping.
pub async fn assigned(server: &Server, door: &RideDoor) -> (MatchingApp, Api, Value) {
    let driver = server.driver_api(1).await;
    let mut app = door.connect().await;
    app.search().await;
    driver.take(&app.ride_id).await;
    let assigned = app.expect("driver_assigned").await;
    (app, driver, assigned)
}

/// The way to a ride.
#[derive(Clone)]
pub struct RideDoor {
    door: Door,
    ride_id: String,
}

pub struct MatchingApp {
    app: App,
    pub ride_id: String,
    /// The key from `connection_established`.
    pub key: Option<String>,
}

impl RideDoor {
    pub fn new(port: u16, ride_id: &str) -> RideDoor {
        RideDoor::at(port, format!("/ws/ride/{ride_id}/"), ride_id)
    }

    /// By another path than the app's.
    pub fn at(port: u16, path: String, ride_id: &str) -> RideDoor {
        let door = Door::new(port, path, String::new(), &KNOWN_TYPES).without_token();
        RideDoor { door, ride_id: ride_id.to_owned() }
    }

    pub fn with_token(self, token: &str) -> RideDoor {
        RideDoor { door: self.door.with_token(token), ..self }
    }

    pub fn with_key(self, key: &str) -> RideDoor {
        RideDoor { door: self.door.with_more(&format!("ride_key={key}")), ..self }
    }

    pub fn after(self, last_event_id: i64) -> RideDoor {
        RideDoor { door: self.door.after(last_event_id), ..self }
    }

    pub fn elsewhere(self) -> RideDoor {
        RideDoor { door: self.door.elsewhere(), ..self }
    }

    /// The handshake alone; what follows it is for the test to read.
    pub async fn open(&self) -> Result<App, tungstenite::Error> {
        self.door.open().await
    }

    /// Opens and waits for the confirmation.
    pub async fn connect(&self) -> MatchingApp {
        let app = self.open().await.expect("the app can connect");
        let mut app = MatchingApp { app, ride_id: self.ride_id.clone(), key: None };
        let established = app.expect("connection_established").await;
        assert_eq!(established["ride_id"], self.ride_id.as_str());
        app.key = established["ride_key"].as_str().map(str::to_owned);
        app
    }

    /// Opens and waits for the close that must follow.
    pub async fn expect_closed(&self, code: u16) {
        self.door.expect_closed(code).await;
    }

    /// The status of a handshake that is refused before the upgrade.
    pub async fn refused(&self) -> u16 {
        match self.open().await {
            Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
            Err(other) => panic!("no answer to the handshake: {other}"),
            Ok(_) => panic!("let in"),
        }
    }
}

impl MatchingApp {
    pub fn key(&self) -> &str {
        self.key.as_deref().expect("an anonymous ride has a key")
    }

    pub fn send(&self, message: impl Serialize) {
        self.app.send(message);
    }

    /// The next message, whatever it is.
    pub async fn hear(&mut self) -> Value {
        match self.app.hear().await {
            Heard::Message(message) => message,
            other => panic!("instead of a message: {other:?}"),
        }
    }

    /// The next message except positions, which must have this type.
    pub async fn expect(&mut self, expected: &str) -> Value {
        self.app.expect(expected).await
    }

    /// The same, where one of these types may come before.
    pub async fn expect_after(&mut self, before: &[&str], expected: &str) -> Value {
        loop {
            match self.app.hear().await {
                Heard::Message(message) if message["type"] == expected => return message,
                Heard::Message(message) if before.iter().any(|kind| message["type"] == *kind) => {}
                other => panic!("instead of {expected}: {other:?}"),
            }
        }
    }

    pub async fn expect_error(&mut self, code: &str) -> Value {
        let error = self.expect("error").await;
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
        error
    }

    pub async fn expect_close(&mut self, code: u16) {
        self.app.expect_close(code).await;
    }

    /// A ping and its pong: everything said before has been answered. Returns the messages before it, except positions.
    pub async fn sync(&mut self) -> Vec<Value> {
        let mut said = self.app.sync().await;
        said.retain(|message| message["type"] != "driver_location");
        said
    }

    /// The position that says that the driver is at this latitude, after whatever others.
    pub async fn expect_at(&mut self, latitude: f64) -> Value {
        loop {
            let location = self.expect("driver_location").await;
            if location["latitude"] == latitude {
                return location;
            }
        }
    }

    /// Asks for a driver, and hears that one is looked for.
    pub async fn search(&mut self) {
        self.send(find_driver());
        let searching = self.expect("searching").await;
        assert_eq!(searching["ride_id"], self.ride_id.as_str());
    }

    pub async fn freeze(&self) {
        self.app.freeze().await;
    }

    /// Closes, and waits until the server has said so, too.
    pub async fn leave(mut self) {
        self.app.close(1000);
        self.app.expect_close(1000).await;
    }
}
