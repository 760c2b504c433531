//! The cities, and their streets: a grid around the centre with a main road every kilometre and two fast roads through
//! the middle. No real map: those of three towns would be megabytes, under a licence that the shown map would have to
//! name, and for the server one street is as good as another. Pure: the same two crossings have the same way.

use crate::domain::position::{EARTH_RADIUS_M, Position};
use rand::Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// From one crossing to the next.
pub const BLOCK_M: f64 = 200.0;
/// Streets on each side of the centre's: the city is 8 km wide.
pub const BLOCKS: i32 = 20;
/// Each of so many streets is a main road.
const MAIN_EVERY: i32 = 5;
/// No road is faster, in metres a second (80 km/h).
pub const SPEED_MAX_MPS: f64 = 22.2;

#[derive(Debug, PartialEq)]
pub struct City {
    pub name: &'static str,
    latitude: f64,
    longitude: f64,
    /// By how much its streets are turned clockwise from north.
    turned_deg: f64,
}

/// The order is kept: a person's telephone number has the city's place in it.
pub static CITIES: [City; 6] = [
    City { name: "johannesburg", latitude: -26.2041, longitude: 28.0473, turned_deg: 2.0 },
    City { name: "yaounde", latitude: 3.8480, longitude: 11.5021, turned_deg: 21.0 },
    City { name: "berlin", latitude: 52.5200, longitude: 13.4050, turned_deg: 12.0 },
    City { name: "nairobi", latitude: -1.2864, longitude: 36.8172, turned_deg: 38.0 },
    City { name: "bengaluru", latitude: 12.9716, longitude: 77.5946, turned_deg: 7.0 },
    City { name: "lima", latitude: -12.0464, longitude: -77.0428, turned_deg: 32.0 },
];

/// Where two streets meet, in blocks from the centre along the city's own directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Crossing {
    pub x: i32,
    pub y: i32,
}

/// A place in metres from the centre, along the city's own directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub x_m: f64,
    pub y_m: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    Side,
    Main,
    /// Through the middle of the city, from one end to the other.
    Fast,
}

impl Road {
    /// The speed on it, in metres a second.
    pub fn speed_mps(self) -> f64 {
        match self {
            Road::Side => 8.3,
            Road::Main => 13.9,
            Road::Fast => SPEED_MAX_MPS,
        }
    }

    /// The street between two neighbours.
    pub fn between(from: Crossing, to: Crossing) -> Road {
        // A street keeps one of the two numbers; that one is its own.
        let street = if from.x == to.x { from.x } else { from.y };
        match street {
            0 => Road::Fast,
            street if street % MAIN_EVERY == 0 => Road::Main,
            _ => Road::Side,
        }
    }

    /// For one block, in milliseconds: whole, so that two ways compare the same on every machine.
    fn block_ms(self) -> u64 {
        (BLOCK_M / self.speed_mps() * 1_000.0) as u64
    }
}

impl Crossing {
    pub fn point(self) -> Point {
        Point { x_m: f64::from(self.x) * BLOCK_M, y_m: f64::from(self.y) * BLOCK_M }
    }

    pub fn anywhere(rng: &mut impl Rng) -> Self {
        Self { x: rng.random_range(-BLOCKS..=BLOCKS), y: rng.random_range(-BLOCKS..=BLOCKS) }
    }

    /// Another one, `blocks` away at most in either direction.
    pub fn near(self, blocks: i32, rng: &mut impl Rng) -> Self {
        let mut moved = |from: i32| (from + rng.random_range(-blocks..=blocks)).clamp(-BLOCKS, BLOCKS);
        loop {
            let near = Self { x: moved(self.x), y: moved(self.y) };
            if near != self {
                return near;
            }
        }
    }

    fn neighbours(self) -> impl Iterator<Item = Crossing> {
        let steps = [(0, 1), (1, 0), (0, -1), (-1, 0)];
        let next = steps.into_iter().map(move |(x, y)| Crossing { x: self.x + x, y: self.y + y });
        next.filter(|next| next.x.abs() <= BLOCKS && next.y.abs() <= BLOCKS)
    }
}

/// The fastest way, both ends included (Dijkstra). Of equally fast ones the same one each time.
pub fn way(from: Crossing, to: Crossing) -> Vec<Crossing> {
    let mut best: BTreeMap<Crossing, (u64, Crossing)> = BTreeMap::from([(from, (0, from))]);
    let mut open = BinaryHeap::from([Reverse((0, from))]);
    while let Some(Reverse((ms, here))) = open.pop() {
        if here == to {
            break;
        }
        if best.get(&here).is_some_and(|(known, _)| *known < ms) {
            continue;
        }
        for next in here.neighbours() {
            let there_ms = ms + Road::between(here, next).block_ms();
            if best.get(&next).is_none_or(|(known, _)| there_ms < *known) {
                best.insert(next, (there_ms, here));
                open.push(Reverse((there_ms, next)));
            }
        }
    }
    let mut way = vec![to];
    let mut here = to;
    while here != from {
        here = best.get(&here).expect("every crossing can be reached from every other").1;
        way.push(here);
    }
    way.reverse();
    way
}

impl City {
    pub fn named(name: &str) -> Option<&'static City> {
        CITIES.iter().find(|city| city.name.eq_ignore_ascii_case(name.trim()))
    }

    /// Its place in the table.
    pub fn number(&self) -> usize {
        CITIES.iter().position(|city| city.name == self.name).unwrap_or(0)
    }

    pub fn position(&self, point: Point) -> Position {
        let (sin, cos) = self.turned_deg.to_radians().sin_cos();
        let (east_m, north_m) = (point.x_m * cos + point.y_m * sin, point.y_m * cos - point.x_m * sin);
        let latitude = self.latitude + (north_m / EARTH_RADIUS_M).to_degrees();
        let longitude = self.longitude + (east_m / self.parallel_m()).to_degrees();
        Position::new(latitude, longitude).expect("no city of the table is near a pole or the antimeridian")
    }

    /// The crossing that is nearest to a place; at the city's edge for one outside of it.
    pub fn crossing(&self, position: Position) -> Crossing {
        let north_m = (position.latitude() - self.latitude).to_radians() * EARTH_RADIUS_M;
        let east_m = (position.longitude() - self.longitude).to_radians() * self.parallel_m();
        let (sin, cos) = self.turned_deg.to_radians().sin_cos();
        let (x_m, y_m) = (east_m * cos - north_m * sin, east_m * sin + north_m * cos);
        let block = |metres: f64| ((metres / BLOCK_M).round() as i32).clamp(-BLOCKS, BLOCKS);
        Crossing { x: block(x_m), y: block(y_m) }
    }

    /// By which heading something goes that goes that way, in degrees clockwise from north.
    pub fn heading_deg(&self, from: Crossing, to: Crossing) -> f64 {
        let along = f64::from(to.x - from.x).atan2(f64::from(to.y - from.y)).to_degrees();
        (along + self.turned_deg).rem_euclid(360.0)
    }

    /// The radius of its parallel.
    fn parallel_m(&self) -> f64 {
        EARTH_RADIUS_M * self.latitude.to_radians().cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::chance::{Stream, generator};

    #[test]
    fn a_way_goes_from_crossing_to_crossing_and_is_the_same_each_time() {
        let mut rng = generator(1, Stream::Orders, 0);
        for _ in 0..50 {
            let (from, to) = (Crossing::anywhere(&mut rng), Crossing::anywhere(&mut rng));
            let found = way(from, to);
            assert_eq!((found.first(), found.last()), (Some(&from), Some(&to)));
            for step in found.windows(2) {
                assert_eq!((step[0].x - step[1].x).abs() + (step[0].y - step[1].y).abs(), 1, "{step:?}");
            }
            assert_eq!(found, way(from, to));
        }
    }

    #[test]
    fn a_long_way_takes_the_fast_road_although_it_is_longer() {
        let (from, to) = (Crossing { x: -15, y: 3 }, Crossing { x: 15, y: 3 });
        let found = way(from, to);
        assert!(found.contains(&Crossing { x: 7, y: 0 }), "{found:?}");
        assert!(found.len() > 31);
    }

    #[test]
    fn a_crossing_is_found_again_from_its_position_and_blocks_are_as_long_as_they_should_be() {
        for city in &CITIES {
            for crossing in [(0, 0), (7, -3), (-20, 20)].map(|(x, y)| Crossing { x, y }) {
                let position = city.position(crossing.point());
                assert_eq!(city.crossing(position), crossing, "{}", city.name);
                let next = city.position(Crossing { x: crossing.x + 1, ..crossing }.point());
                assert!((position.distance_m(next) - BLOCK_M).abs() < 1.0, "{}", city.name);
            }
            assert_eq!(City::named(&city.name.to_uppercase()), Some(city));
        }
        assert_eq!(City::named("atlantis"), None);
    }

    #[test]
    fn a_heading_is_that_of_the_positions() {
        let city = City::named("nairobi").expect("in the table");
        let (from, to) = (Crossing { x: 0, y: 0 }, Crossing { x: 0, y: 1 });
        let (here, there) = (city.position(from.point()), city.position(to.point()));
        let (north, east) = (there.latitude() - here.latitude(), there.longitude() - here.longitude());
        let measured = east.atan2(north).to_degrees().rem_euclid(360.0);
        assert!((city.heading_deg(from, to) - measured).abs() < 0.5, "{measured}");
    }
}
