//! How far a ride's driver has driven, counting every position that was accepted before the question, even a moment
//! before.

use crate::actors::recorder::RecorderHandle;
use crate::clock::SharedClock;
use crate::domain::ids::DriverId;
use crate::domain::ride::RideId;
use crate::operations::rides;
use crate::store::{Database, StoreError};

/// Metres; `None` where the track says nothing.
pub async fn driven_m(
    recorder: &RecorderHandle,
    database: &Database,
    clock: &SharedClock,
    ride: &RideId,
    driver: DriverId,
) -> Result<Option<f64>, StoreError> {
    if !recorder.flush_positions().await {
        return Err(StoreError::Unavailable("positions are not written yet"));
    }
    let (ride, now) = (ride.clone(), clock.now());
    database.read(move |conn| rides::driven_m(conn, &ride, driver, now)).await
}
