//! `admin/demo/restore` and `admin/demo/traffic`: restores the demo data, and lets simulated drivers and riders move
//! about. In development only.

use crate::api::extract::{Caller, bearer};
use crate::api::fields::Fields;
use crate::api::problem::Problem;
use crate::api::request::{Request, Sent};
use crate::api::respond::{Answered, json};
use crate::api::traffic::TrafficWanted;
use crate::api::{Context, rules};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::operators::{DemoRestored, DemoTraffic};
use crate::operations::passwords::Password;
use crate::operations::seed;
use crate::store::reads;
use actix_web::{HttpRequest, web};
use uuid::Uuid;

/// More than there are demo accounts with a name.
const ACCOUNTS_MAX: i64 = 20;
/// More would be a load test, for which there is `fleetwire simulate`.
const DRIVERS_MAX: usize = 50;
/// The token with which it is asked for lasts an hour.
const MINUTES_MAX: usize = 50;

/// `POST admin/demo/restore`: does the same as `fleetwire seed`, on a running server. It can be repeated.
pub async fn restore(ctx: web::Data<Context>, _: Caller) -> Answered<DemoRestored> {
    let hash = ctx.passwords.hash(Password::claimed(seed::DEMO_PASSWORD)).await?;
    // Needed only where the demo operator is gone, and others than this machine may be able to connect.
    let admin_hash = match ctx.settings.listen.is_loopback_only() {
        true => hash.clone(),
        false => ctx.passwords.hash(Password::claimed(Uuid::new_v4().simple().to_string())).await?,
    };
    ctx.write(move |tx| seed::seed(tx, &hash, &admin_hash)).await?;
    let accounts = ctx.read(|conn| reads::demo_accounts(conn, ACCOUNTS_MAX)).await?;
    let accounts = accounts.into_iter().map(|account| account.username).collect();
    Ok(json(&DemoRestored { accounts }))
}

/// `GET admin/demo/traffic`.
pub async fn traffic(ctx: web::Data<Context>, _: Caller) -> Answered<DemoTraffic> {
    Ok(json(&state(&ctx)))
}

/// The input of `POST admin/demo/traffic`. Both are to be said, so that nobody begins it by chance.
pub struct TrafficAsked {
    drivers: usize,
    minutes: usize,
}

impl Request for TrafficAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let drivers = fields.required("drivers", rules::whole_in(1..=DRIVERS_MAX));
        let minutes = fields.required("minutes", rules::whole_in(1..=MINUTES_MAX));
        Some(Self { drivers: drivers?, minutes: minutes? })
    }
}

/// `POST admin/demo/traffic`: begins it, unless some is there. Its people act by the public interfaces, the operator among
/// them with the caller's own token.
pub async fn begin_traffic(
    ctx: web::Data<Context>,
    req: HttpRequest,
    Caller(caller): Caller,
    body: Sent<TrafficAsked>,
) -> Answered<DemoTraffic> {
    let TrafficAsked { drivers, minutes } = body.read()?;
    let token = bearer(&req).ok_or_else(Problem::unauthorized)?.to_owned();
    let unavailable = || {
        let detail = "There is no simulated traffic on a server with TLS alone.";
        Problem::new(ErrorCode::Unavailable, detail)
    };
    let traffic = ctx.traffic.clone().ok_or_else(unavailable)?;
    // Nothing of it is in the database, but that it was asked for.
    ctx.write(|_| Ok(())).await?;
    let begun = traffic.begin(TrafficWanted { drivers, minutes, token }).ok_or_else(unavailable)?;
    log::info!("simulated traffic asked for drivers={drivers} minutes={minutes} by={}", caller.account);
    Ok(json(&begun))
}

/// `DELETE admin/demo/traffic`: ends it, where there is any.
pub async fn end_traffic(ctx: web::Data<Context>, _: Caller) -> Answered<DemoTraffic> {
    ctx.write(|_| Ok(())).await?;
    ctx.traffic.iter().for_each(|traffic| traffic.end());
    Ok(json(&state(&ctx)))
}

fn state(ctx: &Context) -> DemoTraffic {
    let nobody = DemoTraffic { running: false, ending: false, drivers: 0, until: None };
    ctx.traffic.as_ref().map_or(nobody, |traffic| traffic.state())
}
