//! Owns which slot of which leaf a driver is in. Ids come from a sequence, so they are close together: a page holds the
//! slots of 1,024 neighbours, and pages are found by a hash so small that it stays in a processor's cache. With a
//! million drivers that is 4 MB, where a plain hash map from id to slot would be 35 MB.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::arena::Number;
use super::leaf::LEAF_SLOTS;
use crate::domain::ids::DriverId;

const PAGE_BITS: u32 = 10;
const PAGE_IDS: usize = 1 << PAGE_BITS;

/// A place for one driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u32);

impl Slot {
    const NONE: Slot = Slot(u32::MAX);

    /// At most 2²⁶ - 1 leaves, which is some 100 GB of them.
    #[inline]
    pub(super) fn new(leaf: Number, number: usize) -> Self {
        Self((leaf.index() * LEAF_SLOTS + number) as u32)
    }

    #[inline]
    pub(super) fn leaf(self) -> Number {
        Number::of(self.0 as usize / LEAF_SLOTS)
    }

    #[inline]
    pub(super) fn number(self) -> usize {
        self.0 as usize % LEAF_SLOTS
    }
}

struct Page {
    slots: [Slot; PAGE_IDS],
    used: usize,
}

#[derive(Default)]
pub(super) struct Slots {
    pages: HashMap<i64, Box<Page>, BuildHasherDefault<PageHasher>>,
    len: usize,
}

impl Slots {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, driver: DriverId) -> Option<Slot> {
        let slot = self.pages.get(&page_of(driver))?.slots[place_of(driver)];
        (slot != Slot::NONE).then_some(slot)
    }

    pub(super) fn put(&mut self, driver: DriverId, slot: Slot) {
        let empty = || Box::new(Page { slots: [Slot::NONE; PAGE_IDS], used: 0 });
        let page = self.pages.entry(page_of(driver)).or_insert_with(empty);
        let old = std::mem::replace(&mut page.slots[place_of(driver)], slot);
        if old == Slot::NONE {
            page.used += 1;
            self.len += 1;
        }
    }

    pub(super) fn take(&mut self, driver: DriverId) -> Option<Slot> {
        let page = self.pages.get_mut(&page_of(driver))?;
        let slot = std::mem::replace(&mut page.slots[place_of(driver)], Slot::NONE);
        if slot == Slot::NONE {
            return None;
        }
        page.used -= 1;
        self.len -= 1;
        if page.used == 0 {
            self.pages.remove(&page_of(driver));
        }
        Some(slot)
    }
}

#[inline]
fn page_of(driver: DriverId) -> i64 {
    driver.0 >> PAGE_BITS
}

#[inline]
fn place_of(driver: DriverId) -> usize {
    driver.0 as usize % PAGE_IDS
}

/// One multiplication. The numbers are the database's own, so nobody outside can choose ones that collide.
#[derive(Default)]
struct PageHasher(u64);

impl Hasher for PageHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_i64(i64::from(*byte));
        }
    }

    #[inline]
    fn write_i64(&mut self, number: i64) {
        let mixed = (self.0 ^ number.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
