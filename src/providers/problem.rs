//! What every provider works with, and why one can't be made.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::payload::Written;
use crate::clock::SharedClock;
use crate::metrics::Metrics;

/// The services and limits that every provider uses.
#[derive(Clone)]
pub(super) struct Tools {
    pub clock: SharedClock,
    pub metrics: Arc<Metrics>,
    pub tls: ClientConfig,
    pub timeout: Duration,
}

impl Tools {
    /// The bytes to send; counts the notification if its text had to be shortened.
    pub(super) fn counted(&self, written: Written) -> Vec<u8> {
        if written.is_shortened {
            self.metrics.push_texts_shortened.increment(1);
        }
        written.body
    }
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Why a service with credentials can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ProviderProblem {
    #[error("{setting}: the file can't be read")]
    File { setting: &'static str, source: io::Error },
    #[error("{setting}: {what}")]
    Account { setting: &'static str, what: String },
    #[error("{setting}: expected {expected} in PEM form")]
    Key { setting: &'static str, expected: &'static str },
    #[error("PUSH_CA_FILE: no usable certificate in PEM form")]
    Authorities,
    #[error(
        "no certificate authorities to verify the push services with: install the system's, or set PUSH_CA_FILE"
    )]
    NoAuthorities(#[source] rustls::Error),
    #[error("can't make connections to push services")]
    Connections(#[from] reqwest::Error),
}

/// Everything that is wrong, at once.
#[derive(Debug)]
pub struct ProviderProblems(pub Vec<ProviderProblem>);

impl fmt::Display for ProviderProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "push notifications can't be sent with these settings:")?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
            if let Some(source) = problem.source() {
                write!(f, ": {source}")?;
            }
        }
        Ok(())
    }
}

impl Error for ProviderProblems {}
