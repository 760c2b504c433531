//! Somebody who drives along the streets: where they are at each moment, and what their phone measures of it. Pure: time
//! passes by [`Traveller::advance`], and chance is handed in.
//!
//! Invariant: a traveller is always on a street, and never faster than it allows.

use crate::domain::position::Position;
use crate::simulate::city::{BLOCK_M, City, Crossing, Point, Road, way};
use crate::simulate::habits::{self, STOP_SECS, STOPS_AT_CROSSING};
use rand::Rng;
use std::collections::VecDeque;

/// How far from the truth a phone's position is at most, in either direction.
pub const NOISE_MAX_M: f64 = 12.0;

#[derive(Clone, Debug, PartialEq)]
pub struct Traveller {
    /// The last crossing that was passed.
    behind: Crossing,
    /// How far they have come from it to the next one.
    along_m: f64,
    /// The crossings to come.
    ahead: VecDeque<Crossing>,
    heading: Heading,
    /// Waiting at a crossing, for so much longer.
    stopped_secs: f64,
    /// The part of what a road allows that they drive: 1 at most.
    pace: f64,
}

/// The street that they were on last.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Heading {
    from: Crossing,
    to: Crossing,
}

/// One measurement of a phone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    pub position: Position,
    pub accuracy_m: f64,
    pub heading_deg: f64,
    pub speed_mps: f64,
}

impl Traveller {
    pub fn standing_at(at: Crossing, pace: f64) -> Self {
        let heading = Heading { from: at, to: Crossing { y: at.y + 1, ..at } };
        Self { behind: at, along_m: 0.0, ahead: VecDeque::new(), heading, stopped_secs: 0.0, pace }
    }

    /// Sets out for another place: from the next crossing on, since nobody turns in the middle of a street.
    pub fn drive_to(&mut self, goal: Crossing) {
        let begin = self.ahead.front().copied();
        let found = way(begin.unwrap_or(self.behind), goal);
        self.ahead = begin.into_iter().chain(found.into_iter().skip(1)).collect();
    }

    pub fn has_arrived(&self) -> bool {
        self.ahead.is_empty()
    }

    /// The crossing that they have arrived at, or passed last.
    pub fn last_crossing(&self) -> Crossing {
        self.behind
    }

    /// Time passes. Whether they wait at the crossings that they reach is chance.
    pub fn advance(&mut self, mut secs: f64, rng: &mut impl Rng) {
        while secs > 0.0 {
            let waited = self.stopped_secs.min(secs);
            self.stopped_secs -= waited;
            secs -= waited;
            let Some(next) = self.ahead.front().copied() else { return };
            self.heading = Heading { from: self.behind, to: next };
            let speed = self.cruising_mps(next);
            let rest_m = BLOCK_M - self.along_m;
            if speed * secs < rest_m {
                self.along_m += speed * secs;
                return;
            }
            secs -= rest_m / speed;
            self.ahead.pop_front();
            (self.behind, self.along_m) = (next, 0.0);
            if !self.ahead.is_empty() && habits::happens(STOPS_AT_CROSSING, rng) {
                self.stopped_secs = rng.random_range(STOP_SECS);
            }
        }
    }

    pub fn speed_mps(&self) -> f64 {
        match self.ahead.front() {
            Some(next) if self.stopped_secs == 0.0 => self.cruising_mps(*next),
            _ => 0.0,
        }
    }

    pub fn point(&self) -> Point {
        let from = self.behind.point();
        let Some(next) = self.ahead.front() else { return from };
        let (to, part) = (next.point(), self.along_m / BLOCK_M);
        Point { x_m: from.x_m + (to.x_m - from.x_m) * part, y_m: from.y_m + (to.y_m - from.y_m) * part }
    }

    /// The next position of their phone, which is never quite right.
    pub fn measured(&self, city: &City, rng: &mut impl Rng) -> Measured {
        let Point { x_m, y_m } = self.point();
        let mut noise = || (0..4).map(|_| rng.random_range(-1.0..=1.0)).sum::<f64>() * NOISE_MAX_M / 4.0;
        let seen = Point { x_m: x_m + noise(), y_m: y_m + noise() };
        Measured {
            position: city.position(seen),
            accuracy_m: rng.random_range(4.0..=NOISE_MAX_M),
            heading_deg: city.heading_deg(self.heading.from, self.heading.to),
            speed_mps: self.speed_mps(),
        }
    }

    fn cruising_mps(&self, next: Crossing) -> f64 {
        Road::between(self.behind, next).speed_mps() * self.pace
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::chance::{Stream, generator};
    use crate::simulate::city::{CITIES, SPEED_MAX_MPS};

    /// By how much the nearest street is missed.
    fn off_street_m(point: Point) -> f64 {
        let off = |metres: f64| (metres - (metres / BLOCK_M).round() * BLOCK_M).abs();
        off(point.x_m).min(off(point.y_m))
    }

    fn distance_m(a: Point, b: Point) -> f64 {
        (a.x_m - b.x_m).hypot(a.y_m - b.y_m)
    }

    #[test]
    fn a_traveller_stays_on_the_streets_below_the_limit_and_arrives() {
        for index in 0..20 {
            let mut rng = generator(3, Stream::DriversDay, index);
            let mut traveller = Traveller::standing_at(Crossing::anywhere(&mut rng), 1.0);
            let goal = Crossing::anywhere(&mut rng);
            traveller.drive_to(goal);
            let mut secs = 0;
            while !traveller.has_arrived() {
                let before = traveller.point();
                traveller.advance(1.0, &mut rng);
                let after = traveller.point();
                assert!(off_street_m(after) < 1e-6, "{after:?}");
                assert!(distance_m(before, after) <= SPEED_MAX_MPS + 1e-6, "{before:?} {after:?}");
                assert!(traveller.speed_mps() <= SPEED_MAX_MPS);
                secs += 1;
                assert!(secs < 3_600, "an hour for a city of 8 km");
            }
            assert_eq!(traveller.point(), goal.point());
        }
    }

    #[test]
    fn a_new_goal_on_the_way_makes_nobody_jump() {
        let mut rng = generator(4, Stream::DriversDay, 0);
        let mut traveller = Traveller::standing_at(Crossing { x: 0, y: 0 }, 0.9);
        for _ in 0..200 {
            let before = traveller.point();
            traveller.drive_to(Crossing::anywhere(&mut rng));
            assert_eq!(traveller.point(), before);
            traveller.advance(7.0, &mut rng);
            assert!(off_street_m(traveller.point()) < 1e-6);
        }
    }

    #[test]
    fn the_same_chance_is_the_same_drive() {
        let drive = || {
            let mut rng = generator(5, Stream::DriversDay, 2);
            let mut traveller = Traveller::standing_at(Crossing { x: -3, y: 9 }, 0.8);
            traveller.drive_to(Crossing { x: 11, y: -6 });
            let mut seen = Vec::new();
            for _ in 0..300 {
                traveller.advance(1.0, &mut rng);
                seen.push(traveller.measured(&CITIES[0], &mut rng));
            }
            seen
        };
        assert_eq!(drive(), drive());
    }

    #[test]
    fn a_phone_is_about_right() {
        let mut rng = generator(6, Stream::DriversDay, 0);
        let (city, traveller) = (&CITIES[2], Traveller::standing_at(Crossing { x: 4, y: 4 }, 1.0));
        let truth = city.position(traveller.point());
        for _ in 0..1_000 {
            let measured = traveller.measured(city, &mut rng);
            assert!(truth.distance_m(measured.position) <= NOISE_MAX_M * 1.5);
            assert_eq!(measured.speed_mps, 0.0);
        }
    }
}
