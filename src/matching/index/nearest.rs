//! Owns one search: the drivers seen so far, the best of them, and the bound that others must beat. Most drivers are
//! judged by the bounds of `reach`; the exact distance is computed only for the rest.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::cell::{Cell, Steps};
use super::indexed::Indexed;
use super::leaf::{Entry, Leaf};
use super::reach::{Reach, certain_square, certain_square_of, within_m};
use crate::domain::position::Position;

/// A driver found, and the great-circle distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    pub distance_m: f64,
    pub indexed: Indexed,
}

impl Eq for Found {}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The nearer first, of equally near ones the lower id.
impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_distance = self.distance_m.total_cmp(&other.distance_m);
        by_distance.then_with(|| self.indexed.driver.cmp(&other.indexed.driver))
    }
}

/// 960 bytes, which glibc's allocator has at hand for each thread (up to 1,032).
const PENDING_MAX: usize = 60;

pub(super) struct NearestWalk<'a, F> {
    at: Position,
    pub(super) steps: Steps,
    cos_latitude: f64,
    radius_m: f64,
    k: usize,
    filter: F,
    /// Drivers who passed the filter and may be among the best. Their distance is not known yet.
    pending: Vec<Entry<'a>>,
    /// Of the `k` nearest so far who are certainly within the radius, the [`certain_square`]. The furthest on top; in
    /// their bits, which are ordered as the numbers are, since none is negative.
    certain: BinaryHeap<u32>,
    /// The largest square of a driver who is certainly within the radius.
    certain_square: f32,
    /// Of those whose distance is known. The furthest on top.
    best: BinaryHeap<Found>,
    /// The radius, or what `k` drivers are certainly within.
    limit_m: f64,
    /// Of the limit.
    pub(super) reach: Reach,
    /// The last distance that was computed: many drivers may wait in one place.
    last: Option<(Steps, f64)>,
}

impl<'a, F: FnMut(Entry<'_>) -> bool> NearestWalk<'a, F> {
    pub(super) fn new(at: Position, radius_m: f64, k: usize, filter: F) -> Self {
        let cos_latitude = at.latitude().to_radians().cos();
        let expected = k.min(PENDING_MAX);
        Self {
            at,
            steps: at.into(),
            cos_latitude,
            radius_m,
            k,
            filter,
            pending: Vec::with_capacity(PENDING_MAX),
            certain: BinaryHeap::with_capacity(expected),
            certain_square: certain_square_of(radius_m),
            best: BinaryHeap::with_capacity(expected),
            limit_m: radius_m,
            reach: Reach::of(radius_m, cos_latitude),
            last: None,
        }
    }

    /// Whether nobody outside of a cell that has the place can matter.
    pub(super) fn ends_within(&self, cell: Cell) -> bool {
        self.reach.ends_within(cell.margin(self.steps))
    }

    pub(super) fn scan(&mut self, leaf: &'a Leaf) {
        let (at, reach) = (self.steps, self.reach);
        for entry in leaf.entries_where(|steps| reach.has(at.apart(steps))) {
            if (self.filter)(entry) {
                self.consider(entry);
            }
        }
        if self.certain.len() == self.k
            && let Some(furthest) = self.certain.peek()
        {
            self.limit_to(within_m(f32::from_bits(*furthest)));
        }
    }

    fn consider(&mut self, entry: Entry<'a>) {
        if self.pending.len() == PENDING_MAX {
            self.settle();
        }
        self.pending.push(entry);
        let square = certain_square(self.steps.apart(entry.steps()), self.cos_latitude as f32);
        if square <= self.certain_square {
            keep(&mut self.certain, self.k, square.to_bits());
        }
    }

    fn limit_to(&mut self, limit_m: f64) {
        if limit_m < self.limit_m {
            self.limit_m = limit_m;
            self.reach = Reach::of(limit_m, self.cos_latitude);
        }
    }

    /// Computes the distances that are wanted by now.
    fn settle(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        for entry in pending.drain(..) {
            // A driver who was near enough when their leaf was searched may no longer be.
            if self.reach.has(self.steps.apart(entry.steps())) {
                self.take(entry);
            }
        }
        self.pending = pending;
        if self.best.len() == self.k
            && let Some(furthest) = self.best.peek()
        {
            self.limit_to(furthest.distance_m);
        }
    }

    fn take(&mut self, entry: Entry<'_>) {
        let indexed = Indexed::from(entry);
        let distance_m = match self.last {
            Some((steps, distance_m)) if steps == entry.steps() => distance_m,
            _ => self.at.distance_m(indexed.position),
        };
        self.last = Some((entry.steps(), distance_m));
        if distance_m <= self.radius_m {
            keep(&mut self.best, self.k, Found { distance_m, indexed });
        }
    }

    pub(super) fn finish(mut self) -> Vec<Found> {
        self.settle();
        self.best.into_sorted_vec()
    }
}

/// Keeps the `k` least.
#[inline]
fn keep<T: Ord>(least: &mut BinaryHeap<T>, k: usize, one: T) {
    if least.len() < k {
        least.push(one);
    } else if let Some(mut greatest) = least.peek_mut()
        && one < *greatest
    {
        *greatest = one;
    }
}
