//! Personal data that is shown for a time, or in part: a driver's number after the ride, a ride that is only offered,
//! and nearby drivers. `who_sees_what` tests who sees what at all.

use serde_json::{Value, json};

use crate::support::rides::ride_body;
use crate::support::{Api, Server, wait_until};

const PASSENGER: i64 = 1;

/// The number was in the ride's answers, and in what is replayed of it, for as long as either is kept.
#[tokio::test]
async fn a_drivers_number_leaves_a_passengers_answers_a_day_after_the_ride() {
    let server = Server::for_rides(&[1]).await;
    let ride = server.taken_ride().await;
    for action in ["start", "complete"] {
        ride.drive(action).await;
    }
    let token = server.passenger_token(PASSENGER).await;
    let told = async || {
        let mut app = server.hailing_door(&token).connect().await;
        app.join(&ride.id).await["ride"]["driver"]["driver_phone"].clone()
    };
    let shown = async || {
        let ride = ride.passenger.show_ride(&ride.id).await.expect(200).body;
        let listed = ride_in(&server.passenger_api(PASSENGER).await.get("rides").await.expect(200).body);
        (ride["driver"]["driver_phone"].clone(), listed["driver"]["driver_phone"].clone())
    };
    let number = told().await;
    assert!(number.as_str().is_some_and(|number| number.starts_with('+')), "{number}");
    assert_eq!(shown().await, (number.clone(), number.clone()), "something may have been left behind");
    // An answer stored for its key is given again later, so it has no number from the start.
    let rated =
        ride.passenger.post(&format!("rides/{}/rate", ride.id), json!({"rating": 5})).await.expect(200);
    assert_eq!(rated.body["driver"]["driver_phone"], "");

    server
        .database()
        .execute("UPDATE jobs SET completed_at = '2026-01-02 12:00:00' WHERE completed_at IS NOT NULL");
    assert_eq!(shown().await, (json!(""), json!("")));
    assert_eq!(told().await, json!(""));
    let of_admin = server.operator().await.api().get("admin/rides").await.expect(200).body;
    assert_eq!(ride_in(&of_admin)["driver"]["driver_phone"], number, "operators know it anyway");
}

fn ride_in(list: &Value) -> Value {
    list["items"][0].clone()
}

/// A driver who was asked for a ride each morning knew whose door it was and where they went.
#[tokio::test]
async fn a_ride_that_is_only_offered_is_shown_roughly_where_that_is_set_and_whole_to_who_takes_it() {
    let server = Server::builder().setting("OFFER_DETAIL", "rounded").start_with_drivers(&[1]).await;
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let mut app = server.driver(1).await;
    let mut body = ride_body();
    body["dropoff_address"] = json!("Rue 1.234");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let made = passenger.post("rides", body.clone()).await.expect(201).body;
        let (ride, account) =
            (made["ride_id"].as_str().expect("a ride").to_owned(), made["passenger_id"].clone());
        let offered = app.expect("ride_requested").await["data"].clone();
        assert_eq!(
            (&offered["pickup_latitude"], &offered["pickup_longitude"]),
            (&json!(3.848), &json!(11.5021))
        );
        assert_eq!(
            (&offered["dropoff_latitude"], &offered["dropoff_longitude"]),
            (&json!(3.858), &json!(11.512))
        );
        assert_ne!(offered["passenger_id"], account);
        let seen = driver.show_ride(&ride).await.expect(200).body;
        for field in ["passenger_id", "dropoff_latitude", "dropoff_longitude"] {
            assert_eq!(seen[field], offered[field], "{field}");
        }
        assert_eq!(
            (&seen["dropoff_address"], &seen["pickup_address"]),
            (&json!(""), &body["pickup_address"])
        );
        ids.push(offered["passenger_id"].clone());
        if ids.len() == 1 {
            let declined = driver.ride(&ride, "decline").await.expect(200).body;
            assert_eq!((&declined["passenger_id"], &declined["dropoff_address"]), (&ids[0], &json!("")));
            passenger.ride(&ride, "cancel").await.expect(200);
            continue;
        }
        let taken = driver.ride(&ride, "accept").await.expect(200).body;
        assert_eq!((&taken["passenger_id"], &taken["dropoff_longitude"]), (&account, &json!(11.5121)));
        assert_eq!(taken["dropoff_address"], "Rue 1.234");
    }
    assert_ne!(ids[0], ids[1], "good for one ride alone");
}

/// A driver's number was permanent: frequent queries revealed where the driver begins and ends the day.
#[tokio::test]
async fn who_is_near_has_a_number_of_the_day_for_passengers_and_their_own_for_operators() {
    let server = Server::for_rides(&[1, 2]).await;
    let path = "drivers/nearby?latitude=3.848&longitude=11.5021";
    let numbers = async |api: &Api| -> Vec<i64> {
        let found = api.get(path).await.expect(200).body;
        let items = found["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| item["driver_id"].as_i64()).collect()
    };
    let operator = server.operator().await;
    wait_until("both are near", async || numbers(operator.api()).await.len() == 2).await;
    let (one, other) = (server.passenger_api(1).await, server.passenger_api(123).await);
    let day = chrono::Utc::now().date_naive();
    let (shown, again, to_other) = (numbers(&one).await, numbers(&one).await, numbers(&other).await);
    assert_eq!(shown.len(), 2);
    assert!(shown.iter().all(|number| *number > 1 << 52), "{shown:?}");
    if day == chrono::Utc::now().date_naive() {
        assert_eq!((&shown, &shown), (&again, &to_other), "an app moves what it has drawn");
    }
    let mut own = numbers(operator.api()).await;
    own.sort_unstable();
    assert_eq!(own, [1, 2]);
}
