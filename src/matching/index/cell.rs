//! Owns the division of the earth into cells, halving by longitude and by latitude in turns, and the distances between
//! cells. Both directions are whole numbers here: 2³² steps go around the earth, so such numbers wrap exactly at the
//! date line, which needs no special case.

use crate::domain::ids::DriverId;
use crate::domain::position::Position;

/// 2³²: steps from pole to pole, and around the earth.
const STEPS: f64 = 4_294_967_296.0;
/// Halvings until a cell is one step wide and high, some millimetres.
pub(super) const HALVINGS: u8 = 64;

/// A longitude in steps eastward from the date line, and a latitude in steps from the south pole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) east: u32,
    pub(super) north: u32,
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

/// The middle of the step: 5 mm away at most.
impl From<Steps> for Position {
    #[inline]
    fn from(steps: Steps) -> Self {
        let longitude = (f64::from(steps.east) + 0.5) * (360.0 / STEPS) - 180.0;
        let latitude = (f64::from(steps.north) + 0.5) * (180.0 / STEPS) - 90.0;
        Position::new(latitude, longitude).expect("every step is on the earth")
    }
}

/// How far apart two places are by longitude, the shorter way around, and by latitude. In 2⁻³² of a full turn, which is 9 mm
/// along a meridian, and rounded to an `f32`. Either may be negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Apart {
    pub(super) east: f32,
    pub(super) north: f32,
}

impl Apart {
    /// The unit of the numbers, in radians.
    pub(super) const UNIT: f64 = std::f64::consts::TAU / STEPS;

    /// Of numbers of steps that can't be negative. Rounded down.
    #[inline]
    fn of(east: u32, north: u32) -> Self {
        Self { east: ((east >> 1).cast_signed() as f32) * 2.0, north: (north >> 1).cast_signed() as f32 }
    }
}

impl Steps {
    #[inline]
    pub(super) fn apart(self, other: Steps) -> Apart {
        let east = self.east.wrapping_sub(other.east).cast_signed();
        let north = (self.north >> 1).cast_signed() - (other.north >> 1).cast_signed();
        Apart { east: east as f32, north: north as f32 }
    }

    /// Which sixteenth of a cell of this depth has it; the depth is a multiple of four below [`HALVINGS`].
    #[inline]
    pub(super) fn sixteenth(self, depth: u8) -> usize {
        let last = 30 - depth / 2;
        let (east, north) = (self.east >> last, self.north >> last);
        ((east & 2) << 2 | (north & 2) << 1 | (east & 1) << 1 | north & 1) as usize
    }
}

/// Where a driver belongs. The bits of a key, from the first: those of both directions in turns, then those of the
/// driver's id from its lowest (so that neighbouring ids part at once). No two drivers have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) steps: Steps,
    id: u64,
}

impl Key {
    #[inline]
    pub(super) fn new(steps: Steps, driver: DriverId) -> Self {
        Self { steps, id: driver.0.cast_unsigned() }
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

    /// The four bits after the first `depth` ones, which are a multiple of four.
    #[inline]
    pub(super) fn sixteenth(self, depth: u8) -> usize {
        if depth < HALVINGS {
            self.steps.sixteenth(depth)
        } else {
            (0..4).fold(0, |bits, more| bits << 1 | self.bit(depth + more))
        }
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

/// All places whose keys begin with the same `depth` bits, a multiple of four.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    south_west: Steps,
    depth: u8,
}

impl Cell {
    /// The one that has a place.
    #[inline]
    pub(super) fn around(place: Steps, depth: u8) -> Self {
        let mask = u32::MAX.checked_shl(32 - u32::from(depth / 2)).unwrap_or(0);
        Self { south_west: Steps { east: place.east & mask, north: place.north & mask }, depth }
    }

    /// The part of it that has these four bits next.
    #[inline]
    pub(super) fn sixteenth(self, number: usize) -> Self {
        let Self { mut south_west, depth } = self;
        // Below one step only ids are parted.
        if depth < HALVINGS {
            south_west.east |= (column(number) as u32) << (30 - depth / 2);
            south_west.north |= (row(number) as u32) << (30 - depth / 2);
        }
        Self { south_west, depth: depth + 4 }
    }

    /// From a place in it to the nearer edge in each direction, or a little less.
    #[inline]
    pub(super) fn margin(self, place: Steps) -> Apart {
        let last = u32::MAX.checked_shr(u32::from(self.depth / 2)).unwrap_or(0);
        let (east, north) = (place.east - self.south_west.east, place.north - self.south_west.north);
        Apart::of(east.min(last - east), north.min(last - north))
    }

    /// From a place to the sixteenths of this cell.
    #[inline]
    pub(super) fn gaps_to(self, place: Steps) -> Gaps {
        if self.depth >= HALVINGS {
            let Apart { east, north } = place.apart(self.south_west);
            return Gaps { east: [east.abs(); 4], north: [north.abs(); 4] };
        }
        let width = 1 << (30 - self.depth / 2);
        let gap = |number: u32| {
            // The shorter way around the earth.
            let west_edge = self.south_west.east + number * width;
            let past_east = place.east.wrapping_sub(west_edge).saturating_sub(width - 1);
            let before_west = west_edge.wrapping_sub(place.east);
            let south_edge = self.south_west.north + number * width;
            let past_north = place.north.saturating_sub(south_edge + (width - 1));
            let before_south = south_edge.saturating_sub(place.north);
            Apart::of(past_east.min(before_west), past_north.max(before_south))
        };
        let gaps = [0, 1, 2, 3].map(gap);
        Gaps { east: gaps.map(|gap| gap.east), north: gaps.map(|gap| gap.north) }
    }
}

/// How far from a place the four columns and the four rows of a cell are at least. None is negative.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gaps {
    pub(super) east: [f32; 4],
    pub(super) north: [f32; 4],
}

impl Gaps {
    #[inline]
    pub(super) fn to(&self, sixteenth: usize) -> Apart {
        Apart { east: self.east[column(sixteenth)], north: self.north[row(sixteenth)] }
    }
}

/// A sixteenth's bits are those of its column and of its row in turns.
#[inline]
fn column(sixteenth: usize) -> usize {
    sixteenth >> 2 & 2 | sixteenth >> 1 & 1
}

#[inline]
fn row(sixteenth: usize) -> usize {
    sixteenth >> 1 & 2 | sixteenth & 1
}
