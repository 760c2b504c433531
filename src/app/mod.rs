//! The composition root: the command line, the parts that each subcommand needs, and the server.

mod admin;
mod capacity;
mod cli;
mod commands;
mod copies;
mod doctor;
mod grant_use;
mod guard;
mod housekeeping;
mod import;
mod logging;
mod parts;
mod people;
mod push;
mod serve;
mod signals;
mod simulation;
mod start_up;
mod tls;
mod traffic;

use crate::actors::foundation::Foundation;
use crate::api::import::People;
use crate::api::{asyncapi, openapi};
use crate::clock::{Clock, SharedClock, System};
use crate::config::{self, DatabaseUrl, SecretError, Settings, SettingsProblems};
use crate::conform::{self, Target};
use crate::metrics::Metrics;
use crate::operations::tokens::{OutsideKey, TokenKeys, TokenLifetimes};
use crate::store::{self, Chain, Database, Where};
use chrono::TimeDelta;
use clap::Parser;
use cli::{Cli, Command};
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

type CommandResult = Result<(), Box<dyn Error>>;

/// Runs the command line and returns the process's exit code: 0, 1 where it failed, 2 for a wrong call. A simulation has
/// codes of its own.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start();
    let command = match cli.command.unwrap_or(Command::Serve) {
        Command::Simulate(asked) => return simulation::simulate(asked),
        command => command,
    };
    match actix_web::rt::System::new().block_on(run(command)) {
        Ok(is_good) => {
            logging::flush();
            if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        // Each on its line.
        Err(problems) if problems.is::<SettingsProblems>() => failed(&problems.to_string()),
        Err(error) => failed(&logging::one_line(&Chain(&*error).to_string())),
    }
}

/// Whether the server keeps the contract.
async fn conform_to(options: cli::Conform) -> Result<bool, Box<dyn Error>> {
    let target = Target {
        url: options.url,
        admin: options.admin_user.zip(options.admin_password),
        token: options.token,
    };
    let only = options.only.as_deref();
    let report = conform::check(options.contract, &target, only, |line| drop(say(line))).await?;
    if let Some(file) = &options.junit {
        std::fs::write(file, report.junit()).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    say(&report.summary())?;
    Ok(report.is_kept())
}

fn failed(why: &str) -> ExitCode {
    logging::say_failure(why);
    logging::flush();
    ExitCode::FAILURE
}

/// A line on standard output, which may be full or closed.
fn say(text: &str) -> CommandResult {
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "{text}").and_then(|()| out.flush());
    said.map_err(|error| format!("can't write to standard output: {error}").into())
}

/// False where a check found something at fault.
async fn run(command: Command) -> Result<bool, Box<dyn Error>> {
    let settings = config::from_environment;
    let done = match command {
        // It says itself what is wrong with the settings.
        Command::Doctor(options) => return doctor::doctor(options, settings()).await,
        // Another server's settings are none of ours.
        Command::Conform(options) => return conform_to(options).await,
        Command::Serve => serve::serve(settings()?).await,
        Command::Migrate => commands::migrate(&settings()?),
        Command::Seed(options) => commands::seed(&settings()?, options).await,
        Command::Token(options) => commands::token(&settings()?, options).await,
        Command::Admin { command } => admin::admin(&settings()?, command).await,
        Command::Import { people: cli::Import::Customers(options) } => {
            import::import(&settings()?, People::Customers, options).await
        }
        Command::Import { people: cli::Import::Drivers(options) } => {
            import::import(&settings()?, People::Drivers, options).await
        }
        Command::Person { command } => people::person(&settings()?, command).await,
        Command::Prune => commands::prune(&settings()?).await,
        Command::Openapi => say(&format!("{:#}", openapi::document())),
        Command::Asyncapi => say(&format!("{:#}", asyncapi::document())),
        Command::Simulate(_) => unreachable!("a simulation has a runtime of its own"),
        Command::Backup { copy } => copies::back_up(&settings()?, &copy),
        Command::Restore { backup } => copies::restore(&settings()?, &backup),
    };
    done.map(|()| true)
}

impl Foundation {
    /// Brings the schema up to date and opens the database.
    fn open(settings: &Settings) -> Result<Self, Box<dyn Error>> {
        let at = place(&settings.database.url);
        for migration in store::migrate(&at, settings.database.timeout)? {
            log::info!("migrated database={} migration={migration}", settings.database.url);
        }
        let clock: SharedClock = Arc::new(System);
        let metrics = Arc::new(Metrics::new());
        let options = store::Options {
            connections: settings.database.connections.get(),
            queue_max: settings.database.queue_max.get(),
            timeout: settings.database.timeout,
            decisions: settings.database.decision_durability,
            positions: settings.database.position_durability,
            rules: settings.job_rules(),
        };
        let database = Database::open(&at, options, clock.clone(), metrics.clone());
        Ok(Self { database, clock, metrics })
    }
}

/// The caller of the program, for the audit: the user of this machine that the process runs as.
fn local_user() -> String {
    use std::os::unix::fs::MetadataExt;
    let Ok(own) = std::fs::metadata("/proc/self") else { return "unknown".to_owned() };
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, uid) = (fields.next()?, fields.nth(1)?);
        (uid.parse() == Ok(own.uid())).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| own.uid().to_string())
}

fn place(url: &DatabaseUrl) -> Where {
    match url {
        DatabaseUrl::Sqlite(path) => Where::Sqlite(path.clone()),
        DatabaseUrl::Postgres(url) => Where::Postgres(url.clone()),
    }
}

/// Says that amounts of before they had a currency are in the configured one, and of how many jobs they were. For `serve` and
/// `migrate` alone: who makes a token may have called us without the server's settings.
fn settle_currency(settings: &Settings) -> Result<usize, store::StoreError> {
    store::settle_currency(
        &place(&settings.database.url),
        settings.database.timeout,
        settings.region.currency,
    )
}

/// The keys that sign and verify tokens. Makes the secret if development has none yet.
fn token_keys(settings: &Settings, outside: Option<OutsideKey>) -> Result<TokenKeys, SecretError> {
    let secret = settings.tokens.secret.obtain()?;
    let lifetimes =
        TokenLifetimes { access: settings.tokens.access_ttl, refresh: settings.tokens.refresh_ttl };
    let keys = TokenKeys::new(secret.as_bytes(), lifetimes, outside);
    Ok(match &settings.tokens.previous_secret {
        Some(previous) => keys.with_previous(previous.as_bytes()),
        None => keys,
    })
}

/// The outside issuer's key, or what is wrong with it.
fn outside_key(settings: &Settings) -> Result<Option<OutsideKey>, String> {
    let Some(outside) = &settings.tokens.outside else { return Ok(None) };
    let named = |error: &dyn Error| {
        format!("JWT_PUBLIC_KEY_FILE={:?}: {error}", outside.public_key_file.display().to_string())
    };
    let pem = std::fs::read(&outside.public_key_file).map_err(|error| named(&error))?;
    let key =
        OutsideKey::from_pem(&pem, outside.issuer.as_deref(), outside.audience.as_deref(), outside.roles);
    key.map(Some).map_err(|error| named(&error))
}

/// Settings hold what `std::time` can; far longer than any of them is far enough.
fn time_delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// The time of a log line.
fn log_time() -> chrono::DateTime<chrono::Utc> {
    System.now()
}
