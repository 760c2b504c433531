//! A token bucket: how often something may be done steadily, and how much of it at once. Pure; the time comes with each
//! question.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// How often something may be done, steadily and at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
    refill: Duration,
}

impl Rate {
    /// `count` a minute, which may all come at once.
    pub fn per_minute(count: NonZeroU32) -> Self {
        Rate::new(count, Duration::from_secs(60), count)
    }

    /// `count` a second, and up to `burst` at once.
    pub fn per_second(count: NonZeroU32, burst: NonZeroU32) -> Self {
        Rate::new(count, Duration::from_secs(1), burst)
    }

    /// Time in which one token comes back.
    pub fn interval(self) -> Duration {
        self.interval
    }

    /// Time in which an empty bucket fills up.
    pub fn refill(self) -> Duration {
        self.refill
    }

    fn new(count: NonZeroU32, period: Duration, burst: NonZeroU32) -> Self {
        let interval = period / count.get();
        Rate { interval, refill: interval.saturating_mul(burst.get()) }
    }
}

/// Refused: there will be a token again after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("over the limit; try again in {} s", self.as_secs())]
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
pub struct TokenBucket {
    full_at: Instant,
}

impl TokenBucket {
    /// A full one.
    pub fn full(now: Instant) -> Self {
        TokenBucket { full_at: now }
    }

    /// Takes a token. A refused request takes none, so a client that keeps asking does not wait longer.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), RetryAfter> {
        self.has_token(rate, now)?;
        self.full_at = self.full_at.max(now) + rate.interval;
        Ok(())
    }

    /// Whether there is a token, without taking it.
    pub fn has_token(&self, rate: Rate, now: Instant) -> Result<(), RetryAfter> {
        let missing = self.full_at.saturating_duration_since(now) + rate.interval;
        match missing.checked_sub(rate.refill) {
            Some(excess) if !excess.is_zero() => Err(RetryAfter(excess)),
            _ => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let rate = Rate::per_second(count(50), count(200));
        let start = Instant::now();
        let mut bucket = TokenBucket::full(start);
        let taken = (0..1000).filter(|_| bucket.take(rate, start).is_ok()).count();
        assert_eq!(taken, 200);
        let later = start + SECOND;
        let taken = (0..1000).filter(|_| bucket.take(rate, later).is_ok()).count();
        assert_eq!(taken, 50);
        assert!(!bucket.is_full(later));
        assert!(bucket.is_full(later + 4 * SECOND));
    }

    #[test]
    fn a_slow_rate_refills_although_it_is_asked_often() {
        let rate = Rate::per_minute(count(30));
        let start = Instant::now();
        let mut bucket = TokenBucket::full(start);
        while bucket.take(rate, start).is_ok() {}
        let granted =
            (1..=60_000).filter(|ms| bucket.take(rate, start + Duration::from_millis(*ms)).is_ok()).count();
        assert_eq!(granted, 30);
    }

    #[test]
    fn looking_takes_nothing() {
        let rate = Rate::per_second(count(1), count(1));
        let start = Instant::now();
        let mut bucket = TokenBucket::full(start);
        assert_eq!(bucket.has_token(rate, start), Ok(()));
        assert_eq!(bucket.take(rate, start), Ok(()));
        assert_eq!(bucket.has_token(rate, start), bucket.take(rate, start));
    }

    #[test]
    fn retry_after_is_never_zero_and_rounds_up() {
        assert_eq!(RetryAfter(Duration::from_millis(1)).as_secs(), 1);
        assert_eq!(RetryAfter(Duration::from_millis(1001)).as_secs(), 2);
        assert_eq!(RetryAfter(2 * SECOND).as_secs(), 2);
    }

    proptest! {
        /// The plain definition of a token bucket, in whole milliseconds, agrees at every step.
        #[test]
        fn a_bucket_is_a_token_bucket(burst in 1u32..20, steps in prop::collection::vec(0u64..400, 1..200)) {
            let rate = Rate::per_second(count(10), count(burst));
            let start = Instant::now();
            let mut bucket = TokenBucket::full(start);
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

        /// A client that is told when to try again is let in then, and not sooner.
        #[test]
        fn retry_after_tells_the_truth(per_minute in 1u32..1000, early_ns in 1u64..1_000_000) {
            let rate = Rate::per_minute(count(per_minute));
            let start = Instant::now();
            let mut bucket = TokenBucket::full(start);
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
