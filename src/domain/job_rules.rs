//! The rules of an installation by which jobs are decided: limits, prices and times that are set once, at start. Every
//! transaction carries them, so that no operation has to be told.

use crate::domain::currency::Currency;
use crate::domain::fare_source::FareSource;
use crate::domain::offer_detail::OfferDetail;
use crate::domain::ride::{Tariff, Travel};
use chrono::TimeDelta;

/// Constant while the process runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JobRules {
    pub tariff: Tariff,
    pub fare_source: FareSource,
    /// Shown of a ride that is only offered.
    pub offer_detail: OfferDetail,
    pub travel: Travel,
    /// How long a ride's driver is looked for.
    pub search_span: TimeDelta,
    /// Deliveries that make a driver busy.
    pub deliveries_max: i64,
    /// Bookings that one technician may hold.
    pub bookings_max: i64,
    pub open: OpenJobs,
}

/// How many open jobs those who ask may have, by their own asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenJobs {
    pub rides_of_customer_max: u32,
    pub bookings_of_customer_max: u32,
    /// Of all who have no account and come from one address.
    pub rides_of_address_max: u32,
}

impl JobRules {
    /// The installation's: what is asked for from now on is paid in it.
    pub const fn currency(&self) -> Currency {
        self.tariff.currency()
    }
}
