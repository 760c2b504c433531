//! The parts of a ride beyond the job: its public id, the apps' words for its status, the vehicles it takes, its cost
//! and the driver's travel time. Pure: operations and contracts ask, and nothing here keeps state.

use crate::domain::currency::Currency;
use crate::domain::job::JobStatus;
use crate::domain::money::{Amount, Money};
use crate::domain::position::Position;
use crate::domain::words::words;
use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::{Borrow, Cow};
use std::fmt;
use uuid::Uuid;

/// A driver's step with their ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RideStep {
    Arrive,
    Start,
    Complete,
}

/// A passenger's rating of a ride: 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stars(u8);

impl Stars {
    pub fn new(stars: i64) -> Option<Self> {
        u8::try_from(stars).ok().filter(|stars| (1..=5).contains(stars)).map(Self)
    }

    pub fn count(self) -> u8 {
        self.0
    }
}

/// The id by which apps know a ride: a UUID of ours, or what the matching app chose. Names the newest job under it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub struct RideId(#[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9._-]+$"))] String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ride id is 1 to {} of the characters A-Z a-z 0-9 - _ . but neither . nor ..", RideId::CHARS_MAX)]
pub struct InvalidRideId;

impl RideId {
    pub const CHARS_MAX: usize = 64;

    pub fn new(text: impl Into<String>) -> Result<Self, InvalidRideId> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        // Browsers take these two out of every path, however they are escaped: no driver could move such a ride on.
        let is_in_paths = !matches!(text.as_str(), "." | "..");
        match (1..=Self::CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed) && is_in_paths {
            true => Ok(Self(text)),
            false => Err(InvalidRideId),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Uuid> for RideId {
    fn from(id: Uuid) -> Self {
        Self(id.to_string())
    }
}

impl TryFrom<String> for RideId {
    type Error = InvalidRideId;

    fn try_from(text: String) -> Result<Self, InvalidRideId> {
        Self::new(text)
    }
}

impl<'a> From<&'a RideId> for Cow<'a, RideId> {
    fn from(id: &'a RideId) -> Self {
        Cow::Borrowed(id)
    }
}

impl Borrow<str> for RideId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RideId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The ride type that every vehicle may serve; also what a ride from the matching app has.
pub const ANY_VEHICLE: &str = "any";

/// Whether a vehicle may serve a ride.
pub fn takes(ride_type: &str, vehicle_type: &str) -> bool {
    let ride_type = ride_type.to_lowercase();
    ride_type == ANY_VEHICLE || ride_type == vehicle_type.to_lowercase()
}

/// A ride's status as the hailing apps say it.
pub const fn ride_word(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Requested => "requested",
        JobStatus::Assigned | JobStatus::EnRoute => "accepted",
        JobStatus::Arrived => "arrived",
        JobStatus::InProgress => "started",
        JobStatus::Completed => "completed",
        JobStatus::Cancelled => "cancelled",
        JobStatus::Unmatched => "no_drivers",
    }
}

/// The same ride's status as the matching app's booking has it.
pub const fn booking_word(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Requested => "pending",
        JobStatus::Assigned | JobStatus::EnRoute | JobStatus::Arrived => "confirmed",
        JobStatus::InProgress => "in_progress",
        JobStatus::Completed => "completed",
        JobStatus::Cancelled | JobStatus::Unmatched => "cancelled",
    }
}

words! {
    /// Why an offer ended without the driver who had it.
    Unavailable {
        /// Another driver has the ride.
        Taken = "taken",
        /// The driver did not answer in time.
        Expired = "expired",
        /// The ride was cancelled.
        Cancelled = "cancelled",
        /// The driver can no longer have it: they accepted another ride, or went offline.
        Withdrawn = "withdrawn",
    }
}

words! {
    /// The party that cancelled a ride. A driver never cancels: they give it back.
    CancelledBy {
        Passenger = "passenger",
        Admin = "admin",
        System = "system",
    }
}

words! {
    /// Why a ride was cancelled, where an app should tell it from somebody's decision.
    CancelCode {
        /// The search found nobody.
        NoDrivers = "no_drivers",
    }
}

/// Where a ride's driver is, as those who follow it are told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SharedPosition {
    pub position: Position,
    /// Degrees clockwise from north.
    pub heading: Option<f64>,
    /// As the driver's app sent it; its unit is the app's.
    pub speed: Option<f64>,
    /// Rises with each position of this ride.
    pub sequence: u64,
    pub age_secs: u64,
}

/// The tariff of rides, in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tariff {
    base: Money,
    /// Thousandths of the minor unit: a kilometre may cost 12.5 yen, though nobody can pay half a one.
    per_km_milli: i64,
}

/// Digits of a price per kilometre beyond those of the currency.
const PER_KM_DIGITS_MORE: u32 = 3;
/// The largest amount on the wire.
const FARE_MAJOR_MAX: i128 = 1_000_000_000;

impl Tariff {
    pub fn new(base: Amount, per_km: Amount, currency: Currency) -> Self {
        let per_km_milli = per_km.scaled(currency.digits() + PER_KM_DIGITS_MORE);
        Self { base: base.in_currency(currency), per_km_milli }
    }

    pub const fn currency(self) -> Currency {
        self.base.currency()
    }

    pub const fn base(self) -> Money {
        self.base
    }

    /// The fare for a way of so many metres, to the nearest minor unit.
    pub fn fare(self, distance_m: f64) -> Money {
        // From here on whole numbers: two servers must not disagree by a hundredth. NaN counts as no way at all.
        let metres = i128::from(distance_m.max(0.0).round() as u64);
        let way = (i128::from(self.per_km_milli) * metres + 500_000) / 1_000_000;
        let minor_max = FARE_MAJOR_MAX * 10_i128.pow(self.currency().digits());
        let minor = (i128::from(self.base.minor()) + way).clamp(0, minor_max);
        Money::from_minor(minor as i64, self.currency())
    }
}

/// How vehicles get about, while no routing service says more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Travel {
    detour_factor: f64,
    speed_kmh: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a detour factor is from 1 to 10 and a speed from 1 to 300 km/h")]
pub struct InvalidTravel;

impl Travel {
    /// `detour_factor` is how much longer streets are than the great circle.
    pub fn new(detour_factor: f64, speed_kmh: f64) -> Result<Self, InvalidTravel> {
        match (1.0..=10.0).contains(&detour_factor) && (1.0..=300.0).contains(&speed_kmh) {
            true => Ok(Self { detour_factor, speed_kmh }),
            false => Err(InvalidTravel),
        }
    }

    /// Metres by street.
    pub fn distance_m(self, from: Position, to: Position) -> f64 {
        from.distance_m(to) * self.detour_factor
    }

    /// Whole minutes, rounded up. At least 1: on the wire 0 means unknown.
    pub fn minutes(self, from: Position, to: Position) -> u32 {
        let metres_a_minute = self.speed_kmh * 1000.0 / 60.0;
        (self.distance_m(from, to) / metres_a_minute).ceil().max(1.0) as u32
    }
}

/// No vehicle is faster over a leg of a track, in metres a second …
const LEG_SPEED_MAX: f64 = 70.0;
/// … which says nothing over less time: a phone with a wrong clock has all its positions at one instant.
const LEG_TIME_MIN: TimeDelta = TimeDelta::seconds(30);

/// The length in metres of a recorded track, oldest first: the sum of its great-circle legs. A leg that no vehicle can
/// have driven is a fault of the measurement, which no passenger should pay for; it does not count.
pub fn track_length_m(track: impl IntoIterator<Item = (DateTime<Utc>, Position)>) -> f64 {
    let mut length = 0.0;
    let mut last: Option<(DateTime<Utc>, Position)> = None;
    for (at, position) in track {
        if let Some((left_at, from)) = last {
            let leg = from.distance_m(position);
            let seconds = (at - left_at).max(LEG_TIME_MIN).as_seconds_f64();
            if leg <= LEG_SPEED_MAX * seconds {
                length += leg;
            }
        }
        last = Some((at, position));
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;
    use proptest::prelude::*;

    fn at(latitude: f64, longitude: f64) -> Position {
        Position::new(latitude, longitude).expect("in range")
    }

    fn second(second: i64) -> DateTime<Utc> {
        Utc.timestamp_opt(1_800_000_000 + second, 0).single().expect("a time")
    }

    fn tariff_in(code: &str, base: f64, per_km: f64) -> Tariff {
        let amount = |major| Amount::new(major).expect("an amount");
        Tariff::new(amount(base), amount(per_km), Currency::new(code).expect("a currency"))
    }

    fn tariff() -> Tariff {
        tariff_in("USD", 500.0, 100.5)
    }

    #[test]
    fn a_ride_id_is_1_to_64_of_its_characters() {
        let longest = "x".repeat(64);
        for good in
            ["1", "12345", "A-b_c.9", "...", ".1", longest.as_str(), "0190a5f0-7a7e-7bd0-8d0c-9f1d8a1f2b3c"]
        {
            assert_eq!(RideId::new(good).map(|id| id.to_string()), Ok(good.to_owned()));
        }
        let too_long = "x".repeat(65);
        for bad in ["", "a b", "a/b", "é", "a\0", "%20", "a\n", ".", "..", too_long.as_str()] {
            assert_eq!(RideId::new(bad), Err(InvalidRideId), "{bad:?}");
        }
        assert!(serde_json::from_str::<RideId>(r#""a/b""#).is_err(), "not out of a row either");
    }

    #[test]
    fn each_status_has_the_words_of_the_table() {
        let words = JobStatus::ALL.map(|status| (ride_word(status), booking_word(status)));
        assert_eq!(
            words,
            [
                ("requested", "pending"),
                ("accepted", "confirmed"),
                ("accepted", "confirmed"),
                ("arrived", "confirmed"),
                ("started", "in_progress"),
                ("completed", "completed"),
                ("cancelled", "cancelled"),
                ("no_drivers", "cancelled"),
            ]
        );
    }

    #[test]
    fn a_ride_takes_its_vehicle_in_any_case_and_any_takes_all() {
        assert!(takes("moto", "Moto") && takes("ANY", "truck") && takes("any", ""));
        assert!(!takes("moto", "sedan") && !takes("sedan", "any"));
    }

    #[test]
    fn words_are_read_back_from_rows() {
        for reason in Unavailable::ALL {
            assert_eq!(Unavailable::try_from(reason.as_str().to_owned()), Ok(reason));
            assert_eq!(serde_json::to_value(reason).expect("a word"), reason.as_str());
        }
        assert!(Unavailable::try_from("gone".to_owned()).is_err());
    }

    #[test]
    fn a_fare_is_base_and_way_to_the_nearest_hundredth() {
        assert_eq!(tariff().fare(0.0).minor(), 50_000);
        assert_eq!(tariff().fare(1000.0).minor(), 60_050);
        // 1 m is 10.05 hundredths.
        assert_eq!(tariff().fare(1.4).minor(), 50_010);
        assert_eq!(tariff().fare(f64::NAN).minor(), 50_000);
        assert_eq!(tariff().fare(f64::INFINITY).minor(), 100_000_000_000);
    }

    /// A computed fare was 4.04 XAF, which nobody can pay.
    #[test]
    fn a_fare_is_whole_where_the_currency_has_no_minor_unit() {
        let fare = |code, base, per_km, metres| tariff_in(code, base, per_km).fare(metres);
        assert_eq!((fare("XAF", 2.0, 1.0, 2044.0).minor(), fare("XAF", 2.0, 1.0, 2044.0).major()), (4, 4.0));
        assert_eq!(fare("JPY", 500.0, 12.5, 1000.0).minor(), 513);
        assert_eq!(fare("JPY", 500.0, 12.5, 2000.0).minor(), 525);
        assert_eq!(fare("KWD", 0.25, 0.1, 1234.0).minor(), 373);
        assert_eq!(fare("XAF", 2.0, 1.0, f64::INFINITY).major(), 1e9);
    }

    #[test]
    fn arrival_is_in_whole_minutes_and_never_0() {
        let travel = Travel::new(1.5, 30.0).expect("valid");
        let here = at(3.848, 11.5021);
        assert_eq!(travel.minutes(here, here), 1);
        // 0.01° of latitude is 1,112 m: 1,668 m by street, 3.3 minutes.
        assert_eq!(travel.minutes(here, at(3.858, 11.5021)), 4);
        assert!(travel.minutes(at(-90.0, 0.0), at(90.0, 0.0)) > 60_000);
        for (detour, speed) in [(0.9, 30.0), (1.3, 0.0), (f64::NAN, 30.0), (1.3, f64::INFINITY)] {
            assert_eq!(Travel::new(detour, speed), Err(InvalidTravel), "{detour} {speed}");
        }
    }

    #[test]
    fn a_position_far_off_in_a_track_is_not_paid_for() {
        let honest = [(0, at(3.848, 11.50)), (10, at(3.849, 11.50)), (20, at(3.850, 11.50))];
        let track = |points: &[(i64, Position)]| {
            track_length_m(points.iter().map(|(secs, position)| (second(*secs), *position)))
        };
        let length = track(&honest);
        assert!((222.0..223.0).contains(&length), "{length}");
        let spiked = [honest[0], (5, at(4.848, 11.50)), honest[1], honest[2]];
        assert!(track(&spiked) <= length);
        assert_eq!(track(&[]) + track(&honest[..1]), 0.0);
    }

    #[test]
    fn a_track_of_a_phone_with_a_wrong_clock_still_counts() {
        let track = (0..10).map(|step| (second(0), at(3.848 + f64::from(step) * 0.001, 11.5)));
        let length = track_length_m(track);
        assert!((1000.0..1002.0).contains(&length), "{length}");
    }

    #[test]
    fn stars_are_1_to_5() {
        assert!((1..=5).all(|stars| Stars::new(stars).is_some()));
        assert!([0, 6, -1, 257, i64::MAX].into_iter().all(|stars| Stars::new(stars).is_none()));
    }

    proptest! {
        #[test]
        fn a_longer_way_never_costs_less(a in 0.0f64..1e7, b in 0.0f64..1e7) {
            let (short, long) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(tariff().fare(short).minor() <= tariff().fare(long).minor());
            prop_assert!(tariff().fare(short).minor() >= tariff().base().minor());
        }

        #[test]
        fn any_fare_can_be_read_back(base in 0f64..=1e9, per_km in 0f64..=1e9, metres in 0.0f64..1e12) {
            for code in ["JPY", "USD", "CLF"] {
                let fare = tariff_in(code, base, per_km).fare(metres);
                let text = serde_json::to_string(&fare).expect("a number");
                let amount = Amount::new(text.parse().expect("a number")).expect("an amount");
                prop_assert_eq!(amount.in_currency(fare.currency()), fare);
            }
        }
    }
}
