//! The work that searches want done, and its outcome. These are values only: the actor carries the work out.

use crate::domain::ids::DriverId;
use crate::domain::ride::Unavailable;
use chrono::{DateTime, Utc};

/// Something to be made durable for a search.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// To drivers who are all given the same time.
    Offer {
        drivers: Vec<DriverId>,
        expires_at: DateTime<Utc>,
    },
    Claim(DriverId),
    Close {
        driver: DriverId,
        reason: Unavailable,
    },
    Widen(usize),
    GiveUp,
}

/// The outcome of a piece of work.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// Only these were told.
    Offered(Vec<DriverId>),
    ClaimLost(DriverId),
    /// Also where it was no longer needed.
    Carried,
    /// The store could not be asked. Once more.
    Failed,
}
