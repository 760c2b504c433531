//! `ws/stats`: current numbers for the apps' status pages.

use crate::api::Context;
use crate::api::extract::Caller;
use crate::api::respond::{Answered, json};
use crate::config::Profile;
use crate::contracts::ride_rest::Stats;
use crate::store::reads;
use actix_web::{FromRequest, HttpRequest, web};

/// `GET ws/stats`. In production it tells how much business there is, so somebody must have logged in to see it.
pub async fn stats(ctx: web::Data<Context>, req: HttpRequest) -> Answered<Stats> {
    if ctx.settings.profile == Profile::Production {
        Caller::extract(&req).await?;
    }
    let (drivers, rides) = ctx.read(reads::under_way).await?;
    let (online_drivers, active_rides) = (drivers.unsigned_abs(), rides.unsigned_abs());
    Ok(json(&Stats { total_connections: ctx.reaper.len() as u64, online_drivers, active_rides }))
}
