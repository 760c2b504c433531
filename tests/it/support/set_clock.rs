//! A server whose clock a test sets while it runs, as a machine's is set after a bad start: the time of day jumps,
//! while the monotonic clock continues. For this `set_clock.c` is loaded into the server, built once by the C compiler
//! that links Rust programs.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

use super::server::Builder;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/set_clock.c");

/// The clock of one server, as it is until the test sets it.
pub struct SetClock {
    path: PathBuf,
    offset: std::fs::File,
    by: TimeDelta,
}

impl SetClock {
    pub fn new() -> SetClock {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder().join(format!("clock.{}.{number}", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        let offset = options.create(true).truncate(true).write(true).open(&path).expect("it is writable");
        let mut clock = SetClock { path, offset, by: TimeDelta::zero() };
        clock.set(TimeDelta::zero());
        clock
    }

    /// Sets it to the right time and so much more.
    pub fn set(&mut self, by: TimeDelta) {
        self.by = by;
        self.offset.write_all_at(&by.num_seconds().to_ne_bytes(), 0).expect("it is writable");
    }

    /// The time it shows.
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + self.by
    }
}

impl Drop for SetClock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Builder {
    pub fn with_clock(self, clock: &SetClock) -> Builder {
        self.setting("LD_PRELOAD", library().display()).setting("CLOCK_OFFSET_FILE", clock.path.display())
    }
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Built under a name of this process's own, so that concurrent runs do not find half a file.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = folder().join(format!("set_clock.{}.so", std::process::id()));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(SOURCE);
        assert!(compiler.status().is_ok_and(|status| status.success()), "{SOURCE} could not be built by cc");
        library
    })
}
