//! Who decides a ride's fare.

use serde_json::json;

use crate::support::Server;
use crate::support::matching_app::find_driver;
use crate::support::rides::ride_body;

/// Anyone who wrote an app of their own rode for nothing: the fare that it named was accepted unchecked.
#[tokio::test]
async fn a_fare_outside_the_band_is_replaced_on_every_way_in_and_the_ride_is_made() {
    let server = Server::builder().setting("FARE_SOURCE", "app_within").start().await;
    let passenger = server.passenger_api(1).await;
    let mut own = 0.0;
    // The tariff is 2 and 1 a kilometre; the way is some 2 km. What the app says of it counts for nothing either.
    for (named, distance_km, holds) in
        [(None, 0.0, None), (Some(0.0), 0.0, None), (Some(4.5), 0.0, Some(4.5)), (Some(40.0), 38.0, None)]
    {
        let mut body = ride_body();
        body["scheduled_at"] = json!("2035-01-01T00:00:00Z");
        (body["estimated_fare"], body["distance_km"]) = (json!(named), json!(distance_km));
        let ride = passenger.post("rides", body).await.expect(201).body;
        let fare = ride["estimated_fare"].as_f64().expect("a number");
        if named.is_none() {
            own = fare;
            assert!((4.0..4.1).contains(&own), "{own}");
        }
        assert_eq!((fare, ride["amount"].as_f64()), (holds.unwrap_or(own), Some(fare)), "{named:?}");
        assert_eq!(ride["distance_km"].as_f64(), Some(distance_km), "as it was said");
    }
    let mut app = server.ride_door("for-nothing").connect().await;
    let mut message = find_driver();
    (message["fare_amount"], message["distance_km"]) = (json!(0), json!(0));
    app.send(message);
    app.expect("searching").await;
    let minor = server
        .database()
        .number("SELECT estimated_fare_minor AS value FROM jobs WHERE public_id = 'for-nothing'");
    // 14.9 km by the great circle, 1.3 times as much by street.
    assert!((2000..2300).contains(&minor), "{minor}");
}
