//! Searches in memory, with a fleet and no store: the work that they want done, and its order.

use super::*;
use crate::domain::ids::SearchId;
use crate::domain::offer::{Offer, OfferOutcome};
use crate::domain::open_search::SearchRow;
use crate::domain::position::Position;
use crate::domain::ride::Unavailable;
use crate::domain::search_policy::{Mode, Radii};
use crate::matching::fleet::{DriverFacts, KnownFix};
use std::num::NonZeroUsize;

fn ms(after: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_800_000_000_000 + after).expect("a time")
}

fn some(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("not 0")
}

fn policy(mode: Mode) -> impl Fn(Patience) -> Policy {
    move |patience| Policy {
        mode,
        patience,
        batch_size: some(2),
        window: TimeDelta::seconds(15),
        receipt: TimeDelta::seconds(2),
        radii: Radii::new(vec![10_000.0]).expect("valid"),
        driver_offers_max: some(1),
        look_every: TimeDelta::seconds(3),
    }
}

/// Drivers 1, 2, … each a hundred metres further north of the pickup.
fn fleet(count: i64) -> Fleet {
    let mut fleet = Fleet::default();
    for driver in 1..=count {
        fleet.set(standing(driver, true));
    }
    fleet
}

fn standing(driver: i64, is_matchable: bool) -> DriverFacts {
    let position = Position::new(driver as f64 * 0.0009, 0.0).expect("in range");
    DriverFacts {
        driver: DriverId(driver),
        vehicle_type: "moto".to_owned(),
        unfit: (!is_matchable).then_some(PassedOver::Busy),
        is_carrying: false,
        position: Some(KnownFix { position, at_ms: 0, is_measured: false }),
        changed_at: None,
    }
}

fn opened(job: i64) -> OpenSearch {
    OpenSearch {
        id: SearchId(job),
        job: JobId(job),
        row: SearchRow { opened_at: ms(0), deadline: ms(120_000), step: 0 },
        patience: Patience::UntilDeadline,
        pickup: Position::new(0.0, 0.0).expect("in range"),
        vehicle_type: None,
        offers: Vec::new(),
        refused: Vec::new(),
    }
}

fn searches(mode: Mode) -> Searches {
    Searches::new(policy(mode), TimeDelta::seconds(120))
}

fn offer(drivers: &[i64], expires: i64) -> Work {
    Work::Offer { drivers: drivers.iter().copied().map(DriverId).collect(), expires_at: ms(expires) }
}

#[test]
fn offers_of_one_moment_are_one_piece_of_work_and_the_next_waits_for_it() {
    let (mut searches, fleet) = (searches(Mode::Offer), fleet(4));
    searches.open(ms(0), opened(7), &fleet);
    assert_eq!(searches.next_work(), Some((JobId(7), offer(&[1, 2], 15_000))));
    let declined = SearchNews::Declined { job: JobId(7), driver: DriverId(1) };
    searches.heard(ms(100), declined, &fleet);
    assert_eq!(searches.next_work(), None, "the first is under way");
    searches.done(ms(110), JobId(7), Done::Offered(vec![DriverId(1), DriverId(2)]), &fleet);
    assert_eq!(searches.next_work(), Some((JobId(7), offer(&[3], 15_100))));
    assert_eq!(searches.open_offers(), 2);
}

#[test]
fn whoever_was_not_told_after_all_makes_room_for_the_next() {
    let (mut searches, fleet) = (searches(Mode::Offer), fleet(3));
    searches.open(ms(0), opened(7), &fleet);
    searches.next_work();
    searches.done(ms(10), JobId(7), Done::Offered(vec![DriverId(2)]), &fleet);
    let closing = Work::Close { driver: DriverId(1), reason: Unavailable::Withdrawn };
    assert_eq!(searches.next_work(), Some((JobId(7), closing)));
    searches.done(ms(20), JobId(7), Done::Carried, &fleet);
    assert_eq!(searches.next_work(), Some((JobId(7), offer(&[3], 15_010))));
}

#[test]
fn work_that_the_store_did_not_take_is_the_next_again() {
    let (mut searches, fleet) = (searches(Mode::Offer), fleet(1));
    searches.open(ms(0), opened(7), &fleet);
    let work = searches.next_work();
    searches.done(ms(600), JobId(7), Done::Failed, &fleet);
    assert_eq!(searches.next_work(), work);
}

#[test]
fn a_driver_with_as_many_offers_as_allowed_is_passed_over_until_one_ends() {
    let (mut searches, fleet) = (searches(Mode::Offer), fleet(2));
    searches.open(ms(0), opened(7), &fleet);
    searches.open(ms(0), opened(8), &fleet);
    assert_eq!(searches.next_work(), Some((JobId(7), offer(&[1, 2], 15_000))));
    assert_eq!(searches.next_work(), None);
    searches.heard(ms(50), SearchNews::Cancelled(JobId(7)), &fleet);
    assert_eq!(searches.open_offers(), 0);
    searches.tick(ms(3_000), &fleet);
    assert_eq!(searches.next_work(), Some((JobId(8), offer(&[1, 2], 18_000))));
}

/// PostgreSQL refuses a statement that would note the same driver twice.
#[test]
fn a_driver_who_was_looked_at_twice_is_noted_once_as_the_last_look_saw_them() {
    let (mut searches, fleet) = (searches(Mode::Offer), fleet(2));
    searches.open(ms(0), opened(7), &fleet);
    searches.open(ms(0), opened(8), &fleet);
    searches.heard(ms(50), SearchNews::Cancelled(JobId(7)), &fleet);
    searches.tick(ms(3_000), &fleet);
    let looks = searches.take_looks();
    let noted: Vec<_> = looks.iter().map(|look| (look.search.0, look.considered.driver.0)).collect();
    assert_eq!(noted, [(7, 1), (7, 2), (8, 1), (8, 2)]);
    assert!(looks.iter().all(|look| look.considered.passed_over.is_none()), "{looks:?}");
    assert_eq!(looks.iter().map(|look| look.at).max(), Some(ms(3_000)));
    assert!(searches.take_looks().is_empty());
}

#[test]
fn a_driver_who_is_being_bound_is_not_tried_by_another_search() {
    let (mut searches, fleet) = (searches(Mode::Auto), fleet(2));
    searches.open(ms(0), opened(7), &fleet);
    searches.open(ms(0), opened(8), &fleet);
    assert_eq!(searches.next_work(), Some((JobId(7), Work::Claim(DriverId(1)))));
    assert_eq!(searches.next_work(), Some((JobId(8), Work::Claim(DriverId(2)))));
    searches.done(ms(5), JobId(8), Done::ClaimLost(DriverId(2)), &fleet);
    assert_eq!(searches.next_work(), None, "driver 1 is taken, driver 2 was lost a moment ago");
    searches.heard(ms(6), SearchNews::Assigned { job: JobId(7), driver: DriverId(1) }, &fleet);
    searches.done(ms(6), JobId(7), Done::Carried, &fleet);
    assert_eq!(searches.next_work(), None);
    assert!(!searches.knows(JobId(7)) && searches.knows(JobId(8)));
}

#[test]
fn a_driver_who_comes_online_is_asked_and_one_who_goes_is_told() {
    let (mut searches, mut fleet) = (searches(Mode::Offer), fleet(1));
    searches.open(ms(0), opened(7), &fleet);
    searches.next_work();
    searches.done(ms(1), JobId(7), Done::Offered(vec![DriverId(1)]), &fleet);
    fleet.set(standing(2, true));
    searches.came_online(ms(500), DriverId(2), &fleet);
    assert_eq!(searches.next_work(), Some((JobId(7), offer(&[2], 15_500))));
    searches.done(ms(501), JobId(7), Done::Offered(vec![DriverId(2)]), &fleet);
    fleet.set(standing(1, false));
    searches.gone(ms(600), DriverId(1), &fleet);
    let closing = Work::Close { driver: DriverId(1), reason: Unavailable::Withdrawn };
    assert_eq!(searches.next_work(), Some((JobId(7), closing)));
}

#[test]
fn after_a_restart_an_offer_ends_when_it_would_have_and_only_those_on_duty_keep_theirs() {
    let (mut searches, fleet) = (searches(Mode::Offer), fleet(1));
    let made = |driver| Offer {
        driver: DriverId(driver),
        offered_at: ms(0),
        expires_at: ms(15_000),
        confirmed_at: Some(ms(40)),
        outcome: None,
    };
    searches.open(ms(9_000), OpenSearch { offers: vec![made(1), made(5)], ..opened(7) }, &fleet);
    let closing = Work::Close { driver: DriverId(5), reason: Unavailable::Withdrawn };
    assert_eq!(searches.next_work(), Some((JobId(7), closing)));
    searches.done(ms(9_010), JobId(7), Done::Carried, &fleet);
    searches.tick(ms(14_999), &fleet);
    assert_eq!(searches.next_work(), None);
    searches.tick(ms(15_000), &fleet);
    let closing = Work::Close { driver: DriverId(1), reason: Unavailable::Expired };
    assert_eq!(searches.next_work(), Some((JobId(7), closing)));
}

#[test]
fn a_search_whose_end_nobody_announced_is_forgotten_at_the_second_look() {
    let (mut searches, fleet) = (searches(Mode::Offer), fleet(0));
    searches.open(ms(0), opened(7), &fleet);
    assert_eq!(searches.compare(&HashSet::from([JobId(7), JobId(9)])), [JobId(9)]);
    assert_eq!(searches.compare(&HashSet::new()), []);
    assert!(searches.knows(JobId(7)));
    assert_eq!(searches.compare(&HashSet::new()), []);
    assert!(!searches.knows(JobId(7)));
    assert_eq!(searches.wake_at(), None);
}

/// They were offline when the search began, and came closer meanwhile.
#[test]
fn whoever_is_asked_on_coming_online_is_noted_as_they_were_then() {
    let (mut searches, mut fleet) = (searches(Mode::Offer), fleet(1));
    fleet.set(standing(9, false));
    searches.open(ms(0), opened(7), &fleet);
    let noted = |searches: &mut Searches| -> Vec<(i64, i64, Option<PassedOver>)> {
        let looks = searches.take_looks().into_iter().map(|look| look.considered);
        looks.map(|one| (one.driver.0, one.distance_m.round() as i64, one.passed_over)).collect()
    };
    assert_eq!(noted(&mut searches), [(1, 100, None), (9, 901, Some(PassedOver::Busy))]);
    let closer = standing(4, true).position;
    fleet.set(DriverFacts { position: closer, ..standing(9, true) });
    searches.came_online(ms(500), DriverId(9), &fleet);
    assert_eq!(noted(&mut searches), [(9, 400, None)]);
    // Nobody else is asked just now: both places are taken.
    fleet.set(standing(3, true));
    searches.came_online(ms(600), DriverId(3), &fleet);
    assert!(noted(&mut searches).is_empty());
}

/// Those in the second ring had left no trace: the first look did not reach them.
#[test]
fn whoever_cannot_be_matched_is_noted_as_soon_as_the_radius_reaches_them() {
    let radii = || Radii::new(vec![150.0, 350.0]).expect("valid");
    let widening = |patience| Policy { radii: radii(), ..policy(Mode::Offer)(patience) };
    let mut searches = Searches::new(widening, TimeDelta::seconds(120));
    let mut fleet = Fleet::default();
    (1..=4).for_each(|driver| {
        fleet.set(standing(driver, false));
    });
    searches.open(ms(0), opened(7), &fleet);
    let noted = |searches: &mut Searches| -> Vec<i64> {
        searches.take_looks().iter().map(|look| look.considered.driver.0).collect()
    };
    assert_eq!(noted(&mut searches), [1, 2, 3]);
    fleet.set(DriverFacts { unfit: Some(PassedOver::Offline), ..standing(1, false) });
    searches.tick(ms(3_000), &fleet);
    assert!(noted(&mut searches).is_empty());
}

/// The driver who gave the ride back is seldom free again when it is searched for the next moment.
#[test]
fn whoever_gave_the_ride_back_was_asked_before_whatever_else_they_do() {
    let (mut searches, mut fleet) = (searches(Mode::Offer), Fleet::default());
    fleet.set(standing(1, false));
    fleet.set(standing(2, false));
    fleet.set(DriverFacts { is_carrying: true, ..standing(3, true) });
    let refused = vec![DriverId(1), DriverId(3)];
    searches.open(ms(0), OpenSearch { refused, ..opened(7) }, &fleet);
    let looks = searches.take_looks();
    let noted: Vec<_> = looks.iter().map(|look| look.considered.passed_over).collect();
    let before = Some(PassedOver::AskedBefore);
    assert_eq!(noted, [before, Some(PassedOver::Busy), before]);
}

#[test]
fn after_a_restart_the_trace_keeps_how_those_were_seen_who_were_asked() {
    let (mut searches, fleet) = (searches(Mode::Offer), fleet(2));
    let made = |driver, after| Offer {
        driver: DriverId(driver),
        offered_at: ms(after),
        expires_at: ms(15_000),
        confirmed_at: Some(ms(40)),
        outcome: Some(OfferOutcome::Declined),
    };
    // The first is of an earlier search.
    let offers = vec![made(1, -5_000), made(2, 10)];
    searches.open(ms(9_000), OpenSearch { offers, ..opened(7) }, &fleet);
    let noted: Vec<i64> = searches.take_looks().iter().map(|look| look.considered.driver.0).collect();
    assert_eq!(noted, [1]);
}

/// Rides 1 to `count`, for the same place. They are known in another order than that in which they were asked for, which is
/// returned.
fn open_many(searches: &mut Searches, count: i64, fleet: &Fleet) -> Vec<i64> {
    let asked_at = |job: i64| (job * 7 + 170) % count;
    for job in 1..=count {
        let row = SearchRow { opened_at: ms(asked_at(job)), deadline: ms(120_000), step: 0 };
        searches.open(ms(1_000), OpenSearch { row, ..opened(job) }, fleet);
    }
    assert_eq!(all_work(searches), [], "nobody is there");
    let mut jobs: Vec<i64> = (1..=count).collect();
    jobs.sort_by_key(|job| asked_at(*job));
    jobs
}

fn all_work(searches: &mut Searches) -> Vec<(i64, Work)> {
    std::iter::from_fn(|| searches.next_work()).map(|(job, work)| (job.0, work)).collect()
}

/// Drivers at the pickup.
fn come_online(searches: &mut Searches, fleet: &mut Fleet, drivers: impl Iterator<Item = i64> + Clone) {
    for driver in drivers.clone() {
        fleet.set(DriverFacts { position: standing(1, true).position, ..standing(driver, true) });
    }
    drivers.for_each(|driver| searches.came_online(ms(2_000), DriverId(driver), fleet));
}

/// Each search claimed the driver for itself: 299 claims were lost, and the youngest ride won.
#[test]
fn a_driver_who_comes_online_is_claimed_once_for_the_ride_that_waits_longest() {
    let (mut searches, mut fleet) = (searches(Mode::Auto), fleet(0));
    let jobs = open_many(&mut searches, 300, &fleet);
    come_online(&mut searches, &mut fleet, 1..=1);
    assert_eq!(all_work(&mut searches), [(jobs[0], Work::Claim(DriverId(1)))]);
    searches.tick(ms(3_500), &fleet);
    assert_eq!(all_work(&mut searches), [], "they are being bound");
    let assigned = SearchNews::Assigned { job: JobId(jobs[0]), driver: DriverId(1) };
    searches.heard(ms(3_600), assigned, &fleet);
    fleet.set(standing(1, false));
    searches.gone(ms(3_600), DriverId(1), &fleet);
    searches.done(ms(3_601), JobId(jobs[0]), Done::Carried, &fleet);
    assert_eq!(all_work(&mut searches), []);
    // The ride is over.
    come_online(&mut searches, &mut fleet, 1..=1);
    assert_eq!(all_work(&mut searches), [(jobs[1], Work::Claim(DriverId(1)))]);
}

#[test]
fn of_drivers_who_come_online_together_each_is_claimed_once_in_the_order_of_waiting() {
    let (mut searches, mut fleet) = (searches(Mode::Auto), fleet(0));
    let jobs = open_many(&mut searches, 300, &fleet);
    come_online(&mut searches, &mut fleet, 1..=100);
    let claims: Vec<(i64, Work)> =
        jobs.iter().zip(1..=100).map(|(job, driver)| (*job, Work::Claim(DriverId(driver)))).collect();
    assert_eq!(all_work(&mut searches), claims);
}

#[test]
fn a_driver_who_comes_online_is_offered_the_rides_that_wait_longest_and_no_more_than_allowed() {
    let allowed = |patience| Policy { driver_offers_max: some(3), ..policy(Mode::Offer)(patience) };
    let (mut searches, mut fleet) = (Searches::new(allowed, TimeDelta::seconds(120)), fleet(0));
    let jobs = open_many(&mut searches, 60, &fleet);
    come_online(&mut searches, &mut fleet, 1..=1);
    let offered: Vec<i64> = all_work(&mut searches).into_iter().map(|(job, _)| job).collect();
    assert_eq!(offered, jobs[..3]);
}

#[test]
fn a_driver_whose_claim_came_to_nothing_with_its_ride_is_the_next_ones_at_once() {
    let (mut searches, mut fleet) = (searches(Mode::Auto), fleet(0));
    let jobs = open_many(&mut searches, 60, &fleet);
    come_online(&mut searches, &mut fleet, 1..=1);
    assert_eq!(all_work(&mut searches), [(jobs[0], Work::Claim(DriverId(1)))]);
    searches.heard(ms(2_001), SearchNews::Cancelled(JobId(jobs[0])), &fleet);
    assert_eq!(all_work(&mut searches), []);
    searches.done(ms(2_002), JobId(jobs[0]), Done::ClaimLost(DriverId(1)), &fleet);
    assert_eq!(all_work(&mut searches), [(jobs[1], Work::Claim(DriverId(1)))]);
    // This ride goes on, so it was the driver who could not be bound: of them it is known soon what they do.
    searches.done(ms(2_003), JobId(jobs[1]), Done::ClaimLost(DriverId(1)), &fleet);
    assert_eq!(all_work(&mut searches), []);
}
