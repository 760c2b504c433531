//! The pace at which one client is read. Pure: the time comes with each question.

use super::epoch::instant;
use crate::rate_limit::{Rate, TokenBucket};
use std::cell::Cell;

/// A client that is not held back for this long has paused.
const PAUSE_MS: u64 = 1000;

/// The time for a tenth of a second's tokens, at least one: a client that is held back is woken ten times a second, not
/// for each.
fn portion_ms(rate: Rate) -> u64 {
    let interval_ms = rate.interval().as_micros().div_ceil(1000) as u64;
    interval_ms.max(100)
}

/// The effect of a counted message on its client's pace.
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
    pub fn new(now_ms: u64) -> Self {
        let messages = Cell::new(TokenBucket::full(instant(now_ms)));
        Self { messages, free_at_ms: Cell::new(0), held_ms: Cell::new(None) }
    }

    /// Counts a message.
    pub fn count(&self, rate: Rate, patience_ms: u64, now_ms: u64) -> Paced {
        let (mut bucket, now) = (self.messages.get(), instant(now_ms));
        // With none left it has been held back already, and its message counts all the same.
        let _ = bucket.take(rate, now);
        self.messages.set(bucket);
        if bucket.has_token(rate, now).is_ok() {
            return Paced::Freely;
        }
        let free_at_ms = now_ms + portion_ms(rate);
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

    /// Releases the client: nothing is held back any longer.
    pub fn let_go(&self) {
        self.free_at_ms.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn per_second(tokens: u32, burst: u32) -> Rate {
        let count = |n| NonZeroU32::new(n).unwrap();
        Rate::per_second(count(tokens), count(burst))
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
            let rate = self::per_second(per_second, burst);
            let pace = Pace::new(0);
            let (read, is_closed) = read_within(&pace, rate, 300_000, 0, 60);
            let expected = burst + 60 * per_second;
            assert!(read.abs_diff(expected) <= expected / 20 + 2, "{per_second}: {read} of {expected}");
            assert!(!is_closed && read_within(&pace, rate, 300_000, 60_000, 600).1, "{per_second}");
        }
    }

    #[test]
    fn a_days_queue_is_read_to_its_end_and_a_pause_begins_anew() {
        let rate = per_second(50, 200);
        let pace = Pace::new(0);
        let (read, is_closed) = read_within(&pace, rate, 300_000, 0, 175);
        assert!(read >= 24 * 360 && !is_closed, "{read}");
        assert!(!read_within(&pace, rate, 300_000, 177_000, 299).1);
    }

    #[test]
    fn who_keeps_to_the_rate_is_never_held_back() {
        let rate = per_second(10, 20);
        let pace = Pace::new(0);
        assert!((1..5_000).all(|n| pace.count(rate, 1_000, n * 100) == Paced::Freely));
        assert_eq!(pace.held_until_ms(|| 0), None);
    }
}
