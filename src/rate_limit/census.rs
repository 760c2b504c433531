//! A limit on how many places each key holds at a time. A place counts until it is dropped.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Clones are the same one.
#[derive(Debug)]
pub struct Census<K> {
    counts: Arc<Mutex<HashMap<K, usize>>>,
    max: usize,
}

impl<K> Clone for Census<K> {
    fn clone(&self) -> Self {
        Self { counts: self.counts.clone(), max: self.max }
    }
}

/// Counts for as long as it lives.
#[derive(Debug)]
pub struct Counted<K: Hash + Eq> {
    census: Census<K>,
    key: K,
}

impl<K: Hash + Eq + Clone> Census<K> {
    pub fn new(max: usize) -> Self {
        Self { counts: Arc::default(), max }
    }

    /// A place for one more, if there is one.
    pub fn enter(&self, key: K) -> Option<Counted<K>> {
        let mut counts = self.counts.lock();
        let count = counts.entry(key.clone()).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Counted { census: self.clone(), key })
    }
}

impl<K: Hash + Eq> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut counts = self.census.counts.lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_so_many_at_a_time_and_leaves_nothing_behind() {
        let census = Census::new(2);
        let (first, second) = (census.enter("here"), census.enter("here"));
        assert!(first.is_some() && second.is_some() && census.enter("here").is_none());
        assert!(census.enter("there").is_some());
        drop(first);
        let third = census.enter("here");
        assert!(third.is_some() && census.enter("here").is_none());
        drop((second, third));
        assert!(census.counts.lock().is_empty());
    }
}
