//! Owns the inner nodes of the trie and their links to the nodes below. An inner node divides a cell into sixteenths.
//! Each sixteenth has a link, all links are in one line of memory, and a leaf that covers several sixteenths is in all
//! of their links.

use super::arena::Number;

/// How many bits of a key an inner node tells apart.
pub(super) const BITS: u8 = 4;
pub(super) const SIXTEENTHS: usize = 1 << BITS;

/// A node below an inner node, or the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Nobody,
    Inner(Number),
    Leaf(Number),
}

/// A [`Node`] in four bytes: its number, then one bit that says whether it is a leaf's.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Link(u32);

impl Link {
    pub(super) const NOBODY: Link = Link(0);

    #[inline]
    pub(super) fn node(self) -> Node {
        match Number::new(self.0 >> 1) {
            None => Node::Nobody,
            Some(number) if self.0 & 1 == 0 => Node::Inner(number),
            Some(number) => Node::Leaf(number),
        }
    }
}

impl From<Node> for Link {
    fn from(node: Node) -> Self {
        match node {
            Node::Nobody => Link::NOBODY,
            Node::Inner(number) => Link(number.get() << 1),
            Node::Leaf(number) => Link(number.get() << 1 | 1),
        }
    }
}

/// An inner node.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
pub(super) struct Inner {
    pub(super) links: [Link; SIXTEENTHS],
}

/// An inner node as a place below which a key leads on; or the place of the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Below {
    /// None for the place of the root.
    pub(super) inner: Option<Number>,
    /// How many bits agree in all keys below it.
    pub(super) depth: u8,
}

impl Below {
    pub(super) const TOP: Below = Below { inner: None, depth: 0 };

    /// The depth of the narrowest cell that has a link here.
    #[inline]
    pub(super) fn bottom(self) -> u8 {
        if self.inner.is_some() { self.depth + BITS } else { self.depth }
    }

    /// How many neighbouring links the cell of a `depth` has.
    #[inline]
    pub(super) fn width(self, depth: u8) -> usize {
        1 << (self.bottom() - depth)
    }
}

/// The content of the other half of the cell that is twice as wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    Nobody,
    /// A single leaf.
    Leaf(Number),
    /// More than that, or there is no other half.
    Others,
}

impl Beside {
    pub(super) fn of(links: &[Link]) -> Self {
        let is_one = links.iter().all(|link| *link == links[0]);
        match links[0].node() {
            Node::Nobody if is_one => Beside::Nobody,
            Node::Leaf(leaf) if is_one => Beside::Leaf(leaf),
            _ => Beside::Others,
        }
    }
}
