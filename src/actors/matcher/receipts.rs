//! Offers that wait for a device's confirmation. Sessions ask here for each event that a driver's device has confirmed;
//! nearly always no offer waits, and the question costs one load.

use crate::domain::ids::{AccountId, EventId, JobId};
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bounded by the offers that are open: what has expired is let go of. Times are of the steady clock.
#[derive(Default)]
pub struct Receipts {
    awaited: Mutex<HashMap<(AccountId, EventId), Awaited>>,
    count: AtomicUsize,
}

#[derive(Clone, Copy)]
struct Awaited {
    job: JobId,
    until: DateTime<Utc>,
}

impl Receipts {
    /// The event tells its account of an offer that ends at `until`.
    pub fn awaits(&self, account: AccountId, event: EventId, job: JobId, until: DateTime<Utc>) {
        let mut awaited = self.awaited.lock();
        awaited.insert((account, event), Awaited { job, until });
        self.count.store(awaited.len(), Ordering::Release);
    }

    /// The ride whose offer the event was, if that is awaited. Told once.
    pub fn take(&self, account: AccountId, event: EventId) -> Option<JobId> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut awaited = self.awaited.lock();
        let taken = awaited.remove(&(account, event));
        self.count.store(awaited.len(), Ordering::Release);
        taken.map(|taken| taken.job)
    }

    /// Drops offers that nobody asks for any longer.
    pub fn let_go(&self, now: DateTime<Utc>) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut awaited = self.awaited.lock();
        awaited.retain(|_, one| one.until > now);
        awaited.shrink_to(64);
        self.count.store(awaited.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_told_once_and_not_for_ever() {
        let at = |secs| DateTime::from_timestamp(secs, 0).expect("a time");
        let receipts = Receipts::default();
        let (one, other) = (AccountId(1), AccountId(2));
        receipts.awaits(one, EventId(7), JobId(1), at(15));
        receipts.awaits(other, EventId(7), JobId(1), at(30));
        assert_eq!(receipts.take(one, EventId(8)), None);
        assert_eq!(receipts.take(one, EventId(7)), Some(JobId(1)));
        assert_eq!(receipts.take(one, EventId(7)), None);
        receipts.let_go(at(30));
        assert_eq!(receipts.take(other, EventId(7)), None);
    }
}
