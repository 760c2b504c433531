//! Owns one search: the best found so far, and what can still be better. The cheap tests here may let somebody pass whom
//! the exact one refuses, never the other way round; order and radius are decided by [`distance_m`] alone.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::f64::consts::{FRAC_PI_2, PI};

use super::Indexed;
use super::cell::{Gap, Steps};
use super::leaf::Leaf;
use crate::domain::position::Position;

/// The mean earth radius of [`Position::distance_m`].
const EARTH_RADIUS_M: f64 = 6_371_008.8;

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

/// A metre, in degrees. Rounding to steps is a centimetre at most, but close to the opposite point of the earth the haversine
/// formula is off by a quarter of a metre. It is in everything that [`Reach`] lets pass.
const SLACK_DEGREES: f64 = 1e-5;

/// An ellipse in degrees of longitude and latitude around a place that has everything within a distance of it.
///
/// Let `p` be within the arc `r` of `q`, `north` and `east` their differences, `widest` the largest `east` of such a `p`. By
/// the haversine formula, with hav(x) between (1 - x²/12) x²/4 and x²/4, and with cos(lat p) at least cos(lat q) - r,
/// (north² + cos(lat q) (cos(lat q) - r) east²) (1 - widest²/12) is at most r². This takes no trigonometry, so it can be
/// made anew for each better driver found, and for what a city or a country needs it is next to exact.
#[derive(Clone, Copy)]
struct Reach {
    /// What a square degree of longitude counts, against one of latitude.
    east_weight: f64,
    square: f64,
}

impl Reach {
    fn of(limit_m: f64, cos_latitude: f64) -> Self {
        let arc = limit_m / EARTH_RADIUS_M;
        let square = (arc.to_degrees() + SLACK_DEGREES).powi(2);
        // The meridians that touch the circle are away by asin(sine), unless a pole is within it.
        let sine = arc / cos_latitude;
        if sine < 1.0 {
            let widest = sine + (FRAC_PI_2 - 1.0) * sine.powi(3);
            Self {
                east_weight: cos_latitude * (cos_latitude - arc),
                square: square / (1.0 - widest.powi(2) / 12.0),
            }
        } else {
            Self { east_weight: 0.0, square }
        }
    }

    #[inline]
    fn has(&self, (east, north): (f64, f64)) -> bool {
        north * north + east * east * self.east_weight <= self.square
    }
}

/// Degrees of longitude, the shorter way around the earth, and of latitude.
#[inline]
fn apart(one: Position, other: Position) -> (f64, f64) {
    let one_way = (one.longitude() - other.longitude()).abs();
    let other_way = 360.0 - one_way;
    // Not f64::min, whose care for what is not a number takes as long as the rest.
    let east = if one_way < other_way { one_way } else { other_way };
    (east, one.latitude() - other.latitude())
}

pub(super) struct Search<F> {
    at: Position,
    pub(super) steps: Steps,
    cos_latitude: f64,
    radius_m: f64,
    k: usize,
    filter: F,
    /// The furthest on top.
    best: BinaryHeap<Found>,
    /// Of the radius, and of the furthest once there are `k`.
    reach: Reach,
    /// The last distance that was computed: many drivers may wait in one place.
    last: (Position, f64),
}

impl<F: FnMut(&Indexed) -> bool> Search<F> {
    pub(super) fn new(at: Position, radius_m: f64, k: usize, filter: F) -> Self {
        let cos_latitude = at.latitude().to_radians().cos();
        Self {
            at,
            steps: at.into(),
            cos_latitude,
            radius_m,
            k,
            filter,
            best: BinaryHeap::new(),
            reach: Reach::of(radius_m, cos_latitude),
            last: (at, 0.0),
        }
    }

    /// Whether somebody as far away as this can still matter.
    #[inline]
    pub(super) fn reaches(&self, gap: Gap) -> bool {
        self.reach.has(gap.degrees())
    }

    pub(super) fn scan(&mut self, leaf: &Leaf) {
        let at = self.at;
        let reach = self.reach;
        for driver in leaf.drivers_where(|position| reach.has(apart(at, position))) {
            self.consider((*driver).into());
        }
    }

    fn consider(&mut self, indexed: Indexed) {
        // Who was near enough when the leaf was looked through may no longer be.
        if !(self.filter)(&indexed) || !self.reach.has(apart(self.at, indexed.position)) {
            return;
        }
        if self.last.0 != indexed.position {
            self.last = (indexed.position, distance_m(self.at, indexed.position));
        }
        let found = Found { distance_m: self.last.1, indexed };
        if found.distance_m > self.radius_m {
            return;
        }
        if self.best.len() < self.k {
            self.best.push(found);
        } else if let Some(mut furthest) = self.best.peek_mut()
            && found < *furthest
        {
            *furthest = found;
        } else {
            return;
        }
        if self.best.len() == self.k
            && let Some(furthest) = self.best.peek()
        {
            self.reach = Reach::of(furthest.distance_m, self.cos_latitude);
        }
    }

    pub(super) fn finish(self) -> Vec<Found> {
        self.best.into_sorted_vec()
    }
}
