//! Who sees whose name, number, plate and position: every route with every role, in a world in which each person's are
//! unmistakable. [`ROUTES`] says what may be in the answers; anything else found there fails the test, and so does a
//! route of the server without a row.

mod table;
mod world;

use std::collections::BTreeSet;

use fleetwire::api::routes;
use serde_json::json;

use table::{ROUTES, Role, text_of};
use world::World;

#[test]
fn every_route_has_its_row_and_every_row_its_route() {
    let rows: BTreeSet<String> = ROUTES.iter().map(|(route, _)| (*route).to_owned()).collect();
    let routes: BTreeSet<String> = routes::ROUTES.iter().map(ToString::to_string).collect();
    assert_eq!(routes.difference(&rows).collect::<Vec<_>>(), [] as [&String; 0], "say who sees what there");
    assert_eq!(rows.difference(&routes).collect::<Vec<_>>(), [] as [&String; 0], "there is no such route");
}

/// In the order in which they are walked: what shows, then what changes, then what ends things.
fn in_turn() -> Vec<&'static str> {
    let turn = |route: &str| {
        let ends = ["/cancel", "/decline", "/unassign", "/complete"];
        match route.starts_with("GET ") {
            true => 0,
            // An erased person is nobody.
            false if route.ends_with("/erase") => 3,
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

/// Nobody is found by their number either: a role that is shown none could try the digits one by one.
#[tokio::test]
async fn a_viewer_sees_that_there_is_a_number_and_not_which() {
    let world = World::new().await;
    let viewer = world.api(Role::Viewer);
    for path in ["admin/customers?limit=200", "admin/drivers?limit=200"] {
        let reply = viewer.get(path).await.expect(200);
        let items = reply.body["items"].as_array().expect("a list");
        let masked = |item: &&serde_json::Value| {
            item["phone_number"].as_str().is_some_and(|shown| shown.starts_with("***"))
        };
        assert!(items.iter().filter(masked).count() >= 3, "{}", reply.text);
        assert!(items.iter().all(|item| item["username"] == "***"), "{}", reply.text);
    }
    let found = async |role: Role, search: &str| {
        let path = format!("admin/customers?search={search}");
        let reply = world.api(role).get(&path).await.expect(200);
        reply.body["items"].as_array().expect("a list").len()
    };
    assert_eq!((found(Role::Admin, "15550100001").await, found(Role::Viewer, "15550100001").await), (1, 0));
    assert_eq!(found(Role::Viewer, "Ownmark").await, 1);
    let held = viewer.get(&format!("rides/{}", world.rides[1])).await.expect(200);
    assert_eq!(held.body["driver"]["driver_phone"], "***11", "{}", held.text);
    let change = json!({"suspended": true});
    for role in [Role::Viewer, Role::Dispatcher] {
        world.api(role).patch("admin/customers/123", change.clone()).await.expect_problem(403);
    }
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
