//! The index against brute force: any fleet in any order of moves, and by name the places where indexes go wrong.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::cell::{Cell, HALVINGS, Steps};
use super::reach::{Reach, certain_square, certain_square_of, within_m};
use super::*;
use crate::matching::vehicle::{VehicleType, VehicleTypes};

const ANYWHERE_M: f64 = 30_000_000.0;

fn position(latitude: f64, longitude: f64) -> Position {
    Position::new(latitude, longitude).expect("in range")
}

/// A position wherever the numbers lead: around the earth, but not over a pole.
fn wrapped(latitude: f64, longitude: f64) -> Position {
    position(latitude.clamp(-90.0, 90.0), (longitude + 540.0).rem_euclid(360.0) - 180.0)
}

/// A position as the index keeps it.
fn kept(position: Position) -> Position {
    Steps::from(position).into()
}

fn vehicle(number: u16) -> VehicleType {
    VehicleType::from(number)
}

/// A driver as they come out of the index.
fn driver(id: i64, position: Position) -> Indexed {
    let position = kept(position);
    let vehicle = vehicle((id % 3).unsigned_abs() as u16);
    Indexed { driver: DriverId(id), position, vehicle, measured_at_ms: 1_700_000_000_000 + id % 1_000 }
}

fn index_of(drivers: impl IntoIterator<Item = Indexed>) -> Index {
    let mut index = Index::default();
    drivers.into_iter().for_each(|driver| assert_eq!(index.upsert(driver), Put::Entered));
    index
}

fn ids(found: &[Found]) -> Vec<i64> {
    found.iter().map(|found| found.indexed.driver.0).collect()
}

/// The required answer of the index, computed from the drivers alone.
fn brute_force<'a>(
    drivers: impl IntoIterator<Item = &'a Indexed>,
    at: Position,
    radius_m: f64,
    k: usize,
    filter: impl Fn(&Indexed) -> bool,
) -> Vec<Found> {
    let mut found: Vec<Found> = drivers
        .into_iter()
        .filter(|driver| filter(driver))
        .map(|driver| Found { distance_m: at.distance_m(driver.position), indexed: *driver })
        .filter(|found| found.distance_m <= radius_m)
        .collect();
    found.sort_by(|one, other| {
        let by_distance = one.distance_m.total_cmp(&other.distance_m);
        by_distance.then(one.indexed.driver.0.cmp(&other.indexed.driver.0))
    });
    found.truncate(k);
    found
}

/// Walks the whole trie and checks what the head of the file promises.
fn check(index: &Index) {
    let mut seen = 0;
    // Links that together form a cell, their places, and the bits of the cell's keys.
    let mut pending = vec![(vec![index.root], Below::TOP, Vec::new())];
    while let Some((links, below, bits)) = pending.pop() {
        let depth = bits.len();
        match (links[0].node(), Beside::of(&links)) {
            (_, Beside::Nobody) => {}
            (_, Beside::Leaf(number)) => seen += check_leaf(index, number, below, &bits),
            (Node::Inner(inner), _) if links.len() == 1 => {
                assert_eq!(index.parents[inner.index()], below.inner);
                let links = index.inner[inner].links.to_vec();
                assert!(links.iter().any(|link| *link != Link::NOBODY), "an inner node over nobody");
                pending.push((links, Below { inner: Some(inner), depth: depth as u8 }, bits));
            }
            _ => {
                let halves = links.split_at(links.len() / 2);
                let could_be_one = match (Beside::of(halves.0), Beside::of(halves.1)) {
                    (Beside::Nobody, Beside::Leaf(_)) | (Beside::Leaf(_), Beside::Nobody) => true,
                    (Beside::Leaf(one), Beside::Leaf(other)) => {
                        index.leaves[one].count() <= JOIN_AT && index.leaves[other].count() <= JOIN_AT
                    }
                    _ => false,
                };
                assert!(!could_be_one, "at depth {depth}");
                for (bit, half) in [halves.0, halves.1].into_iter().enumerate() {
                    let bits = bits.iter().copied().chain([bit]).collect();
                    pending.push((half.to_vec(), below, bits));
                }
            }
        }
    }
    assert_eq!(seen, index.len());
}

/// How many drivers are in a leaf. It has all links of a cell, whose bits these are.
fn check_leaf(index: &Index, number: Number, below: Below, bits: &[usize]) -> usize {
    let leaf = &index.leaves[number];
    assert_eq!((leaf.parent, usize::from(leaf.depth)), (below.inner, bits.len()));
    assert!(leaf.count() > 0, "an empty leaf");
    for entry in leaf.entries() {
        let driver = Indexed::from(entry);
        let bits_of = |key: Key| (0..leaf.depth).map(|depth| key.bit(depth)).collect::<Vec<_>>();
        assert_eq!(bits_of(driver.key()), bits, "{driver:?} is in a cell of others");
        assert_eq!(bits_of(leaf.key_of(driver.driver)), bits, "the cell is another");
        let slot = index.slots.get(driver.driver).expect("in the index");
        assert_eq!((slot.leaf(), Indexed::from(leaf.entry(slot.number()))), (number, driver));
    }
    leaf.count()
}

/// Cities, both poles, the date line from both sides and the equator; at hand's breadth and a continent away.
fn places() -> impl Strategy<Value = Position> {
    let anchors = prop::sample::select(vec![
        (-26.2041, 28.0473),
        (64.84, -147.72),
        (90.0, 0.0),
        (-90.0, 77.0),
        (0.0, 180.0),
        (-17.8, -180.0),
        (0.0, 0.0),
    ]);
    let spreads = prop::sample::select(vec![0.0, 1e-8, 1e-4, 0.01, 1.0, 20.0]);
    let near = (anchors, spreads, -1.0..1.0f64, -1.0..1.0f64).prop_map(|(anchor, spread, north, east)| {
        wrapped(anchor.0 + north * spread, anchor.1 + east * spread)
    });
    let anywhere = (-90.0..=90.0f64, -180.0..=180.0f64);
    prop_oneof![5 => near, 1 => anywhere.prop_map(|(latitude, longitude)| position(latitude, longitude))]
}

/// Few enough that most are met again, with the ends of what a number can be.
fn driver_ids() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0..600i64, 1 => i64::MIN..i64::MIN + 3, 1 => i64::MAX - 3..=i64::MAX, 1 => any::<i64>()]
}

fn radii() -> impl Strategy<Value = f64> {
    prop_oneof![
        prop::sample::select(vec![0.0, 1.0, 10_000.0, 5_000_000.0, ANYWHERE_M, f64::INFINITY]),
        0.0..20_100_000.0f64,
        0.0..20_000.0f64,
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Put(i64, Position, u16),
    Remove(i64),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (driver_ids(), places(), 0..4u16).prop_map(|(id, place, vehicle)| Step::Put(id, place, vehicle)),
        1 => driver_ids().prop_map(Step::Remove),
    ]
}

fn carry_out(index: &mut Index, known: &mut BTreeMap<i64, Indexed>, step: &Step) {
    match *step {
        Step::Put(id, place, number) => {
            let driver = Indexed { vehicle: vehicle(number), ..driver(id, place) };
            let was_known = known.insert(id, driver).is_some();
            assert_eq!(index.upsert(driver), if was_known { Put::Moved } else { Put::Entered });
        }
        Step::Remove(id) => assert_eq!(index.remove(DriverId(id)), known.remove(&id)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nearest_equals_brute_force_whatever_happened(
        history in prop::collection::vec(steps(), 0..1_500),
        searches in prop::collection::vec((places(), radii(), 0..12usize, 0..5u16), 1..12),
    ) {
        let mut index = Index::default();
        let mut known = BTreeMap::new();
        for (number, step) in history.iter().enumerate() {
            carry_out(&mut index, &mut known, step);
            if number % 250 == 0 {
                check(&index);
            }
        }
        check(&index);
        for (id, driver) in &known {
            prop_assert_eq!(index.get(DriverId(*id)).map(Indexed::from), Some(*driver));
        }
        for (at, radius_m, k, wanted) in searches {
            // 4 is for anything.
            let filter = |driver: &Indexed| wanted == 4 || driver.vehicle == vehicle(wanted);
            let expected = brute_force(known.values(), at, radius_m, k, filter);
            prop_assert_eq!(index.nearest(at, radius_m, k, |entry| filter(&entry.into())), expected);
            let all = brute_force(known.values(), at, radius_m, usize::MAX, filter);
            prop_assert_eq!(index.nearest(at, radius_m, usize::MAX, |entry| filter(&entry.into())), all);
        }
    }

    #[test]
    fn after_everybody_left_nothing_is_left(history in prop::collection::vec(steps(), 0..1_000)) {
        let mut index = Index::default();
        let mut known = BTreeMap::new();
        history.iter().for_each(|step| carry_out(&mut index, &mut known, step));
        for (number, id) in known.keys().enumerate() {
            prop_assert!(index.remove(DriverId(*id)).is_some());
            prop_assert_eq!(index.remove(DriverId(*id)), None);
            if number % 50 == 0 {
                check(&index);
            }
        }
        prop_assert!(index.is_empty());
        prop_assert_eq!(index.root.node(), Node::Nobody);
    }

    /// The cheap tests never exclude what the exact one would take: no cell on the way down to a driver is out of reach of a
    /// search whose radius is just the driver's distance.
    #[test]
    fn no_cell_of_a_driver_is_out_of_reach(at in places(), place in places()) {
        let (from, to) = (Steps::from(at), Steps::from(place));
        let distance_m = at.distance_m(kept(place));
        let reach = Reach::of(distance_m, at.latitude().to_radians().cos());
        let apart = from.apart(to);
        prop_assert!(reach.has(apart));
        let (key, mut cell) = (Key::new(to, DriverId(5)), Cell::around(to, 0));
        for depth in (0..100).step_by(usize::from(BITS)) {
            let (gaps, sixteenth) = (cell.gaps_to(from), key.sixteenth(depth));
            let (_, touched) = reach.sixteenths(&gaps);
            prop_assert!(touched >> sixteenth & 1 == 1, "at depth {}", depth);
            prop_assert!(reach.has(gaps.to(sixteenth)), "at depth {}", depth);
            if depth < HALVINGS {
                // Nor does it end within a cell that has its centre and not the driver.
                let own = Cell::around(from, depth);
                prop_assert!(own == cell || !reach.ends_within(own.margin(from)), "at depth {}", depth);
            } else {
                // Nor are they nearer than they have to be: the last ones are the place itself, to a step or two and what an
                // f32 rounds.
                let gap = gaps.to(sixteenth);
                let is_near = |one: f32, other: f32| (one - other.abs()).abs() <= 4.0 + one * 3e-7;
                let are_near = is_near(gap.east, apart.east) && is_near(gap.north, apart.north);
                prop_assert!(are_near, "{:?} {:?}", gap, apart);
            }
            cell = cell.sixteenth(sixteenth);
        }
    }

    /// Certain bounds are right: neither smaller than the exact distance nor, over short ones, much larger.
    #[test]
    fn a_driver_is_within_the_certain_distance(at in places(), place in places(), radius_m in radii()) {
        let cos_latitude = at.latitude().to_radians().cos() as f32;
        let square = certain_square(Steps::from(at).apart(place.into()), cos_latitude);
        let distance_m = at.distance_m(kept(place));
        prop_assert!(distance_m <= within_m(square), "{} m", distance_m);
        prop_assert!(square > certain_square_of(radius_m) || distance_m <= radius_m, "{} m", distance_m);
        if at.latitude().abs() < 60.0 && distance_m < 20_000.0 {
            prop_assert!(within_m(square) < distance_m * 1.01 + 3.0, "{} m", distance_m);
        }
    }

    #[test]
    fn a_position_is_kept_to_a_centimetre(place in places()) {
        let (apart_m, kept) = (place.distance_m(kept(place)), kept(place));
        prop_assert!(apart_m < 0.01, "{} m", apart_m);
        prop_assert_eq!(Steps::from(kept), Steps::from(place));
    }
}

/// Thousands in towns of very different sizes, who drive about for an hour.
#[test]
fn a_fleet_that_drives_about_stays_findable() {
    let mut rng = StdRng::seed_from_u64(11);
    let towns: Vec<(f64, f64)> =
        (0..40).map(|_| (rng.random_range(40.0..60.0), rng.random_range(-5.0..30.0))).collect();
    let mut drivers: Vec<Indexed> = (0..6_000)
        .map(|id| {
            let town = towns[(rng.random_range(0.0..1.0f64).powi(3) * 40.0) as usize];
            let mut by = || rng.random_range(-0.1..0.1);
            driver(id, wrapped(town.0 + by(), town.1 + by()))
        })
        .collect();
    let mut index = index_of(drivers.iter().copied());
    for round in 0..20 {
        for _ in 0..3_000 {
            let moved = rng.random_range(0..drivers.len());
            let from = drivers[moved].position;
            let mut by = || rng.random_range(-0.003..0.003);
            let to = wrapped(from.latitude() + by(), from.longitude() + by());
            drivers[moved].position = kept(to);
            index.upsert(drivers[moved]);
        }
        check(&index);
        for _ in 0..20 {
            let centre = drivers[rng.random_range(0..drivers.len())].position;
            let at = wrapped(centre.latitude() + rng.random_range(-0.2..0.2), centre.longitude());
            let wanted = vehicle(rng.random_range(0..3));
            let filter = |driver: &Indexed| driver.vehicle == wanted;
            let expected = brute_force(&drivers, at, 10_000.0, 5, filter);
            let found = index.nearest(at, 10_000.0, 5, |entry| filter(&entry.into()));
            assert_eq!(found, expected, "round {round}");
        }
    }
}

#[test]
fn the_matching_contracts_drivers_are_found_as_it_says() {
    let drivers = [(-26.2041, 28.0473), (-26.1041, 28.1473), (-25.7479, 28.2293)];
    let index = index_of(
        (1..).zip(drivers).map(|(id, (latitude, longitude))| driver(id, position(latitude, longitude))),
    );
    let centre = position(-26.2041, 28.0473);
    assert_eq!(ids(&index.nearest(centre, 10_000.0, 5, |_| true)), [1]);
    assert_eq!(index.nearest(centre, 10_000.0, 5, |entry| entry.driver() != DriverId(1)), []);
    assert_eq!(ids(&index.nearest(centre, 16_000.0, 5, |_| true)), [1, 2]);
}

#[test]
fn the_date_line_separates_nobody() {
    // Fiji: 20 km apart, and as far as can be by their numbers.
    let index = index_of([driver(1, position(-16.8, 179.9)), driver(2, position(-16.8, 170.0))]);
    let found = index.nearest(position(-16.8, -179.9), 30_000.0, 5, |_| true);
    assert_eq!(ids(&found), [1]);
    assert!((21_000.0..22_000.0).contains(&found[0].distance_m), "{found:?}");
    let index = index_of([driver(1, position(5.0, 180.0)), driver(2, position(5.0, -180.0))]);
    for at in [position(5.0, 180.0), position(5.0, -180.0)] {
        assert_eq!(index.nearest(at, 0.01, 5, |_| true).len(), 2);
    }
}

/// With so large a radius longitude does not count at first, and no part of the cell beyond the date line is nearer than
/// another. With six found it does.
#[test]
fn a_leaf_with_several_links_is_as_near_as_the_nearest_of_them() {
    let beyond = driver(0, position(0.0, 179.999_999_998));
    let here = (1..6).map(|id| driver(id, position(0.0, -180.0)));
    let south = (100..140).map(|id| driver(id, position(-26.0, 28.0)));
    let north = (200..240).map(|id| driver(id, position(89.0, 1.0)));
    let south_beyond = driver(6, position(-0.000_000_003, 179.999_999_999));
    let index = index_of(here.chain(south).chain(north).chain([beyond, south_beyond]));
    let found = index.nearest(position(0.0, -180.0), 17_000_000.0, 6, |_| true);
    assert_eq!(ids(&found), [1, 2, 3, 4, 5, 0]);
}

#[test]
fn at_a_pole_every_longitude_is_near() {
    for pole in [90.0, -90.0f64] {
        let latitude = pole - pole.signum() * 0.01;
        let around = (0..36).map(|id| driver(id, position(latitude, f64::from(id as i32) * 10.0 - 175.0)));
        let index = index_of(around.chain([driver(100, position(pole, 12.0))]));
        let at = position(pole, -170.0);
        assert_eq!(index.nearest(at, 1_200.0, 50, |_| true).len(), 37);
        assert_eq!(ids(&index.nearest(at, 1_200.0, 1, |_| true)), [100]);
        // From just next to the pole, over it.
        let beside = position(latitude, 5.0);
        assert_eq!(index.nearest(beside, 2_300.0, 50, |_| true).len(), 37);
    }
}

#[test]
fn of_many_in_one_place_the_lowest_ids_come_first() {
    let depot = kept(position(48.2, 16.37));
    let mut index = index_of((0..1_000).rev().map(|id| driver(id * 64, depot)));
    check(&index);
    assert_eq!(ids(&index.nearest(depot, 0.0, 4, |_| true)), [0, 64, 128, 192]);
    assert_eq!(
        ids(&index.nearest(position(48.3, 16.4), 50_000.0, 2, |entry| entry.driver().0 > 100)),
        [128, 192]
    );
    for id in 0..999 {
        index.remove(DriverId(id * 64));
    }
    check(&index);
    assert_eq!(ids(&index.nearest(depot, ANYWHERE_M, 4, |_| true)), [999 * 64]);
}

#[test]
fn a_fleet_may_go_to_one_place_and_back() {
    let home = |id: i64| driver(id, position(-30.0 + id as f64 * 0.01, 20.0 + (id % 17) as f64));
    let mut index = index_of((0..2_000).map(home));
    for id in 0..2_000 {
        assert_eq!(index.upsert(driver(id, position(10.0, 10.0))), Put::Moved);
    }
    check(&index);
    assert_eq!(index.nearest(kept(position(10.0, 10.0)), 0.0, usize::MAX, |_| true).len(), 2_000);
    (0..2_000).for_each(|id| assert_eq!(index.upsert(home(id)), Put::Moved));
    check(&index);
    assert!(index.nearest(position(10.0, 10.0), 1_000.0, usize::MAX, |_| true).is_empty());
    assert_eq!(index.len(), 2_000);
}

#[test]
fn the_opposite_point_of_the_earth_is_half_way_around() {
    let at = position(59.424115065699226, -107.08234615624895);
    let opposite = position(-59.42411509705067, 72.91765384375105);
    let found = index_of([driver(1, opposite)]).nearest(at, ANYWHERE_M, 1, |_| true);
    assert!((found[0].distance_m - 20_015_114.0).abs() < 1.0, "{found:?}");
}

#[test]
fn the_radius_is_included_and_nothing_beyond_it() {
    let at = position(52.0, 13.0);
    let there = driver(1, position(52.01, 13.02));
    let index = index_of([there]);
    let distance_m = at.distance_m(there.position);
    assert_eq!(index.nearest(at, distance_m, 1, |_| true), [Found { distance_m, indexed: there }]);
    assert_eq!(index.nearest(at, distance_m.next_down(), 1, |_| true), []);
    for radius_m in [f64::NAN, -1.0, f64::NEG_INFINITY] {
        assert_eq!(index.nearest(there.position, radius_m, 1, |_| true), []);
    }
    assert_eq!(index.nearest(there.position, 1.0, 0, |_| true), []);
    assert_eq!(Index::default().nearest(at, ANYWHERE_M, 5, |_| true), []);
}

#[test]
fn the_filter_is_asked_once_about_each_at_most_and_not_about_those_far_away() {
    let index = index_of((0..5_000).map(|id| {
        let (row, column) = (id / 100, id % 100);
        driver(id, position(-26.0 + row as f64 * 0.002, 28.0 + column as f64 * 0.002))
    }));
    let at = position(-25.95, 28.1);
    let mut asked = HashSet::new();
    let found = index.nearest(at, 100_000.0, 5, |entry| {
        assert!(asked.insert(entry.driver()), "twice: {:?}", entry.driver());
        entry.vehicle() == vehicle(1)
    });
    assert_eq!(found.len(), 5);
    assert!(asked.len() < 500, "{} of 5,000 were asked about", asked.len());
}

#[test]
fn a_driver_comes_out_as_they_went_in() {
    let mut types = VehicleTypes::default();
    for number in 0..VehicleTypes::MAX {
        types.intern(&number.to_string()).expect("room");
    }
    let last = types.find("65535").expect("a type");
    for (measured_at_ms, expected) in [
        (1_763_600_000_123, 1_763_600_000_123),
        (0, 0),
        (Indexed::MEASURED_AT_MS_MAX, Indexed::MEASURED_AT_MS_MAX),
        (Indexed::MEASURED_AT_MS_MAX + 1, Indexed::UNMEASURED),
        (Indexed::UNMEASURED, Indexed::UNMEASURED),
        (-1, 0),
        (i64::MIN, 0),
    ] {
        let given = Indexed { vehicle: last, measured_at_ms, ..driver(i64::MIN, position(-90.0, 180.0)) };
        let index = index_of([given]);
        assert_eq!(
            index.get(DriverId(i64::MIN)).map(Indexed::from),
            Some(Indexed { measured_at_ms: expected, ..given })
        );
    }
}
