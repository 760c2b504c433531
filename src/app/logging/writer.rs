//! Lines on their way to standard error: each logging thread puts them into a bounded buffer, and one thread writes
//! them. A pipe that nobody drains then holds up only that thread; lines that find the buffer full are dropped,
//! counted, and reported later.

use parking_lot::{Condvar, Mutex};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Some 5,000 lines: a reader that was away for a moment misses nothing.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// How often the thread looks round although nothing was logged.
const LOOK: Duration = Duration::from_secs(1);
/// For so long lines are gathered before they are written: under load most of them find the thread at work, and cost no wake-up.
const GATHER: Duration = Duration::from_millis(50);
/// A descriptor that does not block, and is full, is tried again after this.
const FULL_PAUSE: Duration = Duration::from_millis(20);

#[derive(Default)]
pub struct Writer {
    state: Mutex<State>,
    has_lines: Condvar,
    is_idle: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Since it was last written how many.
    dropped: u64,
    is_writing: bool,
    /// The thread sleeps until there are lines.
    is_asleep: bool,
}

impl Writer {
    /// Whole lines, with their ends.
    pub fn push(&self, lines: &[u8]) {
        let mut state = self.state.lock();
        if state.waiting.len() + lines.len() > WAITING_BYTES_MAX {
            state.dropped += 1;
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.waiting.extend_from_slice(lines);
        if std::mem::take(&mut state.is_asleep) {
            drop(state);
            self.has_lines.notify_one();
        }
    }

    /// Lines dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Returns when all was written, or after `patience`: the process is about to end.
    pub fn flush(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut state = self.state.lock();
        while state.is_writing || !state.waiting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.is_idle.wait_for(&mut state, left);
        }
    }

    /// The thread's life: writes to `out`, and calls `look` after each write, and each second. `tell` makes a line of how many
    /// were dropped.
    pub fn run(&self, mut out: impl Write, tell: impl Fn(u64) -> String, look: impl Fn()) -> ! {
        loop {
            let (lines, dropped) = self.take();
            if !lines.is_empty() {
                // Where standard error is gone nobody can be told.
                let _ = write_all(&mut out, &lines);
            }
            if dropped > 0 {
                let _ = write_all(&mut out, tell(dropped).as_bytes());
            }
            self.state.lock().is_writing = false;
            self.is_idle.notify_all();
            look();
        }
    }

    fn take(&self) -> (Vec<u8>, u64) {
        let mut state = self.state.lock();
        if state.waiting.is_empty() {
            state.is_asleep = true;
            self.has_lines.wait_for(&mut state, LOOK);
            state.is_asleep = false;
            drop(state);
            std::thread::sleep(GATHER);
            state = self.state.lock();
        }
        state.is_writing = true;
        (std::mem::take(&mut state.waiting), std::mem::take(&mut state.dropped))
    }
}

/// A descriptor of its own: the standard library's is behind a lock, which would be held for as long as nobody reads.
pub fn standard_error() -> io::Result<File> {
    Ok(File::from(io::stderr().as_fd().try_clone_to_owned()?))
}

fn write_all(out: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(FULL_PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Where the lines of a logger go.
pub struct Lines(pub Arc<Writer>);

impl Write for Lines {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.0.push(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Takes nothing until it is let.
    struct Pipe {
        is_let: Receiver<()>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.is_let.recv().is_err() {
                // The test is over; the thread is left behind.
                std::thread::park();
            }
            let _ = self.written.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A supervisor had stopped reading: all workers hung in a write of a line of the log.
    #[test]
    fn nobody_waits_for_a_pipe_that_nobody_drains() {
        let (let_it, is_let) = channel();
        let (written, all) = channel();
        let writer = Arc::new(Writer::default());
        let own = writer.clone();
        std::thread::spawn(move || {
            own.run(Pipe { is_let, written }, |count| format!("dropped {count}\n"), || {});
        });
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        let lines = 2 * WAITING_BYTES_MAX / line.len();
        for _ in 0..lines {
            writer.push(&line);
        }
        assert!(writer.dropped() > 0);
        writer.flush(Duration::from_millis(1));
        let mut text = Vec::new();
        while !text.windows(7).any(|part| part == b"dropped") {
            let_it.send(()).expect("it runs");
            text.extend(all.recv().expect("it writes"));
        }
        let kept = text.iter().filter(|byte| **byte == b'\n').count() as u64 - 1;
        assert_eq!(kept + writer.dropped(), lines as u64, "each was written or counted");
        assert!(text.ends_with(format!("dropped {}\n", writer.dropped()).as_bytes()));
    }
}
