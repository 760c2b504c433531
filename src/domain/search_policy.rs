//! The settings of a search: how drivers are asked, for how long, and how far away.

use crate::domain::words::words;
use chrono::TimeDelta;
use std::num::NonZeroUsize;

/// The rules of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub mode: Mode,
    pub patience: Patience,
    /// Offers that hold a place at a time.
    pub batch_size: NonZeroUsize,
    /// How long a driver has to answer.
    pub window: TimeDelta,
    /// How long a driver's device has to confirm the offer. One that does not keeps the offer, but not the place.
    pub receipt: TimeDelta,
    pub radii: Radii,
    /// Open offers that a driver may hold, of all searches.
    pub driver_offers_max: NonZeroUsize,
    /// With a place free and nobody to ask: how often to look for drivers who have come near.
    pub look_every: TimeDelta,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The nearest driver is bound without being asked.
    Auto,
    /// Drivers are asked, and the first who accepts has the ride.
    Offer,
}

words! {
    /// How long a search goes on when nobody is left to ask.
    Patience {
        /// Somebody may come online.
        UntilDeadline = "until_deadline",
        /// The app waits for an answer.
        WhileAnybodyIsLeft = "while_anybody_is_left",
    }
}

/// How far a search looks: in steps, the next one when nobody within the last is left. Metres.
#[derive(Clone, Debug, PartialEq)]
pub struct Radii(Vec<f64>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("radii are one or more numbers of metres above 0, each more than the one before")]
pub struct InvalidRadii;

impl Radii {
    pub fn new(steps_m: Vec<f64>) -> Result<Self, InvalidRadii> {
        let ascends = steps_m.windows(2).all(|pair| pair[0] < pair[1]);
        let are_lengths = steps_m.iter().all(|radius| radius.is_finite() && *radius > 0.0);
        match !steps_m.is_empty() && ascends && are_lengths {
            true => Ok(Self(steps_m)),
            false => Err(InvalidRadii),
        }
    }

    pub fn widest_m(&self) -> f64 {
        *self.0.last().expect("there is one step at least")
    }

    /// After so many steps; the widest for more than there are, which a row of other settings may have.
    pub fn step_m(&self, step: usize) -> f64 {
        self.0.get(step).copied().unwrap_or(self.widest_m())
    }

    pub fn can_grow(&self, step: usize) -> bool {
        step + 1 < self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radii_are_lengths_and_ascend() {
        for bad in
            [vec![], vec![0.0], vec![5000.0, 3000.0], vec![1.0, 1.0], vec![f64::NAN], vec![f64::INFINITY]]
        {
            assert_eq!(Radii::new(bad.clone()), Err(InvalidRadii), "{bad:?}");
        }
    }

    #[test]
    fn patience_is_read_back_from_rows() {
        for patience in [Patience::UntilDeadline, Patience::WhileAnybodyIsLeft] {
            assert_eq!(Patience::try_from(patience.as_str().to_owned()), Ok(patience));
        }
        assert!(Patience::try_from("for_ever".to_owned()).is_err());
    }

    #[test]
    fn a_step_that_is_no_longer_set_is_the_widest() {
        let radii = Radii::new(vec![3000.0, 5000.0]).expect("valid");
        assert_eq!([0, 1, 7].map(|step| radii.step_m(step)), [3000.0, 5000.0, 5000.0]);
        assert_eq!([0, 1, 7].map(|step| radii.can_grow(step)), [true, false, false]);
    }
}
