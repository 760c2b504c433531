//! The result of a run, in figures and as a verdict.

use std::fmt::{Display, Formatter};
use std::time::Duration;

use crate::target::Counters;

pub struct Report {
    pub drivers: u32,
    pub secs: u64,
    pub connected_in: Duration,
    pub rss_kib_before: u64,
    pub rss_kib_connected: u64,
    pub cpu_us: u64,
    /// A database server's, where there is one that is known.
    pub database_cpu_us: Option<u64>,
    pub positions_sent: u64,
    pub counters: Counters,
    pub orders: u64,
    pub latencies: Vec<Duration>,
    pub duplicates: u64,
    pub sessions_lost: u64,
}

impl Report {
    /// Every order arrived once, every position is stored, and the table agrees with the counters.
    pub fn is_sound(&self) -> bool {
        let counters = &self.counters;
        self.latencies.len() as u64 == self.orders
            && self.duplicates == 0
            && self.sessions_lost == 0
            && counters.accepted == self.positions_sent
            && counters.stored == counters.accepted
            && counters.rows.is_none_or(|rows| rows == counters.stored)
    }

    fn connection_kib(&self) -> f64 {
        let grown = self.rss_kib_connected.saturating_sub(self.rss_kib_before);
        grown as f64 / f64::from(self.drivers)
    }

    fn for_each_position(&self, cpu_us: u64) -> f64 {
        cpu_us as f64 / self.counters.stored.max(1) as f64
    }
}

/// The value below which `share` of the sorted values lie; none of an empty list.
fn percentile(sorted: &[Duration], share: f64) -> Option<Duration> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        writeln!(f, "drivers                     {} (connected in {:.1?})", self.drivers, self.connected_in)?;
        writeln!(f, "memory of a connection      {:.1} KiB", self.connection_kib())?;
        writeln!(f, "server CPU                  {:.1} %", self.cpu_us as f64 / self.secs as f64 / 10_000.0)?;
        writeln!(
            f,
            "CPU of a stored position    {:.1} us (all the server did, shared out)",
            self.for_each_position(self.cpu_us)
        )?;
        if let Some(cpu_us) = self.database_cpu_us {
            writeln!(f, "and in the database         {:.1} us", self.for_each_position(cpu_us))?;
        }
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
            if let Some(latency) = percentile(&latencies, share) {
                writeln!(f, "assignment to app, {name:<7}  {} us", latency.as_micros())?;
            }
        }
        let (arrived, duplicates) = (latencies.len(), self.duplicates);
        writeln!(
            f,
            "orders                      {} assigned, {arrived} arrived, {duplicates} twice",
            self.orders
        )?;
        let Counters { accepted, stored, dropped, rows } = self.counters;
        let rows = rows.map_or("not counted".to_owned(), |rows| rows.to_string());
        writeln!(f, "positions sent              {}", self.positions_sent)?;
        writeln!(f, "accepted, stored, dropped   {accepted}, {stored}, {dropped}")?;
        writeln!(f, "rows in the table           {rows}")?;
        writeln!(f, "sessions lost               {}", self.sessions_lost)?;
        write!(f, "{}", if self.is_sound() { "sound: nothing lost, nothing twice" } else { "NOT SOUND" })
    }
}
