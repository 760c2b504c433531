//! A search without a network, a store or a clock: the numbers of the design as scenarios first, then any fleet and any
//! order of what drivers do.

use super::*;
use crate::domain::search_policy::Radii;
use chrono::TimeZone;
use proptest::prelude::*;
use std::num::NonZeroUsize;

/// Milliseconds after the search was opened.
fn ms(after: i64) -> DateTime<Utc> {
    Utc.timestamp_opt(1_800_000_000, 0).single().expect("a time") + TimeDelta::milliseconds(after)
}

fn some(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("not 0")
}

fn policy() -> Policy {
    Policy {
        mode: Mode::Offer,
        patience: Patience::UntilDeadline,
        batch_size: some(5),
        window: TimeDelta::seconds(15),
        receipt: TimeDelta::seconds(2),
        radii: Radii::new(vec![10_000.0]).expect("valid"),
        driver_offers_max: some(3),
        look_every: TimeDelta::seconds(3),
    }
}

fn row() -> SearchRow {
    SearchRow { opened_at: ms(0), deadline: ms(120_000), step: 0 }
}

fn candidate(driver: i64, distance_m: f64) -> Candidate {
    Candidate { driver: DriverId(driver), distance_m, open_offers: 0 }
}

/// Drivers 1, 2, … at a kilometre, and 100 m more for each.
fn drivers(count: i64) -> Vec<Candidate> {
    (1..=count).map(|driver| candidate(driver, 900.0 + 100.0 * driver as f64)).collect()
}

/// A search with those who can be found. Answers looks as the index does.
struct Scene {
    search: Search,
    fleet: Vec<Candidate>,
}

impl Scene {
    fn new(policy: Policy, fleet: Vec<Candidate>) -> Self {
        Self { search: Search::new(Arc::new(policy), row(), Vec::new(), []), fleet }
    }

    /// The same search, from what is kept of it.
    fn restarted(&self) -> Self {
        let Self { search, fleet } = self;
        let offers = search.offers().to_vec();
        Self { search: Search::new(search.policy.clone(), search.row(), offers, []), fleet: fleet.clone() }
    }

    fn index(&self, radius_m: f64, count: usize) -> Vec<Candidate> {
        let cap = self.search.policy.driver_offers_max.get();
        let may_ask = |candidate: &&Candidate| self.search.may_ask(candidate.driver);
        let near = self.fleet.iter().filter(|candidate| candidate.distance_m <= radius_m).filter(may_ask);
        let mut near: Vec<Candidate> = near.copied().collect();
        near.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m));
        // Those without room are handed over, too, so that the search knows of them.
        let with_room = |candidate: &Candidate| candidate.open_offers < cap;
        let enough = near.iter().enumerate().filter(|(_, candidate)| with_room(candidate)).nth(count);
        near.truncate(enough.map_or(near.len(), |(at, _)| at));
        near
    }

    /// Carries out looks, and returns the other effects.
    fn follow(&mut self, now: DateTime<Utc>, effects: Vec<Effect>) -> Vec<Effect> {
        let mut pending: std::collections::VecDeque<Effect> = effects.into();
        let mut done = Vec::new();
        while let Some(effect) = pending.pop_front() {
            match effect {
                Effect::Look { radius_m, count } => {
                    let found = self.index(radius_m, count);
                    pending.extend(self.search.found(now, &found));
                }
                other => done.push(other),
            }
        }
        done
    }

    fn tick(&mut self, at: i64) -> Vec<Effect> {
        let effects = self.search.tick(ms(at));
        self.follow(ms(at), effects)
    }

    fn tell(
        &mut self,
        at: i64,
        input: impl FnOnce(&mut Search, DateTime<Utc>) -> Vec<Effect>,
    ) -> Vec<Effect> {
        let effects = input(&mut self.search, ms(at));
        self.follow(ms(at), effects)
    }

    /// Lets time go by up to and including `until`, waking when the search asks for it.
    fn run(&mut self, until: i64) -> Vec<(i64, Effect)> {
        let mut done = Vec::new();
        while let Some(at) = self.search.wake_at().filter(|at| *at <= ms(until)) {
            let after = (at - ms(0)).num_milliseconds();
            let effects = self.tick(after);
            assert!(self.search.wake_at().is_none_or(|next| next > at), "it would wake for ever at {after}");
            done.extend(effects.into_iter().map(|effect| (after, effect)));
        }
        done
    }
}

fn offered(effects: &[Effect]) -> Vec<i64> {
    let driver = |effect: &Effect| match effect {
        Effect::Offer { driver, .. } => Some(driver.0),
        _ => None,
    };
    effects.iter().filter_map(driver).collect()
}

fn offered_when(effects: &[(i64, Effect)]) -> Vec<(i64, i64)> {
    effects.iter().flat_map(|(at, effect)| offered(&[*effect]).into_iter().map(|id| (*at, id))).collect()
}

fn closed(effects: &[Effect]) -> Vec<(i64, Unavailable)> {
    let close = |effect: &Effect| match effect {
        Effect::Close { driver, reason } => Some((driver.0, *reason)),
        _ => None,
    };
    effects.iter().filter_map(close).collect()
}

#[test]
fn the_five_nearest_are_asked_and_have_the_window_to_answer() {
    let mut scene = Scene::new(policy(), drivers(8));
    let effects = scene.tick(0);
    assert_eq!(offered(&effects), [1, 2, 3, 4, 5]);
    assert_eq!(effects[0], Effect::Offer { driver: DriverId(1), expires_at: ms(15_000) });
    assert_eq!(effects.len(), 5);
    assert_eq!(scene.search.wake_at(), Some(ms(2000)));
}

#[test]
fn a_decline_frees_the_place_at_once() {
    let mut scene = Scene::new(policy(), drivers(6));
    scene.tick(0);
    let effects = scene.tell(500, |search, now| search.declined(now, DriverId(3)));
    assert_eq!((offered(&effects), effects.len()), (vec![6], 1), "the driver hears it as the answer");
    let again = scene.tell(600, |search, now| search.declined(now, DriverId(3)));
    assert_eq!(again, []);
}

#[test]
fn with_two_devices_frozen_the_next_two_are_asked_after_the_receipt_time() {
    let mut scene = Scene::new(policy(), drivers(8));
    scene.tick(0);
    for driver in [1, 2, 4] {
        scene.tell(100, |search, now| search.confirmed(now, DriverId(driver)));
    }
    assert_eq!(offered_when(&scene.run(2499)), [(2000, 6), (2000, 7)]);
}

#[test]
fn asking_one_at_a_time_the_third_has_it_after_two_frozen_devices() {
    let mut scene = Scene::new(Policy { batch_size: some(1), ..policy() }, drivers(4));
    assert_eq!(offered(&scene.tick(0)), [1]);
    let effects = scene.run(4499);
    assert_eq!(offered_when(&effects), [(2000, 2), (4000, 3)]);
    assert_eq!(effects.len(), 2, "the unconfirmed offers stay open: {effects:?}");
    scene.tell(4500, |search, now| search.confirmed(now, DriverId(3)));
    // The first one's phone is back in the net within its window.
    assert!(scene.search.offers()[0].is_open(ms(14_999)) && !scene.search.offers()[0].is_open(ms(15_000)));
    let effects = scene.tell(9000, |search, now| search.accepted(now, DriverId(1)));
    assert_eq!(closed(&effects), [(2, Unavailable::Taken), (3, Unavailable::Taken)]);
    assert_eq!(scene.search.ended(), Some(End::Assigned(DriverId(1))));
}

#[test]
fn a_confirmation_that_comes_too_late_takes_no_place_from_another() {
    let mut scene = Scene::new(Policy { batch_size: some(1), ..policy() }, drivers(3));
    scene.tick(0);
    assert_eq!(offered(&scene.tick(2000)), [2]);
    scene.tell(2000, |search, now| search.confirmed(now, DriverId(1)));
    scene.tell(2100, |search, now| search.confirmed(now, DriverId(2)));
    let effects = scene.tell(5000, |search, now| search.declined(now, DriverId(2)));
    assert_eq!(offered(&effects), [3], "the first holds no place again");
    let effects = scene.tell(6000, |search, now| search.accepted(now, DriverId(1)));
    assert_eq!(closed(&effects), [(3, Unavailable::Taken)]);
}

#[test]
fn an_offer_that_nobody_answers_expires_and_the_next_is_asked() {
    let mut scene = Scene::new(Policy { batch_size: some(1), ..policy() }, drivers(2));
    scene.tick(0);
    scene.tell(10, |search, now| search.confirmed(now, DriverId(1)));
    let effects = scene.run(15_000);
    let close = Effect::Close { driver: DriverId(1), reason: Unavailable::Expired };
    let offer = Effect::Offer { driver: DriverId(2), expires_at: ms(30_000) };
    assert_eq!(effects, [(15_000, close), (15_000, offer)]);
}

#[test]
fn the_radius_grows_when_nobody_within_is_left() {
    let radii = Radii::new(vec![3000.0, 5000.0, 10_000.0]).expect("valid");
    let fleet = vec![candidate(1, 1000.0), candidate(2, 9000.0)];
    let mut scene = Scene::new(Policy { radii, ..policy() }, fleet);
    assert_eq!(offered(&scene.tick(0)), [1]);
    assert_eq!(scene.tell(10, |search, now| search.confirmed(now, DriverId(1))), []);
    assert_eq!(scene.search.radius_m(), 3000.0, "somebody near still thinks about it");
    let effects = scene.tell(5000, |search, now| search.declined(now, DriverId(1)));
    assert_eq!(effects[..2], [Effect::Widen { step: 1 }, Effect::Widen { step: 2 }]);
    assert_eq!(offered(&effects), [2]);
    assert_eq!(scene.search.row().step, 2);
}

#[test]
fn who_comes_online_is_asked_while_a_place_is_free() {
    let mut scene = Scene::new(policy(), drivers(4));
    scene.tick(0);
    let come = |scene: &mut Scene, driver, distance_m| {
        let new = candidate(driver, distance_m);
        scene.fleet.push(new);
        let effects = scene.tell(1000, |search, now| search.came_online(now, new));
        offered(&effects)
    };
    assert_eq!(come(&mut scene, 11, 10_001.0), [] as [i64; 0], "too far");
    assert_eq!(come(&mut scene, 12, 9000.0), [12]);
    assert_eq!(come(&mut scene, 13, 50.0), [] as [i64; 0], "no place is free");
    assert_eq!(come(&mut scene, 12, 9000.0), [] as [i64; 0], "was asked");
    let effects = scene.tell(1500, |search, now| search.declined(now, DriverId(12)));
    assert_eq!(offered(&effects), [13]);
}

#[test]
fn a_driver_with_enough_offers_is_passed_over_and_asked_when_there_is_room() {
    let mut fleet = drivers(2);
    fleet[0].open_offers = 3;
    let mut scene = Scene::new(policy(), fleet);
    assert_eq!(offered(&scene.tick(0)), [2]);
    assert_eq!(scene.tell(100, |search, now| search.confirmed(now, DriverId(2))), []);
    scene.fleet[0].open_offers = 2;
    assert_eq!(offered_when(&scene.run(3000)), [(3000, 1)], "the regular look");
}

#[test]
fn who_took_another_ride_loses_the_offer_and_the_next_is_asked() {
    let mut scene = Scene::new(policy(), drivers(6));
    scene.tick(0);
    let effects = scene.tell(700, |search, now| search.unavailable(now, DriverId(2)));
    assert_eq!(closed(&effects), [(2, Unavailable::Withdrawn)]);
    assert_eq!(offered(&effects), [6]);
    assert_eq!(scene.tell(800, |search, now| search.unavailable(now, DriverId(99))), []);
}

#[test]
fn the_deadline_closes_what_is_open_and_gives_up() {
    let mut scene = Scene::new(policy(), drivers(1));
    scene.tick(0);
    let late = candidate(2, 100.0);
    let effects = scene.tell(110_000, |search, now| search.came_online(now, late));
    assert_eq!(effects.last(), Some(&Effect::Offer { driver: DriverId(2), expires_at: ms(120_000) }));
    scene.tell(110_100, |search, now| search.confirmed(now, DriverId(2)));
    let too_late = candidate(3, 100.0);
    let effects = scene.tell(118_000, |search, now| search.came_online(now, too_late));
    assert_eq!(effects, [], "its device could not even confirm it before the end");
    let effects = scene.run(200_000);
    let close = Effect::Close { driver: DriverId(2), reason: Unavailable::Expired };
    assert_eq!(effects, [(120_000, close), (120_000, Effect::GiveUp)]);
    assert_eq!((scene.search.ended(), scene.search.wake_at()), (Some(End::NoDrivers), None));
}

#[test]
fn a_cancelled_search_tells_those_who_were_asked_and_is_deaf_afterwards() {
    let mut scene = Scene::new(policy(), drivers(2));
    scene.tick(0);
    let effects = scene.tell(20, |search, now| search.cancelled(now));
    assert_eq!(closed(&effects), [(1, Unavailable::Cancelled), (2, Unavailable::Cancelled)]);
    assert_eq!(scene.tell(30, |search, now| search.accepted(now, DriverId(1))), []);
    assert_eq!(scene.tell(40, |search, now| search.came_online(now, candidate(3, 1.0))), []);
    assert_eq!(scene.tick(500_000), []);
    assert_eq!(scene.search.ended(), Some(End::Cancelled));
}

#[test]
fn whoever_waits_for_an_answer_hears_when_nobody_is_left() {
    let waiting = Policy { patience: Patience::WhileAnybodyIsLeft, ..policy() };
    let mut scene = Scene::new(waiting.clone(), drivers(1));
    scene.tick(0);
    assert_eq!(scene.tell(50, |search, now| search.declined(now, DriverId(1))), [Effect::GiveUp]);

    // A driver who has not confirmed the offer may yet accept it; only the end of the window ends it.
    let mut scene = Scene::new(waiting.clone(), drivers(1));
    scene.tick(0);
    let effects = scene.run(60_000);
    assert_eq!(effects.last(), Some(&(15_000, Effect::GiveUp)));

    // A driver who is busy with other offers may yet be asked.
    let mut fleet = drivers(1);
    fleet[0].open_offers = 3;
    let mut scene = Scene::new(waiting.clone(), fleet);
    assert_eq!(scene.tick(0), []);
    scene.fleet.clear();
    assert_eq!(scene.run(60_000), [(3000, Effect::GiveUp)]);

    assert_eq!(Scene::new(waiting, Vec::new()).tick(0), [Effect::GiveUp]);
}

#[test]
fn auto_binds_the_nearest_and_tries_the_next_when_that_was_lost() {
    let auto = Policy { mode: Mode::Auto, ..policy() };
    let mut scene = Scene::new(auto, drivers(3));
    assert_eq!(scene.tick(0), [Effect::Claim { driver: DriverId(1) }]);
    assert_eq!(scene.tick(1), [], "one at a time");
    assert_eq!(scene.tell(2, |search, now| search.claim_lost(now, DriverId(9))), []);
    let effects = scene.tell(3, |search, now| search.claim_lost(now, DriverId(1)));
    assert_eq!(effects, [Effect::Claim { driver: DriverId(2) }]);
    assert_eq!(scene.tell(4, |search, now| search.accepted(now, DriverId(2))), []);
    assert_eq!(scene.search.ended(), Some(End::Assigned(DriverId(2))));
}

#[test]
fn auto_gives_up_at_once_or_waits_for_somebody_as_it_was_told() {
    let auto = Policy { mode: Mode::Auto, ..policy() };
    let hurried = Policy { patience: Patience::WhileAnybodyIsLeft, ..auto.clone() };
    let mut scene = Scene::new(hurried, drivers(1));
    scene.tick(0);
    assert_eq!(scene.tell(5, |search, now| search.claim_lost(now, DriverId(1))), [Effect::GiveUp]);

    let mut scene = Scene::new(auto, drivers(1));
    scene.tick(0);
    assert_eq!(scene.tell(5, |search, now| search.claim_lost(now, DriverId(1))), []);
    // Lost to another ride that was cancelled soon after.
    assert_eq!(scene.run(3000), [(3000, Effect::Claim { driver: DriverId(1) })]);
    scene.tell(3005, |search, now| search.claim_lost(now, DriverId(1)));
    let effects = scene.tell(4000, |search, now| search.came_online(now, candidate(1, 50.0)));
    assert_eq!(effects, [Effect::Claim { driver: DriverId(1) }]);
    assert_eq!(scene.run(120_000), [(120_000, Effect::GiveUp)]);
}

#[test]
fn after_a_restart_an_offer_has_the_time_it_had_left() {
    let mut scene = Scene::new(Policy { batch_size: some(1), ..policy() }, drivers(2));
    scene.tick(0);
    scene.tell(300, |search, now| search.confirmed(now, DriverId(1)));
    let mut scene = scene.restarted();
    assert_eq!(scene.tick(7000), []);
    assert_eq!(scene.search.wake_at(), Some(ms(15_000)));
    let effects = scene.run(15_000);
    assert_eq!(offered_when(&effects), [(15_000, 2)]);
    // Down past the deadline: the passenger hears it as soon as the server is back.
    let mut scene = scene.restarted();
    let close = Effect::Close { driver: DriverId(2), reason: Unavailable::Expired };
    assert_eq!(scene.tick(300_000), [close, Effect::GiveUp]);
}

#[test]
fn a_search_that_goes_on_after_a_driver_gave_up_asks_nobody_twice() {
    let old = Offer {
        driver: DriverId(1),
        offered_at: ms(-60_000),
        expires_at: ms(-45_000),
        confirmed_at: None,
        outcome: Some(OfferOutcome::Closed(Unavailable::Taken)),
    };
    let search = Search::new(Arc::new(policy()), row(), vec![old], [DriverId(2)]);
    let mut scene = Scene { search, fleet: drivers(3) };
    assert_eq!(offered(&scene.tick(0)), [3]);
}

#[test]
fn a_clock_that_was_set_back_gives_no_place_out_twice() {
    let mut scene = Scene::new(Policy { batch_size: some(1), ..policy() }, drivers(3));
    scene.tick(0);
    assert_eq!(offered(&scene.tick(2000)), [2]);
    assert_eq!(scene.tick(-5000), []);
    assert_eq!(offered_when(&scene.run(4000)), [(4000, 3)]);
}

/// An event in a search's life; drivers are named by their place among those who were asked, or in the fleet.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Wait(i64),
    Confirm(usize),
    Decline(usize),
    Unavailable(usize),
    ComeOnline(f64),
    ClaimLost,
    Accept(usize),
    Cancel,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0i64..20_000).prop_map(Happening::Wait),
        4 => any::<usize>().prop_map(Happening::Confirm),
        3 => any::<usize>().prop_map(Happening::Decline),
        1 => any::<usize>().prop_map(Happening::Unavailable),
        3 => (0.0f64..12_000.0).prop_map(Happening::ComeOnline),
        2 => Just(Happening::ClaimLost),
        1 => any::<usize>().prop_map(Happening::Accept),
        1 => Just(Happening::Cancel),
    ]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let radii = prop_oneof![Just(vec![10_000.0]), Just(vec![3000.0, 5000.0, 10_000.0])];
    (any::<bool>(), any::<bool>(), 1usize..6, 1i64..30, radii).prop_map(
        |(asks, is_patient, batch, window, radii)| Policy {
            mode: if asks { Mode::Offer } else { Mode::Auto },
            patience: if is_patient { Patience::UntilDeadline } else { Patience::WhileAnybodyIsLeft },
            batch_size: some(batch),
            window: TimeDelta::seconds(window),
            radii: Radii::new(radii).expect("valid"),
            ..policy()
        },
    )
}

fn any_fleet() -> impl Strategy<Value = Vec<Candidate>> {
    prop::collection::vec((0.0f64..12_000.0, 0usize..5), 0..25).prop_map(|fleet| {
        let numbered = fleet.into_iter().zip(1..);
        numbered.map(|((m, open), id)| Candidate { open_offers: open, ..candidate(id, m) }).collect()
    })
}

/// Does it to a scene at a time. Two scenes that agree are done the same to.
fn happen(scene: &mut Scene, at: i64, happening: Happening) -> Vec<Effect> {
    let asked = |scene: &Scene, index: usize| {
        let offers = scene.search.offers();
        (!offers.is_empty()).then(|| offers[index % offers.len()].driver)
    };
    match happening {
        Happening::Wait(_) => scene.tick(at),
        Happening::Confirm(index) => asked(scene, index)
            .map_or(Vec::new(), |driver| scene.tell(at, |search, now| search.confirmed(now, driver))),
        Happening::Decline(index) => asked(scene, index)
            .map_or(Vec::new(), |driver| scene.tell(at, |search, now| search.declined(now, driver))),
        Happening::Unavailable(index) => asked(scene, index)
            .map_or(Vec::new(), |driver| scene.tell(at, |search, now| search.unavailable(now, driver))),
        Happening::Accept(index) => asked(scene, index)
            .map_or(Vec::new(), |driver| scene.tell(at, |search, now| search.accepted(now, driver))),
        Happening::ClaimLost => match scene.search.claim {
            Some(driver) => scene.tell(at, |search, now| search.claim_lost(now, driver)),
            None => Vec::new(),
        },
        Happening::ComeOnline(distance_m) => {
            let new = candidate(1000 + scene.fleet.len() as i64, distance_m);
            scene.fleet.push(new);
            scene.tell(at, |search, now| search.came_online(now, new))
        }
        Happening::Cancel => scene.tell(at, |search, now| search.cancelled(now)),
    }
}

/// The invariants at every moment.
fn check(scene: &Scene) {
    let search = &scene.search;
    let policy = &search.policy;
    let mut drivers: Vec<DriverId> = search.offers().iter().map(|offer| offer.driver).collect();
    drivers.sort();
    drivers.dedup();
    assert_eq!(drivers.len(), search.offers().len(), "a driver was offered the ride twice");
    // Written out once more, from what the rule says: open, and confirmed in time or within the time for it.
    let counted = search.offers().iter().filter(|offer| {
        let age = search.seen_at - offer.offered_at;
        let in_time = offer.confirmed_at.is_some_and(|at| at - offer.offered_at < policy.receipt);
        offer.outcome.is_none() && (in_time || age < policy.receipt)
    });
    assert!(counted.count() <= policy.batch_size.get());
    for offer in search.offers() {
        assert!(offer.expires_at <= search.row().deadline && offer.offered_at < offer.expires_at);
        assert!(offer.outcome.is_some() || search.ended().is_none(), "open after the end");
        let capped = scene.fleet.iter().find(|candidate| candidate.driver == offer.driver);
        assert!(capped.is_none_or(|candidate| candidate.open_offers < policy.driver_offers_max.get()));
    }
    assert_eq!(search.wake_at().is_none(), search.ended().is_some());
}

proptest! {
    #[test]
    fn whatever_drivers_do_the_rules_hold_and_the_search_ends_by_its_deadline(
        policy in any_policy(),
        fleet in any_fleet(),
        happenings in prop::collection::vec(happening(), 0..60),
    ) {
        let mut scene = Scene::new(policy, fleet);
        let mut effects = scene.tick(0);
        let mut at = 0;
        for happening in happenings {
            if let Happening::Wait(time) = happening {
                at += time;
                effects.extend(scene.run(at).into_iter().map(|(_, effect)| effect));
            }
            effects.extend(happen(&mut scene, at, happening));
            check(&scene);
        }
        effects.extend(scene.run(120_000).into_iter().map(|(_, effect)| effect));
        check(&scene);
        let end = scene.search.ended();
        prop_assert!(end.is_some());
        let given_up = effects.iter().filter(|effect| **effect == Effect::GiveUp).count();
        prop_assert_eq!(given_up, usize::from(end == Some(End::NoDrivers)));
        // Every driver who was offered the ride and did not answer was told the outcome, once.
        let untold = scene.search.offers().iter().filter(|offer| matches!(offer.outcome, Some(OfferOutcome::Closed(_))));
        prop_assert_eq!(closed(&effects).len(), untold.count());
    }

    /// Killed and started again between any two things that happen.
    #[test]
    fn a_search_from_its_rows_goes_on_as_if_nothing_had_been(
        policy in any_policy().prop_map(|policy| Policy { mode: Mode::Offer, ..policy }),
        fleet in any_fleet(),
        happenings in prop::collection::vec((happening(), any::<bool>()), 0..60),
    ) {
        let mut scene = Scene::new(policy, fleet);
        let mut twin = scene.restarted();
        prop_assert_eq!(scene.tick(0), twin.tick(0));
        let mut at = 0;
        for (happening, restarts) in happenings {
            if scene.search.ended().is_some() {
                break;
            }
            if restarts {
                twin = twin.restarted();
                prop_assert_eq!(twin.tick(at), [], "nothing was due");
            }
            if let Happening::Wait(time) = happening {
                at += time;
                prop_assert_eq!(scene.run(at), twin.run(at));
            }
            prop_assert_eq!(happen(&mut scene, at, happening), happen(&mut twin, at, happening));
            prop_assert_eq!(scene.search.offers(), twin.search.offers());
            prop_assert_eq!(scene.search.row(), twin.search.row());
            prop_assert_eq!(scene.search.wake_at(), twin.search.wake_at());
        }
        prop_assert_eq!(scene.run(120_000), twin.run(120_000));
        prop_assert_eq!(scene.search.ended(), twin.search.ended());
    }
}
