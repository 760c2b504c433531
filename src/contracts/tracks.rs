//! A driver's track, in the three formats that operators can request, each oldest first.

use crate::contracts::time::WireTime;
use crate::domain::ids::DriverId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write;

/// A recorded position. `created_at` is when the device measured it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TrackPoint {
    pub latitude: f64,
    pub longitude: f64,
    pub accuracy: Option<f64>,
    pub heading: Option<f64>,
    pub speed: Option<f64>,
    /// Per cent.
    pub battery_level: Option<u8>,
    pub created_at: WireTime,
}

/// The media types of the other two formats.
pub const GEOJSON: &str = "application/geo+json";
pub const GPX: &str = "application/gpx+xml";

/// A page of a driver's track, where it is asked for as JSON.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(extend("x-other-media-types" = [GEOJSON, GPX]))]
pub struct Track {
    /// Oldest first.
    pub items: Vec<TrackPoint>,
    /// Where the next page begins; null where nothing follows.
    pub next_cursor: Option<String>,
}

/// A GeoJSON FeatureCollection (RFC 7946) with a Point for each position. A LineString would need two at least.
pub fn geojson(driver: DriverId, points: &[TrackPoint]) -> Value {
    let feature = |point: &TrackPoint| {
        json!({
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [point.longitude, point.latitude]},
            "properties": {
                "created_at": point.created_at,
                "accuracy": point.accuracy,
                "heading": point.heading,
                "speed": point.speed,
                "battery_level": point.battery_level,
            },
        })
    };
    let features: Vec<Value> = points.iter().map(feature).collect();
    json!({"type": "FeatureCollection", "driver_id": driver, "features": features})
}

/// A GPX 1.1 document with one track of one segment.
pub fn gpx(driver: DriverId, points: &[TrackPoint]) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <gpx version=\"1.1\" creator=\"Fleetwire\" xmlns=\"http://www.topografix.com/GPX/1/1\">\n\
         <trk><name>driver {driver}</name><trkseg>\n"
    );
    for point in points {
        let TrackPoint { latitude, created_at, .. } = point;
        let longitude = gpx_longitude(point.longitude);
        // Writing to a String can't fail.
        let _ =
            writeln!(text, "<trkpt lat=\"{latitude}\" lon=\"{longitude}\"><time>{created_at}</time></trkpt>");
    }
    text.push_str("</trkseg></trk>\n</gpx>\n");
    text
}

/// The schema's `longitudeType` ends before 180, which is the same meridian as -180.
fn gpx_longitude(degrees: f64) -> f64 {
    if degrees >= 180.0 { -180.0 } else { degrees }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn point() -> TrackPoint {
        TrackPoint {
            latitude: 12.9352,
            longitude: 77.6245,
            accuracy: Some(10.5),
            heading: None,
            speed: None,
            battery_level: Some(75),
            created_at: WireTime(DateTime::from_timestamp_millis(1_800_000_000_123).unwrap()),
        }
    }

    #[test]
    fn geojson_has_longitude_first_and_an_empty_track_is_valid() {
        let track = geojson(DriverId(123), &[point()]);
        assert_eq!(track["features"][0]["geometry"]["coordinates"], json!([77.6245, 12.9352]));
        assert_eq!(track["features"][0]["properties"]["created_at"], "2027-01-15T08:00:00.123Z");
        assert_eq!(track["features"][0]["properties"]["battery_level"].as_u64(), Some(75), "an integer");
        assert_eq!(geojson(DriverId(123), &[])["features"], json!([]));
    }

    #[test]
    fn gpx_has_no_longitude_of_180() {
        let at = |longitude| gpx(DriverId(123), &[TrackPoint { longitude, ..point() }]);
        assert!(at(180.0).contains("lon=\"-180\""), "{}", at(180.0));
        assert!(at(-180.0).contains("lon=\"-180\""));
        assert!(at(179.9999).contains("lon=\"179.9999\""));
    }

    #[test]
    fn gpx_names_each_point_with_its_time() {
        let text = gpx(DriverId(123), &[point(), point()]);
        assert_eq!(text.matches("<trkpt lat=\"12.9352\" lon=\"77.6245\">").count(), 2);
        assert!(text.contains("<time>2027-01-15T08:00:00.123Z</time>"), "{text}");
    }
}
