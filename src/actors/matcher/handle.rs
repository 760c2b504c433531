//! The matcher's handle, which other actors hold: a receipt does not cost the matcher a message.

use crate::actors::matcher::actor::{Changed, DriverView, Explain, Matcher, News, OfferReceived};
use crate::actors::matcher::receipts::Receipts;
use crate::clock::SharedClock;
use crate::domain::announcement::SearchNews;
use crate::domain::candidate::Considered;
use crate::domain::ids::{AccountId, DriverId, EventId, JobId};
use crate::domain::position::Position;
use actix::{Addr, MailboxError, Message};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// The nearest available drivers. Answered from memory.
#[derive(Message)]
#[rtype(result = "Vec<FreeDriver>")]
pub struct Nearest {
    pub at: Position,
    /// Metres.
    pub radius_m: f64,
    pub count: usize,
    /// `None` takes every vehicle.
    pub vehicle_type: Option<String>,
}

/// The drivers who would be given an order, first to last, and those who would be passed over. Answered from memory.
#[derive(Message)]
#[rtype(result = "Vec<Considered>")]
pub struct Choose {
    pub at: Position,
    /// Metres.
    pub radius_m: f64,
    pub count: usize,
    pub except: Vec<DriverId>,
}

/// A driver who may be matched.
#[derive(Clone, Debug, PartialEq)]
pub struct FreeDriver {
    pub driver: DriverId,
    pub vehicle_type: String,
    /// Metres, great circle.
    pub distance_m: f64,
    pub position: Position,
    /// Of the position; `None` where no app measured it.
    pub age_secs: Option<i64>,
}

#[derive(Clone)]
pub struct MatcherHandle {
    receipts: Arc<Receipts>,
    clock: SharedClock,
    matcher: Addr<Matcher>,
}

impl MatcherHandle {
    pub(super) fn new(receipts: Arc<Receipts>, clock: SharedClock, matcher: Addr<Matcher>) -> Self {
        Self { receipts, clock, matcher }
    }

    /// An event is about to be handed to the sessions of its account that tells of an offer. `until` is a time of day.
    pub fn offered(&self, account: AccountId, event: EventId, job: JobId, until: DateTime<Utc>) {
        self.receipts.awaits(account, event, job, self.clock.moment().steady_until(until));
    }

    /// Searches were changed by a commit. The database's queue bounds the commits, and thereby the mailbox.
    pub fn searches(&self, news: Vec<SearchNews>) {
        self.matcher.do_send(News(news));
    }

    /// The stored data of these drivers has changed.
    pub fn changed(&self, drivers: Vec<DriverId>) {
        self.matcher.do_send(Changed(drivers));
    }

    /// The nearest available drivers.
    pub async fn nearest(&self, search: Nearest) -> Result<Vec<FreeDriver>, MailboxError> {
        self.matcher.send(search).await
    }

    /// The drivers who would be given an order.
    pub async fn choose(&self, choose: Choose) -> Result<Vec<Considered>, MailboxError> {
        self.matcher.send(choose).await
    }

    /// Everything known about one driver.
    pub async fn explain(&self, driver: DriverId) -> Result<DriverView, MailboxError> {
        self.matcher.send(Explain(driver)).await
    }

    /// False once it has died, which it does not come back from.
    pub fn is_alive(&self) -> bool {
        self.matcher.connected()
    }

    /// The driver's device has confirmed events. Each offer is told once, so the mailbox does not grow by more than there are
    /// offers.
    pub fn confirmed(&self, driver: DriverId, account: AccountId, events: impl Iterator<Item = EventId>) {
        for job in events.filter_map(|event| self.receipts.take(account, event)) {
            self.matcher.do_send(OfferReceived { job, driver });
        }
    }
}
