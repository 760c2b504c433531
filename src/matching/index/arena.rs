//! Owns nodes that refer to each other by number. A number is valid until it is freed; then it is given to a later
//! node.

use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// A node's. Half the size of a pointer, with room for `None`: there are as many nodes as the cache can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(NonZeroU32);

impl Number {
    /// Of the node at an index of its arena.
    #[inline]
    pub(super) fn of(index: usize) -> Self {
        let number = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        Self(number.expect("memory ends long before four billion nodes"))
    }

    /// None for 0.
    #[inline]
    pub(super) fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    #[inline]
    pub(super) fn get(self) -> u32 {
        self.0.get()
    }

    #[inline]
    pub(super) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

pub(super) struct Arena<T> {
    nodes: Vec<T>,
    free: Vec<Number>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { nodes: Vec::new(), free: Vec::new() }
    }
}

impl<T> Arena<T> {
    pub(super) fn add(&mut self, node: T) -> Number {
        if let Some(number) = self.free.pop() {
            self[number] = node;
            return number;
        }
        self.nodes.push(node);
        Number::of(self.nodes.len() - 1)
    }

    /// The node itself stays until its number is given again.
    pub(super) fn free(&mut self, number: Number) {
        self.free.push(number);
    }
}

impl<T> Index<Number> for Arena<T> {
    type Output = T;

    #[inline]
    fn index(&self, number: Number) -> &T {
        &self.nodes[number.index()]
    }
}

impl<T> IndexMut<Number> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, number: Number) -> &mut T {
        &mut self.nodes[number.index()]
    }
}
