//! The world in which a rule is checked: accounts that it makes for itself, places where nobody else is, and the way to the
//! server. A thing that a server can't do for us is a reason to skip.

use crate::conform::checked::{Broken, Checked, failed, skipped};
use crate::conform::client::{Door, Http, Opened, Reply, Socket, Target};
use crate::conform::contract::Contract;
use crate::conform::vectors;
use reqwest::Method;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::rc::Rc;
use uuid::Uuid;

const PASSWORD: &str = "conform-only-7Qx";
/// An empty part of the Atlantic.
const SEA: (f64, f64) = (20.0, -45.0);

pub struct World {
    pub http: Http,
    known: Rc<[String]>,
    admin: Result<String, String>,
    made: RefCell<Vec<String>>,
    places: Cell<u32>,
    /// Tells one run from another on the same server.
    run: u32,
}

/// An account that has logged in.
#[derive(Clone, Debug)]
pub struct Person {
    /// The driver's or the customer's number.
    pub id: i64,
    pub user_id: String,
    pub username: String,
    pub token: String,
    pub refresh_token: String,
}

impl World {
    pub async fn enter(contract: Contract, target: &Target) -> Result<Self, Box<dyn Error>> {
        let http = Http::new(&target.url)?;
        let admin = match (&target.token, &target.admin) {
            (Some(token), _) => Ok(token.clone()),
            (None, Some((name, password))) => operator(&http, name, password).await,
            (None, None) => {
                Err("needs an operator: give --admin-user and --admin-password, or --token".to_owned())
            }
        };
        if let Err(why) = &admin
            && target.admin.is_some()
        {
            return Err(why.clone().into());
        }
        let known = vectors::known_types(contract).into();
        let run = Uuid::new_v4().as_fields().0;
        let (made, places) = (RefCell::default(), Cell::default());
        Ok(World { http, known, admin, made, places, run })
    }

    /// Suspends the accounts that were made, so that nobody can use them.
    pub async fn leave(&mut self) {
        let Ok(admin) = self.admin.clone() else { return };
        let suspended = json!({"suspended": true});
        for path in self.made.take() {
            // Best effort: a server that can't is none the worse for it.
            let _ = self.http.call_patiently(Method::PATCH, &path, Some(&admin), Some(&suspended)).await;
        }
    }

    pub fn admin(&self) -> Checked<&str> {
        self.admin.as_deref().map_err(|why| Broken::Skipped(why.clone()))
    }

    /// A number that no other account of this run has.
    fn next(&self) -> u32 {
        self.places.set(self.places.get() + 1);
        self.places.get()
    }

    /// A position with nobody within a search's reach, another one each time.
    pub fn lonely_place(&self) -> (f64, f64) {
        let step = f64::from(self.next());
        let run = f64::from(self.run % 97);
        (SEA.0 + step * 0.25 % 15.0, SEA.1 + run * 0.2 + (step * 0.25 / 15.0).floor() * 0.5)
    }

    /// A new driver, verified and available.
    pub async fn driver(&self) -> Checked<Person> {
        let (latitude, longitude) = self.lonely_place();
        self.driver_at(latitude, longitude).await
    }

    pub async fn driver_at(&self, latitude: f64, longitude: f64) -> Checked<Person> {
        let more = json!({
            "vehicle_type": "moto", "vehicle_registration": "CF 123 GP", "vehicle_color": "Black", "is_verified": true,
            "latitude": latitude, "longitude": longitude, "status": "available",
        });
        self.make("drivers", "driver_id", more).await
    }

    pub async fn customer(&self) -> Checked<Person> {
        self.make("customers", "customer_id", json!({})).await
    }

    async fn make(&self, kind: &str, id_field: &str, more: Value) -> Checked<Person> {
        let admin = self.admin()?;
        let number = self.next();
        let username = format!("conform-{:08x}-{number}", self.run);
        let mut body = json!({
            "username": username, "name": "Conform Check", "password": PASSWORD,
            // E.164: Gibraltar's country code, with few people to meet.
            "phone_number": format!("+350{:05}{number:04}", self.run % 100_000),
        });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        let path = format!("/api/v1/admin/{kind}");
        let reply = self.http.call_patiently(Method::POST, &path, Some(admin), Some(&body)).await?;
        if reply.status != 201 {
            return skipped(format!(
                "no account could be made: POST {path} is answered with {} {}",
                reply.status, reply.text
            ));
        }
        let Some(id) = reply.body[id_field].as_i64() else {
            return skipped(format!("no account could be made: {} has no {id_field}", reply.text));
        };
        self.made.borrow_mut().push(format!("{path}/{id}"));
        let logged_in = self.log_in(&username, PASSWORD).await?;
        let body = logged_in.expect("POST auth/login", 200)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Person {
            id,
            user_id: text(&body["user"]["user_id"]),
            username,
            token: text(&body["access_token"]),
            refresh_token: text(&body["refresh_token"]),
        })
    }

    pub async fn log_in(&self, username: &str, password: &str) -> Checked<Reply> {
        let body = json!({"username": username, "password": password});
        self.http.call_patiently(Method::POST, "/api/v1/auth/login", None, Some(&body)).await
    }

    /// The password of every account here.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    pub async fn get(&self, token: &str, path: &str) -> Checked<Reply> {
        self.http.call(Method::GET, &root(path), Some(token), None).await
    }

    pub async fn post(&self, token: &str, path: &str, body: Value) -> Checked<Reply> {
        self.http.call(Method::POST, &root(path), Some(token), Some(&body)).await
    }

    /// With an `Idempotency-Key`.
    pub async fn post_keyed(&self, token: &str, path: &str, key: &str, body: &Value) -> Checked<Reply> {
        self.http.call_keyed(&root(path), token, key, body).await
    }

    pub async fn put(&self, token: &str, path: &str, body: Value) -> Checked<Reply> {
        self.http.call(Method::PUT, &root(path), Some(token), Some(&body)).await
    }

    pub async fn anonymously(&self, method: Method, path: &str, body: Option<&Value>) -> Checked<Reply> {
        self.http.call(method, &root(path), None, body).await
    }

    /// The handshake, which must complete.
    pub async fn open(&self, door: &Door) -> Checked<Socket> {
        match Socket::open(&self.http, door, self.known.clone()).await? {
            Opened::Socket(socket) => Ok(*socket),
            Opened::Refused(status) => {
                failed(format!("the handshake is refused with {status} instead of being completed"))
            }
        }
    }

    /// The status of a handshake that must be refused.
    pub async fn refusal(&self, door: &Door) -> Checked<u16> {
        match Socket::open(&self.http, door, self.known.clone()).await? {
            Opened::Refused(status) => Ok(status),
            Opened::Socket(_) => failed("the handshake completes instead of being refused"),
        }
    }

    /// A pending order of the operator's.
    pub async fn order(&self) -> Checked<i64> {
        let vector = vectors::vector(Contract::DriverApp, "server_to_client", "order_assigned");
        let mut body = vector["message"]["data"].clone();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("order_id");
        }
        let reply = self.post(self.admin()?, "admin/orders", body).await?;
        let order = prepared("POST admin/orders", reply, 201)?;
        order["order_id"]
            .as_i64()
            .map_or_else(|| skipped(format!("an order without an order_id: {order}")), Ok)
    }

    pub async fn assign(&self, order: i64, driver: i64) -> Checked {
        let path = format!("admin/orders/{order}/assign");
        let reply = self.post(self.admin()?, &path, json!({"driver_id": driver})).await?;
        prepared(&format!("POST {path}"), reply, 200).map(drop)
    }

    pub async fn assign_new(&self, driver: i64) -> Checked<i64> {
        let order = self.order().await?;
        self.assign(order, driver).await?;
        Ok(order)
    }

    pub async fn cancel_order(&self, order: i64, reason: &str) -> Checked {
        let path = format!("admin/orders/{order}/cancel");
        let body = json!({"reason": reason, "cancelled_by": "customer"});
        let reply = self.post(self.admin()?, &path, body).await?;
        prepared(&format!("POST {path}"), reply, 200).map(drop)
    }
}

/// Under `/api/v1`, or anywhere for a path that begins with a slash.
fn root(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/api/v1/{path}") }
}

/// Operators' actions are no part of an app's contract: a server that lacks one is not at fault.
pub fn prepared(what: &str, reply: Reply, status: u16) -> Checked<Value> {
    match reply.status == status {
        true => Ok(reply.body),
        false => skipped(format!(
            "the scene can't be set: {what} is answered with {} {}",
            reply.status, reply.text
        )),
    }
}

async fn operator(http: &Http, name: &str, password: &str) -> Result<String, String> {
    let body = json!({"username": name, "password": password});
    let reply = http.call_patiently(Method::POST, "/api/v1/auth/login", None, Some(&body)).await;
    match reply {
        Err(Broken::Failed(why) | Broken::Skipped(why)) => Err(format!("the operator can't log in: {why}")),
        Ok(reply) => match reply.body["access_token"].as_str() {
            Some(token) => Ok(token.to_owned()),
            None => Err(format!("the operator can't log in: {} {}", reply.status, reply.text)),
        },
    }
}
