//! Customers see, follow and cancel the orders that they requested.

use serde_json::{Value, json};

use crate::support::{Api, DRIVER, NewOrder, Operator, Server, wait_until};

const CUSTOMER: i64 = 123;
const OTHER: i64 = 1;

async fn order_of(operator: &Operator, customer: i64) -> i64 {
    let mut order = NewOrder::default().body();
    order["customer_id"] = json!(customer);
    operator.api().post("admin/orders", order).await.expect(201).id("order_id")
}

async fn shown(api: &Api, id: i64) -> Value {
    api.get(&format!("orders/{id}")).await.expect(200).body
}

#[tokio::test]
async fn a_customer_follows_an_order_from_the_kitchen_to_the_door() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let (customer, driver) = (server.passenger_api(CUSTOMER).await, server.driver_api(DRIVER).await);
    let id = order_of(&operator, CUSTOMER).await;
    let pending = shown(&customer, id).await;
    assert_eq!((&pending["status"], &pending["driver"]), (&json!("pending"), &Value::Null));
    assert_eq!(pending.get("earnings"), None, "what the driver earns is theirs to know");

    operator.assign(id, DRIVER).await.expect(200);
    let assigned = shown(&customer, id).await;
    let name = operator.driver(DRIVER).await["name"].clone();
    let by = &assigned["driver"];
    assert_eq!((&assigned["status"], &by["driver_name"]), (&json!("assigned"), &name));
    // They have not said yet that they come, and may be at home.
    for hidden in ["driver_phone", "latitude", "longitude"] {
        assert_eq!(by[hidden], Value::Null, "{hidden}");
    }

    driver.set_order_status(id, "accepted").await.expect(200);
    operator.change_driver(DRIVER, json!({"latitude": 12.9352, "longitude": 77.6245})).await.expect(200);
    let coming = shown(&customer, id).await;
    assert!(coming["driver"]["driver_phone"].is_string(), "{coming}");
    assert_eq!((&coming["driver"]["latitude"], &coming["status"]), (&json!(12.9352), &json!("accepted")));

    driver.set_order_status(id, "picked_up").await.expect(200);
    assert!(shown(&customer, id).await["driver"]["latitude"].is_f64());
    driver.set_order_status(id, "delivered").await.expect(200);
    let there = shown(&customer, id).await;
    assert_eq!((&there["status"], &there["driver"]["driver_name"]), (&json!("delivered"), &name));
    for hidden in ["driver_phone", "latitude", "longitude", "position_age_secs"] {
        assert_eq!(there["driver"][hidden], Value::Null, "{hidden}");
    }
}

#[tokio::test]
async fn a_customer_lists_their_own_orders_page_by_page() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let customer = server.passenger_api(CUSTOMER).await;
    // The demo data has some; these are the newest.
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(order_of(&operator, CUSTOMER).await);
        order_of(&operator, OTHER).await;
        operator.create_order().await;
    }
    made.reverse();
    operator.cancel(made[1], "Closed").await.expect(200);
    let ids = |reply: &Value| -> Vec<i64> {
        let items = reply["items"].as_array().expect("a list");
        items.iter().map(|item| item["order_id"].as_i64().expect("an id")).collect()
    };
    let first = customer.get("orders/mine?limit=2").await.expect(200).body;
    assert_eq!(ids(&first), made[..2]);
    let cursor = first["next_cursor"].as_str().expect("more follow");
    let second = customer.get(&format!("orders/mine?limit=1&cursor={cursor}")).await.expect(200).body;
    assert_eq!(ids(&second), made[2..]);
    let pending = customer.get("orders/mine?status=pending&limit=2").await.expect(200).body;
    assert_eq!(ids(&pending), [made[0], made[2]]);
    customer.get("orders/mine?status=eaten").await.expect_problem(422);
    server.driver_api(DRIVER).await.get("orders/mine").await.expect_problem(403);
    server.anonymous().get("orders/mine").await.expect_problem(401);
}

#[tokio::test]
async fn an_order_of_somebody_else_does_not_exist() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let customer = server.passenger_api(CUSTOMER).await;
    for id in [order_of(&operator, OTHER).await, operator.create_order().await, 999_999] {
        customer.get(&format!("orders/{id}")).await.expect_problem(404);
        customer.post(&format!("orders/{id}/cancel"), json!({"reason": "Mine"})).await.expect_problem(404);
    }
    let booking = operator.api().book(CUSTOMER).await;
    customer.get(&format!("orders/{booking}")).await.expect_problem(404);
    let theirs = order_of(&operator, CUSTOMER).await;
    for api in [server.driver_api(DRIVER).await, operator.api().clone()] {
        api.get(&format!("orders/{theirs}")).await.expect_problem(403);
    }
}

#[tokio::test]
async fn a_customer_cancels_until_the_order_is_picked_up_and_the_driver_hears_of_it() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let (customer, driver) = (server.passenger_api(CUSTOMER).await, server.driver_api(DRIVER).await);
    let (mut app, mut phone) = (server.driver(DRIVER).await, server.hailing_passenger(CUSTOMER).await);
    let id = order_of(&operator, CUSTOMER).await;
    operator.assign(id, DRIVER).await.expect(200);
    app.expect("order_assigned").await;
    phone.expect("order_assigned").await;
    let path = format!("orders/{id}/cancel");
    let gone = customer.post(&path, json!({"reason": "Took too long"})).await.expect(200).body;
    let said = (&gone["status"], &gone["cancelled_by"], &gone["reason"], &gone["driver"]);
    assert_eq!(said, (&json!("cancelled"), &json!("customer"), &json!("Took too long"), &Value::Null));
    for app in [&mut app, &mut phone] {
        assert_eq!(app.expect("order_cancelled").await["data"]["reason"], "Took too long");
    }
    let again = customer.post(&path, json!({"reason": "Once more"})).await.expect(200).body;
    assert_eq!(again["reason"], "Took too long");
    assert_eq!(driver.orders_assigned().await, [] as [i64; 0]);

    let id = order_of(&operator, CUSTOMER).await;
    operator.assign(id, DRIVER).await.expect(200);
    app.expect("order_assigned").await;
    driver.set_order_status(id, "picked_up").await.expect(200);
    let path = format!("orders/{id}/cancel");
    let late = customer.post(&path, json!({"reason": "No longer hungry"})).await.expect_problem(409);
    assert_eq!((&late.body["code"], &late.body["state"]), (&json!("order_state"), &json!("picked_up")));
    assert_eq!(driver.orders_assigned().await, [id]);

    // A customer who gives no reason gets the default one.
    let id = order_of(&operator, CUSTOMER).await;
    let gone = customer.post(&format!("orders/{id}/cancel"), json!({})).await.expect(200).body;
    assert_eq!(gone["reason"], "Cancelled by the customer");
}

#[tokio::test]
async fn how_far_an_orders_driver_is_looked_for_is_a_setting() {
    let server = Server::builder().setting("AUTO_ASSIGN_RADIUS_M", 1000).start().await;
    let operator = server.operator().await;
    // Two kilometres north of driver 1.
    let mut order = NewOrder::default().body();
    order["pickup_latitude"] = json!(-26.1861);
    order["pickup_longitude"] = json!(28.0473);
    let id = operator.api().post("admin/orders", order).await.expect(201).id("order_id");
    let path = format!("admin/orders/{id}/auto-assign");
    assert_eq!(operator.api().post(&path, json!({})).await.expect_problem(409).body["code"], "no_drivers");
}

/// Of two drivers who are near, and can't have it for a reason that only the assignment finds out, each costs a try.
#[tokio::test]
async fn how_many_drivers_are_tried_for_an_order_is_a_setting() {
    let server = Server::builder().setting("AUTO_ASSIGN_TRIES", 2).start().await;
    let operator = server.operator().await;
    // Ten, twenty and thirty metres south of the pickup, where driver 1 was.
    for (driver, latitude) in [(1, -26.2042), (2, -26.2043), (3, -26.2044)] {
        let here = json!({"latitude": latitude, "longitude": 28.0473, "status": "online"});
        operator.change_driver(driver, here).await.expect(200);
    }
    let near = "drivers/nearby?latitude=-26.2041&longitude=28.0473&radius_m=100";
    let all_are_near =
        async || operator.api().get(near).await.expect(200).body["items"].as_array().map(Vec::len) == Some(3);
    wait_until("all three are near", all_are_near).await;
    let suspend = |who: &str, suspended: &str| {
        let them = format!("SELECT account_id FROM drivers WHERE id IN ({who})");
        format!("UPDATE accounts SET is_suspended = {suspended} WHERE id IN ({them})")
    };
    server.database().execute(&suspend("1, 2", "TRUE"));
    let mut order = NewOrder::default().body();
    order["pickup_latitude"] = json!(-26.2041);
    order["pickup_longitude"] = json!(28.0473);
    let id = operator.api().post("admin/orders", order).await.expect(201).id("order_id");
    let path = format!("admin/orders/{id}/auto-assign");
    assert_eq!(operator.api().post(&path, json!({})).await.expect_problem(409).body["code"], "no_drivers");
    // The second is asked where the first can't.
    server.database().execute(&suspend("2", "FALSE"));
    assert_eq!(operator.api().post(&path, json!({})).await.expect(200).body["driver_id"], 2);
}
