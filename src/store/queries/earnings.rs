//! Drivers' earnings from jobs that are no longer stored, summed up by day and currency.

use super::Db;
use crate::domain::ids::DriverId;
use crate::store::payment_rows::KeptEarnings;
use crate::store::schema::earnings_kept as kept;
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::upsert::excluded;

/// Adds to what is kept of that driver, day and currency.
pub fn add(conn: &mut Db, new: &KeptEarnings) -> QueryResult<usize> {
    diesel::insert_into(kept::table)
        .values(new)
        .on_conflict((kept::driver_id, kept::day, kept::currency))
        .do_update()
        .set((
            kept::total_minor.eq(kept::total_minor + excluded(kept::total_minor)),
            kept::cash_minor.eq(kept::cash_minor + excluded(kept::cash_minor)),
            kept::orders.eq(kept::orders + excluded(kept::orders)),
            kept::rides.eq(kept::rides + excluded(kept::rides)),
        ))
        .execute(conn)
}

/// A driver's from `to` back to `from` (both included), the newest first.
pub fn within(
    conn: &mut Db,
    driver: DriverId,
    from: NaiveDate,
    to: NaiveDate,
    limit: i64,
) -> QueryResult<Vec<KeptEarnings>> {
    kept::table
        .filter(kept::driver_id.eq(driver.0))
        .filter(kept::day.ge(from).and(kept::day.le(to)))
        .order((kept::day.desc(), kept::currency.desc()))
        .limit(limit)
        .select(KeptEarnings::as_select())
        .load(conn)
}
