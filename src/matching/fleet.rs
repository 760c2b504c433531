//! The drivers in memory: each one's stored data, their newest position, and the index over those who can be matched.
//! Pure; a cache that is rebuilt from the store at start. Positions have times of the steady clock, which the caller
//! passes in.

use crate::domain::candidate::{Considered, PassedOver};
use crate::domain::ids::DriverId;
use crate::domain::position::Position;
use crate::matching::index::{Entry, Found, Index, Indexed, Put};
use crate::matching::plausible::{DatedFix, Plausibility};
use crate::matching::vehicle::{VehicleType, VehicleTypes};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use std::collections::{HashMap, HashSet};

/// The most passed-over drivers that one look reports.
const PASSED_OVER_MAX: usize = 20;

/// A driver's data from the store.
#[derive(Clone, Debug, PartialEq)]
pub struct DriverFacts {
    pub driver: DriverId,
    pub vehicle_type: String,
    /// Why they can't be matched at all; `None` where they are available, verified and not suspended.
    pub unfit: Option<PassedOver>,
    /// Holds deliveries: may get more of them, and no ride.
    pub is_carrying: bool,
    pub position: Option<KnownFix>,
    /// Of the row that says so.
    pub changed_at: Option<NaiveDateTime>,
}

/// A driver's position and when it was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownFix {
    pub position: Position,
    /// Milliseconds of the steady clock: when it was measured, or set by an operator.
    pub at_ms: i64,
    /// False for a position that was seeded or set by an operator: it does not age.
    pub is_measured: bool,
}

/// News from a driver's device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct News {
    /// The newest that is believed, if there is a newer one.
    pub seen: Option<DatedFix>,
    /// Why a newer one is not believed, if there is one.
    pub doubt: Option<Plausibility>,
}

struct Tracked {
    unfit: Option<PassedOver>,
    vehicle_type: String,
    /// The same; `None` where there is no number left for one more type.
    vehicle: Option<VehicleType>,
    fix: Option<KnownFix>,
    /// Why a position newer than `fix` is not believed, if there is one.
    doubt: Option<Plausibility>,
    changed_at: Option<NaiveDateTime>,
}

#[derive(Default)]
pub struct Fleet {
    known: HashMap<DriverId, Tracked>,
    /// The drivers who can be matched …
    index: Index,
    /// … and who can't, for what is said of a search afterwards.
    unfit: Index,
    /// The drivers who hold deliveries.
    carrying: HashSet<DriverId>,
    /// The drivers whose current position is in doubt.
    doubted: HashSet<DriverId>,
    vehicles: VehicleTypes,
    /// The steady clock's time, in milliseconds.
    now_ms: i64,
}

/// The requirements of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub at: Position,
    pub radius_m: f64,
    pub count: usize,
    /// `None` takes every vehicle.
    pub vehicle_type: Option<String>,
    /// Whether drivers who hold deliveries will do.
    pub takes_carrying: bool,
    /// Milliseconds of the steady clock; older measurements do not count.
    pub measured_since_ms: i64,
}

/// The change of a driver's place among those who can have a ride.
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
    pub fix: KnownFix,
    /// Of the position; `None` where no app measured it.
    pub age_secs: Option<i64>,
}

impl Nearby {
    /// As a trace has somebody who is to be asked.
    pub fn considered(&self) -> Considered {
        let Self { driver, distance_m, age_secs: position_age_secs, .. } = *self;
        Considered { driver, distance_m, position_age_secs, passed_over: None }
    }
}

impl Tracked {
    /// As the index has the driver, if it can.
    fn indexed(&self, driver: DriverId) -> Option<Indexed> {
        let KnownFix { position, at_ms, is_measured } = self.fix?;
        let measured_at_ms = if is_measured { at_ms } else { Indexed::UNMEASURED };
        Some(Indexed { driver, position, vehicle: self.vehicle?, measured_at_ms })
    }
}

impl Fleet {
    /// Sets the steady clock's current time.
    pub fn at(&mut self, now: DateTime<Utc>) {
        self.now_ms = now.timestamp_millis();
    }

    /// Since when what was measured is not older than this.
    pub fn since_ms(&self, age_max: TimeDelta) -> i64 {
        self.now_ms.saturating_sub(age_max.num_milliseconds())
    }

    /// `None` where no app measured it.
    pub fn age_secs(&self, fix: &KnownFix) -> Option<i64> {
        fix.is_measured.then_some((self.now_ms - fix.at_ms).max(0) / 1000)
    }

    /// As a trace has somebody whom a search for a driver at `pickup` looked at.
    pub fn considered(&self, indexed: &Indexed, pickup: Position) -> Considered {
        let Indexed { driver, position, measured_at_ms: at_ms, .. } = *indexed;
        let fix = KnownFix { position, at_ms, is_measured: at_ms != Indexed::UNMEASURED };
        Considered {
            driver,
            distance_m: pickup.distance_m(position),
            position_age_secs: self.age_secs(&fix),
            passed_over: None,
        }
    }

    /// How many drivers can be matched.
    pub fn matchable(&self) -> usize {
        self.index.len()
    }

    /// Takes over what the store says. A position that was measured is taken from it only where no session has told one:
    /// sessions tell it sooner. One that an operator has set is, where it is the newer.
    pub fn set(&mut self, standing: DriverFacts) -> Shift {
        let DriverFacts { driver, vehicle_type, unfit, is_carrying, position, changed_at } = standing;
        let was_free = self.is_free(driver);
        match is_carrying {
            true => self.carrying.insert(driver),
            false => self.carrying.remove(&driver),
        };
        let known = self.known.entry(driver).or_insert_with(|| Tracked {
            unfit,
            vehicle_type: String::new(),
            vehicle: None,
            fix: None,
            doubt: None,
            changed_at,
        });
        known.changed_at = changed_at;
        known.unfit = unfit;
        known.vehicle = self.vehicles.intern(&vehicle_type).ok();
        known.vehicle_type = vehicle_type;
        let is_taken = |stored: &KnownFix| match known.fix {
            None => true,
            Some(told) => !stored.is_measured && stored.at_ms >= told.at_ms,
        };
        if let Some(stored) = position.filter(is_taken) {
            known.fix = Some(stored);
            if !stored.is_measured {
                known.doubt = None;
                self.doubted.remove(&driver);
            }
        }
        self.enter(driver);
        self.shift(driver, was_free)
    }

    /// Whether the store's row that changed at this time was taken over last.
    pub fn is_current(&self, driver: DriverId, changed_at: NaiveDateTime) -> bool {
        self.known.get(&driver).is_some_and(|known| known.changed_at == Some(changed_at))
    }

    /// Applies the latest news of drivers' apps. Unknown drivers are left out. Returns those who can have a ride since
    /// then, by id.
    pub fn moved(&mut self, news: impl IntoIterator<Item = (DriverId, News)>) -> Vec<DriverId> {
        let (mut free, mut entered) = (Vec::new(), Vec::new());
        for (driver, News { seen, doubt }) in news {
            let Some(known) = self.known.get_mut(&driver) else { continue };
            known.doubt = doubt;
            let was_doubted = match doubt {
                Some(_) => !self.doubted.insert(driver),
                None => self.doubted.remove(&driver),
            };
            let Some(DatedFix { position, at_ms, .. }) = seen else { continue };
            known.fix = Some(KnownFix { position, at_ms, is_measured: true });
            let Some(indexed) = known.indexed(driver) else { continue };
            match known.unfit {
                None => free.push(indexed),
                Some(_) => {
                    self.unfit.upsert(indexed);
                    continue;
                }
            }
            if was_doubted && doubt.is_none() && self.index.has(driver) && !self.carrying.contains(&driver) {
                entered.push(driver);
            }
        }
        self.index.upsert_all(&free, |Indexed { driver, .. }, put| {
            if put == Put::Entered && !self.carrying.contains(driver) {
                entered.push(*driver);
            }
        });
        entered.sort_unstable();
        entered
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

    /// Brings the indexes in line with what is known of a driver.
    fn enter(&mut self, driver: DriverId) {
        let Some(known) = self.known.get(&driver) else { return };
        let (theirs, other) = match known.unfit {
            None => (&mut self.index, &mut self.unfit),
            Some(_) => (&mut self.unfit, &mut self.index),
        };
        other.remove(driver);
        match known.indexed(driver) {
            Some(indexed) => {
                theirs.upsert(indexed);
            }
            None => {
                theirs.remove(driver);
            }
        }
    }

    /// A driver, if a search for `wanted` could find them.
    pub fn if_wanted(&self, driver: DriverId, wanted: &Wanted) -> Option<Nearby> {
        let entry = self.index.get(driver)?;
        if self.unwanted(wanted, self.vehicle(wanted), entry).is_some() {
            return None;
        }
        self.nearby(wanted, driver).filter(|nearby| nearby.distance_m <= wanted.radius_m)
    }

    /// Why a driver in the index does not fit, apart from the distance.
    fn unwanted(&self, wanted: &Wanted, vehicle: Vehicle, driver: Entry<'_>) -> Option<PassedOver> {
        if !vehicle.fits(driver.vehicle()) {
            return Some(PassedOver::OtherVehicle);
        }
        if driver.measured_at_ms() < wanted.measured_since_ms {
            return Some(PassedOver::PositionTooOld);
        }
        // For a ride somebody waits at the pickup: who may be elsewhere is not sent there.
        let is_for_ride = !wanted.takes_carrying;
        if is_for_ride && self.carrying.contains(&driver.driver()) {
            return Some(PassedOver::HoldsDeliveries);
        }
        let is_doubted = is_for_ride && self.doubted.contains(&driver.driver());
        is_doubted.then_some(PassedOver::PositionNotBelieved)
    }

    fn vehicle(&self, wanted: &Wanted) -> Vehicle {
        match &wanted.vehicle_type {
            None => Vehicle::Any,
            Some(name) => self.vehicles.find(name).map_or(Vehicle::Nobodys, Vehicle::Only),
        }
    }

    /// The nearest who are wanted and for whom `may` holds, the nearest first.
    pub fn nearest(&self, wanted: &Wanted, may: impl Fn(DriverId) -> bool) -> Vec<Nearby> {
        let vehicle = self.vehicle(wanted);
        let found = self.index.nearest(wanted.at, wanted.radius_m, wanted.count, |driver| {
            self.unwanted(wanted, vehicle, driver).is_none() && may(driver.driver())
        });
        self.all_nearby(wanted, found)
    }

    /// The same, and who was passed over for them: the nearest `PASSED_OVER_MAX` of those who are nearer than the last who was
    /// found, or within the radius where not as many were found as are wanted.
    pub fn candidates(
        &self,
        wanted: &Wanted,
        judge: impl Fn(DriverId) -> Option<PassedOver>,
    ) -> (Vec<Nearby>, Vec<(Indexed, PassedOver)>) {
        let vehicle = self.vehicle(wanted);
        let reason =
            |entry: Entry<'_>| self.unwanted(wanted, vehicle, entry).or_else(|| judge(entry.driver()));
        let found =
            self.index.nearest(wanted.at, wanted.radius_m, wanted.count, |entry| reason(entry).is_none());
        let passed_by_m = match found.last() {
            Some(last) if found.len() == wanted.count => last.distance_m,
            _ => wanted.radius_m,
        };
        let passed_over =
            self.index.nearest(wanted.at, passed_by_m, PASSED_OVER_MAX, |entry| reason(entry).is_some());
        let with_reason = |found: Found| {
            let driver = found.indexed.driver;
            self.index.get(driver).and_then(reason).map(|reason| (found.indexed, reason))
        };
        (self.all_nearby(wanted, found), passed_over.into_iter().filter_map(with_reason).collect())
    }

    /// The nearest of those who can't be matched at all, with the reason, as far as `is_asked_for` holds for them.
    pub fn unfit_near(
        &self,
        wanted: &Wanted,
        is_asked_for: impl Fn(DriverId) -> bool,
    ) -> Vec<(Indexed, PassedOver)> {
        let is_asked_for = |entry: Entry<'_>| is_asked_for(entry.driver());
        let found = self.unfit.nearest(wanted.at, wanted.radius_m, PASSED_OVER_MAX, is_asked_for);
        let reason = |driver| self.known.get(&driver).and_then(|known| known.unfit);
        found.into_iter().filter_map(|found| Some((found.indexed, reason(found.indexed.driver)?))).collect()
    }

    /// Where one driver is as searches have it.
    pub fn fix(&self, driver: DriverId) -> Option<KnownFix> {
        self.known.get(&driver)?.fix
    }

    /// Why a newer position is not believed, if there is one.
    pub fn doubt(&self, driver: DriverId) -> Option<Plausibility> {
        self.known.get(&driver)?.doubt
    }

    fn all_nearby(&self, wanted: &Wanted, found: Vec<Found>) -> Vec<Nearby> {
        found.into_iter().filter_map(|found| self.nearby(wanted, found.indexed.driver)).collect()
    }

    /// With the distance of the position that the driver told: the index keeps it to a centimetre.
    fn nearby(&self, wanted: &Wanted, driver: DriverId) -> Option<Nearby> {
        let known = self.known.get(&driver)?;
        let fix = known.fix?;
        Some(Nearby {
            driver,
            vehicle_type: known.vehicle_type.clone(),
            distance_m: wanted.at.distance_m(fix.position),
            age_secs: self.age_secs(&fix),
            fix,
        })
    }
}

/// Which vehicles will do.
#[derive(Clone, Copy)]
enum Vehicle {
    Any,
    Only(VehicleType),
    /// A type that no driver has.
    Nobodys,
}

impl Vehicle {
    fn fits(self, vehicle: VehicleType) -> bool {
        match self {
            Vehicle::Any => true,
            Vehicle::Only(only) => only == vehicle,
            Vehicle::Nobodys => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Position {
        Position::new(latitude, longitude).expect("in range")
    }

    fn standing(driver: i64, vehicle_type: &str, position: Option<KnownFix>) -> DriverFacts {
        let vehicle_type = vehicle_type.to_owned();
        let driver = DriverId(driver);
        DriverFacts { driver, vehicle_type, unfit: None, is_carrying: false, position, changed_at: None }
    }

    fn seeded(latitude: f64) -> Option<KnownFix> {
        Some(KnownFix { position: at(latitude, 28.0), at_ms: 1_000, is_measured: false })
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

    fn seen(latitude: f64, at_ms: i64) -> News {
        let position = at(latitude, 28.0);
        let fix = DatedFix { position, accuracy_m: Some(5.0), measured_ms: at_ms, at_ms };
        News { seen: Some(fix), doubt: None }
    }

    fn told(fleet: &mut Fleet, latitude: f64, at_ms: i64) {
        fleet.moved([(DriverId(1), seen(latitude, at_ms))]);
    }

    const DOUBT: Option<Plausibility> = Some(Plausibility::Inaccurate { accuracy_m: 5_000.0 });

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
    fn an_older_position_from_the_store_does_not_move_a_driver_back() {
        let mut fleet = Fleet::default();
        fleet.set(standing(1, "sedan", None));
        told(&mut fleet, -26.2, 200_000);
        let stored = KnownFix { position: at(10.0, 28.0), at_ms: 198_000, is_measured: true };
        fleet.set(standing(1, "sedan", Some(stored)));
        assert_eq!(fleet.nearest(&wanted(), |_| true)[0].distance_m, 0.0);
        // An operator has put the driver somewhere since.
        fleet.set(standing(1, "sedan", Some(KnownFix { at_ms: 201_000, is_measured: false, ..stored })));
        assert!(drivers(&fleet, &wanted()).is_empty());
    }

    #[test]
    fn who_may_be_elsewhere_by_now_gets_orders_and_no_rides_until_they_are_believed() {
        let mut fleet = Fleet::default();
        fleet.set(standing(1, "sedan", None));
        told(&mut fleet, -26.2, 200_000);
        let ride = Wanted { takes_carrying: false, ..wanted() };
        assert_eq!(fleet.moved([(DriverId(1), News { seen: None, doubt: DOUBT })]), []);
        assert_eq!((drivers(&fleet, &wanted()), drivers(&fleet, &ride)), (vec![1], vec![]));
        let (_, passed_over) = fleet.candidates(&ride, |_| None);
        assert_eq!(passed_over[0].1, PassedOver::PositionNotBelieved);
        assert_eq!((fleet.if_wanted(DriverId(1), &ride), fleet.doubt(DriverId(1))), (None, DOUBT));
        let entered = fleet.moved([(DriverId(1), seen(-26.2, 210_000))]);
        assert_eq!((entered, drivers(&fleet, &ride)), (vec![DriverId(1)], vec![1]));
        // An operator knows better.
        fleet.moved([(DriverId(1), News { seen: None, doubt: DOUBT })]);
        let corrected = KnownFix { position: at(-26.2, 28.0), at_ms: 220_000, is_measured: false };
        fleet.set(standing(1, "sedan", Some(corrected)));
        assert_eq!((fleet.doubt(DriverId(1)), drivers(&fleet, &ride)), (None, vec![1]));
    }

    #[test]
    fn ages_go_by_the_clock_that_is_told() {
        let mut fleet = Fleet::default();
        fleet.set(standing(1, "sedan", None));
        told(&mut fleet, -26.2, 200_000);
        fleet.at(DateTime::from_timestamp(230, 0).expect("a time"));
        assert_eq!(fleet.since_ms(TimeDelta::seconds(10)), 220_000);
        assert_eq!(fleet.nearest(&wanted(), |_| true)[0].age_secs, Some(30));
    }

    #[test]
    fn who_can_not_be_matched_is_not_found_and_is_found_again_where_they_are_by_then() {
        let mut fleet = Fleet::default();
        fleet.set(standing(1, "sedan", seeded(10.0)));
        fleet.set(DriverFacts { unfit: Some(PassedOver::Busy), ..standing(1, "sedan", seeded(10.0)) });
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
        let carrying = DriverFacts { is_carrying: true, ..standing(1, "sedan", seeded(-26.21)) };
        assert_eq!(fleet.set(carrying.clone()), Shift::Left);
        assert_eq!(fleet.set(carrying), Shift::Same);
        assert_eq!(drivers(&fleet, &wanted()), [1]);
        assert!(drivers(&fleet, &Wanted { takes_carrying: false, ..wanted() }).is_empty());
        assert_eq!(fleet.set(standing(1, "sedan", seeded(-26.21))), Shift::Entered);
    }

    #[test]
    fn who_is_further_than_all_who_were_found_was_not_passed_over() {
        let mut fleet = Fleet::default();
        fleet.set(standing(1, "moto", seeded(-26.201)));
        fleet.set(standing(2, "sedan", seeded(-26.202)));
        fleet.set(standing(3, "moto", seeded(-26.203)));
        let sedan = Wanted { vehicle_type: Some("sedan".to_owned()), count: 1, ..wanted() };
        let passed_over = |wanted: &Wanted| {
            let (found, passed_over) = fleet.candidates(wanted, |_| None);
            assert_eq!(found[0].driver, DriverId(2));
            assert_eq!(found[0].distance_m, wanted.at.distance_m(at(-26.202, 28.0)));
            passed_over.iter().map(|(driver, _)| driver.driver.0).collect::<Vec<_>>()
        };
        assert_eq!(passed_over(&sedan), [1]);
        // With room for one more everybody within the radius counts.
        assert_eq!(passed_over(&Wanted { count: 2, ..sedan }), [1, 3]);
    }

    #[test]
    fn of_many_who_were_passed_over_the_nearest_are_told() {
        let mut fleet = Fleet::default();
        // The index comes by those who are further first.
        for driver in (1..=100).rev() {
            fleet.set(standing(driver, "moto", seeded(-26.2 - driver as f64 * 1e-4)));
        }
        let sedan = Wanted { vehicle_type: Some("sedan".to_owned()), ..wanted() };
        let (found, passed_over) = fleet.candidates(&sedan, |_| None);
        assert!(found.is_empty());
        let drivers: Vec<i64> = passed_over.iter().map(|(driver, _)| driver.driver.0).collect();
        assert_eq!(drivers, (1..=PASSED_OVER_MAX as i64).collect::<Vec<_>>());
        assert!(passed_over.iter().all(|(_, reason)| *reason == PassedOver::OtherVehicle));
    }

    #[test]
    fn of_positions_that_come_together_it_is_said_who_entered() {
        let mut fleet = Fleet::default();
        fleet.set(standing(1, "sedan", None));
        fleet.set(standing(2, "sedan", seeded(-26.2)));
        fleet.set(DriverFacts { unfit: Some(PassedOver::Busy), ..standing(3, "sedan", None) });
        fleet.set(DriverFacts { is_carrying: true, ..standing(4, "sedan", None) });
        let news = [1, 2, 3, 4, 5].map(|driver| (DriverId(driver), seen(-26.2, 200_000)));
        assert_eq!(fleet.moved(news), [DriverId(1)]);
        assert_eq!(drivers(&fleet, &wanted()), [1, 2, 4]);
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
