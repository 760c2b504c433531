//! Reads drivers and searches from the store in the form that the fleet and the searches in memory use.

use crate::clock::Moment;
use crate::domain::candidate::PassedOver;
use crate::domain::driver::DriverStatus;
use crate::domain::ids::DriverId;
use crate::domain::open_search::OpenSearch;
use crate::matching::fleet::{DriverFacts, Fleet, KnownFix};
use crate::operations::searches;
use crate::store::reads::{self, Matchable};
use crate::store::{Conn, Database, Driver, StoreError};

/// Drivers read at a time.
pub(super) const PAGE_DRIVERS: i64 = 1000;

/// The open searches, to go on with.
pub fn read_searches(conn: &mut Conn<'_>) -> Result<Vec<OpenSearch>, StoreError> {
    let open = searches::open_jobs(conn)?;
    searches::find_among(conn, &open)
}

/// Every driver, with what is known of them by the steady clock.
pub(super) async fn read_fleet(database: &Database, now: Moment) -> Result<Fleet, StoreError> {
    let mut fleet = Fleet::default();
    fleet.at(now.steady);
    let mut after = DriverId(0);
    loop {
        let page = database.read(move |conn| reads::matchable_drivers(conn, after, PAGE_DRIVERS)).await?;
        let is_last = (page.len() as i64) < PAGE_DRIVERS;
        after = page.last().map_or(after, |row| row.driver.id);
        for row in page {
            fleet.set(standing(row, now));
        }
        if is_last {
            return Ok(fleet);
        }
    }
}

/// A driver as the fleet has them.
pub fn standing(Matchable { driver, account, is_carrying }: Matchable, now: Moment) -> DriverFacts {
    let position = driver.position().zip(driver.position_at).map(|(position, at)| KnownFix {
        position,
        at_ms: now.steady_of(at.and_utc()).timestamp_millis(),
        is_measured: driver.position_measured,
    });
    let unfit = match driver.status {
        _ if account.is_suspended => Some(PassedOver::Suspended),
        _ if !driver.is_verified => Some(PassedOver::NotVerified),
        DriverStatus::Available => None,
        DriverStatus::Busy => Some(PassedOver::Busy),
        DriverStatus::Offline => Some(PassedOver::Offline),
    };
    let Driver { id, vehicle_type, changed_at, .. } = driver;
    DriverFacts { driver: id, vehicle_type, unfit, is_carrying, position, changed_at }
}
