//! Two cores with the same inputs: whatever happens in whatever order, both want the same tasks. Their hash maps are
//! ordered differently, so any dependence on that order shows here.

use super::*;
use crate::domain::candidate::PassedOver;
use crate::domain::ids::SearchId;
use crate::domain::open_search::SearchRow;
use crate::domain::search_policy::{Mode, Patience, Policy, Radii};
use crate::matching::fleet::KnownFix;
use crate::matching::plausible::{DatedFix, Plausibility};
use chrono::TimeDelta;
use proptest::prelude::*;
use std::num::NonZeroUsize;

const DRIVERS: i64 = 12;
const JOBS: i64 = 16;

/// A random action; the work that it ends is chosen only when there is some.
#[derive(Clone, Debug)]
enum Throw {
    /// Metres north of the middle, which several drivers share.
    Moves {
        drivers: Vec<(i64, i64)>,
        is_believed: bool,
    },
    Drivers {
        drivers: Vec<(i64, i64)>,
        is_free: bool,
        is_carrying: bool,
    },
    Opens {
        jobs: Vec<(i64, i64)>,
        is_patient: bool,
    },
    Assigned {
        job: i64,
        driver: i64,
    },
    Cancelled(i64),
    Declined {
        job: i64,
        driver: i64,
    },
    Confirmed {
        job: i64,
        driver: i64,
    },
    WorkIsOver {
        nth: usize,
        how: u8,
    },
    Compared(Vec<i64>),
    Woken,
}

fn throws() -> impl Strategy<Value = Throw> {
    let (driver, job, north_m) = (1..=DRIVERS, 1..=JOBS, (0..12i64).prop_map(|step| step * 100));
    let placed = prop::collection::vec((driver.clone(), north_m.clone()), 1..6);
    let jobs = prop::collection::vec((job.clone(), north_m), 1..6);
    let of_both = (job.clone(), driver);
    prop_oneof![
        3 => (placed.clone(), prop::bool::weighted(0.8))
            .prop_map(|(drivers, is_believed)| Throw::Moves { drivers, is_believed }),
        3 => (placed, prop::bool::weighted(0.7), prop::bool::weighted(0.2))
            .prop_map(|(drivers, is_free, is_carrying)| Throw::Drivers { drivers, is_free, is_carrying }),
        4 => (jobs, any::<bool>()).prop_map(|(jobs, is_patient)| Throw::Opens { jobs, is_patient }),
        1 => of_both.clone().prop_map(|(job, driver)| Throw::Assigned { job, driver }),
        1 => job.clone().prop_map(Throw::Cancelled),
        1 => of_both.clone().prop_map(|(job, driver)| Throw::Declined { job, driver }),
        1 => of_both.prop_map(|(job, driver)| Throw::Confirmed { job, driver }),
        6 => (any::<usize>(), any::<u8>()).prop_map(|(nth, how)| Throw::WorkIsOver { nth, how }),
        1 => prop::collection::vec(job, 0..JOBS as usize).prop_map(Throw::Compared),
        2 => Just(Throw::Woken),
    ]
}

fn ms(after: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_800_000_000_000 + after).expect("a time")
}

fn north(metres: i64) -> Position {
    Position::new(metres as f64 / 111_195.0, 0.0).expect("in range")
}

fn core(mode: Mode) -> Core {
    let some = |number| NonZeroUsize::new(number).expect("not 0");
    let policy = move |patience| Policy {
        mode,
        patience,
        batch_size: some(2),
        window: TimeDelta::seconds(15),
        receipt: TimeDelta::seconds(2),
        radii: Radii::new(vec![300.0, 1_000.0]).expect("they ascend"),
        driver_offers_max: some(2),
        look_every: TimeDelta::seconds(3),
    };
    Core::new(Fleet::default(), Searches::new(policy, TimeDelta::seconds(120)))
}

fn opened(job: i64, north_m: i64, at: i64, is_patient: bool) -> OpenSearch {
    // Some were opened before others that are known already, and several at once.
    let opened_at = ms(at - at % 500);
    OpenSearch {
        id: SearchId(job),
        job: JobId(job),
        row: SearchRow { opened_at, deadline: opened_at + TimeDelta::seconds(60), step: 0 },
        patience: if is_patient { Patience::UntilDeadline } else { Patience::WhileAnybodyIsLeft },
        pickup: north(north_m),
        vehicle_type: None,
        offers: Vec::new(),
        refused: Vec::new(),
    }
}

fn standing(driver: i64, north_m: i64, at: i64, is_free: bool, is_carrying: bool) -> DriverFacts {
    let fix = KnownFix { position: north(north_m), at_ms: ms(at).timestamp_millis(), is_measured: false };
    DriverFacts {
        driver: DriverId(driver),
        vehicle_type: "moto".to_owned(),
        unfit: (!is_free).then_some(PassedOver::Busy),
        is_carrying,
        position: Some(fix),
        changed_at: None,
    }
}

fn moved(north_m: i64, at: i64, is_believed: bool) -> News {
    let at_ms = ms(at).timestamp_millis();
    let fix = DatedFix { position: north(north_m), accuracy_m: None, measured_ms: at_ms, at_ms };
    let doubt = Some(Plausibility::Inaccurate { accuracy_m: 5_000.0 });
    match is_believed {
        true => News { seen: Some(fix), doubt: None },
        false => News { seen: None, doubt },
    }
}

/// The input of a throw; `None` if no work is in flight.
fn told(throw: Throw, at: i64, under_way: &mut Vec<(JobId, Work)>) -> Option<Happened> {
    Some(match throw {
        Throw::Moves { drivers, is_believed } => {
            let news = drivers.into_iter().map(|(driver, north_m)| (driver, moved(north_m, at, is_believed)));
            Happened::Moved(news.map(|(driver, news)| (DriverId(driver), news)).collect())
        }
        Throw::Drivers { drivers, is_free, is_carrying } => {
            let row = |(driver, north_m)| standing(driver, north_m, at, is_free, is_carrying);
            Happened::Drivers(drivers.into_iter().map(row).collect())
        }
        Throw::Opens { jobs, is_patient } => Happened::Opened(
            jobs.into_iter().map(|(job, north_m)| opened(job, north_m, at, is_patient)).collect(),
        ),
        Throw::Assigned { job, driver } => {
            Happened::Committed(SearchNews::Assigned { job: JobId(job), driver: DriverId(driver) })
        }
        Throw::Cancelled(job) => Happened::Committed(SearchNews::Cancelled(JobId(job))),
        Throw::Declined { job, driver } => {
            Happened::Committed(SearchNews::Declined { job: JobId(job), driver: DriverId(driver) })
        }
        Throw::Confirmed { job, driver } => Happened::Confirmed { job: JobId(job), driver: DriverId(driver) },
        Throw::WorkIsOver { .. } if under_way.is_empty() => return None,
        Throw::WorkIsOver { nth, how } => {
            let (job, work) = under_way.remove(nth % under_way.len());
            let done = match (how % 4, work) {
                (0, Work::Claim(driver)) => Done::ClaimLost(driver),
                (0, _) => Done::Failed,
                (1, Work::Offer { drivers, .. }) => Done::Offered(drivers.into_iter().take(1).collect()),
                (_, Work::Offer { drivers, .. }) => Done::Offered(drivers),
                _ => Done::Carried,
            };
            Happened::Done { job, done }
        }
        Throw::Compared(open) => Happened::Compared(open.into_iter().map(JobId).collect()),
        Throw::Woken => Happened::Woken,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn two_that_are_told_the_same_want_the_same_done(
        offers in any::<bool>(),
        throws in prop::collection::vec((throws(), 0..1_500i64), 1..80),
    ) {
        let mode = if offers { Mode::Offer } else { Mode::Auto };
        let (mut one, mut other) = (core(mode), core(mode));
        let (mut at, mut under_way) = (0, Vec::new());
        for (throw, passed) in throws {
            at += passed;
            let Some(what) = told(throw, at, &mut under_way) else { continue };
            let input = Input { at: ms(at), what };
            let tasks = one.tell(input.clone());
            prop_assert_eq!(&tasks, &other.tell(input));
            prop_assert_eq!(one.wake_at(), other.wake_at());
            prop_assert_eq!(one.take_looks(), other.take_looks());
            for task in tasks {
                if let Task::CarryOut { job, work, .. } = task {
                    under_way.push((job, work));
                }
            }
            let claims = under_way.iter().filter_map(|(_, work)| match work {
                Work::Claim(driver) => Some(*driver),
                _ => None,
            });
            let (drivers, claims): (HashSet<DriverId>, usize) = (claims.clone().collect(), claims.count());
            prop_assert_eq!(drivers.len(), claims, "of one driver one claim is under way: {:?}", under_way);
        }
    }
}
