//! Owns one search: who has been seen, the best of them, and who can still be better. Most of the drivers that are looked at
//! are judged by the bounds of `reach`; the exact distance is computed of those who are left.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::f64::consts::PI;

use super::Indexed;
use super::cell::{Cell, Steps};
use super::leaf::{Entry, Leaf};
use super::reach::{EARTH_RADIUS_M, Reach, certain_square, certain_square_of, within_m};
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

/// [`Position::distance_m`], which is not a number for some points exactly opposite each other.
pub(super) fn distance_m(from: Position, to: Position) -> f64 {
    let metres = from.distance_m(to);
    if metres.is_nan() { PI * EARTH_RADIUS_M } else { metres }
}

/// A square of `reach`, which is a number.
#[derive(Clone, Copy, PartialEq)]
struct Square(f32);

impl Eq for Square {}

impl PartialOrd for Square {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Square {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// 960 bytes, which glibc's allocator has at hand for each thread (up to 1,032).
const PENDING_MAX: usize = 60;

pub(super) struct Search<'a, F> {
    at: Position,
    pub(super) steps: Steps,
    cos_latitude: f64,
    radius_m: f64,
    k: usize,
    filter: F,
    /// Who passed the filter and may be among the best. Their distance is not known yet.
    pending: Vec<Entry<'a>>,
    /// Of the `k` nearest so far, by [`certain_square`], who are certainly within the radius. The furthest on top.
    certain: BinaryHeap<Square>,
    /// What a square is at most of somebody who is certainly within the radius.
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

impl<'a, F: FnMut(Entry<'_>) -> bool> Search<'a, F> {
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
            self.limit_to(within_m(furthest.0));
        }
    }

    fn consider(&mut self, entry: Entry<'a>) {
        if self.pending.len() == PENDING_MAX {
            self.settle();
        }
        self.pending.push(entry);
        let square = certain_square(self.steps.apart(entry.steps()), self.cos_latitude as f32);
        if square > self.certain_square {
            return;
        }
        if self.certain.len() < self.k {
            self.certain.push(Square(square));
        } else if let Some(mut furthest) = self.certain.peek_mut()
            && Square(square) < *furthest
        {
            *furthest = Square(square);
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
            // Who was near enough when their leaf was looked through may no longer be.
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
            _ => distance_m(self.at, indexed.position),
        };
        self.last = Some((entry.steps(), distance_m));
        let found = Found { distance_m, indexed };
        if distance_m > self.radius_m {
            return;
        }
        if self.best.len() < self.k {
            self.best.push(found);
        } else if let Some(mut furthest) = self.best.peek_mut()
            && found < *furthest
        {
            *furthest = found;
        }
    }

    pub(super) fn finish(mut self) -> Vec<Found> {
        self.settle();
        self.best.into_sorted_vec()
    }
}
