//! `drivers/nearby`: who could come. Passengers see which vehicles are about and roughly where, not where a driver is
//! exactly: nobody needs that before the driver is theirs.

use crate::actors::matcher::{Candidate, Nearest};
use crate::api::answer::{Answered, json};
use crate::api::extract::Caller;
use crate::api::fields::Fields;
use crate::api::input::Query;
use crate::api::problem::Problem;
use crate::api::{Context, rules};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::nearby::{NearbyDriver, NearbyDrivers};
use crate::domain::position::Position;
use crate::domain::role::Role;
use actix_web::web;

/// Metres looked around by default, and at most: a passenger has no use for more, and a search stays short.
const RADIUS_M: f64 = 10_000.0;
const RADIUS_M_MAX: f64 = 50_000.0;
const DRIVERS: usize = 5;
const DRIVERS_MAX: usize = 50;

/// `GET drivers/nearby?latitude&longitude&radius_m&limit&vehicle_type`.
pub async fn nearby(ctx: web::Data<Context>, Caller(caller): Caller, query: Query) -> Answered {
    let is_coarse = match caller.role {
        Role::Admin => false,
        Role::Customer => true,
        _ => return Err(Problem::new(ErrorCode::Forbidden, "This is for passengers and operators.")),
    };
    let mut fields = Fields::of(&query.0);
    let latitude = fields.required("latitude", rules::in_query(rules::latitude));
    let longitude = fields.required("longitude", rules::in_query(rules::longitude));
    let radius_m = fields.optional("radius_m", rules::in_query(rules::number_from_0_to(RADIUS_M_MAX)));
    let count = fields.optional("limit", rules::number_in(1..=DRIVERS_MAX)).unwrap_or(DRIVERS);
    let vehicle_type = fields.optional("vehicle_type", rules::name);
    let at = fields.finish(|| Position::new(latitude?, longitude?).ok())?;
    let radius_m = radius_m.unwrap_or(RADIUS_M);
    let found = ctx.search(Nearest { at, radius_m, count, vehicle_type, except: Vec::new() }).await?;
    let items = found.into_iter().map(|candidate| item(candidate, is_coarse)).collect();
    Ok(json(&NearbyDrivers { items }))
}

fn item(candidate: Candidate, is_coarse: bool) -> NearbyDriver {
    let Candidate { driver, vehicle_type, distance_m, position, age_secs } = candidate;
    // A thousandth of a degree is about 100 m.
    let (degrees, metres) = if is_coarse { (1e3, 100.0) } else { (1e6, 1.0) };
    NearbyDriver {
        driver_id: driver,
        vehicle_type,
        distance_m: (distance_m / metres).round() * metres,
        latitude: (position.latitude() * degrees).round() / degrees,
        longitude: (position.longitude() * degrees).round() / degrees,
        position_age_secs: age_secs,
    }
}
