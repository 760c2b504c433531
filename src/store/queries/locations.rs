//! Recorded positions. The bulk insert is each database's own: see `sqlite.rs` and `postgres.rs`.

use super::Db;
use crate::domain::ids::DriverId;
use crate::store::rows::Location;
use crate::store::schema::driver_locations;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A driver's track from `from` (a time and the id of the row before) until `to`, oldest first.
pub fn track(
    conn: &mut Db,
    driver: DriverId,
    from: (NaiveDateTime, i64),
    to: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<Location>> {
    let (time, id) = from;
    // The first bound is the index's; the second leaves out what was read of the same instant.
    let later = driver_locations::created_at.gt(time).or(driver_locations::id.gt(id));
    driver_locations::table
        .filter(driver_locations::driver_id.eq(driver.0))
        .filter(driver_locations::created_at.ge(time).and(driver_locations::created_at.lt(to)))
        .filter(later)
        .order((driver_locations::created_at, driver_locations::id))
        .limit(limit)
        .select(Location::as_select())
        .load(conn)
}

/// Removes positions older than `before` among the `limit` rows that were stored first, and says how many. Rows
/// are stored nearly in the order of their times, so this finds them without an index over time.
pub fn prune(conn: &mut Db, before: NaiveDateTime, limit: i64) -> QueryResult<usize> {
    let first: Vec<(i64, NaiveDateTime)> = driver_locations::table
        .order(driver_locations::id)
        .limit(limit)
        .select((driver_locations::id, driver_locations::created_at))
        .load(conn)?;
    let old: Vec<i64> = first.into_iter().filter(|(_, at)| *at < before).map(|(id, _)| id).collect();
    diesel::delete(driver_locations::table.filter(driver_locations::id.eq_any(&old))).execute(conn)
}
