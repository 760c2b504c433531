//! Nearby drivers: answered from memory, and consistent with the store.

use serde_json::{Value, json};

use crate::support::{DRIVER, Operator, Server, wait_until};

/// The centre of Johannesburg, where the demo data has driver 1; driver 2 is 15 km away, driver 3 in Pretoria.
const CENTRE: &str = "latitude=-26.2041&longitude=28.0473";

async fn nearby(operator: &Operator, query: &str) -> Vec<Value> {
    let reply = operator.api().get(&format!("drivers/nearby?{query}")).await.expect(200);
    reply.body["items"].as_array().expect("a list").clone()
}

fn ids(items: &[Value]) -> Vec<i64> {
    items.iter().map(|item| item["driver_id"].as_i64().expect("an id")).collect()
}

#[tokio::test]
async fn the_nearest_come_first_and_nobody_from_further_away() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    assert_eq!(ids(&nearby(&operator, CENTRE).await), [1]);
    assert_eq!(ids(&nearby(&operator, &format!("{CENTRE}&radius_m=50000")).await), [1, 2]);
    assert_eq!(ids(&nearby(&operator, &format!("{CENTRE}&radius_m=50000&limit=1")).await), [1]);
    assert_eq!(ids(&nearby(&operator, &format!("{CENTRE}&vehicle_type=SEDAN")).await), [1]);
    assert_eq!(ids(&nearby(&operator, &format!("{CENTRE}&vehicle_type=boat")).await), [0; 0]);
    for wrong in
        ["latitude=91&longitude=0", "latitude=x&longitude=0", "longitude=0", "latitude=NaN&longitude=0"]
    {
        operator.api().get(&format!("drivers/nearby?{wrong}")).await.expect_problem(422);
    }
}

#[tokio::test]
async fn a_position_counts_from_the_moment_it_is_told() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    // Two corners of a square, 220 m apart; each is searched around for 100 m.
    for (here, there) in [(-26.250, -26.252), (-26.252, -26.250)].repeat(10) {
        app.locate(here, 28.1);
        app.sync().await;
        let around = |latitude: f64| format!("latitude={latitude}&longitude=28.1&radius_m=100");
        assert_eq!(ids(&nearby(&operator, &around(here)).await), [DRIVER]);
        assert_eq!(ids(&nearby(&operator, &around(there)).await), [0; 0]);
    }
}

#[tokio::test]
async fn a_position_told_by_rest_counts_as_soon() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let body =
        json!([{"latitude": -26.2040, "longitude": 28.0473}, {"latitude": -26.2041, "longitude": 28.0473}]);
    server.driver_api(DRIVER).await.put("driver/location", body).await.expect(202);
    assert_eq!(ids(&nearby(&operator, CENTRE).await), [1, DRIVER]);
}

#[tokio::test]
async fn a_jump_that_no_vehicle_can_make_is_stored_and_does_not_move_the_driver_for_searches() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    app.locate(-26.2041, 28.0473);
    app.sync().await;
    assert_eq!(ids(&nearby(&operator, CENTRE).await), [1, DRIVER]);
    app.locate(0.0, 0.0);
    app.sync().await;
    assert_eq!(ids(&nearby(&operator, CENTRE).await), [1, DRIVER]);
    assert_eq!(server.metric("fleetwire_positions_implausible_total").await, 1.0);
    wait_until("both are stored", async || server.database().locations_stored() == 2).await;
}

#[tokio::test]
async fn who_may_not_be_matched_is_not_found_from_the_next_search_on() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    for (away, back) in [
        (json!({"status": "offline"}), json!({"status": "online"})),
        (json!({"is_verified": false}), json!({"is_verified": true})),
        (json!({"suspended": true}), json!({"suspended": false, "status": "online"})),
        (json!({"latitude": 0, "longitude": 0}), json!({"latitude": -26.2041, "longitude": 28.0473})),
    ] {
        operator.change_driver(1, away.clone()).await.expect(200);
        wait_until("the driver is not found", async || nearby(&operator, CENTRE).await.is_empty()).await;
        operator.change_driver(1, back).await.expect(200);
        wait_until("the driver is found again", async || ids(&nearby(&operator, CENTRE).await) == [1]).await;
    }
}

#[tokio::test]
async fn an_operator_restores_the_demo_from_the_console() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let away = json!({"latitude": -26.1041, "longitude": 28.1473});
    operator.change_driver(1, away).await.expect(200);
    operator.change_driver(1, json!({"is_verified": false})).await.expect(200);
    wait_until("the driver is gone", async || nearby(&operator, CENTRE).await.is_empty()).await;

    let driver = server.driver_api(1).await;
    driver.post("admin/demo/restore", json!({})).await.expect_problem(403);
    let restored = operator.api().post("admin/demo/restore", json!({})).await.expect(200);
    let accounts = restored.body["accounts"].as_array().expect("a list");
    assert!(accounts.contains(&json!("driver1")), "{accounts:?}");
    wait_until("the driver is back", async || ids(&nearby(&operator, CENTRE).await) == [1]).await;
    // Nobody was logged out by it.
    driver.get("driver/profile").await.expect(200);
}

#[tokio::test]
async fn what_another_process_changed_is_found() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    server.command(&["seed", "--remove"]).await;
    wait_until("nobody is left", async || {
        let reply = operator.api().get(&format!("drivers/nearby?{CENTRE}")).await;
        // The operator was a demo account, too.
        reply.status == 401
    })
    .await;
    server.command(&["seed", "--drivers", "3"]).await;
    let operator = server.operator().await;
    wait_until("the demo driver is back", async || ids(&nearby(&operator, CENTRE).await) == [1]).await;
    let fleet = "latitude=12.9716&longitude=77.5946&radius_m=20000";
    wait_until("the new drivers are there", async || nearby(&operator, fleet).await.len() >= 3).await;
}

#[tokio::test]
async fn a_passenger_sees_roughly_where_vehicles_are_and_a_driver_nothing() {
    let server = Server::start_default().await;
    let passenger = server.anonymous();
    let login = json!({"username": "passenger1", "password": "password123"});
    let token = passenger.post("auth/login", login).await.expect(200).body["access_token"].clone();
    let passenger = passenger.with_token(token.as_str().expect("a token").to_owned());
    let reply = passenger.get("drivers/nearby?latitude=-26.2&longitude=28.05").await.expect(200);
    let item = &reply.body["items"][0];
    assert_eq!(item["latitude"], json!(-26.204));
    // A number of the day, larger than any driver's own.
    assert!(item["driver_id"].as_i64().is_some_and(|id| id >= 1 << 52), "{item}");
    assert_eq!(item["position_age_secs"], Value::Null);
    // 32 m from where driver 1 is shown, and right where they are: bisecting the radius told the place to a centimetre.
    for (radius_m, found) in [(1, 0), (31, 0), (33, 1), (50_000, 2)] {
        let query = format!("drivers/nearby?{CENTRE}&radius_m={radius_m}");
        let items = passenger.get(&query).await.expect(200).body["items"].clone();
        assert_eq!(items.as_array().map(Vec::len), Some(found), "{radius_m}: {items}");
    }
    server.driver_api(DRIVER).await.get(&format!("drivers/nearby?{CENTRE}")).await.expect_problem(403);
}
