//! How positions are judged: live, queued and repeated ones, from phones whose clocks are right, slow, fast or set,
//! while our own clock steps.

use super::*;
use crate::clock::{Clock, Manual};
use crate::domain::position::Position;

const DRIVER: DriverId = DriverId(1);
/// A position's way from the phone to us.
const WAY: TimeDelta = TimeDelta::milliseconds(200);
/// Half a degree of latitude away nobody is a second later.
const HERE: f64 = 3.85;
const ELSEWHERE: f64 = 4.35;

fn began() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
}

fn secs(secs: i64) -> TimeDelta {
    TimeDelta::seconds(secs)
}

fn fix(latitude: f64, measured_at: DateTime<Utc>) -> Fix {
    Fix {
        position: Position::new(latitude, 11.5).expect("in range"),
        accuracy_m: None,
        heading: None,
        speed: None,
        battery_level: None,
        measured_at,
    }
}

/// A server and a phone whose clock is `off`, and time that passes for both.
struct World {
    tracks: Tracks,
    clock: Manual,
    off: TimeDelta,
}

impl World {
    fn with_phone(off: TimeDelta) -> World {
        let clock = Manual::new(began());
        World { tracks: Tracks::new(clock.now()), clock, off }
    }

    /// A position that was measured so many seconds ago, as the phone writes it.
    fn measured(&self, latitude: f64, secs_ago: i64) -> Fix {
        // Setting our clock does not affect the judgement of the phone's.
        fix(latitude, self.clock.steady() - secs(secs_ago) - WAY + self.off)
    }

    fn tell(&self, fix: &Fix) -> Judged {
        self.tracks.judge(DRIVER, fix, self.clock.moment())
    }

    /// How old it counts as.
    fn age_secs(&self, judged: Judged) -> i64 {
        (self.clock.steady() - judged.at).num_seconds()
    }

    /// A position of now, ten seconds after the one before.
    fn tell_live(&self, latitude: f64) -> Judged {
        self.clock.advance(secs(10));
        self.tell(&self.measured(latitude, 0))
    }

    fn doubt(&self) -> Option<Plausibility> {
        self.tracks.take_news().last().expect("news").1.doubt
    }
}

#[test]
fn whatever_a_phones_clock_shows_what_comes_live_is_of_now() {
    for off in [0, -3 * 3600, -40, 55] {
        let world = World::with_phone(secs(off));
        for step in 0..5 {
            let judged = world.tell_live(HERE + f64::from(step) * 1e-4);
            // Forty seconds may be age, until two positions have kept pace.
            let age_secs = if off == -40 && step == 0 { 40 } else { 0 };
            assert_eq!(
                (judged.verdict, world.age_secs(judged)),
                (Plausibility::Plausible, age_secs),
                "{off}"
            );
        }
    }
}

/// One position 55 s ahead stood before all that came in the minute after it.
#[test]
fn a_position_from_the_future_does_not_stand_before_what_comes_after_it() {
    let world = World::with_phone(secs(0));
    world.tell(&fix(HERE, world.clock.now() + secs(55)));
    let judged = world.tell_live(HERE + 0.001);
    assert_eq!((judged.verdict, world.age_secs(judged)), (Plausibility::Plausible, 0));
}

#[test]
fn what_was_queued_is_as_old_as_it_is_and_moves_nobody_back() {
    for off in [0, -3 * 3600] {
        let world = World::with_phone(secs(off));
        world.tell_live(HERE);
        world.tell_live(HERE + 0.001);
        for secs_ago in [19, 15, 11] {
            let judged = world.tell(&world.measured(HERE, secs_ago));
            assert!(matches!(judged.verdict, Plausibility::Outdated { .. }), "{off} {judged:?}");
        }
        // Offline for ten minutes; the queue comes at once, and then a live one.
        world.clock.advance(secs(600));
        for secs_ago in (10..600).rev().step_by(10) {
            let judged = world.tell(&world.measured(HERE + 0.001, secs_ago));
            assert_eq!(
                (judged.verdict, world.age_secs(judged)),
                (Plausibility::Plausible, secs_ago),
                "{off}"
            );
        }
        assert_eq!(world.age_secs(world.tell(&world.measured(HERE + 0.002, 0))), 0);
    }
}

#[test]
fn of_positions_that_come_together_the_newest_tells_of_the_clock() {
    let world = World::with_phone(secs(-7200));
    let fixes = [30, 20, 10, 0].map(|secs_ago| world.measured(HERE, secs_ago));
    let judged = world.tracks.judge_all(DRIVER, &fixes, world.clock.moment());
    let ages: Vec<_> = judged.into_iter().map(|judged| world.age_secs(judged)).collect();
    assert_eq!(ages, [30, 20, 10, 0]);
}

/// An hour back, and every new position was older than the one that was kept; an hour forward, and all were too old.
#[test]
fn a_clock_of_ours_that_steps_moves_nobody() {
    for step in [-3600, 3600, -30, 30] {
        let world = World::with_phone(secs(0));
        let before = world.tell_live(HERE);
        world.clock.set(world.clock.now() + secs(step));
        for latitude in [HERE + 0.001, HERE + 0.002] {
            let judged = world.tell_live(latitude);
            assert_eq!((judged.verdict, world.age_secs(judged)), (Plausibility::Plausible, 0), "{step}");
        }
        // A phone that has died ages as the time passes.
        world.clock.advance(secs(110));
        assert_eq!(world.age_secs(before), 130, "{step}");
    }
}

#[test]
fn three_positions_that_agree_are_three_also_in_one_request_and_without_times() {
    let world = World::with_phone(secs(0));
    world.tell_live(HERE);
    world.clock.advance(secs(10));
    let untimed = [fix(ELSEWHERE, world.clock.now()); 3];
    let verdicts = |fixes: &[Fix]| -> Vec<_> {
        let judged = world.tracks.judge_all(DRIVER, fixes, world.clock.moment());
        judged.into_iter().map(|judged| judged.verdict.as_str()).collect()
    };
    assert_eq!(verdicts(&untimed), ["jump", "jump", "confirmed"]);
    world.clock.advance(secs(10));
    let timed = [3, 2, 1].map(|secs_ago| world.measured(HERE, secs_ago));
    assert_eq!(verdicts(&timed), ["jump", "jump", "confirmed"]);
}

#[test]
fn a_doubt_lasts_until_a_position_is_believed() {
    let world = World::with_phone(secs(0));
    world.tell_live(HERE);
    assert_eq!(world.doubt(), None);
    let vague = Fix { accuracy_m: Some(5_000.0), ..world.measured(0.0, 0) };
    let inaccurate = Some(Plausibility::Inaccurate { accuracy_m: 5_000.0 });
    world.clock.advance(secs(10));
    world.tell(&Fix { measured_at: world.clock.now(), ..vague });
    assert_eq!(world.doubt(), inaccurate);
    // A late position does not correct it, and would not count as one.
    world.tell(&world.measured(HERE, 12));
    assert_eq!(world.doubt(), inaccurate);
    world.tell_live(HERE);
    assert_eq!(world.doubt(), None);
    world.tell(&Fix { measured_at: world.clock.now() - secs(15), ..vague });
    assert_eq!(world.doubt(), None, "it was known later where they are");
    world.tell_live(ELSEWHERE);
    world.tracks.begin_anew(DRIVER);
    assert_eq!(world.doubt(), None, "an operator has said where they are");
    assert_eq!(world.tell_live(ELSEWHERE).verdict, Plausibility::Plausible);
}

#[test]
fn what_may_have_been_sent_before_is_known_and_what_comes_live_is_new() {
    let world = World::with_phone(secs(0));
    assert!(world.tell_live(HERE).may_repeat, "by the server that ran a moment ago");
    world.clock.advance(secs(60));
    let live = world.measured(HERE, 0);
    world.clock.advance(secs(1));
    assert!(!world.tell(&live).may_repeat);
    assert!(world.tell(&live).may_repeat);
    assert!(world.tell(&world.measured(HERE, 5)).may_repeat);
    assert!(!world.tell(&fix(HERE, world.clock.now())).may_repeat, "without a time of its own");
}

/// Most apps write whole seconds, so each position but the first of a second cost a look into the store.
#[test]
fn of_one_second_each_place_is_new_once_as_far_as_can_be_remembered() {
    let world = World::with_phone(secs(0));
    world.clock.advance(secs(62));
    let at = world.clock.now() - secs(1);
    let repeats = |latitude: f64, at| world.tell(&fix(latitude, at)).may_repeat;
    for latitude in (0..PLACES).map(|index| index as f64) {
        assert_eq!((repeats(latitude, at), repeats(latitude, at)), (false, true), "{latitude}");
    }
    assert!(repeats(-0.0, at), "the same place as zero");
    assert!(repeats(50.0, at), "no room to remember one more");
    world.clock.advance(secs(1));
    assert!(!repeats(0.0, at + secs(1)), "of the next second");
    assert!(repeats(51.0, at), "of a second that is over");
}

#[test]
fn whoever_tells_anything_is_heard_of() {
    let world = World::with_phone(secs(0));
    assert!(!world.tracks.heard_since(DRIVER, began() - secs(1)));
    world.tell(&Fix { accuracy_m: Some(1e6), ..world.measured(HERE, 0) });
    let heard_at = world.clock.steady();
    world.clock.set(began() - secs(3600));
    assert!(world.tracks.heard_since(DRIVER, heard_at));
    assert!(!world.tracks.heard_since(DRIVER, heard_at + secs(1)));
}
