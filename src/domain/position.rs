//! Positions (WGS 84 degrees) and the distance between them.

use chrono::{DateTime, Utc};
use geo::{Distance, Haversine, Point};

/// The mean radius of the earth, in metres, that the distances here are of.
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;
/// Half of a great circle.
const HALF_WAY_AROUND_M: f64 = EARTH_RADIUS_M * std::f64::consts::PI;

/// A place on earth that can't be out of range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    latitude: f64,
    longitude: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("latitude must be within -90..90 and longitude within -180..180 degrees")]
pub struct InvalidPosition;

impl Position {
    /// Refuses what is not finite, |latitude| > 90 and |longitude| > 180.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, InvalidPosition> {
        // A NaN is in no range, so these comparisons refuse it, too.
        if (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude) {
            Ok(Self { latitude, longitude })
        } else {
            Err(InvalidPosition)
        }
    }

    pub fn latitude(self) -> f64 {
        self.latitude
    }

    pub fn longitude(self) -> f64 {
        self.longitude
    }

    /// To a thousandth of a degree: places about 111 m apart, none farther than 78.7 m from the exact position.
    pub fn rounded(self) -> Position {
        let round = |degrees: f64| (degrees * 1e3).round() / 1e3;
        // The ends of both ranges are such places themselves.
        Position { latitude: round(self.latitude), longitude: round(self.longitude) }
    }

    /// Great-circle distance in metres (haversine, mean earth radius 6,371,008.8 m).
    pub fn distance_m(self, other: Position) -> f64 {
        let metres = Haversine
            .distance(Point::new(self.longitude, self.latitude), Point::new(other.longitude, other.latitude));
        // For some nearly opposite points the formula takes the arc sine of a little more than one.
        if metres.is_nan() { HALF_WAY_AROUND_M } else { metres }
    }
}

/// A position as a device measured it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fix {
    pub position: Position,
    /// Radius of uncertainty in metres.
    pub accuracy_m: Option<f64>,
    /// Degrees clockwise from north, 0 to 360.
    pub heading: Option<f64>,
    /// As the app sends it; its unit is the app's.
    pub speed: Option<f64>,
    /// Per cent.
    pub battery_level: Option<f64>,
    pub measured_at: DateTime<Utc>,
}

/// A battery's level in whole per cent. Some phones say it as a fraction of a full one: what lies between 0 and 1 is such a
/// fraction, since none says a part of one per cent; 1 itself is one per cent. `None` of what no battery has.
pub fn per_cent(level: f64) -> Option<u8> {
    let level = if level < 1.0 { level * 100.0 } else { level };
    (0.0..=100.0).contains(&level).then(|| level.round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_range_and_not_finite_are_refused() {
        for (latitude, longitude) in
            [(90.1, 0.0), (-91.0, 0.0), (0.0, 180.5), (f64::NAN, 0.0), (0.0, f64::INFINITY)]
        {
            assert!(Position::new(latitude, longitude).is_err(), "{latitude} {longitude}");
        }
        assert!(Position::new(-90.0, 180.0).is_ok());
    }

    #[test]
    fn nearly_opposite_points_are_half_way_around() {
        let here = Position::new(59.424115065699226, -107.08234615624895).expect("in range");
        let there = Position::new(-59.42411509705067, 72.91765384375105).expect("in range");
        assert!((here.distance_m(there) - 20_015_114.0).abs() < 1.0);
    }

    #[test]
    fn the_matching_contracts_drivers_are_about_as_far_as_it_says() {
        let centre = Position::new(-26.2041, 28.0473).expect("in range");
        let driver2 = Position::new(-26.1041, 28.1473).expect("in range");
        let metres = centre.distance_m(driver2);
        assert!((14_500.0..15_500.0).contains(&metres), "{metres}");
    }
}
