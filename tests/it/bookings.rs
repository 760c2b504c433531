//! The life of a booking: who may do what with it, who hears of each move, and which other work its technician may have
//! meanwhile.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::{Api, send};
use crate::support::bookings::booking_body;
use crate::support::{DRIVER, Server};

/// Of the demo data: the customer who books, and one who has nothing to do with it.
const CUSTOMER: i64 = 123;
const STRANGER: i64 = 1;

/// An account's events about bookings: status, name of the technician and reason, in order.
fn told(server: &Server, username: &str) -> Vec<(String, String, Option<String>)> {
    let bodies = server.database().event_bodies(username, "booking_updated");
    let text = |body: &Value, field: &str| body[field].as_str().map(str::to_owned);
    let of = |body: &Value| {
        let status = text(body, "status").expect("an update has a status");
        (status, text(body, "technician_name").expect("and a name"), text(body, "reason"))
    };
    bodies.iter().map(of).collect()
}

fn updates(list: &[(&str, &str)]) -> Vec<(String, String, Option<String>)> {
    list.iter().map(|(status, name)| ((*status).to_owned(), (*name).to_owned(), None)).collect()
}

async fn service(server: &Server) -> Api {
    let token = server.command(&["token", "--service", "booking-office"]).await;
    server.anonymous().with_token(token.trim().to_owned())
}

#[tokio::test]
async fn a_booking_is_made_given_to_a_technician_and_carried_out() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let (customer, technician) = (server.passenger_api(CUSTOMER).await, server.driver_api(1).await);
    let mut app = server.driver(1).await;

    let made = operator.api().post("bookings", booking_body(CUSTOMER)).await.expect(201);
    let id = made.id("booking_id");
    let expected = json!({
        "booking_id": id, "track_id": format!("BID{id}"), "customer_id": CUSTOMER, "driver_id": null,
        "technician_name": "", "service": "Brake inspection", "status": "Pending", "address": "14 Fox Street",
        "latitude": -26.2041, "longitude": 28.0473, "scheduled_at": null,
        "requested_at": made.body["requested_at"], "assigned_at": null, "journey_started_at": null,
        "reached_at": null, "service_started_at": null, "completed_at": null, "cancelled_at": null,
        "cancelled_by": null, "reason": null, "payment_method": null, "payment_status": "pending",
        "amount": null, "currency": "USD",
    });
    assert_eq!(made.body, expected);
    technician.show_booking(id).await.expect_problem(404);

    let given = operator.api().give_booking(id, 1).await.expect(200);
    assert_eq!((&given.body["status"], &given.body["driver_id"]), (&json!("Assigned"), &json!(1)));
    assert_eq!(operator.api().give_booking(id, 1).await.expect(200).body, given.body, "once more");
    // The technician sees whom to call, too.
    let mut theirs = technician.show_booking(id).await.expect(200).body;
    for field in ["customer_name", "customer_phone"] {
        assert!(theirs.as_object_mut().expect("an object").remove(field).is_some(), "{field}");
    }
    assert_eq!(theirs, given.body);
    let heard = app.expect("booking_updated").await;
    let data = json!({
        "booking_id": id, "track_id": format!("BID{id}"), "status": "Assigned", "technician_name": "John Doe",
    });
    assert_eq!(heard["data"], data);
    assert_eq!(operator.driver(1).await["status"], "available", "it may be for tomorrow");

    let life = ["StartJourney", "Reached", "StartService", "Completed"];
    for status in life {
        for _ in 0..2 {
            let moved = technician.move_booking(id, status).await.expect(200);
            assert_eq!((&moved.body["status"], moved.id("booking_id")), (&json!(status), id));
        }
        assert_eq!(app.expect("booking_updated").await["data"]["status"], status);
        let follows = if status == "Completed" { "available" } else { "busy" };
        assert_eq!(operator.driver(1).await["status"], follows, "{status}");
    }
    let done = customer.show_booking(id).await.expect(200);
    for time in ["assigned_at", "journey_started_at", "reached_at", "service_started_at", "completed_at"] {
        assert!(done.body[time].is_string(), "{time}: {}", done.text);
    }
    let all = ["Assigned", "StartJourney", "Reached", "StartService", "Completed"].map(|it| (it, "John Doe"));
    assert_eq!(told(&server, "customer123"), updates(&all), "a repetition tells nobody");
    assert_eq!(told(&server, "driver1"), updates(&all));
    for api in [&customer, &technician] {
        assert_eq!(api.get("bookings").await.expect(200).body["items"][0]["booking_id"], json!(id));
    }
    let earned = technician.get("earnings/today").await.expect(200);
    assert_eq!((&earned.body["orders"], &earned.body["rides"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_change_of_technician_tells_the_former_one_that_it_is_no_longer_theirs() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let (former, other) = (server.driver_api(2).await, server.driver_api(1).await);
    let mut app = server.driver(2).await;
    let id = operator.api().book(CUSTOMER).await;
    operator.api().give_booking(id, 2).await.expect(200);
    former.move_booking(id, "StartJourney").await.expect(200);

    let changed = operator.api().give_booking(id, 1).await.expect(200);
    assert_eq!(
        (&changed.body["status"], &changed.body["technician_name"]),
        (&json!("Assigned"), &json!("John Doe"))
    );
    assert_eq!(changed.body["journey_started_at"], Value::Null);
    for status in ["Assigned", "StartJourney", "Pending"] {
        assert_eq!(app.expect("booking_updated").await["data"]["status"], status);
    }
    assert_eq!(told(&server, "driver2").last(), updates(&[("Pending", "")]).last());
    former.show_booking(id).await.expect_problem(404);
    former.move_booking(id, "Reached").await.expect_problem(404);
    assert_eq!(operator.driver(2).await["status"], "available");
    let heard = [("Assigned", "Jane Smith"), ("StartJourney", "Jane Smith"), ("Assigned", "John Doe")];
    assert_eq!(told(&server, "customer123"), updates(&heard));

    other.move_booking(id, "StartService").await.expect(200);
    let late = operator.api().give_booking(id, 2).await.expect_problem(409);
    assert_eq!((&late.body["code"], &late.body["state"]), (&json!("booking_state"), &json!("StartService")));
    let implied = other.show_booking(id).await.expect(200).body;
    for time in ["journey_started_at", "reached_at"] {
        assert_eq!(implied[time], implied["service_started_at"], "{time}");
    }
}

#[tokio::test]
async fn who_has_no_part_in_a_booking_hears_that_there_is_none() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let (customer, stranger) = (server.passenger_api(CUSTOMER).await, server.passenger_api(STRANGER).await);
    let (technician, other) = (server.driver_api(1).await, server.driver_api(2).await);
    let id = customer.book(CUSTOMER).await;
    operator.api().give_booking(id, 1).await.expect(200);
    stranger.show_booking(id).await.expect_problem(404);
    stranger.cancel_booking(id, "Not mine").await.expect_problem(404);
    other.show_booking(id).await.expect_problem(404);
    other.move_booking(id, "StartJourney").await.expect_problem(404);
    other.move_booking(id, "Pending").await.expect_problem(404);
    other.cancel_booking(id, "Not mine").await.expect_problem(404);
    // An order or a ride is no booking.
    let order_id = operator.create_order().await;
    operator.api().show_booking(order_id).await.expect_problem(404);
    operator.api().give_booking(order_id, 1).await.expect_problem(404);
    operator.assign(id, DRIVER).await.expect_problem(404);
    // The role itself may not.
    stranger.post("bookings", booking_body(CUSTOMER)).await.expect_problem(403);
    technician.post("bookings", booking_body(CUSTOMER)).await.expect_problem(403);
    customer.move_booking(id, "Completed").await.expect_problem(403);
    customer.give_booking(id, 2).await.expect_problem(403);
    technician.give_booking(id, 2).await.expect_problem(403);
    technician.get("admin/bookings").await.expect_problem(403);
    operator.api().get("bookings").await.expect_problem(403);
    server.anonymous().show_booking(id).await.expect_problem(401);
    assert_eq!(told(&server, "driver2"), []);
}

#[tokio::test]
async fn bad_input_says_which_field_and_changes_nothing() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let api = operator.api();
    for (field, wrong) in [
        ("customer_id", json!("12a")),
        ("service", json!(" ")),
        ("latitude", json!(91)),
        ("scheduled_at", json!("tomorrow")),
        ("address", json!(7)),
    ] {
        let mut body = booking_body(CUSTOMER);
        body[field] = wrong;
        let refused = api.post("bookings", body).await.expect_problem(422);
        assert_eq!(refused.body["errors"][0]["field"], field, "{}", refused.text);
    }
    assert_eq!(api.post("bookings", booking_body(9999)).await.expect_problem(404).body["code"], "not_found");
    let id = api.book(CUSTOMER).await;
    api.move_booking(id, "Delivered").await.expect_problem(422);
    api.put(&format!("bookings/{id}/status"), json!({})).await.expect_problem(422);
    api.put(&format!("bookings/{id}/technician"), json!({"driver_id": null})).await.expect_problem(422);
    api.post(&format!("bookings/{id}/cancel"), json!({})).await.expect_problem(422);
    api.give_booking(id, 9999).await.expect_problem(404);
    // Nobody has it, so nobody can set out; and a status does not name a technician.
    for status in ["Assigned", "StartJourney", "Reached", "StartService", "Completed"] {
        assert_eq!(
            api.move_booking(id, status).await.expect_problem(409).body["state"],
            "Pending",
            "{status}"
        );
    }
    api.move_booking(id, "Pending").await.expect(200);
    let not_json = api.request(Method::POST, "bookings").header("content-type", "application/json").body("{");
    send(not_json).await.expect_problem(400);
    assert_eq!(told(&server, "customer123"), []);
    assert_eq!(operator.list("admin/bookings").await.len(), 1);
}

#[tokio::test]
async fn who_is_at_work_gets_no_booking_for_now_and_does_not_set_out_to_another() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let (api, technician) = (operator.api(), server.driver_api(1).await);
    let (first, second) = (api.book(CUSTOMER).await, api.book(CUSTOMER).await);
    for id in [first, second] {
        api.give_booking(id, 1).await.expect(200);
    }
    technician.move_booking(first, "StartJourney").await.expect(200);
    let refused = technician.move_booking(second, "StartJourney").await.expect_problem(409);
    assert_eq!(refused.body["code"], "driver_busy");
    let third = api.book(CUSTOMER).await;
    assert_eq!(api.give_booking(third, 1).await.expect_problem(409).body["code"], "driver_busy");
    let order_id = operator.create_order().await;
    assert_eq!(operator.assign(order_id, 1).await.expect_problem(409).body["code"], "driver_busy");

    let mut body = booking_body(CUSTOMER);
    body["scheduled_at"] = json!("2100-01-01T08:00:00+02:00");
    let later = api.post("bookings", body).await.expect(201);
    assert_eq!(later.body["scheduled_at"], "2100-01-01T06:00:00.000Z");
    api.give_booking(later.id("booking_id"), 1).await.expect(200);

    technician.move_booking(first, "Reached").await.expect(200);
    technician.move_booking(first, "StartService").await.expect(200);
    assert_eq!(
        technician.move_booking(first, "Pending").await.expect_problem(409).body["state"],
        "StartService"
    );
    technician.move_booking(first, "Completed").await.expect(200);
    assert_eq!(
        technician.move_booking(first, "Cancelled").await.expect_problem(409).body["state"],
        "Completed"
    );
    technician.move_booking(second, "StartJourney").await.expect(200);
}

#[tokio::test]
async fn a_technician_with_a_delivery_does_not_set_out() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let technician = server.driver_api(DRIVER).await;
    let id = operator.api().book(CUSTOMER).await;
    operator.api().give_booking(id, DRIVER).await.expect(200);
    let order_id = operator.assign_new(DRIVER).await;
    assert_eq!(
        technician.move_booking(id, "StartJourney").await.expect_problem(409).body["code"],
        "driver_busy"
    );
    technician.set_order_status(order_id, "rejected").await.expect(200);
    technician.move_booking(id, "StartJourney").await.expect(200);
}

#[tokio::test]
async fn a_technician_holds_as_many_bookings_as_allowed() {
    let server = Server::builder().setting("MAX_BOOKINGS_PER_DRIVER", 2).start().await;
    let operator = server.operator().await;
    let api = operator.api();
    for _ in 0..2 {
        let id = api.book(CUSTOMER).await;
        api.give_booking(id, 1).await.expect(200);
    }
    let id = api.book(CUSTOMER).await;
    assert_eq!(api.give_booking(id, 1).await.expect_problem(409).body["code"], "driver_full");
    api.give_booking(id, 2).await.expect(200);
}

#[tokio::test]
async fn a_customer_cancels_until_the_work_begins_and_an_operator_until_it_is_done() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let (customer, technician) = (server.passenger_api(CUSTOMER).await, server.driver_api(1).await);
    let id = customer.book(CUSTOMER).await;
    operator.api().give_booking(id, 1).await.expect(200);
    technician.move_booking(id, "StartService").await.expect(200);
    let late = customer.cancel_booking(id, "Too slow").await.expect_problem(409);
    assert_eq!((&late.body["code"], &late.body["state"]), (&json!("booking_state"), &json!("StartService")));
    for _ in 0..2 {
        let cancelled = operator.api().cancel_booking(id, "The part is missing 🔧").await.expect(200);
        assert_eq!(cancelled.body["status"], "Cancelled");
        assert_eq!(cancelled.body["cancelled_by"], "admin");
        assert_eq!(cancelled.body["reason"], "The part is missing 🔧");
        assert_eq!(cancelled.body["technician_name"], "John Doe");
    }
    let reason = Some("The part is missing 🔧".to_owned());
    let last = ("Cancelled".to_owned(), "John Doe".to_owned(), reason);
    assert_eq!(told(&server, "driver1").last(), Some(&last));
    assert_eq!(told(&server, "customer123").last(), Some(&last));
    assert_eq!(told(&server, "customer123").len(), 3);
    assert_eq!(operator.driver(1).await["status"], "available");
    assert_eq!(technician.move_booking(id, "Completed").await.expect_problem(409).body["state"], "Cancelled");

    let id = customer.book(CUSTOMER).await;
    let cancelled = customer.cancel_booking(id, "I sold the car").await.expect(200);
    assert_eq!(
        (&cancelled.body["cancelled_by"], &cancelled.body["technician_name"]),
        (&json!("customer"), &json!(""))
    );
    assert_eq!(operator.api().give_booking(id, 1).await.expect_problem(409).body["state"], "Cancelled");
}

#[tokio::test]
async fn a_technician_gives_a_booking_back_or_cancels_it_on_the_spot() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let technician = server.driver_api(1).await;
    let id = operator.api().book(CUSTOMER).await;
    operator.api().give_booking(id, 1).await.expect(200);
    technician.move_booking(id, "StartJourney").await.expect(200);
    let body = json!({"status": "Pending", "reason": "A flat tyre"});
    for _ in 0..2 {
        let back = technician.put(&format!("bookings/{id}/status"), body.clone()).await.expect(200);
        assert_eq!((&back.body["status"], &back.body["technician_name"]), (&json!("Pending"), &json!("")));
        assert_eq!((&back.body["assigned_at"], &back.body["driver_id"]), (&Value::Null, &Value::Null));
    }
    technician.show_booking(id).await.expect_problem(404);
    assert_eq!(operator.driver(1).await["status"], "available");
    let back = ("Pending".to_owned(), String::new(), Some("A flat tyre".to_owned()));
    assert_eq!(told(&server, "customer123").last(), Some(&back));
    assert_eq!(told(&server, "driver1").last(), Some(&back));
    // A technician who repeats it while another has the booking does not learn who.
    operator.api().give_booking(id, 2).await.expect(200);
    let repeated = technician.put(&format!("bookings/{id}/status"), body).await.expect(200);
    assert_eq!(
        (&repeated.body["status"], &repeated.body["technician_name"]),
        (&json!("Pending"), &json!(""))
    );
    assert_eq!(repeated.body["assigned_at"], Value::Null);

    operator.api().give_booking(id, 1).await.expect(200);
    let body = json!({"status": "Cancelled", "reason": "Nobody is at home"});
    let ended = technician.put(&format!("bookings/{id}/status"), body).await.expect(200);
    assert_eq!(
        (&ended.body["status"], &ended.body["cancelled_by"]),
        (&json!("Cancelled"), &json!("technician"))
    );
    let last = ("Cancelled".to_owned(), "John Doe".to_owned(), Some("Nobody is at home".to_owned()));
    assert_eq!(told(&server, "customer123").last(), Some(&last));
}

#[tokio::test]
async fn suspending_a_technician_takes_back_what_has_not_begun() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let (api, technician) = (operator.api(), server.driver_api(1).await);
    let (begun, ahead) = (api.book(CUSTOMER).await, api.book(CUSTOMER).await);
    for id in [begun, ahead] {
        api.give_booking(id, 1).await.expect(200);
    }
    technician.move_booking(begun, "StartService").await.expect(200);
    operator.change_driver(1, json!({"suspended": true})).await.expect(200);
    let (begun, ahead) =
        (api.show_booking(begun).await.expect(200), api.show_booking(ahead).await.expect(200));
    assert_eq!((&begun.body["status"], &begun.body["driver_id"]), (&json!("StartService"), &json!(1)));
    assert_eq!((&ahead.body["status"], &ahead.body["driver_id"]), (&json!("Pending"), &Value::Null));
    let taken = ("Pending".to_owned(), String::new(), Some("The driver was suspended".to_owned()));
    assert_eq!(told(&server, "driver1").last(), Some(&taken));
    assert_eq!(told(&server, "customer123").last(), Some(&taken));
    let refused = api.give_booking(ahead.id("booking_id"), 1).await.expect_problem(409);
    assert_eq!(refused.body["code"], "driver_suspended");
    // The work goes on, and an operator says when it is done.
    api.move_booking(begun.id("booking_id"), "Completed").await.expect(200);
    assert_eq!(operator.driver(1).await["status"], "offline");
}

/// They had become `busy`, and counted as online, for as long as they had any booking ahead.
#[tokio::test]
async fn a_booking_for_next_month_brings_nobody_to_work_and_keeps_nobody_there() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let (api, technician) = (operator.api(), server.driver_api(1).await);
    let status = async || operator.driver(1).await["status"].clone();
    let online =
        async || api.get("ws/stats").await.expect(200).body["online_drivers"].as_i64().expect("a number");
    let everybody = online().await;
    technician.put("driver/status", json!({"status": "offline"})).await.expect(200);
    let next_month = (chrono::Utc::now() + chrono::TimeDelta::days(30)).to_rfc3339();
    let mut body = booking_body(CUSTOMER);
    body["scheduled_at"] = json!(next_month);
    let id = api.post("bookings", body).await.expect(201).id("booking_id");
    api.give_booking(id, 1).await.expect(200);
    assert_eq!((status().await, online().await), (json!("offline"), everybody - 1));

    technician.put("driver/status", json!({"status": "online"})).await.expect(200);
    assert_eq!(status().await, "available");
    let gone = technician.put("driver/status", json!({"status": "offline"})).await.expect(200);
    assert_eq!(gone.body["status"], "offline", "they need not wait for next month");
    // The journey is work, and so is the end of it.
    technician.move_booking(id, "StartJourney").await.expect(200);
    assert_eq!(status().await, "busy");
    technician.move_booking(id, "StartService").await.expect(200);
    technician.move_booking(id, "Completed").await.expect(200);
    assert_eq!((status().await, online().await), (json!("offline"), everybody - 1));
}

#[tokio::test]
async fn an_offline_technician_hears_of_a_booking_on_connecting() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    server.driver_api(1).await.put("driver/status", json!({"status": "offline"})).await.expect(200);
    let id = operator.api().book(CUSTOMER).await;
    operator.api().give_booking(id, 1).await.expect(200);
    let mut app = server.driver(1).await;
    assert_eq!(app.expect("booking_updated").await["data"]["booking_id"], json!(id));
}

#[tokio::test]
async fn a_program_of_the_operators_books_assigns_and_lists() {
    let server = Server::start_default().await;
    let api = service(&server).await;
    let ids = [api.book(CUSTOMER).await, api.book(STRANGER).await, api.book(CUSTOMER).await];
    api.give_booking(ids[1], 1).await.expect(200);
    api.move_booking(ids[1], "Reached").await.expect(200);
    let page = api.get("admin/bookings?limit=2").await.expect(200).body;
    let listed = |page: &Value| -> Vec<i64> {
        let items = page["items"].as_array().expect("a list has items");
        items.iter().map(|item| item["booking_id"].as_i64().expect("an id")).collect()
    };
    assert_eq!(listed(&page), [ids[2], ids[1]]);
    let cursor = page["next_cursor"].as_str().expect("one more follows");
    let rest = api.get(&format!("admin/bookings?cursor={cursor}")).await.expect(200).body;
    assert_eq!((listed(&rest), &rest["next_cursor"]), (vec![ids[0]], &Value::Null));
    let reached = api.get("admin/bookings?status=Reached").await.expect(200).body;
    assert_eq!(listed(&reached), [ids[1]]);
    assert_eq!(api.get("admin/bookings?status=reached").await.expect(200).body, reached, "in any case");
    api.get("admin/bookings?status=arrived").await.expect_problem(422);
    let own = server.passenger_api(CUSTOMER).await.get("bookings?status=Pending").await.expect(200).body;
    assert_eq!(listed(&own), [ids[2], ids[0]]);
    api.get("admin/drivers").await.expect_problem(403);
}

#[tokio::test]
async fn the_same_key_books_and_assigns_once() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let book = async |body: &Value| operator.post_keyed("bookings", "book-1", body).await;
    let first = book(&booking_body(CUSTOMER)).await.expect(201);
    assert_eq!(book(&booking_body(CUSTOMER)).await.expect(201).text, first.text);
    book(&booking_body(STRANGER)).await.expect_problem(422);
    assert_eq!(operator.list("admin/bookings").await.len(), 1);
    let path = format!("bookings/{}/technician", first.id("booking_id"));
    let give = async |driver_id: i64| {
        let request = operator.api().request(Method::PUT, &path).header("Idempotency-Key", "give-1");
        send(request.json(&json!({ "driver_id": driver_id }))).await
    };
    let given = give(1).await.expect(200);
    operator.api().put(&path, json!({"driver_id": 2})).await.expect(200);
    assert_eq!(give(1).await.expect(200).text, given.text, "the answer of then");
    assert_eq!(operator.api().show_booking(first.id("booking_id")).await.expect(200).body["driver_id"], 2);
}

/// Two technicians are exchanged in both directions at once: each change locks both drivers, by id.
#[tokio::test]
async fn bookings_change_hands_in_both_directions_at_once() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let api = operator.api();
    let (one, two) = (api.book(CUSTOMER).await, api.book(CUSTOMER).await);
    for round in 0..10 {
        let (first, second) = if round % 2 == 0 { (1, 2) } else { (2, 1) };
        let (a, b) = tokio::join!(api.give_booking(one, first), api.give_booking(two, second));
        assert_eq!(
            (a.expect(200).body["driver_id"].as_i64(), b.expect(200).body["driver_id"].as_i64()),
            (Some(first), Some(second))
        );
    }
}

#[tokio::test]
async fn seeding_again_ends_demo_bookings_that_are_held() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let id = operator.api().book(CUSTOMER).await;
    operator.api().give_booking(id, 1).await.expect(200);
    server.command(&["seed"]).await;
    assert_eq!(operator.api().show_booking(id).await.expect(200).body["status"], "Cancelled");
    assert_eq!(operator.driver(1).await["status"], "available");
}
