//! Positions, traces and the push queue in bulk, for SQLite: one prepared statement, stepped once for each row. A statement of a
//! thousand rows would have to be parsed anew for each batch.

use crate::domain::ids::{AccountId, EventId};
use crate::domain::notification::NotificationStatus;
use crate::domain::push::PushService;
use crate::store::prepared::Prepare;
use crate::store::push_rows::{NotificationRow, Settled};
use crate::store::rows::{LivePosition, NewCandidate, NewLocation};
use crate::store::schema::{
    driver_locations, drivers, events, notification_history as history, search_candidates,
};
use crate::store::sqlite::time_text::TimeText;
use chrono::NaiveDateTime;
use diesel::prelude::*;

pub fn insert_locations(conn: &mut SqliteConnection, rows: &[NewLocation]) -> QueryResult<usize> {
    for row in rows {
        insert_location(conn, row)?;
    }
    Ok(rows.len())
}

fn insert_location(conn: &mut SqliteConnection, row: &NewLocation) -> QueryResult<usize> {
    let columns = (
        driver_locations::driver_id.eq(row.driver_id),
        driver_locations::latitude.eq(row.latitude),
        driver_locations::longitude.eq(row.longitude),
        driver_locations::accuracy.eq(row.accuracy),
        driver_locations::heading.eq(row.heading),
        driver_locations::speed.eq(row.speed),
        driver_locations::battery_level.eq(row.battery_level),
        driver_locations::created_at.eq(TimeText(row.created_at)),
    );
    diesel::insert_into(driver_locations::table).values(columns).execute(conn)
}

/// The same, except for rows that exist already. Costs a look into the index, at the place where the row would be
/// written.
pub fn insert_late_locations(conn: &mut SqliteConnection, rows: &[NewLocation]) -> QueryResult<usize> {
    let mut inserted = 0;
    for row in rows {
        let same = driver_locations::table
            .filter(driver_locations::driver_id.eq(row.driver_id))
            .filter(driver_locations::created_at.eq(TimeText(row.created_at)))
            .filter(driver_locations::latitude.eq(row.latitude))
            .filter(driver_locations::longitude.eq(row.longitude));
        if !diesel::select(diesel::dsl::exists(same)).get_result(conn)? {
            inserted += insert_location(conn, row)?;
        }
    }
    Ok(inserted)
}

/// Moves the drivers' live positions on; an older measurement never replaces a newer one, unless that is from later than
/// `trusted_until`.
pub fn update_live_positions(
    conn: &mut SqliteConnection,
    rows: &[LivePosition],
    trusted_until: NaiveDateTime,
) -> QueryResult<usize> {
    let mut updated = 0;
    for row in rows {
        let is_older =
            drivers::position_at.le(TimeText(row.measured_at)).or(drivers::position_at.gt(trusted_until));
        let older = drivers::position_measured
            .eq(false)
            .or(drivers::position_at.is_null().or(is_older).assume_not_null());
        updated += diesel::update(drivers::table.filter(drivers::id.eq(row.driver_id)).filter(older))
            .set((
                drivers::latitude.eq(row.latitude),
                drivers::longitude.eq(row.longitude),
                drivers::heading.eq(row.heading),
                drivers::speed.eq(row.speed),
                drivers::position_at.eq(TimeText(row.measured_at)),
                drivers::position_measured.eq(true),
            ))
            .returning(drivers::id)
            .prepared()
            .execute(conn)?;
    }
    Ok(updated)
}

/// Notes drivers whom searches looked at, or what has become of those who were noted.
pub fn note_candidates(conn: &mut SqliteConnection, rows: &[NewCandidate]) -> QueryResult<usize> {
    for row in rows {
        diesel::insert_into(search_candidates::table)
            .values(row)
            .on_conflict((search_candidates::search_id, search_candidates::driver_id))
            .do_update()
            .set(row)
            .returning(search_candidates::driver_id)
            .prepared()
            .execute(conn)?;
    }
    Ok(rows.len())
}

/// Takes the notifications that are due longest for an attempt, which keeps them from others `until` then.
pub fn claim_notifications(
    conn: &mut SqliteConnection,
    service: PushService,
    now: NaiveDateTime,
    until: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<NotificationRow>> {
    let mut rows: Vec<NotificationRow> = history::table
        .filter(history::provider.eq(service.as_str()))
        .filter(history::due_at.le(now))
        .order(history::due_at)
        .limit(limit)
        .select(NotificationRow::as_select())
        .load(conn)?;
    for row in &mut rows {
        row.attempts += 1;
        diesel::update(history::table.find(row.id))
            .set((
                history::due_at.eq(until),
                history::leased_until.eq(until),
                history::attempts.eq(row.attempts),
            ))
            .returning(history::id)
            .prepared()
            .execute(conn)?;
    }
    Ok(rows)
}

/// Writes what attempts came to, and returns the rows that were written: those of other attempts by now are not.
pub fn settle_notifications(conn: &mut SqliteConnection, settled: &[Settled]) -> QueryResult<Vec<i64>> {
    let mut written = Vec::with_capacity(settled.len());
    for one in settled {
        let attempt = history::table
            .find(one.id)
            .filter(history::attempts.eq(one.attempt))
            .filter(history::status.eq(NotificationStatus::Pending.as_str()));
        let rows = diesel::update(attempt)
            .set((
                (
                    history::status.eq(one.status.as_str()),
                    history::reason.eq(one.reason.as_deref()),
                    history::provider.eq(one.service.as_str()),
                    history::attempts.eq(one.attempts),
                    history::due_at.eq(one.due_at),
                    history::leased_until.eq(None::<NaiveDateTime>),
                    history::deadline.eq(one.deadline),
                ),
                (
                    history::provider_message_id.eq(one.provider_message_id.as_deref()),
                    history::receipt_due_at.eq(one.receipt_due_at),
                    history::sent_at.eq(one.sent_at),
                    history::accept_ms.eq(one.accept_ms),
                ),
            ))
            .returning(history::id)
            .prepared()
            .execute(conn)?;
        written.extend((rows > 0).then_some(one.id));
    }
    Ok(written)
}

/// Notes on events that a push service has them. The first time counts.
pub fn mark_pushed(
    conn: &mut SqliteConnection,
    events: &[(AccountId, EventId)],
    at: NaiveDateTime,
) -> QueryResult<usize> {
    let mut marked = 0;
    for (account, id) in events {
        let event = events::table.find((account.0, id.0)).filter(events::pushed_at.is_null());
        marked += diesel::update(event)
            .set(events::pushed_at.eq(at))
            .returning(events::event_id)
            .prepared()
            .execute(conn)?;
    }
    Ok(marked)
}
