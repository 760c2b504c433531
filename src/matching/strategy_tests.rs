//! A second strategy, which gives a driver to the search that is nearest to them, shows that a strategy sees all of both sides.

use super::*;
use crate::domain::ids::{JobId, SearchId};
use crate::domain::open_search::{OpenSearch, SearchRow};
use crate::domain::search_policy::{Mode, Patience, Policy, Radii};
use crate::matching::fleet::{DriverFacts, KnownFix};
use crate::matching::searches::Searches;
use crate::matching::work::Work;
use chrono::{DateTime, TimeDelta, Utc};
use std::num::NonZeroUsize;

struct NearestSearch;

impl Strategy for NearestSearch {
    fn choose(&self, scene: Scene<'_>, asking: &Asking<'_>) -> Choice {
        NearestFirst.choose(scene, asking)
    }

    fn next_to_hear(&self, scene: Scene<'_>, driver: DriverId, after: Option<Age>) -> Option<Age> {
        let at = scene.fleet.fix(driver)?.position;
        let mut nearest: Vec<_> =
            scene.queue.waiting().map(|waiting| (waiting.pickup.distance_m(at), waiting.age)).collect();
        nearest.sort_by(|one, other| one.partial_cmp(other).expect("distances are numbers"));
        let mut ages = nearest.into_iter().map(|(_, age)| age);
        match after {
            None => ages.next(),
            Some(after) => ages.skip_while(|age| *age != after).nth(1),
        }
    }
}

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).expect("a time")
}

fn east(metres: f64) -> Position {
    Position::new(0.0, metres / 111_195.0).expect("in range")
}

fn policy(patience: Patience) -> Policy {
    let some = |number| NonZeroUsize::new(number).expect("not 0");
    Policy {
        mode: Mode::Auto,
        patience,
        batch_size: some(1),
        window: TimeDelta::seconds(15),
        receipt: TimeDelta::seconds(2),
        radii: Radii::new(vec![10_000.0]).expect("valid"),
        driver_offers_max: some(1),
        look_every: TimeDelta::seconds(3),
    }
}

fn opened(job: i64, opened_at: i64, pickup: Position) -> OpenSearch {
    OpenSearch {
        id: SearchId(job),
        job: JobId(job),
        row: SearchRow { opened_at: at(opened_at), deadline: at(600_000), step: 0 },
        patience: Patience::UntilDeadline,
        pickup,
        vehicle_type: None,
        offers: Vec::new(),
        refused: Vec::new(),
    }
}

/// Three rides wait; a driver comes online.
fn winner(strategy: Box<dyn Strategy>) -> Option<(JobId, Work)> {
    let (mut searches, mut fleet) =
        (Searches::with_strategy(policy, TimeDelta::seconds(120), strategy), Fleet::default());
    for (job, opened_at, metres) in [(1, 20, 5_000.0), (2, 10, 9_000.0), (3, 30, 100.0)] {
        searches.open(at(30), opened(job, opened_at, east(metres)), &fleet);
    }
    assert_eq!(searches.next_work(), None, "nobody is there");
    fleet.set(DriverFacts {
        driver: DriverId(7),
        vehicle_type: "moto".to_owned(),
        unfit: None,
        is_carrying: false,
        position: Some(KnownFix { position: east(0.0), at_ms: 0, is_measured: false }),
        changed_at: None,
    });
    searches.came_online(at(1_000), DriverId(7), &fleet);
    let won = searches.next_work();
    assert_eq!(searches.next_work(), None, "one claim for one driver");
    won
}

#[test]
fn the_first_implementation_gives_a_driver_to_whom_waits_longest() {
    assert_eq!(winner(Box::new(NearestFirst)), Some((JobId(2), Work::Claim(DriverId(7)))));
}

#[test]
fn another_strategy_sees_all_searches_and_may_choose_otherwise() {
    assert_eq!(winner(Box::new(NearestSearch)), Some((JobId(3), Work::Claim(DriverId(7)))));
}
