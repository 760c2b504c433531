//! The ids of other systems: given at creation, unique for each kind, searchable, shown next to our ids, and accepted
//! instead of them.

use serde_json::{Value, json};

use crate::support::push_double::PushDouble;
use crate::support::rides::ride_body;
use crate::support::{DRIVER, NewOrder, Server};
use fleetwire::domain::push::PushService::Fcm;

const CUSTOMER: i64 = 123;

fn order(external_id: &str) -> Value {
    let mut body = NewOrder::default().body();
    body["external_id"] = json!(external_id);
    body
}

fn person(username: &str, digit: u8) -> Value {
    json!({"username": username, "password": "password123", "name": username, "vehicle_type": "moto",
        "phone_number": format!("+2781000000{digit}"), "external_id": format!("CRM-{digit}")})
}

#[tokio::test]
async fn an_order_is_known_by_the_shops_id_everywhere() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let api = operator.api();
    api.patch(&format!("admin/drivers/{DRIVER}"), json!({"external_id": "D-1"})).await.expect(200);
    api.patch(&format!("admin/customers/{CUSTOMER}"), json!({"external_id": "C-1"})).await.expect(200);
    let mut body = order("shop/4711");
    body["customer_external_id"] = json!("C-1");
    let made = api.post("admin/orders", body.clone()).await.expect(201);
    let id = made.id("order_id");
    let said = |body: &Value| {
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        (text("external_id"), text("customer_external_id"), text("driver_external_id"))
    };
    assert_eq!(said(&made.body), ("shop/4711".to_owned(), "C-1".to_owned(), String::new()));
    assert_eq!(made.body["customer_id"], CUSTOMER);
    let taken = api.post("admin/orders", body).await.expect_problem(409);
    assert_eq!(taken.body["code"], "external_id_taken");

    let (mut app, mut customer) = (server.driver(DRIVER).await, server.hailing_passenger(CUSTOMER).await);
    let assigned =
        api.post(&format!("admin/orders/{id}/assign"), json!({"external_id": "D-1"})).await.expect(200);
    assert_eq!(said(&assigned.body), ("shop/4711".to_owned(), "C-1".to_owned(), "D-1".to_owned()));
    for heard in [app.expect("order_assigned").await, customer.expect("order_assigned").await] {
        assert_eq!(
            (&heard["data"]["order_id"], &heard["data"]["external_id"]),
            (&json!(id), &json!("shop/4711"))
        );
    }
    let held = server.driver_api(DRIVER).await.get("orders/assigned").await.expect(200).body;
    assert_eq!(held["orders"][0]["external_id"], "shop/4711");
    for path in [format!("admin/orders/{id}"), "admin/orders?external_id=shop/4711".to_owned()] {
        let shown = api.get(&path).await.expect(200).body;
        let shown = shown.get("items").map_or(shown.clone(), |items| items[0].clone());
        assert_eq!(said(&shown), said(&assigned.body), "{path}");
    }
    assert_eq!(api.get("admin/orders?external_id=shop/4712").await.expect(200).body["items"], json!([]));
    assert_eq!(
        api.get("admin/orders?external_id=shop/4711&status=pending").await.expect(200).body["items"],
        json!([])
    );
    operator.unassign(id, "Too far").await.expect(200);
    let cancelled = app.expect("order_cancelled").await;
    assert_eq!(
        (&cancelled["data"]["order_id"], &cancelled["data"]["external_id"]),
        (&json!(id), &json!("shop/4711"))
    );
    // Again from the store, as it was said live.
    app.cut().await;
    let mut again = server.door(DRIVER).await.after(0).connect().await;
    for name in ["order_assigned", "order_cancelled"] {
        assert_eq!(again.expect(name).await["data"]["external_id"], "shop/4711");
    }
}

#[tokio::test]
async fn a_batch_names_driver_and_orders_by_their_other_ids() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let api = operator.api();
    operator.change_driver(DRIVER, json!({"external_id": "D-1"})).await.expect(200);
    for id in ["A", "B"] {
        api.post("admin/orders", order(id)).await.expect(201);
    }
    let unknown = json!({"driver_external_id": "D-1", "order_external_ids": ["A", "C"]});
    api.post("admin/orders/batches", unknown).await.expect_problem(404);
    let both = json!({"driver_external_id": "D-1", "driver_id": DRIVER, "order_external_ids": ["A"], "order_ids": [1]});
    assert_eq!(
        api.post("admin/orders/batches", both).await.expect_problem(422).body["errors"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let body = json!({"driver_external_id": "D-1", "order_external_ids": ["B", "A"]});
    let batch = api.post("admin/orders/batches", body).await.expect(201).body;
    assert_eq!((&batch["driver_id"], &batch["driver_external_id"]), (&json!(DRIVER), &json!("D-1")));
    let ids: Vec<&Value> =
        batch["orders"].as_array().expect("a list").iter().map(|order| &order["external_id"]).collect();
    assert_eq!(ids, ["B", "A"]);
    operator.assign(operator.create_order().await, 999).await.expect_problem(404);
    let nobody = json!({"external_id": "D-2"});
    let path = format!("admin/orders/{}/assign", operator.create_order().await);
    api.post(&path, nobody).await.expect_problem(404);
    let nothing = api.post(&path, json!({})).await.expect_problem(422);
    assert!(
        nothing.body["errors"][0]["message"].as_str().is_some_and(|text| text.contains("driver_external_id"))
    );
}

#[tokio::test]
async fn people_have_ids_that_are_unique_for_each_kind_and_can_be_changed() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let api = operator.api();
    let driver = api.post("admin/drivers", person("dora", 1)).await.expect(201);
    assert_eq!(driver.body["external_id"], "CRM-1");
    let mut same = person("carl", 2);
    same["external_id"] = json!("CRM-1");
    // Another kind may have the same id; another of its kind may not.
    let customer = api.post("admin/customers", same.clone()).await.expect(201);
    same["username"] = json!("cleo");
    same["phone_number"] = json!("+27810000003");
    for list in ["admin/customers", "admin/drivers"] {
        assert_eq!(
            api.post(list, same.clone()).await.expect_problem(409).body["code"],
            "external_id_taken",
            "{list}"
        );
    }
    assert_eq!(
        server.anonymous().post("auth/register", same).await.expect_problem(409).body["code"],
        "external_id_taken"
    );
    for (list, id, made) in
        [("admin/drivers", "driver_id", &driver), ("admin/customers", "customer_id", &customer)]
    {
        let one = api.get(&format!("{list}?external_id=CRM-1")).await.expect(200).body;
        assert_eq!(
            (one["items"].as_array().map(Vec::len), &one["items"][0][id]),
            (Some(1), &made.body[id]),
            "{list}"
        );
        assert_eq!(
            api.get(&format!("{list}?external_id=crm-1")).await.expect(200).body["items"],
            json!([]),
            "exactly"
        );
        let path = format!("{list}/{}", made.id(id));
        assert_eq!(
            api.patch(&path, json!({"external_id": "CRM-9"})).await.expect(200).body["external_id"],
            "CRM-9"
        );
        assert_eq!(
            api.patch(&path, json!({"external_id": ""})).await.expect(200).body["external_id"],
            Value::Null
        );
        api.patch(&path, json!({"external_id": " CRM-9"})).await.expect_problem(422);
    }
    operator.change_driver(1, json!({"external_id": "CRM-1"})).await.expect(200);
    let taken = operator.change_driver(2, json!({"external_id": "CRM-1"})).await.expect_problem(409);
    assert_eq!(taken.body["code"], "external_id_taken");
    assert_eq!(
        server.driver_api(1).await.get("driver/profile").await.expect(200).body["external_id"],
        "CRM-1"
    );
    let login = json!({"username": "driver1", "password": "password123"});
    let login = server.anonymous().post("auth/login", login).await.expect(200).body;
    assert_eq!(login["user"]["external_id"], "CRM-1");
}

/// `customer_id: 4711` was ignored, and missed when the customer was looked for under it.
#[tokio::test]
async fn an_id_of_ours_in_a_creation_is_refused_and_says_what_to_send() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let passenger = server.passenger_api(CUSTOMER).await;
    let with = |mut body: Value, name: &str| {
        body[name] = json!(4711);
        body
    };
    let booking = json!({"customer_id": CUSTOMER, "service": "Brakes"});
    for (api, path, body, name) in [
        (operator.api(), "admin/customers", person("carl", 1), "customer_id"),
        (operator.api(), "admin/customers", person("cleo", 4), "user_id"),
        (operator.api(), "admin/drivers", person("dora", 2), "driver_id"),
        (operator.api(), "admin/drivers", person("dana", 5), "user_id"),
        (operator.api(), "admin/orders", NewOrder::default().body(), "order_id"),
        (operator.api(), "bookings", booking, "booking_id"),
        (&passenger, "rides", ride_body(), "ride_id"),
        (&server.anonymous(), "auth/register", person("cora", 3), "customer_id"),
    ] {
        let refused = api.post(path, with(body.clone(), name)).await.expect_problem(422);
        assert_eq!(refused.body["errors"][0]["field"], name, "{path}");
        assert!(
            refused.body["errors"][0]["message"].as_str().is_some_and(|text| text.contains("external_id")),
            "{path}"
        );
        let null = {
            let mut body = body;
            body[name] = Value::Null;
            body
        };
        api.post(path, null).await.expect(201);
    }
}

#[tokio::test]
async fn a_ride_is_known_by_the_apps_own_id() {
    let server = Server::for_rides(&[1]).await;
    let (passenger, driver) = (server.passenger_api(CUSTOMER).await, server.driver_api(1).await);
    let mut apps = [server.hailing_driver(1).await, server.hailing_passenger(CUSTOMER).await];
    let mut body = ride_body();
    body["external_id"] = json!("trip \"7\"");
    let ride = passenger.post("rides", body.clone()).await.expect(201).body;
    assert_eq!(ride["external_id"], "trip \"7\"");
    let offered = apps[0].expect("ride_requested").await;
    assert_eq!(
        (&offered["data"]["external_id"], &offered["metadata"]["ride_id"]),
        (&ride["external_id"], &ride["ride_id"])
    );
    let id = ride["ride_id"].as_str().expect("an id").to_owned();
    driver.take(&id).await;
    for action in ["arrive", "start", "complete"] {
        assert_eq!(driver.ride(&id, action).await.expect(200).body["external_id"], ride["external_id"]);
    }
    for name in ["ride_accepted", "driver_arrived", "ride_started", "ride_completed"] {
        assert_eq!(apps[1].expect(name).await["data"]["external_id"], ride["external_id"], "{name}");
    }
    assert_eq!(passenger.post("rides", body).await.expect_problem(409).body["code"], "external_id_taken");
    let operator = server.operator().await;
    for (api, list) in [(operator.api(), "admin/rides"), (&passenger, "rides"), (&driver, "rides")] {
        let found = api.get(&format!("{list}?external_id=trip%20%227%22")).await.expect(200).body;
        assert_eq!(
            (found["items"].as_array().map(Vec::len), &found["items"][0]["ride_id"]),
            (Some(1), &ride["ride_id"]),
            "{list}"
        );
    }
    let others = server.passenger_api(1).await.get("rides?external_id=trip%20%227%22").await.expect(200).body;
    assert_eq!(others["items"], json!([]), "not theirs");
}

#[tokio::test]
async fn operators_know_the_people_of_a_ride_by_their_other_ids_and_the_two_do_not() {
    let server = Server::for_rides(&[1]).await;
    let operator = server.operator().await;
    let api = operator.api();
    operator.change_driver(1, json!({"external_id": "D-1"})).await.expect(200);
    api.patch(&format!("admin/customers/{CUSTOMER}"), json!({"external_id": "C-1"})).await.expect(200);
    let (passenger, driver) = (server.passenger_api(CUSTOMER).await, server.driver_api(1).await);
    let id = passenger.request_ride().await;
    let people = |ride: &Value| json!([ride["passenger_external_id"], ride["driver_external_id"]]);
    let listed = async || api.get("admin/rides").await.expect(200).body["items"][0].clone();
    assert_eq!(people(&listed().await), json!(["C-1", null]));
    driver.take(&id).await;
    let ride = listed().await;
    assert_eq!(people(&ride), json!(["C-1", "D-1"]));
    assert_eq!(people(&api.show_ride(&id).await.expect(200).body), json!(["C-1", "D-1"]));
    for (api, list) in [(&passenger, "rides"), (&driver, "rides")] {
        for shown in
            [&api.show_ride(&id).await.expect(200).body, &api.get(list).await.expect(200).body["items"][0]]
        {
            assert!(shown.get("passenger_external_id").is_none(), "{shown}");
            assert!(shown.get("driver_external_id").is_none(), "{shown}");
        }
    }
    let trace = api.get(&format!("admin/jobs/{}/trace", ride["job_id"])).await.expect(200).body;
    let asked = trace["candidates"].as_array().expect("a list").iter().find(|one| one["driver_id"] == 1);
    assert_eq!(asked.expect("driver 1 was asked")["driver_external_id"], "D-1");
    assert_eq!(api.get("admin/drivers/1/why").await.expect(200).body["external_id"], "D-1");
}

#[tokio::test]
async fn a_booking_and_its_people_are_known_by_their_other_ids() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).start().await;
    let operator = server.operator().await;
    let api = operator.api();
    operator.change_driver(1, json!({"external_id": "T-1"})).await.expect(200);
    api.patch(&format!("admin/customers/{CUSTOMER}"), json!({"external_id": "C-1"})).await.expect(200);
    let token = server.command(&["token", "--service", "office"]).await;
    let office = server.anonymous().with_token(token.trim().to_owned());
    let device = json!({"externalId": "C-1", "platform": "android", "fcmToken": "phone"});
    api.post("/api/Push/register", device).await.expect(200);
    let body = json!({"customer_external_id": "C-1", "service": "Brakes", "external_id": "JOB-1"});
    let made = office.post("bookings", body.clone()).await.expect(201);
    let id = made.id("booking_id");
    assert_eq!((&made.body["customer_id"], &made.body["external_id"]), (&json!(CUSTOMER), &json!("JOB-1")));
    assert_eq!(office.post("bookings", body).await.expect_problem(409).body["code"], "external_id_taken");
    let mut app = server.driver(1).await;
    let given = json!({"driver_external_id": "T-1"});
    let given = office.put(&format!("bookings/{id}/technician"), given).await.expect(200).body;
    assert_eq!(
        (&given["driver_id"], &given["driver_external_id"], &given["customer_external_id"]),
        (&json!(1), &json!("T-1"), &json!("C-1"))
    );
    assert_eq!(app.expect("booking_updated").await["data"]["external_id"], "JOB-1");
    // Neither of the two sees the other's external id.
    for api in [server.driver_api(1).await, server.passenger_api(CUSTOMER).await] {
        let shown = api.get(&format!("bookings/{id}")).await.expect(200).body;
        assert_eq!(shown["external_id"], "JOB-1");
        assert!(
            shown.get("driver_external_id").is_none() && shown.get("customer_external_id").is_none(),
            "{shown}"
        );
        assert_eq!(
            api.get("bookings?external_id=JOB-1").await.expect(200).body["items"][0]["booking_id"],
            id
        );
    }
    let found = api.get("admin/bookings?external_id=JOB-1").await.expect(200).body;
    assert_eq!(
        (&found["items"][0]["booking_id"], &found["items"][0]["customer_external_id"]),
        (&json!(id), &json!("C-1"))
    );
    server.push_settled().await;
    let taken = double.taken_by(Fcm, "phone");
    assert_eq!(taken.iter().map(|taken| &taken.data["externalId"]).collect::<Vec<_>>(), ["JOB-1"]);
    double.check();
}

#[tokio::test]
async fn push_takes_the_customers_other_id() {
    let double = PushDouble::start().await;
    let server = Server::builder().pushing_to(&double).start().await;
    let operator = server.operator().await;
    let api = operator.api();
    api.patch(&format!("admin/customers/{CUSTOMER}"), json!({"external_id": "C-1"})).await.expect(200);
    let device = |id: &str| json!({"externalId": id, "platform": "android", "fcmToken": "phone"});
    let (own, other) = (server.passenger_api(CUSTOMER).await, server.passenger_api(1).await);
    own.post("/api/Push/register", device("C-1")).await.expect(200);
    // Whether there is such a customer or not.
    other.post("/api/Push/register", device("C-1")).await.expect(403);
    other.post("/api/Push/register", device("C-2")).await.expect(403);
    api.post("/api/Push/register", device("C-2")).await.expect(404);
    let message = |id: &str| json!({"externalId": id, "title": "Hello", "body": "There"});
    let sent = api.post("/api/Push/sendToCustomer", message("C-1")).await.expect(200);
    assert_eq!(sent.body["fcmResult"], "success");
    api.post("/api/Push/sendToCustomer", message("C-2")).await.expect(404);
    let both = json!({"externalId": "C-1", "id": CUSTOMER, "title": "Hello", "body": "There"});
    api.post("/api/Push/sendToCustomer", both).await.expect(400);
    api.post("/api/Push/test", json!({"externalId": "C-1"})).await.expect(200);
    let history = api.get("/api/Push/history?externalId=C-1").await.expect(200).body;
    assert_eq!(history["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        api.get("/api/Push/devices?externalId=C-1").await.expect(200).body["items"][0]["customerId"],
        CUSTOMER
    );
    api.get("/api/Push/preferences?externalId=C-2").await.expect(404);
    double.check();
}
