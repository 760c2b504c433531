//! The plan of a run: who takes part, what they are like, and what each does when. Pure: the same seed and scale make
//! the same plan. What becomes of it depends on the server and on the network's timing.

use crate::simulate::chance::{Stream, generator};
use crate::simulate::city::{BLOCKS, Crossing};
use crate::simulate::habits::{self, happens};
use rand::Rng;
use rand::rngs::StdRng;

/// A ride or a delivery is at most so many blocks long, in either direction.
const TRIP_BLOCKS: i32 = 15;
/// Nobody begins farther from the centre: the searches of a small fleet find somebody.
const HOME_BLOCKS: i32 = BLOCKS * 3 / 4;
/// The part of a run in which each rider asks for the first time, and its longest.
const FIRST_ASK: (f64, f64) = (0.25, 20.0);
/// Fewer customers than that would look odd, and more are no use.
const CUSTOMERS: (u32, u32) = (4, 100);

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub drivers: u32,
    pub riders: u32,
    pub orders_per_minute: f64,
    pub secs: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub drivers: Vec<DriverPlan>,
    pub riders: Vec<RiderPlan>,
    pub orders: Vec<OrderPlan>,
    /// The customers whom the orders are for. Their phones are off, and registered for push.
    pub customers: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DriverPlan {
    pub has_driver_app: bool,
    pub home: Crossing,
    /// Between two positions.
    pub interval_secs: f64,
    /// By how much the phone's clock is ahead; negative where it is behind.
    pub clock_off_secs: i64,
    pub pace: f64,
    pub names_last_event: bool,
    pub acknowledges: bool,
    /// In the order of their beginnings; none begins before the one before has ended.
    pub breaks: Vec<Break>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Break {
    pub kind: BreakKind,
    pub at_secs: f64,
    pub secs: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakKind {
    /// The network is gone, without a word.
    Outage,
    Pause,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RiderPlan {
    pub has_matching_app: bool,
    pub rides: Vec<RidePlan>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RidePlan {
    /// Later, where the ride before has not ended by then.
    pub at_secs: f64,
    pub from: Crossing,
    pub to: Crossing,
    pub cancels_after_secs: Option<f64>,
    pub chats: bool,
    pub stars: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderPlan {
    pub at_secs: f64,
    pub from: Crossing,
    pub to: Crossing,
    /// Which of the customers it is for.
    pub customer: u32,
    pub earnings: f64,
}

impl Plan {
    pub fn new(seed: u64, scale: &Scale) -> Self {
        let people = |count: u32| 0..count as usize;
        let orders = orders(&mut generator(seed, Stream::Orders, 0), scale);
        Self {
            drivers: people(scale.drivers)
                .map(|index| DriverPlan::new(&mut generator(seed, Stream::DriversPlan, index), scale))
                .collect(),
            riders: people(scale.riders)
                .map(|index| RiderPlan::new(&mut generator(seed, Stream::RidersPlan, index), scale))
                .collect(),
            customers: customers(scale),
            orders,
        }
    }
}

fn customers(scale: &Scale) -> u32 {
    if scale.orders_per_minute <= 0.0 {
        return 0;
    }
    let (least, most) = CUSTOMERS;
    (scale.orders_per_minute as u32).clamp(least, most)
}

impl DriverPlan {
    fn new(rng: &mut StdRng, scale: &Scale) -> Self {
        let has_driver_app = happens(habits::HAS_DRIVER_APP, rng);
        let home = home(rng);
        let interval_secs = if happens(habits::SENDS_EACH_SECOND, rng) { 1.0 } else { 3.0 };
        let clock_off_secs = match happens(habits::HAS_WRONG_CLOCK, rng) {
            true => rng.random_range(habits::CLOCK_OFF_SECS) * if happens(0.5, rng) { 1 } else { -1 },
            false => 0,
        };
        Self {
            has_driver_app,
            home,
            interval_secs,
            clock_off_secs,
            pace: rng.random_range(0.75..=1.0),
            names_last_event: happens(habits::NAMES_LAST_EVENT, rng),
            acknowledges: happens(habits::ACKNOWLEDGES, rng),
            breaks: breaks(rng, scale.secs),
        }
    }
}

/// Minute by minute, what interrupts a driver's day.
fn breaks(rng: &mut StdRng, secs: u64) -> Vec<Break> {
    let mut breaks: Vec<Break> = Vec::new();
    for minute in 0..secs.div_ceil(60) {
        let (kind, lasts) = if happens(habits::LOSES_NETWORK_PER_MINUTE, rng) {
            (BreakKind::Outage, habits::OUTAGE_SECS)
        } else if happens(habits::PAUSES_PER_MINUTE, rng) {
            (BreakKind::Pause, habits::PAUSE_SECS)
        } else {
            continue;
        };
        let at_secs = minute as f64 * 60.0 + rng.random_range(0.0..60.0);
        let next = Break { kind, at_secs, secs: rng.random_range(lasts) };
        let is_over = breaks.last().is_none_or(|last| last.at_secs + last.secs as f64 <= at_secs);
        if is_over && at_secs < secs as f64 {
            breaks.push(next);
        }
    }
    breaks
}

impl RiderPlan {
    fn new(rng: &mut StdRng, scale: &Scale) -> Self {
        let has_matching_app = happens(habits::HAS_MATCHING_APP, rng);
        let (part, most) = FIRST_ASK;
        let mut at_secs = rng.random_range(0.0..=(scale.secs as f64 * part).min(most));
        let mut rides = Vec::new();
        while at_secs < scale.secs as f64 {
            rides.push(RidePlan::new(at_secs, rng));
            at_secs += rng.random_range(habits::RESTS_SECS);
        }
        Self { has_matching_app, rides }
    }
}

impl RidePlan {
    fn new(at_secs: f64, rng: &mut StdRng) -> Self {
        let from = home(rng);
        let to = from.near(TRIP_BLOCKS, rng);
        let cancels =
            happens(habits::CANCELS_RIDE, rng).then(|| rng.random_range(habits::CANCELS_AFTER_SECS));
        Self {
            at_secs,
            from,
            to,
            cancels_after_secs: cancels,
            chats: happens(habits::CHATS, rng),
            stars: happens(habits::RATES, rng).then(|| rng.random_range(1..=5)),
        }
    }
}

fn home(rng: &mut StdRng) -> Crossing {
    let mut street = || rng.random_range(-HOME_BLOCKS..=HOME_BLOCKS);
    Crossing { x: street(), y: street() }
}

/// At random times, as many as were asked for on average.
fn orders(rng: &mut StdRng, scale: &Scale) -> Vec<OrderPlan> {
    let mut orders = Vec::new();
    if scale.orders_per_minute <= 0.0 {
        return orders;
    }
    let between_secs = 60.0 / scale.orders_per_minute;
    let mut at_secs = rng.random_range(0.0..between_secs);
    while at_secs < scale.secs as f64 {
        let from = home(rng);
        orders.push(OrderPlan {
            at_secs,
            from,
            to: from.near(TRIP_BLOCKS, rng),
            customer: rng.random_range(0..customers(scale)),
            earnings: f64::from(rng.random_range(20..=90_u32)),
        });
        at_secs += between_secs * rng.random_range(0.5..1.5);
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Scale = Scale { drivers: 40, riders: 10, orders_per_minute: 30.0, secs: 300 };

    #[test]
    fn the_same_seed_is_the_same_plan_and_another_one_another() {
        assert_eq!(Plan::new(1, &SCALE), Plan::new(1, &SCALE));
        assert_ne!(Plan::new(1, &SCALE), Plan::new(2, &SCALE));
    }

    #[test]
    fn one_more_driver_changes_nothing_for_the_others() {
        let (some, more) = (Plan::new(1, &SCALE), Plan::new(1, &Scale { drivers: 41, riders: 11, ..SCALE }));
        assert_eq!(some.drivers[..], more.drivers[..40]);
        assert_eq!(some.riders[..], more.riders[..10]);
        assert_eq!(some.orders, more.orders);
    }

    #[test]
    fn as_many_orders_come_as_were_asked_for_and_all_within_the_run() {
        let plan = Plan::new(7, &SCALE);
        assert!((130..=170).contains(&plan.orders.len()), "{}", plan.orders.len());
        assert!(plan.orders.is_sorted_by(|one, next| one.at_secs <= next.at_secs));
        assert!(plan.orders.iter().all(|order| order.at_secs < 300.0 && order.customer < plan.customers));
        assert!(plan.orders.iter().all(|order| order.from != order.to));
        let none = Plan::new(7, &Scale { orders_per_minute: 0.0, ..SCALE });
        assert_eq!((none.orders.len(), none.customers), (0, 0));
    }

    #[test]
    fn every_rider_asks_in_a_short_run_too_and_every_habit_is_somebodys() {
        let short = Plan::new(1, &Scale { riders: 4, secs: 20, ..SCALE });
        assert!(short.riders.iter().all(|rider| rider.rides[0].at_secs <= 5.0));
        let plan = Plan::new(1, &Scale { drivers: 200, riders: 50, ..SCALE });
        let drivers = &plan.drivers;
        assert!(drivers.iter().any(|driver| driver.clock_off_secs > 0));
        assert!(drivers.iter().any(|driver| driver.clock_off_secs < 0));
        assert!(drivers.iter().any(|driver| !driver.names_last_event));
        for kind in [BreakKind::Outage, BreakKind::Pause] {
            assert!(drivers.iter().flat_map(|driver| &driver.breaks).any(|one| one.kind == kind), "{kind:?}");
        }
        for driver in drivers {
            let follow = |pair: &[Break]| pair[0].at_secs + pair[0].secs as f64 <= pair[1].at_secs;
            assert!(driver.breaks.windows(2).all(follow), "{:?}", driver.breaks);
        }
        let rides = || plan.riders.iter().flat_map(|rider| &rider.rides);
        assert!(rides().any(|ride| ride.cancels_after_secs.is_some()));
        assert!(rides().any(|ride| ride.chats) && rides().any(|ride| ride.stars.is_some()));
    }
}
