//! Owns the leaves: cells with up to 64 drivers in slots. A slot stays the driver's until they leave the cell, so moving
//! within it is one write, and leaving it moves nobody else.
//!
//! A million drivers do not fit a processor's cache, and waiting for memory is the main cost. So the data that a search
//! reads about everybody in a leaf is together, 16 bytes for each driver, and a move writes into one line of it; ids
//! are read only for drivers who are near enough. All of a leaf is in one or two pages of memory.

use super::arena::Number;
use super::cell::{Key, Steps};
use super::indexed::Indexed;
use crate::domain::ids::DriverId;
use crate::matching::vehicle::VehicleType;

/// Slots in a leaf: as many as `used` has bits.
pub(super) const LEAF_SLOTS: usize = 64;
/// Drivers who share a line of memory.
const LANES: usize = 4;
const QUADS: usize = LEAF_SLOTS / LANES;

#[derive(Clone)]
#[repr(align(64))]
pub(super) struct Leaf {
    /// A bit for each slot that has a driver. Those of a lane lie together, 16 bits from `lane * QUADS` on.
    used: u64,
    /// A place in the cell.
    pub(super) steps: Steps,
    /// The inner node above, None for a leaf that is the whole earth.
    pub(super) parent: Option<Number>,
    /// How many bits the keys of the cell have in common.
    pub(super) depth: u8,
    quads: [Quad; QUADS],
    drivers: [DriverId; LEAF_SLOTS],
}

/// The positions of four drivers, and the data that searches read of everybody. The same field of all four is adjacent,
/// so that the processor can handle all four at once.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Quad {
    east: [u32; LANES],
    north: [u32; LANES],
    /// The time in the 48 high bits, the vehicle's number in the others.
    measured_at_and_vehicle: [u64; LANES],
}

const VEHICLE_BITS: u32 = 16;

impl Quad {
    const NOBODY: Quad = Quad { east: [0; LANES], north: [0; LANES], measured_at_and_vehicle: [0; LANES] };

    #[inline]
    fn steps(&self, lane: usize) -> Steps {
        Steps { east: self.east[lane], north: self.north[lane] }
    }
}

impl Leaf {
    /// An empty leaf without a place yet.
    pub(super) const EMPTY: Leaf = Leaf {
        used: 0,
        steps: Steps { east: 0, north: 0 },
        parent: None,
        depth: 0,
        quads: [Quad::NOBODY; QUADS],
        drivers: [DriverId(0); LEAF_SLOTS],
    };

    pub(super) fn count(&self) -> usize {
        self.used.count_ones() as usize
    }

    /// The key of every driver of this cell, without the bits for the place within the cell.
    #[inline]
    pub(super) fn key_of(&self, driver: DriverId) -> Key {
        Key::new(self.steps, driver)
    }

    /// The key of any driver here.
    pub(super) fn any_key(&self) -> Key {
        self.entry(self.used.trailing_zeros() as usize).key()
    }

    /// The driver who is in a slot, or was last.
    #[inline]
    pub(super) fn entry(&self, slot: usize) -> Entry<'_> {
        Entry { leaf: self, slot }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.among(self.used)
    }

    /// The drivers in the slots whose bits are set.
    #[inline]
    fn among(&self, mut bits: u64) -> impl Iterator<Item = Entry<'_>> {
        std::iter::from_fn(move || {
            if bits == 0 {
                return None;
            }
            let slot = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            Some(self.entry(slot))
        })
    }

    /// The drivers whose place passes a test. It is tried on all slots of the quads in use, without a branch: so the processor
    /// takes four at a time, and fetches the next ones from memory meanwhile.
    #[inline]
    pub(super) fn entries_where(&self, test: impl Fn(Steps) -> bool) -> impl Iterator<Item = Entry<'_>> {
        let in_use = (0..LANES).fold(0, |quads, lane| quads | self.lane(lane));
        let end = QUADS - in_use.leading_zeros() as usize;
        let mut passed = [0u32; LANES];
        let mut bit = 1;
        for quad in &self.quads[..end] {
            for (lane, passed) in passed.iter_mut().enumerate() {
                *passed |= if test(quad.steps(lane)) { bit } else { 0 };
            }
            bit <<= 1;
        }
        let bits = passed.iter().rev().fold(0, |bits, lane| bits << QUADS | u64::from(*lane));
        self.among(bits & self.used)
    }

    /// A bit for each quad whose slot in the lane has a driver.
    #[inline]
    fn lane(&self, lane: usize) -> u16 {
        (self.used >> (lane * QUADS)) as u16
    }

    /// A slot that has nobody yet, in the first quad that has one: so few quads are in use.
    #[inline]
    pub(super) fn free_slot(&self) -> Option<usize> {
        let full = (0..LANES).fold(u16::MAX, |quads, lane| quads & self.lane(lane));
        let quad = full.trailing_ones() as usize;
        let slots = (0..LANES).map(|lane| lane * QUADS + quad);
        slots.take_while(|_| quad < QUADS).find(|slot| self.used >> slot & 1 == 0)
    }

    /// Puts a driver into a slot that has nobody.
    #[inline]
    pub(super) fn enter(&mut self, slot: usize, driver: &Indexed, steps: Steps) {
        self.used |= 1 << slot;
        self.drivers[slot] = driver.driver;
        self.write(slot, driver, steps);
    }

    /// Writes where the driver of a slot is by now.
    #[inline]
    pub(super) fn write(&mut self, slot: usize, driver: &Indexed, steps: Steps) {
        let (quad, lane) = (&mut self.quads[slot % QUADS], slot / QUADS);
        let measured_at = driver.measured_at_ms.clamp(0, Indexed::MEASURED_AT_MS_MAX + 1).cast_unsigned();
        let vehicle = u64::from(driver.vehicle.number());
        quad.east[lane] = steps.east;
        quad.north[lane] = steps.north;
        quad.measured_at_and_vehicle[lane] = measured_at << VEHICLE_BITS | vehicle;
    }

    pub(super) fn vacate(&mut self, slot: usize) {
        self.used &= !(1 << slot);
    }
}

/// A driver in the index. Fields that are not used are not read from memory.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    leaf: &'a Leaf,
    slot: usize,
}

impl Entry<'_> {
    #[inline]
    pub(super) fn steps(self) -> Steps {
        self.leaf.quads[self.slot % QUADS].steps(self.lane())
    }

    #[inline]
    fn lane(self) -> usize {
        self.slot / QUADS % LANES
    }

    #[inline]
    fn measured_at_and_vehicle(self) -> u64 {
        self.leaf.quads[self.slot % QUADS].measured_at_and_vehicle[self.lane()]
    }

    #[inline]
    pub fn driver(self) -> DriverId {
        self.leaf.drivers[self.slot % LEAF_SLOTS]
    }

    #[inline]
    pub fn vehicle(self) -> VehicleType {
        VehicleType::from(self.measured_at_and_vehicle() as u16)
    }

    /// As [`Indexed::measured_at_ms`].
    #[inline]
    pub fn measured_at_ms(self) -> i64 {
        let measured_at_ms = (self.measured_at_and_vehicle() >> VEHICLE_BITS).cast_signed();
        if measured_at_ms <= Indexed::MEASURED_AT_MS_MAX { measured_at_ms } else { Indexed::UNMEASURED }
    }

    pub(super) fn key(self) -> Key {
        Key::new(self.steps(), self.driver())
    }
}

impl From<Entry<'_>> for Indexed {
    #[inline]
    fn from(entry: Entry<'_>) -> Self {
        Self {
            driver: entry.driver(),
            position: entry.steps().into(),
            vehicle: entry.vehicle(),
            measured_at_ms: entry.measured_at_ms(),
        }
    }
}
