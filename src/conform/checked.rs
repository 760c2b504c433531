//! The outcome of checking a rule.

/// Why a rule did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It was broken; this came instead.
    Failed(String),
    /// It could not be checked on this server.
    Skipped(String),
}

pub type Checked<T = ()> = Result<T, Broken>;

pub fn failed<T>(instead: impl Into<String>) -> Checked<T> {
    Err(Broken::Failed(instead.into()))
}

pub fn skipped<T>(why: impl Into<String>) -> Checked<T> {
    Err(Broken::Skipped(why.into()))
}

/// Fails with `instead` unless it holds.
pub fn holds(condition: bool, instead: impl FnOnce() -> String) -> Checked {
    if condition { Ok(()) } else { failed(instead()) }
}
