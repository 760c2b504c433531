//! The stored state of a search for a driver. The rules by which it proceeds are in `matching`.

use crate::domain::announcement::OpenedSearch;
use crate::domain::ids::{DriverId, JobId, SearchId};
use crate::domain::offer::Offer;
use crate::domain::position::Position;
use crate::domain::search_policy::Patience;
use chrono::{DateTime, Utc};

/// The row of a search.
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

impl From<OpenedSearch> for OpenSearch {
    fn from(opened: OpenedSearch) -> Self {
        let OpenedSearch { id, job, patience, opened_at, deadline, pickup, vehicle_type } = opened;
        let row = SearchRow { opened_at, deadline, step: 0 };
        Self { id, job, row, patience, pickup, vehicle_type, offers: Vec::new(), refused: Vec::new() }
    }
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Assigned(DriverId),
    Cancelled,
    NoDrivers,
}

impl End {
    /// The word for a driver who was found.
    pub const ASSIGNED: &'static str = "assigned";

    /// As the database has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            End::Assigned(_) => Self::ASSIGNED,
            End::Cancelled => "cancelled",
            End::NoDrivers => "no_drivers",
        }
    }
}
