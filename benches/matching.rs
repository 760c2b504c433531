//! How long a passenger waits for a driver: `find_driver` sent to `driver_assigned` received, with a fleet in the index and
//! requests at a steady rate, each on a socket of its own that was opened before. It exits with 1 where a request got no
//! driver, so a fast run that matched nobody is a failed run.
//!
//! `cargo bench --bench matching -- --drivers 100000 --rate 100 --secs 30`. It starts a server of its own, on a fresh SQLite
//! file or on `--database-url`.

// A load tool measures real time.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Socket = WebSocketStream<TcpStream>;

const BINARY: &str = env!("CARGO_BIN_EXE_fleetwire");
const LISTENING: &str = "Fleetwire is listening on http://";
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
    let mut seed = command(&url, directory);
    seed.args(["seed", "--drivers", &options.drivers.to_string()]);
    if !seed.stdout(Stdio::null()).status().await?.success() {
        return Err("the fleet could not be made".into());
    }
    let (mut server, address) = start(&url, directory).await?;
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

/// What the kernel has counted of all processors. A virtual machine has to share its own with others: where they take more than a
/// hundredth, the slowest answers tell of them.
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
    let asked = json!({
        "type": "find_driver", "pickup_latitude": latitude, "pickup_longitude": longitude,
        "dropoff_latitude": latitude + 0.02, "dropoff_longitude": longitude + 0.02,
        "pickup_address": "here", "dropoff_address": "there", "distance_km": 4.5, "fare_amount": 150.0,
    });
    let sent = Instant::now();
    socket.send(Message::text(asked.to_string())).await?;
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
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let url = format!("ws://{address}/ws/ride/bench-{number}/");
    let (mut socket, _) = client_async_with_config(url, stream, Some(config)).await?;
    match next(&mut socket).await?["type"].as_str() {
        Some("connection_established") => Ok(socket),
        other => Err(format!("heard {other:?} first").into()),
    }
}

async fn next(socket: &mut Socket) -> Result<Value, Failure> {
    loop {
        match socket.next().await.ok_or("the socket has ended")?? {
            Message::Text(text) => return Ok(serde_json::from_str(&text)?),
            Message::Close(frame) => return Err(format!("closed: {frame:?}").into()),
            _ => {}
        }
    }
}

fn command(url: &str, directory: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command
        .current_dir(directory)
        .env_clear()
        .envs([("DATABASE_URL", url), ("BIND", "127.0.0.1:0"), ("MATCH_MODE", "auto"), ("RUST_LOG", "warn")])
        .env("HANDSHAKES_PER_MINUTE_PER_ADDRESS", "1000000")
        .env("ANONYMOUS_RIDES_PER_MINUTE", "1000000")
        .kill_on_drop(true);
    command
}

async fn start(url: &str, directory: &Path) -> Result<(Child, String), Failure> {
    let mut server = command(url, directory).arg("serve").stdout(Stdio::piped()).spawn()?;
    let stdout = server.stdout.take().ok_or("the server has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(address) = line.strip_prefix(LISTENING) {
            let address = address.split_whitespace().next().unwrap_or(address).to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((server, address));
        }
    }
    Err("the server has ended".into())
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
