//! A customer's preferences: which notifications they want, and when.

use crate::domain::announcement::Announcement;
use crate::domain::audit::Subject;
use crate::domain::ids::CustomerId;
use crate::domain::quiet_hours::QuietHours;
use crate::operations::error::{Error, Refusal};
use crate::store::{Conn, PreferencesRow, StoreError, Tx, sql};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

/// The default is everything, at any time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preferences {
    /// Types of notifications that are not wanted.
    pub opt_out: Vec<String>,
    pub quiet_hours: Option<QuietHours>,
    /// Theirs; the customer's account, else the server, says where the clock hangs otherwise.
    pub time_zone: Option<Tz>,
}

impl Preferences {
    pub(super) fn of_row(row: &PreferencesRow) -> Self {
        let hours = row.quiet_start.as_deref().zip(row.quiet_end.as_deref());
        Self {
            // Written by us; what can't be read means nothing.
            opt_out: serde_json::from_str(&row.opt_out).unwrap_or_default(),
            quiet_hours: hours.and_then(|(start, end)| QuietHours::parse(start, end).ok()),
            time_zone: row.time_zone.as_deref().and_then(|zone| zone.parse().ok()),
        }
    }

    /// In any case of letters: an opt-out must not be void for one.
    pub fn wants(&self, kind: &str) -> bool {
        !self.opt_out.iter().any(|unwanted| unwanted.eq_ignore_ascii_case(kind))
    }

    /// When quiet hours end, if it is within them.
    pub fn quiet_until(&self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        self.quiet_hours?.quiet_until(now, self.time_zone.unwrap_or(zone))
    }
}

/// As they are, in the zone that counts; `None` where there is no such customer.
pub fn preferences(
    conn: &mut Conn<'_>,
    customer: CustomerId,
    zone: Tz,
) -> Result<Option<(Preferences, Tz)>, StoreError> {
    let Some((row, _)) = sql!(conn, customers::find(customer))? else { return Ok(None) };
    let stored = sql!(conn, preferences::of(&[customer.0]))?;
    let preferences = stored.first().map(Preferences::of_row).unwrap_or_default();
    let own = row.time_zone.and_then(|zone| zone.parse().ok());
    let zone = preferences.time_zone.or(own).unwrap_or(zone);
    Ok(Some((preferences, zone)))
}

pub fn set_preferences(tx: &mut Tx<'_>, customer: CustomerId, new: &Preferences) -> Result<(), Error> {
    let known = sql!(tx, customers::find(customer))?.is_some();
    known.then_some(()).ok_or(Refusal::NotFound("customer"))?;
    tx.concerns(Subject::customer(customer));
    let row = PreferencesRow {
        customer_id: customer.0,
        opt_out: serde_json::to_string(&new.opt_out).expect("a list of texts"),
        quiet_start: new.quiet_hours.map(QuietHours::start),
        quiet_end: new.quiet_hours.map(QuietHours::end),
        time_zone: new.time_zone.map(|zone| zone.name().to_owned()),
        updated_at: tx.at(),
    };
    sql!(tx, preferences::set(&row))?;
    tx.announce(Announcement::DevicesChanged(customer));
    Ok(())
}
