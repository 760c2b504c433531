//! What is kept of a search for a driver, and what is announced of it. The rules by which it goes on are in `matching`.

use crate::domain::ids::{DriverId, JobId, SearchId};
use crate::domain::offer::Offer;
use crate::domain::position::Position;
use crate::domain::search_policy::Patience;
use chrono::{DateTime, Utc};

/// What is kept of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchRow {
    pub opened_at: DateTime<Utc>,
    pub deadline: DateTime<Utc>,
    /// How many times the radius grew.
    pub step: usize,
}

/// An open search as rows have it: all that is needed to begin it, or to go on with it.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenSearch {
    pub id: SearchId,
    pub job: JobId,
    pub row: SearchRow,
    pub patience: Patience,
    pub pickup: Position,
    /// None takes every vehicle.
    pub vehicle_type: Option<String>,
    /// All that were made of this ride, also by earlier searches.
    pub offers: Vec<Offer>,
    /// Drivers who let the ride pass or gave it back.
    pub refused: Vec<DriverId>,
}

/// What has happened to a search, told after the commit.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchNews {
    Opened(Box<OpenSearch>),
    /// The ride was bound to a driver.
    Assigned {
        job: JobId,
        driver: DriverId,
    },
    Cancelled(JobId),
    Declined {
        job: JobId,
        driver: DriverId,
    },
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Assigned(DriverId),
    Cancelled,
    NoDrivers,
}

impl End {
    /// As the database has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            End::Assigned(_) => "assigned",
            End::Cancelled => "cancelled",
            End::NoDrivers => "no_drivers",
        }
    }
}
