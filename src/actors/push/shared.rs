//! The state that the loops of the push actor share, and the handle that others hold.

use crate::actors::foundation::Foundation;
use crate::actors::push::alarm::Alarm;
use crate::actors::push::lane::Lane;
use crate::actors::push::outcomes::Outcomes;
use crate::actors::push::recipients::Recipients;
use crate::actors::push::under_way::UnderWay;
use crate::actors::push::verdict::Retrying;
use crate::actors::recorder::RecorderHandle;
use crate::clock::SharedClock;
use crate::domain::announcement::Announcement;
use crate::domain::push::PushService;
use crate::metrics::Metrics;
use crate::operations::push::{AttemptOutcome, PushRules};
use crate::store::Database;
use chrono::TimeDelta;
use chrono_tz::Tz;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use uuid::Uuid;

pub struct PushOptions {
    pub rules: PushRules,
    pub retrying: Retrying,
    /// When receipts of accepted notifications are asked for.
    pub receipt_after: TimeDelta,
    /// Time zone for customers who have not set one.
    pub zone: Tz,
    /// Development: what can't be sent is said in the log.
    pub log_unsent: bool,
}

pub struct PushState {
    // identity
    pub options: PushOptions,
    pub lanes: Vec<Arc<Lane>>,
    // peers
    pub database: Database,
    pub recorder: RecorderHandle,
    pub clock: SharedClock,
    pub metrics: Arc<Metrics>,
    // state
    pub deciding: Alarm,
    pub receipts: Alarm,
    pub recipients: Recipients,
    pub outcomes: Outcomes,
    pub settlements: Settlements,
    pub under_way: UnderWay,
    stopping: AtomicBool,
}

/// Outcomes of attempts on their way to the database. Each keeps its place in the lane until it is written, which
/// bounds their number.
#[derive(Default)]
pub struct Settlements {
    queue: Mutex<Vec<Settling>>,
    pub changed: Notify,
}

pub struct Settling {
    pub public_id: Option<Uuid>,
    pub verdict: AttemptOutcome,
    pub place: OwnedSemaphorePermit,
}

impl Settlements {
    pub fn push(&self, settling: impl IntoIterator<Item = Settling>) {
        self.queue.lock().extend(settling);
        self.changed.notify_one();
    }

    pub fn take(&self, count_max: usize) -> Vec<Settling> {
        let mut queue = self.queue.lock();
        let count = queue.len().min(count_max);
        queue.drain(..count).collect()
    }
}

impl PushState {
    pub fn new(
        options: PushOptions,
        foundation: &Foundation,
        lanes: Vec<Arc<Lane>>,
        recorder: RecorderHandle,
    ) -> Self {
        let Foundation { database, clock, metrics } = foundation.clone();
        Self {
            options,
            lanes,
            database,
            recorder,
            clock,
            metrics,
            deciding: Alarm::default(),
            receipts: Alarm::default(),
            recipients: Recipients::default(),
            outcomes: Outcomes::default(),
            settlements: Settlements::default(),
            under_way: UnderWay::default(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Something was committed. Called on the thread that committed it: sets alarms, and nothing else.
    pub fn heard(&self, announcement: &Announcement) {
        match announcement {
            Announcement::PushDue(at) => self.deciding.set(*at),
            Announcement::PushQueued => self.wake_lanes(),
            Announcement::DevicesChanged(customer) => self.recipients.forget(*customer),
            Announcement::Recorded { .. }
            | Announcement::AccessRevoked { .. }
            | Announcement::GrantRevoked { .. }
            | Announcement::DriverChanged(_)
            | Announcement::Search(_) => {}
        }
    }

    pub fn wake_lanes(&self) {
        let now = self.clock.now();
        self.lanes.iter().for_each(|lane| lane.alarm.set(now));
    }

    pub fn lane(&self, service: PushService) -> Option<&Arc<Lane>> {
        self.lanes.iter().find(|lane| lane.service() == service)
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Nothing more is begun.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake_lanes();
        self.deciding.set(self.clock.now());
        self.receipts.set(self.clock.now());
        self.outcomes.give_up();
    }
}
