//! Payments of jobs: set by operators, by a driver with cash in hand, and by a payment service.

use chrono::Utc;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::bookings::booking_body;
use crate::support::payment_service::{NEW_SECRET, SECRET, signed_at};
use crate::support::rides::ride_body;
use crate::support::{DRIVER, NewOrder, Operator, Server};

const CUSTOMER: i64 = 123;

async fn with_payments() -> Server {
    Server::builder().with_payments().start().await
}

async fn order(operator: &Operator, more: Value) -> i64 {
    let mut body = NewOrder::default().body();
    body["customer_id"] = json!(CUSTOMER);
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    operator.api().post("admin/orders", body).await.expect(201).id("order_id")
}

fn paid(id: &str, order_id: i64, amount: f64) -> Value {
    json!({"id": id, "type": "payment.paid", "job": {"order_id": order_id}, "amount": amount, "currency": "USD",
        "reference": "pi_17", "payment_method": "card"})
}

/// How many times the customer of the demo data was told.
fn times_told(server: &Server) -> usize {
    server.database().event_bodies("customer123", "payment_updated").len()
}

#[tokio::test]
async fn an_operator_says_how_an_order_is_paid_and_customer_and_driver_hear_it_once() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let id =
        order(&operator, json!({"payment_method": "card", "amount": 61.995, "payment_reference": "INV-7"}))
            .await;
    let made = operator.order(id).await;
    let shown = ["payment_method", "payment_status", "amount", "currency"].map(|name| made[name].clone());
    assert_eq!(shown, [json!("card"), json!("pending"), json!(62.0), json!("USD")]);
    operator.assign(id, DRIVER).await.expect(200);
    let mut driver = server.driver(DRIVER).await;
    driver.expect("order_assigned").await;
    let mut customer = server.hailing_passenger(CUSTOMER).await;
    customer.expect("order_assigned").await;

    let path = format!("admin/jobs/{id}/payment");
    let change = json!({"payment_status": "authorised"});
    let first = operator.api().patch(&path, change.clone()).await.expect(200);
    let expected = json!({"job_id": id, "external_id": null, "order_id": id, "payment_method": "card", "payment_status": "authorised",
        "amount": 62.0, "currency": "USD", "payment_reference": "INV-7", "paid_at": null});
    assert_eq!(first.body, expected);
    assert_eq!(operator.api().patch(&path, change).await.expect(200).body, expected, "once more");
    let data = json!({"order_id": id, "payment_method": "card", "payment_status": "authorised", "amount": 62.0,
        "currency": "USD"});
    assert_eq!(driver.expect("payment_updated").await["data"], data);
    assert_eq!(customer.expect("payment_updated").await["data"], data);
    assert_eq!(times_told(&server), 1);

    let paid = operator.api().patch(&path, json!({"payment_status": "paid"})).await.expect(200);
    assert!(paid.body["paid_at"].is_string(), "{}", paid.text);
    let refused = operator.api().patch(&path, json!({"payment_status": "pending"})).await.expect_problem(409);
    assert_eq!((&refused.body["code"], &refused.body["state"]), (&json!("payment_state"), &json!("paid")));
    operator.api().patch(&path, json!({"amount": 1})).await.expect_problem(409);
    operator.api().patch(&path, json!({"payment_status": "settled"})).await.expect_problem(422);
    operator.api().patch(&path, json!({"payment_status": "refunded"})).await.expect(200);
    operator.api().patch("admin/jobs/999999/payment", json!({"amount": 1})).await.expect_problem(404);
    assert_eq!(operator.api().get(&path).await.expect(200).body["notices"], json!([]));
}

#[tokio::test]
async fn payments_are_the_operators_and_their_programs_business() {
    let server = Server::start_default().await;
    let id = order(&server.operator().await, json!({})).await;
    let path = format!("admin/jobs/{id}/payment");
    let change = json!({"payment_status": "paid"});
    for other in [server.driver_api(DRIVER).await, server.passenger_api(CUSTOMER).await] {
        other.patch(&path, change.clone()).await.expect_problem(403);
        other.get(&path).await.expect_problem(403);
    }
    server.anonymous().patch(&path, change.clone()).await.expect_problem(401);
    let token = server.command(&["token", "--service", "shop"]).await;
    let shop = server.anonymous().with_token(token.trim().to_owned());
    assert_eq!(shop.patch(&path, change).await.expect(200).body["payment_status"], "paid");
    assert_eq!(times_told(&server), 1);
}

#[tokio::test]
async fn a_payment_under_a_key_is_changed_once() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let id = order(&operator, json!({})).await;
    let path = format!("admin/jobs/{id}/payment");
    let keyed = async |body: &Value| {
        let request =
            operator.api().request(reqwest::Method::PATCH, &path).header("Idempotency-Key", "k").json(body);
        crate::support::api::send(request).await
    };
    let first = keyed(&json!({"payment_status": "failed"})).await.expect(200);
    operator.api().patch(&path, json!({"payment_status": "pending"})).await.expect(200);
    assert_eq!(keyed(&json!({"payment_status": "failed"})).await.expect(200).text, first.text);
    keyed(&json!({"payment_status": "paid"})).await.expect_problem(422);
    assert_eq!(operator.order(id).await["payment_status"], "pending");
}

#[tokio::test]
async fn cash_at_the_door_is_in_the_drivers_hand_and_told_from_what_is_owed() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let driver = server.driver_api(DRIVER).await;
    let carry = async |id: i64| {
        operator.assign(id, DRIVER).await.expect(200);
        driver.set_order_status(id, "picked_up").await.expect(200);
    };
    let (cash, card, unknown) = (
        order(&operator, json!({"payment_method": "cash", "amount": 60})).await,
        order(&operator, json!({"payment_method": "card", "amount": 60})).await,
        order(&operator, json!({"amount": 7.25})).await,
    );
    let deliver = json!({"status": "delivered", "payment_status": "paid"});
    let path = |id: i64| format!("orders/{id}/status");

    carry(cash).await;
    let early = json!({"status": "picked_up", "payment_status": "paid"});
    driver.put(&path(cash), early).await.expect_problem(422);
    driver
        .put(&path(cash), json!({"status": "delivered", "payment_status": "refunded"}))
        .await
        .expect_problem(422);
    let done = driver.put(&path(cash), deliver.clone()).await.expect(200).body;
    assert_eq!((&done["status"], &done["payment_status"]), (&json!("delivered"), &json!("paid")));
    driver.put(&path(cash), deliver.clone()).await.expect(200);
    assert_eq!(times_told(&server), 1, "a repetition tells nobody");

    carry(card).await;
    let refused = driver.put(&path(card), deliver.clone()).await.expect_problem(409);
    assert_eq!(refused.body["code"], "not_cash");
    assert_eq!(operator.order(card).await["status"], "picked_up", "all of it or nothing");
    driver.set_order_status(card, "delivered").await.expect(200);

    carry(unknown).await;
    driver.set_order_status(unknown, "delivered").await.expect(200);
    let said_later = driver.put(&path(unknown), deliver).await.expect(200).body;
    assert_eq!((&said_later["payment_method"], &said_later["amount"]), (&json!("cash"), &json!(7.25)));

    let history = driver.get("earnings/history").await.expect(200).body;
    let sum = |name: &str| -> f64 {
        history["days"].as_array().expect("days").iter().filter_map(|day| day[name].as_f64()).sum()
    };
    assert_eq!((sum("total"), sum("cash_collected"), sum("owed")), (136.5, 67.25, 69.25));
}

#[tokio::test]
async fn a_ride_and_a_booking_are_paid_in_cash_at_their_end() {
    let server = Server::for_rides(&[1]).await;
    let (passenger, driver) = (server.passenger_api(1).await, server.driver_api(1).await);
    let mut app = server.hailing_driver(1).await;
    let mut body = ride_body();
    body["payment_method"] = json!("cash");
    let ride = passenger.post("rides", body).await.expect(201).body;
    assert_eq!((&ride["payment_method"], &ride["payment_status"]), (&json!("cash"), &json!("pending")));
    let id = ride["ride_id"].as_str().expect("an id").to_owned();
    let offer = app.expect("ride_requested").await["data"].clone();
    assert_eq!((&offer["currency"], &offer["payment_method"]), (&json!("USD"), &json!("cash")));
    driver.take(&id).await;
    driver.ride(&id, "start").await.expect(200);
    let complete = format!("rides/{id}/complete");
    let done = driver.post(&complete, json!({"payment_status": "paid"})).await.expect(200).body;
    let expected = json!(["completed", "paid", done["final_fare"], "USD"]);
    assert_eq!(json!([done["status"], done["payment_status"], done["amount"], done["currency"]]), expected);
    for before in ["ride_accepted", "ride_started", "ride_completed"] {
        app.expect(before).await;
    }
    let heard = app.expect("payment_updated").await;
    assert_eq!(heard["data"]["ride_id"], json!(id));

    let operator = server.operator().await;
    let mut booking = booking_body(CUSTOMER);
    booking["amount"] = json!(80);
    booking["payment_method"] = json!("cash");
    let booking = operator.api().post("bookings", booking).await.expect(201).id("booking_id");
    operator.api().give_booking(booking, 1).await.expect(200);
    let status = format!("bookings/{booking}/status");
    driver.put(&status, json!({"status": "StartService"})).await.expect(200);
    let done = json!({"status": "Completed", "payment_status": "paid"});
    operator.api().put(&status, done.clone()).await.expect_problem(422);
    let done = driver.put(&status, done).await.expect(200).body;
    assert_eq!((&done["payment_status"], &done["amount"]), (&json!("paid"), &json!(80.0)));
}

#[tokio::test]
async fn a_customer_can_not_say_that_they_have_paid() {
    let server = Server::start_default().await;
    let mut body = booking_body(CUSTOMER);
    body["payment_method"] = json!("wallet");
    body["payment_status"] = json!("paid");
    body["amount"] = json!(1);
    let made = server.passenger_api(CUSTOMER).await.post("bookings", body).await.expect(201).body;
    let shown = ["payment_method", "payment_status", "amount"].map(|name| made[name].clone());
    assert_eq!(shown, [json!("wallet"), json!("pending"), Value::Null]);
}

#[tokio::test]
async fn a_signed_notice_marks_a_job_paid_once() {
    let server = with_payments().await;
    let operator = server.operator().await;
    let service = server.payment_service();
    let id = order(&operator, json!({"amount": 62})).await;
    let notice = paid("evt_1", id, 62.0);

    let at_once = join_all((0..6).map(|_| service.tell(&notice))).await;
    let taken = at_once.into_iter().filter(|reply| {
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.body["taken"] == true
    });
    assert_eq!(taken.count(), 1);
    let again = service.tell(&notice).await.expect(200);
    assert_eq!(again.body, json!({"received": true, "taken": false}));
    assert_eq!(times_told(&server), 1);
    let shown = operator.api().get(&format!("admin/jobs/{id}/payment")).await.expect(200).body;
    let fields = ["payment_status", "payment_method", "payment_reference"].map(|name| shown[name].clone());
    assert_eq!(fields, [json!("paid"), json!("card"), json!("pi_17")]);
    let told = &shown["notices"][0];
    assert_eq!(
        (&told["id"], &told["outcome"], &told["amount"]),
        (&json!("evt_1"), &json!("taken"), &json!(62.0))
    );

    // The same under another id is the payment's present state, and what can't follow it is refused.
    service.tell(&paid("evt_2", id, 62.0)).await.expect(200);
    let late = json!({"id": "evt_3", "type": "payment.failed", "job": {"order_id": id}});
    let refused = service.tell(&late).await.expect_problem(409);
    assert_eq!((&refused.body["code"], &refused.body["state"]), (&json!("payment_state"), &json!("paid")));
    assert_eq!(times_told(&server), 1);
    let other_kind = json!({"id": "evt_4", "type": "customer.created"});
    assert_eq!(service.tell(&other_kind).await.expect(200).body["taken"], false);
}

#[tokio::test]
async fn another_amount_or_currency_marks_nothing_paid_and_is_written_down() {
    let server = with_payments().await;
    let operator = server.operator().await;
    let service = server.payment_service();
    let id = order(&operator, json!({"amount": 62})).await;
    let mut other_currency = paid("evt_2", id, 62.0);
    other_currency["currency"] = json!("EUR");
    for wrong in [paid("evt_1", id, 61.99), other_currency] {
        let refused = service.tell(&wrong).await.expect_problem(422);
        assert_eq!(refused.body["code"], "payment_mismatch");
    }
    let path = format!("admin/jobs/{id}/payment");
    let shown = operator.api().get(&path).await.expect(200).body;
    assert_eq!((&shown["payment_status"], times_told(&server)), (&json!("pending"), 0));
    let outcomes: Vec<&Value> =
        shown["notices"].as_array().expect("a list").iter().map(|told| &told["outcome"]).collect();
    assert_eq!(outcomes, ["payment_mismatch", "payment_mismatch"]);
    // An operator sees it and corrects the amount; the service tells again what was not taken.
    operator.api().patch(&path, json!({"amount": 61.99})).await.expect(200);
    assert_eq!(service.tell(&paid("evt_1", id, 61.99)).await.expect(200).body["taken"], true);
    assert_eq!(operator.order(id).await["payment_status"], "paid");
    // A job that is not there yet may be there when it is told again.
    service.tell(&paid("evt_5", 999_999, 1.0)).await.expect_problem(404);
    let later = order(&operator, json!({})).await;
    assert_eq!(service.tell(&paid("evt_5", later, 12.5)).await.expect(200).body["taken"], true);
    assert_eq!(operator.order(later).await["amount"], 12.5, "of a job without an amount it is the notice's");
}

#[tokio::test]
async fn a_notice_that_is_not_signed_now_by_the_service_is_refused_without_a_reason() {
    let server = with_payments().await;
    let operator = server.operator().await;
    let service = server.payment_service();
    let id = order(&operator, json!({"amount": 62})).await;
    let body = paid("evt_1", id, 62.0).to_string();
    let now = Utc::now().timestamp();
    let mut said = Vec::new();
    for signature in [
        None,
        Some("t=1,v1=00".to_owned()),
        Some(signed_at(now, "a secret that nobody here has agreed on", &body)),
        Some(signed_at(now - 400, SECRET, &body)),
        Some(signed_at(now, SECRET, &format!("{body} "))),
    ] {
        let refused = service.send(signature.as_deref(), body.clone()).await.expect_problem(401);
        said.push(refused.body.clone());
    }
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "{said:?}");
    assert_eq!(operator.order(id).await["payment_status"], "pending");
    service.send(Some(&signed_at(now, NEW_SECRET, &body)), body).await.expect(200);
    assert_eq!(operator.order(id).await["payment_status"], "paid", "either secret while one is replaced");
    let large = "x".repeat(300 * 1024);
    service.send(Some(&signed_at(now, SECRET, &large)), large).await.expect_problem(413);
}

#[tokio::test]
async fn without_a_secret_nobody_can_tell_of_payments() {
    let server = Server::start_default().await;
    let body = paid("evt_1", 1, 1.0).to_string();
    let signature = signed_at(Utc::now().timestamp(), "", &body);
    let refused = server.payment_service().send(Some(&signature), body).await.expect_problem(404);
    assert!(refused.text.contains("PAYMENT_WEBHOOK_SECRET"), "{}", refused.text);
    let (status, said) = server.refused_start_with(&[("PAYMENT_WEBHOOK_SECRET", "hunter2hunter2")]).await;
    assert!(!status.success() && said.contains("at least 32 bytes") && !said.contains("hunter2"), "{said}");
}

/// Anything that a service sends beyond the agreed fields is not stored, in the database or in the log.
#[tokio::test]
async fn no_card_ever_comes_here() {
    let server = with_payments().await;
    let operator = server.operator().await;
    let id = order(&operator, json!({"amount": 62})).await;
    let mut notice = paid("evt_1", id, 62.0);
    notice["card"] = json!({"number": "4242424242424242", "cvc": "987"});
    notice["job"]["card_number"] = json!("4242424242424242");
    server.payment_service().tell(&notice).await.expect(200);
    let mut wrong = notice.clone();
    wrong["id"] = json!("evt_2");
    wrong["amount"] = json!("4242424242424242");
    server.payment_service().tell(&wrong).await.expect_problem(422);
    operator
        .api()
        .patch(&format!("admin/jobs/{id}/payment"), json!({"card": "4242424242424242"}))
        .await
        .expect(200);
    assert_eq!(server.logged("4242"), [] as [String; 0]);
    let row = operator.api().get(&format!("admin/jobs/{id}/payment")).await.expect(200);
    assert!(!row.text.contains("4242"));
    assert!(
        !format!("{:?}", server.database().event_bodies("customer123", "payment_updated")).contains("4242")
    );
}

#[tokio::test]
async fn a_matching_app_hears_of_its_rides_payment_and_cash_is_not_what_a_service_got() {
    let server = with_payments().await;
    let mut app = server.ride_door("12345").connect().await;
    let mut message = crate::support::matching_app::find_driver();
    message["payment_method"] = json!("cash");
    app.send(message);
    app.expect("searching").await;
    let notice = json!({"id": "evt_1", "type": "payment.paid", "job": {"ride_id": "12345"}, "amount": 150,
        "currency": "USD"});
    server.payment_service().tell(&notice).await.expect(200);
    let heard = app.expect_after(&["driver_assigned", "driver_location"], "payment_updated").await;
    let shown =
        ["ride_id", "payment_method", "payment_status", "amount", "currency"].map(|name| heard[name].clone());
    assert_eq!(shown, [json!("12345"), Value::Null, json!("paid"), json!(150.0), json!("USD")]);
}

/// A shop's payment service knows the shop's ids and never ours.
#[tokio::test]
async fn a_notice_may_name_a_job_by_the_shops_own_id() {
    let server = with_payments().await;
    let operator = server.operator().await;
    let service = server.payment_service();
    let order = order(&operator, json!({"external_id": "SHOP-17", "amount": 62})).await;
    let mut booking = booking_body(CUSTOMER);
    (booking["external_id"], booking["amount"]) = (json!("SHOP-17"), json!(80));
    let booking = operator.api().post("bookings", booking).await.expect(201).id("booking_id");
    let mut ride = ride_body();
    ride["external_id"] = json!(4711);
    let ride = server.passenger_api(CUSTOMER).await.post("rides", ride).await.expect(201).body;
    let status = async |id: i64| {
        let path = format!("admin/jobs/{id}/payment");
        operator.api().get(&path).await.expect(200).body["payment_status"].clone()
    };
    let tell = async |id: &str, job: Value, amount: &Value| {
        let notice =
            json!({"id": id, "type": "payment.paid", "job": job, "amount": amount, "currency": "USD"});
        service.tell(&notice).await
    };

    tell("evt_0", json!({"external_id": "SHOP-17"}), &json!(62)).await.expect_problem(404);
    let by_order = json!({"order_external_id": "SHOP-17"});
    assert_eq!(tell("evt_1", by_order.clone(), &json!(62)).await.expect(200).body["taken"], true);
    assert_eq!(tell("evt_1", by_order, &json!(62)).await.expect(200).body["taken"], false);
    assert_eq!((status(order).await, status(booking).await), (json!("paid"), json!("pending")));
    let by_booking = json!({"booking_external_id": "SHOP-17"});
    assert_eq!(tell("evt_2", by_booking, &json!(80)).await.expect(200).body["taken"], true);
    assert_eq!(status(booking).await, "paid");
    let only = json!({"external_id": 4711});
    assert_eq!(tell("evt_3", only, &ride["estimated_fare"]).await.expect(200).body["taken"], true);
    let path = format!("rides/{}", ride["ride_id"].as_str().expect("an id"));
    let passenger = server.passenger_api(CUSTOMER).await;
    assert_eq!(passenger.get(&path).await.expect(200).body["payment_status"], "paid");
    for nobody in [json!({"ride_external_id": "SHOP-17"}), json!({"external_id": "SHOP-18"})] {
        tell("evt_4", nobody, &json!(1)).await.expect_problem(404);
    }
    let both = json!({"order_id": order, "order_external_id": "SHOP-17"});
    let refused = tell("evt_5", both, &json!(62)).await.expect_problem(422);
    assert!(refused.text.contains("order_external_id"), "{}", refused.text);
}
