//! The regular look at the store: the time up to which it has looked, and the drivers read meanwhile for another
//! reason. Pure.
//!
//! A look's rows are older than the moment at which they arrive. A driver who was read since the look began, because a
//! change was announced, is newer and stays.

use crate::domain::ids::DriverId;
use chrono::{DateTime, Utc};
use std::collections::HashSet;

pub struct StoreLook {
    looked_at: DateTime<Utc>,
    /// The drivers read since the current look began.
    read_since: Option<HashSet<DriverId>>,
}

impl StoreLook {
    /// The store was read as it was then.
    pub fn new(looked_at: DateTime<Utc>) -> Self {
        Self { looked_at, read_since: None }
    }

    /// Begins a look, and returns the time up to which the last one saw; `None` while one is running.
    pub fn begin(&mut self) -> Option<DateTime<Utc>> {
        if self.read_since.is_some() {
            return None;
        }
        self.read_since = Some(HashSet::new());
        Some(self.looked_at)
    }

    /// A driver was read for another reason.
    pub fn read(&mut self, driver: DriverId) {
        if let Some(read) = &mut self.read_since {
            read.insert(driver);
        }
    }

    /// The look that began at `began_at` is over. Returns whose rows it must not bring.
    pub fn succeeded(&mut self, began_at: DateTime<Utc>) -> HashSet<DriverId> {
        self.looked_at = began_at;
        self.read_since.take().unwrap_or_default()
    }

    pub fn failed(&mut self) {
        self.read_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look read a driver who was on a ride. Before its rows arrived the ride was cancelled, the driver was announced to be
    /// free and was offered the next two. Then the look's row took them out of the index again, and both offers were withdrawn:
    /// nobody is asked twice, so they never heard of those rides again. One in some eight hundred races ended so.
    #[test]
    fn what_a_look_brings_does_not_undo_what_was_read_since_it_began() {
        let at = |secs| DateTime::from_timestamp(secs, 0).expect("a time");
        let (free_by_now, other) = (DriverId(1), DriverId(2));
        let mut look = StoreLook::new(at(0));
        look.read(other);
        assert_eq!(look.begin(), Some(at(0)));
        assert_eq!(look.begin(), None, "one at a time");
        look.read(free_by_now);
        assert_eq!(look.succeeded(at(2)), HashSet::from([free_by_now]));
        assert_eq!(look.begin(), Some(at(2)));
        look.failed();
        assert_eq!(look.begin(), Some(at(2)), "what was not seen is looked at again");
        assert_eq!(look.succeeded(at(4)), HashSet::new());
    }
}
