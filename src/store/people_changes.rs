//! Changes to the rows of drivers, customers and their accounts. A field that is `None` leaves its column unchanged.

use crate::store::schema::{accounts, customers, drivers};
use chrono::NaiveDateTime;
use diesel::prelude::AsChangeset;

/// Changes to a driver; `None` leaves a column unchanged, `Some(None)` clears it.
#[derive(Debug, Default, PartialEq, AsChangeset)]
#[diesel(table_name = drivers)]
pub struct DriverChange {
    pub vehicle_type: Option<String>,
    pub license_number: Option<Option<String>>,
    pub vehicle_registration: Option<Option<String>>,
    pub vehicle_color: Option<Option<String>>,
    pub external_id: Option<Option<String>>,
    pub is_verified: Option<bool>,
    pub wants: Option<&'static str>,
    pub status: Option<&'static str>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub position_at: Option<NaiveDateTime>,
    pub position_measured: Option<bool>,
}

/// Changes to a customer; `None` leaves a column unchanged, `Some(None)` clears it.
#[derive(Debug, Default, PartialEq, AsChangeset)]
#[diesel(table_name = customers)]
pub struct CustomerChange {
    pub time_zone: Option<Option<&'static str>>,
    pub external_id: Option<Option<String>>,
}

/// Changes to an account; `None` leaves a column unchanged.
#[derive(Debug, Default, PartialEq, AsChangeset)]
#[diesel(table_name = accounts)]
pub struct AccountChange {
    pub name: Option<String>,
    pub phone_number: Option<String>,
}
