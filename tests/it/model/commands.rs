//! The commands: the actions of operators, drivers, customers, networks, clocks, push services and the machine. A
//! command names its object by a small number that is read modulo the number of objects, so that a list with some
//! commands left out is still meaningful.

use fleetwire::domain::driver::Wants;
use rand::Rng;
use rand::rngs::StdRng;

use super::reference::Step;

/// Which of those that there are.
pub type Nth = u8;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    // operators
    CreateOrder {
        customer: Nth,
        is_repeated: bool,
    },
    Assign {
        order: Nth,
        driver: Nth,
    },
    Unassign {
        order: Nth,
    },
    CancelOrder {
        order: Nth,
    },
    CancelRide {
        ride: Nth,
    },
    Suspend {
        driver: Nth,
    },
    Reinstate {
        driver: Nth,
    },
    // customers
    CallOffOrder {
        order: Nth,
        customer: Nth,
    },
    RequestRide {
        customer: Nth,
    },
    CallOffRide {
        ride: Nth,
        customer: Nth,
    },
    // drivers
    Reject {
        order: Nth,
        driver: Nth,
    },
    StepOrder {
        order: Nth,
        step: Step,
    },
    Accept {
        ride: Nth,
        driver: Nth,
    },
    Decline {
        ride: Nth,
        driver: Nth,
    },
    StepRide {
        ride: Nth,
        step: Step,
    },
    Wish {
        driver: Nth,
        wants: Wants,
    },
    // phones and networks
    Connect {
        phone: Nth,
        remembers: bool,
    },
    Cut {
        phone: Nth,
    },
    /// The server notices that a connection is gone.
    Notice {
        session: Nth,
    },
    /// A session does one thing: what it was told, or what its phone has said.
    Converse {
        session: Nth,
        hears_first: bool,
    },
    /// A phone gets its next frame.
    Receive {
        phone: Nth,
    },
    Resume {
        phone: Nth,
    },
    Acknowledge {
        phone: Nth,
    },
    // the server's own
    /// One of the next announcements is made; not always the first.
    Announce {
        batch: Nth,
    },
    /// The answer to a commit is lost, and what was to be announced with it.
    LoseAnnouncement,
    Match,
    Work {
        nth: Nth,
    },
    Tick,
    LookAtStore,
    Repair,
    WriteMarks,
    DecidePushes,
    ClaimPushes,
    Send {
        nth: Nth,
        answer: Answer,
    },
    Settle {
        nth: Nth,
    },
    // time and the machine
    Pass {
        ms: u32,
    },
    SetClock {
        secs: i32,
    },
    /// The next decision fails in its last moment: nothing of it is there, and nobody knows.
    FailNext,
    Crash {
        away_ms: u32,
    },
}

/// A push service's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    NotNow,
    /// It has it, and the answer is lost.
    Lost,
    Never,
}

pub fn commands(rng: &mut StdRng, count: usize) -> Vec<Command> {
    (0..count).map(|_| command(rng)).collect()
}

fn command(rng: &mut StdRng) -> Command {
    match rng.random_range(0..1000) {
        0..300 => of_network(rng),
        300..470 => of_server(rng),
        470..560 => of_push(rng),
        560..640 => Command::Pass { ms: [1, 50, 400, 1_500, 6_000, 20_000][rng.random_range(0..6)] },
        640..644 => Command::SetClock { secs: [-3_600, -61, -5, 5, 61, 3_600][rng.random_range(0..6)] },
        644..650 => Command::FailNext,
        650..656 => Command::Crash { away_ms: [0, 2_000, 40_000][rng.random_range(0..3)] },
        656..790 => of_orders(rng),
        790..960 => of_rides(rng),
        _ => of_drivers(rng),
    }
}

fn of_network(rng: &mut StdRng) -> Command {
    let (phone, session) = (rng.random(), rng.random());
    match rng.random_range(0..100) {
        0..10 => Command::Connect { phone, remembers: rng.random() },
        10..14 => Command::Cut { phone },
        14..18 => Command::Notice { session },
        18..58 => Command::Converse { session, hears_first: rng.random() },
        58..96 => Command::Receive { phone },
        96..98 => Command::Resume { phone },
        _ => Command::Acknowledge { phone },
    }
}

fn of_server(rng: &mut StdRng) -> Command {
    match rng.random_range(0..100) {
        0..35 => Command::Announce { batch: if rng.random_range(0..8) == 0 { 1 } else { 0 } },
        35..36 => Command::LoseAnnouncement,
        36..66 => Command::Match,
        66..86 => Command::Work { nth: rng.random() },
        86..93 => Command::Tick,
        93..97 => Command::LookAtStore,
        _ => Command::Repair,
    }
}

fn of_push(rng: &mut StdRng) -> Command {
    let nth = rng.random();
    match rng.random_range(0..100) {
        0..35 => Command::WriteMarks,
        35..55 => Command::DecidePushes,
        55..68 => Command::ClaimPushes,
        68..84 => {
            let answers = [Answer::Accepted, Answer::Accepted, Answer::NotNow, Answer::Lost, Answer::Never];
            Command::Send { nth, answer: answers[rng.random_range(0..answers.len())] }
        }
        _ => Command::Settle { nth },
    }
}

fn of_orders(rng: &mut StdRng) -> Command {
    let (order, driver, customer) = (rng.random(), rng.random(), rng.random());
    match rng.random_range(0..100) {
        0..20 => Command::CreateOrder { customer, is_repeated: rng.random_range(0..4) == 0 },
        20..45 => Command::Assign { order, driver },
        45..50 => Command::Unassign { order },
        50..56 => Command::CancelOrder { order },
        56..60 => Command::CallOffOrder { order, customer },
        60..68 => Command::Reject { order, driver },
        _ => Command::StepOrder { order, step: step(rng) },
    }
}

fn of_rides(rng: &mut StdRng) -> Command {
    let (ride, driver, customer) = (rng.random(), rng.random(), rng.random());
    match rng.random_range(0..100) {
        0..18 => Command::RequestRide { customer },
        18..52 => Command::Accept { ride, driver },
        52..60 => Command::Decline { ride, driver },
        60..64 => Command::CancelRide { ride },
        64..70 => Command::CallOffRide { ride, customer },
        _ => Command::StepRide { ride, step: step(rng) },
    }
}

fn of_drivers(rng: &mut StdRng) -> Command {
    let driver = rng.random();
    match rng.random_range(0..100) {
        0..8 => Command::Suspend { driver },
        8..25 => Command::Reinstate { driver },
        _ => {
            let wishes = [Wants::Online, Wants::Online, Wants::Online, Wants::Paused, Wants::Offline];
            Command::Wish { driver, wants: wishes[rng.random_range(0..wishes.len())] }
        }
    }
}

fn step(rng: &mut StdRng) -> Step {
    [Step::SetOut, Step::Arrive, Step::Start, Step::Complete][rng.random_range(0..4)]
}
