//! Time, for all sessions at once: one task that looks at them from outside their actors, because the actor of a client
//! that does not read is frozen, timers included. It also knows every session there is, so it drains them at shutdown.
//!
//! Sessions enter when their actor starts and leave when it ends, by id; the entries here keep no actor alive.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use uuid::Uuid;

use super::{
    epoch::now_ms,
    handle::{KillReason, Watched},
    limits::{Activity, TransportLimits, TransportMetrics},
};
use crate::contracts::close_codes::CloseCode;

/// So that looking at thousands of sessions never keeps a new one waiting for all of them.
const SHARDS: usize = 16;
/// How often a drain looks whether the last session is gone.
const DRAIN_POLL: Duration = Duration::from_millis(10);

/// Every session of the server, and the task that watches them. Clones are the same reaper.
#[derive(Clone)]
pub struct Reaper(Arc<Inner>);

struct Inner {
    shards: [Mutex<HashMap<Uuid, Arc<dyn Watched>>>; SHARDS],
    sessions: AtomicUsize,
    draining: AtomicBool,
    metrics: Arc<TransportMetrics>,
}

/// The result of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Sessions that were told to go.
    pub told: usize,
    /// Those of them that had to be shut down.
    pub killed: usize,
}

impl Reaper {
    /// Starts the watch, on the runtime of the caller; once a `sweep` (1 s) every session is looked at. It ends with the
    /// last clone.
    pub fn start(sweep: Duration, metrics: TransportMetrics) -> Self {
        let inner = Arc::new(Inner {
            shards: Default::default(),
            sessions: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            metrics: Arc::new(metrics),
        });
        let watched = Arc::downgrade(&inner);
        tokio::spawn(async move {
            let mut ticks = interval(sweep);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let Some(inner) = watched.upgrade() else {
                    return;
                };
                inner.sweep(now_ms());
            }
        });
        Self(inner)
    }

    /// Live sessions.
    pub fn len(&self) -> usize {
        self.0.sessions.load(Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether [`Reaper::close_all`] has begun: no more sessions are let in.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Relaxed)
    }

    /// Closes every session, evenly over `over`, so that not all clients come back in the same instant; waits for them as
    /// long as their close time-out; kills those that are left. For the server's end: no new session is let in after it.
    pub async fn close_all(&self, code: CloseCode, reason: &str, over: Duration) -> Drained {
        self.0.draining.store(true, Relaxed);
        let sessions = self.0.all();
        let told = sessions.len();
        let begun = Instant::now();
        for (n, session) in (0u32..).zip(&sessions) {
            let turn = begun + over * n / told as u32;
            // Timers have a grain of a millisecond; thousands of sessions would wait for as many grains.
            if turn > Instant::now() + Duration::from_millis(1) {
                sleep_until(turn).await;
            }
            session.request_close(code, reason);
        }
        let patience =
            sessions.iter().map(|session| session.limits().close_timeout).max().unwrap_or_default();
        drop(sessions);
        let all_gone = async {
            while !self.is_empty() {
                sleep(DRAIN_POLL).await;
            }
        };
        if timeout(patience, all_gone).await.is_ok() {
            return Drained { told, killed: 0 };
        }
        let left = self.0.all();
        left.iter().for_each(|session| session.kill(KillReason::Unclosed));
        Drained { told, killed: left.len() }
    }

    pub(super) fn metrics(&self) -> &Arc<TransportMetrics> {
        &self.0.metrics
    }

    pub(super) fn enter(&self, id: Uuid, session: Arc<dyn Watched>) {
        self.0.shard(id).insert(id, session);
        self.0.sessions.fetch_add(1, Relaxed);
        self.0.metrics.sessions.increment(1);
    }

    pub(super) fn leave(&self, id: Uuid) {
        if self.0.shard(id).remove(&id).is_some() {
            self.0.sessions.fetch_sub(1, Relaxed);
            self.0.metrics.sessions.decrement(1);
        }
    }
}

impl Inner {
    fn shard(&self, id: Uuid) -> MutexGuard<'_, HashMap<Uuid, Arc<dyn Watched>>> {
        self.shards[usize::from(id.as_bytes()[0]) % SHARDS].lock()
    }

    fn all(&self) -> Vec<Arc<dyn Watched>> {
        self.shards.iter().flat_map(|shard| shard.lock().values().cloned().collect::<Vec<_>>()).collect()
    }

    fn sweep(&self, now_ms: u64) {
        for shard in &self.shards {
            for session in shard.lock().values() {
                match verdict(Signs::of(session.as_ref()), now_ms, session.limits()) {
                    Care::Leave => {}
                    Care::Ping => {
                        session.vitals().pinged_ms.store(now_ms, Relaxed);
                        session.request_ping();
                    }
                    Care::Idle => {
                        self.metrics.idle.increment(1);
                        session.request_close(CloseCode::IdleTimeout, CloseCode::IdleTimeout.reason());
                    }
                    Care::Kill(reason) => session.kill(reason),
                }
            }
        }
    }
}

/// A session's state at one moment.
#[derive(Clone, Copy, Debug)]
struct Signs {
    heard_ms: u64,
    active_ms: u64,
    pinged_ms: u64,
    close_deadline_ms: Option<(u64, KillReason)>,
}

impl Signs {
    fn of(session: &dyn Watched) -> Self {
        let vitals = session.vitals();
        Self {
            heard_ms: vitals.heard_ms.load(Relaxed),
            active_ms: vitals.active_ms.load(Relaxed),
            pinged_ms: vitals.pinged_ms.load(Relaxed),
            close_deadline_ms: session.close_deadline_ms(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    Leave,
    Ping,
    Idle,
    Kill(KillReason),
}

fn verdict(signs: Signs, now_ms: u64, limits: &TransportLimits) -> Care {
    let since = |then_ms: u64| Duration::from_millis(now_ms.saturating_sub(then_ms));
    if let Some((deadline_ms, reason)) = signs.close_deadline_ms {
        return if now_ms >= deadline_ms { Care::Kill(reason) } else { Care::Leave };
    }
    let active_ms = match limits.activity {
        Activity::TextOrPing => signs.active_ms,
        Activity::AnyFrame => signs.heard_ms.max(signs.active_ms),
    };
    if since(signs.heard_ms) >= limits.heartbeat * 5 / 2 {
        Care::Kill(KillReason::Vanished)
    } else if since(active_ms) >= limits.idle_timeout {
        Care::Idle
    } else if since(signs.heard_ms.max(signs.pinged_ms)) >= limits.heartbeat {
        Care::Ping
    } else {
        Care::Leave
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Signs =
        Signs { heard_ms: 1_000, active_ms: 1_000, pinged_ms: 1_000, close_deadline_ms: None };

    fn limits(activity: Activity) -> TransportLimits {
        TransportLimits {
            idle_timeout: Duration::from_secs(300),
            heartbeat: Duration::from_secs(30),
            activity,
            ..TransportLimits::default()
        }
    }

    fn verdict_on(signs: Signs, now_ms: u64) -> Care {
        verdict(signs, now_ms, &limits(Activity::TextOrPing))
    }

    #[test]
    fn a_silent_client_is_pinged_once_a_heartbeat_and_then_given_up() {
        assert_eq!(verdict_on(FRESH, 30_999), Care::Leave);
        assert_eq!(verdict_on(FRESH, 31_000), Care::Ping);
        let pinged = Signs { pinged_ms: 31_000, ..FRESH };
        assert_eq!(verdict_on(pinged, 32_000), Care::Leave);
        assert_eq!(verdict_on(pinged, 61_000), Care::Ping);
        let pinged_twice = Signs { pinged_ms: 61_000, ..FRESH };
        assert_eq!(verdict_on(pinged_twice, 75_999), Care::Leave);
        assert_eq!(verdict_on(pinged_twice, 76_000), Care::Kill(KillReason::Vanished));
    }

    #[test]
    fn pongs_are_activity_only_where_any_frame_is() {
        let only_pongs = Signs { heard_ms: 300_000, pinged_ms: 300_000, ..FRESH };
        assert_eq!(verdict(only_pongs, 301_000, &limits(Activity::TextOrPing)), Care::Idle);
        assert_eq!(verdict(only_pongs, 301_000, &limits(Activity::AnyFrame)), Care::Leave);
    }

    #[test]
    fn a_close_is_waited_for_until_its_deadline_whatever_else_is_due() {
        let closing = Signs { close_deadline_ms: Some((500_000, KillReason::Slow)), ..FRESH };
        assert_eq!(verdict_on(closing, 499_999), Care::Leave);
        assert_eq!(verdict_on(closing, 500_000), Care::Kill(KillReason::Slow));
    }
}
