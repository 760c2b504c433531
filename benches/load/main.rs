//! The load tool: a fleet of driver apps on one server, positions at a steady rate, orders assigned meanwhile over
//! REST. It reports how long an assignment takes to reach its app, the CPU per stored position, the memory per
//! connection, and whether the books agree; it exits with 1 if something was lost.
//!
//! `cargo bench --bench load -- --drivers 1000 --secs 60 --interval-ms 10000`. Without `--url` it starts a server of
//! its own on a fresh SQLite file (or on `--database-url`). More than about 1,000 drivers need a higher `ulimit -n`.

// A load tool measures real time.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod fleet;
#[path = "../support/process.rs"]
mod process;
mod report;
mod target;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};

use fleet::Fleet;
use report::Report;
use target::{Counters, Target};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long the memory is left to settle after the last connection.
const SETTLE: Duration = Duration::from_secs(2);
/// Messages in flight at the end must have arrived by then.
const ARRIVAL_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

#[derive(Parser)]
#[command(about = "Measures a Fleetwire server under load")]
struct Options {
    /// Driver apps, with the driver ids 1 to N.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    drivers: u32,
    /// Seconds of load.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    secs: u64,
    /// Milliseconds between two positions of one driver.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    interval_ms: u64,
    /// Orders created and assigned each second; 0 for positions alone.
    #[arg(long, default_value_t = 10)]
    orders_per_sec: u32,
    /// A server that runs already, `http://127.0.0.1:8000`; its settings must be this tool's environment, too.
    #[arg(long, requires = "pid")]
    url: Option<String>,
    /// The process id of that server.
    #[arg(long)]
    pid: Option<u32>,
    /// The database of the tool's own server, or of the one at `--url` (for counting its rows).
    #[arg(long)]
    database_url: Option<String>,
    /// The server at `--url` is another one on a database that Fleetwire has made and seeded. It has no metrics: a row
    /// in the table counts as a position accepted and stored.
    #[arg(long, requires_all = ["url", "database_url"])]
    peer: bool,
    /// The first process of a database server, whose CPU time is reported next to the server's.
    #[arg(long)]
    database_pid: Option<u32>,
    /// Passed by `cargo bench`, and without a meaning here.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    // The HTTP client wants to know whose cryptography it would use, although nothing here is encrypted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(measure(&options))) {
        Ok(report) => {
            println!("{report}");
            if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Result<Report, Failure> {
    let target = Target::reach(options).await?;
    let tokens = target.driver_tokens(options.drivers).await?;
    let rss_kib_before = target.rss_kib()?;
    println!("connecting {} drivers", tokens.len());
    let connecting = Instant::now();
    let fleet = Arc::new(Fleet::connect(target.address(), tokens).await?);
    let connected_in = connecting.elapsed();
    tokio::time::sleep(SETTLE).await;
    let rss_kib_connected = target.rss_kib()?;

    let before = target.counters().await?;
    let (cpu_us_before, database_cpu_us_before) = (target.cpu_us()?, target.database_cpu_us()?);
    println!("{} s of load", options.secs);
    fleet.start(Duration::from_millis(options.interval_ms));
    let orders = assign(options, &target, &fleet).await?;
    fleet.stop();
    let after = settled(&target, &fleet, before, orders).await?;
    let database_cpu_us = target.database_cpu_us()?;
    Ok(Report {
        drivers: options.drivers,
        secs: options.secs,
        connected_in,
        rss_kib_before,
        rss_kib_connected,
        cpu_us: target.cpu_us()? - cpu_us_before,
        database_cpu_us: database_cpu_us
            .zip(database_cpu_us_before)
            .map(|(now, then)| now.saturating_sub(then)),
        positions_sent: fleet.positions_sent(),
        counters: after.since(before),
        orders,
        latencies: fleet.latencies(),
        duplicates: fleet.duplicates(),
        sessions_lost: fleet.sessions_lost(),
    })
}

/// Assigns orders at a steady rate for the whole time, and returns how many were acknowledged.
async fn assign(options: &Options, target: &Target, fleet: &Arc<Fleet>) -> Result<u64, Failure> {
    let end = tokio::time::Instant::now() + Duration::from_secs(options.secs);
    if options.orders_per_sec == 0 {
        tokio::time::sleep_until(end).await;
        return Ok(0);
    }
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / options.orders_per_sec);
    let mut assignments = tokio::task::JoinSet::new();
    while ticks.tick().await < end {
        let (operator, fleet) = (target.operator(), fleet.clone());
        let driver_id = rand::random_range(1..=options.drivers);
        assignments.spawn(async move {
            let order = operator.post("admin/orders", order()).await?;
            let order_id = order["order_id"].as_i64().ok_or("an order without its id")?;
            let path = format!("admin/orders/{order_id}/assign");
            fleet.assignment_sent(order_id);
            operator.post(&path, json!({ "driver_id": driver_id })).await
        });
    }
    let mut acknowledged = 0;
    while let Some(ended) = assignments.join_next().await {
        ended??;
        acknowledged += 1;
    }
    Ok(acknowledged)
}

fn order() -> Value {
    json!({
        "restaurant_name": "Burger King",
        "pickup_address": "Koramangala 5th Block, Bangalore",
        "delivery_address": "Indiranagar 100ft Road, Bangalore",
        "earnings": 45.5,
        "distance_km": 3.2,
    })
}

/// Waits until every position is accounted for and every order has arrived, or until it is clear that some never will.
async fn settled(target: &Target, fleet: &Fleet, before: Counters, orders: u64) -> Result<Counters, Failure> {
    let give_up = Instant::now() + ARRIVAL_MAX;
    loop {
        let counters = target.counters().await?;
        let since = counters.since(before);
        let all_read = since.accepted >= fleet.positions_sent();
        let all_stored = since.stored + since.dropped >= since.accepted;
        let all_arrived = fleet.latencies().len() as u64 >= orders;
        if (all_read && all_stored && all_arrived) || Instant::now() > give_up {
            return Ok(counters);
        }
        tokio::time::sleep(POLL).await;
    }
}
