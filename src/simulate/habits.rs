//! The habits of people and phones: the one table of how likely each of them is.

use rand::Rng;
use std::ops::RangeInclusive;

// Shares of actors, or of occasions, from 0 to 1.

/// Drivers whose app is the driver app; the others' is the hailing app.
pub const HAS_DRIVER_APP: f64 = 0.5;
/// Riders whose app is the matching app; the others' is the hailing app.
pub const HAS_MATCHING_APP: f64 = 0.5;
/// Phones that send a position each second; the others send one every three seconds.
pub const SENDS_EACH_SECOND: f64 = 0.4;
/// Phones whose clock is hours off.
pub const HAS_WRONG_CLOCK: f64 = 0.15;
/// Apps that name the last event that they know when they connect again; the others say nothing, and compare numbers.
pub const NAMES_LAST_EVENT: f64 = 0.7;
/// Apps that confirm each event with an `ack`; for the others the pongs do.
pub const ACKNOWLEDGES: f64 = 0.5;
/// Of a driver, in each minute: the network is gone.
pub const LOSES_NETWORK_PER_MINUTE: f64 = 0.15;
/// Of a driver, in each minute: a pause begins.
pub const PAUSES_PER_MINUTE: f64 = 0.05;
/// Of an offer: the driver declines it.
pub const DECLINES_OFFER: f64 = 0.15;
/// Of an offer: the driver does not answer it.
pub const FORGETS_OFFER: f64 = 0.10;
/// Of an order: the driver gives it back before they set out.
pub const REJECTS_ORDER: f64 = 0.05;
/// Of a ride: the passenger cancels it some seconds after asking.
pub const CANCELS_RIDE: f64 = 0.15;
/// Of a ride: the passenger writes to the driver once there is one.
pub const CHATS: f64 = 0.40;
/// Of a completed ride: the passenger rates it.
pub const RATES: f64 = 0.70;
/// Of a crossing: one has to wait at it.
pub const STOPS_AT_CROSSING: f64 = 0.25;

// How long things take, in seconds.

/// A network that is gone.
pub const OUTAGE_SECS: RangeInclusive<u64> = 5..=60;
pub const PAUSE_SECS: RangeInclusive<u64> = 10..=60;
/// By how much a wrong clock is wrong, either way.
pub const CLOCK_OFF_SECS: RangeInclusive<i64> = 3_600..=6 * 3_600;
pub const STOP_SECS: RangeInclusive<f64> = 2.0..=15.0;
/// Reading an offer and deciding on it.
pub const THINKING_SECS: RangeInclusive<f64> = 1.0..=6.0;
/// At a restaurant's counter, or until the passenger is in.
pub const PICKING_UP_SECS: RangeInclusive<f64> = 4.0..=15.0;
/// From asking for a ride to thinking better of it.
pub const CANCELS_AFTER_SECS: RangeInclusive<f64> = 2.0..=40.0;
/// Between two rides of one rider.
pub const RESTS_SECS: RangeInclusive<f64> = 20.0..=90.0;

/// Whether it happens this time.
pub fn happens(share: f64, rng: &mut impl Rng) -> bool {
    rng.random_bool(share.clamp(0.0, 1.0))
}

/// A driver's answer to an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Accept,
    Decline,
    Forget,
}

pub fn answer(rng: &mut impl Rng) -> Answer {
    let drawn: f64 = rng.random();
    match drawn {
        drawn if drawn < DECLINES_OFFER => Answer::Decline,
        drawn if drawn < DECLINES_OFFER + FORGETS_OFFER => Answer::Forget,
        _ => Answer::Accept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::chance::{Stream, generator};

    #[test]
    fn answers_come_as_often_as_the_table_says() {
        let mut rng = generator(1, Stream::DriversDay, 0);
        let answers: Vec<Answer> = (0..10_000).map(|_| answer(&mut rng)).collect();
        let share = |wanted| answers.iter().filter(|answer| **answer == wanted).count() as f64 / 10_000.0;
        assert!((share(Answer::Decline) - DECLINES_OFFER).abs() < 0.02);
        assert!((share(Answer::Forget) - FORGETS_OFFER).abs() < 0.02);
    }
}
