//! An offer: a proposal of one ride to one driver, as stored in a row, and its state, which follows from that row and
//! the time alone.

use crate::domain::ids::DriverId;
use crate::domain::ride::Unavailable;
use chrono::{DateTime, TimeDelta, Utc};

/// The stored state of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    pub driver: DriverId,
    pub offered_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// When the driver's device confirmed it.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// None while it is open.
    pub outcome: Option<OfferOutcome>,
}

/// How an offer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferOutcome {
    Accepted,
    Declined,
    Closed(Unavailable),
}

impl OfferOutcome {
    /// As the database has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            OfferOutcome::Accepted => "accepted",
            OfferOutcome::Declined => "declined",
            OfferOutcome::Closed(reason) => reason.as_str(),
        }
    }
}

impl TryFrom<String> for OfferOutcome {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match &*word {
            "accepted" => Ok(OfferOutcome::Accepted),
            "declined" => Ok(OfferOutcome::Declined),
            reason => Ok(OfferOutcome::Closed(Unavailable::try_from(reason.to_owned())?)),
        }
    }
}

/// An offer's end is noticed long before so much time has passed. Where it is not, it is the clock that was set forward, and the
/// offer has the time left that the search counts.
const UNNOTICED_MAX: TimeDelta = TimeDelta::seconds(60);

impl Offer {
    /// Whether the driver may still answer it: its time counts, also before anybody has noticed that it has passed.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        let has_ended = (TimeDelta::zero()..UNNOTICED_MAX).contains(&(now - self.expires_at));
        self.outcome.is_none() && !has_ended
    }

    /// How a replay shows the offer to its driver: the reason if they can no longer have the ride, None if they may
    /// still answer, or have it. `is_given_back` says that they had the ride: they gave it back, or it was taken from
    /// them.
    pub fn replayed_as(&self, now: DateTime<Utc>, is_given_back: bool) -> Option<Unavailable> {
        match self.outcome {
            Some(OfferOutcome::Accepted) => is_given_back.then_some(Unavailable::Withdrawn),
            Some(OfferOutcome::Declined) => Some(Unavailable::Withdrawn),
            Some(OfferOutcome::Closed(reason)) => Some(reason),
            None if self.is_open(now) => None,
            None => Some(Unavailable::Expired),
        }
    }

    /// When the device's time to confirm it ends; None where it has confirmed in time.
    pub fn receipt_ends(&self, receipt: TimeDelta) -> Option<DateTime<Utc>> {
        let ends = self.offered_at + receipt;
        match self.confirmed_at {
            Some(at) if at < ends => None,
            _ => Some(ends),
        }
    }

    /// Whether it keeps others from being asked: open, and the device has it or may still say so.
    pub fn holds_place(&self, now: DateTime<Utc>, receipt: TimeDelta) -> bool {
        self.outcome.is_none() && self.receipt_ends(receipt).is_none_or(|ends| now < ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_is_not_shown_a_ride_that_they_can_not_have() {
        let at = |secs: i64| DateTime::from_timestamp(1_000_000 + secs, 0).expect("a time");
        let open = Offer {
            driver: DriverId(1),
            offered_at: at(0),
            expires_at: at(15),
            confirmed_at: None,
            outcome: None,
        };
        for (outcome, now, expected) in [
            (None, at(14), None),
            (None, at(15), Some(Unavailable::Expired)),
            (None, at(74), Some(Unavailable::Expired)),
            // The clock was set an hour forward, or back.
            (None, at(3_605), None),
            (None, at(-3_595), None),
            (Some(OfferOutcome::Accepted), at(99), None),
            (Some(OfferOutcome::Declined), at(1), Some(Unavailable::Withdrawn)),
            (Some(OfferOutcome::Closed(Unavailable::Taken)), at(1), Some(Unavailable::Taken)),
        ] {
            assert_eq!(Offer { outcome, ..open }.replayed_as(now, false), expected, "{outcome:?}");
        }
        let had = Offer { outcome: Some(OfferOutcome::Accepted), ..open };
        assert_eq!(had.replayed_as(at(1), true), Some(Unavailable::Withdrawn));
    }

    #[test]
    fn outcomes_are_read_back_from_rows() {
        let closed = Unavailable::ALL.map(OfferOutcome::Closed);
        for outcome in [OfferOutcome::Accepted, OfferOutcome::Declined].into_iter().chain(closed) {
            assert_eq!(OfferOutcome::try_from(outcome.as_str().to_owned()), Ok(outcome));
        }
        assert!(OfferOutcome::try_from("open".to_owned()).is_err());
    }
}
