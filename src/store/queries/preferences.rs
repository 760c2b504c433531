//! Customers' preferences: which notifications they want, and when.

use super::Db;
use crate::store::push_rows::PreferencesRow;
use crate::store::schema::push_preferences as preferences;
use diesel::prelude::*;

pub fn of(conn: &mut Db, customers: &[i64]) -> QueryResult<Vec<PreferencesRow>> {
    preferences::table
        .filter(preferences::customer_id.eq_any(customers))
        .select(PreferencesRow::as_select())
        .load(conn)
}

pub fn set(conn: &mut Db, row: &PreferencesRow) -> QueryResult<usize> {
    diesel::insert_into(preferences::table)
        .values(row)
        .on_conflict(preferences::customer_id)
        .do_update()
        .set(row)
        .execute(conn)
}
