//! The server's process: starting it, reading its output and ending it. Its output goes into files, which need no
//! reader and remain as evidence when a test fails.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use super::DEADLINE;

pub type Settings = BTreeMap<String, String>;

const BINARY: &str = env!("CARGO_BIN_EXE_fleetwire");
const LISTENING: &str = "Fleetwire is listening on http://";
const POLL: Duration = Duration::from_millis(10);

pub struct Process {
    child: Child,
}

/// The result of starting a `serve`.
pub enum Start {
    Listening { process: Process, port: u16 },
    Refused { status: ExitStatus, log: String },
}

pub fn stdout_file(directory: &Path) -> PathBuf {
    directory.join("stdout")
}

pub fn log_file(directory: &Path) -> PathBuf {
    directory.join("log")
}

/// Nothing is inherited, so that a developer's own settings never change what a test means.
fn command(directory: &Path, settings: &Settings) -> Command {
    let mut command = Command::new(BINARY);
    command.env_clear().envs(settings).env("RUST_BACKTRACE", "1");
    for inherited in ["PATH", "TMPDIR", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(inherited) {
            command.env(inherited, value);
        }
    }
    command.current_dir(directory).stdin(Stdio::null());
    command
}

fn appended(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("the test's directory is writable")
}

fn read_from(path: &Path, offset: u64) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(bytes.get(offset as usize..).unwrap_or_default()).into_owned()
}

/// The port in the line that the server prints once it is ready; a line still being written does not count.
fn announced_port(stdout: &str) -> Option<u16> {
    let complete = &stdout[..stdout.rfind('\n')?];
    complete.lines().find_map(port_of)
}

fn port_of(line: &str) -> Option<u16> {
    line.strip_prefix(LISTENING)?.trim().rsplit(':').next()?.parse().ok()
}

/// The ports of every server that was started in this directory.
pub fn announced_ports(directory: &Path) -> Vec<u16> {
    read_from(&directory.join("stdout"), 0).lines().filter_map(port_of).collect()
}

/// Starts `serve` with these for its output, and waits for nothing.
pub fn spawn(directory: &Path, settings: &Settings, stdout: Stdio, stderr: Stdio) -> Process {
    let mut command = command(directory, settings);
    command.arg("serve").stdout(stdout).stderr(stderr);
    Process { child: command.spawn().expect("the server's binary is built and runs") }
}

/// Starts `serve` and waits until it either listens or has ended.
pub async fn serve(directory: &Path, settings: &Settings) -> Start {
    let (stdout, log) = (stdout_file(directory), log_file(directory));
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let (stdout_before, log_before) = (length(&stdout), length(&log));
    let mut process = spawn(directory, settings, appended(&stdout).into(), appended(&log).into());
    let give_up = Instant::now() + DEADLINE * 3;
    loop {
        if let Some(port) = announced_port(&read_from(&stdout, stdout_before)) {
            return Start::Listening { process, port };
        }
        if let Some(status) = process.child.try_wait().expect("a child of ours can be waited for") {
            return Start::Refused { status, log: read_from(&log, log_before) };
        }
        assert!(Instant::now() < give_up, "not listening in time:\n{}", read_from(&log, log_before));
        tokio::time::sleep(POLL).await;
    }
}

/// Runs another subcommand to its end.
pub async fn run(directory: &Path, settings: &Settings, arguments: &[&str]) -> Output {
    finish(command(directory, settings), arguments, DEADLINE * 3).await
}

/// The same of one that is to take its time.
pub async fn run_within(
    directory: &Path,
    settings: &Settings,
    arguments: &[&str],
    deadline: Duration,
) -> Output {
    finish(command(directory, settings), arguments, deadline).await
}

/// The same with something to read.
pub async fn run_fed(directory: &Path, settings: &Settings, arguments: &[&str], input: &str) -> Output {
    let file = directory.join("input");
    std::fs::write(&file, input).expect("the test's directory is writable");
    let mut command = command(directory, settings);
    command.stdin(File::open(&file).expect("it was written"));
    finish(command, arguments, DEADLINE * 3).await
}

async fn finish(command: Command, arguments: &[&str], deadline: Duration) -> Output {
    let mut command = tokio::process::Command::from(command);
    command.args(arguments).kill_on_drop(true);
    let output = tokio::time::timeout(deadline, command.output()).await;
    output.expect("a subcommand ends in time").expect("the server's binary is built and runs")
}

impl Process {
    /// Its resident memory, in MiB.
    pub fn memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        resident.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") / 1024
    }

    /// kill -9: nothing in the process gets a chance to tidy up.
    pub fn kill(mut self) {
        self.end();
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} could not be sent");
    }

    /// SIGTERM, then the exit status and the time that it took.
    pub async fn terminate(self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        self.signal("TERM");
        (self.ended().await, begun.elapsed())
    }

    /// The exit status, once it has ended.
    pub async fn ended(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours can be waited for") {
                return status;
            }
            assert!(begun.elapsed() < DEADLINE, "still running after {DEADLINE:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
