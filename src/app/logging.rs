//! The log: one line for each thing, on standard error, with fields to search by. Logging never waits for the reader
//! (`writer`), and lines that repeat on a bad day are gathered (`gather`). A line that is logged while a request is
//! processed has the request's id. A line is text, or a JSON object (`json`).

mod gather;
mod json;
mod writer;

use crate::config::{self, LogFormat};
use crate::contracts::time::WireTime;
use crate::current_request;
use env_logger::fmt::Formatter;
use gather::{Gather, Place};
use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::{Mutex, RwLock};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use writer::{Lines, Writer};

/// The filter without `RUST_LOG`.
const SHOWN: &str = "warn,fleetwire=info";
/// How long the last lines may take at the process's end.
const FLUSH: Duration = Duration::from_millis(500);

static LOGGER: OnceLock<Logger> = OnceLock::new();

struct Logger {
    writer: Arc<Writer>,
    gather: Mutex<Gather>,
    shown: RwLock<Shown>,
}

/// The filter and the form that the settings choose, and the writer of such lines.
struct Shown {
    setting: String,
    format: LogFormat,
    lines: env_logger::Logger,
}

/// Starts logging, also of panics. `RUST_LOG` chooses what is shown; `info` of ours and warnings of others without it.
pub fn start() {
    let writer = Arc::new(Writer::default());
    let shown = RwLock::new(Shown::chosen(&writer));
    let logger = LOGGER.get_or_init(|| Logger { writer, gather: Mutex::default(), shown });
    if log::set_logger(logger).is_err() {
        return;
    }
    log::set_max_level(logger.max_level());
    std::panic::set_hook(Box::new(log_panic));
    // Without a thread or a descriptor for it nothing could be said anyway.
    if let Ok(out) = writer::standard_error() {
        let _ = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || logger.writer.run(out, |count| logger.dropped_line(count), || logger.summarise()));
    }
}

/// Reads `RUST_LOG` and `LOG_FORMAT` again, which in `.env` may have changed.
pub fn reload() {
    let Some(logger) = LOGGER.get() else { return };
    let shown = Shown::chosen(&logger.writer);
    let setting = shown.setting.clone();
    *logger.shown.write() = shown;
    log::set_max_level(logger.max_level());
    log::info!("log reloaded shown=\"{setting}\"");
}

/// Lines that nobody took in time.
pub fn dropped() -> u64 {
    LOGGER.get().map_or(0, |logger| logger.writer.dropped())
}

/// Waits a moment until what was logged is written.
pub fn flush() {
    if let Some(logger) = LOGGER.get() {
        logger.writer.flush(FLUSH);
    }
}

/// Ends the process, once what was logged is written.
pub fn exit(code: i32) -> ! {
    flush();
    std::process::exit(code)
}

/// Says something on standard error that is no line of the log.
pub fn say(text: &str) {
    if let Some(logger) = LOGGER.get() {
        logger.writer.push(format!("{text}\n").as_bytes());
    }
}

/// Says why the process fails, whatever the filter: plainly, or as an object where all lines are objects.
pub fn say_failure(why: &str) {
    let Some(logger) = LOGGER.get() else { return };
    let format = logger.shown.read().format;
    match format {
        LogFormat::Text => say(&format!("fleetwire: {why}")),
        LogFormat::Json => say(&json_line(Level::Error, "fleetwire", why)),
    }
}

impl Shown {
    fn chosen(writer: &Arc<Writer>) -> Self {
        let setting = config::log_setting().unwrap_or_else(|| SHOWN.to_owned());
        let format = config::log_format();
        let mut builder = env_logger::Builder::new();
        builder.parse_filters(&setting).format(match format {
            LogFormat::Text => write_text,
            LogFormat::Json => write_json,
        });
        builder.target(env_logger::Target::Pipe(Box::new(Lines(writer.clone()))));
        let is_coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        builder.write_style(if is_coloured {
            env_logger::WriteStyle::Always
        } else {
            env_logger::WriteStyle::Never
        });
        Self { setting, format, lines: builder.build() }
    }
}

impl Logger {
    fn max_level(&self) -> LevelFilter {
        self.shown.read().lines.filter()
    }

    /// Whether this is another of what was written before. Where all is to be seen, it is.
    fn is_gathered(&self, record: &Record<'_>, shown: &env_logger::Logger) -> bool {
        let target = record.target();
        let debug = Metadata::builder().level(Level::Debug).target(target).build();
        if record.level() > Level::Warn || shown.enabled(&debug) {
            return false;
        }
        let (level, file, line) =
            (record.level(), record.file().unwrap_or_default(), record.line().unwrap_or_default());
        let place = Place { level, target, file, line };
        let text = record.args().to_string();
        let mut gather = self.gather.lock();
        !gather.note(place, &text, Instant::now())
    }

    fn summarise(&self) {
        let said = self.gather.lock().tick(Instant::now());
        let shown = self.shown.read();
        for line in said {
            let mut record = Record::builder();
            record.level(line.level).target(&line.target);
            shown.lines.log(&record.args(format_args!("{}", line.text)).build());
        }
    }

    /// Written past the queue, which was full.
    fn dropped_line(&self, count: u64) -> String {
        let text = format!("lines of the log were dropped: nobody read them count={count}");
        let time = WireTime(super::log_time());
        match self.shown.read().format {
            LogFormat::Text => format!("{time} WARN  [app::logging] {text}\n"),
            LogFormat::Json => json_line(Level::Warn, module_path!(), &text) + "\n",
        }
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.shown.read().lines.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let shown = self.shown.read();
        if shown.lines.matches(record) && !self.is_gathered(record, &shown.lines) {
            shown.lines.log(record);
        }
    }

    fn flush(&self) {
        self.writer.flush(FLUSH);
    }
}

fn write_text(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let time = WireTime(super::log_time());
    let place = record.target().trim_start_matches("fleetwire::");
    let level = record.level();
    let style = out.default_level_style(level);
    let text = record.args().to_string();
    write!(out, "{time} {style}{level:<5}{style:#} [{place}] {}", one_line(&text))?;
    match current_request::id() {
        Some(id) => writeln!(out, " request={id}"),
        None => writeln!(out),
    }
}

fn write_json(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    writeln!(out, "{}", json_line(record.level(), record.target(), &record.args().to_string()))
}

/// For the request that is being processed, if one is.
fn json_line(level: Level, target: &str, text: &str) -> String {
    let request = current_request::id();
    let time = WireTime(super::log_time());
    json::Line { time, level, target, text, request: request.as_deref() }.to_json()
}

/// The standard library's own hook would write past the queue, and wait for the reader.
fn log_panic(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name").to_owned();
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let said = info.payload_as_str().unwrap_or("something that is no text");
    let backtrace = Backtrace::capture();
    let stack = match backtrace.status() {
        BacktraceStatus::Captured => format!("\n{backtrace}"),
        _ => String::new(),
    };
    log::error!(target: "panic", "thread '{thread}' panicked at {place}: {said}{stack}");
}

/// Puts any text on one line: libpq's messages have several, and other people's input must not look like lines of ours.
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
