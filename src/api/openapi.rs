//! The OpenAPI 3.1 document of REST: a walk over the rows of [`routes`](crate::api::routes) and what is read off their
//! handlers. Nothing of it is kept elsewhere. Sockets are not in it, since an upgrade says nothing of what follows: they
//! have an AsyncAPI document.

mod components;
mod examples;
mod operation;
mod refusals;
mod request;

use crate::api::openapi::components::Components;
pub use crate::api::openapi::components::settled;
use crate::api::routes::ROUTES;
use serde_json::{Map, Value, json};

const DESCRIPTION: &str = "\
A realtime dispatch server: orders, rides and bookings for drivers, customers and those who run the fleet.

- Times are RFC 3339, UTC with `Z`; in requests other forms are understood, too.
- Words from a fixed list are read in any case. A field that is null counts as absent, and unknown fields are ignored.
- A whole number may be written as 5, 5.0 or 5e0. An id may be a string, since some apps store them so.
- Money is a number in major units, next to its `currency`.
- A slash at the end of a path changes nothing. HEAD is answered wherever GET is, and the methods of a path are in `Allow` of \
a 405.
- A body may have `Content-Encoding: gzip`, and has at most 256 KiB, as sent and inflated.
- Every answer has an `X-Request-Id`, by which its lines are found in the server's log.
- Lists are `items` and `next_cursor`, which is null where nothing follows.

What is said over sockets is described by [/asyncapi.json](/asyncapi.json), for people at [/docs/sockets](/docs/sockets).";

/// Groups of operations: by the beginning of the path. The first that fits counts.
const TAGS: [(&str, &str, &str); 17] = [
    ("/api/v1/auth/", "Accounts", "Logging in, tokens, sessions, passwords and the second factor."),
    ("/api/v1/admin/drivers", "Drivers", "The drivers, for those who run the fleet."),
    ("/api/v1/admin/customers", "Customers", "The customers, for those who run the fleet."),
    ("/api/v1/admin/operators", "Operators and programs", "Those who run the fleet."),
    ("/api/v1/admin/programs", "Operators and programs", ""),
    ("/api/v1/admin/accounts", "Access", "What lets an account in, and taking it away."),
    ("/api/v1/admin/orders", "Orders", "Deliveries: making them, giving them to drivers and ending them."),
    ("/api/v1/admin/audit", "Audit", "Which operator or program changed or read which data."),
    ("/api/v1/orders", "Order apps", "Deliveries, for their drivers and customers."),
    (
        "/api/v1/driver",
        "Driver app",
        "The driver's own profile, status and positions; the drivers who are near.",
    ),
    ("/api/v1/earnings", "Driver app", ""),
    (
        "/api/Push/",
        "Push",
        "Notifications, in the push contract's own shape: a refusal has `success` and `message`.",
    ),
    ("/docs", "Server", "How the server is, its console and its descriptions."),
    ("/console", "Server", ""),
    ("/api/v1/ws/stats", "Server", ""),
    ("/api/v1/admin/demo", "Server", ""),
    ("/api/v1/admin/jobs", "Jobs", "The payment and the story of an order, a ride or a booking."),
];
const MORE_TAGS: [(&str, &str, &str); 3] = [
    ("rides", "Rides", "Asking for rides, taking them and carrying them out."),
    ("bookings", "Bookings", "A technician's services."),
    ("payments", "Payments", "What the payment service reports."),
];
const OTHER: &str = "Server";

/// The document. It says the same on every server of this version.
pub fn document() -> Value {
    let mut components = Components::default();
    let mut paths = Map::new();
    for route in ROUTES.iter().filter(|route| !route.shape().is_socket()) {
        let path = paths.entry(plain_path(route.path)).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] =
            operation::operation(route, tag_of(route.path), &mut components);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Fleetwire",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Realtime dispatch for small fleets",
            "description": DESCRIPTION,
            "contact": {"name": "The operator of this server"},
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server that this document comes from"}],
        "tags": tags(),
        "paths": paths,
        "components": components.finish(),
    })
}

/// A row's path as the documents write it: a parameter has no pattern.
pub fn plain_path(path: &str) -> String {
    path.replace("{path:.*}", "{path}")
}

fn tag_of(path: &str) -> &'static str {
    let by_beginning = TAGS.iter().find(|(beginning, ..)| path.starts_with(beginning));
    let by_part = || MORE_TAGS.iter().find(|(part, ..)| path.split('/').any(|one| one == *part));
    by_beginning.or_else(by_part).map_or(OTHER, |tag| tag.1)
}

fn tags() -> Vec<Value> {
    let described = TAGS.iter().chain(&MORE_TAGS).filter(|(.., description)| !description.is_empty());
    described.map(|(_, name, description)| json!({"name": name, "description": description})).collect()
}
