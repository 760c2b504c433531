//! The drivers who were near when a search looked, and why they were not asked: the content of a search's trace.

use crate::domain::ids::{DriverId, SearchId};
use crate::domain::words::words;
use chrono::{DateTime, Utc};

words! {
    /// Why a driver who was near was not asked.
    PassedOver {
        /// On a ride or a service, paused, or with as many deliveries as allowed.
        Busy = "busy",
        Offline = "offline",
        NotVerified = "not_verified",
        Suspended = "suspended",
        /// Their app has not told where they are for too long.
        PositionTooOld = "position_too_old",
        /// The position that their device reports is not believed.
        PositionNotBelieved = "position_not_believed",
        OtherVehicle = "other_vehicle",
        HoldsDeliveries = "holds_deliveries",
        /// Had an offer of this ride, let it pass or gave it back.
        AskedBefore = "asked_before",
        /// Holds as many open offers as allowed.
        TooManyOffers = "too_many_offers",
        /// Another ride was being bound to them that moment.
        BeingBound = "being_bound",
    }
}

/// A driver whom a search looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Considered {
    pub driver: DriverId,
    /// From the pickup, great circle.
    pub distance_m: f64,
    /// Of the position; `None` where no app measured it.
    pub position_age_secs: Option<i64>,
    /// `None` where they were to be asked.
    pub passed_over: Option<PassedOver>,
}

/// A search's look at a driver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    pub search: SearchId,
    pub at: DateTime<Utc>,
    pub considered: Considered,
}
