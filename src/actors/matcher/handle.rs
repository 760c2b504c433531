//! What sessions hold of the matcher: positions and receipts cost it no message each.

use crate::actors::matcher::actor::{Matcher, Seen};
use crate::actors::matcher::plausible::Sighting;
use crate::actors::matcher::receipts::Receipts;
use crate::domain::ids::{AccountId, DriverId, EventId, JobId};
use crate::domain::position::Fix;
use actix::Addr;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Positions that wait to be taken over, the newest of each driver.
#[derive(Default)]
pub struct Moves(Mutex<HashMap<DriverId, Sighting>>);

impl Moves {
    fn put(&self, driver: DriverId, sighting: Sighting) {
        let mut moves = self.lock();
        let newest = moves.entry(driver).or_insert(sighting);
        if newest.measured_at_ms <= sighting.measured_at_ms {
            *newest = sighting;
        }
    }

    pub fn take(&self) -> HashMap<DriverId, Sighting> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DriverId, Sighting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
pub struct MatcherHandle {
    moves: Arc<Moves>,
    receipts: Arc<Receipts>,
    pub matcher: Addr<Matcher>,
}

impl MatcherHandle {
    pub(super) fn new(moves: Arc<Moves>, receipts: Arc<Receipts>, matcher: Addr<Matcher>) -> Self {
        Self { moves, receipts, matcher }
    }

    /// A driver's app has told a position.
    pub fn moved(&self, driver: DriverId, fix: &Fix) {
        self.moves.put(driver, Sighting::from(fix));
    }

    /// An event is about to be handed to the sessions of its account that tells of an offer.
    pub fn offered(&self, account: AccountId, event: EventId, job: JobId, until: DateTime<Utc>) {
        self.receipts.awaits(account, event, job, until);
    }

    /// The driver's device has confirmed events. Each offer is told once, so the mailbox does not grow by more than there are
    /// offers.
    pub fn confirmed(&self, driver: DriverId, account: AccountId, events: impl Iterator<Item = EventId>) {
        for job in events.filter_map(|event| self.receipts.take(account, event)) {
            self.matcher.do_send(Seen { job, driver });
        }
    }
}
