//! Measures the matcher's spatial index: what a search and a move cost with 100,000 and 1,000,000 drivers in a city and
//! in a country, evenly spread, in towns, and with a tenth of all in one place; with filters that pass half or a
//! twentieth of the drivers.
//!
//! `cargo bench --bench index`. Moves continue between the searches, so that neither finds its memory in the cache more
//! often than in a server. A search is timed alone, moves in batches of 32: the matcher also applies them together, and
//! reading the clock takes as long as one of them. Each fleet has a process to itself, so that its memory can be
//! measured.

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::Instant;

use fleetwire::domain::ids::DriverId;
use fleetwire::domain::position::Position;
use fleetwire::matching::index::{Index, Indexed};
use fleetwire::matching::vehicle::{VehicleType, VehicleTypes};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const SEARCHES: usize = 10_000;
const MOVES_IN_BATCH: usize = 32;
const RADIUS_M: f64 = 10_000.0;
const K: usize = 5;
/// Ten seconds at 36 km/h.
const MOVE_M: f64 = 100.0;
const CENTRE: (f64, f64) = (-26.2, 28.05);
const METRES_PER_DEGREE: f64 = 111_195.0;
const NOW_MS: i64 = 1_700_000_000_000;
const AGE_MAX_MS: i64 = 120_000;

#[derive(Clone, Copy, Debug)]
enum Spread {
    /// Anywhere with the same chance.
    Even,
    /// Four fifths of all in 100 towns, the first of them the biggest.
    Towns,
    /// A tenth of all in one and the same place, the rest even.
    Depot,
}

/// Where drivers are, and where rides are asked for.
struct Region {
    side_m: f64,
    spread: Spread,
    towns: Vec<(f64, f64)>,
}

impl Region {
    fn new(side_m: f64, spread: Spread, rng: &mut StdRng) -> Self {
        let mut within = || rng.random_range(-0.5..0.5) * side_m;
        let towns = (0..100).map(|_| (within(), within())).collect();
        Self { side_m, spread, towns }
    }

    /// Metres north and east of the centre.
    fn place(&self, rng: &mut StdRng) -> (f64, f64) {
        let mut within = || rng.random_range(-0.5..0.5) * self.side_m;
        let even = (within(), within());
        match self.spread {
            Spread::Towns if rng.random_bool(0.8) => {
                // The square of a uniform number favours the first towns.
                let town = (rng.random_range(0.0..1.0f64).powi(2) * self.towns.len() as f64) as usize;
                let (north, east) = self.towns[town];
                let deviation = self.side_m / 50.0;
                (north + normal(rng) * deviation, east + normal(rng) * deviation)
            }
            Spread::Depot if rng.random_bool(0.1) => self.towns[0],
            _ => even,
        }
    }
}

fn normal(rng: &mut StdRng) -> f64 {
    let sum: f64 = (0..12).map(|_| rng.random_range(0.0..1.0)).sum();
    sum - 6.0
}

fn position((north_m, east_m): (f64, f64)) -> Position {
    let latitude = CENTRE.0 + north_m / METRES_PER_DEGREE;
    let longitude = CENTRE.1 + east_m / METRES_PER_DEGREE / latitude.to_radians().cos();
    Position::new(latitude, longitude).expect("the country is far from the pole and from the date line")
}

struct Fleet {
    index: Index,
    /// By driver id.
    places: Vec<(f64, f64)>,
    region: Region,
    /// A twentieth of all, and half of all: with the positions that are too old, of those a little less.
    rare: VehicleType,
    common: VehicleType,
    other: VehicleType,
    rng: StdRng,
}

impl Fleet {
    fn new(drivers: usize, side_m: f64, spread: Spread) -> Self {
        let mut rng = StdRng::seed_from_u64(7);
        let region = Region::new(side_m, spread, &mut rng);
        let places: Vec<(f64, f64)> = (0..drivers).map(|_| region.place(&mut rng)).collect();
        let mut types = VehicleTypes::default();
        let [rare, common, other] =
            ["wheelchair", "sedan", "bicycle"].map(|name| types.intern(name).expect("room"));
        let mut fleet = Self { index: Index::default(), places, region, rare, common, other, rng };
        for number in 0..drivers {
            let driver = fleet.driver(number);
            fleet.index.upsert(driver);
        }
        fleet
    }

    /// A driver where they are now. Made of what the index does not hold, so that looking it up warms no cache.
    fn driver(&mut self, number: usize) -> Indexed {
        let vehicle = match number * 7 % 20 {
            0 => self.rare,
            1..=10 => self.common,
            _ => self.other,
        };
        Indexed {
            driver: DriverId(number as i64 + 1),
            position: position(self.places[number]),
            vehicle,
            measured_at_ms: NOW_MS - self.rng.random_range(0..AGE_MAX_MS + 2_000),
        }
    }

    /// Nanoseconds for each move of a batch.
    fn move_some(&mut self) -> f64 {
        let moved: [Indexed; MOVES_IN_BATCH] = std::array::from_fn(|_| {
            let driver = self.rng.random_range(0..self.places.len());
            let (sin, cos) = self.rng.random_range(0.0..std::f64::consts::TAU).sin_cos();
            let (north, east) = self.places[driver];
            self.places[driver] = (north + sin * MOVE_M, east + cos * MOVE_M);
            self.driver(driver)
        });
        let begin = Instant::now();
        self.index.upsert_all(&moved, |_, put| {
            black_box(put);
        });
        begin.elapsed().as_nanos() as f64 / MOVES_IN_BATCH as f64
    }

    /// Nanoseconds for one search.
    fn search(&mut self, vehicle: VehicleType) -> f64 {
        let at = position(self.region.place(&mut self.rng));
        let oldest_ms = NOW_MS - AGE_MAX_MS;
        let begin = Instant::now();
        let found = self.index.nearest(at, RADIUS_M, K, |driver| {
            driver.vehicle() == vehicle && driver.measured_at_ms() >= oldest_ms
        });
        let nanoseconds = begin.elapsed().as_nanos() as f64;
        black_box(found);
        nanoseconds
    }
}

/// The median and the 99th percentile, in microseconds.
fn percentiles(mut nanoseconds: Vec<f64>) -> String {
    nanoseconds.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| nanoseconds[(nanoseconds.len() as f64 * share) as usize] / 1_000.0;
    format!("{:>7.3} {:>7.3}", at(0.5), at(0.99))
}

/// Memory of this process that is in use, as the kernel counts it.
fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0.0);
    pages * 4096.0
}

fn measure(drivers: usize, side_m: f64, spread: Spread) {
    let before = resident_bytes();
    let mut fleet = Fleet::new(drivers, side_m, spread);
    // Everybody moves about twice before anything counts.
    for _ in 0..2 * drivers / MOVES_IN_BATCH {
        fleet.move_some();
    }
    let places_bytes = size_of_val(&*fleet.places) as f64;
    let bytes = (resident_bytes() - before - places_bytes) / drivers as f64;
    let (mut moves, mut commons, mut rares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SEARCHES {
        moves.push(fleet.move_some());
        commons.push(fleet.search(fleet.common));
        moves.push(fleet.move_some());
        rares.push(fleet.search(fleet.rare));
    }
    let [half, twentieth, moves] = [commons, rares, moves].map(percentiles);
    let side_km = side_m / 1_000.0;
    let spread = format!("{spread:?}");
    println!("{drivers:>9} {side_km:>5} {spread:<6} {half}   {twentieth}   {moves} {bytes:>7.0}");
}

fn fleets() -> impl Iterator<Item = (usize, f64, Spread)> {
    let spreads = [Spread::Even, Spread::Towns, Spread::Depot];
    let regions = [50_000.0, 2_000_000.0].map(|side_m| spreads.map(|spread| (side_m, spread)));
    let regions = regions.into_iter().flatten();
    [100_000, 1_000_000]
        .into_iter()
        .flat_map(move |drivers| regions.clone().map(move |(side_m, spread)| (drivers, side_m, spread)))
}

fn main() -> ExitCode {
    // `cargo bench` passes `--bench`; a number is a fleet's, from the process that measures them all.
    if let Some(number) = std::env::args().nth(1).and_then(|argument| argument.parse().ok()) {
        let Some((drivers, side_m, spread)) = fleets().nth(number) else { return ExitCode::FAILURE };
        measure(drivers, side_m, spread);
        return ExitCode::SUCCESS;
    }
    println!("{K} nearest within {RADIUS_M} m; median and p99 in microseconds; memory for each driver");
    println!(
        "  drivers    km spread    half: p50     p99       5%: p50     p99      move: p50    p99   bytes"
    );
    let own = std::env::current_exe().expect("a program that runs has a path");
    let measured = (0..fleets().count()).all(|number| {
        let child = Command::new(&own).arg(number.to_string()).status();
        child.is_ok_and(|status| status.success())
    });
    if measured { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
