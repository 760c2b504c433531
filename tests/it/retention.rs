//! Which data is removed when it has been kept long enough, and what must stay true all the same.

use serde_json::{Value, json};

use crate::support::rides::ride_body;
use crate::support::{Api, DRIVER, NewOrder, Server};

const LONG_AGO: &str = "2026-01-02 12:00:00";

/// Everything of these jobs happened long ago, except the events of those that end with `but`.
fn age(server: &Server, but: i64) {
    let database = server.database();
    for (table, column) in
        [("jobs", "completed_at"), ("searches", "ended_at"), ("search_candidates", "looked_at")]
    {
        database.execute(&format!("UPDATE {table} SET {column} = '{LONG_AGO}' WHERE {column} IS NOT NULL"));
    }
    database.execute(&format!("UPDATE events SET created_at = '{LONG_AGO}' WHERE job_id <> {but}"));
}

async fn history(driver: &Api) -> Value {
    driver.get("earnings/history").await.expect(200).body["days"].clone()
}

/// Orders and rides were kept for ever, and a list of them all grew with them.
#[tokio::test]
async fn ended_jobs_go_with_all_that_is_of_them_and_what_was_earned_stays() {
    let server = Server::builder().setting("JOB_RETENTION_DAYS", 100).start_with_drivers(&[1]).await;
    let operator = server.operator().await;
    let driver = server.driver_api(DRIVER).await;
    let mut delivered = Vec::new();
    for earnings in [45.5, 4.5] {
        let order = operator.create_order_with(NewOrder { earnings }).await;
        operator.assign(order, DRIVER).await.expect(200);
        driver.set_order_status(order, "picked_up").await.expect(200);
        driver.set_order_status(order, "delivered").await.expect(200);
        delivered.push(order);
    }
    let open = operator.create_order().await;
    let (passenger, chauffeur) = (server.passenger_api(1).await, server.driver_api(1).await);
    let mut body = ride_body();
    body["external_id"] = json!("of-another-system");
    let made = passenger.post("rides", body.clone()).await.expect(201);
    let ride = made.body["ride_id"].as_str().expect("a ride").to_owned();
    chauffeur.take(&ride).await;
    for action in ["start", "complete"] {
        chauffeur.ride(&ride, action).await.expect(200);
    }
    passenger.post(&format!("rides/{ride}/rate"), json!({"rating": 4})).await.expect(200);

    // Of one order events are kept, so it stays, and its day is one of a sum and a job.
    age(&server, delivered[1]);
    let (earned, driven) = (history(&driver).await, history(&chauffeur).await);
    assert_eq!((&earned[0]["date"], &earned[0]["total"]), (&json!("2026-01-02"), &json!(50.0)));
    server.command(&["prune"]).await;
    let database = server.database();
    let count = |table: &str| database.number(&format!("SELECT COUNT(*) AS value FROM {table}"));
    assert_eq!((history(&driver).await, history(&chauffeur).await), (earned.clone(), driven));
    operator.api().get(&format!("admin/orders/{}", delivered[0])).await.expect_problem(404);
    operator.api().get(&format!("admin/orders/{}", delivered[1])).await.expect(200);
    passenger.get(&format!("rides/{ride}")).await.expect_problem(404);
    for table in ["searches", "offers", "search_candidates", "ride_ratings", "job_declines"] {
        assert_eq!(count(table), 0, "{table}");
    }

    age(&server, 0);
    server.command(&["prune"]).await;
    operator.api().get(&format!("admin/orders/{}", delivered[1])).await.expect_problem(404);
    assert_eq!(history(&driver).await, earned);
    assert_eq!(operator.order(open).await["status"], "pending", "what has not ended stays");
    let rating = server.driver_api(1).await.get("driver/profile").await.expect(200).body["rating"].clone();
    assert_eq!(rating, json!(4.0));
    // Neither its number nor its external id is in use any longer; the number is not used again.
    let again = passenger.post("rides", body).await.expect(201);
    assert_ne!(again.body["ride_id"], json!(ride));
    let newest = database.number("SELECT MAX(id) AS value FROM jobs");
    assert!(newest > delivered[1], "{newest}");
}
