//! The transport's own time, which measures how long ago something happened.
//!
//! Invariant: monotonic, and not the time of day; it never leaves the transport.

use std::sync::LazyLock;

use tokio::time::Instant;

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since the transport was first used.
pub(super) fn now_ms() -> u64 {
    EPOCH.elapsed().as_millis() as u64
}
