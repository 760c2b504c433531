//! One person is exported completely, and erased from everything. Afterwards every table and column, and on SQLite the
//! bytes of the files, are searched for anything by which the person was known.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::send;
use crate::support::{Api, Server, wait_until};

/// The values by which a customer and a driver are known. None of them occurs elsewhere.
const CUSTOMER: [&str; 11] = [
    "quirina",
    "Quirina Quizzical",
    "15550109901",
    "crm-quirina",
    "Quince Street",
    "31.4159265",
    "I wait at the quay",
    "Quality ride",
    "quirinas-phone",
    "quirinas-fcm-token",
    "Too much quicksand",
];
const DRIVER: [&str; 8] = [
    "zacharias",
    "Zacharias Zeppelin",
    "15550109902",
    "ZEPP-1",
    "zeppelin-licence",
    "crm-zacharias",
    "27.1828182",
    "Zooming along",
];

struct World {
    server: Server,
    admin: Api,
    customer: i64,
    driver: i64,
    passenger: Api,
    chauffeur: Api,
    ride: String,
}

/// A ride with everything that two people can leave behind.
async fn world() -> World {
    let server = Server::builder()
        .setting("MATCH_MODE", "offer")
        .setting("OFFER_WINDOW_SECS", 600)
        .setting("SEARCH_DEADLINE_SECS", 3600)
        .start()
        .await;
    let admin = server.operator().await.api().clone();
    let customer = json!({
        "username": "quirina", "password": "a password for the test", "name": "Quirina Quizzical",
        "phone_number": "+15550109901", "external_id": "crm-quirina", "time_zone": "Africa/Douala",
    });
    let customer = admin.post("admin/customers", customer).await.expect(201).id("customer_id");
    let driver = json!({
        "username": "zacharias", "password": "a password for the test", "name": "Zacharias Zeppelin",
        "phone_number": "+15550109902", "external_id": "crm-zacharias", "vehicle_type": "moto",
        "vehicle_registration": "ZEPP-1", "license_number": "zeppelin-licence", "is_verified": true, "status": "online",
        "latitude": 31.41, "longitude": 20.5,
    });
    let driver = admin.post("admin/drivers", driver).await.expect(201).id("driver_id");
    let log_in = async |name: &str| {
        let body = json!({"username": name, "password": "a password for the test"});
        let token =
            server.anonymous().post("auth/login", body).await.expect(200).body["access_token"].clone();
        server.anonymous().with_token(token.as_str().expect("a token").to_owned())
    };
    let (passenger, chauffeur) = (log_in("quirina").await, log_in("zacharias").await);
    let ride = ridden(&server, customer, driver, &passenger, &chauffeur).await;
    World { server, admin, customer, driver, passenger, chauffeur, ride }
}

async fn ridden(server: &Server, customer: i64, driver: i64, passenger: &Api, chauffeur: &Api) -> String {
    let device = json!({
        "userType": "customer", "id": customer, "fcmToken": "quirinas-fcm-token", "platform": "android",
        "deviceId": "quirinas-phone",
    });
    passenger.post("/api/Push/register", device).await.expect(200);
    let body = json!({
        "ride_type": "moto", "pickup_latitude": 31.415_926_5, "pickup_longitude": 20.5,
        "dropoff_latitude": 31.415_926_5, "dropoff_longitude": 20.6, "pickup_address": "1 Quince Street",
        "dropoff_address": "2 Quince Street",
    });
    let request = passenger.request(Method::POST, "rides").header("Idempotency-Key", "the-ride").json(&body);
    let reply = send(request).await.expect(201);
    let ride = reply.body["ride_id"].as_str().expect("a ride").to_owned();
    chauffeur.offered(&ride).await;
    chauffeur.take(&ride).await.expect(200);
    let position = json!({"latitude": 27.182_818_2, "longitude": 20.5});
    send(chauffeur.request(Method::PUT, "driver/location").json(&position)).await.expect(202);
    let (hers, his) = (server.hailing_passenger(customer).await, server.hailing_driver(driver).await);
    hers.chat(&ride, "I wait at the quay");
    his.chat(&ride, "Zooming along");
    wait_until("both messages are kept", async || {
        server.database().number("SELECT COUNT(*) AS value FROM events WHERE name = 'chat_message'") == 2
    })
    .await;
    drop((hers, his));
    for action in ["arrive", "start", "complete"] {
        chauffeur.ride(&ride, action).await.expect(200);
    }
    let rating = json!({"rating": 5, "comment": "Quality ride"});
    passenger.post(&format!("rides/{ride}/rate"), rating).await.expect(200);
    ride
}

impl World {
    /// The tables and columns that have any of these texts.
    fn found(&self, texts: &[&str]) -> Vec<String> {
        let database = self.server.database();
        let is_file = database.file().is_some();
        let columns = database.words(match is_file {
            true => {
                "SELECT tables.name || '.' || columns.name AS value FROM sqlite_schema AS tables, \
                 pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'"
            }
            false => {
                "SELECT table_name || '.' || column_name AS value FROM information_schema.columns \
                 WHERE table_schema = 'public'"
            }
        });
        assert!(columns.len() > 150, "the schema is read: {columns:?}");
        let mut found = Vec::new();
        for text in texts {
            let looks = columns.iter().map(|column| {
                let (table, name) = column.split_once('.').expect("a table and a column");
                format!(
                    "SELECT '{column} has {text}' AS value WHERE EXISTS (SELECT 1 FROM \"{table}\" \
                     WHERE LOWER(CAST(\"{name}\" AS TEXT)) LIKE LOWER('%{text}%'))"
                )
            });
            found.extend(database.words(&looks.collect::<Vec<_>>().join(" UNION ALL ")));
        }
        found
    }

    /// Those of them that are in the bytes of SQLite's files.
    fn in_files(&self, texts: &[&str]) -> Vec<String> {
        let Some(file) = self.server.database().file() else { return Vec::new() };
        let log = format!("{}-wal", file.display());
        let mut bytes = std::fs::read(&file).expect("the database");
        bytes.extend(std::fs::read(log).unwrap_or_default());
        let is_in = |text: &&&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        texts.iter().filter(is_in).map(|text| (*text).to_owned()).collect()
    }

    async fn settled(&self) {
        let database = self.server.database();
        wait_until("what is due is pushed, and where the driver was is stored", async || {
            database.number("SELECT COUNT(*) AS value FROM events WHERE push_due_at IS NOT NULL") == 0
                && database.number("SELECT COUNT(*) AS value FROM driver_locations") > 0
        })
        .await;
    }

    /// The sums that must not change.
    fn books(&self) -> Vec<String> {
        self.server.database().words(
            "SELECT kind || ' ' || status || ' ' || earnings_minor || ' ' || COALESCE(final_fare_minor, 0) || ' ' || \
             COALESCE(customer_id, 0) || ' ' || COALESCE(driver_id, 0) AS value FROM jobs ORDER BY id",
        )
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_customer_who_is_erased_and_the_books_are_as_they_were() {
    let world = world().await;
    let World { server, admin, customer, passenger, .. } = &world;
    let open =
        passenger.post("bookings", json!({"service": "Quince repair", "address": "3 Quince Street"})).await;
    let open = open.expect(201).id("booking_id");
    world.settled().await;
    let erase = format!("admin/customers/{customer}/erase");
    let refused = admin.post(&erase, json!({})).await.expect_problem(409);
    assert_eq!(refused.body["code"], "open_jobs");
    assert!(
        refused.body["detail"].as_str().is_some_and(|text| text.contains(&open.to_string())),
        "{}",
        refused.text
    );
    passenger
        .post(&format!("bookings/{open}/cancel"), json!({"reason": "Too much quicksand"}))
        .await
        .expect(200);
    let missing: Vec<_> = CUSTOMER.iter().filter(|text| world.found(&[**text]).is_empty()).collect();
    assert!(missing.is_empty(), "the search would find nothing: {missing:?}");

    let export = admin.get(&format!("admin/customers/{customer}/export")).await.expect(200);
    let document: Value = serde_json::from_str(&export.text).expect("one document");
    assert_eq!(document["person"], format!("customer:{customer}"));
    assert_eq!(document["messages_written"][0]["text"], "I wait at the quay");
    assert_eq!(document["accounts"][0]["phone_number"], "+15550109901");
    assert_eq!(document["accounts"][0]["is_guest"], false);
    assert_eq!(document["ride_ratings"][0]["comment"], "Quality ride");
    for table in
        ["jobs", "events", "customer_push_tokens", "refresh_tokens", "notification_history", "audit_log"]
    {
        assert!(document[table].as_array().is_some_and(|rows| !rows.is_empty()), "{table}: {}", export.text);
    }
    let at = document["jobs"][0]["requested_at"].as_str().expect("a time");
    assert!(at.contains('T') && at.ends_with('Z'), "{at}");
    for secret in ["fcm_token", "password_hash", "$argon2", "quirinas-fcm-token"] {
        assert!(!export.text.contains(secret), "{secret}");
    }

    let books = world.books();
    let mut socket = server.hailing_passenger(*customer).await;
    admin.post(&erase, json!({})).await.expect(200);
    assert_eq!(world.found(&CUSTOMER), [] as [String; 0]);
    assert_eq!(world.in_files(&CUSTOMER), [] as [String; 0]);
    assert_eq!(world.books(), books);
    assert!(!world.found(&["Zacharias Zeppelin"]).is_empty(), "the driver is somebody else");
    socket.expect_close(4001).await;
    passenger.get("rides").await.expect_problem(401);
    let again = json!({"username": "quirina", "password": "a password for the test"});
    server.anonymous().post("auth/login", again).await.expect_problem(401);
    admin.post(&erase, json!({})).await.expect(200);
    admin.get(&format!("admin/customers/{customer}")).await.expect(200);
    let rides = admin.get("admin/rides").await.expect(200);
    assert!(rides.text.contains(&world.ride), "{}", rides.text);
    let rows = admin.get(&format!("admin/audit?subject=customer:{customer}")).await.expect(200);
    assert!(rows.text.contains("/erase"), "{}", rows.text);
}

#[tokio::test]
async fn nothing_is_left_of_a_driver_who_is_erased_and_their_passengers_keep_theirs() {
    let mut world = world().await;
    world.settled().await;
    let missing: Vec<_> = DRIVER.iter().filter(|text| world.found(&[**text]).is_empty()).collect();
    assert!(missing.is_empty(), "the search would find nothing: {missing:?}");
    let (driver, books) = (world.driver, world.books());
    let export = world.server.command(&["person", "export", "--driver", &driver.to_string()]).await;
    let document: Value = serde_json::from_str(&export).expect("one document");
    assert!(document["driver_locations"].as_array().is_some_and(|rows| !rows.is_empty()), "{export}");
    assert_eq!(document["messages_written"][0]["text"], "Zooming along");
    assert!(!export.contains("15550109901"), "a passenger's number is the passenger's: {export}");
    assert!(document["jobs"][0].get("pickup_address").is_none(), "{export}");

    let command = ["person", "erase", "--driver", &driver.to_string(), "--yes"].map(str::to_owned);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let refused = world.server.refused_command(&command).await;
    assert!(refused.contains("/erase"), "the server has the driver's sockets: {refused}");
    world.admin.post(&format!("admin/drivers/{driver}/erase"), json!({})).await.expect(200);
    assert_eq!(world.found(&DRIVER), [] as [String; 0]);
    assert_eq!(world.in_files(&DRIVER), [] as [String; 0]);
    assert_eq!(world.books(), books);
    assert!(!world.found(&["Quince Street"]).is_empty(), "the passenger's places are the passenger's");
    world.chauffeur.get("driver/profile").await.expect_problem(401);
    let mine = world.passenger.get(&format!("rides/{}", world.ride)).await.expect(200);
    assert_eq!(mine.body["status"], "completed", "{}", mine.text);

    // The other side of the same ride, without a server.
    world.server.terminate().await;
    let customer = world.customer.to_string();
    let erased = world.server.command(&["person", "erase", "--customer", &customer, "--yes"]).await;
    assert!(erased.contains("is erased"), "{erased}");
    assert_eq!(world.found(&CUSTOMER[..8]), [] as [String; 0]);
    assert_eq!(world.in_files(&CUSTOMER[..8]), [] as [String; 0]);
}
