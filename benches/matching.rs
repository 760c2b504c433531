//! How long a passenger waits for a driver: `find_driver` sent to `driver_assigned` received, with a fleet in the index
//! and requests at a steady rate, each on a socket of its own that was opened before. It exits with 1 if a request got
//! no driver, so a fast run that matched nobody is a failed run.
//!
//! `cargo bench --bench matching -- --drivers 100000 --rate 100 --secs 30`. It starts a server of its own, on a fresh SQLite
//! file or on `--database-url`.

// A load tool measures real time.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use fleetwire::contracts::envelope;
use fleetwire::contracts::ride_matching::ClientMessage;
use fleetwire::contracts::ride_matching::messages::SearchRequest;
use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message;

#[path = "support/server.rs"]
mod server;

use server::{Failure, Socket, command, connect, next, start};

/// Limits that protect a server from strangers. These passengers look like them, since they come from one address.
const SETTINGS: &[(&str, &str)] = &[
    ("MATCH_MODE", "auto"),
    ("HANDSHAKES_PER_MINUTE_PER_ADDRESS", "1000000"),
    ("MAX_OPEN_RIDES_PER_ADDRESS", "1000000"),
    ("MAX_SOCKETS_PER_ADDRESS", "1000000"),
    ("MAX_OPEN_RIDES_PER_CUSTOMER", "1000000"),
    ("JOBS_PER_MINUTE_PER_CUSTOMER", "1000000"),
    ("REQUESTS_PER_MINUTE_PER_ACCOUNT", "1000000"),
    ("ANONYMOUS_RIDES_PER_MINUTE", "1000000"),
];
/// Where `seed` puts its fleets.
const FLEET_CENTRE: (f64, f64) = (12.9716, 77.5946);
/// Requests come from within this, in degrees.
const SPREAD: f64 = 0.05;
/// For half a minute the matcher compares the times of all drivers that were just made, every two seconds.
const SETTLE: Duration = Duration::from_secs(35);
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Sockets opened at a time before the load begins.
const OPENED_AT_ONCE: usize = 50;

#[derive(Parser)]
#[command(about = "Measures how long a passenger waits for a driver")]
struct Options {
    /// Drivers in the index.
    #[arg(long, default_value_t = 100_000)]
    drivers: u32,
    /// Requests each second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Seconds of load.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    secs: u32,
    /// An empty database, instead of SQLite.
    #[arg(long)]
    database_url: Option<String>,
    /// Passed by `cargo bench`, and without a meaning here.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    match runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(measure(&options))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("matching: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Result<bool, Failure> {
    let directory = std::env::temp_dir().join(format!("fleetwire-matching-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let outcome = measure_in(options, &directory).await;
    std::fs::remove_dir_all(&directory)?;
    outcome
}

async fn measure_in(options: &Options, directory: &Path) -> Result<bool, Failure> {
    let sqlite = format!("sqlite://{}", directory.join("fleetwire.db").display());
    let url = options.database_url.clone().unwrap_or(sqlite);
    let mut seed = command(&url, directory, SETTINGS);
    seed.args(["seed", "--drivers", &options.drivers.to_string()]);
    if !seed.stdout(Stdio::null()).status().await?.success() {
        return Err("the fleet could not be made".into());
    }
    let (mut server, address) = start(&url, directory, SETTINGS).await?;
    let requests = (options.rate * options.secs) as usize;
    let mut sockets = Vec::with_capacity(requests);
    for first in (0..requests).step_by(OPENED_AT_ONCE) {
        let opening = (first..requests.min(first + OPENED_AT_ONCE)).map(|number| open(&address, number));
        for socket in futures_util::future::join_all(opening).await {
            sockets.push(socket?);
        }
    }
    tokio::time::sleep(SETTLE).await;
    let before = ProcessorTime::now();
    let latencies = load(sockets, options.rate).await;
    let stolen = before.zip(ProcessorTime::now()).map(|(before, after)| before.stolen_until(&after));
    server.start_kill()?;
    server.wait().await?;
    let is_whole = report(options, requests, latencies);
    if let Some(stolen) = stolen {
        println!("the host's for others     {:.1} % of the processors' time", stolen * 100.0);
    }
    Ok(is_whole)
}

/// The kernel's counts for all processors. A virtual machine shares its processors with others: if they take more than
/// a hundredth, they show in the slowest answers.
struct ProcessorTime {
    stolen: f64,
    all: f64,
}

impl ProcessorTime {
    /// None where the kernel is not Linux.
    fn now() -> Option<Self> {
        // user, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in user already.
        let stat = std::fs::read_to_string("/proc/stat").ok()?;
        let counts = stat.lines().next()?.split_whitespace().skip(1).take(8);
        let counts: Vec<f64> = counts.map_while(|count| count.parse().ok()).collect();
        Some(Self { stolen: *counts.get(7)?, all: counts.iter().sum() })
    }

    fn stolen_until(&self, later: &Self) -> f64 {
        (later.stolen - self.stolen) / (later.all - self.all).max(1.0)
    }
}

/// Sends one request each `1 / rate` seconds, whatever becomes of those before.
async fn load(sockets: Vec<Socket>, rate: u32) -> Vec<Result<Duration, Failure>> {
    let began = tokio::time::Instant::now();
    let requests: Vec<_> = sockets
        .into_iter()
        .enumerate()
        .map(|(number, socket)| {
            let at = began + Duration::from_secs(1) * number as u32 / rate;
            tokio::spawn(async move {
                tokio::time::sleep_until(at).await;
                tokio::time::timeout(ANSWER_MAX, find_driver(socket, number)).await?
            })
        })
        .collect();
    let mut latencies = Vec::with_capacity(requests.len());
    for request in requests {
        latencies.push(request.await.map_err(Failure::from).flatten());
    }
    latencies
}

async fn find_driver(mut socket: Socket, number: usize) -> Result<Duration, Failure> {
    // Spread without chance, so that two runs ask for the same.
    let spread = |step: f64| ((number as f64 * step).fract() - 0.5) * 2.0 * SPREAD;
    let (latitude, longitude) = (FLEET_CENTRE.0 + spread(0.618_034), FLEET_CENTRE.1 + spread(0.754_878));
    let asked = envelope::text(&ClientMessage::FindDriver(Box::new(SearchRequest {
        pickup_latitude: latitude,
        pickup_longitude: longitude,
        dropoff_latitude: latitude + 0.02,
        dropoff_longitude: longitude + 0.02,
        pickup_address: Some("here".to_owned()),
        dropoff_address: Some("there".to_owned()),
        distance_km: Some(4.5),
        estimated_duration_minutes: None,
        fare_amount: Some(150.0),
        payment_method: None,
        passenger_phone: None,
    })));
    let sent = Instant::now();
    socket.send(Message::text(asked)).await?;
    loop {
        let heard = next(&mut socket).await?;
        match heard["type"].as_str() {
            Some("searching") => {}
            Some("driver_assigned") => return Ok(sent.elapsed()),
            _ => return Err(format!("heard {heard}").into()),
        }
    }
}

async fn open(address: &str, number: usize) -> Result<Socket, Failure> {
    let mut socket = connect(address, &format!("/ws/ride/bench-{number}/")).await?;
    match next(&mut socket).await?["type"].as_str() {
        Some("connection_established") => Ok(socket),
        other => Err(format!("heard {other:?} first").into()),
    }
}

fn report(options: &Options, requests: usize, latencies: Vec<Result<Duration, Failure>>) -> bool {
    let mut matched = Vec::with_capacity(requests);
    for (number, latency) in latencies.into_iter().enumerate() {
        match latency {
            Ok(took) => matched.push(took.as_micros()),
            Err(error) => eprintln!("matching: request {number} got no driver: {error}"),
        }
    }
    matched.sort_unstable();
    let at =
        |share: f64| matched.get(((matched.len() as f64 * share) as usize).min(matched.len().max(1) - 1));
    println!("drivers in the index      {}", options.drivers);
    println!("requests, matched         {requests}, {}", matched.len());
    println!(
        "find_driver to driver_assigned, us: p50 {}, p99 {}, p99.9 {}, max {}",
        at(0.5).unwrap_or(&0),
        at(0.99).unwrap_or(&0),
        at(0.999).unwrap_or(&0),
        matched.last().unwrap_or(&0)
    );
    matched.len() == requests
}
