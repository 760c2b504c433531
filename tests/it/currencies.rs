//! Amounts and their currencies: incoming amounts are rounded, whole if the currency has no minor unit, and never
//! without their currency; and the upgrade of amounts that were stored before they had one.

use serde_json::{Value, json};

use crate::support::matching_app::find_driver;
use crate::support::rides::ride_body;
use crate::support::{DRIVER, NewOrder, Server};

async fn server_in(currency: &str) -> Server {
    Server::builder().setting("CURRENCY", currency).start().await
}

/// A computed fare was 4.04 XAF.
#[tokio::test]
async fn a_fare_is_computed_and_named_in_the_minor_unit_of_its_currency() {
    for (currency, computed, named) in [("XAF", 4.0, 1501.0), ("KWD", 4.045, 1500.505)] {
        let server = server_in(currency).await;
        let passenger = server.passenger_api(1).await;
        let ride = passenger.post("rides", ride_body()).await.expect(201).body;
        let fare = ride["estimated_fare"].as_f64().expect("a number");
        assert!((fare - computed).abs() < 0.05, "{fare} {currency}");
        let thousandths = fare * if currency == "XAF" { 1.0 } else { 1000.0 };
        assert!((thousandths - thousandths.round()).abs() < 1e-6, "{fare} {currency}");
        assert_eq!((&ride["currency"], &ride["amount"]), (&json!(currency), &ride["estimated_fare"]));
        let mut body = ride_body();
        body["estimated_fare"] = json!(1500.5045);
        body["scheduled_at"] = json!("2035-01-01T00:00:00Z");
        let ride = passenger.post("rides", body).await.expect(201).body;
        assert_eq!(ride["estimated_fare"].as_f64(), Some(named), "{currency}");
    }
}

#[tokio::test]
async fn amounts_are_rounded_half_up_and_told_with_their_currency() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let mut app = server.driver(DRIVER).await;
    for (sent, kept) in [(153.4725, 153.47), (33.333333333333336, 33.33), (1.005, 1.01)] {
        let id = operator.create_order_with(NewOrder { earnings: sent }).await;
        operator.assign(id, DRIVER).await.expect(200);
        let heard = app.expect("order_assigned").await["data"].clone();
        assert_eq!((heard["earnings"].as_f64(), &heard["currency"]), (Some(kept), &json!("USD")), "{sent}");
        let shown = operator.order(id).await;
        assert_eq!((shown["earnings"].as_f64(), &shown["currency"]), (Some(kept), &json!("USD")), "{sent}");
    }
    for wrong in [json!(-0.001), json!(1e300), json!("45.5")] {
        let mut body = NewOrder::default().body();
        body["earnings"] = wrong.clone();
        operator.api().post("admin/orders", body).await.expect_problem(422);
    }
}

#[tokio::test]
async fn an_amount_that_can_not_be_read_does_not_cost_the_matching_app_its_search() {
    let server = Server::asking().await;
    for (number, (fare, kept)) in
        [(json!(153.4725), Some(153.47)), (json!(-1), None), (json!("a lot"), None), (json!(1e300), None)]
            .into_iter()
            .enumerate()
    {
        let mut app = server.ride_door(&format!("fare-{number}")).connect().await;
        let mut message = find_driver();
        message["fare_amount"] = fare.clone();
        app.send(message);
        app.expect("searching").await;
        let sql = format!("SELECT estimated_fare_minor AS value FROM jobs WHERE public_id = 'fare-{number}'");
        let minor = server.database().number(&sql) as f64;
        match kept {
            Some(kept) => assert_eq!(minor, kept * 100.0, "{fare}"),
            None => assert!(minor > 0.0, "{fare}: computed, and {minor}"),
        }
    }
}

/// All amounts were hundredths: 4500.00 francs stood there as 450000, and must not read as 450,000.
#[tokio::test]
async fn amounts_of_before_are_brought_to_the_currencys_minor_unit_once() {
    let mut server = server_in("XAF").await;
    let operator = server.operator().await;
    let id = operator.create_order_with(NewOrder { earnings: 4500.0 }).await;
    let ride = server.passenger_api(1).await.request_priced_ride().await;
    operator.assign(id, DRIVER).await.expect(200);
    let amounts = |server: &Server| {
        let one = |column: &str, of: &str| {
            server.database().number(&format!("SELECT {column} AS value FROM jobs WHERE {of}"))
        };
        let order = format!("id = {id}");
        let ride = format!("public_id = '{ride}'");
        (one("earnings_minor", &order), one("earnings_minor", &ride), one("estimated_fare_minor", &ride))
    };
    assert_eq!(amounts(&server), (4500, 1500, 1500));
    // As the version before left it.
    server.kill();
    let old_event = format!(
        r#"{{"event":"order_assigned","order_id":{id},"restaurant_name":"B","pickup_address":"P","delivery_address":"D","earnings":4500.5,"distance_km":3.2}}"#
    );
    server.database().execute(&format!(
        "UPDATE jobs SET currency = NULL, earnings_minor = earnings_minor * 100 + 50, \
             estimated_fare_minor = estimated_fare_minor * 100 + 49; \
         UPDATE events SET body = '{old_event}' WHERE name = 'order_assigned';"
    ));
    server.restart().await;
    assert_eq!(amounts(&server), (4501, 1501, 1500));
    assert_eq!(server.database().number("SELECT COUNT(*) AS value FROM jobs WHERE currency IS NULL"), 0);
    let heard = server.driver(DRIVER).await.expect("order_assigned").await["data"].clone();
    assert_eq!((heard["earnings"].as_f64(), &heard["currency"]), (Some(4501.0), &json!("XAF")));
    server.restart().await;
    assert_eq!(amounts(&server), (4501, 1501, 1500), "once");
}

#[tokio::test]
async fn earnings_in_another_currency_are_told_apart_and_never_added() {
    let server = server_in("XAF").await;
    let operator = server.operator().await;
    let driver = server.driver_api(DRIVER).await;
    for earnings in [4500.0, 700.0] {
        let id = operator.create_order_with(NewOrder { earnings }).await;
        operator.assign(id, DRIVER).await.expect(200);
        for status in ["picked_up", "delivered"] {
            driver.set_order_status(id, status).await.expect(200);
        }
        if earnings == 4500.0 {
            // Made before CURRENCY was changed.
            server.database().execute(&format!("UPDATE jobs SET currency = 'USD' WHERE id = {id}"));
            assert_eq!(operator.order(id).await["earnings"].as_f64(), Some(45.0));
        }
    }
    // Whatever day it is by now.
    let days = driver.get("earnings/history").await.expect(200).body["days"].clone();
    let days = days.as_array().expect("days").clone();
    let sum = |name: &str| -> f64 { days.iter().filter_map(|day| day[name].as_f64()).sum() };
    assert_eq!((sum("total"), sum("owed"), sum("orders")), (700.0, 700.0, 2.0), "{days:?}");
    let others: Vec<Value> =
        days.iter().filter_map(|day| day["other_currencies"].as_array().cloned()).flatten().collect();
    assert_eq!(others, [json!({"currency": "USD", "total": 45.0, "cash_collected": 0.0, "owed": 45.0})]);
}

#[tokio::test]
async fn what_is_no_currency_stops_the_start() {
    let server = Server::start_default().await;
    for wrong in ["XYZ", "usd", "XXX"] {
        let (status, said) = server.refused_start_with(&[("CURRENCY", wrong)]).await;
        assert!(
            !status.success() && said.contains("CURRENCY") && said.contains("ISO 4217"),
            "{wrong}: {said}"
        );
    }
    let (_, said) = server.refused_start_with(&[("CURRENCY", "JPY"), ("FARE_BASE", "2.5")]).await;
    assert!(said.contains("at most 0 decimals"), "{said}");
}
