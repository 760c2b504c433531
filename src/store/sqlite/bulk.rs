//! Positions in bulk, for SQLite: one prepared statement, stepped once for each row. A statement of a thousand
//! rows would have to be parsed anew for each batch.

use crate::store::rows::{LivePosition, NewLocation};
use crate::store::schema::{driver_locations, drivers};
use diesel::prelude::*;

pub fn insert_locations(conn: &mut SqliteConnection, rows: &[NewLocation]) -> QueryResult<usize> {
    for row in rows {
        diesel::insert_into(driver_locations::table).values(row).execute(conn)?;
    }
    Ok(rows.len())
}

/// Moves the drivers' live positions on; an older measurement never replaces a newer one.
pub fn update_live_positions(conn: &mut SqliteConnection, rows: &[LivePosition]) -> QueryResult<usize> {
    let mut updated = 0;
    for row in rows {
        let older = drivers::position_measured.eq(false).or(drivers::position_at
            .is_null()
            .or(drivers::position_at.le(row.measured_at))
            .assume_not_null());
        updated += diesel::update(drivers::table.filter(drivers::id.eq(row.driver_id)).filter(older))
            .set((
                drivers::latitude.eq(row.latitude),
                drivers::longitude.eq(row.longitude),
                drivers::heading.eq(row.heading),
                drivers::speed.eq(row.speed),
                drivers::position_at.eq(row.measured_at),
                drivers::position_measured.eq(true),
            ))
            .execute(conn)?;
    }
    Ok(updated)
}
