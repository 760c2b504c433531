//! Positions in bulk, for PostgreSQL: one statement with an array for each column, so that a batch is one round trip
//! and its text is the same for every size.

use crate::store::rows::{LivePosition, NewLocation};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Nullable, Timestamp};

pub fn insert_locations(conn: &mut PgConnection, rows: &[NewLocation]) -> QueryResult<usize> {
    diesel::sql_query(
        "INSERT INTO driver_locations \
         (driver_id, latitude, longitude, accuracy, heading, speed, battery_level, created_at) \
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)",
    )
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

/// Moves the drivers' live positions on; an older measurement never replaces a newer one. The rows are locked by
/// driver id first, the order that every transaction keeps.
pub fn update_live_positions(conn: &mut PgConnection, rows: &[LivePosition]) -> QueryResult<usize> {
    diesel::sql_query(
        "WITH moved AS ( \
           SELECT * FROM unnest($1, $2, $3, $4, $5, $6) AS m (id, latitude, longitude, heading, speed, measured_at) \
         ), locked AS ( \
           SELECT d.id FROM drivers d JOIN moved m ON m.id = d.id ORDER BY d.id FOR NO KEY UPDATE OF d \
         ) \
         UPDATE drivers d SET latitude = m.latitude, longitude = m.longitude, heading = m.heading, \
           speed = m.speed, position_at = m.measured_at, position_measured = TRUE \
         FROM moved m JOIN locked l ON l.id = m.id \
         WHERE d.id = m.id AND (NOT d.position_measured OR d.position_at IS NULL OR d.position_at <= m.measured_at)",
    )
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.driver_id).collect::<Vec<_>>())
    .bind::<Array<Double>, _>(rows.iter().map(|row| row.latitude).collect::<Vec<_>>())
    .bind::<Array<Double>, _>(rows.iter().map(|row| row.longitude).collect::<Vec<_>>())
    .bind::<Array<Nullable<Double>>, _>(rows.iter().map(|row| row.heading).collect::<Vec<_>>())
    .bind::<Array<Nullable<Double>>, _>(rows.iter().map(|row| row.speed).collect::<Vec<_>>())
    .bind::<Array<Timestamp>, _>(rows.iter().map(|row| row.measured_at).collect::<Vec<_>>())
    .execute(conn)
}
