//! Every route, as one row of one table: method, path, handler, who may call it, what of an operator's calls is
//! recorded, and the error codes that are its own. What it takes and answers is in its handler's type, and is read off
//! it ([`shape`]), so that a row can't say otherwise than its handler does. The router is made from the rows and each
//! path knows its own, so that a route without a row does not exist, and whoever asks for an account on one that was
//! made in another way is refused.

#[cfg(test)]
mod list_tests;
mod shape;
mod table;

pub use shape::{AnswerShape, BodyShape, QueryShape, Shape};
pub use table::ROUTES;
pub(super) use table::{apps, console_pages, development, operators};

use crate::contracts::error_codes::ErrorCode;
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
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub who: Who,
    pub recorded: Recorded,
    /// What a call does, in a line.
    pub summary: &'static str,
    /// Its handler, as the table writes it.
    handler: &'static str,
    /// Codes that do not follow from the rest of the row.
    own_errors: &'static [ErrorCode],
    shape: fn() -> Shape,
}

/// With these any request may be refused: for another name than the server's, while it stops or is overloaded, for a
/// fault of ours.
pub const ANY_ROUTES_ERRORS: [ErrorCode; 3] =
    [ErrorCode::MisdirectedRequest, ErrorCode::Internal, ErrorCode::Unavailable];

impl Route {
    /// The name by which programs know the operation: its handler's. Only the paths of one socket share one.
    pub fn operation_id(&self) -> String {
        self.handler.replace("::", "_")
    }

    /// Its input and its answers.
    pub fn shape(&self) -> Shape {
        (self.shape)()
    }

    /// Every code that a call can be refused with besides [`ANY_ROUTES_ERRORS`], in the order of the table of codes.
    pub fn errors(&self) -> Vec<ErrorCode> {
        let shape = self.shape();
        let following = [self.access_errors(&shape), self.path_errors(), &shape.errors()[..]].concat();
        let is_one = |code: &ErrorCode| self.own_errors.contains(code) || following.contains(code);
        ErrorCode::ALL.iter().copied().filter(is_one).collect()
    }

    /// The errors about the caller and the rate of calls. A socket answers an unknown caller by closing, since an app
    /// sees no code on a refused handshake.
    fn access_errors(&self, shape: &Shape) -> &'static [ErrorCode] {
        use ErrorCode::{BadRequest, Forbidden, TooManyRequests, Unauthorized};
        match self.who {
            _ if shape.is_socket() => &[BadRequest, TooManyRequests],
            Who::Anybody => &[],
            who if Role::ALL.into_iter().all(|role| who.has(role)) => &[Unauthorized, TooManyRequests],
            Who::Roles(_) | Who::RolesOrNobody(_) => &[Unauthorized, Forbidden, TooManyRequests],
        }
    }

    fn path_errors(&self) -> &'static [ErrorCode] {
        if self.path.contains('{') { &[ErrorCode::NotFound] } else { &[] }
    }
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

/// The row that a request comes to by its method and its path, which has no query.
pub fn find(method: &str, path: &str) -> Option<&'static Route> {
    let matched = ROUTES.iter().find(|row| matches(row.path, path))?.path;
    ROUTES.iter().find(|row| row.path == matched && row.method == method)
}

/// The names of the parameters in a row's path, in their order.
pub fn parameters(path: &str) -> impl Iterator<Item = &str> {
    let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    named.map(|name| name.split(':').next().unwrap_or(name))
}

/// Whether a path matches a row's pattern.
fn matches(pattern: &str, path: &str) -> bool {
    if let Some((root, _)) = pattern.split_once("{path:.*}") {
        return path.starts_with(root);
    }
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    let is_one =
        |(wanted, given): (&&str, &&str)| wanted == given || (wanted.starts_with('{') && !given.is_empty());
    pattern.len() == path.len() && pattern.iter().zip(&path).all(is_one)
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
    fn a_path_is_found_as_the_router_finds_it() {
        let found = |method: &str, path: &str| find(method, path).map(|row| row.path);
        assert_eq!(found("GET", "/api/v1/orders/7"), Some("/api/v1/orders/{id}"));
        assert_eq!(found("GET", "/api/v1/orders/mine"), Some("/api/v1/orders/mine"));
        assert_eq!(found("POST", "/api/v1/orders/mine"), None);
        assert_eq!(found("GET", "/console/vendor/map.js"), Some("/console/{path:.*}"));
        assert_eq!(found("GET", "/api/v1/orders/"), None);
    }

    #[test]
    fn who_may_call_a_route_without_a_row_is_nobody() {
        for role in Role::ALL {
            assert!(!admits(&TestRequest::with_uri("/api/v1/admin/drivers").to_http_request(), role));
        }
    }
}
