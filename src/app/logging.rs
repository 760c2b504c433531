//! The log: one line for each thing, on standard error, with fields to search by.

use crate::contracts::time::WireTime;
use env_logger::Env;
use std::io::Write;

/// Starts logging. `RUST_LOG` chooses what is shown; `info` of ours and warnings of others without it.
pub fn start() {
    env_logger::Builder::from_env(Env::default().default_filter_or("warn,fleetwire=info"))
        .format(|out, record| {
            let time = WireTime(super::log_time());
            let place = record.target().trim_start_matches("fleetwire::");
            let level = record.level();
            let style = out.default_level_style(level);
            writeln!(out, "{time} {style}{level:<5}{style:#} [{place}] {}", record.args())
        })
        .init();
}
