//! Owns a search's walk through the trie: from the place itself outwards, the nearer cell first.

use super::Index;
use super::arena::Number;
use super::cell::{Apart, Cell, HALVINGS};
use super::leaf::Entry;
use super::nearest::NearestWalk;
use super::node::{BITS, Link, Node, SIXTEENTHS};

/// Inner nodes above each other that part places; below them only ids are parted.
const LEVELS: usize = (HALVINGS / BITS) as usize;

impl Index {
    /// Searches the leaf of the place itself, then its surroundings, and so upwards until every driver who can still
    /// matter has been seen. So most searches stay in the lowest inner nodes; in those above they read only the link
    /// that leads down to the place.
    pub(super) fn search<'a, F>(&'a self, search: &mut NearestWalk<'a, F>)
    where
        F: FnMut(Entry<'_>) -> bool,
    {
        let depth = |levels: usize| levels as u8 * BITS;
        let mut above: [Option<Number>; LEVELS] = [None; LEVELS];
        let mut levels = 0;
        let mut seen = self.root;
        while levels < LEVELS
            && let Node::Inner(inner) = seen.node()
        {
            above[levels] = Some(inner);
            seen = self.inner[inner].links[search.steps.sixteenth(depth(levels))];
            levels += 1;
        }
        self.visit(seen.node(), Cell::around(search.steps, depth(levels)), search);
        for (level, inner) in above[..levels].iter().enumerate().rev() {
            let cell = Cell::around(search.steps, depth(level));
            if let Some(inner) = *inner {
                self.visit_parts(inner, cell, seen, search);
                seen = Node::Inner(inner).into();
            }
            if search.ends_within(cell) {
                return;
            }
        }
    }

    /// Searches a node and what is below it, whose cell it is.
    fn visit<'a, F>(&'a self, node: Node, cell: Cell, search: &mut NearestWalk<'a, F>)
    where
        F: FnMut(Entry<'_>) -> bool,
    {
        match node {
            Node::Nobody => {}
            Node::Leaf(leaf) => search.scan(&self.leaves[leaf]),
            Node::Inner(inner) => self.visit_parts(inner, cell, Link::NOBODY, search),
        }
    }

    /// Searches everything below an inner node, except the part already seen.
    fn visit_parts<'a, F>(&'a self, inner: Number, cell: Cell, seen: Link, search: &mut NearestWalk<'a, F>)
    where
        F: FnMut(Entry<'_>) -> bool,
    {
        let links = &self.inner[inner].links;
        let gaps = cell.gaps_to(search.steps);
        let (squares, mut touched) = search.reach.sixteenths(&gaps);
        let mut parts = Parts::default();
        while touched != 0 {
            let number = touched.trailing_zeros() as usize % SIXTEENTHS;
            touched &= touched - 1;
            if links[number] != seen && links[number] != Link::NOBODY {
                parts.add(links[number], Part { square: squares[number], gap: gaps.to(number), number });
            }
        }
        for Part { gap, number, .. } in parts.nearest_first() {
            if search.reach.has(*gap) {
                self.visit(links[*number].node(), cell.sixteenth(*number), search);
            }
        }
    }
}

/// A part of a cell, or several that a leaf has.
#[derive(Clone, Copy)]
struct Part {
    /// By how near it is.
    square: f32,
    gap: Apart,
    /// Of one sixteenth of it.
    number: usize,
}

/// Parts of a cell that a search touches.
struct Parts {
    parts: [Part; SIXTEENTHS],
    count: usize,
    last: Link,
}

impl Default for Parts {
    fn default() -> Self {
        let part = Part { square: 0.0, gap: Apart { east: 0.0, north: 0.0 }, number: 0 };
        Self { parts: [part; SIXTEENTHS], count: 0, last: Link::NOBODY }
    }
}

impl Parts {
    /// Adds the next of the sixteenths. Those that a leaf has are next to each other.
    #[inline]
    fn add(&mut self, link: Link, part: Part) {
        if link == self.last {
            let last = &mut self.parts[(self.count - 1) % SIXTEENTHS];
            last.square = last.square.min(part.square);
            last.gap.east = last.gap.east.min(part.gap.east);
            last.gap.north = last.gap.north.min(part.gap.north);
        } else {
            self.parts[self.count % SIXTEENTHS] = part;
            self.count += 1;
            self.last = link;
        }
    }

    #[inline]
    fn nearest_first(&mut self) -> &[Part] {
        let parts = &mut self.parts[..self.count];
        parts.sort_unstable_by(|one, other| one.square.total_cmp(&other.square));
        parts
    }
}
