//! What others hold of the matcher: receipts cost it no message each.

use crate::actors::matcher::actor::{Matcher, Seen};
use crate::actors::matcher::receipts::Receipts;
use crate::clock::SharedClock;
use crate::domain::ids::{AccountId, DriverId, EventId, JobId};
use actix::Addr;
use chrono::{DateTime, Utc};
use std::sync::Arc;

#[derive(Clone)]
pub struct MatcherHandle {
    receipts: Arc<Receipts>,
    clock: SharedClock,
    pub matcher: Addr<Matcher>,
}

impl MatcherHandle {
    pub(super) fn new(receipts: Arc<Receipts>, clock: SharedClock, matcher: Addr<Matcher>) -> Self {
        Self { receipts, clock, matcher }
    }

    /// An event is about to be handed to the sessions of its account that tells of an offer. `until` is a time of day.
    pub fn offered(&self, account: AccountId, event: EventId, job: JobId, until: DateTime<Utc>) {
        self.receipts.awaits(account, event, job, self.clock.moment().steady_until(until));
    }

    /// The driver's device has confirmed events. Each offer is told once, so the mailbox does not grow by more than there are
    /// offers.
    pub fn confirmed(&self, driver: DriverId, account: AccountId, events: impl Iterator<Item = EventId>) {
        for job in events.filter_map(|event| self.receipts.take(account, event)) {
            self.matcher.do_send(Seen { job, driver });
        }
    }
}
