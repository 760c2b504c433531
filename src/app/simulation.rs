//! `fleetwire simulate`: the terminal's side of the simulator. Exit codes: 0, 1 where the server broke a promise, 2 where
//! the simulation could not run.

use crate::app::cli::Simulate;
use crate::app::{logging, say};
use crate::clock::System;
use crate::simulate::options::{OperatorLogIn, Options};
use crate::simulate::plan::Scale;
use crate::simulate::report::Report;
use crate::simulate::run::{Progress, run};
use crate::store::Chain;
use std::cell::Cell;
use std::error::Error;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const BROKEN: u8 = 1;
const CANT_RUN: u8 = 2;
/// Between two lines where there is no terminal.
const LINE_EACH: Duration = Duration::from_secs(10);

/// It is a client: the server's settings mean nothing to it, and are not read.
pub fn simulate(asked: Simulate) -> ExitCode {
    let outcome = actix_web::rt::System::new().block_on(simulated(&asked));
    let code = match outcome {
        Ok(report) if report.sound => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(BROKEN),
        Err(error) => {
            logging::say(&format!("fleetwire simulate: {}", logging::one_line(&Chain(&*error).to_string())));
            ExitCode::from(CANT_RUN)
        }
    };
    logging::flush();
    code
}

async fn simulated(asked: &Simulate) -> Result<Report, Box<dyn Error>> {
    let (stop, stops) = watch::channel(false);
    actix_web::rt::spawn(stop_on_interrupt(stop));
    let teller = Teller::default();
    let outcome = run(options(asked), Arc::new(System), stops, |progress| teller.tell(progress)).await;
    teller.end();
    let report = outcome?;
    // Before it is printed: whoever reads the output may be gone.
    if let Some(file) = &asked.report {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    say(&report.to_string())?;
    Ok(report)
}

fn options(asked: &Simulate) -> Options {
    Options {
        url: asked.url.clone(),
        operator: OperatorLogIn::Password {
            username: asked.admin_user.clone(),
            password: asked.admin_password.clone(),
        },
        city: asked.city,
        seed: asked.seed,
        scale: Scale {
            drivers: asked.drivers,
            riders: asked.riders,
            orders_per_minute: asked.orders_per_minute,
            secs: (asked.minutes * 60.0).round() as u64,
        },
    }
}

/// The first Ctrl-C ends the run early, with its report; the second one ends the program.
async fn stop_on_interrupt(stop: watch::Sender<bool>) {
    while tokio::signal::ctrl_c().await.is_ok() {
        if stop.send_replace(true) {
            std::process::exit(CANT_RUN.into());
        }
    }
}

/// Says on standard error how far it is: on one line of a terminal, or now and then.
struct Teller {
    is_terminal: bool,
    told_at: Cell<Option<Instant>>,
}

impl Default for Teller {
    fn default() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), told_at: Cell::new(None) }
    }
}

impl Teller {
    fn tell(&self, progress: &Progress) {
        let mut out = std::io::stderr().lock();
        // Nobody may be there to read it.
        if self.is_terminal {
            let _ = write!(out, "\r\x1b[2K{progress}").and_then(|()| out.flush());
            self.told_at.set(Some(Instant::now()));
        } else if self.told_at.get().is_none_or(|at| at.elapsed() >= LINE_EACH) {
            let _ = writeln!(out, "{progress}");
            self.told_at.set(Some(Instant::now()));
        }
    }

    /// The line is complete.
    fn end(&self) {
        if self.is_terminal && self.told_at.get().is_some() {
            let _ = writeln!(std::io::stderr().lock());
        }
    }
}
