//! Rides over REST: the actions of passengers' and drivers' apps in the scenarios, and servers on which drivers are
//! asked.

use serde_json::{Value, json};

use super::api::{Api, Reply};
use super::server::Builder;
use super::{Server, wait_until};

/// Half a kilometre north of where rides begin.
const NEARBY: (f64, f64) = (3.8525, 11.5021);

/// A ride of one kilometre and a half in the middle of Yaoundé, for any vehicle.
pub fn ride_body() -> Value {
    json!({
        "ride_type": "any",
        "pickup_latitude": 3.848, "pickup_longitude": 11.5021,
        "dropoff_latitude": 3.858, "dropoff_longitude": 11.5121,
        "pickup_address": "Rond-point Nlongkak",
    })
}

impl Builder {
    /// Starts a server that asks drivers for a ride, these being half a kilometre away.
    pub async fn start_with_drivers(self, drivers: &[i64]) -> Server {
        let server = self.setting("MATCH_MODE", "offer").start().await;
        server.bring_near(drivers).await;
        server
    }
}

impl Server {
    pub async fn for_rides(drivers: &[i64]) -> Server {
        Server::builder().start_with_drivers(drivers).await
    }

    /// Puts drivers where rides begin, and waits until they can be found there.
    pub async fn bring_near(&self, drivers: &[i64]) {
        let operator = self.operator().await;
        let (latitude, longitude) = NEARBY;
        for driver in drivers {
            let there = json!({"latitude": latitude, "longitude": longitude});
            operator.change_driver(*driver, there).await.expect(200);
        }
        let around =
            format!("drivers/nearby?latitude={latitude}&longitude={longitude}&limit=50&radius_m=100");
        wait_until("the drivers are found", async || {
            let found = operator.api().get(&around).await.expect(200);
            let found: Vec<i64> = found.body["items"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|item| item["driver_id"].as_i64().expect("an id"))
                .collect();
            drivers.iter().all(|driver| found.contains(driver))
        })
        .await;
    }
}

/// A ride that a driver has.
pub struct TakenRide {
    pub id: String,
    pub passenger: Api,
    pub driver: Api,
}

impl Server {
    /// A ride of passenger 1 that driver 1, who must be near, has accepted.
    pub async fn taken_ride(&self) -> TakenRide {
        let (passenger, driver) = (self.passenger_api(1).await, self.driver_api(1).await);
        let id = passenger.request_priced_ride().await;
        driver.take(&id).await;
        TakenRide { id, passenger, driver }
    }
}

impl TakenRide {
    /// The driver's next move.
    pub async fn drive(&self, action: &str) {
        self.driver.ride(&self.id, action).await.expect(200);
    }

    /// The driver tells a position by REST.
    pub async fn locate(&self, latitude: f64, longitude: f64) {
        self.driver.locate(latitude, longitude).await;
    }
}

impl Api {
    /// A driver's position.
    pub async fn locate(&self, latitude: f64, longitude: f64) {
        let position = json!({"latitude": latitude, "longitude": longitude});
        self.put("driver/location", position).await.expect(202);
    }

    /// Waits until the ride is offered to this driver.
    pub async fn offered(&self, ride_id: &str) {
        wait_until("the ride is offered", async || self.show_ride(ride_id).await.status == 200).await;
    }

    /// Takes a ride as soon as it is offered.
    pub async fn take(&self, ride_id: &str) -> Reply {
        self.offered(ride_id).await;
        self.ride(ride_id, "accept").await.expect(200)
    }

    /// A new ride's id.
    pub async fn request_ride(&self) -> String {
        ride_id(&self.post("rides", ride_body()).await.expect(201))
    }

    /// One whose fare the app names.
    pub async fn request_priced_ride(&self) -> String {
        let mut body = ride_body();
        body["estimated_fare"] = json!(1500);
        ride_id(&self.post("rides", body).await.expect(201))
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
