//! `drivers/nearby`: the drivers who could come. Passengers see which vehicles are about and roughly where, not a
//! driver's exact position: nobody needs that before the driver is theirs.
//!
//! Invariant: a passenger's answer is made of rounded positions alone. If the exact one were compared with the radius,
//! or decided the order, a few questions would reveal it.

use crate::actors::matcher::{FreeDriver, Nearest};
use crate::api::extract::Caller;
use crate::api::fields::Fields;
use crate::api::problem::Problem;
use crate::api::request::{Asked, Request};
use crate::api::respond::{Answered, json};
use crate::api::{Context, rules};
use crate::contracts::nearby::{NearbyDriver, NearbyDrivers};
use crate::domain::ids::DriverId;
use crate::domain::position::Position;
use crate::operations::tokens::TokenKeys;
use actix_web::web;
use chrono::NaiveDate;
use std::time::Instant;

/// Metres looked around by default, and at most: a passenger has no use for more, and a search stays short.
const RADIUS_M: f64 = 10_000.0;
const RADIUS_M_MAX: f64 = 50_000.0;
const DRIVERS: usize = 5;
const DRIVERS_MAX: usize = 50;

/// No position is further from where it is shown, see [`Position::rounded`].
const ROUNDING_M: f64 = 80.0;
/// Of so many who are nearest those are chosen who are shown to be nearest. Those in the places next to each other are fewer.
const ROUNDED_MAX: usize = 1_000;

/// The input of `GET drivers/nearby`.
pub struct NearbyAsked {
    at: Position,
    radius_m: f64,
    limit: usize,
    vehicle_type: Option<String>,
}

impl Request for NearbyAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let latitude = fields.required("latitude", rules::in_query(rules::latitude()));
        let longitude = fields.required("longitude", rules::in_query(rules::longitude()));
        let radius = rules::in_query(rules::number_from_0_to(RADIUS_M_MAX));
        let radius_m = fields.optional_or("radius_m", radius, RADIUS_M);
        let limit = fields.optional_or("limit", rules::number_in(1..=DRIVERS_MAX), DRIVERS);
        let vehicle_type = fields.optional("vehicle_type", rules::name());
        let at = Position::new(latitude?, longitude?).ok()?;
        Some(Self { at, radius_m, limit, vehicle_type })
    }
}

/// `GET drivers/nearby?latitude&longitude&radius_m&limit&vehicle_type`.
pub async fn nearby(
    ctx: web::Data<Context>,
    Caller(caller): Caller,
    query: Asked<NearbyAsked>,
) -> Answered<NearbyDrivers> {
    let is_coarse = !caller.role.is_operator();
    let within = ctx.account_limits.nearby(caller.account, caller.role, Instant::now());
    within.map_err(Problem::limited)?;
    let NearbyAsked { at, radius_m, limit: count, vehicle_type } = query.read()?;
    let (searched_m, among) =
        if is_coarse { (radius_m + ROUNDING_M, ROUNDED_MAX) } else { (radius_m, count) };
    let search = Nearest { at, radius_m: searched_m, count: among, vehicle_type };
    let mut found = ctx.search(search).await?;
    if is_coarse {
        let day = ctx.clock.now().date_naive();
        for candidate in &mut found {
            candidate.driver = of_the_day(&ctx.tokens, candidate.driver, day);
        }
        found = rounded(found, at, radius_m, count);
    }
    // A passenger's distances are no finer than the places.
    let metres = if is_coarse { 100.0 } else { 1.0 };
    Ok(json(&NearbyDrivers { items: found.into_iter().map(|candidate| item(candidate, metres)).collect() }))
}

/// The number by which passengers know a driver on this day, so that an app can move its marks: of the same kind as
/// drivers' own ids, greater than any of them, and exact in JavaScript. If the number were permanent, frequent queries
/// would reveal where a driver lives.
fn of_the_day(tokens: &TokenKeys, driver: DriverId, day: NaiveDate) -> DriverId {
    const BIT: u64 = 1 << 52;
    let secret = tokens.fingerprint(format!("nearby:{driver}:{day}").as_bytes());
    // FNV-1a. Its input can't be guessed, so it need not hide anything itself.
    let folded = secret.bytes().fold(0xcbf2_9ce4_8422_2325, |folded: u64, byte| {
        (folded ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    DriverId(((folded % BIT) | BIT) as i64)
}

/// The same drivers where passengers are shown them: those within the radius, the nearest first, at most `count`.
fn rounded(found: Vec<FreeDriver>, at: Position, radius_m: f64, count: usize) -> Vec<FreeDriver> {
    let shown = found.into_iter().map(|candidate| {
        let position = candidate.position.rounded();
        FreeDriver { position, distance_m: at.distance_m(position), ..candidate }
    });
    let mut shown: Vec<FreeDriver> = shown.filter(|candidate| candidate.distance_m <= radius_m).collect();
    shown.sort_by(|one, other| {
        one.distance_m.total_cmp(&other.distance_m).then_with(|| one.driver.cmp(&other.driver))
    });
    shown.truncate(count);
    shown
}

fn item(candidate: FreeDriver, metres: f64) -> NearbyDriver {
    let FreeDriver { driver, vehicle_type, distance_m, position, age_secs } = candidate;
    let degrees = |degrees: f64| (degrees * 1e6).round() / 1e6;
    NearbyDriver {
        driver_id: driver,
        vehicle_type,
        distance_m: (distance_m / metres).round() * metres,
        latitude: degrees(position.latitude()),
        longitude: degrees(position.longitude()),
        position_age_secs: age_secs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::tokens::TokenLifetimes;
    use proptest::prelude::*;
    use std::time::Duration;

    fn at(latitude: f64, longitude: f64) -> Position {
        Position::new(latitude, longitude).expect("in range")
    }

    fn candidate(driver: i64, position: Position, from: Position) -> FreeDriver {
        let vehicle_type = "moto".to_owned();
        let distance_m = from.distance_m(position);
        FreeDriver { driver: DriverId(driver), vehicle_type, distance_m, position, age_secs: None }
    }

    /// Bisecting the radius from three points gave a driver's place to a centimetre.
    #[test]
    fn what_a_passenger_is_shown_does_not_tell_where_in_a_place_a_driver_is() {
        let from = at(3.8479, 11.5019);
        let here = [at(3.8476, 11.5024), at(3.8484, 11.5016), at(3.848, 11.502)];
        for radius_m in (0..2000).map(|tenth| f64::from(tenth) / 10.0) {
            for count in 1..=2 {
                let shown = |[one, other]: [Position; 2]| {
                    let mut found = vec![candidate(1, one, from), candidate(2, other, from)];
                    found.sort_by(|one, other| one.distance_m.total_cmp(&other.distance_m));
                    rounded(found, from, radius_m, count)
                };
                let answers = [shown([here[0], here[1]]), shown([here[1], here[0]]), shown([here[2]; 2])];
                assert!(answers.iter().all(|answer| *answer == answers[0]), "{radius_m}: {answers:?}");
            }
        }
    }

    #[test]
    fn those_who_are_shown_nearest_come_first() {
        let from = at(3.8484, 11.502);
        // 22 m away and shown 67 m away; 67 m away and shown 44 m away, like the last one.
        let found = [(1, 3.8486), (3, 3.8478), (2, 3.8477)]
            .map(|(driver, latitude)| candidate(driver, at(latitude, 11.502), from));
        let ids = |count| rounded(found.to_vec(), from, 10_000.0, count).into_iter().map(|one| one.driver.0);
        assert_eq!(ids(5).collect::<Vec<_>>(), [2, 3, 1]);
        assert_eq!(ids(1).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_driver_has_another_number_on_another_day_and_with_another_secret() {
        let (access, refresh) = (Duration::from_secs(3600), Duration::from_secs(86_400));
        let keys = |secret: &[u8; 32]| TokenKeys::new(secret, TokenLifetimes { access, refresh }, None);
        let (ours, others) = (keys(&[1; 32]), keys(&[2; 32]));
        let day = NaiveDate::from_ymd_opt(2026, 12, 1).expect("a day");
        let number = of_the_day(&ours, DriverId(1), day);
        assert_eq!(number, of_the_day(&ours, DriverId(1), day));
        let next = day.succ_opt().expect("a day");
        for other in [
            of_the_day(&ours, DriverId(1), next),
            of_the_day(&ours, DriverId(2), day),
            of_the_day(&others, DriverId(1), day),
        ] {
            assert_ne!(number, other);
            assert!((1 << 52..1 << 53).contains(&other.0), "{other}");
        }
    }

    proptest! {
        #[test]
        fn nobody_is_shown_further_away_than_the_margin(latitude in -90.0f64..=90.0, longitude in -180.0f64..=180.0) {
            let position = at(latitude, longitude);
            prop_assert!(position.distance_m(position.rounded()) < ROUNDING_M);
        }
    }
}
