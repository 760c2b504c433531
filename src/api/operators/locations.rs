//! `GET admin/drivers/{id}/locations`: where a driver was, as JSON pages, GeoJSON or GPX. Each answer is bounded; if
//! more follows, JSON has a cursor, and all formats have a `Link` to the next part.

use crate::api::Context;
use crate::api::description::Description;
use crate::api::extract::Caller;
use crate::api::fields::{Fields, Object, describe};
use crate::api::problem::Problem;
use crate::api::request::{Asked, Described};
use crate::api::respond::{Answer, Answered, json, page};
use crate::api::rules;
use crate::contracts::operators::Page;
use crate::contracts::tracks::{GEOJSON, GPX, Track, TrackPoint, geojson, gpx};
use crate::domain::ids::DriverId;
use crate::domain::position::per_cent;
use crate::store::{Location, reads};
use actix_web::http::header::LINK;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::Value;

/// About 2 MB of GeoJSON.
const POINTS_MAX: usize = 10_000;
const POINTS: usize = 1_000;
/// The part that is shown where nobody says from when.
const LATELY: TimeDelta = TimeDelta::hours(24);
/// Devices' clocks run ahead of ours by less.
const AHEAD: TimeDelta = TimeDelta::minutes(2);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Json,
    GeoJson,
    Gpx,
}

/// Which part of a track.
#[derive(Debug, PartialEq)]
pub struct TrackAsked {
    /// A time, and the row after which the part begins.
    from: (NaiveDateTime, i64),
    to: NaiveDateTime,
    format: Format,
    limit: usize,
}

pub async fn locations(
    ctx: web::Data<Context>,
    _: Caller,
    id: web::Path<DriverId>,
    query: Asked<TrackAsked>,
    req: HttpRequest,
) -> Answered<Track> {
    let now = ctx.clock.now();
    let TrackAsked { from, to, format, limit } = query.read_with(|fields| TrackAsked::read(fields, now))?;
    let driver = id.into_inner();
    let read = ctx.read(move |conn| reads::track(conn, driver, from, to, limit as i64 + 1)).await?;
    let rows = read.ok_or_else(|| Problem::not_found("driver"))?;
    let Page { items, next_cursor } = page(rows, limit, cursor_after, point);
    let points = Track { items, next_cursor };
    let answer = match format {
        Format::Json => json(&points),
        Format::GeoJson => {
            let track = geojson(driver, &points.items).to_string();
            Answer::of(HttpResponse::Ok().content_type(GEOJSON).body(track))
        }
        Format::Gpx => {
            let track = gpx(driver, &points.items);
            Answer::of(HttpResponse::Ok().content_type(GPX).body(track))
        }
    };
    let next = points.next_cursor.and_then(|cursor| next_part(&req, &query.0, to, &cursor).parse().ok());
    Ok(match next {
        Some(link) => answer.with_header(LINK, link),
        None => answer,
    })
}

impl TrackAsked {
    fn read(fields: &mut Fields<'_>, now: DateTime<Utc>) -> Option<Self> {
        let from = fields.optional("from", rules::instant());
        let to = fields.optional("to", rules::instant()).unwrap_or(now + AHEAD);
        let format = [("json", Format::Json), ("geojson", Format::GeoJson), ("gpx", Format::Gpx)];
        let format = fields.optional("format", rules::word(format)).unwrap_or(Format::Json);
        let default_limit = if format == Format::Json { POINTS } else { POINTS_MAX };
        let limit = fields.optional("limit", rules::number_in(1..=POINTS_MAX)).unwrap_or(default_limit);
        let cursor = fields.optional("cursor", rules::cursor(place_of));
        let from = from.unwrap_or(to - LATELY);
        if from > to {
            fields.refuse("from", "must not be after to");
        }
        // No row is outside of these, and both databases compare what is within.
        let bounded = |time: DateTime<Utc>| time.clamp(DateTime::UNIX_EPOCH, now + AHEAD).naive_utc();
        let from = cursor.unwrap_or((bounded(from), 0));
        Some(Self { from, to: bounded(to), format, limit })
    }
}

impl Described for TrackAsked {
    fn description() -> Description {
        describe(|fields| Self::read(fields, DateTime::UNIX_EPOCH).is_some())
    }
}

/// Seconds, nanoseconds and row id of the last point of the page before.
fn cursor_after(row: &Location) -> String {
    let time = row.created_at.and_utc();
    format!("{}.{}.{}", time.timestamp(), time.timestamp_subsec_nanos(), row.id)
}

fn place_of(cursor: &str) -> Option<(NaiveDateTime, i64)> {
    let mut parts = cursor.split('.');
    let (secs, nanos, id) = (parts.next()?, parts.next()?, parts.next()?);
    // The time of a row, so not before the epoch and not in another age.
    let secs = secs.parse().ok().filter(|secs| (0..1 << 36).contains(secs))?;
    let time = DateTime::from_timestamp(secs, nanos.parse().ok()?)?;
    Some((time.naive_utc(), id.parse().ok()?))
}

/// A `Link` to what follows, with the end that this part was read to.
fn next_part(req: &HttpRequest, query: &Object, to: NaiveDateTime, cursor: &str) -> String {
    let of = |name: &str| query.get(name).and_then(Value::as_str).map(|text| format!("&{name}={text}"));
    let (format, limit) = (of("format").unwrap_or_default(), of("limit").unwrap_or_default());
    let to = to.format("%Y-%m-%dT%H:%M:%S%.fZ");
    format!("<{}?to={to}{format}{limit}&cursor={cursor}>; rel=\"next\"", req.path())
}

fn point(row: Location) -> TrackPoint {
    TrackPoint {
        latitude: row.latitude,
        longitude: row.longitude,
        accuracy: row.accuracy,
        heading: row.heading,
        speed: row.speed,
        battery_level: row.battery_level.and_then(per_cent),
        created_at: row.created_at.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::request::read_with;
    use serde_json::json;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn asked(query: Value) -> Result<TrackAsked, u16> {
        let Value::Object(query) = query else { panic!("an object") };
        read_with(&query, |fields| TrackAsked::read(fields, now())).map_err(|problem| problem.code().status())
    }

    #[test]
    fn a_part_is_the_last_day_unless_said_otherwise_and_never_without_end() {
        let lately = asked(json!({})).unwrap();
        assert_eq!((lately.format, lately.limit), (Format::Json, POINTS));
        assert_eq!(lately.to - lately.from.0, LATELY);
        let all =
            asked(json!({"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T00:00:00Z", "format": "gpx"}));
        let all = all.unwrap();
        assert_eq!((all.from.0, all.limit), (DateTime::UNIX_EPOCH.naive_utc(), POINTS_MAX));
        assert_eq!(all.to, (now() + AHEAD).naive_utc());
        for wrong in [json!({"format": "kml"}), json!({"limit": "10001"}), json!({"from": "yesterday"})] {
            assert_eq!(asked(wrong.clone()), Err(422), "{wrong}");
        }
    }

    #[test]
    fn a_cursor_says_where_the_page_before_ended() {
        let row = Location {
            id: 7,
            latitude: 0.0,
            longitude: 0.0,
            accuracy: None,
            heading: None,
            speed: None,
            battery_level: None,
            created_at: DateTime::from_timestamp(1_799_999_000, 123_456_000).unwrap().naive_utc(),
        };
        let cursor = cursor_after(&row);
        assert_eq!(asked(json!({ "cursor": cursor })).unwrap().from, (row.created_at, 7));
        for wrong in ["", "1.2", "-1.0.7", "99999999999999.0.7", "1.2000000000.7", "a.b.c"] {
            assert_eq!(asked(json!({ "cursor": wrong })), Err(422), "{wrong}");
        }
    }
}
