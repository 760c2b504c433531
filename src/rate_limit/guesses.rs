//! Guesses at passwords: a bucket for each name and address, and for a name alone a delay that grows with the guesses
//! from all addresses. The delay does not apply to addresses from which the account was logged in to before: otherwise
//! two wrong guesses a second would keep its owner out.
//!
//! Invariants: a guess counts from when it begins, so that many at once can't evade the limit; only a wrong one stays
//! counted.

use super::recent::{Fades, Recent};
use super::{KeyedLimiter, Rate, RetryAfter};
use parking_lot::Mutex;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// The delay after the first guess too many; each further one doubles it.
const DELAY_MIN: Duration = Duration::from_secs(1);
/// Four guesses an hour, from however many addresses.
const DELAY_MAX: Duration = Duration::from_secs(15 * 60);
/// A name that nobody has guessed at for so long begins anew.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// The guesses at each name `N` and from each address `A`.
#[derive(Debug)]
pub struct Guesses<N, A> {
    by_address: KeyedLimiter<(N, A)>,
    /// Wrong guesses at one name that cost no delay.
    free: u32,
    by_name: Mutex<Recent<N, Delay>>,
}

#[derive(Debug, Clone, Copy)]
struct Delay {
    wrong: u32,
    guessed_at: Instant,
    /// Nobody from a new place is let in before.
    until: Instant,
}

impl Delay {
    fn none(now: Instant) -> Self {
        Self { wrong: 0, guessed_at: now, until: now }
    }
}

impl Fades for Delay {
    fn matters(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.guessed_at) < FORGIVEN_AFTER
    }
}

/// A guess in progress. Unless it is reported as wrong it does not count: the password was right, or could not be
/// compared.
#[must_use = "a guess that was wrong has to be said to be so"]
pub struct Guess<'a, N: Hash + Eq + Clone, A: Hash + Eq> {
    guesses: &'a Guesses<N, A>,
    place: (N, A),
    /// The delay that it has caused, and the one before.
    until: Instant,
    until_before: Instant,
    is_wrong: bool,
}

impl<N: Hash + Eq + Clone, A: Hash + Eq + Clone> Guesses<N, A> {
    /// `per_minute` wrong ones for one name from one address, and as many for the name before it is delayed.
    pub fn new(per_minute: NonZeroU32, keys_max: usize) -> Self {
        Self {
            by_address: KeyedLimiter::new(Rate::per_minute(per_minute), keys_max),
            free: per_minute.get(),
            by_name: Mutex::new(Recent::new(FORGIVEN_AFTER, keys_max)),
        }
    }

    /// `is_known` says that somebody has logged in from there before.
    pub fn begin(
        &self,
        name: N,
        address: A,
        is_known: bool,
        now: Instant,
    ) -> Result<Guess<'_, N, A>, RetryAfter> {
        let place = (name, address);
        self.by_address.check(place.clone(), now)?;
        let mut delays = self.by_name.lock();
        let delay = delays.entry(place.0.clone(), || Delay::none(now), now);
        if !delay.matters(now) {
            *delay = Delay::none(now);
        }
        let until_before = delay.until;
        if until_before > now && !is_known {
            self.by_address.give_back(&place);
            return Err(RetryAfter::new(until_before - now));
        }
        delay.wrong = delay.wrong.saturating_add(1);
        delay.guessed_at = now;
        if let Some(excess) = delay.wrong.checked_sub(self.free).filter(|excess| *excess > 0) {
            delay.until = delay.until.max(now + delay_after(excess));
        }
        let until = delay.until;
        Ok(Guess { guesses: self, place, until, until_before, is_wrong: false })
    }
}

fn delay_after(excess: u32) -> Duration {
    let doublings = excess.saturating_sub(1).min(20);
    (DELAY_MIN * 2_u32.pow(doublings)).min(DELAY_MAX)
}

impl<N: Hash + Eq + Clone, A: Hash + Eq> Guess<'_, N, A> {
    pub fn was_wrong(mut self) {
        self.is_wrong = true;
    }
}

impl<N: Hash + Eq + Clone, A: Hash + Eq> Drop for Guess<'_, N, A> {
    fn drop(&mut self) {
        if self.is_wrong {
            return;
        }
        self.guesses.by_address.give_back(&self.place);
        let mut delays = self.guesses.by_name.lock();
        if let Some(delay) = delays.get_mut(&self.place.0) {
            delay.wrong = delay.wrong.saturating_sub(1);
            // Unless another guess has made it longer since.
            if delay.until == self.until {
                delay.until = self.until_before;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn guesses(per_minute: u32) -> Guesses<&'static str, u32> {
        Guesses::new(NonZeroU32::new(per_minute).expect("not 0"), 1000)
    }

    /// From a new place that is used for nothing else, wrongly; what it is refused with.
    fn guess_from(guesses: &Guesses<&'static str, u32>, address: u32, now: Instant) -> Option<Duration> {
        match guesses.begin("owner", address, false, now) {
            Ok(guess) => {
                guess.was_wrong();
                None
            }
            Err(refused) => Some(refused.as_duration()),
        }
    }

    /// Two wrong guesses a second for a name kept its owner out from everywhere.
    #[test]
    fn the_owner_is_let_in_where_they_were_before_however_much_is_guessed() {
        let guesses = guesses(10);
        let mut now = Instant::now();
        let mut compared = 0;
        for address in 0..7200 {
            compared += u32::from(guess_from(&guesses, address, now).is_none());
            if address % 600 == 0 {
                let owner = guesses.begin("owner", u32::MAX, true, now);
                assert!(owner.is_ok(), "their password is compared");
                drop(owner);
            }
            now += SECOND / 2;
        }
        // Ten at once, ten more while the delay grows, then four an hour.
        assert!(
            (20..=25).contains(&compared),
            "{compared} guesses in an hour, from as many addresses as one likes"
        );
        assert!(guesses.begin("owner", u32::MAX, false, now).is_err());
        assert!(guesses.begin("somebody else", 0, false, now).is_ok());
    }

    #[test]
    fn the_delay_doubles_to_its_bound_and_is_forgiven_after_an_hour() {
        let guesses = guesses(2);
        let mut now = Instant::now();
        for address in 0..2 {
            assert_eq!(guess_from(&guesses, address, now), None);
        }
        for (number, secs) in (2..).zip([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
            assert_eq!(guess_from(&guesses, number, now), None);
            let delay = Duration::from_secs(secs);
            assert_eq!(guess_from(&guesses, 1000, now), Some(delay));
            now += delay;
        }
        now += FORGIVEN_AFTER;
        for address in 0..3 {
            assert_eq!(guess_from(&guesses, address, now), None);
        }
        assert_eq!(guess_from(&guesses, 1000, now), Some(SECOND));
    }

    #[test]
    fn what_was_right_or_could_not_be_compared_counts_for_nothing() {
        let guesses = guesses(2);
        let now = Instant::now();
        for _ in 0..100 {
            drop(guesses.begin("owner", 1, false, now).expect("nothing is counted"));
        }
        assert_eq!([1, 1].map(|address| guess_from(&guesses, address, now)), [None, None]);
        assert!(guesses.begin("owner", 1, true, now).is_err(), "the address's own limit holds for anybody");
        // The guess over the limit is in progress, and turns out right: there is no delay.
        let right = guesses.begin("owner", 2, false, now).expect("the name is not delayed yet");
        assert!(guess_from(&guesses, 3, now).is_some(), "many at once are no way around");
        drop(right);
        assert_eq!(guess_from(&guesses, 3, now), None);
        assert_eq!(guess_from(&guesses, 4, now), Some(SECOND));
    }
}
