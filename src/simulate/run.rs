//! A run, from its first account to its report.

use crate::clock::SharedClock;
use crate::simulate::accounts::{self, Cast};
use crate::simulate::board::{Board, Phase, Stage};
use crate::simulate::driver::Driver;
use crate::simulate::operator::operate;
use crate::simulate::options::{CantRun, Options};
use crate::simulate::plan::Plan;
use crate::simulate::report::{self, Figures, Report};
use crate::simulate::rest::Rest;
use crate::simulate::rider::Rider;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often the caller is told.
const TELL_EACH: Duration = Duration::from_secs(1);
/// For those whose network is gone to come back, before what is open is ended.
const COMES_BACK: Duration = Duration::from_secs(3);
/// For the news of what was ended to arrive.
const SETTLES: Duration = Duration::from_secs(4);

/// How far a run is, for a caller to show.
#[derive(Clone, Debug)]
pub enum Progress {
    Gathering { done: usize, total: usize },
    Running { secs: u64, of_secs: u64, figures: Box<Figures> },
    Ending,
}

impl Display for Progress {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Progress::Gathering { done, total } => {
                write!(f, "making and logging in {done} of {total} accounts")
            }
            Progress::Running { secs, of_secs, figures } => {
                let Figures { rides, orders, events, .. } = &**figures;
                write!(
                    f,
                    "{secs} of {of_secs} s: {} of {} rides and {} of {} orders matched, {} events, {} reconnects",
                    rides.matched,
                    rides.asked,
                    orders.assigned,
                    orders.created,
                    events.received,
                    figures.reconnects
                )
            }
            Progress::Ending => f.write_str("ending what is open and comparing books"),
        }
    }
}

/// Simulates until the time is over or `stop` says true, and reports either way.
pub async fn run(
    options: Options,
    clock: SharedClock,
    mut stop: watch::Receiver<bool>,
    tell: impl Fn(&Progress),
) -> Result<Report, CantRun> {
    let address = address(&options.url)?;
    let operator = accounts::operator(&options, &address).await?;
    let plan = Plan::new(options.seed, &options.scale);
    let gathering = accounts::gather(&operator, &options, &plan, |done, total| {
        tell(&Progress::Gathering { done, total });
    });
    let cast = tokio::select! {
        cast = gathering => cast?,
        () = is_stopped(&mut stop) => return Ok(Figures::default().report(who(&options, 0))),
    };
    // An earlier run may have been killed.
    accounts::clear(&operator, &cast, &Board::default()).await;
    let (phase, phases) = watch::channel(Phase::Running);
    let stage = Arc::new(Stage::new(address, options.city, clock, phases));
    let mut actors = start(&options, plan, &operator, &cast, &stage);
    let secs = wait(&options, &stage, &mut stop, &tell).await;
    tell(&Progress::Ending);
    phase.send_replace(Phase::Ending);
    tokio::time::sleep(COMES_BACK).await;
    accounts::clear(&operator, &cast, &stage.board).await;
    tokio::time::sleep(SETTLES).await;
    phase.send_replace(Phase::Auditing);
    while let Some(ended) = actors.join_next().await {
        if ended.is_err() {
            stage.board.count(|figures| *figures.errors.entry("actor_died".to_owned()).or_default() += 1);
        }
    }
    Ok(stage.board.figures().report(who(&options, secs)))
}

fn who(options: &Options, secs: u64) -> report::Cast {
    report::Cast {
        city: options.city.name,
        seed: options.seed,
        drivers: options.scale.drivers as usize,
        riders: options.scale.riders as usize,
        secs,
    }
}

/// The host and port of a plain address.
fn address(url: &str) -> Result<String, CantRun> {
    let address = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let address = address.filter(|address| !address.is_empty() && !address.contains(['/', '?', '@']));
    let address = address.ok_or_else(|| CantRun::Address(url.to_owned()))?;
    let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(if has_port { address.to_owned() } else { format!("{address}:80") })
}

fn start(options: &Options, plan: Plan, operator: &Rest, cast: &Cast, stage: &Arc<Stage>) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    for (index, (account, plan)) in cast.drivers.iter().cloned().zip(plan.drivers).enumerate() {
        if let Some(driver) = account.driver {
            stage.board.is_driver(driver, account.user);
        }
        actors.spawn(Driver::new(stage.clone(), operator, account, plan, options.seed, index).drive());
    }
    for (account, plan) in cast.riders.iter().cloned().zip(plan.riders) {
        actors.spawn(Rider::new(stage.clone(), operator, account, plan).ride());
    }
    actors.spawn(operate(stage.clone(), operator.clone(), plan.orders, Arc::new(cast.customers.clone())));
    actors
}

/// The seconds that the run took.
async fn wait(
    options: &Options,
    stage: &Stage,
    stop: &mut watch::Receiver<bool>,
    tell: &impl Fn(&Progress),
) -> u64 {
    let of_secs = options.scale.secs;
    loop {
        let secs = stage.secs() as u64;
        if secs >= of_secs {
            return secs;
        }
        tell(&Progress::Running { secs, of_secs, figures: Box::new(stage.board.figures()) });
        tokio::select! {
            () = tokio::time::sleep(TELL_EACH) => {}
            () = is_stopped(stop) => return stage.secs() as u64,
        }
    }
}

/// Waits for ever if whoever could say it is gone.
async fn is_stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let read = |url| address(url).ok();
        assert_eq!(read("http://127.0.0.1:8000").as_deref(), Some("127.0.0.1:8000"));
        assert_eq!(read("http://[::1]:8000/").as_deref(), Some("[::1]:8000"));
        assert_eq!(read("http://localhost").as_deref(), Some("localhost:80"));
        for wrong in ["https://localhost:8000", "localhost:8000", "http://", "http://localhost/api"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
