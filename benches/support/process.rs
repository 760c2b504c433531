//! Reads the figures of a process from `/proc`.

use std::ops::Range;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// `/proc` counts CPU time in ticks; Linux shows 100 of them a second to every program.
const TICK_US: u64 = 10_000;
/// The fields of the CPU time of the process itself, user and system.
pub const OWN: Range<usize> = 11..13;

/// `/proc/PID/stat` after the process's name: its state, its parent, and so on.
pub fn stat(pid: u32) -> Result<Vec<String>, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything.
    let (_, fields) = stat.rsplit_once(") ").ok_or("an unknown form of /proc/PID/stat")?;
    Ok(fields.split(' ').map(str::to_owned).collect())
}

/// The CPU time that these fields count.
pub fn cpu_us(stat: &[String], fields: Range<usize>) -> Result<u64, Failure> {
    let ticks: Result<Vec<u64>, _> = stat[fields].iter().map(|field| field.parse()).collect();
    Ok(ticks?.into_iter().sum::<u64>() * TICK_US)
}

pub fn rss_kib(pid: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
