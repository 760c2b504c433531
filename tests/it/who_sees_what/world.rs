//! The world under test: people with unmistakable names, numbers, plates and places, the jobs between them, and the
//! messages that each of them gets over sockets and by REST.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::table::{MARKS, ROLES, Role, leaks, text_of};
use crate::support::api::send;
use crate::support::app::App;
use crate::support::{Api, Door, Heard, Server, wait_until};

pub struct World {
    pub server: Server,
    drivers: BTreeMap<Role, i64>,
    customers: BTreeMap<Role, i64>,
    apis: BTreeMap<Role, Api>,
    /// Of each role and socket what it hears.
    sockets: Vec<(&'static str, Role, App)>,
    pub rides: Vec<String>,
    orders: Vec<i64>,
    bookings: Vec<i64>,
}

impl World {
    pub async fn new() -> World {
        let server = Server::builder()
            .setting("MATCH_MODE", "offer")
            .setting("OFFER_WINDOW_SECS", 600)
            .setting("SEARCH_DEADLINE_SECS", 3600)
            .setting("SEARCH_RADIUS_M", 1000)
            .setting("ALLOW_ANONYMOUS_PUSH", "false")
            .start()
            .await;
        let apis = BTreeMap::from([(Role::Anonymous, server.anonymous())]);
        let (drivers, customers, sockets) = Default::default();
        let (rides, orders, bookings) = Default::default();
        let mut world = World { server, drivers, customers, apis, sockets, rides, orders, bookings };
        world.settle().await;
        world.listen().await;
        world.rides().await;
        world.jobs().await;
        world
    }

    pub fn api(&self, role: Role) -> &Api {
        &self.apis[&role]
    }

    /// Everybody has an account.
    async fn settle(&mut self) {
        let admin = self.server.operator().await.api().clone();
        for role in ROLES {
            let person = role.person();
            let mut body =
                json!({"username": person, "password": "a password for the test", "status": "online"});
            if MARKS.iter().any(|(mark, _)| *mark == format!("{person}.name")) {
                body["name"] = json!(text_of(&format!("{person}.name")));
                body["phone_number"] = json!(text_of(&format!("{person}.phone")));
            }
            match role {
                Role::Anonymous | Role::Service | Role::Viewer | Role::Dispatcher | Role::Admin => {}
                Role::Other | Role::Past | Role::Own => {
                    let made = admin.post("admin/customers", body).await.expect(201);
                    let id = made.id("customer_id");
                    self.customers.insert(role, id);
                    self.apis.insert(role, self.server.passenger_api(id).await);
                }
                _ => {
                    let (latitude, longitude) = place_of(person);
                    let more = json!({
                        "vehicle_type": "moto", "vehicle_registration": text_of(&format!("{person}.plate")),
                        "is_verified": true, "latitude": latitude, "longitude": longitude,
                    });
                    body.as_object_mut().expect("one").extend(more.as_object().expect("one").clone());
                    let id = admin.post("admin/drivers", body).await.expect(201).id("driver_id");
                    self.drivers.insert(role, id);
                    self.apis.insert(role, self.server.driver_api(id).await);
                }
            }
        }
        self.apis.insert(Role::Admin, admin);
        let token = self.server.command(&["token", "--service", "shop"]).await.trim().to_owned();
        self.apis.insert(Role::Service, self.server.anonymous().with_token(token));
        for (role, word) in [(Role::Dispatcher, "dispatcher"), (Role::Viewer, "viewer")] {
            let token = self.server.command(&["token", "--service", word, "--role", word]).await;
            self.apis.insert(role, self.server.anonymous().with_token(token.trim().to_owned()));
        }
    }

    /// Everybody listens on every socket that lets them in.
    async fn listen(&mut self) {
        const CONNECT: &str = "GET /api/v1/ws/connect";
        let port = self.server.ports()[0];
        for (role, id) in self.customers.clone() {
            let door = self.server.hailing_door(self.server.passenger_token(id).await);
            self.sockets.push((CONNECT, role, door.connect().await));
        }
        for (role, id) in self.drivers.clone() {
            let token = self.server.driver_token(id).await;
            let app = Door::driver(port, id, token.clone()).connect().await;
            self.sockets.push(("GET /api/v1/ws/driver/{driver_id}", role, app));
            self.sockets.push((CONNECT, role, self.server.hailing_door(token).connect().await));
        }
        let screen = self.server.hailing_admin().await;
        self.sockets.push((CONNECT, Role::Admin, screen));
    }

    /// Everybody tries to follow a ride.
    async fn follow(&mut self, ride: &str) {
        for (route, _, app) in &self.sockets {
            if *route == "GET /api/v1/ws/connect" {
                app.send(json!({"type": "join_ride", "ride_id": ride}));
            }
        }
    }

    async fn ask(&mut self, role: Role, latitude: f64, address: &str) -> String {
        let body = json!({
            "ride_type": "moto", "pickup_latitude": latitude, "pickup_longitude": 20.5,
            "dropoff_latitude": latitude, "dropoff_longitude": 20.6,
            "pickup_address": text_of(address), "dropoff_address": text_of(address),
        });
        let reply = self.api(role).post("rides", body).await.expect(201);
        let ride = reply.body["ride_id"].as_str().expect("a ride").to_owned();
        self.rides.push(ride.clone());
        ride
    }

    /// One that has ended, one that is driven, one that is offered, and a guest's.
    async fn rides(&mut self) {
        let past = self.ask(Role::Past, 10.111_888_1, "past.address").await;
        let holder = self.api(Role::Holder).clone();
        holder.take(&past).await;
        self.follow(&past).await;
        for action in ["start", "complete"] {
            holder.ride(&past, action).await.expect(200);
        }
        let ended = "UPDATE jobs SET completed_at = '2026-01-02 12:00:00' WHERE completed_at IS NOT NULL";
        self.server.database().execute(ended);
        let held = self.ask(Role::Own, 10.111_777_1, "own.address").await;
        holder.offered(&held).await;
        self.follow(&held).await;
        holder.take(&held).await;
        self.follow(&held).await;
        holder.locate(place_of("holder").0, place_of("holder").1).await;
        let offered = self.ask(Role::Own, 11.121_777_1, "own.address").await;
        self.api(Role::Offered).offered(&offered).await;
        self.follow(&offered).await;

        let app = self.server.ride_door("a-guests-ride").open().await.expect("let in");
        app.send(json!({
            "type": "find_driver", "pickup_latitude": 15.161_999_1, "pickup_longitude": 20.5,
            "dropoff_latitude": 15.17, "dropoff_longitude": 20.6, "passenger_phone": text_of("guest.phone"),
        }));
        self.sockets.push(("GET /ws/ride/{ride_id}/", Role::Anonymous, app));
        let chauffeur = self.api(Role::Chauffeur).clone();
        chauffeur.take("a-guests-ride").await;
        self.follow("a-guests-ride").await;
        chauffeur.locate(place_of("chauffeur").0, place_of("chauffeur").1).await;
        self.rides.push("a-guests-ride".to_owned());
    }

    /// An order that is brought, and a booking that is done.
    async fn jobs(&mut self) {
        let admin = self.api(Role::Admin).clone();
        let order = json!({
            "restaurant_name": "Burger King", "pickup_address": "Kitchen", "delivery_address": text_of("own.address"),
            "earnings": 5, "distance_km": 1, "customer_id": self.customers[&Role::Own],
            "delivery_latitude": 13.141_777_1, "delivery_longitude": 20.5,
        });
        let order = admin.post("admin/orders", order).await.expect(201).id("order_id");
        let courier = json!({"driver_id": self.drivers[&Role::Courier]});
        admin.post(&format!("admin/orders/{order}/assign"), courier).await.expect(200);
        self.api(Role::Courier).set_order_status(order, "accepted").await.expect(200);
        self.orders.push(order);
        let booking = json!({
            "service": "Brakes", "address": text_of("own.address"), "latitude": 14.151_777_1, "longitude": 20.5,
        });
        let booking = self.api(Role::Own).post("bookings", booking).await.expect(201).id("booking_id");
        admin.give_booking(booking, self.drivers[&Role::Technician]).await.expect(200);
        self.api(Role::Technician).move_booking(booking, "StartJourney").await.expect(200);
        self.bookings.push(booking);
        let database = self.server.database();
        wait_until("what is due is pushed", async || {
            database.number("SELECT COUNT(*) AS value FROM events WHERE push_due_at IS NOT NULL") == 0
        })
        .await;
    }

    /// The paths of a route, with the ids that there are.
    fn paths(&self, path: &str) -> Vec<String> {
        let texts = |ids: &[i64]| -> Vec<String> { ids.iter().map(ToString::to_string).collect() };
        let people: Vec<i64> = self.drivers.values().copied().collect();
        let customers: Vec<i64> = self.customers.values().copied().collect();
        let jobs = [self.orders.clone(), self.bookings.clone()].concat();
        // Of nobody: what these do would let the walkers in no longer.
        let path = &path.replace("{session_id}", &uuid::Uuid::nil().to_string());
        let (name, ids) = match path.as_str() {
            path if path.contains("{user_id}") => ("{user_id}", vec![uuid::Uuid::nil().to_string()]),
            path if path.contains("{ride_id}") => ("{ride_id}", self.rides.clone()),
            path if path.contains("{path:.*}") => ("{path:.*}", vec!["app.js".to_owned()]),
            path if path.contains("admin/customers/{id}") => ("{id}", texts(&customers)),
            path if path.contains("admin/drivers/{id}") => ("{id}", texts(&people)),
            path if path.contains("orders/{id}") => ("{id}", texts(&self.orders)),
            path if path.contains("bookings/{id}") => ("{id}", texts(&self.bookings)),
            path if path.contains("jobs/{id}") => ("{id}", texts(&jobs)),
            path if path.contains('{') => panic!("{path}: say which ids it takes"),
            _ => ("", vec![String::new()]),
        };
        ids.iter().map(|id| if name.is_empty() { path.to_owned() } else { path.replace(name, id) }).collect()
    }

    /// The query string that a path needs.
    fn query(&self, path: &str, role: Role) -> String {
        match path {
            "/api/v1/drivers/nearby" => "?latitude=11.1&longitude=20.5&radius_m=50000&limit=50".to_owned(),
            path if path.starts_with("/api/Push/") && role == Role::Admin => {
                format!("?customerId={}", self.customers[&Role::Own])
            }
            path if path.starts_with("/api/v1/admin/") || path == "/api/v1/rides" => "?limit=200".to_owned(),
            _ => String::new(),
        }
    }

    /// A body with which the route has an effect, for those who may call it.
    fn body(&self, path: &str) -> Value {
        let stranger = self.drivers[&Role::Stranger];
        let mut body =
            json!({"reason": "For the walk", "rating": 5, "comment": "Fine", "driver_id": stranger});
        let more = match path {
            path if path.contains("bookings/{id}/status") => json!({"status": "Reached"}),
            path if path.contains("orders/{id}/status") => json!({"status": "accepted"}),
            path if path.ends_with("driver/status") => json!({"status": "online"}),
            path if path.ends_with("driver/location") => json!({"latitude": 0.5, "longitude": 0.5}),
            path if path.ends_with("/batches") => json!({"order_ids": self.orders}),
            path if path.starts_with("/api/Push/") => json!({
                "id": self.customers[&Role::Own], "customerId": self.customers[&Role::Own], "title": "t",
                "body": "b", "platform": "ios", "fcmToken": "f", "notificationId": uuid::Uuid::nil(),
            }),
            "/api/v1/rides" => json!({
                "ride_type": "moto", "pickup_latitude": 0.5, "pickup_longitude": 0.5, "dropoff_latitude": 0.6,
                "dropoff_longitude": 0.6,
            }),
            "/api/v1/bookings" => json!({"service": "Brakes"}),
            "/api/v1/auth/login" => json!({"username": "own", "password": "a guess, and a wrong one"}),
            path if path.starts_with("/api/v1/admin/drivers/") => json!({"status": "online"}),
            path if path.starts_with("/api/v1/admin/customers/") => json!({"time_zone": "Africa/Douala"}),
            _ => json!({}),
        };
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body
    }

    /// Asks a route as everybody, and returns what they should not have seen.
    pub async fn walk(&self, route: &str) -> Vec<String> {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let mut found = Vec::new();
        for one in self.paths(path) {
            for role in ROLES {
                let url = format!("{one}{}", self.query(path, role));
                let method: Method = method.parse().expect("a method");
                let request = self.api(role).request(method.clone(), &url);
                let request = if method == Method::GET { request } else { request.json(&self.body(path)) };
                let reply = send(request).await;
                assert!(reply.status < 500, "{route} {role:?}: {}", reply.text);
                let leaked = leaks(route, role, &reply.text);
                if !leaked.is_empty() {
                    found.push(format!("{method} {one} shows {role:?} {leaked:?}: {}", reply.text));
                }
            }
        }
        found
    }

    /// Messages on the sockets of people who should not have got them.
    pub async fn heard(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        for (route, role, app) in &mut self.sockets {
            let mut messages = app.drain();
            messages.extend(app.sync().await.into_iter().map(Heard::Message));
            for message in messages {
                let Heard::Message(message) = message else { continue };
                let leaked = leaks(route, *role, &message.to_string());
                if !leaked.is_empty() {
                    found.push(format!("{route} tells {role:?} {leaked:?}: {message}"));
                }
            }
        }
        found
    }
}

/// Where a driver is. The longitude is nobody's.
fn place_of(person: &str) -> (f64, f64) {
    (text_of(&format!("{person}.place")).parse().expect("a number"), 20.5)
}
