//! Identifies the caller: extractors that check the access token, and the role against the route's row, before a
//! handler runs. The account's row decides on each request, so a suspended account is refused from the next request on.

use crate::api::problem::Problem;
use crate::api::routes;
use crate::api::{Context, audited};
use crate::contracts::error_codes::ErrorCode;
use crate::domain::ids::{CustomerId, DriverId};
use crate::domain::role::Role;
use crate::operations::authentication::{self, Principal};
use crate::operations::tokens::Use;
use crate::store::Party;
use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use std::future::Future;
use std::pin::Pin;
use std::time::Instant;
use uuid::Uuid;

/// The result of an extractor that has to ask the database.
pub(super) type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// An account with what a handler needs of it. Whether its role may call the route at all, the table of the routes says: 401 where
/// nobody is known, 403 where they may not.
pub trait Admitted: Sized {
    fn admit(principal: Principal) -> Result<Self, Problem>;
}

/// An account that the route's row lets in.
pub struct Caller(pub Principal);

/// A driver's app.
pub struct DriverCaller {
    pub driver: DriverId,
    pub principal: Principal,
}

/// A passenger's app.
pub struct PassengerCaller {
    pub customer: CustomerId,
    pub principal: Principal,
}

impl Admitted for Caller {
    fn admit(principal: Principal) -> Result<Self, Problem> {
        Ok(Self(principal))
    }
}

impl Admitted for DriverCaller {
    fn admit(principal: Principal) -> Result<Self, Problem> {
        match principal.driver {
            Some(driver) => Ok(Self { driver, principal }),
            None => Err(forbidden(principal.role)),
        }
    }
}

impl Admitted for PassengerCaller {
    fn admit(principal: Principal) -> Result<Self, Problem> {
        match principal.customer {
            Some(customer) => Ok(Self { customer, principal }),
            None => Err(forbidden(principal.role)),
        }
    }
}

pub(super) fn forbidden(role: Role) -> Problem {
    Problem::new(ErrorCode::Forbidden, format!("The role {role} may not do that."))
}

/// The log-in that the token of a request descends from, if it says one: kept with the request once the token is checked.
#[derive(Clone, Copy)]
pub(super) struct LogIn(pub Option<Uuid>);

/// The account behind a request, if it may make it.
async fn authenticate(req: HttpRequest) -> Result<Principal, Problem> {
    let principal = known(&req).await?;
    if !routes::admits(&req, principal.role) {
        return Err(forbidden(principal.role));
    }
    audited::begin(&req, context(&req), &principal)?;
    Ok(principal)
}

fn context(req: &HttpRequest) -> &Context {
    req.app_data::<web::Data<Context>>().expect("the server is built with its context")
}

/// Checks the token, reads the account, and counts the request.
async fn known(req: &HttpRequest) -> Result<Principal, Problem> {
    let ctx = context(req);
    let token = bearer(req).ok_or_else(Problem::unauthorized)?;
    let claims = ctx.tokens.verify(token, Use::Access, ctx.clock.now()).map_err(|reason| {
        log::debug!("a token was refused reason=\"{reason}\"");
        Problem::unauthorized()
    })?;
    req.extensions_mut().insert(LogIn(claims.session));
    let principal = match ctx.principals.find(&claims, Instant::now()) {
        Ok(recent) => Some(recent).filter(|who| who.is_meant_by(&claims)),
        Err(began) => {
            Party::Bearer(claims.sub).is_known();
            let asked = claims.clone();
            let read = ctx.read(move |conn| authentication::principal(conn, &asked)).await?;
            read.inspect(|principal| ctx.principals.keep(&claims, principal, began, Instant::now()))
        }
    };
    let principal = principal.ok_or_else(Problem::unauthorized)?;
    Party::Account(principal.account).is_known();
    let within = ctx.account_limits.request(principal.account, principal.role, Instant::now());
    within.map_err(Problem::limited)?;
    Ok(principal)
}

/// From the header alone: a URL of REST carries no token.
pub(super) fn bearer(req: &HttpRequest) -> Option<&str> {
    let (scheme, token) = req.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

macro_rules! extracted {
    ($($name:ty),+) => {$(
        impl FromRequest for $name {
            type Error = Problem;
            type Future = Extracting<Self>;

            fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
                let req = req.clone();
                Box::pin(async move { <$name>::admit(authenticate(req).await?) })
            }
        }
    )+};
}
extracted!(Caller, DriverCaller, PassengerCaller);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::AccountId;
    use actix_web::test::TestRequest;

    fn principal(role: Role) -> Principal {
        Principal {
            account: AccountId(1),
            public_id: Uuid::nil(),
            role,
            name: "Somebody".to_owned(),
            phone_number: None,
            driver: (role == Role::Driver).then_some(DriverId(123)),
            customer: None,
            external_id: None,
            tokens_valid_from: 0,
            log_in: None,
        }
    }

    /// An account whose other row is missing has nothing that the route is about.
    #[test]
    fn an_app_is_let_in_with_the_row_that_its_role_has() {
        assert!(DriverCaller::admit(principal(Role::Driver)).is_ok());
        assert!(DriverCaller::admit(Principal { driver: None, ..principal(Role::Driver) }).is_err());
        assert!(PassengerCaller::admit(principal(Role::Customer)).is_err());
    }

    #[test]
    fn a_token_in_the_url_is_not_looked_at() {
        let req = TestRequest::with_uri("/?token=a.b.c").to_http_request();
        assert_eq!(bearer(&req), None);
        let req = TestRequest::default().insert_header((AUTHORIZATION, "bearer  a.b.c ")).to_http_request();
        assert_eq!(bearer(&req), Some("a.b.c"));
    }
}
