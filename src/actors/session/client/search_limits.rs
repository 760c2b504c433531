//! How often a search may be started over matching sockets. A search may be cancelled at once and started again, and
//! each time drivers' phones hear of it.
//!
//! Invariant: a refused search counts for neither limit.

use crate::domain::ride::RideId;
use crate::rate_limit::{KeyedLimiter, Rate, RetryAfter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Instant;

/// Keys of each limiter: some 10 MB at most, and more rides than are searched for within a minute.
const KEYS_MAX: usize = 100_000;

pub struct SearchLimits {
    /// Not by socket: who comes in again has the same limit.
    by_ride: KeyedLimiter<RideId>,
    by_address: KeyedLimiter<IpAddr>,
}

impl SearchLimits {
    /// A minute: searches for one ride, and those of all who have no account and come from one address.
    pub fn new(per_ride: NonZeroU32, per_address: NonZeroU32) -> Self {
        Self {
            by_ride: KeyedLimiter::new(Rate::per_minute(per_ride), KEYS_MAX),
            by_address: KeyedLimiter::new(Rate::per_minute(per_address), KEYS_MAX),
        }
    }

    /// `stranger` is where somebody without an account comes from.
    pub fn check(&self, ride: &RideId, stranger: Option<IpAddr>, now: Instant) -> Result<(), RetryAfter> {
        self.by_ride.check(ride.clone(), now)?;
        let Some(address) = stranger else { return Ok(()) };
        self.by_address.check(address, now).inspect_err(|_| self.by_ride.give_back(ride))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ride(id: &str) -> RideId {
        RideId::new(id).expect("a ride id")
    }

    #[test]
    fn a_ride_and_an_address_have_a_limit_each_and_what_is_refused_counts_for_neither() {
        let per_minute = |count| NonZeroU32::new(count).expect("not 0");
        let limits = SearchLimits::new(per_minute(2), per_minute(3));
        let (here, there) = (IpAddr::from([192, 0, 2, 7]), IpAddr::from([192, 0, 2, 8]));
        let now = Instant::now();
        assert!((0..2).all(|_| limits.check(&ride("1"), Some(here), now).is_ok()));
        assert!(limits.check(&ride("1"), Some(here), now).is_err(), "the ride's limit");
        assert!(limits.check(&ride("2"), Some(here), now).is_ok(), "the address has one left");
        assert!(limits.check(&ride("2"), Some(here), now).is_err(), "the address's limit");
        assert!(limits.check(&ride("2"), Some(there), now).is_ok(), "the ride has one left");
        assert!(limits.check(&ride("3"), None, now).is_ok(), "with an account the address does not matter");
    }
}
