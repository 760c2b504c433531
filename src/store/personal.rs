//! All data about a person, table by table: where it is found, what an export shows of it, and what an erasure does to
//! it. A column of the schema that this file does not name fails a test, so that nobody adds one without deciding.
//!
//! Statements are made only of these texts and of our ids, so they are the same for both databases.

use crate::domain::ids::JobId;
use crate::domain::job::JobStatus;
use crate::store::connection::Conn;
use crate::store::error::StoreError;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Timestamp};
use uuid::Uuid;

/// An erasure's effect on the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// They are ids, times, states and sums: the books need them, and nobody is known by them.
    Kept,
    /// These columns are emptied.
    Emptied(&'static str),
    Deleted,
}

/// A table as one side of a person has it.
pub struct Held {
    pub table: &'static str,
    /// Which rows: `{id}` is the customer's or driver's, `{account}` the account's.
    pub rows: &'static str,
    pub order: &'static str,
    pub erased: Erased,
    /// Columns that are somebody else's in these rows: an export leaves them out.
    pub others: &'static [&'static str],
}

/// The columns of a table that an export shows, without secrets and without data that does not concern the person.
pub struct Columns {
    pub table: &'static str,
    pub shown: &'static str,
    pub hidden: &'static str,
}

const fn held(table: &'static str, rows: &'static str, order: &'static str, erased: Erased) -> Held {
    Held { table, rows, order, erased, others: &[] }
}

const fn columns(table: &'static str, shown: &'static str, hidden: &'static str) -> Columns {
    Columns { table, shown, hidden }
}

use Erased::{Deleted, Emptied, Kept};

const ACCOUNT_EMPTIED: Erased = Emptied(
    "username = 'erased:{account}', phone_number = NULL, name = 'Erased', password_hash = NULL, is_suspended = TRUE",
);

/// In the order in which they are erased: what is found by other rows comes before those.
pub const OF_CUSTOMER: &[Held] = &[
    held("audit_log", "subject IN ('customer:{id}', 'account:{account}')", "at, id", Kept),
    held("idempotency_keys", "account_id = {account}", "created_at", Deleted),
    held("refresh_tokens", "account_id = {account}", "issued_at, id", Deleted),
    held("log_in_places", "account_id = {account}", "used_at, place", Deleted),
    held("log_in_unlocks", "account_id = {account}", "account_id", Deleted),
    held("grants", "account_id = {account}", "began_at, id", Deleted),
    held("second_factors", "account_id = {account}", "account_id", Deleted),
    held("recovery_codes", "account_id = {account}", "code_hash", Deleted),
    held("notification_history", "customer_id = {id}", "id", Deleted),
    held("push_preferences", "customer_id = {id}", "customer_id", Deleted),
    held("customer_push_tokens", "customer_id = {id}", "id", Deleted),
    held("events", "account_id = {account}", "event_id", Deleted),
    held(
        "search_candidates",
        "search_id IN (SELECT id FROM searches WHERE job_id IN (SELECT id FROM jobs WHERE customer_id = {id}))",
        "search_id, driver_id",
        Deleted,
    ),
    held("searches", "job_id IN (SELECT id FROM jobs WHERE customer_id = {id})", "id", Kept),
    held("offers", "job_id IN (SELECT id FROM jobs WHERE customer_id = {id})", "job_id, driver_id", Kept),
    held(
        "job_declines",
        "job_id IN (SELECT id FROM jobs WHERE customer_id = {id})",
        "job_id, driver_id",
        Kept,
    ),
    held(
        "payment_notices",
        "job_id IN (SELECT id FROM jobs WHERE customer_id = {id})",
        "job_id, notice_id",
        Emptied("reference = NULL"),
    ),
    held(
        "bookings",
        "job_id IN (SELECT id FROM jobs WHERE customer_id = {id})",
        "job_id",
        Emptied("service = ''"),
    ),
    held(
        "ride_ratings",
        "job_id IN (SELECT id FROM jobs WHERE customer_id = {id})",
        "job_id",
        Emptied("comment = NULL"),
    ),
    held(
        "jobs",
        "customer_id = {id}",
        "id",
        Emptied(
            "restaurant_name = '', pickup_address = '', pickup_latitude = NULL, pickup_longitude = NULL, \
             dropoff_address = '', dropoff_latitude = NULL, dropoff_longitude = NULL, cancel_reason = NULL, \
             passenger_phone = NULL, payment_reference = NULL, external_id = NULL, asked_from = NULL",
        ),
    ),
    held("guests", "account_id = {account}", "account_id", Deleted),
    held("customers", "id = {id}", "id", Emptied("time_zone = NULL, external_id = NULL")),
    held("accounts", "id = {account}", "id", ACCOUNT_EMPTIED),
];

/// Of a job, what its customer said.
const OF_THE_CUSTOMER: &[&str] = &[
    "restaurant_name",
    "pickup_address",
    "pickup_latitude",
    "pickup_longitude",
    "dropoff_address",
    "dropoff_latitude",
    "dropoff_longitude",
    "passenger_phone",
    "payment_reference",
    "external_id",
    "asked_from",
];

/// The same of a driver. Their customers' addresses are their customers'.
pub const OF_DRIVER: &[Held] = &[
    held("audit_log", "subject IN ('driver:{id}', 'account:{account}')", "at, id", Kept),
    held("idempotency_keys", "account_id = {account}", "created_at", Deleted),
    held("refresh_tokens", "account_id = {account}", "issued_at, id", Deleted),
    held("log_in_places", "account_id = {account}", "used_at, place", Deleted),
    held("log_in_unlocks", "account_id = {account}", "account_id", Deleted),
    held("grants", "account_id = {account}", "began_at, id", Deleted),
    held("second_factors", "account_id = {account}", "account_id", Deleted),
    held("recovery_codes", "account_id = {account}", "code_hash", Deleted),
    held("events", "account_id = {account}", "event_id", Deleted),
    held("search_candidates", "driver_id = {id}", "search_id", Deleted),
    held("offers", "driver_id = {id}", "job_id", Kept),
    held("job_declines", "driver_id = {id}", "job_id", Kept),
    held("earnings_kept", "driver_id = {id}", "day, currency", Kept),
    held(
        "ride_ratings",
        "job_id IN (SELECT id FROM jobs WHERE driver_id = {id})",
        "job_id",
        Emptied("comment = NULL"),
    ),
    held("bookings", "job_id IN (SELECT id FROM jobs WHERE driver_id = {id})", "job_id", Kept),
    Held {
        others: OF_THE_CUSTOMER,
        ..held("jobs", "driver_id = {id}", "id", Emptied("cancel_reason = NULL"))
    },
    held("driver_locations", "driver_id = {id}", "created_at, id", Deleted),
    held(
        "drivers",
        "id = {id}",
        "id",
        Emptied(
            "license_number = NULL, vehicle_registration = NULL, vehicle_color = NULL, latitude = NULL, longitude = NULL, \
             heading = NULL, speed = NULL, position_at = NULL, position_measured = FALSE, external_id = NULL, \
             is_verified = FALSE",
        ),
    ),
    held("accounts", "id = {account}", "id", ACCOUNT_EMPTIED),
];

/// Every table and column that there is.
pub const COLUMNS: &[Columns] = &[
    columns(
        "accounts",
        "id, public_id, username, phone_number, name, role, is_suspended, is_demo, last_event_id, created_at, is_guest",
        "password_hash, tokens_valid_from, access_revoked_at, password_once_until",
    ),
    columns(
        "drivers",
        "id, account_id, vehicle_type, license_number, vehicle_registration, vehicle_color, is_verified, wants, status, \
         rating, rating_count, latitude, longitude, heading, speed, position_at, position_measured, changed_at, external_id",
        "",
    ),
    columns("customers", "id, account_id, time_zone, external_id", ""),
    columns("guests", "account_id, opened_from, created_at", "key_hash, later_key_hash"),
    columns(
        "jobs",
        "id, public_id, kind, status, customer_id, driver_id, restaurant_name, pickup_address, pickup_latitude, \
         pickup_longitude, dropoff_address, dropoff_latitude, dropoff_longitude, earnings_minor, distance_km, requested_at, \
         assigned_at, set_out_at, arrived_at, started_at, completed_at, cancelled_at, cancelled_by, cancel_reason, \
         rejected_by, is_demo, ride_type, passenger_phone, estimated_fare_minor, final_fare_minor, scheduled_at, \
         driver_lost_at, estimated_duration_minutes, currency, amount_minor, payment_method, payment_status, \
         payment_reference, paid_at, external_id, asked_from",
        "",
    ),
    columns(
        "payment_notices",
        "provider, notice_id, job_id, payment_status, amount_minor, currency, reference, outcome, received_at",
        "",
    ),
    columns("bookings", "job_id, service", ""),
    columns("job_declines", "job_id, driver_id, declined_at", ""),
    columns("searches", "id, job_id, patience, opened_at, deadline, step, ended_at, ended_as", ""),
    columns(
        "offers",
        "job_id, driver_id, search_id, offered_at, expires_at, ended_at, outcome",
        "account_id",
    ),
    columns(
        "search_candidates",
        "search_id, driver_id, distance_m, position_age_secs, passed_over, looked_at",
        "",
    ),
    columns("ride_ratings", "job_id, stars, comment, rated_at", ""),
    columns(
        "events",
        "event_id, job_id, name, body, created_at, confirmed_at, confirmed_over, processed_at, sent_at, push_due_at, pushed_at",
        "account_id",
    ),
    columns(
        "customer_push_tokens",
        "id, customer_id, device_id, platform, fcm_registered_at, expo_registered_at, apns_registered_at, fcm_dead_at, \
         expo_dead_at, apns_dead_at, is_active, created_at, updated_at",
        "fcm_token, expo_push_token, apns_token, session",
    ),
    columns("push_preferences", "customer_id, opt_out, quiet_start, quiet_end, time_zone, updated_at", ""),
    columns(
        "notification_history",
        "id, public_id, customer_id, event_id, device_id, provider, notification_type, title, body, data, is_high_priority, \
         is_urgent, status, reason, attempts, due_at, deadline, provider_message_id, created_at, sent_at, accept_ms, opened_at",
        "account_id, leased_until, receipt_due_at",
    ),
    columns(
        "driver_locations",
        "id, driver_id, latitude, longitude, accuracy, heading, speed, battery_level, created_at",
        "",
    ),
    // The id of a refresh token alone is useless: the token is signed.
    columns(
        "refresh_tokens",
        "family, issued_at, expires_at, used_at, revoked_at",
        "id, account_id, successor",
    ),
    columns("log_in_places", "used_at", "account_id, place"),
    columns("log_in_unlocks", "unlocks", "account_id"),
    columns("earnings_kept", "day, currency, total_minor, cash_minor, orders, rides", "driver_id"),
    columns("grants", "id, kind, name, began_at, last_used_at, expires_at, revoked_at", "account_id"),
    columns("second_factors", "blocked_until", "account_id, secret, pending_secret, last_step, failures"),
    columns("recovery_codes", "", "account_id, code_hash"),
    columns(
        "idempotency_keys",
        "route, status, response, created_at",
        "account_id, idempotency_key, request_hash",
    ),
    columns("audit_log", "id, at, actor, role, action, subject, address, request_id", ""),
    columns("readiness", "", "id, probes, filler"),
];

/// Columns that have texts which are JSON already.
const JSON: [&str; 4] = ["body", "data", "opt_out", "response"];

/// An account's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    pub id: i64,
    pub account: i64,
}

impl Ids {
    fn put_into(self, text: &str) -> String {
        text.replace("{id}", &self.id.to_string()).replace("{account}", &self.account.to_string())
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    shown: String,
}

/// A part of what is held in a table, each row as a JSON object as the database writes it.
pub fn rows(
    conn: &mut Conn<'_>,
    held: &Held,
    ids: Ids,
    limit: usize,
    offset: usize,
) -> Result<Vec<String>, StoreError> {
    let columns =
        COLUMNS.iter().find(|columns| columns.table == held.table).expect("a test says that each is there");
    let shown = names(columns.shown).filter(|name| !held.others.contains(name));
    let pairs: Vec<String> = shown.map(|name| format!("'{name}', {name}")).collect();
    let object = match conn {
        Conn::Sqlite(_) => "json_object",
        Conn::Postgres(_) => "json_build_object",
    };
    let statement = format!(
        "SELECT CAST({object}({}) AS TEXT) AS shown FROM {} WHERE {} ORDER BY {} LIMIT {limit} OFFSET {offset}",
        pairs.join(", "),
        held.table,
        ids.put_into(held.rows),
        held.order,
    );
    let rows: Vec<Row> = conn.load(&statement)?;
    Ok(rows.into_iter().map(|row| row.shown).collect())
}

/// Deletes or empties the rows of a table, and says how many there were.
pub fn erase(conn: &mut Conn<'_>, held: &Held, ids: Ids) -> Result<usize, StoreError> {
    let rows = ids.put_into(held.rows);
    match held.erased {
        Kept => Ok(0),
        Deleted => conn.run(&format!("DELETE FROM {} WHERE {rows}", held.table)),
        Emptied(columns) => {
            conn.run(&format!("UPDATE {} SET {} WHERE {rows}", held.table, ids.put_into(columns)))
        }
    }
}

fn names(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// Whether a column's text is JSON.
pub fn is_json(column: &str) -> bool {
    JSON.contains(&column)
}

/// An event that somebody else was told of one of the person's jobs.
#[derive(Debug, QueryableByName)]
pub struct Told {
    #[diesel(sql_type = BigInt)]
    pub account_id: i64,
    #[diesel(sql_type = BigInt)]
    pub event_id: i64,
    #[diesel(sql_type = Text)]
    pub body: String,
    #[diesel(sql_type = Timestamp)]
    pub created_at: NaiveDateTime,
}

/// Their jobs are those that they have, and those that they were told of: a driver may have given one back.
pub fn told_to_others(conn: &mut Conn<'_>, is_customer: bool, ids: Ids) -> Result<Vec<Told>, StoreError> {
    let column = side(is_customer);
    conn.load(&ids.put_into(&format!(
        "SELECT account_id, event_id, body, created_at FROM events WHERE account_id <> {{account}} AND job_id IN \
         (SELECT job_id FROM events WHERE account_id = {{account}} AND job_id IS NOT NULL \
         UNION SELECT id FROM jobs WHERE {column} = {{id}}) ORDER BY created_at, account_id, event_id"
    )))
}

fn side(is_customer: bool) -> &'static str {
    if is_customer { "customer_id" } else { "driver_id" }
}

#[derive(QueryableByName)]
struct JobRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Those that have not ended, the oldest first.
pub fn open_jobs(
    conn: &mut Conn<'_>,
    is_customer: bool,
    ids: Ids,
    limit: usize,
) -> Result<Vec<JobId>, StoreError> {
    let ended = [JobStatus::Completed, JobStatus::Cancelled, JobStatus::Unmatched];
    let ended: Vec<String> = ended.iter().map(|status| format!("'{}'", status.as_str())).collect();
    let column = side(is_customer);
    let rows: Vec<JobRow> = conn.load(&ids.put_into(&format!(
        "SELECT id FROM jobs WHERE {column} = {{id}} AND status NOT IN ({}) ORDER BY id LIMIT {limit}",
        ended.join(", ")
    )))?;
    Ok(rows.into_iter().map(|row| JobId(row.id)).collect())
}

/// Whole pages that become free while `erasing` are zeroed, too: what is deleted leaves nothing in the file. PostgreSQL's vacuum does
/// that in its own time.
pub fn zero_pages(conn: &mut Conn<'_>, erasing: bool) -> Result<(), StoreError> {
    match conn {
        Conn::Postgres(_) => Ok(()),
        Conn::Sqlite(_) if erasing => conn.execute("PRAGMA secure_delete = ON"),
        // As connections are opened.
        Conn::Sqlite(_) => conn.execute("PRAGMA secure_delete = FAST"),
    }
}

/// Nor in the file that SQLite writes first. Outside of a transaction; where somebody reads meanwhile, the next one gets further.
pub fn write_back(conn: &mut Conn<'_>) -> Result<(), StoreError> {
    match conn {
        Conn::Sqlite(_) => conn.execute("PRAGMA wal_checkpoint(TRUNCATE)"),
        Conn::Postgres(_) => Ok(()),
    }
}

pub fn forget_positions(conn: &mut Conn<'_>, driver: i64, limit: usize) -> Result<usize, StoreError> {
    conn.run(&format!(
        "DELETE FROM driver_locations WHERE id IN (SELECT id FROM driver_locations WHERE driver_id = {driver} \
         ORDER BY created_at LIMIT {limit})"
    ))
}

pub fn forget_event(conn: &mut Conn<'_>, account: i64, event: i64) -> Result<usize, StoreError> {
    conn.run(&format!("DELETE FROM events WHERE account_id = {account} AND event_id = {event}"))
}

pub fn forget_notifications(conn: &mut Conn<'_>, account: i64, event: i64) -> Result<usize, StoreError> {
    conn.run(&format!(
        "UPDATE notification_history SET title = '', body = '', data = '{{}}' \
         WHERE account_id = {account} AND event_id = {event}"
    ))
}

/// Answers to others, kept for repetitions of their requests, that are about the person or one of their orders.
pub fn forget_answers(
    conn: &mut Conn<'_>,
    is_customer: bool,
    ids: Ids,
    public_id: Uuid,
    kept_since: NaiveDateTime,
) -> Result<usize, StoreError> {
    let (column, since) = (side(is_customer), kept_since.format("%Y-%m-%d %H:%M:%S"));
    conn.run(&ids.put_into(&format!(
        "DELETE FROM idempotency_keys WHERE response LIKE '%{public_id}%' OR response LIKE '%\"{column}\":{{id}},%' \
         OR response LIKE '%\"{column}\":{{id}}}}%' OR EXISTS (SELECT 1 FROM jobs WHERE {column} = {{id}} \
         AND (requested_at >= '{since}' OR assigned_at >= '{since}' OR completed_at >= '{since}' \
         OR cancelled_at >= '{since}') AND idempotency_keys.route LIKE '%/' || jobs.id || '/%')"
    )))
}

/// Earlier tokens are refused, even if the account is let in again.
pub fn end_tokens(conn: &mut Conn<'_>, ids: Ids, valid_from: i64) -> Result<usize, StoreError> {
    conn.run(&format!("UPDATE accounts SET tokens_valid_from = {valid_from} WHERE id = {}", ids.account))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::executor::Where;
    use crate::store::migrate;
    use std::collections::BTreeSet;
    use std::time::Duration;

    #[derive(QueryableByName)]
    struct Column {
        #[diesel(sql_type = Text)]
        name: String,
    }

    fn columns_of_the_schema() -> BTreeSet<String> {
        let directory = std::env::temp_dir().join(format!("fleetwire-personal-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&directory).expect("a directory");
        let path = directory.join("test.db");
        migrate(&Where::Sqlite(path.clone()), Duration::from_secs(5)).expect("a schema");
        let mut conn = SqliteConnection::establish(&path.to_string_lossy()).expect("the file");
        let found: Vec<Column> = diesel::sql_query(
            "SELECT tables.name || '.' || columns.name AS name FROM sqlite_schema AS tables, \
             pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' \
             AND tables.name NOT LIKE 'sqlite_%' AND tables.name <> '__diesel_schema_migrations'",
        )
        .load(&mut conn)
        .expect("the schema");
        std::fs::remove_dir_all(&directory).expect("removed");
        found.into_iter().map(|column| column.name).collect()
    }

    /// Every new column must be listed here, with its place in an export and its treatment in an erasure.
    #[test]
    fn every_column_of_the_schema_is_named() {
        let named = COLUMNS.iter().flat_map(|columns| {
            let names = names(columns.shown).chain(names(columns.hidden));
            names.map(|name| format!("{}.{name}", columns.table))
        });
        let (schema, named) = (columns_of_the_schema(), named.collect::<BTreeSet<_>>());
        assert_eq!(
            schema.difference(&named).collect::<Vec<_>>(),
            [] as [&String; 0],
            "say what becomes of it"
        );
        assert_eq!(
            named.difference(&schema).collect::<Vec<_>>(),
            [] as [&String; 0],
            "there is no such column"
        );
    }

    #[test]
    fn what_is_held_is_in_tables_that_there_are_and_what_is_emptied_in_their_columns() {
        for held in OF_CUSTOMER.iter().chain(OF_DRIVER) {
            let columns = COLUMNS.iter().find(|columns| columns.table == held.table).expect(held.table);
            let all: Vec<_> = names(columns.shown).chain(names(columns.hidden)).collect();
            if let Emptied(emptied) = held.erased {
                for one in emptied.split(',') {
                    let name = one.split('=').next().expect("a name").trim();
                    assert!(all.contains(&name), "{}.{name}", held.table);
                }
            }
        }
    }
}
