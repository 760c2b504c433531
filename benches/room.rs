//! Measures the cost of following a ride: a driver sends positions at a steady rate, followers read them over their
//! sockets, and some of them read nothing. It reports the time from the driver's sending to a follower's receiving, how
//! many positions followers got, and the server's CPU and memory. It exits with 1 if a reading follower was closed or
//! missed the last position.
//!
//! `cargo bench --bench room -- --followers 50 --silent 1 --rate 10 --secs 20`. It starts a server of its own, on a fresh
//! SQLite file.

// A load tool measures real time.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use clap::Parser;
use fleetwire::contracts::client_messages::{LocationUpdate, OfRide, PositionReport};
use fleetwire::contracts::{driver_app, envelope, ride_hailing};
use fleetwire::domain::ride::RideId;
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

#[path = "support/process.rs"]
mod process;
#[path = "support/server.rs"]
mod server;

use server::{Failure, Socket, connect, next, start};

/// Of the demo data: where driver 1 is, whom a ride from there is given to.
const PICKUP: (f64, f64) = (-26.2041, 28.0473);
const PASSWORD: &str = "password123";
/// Each position is so much further north than the one before, in degrees: that tells which one it is.
const STEP: f64 = 1e-6;
/// All followers are one passenger's here.
const SETTINGS: &[(&str, &str)] = &[
    ("MATCH_MODE", "auto"),
    ("HANDSHAKES_PER_MINUTE_PER_ADDRESS", "1000000"),
    ("MAX_SOCKETS_PER_ACCOUNT", "1000000"),
    ("MAX_SOCKETS_PER_ADDRESS", "1000000"),
    ("REQUESTS_PER_MINUTE_PER_ACCOUNT", "1000000"),
    ("HANDSHAKES_PER_MINUTE_PER_ACCOUNT", "1000000"),
    ("ROOM_MEMBERS_MAX", "1000"),
    ("MESSAGES_PER_SECOND", "1000"),
];
/// For the ride to find its driver, and for the last position to reach everybody.
const WAIT_MAX: Duration = Duration::from_secs(10);

#[derive(Parser)]
#[command(about = "Measures what it costs to follow a ride")]
struct Options {
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    followers: u32,
    /// How many of them read nothing.
    #[arg(long, default_value_t = 1)]
    silent: u32,
    /// Positions each second.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Seconds of load.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    secs: u32,
    /// Passed by `cargo bench`, and without a meaning here.
    #[arg(long, hide = true)]
    bench: bool,
}

/// When each position was sent.
type Sent = Arc<Vec<OnceLock<Instant>>>;

fn main() -> ExitCode {
    let options = Options::parse();
    // The HTTP client wants to know whose cryptography it would use, although nothing here is encrypted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    match runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(measure(&options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("room: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Result<(), Failure> {
    let directory = std::env::temp_dir().join(format!("fleetwire-room-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let outcome = measure_in(options, &directory).await;
    std::fs::remove_dir_all(&directory)?;
    outcome
}

async fn measure_in(options: &Options, directory: &Path) -> Result<(), Failure> {
    let url = format!("sqlite://{}", directory.join("fleetwire.db").display());
    let (mut server, address) = start(&url, directory, SETTINGS).await?;
    let pid = server.id().ok_or("the server has ended")?;
    let (passenger, driver) = (log_in(&address, "passenger1").await?, log_in(&address, "driver1").await?);
    let ride = taken_ride(&address, &passenger).await?;
    let silent = options.silent.min(options.followers);
    let mut followers = Vec::new();
    for _ in 0..options.followers {
        followers.push(follow(&address, &passenger, &ride).await?);
    }
    let unread = followers.split_off((options.followers - silent) as usize);
    let driver = open(&address, &driver).await?;

    let positions = options.rate * options.secs;
    let sent: Sent = (0..=positions).map(|_| OnceLock::new()).collect::<Vec<_>>().into();
    let rss_kib_before = process::rss_kib(pid)?;
    let cpu_before = process::cpu_us(&process::stat(pid)?, process::OWN)?;
    let reading: Vec<_> =
        followers.into_iter().map(|socket| tokio::spawn(read(socket, sent.clone()))).collect();
    drive(driver, options.rate, &sent).await?;
    let mut latencies = Vec::new();
    for follower in reading {
        let read = tokio::time::timeout(WAIT_MAX, follower).await;
        latencies.extend(read.map_err(|_| "a follower missed the last position")???);
    }
    let cpu_us = process::cpu_us(&process::stat(pid)?, process::OWN)? - cpu_before;
    let rss_kib = process::rss_kib(pid)?;
    drop(unread);
    server.start_kill()?;
    server.wait().await?;

    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() as f64 * share) as usize).min(latencies.len() - 1)];
    let wanted = positions * (options.followers - silent);
    println!("followers, silent ones    {}, {silent}", options.followers);
    println!("positions told            {positions}, {} a second", options.rate);
    println!("positions received        {} of {wanted}", latencies.len());
    println!("told to received, us: p50 {}, p99 {}, max {}", at(0.5), at(0.99), at(1.0));
    println!("server's CPU a position   {} us", cpu_us / u64::from(positions));
    println!("server's memory, KiB      {rss_kib_before} before, {rss_kib} after");
    Ok(())
}

/// Tells positions at a steady rate, whatever becomes of those before.
async fn drive(mut driver: Socket, rate: u32, sent: &Sent) -> Result<(), Failure> {
    let began = tokio::time::Instant::now();
    for number in 1..sent.len() {
        tokio::time::sleep_until(began + Duration::from_secs(1) * number as u32 / rate).await;
        let latitude = PICKUP.0 + number as f64 * STEP;
        let data = PositionReport::at(latitude, PICKUP.1);
        let update = envelope::text(&driver_app::ClientMessage::LocationUpdate(LocationUpdate { data }));
        sent[number].get_or_init(Instant::now);
        driver.send(Message::text(update)).await?;
    }
    Ok(())
}

/// Microseconds from the driver to this follower, of each position until the last.
async fn read(mut socket: Socket, sent: Sent) -> Result<Vec<u128>, Failure> {
    let mut latencies = Vec::with_capacity(sent.len());
    loop {
        let heard = next(&mut socket).await?;
        let received = Instant::now();
        if heard["type"] != "driver_location_update" {
            continue;
        }
        let latitude = heard["data"]["latitude"].as_f64().ok_or("a position without a latitude")?;
        let number = ((latitude - PICKUP.0) / STEP).round() as usize;
        // Where they stood before they drove was not sent.
        if let Some(told) = sent.get(number).and_then(OnceLock::get) {
            latencies.push((received - *told).as_micros());
        }
        if number + 1 == sent.len() {
            return Ok(latencies);
        }
    }
}

async fn log_in(address: &str, username: &str) -> Result<String, Failure> {
    let body = json!({"username": username, "password": PASSWORD});
    let reply = reqwest::Client::new().post(format!("http://{address}/api/v1/auth/login")).json(&body).send();
    let reply: Value = reply.await?.error_for_status()?.json().await?;
    Ok(reply["access_token"].as_str().ok_or("no token")?.to_owned())
}

/// The id of a ride that driver 1 has.
async fn taken_ride(address: &str, passenger: &str) -> Result<String, Failure> {
    let client = reqwest::Client::new();
    let (latitude, longitude) = PICKUP;
    let asked = json!({
        "ride_type": "any", "pickup_latitude": latitude, "pickup_longitude": longitude,
        "dropoff_latitude": latitude + 0.1, "dropoff_longitude": longitude + 0.1,
    });
    let rides = format!("http://{address}/api/v1/rides");
    let reply = client.post(&rides).bearer_auth(passenger).json(&asked).send().await?.error_for_status()?;
    let ride: Value = reply.json().await?;
    let ride = ride["ride_id"].as_str().ok_or("a ride without an id")?.to_owned();
    let began = Instant::now();
    while began.elapsed() < WAIT_MAX {
        let reply = client.get(format!("{rides}/{ride}")).bearer_auth(passenger).send().await?;
        let shown: Value = reply.error_for_status()?.json().await?;
        if shown["status"] == "accepted" {
            return Ok(ride);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("nobody took the ride".into())
}

async fn open(address: &str, token: &str) -> Result<Socket, Failure> {
    let mut socket = connect(address, &format!("/api/v1/ws/connect?token={token}")).await?;
    wait_for(&mut socket, "connected").await?;
    Ok(socket)
}

async fn follow(address: &str, token: &str, ride: &str) -> Result<Socket, Failure> {
    let mut socket = open(address, token).await?;
    let join = ride_hailing::ClientMessage::JoinRide(OfRide { ride_id: RideId::new(ride)? });
    socket.send(Message::text(envelope::text(&join))).await?;
    wait_for(&mut socket, "ride_joined").await?;
    Ok(socket)
}

async fn wait_for(socket: &mut Socket, kind: &str) -> Result<(), Failure> {
    let waiting = async {
        while next(socket).await?["type"] != kind {}
        Ok(())
    };
    tokio::time::timeout(WAIT_MAX, waiting).await?
}
