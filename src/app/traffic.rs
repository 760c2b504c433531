//! Traffic on the own server, in development: a small simulation on a thread and a runtime of its own, so that it costs
//! the server's threads no more than clients from outside would.

use crate::api::traffic::{Traffic, TrafficWanted};
use crate::clock::SharedClock;
use crate::config::{Profile, Settings};
use crate::contracts::operators::DemoTraffic;
use crate::contracts::time::WireTime;
use crate::simulate::city::CITIES;
use crate::simulate::options::{OperatorLogIn, Options};
use crate::simulate::plan::Scale;
use crate::simulate::run::run;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use tokio::sync::watch;

/// The same people each time.
const SEED: u64 = 1;
/// So many drivers for one rider.
const DRIVERS_OF_RIDER: u32 = 4;
const ORDERS_PER_MINUTE_OF_DRIVER: f64 = 0.25;

/// How it is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotYet,
    /// Jobs are ended, books compared.
    InOrder,
    /// The server stops: at once.
    Now,
}

pub struct LocalTraffic {
    clock: SharedClock,
    /// Known once the server listens.
    address: OnceLock<SocketAddr>,
    running: Mutex<Option<Running>>,
}

struct Running {
    drivers: usize,
    until: DateTime<Utc>,
    end: watch::Sender<End>,
    thread: JoinHandle<()>,
}

impl LocalTraffic {
    /// In development, where the server can be reached without TLS.
    pub fn new(settings: &Settings, clock: SharedClock) -> Option<Arc<Self>> {
        let is_there = settings.profile == Profile::Development && settings.listen.tls.is_none();
        let traffic = Self { clock, address: OnceLock::new(), running: Mutex::default() };
        is_there.then(|| Arc::new(traffic))
    }

    /// The server listens here.
    pub fn goes_to(&self, addresses: &[SocketAddr]) {
        if let Some(address) = addresses.first() {
            let _ = self.address.set(SocketAddr::new(reachable(address.ip()), address.port()));
        }
    }

    /// Ends it at once, and waits for that.
    pub fn abandon(&self) {
        let running = self.running.lock().take();
        if let Some(running) = running {
            running.end.send_replace(End::Now);
            if running.thread.join().is_err() {
                log::error!("the thread of the simulated traffic died");
            }
        }
    }
}

/// An address at which a server can be reached that listens on this one.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

impl Traffic for LocalTraffic {
    fn begin(&self, wanted: TrafficWanted) -> Option<DemoTraffic> {
        let address = *self.address.get()?;
        let mut running = self.running.lock();
        if running.as_ref().is_none_or(|before| before.thread.is_finished()) {
            *running = Some(Running::begin(address, self.clock.clone(), wanted)?);
        }
        Some(shown(running.as_ref()))
    }

    fn end(&self) {
        if let Some(running) = &*self.running.lock() {
            running.end.send_if_modified(|end| {
                let is_first = *end == End::NotYet;
                if is_first {
                    *end = End::InOrder;
                }
                is_first
            });
        }
    }

    fn state(&self) -> DemoTraffic {
        shown(self.running.lock().as_ref())
    }
}

fn shown(running: Option<&Running>) -> DemoTraffic {
    match running.filter(|running| !running.thread.is_finished()) {
        Some(Running { drivers, until, end, .. }) => DemoTraffic {
            running: true,
            ending: *end.borrow() != End::NotYet,
            drivers: *drivers,
            until: Some(WireTime(*until)),
        },
        None => DemoTraffic { running: false, ending: false, drivers: 0, until: None },
    }
}

impl Running {
    fn begin(address: SocketAddr, clock: SharedClock, wanted: TrafficWanted) -> Option<Self> {
        let TrafficWanted { drivers, minutes, token } = wanted;
        let until = clock.now() + TimeDelta::minutes(minutes as i64);
        let options = options(address, drivers, minutes, token);
        let (end, ends) = watch::channel(End::NotYet);
        let thread = std::thread::Builder::new()
            .name("traffic".to_owned())
            .spawn(move || simulate(options, clock, ends))
            .inspect_err(|error| log::warn!("no thread for simulated traffic error=\"{error}\""));
        Some(Self { drivers, until, end, thread: thread.ok()? })
    }
}

fn options(address: SocketAddr, drivers: usize, minutes: usize, token: String) -> Options {
    let drivers = u32::try_from(drivers).unwrap_or(u32::MAX);
    Options {
        url: format!("http://{address}"),
        operator: OperatorLogIn::Token(token),
        // That of the demo accounts, which the console's map shows first.
        city: &CITIES[0],
        seed: SEED,
        scale: Scale {
            drivers,
            riders: drivers.div_ceil(DRIVERS_OF_RIDER),
            orders_per_minute: f64::from(drivers) * ORDERS_PER_MINUTE_OF_DRIVER,
            secs: minutes as u64 * 60,
        },
    }
}

/// The thread.
fn simulate(options: Options, clock: SharedClock, mut ends: watch::Receiver<End>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return log::warn!("no runtime for simulated traffic error=\"{error}\""),
    };
    let (stop, stops) = watch::channel(false);
    let mut stopping = ends.clone();
    runtime.spawn(async move {
        if stopping.wait_for(|end| *end != End::NotYet).await.is_ok() {
            stop.send_replace(true);
        }
    });
    let drivers = options.scale.drivers;
    log::info!("simulated traffic begins drivers={drivers}");
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = run(options, clock, stops, |_| {}) => Some(outcome),
            _ = ends.wait_for(|end| *end == End::Now) => None,
        }
    });
    match outcome {
        Some(Ok(report)) => log::info!(
            "simulated traffic ended events={} lost={} sound={}",
            report.events.received,
            report.events.lost,
            report.sound
        ),
        Some(Err(error)) => log::warn!("simulated traffic can't run: {error}"),
        None => log::info!("simulated traffic was left where it was"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_addresses_is_reached_on_its_own_machine() {
        let reached = |text: &str| reachable(text.parse().expect("an address")).to_string();
        assert_eq!(reached("0.0.0.0"), "127.0.0.1");
        assert_eq!(reached("::"), "::1");
        assert_eq!(reached("192.0.2.7"), "192.0.2.7");
    }
}
