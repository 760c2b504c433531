//! The caller of the push interface: an account with its token or, on a developer's own machine, anybody.

use crate::api::extract::{Caller, Extracting, LogIn};
use crate::api::problem::Problem;
use crate::api::{Context, came_through_a_proxy, limited_address};
use crate::contracts::error_codes::ErrorCode;
use crate::domain::ids::{AccountId, CustomerId};
use crate::domain::role::Role;
use crate::operations::authentication::Principal;
use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use std::net::IpAddr;
use std::time::Instant;
use uuid::Uuid;

/// The key under which callers are limited.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CallerKey {
    Account(AccountId),
    Address(IpAddr),
}

/// A caller who is within the limit of calls.
pub struct PushCaller {
    principal: Option<Principal>,
    session: Option<Uuid>,
}

impl PushCaller {
    /// The customer whose devices and history this is about: the caller, or anybody whom an operator names.
    pub fn customer(&self, named: Option<CustomerId>) -> Result<CustomerId, Problem> {
        match &self.principal {
            Some(Principal { customer: Some(own), .. }) => match named {
                Some(other) if other != *own => Err(forbidden("That is another customer.")),
                _ => Ok(*own),
            },
            Some(Principal { role: Role::Admin, .. }) | None => {
                named.ok_or_else(|| Problem::new(ErrorCode::InvalidFields, "Say which customer."))
            }
            Some(principal) => Err(not_for(principal.role)),
        }
    }

    /// The customer that the caller is; none for an operator, who may act for all.
    pub fn own(&self) -> Result<Option<CustomerId>, Problem> {
        match &self.principal {
            Some(Principal { customer: Some(own), .. }) => Ok(Some(*own)),
            Some(Principal { role: Role::Admin, .. }) | None => Ok(None),
            Some(principal) => Err(not_for(principal.role)),
        }
    }

    /// The customer's own log-in: their registrations end with it. Registrations made by others do not.
    pub fn session(&self) -> Option<Uuid> {
        let is_own = self.principal.as_ref().is_some_and(|principal| principal.customer.is_some());
        self.session.filter(|_| is_own)
    }
}

fn not_for(role: Role) -> Problem {
    forbidden(&format!("The role {role} may not do that."))
}

fn forbidden(detail: &str) -> Problem {
    Problem::new(ErrorCode::Forbidden, detail)
}

impl FromRequest for PushCaller {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let ctx = req.app_data::<web::Data<Context>>().expect("the server is built with its context");
            let principal = match req.headers().contains_key(AUTHORIZATION) {
                false if may_be_anonymous(ctx, &req) => None,
                _ => Some(Caller::extract(&req).await?.0),
            };
            let key = match &principal {
                Some(principal) => CallerKey::Account(principal.account),
                None => CallerKey::Address(limited_address(ctx, &req)),
            };
            ctx.limiters.push_by_caller.check(key, Instant::now()).map_err(|wait| {
                ctx.metrics.push_limited.increment(1);
                Problem::limited(wait)
            })?;
            let session = req.extensions().get::<LogIn>().and_then(|log_in| log_in.0);
            Ok(PushCaller { principal, session })
        })
    }
}

/// From this machine itself: what came through a proxy did not.
fn may_be_anonymous(ctx: &Context, req: &HttpRequest) -> bool {
    let is_local = req.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    let is_forwarded = came_through_a_proxy(req, &ctx.settings.listen);
    ctx.settings.notifications.allow_anonymous && is_local && !is_forwarded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role) -> PushCaller {
        let principal = Principal {
            account: AccountId(1),
            public_id: Uuid::nil(),
            role,
            name: "Somebody".to_owned(),
            phone_number: None,
            driver: None,
            customer: (role == Role::Customer).then_some(CustomerId(7)),
            external_id: None,
            tokens_valid_from: 0,
            log_in: None,
        };
        PushCaller { principal: Some(principal), session: Some(Uuid::from_u128(5)) }
    }

    #[test]
    fn it_is_about_who_asks_or_whom_an_operator_names() {
        let other = Some(CustomerId(8));
        let doors = |caller: PushCaller| (caller.customer(other).is_ok(), caller.own().is_ok());
        assert_eq!(doors(caller(Role::Admin)), (true, true));
        assert_eq!(doors(caller(Role::Service)), (false, false));
        assert_eq!(doors(caller(Role::Customer)), (false, true));
        assert_eq!(doors(caller(Role::Driver)), (false, false));
        assert_eq!(doors(PushCaller { principal: None, session: None }), (true, true));
    }

    #[test]
    fn a_customer_is_the_one_that_is_meant_and_an_operator_says_which() {
        for named in [None, Some(CustomerId(7))] {
            assert_eq!(caller(Role::Customer).customer(named), Ok(CustomerId(7)));
        }
        assert!(caller(Role::Admin).customer(None).is_err());
        assert_eq!(caller(Role::Customer).own(), Ok(Some(CustomerId(7))));
        assert_eq!(caller(Role::Admin).own(), Ok(None));
        assert_eq!(caller(Role::Customer).session(), Some(Uuid::from_u128(5)));
        assert_eq!(
            caller(Role::Admin).session(),
            None,
            "a customer's phone does not hang on an operator's log-in"
        );
    }
}
