//! Every route, as one row of one table: method, path, handler, allowed callers, and what is recorded of an operator's
//! call. The router is made from the rows and each path knows its own, so a route without a row does not exist, and an
//! extractor on a route that was made in another way refuses the request.

mod table;

pub use table::ROUTES;
pub(super) use table::{apps, console_pages, development, operators};

use crate::domain::role::Role;
use actix_web::HttpRequest;
use actix_web::http::Method;
use std::fmt;

/// The allowed callers of a route. The account's own rows decide the rest, such as the owner of an order or ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Any caller; no role is checked.
    Anybody,
    /// An account of one of these roles.
    Roles(&'static [Role]),
    /// The same, and where the settings say so somebody without an account, too.
    RolesOrNobody(&'static [Role]),
}

impl Who {
    /// Whether an account of this role may call it.
    pub fn has(self, role: Role) -> bool {
        match self {
            Who::Anybody => true,
            Who::Roles(roles) | Who::RolesOrNobody(roles) => roles.contains(&role),
        }
    }
}

/// The part of an operator's or a program's call that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is about nobody else, or changes nothing.
    Nothing,
    /// That it was made: it shows what is somebody's own.
    Reads,
    /// The change, in the change's own transaction.
    Changes,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub who: Who,
    pub recorded: Recorded,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// The rows of one path: the router keeps them with it.
#[derive(Clone, Copy)]
struct Rows(&'static [Route]);

/// The row of the route that a request has come to. HEAD is asked as GET.
pub fn of(req: &HttpRequest) -> Option<&'static Route> {
    let Rows(rows) = req.app_data::<Rows>()?;
    let method = if req.method() == Method::HEAD { "GET" } else { req.method().as_str() };
    rows.iter().find(|row| row.method == method)
}

/// Whether an account of this role may make the request. Where no row says who may, nobody may.
pub fn admits(req: &HttpRequest, role: Role) -> bool {
    of(req).is_some_and(|row| row.who.has(role))
}

#[cfg(test)]
mod tests {
    use super::table::ANYBODY;
    use super::*;
    use Role::{Admin, Dispatcher, Service, Viewer};
    use actix_web::test::TestRequest;
    use std::collections::BTreeSet;

    #[test]
    fn no_route_is_there_twice_and_each_that_changes_something_is_recorded() {
        let mut seen = BTreeSet::new();
        for route in ROUTES {
            assert!(seen.insert(route.to_string()), "{route} appears twice");
            let acts = |role| route.who != ANYBODY && route.who.has(role);
            if route.method != "GET" && [Admin, Dispatcher, Viewer, Service].into_iter().any(acts) {
                assert_eq!(route.recorded, Recorded::Changes, "{route}");
            }
            if route.method == "GET" {
                assert_ne!(route.recorded, Recorded::Changes, "{route}");
            }
        }
    }

    #[test]
    fn a_viewer_changes_nothing_and_a_dispatcher_no_account() {
        for route in ROUTES.iter().filter(|route| route.who != ANYBODY && route.method != "GET") {
            // But of their own account.
            if route.path.starts_with("/api/v1/auth/") {
                continue;
            }
            assert!(!route.who.has(Viewer), "{route}");
            let accounts = ["drivers", "customers", "operators", "programs", "accounts"];
            let is_account = accounts.iter().any(|part| route.path.contains(&format!("/admin/{part}")));
            assert!(!(is_account && route.who.has(Dispatcher)), "{route}");
        }
    }

    #[test]
    fn who_may_call_a_route_without_a_row_is_nobody() {
        for role in Role::ALL {
            assert!(!admits(&TestRequest::with_uri("/api/v1/admin/drivers").to_http_request(), role));
        }
    }
}
