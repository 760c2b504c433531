//! Positions, traces and the push queue in bulk, for PostgreSQL: one statement with an array for each column, so that a batch is
//! one round trip and its text is the same for every size.

use crate::domain::ids::{AccountId, EventId};
use crate::domain::push::PushService;
use crate::store::push_rows::{NotificationRow, Settled};
use crate::store::rows::{LivePosition, NewCandidate, NewLocation};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Nullable, Text, Timestamp};

pub fn insert_locations(conn: &mut PgConnection, rows: &[NewLocation]) -> QueryResult<usize> {
    insert(conn, "SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)", rows)
}

/// The same, except for rows that exist already or come twice.
pub fn insert_late_locations(conn: &mut PgConnection, rows: &[NewLocation]) -> QueryResult<usize> {
    const NOT_THERE: &str = "SELECT DISTINCT ON (driver_id, created_at, latitude, longitude) n.* \
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) \
           AS n (driver_id, latitude, longitude, accuracy, heading, speed, battery_level, created_at) \
         WHERE NOT EXISTS (SELECT FROM driver_locations l WHERE l.driver_id = n.driver_id \
           AND l.created_at = n.created_at AND l.latitude = n.latitude AND l.longitude = n.longitude)";
    insert(conn, NOT_THERE, rows)
}

fn insert(conn: &mut PgConnection, what: &str, rows: &[NewLocation]) -> QueryResult<usize> {
    diesel::sql_query(format!(
        "INSERT INTO driver_locations \
         (driver_id, latitude, longitude, accuracy, heading, speed, battery_level, created_at) {what}",
    ))
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.driver_id).collect::<Vec<_>>())
    .bind::<Array<Double>, _>(rows.iter().map(|row| row.latitude).collect::<Vec<_>>())
    .bind::<Array<Double>, _>(rows.iter().map(|row| row.longitude).collect::<Vec<_>>())
    .bind::<Array<Nullable<Double>>, _>(rows.iter().map(|row| row.accuracy).collect::<Vec<_>>())
    .bind::<Array<Nullable<Double>>, _>(rows.iter().map(|row| row.heading).collect::<Vec<_>>())
    .bind::<Array<Nullable<Double>>, _>(rows.iter().map(|row| row.speed).collect::<Vec<_>>())
    .bind::<Array<Nullable<Double>>, _>(rows.iter().map(|row| row.battery_level).collect::<Vec<_>>())
    .bind::<Array<Timestamp>, _>(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
    .execute(conn)
}

/// Moves the drivers' live positions on; an older measurement never replaces a newer one, unless that is from later than
/// `trusted_until`. The rows are locked by driver id first, the order that every transaction keeps.
pub fn update_live_positions(
    conn: &mut PgConnection,
    rows: &[LivePosition],
    trusted_until: NaiveDateTime,
) -> QueryResult<usize> {
    diesel::sql_query(
        "WITH moved AS ( \
           SELECT * FROM unnest($1, $2, $3, $4, $5, $6) AS m (id, latitude, longitude, heading, speed, measured_at) \
         ), locked AS ( \
           SELECT d.id FROM drivers d JOIN moved m ON m.id = d.id ORDER BY d.id FOR NO KEY UPDATE OF d \
         ) \
         UPDATE drivers d SET latitude = m.latitude, longitude = m.longitude, heading = m.heading, \
           speed = m.speed, position_at = m.measured_at, position_measured = TRUE \
         FROM moved m JOIN locked l ON l.id = m.id \
         WHERE d.id = m.id AND (NOT d.position_measured OR d.position_at IS NULL OR d.position_at <= m.measured_at \
           OR d.position_at > $7)",
    )
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.driver_id).collect::<Vec<_>>())
    .bind::<Array<Double>, _>(rows.iter().map(|row| row.latitude).collect::<Vec<_>>())
    .bind::<Array<Double>, _>(rows.iter().map(|row| row.longitude).collect::<Vec<_>>())
    .bind::<Array<Nullable<Double>>, _>(rows.iter().map(|row| row.heading).collect::<Vec<_>>())
    .bind::<Array<Nullable<Double>>, _>(rows.iter().map(|row| row.speed).collect::<Vec<_>>())
    .bind::<Array<Timestamp>, _>(rows.iter().map(|row| row.measured_at).collect::<Vec<_>>())
    .bind::<Timestamp, _>(trusted_until)
    .execute(conn)
}

/// Notes drivers whom searches looked at, or what has become of those who were noted. No two rows may be of the same.
pub fn note_candidates(conn: &mut PgConnection, rows: &[NewCandidate]) -> QueryResult<usize> {
    diesel::sql_query(
        "INSERT INTO search_candidates \
         (search_id, driver_id, distance_m, position_age_secs, passed_over, looked_at) \
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (search_id, driver_id) DO UPDATE SET distance_m = excluded.distance_m, \
           position_age_secs = excluded.position_age_secs, passed_over = excluded.passed_over, \
           looked_at = excluded.looked_at",
    )
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.search_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.driver_id).collect::<Vec<_>>())
    .bind::<Array<Double>, _>(rows.iter().map(|row| row.distance_m).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(rows.iter().map(|row| row.position_age_secs).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|row| row.passed_over).collect::<Vec<_>>())
    .bind::<Array<Timestamp>, _>(rows.iter().map(|row| row.looked_at).collect::<Vec<_>>())
    .execute(conn)
}

/// Takes the notifications that are due longest for an attempt, which keeps them from others `until` then.
pub fn claim_notifications(
    conn: &mut PgConnection,
    service: PushService,
    now: NaiveDateTime,
    until: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<NotificationRow>> {
    let mut rows: Vec<NotificationRow> = diesel::sql_query(
        "WITH due AS ( \
           SELECT id FROM notification_history WHERE provider = $1 AND due_at <= $2 \
           ORDER BY due_at LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED \
         ) \
         UPDATE notification_history h SET due_at = $3, leased_until = $3, attempts = h.attempts + 1 \
         FROM due WHERE h.id = due.id RETURNING h.*",
    )
    .bind::<Text, _>(service.as_str())
    .bind::<Timestamp, _>(now)
    .bind::<Timestamp, _>(until)
    .bind::<BigInt, _>(limit)
    .load(conn)?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

/// Writes what attempts came to, and returns the rows that were written: those of other attempts by now are not.
pub fn settle_notifications(conn: &mut PgConnection, settled: &[Settled]) -> QueryResult<Vec<i64>> {
    #[derive(QueryableByName)]
    struct Written {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let written: Vec<Written> = diesel::sql_query(
        "UPDATE notification_history h SET status = s.status, reason = s.reason, provider = s.provider, \
           attempts = s.attempts, due_at = s.due_at, leased_until = NULL, deadline = s.deadline, \
           provider_message_id = s.provider_message_id, receipt_due_at = s.receipt_due_at, sent_at = s.sent_at, \
           accept_ms = s.accept_ms \
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS s (id, attempt, attempts, status, reason, \
           provider, due_at, deadline, provider_message_id, receipt_due_at, sent_at, accept_ms) \
         WHERE h.id = s.id AND h.attempts = s.attempt AND h.status = 'pending' RETURNING h.id",
    )
    .bind::<Array<BigInt>, _>(column(settled, |one| one.id))
    .bind::<Array<BigInt>, _>(column(settled, |one| one.attempt))
    .bind::<Array<BigInt>, _>(column(settled, |one| one.attempts))
    .bind::<Array<Text>, _>(column(settled, |one| one.status.as_str()))
    .bind::<Array<Nullable<Text>>, _>(column(settled, |one| one.reason.clone()))
    .bind::<Array<Text>, _>(column(settled, |one| one.service.as_str()))
    .bind::<Array<Nullable<Timestamp>>, _>(column(settled, |one| one.due_at))
    .bind::<Array<Timestamp>, _>(column(settled, |one| one.deadline))
    .bind::<Array<Nullable<Text>>, _>(column(settled, |one| one.provider_message_id.clone()))
    .bind::<Array<Nullable<Timestamp>>, _>(column(settled, |one| one.receipt_due_at))
    .bind::<Array<Nullable<Timestamp>>, _>(column(settled, |one| one.sent_at))
    .bind::<Array<Nullable<BigInt>>, _>(column(settled, |one| one.accept_ms))
    .load(conn)?;
    Ok(written.into_iter().map(|row| row.id).collect())
}

fn column<T>(settled: &[Settled], of: impl Fn(&Settled) -> T) -> Vec<T> {
    settled.iter().map(of).collect()
}

/// Notes on events that a push service has them. The first time counts.
pub fn mark_pushed(
    conn: &mut PgConnection,
    events: &[(AccountId, EventId)],
    at: NaiveDateTime,
) -> QueryResult<usize> {
    diesel::sql_query(
        "UPDATE events e SET pushed_at = $3 FROM unnest($1, $2) AS p (account_id, event_id) \
         WHERE e.account_id = p.account_id AND e.event_id = p.event_id AND e.pushed_at IS NULL",
    )
    .bind::<Array<BigInt>, _>(events.iter().map(|(account, _)| account.0).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(events.iter().map(|(_, id)| id.0).collect::<Vec<_>>())
    .bind::<Timestamp, _>(at)
    .execute(conn)
}
