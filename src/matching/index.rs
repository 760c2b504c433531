//! Owns the positions of all drivers who can be matched, and finds those nearest to a place. Pure: no actor, no clock,
//! no I/O; the caller decides who is in it, and which of those a search may take.
//!
//! Drivers move far more often than they are searched for, so a move must cost next to nothing: it is one write into
//! the driver's slot, unless they left their cell. The cells are the leaves of a trie over longitude and latitude
//! (`cell`), each a half of a half … of the earth. A leaf has up to 64 drivers; full ones split, sparse ones join. So
//! cells are small where there are many drivers, and a search needs no knowledge of the country; cells of one size
//! would suit only one density. The trie's inner nodes take four bits of a key at once (`node`): few enough to stay in
//! a processor's cache.
//!
//! Invariants: each driver is in exactly one slot, and `slots` knows it; an inner node's depth is a multiple of four, and all
//! keys below it have the same first bits up to that; a leaf has all links of its cell; no leaf is empty or alone in a cell
//! twice as wide, and of two leaves side by side one has more than a quarter of its slots in use.

mod arena;
mod cell;
mod indexed;
mod leaf;
mod nearest;
mod node;
mod reach;
mod slots;
mod walk;

use arena::{Arena, Number};
use cell::Key;
pub use indexed::Indexed;
pub use leaf::Entry;
use leaf::{LEAF_SLOTS, Leaf};
pub use nearest::Found;
use nearest::NearestWalk;
use node::{BITS, Below, Beside, Inner, Link, Node};
use slots::{Slot, Slots};

use crate::domain::ids::DriverId;
use crate::domain::position::Position;

/// A leaf with no more drivers than this joins its neighbour, if both together fill half of one. So a leaf that has
/// just split or joined does not do the opposite a moment later, and a leaf that is not nearly empty need not look at
/// its neighbour.
const JOIN_AT: usize = LEAF_SLOTS / 4;

/// Drivers who are looked up before one of them moves.
const TOGETHER: usize = 32;

/// Where a driver went who was put into the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Was not in it before.
    Entered,
    Moved,
}

/// Drivers by place. Some 50 bytes for each; memory once used is kept for later drivers.
#[derive(Default)]
pub struct Index {
    root: Link,
    inner: Arena<Inner>,
    /// Of each inner node the one above, None for the root.
    parents: Vec<Option<Number>>,
    leaves: Arena<Leaf>,
    slots: Slots,
}

impl Index {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn has(&self, driver: DriverId) -> bool {
        self.slots.get(driver).is_some()
    }

    pub fn get(&self, driver: DriverId) -> Option<Entry<'_>> {
        self.slots.get(driver).map(|slot| self.entry(slot))
    }

    /// Puts a driver where they are now, wherever they were.
    pub fn upsert(&mut self, driver: Indexed) -> Put {
        let key = driver.key();
        let Some(slot) = self.slots.get(driver.driver) else {
            self.insert(Below::TOP, key, &driver);
            return Put::Entered;
        };
        let leaf = &mut self.leaves[slot.leaf()];
        let was = leaf.key_of(driver.driver);
        let shared = was.shared_with(key);
        if shared >= leaf.depth {
            leaf.write(slot.number(), &driver, key.steps);
        } else {
            self.insert(self.above(slot.leaf(), shared), key, &driver);
            self.vacate(slot, was);
        }
        Put::Moved
    }

    /// Puts many drivers where they are now, and says of each where they went. Faster than one after the other: first all of
    /// their leaves are looked up, and nothing depends on what is found, so a processor waits for memory once and not for
    /// each driver anew.
    pub fn upsert_all(&mut self, drivers: &[Indexed], mut done: impl FnMut(&Indexed, Put)) {
        for some in drivers.chunks(TOGETHER) {
            let slots = some.iter().filter_map(|driver| self.slots.get(driver.driver));
            let depths = slots.map(|slot| self.leaves[slot.leaf()].depth);
            // The looked-up data is not needed yet, only loaded into the cache: it may change with each driver who
            // moves.
            std::hint::black_box(depths.fold(0, |all, depth| all ^ depth));
            for driver in some {
                done(driver, self.upsert(*driver));
            }
        }
    }

    /// The driver's entry, if there was one.
    pub fn remove(&mut self, driver: DriverId) -> Option<Indexed> {
        let slot = self.slots.take(driver)?;
        let known = Indexed::from(self.entry(slot));
        self.vacate(slot, known.key());
        Some(known)
    }

    /// The `k` nearest drivers within `radius_m` that pass the filter, the nearest first, of equally near ones the lower
    /// id. With `usize::MAX` that is everybody there. Distances are those of [`Position::distance_m`]. The filter is asked in no order, at most once for each
    /// driver, about few who are further away than the last one found, and about nobody beyond the radius (or a metre
    /// further).
    pub fn nearest(
        &self,
        at: Position,
        radius_m: f64,
        k: usize,
        filter: impl FnMut(Entry<'_>) -> bool,
    ) -> Vec<Found> {
        let mut search = NearestWalk::new(at, radius_m, k, filter);
        if k > 0 && radius_m >= 0.0 {
            self.search(&mut search);
        }
        search.finish()
    }

    fn entry(&self, slot: Slot) -> Entry<'_> {
        self.leaves[slot.leaf()].entry(slot.number())
    }

    /// The inner node that contains a leaf.
    fn around(&self, leaf: Number) -> Below {
        let Leaf { parent, depth, .. } = self.leaves[leaf];
        match parent {
            None => Below::TOP,
            inner => Below { inner, depth: (depth - 1) / BITS * BITS },
        }
    }

    /// The inner node that contains another one.
    fn over(&self, below: Below) -> Below {
        match below.inner.and_then(|inner| self.parents[inner.index()]) {
            None => Below::TOP,
            inner => Below { inner, depth: below.depth - BITS },
        }
    }

    /// The lowest inner node that has both a leaf and a key below it, which agree in some bits: who leaves a cell mostly enters
    /// one nearby.
    fn above(&self, leaf: Number, shared: u8) -> Below {
        let mut below = self.around(leaf);
        while below.depth > shared {
            below = self.over(below);
        }
        below
    }

    /// The links of the cell of `depth` that has the key.
    fn links(&mut self, below: Below, key: Key, depth: u8) -> &mut [Link] {
        let Some(inner) = below.inner else { return std::slice::from_mut(&mut self.root) };
        let width = below.width(depth);
        let begin = key.sixteenth(below.depth) & !(width - 1);
        &mut self.inner[inner].links[begin..begin + width]
    }

    /// The neighbour of the cell of `depth` that has the key.
    fn beside(&self, below: Below, key: Key, depth: u8) -> Beside {
        let Some(inner) = below.inner else { return Beside::Others };
        let width = below.width(depth);
        let begin = key.sixteenth(below.depth) & !(width - 1) ^ width;
        Beside::of(&self.inner[inner].links[begin..begin + width])
    }

    /// Where the key leads.
    fn node(&self, below: Below, key: Key) -> Node {
        match below.inner {
            None => self.root.node(),
            Some(inner) => self.inner[inner].links[key.sixteenth(below.depth)].node(),
        }
    }

    /// Puts a driver into a free slot of the key's leaf, somewhere below.
    fn insert(&mut self, mut below: Below, key: Key, driver: &Indexed) {
        loop {
            match self.node(below, key) {
                Node::Inner(inner) => below = Below { inner: Some(inner), depth: below.bottom() },
                Node::Leaf(leaf) => match self.leaves[leaf].free_slot() {
                    Some(slot) => return self.occupy(Slot::new(leaf, slot), key, driver),
                    None => self.split(leaf, below),
                },
                Node::Nobody => {
                    let leaf = self.leaves.add(Leaf::EMPTY);
                    self.hang(leaf, below, key, self.room(below, key));
                }
            }
        }
    }

    /// The depth of the widest cell with the key that has nobody.
    fn room(&self, below: Below, key: Key) -> u8 {
        let mut depth = below.bottom();
        while depth > below.depth && self.beside(below, key, depth) == Beside::Nobody {
            depth -= 1;
        }
        depth
    }

    fn occupy(&mut self, slot: Slot, key: Key, driver: &Indexed) {
        self.leaves[slot.leaf()].enter(slot.number(), driver, key.steps);
        self.slots.put(driver.driver, slot);
    }

    /// Parts the drivers of a full leaf by the first bit in which not all of their keys agree.
    fn split(&mut self, full: Number, mut below: Below) {
        let leaf = &self.leaves[full];
        let depth = leaf.depth;
        let keys: [Key; LEAF_SLOTS] = std::array::from_fn(|slot| leaf.entry(slot).key());
        let first = keys[0];
        let shared = keys.iter().fold(u8::MAX, |shared, key| shared.min(first.shared_with(*key)));
        self.links(below, first, depth).fill(Link::NOBODY);
        while shared >= below.bottom() {
            below = self.hang_inner(below, first);
        }
        self.hang(full, below, first, shared + 1);
        let moves = |key: Key| key.bit(shared) != first.bit(shared);
        for (slot, key) in keys.into_iter().enumerate().filter(|(_, key)| moves(*key)) {
            let leaf = &mut self.leaves[full];
            let driver = Indexed::from(leaf.entry(slot));
            leaf.vacate(slot);
            self.insert(below, key, &driver);
        }
    }

    /// Frees the slot of a driver. The key is one that they have in the slot's cell.
    fn vacate(&mut self, slot: Slot, key: Key) {
        let leaf = &mut self.leaves[slot.leaf()];
        leaf.vacate(slot.number());
        match leaf.count() {
            0 => self.drop_empty(slot.leaf(), key),
            1..=JOIN_AT => self.join(slot.leaf(), key),
            _ => {}
        }
    }

    fn drop_empty(&mut self, leaf: Number, key: Key) {
        let (below, depth) = (self.around(leaf), self.leaves[leaf].depth);
        self.links(below, key, depth).fill(Link::NOBODY);
        self.leaves.free(leaf);
        if let Beside::Leaf(sibling) = self.beside(below, key, depth) {
            let key = self.leaves[sibling].any_key();
            self.join(sibling, key);
        }
    }

    /// Lets a leaf have the cell that is twice as wide as long as nobody else is in that, or so few that the leaf can have
    /// them. The key is one of its cell.
    fn join(&mut self, leaf: Number, key: Key) {
        let (mut below, mut depth) = (self.around(leaf), self.leaves[leaf].depth);
        loop {
            match self.beside(below, key, depth) {
                Beside::Nobody => {}
                Beside::Leaf(sibling)
                    if self.leaves[leaf].count() + self.leaves[sibling].count() <= LEAF_SLOTS / 2 =>
                {
                    self.absorb(leaf, sibling);
                }
                Beside::Leaf(_) | Beside::Others => return,
            }
            depth -= 1;
            if depth == below.depth
                && let Some(inner) = below.inner
            {
                below = self.over(below);
                self.inner.free(inner);
            }
            self.hang(leaf, below, key, depth);
        }
    }

    fn absorb(&mut self, leaf: Number, sibling: Number) {
        let moving: Vec<Indexed> = self.leaves[sibling].entries().map(Indexed::from).collect();
        for driver in moving {
            let slot = self.leaves[leaf].free_slot().expect("both together fill half of a leaf at most");
            self.occupy(Slot::new(leaf, slot), driver.key(), &driver);
        }
        self.leaves.free(sibling);
    }

    /// Gives a leaf the cell of `depth` that has the key.
    fn hang(&mut self, number: Number, below: Below, key: Key, depth: u8) {
        self.links(below, key, depth).fill(Node::Leaf(number).into());
        let leaf = &mut self.leaves[number];
        (leaf.parent, leaf.depth, leaf.steps) = (below.inner, depth, key.steps);
    }

    /// Puts an inner node, with nobody below it yet, where the key leads.
    fn hang_inner(&mut self, below: Below, key: Key) -> Below {
        let inner = self.inner.add(Inner::default());
        self.parents.resize(self.parents.len().max(inner.index() + 1), None);
        self.parents[inner.index()] = below.inner;
        self.links(below, key, below.bottom())[0] = Node::Inner(inner).into();
        Below { inner: Some(inner), depth: below.bottom() }
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
