//! How often somebody may try to log in, or repeat their password: by address, and by the account that is meant.

use crate::api::problem::Problem;
use crate::api::{Context, limited_address};
use crate::domain::ids::AccountId;
use crate::operations::log_ins::Door;
use crate::rate_limit::Guess;
use actix_web::HttpRequest;
use std::net::IpAddr;
use std::time::Instant;

pub fn limit_address(ctx: &Context, req: &HttpRequest) -> Result<(), Problem> {
    let address = limited_address(ctx, req);
    ctx.limiters.logins_by_address.check(address, Instant::now()).map_err(|wait| {
        ctx.metrics.logins_limited.increment(1);
        Problem::limited(wait)
    })
}

/// An attempt that could not be compared, as with a 503, is not a guess.
pub fn begin_guess<'a>(
    ctx: &'a Context,
    name: String,
    door: Option<&Door>,
    address: IpAddr,
) -> Result<Guess<'a, LoginKey, IpAddr>, Problem> {
    let (key, is_known) = match door {
        Some(Door { account, unlocks, is_known_place }) => {
            (LoginKey::Account { id: account.id, unlocks: *unlocks }, *is_known_place)
        }
        None => (LoginKey::Nobody(name), false),
    };
    ctx.limiters.guesses.begin(key, address, is_known, Instant::now()).map_err(|wait| {
        ctx.metrics.logins_limited.increment(1);
        Problem::limited(wait)
    })
}

/// The key under which guesses are counted. An account has one budget, by name and by number, in whatever form they are
/// written, and a new one once it was unlocked. Unknown names are limited alike, so that the limit reveals nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LoginKey {
    Account { id: AccountId, unlocks: i64 },
    Nobody(String),
}
