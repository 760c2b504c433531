//! Token buckets, eight bytes each, for what one client may send. Pure: the time comes with each question.

/// A bucket that refills at a rate and holds a burst. Counts in thousandths, so that slow rates (30 a minute) work.
#[derive(Debug)]
pub(super) struct TokenBucket {
    millitokens: u32,
    /// When it was last asked, in milliseconds since the transport's epoch; wraps after 49 days, which only refills it.
    asked_ms: u32,
}

/// How a bucket fills.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub millitokens_per_second: u64,
    pub burst: u32,
}

impl Rate {
    pub fn per_second(tokens: u32, burst: u32) -> Self {
        Self { millitokens_per_second: u64::from(tokens) * 1000, burst }
    }

    /// `tokens` a minute, all of which may come at once.
    pub fn per_minute(tokens: u32) -> Self {
        Self { millitokens_per_second: u64::from(tokens) * 1000 / 60, burst: tokens }
    }

    fn full(self) -> u32 {
        self.burst.saturating_mul(1000)
    }
}

impl TokenBucket {
    pub fn full(rate: Rate, now_ms: u64) -> Self {
        Self { millitokens: rate.full(), asked_ms: now_ms as u32 }
    }

    /// Takes a token, or says that there is none.
    pub fn take(&mut self, rate: Rate, now_ms: u64) -> bool {
        let elapsed_ms = u64::from((now_ms as u32).wrapping_sub(self.asked_ms));
        let gained = rate.millitokens_per_second * elapsed_ms / 1000;
        // A rate below one thousandth for each question would never refill if the time were always moved on.
        if gained > 0 {
            self.asked_ms = now_ms as u32;
            self.millitokens = (u64::from(self.millitokens) + gained).min(u64::from(rate.full())) as u32;
        }
        let enough = self.millitokens >= 1000;
        if enough {
            self.millitokens -= 1000;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let rate = Rate::per_second(10, 3);
        let mut bucket = TokenBucket::full(rate, 5_000);
        assert!((0..3).all(|_| bucket.take(rate, 5_000)));
        assert!(!bucket.take(rate, 5_099));
        assert!(bucket.take(rate, 5_200));
    }

    #[test]
    fn it_never_holds_more_than_its_burst() {
        let rate = Rate::per_second(10, 3);
        let mut bucket = TokenBucket::full(rate, 0);
        assert_eq!((0..10).filter(|_| bucket.take(rate, 3_600_000)).count(), 3);
    }

    #[test]
    fn a_slow_rate_refills_although_it_is_asked_often() {
        let rate = Rate::per_minute(30);
        let mut bucket = TokenBucket::full(rate, 0);
        while bucket.take(rate, 0) {}
        let granted = (1..=60_000).filter(|ms| bucket.take(rate, *ms)).count();
        assert!((29..=30).contains(&granted), "{granted}");
    }

    #[test]
    fn the_wrapping_clock_does_not_lock_a_client_out() {
        let rate = Rate::per_second(1, 1);
        let before_wrap = u64::from(u32::MAX) - 10;
        let mut bucket = TokenBucket::full(rate, before_wrap);
        assert!(bucket.take(rate, before_wrap));
        assert!(bucket.take(rate, before_wrap + 1_100));
    }
}
