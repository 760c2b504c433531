//! Owns how the earth is halved into cells, by longitude and by latitude in turns. Both are whole numbers here: 2³² steps go
//! around the earth, so the date line is where such numbers wrap anyhow, and no case of its own.

use crate::domain::ids::DriverId;
use crate::domain::position::Position;

/// 2³²: steps from pole to pole, and around the earth.
const STEPS: f64 = 4_294_967_296.0;
/// Halvings until a cell is one step wide and high, some millimetres.
const HALVINGS: u8 = 64;

/// A longitude in steps eastward from the date line, and a latitude in steps from the south pole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    east: u32,
    north: u32,
}

impl From<Position> for Steps {
    #[inline]
    fn from(position: Position) -> Self {
        // The casts keep 180° east and 90° north within the last step.
        Self {
            east: ((position.longitude() + 180.0) * (STEPS / 360.0)) as u32,
            north: ((position.latitude() + 90.0) * (STEPS / 180.0)) as u32,
        }
    }
}

/// How far apart two things are at least in either direction, in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    east: u32,
    north: u32,
}

impl Gap {
    pub(super) const NONE: Gap = Gap { east: 0, north: 0 };

    /// Of two that are the same in one direction.
    #[inline]
    pub(super) fn is_less_than(self, other: Gap) -> bool {
        self.east < other.east || self.north < other.north
    }

    /// In degrees of longitude and of latitude.
    #[inline]
    pub(super) fn degrees(self) -> (f64, f64) {
        (f64::from(self.east) * (360.0 / STEPS), f64::from(self.north) * (180.0 / STEPS))
    }
}

/// Where a driver belongs. The bits of a key, from the first: those of both directions in turns, then those of the
/// driver's id from its lowest (so that neighbouring ids part at once). No two drivers have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    steps: Steps,
    id: u64,
}

impl Key {
    #[inline]
    pub(super) fn new(position: Position, driver: DriverId) -> Self {
        Self { steps: position.into(), id: driver.0.cast_unsigned() }
    }

    /// The bit after the first `depth` ones, 0 or 1.
    #[inline]
    pub(super) fn bit(self, depth: u8) -> usize {
        let bit = match depth {
            HALVINGS.. => self.id >> (depth - HALVINGS) & 1,
            _ if depth.is_multiple_of(2) => u64::from(self.steps.east >> (31 - depth / 2) & 1),
            _ => u64::from(self.steps.north >> (31 - depth / 2) & 1),
        };
        bit as usize
    }

    /// In how many bits from the first two keys agree.
    #[inline]
    pub(super) fn shared_with(self, other: Key) -> u8 {
        let east = (self.steps.east ^ other.steps.east).leading_zeros() * 2;
        let north = (self.steps.north ^ other.steps.north).leading_zeros() * 2 + 1;
        let shared = east.min(north) as u8;
        if shared < HALVINGS { shared } else { HALVINGS + (self.id ^ other.id).trailing_zeros() as u8 }
    }
}

/// All places whose keys begin with the same `depth` bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    south_west: Steps,
    depth: u8,
}

impl Cell {
    pub(super) const EARTH: Cell = Cell { south_west: Steps { east: 0, north: 0 }, depth: 0 };

    /// The half that has this bit next.
    #[inline]
    pub(super) fn half(mut self, bit: usize) -> Self {
        match self.depth {
            // Below one step only ids are parted.
            HALVINGS.. => {}
            depth if depth.is_multiple_of(2) => self.south_west.east |= (bit as u32) << (31 - depth / 2),
            depth => self.south_west.north |= (bit as u32) << (31 - depth / 2),
        }
        self.depth += 1;
        self
    }

    /// The gap from a place to this cell, after the last halving of a cell to which it was `gap`.
    #[inline]
    pub(super) fn gap_to(&self, place: Steps, gap: Gap) -> Gap {
        match self.depth {
            // One step, or the ids within it.
            HALVINGS.. => gap,
            depth if depth.is_multiple_of(2) => {
                let last = u32::MAX >> (depth / 2);
                let past_south = place.north.saturating_sub(self.south_west.north);
                let past_north = past_south.saturating_sub(last);
                let south = self.south_west.north.saturating_sub(place.north);
                Gap { north: past_north.max(south), ..gap }
            }
            depth => {
                // The shorter way around the earth.
                let last = (u32::MAX >> 1) >> (depth / 2);
                let past_west = place.east.wrapping_sub(self.south_west.east);
                let past_east = past_west.saturating_sub(last);
                let west = self.south_west.east.wrapping_sub(place.east);
                Gap { east: past_east.min(west), ..gap }
            }
        }
    }
}
