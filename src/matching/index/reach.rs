//! Owns cheap bounds of a distance, from differences of longitude and latitude alone: which drivers may be within it,
//! and which certainly are. They need no trigonometry, so they can be computed for everybody; the exact distance of the
//! rest decides order and radius. All squares here are of numbers as in [`Apart`].
//!
//! Let `r` be the arc between `q` and `p`, `n` and `e` their differences of latitude and longitude in radians, and
//! hav(x) = sin²(x/2). Then hav(r) = hav(n) + cos(lat q) cos(lat p) hav(e), and hav(x) is between (1 - x²/12) x²/4 and x²/4.

use std::f64::consts::{FRAC_PI_2, PI};

use super::cell::{Apart, Gaps};
use super::node::SIXTEENTHS;
use crate::domain::position::EARTH_RADIUS_M;

/// Rounding to steps is some centimetres at most, but close to the opposite point of the earth the haversine formula is off
/// by a quarter of a metre.
const SLACK_M: f64 = 1.0;
/// Some roundings to an `f32`, each off by 2⁻²⁴ at most, and squared.
const SLACK: f64 = 1.0 + 1e-6;

/// An ellipse around a place that has everything within a distance of it.
///
/// Let `p` be within the arc `r` of `q`, and `widest` be the largest `e` of such a `p`. With cos(lat p) at least
/// cos(lat q) - r, (n² + cos(lat q) (cos(lat q) - r) e²) (1 - widest²/12) is at most r². For what a city or a country needs
/// that is next to exact.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    /// The weight of a square of longitude, against one of latitude.
    east_weight: f32,
    square: f32,
}

impl Reach {
    pub(super) fn of(limit_m: f64, cos_latitude: f64) -> Self {
        let arc = limit_m / EARTH_RADIUS_M;
        let square = ((limit_m + SLACK_M) / EARTH_RADIUS_M / Apart::UNIT).powi(2) * SLACK;
        // The meridians that touch the circle are away by asin(sine), unless a pole is within it.
        let sine = arc / cos_latitude;
        if sine < 1.0 {
            let widest = sine + (FRAC_PI_2 - 1.0) * sine.powi(3);
            Self {
                east_weight: (cos_latitude * (cos_latitude - arc)) as f32,
                square: (square / (1.0 - widest.powi(2) / 12.0)) as f32,
            }
        } else {
            Self { east_weight: 0.0, square: square as f32 }
        }
    }

    #[inline]
    pub(super) fn has(&self, apart: Apart) -> bool {
        self.square_of(apart) <= self.square
    }

    #[inline]
    fn square_of(&self, apart: Apart) -> f32 {
        apart.north * apart.north + apart.east * apart.east * self.east_weight
    }

    /// Whether it ends within a cell, if it has its centre there and the cell's edges are so far from that.
    pub(super) fn ends_within(&self, margin: Apart) -> bool {
        !self.has(Apart { east: 0.0, ..margin }) && !self.has(Apart { north: 0.0, ..margin })
    }

    /// Squares that order the sixteenths of a cell by how near they are, and a bit for each that it touches.
    #[inline]
    pub(super) fn sixteenths(&self, gaps: &Gaps) -> ([f32; SIXTEENTHS], u16) {
        let squares: [f32; SIXTEENTHS] = std::array::from_fn(|number| self.square_of(gaps.to(number)));
        let touched = squares.iter().enumerate();
        let touched = touched.fold(0, |bits, (at, square)| bits | u16::from(*square <= self.square) << at);
        (squares, touched)
    }
}

/// The square of a distance that `p` is certainly within, for [`within_m`].
///
/// With cos(lat p) at most cos(lat q) + |n| and at most 1, it is n² + cos(lat q) cos(lat p) e², and at least 4 hav(r).
#[inline]
pub(super) fn certain_square(apart: Apart, cos_latitude: f32) -> f32 {
    let cos_there = (cos_latitude + apart.north.abs() * Apart::UNIT as f32).min(1.0);
    apart.north * apart.north + cos_latitude * cos_there * apart.east * apart.east
}

/// The distance in metres that a [`certain_square`] says.
///
/// As sin(x) is at least 2x/π, r² is at most π² hav(r); so with r² (1 - r²/12) at most 4 hav(r), which is at most the square
/// `s`, r² (1 - π²/48 s) is at most s.
pub(super) fn within_m(square: f32) -> f64 {
    let square = f64::from(square) * Apart::UNIT.powi(2) * SLACK;
    let arc = (square / (1.0 - PI.powi(2) / 48.0 * square)).sqrt();
    if square < 1.0 { arc * EARTH_RADIUS_M + SLACK_M } else { f64::INFINITY }
}

/// The largest square whose distance is within a radius: [`within_m`] the other way round. Negative for none.
pub(super) fn certain_square_of(radius_m: f64) -> f32 {
    let arc = ((radius_m - SLACK_M) / EARTH_RADIUS_M).min(1.0);
    let square = arc.powi(2) / (1.0 + PI.powi(2) / 48.0 * arc.powi(2)) / SLACK.powi(2);
    if arc < 0.0 { -1.0 } else { (square / Apart::UNIT.powi(2)) as f32 }
}
