//! Owns nodes that name each other by number. A number is good until it is freed, then it is given to a later node.

use std::ops::{Index, IndexMut};

/// Half the size of a pointer: there are as many nodes as the cache can hold.
pub(super) type Number = u32;

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
        Number::try_from(self.nodes.len() - 1).expect("memory ends long before four billion nodes")
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
        &self.nodes[number as usize]
    }
}

impl<T> IndexMut<Number> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, number: Number) -> &mut T {
        &mut self.nodes[number as usize]
    }
}
