//! Owns where every driver is who can be matched: the nearest to a place are found here. Pure: no actor, no clock, no
//! I/O; whoever uses it decides who is in it, and which of those a search may take.
//!
//! Drivers move far more often than somebody looks for one, so a move must cost next to nothing: it is one write into the
//! slot that the driver has, unless they left their cell. The cells are the leaves of a binary trie over longitude and
//! latitude (`cell`). A leaf has up to 64 drivers; full ones split, sparse ones join: so cells are small where drivers are
//! many, and a search needs to know nothing of the country. Cells of one size would fit one density only.
//!
//! Invariants: each driver is in exactly one slot, and `slots` knows it; all keys below an inner node have the same first
//! `depth` bits; no leaf is empty, and no two leaves stand side by side that could be one.

mod arena;
mod cell;
mod leaf;
mod search;
mod slots;

use arena::{Arena, Number};
use cell::{Cell, Gap, Key};
use leaf::{LEAF_SLOTS, Leaf};
pub use search::Found;
use search::Search;
use slots::{Slot, Slots};

use super::vehicle::VehicleType;
use crate::domain::ids::DriverId;
use crate::domain::position::Position;

/// Two leaves side by side with no more drivers than this become one. Half of a leaf, so that one which has just split
/// or joined does not do the opposite a moment later.
const JOIN_AT: usize = LEAF_SLOTS / 2;

/// A driver who can be matched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Indexed {
    pub driver: DriverId,
    pub position: Position,
    pub vehicle: VehicleType,
    /// Milliseconds since 1970, or [`Indexed::UNMEASURED`].
    pub measured_at_ms: i64,
}

impl Indexed {
    /// The time of a position that no app measured: later than any, so it never is too old.
    pub const UNMEASURED: i64 = i64::MAX;
    /// What is later is kept as unmeasured, what is before 1970 as 1970: 48 bits are enough until the year 10889.
    pub const MEASURED_AT_MS_MAX: i64 = (1 << 48) - 2;
}

/// Where a driver went who was put into the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Was not in it before.
    Entered,
    Moved,
}

/// What stands below an inner node, or is the root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Node {
    #[default]
    Nobody,
    Inner(Number),
    Leaf(Number),
}

/// The place of a node: where what points to it stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    Root,
    Below { inner: Number, bit: usize },
}

struct Inner {
    children: [Node; 2],
    parent: Option<Number>,
    /// How many bits of the keys below agree; the next one says which child.
    depth: u8,
}

impl Inner {
    /// What stands opposite of the child that has the key.
    fn beside(&self, key: Key) -> Node {
        self.children[1 - key.bit(self.depth)]
    }
}

/// Drivers by place. Some 60 bytes for each; memory once used is kept for later drivers.
#[derive(Default)]
pub struct Index {
    root: Node,
    inner: Arena<Inner>,
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

    pub fn get(&self, driver: DriverId) -> Option<Indexed> {
        let slot = self.slots.get(driver)?;
        Some(self.leaves[slot.leaf()].driver(slot.number()))
    }

    /// Puts a driver where they are now, wherever they were.
    pub fn upsert(&mut self, driver: Indexed) -> Put {
        let key = Key::new(driver.position, driver.driver);
        let Some(slot) = self.slots.get(driver.driver) else {
            self.insert(Place::Root, key, &driver);
            return Put::Entered;
        };
        let leaf = &mut self.leaves[slot.leaf()];
        if leaf.has(key) {
            leaf.write(slot.number(), &driver);
        } else {
            self.insert(self.place_above(slot.leaf(), key), key, &driver);
            self.vacate(slot);
        }
        Put::Moved
    }

    /// What was known of the driver, if anything was.
    pub fn remove(&mut self, driver: DriverId) -> Option<Indexed> {
        let known = self.get(driver)?;
        let slot = self.slots.take(driver)?;
        self.vacate(slot);
        Some(known)
    }

    /// The `k` nearest drivers within `radius_m` that pass the filter, the nearest first, of equally near ones the lower
    /// id. Distances are those of [`Position::distance_m`]. The filter is asked in no order, at most once for each
    /// driver, and only about drivers who are nearer than the k-th best found so far (or a metre further).
    pub fn nearest(
        &self,
        at: Position,
        radius_m: f64,
        k: usize,
        filter: impl FnMut(&Indexed) -> bool,
    ) -> Vec<Found> {
        let mut search = Search::new(at, radius_m, k, filter);
        if k > 0 && radius_m >= 0.0 {
            self.visit(self.root, Cell::EARTH, Gap::NONE, &mut search);
        }
        search.finish()
    }

    /// Everybody within `radius_m` who passes the filter, the nearest first. That may be all there are: the radius is the
    /// only bound.
    pub fn within(&self, at: Position, radius_m: f64, filter: impl FnMut(&Indexed) -> bool) -> Vec<Found> {
        self.nearest(at, radius_m, usize::MAX, filter)
    }

    /// Searches a node, the nearer half of a cell first.
    fn visit<F>(&self, mut node: Node, mut cell: Cell, mut gap: Gap, search: &mut Search<F>)
    where
        F: FnMut(&Indexed) -> bool,
    {
        while search.reaches(gap) {
            match node {
                Node::Nobody => return,
                Node::Leaf(leaf) => return search.scan(&self.leaves[leaf]),
                Node::Inner(inner) => {
                    let children = self.inner[inner].children;
                    let halves = [cell.half(0), cell.half(1)];
                    if let Some(alone) = children.iter().position(|child| *child == Node::Nobody) {
                        (node, cell) = (children[1 - alone], halves[1 - alone]);
                        continue;
                    }
                    let gaps = halves.map(|half| half.gap_to(search.steps, gap));
                    let near = usize::from(gaps[1].is_less_than(gaps[0]));
                    self.visit(children[near], halves[near], gaps[near], search);
                    (node, cell, gap) = (children[1 - near], halves[1 - near], gaps[1 - near]);
                }
            }
        }
    }

    /// The lowest place that has both the leaf and the key below it: who leaves a cell mostly enters one nearby.
    fn place_above(&self, leaf: Number, key: Key) -> Place {
        let Leaf { key: from, mut parent, .. } = self.leaves[leaf];
        let shared = from.shared_with(key);
        while let Some(inner) = parent
            && self.inner[inner].depth > shared
        {
            parent = self.inner[inner].parent;
        }
        self.place(parent, key)
    }

    /// Where the key belongs below an inner node, or without one at all.
    fn place(&self, parent: Option<Number>, key: Key) -> Place {
        match parent {
            Some(inner) => Place::Below { inner, bit: key.bit(self.inner[inner].depth) },
            None => Place::Root,
        }
    }

    fn node_at(&mut self, place: Place) -> &mut Node {
        match place {
            Place::Root => &mut self.root,
            Place::Below { inner, bit } => &mut self.inner[inner].children[bit],
        }
    }

    /// Where a node at the place has its parent, and its depth.
    fn standing_of(&self, place: Place) -> (Option<Number>, u8) {
        match place {
            Place::Root => (None, 0),
            Place::Below { inner, .. } => (Some(inner), self.inner[inner].depth + 1),
        }
    }

    /// Puts a driver into a free slot of the key's leaf, at the place or below it.
    fn insert(&mut self, mut place: Place, key: Key, driver: &Indexed) {
        loop {
            match *self.node_at(place) {
                Node::Inner(inner) => place = self.place(Some(inner), key),
                Node::Leaf(leaf) => match self.leaves[leaf].free_slot() {
                    Some(slot) => return self.occupy(Slot::new(leaf, slot), driver),
                    None => self.split(leaf, place),
                },
                Node::Nobody => {
                    let leaf = self.leaves.add(Leaf::new(key, driver));
                    self.hang(leaf, place);
                }
            }
        }
    }

    fn occupy(&mut self, slot: Slot, driver: &Indexed) {
        self.leaves[slot.leaf()].write(slot.number(), driver);
        self.slots.put(driver.driver, slot);
    }

    /// Parts the drivers of a full leaf by the first bit in which not all of their keys agree.
    fn split(&mut self, full: Number, mut place: Place) {
        let leaf = &mut self.leaves[full];
        let drivers: [Indexed; LEAF_SLOTS] = std::array::from_fn(|slot| leaf.driver(slot));
        let keys = drivers.map(|driver| Key::new(driver.position, driver.driver));
        let first = keys[0];
        let shared = keys.iter().fold(u8::MAX, |shared, key| shared.min(first.shared_with(*key)));
        let moves = |slot: &usize| keys[*slot].bit(shared) != first.bit(shared);
        (0..LEAF_SLOTS).filter(moves).for_each(|slot| leaf.vacate(slot));
        leaf.key = first;
        for _ in leaf.depth..=shared {
            let inner = self.hang_inner(place);
            place = self.place(Some(inner), first);
        }
        self.hang(full, place);
        let parent = self.leaves[full].parent;
        for slot in (0..LEAF_SLOTS).filter(moves) {
            self.insert(self.place(parent, keys[slot]), keys[slot], &drivers[slot]);
        }
    }

    fn vacate(&mut self, slot: Slot) {
        let leaf = &mut self.leaves[slot.leaf()];
        leaf.vacate(slot.number());
        match leaf.count() {
            0 => self.drop_empty(slot.leaf()),
            1..=JOIN_AT => self.join(slot.leaf()),
            _ => {}
        }
    }

    fn drop_empty(&mut self, leaf: Number) {
        let Leaf { parent, key, .. } = self.leaves[leaf];
        *self.node_at(self.place(parent, key)) = Node::Nobody;
        self.leaves.free(leaf);
        if let Some(parent) = parent
            && let Node::Leaf(sibling) = self.inner[parent].beside(key)
        {
            self.join(sibling);
        }
    }

    /// Lets a leaf take its parent's place as long as nobody else is below that, or so few that the leaf can have them.
    fn join(&mut self, leaf: Number) {
        while let Some(parent) = self.leaves[leaf].parent {
            let key = self.leaves[leaf].key;
            match self.inner[parent].beside(key) {
                Node::Nobody => {}
                Node::Leaf(sibling)
                    if self.leaves[leaf].count() + self.leaves[sibling].count() <= JOIN_AT =>
                {
                    self.absorb(leaf, sibling);
                }
                Node::Leaf(_) | Node::Inner(_) => return,
            }
            self.hang(leaf, self.place(self.inner[parent].parent, key));
            self.inner.free(parent);
        }
    }

    fn absorb(&mut self, leaf: Number, sibling: Number) {
        let moving: Vec<Indexed> = self.leaves[sibling].drivers().map(|driver| (*driver).into()).collect();
        for driver in moving {
            let slot = self.leaves[leaf].free_slot().expect("both together fill half of a leaf at most");
            self.occupy(Slot::new(leaf, slot), &driver);
        }
        self.leaves.free(sibling);
    }

    /// Makes a leaf the node at a place.
    fn hang(&mut self, leaf: Number, place: Place) {
        *self.node_at(place) = Node::Leaf(leaf);
        let (parent, depth) = self.standing_of(place);
        self.leaves[leaf].parent = parent;
        self.leaves[leaf].depth = depth;
    }

    /// Makes an inner node at a place, with nobody below it yet.
    fn hang_inner(&mut self, place: Place) -> Number {
        let (parent, depth) = self.standing_of(place);
        let inner = self.inner.add(Inner { children: [Node::Nobody; 2], parent, depth });
        *self.node_at(place) = Node::Inner(inner);
        inner
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
