//! Owns the leaves: cells with up to 64 drivers in slots. A slot stays the driver's until they leave the cell, so moving
//! within it is one write, and leaving it moves nobody else.

use super::Indexed;
use super::arena::Number;
use super::cell::Key;
use crate::actors::matcher::vehicle::VehicleType;
use crate::domain::ids::DriverId;
use crate::domain::position::Position;

/// Slots in a leaf: as many as `used` has bits.
pub(super) const LEAF_SLOTS: usize = 64;

pub(super) struct Leaf {
    /// Of the cell: only its first `depth` bits count.
    pub(super) key: Key,
    pub(super) depth: u8,
    /// The inner node above, None for a leaf that is the whole earth.
    pub(super) parent: Option<Number>,
    /// A bit for each slot that has a driver.
    used: u64,
    slots: Box<[Packed; LEAF_SLOTS]>,
}

impl Leaf {
    /// An empty leaf, which stands nowhere yet. The driver is who will enter first: their copies fill the slots.
    pub(super) fn new(key: Key, driver: &Indexed) -> Self {
        let slots = Box::new([Packed::from(driver); LEAF_SLOTS]);
        Self { key, depth: 0, parent: None, used: 0, slots }
    }

    pub(super) fn count(&self) -> usize {
        self.used.count_ones() as usize
    }

    #[inline]
    pub(super) fn has(&self, key: Key) -> bool {
        self.key.shared_with(key) >= self.depth
    }

    pub(super) fn driver(&self, slot: usize) -> Indexed {
        self.slots[slot].into()
    }

    pub(super) fn drivers(&self) -> impl Iterator<Item = &Packed> {
        self.among(self.used)
    }

    /// The drivers in the slots whose bits are set.
    #[inline]
    fn among(&self, mut bits: u64) -> impl Iterator<Item = &Packed> {
        std::iter::from_fn(move || {
            let driver = self.slots.get(bits.trailing_zeros() as usize)?;
            bits &= bits - 1;
            Some(driver)
        })
    }

    /// The drivers whose position passes a test. It is tried on all slots up to the last driver's, without a branch: so the
    /// processor fetches them from memory at once, where it would wait for one driver after the other.
    #[inline]
    pub(super) fn drivers_where(&self, test: impl Fn(Position) -> bool) -> impl Iterator<Item = &Packed> {
        let mut left = 0;
        let end = LEAF_SLOTS - self.used.leading_zeros() as usize;
        for (slot, driver) in self.slots[..end].iter().enumerate() {
            left |= u64::from(test(driver.position)) << slot;
        }
        self.among(left & self.used)
    }

    /// A slot that has nobody yet.
    #[inline]
    pub(super) fn free_slot(&self) -> Option<usize> {
        let slot = self.used.trailing_ones() as usize;
        (slot < LEAF_SLOTS).then_some(slot)
    }

    #[inline]
    pub(super) fn write(&mut self, slot: usize, driver: &Indexed) {
        self.used |= 1 << slot;
        self.slots[slot] = driver.into();
    }

    pub(super) fn vacate(&mut self, slot: usize) {
        self.used &= !(1 << slot);
    }
}

/// A driver in 32 bytes: half a cache line, so that a move touches one and a search as few as can be.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Packed {
    pub(super) position: Position,
    driver: DriverId,
    /// The time in the 48 high bits, the vehicle's number in the others.
    measured_at_and_vehicle: u64,
}

const VEHICLE_BITS: u32 = 16;

impl From<&Indexed> for Packed {
    #[inline]
    fn from(driver: &Indexed) -> Self {
        let measured_at = driver.measured_at_ms.clamp(0, Indexed::MEASURED_AT_MS_MAX + 1).cast_unsigned();
        let vehicle = u64::from(driver.vehicle.number());
        Self {
            position: driver.position,
            driver: driver.driver,
            measured_at_and_vehicle: measured_at << VEHICLE_BITS | vehicle,
        }
    }
}

impl From<Packed> for Indexed {
    #[inline]
    fn from(packed: Packed) -> Self {
        let measured_at_ms = (packed.measured_at_and_vehicle >> VEHICLE_BITS).cast_signed();
        let is_measured = measured_at_ms <= Indexed::MEASURED_AT_MS_MAX;
        Self {
            driver: packed.driver,
            position: packed.position,
            vehicle: VehicleType::from(packed.measured_at_and_vehicle as u16),
            measured_at_ms: if is_measured { measured_at_ms } else { Indexed::UNMEASURED },
        }
    }
}
