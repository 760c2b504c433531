//! All routes together on a database with the demo data: the shapes, the refusals, and the state between requests.

use crate::actors::foundation::Foundation;
use crate::actors::matcher;
use crate::actors::positions::{Positions, Tracks};
use crate::actors::presence::Presence;
use crate::actors::principals::Principals;
use crate::actors::push::{self, PushHandle, PushOptions, Retrying};
use crate::actors::reads;
use crate::actors::recorder::{self, RecorderOptions};
use crate::actors::room::{self, RoomOptions};
use crate::actors::session::{Reaper, TransportMetrics};
use crate::api::routes::{self, ANY_ROUTES_ERRORS, ROUTES, Who};
use crate::api::{Context, Limiters, around, configure, cors};
use crate::clock::{Clock, Manual};
use crate::config::Settings;
use crate::domain::announcement::Announcement;
use crate::domain::ids::DriverId;
use crate::domain::notification::Texts;
use crate::domain::role::Role;
use crate::metrics::Metrics;
use crate::operations::accounts::{self, Person};
use crate::operations::passwords::{Password, Passwords, hash_now};
use crate::operations::push::PushRules;
use crate::operations::tokens::{Subject, TokenKeys, TokenLifetimes};
use crate::operations::{self, Error, seed};
use crate::rate_limit::AccountLimits;
use crate::store::{Database, Durability, NewLocation, Options, Tx, Where, migrate, sql};
use actix_web::http::header::{ALLOW, AUTHORIZATION, ETAG, HeaderMap, LINK, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use chrono::{DateTime, TimeDelta, Utc};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uuid::Uuid;

const DRIVER: i64 = 123;
const TIMEOUT: Duration = Duration::from_secs(5);

/// The routes on a database of their own, which goes with it.
struct Server {
    ctx: web::Data<Context>,
    clock: Manual,
    directory: PathBuf,
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    text: String,
    body: Value,
}

impl Reply {
    #[track_caller]
    fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Each code that is answered is one of those that the table names.
    #[track_caller]
    fn is_in_its_row(&self, method: &str, path: &str) {
        let found = routes::find(method, path).or_else(|| routes::find(method, path.trim_end_matches('/')));
        let Some(route) = found else { return };
        let named: Vec<&str> =
            route.errors().iter().chain(&ANY_ROUTES_ERRORS).map(|code| code.as_str()).collect();
        let code = self.code();
        assert!(code.is_empty() || named.contains(&code), "{route} names no {code}: {named:?}");
    }

    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// A new one, in a new directory.
fn open_database(directory: &Path, settings: &Settings, clock: &Manual, metrics: Arc<Metrics>) -> Database {
    std::fs::create_dir(directory).unwrap();
    let at = Where::Sqlite(directory.join("test.db"));
    migrate(&at, TIMEOUT).unwrap();
    let options = Options {
        connections: 2,
        queue_max: 100,
        timeout: TIMEOUT,
        decisions: Durability::Normal,
        positions: Durability::Normal,
        rules: settings.job_rules(),
    };
    Database::open(&at, options, Arc::new(clock.clone()), metrics)
}

/// Push without credentials of any service.
fn push_to_nobody(foundation: &Foundation, recorder: recorder::RecorderHandle) -> PushHandle {
    let options = PushOptions {
        rules: PushRules { texts: Arc::new(Texts::english()), configured: [].into() },
        retrying: Retrying { base: TIMEOUT, cap: TIMEOUT },
        receipt_after: TimeDelta::minutes(15),
        zone: chrono_tz::UTC,
        log_unsent: false,
    };
    push::start(options, foundation, Vec::new(), recorder, 1)
}

/// With rooms that nobody enters.
fn positions(foundation: &Foundation, tracks: Arc<Tracks>, recorder: &recorder::RecorderHandle) -> Positions {
    let options = RoomOptions { members_max: 10, stale_after: TimeDelta::seconds(45) };
    let rooms = room::start(options, foundation);
    let Foundation { clock, metrics, .. } = foundation.clone();
    Positions::new(tracks, rooms, recorder.clone(), clock, metrics)
}

impl Server {
    async fn start(settings: &[(&str, &str)]) -> Server {
        let look_up = |name: &str| {
            let found = settings.iter().find(|(setting, _)| *setting == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let settings = Arc::new(Settings::load(look_up).unwrap());
        let directory = std::env::temp_dir().join(format!("fleetwire-api-{}", Uuid::new_v4()));
        let clock = Manual::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let metrics = Arc::new(Metrics::new());
        let database = open_database(&directory, &settings, &clock, metrics.clone());
        let lifetimes =
            TokenLifetimes { access: settings.tokens.access_ttl, refresh: settings.tokens.refresh_ttl };
        let hash = hash_now(&Password::claimed(seed::DEMO_PASSWORD)).unwrap();
        let seeded: Result<(), operations::Error> =
            database.write(move |tx| seed::seed(tx, &hash, &hash)).await;
        seeded.unwrap();
        let foundation = Foundation {
            database: database.clone(),
            clock: Arc::new(clock.clone()),
            metrics: metrics.clone(),
        };
        let tracks = Arc::new(Tracks::new(clock.now()));
        let matcher = matcher::start(&settings, &foundation, tracks.clone()).await.unwrap();
        let changes = matcher.clone();
        database.publish_to(move |committed| {
            let driver = |announcement| match announcement {
                Announcement::DriverChanged(driver) => Some(driver),
                _ => None,
            };
            changes.changed(committed.announcements.into_iter().filter_map(driver).collect());
        });
        let options = RecorderOptions {
            queue_max: 100,
            flush_interval: Duration::from_millis(10),
            live_position_interval: TIMEOUT,
        };
        let recorder = recorder::start(options, &foundation);
        let ctx = web::Data::new(Context {
            probe: crate::store::Probe::new(database.clone()),
            reads: reads::start(&foundation),
            positions: positions(&foundation, tracks, &recorder),
            reaper: Reaper::start(TIMEOUT, TransportMetrics::new()),
            push: push_to_nobody(&foundation, recorder.clone()),
            payments: None,
            recorder,
            database,
            matcher,
            clock: Arc::new(clock.clone()),
            limiters: Limiters::new(&settings),
            account_limits: Arc::new(AccountLimits::new(&settings.limits)),
            tokens: Arc::new(TokenKeys::new(b"thirty-two bytes for these tests", lifetimes, None)),
            passwords: Passwords::default(),
            presence: Arc::new(Presence::new(Arc::new(clock.clone()), TimeDelta::zero())),
            principals: Arc::new(Principals::default()),
            metrics,
            prometheus: PrometheusBuilder::new().build_recorder().handle(),
            traffic: None,
            draining: Arc::new(AtomicBool::new(false)),
            settings,
        });
        Server { ctx, clock, directory }
    }

    async fn send(&self, request: TestRequest) -> Reply {
        let settings = self.ctx.settings.clone();
        let app = App::new()
            .wrap(from_fn(around))
            .wrap(cors(&settings))
            .app_data(self.ctx.clone())
            .configure(|cfg| configure(cfg, &settings));
        let request = request.to_request();
        let (method, path) = (request.method().clone(), request.path().to_owned());
        let response = call_service(&init_service(app).await, request).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8(read_body(response).await.to_vec()).unwrap();
        let reply = Reply { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text };
        // Where the console is off, its rows are, too.
        if self.ctx.settings.listen.console {
            reply.is_in_its_row(method.as_str(), &path);
        }
        reply
    }

    async fn get(&self, token: &str, path: &str) -> Reply {
        self.send(request("GET", token, path)).await
    }

    async fn post(&self, token: &str, path: &str, body: Value) -> Reply {
        self.send(request("POST", token, path).set_json(body)).await
    }

    async fn put(&self, token: &str, path: &str, body: Value) -> Reply {
        self.send(request("PUT", token, path).set_json(body)).await
    }

    async fn patch(&self, token: &str, path: &str, body: Value) -> Reply {
        self.send(request("PATCH", token, path).set_json(body)).await
    }

    async fn keyed(&self, token: &str, path: &str, key: &str, body: Value) -> Reply {
        let request = request("POST", token, path).insert_header(("Idempotency-Key", key));
        self.send(request.set_json(body)).await
    }

    async fn log_in(&self, username: &str) -> Value {
        let body = json!({"username": username, "password": seed::DEMO_PASSWORD});
        self.post("", "/api/v1/auth/login", body).await.expect(200).body
    }

    async fn token(&self, username: &str) -> String {
        self.log_in(username).await["access_token"].as_str().unwrap().to_owned()
    }

    /// A pending order near driver 123.
    async fn order(&self, admin: &str) -> i64 {
        self.post(admin, "/api/v1/admin/orders", new_order()).await.expect(201).body["order_id"]
            .as_i64()
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ctx.database.close();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn request(method: &str, token: &str, path: &str) -> TestRequest {
    let request = TestRequest::with_uri(path).method(method.parse().unwrap());
    match token {
        "" => request,
        token => request.insert_header((AUTHORIZATION, format!("Bearer {token}"))),
    }
}

fn new_order() -> Value {
    json!({"restaurant_name": "Burger King", "pickup_address": "Koramangala 5th Block, Bangalore",
        "delivery_address": "Indiranagar 100ft Road, Bangalore", "earnings": 45.5, "distance_km": 3.2,
        "pickup_latitude": 12.9352, "pickup_longitude": 77.6245})
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The id of no account, and of no session.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

#[actix_web::test]
async fn a_lost_reply_to_a_refresh_gets_the_very_same_token_and_later_reuse_nothing() {
    let server = Server::start(&[]).await;
    let first = server.log_in("driver123").await;
    assert_eq!(first["user"]["driver_id"], DRIVER);
    assert_eq!((&first["token_type"], &first["expires_in"]), (&json!("bearer"), &json!(3600)));
    let refresh = async |login: &Value| {
        let body = json!({"refresh_token": login["refresh_token"]});
        server.post("", "/api/v1/auth/refresh", body).await
    };
    server.clock.advance(TimeDelta::milliseconds(1234));
    let second = refresh(&first).await.expect(200).body;
    server.clock.advance(TimeDelta::seconds(30));
    let again = refresh(&first).await.expect(200).body;
    assert_eq!(second["refresh_token"], again["refresh_token"]);
    refresh(&second).await.expect(200);
    let reused = refresh(&first).await.expect(401);
    assert_eq!(reused.code(), "invalid_refresh_token");
    assert_eq!(reused.headers.get(WWW_AUTHENTICATE).unwrap(), "Bearer");
}

#[actix_web::test]
async fn a_customer_registers_logs_in_by_phone_and_logs_out() {
    let server = Server::start(&[]).await;
    let new = json!({"username": "newcomer", "password": "long enough for anybody", "name": "New Comer",
        "phone_number": "+4915112345678", "time_zone": "Europe/Berlin"});
    let created = server.post("", "/api/v1/auth/register", new.clone()).await.expect(201);
    assert_eq!(keys(&created.body), ["customer_id", "user_id"]);
    for (field, value, code) in
        [("phone_number", "+4915100000000", "username_taken"), ("username", "other", "phone_number_taken")]
    {
        let mut taken = new.clone();
        taken[field] = json!(value);
        assert_eq!(server.post("", "/api/v1/auth/register", taken).await.expect(409).code(), code);
    }
    // The phone number, also where a user name is asked for.
    for name in ["phone_number", "username"] {
        let body = json!({name: "+4915112345678", "password": "long enough for anybody"});
        let login = server.post("", "/api/v1/auth/login", body).await.expect(200).body;
        assert_eq!(login["user"]["customer_id"], created.body["customer_id"]);
        let body = json!({"refresh_token": login["refresh_token"]});
        server.post("", "/api/v1/auth/logout", body.clone()).await.expect(204);
        server.post("", "/api/v1/auth/refresh", body).await.expect(401);
    }
    server.post("", "/api/v1/auth/logout", json!({"refresh_token": "nonsense"})).await.expect(204);
    let nothing = server.post("", "/api/v1/auth/login", json!({"password": "x"})).await.expect(422);
    assert_eq!(nothing.body["errors"][0]["field"], "username");

    let closed = Server::start(&[("ALLOW_REGISTRATION", "false")]).await;
    assert_eq!(
        closed.post("", "/api/v1/auth/register", new).await.expect(403).code(),
        "registration_disabled"
    );
}

#[actix_web::test]
async fn guesses_are_limited_for_an_account_however_it_is_written() {
    let server = Server::start(&[("LOGINS_PER_MINUTE_PER_ACCOUNT", "2")]).await;
    let guess = async |username: &str| {
        let body = json!({"username": username, "password": "a guess"});
        server.post("", "/api/v1/auth/login", body).await
    };
    let (wrong, unknown) = (guess("driver123").await.expect(401), guess("nobody").await.expect(401));
    assert_eq!(wrong.body, unknown.body);
    guess("DRIVER123").await.expect(401);
    let limited = guess("Driver123").await.expect(429);
    assert!(limited.headers.contains_key(RETRY_AFTER));
    guess("driver1").await.expect(401);
}

/// Ten scripts of one operator, each logging in, were once refused like ten guesses.
#[actix_web::test]
async fn who_knows_the_password_may_log_in_as_often_as_they_like() {
    let server = Server::start(&[("LOGINS_PER_MINUTE_PER_ACCOUNT", "2")]).await;
    for _ in 0..5 {
        let body = json!({"username": "driver123", "password": seed::DEMO_PASSWORD});
        server.post("", "/api/v1/auth/login", body).await.expect(200);
    }
}

/// A passenger could ask without end for rides, for who is nearby, for anything at all.
#[actix_web::test]
async fn an_account_asks_only_so_often_and_an_operator_more() {
    let limits = [
        ("REQUESTS_PER_MINUTE_PER_ACCOUNT", "5"),
        ("NEARBY_PER_MINUTE", "1"),
        ("JOBS_PER_MINUTE_PER_CUSTOMER", "1"),
        ("POSITIONS_PER_MINUTE_BY_REST", "3"),
    ];
    let server = Server::start(&limits).await;
    let (passenger, driver) = (server.token("passenger1").await, server.token("driver123").await);
    let nearby = "/api/v1/drivers/nearby?latitude=3.848&longitude=11.5021";
    server.get(&passenger, nearby).await.expect(200);
    let limited = server.get(&passenger, nearby).await.expect(429);
    assert_eq!(
        (limited.code(), limited.headers.get(RETRY_AFTER).unwrap()),
        ("too_many_requests", &"60".parse().unwrap())
    );
    let ride = json!({"ride_type": "moto", "pickup_latitude": 3.848, "pickup_longitude": 11.5021,
        "dropoff_latitude": 3.858, "dropoff_longitude": 11.5121});
    server.post(&passenger, "/api/v1/rides", ride.clone()).await.expect(201);
    server.post(&passenger, "/api/v1/rides", ride).await.expect(429);
    server.get(&passenger, "/api/v1/rides").await.expect(200);
    server.get(&passenger, "/api/v1/rides").await.expect(429);
    // As many positions as came count, and the last request may bring more than are left.
    let positions = json!([{"latitude": 1.0, "longitude": 1.0}, {"latitude": 1.0, "longitude": 1.1}]);
    for expected in [202, 202, 429] {
        server.put(&driver, "/api/v1/driver/location", positions.clone()).await.expect(expected);
    }
    let admin = server.token("admin").await;
    for _ in 0..20 {
        server.get(&admin, "/api/v1/admin/rides").await.expect(200);
    }
}

#[actix_web::test]
async fn each_door_opens_for_its_roles_alone() {
    let server = Server::start(&[]).await;
    let person = Person {
        username: "shop".to_owned(),
        name: "Shop".to_owned(),
        phone_number: None,
        password_hash: None,
        is_demo: false,
    };
    let (_, shop) =
        server.ctx.write(move |tx| accounts::create_account(tx, &person, Role::Service)).await.unwrap();
    let subject =
        Subject { account_id: shop, role: Role::Service, driver_id: None, customer_id: None, session: None };
    let service = server.ctx.tokens.issue_access(&subject, server.clock.now(), Uuid::new_v4()).text;
    let (admin, driver) = (server.token("admin").await, server.token("driver123").await);
    for (path, admins, services, drivers) in [
        ("/api/v1/admin/orders", 200, 200, 403),
        ("/api/v1/admin/drivers", 200, 403, 403),
        ("/api/v1/admin/customers", 200, 403, 403),
        ("/api/v1/driver/profile", 403, 403, 200),
        ("/api/v1/orders/assigned", 403, 403, 200),
    ] {
        server.get(&admin, path).await.expect(admins);
        server.get(&service, path).await.expect(services);
        server.get(&driver, path).await.expect(drivers);
        let stranger = server.get("", path).await.expect(401);
        assert_eq!(stranger.headers.get(WWW_AUTHENTICATE).unwrap(), "Bearer");
        server.get("not.a.token", path).await.expect(401);
    }
    // A caller without permission hears that, whatever they send.
    server.send(request("POST", "", "/api/v1/admin/orders").set_payload("{")).await.expect(401);
    server.clock.advance(TimeDelta::seconds(3605));
    server.get(&admin, "/api/v1/admin/orders").await.expect(401);
}

/// An account that no password opens, and its token.
async fn token_of(server: &Server, role: Role) -> String {
    let person = Person {
        username: format!("one {role}"),
        name: "Somebody".to_owned(),
        phone_number: None,
        password_hash: None,
        is_demo: false,
    };
    let made = server.ctx.write(move |tx| accounts::create_account(tx, &person, role)).await;
    let (_, account_id) = made.unwrap();
    let subject = Subject { account_id, role, driver_id: None, customer_id: None, session: None };
    server.ctx.tokens.issue_access(&subject, server.clock.now(), Uuid::new_v4()).text
}

/// The table is what is checked: each route, asked by each role.
#[actix_web::test]
async fn every_route_lets_in_the_roles_of_its_row_and_no_other() {
    let server = Server::start(&[("METRICS_PUBLIC", "false")]).await;
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push((
            role,
            match role {
                Role::Driver => server.token("driver123").await,
                Role::Customer => server.token("customer123").await,
                Role::Admin => server.token("admin").await,
                Role::Dispatcher | Role::Viewer | Role::Service => token_of(&server, role).await,
            },
        ));
    }
    let is_socket = |path: &str| path.contains("/ws/") && !path.ends_with("/stats");
    for route in ROUTES.iter().filter(|route| !is_socket(route.path)) {
        let path = route
            .path
            .replace("{ride_id}", "no-ride")
            .replace("{id}", "987654")
            .replace("{user_id}", NOBODY)
            .replace("{session_id}", NOBODY)
            .replace("{path:.*}", "app.js");
        for (role, token) in &tokens {
            let asked = request(route.method, token, &path);
            let asked = if route.method == "GET" { asked } else { asked.set_json(json!({})) };
            let reply = server.send(asked).await;
            let let_in = ![401, 403].contains(&reply.status);
            let expected = route.who.has(*role) || route.path.ends_with("/webhook");
            assert_eq!(let_in, expected, "{route} {role}: {}", reply.text);
            assert!(reply.status < 500 && reply.status != 405, "{route} {role}: {}", reply.text);
        }
        if let Who::Roles(_) = route.who {
            server.send(request(route.method, "", &path)).await.expect(401);
        }
    }
}

#[actix_web::test]
async fn an_order_goes_through_its_life_in_the_words_of_the_contract() {
    let server = Server::start(&[]).await;
    let (admin, driver) = (server.token("admin").await, server.token("driver123").await);
    let id = server.order(&admin).await;
    let order = format!("/api/v1/admin/orders/{id}");
    let assigned =
        server.post(&admin, &format!("{order}/assign"), json!({"driver_id": DRIVER})).await.expect(200);
    assert_eq!((&assigned.body["status"], &assigned.body["driver_id"]), (&json!("assigned"), &json!(DRIVER)));
    let listed = server.get(&driver, "/api/v1/orders/assigned").await.expect(200).body;
    let fields = [
        "amount",
        "assigned_at",
        "currency",
        "customer_name",
        "customer_phone",
        "delivery_address",
        "distance_km",
        "earnings",
        "order_id",
        "payment_method",
        "payment_status",
        "pickup_address",
        "restaurant_name",
        "status",
    ];
    assert_eq!(keys(&listed["orders"][0]), fields);
    assert_eq!(listed["orders"][0]["assigned_at"], "2027-01-15T08:00:00.000Z");

    let status = format!("/api/v1/orders/{id}/status");
    let rejected = server.put(&driver, &status, json!({"status": "rejected"})).await.expect(200).body;
    assert_eq!((&rejected["status"], &rejected["assigned_at"]), (&json!("rejected"), &Value::Null));
    assert_eq!(server.get(&admin, &order).await.expect(200).body["status"], "pending");
    server.post(&admin, &format!("{order}/assign"), json!({"driver_id": DRIVER})).await.expect(200);
    for word in ["accepted", "picked_up", "delivered"] {
        let moved = server.put(&driver, &status, json!({"status": word})).await.expect(200);
        assert_eq!(moved.body["status"], word);
    }
    let late = server.post(&admin, &format!("{order}/cancel"), json!({"reason": "Late"})).await.expect(409);
    assert_eq!((late.code(), &late.body["state"]), ("order_state", &json!("delivered")));
    let today = server.get(&driver, "/api/v1/earnings/today").await.expect(200).body;
    let expected = json!({"date": "2027-01-15", "currency": "USD", "total": 45.5, "cash_collected": 0.0,
        "owed": 45.5, "orders": 1, "rides": 0});
    assert_eq!(today, expected);
    let days = server.get(&driver, "/api/v1/earnings/history?limit=1").await.expect(200).body;
    assert_eq!(days, json!({"days": [expected], "next_cursor": null}));
    let items = server.get(&admin, "/api/v1/admin/orders?status=delivered").await.expect(200).body;
    assert_eq!(items["items"].as_array().unwrap().len(), 1);
    server.get(&admin, "/api/v1/admin/orders?status=rejected&limit=0").await.expect(422);
}

#[actix_web::test]
async fn operators_assign_batches_find_the_nearest_and_take_back() {
    let server = Server::start(&[]).await;
    let admin = server.token("admin").await;
    let (one, two, three) =
        (server.order(&admin).await, server.order(&admin).await, server.order(&admin).await);
    let batch = json!({"driver_id": 1, "order_ids": [two, one]});
    let assigned = server.post(&admin, "/api/v1/admin/orders/batches", batch.clone()).await.expect(201).body;
    assert_eq!((&assigned["orders"][0]["order_id"], &assigned["driver_id"]), (&json!(two), &json!(1)));
    server.post(&admin, "/api/v1/admin/orders/batches", batch).await.expect(409);
    let twice = json!({"driver_id": 1, "order_ids": [three, three]});
    assert_eq!(
        server.post(&admin, "/api/v1/admin/orders/batches", twice).await.expect(422).code(),
        "order_twice"
    );
    // Without a body, too.
    let auto = request("POST", &admin, &format!("/api/v1/admin/orders/{three}/auto-assign"));
    assert_eq!(server.send(auto).await.expect(200).body["driver_id"], DRIVER);
    let take_back = format!("/api/v1/admin/orders/{three}/unassign");
    server.post(&admin, &take_back, json!({})).await.expect(422);
    let free = server.post(&admin, &take_back, json!({"reason": "Wrong side"})).await.expect(200).body;
    assert_eq!((&free["status"], &free["driver_id"]), (&json!("pending"), &Value::Null));
    let body = json!({"reason": "Closed", "cancelled_by": "restaurant"});
    let ended =
        server.post(&admin, &format!("/api/v1/admin/orders/{three}/cancel"), body).await.expect(200).body;
    assert_eq!((&ended["cancelled_by"], &ended["reason"]), (&json!("restaurant"), &json!("Closed")));
    let mut nowhere = new_order();
    nowhere["pickup_latitude"] = Value::Null;
    nowhere["pickup_longitude"] = Value::Null;
    let id = server.post(&admin, "/api/v1/admin/orders", nowhere).await.expect(201).body["order_id"].clone();
    let auto = request("POST", &admin, &format!("/api/v1/admin/orders/{id}/auto-assign"));
    assert_eq!(server.send(auto).await.expect(422).code(), "no_pickup_position");
}

#[actix_web::test]
async fn a_key_gets_the_first_answer_word_for_word() {
    let server = Server::start(&[]).await;
    let admin = server.token("admin").await;
    let path = "/api/v1/admin/orders";
    let first = server.keyed(&admin, path, "create-1", new_order()).await.expect(201);
    server.clock.advance(TimeDelta::minutes(5));
    let again = server.keyed(&admin, path, "create-1", new_order()).await.expect(201);
    assert_eq!(first.text, again.text);
    let mut other = new_order();
    other["earnings"] = json!(12);
    assert_eq!(
        server.keyed(&admin, path, "create-1", other).await.expect(422).code(),
        "idempotency_key_reused"
    );
    let unusable = server.keyed(&admin, path, "two words", new_order()).await.expect(400);
    assert_eq!(unusable.code(), "invalid_idempotency_key");
}

#[actix_web::test]
async fn drivers_are_made_changed_and_listed_page_by_page() {
    let server = Server::start(&[]).await;
    let admin = server.token("admin").await;
    let new = json!({"username": "newcomer", "password": "long enough for anybody", "name": "New Comer",
        "phone_number": "+4915112345678", "vehicle_type": "moto", "latitude": 1, "longitude": 2, "status": "online"});
    let created = server.post(&admin, "/api/v1/admin/drivers", new).await.expect(201).body;
    assert_eq!(keys(&created), ["driver_id", "user_id"]);
    let path = format!("/api/v1/admin/drivers/{}", created["driver_id"]);
    let shown = server.get(&admin, &path).await.expect(200).body;
    let said = (&shown["status"], &shown["position_age_secs"], &shown["connected"], &shown["jobs"]);
    assert_eq!(said, (&json!("available"), &Value::Null, &json!(false), &json!([])));
    let change = json!({"is_verified": true, "suspended": true});
    let changed = server.patch(&admin, &path, change).await.expect(200).body;
    let said = (&changed["is_verified"], &changed["suspended"], &changed["status"]);
    assert_eq!(said, (&json!(true), &json!(true), &json!("offline")));
    let body = json!({"username": "newcomer", "password": "long enough for anybody"});
    server.post("", "/api/v1/auth/login", body).await.expect(401);
    server.patch(&admin, "/api/v1/admin/drivers/999999", json!({})).await.expect(404);

    let (mut ids, mut next) = (Vec::new(), Some(String::new()));
    for _ in 0..10 {
        let Some(cursor) = next else { break };
        let page =
            server.get(&admin, &format!("/api/v1/admin/drivers?limit=2{cursor}")).await.expect(200).body;
        ids.extend(page["items"].as_array().unwrap().iter().map(|item| item["driver_id"].as_i64().unwrap()));
        next = page["next_cursor"].as_str().map(|cursor| format!("&cursor={cursor}"));
    }
    assert_eq!(ids, [1, 2, 3, DRIVER, 124]);
}

#[actix_web::test]
async fn a_track_is_read_part_by_part_and_in_three_formats() {
    let server = Server::start(&[]).await;
    let admin = server.token("admin").await;
    let at = |secs: i64| (server.clock.now() - TimeDelta::seconds(secs)).naive_utc();
    let rows = [at(60), at(30), at(30), at(10)].map(|created_at| NewLocation {
        driver_id: DRIVER,
        latitude: 12.9,
        longitude: 77.6,
        accuracy: None,
        heading: None,
        speed: None,
        battery_level: None,
        created_at,
    });
    let store =
        move |tx: &mut Tx<'_>| -> Result<usize, Error> { Ok(sql!(tx, bulk::insert_locations(&rows))?) };
    server.ctx.write(store).await.unwrap();
    let path = format!("/api/v1/admin/drivers/{DRIVER}/locations");
    let (mut times, mut next) = (Vec::new(), Some(format!("{path}?limit=1")));
    for _ in 0..10 {
        let Some(path) = next else { break };
        let part = server.get(&admin, &path).await.expect(200);
        times.extend(part.body["items"].as_array().unwrap().iter().map(|item| item["created_at"].clone()));
        let link = part.headers.get(LINK).map(|link| link.to_str().unwrap().to_owned());
        next = link.map(|link| link[1..link.find('>').unwrap()].to_owned());
    }
    let wanted = [60, 30, 30, 10].map(|secs| server.clock.now() - TimeDelta::seconds(secs));
    let times: Vec<DateTime<Utc>> =
        times.iter().map(|time| time.as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(times, wanted);
    let geojson = server.get(&admin, &format!("{path}?format=geojson")).await.expect(200).body;
    assert_eq!(geojson["features"].as_array().unwrap().len(), 4);
    let gpx = server.get(&admin, &format!("{path}?format=gpx&limit=3")).await.expect(200);
    assert_eq!((gpx.text.matches("<trkpt").count(), gpx.headers.contains_key(LINK)), (3, true));
    server.get(&admin, &format!("/api/v1/admin/drivers/{}/locations", DriverId(9))).await.expect(404);
}

/// A slash at the end was a page that does not exist.
#[actix_web::test]
async fn each_route_is_the_same_with_a_slash_at_its_end() {
    // The console's pages have a slash of their own, and the sockets' doors need more of the server than these tests have.
    let has_one = |path: &str| path == "/" || path.starts_with("/console/") || path.starts_with("/docs");
    let is_socket = |path: &str| path.contains("/ws/") && !path.ends_with("/stats");
    let paths = ROUTES.iter().map(|route| route.path).filter(|path| !has_one(path) && !is_socket(path));
    let paths: BTreeSet<String> =
        paths.map(|path| path.replace("{id}", "1").replace("{ride_id}", "r")).collect();
    let paths: BTreeSet<String> =
        paths.iter().map(|path| path.replace("{user_id}", NOBODY).replace("{session_id}", NOBODY)).collect();
    let server = Server::start(&[]).await;
    let admin = server.token("admin").await;
    for path in &paths {
        for method in ["GET", "DELETE"] {
            let one = server.send(request(method, &admin, path)).await;
            let other = server.send(request(method, &admin, &format!("{path}/"))).await;
            assert_eq!((one.status, one.code()), (other.status, other.code()), "{method} {path}");
            let is_there = one.status != 404 || one.body["detail"] != "There is no such page.";
            assert!(is_there || one.text.contains("\"success\""), "{path}: {}", one.text);
        }
    }
}

#[actix_web::test]
async fn whoever_runs_it_hears_how_it_is() {
    let server = Server::start(&[("METRICS_PUBLIC", "false")]).await;
    assert_eq!(server.get("", "/healthz").await.expect(200).text, "ok");
    assert_eq!(server.get("", "/readyz").await.expect(200).body["database"], "ok");
    server.get("", "/metrics").await.expect(401);
    server.get(&server.token("driver123").await, "/metrics").await.expect(403);
    server.get(&server.token("admin").await, "/metrics").await.expect(200);
    let wrong = server.post("", "/metrics", json!({})).await.expect(405);
    assert_eq!(
        (wrong.code(), wrong.headers.get(ALLOW).unwrap().to_str().unwrap()),
        ("method_not_allowed", "GET, HEAD")
    );
    server.ctx.draining.store(true, Ordering::Relaxed);
    server.get("", "/healthz").await.expect(200);
    server.get("", "/readyz").await.expect(503);
}

#[actix_web::test]
async fn the_wires_descriptions_are_served_to_anybody_and_kept_by_browsers() {
    let server = Server::start(&[("CONSOLE", "false")]).await;
    for (path, version) in [("/openapi.json", "openapi"), ("/asyncapi.json", "asyncapi")] {
        let document = server.get("", path).await.expect(200);
        assert!(document.body[version].as_str().is_some_and(|version| version.starts_with("3.")), "{path}");
        assert!(document.headers.contains_key(ETAG), "{path}");
    }
}

#[actix_web::test]
async fn pages_show_the_wires_descriptions() {
    let server = Server::start(&[]).await;
    for (path, part) in [
        ("/docs", "/docs/rest.js"),
        ("/docs/", "/docs/vendor/swagger-ui-bundle.js"),
        ("/docs/sockets", "/docs/sockets.js"),
        ("/docs/sockets.js", "asyncapi.json"),
        ("/docs/vendor/swagger-ui.LICENSE.txt", "Apache License"),
    ] {
        assert!(server.get("", path).await.expect(200).text.contains(part), "{path}");
    }
    server.get("", "/docs/nothing.js").await.expect(404);
}

#[actix_web::test]
async fn the_console_tells_demo_log_ins_to_this_machine_alone() {
    let server = Server::start(&[]).await;
    let page = server.get("", "/").await.expect(200);
    assert!(page.text.contains("Fleetwire") && page.headers.contains_key(ETAG));
    server.get("", "/console/app.js").await.expect(200);
    let config = server.get("", "/console/config.json").await.expect(200).body;
    assert_eq!(
        (&config["profile"], &config["demo_password"]),
        (&json!("development"), &json!("password123"))
    );
    let known = config["demo_accounts"].as_array().unwrap();
    let demo = |username: &str| known.iter().find(|account| account["username"] == username).unwrap();
    assert_eq!(demo("driver123")["driver_id"], DRIVER);
    assert_eq!(keys(demo("admin")), ["name", "role", "username"]);
    assert_eq!(config["network"]["loopback_only"], true);
    assert_eq!(config["currency"], "USD");

    let open = Server::start(&[("BIND", "0.0.0.0:8000")]).await;
    let config = open.get("", "/console/config.json").await.expect(200).body;
    assert_eq!((&config["demo_accounts"], &config["demo_password"]), (&json!([]), &Value::Null));
    assert_eq!(config["network"]["loopback_only"], false);
    assert_eq!(config["network"]["anonymous_rides"], false);
    let named = Server::start(&[("BIND", "127.0.0.1:8000,192.0.2.7:8000")]).await;
    let config = named.get("", "/console/config.json").await.expect(200).body;
    assert_eq!(config["network"]["address"], "192.0.2.7");
    let without = Server::start(&[("CONSOLE", "false")]).await;
    for path in ["/", "/console/app.js", "/console/config.json", "/docs/", "/docs/sockets"] {
        assert_eq!(without.get("", path).await.expect(404).code(), "not_found", "{path}");
    }
}
