//! Limits: the one table of them ([`TABLE`]), and their parts: a token bucket ([`TokenBucket`]; each socket has two of
//! its own), many of them under keys ([`KeyedLimiter`]), a number at a time for each key ([`Census`]), and guesses at
//! passwords ([`Guesses`]). The caller passes the time, so nothing here waits or reads a clock.
//!
//! Invariants: within any stretch of time a bucket lets through at most its burst and what the rate has refilled;
//! a limiter never holds more keys than it was told.

mod accounts;
mod bucket;
mod census;
mod guesses;
mod recent;
mod table;

pub use accounts::AccountLimits;
pub use bucket::{Rate, RetryAfter, TokenBucket};
pub use census::{Census, Counted};
pub use guesses::{Guess, Guesses};
pub use table::{Bound, Limit, Row, TABLE};

use parking_lot::Mutex;
use recent::{Fades, Recent};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

impl Fades for TokenBucket {
    fn matters(&self, now: Instant) -> bool {
        !self.is_full(now)
    }
}

/// One bucket for each key, all of one rate, for use from any thread. A key that was not used in the time that an empty
/// bucket takes to fill up has a full one, which says nothing and is dropped.
#[derive(Debug)]
pub struct KeyedLimiter<K> {
    rate: Rate,
    buckets: Mutex<Recent<K, TokenBucket>>,
}

impl<K: Hash + Eq> KeyedLimiter<K> {
    /// `keys_max` bounds the memory: a key and its bucket take about 48 bytes, plus what the key itself points to.
    pub fn new(rate: Rate, keys_max: usize) -> Self {
        KeyedLimiter { rate, buckets: Mutex::new(Recent::new(rate.refill(), keys_max)) }
    }

    /// Takes a token from the key's bucket.
    pub fn check(&self, key: K, now: Instant) -> Result<(), RetryAfter> {
        self.buckets.lock().entry(key, || TokenBucket::full(now), now).take(self.rate, now)
    }

    /// Takes as many tokens, if there is one.
    pub fn charge(&self, key: K, count: u32, now: Instant) -> Result<(), RetryAfter> {
        self.buckets.lock().entry(key, || TokenBucket::full(now), now).charge(self.rate, count, now)
    }

    /// Gives back a token that was taken: what was limited turned out to be harmless.
    pub fn give_back(&self, key: &K) {
        if let Some(bucket) = self.buckets.lock().get_mut(key) {
            bucket.give_back(self.rate);
        }
    }

    /// Keys held at present, never more than allowed.
    pub fn keys(&self) -> usize {
        self.buckets.lock().len()
    }

    /// Keys whose limit was forgotten because there were too many of them.
    pub fn forgotten(&self) -> u64 {
        self.buckets.lock().forgotten()
    }
}

/// The key of an address: an IPv4 address counts as itself, however it is written; an IPv6 address counts as its /64,
/// since one subscriber has all of that and could otherwise appear as a new address each time.
pub fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU32;
    use std::time::Duration;

    fn count(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn all_of_a_minute_may_come_at_once_and_then_one_each_interval() {
        let limiter = KeyedLimiter::new(Rate::per_minute(count(30)), 100);
        let start = Instant::now();
        for _ in 0..30 {
            assert_eq!(limiter.check("driver 1", start), Ok(()));
        }
        let refused = limiter.check("driver 1", start).unwrap_err();
        assert_eq!(refused.as_secs(), 2);
        assert_eq!(limiter.check("driver 1", start + SECOND).unwrap_err().as_secs(), 1);
        assert_eq!(limiter.check("driver 1", start + 2 * SECOND), Ok(()));
        assert!(limiter.check("driver 1", start + 2 * SECOND).is_err());
    }

    #[test]
    fn one_key_does_not_pay_for_another() {
        let limiter = KeyedLimiter::new(Rate::per_minute(count(1)), 100);
        let start = Instant::now();
        assert_eq!(limiter.check("a", start), Ok(()));
        assert_eq!(limiter.check("b", start), Ok(()));
        assert!(limiter.check("a", start).is_err());
    }

    #[test]
    fn what_is_owed_is_waited_for() {
        let limiter = KeyedLimiter::new(Rate::per_minute(count(60)), 100);
        let start = Instant::now();
        assert_eq!(limiter.charge("driver", 100, start), Ok(()), "there was one");
        assert_eq!(limiter.check("driver", start).unwrap_err().as_secs(), 41);
        assert_eq!(limiter.check("driver", start + 41 * SECOND), Ok(()));
    }

    #[test]
    fn keys_unused_for_a_refill_are_dropped_and_none_was_owed_anything() {
        let limiter = KeyedLimiter::new(Rate::per_minute(count(10)), 1000);
        let start = Instant::now();
        for key in 0..400 {
            limiter.check(key, start).unwrap();
        }
        assert_eq!(limiter.keys(), 400);
        limiter.check(0, start + 60 * SECOND).unwrap();
        limiter.check(0, start + 120 * SECOND).unwrap();
        assert_eq!(limiter.keys(), 1);
        assert_eq!(limiter.forgotten(), 0);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_no_more() {
        let limiter = KeyedLimiter::new(Rate::per_minute(count(2)), 10);
        let now = Instant::now();
        for _ in 0..100 {
            limiter.check("driver", now).unwrap();
            limiter.give_back(&"driver");
        }
        limiter.give_back(&"nobody");
        limiter.check("driver", now).unwrap();
        limiter.check("driver", now).unwrap();
        assert!(limiter.check("driver", now).is_err());
    }

    #[test]
    fn a_flood_of_keys_forgets_the_longest_unused_first_and_counts_them() {
        let limiter = KeyedLimiter::new(Rate::per_minute(count(1)), 10);
        let start = Instant::now();
        limiter.check(u32::MAX, start).unwrap();
        for key in 0..100 {
            assert_eq!(limiter.check(key, start), Ok(()));
            assert!(limiter.keys() <= 10);
            // A client that keeps asking is not forgotten.
            assert!(limiter.check(u32::MAX, start).is_err());
        }
        assert!(limiter.forgotten() > 0);
        assert_eq!(limiter.check(0, start), Ok(()), "forgotten, so let in again");
    }

    #[test]
    fn an_ipv6_subscriber_is_one_address_and_a_mapped_one_is_ipv4() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2:aaaa::1"), key("2001:db8:1:2:bbbb::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"));
        assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
    }

    proptest! {
        /// For any traffic, a limiter with room for all keys decides as one bucket for each key would.
        #[test]
        fn dropping_keys_never_changes_a_decision(asks in prop::collection::vec((0u8..8, 0u64..40), 1..300)) {
            let rate = Rate::per_minute(count(3));
            let limiter = KeyedLimiter::new(rate, 16);
            let start = Instant::now();
            let mut now = start;
            let mut buckets = [TokenBucket::full(start); 8];
            for (key, step_secs) in asks {
                now += Duration::from_secs(step_secs);
                let expected = buckets[usize::from(key)].take(rate, now);
                prop_assert_eq!(limiter.check(key, now), expected);
                prop_assert!(limiter.keys() <= 16);
            }
            prop_assert_eq!(limiter.forgotten(), 0);
        }

    }
}
