//! The answer of `drivers/nearby`.

use crate::domain::ids::DriverId;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NearbyDrivers {
    /// The nearest first.
    pub items: Vec<NearbyDriver>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NearbyDriver {
    pub driver_id: DriverId,
    pub vehicle_type: String,
    /// Great circle.
    pub distance_m: f64,
    pub latitude: f64,
    pub longitude: f64,
    /// Null where no app measured the position.
    pub position_age_secs: Option<i64>,
}
