//! A driver as the index receives and returns them.

use super::cell::Key;
use crate::domain::ids::DriverId;
use crate::domain::position::Position;
use crate::matching::vehicle::VehicleType;

/// A driver who can be matched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Indexed {
    pub driver: DriverId,
    /// Kept to a centimetre.
    pub position: Position,
    pub vehicle: VehicleType,
    /// Milliseconds since 1970, or [`Indexed::UNMEASURED`].
    pub measured_at_ms: i64,
}

impl Indexed {
    /// The time of a position that no app measured: later than any, so it never is too old.
    pub const UNMEASURED: i64 = i64::MAX;
    /// Later times are kept as unmeasured, times before 1970 as 1970: 48 bits are enough until the year 10889.
    pub const MEASURED_AT_MS_MAX: i64 = (1 << 48) - 2;

    pub(super) fn key(&self) -> Key {
        Key::new(self.position.into(), self.driver)
    }
}
