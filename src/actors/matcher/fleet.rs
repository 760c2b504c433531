//! The drivers in memory: what the store says of each, their newest position, and the index over those who can be
//! matched. Pure; a cache that is rebuilt from the store at start.

use crate::actors::matcher::index::{Index, Indexed};
use crate::actors::matcher::plausible::{Limits, Sighting, Trail, Verdict};
use crate::actors::matcher::vehicle::VehicleTypes;
use crate::domain::ids::DriverId;
use crate::domain::position::Position;
use std::collections::{HashMap, HashSet};

/// What the store says of a driver.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    pub driver: DriverId,
    pub vehicle_type: String,
    /// Available, verified and not suspended.
    pub is_matchable: bool,
    /// Holds deliveries: may get more of them, and no ride.
    pub is_carrying: bool,
    pub position: Option<Sighted>,
}

/// A driver's position and when it was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighted {
    pub position: Position,
    /// Milliseconds since 1970: when it was measured, or set by an operator.
    pub at_ms: i64,
    /// False for a position that was seeded or set by an operator: it does not age.
    pub is_measured: bool,
}

struct Known {
    is_matchable: bool,
    vehicle_type: String,
    sighted: Option<Sighted>,
    /// What the driver's device has told, to tell a jump from a drive.
    trail: Trail,
}

#[derive(Default)]
pub struct Fleet {
    known: HashMap<DriverId, Known>,
    index: Index,
    /// Who holds deliveries.
    carrying: HashSet<DriverId>,
    vehicles: VehicleTypes,
    limits: Limits,
}

/// What a search asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub at: Position,
    pub radius_m: f64,
    pub count: usize,
    /// `None` takes every vehicle.
    pub vehicle_type: Option<String>,
    /// Whether drivers who hold deliveries will do.
    pub takes_carrying: bool,
    /// Milliseconds since 1970; older measurements do not count.
    pub measured_since_ms: i64,
}

/// What has become of a driver's place among those who can have a ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    Entered,
    Left,
    /// Is there as before, or is still not.
    Same,
}

/// A driver who was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Nearby {
    pub driver: DriverId,
    pub vehicle_type: String,
    pub distance_m: f64,
    pub sighted: Sighted,
}

impl Fleet {
    /// How many drivers can be matched.
    pub fn matchable(&self) -> usize {
        self.index.len()
    }

    /// Takes over what the store says. A position that was measured is taken from it only where no session has told one:
    /// sessions tell it sooner. One that an operator has set is, where it is the newer.
    pub fn set(&mut self, standing: Standing) -> Shift {
        let Standing { driver, vehicle_type, is_matchable, is_carrying, position } = standing;
        let was_free = self.is_free(driver);
        match is_carrying {
            true => self.carrying.insert(driver),
            false => self.carrying.remove(&driver),
        };
        let known = self.known.entry(driver).or_insert_with(|| Known {
            is_matchable,
            vehicle_type: String::new(),
            sighted: None,
            trail: Trail::default(),
        });
        known.is_matchable = is_matchable;
        known.vehicle_type = vehicle_type;
        let is_taken = |stored: &Sighted| match known.sighted {
            None => true,
            Some(told) => !stored.is_measured && stored.at_ms >= told.at_ms,
        };
        if let Some(stored) = position.filter(is_taken) {
            known.sighted = Some(stored);
            known.trail = Trail::default();
        }
        self.enter(driver);
        self.shift(driver, was_free)
    }

    /// A driver's app has told a position: it enters the index unless it is older than what is there, hopelessly inaccurate,
    /// or further away than any vehicle can have come.
    pub fn moved(&mut self, driver: DriverId, sighting: Sighting) -> Option<(Verdict, Shift)> {
        let was_free = self.is_free(driver);
        let known = self.known.get_mut(&driver)?;
        let verdict = known.trail.judge(sighting, &self.limits);
        if !verdict.enters() {
            return Some((verdict, Shift::Same));
        }
        let Sighting { position, measured_at_ms, .. } = sighting;
        known.sighted = Some(Sighted { position, at_ms: measured_at_ms, is_measured: true });
        self.enter(driver);
        Some((verdict, self.shift(driver, was_free)))
    }

    /// Whether a driver can have a ride.
    pub fn is_free(&self, driver: DriverId) -> bool {
        self.index.has(driver) && !self.carrying.contains(&driver)
    }

    fn shift(&self, driver: DriverId, was_free: bool) -> Shift {
        match (was_free, self.is_free(driver)) {
            (false, true) => Shift::Entered,
            (true, false) => Shift::Left,
            _ => Shift::Same,
        }
    }

    /// Brings the index in line with what is known of a driver.
    fn enter(&mut self, driver: DriverId) {
        let Some(known) = self.known.get(&driver) else { return };
        let vehicle = self.vehicles.intern(&known.vehicle_type);
        match (known.sighted, vehicle) {
            (Some(sighted), Ok(vehicle)) if known.is_matchable => {
                let measured_at_ms = if sighted.is_measured { sighted.at_ms } else { Indexed::UNMEASURED };
                self.index.upsert(Indexed { driver, position: sighted.position, vehicle, measured_at_ms });
            }
            _ => drop(self.index.remove(driver)),
        }
    }

    /// How far away a driver is, if a search for `wanted` could find them.
    pub fn distance_if_wanted(&self, driver: DriverId, wanted: &Wanted) -> Option<f64> {
        let indexed = self.index.get(driver)?;
        let fits = self.filter(wanted)?;
        let distance_m = wanted.at.distance_m(indexed.position);
        (fits(&indexed) && distance_m <= wanted.radius_m).then_some(distance_m)
    }

    /// What of a driver in the index is asked for beside being near; `None` where nobody has such a vehicle.
    fn filter(&self, wanted: &Wanted) -> Option<impl Fn(&Indexed) -> bool> {
        let vehicle = match &wanted.vehicle_type {
            None => None,
            Some(name) => Some(self.vehicles.find(name)?),
        };
        let (since_ms, takes_carrying) = (wanted.measured_since_ms, wanted.takes_carrying);
        Some(move |driver: &Indexed| {
            driver.measured_at_ms >= since_ms
                && vehicle.is_none_or(|vehicle| driver.vehicle == vehicle)
                && (takes_carrying || !self.carrying.contains(&driver.driver))
        })
    }

    /// The nearest who are wanted and for whom `may` holds, the nearest first.
    pub fn nearest(&self, wanted: &Wanted, may: impl Fn(DriverId) -> bool) -> Vec<Nearby> {
        let Some(fits) = self.filter(wanted) else { return Vec::new() };
        let is_wanted = |driver: &Indexed| fits(driver) && may(driver.driver);
        let found = self.index.nearest(wanted.at, wanted.radius_m, wanted.count, is_wanted);
        found
            .into_iter()
            .filter_map(|found| {
                let known = self.known.get(&found.indexed.driver)?;
                Some(Nearby {
                    driver: found.indexed.driver,
                    vehicle_type: known.vehicle_type.clone(),
                    distance_m: found.distance_m,
                    sighted: known.sighted?,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Position {
        Position::new(latitude, longitude).expect("in range")
    }

    fn standing(driver: i64, vehicle_type: &str, position: Option<Sighted>) -> Standing {
        let vehicle_type = vehicle_type.to_owned();
        Standing { driver: DriverId(driver), vehicle_type, is_matchable: true, is_carrying: false, position }
    }

    fn seeded(latitude: f64) -> Option<Sighted> {
        Some(Sighted { position: at(latitude, 28.0), at_ms: 1_000, is_measured: false })
    }

    fn wanted() -> Wanted {
        Wanted {
            at: at(-26.2, 28.0),
            radius_m: 10_000.0,
            count: 5,
            vehicle_type: None,
            takes_carrying: true,
            measured_since_ms: 100_000,
        }
    }

    fn drivers(fleet: &Fleet, wanted: &Wanted) -> Vec<i64> {
        fleet.nearest(wanted, |_| true).iter().map(|nearby| nearby.driver.0).collect()
    }

    fn told(fleet: &mut Fleet, latitude: f64, at_ms: i64) -> Verdict {
        let sighting =
            Sighting { position: at(latitude, 28.0), accuracy_m: Some(5.0), measured_at_ms: at_ms };
        fleet.moved(DriverId(1), sighting).expect("the driver is known").0
    }

    #[test]
    fn a_position_that_no_app_measured_does_not_age_and_one_that_did_does() {
        let mut fleet = Fleet::default();
        fleet.set(standing(1, "sedan", seeded(-26.21)));
        assert_eq!(drivers(&fleet, &wanted()), [1]);
        told(&mut fleet, -26.2, 99_999);
        assert!(drivers(&fleet, &wanted()).is_empty());
        told(&mut fleet, -26.2, 100_000);
        assert_eq!(drivers(&fleet, &wanted()), [1]);
    }

    #[test]
    fn an_older_position_neither_from_the_app_nor_from_the_store_moves_a_driver_back() {
        let mut fleet = Fleet::default();
        fleet.set(standing(1, "sedan", None));
        told(&mut fleet, -26.2, 200_000);
        assert!(matches!(told(&mut fleet, -26.201, 199_000), Verdict::Outdated { .. }));
        let stored = Sighted { position: at(10.0, 28.0), at_ms: 198_000, is_measured: true };
        fleet.set(standing(1, "sedan", Some(stored)));
        assert_eq!(fleet.nearest(&wanted(), |_| true)[0].distance_m, 0.0);
        // An operator has put the driver somewhere since.
        fleet.set(standing(1, "sedan", Some(Sighted { at_ms: 201_000, is_measured: false, ..stored })));
        assert!(drivers(&fleet, &wanted()).is_empty());
    }

    #[test]
    fn a_jump_that_no_vehicle_can_make_does_not_enter_until_it_is_confirmed() {
        let mut fleet = Fleet::default();
        fleet.set(standing(1, "sedan", seeded(10.0)));
        // A seeded position says nothing about where the device is.
        assert_eq!(told(&mut fleet, -26.2, 200_000), Verdict::Plausible);
        assert!(matches!(told(&mut fleet, -20.0, 201_000), Verdict::Jump { .. }));
        assert_eq!(fleet.nearest(&wanted(), |_| true)[0].sighted.at_ms, 200_000);
        told(&mut fleet, -20.0, 202_000);
        assert_eq!(told(&mut fleet, -20.0, 203_000), Verdict::Confirmed);
        assert!(drivers(&fleet, &wanted()).is_empty());
    }

    #[test]
    fn who_can_not_be_matched_is_not_found_and_is_found_again_where_they_are_by_then() {
        let mut fleet = Fleet::default();
        fleet.set(standing(1, "sedan", seeded(10.0)));
        fleet.set(Standing { is_matchable: false, ..standing(1, "sedan", seeded(10.0)) });
        assert_eq!(fleet.matchable(), 0);
        told(&mut fleet, -26.2, 200_000);
        assert_eq!(fleet.matchable(), 0);
        fleet.set(standing(1, "sedan", seeded(10.0)));
        assert_eq!(drivers(&fleet, &wanted()), [1]);
    }

    #[test]
    fn who_holds_deliveries_is_found_for_deliveries_only() {
        let mut fleet = Fleet::default();
        assert_eq!(fleet.set(standing(1, "sedan", seeded(-26.21))), Shift::Entered);
        let carrying = Standing { is_carrying: true, ..standing(1, "sedan", seeded(-26.21)) };
        assert_eq!(fleet.set(carrying.clone()), Shift::Left);
        assert_eq!(fleet.set(carrying), Shift::Same);
        assert_eq!(drivers(&fleet, &wanted()), [1]);
        assert!(drivers(&fleet, &Wanted { takes_carrying: false, ..wanted() }).is_empty());
        assert_eq!(fleet.set(standing(1, "sedan", seeded(-26.21))), Shift::Entered);
    }

    #[test]
    fn vehicles_and_exceptions_are_filtered() {
        let mut fleet = Fleet::default();
        fleet.set(standing(1, "sedan", seeded(-26.21)));
        fleet.set(standing(2, "Moto", seeded(-26.22)));
        let moto = Wanted { vehicle_type: Some("moto".to_owned()), ..wanted() };
        assert_eq!(drivers(&fleet, &moto), [2]);
        assert!(drivers(&fleet, &Wanted { vehicle_type: Some("boat".to_owned()), ..wanted() }).is_empty());
        let but_1 = fleet.nearest(&wanted(), |driver| driver != DriverId(1));
        assert_eq!(but_1.iter().map(|nearby| nearby.driver.0).collect::<Vec<_>>(), [2]);
    }
}
