//! The effect of signals: SIGTERM and SIGINT stop the server, SIGHUP reloads what can be reloaded, and a file that may
//! not grow further (SIGXFSZ) counts as a full disk, not as a reason to end.

use crate::app::logging;
use crate::app::tls::Tls;
use std::io;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The same number on each platform that this is built for, and not known by name to tokio.
const SIGXFSZ: i32 = 25;

/// SIGHUP, which from here on ends nothing.
pub struct Hangups(Signal);

impl Hangups {
    /// The first thing that a server does: a supervisor may send it at any time.
    pub fn catch() -> io::Result<Self> {
        // Heard by nobody; what was written fails with an error instead.
        drop(signal(SignalKind::from_raw(SIGXFSZ))?);
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Reloads at each one that comes, and at once for those that have come.
    pub async fn reload(mut self, tls: Option<Arc<Tls>>) {
        while self.0.recv().await.is_some() {
            log::info!("reloading signal=SIGHUP");
            logging::reload();
            if let Some(tls) = &tls {
                tls.reload();
            }
        }
    }
}

/// Returns when the server is to stop.
pub async fn terminated() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => log::info!("stopping signal=SIGTERM"),
        _ = interrupt.recv() => log::info!("stopping signal=SIGINT"),
    }
    Ok(())
}
