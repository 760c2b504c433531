//! Limits: the one table of them ([`TABLE`]), and what they are made of: a token bucket ([`Bucket`]), many of them under keys
//! ([`KeyedLimiter`]), a number at a time for each key ([`Census`]), and guesses at passwords ([`Guesses`]). The caller gives the
//! time, so nothing here waits or reads a clock.
//!
//! Invariants: within any stretch of time a bucket lets through at most its burst and what the rate has refilled;
//! a limiter never holds more keys than it was told.

mod accounts;
mod census;
mod guesses;
mod recent;
mod table;

pub use accounts::AccountLimits;
pub use census::{Census, Counted};
pub use guesses::{Guess, Guesses};
pub use table::{Bound, Limit, Row, TABLE};

use parking_lot::Mutex;
use recent::{Fades, Recent};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// How often something may be done, steadily and at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Time in which one token comes back.
    interval: Duration,
    /// Time in which an empty bucket fills up.
    refill: Duration,
}

impl Rate {
    /// `count` a minute, all of which may come at once.
    pub fn per_minute(count: NonZeroU32) -> Self {
        Rate::new(count, Duration::from_secs(60), count)
    }

    /// `count` a second, and up to `burst` at once.
    pub fn per_second(count: NonZeroU32, burst: NonZeroU32) -> Self {
        Rate::new(count, Duration::from_secs(1), burst)
    }

    fn new(count: NonZeroU32, period: Duration, burst: NonZeroU32) -> Self {
        let interval = period / count.get();
        Rate { interval, refill: interval.saturating_mul(burst.get()) }
    }
}

/// Refused: there will be a token again after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("over the limit, again in {} s", self.as_secs())]
pub struct RetryAfter(Duration);

impl RetryAfter {
    pub(crate) const fn new(wait: Duration) -> Self {
        Self(wait)
    }

    /// Whole seconds, rounded up and at least 1, as the header `Retry-After` wants it.
    pub fn as_secs(self) -> u64 {
        (self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)).max(1)
    }

    pub fn as_duration(self) -> Duration {
        self.0
    }
}

/// A token bucket, kept as the one instant at which it will be full again: 16 bytes, and nothing to refill.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// A full one.
    pub fn full(now: Instant) -> Self {
        Bucket { full_at: now }
    }

    /// Takes a token. What is refused takes none, so whoever keeps asking waits no longer for it.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), RetryAfter> {
        let full_at = self.full_at.max(now) + rate.interval;
        let missing = full_at.duration_since(now);
        match missing.checked_sub(rate.refill) {
            Some(excess) if !excess.is_zero() => Err(RetryAfter(excess)),
            _ => {
                self.full_at = full_at;
                Ok(())
            }
        }
    }

    /// Takes as many as `count`, if there is one: what is missing is owed.
    pub fn charge(&mut self, rate: Rate, count: u32, now: Instant) -> Result<(), RetryAfter> {
        self.take(rate, now)?;
        self.full_at += rate.interval.saturating_mul(count.saturating_sub(1));
        Ok(())
    }

    /// Undoes a `take`.
    pub fn give_back(&mut self, rate: Rate) {
        self.full_at = self.full_at.checked_sub(rate.interval).unwrap_or(self.full_at);
    }

    /// Full buckets are as good as none.
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

impl Fades for Bucket {
    fn matters(&self, now: Instant) -> bool {
        !self.is_full(now)
    }
}

/// One bucket for each key, all of one rate, for use from any thread. A key that was not used in the time that an empty bucket
/// takes to fill up has a full one, which says nothing and is dropped.
#[derive(Debug)]
pub struct KeyedLimiter<K> {
    rate: Rate,
    buckets: Mutex<Recent<K, Bucket>>,
}

impl<K: Hash + Eq> KeyedLimiter<K> {
    /// `keys_max` bounds the memory: a key and its bucket take about 48 bytes beside what the key itself points to.
    pub fn new(rate: Rate, keys_max: usize) -> Self {
        KeyedLimiter { rate, buckets: Mutex::new(Recent::new(rate.refill, keys_max)) }
    }

    /// Takes a token from the key's bucket.
    pub fn check(&self, key: K, now: Instant) -> Result<(), RetryAfter> {
        self.buckets.lock().entry(key, || Bucket::full(now), now).take(self.rate, now)
    }

    /// Takes as many tokens, if there is one.
    pub fn charge(&self, key: K, count: u32, now: Instant) -> Result<(), RetryAfter> {
        self.buckets.lock().entry(key, || Bucket::full(now), now).charge(self.rate, count, now)
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

/// What an address counts as: an IPv4 address itself, however it is written; an IPv6 address its /64, since one
/// subscriber has all of that and could otherwise appear as a new address each time.
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
    fn a_session_may_burst_to_more_than_its_rate() {
        let rate = Rate::per_second(count(50), count(200));
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        let taken = (0..1000).filter(|_| bucket.take(rate, start).is_ok()).count();
        assert_eq!(taken, 200);
        let later = start + SECOND;
        let taken = (0..1000).filter(|_| bucket.take(rate, later).is_ok()).count();
        assert_eq!(taken, 50);
        assert!(!bucket.is_full(later));
        assert!(bucket.is_full(later + 4 * SECOND));
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
    fn retry_after_is_never_zero_and_rounds_up() {
        assert_eq!(RetryAfter(Duration::from_millis(1)).as_secs(), 1);
        assert_eq!(RetryAfter(Duration::from_millis(1001)).as_secs(), 2);
        assert_eq!(RetryAfter(2 * SECOND).as_secs(), 2);
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
            // Whoever keeps asking is not forgotten.
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
        /// The plain definition of a token bucket, in whole milliseconds, agrees at every step.
        #[test]
        fn a_bucket_is_a_token_bucket(burst in 1u32..20, steps in prop::collection::vec(0u64..400, 1..200)) {
            let rate = Rate::per_second(count(10), count(burst));
            let start = Instant::now();
            let mut bucket = Bucket::full(start);
            let (mut millitokens, mut at_ms) = (u64::from(burst) * 100, 0);
            for step_ms in steps {
                at_ms += step_ms;
                // Ten a second: one hundred milliseconds for each token.
                millitokens = (millitokens + step_ms).min(u64::from(burst) * 100);
                let expected = millitokens >= 100;
                let taken = bucket.take(rate, start + Duration::from_millis(at_ms)).is_ok();
                prop_assert_eq!(taken, expected);
                if taken {
                    millitokens -= 100;
                }
            }
        }

        /// Whatever the traffic: a limiter with room for all keys decides as one bucket for each key would.
        #[test]
        fn dropping_keys_never_changes_a_decision(asks in prop::collection::vec((0u8..8, 0u64..40), 1..300)) {
            let rate = Rate::per_minute(count(3));
            let limiter = KeyedLimiter::new(rate, 16);
            let start = Instant::now();
            let mut now = start;
            let mut buckets = [Bucket::full(start); 8];
            for (key, step_secs) in asks {
                now += Duration::from_secs(step_secs);
                let expected = buckets[usize::from(key)].take(rate, now);
                prop_assert_eq!(limiter.check(key, now), expected);
                prop_assert!(limiter.keys() <= 16);
            }
            prop_assert_eq!(limiter.forgotten(), 0);
        }

        /// Told when to come again, one is let in then, and not sooner.
        #[test]
        fn retry_after_tells_the_truth(per_minute in 1u32..1000, early_ns in 1u64..1_000_000) {
            let rate = Rate::per_minute(count(per_minute));
            let start = Instant::now();
            let mut bucket = Bucket::full(start);
            let wait = loop {
                if let Err(refused) = bucket.take(rate, start) {
                    break refused.as_duration();
                }
            };
            let mut early = bucket;
            let sooner = start + wait.saturating_sub(Duration::from_nanos(early_ns));
            prop_assert!(early.take(rate, sooner).is_err());
            prop_assert!(bucket.take(rate, start + wait).is_ok());
        }
    }
}
