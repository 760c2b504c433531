//! Remembers values for recently used keys, in bounded memory and without a timer.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Values under keys, in two generations. A key that is used moves to the young one; once in the time that values
/// matter, the old generation is dropped and the young one becomes old. Dropped values were not used for at least that
/// long, so they no longer matter: this needs no search and no timer. When the young generation is half the keys
/// allowed before that time is over, the generations turn early and the keys longest unused are forgotten: a flood of
/// new keys is let in rather than allowed to lock out everybody else, and [`Recent::forgotten`] counts those that still
/// mattered.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    matters_for: Duration,
    generation_keys_max: usize,
    turned_at: Option<Instant>,
    forgotten: u64,
}

/// A value that may no longer matter.
pub(super) trait Fades {
    fn matters(&self, now: Instant) -> bool;
}

impl<K: Hash + Eq, V: Fades> Recent<K, V> {
    pub fn new(matters_for: Duration, keys_max: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            matters_for,
            generation_keys_max: (keys_max / 2).max(1),
            turned_at: None,
            forgotten: 0,
        }
    }

    /// The value kept under the key, or `fresh`.
    pub fn entry(&mut self, key: K, fresh: impl FnOnce() -> V, now: Instant) -> &mut V {
        self.turn_if_due(now);
        if !self.young.contains_key(&key) {
            let value = self.old.remove(&key).unwrap_or_else(fresh);
            if self.young.len() >= self.generation_keys_max {
                self.turn(now);
            }
            return self.young.entry(key).or_insert(value);
        }
        self.young.get_mut(&key).expect("it was there a moment ago")
    }

    /// The same where there may be nothing, without counting as use.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.young.get_mut(key).or_else(|| self.old.get_mut(key))
    }

    /// Never more than allowed.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn turn_if_due(&mut self, now: Instant) {
        match self.turned_at {
            None => self.turned_at = Some(now),
            Some(turned_at) if now.saturating_duration_since(turned_at) >= self.matters_for => self.turn(now),
            Some(_) => {}
        }
    }

    fn turn(&mut self, now: Instant) {
        self.forgotten += self.old.values().filter(|value| value.matters(now)).count() as u64;
        self.old = std::mem::take(&mut self.young);
        self.turned_at = Some(now);
    }
}
