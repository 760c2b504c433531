//! Who sees whose name, number, plate and position: every route with every role, in a world in which each person's are
//! unmistakable. [`ROUTES`] says what may be in the answers; whatever else is found there fails, and so does a route
//! of the server's that has no row.

mod table;
mod world;

use std::collections::BTreeSet;

use table::{ROUTES, Role, text_of};
use world::World;

/// Where the server's routes are written down.
const SOURCES: [&str; 2] =
    [include_str!("../../../src/api/mod.rs"), include_str!("../../../src/api/sockets.rs")];

/// Method and path of every route that the sources name.
fn routes() -> BTreeSet<String> {
    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
    let mut found = BTreeSet::new();
    for line in SOURCES.iter().flat_map(|source| source.lines()) {
        let line = line.trim();
        let paths: Vec<&str> =
            line.split('"').skip(1).step_by(2).filter(|text| text.starts_with('/')).collect();
        let is_route = ["at(\"", "resource(\"", "for path in ["].iter().any(|sign| line.contains(sign));
        if line.starts_with("//") || !is_route {
            continue;
        }
        let is_list = line.contains("for path in [");
        for method in METHODS
            .iter()
            .filter(|method| line.contains(&format!(").{method}(")) || is_list && **method == "get")
        {
            found.extend(paths.iter().map(|path| format!("{} {path}", method.to_uppercase())));
        }
    }
    found
}

#[test]
fn every_route_has_its_row_and_every_row_its_route() {
    let rows: BTreeSet<String> = ROUTES.iter().map(|(route, _)| (*route).to_owned()).collect();
    let routes = routes();
    assert!(routes.len() > 60, "the sources are read otherwise than they are written: {routes:?}");
    assert_eq!(routes.difference(&rows).collect::<Vec<_>>(), [] as [&String; 0], "say who sees what there");
    assert_eq!(rows.difference(&routes).collect::<Vec<_>>(), [] as [&String; 0], "there is no such route");
}

/// In the order in which they are walked: what shows, then what changes, then what ends things.
fn in_turn() -> Vec<&'static str> {
    let turn = |route: &str| {
        let ends = ["/cancel", "/decline", "/unassign", "/complete"];
        match route.starts_with("GET ") {
            true => 0,
            false => 1 + usize::from(ends.iter().any(|end| route.ends_with(end))),
        }
    };
    let mut all: Vec<&str> = ROUTES.iter().map(|(route, _)| *route).collect();
    all.retain(|route| !route.contains("/ws/") || route.ends_with("/stats"));
    all.sort_by_key(|route| turn(route));
    all
}

#[tokio::test]
async fn nobody_sees_of_others_what_is_not_theirs_to_see() {
    let mut world = World::new().await;
    let mut found = world.heard().await;
    for route in in_turn() {
        found.extend(world.walk(route).await);
    }
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
}

/// The walk would find nothing if the marks were nowhere.
#[tokio::test]
async fn each_of_them_is_shown_to_who_may_see_it() {
    let world = World::new().await;
    let shown = async |role: Role, path: &str, marks: &[&str]| {
        let reply = world.api(role).get(path).await.expect(200);
        for mark in marks {
            assert!(
                reply.text.contains(text_of(mark)),
                "{path} does not show {role:?} {mark}: {}",
                reply.text
            );
        }
    };
    let held = format!("/api/v1/rides/{}", world.rides[1]);
    shown(Role::Own, &held, &["holder.name", "holder.phone", "holder.plate", "holder.place"]).await;
    shown(Role::Holder, &held, &["own.name", "own.phone", "own.place", "own.address"]).await;
    shown(Role::Chauffeur, "/api/v1/rides/a-guests-ride", &["guest.phone", "guest.place"]).await;
    shown(Role::Courier, "/api/v1/orders/assigned", &["own.name", "own.phone", "own.address"]).await;
    shown(Role::Own, "/api/v1/orders/mine", &["courier.name", "courier.phone", "courier.place"]).await;
    shown(Role::Technician, "/api/v1/bookings", &["own.name", "own.phone"]).await;
    shown(Role::Admin, "/api/v1/admin/customers?limit=200", &["own.phone", "other.name", "past.phone"]).await;
    shown(
        Role::Admin,
        "/api/v1/admin/drivers?limit=200",
        &["stranger.name", "offered.phone", "courier.place"],
    )
    .await;
}
