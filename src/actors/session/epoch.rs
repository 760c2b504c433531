//! The transport's own time, which measures how long ago something happened.
//!
//! Invariant: monotonic, and not the time of day; it never leaves the transport.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::time::Instant;

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since the transport was first used.
pub(super) fn now_ms() -> u64 {
    EPOCH.elapsed().as_millis() as u64
}

/// The moment that was `at_ms` after it.
pub(super) fn instant(at_ms: u64) -> std::time::Instant {
    EPOCH.into_std() + Duration::from_millis(at_ms)
}
