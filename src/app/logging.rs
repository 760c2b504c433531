//! The log: one line for each thing, on standard error, with fields to search by.

use crate::contracts::time::WireTime;
use env_logger::Env;
use std::borrow::Cow;
use std::io::Write;

/// Starts logging. `RUST_LOG` chooses what is shown; `info` of ours and warnings of others without it.
pub fn start() {
    env_logger::Builder::from_env(Env::default().default_filter_or("warn,fleetwire=info"))
        .format(|out, record| {
            let time = WireTime(super::log_time());
            let place = record.target().trim_start_matches("fleetwire::");
            let level = record.level();
            let style = out.default_level_style(level);
            let text = record.args().to_string();
            writeln!(out, "{time} {style}{level:<5}{style:#} [{place}] {}", one_line(&text))
        })
        .init();
}

/// Whatever it says, a line is a line: libpq's messages have several, and what others sent must not look like lines of ours.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let parts = text.split(char::is_control).map(str::trim).filter(|part| !part.is_empty());
    Cow::Owned(parts.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// While PostgreSQL was away, its library's three lines stood in the log without a time and a level.
    #[test]
    fn a_line_of_the_log_is_one_line() {
        let text = "can't connect: connection failed: Connection refused\n\tIs the server running?\n\n";
        assert_eq!(
            one_line(text),
            "can't connect: connection failed: Connection refused Is the server running?"
        );
        assert_eq!(one_line("started profile=production"), "started profile=production");
    }
}
