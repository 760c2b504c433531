//! Measures the providers alone: how many notifications a second one thread sends to doubles of the services, which
//! check each of them as in the tests, over TLS and HTTP/2 on loopback.
//!
//! `cargo bench --bench push [-- SECONDS]`. The doubles run on a thread of their own, so the slower of the two is
//! measured; the processor time of each says which. As many requests are in flight as the provider allows, as from the
//! queue.

#[path = "../tests/it/support/push_double/mod.rs"]
mod push_double;

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use fleetwire::clock::System;
use fleetwire::config::Settings;
use fleetwire::domain::push::{Priority, PushService, PushToken};
use fleetwire::metrics::Metrics;
use fleetwire::providers::{Answer, Message, Notification, Provider, Providers};
use futures_util::stream::{self, StreamExt};
use push_double::PushDouble;
use tokio::runtime::Runtime;
use uuid::Uuid;

const DEFAULT_SECONDS: u64 = 5;
const DEVICES: usize = 10_000;

fn main() -> ExitCode {
    let seconds =
        std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(DEFAULT_SECONDS);
    let doubles = Doubles::start();
    let settings: HashMap<&str, String> = doubles.double.settings().into_iter().collect();
    let settings =
        Settings::load(|name| settings.get(name).cloned()).expect("the doubles' settings are good");
    let metrics = Arc::new(Metrics::new());
    let providers =
        Providers::from_settings(&settings.push, Arc::new(System), metrics).expect("and their credentials");
    let runtime = one_thread();
    println!("service  notifications/s  sender's CPU  doubles' CPU   (each of one core)");
    let mut all_arrived = true;
    for provider in providers.iter() {
        let arrived = runtime.block_on(measure(provider.clone(), &doubles, Duration::from_secs(seconds)));
        all_arrived &= arrived;
    }
    if all_arrived { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made")
}

/// The doubles, on their thread until the end.
struct Doubles {
    double: Arc<PushDouble>,
    thread_id: i32,
}

impl Doubles {
    fn start() -> Doubles {
        let (started, starting) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            one_thread().block_on(async {
                let double = Arc::new(PushDouble::start_tls().await);
                let _ = started.send((double, thread_id()));
                std::future::pending::<()>().await;
            });
        });
        let (double, thread_id) = starting.recv().expect("the doubles start");
        Doubles { double, thread_id }
    }
}

/// The kernel's number of this thread.
fn thread_id() -> i32 {
    let link = std::fs::read_link("/proc/thread-self").expect("the kernel shows threads");
    let name = link.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
    name.expect("a thread is named by its number")
}

/// Processor time of a thread.
fn cpu_time(thread_id: i32) -> Duration {
    let path = format!("/proc/self/task/{thread_id}/schedstat");
    let text = std::fs::read_to_string(path).expect("the kernel counts time");
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.expect("the first number is time on a processor"))
}

/// Sends for so long, prints what came of it, and says whether everything arrived, once.
async fn measure(provider: Arc<dyn Provider>, doubles: &Doubles, length: Duration) -> bool {
    let service = provider.service();
    let desk = doubles.double.desk(service);
    let own_thread = thread_id();
    // The first request gets the access token and opens the connection.
    provider.send(vec![message(service, 0)]).await;
    desk.forget();
    let begin = Instant::now();
    let (own_before, doubles_before) = (cpu_time(own_thread), cpu_time(doubles.thread_id));
    let batches = stream::iter(0usize..).take_while(|_| std::future::ready(begin.elapsed() < length));
    let answers = batches.map(|number| {
        let batch_max = provider.batch_max();
        let batch = (0..batch_max).map(|at| message(service, number * batch_max + at)).collect();
        provider.send(batch)
    });
    let count = |(sent, accepted): (usize, usize), answers: Vec<Answer>| {
        let good = answers.iter().filter(|answer| matches!(answer, Answer::Accepted { .. })).count();
        std::future::ready((sent + answers.len(), accepted + good))
    };
    let (sent, accepted) = answers.buffer_unordered(provider.calls_max()).fold((0, 0), count).await;
    let seconds = begin.elapsed().as_secs_f64();
    let share = |thread, before: Duration| 100.0 * (cpu_time(thread) - before).as_secs_f64() / seconds;
    println!(
        "{service:7} {:>16.0} {:>12.0}% {:>12.0}%",
        accepted as f64 / seconds,
        share(own_thread, own_before),
        share(doubles.thread_id, doubles_before)
    );
    let counts = desk.counts();
    let all_arrived = sent == accepted && counts.len() == sent && counts.values().all(|count| *count == 1);
    if !all_arrived {
        println!(
            "  {sent} sent, {accepted} accepted, {} arrived; refused: {:?}",
            counts.len(),
            desk.refused().first()
        );
    }
    all_arrived
}

/// A booking's notification, as most are.
fn message(service: PushService, number: usize) -> Message {
    let device = number % DEVICES;
    let token = match service {
        PushService::Fcm => format!("fcm-token-of-the-usual-length:{device:0>120}"),
        PushService::Apns => format!("{device:064x}"),
        PushService::Expo => format!("ExponentPushToken[{device:022}]"),
    };
    let data = serde_json::json!({
        "type": "reached",
        "bookingId": number.to_string(),
        "trackId": format!("BID{number}"),
        "status": "Reached",
        "techName": "John",
        "priority": "high",
    });
    let notification = Notification {
        id: Uuid::new_v4(),
        title: "Technician has arrived! ✅".to_owned(),
        body: format!("John has reached your location and is ready to start. (Booking: BID{number})"),
        data: data.as_object().expect("an object").clone(),
        priority: Priority::High,
        collapse_id: Uuid::new_v4(),
        deadline: deadline(),
    };
    Message { notification: Arc::new(notification), token: PushToken::new(token).expect("a good token") }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark has only the real clock")]
fn deadline() -> chrono::DateTime<Utc> {
    Utc::now() + TimeDelta::hours(1)
}
