//! Token buckets, eight bytes each, that limit what one client may send and the pace at which it is read. Pure: the
//! time comes with each question.

use std::cell::Cell;

/// A bucket that refills at a rate and holds a burst. Counts in thousandths, so that slow rates (30 a minute) work.
#[derive(Clone, Copy, Debug)]
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

    /// The time for a tenth of a second's tokens, at least one: who is held back is woken ten times a second, not for each.
    fn portion_ms(self) -> u64 {
        let per_second = self.millitokens_per_second.max(1);
        100.max(1_000_000_u64.div_ceil(per_second))
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

/// Who is not held back for so long has paused.
const PAUSE_MS: u64 = 1000;

/// What a counted message does to the pace of its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paced {
    /// The next one may come at once.
    Freely,
    /// From now on the client is held back.
    HeldBack,
    /// It still is.
    Still,
    /// It has been for longer than anybody has patience.
    TooLong,
}

/// How fast a client is read from. One that sends more than its rate is not refused but held back: what it sends waits in the
/// network and, in the end, at the client. A phone that was offline sends hours of positions so, and would send the same
/// again if that cost it the connection.
#[derive(Debug)]
pub(super) struct Pace {
    messages: Cell<TokenBucket>,
    /// Nothing is read before; 0 where nothing is held up.
    free_at_ms: Cell<u64>,
    /// Since when it has been held back with no second's pause between, and until when the last time.
    held_ms: Cell<Option<(u64, u64)>>,
}

impl Pace {
    pub fn new(rate: Rate, now_ms: u64) -> Self {
        let messages = Cell::new(TokenBucket::full(rate, now_ms));
        Self { messages, free_at_ms: Cell::new(0), held_ms: Cell::new(None) }
    }

    /// Counts a message.
    pub fn count(&self, rate: Rate, patience_ms: u64, now_ms: u64) -> Paced {
        let mut bucket = self.messages.get();
        bucket.take(rate, now_ms);
        self.messages.set(bucket);
        if bucket.millitokens >= 1000 {
            return Paced::Freely;
        }
        let free_at_ms = now_ms + rate.portion_ms();
        self.free_at_ms.set(free_at_ms);
        let held = self.held_ms.get().filter(|(_, until_ms)| now_ms < until_ms + PAUSE_MS);
        let since_ms = held.map_or(now_ms, |(since_ms, _)| since_ms);
        self.held_ms.set(Some((since_ms, free_at_ms)));
        match held {
            None => Paced::HeldBack,
            Some(_) if now_ms.saturating_sub(since_ms) >= patience_ms => Paced::TooLong,
            Some(_) => Paced::Still,
        }
    }

    /// Until when nothing is read; `None` where it may be now.
    pub fn held_until_ms(&self, now_ms: impl FnOnce() -> u64) -> Option<u64> {
        let free_at_ms = self.free_at_ms.get();
        if free_at_ms > 0 && now_ms() < free_at_ms {
            return Some(free_at_ms);
        }
        self.let_go();
        None
    }

    /// Nothing is held up any more.
    pub fn let_go(&self) {
        self.free_at_ms.set(0);
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

    /// How much of a client that sends without end is read within `secs`, and whether it is closed.
    fn read_within(pace: &Pace, rate: Rate, patience_ms: u64, from_ms: u64, secs: u64) -> (u32, bool) {
        let (mut read, mut now_ms) = (0, from_ms);
        loop {
            now_ms = pace.held_until_ms(|| now_ms).unwrap_or(now_ms);
            if now_ms >= from_ms + secs * 1000 {
                return (read, false);
            }
            read += 1;
            if pace.count(rate, patience_ms, now_ms) == Paced::TooLong {
                return (read, true);
            }
        }
    }

    #[test]
    fn who_sends_without_end_is_read_from_at_the_rate_and_in_the_end_no_more() {
        for (per_second, burst) in [(50, 200), (1, 10), (7, 28), (200, 20)] {
            let rate = Rate::per_second(per_second, burst);
            let pace = Pace::new(rate, 0);
            let (read, is_closed) = read_within(&pace, rate, 300_000, 0, 60);
            let expected = burst + 60 * per_second;
            assert!(read.abs_diff(expected) <= expected / 20 + 2, "{per_second}: {read} of {expected}");
            assert!(!is_closed && read_within(&pace, rate, 300_000, 60_000, 600).1, "{per_second}");
        }
    }

    #[test]
    fn a_days_queue_is_read_to_its_end_and_a_pause_begins_anew() {
        let rate = Rate::per_second(50, 200);
        let pace = Pace::new(rate, 0);
        let (read, is_closed) = read_within(&pace, rate, 300_000, 0, 175);
        assert!(read >= 24 * 360 && !is_closed, "{read}");
        assert!(!read_within(&pace, rate, 300_000, 177_000, 299).1);
    }

    #[test]
    fn who_keeps_to_the_rate_is_never_held_back() {
        let rate = Rate::per_second(10, 20);
        let pace = Pace::new(rate, 0);
        assert!((1..5_000).all(|n| pace.count(rate, 1_000, n * 100) == Paced::Freely));
        assert_eq!(pace.held_until_ms(|| 0), None);
    }
}
