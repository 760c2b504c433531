//! A model of the server, and the server compared with it: random commands of operators, customers, drivers, phones,
//! networks, push services, clocks and the machine, on the product's own operations, store, delivery, searches and push
//! decisions, without threads, sockets or real time. A small pure reference says what each command leads to; a
//! difference ends the run, is shortened, and is printed with the seed.
//!
//! | file | owns |
//! | --- | --- |
//! | `reference` | what is right |
//! | `commands` | what may happen |
//! | `world` | the server's memory and how a decision is compared |
//! | `deciding`, `sockets`, `matching`, `pushing` | its parts |
//! | `settling` | the end of a run, and the books |
//! | `place` | the database and the people in it |
//! | `faults` | mistakes that are made on purpose |
//! | `shrinker` | the shortest list that fails |
//!
//! By hand: `MODEL_STEPS` commands in all, in runs that each start afresh, from `MODEL_SEED` on; `MODEL_FAULT` plants a
//! fault; `MODEL_GO_ON=1` continues after a failure and reports how often each kind occurred. A failure's seed replays
//! it: `MODEL_SEED=… MODEL_STEPS=1`.

mod commands;
mod deciding;
mod faults;
mod matching;
mod place;
mod pushing;
mod reference;
mod settling;
mod shrinker;
mod sockets;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use chrono::DateTime;
use fleetwire::clock::Manual;
use fleetwire::domain::search_policy::Mode;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::rounds;
use commands::{Answer, Command};
use faults::Fault;
use place::Place;
use world::{Checked, World};

/// Commands from one fresh database on.
const STEPS_OF_A_RUN: usize = 1_000;
/// In CI, on each database; some seconds.
const STEPS: usize = 12_000;
/// A planted fault is to be found in so many runs, which are the same each time: half a minute for all faults together, where
/// nothing else runs.
const FOUND_IN_RUNS: u64 = 50;

#[test]
fn whatever_happens_the_server_does_what_the_model_says() {
    let mut place = place();
    // A step takes PostgreSQL some ten times as long.
    let steps = rounds("MODEL_STEPS", if place.is_sqlite() { STEPS } else { STEPS / 6 });
    let first = seed();
    let (fault, goes_on) = (Fault::from_environment(), rounds("MODEL_GO_ON", 0) > 0);
    let began = Instant::now();
    // Of each kind the first one, and how many there were.
    let mut failures: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for run in 0..steps.div_ceil(STEPS_OF_A_RUN) {
        let seed = first + run as u64;
        if let Err(failure) = replay(&mut place, seed, &commands_of(seed), fault) {
            let kind = failure.chars().filter(|c| !c.is_ascii_digit()).collect();
            let known = failures.entry(kind);
            known.or_insert_with(|| (made_short(&mut place, seed, failure, fault), 0)).1 += 1;
        }
        if !failures.is_empty() && !goes_on {
            break;
        }
        if run % 100 == 99 {
            let done = (run + 1) * STEPS_OF_A_RUN;
            println!("{done} steps, {:.0} a second", done as f64 / began.elapsed().as_secs_f64());
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{steps} steps from seed {first} in {seconds:.1} s");
    let failures: Vec<String> =
        failures.values().map(|(text, count)| format!("{count} times: {text}")).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// A model that finds nothing proves nothing.
#[test]
fn faults_that_are_planted_are_found() {
    let mut place = place();
    if !place.is_sqlite() {
        // Some of them are a rule or a file of SQLite's.
        return;
    }
    for (name, fault, sign) in Fault::ALL {
        let began = Instant::now();
        let mut runs = 0;
        let found = loop {
            let run = commands_of(runs);
            if let Err(failure) = replay(&mut place, runs, &run, fault) {
                break failure;
            }
            runs += 1;
            assert!(runs < FOUND_IN_RUNS, "{name} was not found in {runs} runs");
        };
        let found = found.to_string();
        assert!(found.contains(sign), "{name} is not what was found: {found}");
        println!("{name} was found in run {runs} after {:.2} s: {found}", began.elapsed().as_secs_f64());
    }
}

/// Found in ten million commands: released by the server that took over, it waited for the hour by which the clock was then set back.
#[test]
fn a_notification_does_not_wait_for_as_long_as_the_clock_was_set_back() {
    let until = |away_secs: usize| {
        let mut run = vec![
            Command::RequestRide { customer: 172 },
            Command::Pass { ms: 6_000 },
            Command::CancelRide { ride: 124 },
            Command::DecidePushes,
            Command::ClaimPushes,
        ];
        run.extend(std::iter::repeat_n(Command::Pass { ms: 10_000 }, away_secs / 10));
        run.extend([Command::Crash { away_ms: 0 }, Command::SetClock { secs: -3_600 }]);
        run
    };
    let mut place = place();
    // While the attempt that the crash took away might still be under way, and when its time has run out.
    for away_secs in [10, 90] {
        replay(&mut place, 20261357, &until(away_secs), Fault::None).expect("as the model says");
    }
}

/// Found in ten million commands: the clock was set back an hour while a notification was under way, and once more when it had been taken
/// over, or waited for its next attempt. Only what had been made before and not been tried since was released.
#[test]
fn a_notification_does_not_wait_for_a_clock_that_is_set_back_twice() {
    let begun = [
        Command::RequestRide { customer: 172 },
        Command::Pass { ms: 6_000 },
        Command::CancelRide { ride: 124 },
        Command::DecidePushes,
        Command::ClaimPushes,
    ];
    let (lost, back) = (Command::Send { nth: 0, answer: Answer::Lost }, Command::SetClock { secs: -3_600 });
    let mut place = place();
    let taken_over = [back, Command::Crash { away_ms: 2_000 }, back];
    let tried_again = [lost, back, Command::Settle { nth: 0 }, back];
    for rest in [&taken_over[..], &tried_again] {
        replay(&mut place, 20261357, &[&begun, rest].concat(), Fault::None).expect("as the model says");
    }
}

/// The same seed does the same, or a failure could not be looked into.
#[test]
fn a_run_can_be_replayed() {
    let mut place = place();
    let mut told = || {
        let mut world = World::begin(&mut place, mode_of(7), Fault::None);
        for command in commands_of(7) {
            world.run(command).expect("as the model says");
        }
        format!("{:?} {:?}", world.model.log, world.model.pushes.len())
    };
    assert_eq!(told(), told());
}

fn place() -> Place {
    Place::create(&Manual::new(DateTime::from_timestamp(1_800_000_000, 0).expect("a time")))
}

/// The same each day, so that CI is; by hand another.
fn seed() -> u64 {
    rounds("MODEL_SEED", 1) as u64
}

fn commands_of(seed: u64) -> Vec<Command> {
    commands::commands(&mut StdRng::seed_from_u64(seed), STEPS_OF_A_RUN)
}

fn mode_of(seed: u64) -> Mode {
    if seed.is_multiple_of(4) { Mode::Auto } else { Mode::Offer }
}

/// The shortest list of commands that shows what is wrong with the run of a seed.
fn made_short(place: &mut Place, seed: u64, failure: String, fault: Fault) -> String {
    let (shortest, why) =
        shrinker::shrink(commands_of(seed), failure, |commands| replay(place, seed, commands, fault).err());
    let list: Vec<String> = shortest.iter().map(|command| format!("  {command:?}")).collect();
    let count = list.len();
    format!("{why}\nMODEL_SEED={seed} MODEL_STEPS=1, made short to {count} commands:\n{}", list.join("\n"))
}

fn replay(place: &mut Place, seed: u64, commands: &[Command], fault: Fault) -> Checked {
    let run = AssertUnwindSafe(|| {
        let mut world = World::begin(place, mode_of(seed), fault);
        for (number, command) in commands.iter().enumerate() {
            world.run(*command).map_err(|wrong| format!("at command {number}, {command:?}: {wrong}"))?;
        }
        world.settle().map_err(|wrong| format!("at the end: {wrong}"))
    });
    catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
    })
}
