//! Upgrades: a database of each earlier version, with rows in every table that it had, is brought up to date by this
//! program, and afterwards has every row that it had. `UPGRADE_EVENTS` is the number of events in the large one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use chrono::{TimeDelta, Utc};

use crate::support::database::Database;
use crate::support::process::{self, Settings};
use crate::support::server::new_directory;
use crate::support::{Server, rounds, wait_until};

/// The driver, and an order of theirs and one that is pending, of the first rows.
const DRIVER: i64 = 7;
const HELD: i64 = 1;
const PENDING: i64 = 4;

/// The table in which the database notes its own version.
const VERSIONS: &str = "__diesel_schema_migrations";

/// Rows for what a migration made, in SQL that was valid from then on; by the migration's number. Ids that the database
/// gives are 1, 2, … in the order of the rows.
const ROWS: [(u32, &str); 20] = [
    (
        1,
        "INSERT INTO accounts (public_id, username, phone_number, name, role, password_hash, last_event_id, created_at)
         VALUES
            ('00000000-0000-4000-8000-000000000001', 'driver-one', '+491700000001', 'Driver', 'driver', 'x', 2, '{now}'),
            ('00000000-0000-4000-8000-000000000002', 'customer-one', '+491700000002', 'Customer', 'customer', NULL, 1, '{now}'),
            ('00000000-0000-4000-8000-000000000003', 'operator-one', NULL, 'Operator', 'admin', 'x', 0, '{now}'),
            ('00000000-0000-4000-8000-000000000004', 'shop-one', NULL, 'Shop', 'service', NULL, 0, '{now}');
         INSERT INTO drivers (id, account_id, vehicle_type, wants, status, latitude, longitude, position_at)
         VALUES (7, 1, 'moto', 'online', 'busy', 12.9, 77.6, '{now}');
         INSERT INTO customers (id, account_id, time_zone) VALUES (9, 2, 'Africa/Douala');
         INSERT INTO jobs (public_id, kind, status, customer_id, driver_id, restaurant_name, pickup_address,
            dropoff_address, earnings_minor, distance_km, requested_at, assigned_at, completed_at, cancelled_at)
         VALUES
            ('a-1', 'delivery', 'assigned', 9, 7, 'Burger King', 'P', 'D', 4550, 3.2, '{now}', '{now}', NULL, NULL),
            ('a-2', 'delivery', 'completed', 9, 7, 'Burger King', 'P', 'D', 1999, 0.5, '{now}', '{now}', '{now}', NULL),
            ('a-3', 'ride', 'cancelled', 9, 7, '', 'P', 'D', 0, 7.25, '{now}', '{now}', NULL, '{now}'),
            ('a-4', 'delivery', 'requested', NULL, NULL, 'Burger King', 'P', 'D', 1, 1.0, '{now}', NULL, NULL, NULL);
         INSERT INTO job_declines (job_id, driver_id, declined_at) VALUES (3, 7, '{now}');
         INSERT INTO events (account_id, event_id, job_id, name, body, created_at, confirmed_at, confirmed_over)
         VALUES
            (1, 1, 2, 'order_assigned', '{order 2}', '{now}', '{now}', 'driver_app'),
            (1, 2, 1, 'order_assigned', '{order 1}', '{now}', NULL, NULL),
            (2, 1, 2, 'order_delivered', '{\"event\":\"order_delivered\",\"order_id\":2}', '{now}', NULL, NULL);
         INSERT INTO driver_locations (driver_id, latitude, longitude, accuracy, created_at)
         VALUES (7, 12.9, 77.6, 4.5, '{now}'), (7, 12.91, 77.61, NULL, '{now}');
         INSERT INTO refresh_tokens (id, family, account_id, issued_at, expires_at)
         VALUES ('family-1', 'family-1', 1, '{now}', '{later}');
         INSERT INTO idempotency_keys (account_id, route, idempotency_key, request_hash, status, response, created_at)
         VALUES (4, 'POST admin/orders', 'key-1', 'hash', 201, '{\"order_id\":1}', '{now}');",
    ),
    (2, "UPDATE drivers SET changed_at = '{now}';"),
    (
        3,
        "UPDATE jobs SET ride_type = 'standard', passenger_phone = '+491700000002', estimated_fare_minor = 1200,
            final_fare_minor = 1300 WHERE kind = 'ride';
         INSERT INTO ride_ratings (job_id, stars, comment, rated_at) VALUES (3, 5, 'kind', '{now}');",
    ),
    (
        4,
        "INSERT INTO searches (job_id, patience, opened_at, deadline, step, ended_at, ended_as)
         VALUES (3, 'until_deadline', '{now}', '{now}', 2, '{now}', 'cancelled');
         INSERT INTO offers (job_id, driver_id, search_id, account_id, offered_at, expires_at, ended_at, outcome)
         VALUES (3, 7, 1, 1, '{now}', '{now}', '{now}', 'withdrawn');",
    ),
    (
        6,
        "INSERT INTO accounts (public_id, username, name, role, is_guest, created_at)
         VALUES ('00000000-0000-4000-8000-000000000005', 'guest-one', 'Guest', 'customer', TRUE, '{now}');
         INSERT INTO customers (id, account_id) VALUES (-5, 5);
         INSERT INTO guests (account_id, key_hash, opened_from, created_at) VALUES (5, 'hash', '192.0.2.7', '{now}');",
    ),
    (
        7,
        "INSERT INTO customer_push_tokens (customer_id, device_id, platform, fcm_token, fcm_registered_at, is_active,
            created_at, updated_at)
         VALUES (9, 'phone', 'android', 'token', '{now}', TRUE, '{now}', '{now}');
         INSERT INTO push_preferences (customer_id, opt_out, quiet_start, quiet_end, time_zone, updated_at)
         VALUES (9, '[]', '22:00', '07:00', 'Africa/Douala', '{now}');
         INSERT INTO notification_history (public_id, customer_id, account_id, event_id, device_id, provider,
            notification_type, title, body, data, is_high_priority, is_urgent, status, attempts, deadline, created_at,
            sent_at)
         VALUES ('n-1', 9, 2, 1, 1, 'fcm', 'order_delivered', 'T', 'B', '{}', TRUE, FALSE, 'sent', 1, '{now}', '{now}',
            '{now}');
         UPDATE events SET pushed_at = '{now}' WHERE account_id = 2;",
    ),
    (
        8,
        "INSERT INTO jobs (public_id, kind, status, customer_id, restaurant_name, pickup_address, dropoff_address,
            earnings_minor, distance_km, requested_at)
         VALUES ('a-5', 'service', 'cancelled', 9, '', 'P', '', 0, 0, '{now}');
         INSERT INTO bookings (job_id, service) SELECT id, 'Repair' FROM jobs WHERE public_id = 'a-5';",
    ),
    (
        9,
        "INSERT INTO search_candidates (search_id, driver_id, distance_m, position_age_secs, looked_at)
         VALUES (1, 7, 120.5, 3, '{now}');
         UPDATE events SET sent_at = '{now}' WHERE event_id = 1;",
    ),
    (10, "UPDATE jobs SET driver_lost_at = '{now}' WHERE kind = 'ride';"),
    (
        13,
        "UPDATE jobs SET currency = 'USD', amount_minor = earnings_minor, payment_method = 'cash',
            payment_status = 'paid', payment_reference = 'pay-' || public_id, paid_at = '{now}';
         INSERT INTO payment_notices (provider, notice_id, job_id, payment_status, amount_minor, currency, reference,
            outcome, received_at)
         VALUES ('signed', 'notice-1', 2, 'paid', 1999, 'USD', 'pay-a-2', 'taken', '{now}');",
    ),
    (
        14,
        "UPDATE customers SET external_id = 'crm-9' WHERE id = 9;
         UPDATE drivers SET external_id = 'hr-7';
         UPDATE jobs SET external_id = 'shop-' || public_id;",
    ),
    (16, "UPDATE jobs SET estimated_duration_minutes = 12 WHERE kind = 'ride';"),
    (18, "UPDATE customer_push_tokens SET session = 'family-1';"),
    (19, "INSERT INTO readiness (id, probes, filler) VALUES (1, 3, 'x');"),
    (
        20,
        "INSERT INTO log_in_places (account_id, place, used_at) VALUES (1, 'place', '{now}');
         INSERT INTO log_in_unlocks (account_id, unlocks) VALUES (1, 2);",
    ),
    (21, "UPDATE jobs SET asked_from = '192.0.2.7' WHERE status = 'requested';"),
    (
        23,
        "INSERT INTO earnings_kept (driver_id, day, currency, total_minor, cash_minor, orders, rides)
         VALUES (7, '2026-01-31', 'USD', 12345, 45, 6, 7);",
    ),
    (
        25,
        "INSERT INTO grants (id, account_id, kind, name, began_at, last_used_at, expires_at)
         VALUES ('family-1', 1, 'password', 'phone', '{now}', '{now}', '{later}');
         UPDATE accounts SET access_revoked_at = '{now}' WHERE id = 4;",
    ),
    (
        26,
        "INSERT INTO second_factors (account_id, secret, last_step) VALUES (3, 'JBSWY3DPEHPK3PXP', 17);
         INSERT INTO recovery_codes (account_id, code_hash) VALUES (3, 'hash');",
    ),
    (
        29,
        "INSERT INTO audit_log (at, actor, role, action, subject)
         VALUES ('{now}', 'account:3', 'admin', 'POST admin/orders', 'order:1');",
    ),
];

/// The rows of each table, by its columns, as texts.
type Books = BTreeMap<(String, Vec<String>), Vec<String>>;

/// The numbers of the migrations, in their order.
fn versions() -> Vec<u32> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let number = |name: &str| name.rsplit('-').next()?.split('_').next()?.parse().ok();
    let names = std::fs::read_dir(directory).expect("the product's migrations");
    let names = names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut numbers: Vec<u32> = names.filter_map(|name| number(&name)).collect();
    numbers.sort_unstable();
    numbers
}

/// Puts rows into a database of this version.
fn fill(database: &Database, version: u32) {
    let time = |from_now: TimeDelta| (Utc::now() + from_now).format("%Y-%m-%d %H:%M:%S").to_string();
    let (now, later) = (time(TimeDelta::minutes(-5)), time(TimeDelta::days(30)));
    for (_, rows) in ROWS.iter().filter(|(since, _)| *since <= version) {
        let sql = rows.replace("{now}", &now).replace("{later}", &later);
        let sql = sql.replace("{order 1}", &order_body("1")).replace("{order 2}", &order_body("2"));
        database.execute(&sql);
    }
}

/// An order's event as its row has it.
fn order_body(order_id: &str) -> String {
    format!(
        "{{\"event\":\"order_assigned\",\"order_id\":{order_id},\"restaurant_name\":\"Burger King\",\
         \"pickup_address\":\"P\",\"delivery_address\":\"D\",\"earnings\":45.5,\"currency\":\"USD\",\
         \"distance_km\":3.2}}"
    )
}

fn tables(database: &Database) -> Vec<String> {
    let sql = match database.file() {
        Some(_) => {
            "SELECT name AS value FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        }
        None => "SELECT CAST(tablename AS TEXT) AS value FROM pg_tables WHERE schemaname = 'public'",
    };
    let tables = database.words(sql).into_iter();
    tables.filter(|name| name != VERSIONS).collect()
}

fn columns(database: &Database, table: &str) -> Vec<String> {
    database.words(&match database.file() {
        Some(_) => format!("SELECT name AS value FROM pragma_table_info('{table}') ORDER BY name"),
        None => format!(
            "SELECT CAST(column_name AS TEXT) AS value FROM information_schema.columns \
             WHERE table_schema = 'public' AND table_name = '{table}' ORDER BY column_name"
        ),
    })
}

fn rows(database: &Database, table: &str, columns: &[String]) -> Vec<String> {
    let parts = columns.iter().map(|name| format!("COALESCE(CAST(\"{name}\" AS TEXT), '~')"));
    let parts: Vec<String> = parts.collect();
    let mut rows = database.words(&format!("SELECT {} AS value FROM {table}", parts.join(" || '|' || ")));
    rows.sort_unstable();
    rows
}

fn books(database: &Database) -> Books {
    let tables = tables(database).into_iter();
    let book = |table: String| {
        let columns = columns(database, &table);
        let rows = rows(database, &table, &columns);
        ((table, columns), rows)
    };
    tables.map(book).collect()
}

/// Each table's columns.
fn shape(database: &Database) -> BTreeMap<String, BTreeSet<String>> {
    let tables = tables(database).into_iter();
    tables.map(|table| (table.clone(), columns(database, &table).into_iter().collect())).collect()
}

/// This program's `migrate`.
async fn migrate(directory: &Path, database: &Database) {
    let settings = Settings::from([("DATABASE_URL".to_owned(), database.url().to_owned())]);
    let output = process::run(directory, &settings, &["migrate"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_database_of_each_earlier_version_loses_nothing() {
    let versions = versions();
    let newest = new_directory();
    let fresh = Database::create(&newest);
    migrate(&newest, &fresh).await;
    for (index, version) in versions.iter().enumerate() {
        let directory = new_directory();
        let database = Database::create(&directory);
        database.run_first_migrations(index + 1);
        fill(&database, *version);
        let before = books(&database);
        for ((table, _), rows) in &before {
            assert!(!rows.is_empty(), "nothing is compared of {table}: it wants a row in ROWS");
        }
        migrate(&directory, &database).await;
        for ((table, columns), expected) in &before {
            assert_eq!(&rows(&database, table, columns), expected, "{table}, from migration {version} on");
        }
        database.check_event_numbers();
        database.check_integrity();
        assert_eq!(shape(&database), shape(&fresh), "from migration {version} on");
        let other = database.number("SELECT COUNT(*) AS value FROM jobs WHERE currency <> 'USD'");
        assert_eq!(other, 0, "amounts are in the currency that was configured");
        std::fs::remove_dir_all(&directory).expect("nobody has it open");
    }
    std::fs::remove_dir_all(&newest).expect("nobody has it open");
}

/// Migration 12 gives user names and telephone numbers their one form: the same people, in other words.
#[tokio::test]
async fn names_and_numbers_get_their_one_form_and_keep_their_owners() {
    let directory = new_directory();
    let database = Database::create(&directory);
    database.run_first_migrations(1);
    fill(&database, 1);
    database.execute(
        "UPDATE accounts SET username = 'Driver-One' WHERE id = 1;
         UPDATE accounts SET phone_number = '00491700000002' WHERE id = 2;",
    );
    migrate(&directory, &database).await;
    let of = |column: &str, id: i64| {
        database.words(&format!("SELECT {column} AS value FROM accounts WHERE id = {id}")).remove(0)
    };
    assert_eq!((of("username", 1), of("phone_number", 2)), ("driver-one".into(), "+491700000002".into()));
    std::fs::remove_dir_all(&directory).expect("nobody has it open");
}

/// The phone of somebody who was offline over the upgrade hears what it missed, and the numbers go on from there.
#[tokio::test]
async fn a_server_goes_on_where_the_first_version_stopped() {
    let directory = new_directory();
    let database = Database::create(&directory);
    database.run_first_migrations(1);
    fill(&database, 1);
    let server = Server::builder().start_on(directory, database).await;
    let mut app = server.driver(DRIVER).await;
    let missed = app.expect("order_assigned").await;
    assert_eq!((&missed["id"], &missed["data"]["order_id"]), (&2.into(), &HELD.into()), "{missed}");
    let token = server.command(&["token", "--admin"]).await.trim().to_owned();
    let operator = server.anonymous().with_token(token);
    let body = serde_json::json!({ "driver_id": DRIVER });
    operator.post(&format!("admin/orders/{PENDING}/assign"), body).await.expect(200);
    let next = app.expect("order_assigned").await;
    assert_eq!((&next["id"], &next["data"]["order_id"]), (&3.into(), &PENDING.into()), "{next}");
    wait_until("both are confirmed", async || server.database().unconfirmed_of_driver(DRIVER).is_empty())
        .await;
    server.database().check_event_numbers();
    assert_eq!(server.driver_api(DRIVER).await.orders_assigned().await.len(), 2);
}

/// Prints how long the upgrade took: nobody is served meanwhile.
#[tokio::test]
async fn many_events_of_the_first_version_are_upgraded() {
    let events = rounds("UPGRADE_EVENTS", 2000).max(100);
    let jobs = events / 10;
    let directory = new_directory();
    let database = Database::create(&directory);
    database.run_first_migrations(1);
    fill(&database, 1);
    let now = Utc::now().format("%Y-%m-%d %H:%M:%S");
    database.execute(&format!(
        "INSERT INTO jobs (public_id, kind, status, customer_id, driver_id, restaurant_name, pickup_address,
            dropoff_address, earnings_minor, distance_km, requested_at, assigned_at, completed_at)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {jobs})
         SELECT 'b-' || i, 'delivery', 'completed', 9, 7, 'Burger King', 'P', 'D', i, 1.5, '{now}', '{now}', '{now}'
         FROM n;
         INSERT INTO events (account_id, event_id, job_id, name, body, created_at, confirmed_at)
         WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < {events})
         SELECT 1, i, 1 + i % {jobs}, 'order_assigned', '{}', '{now}', '{now}' FROM n;
         UPDATE accounts SET last_event_id = {events} WHERE id = 1;",
        order_body("1")
    ));
    let sums = || {
        [
            "SELECT COUNT(*) AS value FROM jobs",
            "SELECT CAST(SUM(earnings_minor) AS BIGINT) AS value FROM jobs",
            "SELECT COUNT(*) AS value FROM events",
            "SELECT CAST(SUM(event_id * job_id) AS BIGINT) AS value FROM events",
            "SELECT CAST(SUM(LENGTH(body)) AS BIGINT) AS value FROM events",
            "SELECT COUNT(*) AS value FROM events WHERE confirmed_at IS NULL",
        ]
        .map(|sql| database.number(sql))
    };
    let before = sums();
    let begun = Instant::now();
    migrate(&directory, &database).await;
    eprintln!("{events} events and {jobs} jobs upgraded in {} ms", begun.elapsed().as_millis());
    assert_eq!(sums(), before);
    let settled = database.number("SELECT COUNT(*) AS value FROM jobs WHERE currency = 'USD'");
    assert_eq!(settled, before[0], "each amount has its currency");
    database.check_event_numbers();
    database.check_integrity();
    std::fs::remove_dir_all(&directory).expect("nobody has it open");
}
